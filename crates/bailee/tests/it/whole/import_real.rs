//! Real complaints of real consumers: in, out again byte for byte, and into strangers' verifiers.

use super::support::client::Client;
use super::support::receipts::{foreign, head_now, head_of};
use super::support::{Server, Store, copy_folder, ends_with, run, shared, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::receipt::Receipt;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const FILE: &str = "consumer-complaints.csv";
const RECORDS: usize = 3186;
const ACCOUNTS: usize = 491;

/// A row as it has to come out: account, id, body.
struct Row {
    account: String,
    id: String,
    body: String,
}

/// The conversion as the contract says it, by other code than the program's.
fn rows(file: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let names = reader.headers().unwrap().clone();
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let field = |name: &str| row.get(names.iter().position(|known| known == name).unwrap());
        let members: Vec<String> = names
            .iter()
            .zip(&row)
            .map(|(name, value)| format!("{}:{}", Value::from(name), Value::from(value)))
            .collect();
        Row {
            account: account_id(field("Company").unwrap()),
            id: field("Complaint ID").unwrap().to_owned(),
            body: format!("{{{}}}", members.join(",")),
        }
    });
    rows.collect()
}

/// Lower case, each run of other characters one `-`.
fn account_id(name: &str) -> String {
    let lower = name.to_lowercase();
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    let mut id = String::new();
    let mut rest = lower.as_str();
    while !rest.is_empty() {
        let plain = rest.find(|c| !known(c)).unwrap_or(rest.len());
        id.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let other = rest.find(known).unwrap_or(rest.len());
        if other > 0 {
            id.push('-');
        }
        rest = &rest[other..];
    }
    id
}

/// A copy of the real file, since progress is kept beside it.
fn input(store: &Store) -> Option<PathBuf> {
    let copy = store.beside(FILE);
    fs::copy(shared(FILE)?, &copy).unwrap();
    Some(copy)
}

fn import(file: &Path) -> Vec<&str> {
    let columns = ["--account-column", "Company", "--id-column", "Complaint ID", "--json"];
    [&["import", text(file), "--collection", "complaints"][..], &columns].concat()
}

/// Every record comes back byte for byte, and the lists have all of them, in their first version.
fn compare(client: &Client, rows: &[Row]) {
    let mut by_account: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for row in rows {
        let before = by_account.entry(&row.account).or_default().insert(&row.id, &row.body);
        assert!(before.is_none(), "{} stands twice in the file", row.id);
    }
    assert_eq!(by_account.len(), ACCOUNTS);
    let listed = client.another().pages("/v1/accounts?limit=200");
    let listed: BTreeSet<_> = listed.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(listed, by_account.keys().copied().collect());

    let all: Vec<_> = by_account.into_iter().collect();
    std::thread::scope(|scope| {
        for part in all.chunks(all.len().div_ceil(8)) {
            let mut client = client.another();
            scope.spawn(move || {
                for (account, records) in part {
                    compare_account(&mut client, account, records);
                }
            });
        }
    });
}

fn compare_account(client: &mut Client, account: &str, records: &BTreeMap<&str, &str>) {
    let base = format!("/v1/accounts/{account}/collections/complaints/records");
    for (id, body) in records {
        let answer = client.get(&format!("{base}/{id}")).expect(200);
        assert_eq!(answer.text(), *body, "{account} {id}");
        assert_eq!(answer.field("etag"), Some("\"1\""), "{account} {id}");
    }
    let listed = client.pages(&format!("{base}?limit=70"));
    let ids: BTreeSet<_> = listed.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(listed.len(), records.len(), "{account}");
    assert_eq!(ids, records.keys().copied().collect(), "{account}");
    assert!(listed.iter().all(|item| item["version"] == 1), "{account}");
}

/// The receipts of some reads, an export, and a proof from the first receipt's head to the
/// export's, as a folder that outsiders check.
fn outsiders_folder(server: &Server, store: &Store, token: &str, rows: &[Row]) -> PathBuf {
    let mut client = server.client(token);
    let key = store.public_key();
    let account = "wells-fargo-company";
    let records: Vec<_> = rows.iter().filter(|row| row.account == account).collect();
    assert!(records.len() > 100, "{}", records.len());
    let mut receipts = Vec::new();
    for row in records.iter().step_by(40) {
        let path = format!("/v1/accounts/{account}/collections/complaints/records/{}", row.id);
        receipts.push(client.get(&path).expect(200).receipt());
    }
    let out = store.beside("outsiders");
    let export = ["export", "--account", account, "--out", text(&out), "--json"];
    let said = server.did(token, &export);
    assert_eq!(said["records"], records.len(), "{said}");
    let exported = fs::read_to_string(out.join("records/complaints.ndjson")).unwrap();
    for (line, row) in exported.lines().zip(&records) {
        let value = line.split_once("\"value\":").unwrap().1;
        assert_eq!(value.strip_suffix('}').unwrap(), row.body);
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["id"], row.id);
    }
    assert_eq!(exported.lines().count(), records.len());

    fs::create_dir(out.join("receipts")).unwrap();
    for receipt in &receipts {
        let index = Receipt::from_json(receipt).unwrap().proof.index;
        fs::write(out.join(format!("receipts/{index}.json")), receipt).unwrap();
    }
    let first = head_of(&receipts[0], &key);
    let note = fs::read_to_string(out.join("checkpoint")).unwrap();
    let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
    assert!(first.size < size && head_now(&mut client, account, &key).size >= size);
    let path = format!("/v1/accounts/{account}/ledger/consistency?from={}&to={size}", first.size);
    let mut proof = client.get(&path).expect(200).json();
    proof["from_root"] = json!(STANDARD.encode(first.root));
    fs::write(out.join("consistency.json"), proof.to_string()).unwrap();
    out
}

/// What is altered in a copy, and whether the npm package can see it: it reads no tiles.
type Alteration = (&'static str, bool, fn(&Path));

const ALTERATIONS: &[Alteration] = &[
    ("a leaf in a receipt", true, |folder| {
        let path = fs::read_dir(folder.join("receipts")).unwrap().next().unwrap().unwrap().path();
        let mut receipt: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mut leaf = STANDARD.decode(receipt["leaf"].as_str().unwrap()).unwrap();
        leaf[60] ^= 1;
        receipt["leaf"] = json!(STANDARD.encode(leaf));
        fs::write(path, receipt.to_string()).unwrap();
    }),
    ("the checkpoint", true, |folder| {
        let path = folder.join("checkpoint");
        let note = fs::read_to_string(&path).unwrap();
        let size = note.lines().nth(1).unwrap();
        fs::write(path, note.replacen(size, &format!("{size}0"), 1)).unwrap();
    }),
    ("an entry", false, |folder| flip(&folder.join("tile/entries/000"), 70)),
    ("a tile", false, |folder| flip(&folder.join("tile/0/000"), 40)),
    ("the consistency proof", false, |folder| {
        let path = folder.join("consistency.json");
        let mut proof: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        proof["proof"][0] = json!(STANDARD.encode([7; 32]));
        fs::write(path, proof.to_string()).unwrap();
    }),
];

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn check_by_outsiders(folder: &Path, keys: &Path) {
    // The program itself sees every alteration of the log; receipts and proofs beside it are not
    // the export's.
    ends_with(&run(&["verify", text(folder), "--keys", text(keys)]), 0);
    for name in fs::read_dir(folder.join("receipts")).unwrap() {
        let path = name.unwrap().path();
        ends_with(&run(&["verify", text(&path), "--keys", text(keys)]), 0);
    }
    let copies = tempfile::tempdir().unwrap();
    for (number, (what, _, alter)) in ALTERATIONS.iter().enumerate() {
        let copy = copies.path().join(number.to_string());
        copy_folder(folder, &copy);
        alter(&copy);
        let ours = run(&["verify", text(&copy), "--keys", text(keys)]);
        let of_the_log = !what.contains("receipt") && !what.contains("proof");
        assert_eq!(ours.status.code(), Some(if of_the_log { 7 } else { 0 }), "{what}");
    }
    for foreign in foreign() {
        let (accepted, said) = foreign.accepts(folder);
        assert!(accepted, "{}: {said}", foreign.name);
        for (number, (what, by_receipt, _)) in ALTERATIONS.iter().enumerate() {
            let (accepted, said) = foreign.accepts(&copies.path().join(number.to_string()));
            let sees = *by_receipt || foreign.name != "npm";
            assert_eq!(accepted, !sees, "{}: {what}: {said}", foreign.name);
        }
    }
}

#[test]
fn real_complaints_come_back_byte_for_byte_and_verify() {
    let store = Store::init();
    let Some(file) = input(&store) else { return };
    let rows = rows(&file);
    assert_eq!(rows.len(), RECORDS);
    let server = store.serve();
    let token = server.service("importer", "*", "read,write,open");

    ends_with(&server.cli(&server.admin, &import(&file)), 4);
    assert!(server.client(&token).pages("/v1/accounts").is_empty());

    let said = server.did(&token, &import(&file));
    assert_eq!(said["imported"], RECORDS, "{said}");
    assert_eq!(said["rows"], RECORDS, "{said}");
    assert_eq!(said["failed"], 0, "{said}");
    assert_eq!(said["accounts"], ACCOUNTS, "{said}");
    assert_eq!(said["accounts_created"], ACCOUNTS, "{said}");
    compare(&server.client(&token), &rows);
    store.verified();

    let folder = outsiders_folder(&server, &store, &token, &rows);
    server.stop();
    let report = store.verified();
    assert!(report.contains("high-water"), "{report}");
    check_by_outsiders(&folder, &store.keys);
}

#[test]
fn an_import_that_was_killed_goes_on_and_does_nothing_twice() {
    let store = Store::init();
    let Some(file) = input(&store) else { return };
    let server = store.serve();
    let token = server.service("importer", "*", "read,write,open");
    let mut command = server.command(&token, &import(&file));
    let mut importing = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut client = server.client(&token);
    // Half way by accounts: some rows are acknowledged, some are under way, most are to come.
    while client.pages("/v1/accounts?limit=1000").len() < ACCOUNTS / 3 {
        assert!(importing.try_wait().unwrap().is_none(), "it ended before it could be killed");
    }
    importing.kill().unwrap();
    importing.wait().unwrap();

    let said = server.did(&token, &import(&file));
    assert_eq!(said["failed"], 0, "{said}");
    assert_eq!(said["imported"], RECORDS, "{said}");
    assert!(!file.with_file_name(format!("{FILE}.bailee-import")).exists());
    compare(&server.client(&token), &rows(&file));
    server.stop();
    store.verified();
}
