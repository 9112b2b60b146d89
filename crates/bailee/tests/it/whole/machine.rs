//! The machine fails, or the operator does: disks, folders, keys, copies of yesterday.

use super::support::client::Client;
use super::support::receipts::{extends, head_now, head_of};
use super::support::room::Room;
use super::support::{BAILEE, Server, Store, copy_folder, ends_with, json, run, said, text};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const RECORDS: &str = "/v1/accounts/acme/collections/cases/records";
const RECORD: &str = "/v1/accounts/acme/collections/cases/records/a";

/// A value of so many bytes.
fn value(bytes: usize) -> Vec<u8> {
    [b"\"", vec![b'x'; bytes - 2].as_slice(), b"\""].concat()
}

#[test]
fn a_full_disk_refuses_everything_and_loses_nothing() {
    let mut store = Store::init();
    let worker = {
        let server = store.serve();
        let worker = server.acme();
        server.client(&worker).put(RECORD, b"1").expect(201);
        server.stop();
        worker
    };
    // The store moves to a small disk of its own.
    let disk = store.beside("disk");
    fs::create_dir(&disk).unwrap();
    let Some(room) = Room::new(&disk, "mount -t tmpfs -o size=12m none \"$1\"") else { return };
    copy_folder(&store.data, &room.path(&disk.join("data")));
    store.data = disk.join("data");
    let mut command = room.inside(&store.command(&[], &[]));
    let mut server = Server::start(&mut command, &store).unwrap();
    server.ca = room.path(&server.ca);
    let mut client = server.client(&worker);

    let mut acknowledged = 0;
    let refused = loop {
        let answer = client.put(&format!("{RECORDS}/r{acknowledged}"), &value(200_000));
        if answer.status != 201 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 100, "a disk of 12 MiB took 20 MB");
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.problem("detail").contains("disk is full"), "{}", refused.text());
    assert!(refused.field("retry-after").is_some());
    // To the brim: a read whose entry cannot be written shows nothing.
    let mut small = 0;
    let refused = loop {
        let answer = client.get(RECORD);
        if answer.status != 200 {
            break answer;
        }
        small += 1;
        assert!(small < 5000, "entries were written to a full disk");
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.problem("detail").contains("disk is full"), "{}", refused.text());
    client.get("/healthz").expect(200);
    drop(client);
    assert!(acknowledged > 3);
    server.kill();

    // After a crash on the full disk it starts when there is space, with everything acknowledged.
    let bigger = "mount -t tmpfs -o size=64m none \"$1\"";
    let Some(other) = Room::new(&disk, bigger) else { return };
    copy_folder(&room.path(&store.data), &other.path(&store.data));
    after_space_returned(&store, &other, &worker, acknowledged);
}

fn after_space_returned(store: &Store, room: &Room, worker: &str, acknowledged: u32) {
    let mut command = room.inside(&store.command(&[], &[]));
    let mut server = Server::start(&mut command, store).unwrap();
    server.ca = room.path(&server.ca);
    let mut client = server.client(worker);
    assert_eq!(client.get(RECORD).expect(200).text(), "1");
    for number in 0..acknowledged {
        assert_eq!(client.get(&format!("{RECORDS}/r{number}")).expect(200).body, value(200_000));
    }
    client.put(&format!("{RECORDS}/r{acknowledged}"), &value(200_000)).expect(201);
    let mut verify = Command::new(BAILEE);
    verify.args(["verify", text(&store.data), "--keys", text(&store.keys)]);
    ends_with(&room.inside(&verify).output().unwrap(), 0);
    server.stop();
    ends_with(&room.inside(&verify).output().unwrap(), 0);
}

#[test]
fn when_space_returns_the_same_server_goes_on() {
    let mut store = Store::init();
    let worker = {
        let server = store.serve();
        let worker = server.acme();
        server.stop();
        worker
    };
    let disk = store.beside("disk");
    fs::create_dir(&disk).unwrap();
    let Some(room) = Room::new(&disk, "mount -t tmpfs -o size=12m none \"$1\"") else { return };
    copy_folder(&store.data, &room.path(&disk.join("data")));
    store.data = disk.join("data");
    let mut command = room.inside(&store.command(&[], &[]));
    let mut server = Server::start(&mut command, &store).unwrap();
    server.ca = room.path(&server.ca);
    let mut client = server.client(&worker);
    client.put(RECORD, b"1").expect(201);
    // Somebody else fills the disk.
    let filler = room.path(&disk.join("filler"));
    let full = fs::write(&filler, vec![0; 12 << 20]);
    assert!(full.is_err());
    let refused = (0..1000).find_map(|_| {
        let answer = client.put(RECORD, &value(200_000));
        (answer.status != 200).then_some(answer)
    });
    let refused = refused.expect("a full disk took 200 MB");
    assert_eq!(refused.status, 503, "{}", refused.text());
    fs::remove_file(&filler).unwrap();
    let version = client.get(RECORD).expect(200).field("etag").unwrap().to_owned();
    let put = client.ask("PUT", RECORD, &[("if-match", &version)], Some(b"2")).expect(200);
    let next = version.trim_matches('"').parse::<u64>().unwrap() + 1;
    assert_eq!(put.json()["version"], next);
    assert_eq!(client.get(RECORD).expect(200).text(), "2");
    drop(client);
    server.stop();
    let mut verify = Command::new(BAILEE);
    verify.args(["verify", text(&store.data), "--keys", text(&store.keys)]);
    ends_with(&room.inside(&verify).output().unwrap(), 0);
}

#[test]
fn a_read_only_folder_is_named_and_still_verifies() {
    let store = Store::init();
    let server = store.serve();
    server.acme();
    server.stop();
    let script = "mount --bind \"$1\" \"$1\"; mount -o remount,ro,bind \"$1\"";
    let Some(room) = Room::new(&store.data, script) else { return };
    let mut command = room.inside(&store.command(&[], &[]));
    let refused = Server::start(&mut command, &store).err().unwrap();
    assert!(refused.contains("read-only file system"), "{refused}");
    assert!(refused.contains(text(&store.data)), "{refused}");
    assert!(refused.contains("exit code Some(1)"), "{refused}");
    let mut verify = Command::new(BAILEE);
    verify.args(["verify", text(&store.data), "--keys", text(&store.keys)]);
    ends_with(&room.inside(&verify).output().unwrap(), 0);
    drop(room);

    // The same for the keys, which hold the high-water mark.
    let Some(room) = Room::new(&store.keys, script) else { return };
    let mut command = room.inside(&store.command(&[], &[]));
    let refused = Server::start(&mut command, &store).err().unwrap();
    assert!(refused.contains("high-water") && refused.contains("cannot be written"), "{refused}");
    drop(room);
    store.serve().stop();
}

#[test]
fn a_second_server_on_the_same_store_is_refused_and_the_first_goes_on() {
    let store = Store::init();
    let server = store.serve();
    let worker = server.acme();
    let second = Server::start(&mut store.command(&[], &[]), &store).err().unwrap();
    assert!(second.contains("exit code Some(5)"), "{second}");
    assert!(second.contains("another `bailee` works on"), "{second}");
    let epoch = ["epoch", "--data", text(&store.data), "--reason", "test", "--json"];
    ends_with(&run(&epoch), 5);
    server.client(&worker).put(RECORD, b"1").expect(201);
    // A port that is taken is another matter.
    let other = Store::init();
    let listen = server.address.to_string();
    let taken = run(&["serve", "--data", text(&other.data), "--listen", &listen]);
    assert!(ends_with(&taken, 6).contains(&listen), "{}", said(&taken));
    server.stop();
    store.verified();
}

#[test]
fn keys_of_another_store_and_missing_keys_are_refused() {
    let (store, other) = (Store::init(), Store::init());
    let start = |keys: &PathBuf| {
        let store = Store {
            scratch: tempfile::tempdir().unwrap(),
            data: store.data.clone(),
            keys: keys.clone(),
            admin: String::new(),
        };
        Server::start(&mut store.command(&[], &[]), &store).err().unwrap()
    };
    let before = fs::read(store.data.join("bailee.db")).unwrap();
    let said = start(&other.keys);
    assert!(said.contains("key") && !said.contains("panic"), "{said}");
    eprintln!("{said}");
    let said = start(&store.beside("nowhere"));
    assert!(said.contains("root key is needed") && said.contains("nowhere"), "{said}");
    let broken = store.beside("broken");
    copy_folder(&store.keys, &broken);
    fs::write(broken.join("root.key"), "nonsense").unwrap();
    let said = start(&broken);
    assert!(said.contains("gives no root key"), "{said}");
    // None of it touched the store, nor the other's keys.
    assert!(before == fs::read(store.data.join("bailee.db")).unwrap());
    store.serve().stop();
    other.serve().stop();
    store.verified();
    other.verified();
}

#[test]
fn an_older_copy_does_not_sign_until_a_new_epoch_begins() {
    let store = Store::init();
    let key = store.public_key();
    let server = store.serve();
    let worker = server.acme();
    let mut client = server.client(&worker);
    client.put(RECORD, b"\"yesterday\"").expect(201);
    let saved = store.beside("saved");
    json(&run(&["backup", "--data", text(&store.data), "--out", text(&saved), "--json"]));
    let lost = client.put(RECORD, b"\"today\"").expect(200).receipt();
    let old_head = head_of(&lost, &key);
    server.stop();

    // The disk is lost; the keys are not.
    for name in ["bailee.db", "bailee.db-wal", "bailee.db-shm"] {
        let _ = fs::remove_file(store.data.join(name));
    }
    fs::copy(saved.join("bailee.db"), store.data.join("bailee.db")).unwrap();
    let server = store.serve();
    assert!(server.logged().contains("rollback guard"), "{}", server.logged());
    let mut client = server.client(&worker);
    client.get("/healthz").expect(200);
    let ready = client.get("/readyz").expect(503);
    assert!(ready.problem("detail").contains("behind"), "{}", ready.text());
    refuses_everything(&mut client);
    server.stop();
    let (code, said) = store.verify();
    assert_eq!(code, Some(7), "{said}");
    assert!(said.contains("WRONG") && said.contains("truncated: 1 commits missing"), "{said}");

    let reason = "the disk failed and this backup is the newest copy";
    let epoch = ["epoch", "--data", text(&store.data), "--reason", reason, "--json"];
    assert_eq!(json(&run(&epoch))["epoch"], 1);
    let server = store.serve();
    let mut client = server.client(&worker);
    client.get("/readyz").expect(200);
    let stored = client.get(RECORD).expect(200);
    assert_eq!(stored.text(), "\"yesterday\"");
    let new = client.put(RECORD, b"\"tomorrow\"").expect(200).receipt();
    let new_head = head_of(&new, &key);
    assert_eq!(new_head.origin, format!("{}/e1", old_head.origin));
    let now = head_now(&mut client, "acme", &key);
    extends(&mut client, "acme", &new_head, &now);
    // What was promised under the old origin can still be shown by whoever kept it.
    assert_eq!(head_of(&lost, &key), old_head);
    let kept = store.beside("lost.json");
    fs::write(&kept, &lost).unwrap();
    ends_with(&run(&["verify", text(&kept), "--keys", text(&store.keys)]), 0);
    server.stop();
    store.verified();
}

fn refuses_everything(client: &mut Client) {
    for answer in [
        client.get(RECORD),
        client.put(RECORD, b"1"),
        client.get(RECORDS),
        client.post(&format!("{RECORDS}:batch"), br#"{"records":[{"id":"b","value":1}]}"#),
        client.get("/v1/accounts/acme"),
        client.get("/v1/accounts/acme/ledger/checkpoint"),
        client.get("/v1/accounts/acme/ledger/receipts/0"),
    ] {
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.problem("detail").contains("behind"), "{}", answer.text());
    }
}

#[test]
fn a_limit_on_the_size_of_files_refuses_and_ends_nothing() {
    let store = Store::init();
    let serve = store.command(&[], &[]);
    let mut limited = Command::new("prlimit");
    limited.args(["--fsize=3000000", "--"]).arg(serve.get_program()).args(serve.get_args());
    let server = Server::start(&mut limited, &store).unwrap();
    let worker = server.acme();
    let mut client = server.client(&worker);
    client.put(RECORD, b"1").expect(201);
    let mut acknowledged = 0;
    let refused = loop {
        let answer = client.put(&format!("{RECORDS}/r{acknowledged}"), &value(200_000));
        if answer.status != 201 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 100, "files of 3 MB took 20 MB");
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.problem("detail").contains("disk"), "{}", refused.text());
    client.get("/healthz").expect(200);
    drop(client);
    server.stop();
    let server = store.serve();
    let mut client = server.client(&worker);
    for number in 0..acknowledged {
        client.get(&format!("{RECORDS}/r{number}")).expect(200);
    }
    client.put(&format!("{RECORDS}/r{acknowledged}"), &value(200_000)).expect(201);
    server.stop();
    store.verified();
}
