//! Several servers before one PostgreSQL, as they are delivered.

use super::support::client::Client;
use super::support::receipts::head_of;
use super::support::{Server, Store, ends_with, run, text};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use testkit::servers::postgres::{Cluster, Options};

const RECORD: &str = "/v1/accounts/acme/collections/cases/records/a";

/// A database of its own, and how it is reached, with TLS.
fn database(cluster: &Cluster, name: &str) -> String {
    cluster.create_role(name, "secret", "");
    cluster.create_database(name, name);
    cluster.url(name, "secret", name, "verify-full")
}

/// A store in a database: folders, keys, and the first administrator.
fn store(url: &str) -> Store {
    let scratch = tempfile::tempdir().unwrap();
    let (data, keys) = (scratch.path().join("data"), scratch.path().join("data.keys"));
    let said = run(&["init", "--data", text(&data), "--store", url, "--json"]);
    let said = super::support::json(&said);
    let admin = said["token"].as_str().unwrap().to_owned();
    Store { scratch, data, keys, admin }
}

/// What a further node begins with: the root key, and nothing else.
fn further(store: &Store, name: &str) -> (PathBuf, PathBuf) {
    let (data, keys) = (store.beside(name), store.beside(&format!("{name}.keys")));
    fs::create_dir(&keys).unwrap();
    fs::copy(store.keys.join("root.key"), keys.join("root.key")).unwrap();
    (data, keys)
}

fn serve(store: &Store, url: &str, data: &Path, keys: &Path) -> Result<Server, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailee"));
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data", text(data)]);
    command.args(["--keys", text(keys), "--store", url]);
    Server::start(&mut command, store)
}

/// Waits until a server says that requests are answered.
fn ready(client: &mut Client) {
    let ready = (0..600).any(|_| {
        let ready = client.get("/readyz").status == 200;
        if !ready {
            // The server looks about every half second; nothing tells when it has.
            thread::park_timeout(std::time::Duration::from_millis(100));
        }
        ready
    });
    assert!(ready, "{}", client.get("/readyz").text());
}

#[test]
fn four_servers_before_one_database_are_one() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = database(cluster, "four");
    let store = store(&url);
    let first = serve(&store, &url, &store.data, &store.keys).unwrap();
    let places: Vec<_> = (1..4).map(|nth| further(&store, &format!("node-{nth}"))).collect();
    let others = places.iter().map(|(data, keys)| serve(&store, &url, data, keys).unwrap());
    let others: Vec<Server> = others.collect();
    for server in &others {
        ready(&mut server.administrator());
    }
    // Begun on one, gone on with on the next.
    let worker = first.acme();
    let key = store.public_key();
    for (nth, server) in others.iter().enumerate() {
        let body = format!("{{\"from\":{nth}}}");
        let status = if nth == 0 { 201 } else { 200 };
        let put = server.client(&worker).put(RECORD, body.as_bytes()).expect(status);
        head_of(&put.json()["receipt"].to_string(), &key);
        for reader in [&first, &others[0], &others[1], &others[2]] {
            let got = reader.client(&worker).get(RECORD).expect(200);
            assert_eq!(got.text(), body);
            head_of(&got.receipt(), &key);
        }
    }
    revoked_on_one(&first, &others);
    // One is killed, the rest go on, and a new one takes its place.
    first.kill();
    let put = others[0].client(&worker).put(RECORD, b"{\"after\":1}").expect(200);
    head_of(&put.json()["receipt"].to_string(), &key);
    let (data, keys) = further(&store, "node-5");
    let fifth = serve(&store, &url, &data, &keys).unwrap();
    ready(&mut fifth.administrator());
    assert_eq!(fifth.client(&worker).get(RECORD).expect(200).text(), "{\"after\":1}");
}

/// A token ends on one server while the others are asked on 64 connections: nothing that is sent
/// after the answer is accepted.
fn revoked_on_one(first: &Server, others: &[Server]) {
    let mut admin = first.administrator();
    let made = admin.post("/v1/services", br#"{"name":"reader"}"#).expect(201).json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let (token, id) = (text("token"), text("token_id"));
    first.grant("service:reader", "acme", "cases", "read");
    let (ended, warm, late) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for nth in 0..64 {
            let mut client = others[nth % others.len()].client(&token);
            let (ended, warm, late) = (&ended, &warm, &late);
            scope.spawn(move || {
                let mut refused = 0;
                while refused < 3 {
                    let after = ended.load(Ordering::SeqCst);
                    let answer = client.get(RECORD);
                    match answer.status {
                        200 => {
                            assert!(!after, "accepted although it was sent after the end");
                            warm.fetch_add(1, Ordering::SeqCst);
                        }
                        401 if after => refused += 1,
                        401 => {}
                        other => panic!("{other}: {answer:?}"),
                    }
                }
                late.fetch_add(refused, Ordering::SeqCst);
            });
        }
        while warm.load(Ordering::SeqCst) < 320 {
            thread::yield_now();
        }
        let answer = admin.delete(&format!("/v1/services/reader/tokens/{id}"));
        ended.store(true, Ordering::SeqCst);
        // Not before: the others would go on for ever.
        answer.expect(200);
    });
    assert_eq!(late.into_inner(), 64 * 3);
}

#[test]
fn what_does_not_fit_is_named_with_its_remedy() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = database(cluster, "fits");
    let made = store(&url);
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    let init = |name: &str, url: &str, code: i32| {
        let data = at(name);
        let said = ends_with(&run(&["init", "--data", text(&data), "--store", url]), code);
        assert!(!data.exists(), "nothing half-done: {said}");
        said
    };
    // A second store, no database, no such user, a superuser, a server that is not verified.
    assert!(init("a", &url, 5).contains("holds a store already"));
    let wrong = url.replace("secret", "wrong");
    assert!(init("b", &wrong, 6).contains("refuses this user"));
    let nowhere = url.replace("/fits?", "/nowhere?");
    assert!(init("c", &nowhere, 3).contains("no such database"));
    cluster.create_role("above", "secret", "superuser");
    cluster.create_database("above", "above");
    let above = cluster.url("above", "secret", "above", "verify-full");
    assert!(init("d", &above, 6).contains("above row-level security"));
    let unverified = url.replace("verify-full", "require");
    assert!(init("e", &unverified, 2).contains("use `verify-full`"));
    // Keys of another installation, and another installation's database.
    let other = store(&database(cluster, "other"));
    let said = serve(&made, &url, &at("f"), &other.keys).err().unwrap();
    assert!(said.contains("does not belong to this store"), "{said}");
    // A user that may do too little, or too much.
    cluster.create_role("little", "secret", "");
    cluster.run(
        "fits",
        "grant usage on schema bailee to little; grant select on bailee.format to little",
    );
    let little = cluster.url("little", "secret", "fits", "verify-full");
    let said = serve(&made, &little, &at("g"), &made.keys).err().unwrap();
    assert!(said.contains("bailee privileges --role little"), "{said}");
    let grants = run(&["privileges", "--role", "little"]);
    let grants = String::from_utf8(grants.stdout).unwrap();
    cluster.run("fits", &grants);
    drop(serve(&made, &little, &at("h"), &made.keys).unwrap());
    cluster.run("fits", "grant delete on bailee.entries to little");
    let said = serve(&made, &little, &at("i"), &made.keys).err().unwrap();
    assert!(said.contains("must not have the right DELETE on `bailee.entries`"), "{said}");
}

#[test]
fn a_database_without_room_is_named_and_nothing_is_half_done() {
    let options = Options { max_connections: Some(9), disk_mib: Some(160), ..Options::default() };
    let Some(cluster) = Cluster::with(&options) else { return };
    let url = database(&cluster, "room");
    let store = store(&url);
    let server = serve(&store, &url, &store.data, &store.keys).unwrap();
    ready(&mut server.administrator());
    let worker = server.acme();
    let mut client = server.client(&worker);
    client.put(RECORD, b"{\"n\":1}").expect(201);
    // Every connection that is left is somebody else's.
    let said = (0..12).find_map(|nth| {
        let (data, keys) = further(&store, &format!("more-{nth}"));
        match serve(&store, &url, &data, &keys) {
            Ok(more) => {
                std::mem::forget(more.log.clone());
                thread::park_timeout(std::time::Duration::from_millis(200));
                MORE.lock().unwrap().push(more);
                None
            }
            Err(said) => Some(said),
        }
    });
    assert!(said.unwrap().contains("takes no more connections"));
    client.get(RECORD).expect(200);
    MORE.lock().unwrap().clear();
    cluster.fill_disk();
    let full = (0..2000).find_map(|_| {
        let body = format!("{{\"n\":\"{}\"}}", "x".repeat(200_000));
        let answer = client.put(RECORD, body.as_bytes());
        (answer.status != 200).then_some(answer)
    });
    let full = full.unwrap();
    assert_eq!(full.status, 503, "{full:?}");
    cluster.relieve_disk();
    cluster.restart();
    ready(&mut server.administrator());
    let got = client.get(RECORD).expect(200);
    assert!(got.text().starts_with("{\"n\":"));
    client.put(RECORD, b"{\"n\":2}").expect(200);
}

static MORE: std::sync::Mutex<Vec<Server>> = std::sync::Mutex::new(Vec::new());
