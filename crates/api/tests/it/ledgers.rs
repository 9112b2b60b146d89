//! An account's log over the wire: what outsiders' verifiers read.

use crate::support::{Running, ask};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::id::AccountId;
use ledger::Hash;
use ledger::checkpoint::Checkpoint;
use ledger::note::VerifierKey;
use ledger::tree::verify_consistency;
use ledger::verify::{verify_anchor, verify_log, verify_receipt};
use serde_json::Value;

const LEDGER: &str = "/v1/accounts/acme/ledger";

fn head(server: &Running, token: &str, vkey: &str) -> Checkpoint {
    let answer = server.expect(200, &ask("GET", &format!("{LEDGER}/checkpoint")).by(token));
    assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
    Checkpoint::open(answer.text(), &VerifierKey::parse(vkey).unwrap()).unwrap()
}

#[test]
fn a_log_read_over_the_wire_verifies() {
    let server = Running::start(50);
    let worker = server.acme();
    let account = server.expect(200, &ask("GET", "/v1/accounts/acme").by(&worker)).json();
    let vkey = account["vkey"].as_str().unwrap();
    let old = head(&server, &worker, vkey);
    for n in 0..300 {
        let account = AccountId::parse("acme").unwrap();
        server.world.put(&worker, (&account, "cases", &format!("r{n}")), "1").unwrap();
    }
    let new = head(&server, &worker, vkey);
    let mut wire = server.connect();
    let mut read = |path: &str| {
        if path == "vkey" {
            return Some(vkey.as_bytes().to_vec());
        }
        wire.send(&ask("GET", &format!("{LEDGER}/{path}")).by(&worker).bytes());
        let answer = wire.answer("GET");
        (answer.status == 200).then_some(answer.body)
    };
    let report = verify_log(&mut read, Some(&server.world.kernel.public_key()));
    assert!(report.ok(), "{report:?}");
    assert!(read("tile/entries/x001/000").is_none());

    let path = format!("{LEDGER}/consistency?from={}&to={}", old.size, new.size);
    let proof = server.expect(200, &ask("GET", &path).by(&worker)).json();
    let hash = |text: &Value| -> Hash {
        STANDARD.decode(text.as_str().unwrap()).unwrap().try_into().unwrap()
    };
    let mut hashes: Vec<Hash> = proof["proof"].as_array().unwrap().iter().map(hash).collect();
    verify_consistency(old.size, new.size, &old.root, &new.root, &hashes).unwrap();
    hashes[0][0] ^= 1;
    assert!(verify_consistency(old.size, new.size, &old.root, &new.root, &hashes).is_err());
}

#[test]
fn entries_are_listed_and_opened_by_who_may() {
    let server = Running::start(51);
    let worker = server.acme();
    let record = "/v1/accounts/acme/collections/cases/records/a";
    let put = ask("PUT", record).by(&worker).json("1").with("bailee-purpose", "support case");
    server.expect(201, &put.with("bailee-on-behalf-of", "Ms Müller"));
    let closed = server.expect(200, &ask("GET", &format!("{LEDGER}/entries")).by(&worker));
    assert!(closed.field("bailee-receipt").is_none());
    assert!(!closed.text().contains("opening"));
    let count = closed.json()["items"].as_array().unwrap().len();
    let path = format!("{LEDGER}/entries?openings=true&limit=1000");
    let opened = server.expect(200, &ask("GET", &path).by(&worker));
    assert!(opened.text().contains("Ms Müller") && opened.text().contains("support case"));
    let report = verify_receipt(opened.receipt(), Some(&server.world.kernel.public_key()));
    assert!(report.ok(), "{report:?}");
    // Looking was an entry.
    let after =
        server.expect(200, &ask("GET", &format!("{LEDGER}/entries?limit=1")).by(&worker)).json();
    assert_eq!(after["next"], "1");
    let path = format!("{LEDGER}/entries?from={count}");
    let after = server.expect(200, &ask("GET", &path).by(&worker)).json();
    assert_eq!(after["items"].as_array().unwrap().len(), 1);

    let admin = &server.world.admin;
    server.expect(200, &ask("GET", &format!("{LEDGER}/entries")).by(admin));
    server.expect(403, &ask("GET", &format!("{LEDGER}/entries?openings=true")).by(admin));
    server.expect(403, &ask("GET", &format!("{LEDGER}/receipts/0?opening=true")).by(admin));
    let auditor = server.world.person("vera", &["auditor"]);
    server.expect(200, &ask("GET", &format!("{LEDGER}/entries?openings=true")).by(&auditor));
}

#[test]
fn receipts_anchors_and_keys_can_be_had_later() {
    let server = Running::start(52);
    let worker = server.acme();
    let key = server.world.kernel.public_key();
    let path = format!("{LEDGER}/receipts/1");
    let closed = server.expect(200, &ask("GET", &path).by(&worker));
    assert!(verify_receipt(closed.text(), Some(&key)).ok());
    assert!(!closed.text().contains("opening"));
    let opened = server.expect(200, &ask("GET", &format!("{path}?opening=true")).by(&worker));
    let report = verify_receipt(opened.text(), Some(&key));
    assert!(report.ok() && opened.text().contains("cases"), "{report:?}");
    server.expect(404, &ask("GET", &format!("{LEDGER}/receipts/99")).by(&worker));

    server.expect(404, &ask("GET", &format!("{LEDGER}/anchor")).by(&worker));
    server.world.kernel.anchor_now().unwrap();
    let anchor = server.expect(200, &ask("GET", &format!("{LEDGER}/anchor")).by(&worker));
    let report = verify_anchor(anchor.text(), Some(&key));
    assert!(report.ok(), "{report:?}");

    let keys = server.expect(200, &ask("GET", "/v1/ledger/keys").by(&worker)).json();
    assert_eq!(keys["keys"][0]["public_key"], STANDARD.encode(key));
    assert_eq!(VerifierKey::parse(keys["house"].as_str().unwrap()).unwrap().public_key(), &key);
}

#[test]
fn who_accessed_what_is_told_to_those_who_answer_for_it() {
    let server = Running::start(53);
    let worker = server.acme();
    let acme = AccountId::parse("acme").unwrap();
    server.world.put(&worker, (&acme, "cases", "r1"), "1").unwrap();
    let lead = server.world.person("lea", &["security-lead"]);
    let who = server.world.kernel.identify(&worker).unwrap().principal;
    let path = format!("/v1/accesses?who={who}&account=acme&data=true");
    let answer = server.expect(200, &ask("GET", &path).by(&lead));
    assert!(answer.field("bailee-receipt").is_some(), "that it was asked is an entry");
    let page = answer.json();
    assert_eq!(page["items"][0]["kind"], "record.put");
    assert_eq!(page["items"][0]["account"], "acme");
    assert_eq!(page["items"][0]["fields"]["actor"], who.as_str());
    let engineer = server.world.person("eve", &["engineer"]);
    for token in [&engineer, &worker] {
        for account in ["acme", "nowhere"] {
            let path = format!("/v1/accesses?account={account}");
            server.expect(403, &ask("GET", &path).by(token));
        }
    }
    server.expect(401, &ask("GET", "/v1/accesses?account=acme"));
    for bad in
        ["", "who=eve", "account=acme&data=1", "account=acme&after=-1", "account=acme&from=x"]
    {
        server.expect(400, &ask("GET", &format!("/v1/accesses?{bad}")).by(&lead));
    }
    server.expect(404, &ask("GET", "/v1/accesses?account=nowhere").by(&lead));
}
