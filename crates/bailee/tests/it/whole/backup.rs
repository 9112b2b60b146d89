//! Copies: taken while others write, refused when altered, never over something.

use super::support::{Server, Store, copy_folder, ends_with, json, run, said, text};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

const RECORDS: &str = "/v1/accounts/acme/collections/cases/records";

/// Backups that were taken while four writers wrote; with each how many records were
/// acknowledged by every writer before it began.
fn taken_under_load(server: &Server, store: &Store, worker: &str) -> Vec<u64> {
    let ended = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let client = server.client(worker);
    let mut acknowledged = Vec::new();
    thread::scope(|scope| {
        for writer in 0..4 {
            let (mut client, sender, ended) = (client.another(), sender.clone(), &ended);
            scope.spawn(move || {
                for number in 0_u64.. {
                    let body = format!("\"{}\"", "y".repeat(2000));
                    let path = format!("{RECORDS}/w{writer}-{number}");
                    client.put(&path, body.as_bytes()).expect(201);
                    sender.send((writer, number + 1)).unwrap();
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        let mut counts = [0; 4];
        for number in 0..3 {
            while counts.iter().min() < Some(&(20 * (number + 1))) {
                let (writer, count): (usize, u64) = receiver.recv().unwrap();
                counts[writer] = count;
            }
            acknowledged.push(*counts.iter().min().unwrap());
            let out = store.beside(&format!("saved-{number}"));
            let data = text(&store.data);
            json(&run(&["backup", "--data", data, "--out", text(&out), "--json"]));
        }
        ended.store(true, Ordering::SeqCst);
    });
    acknowledged
}

#[test]
fn a_backup_under_load_is_whole_and_can_be_restored() {
    let store = Store::init();
    let server = store.serve();
    let worker = server.acme();
    let acknowledged = taken_under_load(&server, &store, &worker);
    server.stop();
    store.verified();
    for (number, least) in acknowledged.into_iter().enumerate() {
        let saved = store.beside(&format!("saved-{number}"));
        let verify = run(&["verify", text(&saved), "--keys", text(&store.keys)]);
        ends_with(&verify, 0);
        ends_with(&run(&["verify", text(&saved)]), 0);

        // On another machine, with the keys as they were kept apart: without the mark.
        let (data, keys) =
            (store.beside(&format!("r{number}")), store.beside(&format!("k{number}")));
        copy_folder(&store.keys, &keys);
        fs::remove_file(keys.join("high-water")).unwrap();
        let restore = ["restore", "--from", text(&saved), "--data", text(&data)];
        let restore = [&restore[..], &["--keys", text(&keys), "--json"]].concat();
        let report = ends_with(&run(&restore), 0);
        let report: Value = serde_json::from_str(report.lines().last().unwrap()).unwrap();
        assert_eq!(report["problems"], serde_json::json!([]), "{report}");
        let again = run(&restore);
        assert!(ends_with(&again, 5).contains("is not empty"), "{}", said(&again));

        let scratch = tempfile::tempdir().unwrap();
        let restored = Store { scratch, data, keys, admin: store.admin.clone() };
        // Whether this is the newest copy, only its owner can say.
        let server = restored.serve();
        let unready = server.client(&worker).get("/readyz").expect(503);
        assert!(unready.problem("detail").contains("bailee epoch"), "{}", unready.text());
        server.stop();
        let (data, keys) = (text(&restored.data), text(&restored.keys));
        let epoch = ["epoch", "--data", data, "--keys", keys, "--reason", "restored", "--json"];
        assert_eq!(json(&run(&epoch))["epoch"], 1);
        let server = restored.serve();
        let mut client = server.client(&worker);
        client.get("/readyz").expect(200);
        for writer in 0..4 {
            client.get(&format!("{RECORDS}/w{writer}-{}", least - 1)).expect(200);
        }
        client.put(&format!("{RECORDS}/later"), b"1").expect(201);
        server.stop();
        restored.verified();
    }
}

/// What is done to a copy of a backup.
type Alteration = (&'static str, fn(&Path));

const ALTERATIONS: [Alteration; 3] = [
    ("flipped", |folder| {
        let path = folder.join("bailee.db");
        let mut bytes = fs::read(&path).unwrap();
        let place = bytes.len() - 100;
        bytes[place] ^= 1;
        fs::write(path, bytes).unwrap();
    }),
    ("cut", |folder| {
        let path = folder.join("bailee.db");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }),
    ("relabelled", |folder| {
        let path = folder.join("backup.json");
        let label = fs::read_to_string(&path).unwrap();
        let changed = label.replace("\"commit\":", "\"commit\":1");
        assert_ne!(label, changed);
        fs::write(path, changed).unwrap();
    }),
];

#[test]
fn an_altered_backup_is_refused_and_nothing_is_made() {
    let store = Store::init();
    let server = store.serve();
    let worker = server.acme();
    server.client(&worker).put(&format!("{RECORDS}/a"), b"1").expect(201);
    server.stop();
    let saved = store.beside("saved");
    json(&run(&["backup", "--data", text(&store.data), "--out", text(&saved), "--json"]));
    let into = run(&["backup", "--data", text(&store.data), "--out", text(&saved)]);
    assert!(ends_with(&into, 5).contains("is not empty"));

    for (name, alter) in ALTERATIONS {
        let altered = store.beside(name);
        copy_folder(&saved, &altered);
        alter(&altered);
        let verify = run(&["verify", text(&altered), "--keys", text(&store.keys)]);
        assert!(ends_with(&verify, 7).contains("WRONG"), "{name}");
        let target = store.beside(&format!("{name}-restored"));
        let restore = ["restore", "--from", text(&altered), "--data", text(&target)];
        let restore = run(&[&restore[..], &["--keys", text(&store.keys)]].concat());
        ends_with(&restore, 7);
        assert!(!target.exists(), "{name}");
    }
    let nothing = run(&["backup", "--data", text(&store.beside("none")), "--out", "x"]);
    ends_with(&nothing, 3);
}
