//! Files of other tools through the program: its own lock file, advisories, catalogues, scans and
//! badges; and those that are not what they say.

use super::support::{Server, Store, ends_with, skip, text, workspace};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn person(server: &Server, name: &str, roles: &str) -> String {
    let create = ["person", "create", name, "--roles", roles, "--json"];
    server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned()
}

/// A zip of stored entries (APPNOTE 6.3.10, method 0), by other code than what reads it.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let offset = u32::try_from(out.len()).unwrap();
        let (size, length) =
            (u32::try_from(bytes.len()).unwrap(), u16::try_from(name.len()).unwrap());
        let mut common = Vec::new();
        // Version, flags, method, time, date.
        for part in [20_u16, 0, 0, 0, 0x5821] {
            common.extend(part.to_le_bytes());
        }
        for part in [crc(bytes), size, size] {
            common.extend(part.to_le_bytes());
        }
        common.extend(length.to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, count) = (out.len(), u16::try_from(entries.len()).unwrap());
    let size = u32::try_from(directory.len()).unwrap();
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(u32::try_from(start).unwrap().to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out
}

/// CRC-32 (ISO 3309), bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    };
    !bytes.iter().fold(!0, step)
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
fn a_scan_of_our_own_listener_is_imported() {
    let store = Store::init();
    let server = store.serve();
    let eve = person(&server, "eve", "engineer,auditor");
    let out = store.beside("nmap.xml");
    if !scanned(server.address.port(), &out) {
        return;
    }
    let load = ["scan", "load", text(&out), "--tool", "nmap", "--vantage", "internal"];
    let row = server.did(&eve, &[&load[..], &["--covers", "bailee", "--json"]].concat());
    let covered = row["covered"].as_array().unwrap();
    let port = format!("127.0.0.1:{}", server.address.port());
    for target in ["bailee", &port] {
        assert!(covered.contains(&json!(target)), "{row}");
    }
    assert_eq!((&row["tool"], &row["vantage"]), (&json!("nmap"), &json!("internal")));
}

fn scanned(port: u16, out: &Path) -> bool {
    let mut command = Command::new("nmap");
    command.args(["-Pn", "-n", "-sT", "-p", &port.to_string(), "-oX", text(out), "127.0.0.1"]);
    match command.output() {
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            true
        }
        Err(why) => {
            skip(&format!("nmap does not start: {why}"));
            false
        }
    }
}
