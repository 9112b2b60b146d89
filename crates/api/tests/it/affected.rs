//! Affected accounts over the wire, and the address that entries name.

use crate::support::{Running, ask};
use kernel::Told;
use serde_json::json;

const ASK: &str = "/v1/affected:ask";
const RECORD: &str = "/v1/accounts/acme/collections/cases/records/a";

fn question(by: &str) -> String {
    json!({"by": by, "from": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z"}).to_string()
}

#[test]
fn entries_name_the_other_end_and_believe_no_header() {
    let server = Running::start(60);
    let worker = server.acme();
    let put = ask("PUT", RECORD).by(&worker).json("1").with("x-forwarded-for", "203.0.113.9");
    let put = put.with("forwarded", "for=203.0.113.9").with("x-real-ip", "203.0.113.9");
    server.expect(201, &put);
    let newest = server.world.kernel.feed(0, 1000).unwrap().pop().unwrap();
    let Told::Fields(fields) = &newest.fields else { panic!("{newest:?}") };
    assert_eq!(fields.get("source").map(String::as_str), Some("127.0.0.1"));
    assert!(fields.values().all(|value| !value.contains("203.0.113.9")), "{fields:?}");
}

#[test]
fn affected_accounts_are_told_to_responders_and_asking_is_recorded() {
    let server = Running::start(61);
    let worker = server.acme();
    server.expect(201, &ask("PUT", RECORD).by(&worker).json("1"));
    server.expect(200, &ask("GET", RECORD).by(&worker));
    let rita = server.world.person("rita", &["responder"]);
    let told = server.expect(200, &ask("POST", ASK).by(&rita).json(question("address:127.0.0.1")));
    let (answer, hash) = (&told.json()["answer"], &told.json()["hash"]);
    assert_eq!(answer["accounts"][0]["account"], "acme", "{answer:#}");
    let item = &answer["accounts"][0]["items"][0];
    assert_eq!(
        (&item["id"], &item["disclosed"], &item["changed"]),
        (&json!("a"), &json!(1), &json!(1))
    );
    let mut again: serde_json::Value =
        serde_json::from_str(&question("address:127.0.0.1")).unwrap();
    again["as_of"] = answer["as_of"].clone();
    let same = server.expect(200, &ask("POST", ASK).by(&rita).json(again.to_string()));
    assert_eq!(&same.json()["hash"], hash);
    let pages = json!({"by": "service:worker", "from": "2020-01-01T00:00:00Z",
        "to": "2040-01-01T00:00:00Z", "account": "acme", "after": 1});
    let page = server.expect(200, &ask("POST", ASK).by(&rita).json(pages.to_string()));
    assert_eq!(page.json()["answer"]["accounts"][0]["items"], json!([]));
}

#[test]
fn affected_accounts_are_refused_to_everybody_else() {
    let server = Running::start(62);
    let worker = server.acme();
    let size = || server.world.kernel.head(kernel::HOUSE).unwrap().size;
    let before = size();
    server.expect(403, &ask("POST", ASK).by(&worker).json(question("service:worker")));
    assert_eq!(size(), before + 1, "the refusal is an entry");
    server.expect(401, &ask("POST", ASK).json(question("service:worker")));
    let rita = server.world.person("rita", &["responder"]);
    for bad in ["", "worker", "address:300.1.1.1", "token:../x", "vendor:nobody"] {
        server.expect(400, &ask("POST", ASK).by(&rita).json(question(bad)));
    }
    let swapped = json!({"by": "anyone", "from": "2040-01-01T00:00:00Z",
        "to": "2020-01-01T00:00:00Z"});
    server.expect(400, &ask("POST", ASK).by(&rita).json(swapped.to_string()));
    let unknown = json!({"by": "anyone", "from": "2020-01-01T00:00:00Z",
        "to": "2040-01-01T00:00:00Z", "x": 1});
    server.expect(400, &ask("POST", ASK).by(&rita).json(unknown.to_string()));
    // Reading is a disclosure of its own: HEAD shows nothing of a record and makes no entry.
    server.expect(405, &ask("HEAD", RECORD).by(&worker));
}
