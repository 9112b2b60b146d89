//! Files of other tools through the program: its own lock file, advisories, catalogues, scans and
//! badges; and those that are not what they say.

use super::support::{Server, Store, ends_with, skip, text, workspace};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn person(server: &Server, name: &str, roles: &str) -> String {
    let create = ["person", "create", name, "--roles", roles, "--json"];
    server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned()
}

/// A zip that Python's library wrote: other code than what reads it.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let script = "import sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[1], 'w') as archive:\n\
        \x20   for name, content in zip(sys.argv[2::2], sys.argv[3::2]):\n\
        \x20       archive.writestr(name, content)\n";
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(file.path());
    for (name, content) in entries {
        python.arg(name).arg(std::str::from_utf8(content).unwrap());
    }
    assert!(python.status().unwrap().success());
    fs::read(file.path()).unwrap()
}

fn advisory(id: &str, name: &str, fixed: &str) -> Vec<u8> {
    json!({
        "id": id, "modified": "2026-06-01T00:00:00Z", "aliases": ["CVE-2026-0001"],
        "summary": "a hole", "database_specific": {"severity": "HIGH"},
        "affected": [{"package": {"ecosystem": "crates.io", "name": name}, "ranges": [
            {"type": "SEMVER", "events": [{"introduced": "0.0.0-0"}, {"fixed": fixed}]}]}]
    })
    .to_string()
    .into_bytes()
}

fn write(store: &Store, name: &str, bytes: &[u8]) -> PathBuf {
    let path = store.beside(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn our_own_lock_file_is_matched_with_a_feed() {
    let store = Store::init();
    let server = store.serve();
    let eve = person(&server, "eve", "engineer,auditor");
    let lock = workspace().join("Cargo.lock");
    let load = ["inventory", "load", "bailee", text(&lock), "--json"];
    let loaded = server.did(&eve, &load);
    let count = loaded["components"].as_u64().unwrap();
    let packages = fs::read_to_string(&lock).unwrap().matches("source = \"registry").count();
    assert_eq!(usize::try_from(count).unwrap(), packages);
    assert_eq!(server.did(&eve, &load)["components"], count, "and again");

    let feed = zip(&[
        ("RUSTSEC-2026-0001.json", &advisory("RUSTSEC-2026-0001", "serde", "99.0.0")),
        ("RUSTSEC-2026-0002.json", &advisory("RUSTSEC-2026-0002", "serde", "0.0.1")),
        ("RUSTSEC-2026-0003.json", &advisory("RUSTSEC-2026-0003", "no-such-crate", "9.0.0")),
        ("broken.json", b"{\"id\": 7}"),
    ]);
    let feed = write(&store, "osv.zip", &feed);
    let read = ["feed", "load", "rustsec", text(&feed)];
    let output = server.cli(&eve, &[&read[..], &["--json"]].concat());
    let said = ends_with(&output, 0);
    assert!(said.contains("broken.json"), "{said}");
    let first: Value = serde_json::from_slice(&output.stdout).unwrap();
    let numbers = |read: &Value| {
        ["entries", "matched", "refused", "added", "updated"]
            .map(|name| read[name].as_u64().unwrap())
    };
    assert_eq!(numbers(&first), [4, 1, 1, 1, 0]);
    let again = server.did(&eve, &[&read[..], &["--json"]].concat());
    assert_eq!(numbers(&again), [4, 1, 1, 0, 0]);
    let row = server.did(&eve, &["advisory", "show", "rustsec-2026-0001", "--json"]);
    assert_eq!((&row["severity"], &row["feed"]), (&json!("high"), &json!("rustsec")));
    assert_eq!(row["matched"][0]["inventory"], "bailee");
    assert_eq!(row["matched"][0]["fixed"], "99.0.0");
    let state = server.did(&eve, &["feed", "show", "rustsec", "--json"]);
    assert_eq!((&state["last"]["matched"], &state["last"]["refused"]), (&json!(1), &json!(1)));

    let listed = json!({
        "catalogVersion": "2026.06.02", "dateReleased": "2026-06-02T00:00:00Z", "count": 1,
        "vulnerabilities": [{"cveID": "CVE-2026-0001", "dateAdded": "2026-06-02",
            "dueDate": "2026-06-23", "knownRansomwareCampaignUse": "Unknown"}]
    });
    let kev = write(&store, "kev.json", listed.to_string().as_bytes());
    let marked = server.did(&eve, &[&read[..], &["--kev", text(&kev), "--json"]].concat());
    assert_eq!(numbers(&marked), [4, 1, 1, 0, 1]);
    let row = server.did(&eve, &["advisory", "show", "rustsec-2026-0001", "--json"]);
    assert_eq!(row["known_exploited"], true);
    let add = ["feed", "add", "kev", "--kind", "kev", "--source", "cisa.gov", "--json"];
    server.did(&eve, &add);
    let read = server.did(&eve, &["feed", "load", "kev", text(&kev), "--json"]);
    assert_eq!((&read["matched"], &read["updated"]), (&json!(1), &json!(0)), "{read}");
}

#[test]
fn files_that_are_not_what_they_say_are_refused_with_the_place() {
    let store = Store::init();
    let server = store.serve();
    let eve = person(&server, "eve", "engineer,auditor,security-lead");
    let good = advisory("RUSTSEC-2026-0001", "serde", "99.0.0");
    let outside = zip(&[("../evil.json", &good)]);
    let cut = &zip(&[("a.json", &good)])[..60];
    let deep = "[".repeat(100_000);
    let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = 7\n";
    let badges = "time,person,open\n";
    let cases: [(&[&str], &[u8], &str); 9] = [
        (&["feed", "load", "f"], &outside, "../evil.json"),
        (&["feed", "load", "f"], cut, "zip"),
        (&["feed", "load", "f"], b"{\"id\": \"x\"", "line 1"),
        (&["inventory", "load", "i"], lock.as_bytes(), "line 4"),
        (&["inventory", "load", "i"], b"{\"name\": 1}", "neither CycloneDX"),
        (&["inventory", "load", "i"], deep.as_bytes(), "line 1"),
        (&["inventory", "load", "i"], b"\xff\xfe{\0", "UTF-8"),
        (&["area", "load", "a"], badges.as_bytes(), "open"),
        (
            &["scan", "load", "--tool", "nmap", "--vantage", "internal"],
            b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><nmaprun/>",
            "line 1",
        ),
    ];
    for (command, bytes, place) in cases {
        let file = write(&store, "hostile", bytes);
        let said = ends_with(&server.cli(&eve, &[command, &[text(&file)]].concat()), 2);
        assert!(said.contains("hostile") && said.contains(place), "{command:?}: {said}");
    }
    for noun in ["feed", "inventory", "scan"] {
        let rows = server.did(&eve, &[noun, "list", "--json"]);
        assert_eq!(rows["items"], json!([]), "nothing was sent");
    }
}

#[test]
fn badges_are_checked_against_the_list() {
    let store = Store::init();
    let server = store.serve();
    let lea = person(&server, "lea", "security-lead");
    let site = ["site", "add", "here", "--sub-processor", "own", "--kind", "own"];
    server.did(&lea, &[&site[..], &["--address", "1 Main Street", "--json"]].concat());
    let area = ["area", "add", "cage", "--site", "here", "--purpose", "servers", "--json"];
    server.did(&lea, &area);
    let mut rows = String::from("Time;Person;Granted\n");
    for number in 0..600 {
        rows += &format!("2026-11-01T{:02}:{:02}:00Z;nobody;no\n", number / 60, number % 60);
    }
    rows += "2026-11-01T12:00:00Z;stranger;yes\n";
    let file = write(&store, "badges.csv", rows.as_bytes());
    let loaded = server.did(&lea, &["area", "load", "cage", text(&file), "--json"]);
    assert_eq!((&loaded["events"], &loaded["unsettled"]), (&json!(601), &json!(1)), "{loaded}");
}

#[test]
fn scans_of_our_own_listener_are_imported() {
    let store = Store::init();
    let server = store.serve();
    let eve = person(&server, "eve", "engineer,auditor");
    let (port, host) = (server.address.port().to_string(), server.address.to_string());
    let (ports, tls) = (store.beside("nmap.xml"), store.beside("testssl.json"));
    let nmap = ["-Pn", "-n", "-sT", "-p", &port, "-oX", text(&ports), "127.0.0.1"];
    let testssl =
        ["--quiet", "--warnings", "batch", "-p", "-S", "--jsonfile-pretty", text(&tls), &host];
    for (tool, with, out) in [("nmap", &nmap[..], &ports), ("testssl", &testssl[..], &tls)] {
        if !scanned(tool, with) {
            continue;
        }
        let load = ["scan", "load", text(out), "--tool", tool, "--vantage", "internal"];
        let row = server.did(&eve, &[&load[..], &["--covers", "bailee", "--json"]].concat());
        let covered = row["covered"].as_array().unwrap();
        assert!(covered.contains(&json!("bailee")), "{row}");
        assert!(covered.contains(&json!(host)), "{row}");
        assert!(row["tool"].as_str().unwrap().starts_with(tool), "{row}");
        assert_eq!(row["vantage"], "internal");
        // Old protocols and the certificate itself are no findings.
        for one in row["findings"].as_array().unwrap() {
            let check = one["check"].as_str().unwrap();
            let own = ["SSLv", "TLS1", "cert_serialNumber", "cert_commonName", "cert_keySize"];
            assert!(!own.iter().any(|known| check.starts_with(known)), "{one}");
        }
    }
}

/// Runs a scanner of Debian's; the exit status of testssl.sh counts what it found.
fn scanned(program: &str, with: &[&str]) -> bool {
    match Command::new(program).args(with).output() {
        Ok(output) => {
            assert!(output.status.success() || program == "testssl", "{output:?}");
            true
        }
        Err(why) => {
            skip(&format!("{program} does not start: {why}"));
            false
        }
    }
}
