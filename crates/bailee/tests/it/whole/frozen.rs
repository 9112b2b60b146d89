//! A store of the first format, with its keys, as it was written then: every later build reads it,
//! goes on in it, and finds nothing wrong with it. And rows of every register, as they were stored.
//!
//! `BAILEE_BLESS=1` makes the fixture where it is missing. It is never written over: a store that a
//! build cannot read needs a reader, not another fixture.

use super::house::{House, northwind};
use super::support::receipts::head_of;
use super::support::{Store, copy_folder, ends_with, run, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::data::{BatchPut, Condition, DeleteRecord, History, PutMany, RestoreRecord};
use domain::registers::REGISTERS;
use kernel::engine::Sqlite;
use kernel::highwater::HighWater;
use kernel::id::{AccountId, RecordId};
use kernel::{Clock as _, Kernel, Moment, Parts};
use ledger::checkpoint::Checkpoint;
use ledger::tree::verify_consistency;
use sealing::{DangerSeededEntropy, RootFile};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use testkit::World;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-v1")
}

const BODY: &str = "{\"text\": \"as it was\",  \"n\":1.50}";

/// Makes a store with something of everything, at the moment of the world's own clock.
fn fill(world: &World) -> Value {
    let worker = world.service("worker");
    world.service("former");
    world.person("ada", &["auditor"]);
    world.grant("service:worker", "*", "*", &["read", "write", "delete", "export", "open"]);
    let ended = world.grant("service:former", "*", "*", &["read"]);
    let end = domain::grants::EndGrant::new(&world.kernel, &ended).unwrap();
    world.run(&world.admin, end).unwrap();

    let acme = world.account(&worker, "acme").unwrap();
    let other = world.account(&worker, "Zoë & Söhne").unwrap();
    for (account, collection) in [(&acme, "cases"), (&acme, "notes"), (&other, "cases")] {
        world.collection(&worker, account, collection).unwrap();
    }
    world.put(&worker, (&acme, "cases", "a"), "1").unwrap();
    world.clock.advance(Duration::from_secs(60));
    world.put(&worker, (&acme, "cases", "a"), "\"two\"").unwrap();
    let kept = world.put(&worker, (&acme, "cases", "a"), BODY).unwrap();
    world.put(&worker, (&other, "cases", "b"), "{\"ü\":null}").unwrap();

    let id = RecordId::parse("b").unwrap();
    let place = || world.place(&other, "cases");
    let delete = || DeleteRecord::new(&world.kernel, place(), &id, Condition::None).unwrap();
    world.run(&worker, delete()).unwrap();
    world.run(&worker, RestoreRecord::new(&world.kernel, place(), &id).unwrap()).unwrap();
    world.run(&worker, delete()).unwrap();
    // Enough for a full tile.
    for batch in 0..3 {
        let puts = (0..90).map(|number| BatchPut {
            id: RecordId::parse(&format!("n{batch}-{number}")).unwrap(),
            body: format!("{number}").into_bytes(),
        });
        let place = world.place(&acme, "notes");
        let many = PutMany::new(&world.kernel, place, puts.collect()).unwrap();
        let mut asked = world.asked(&worker).unwrap();
        asked.idempotency = Some((format!("batch-{batch}"), [batch; 32]));
        world.kernel.run(asked, many).unwrap();
    }
    world.kernel.tick(&domain::run_job).unwrap();
    world.clock.advance(Duration::from_secs(60));
    json!({
        "at": world.clock.now().0,
        "worker": worker,
        "admin": world.admin,
        "body": BODY,
        "version": kept.output.version,
        "receipt": kept.receipts[0],
    })
}

/// Writes the fixture.
fn make(folder: &Path) {
    let scratch = tempfile::tempdir().unwrap();
    let world = World::sqlite(scratch.path(), 1);
    let expected = fill(&world);
    let public = world.kernel.public_key();
    drop(world);
    let (data, keys) = (folder.join("data"), folder.join("keys"));
    fs::create_dir_all(&data).unwrap();
    fs::create_dir_all(&keys).unwrap();
    // The copy of a backup is whole in one file.
    Sqlite::backup(&scratch.path().join("bailee.db"), &data.join("bailee.db")).unwrap();
    fs::copy(scratch.path().join("high-water"), keys.join("high-water")).unwrap();
    fs::write(keys.join("root.key"), World::root().to_file().as_bytes()).unwrap();
    let line = STANDARD.encode(public);
    fs::write(keys.join("signing.pub"), format!("{line}\n")).unwrap();
    let text = serde_json::to_string_pretty(&expected).unwrap();
    fs::write(folder.join("expected.json"), format!("{text}\n")).unwrap();
}

/// Opens a store as a server does, with a clock that stands where the test wants it: the tokens and
/// grants of the fixture have long expired by any other.
fn open(store: &Store, now: Moment) -> World {
    let clock = Arc::clone(&World::memory(2).clock);
    clock.set(now);
    let root = fs::read(store.keys.join("root.key")).unwrap();
    let Ok(RootFile::Plain(root)) = RootFile::parse(&root) else { panic!("no root key") };
    let kernel = Kernel::open(Parts {
        engines: vec![Box::new(Sqlite::open(&store.data.join("bailee.db")).unwrap())],
        root,
        high_water: HighWater::file(&store.keys.join("high-water")).unwrap(),
        clock: Arc::clone(&clock) as Arc<dyn kernel::Clock>,
        entropy: Box::new(DangerSeededEntropy::from_number(3)),
        policies: domain::policies().unwrap(),
        rights: domain::RIGHTS,
        interpret: domain::interpret,
    });
    World { kernel: kernel.unwrap(), clock, admin: store.admin.clone() }
}

/// A copy of the fixture, and what is known of it.
fn copied() -> (Store, Value) {
    let fixture = fixture();
    if !fixture.exists() && std::env::var_os("BAILEE_BLESS").is_some_and(|value| value == "1") {
        fs::create_dir_all(fixture.parent().unwrap()).unwrap();
        let new = tempfile::tempdir_in(fixture.parent().unwrap()).unwrap();
        make(new.path());
        // Another test may have been faster; then this one is dropped.
        let _ = fs::rename(new.path(), &fixture);
    }
    assert!(fixture.exists(), "the fixture is missing: it is made once, with BAILEE_BLESS=1");
    let scratch = tempfile::tempdir().unwrap();
    let (data, keys) = (scratch.path().join("data"), scratch.path().join("data.keys"));
    copy_folder(&fixture.join("data"), &data);
    copy_folder(&fixture.join("keys"), &keys);
    let expected = fs::read_to_string(fixture.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let admin = expected["admin"].as_str().unwrap().to_owned();
    (Store { scratch, data, keys, admin }, expected)
}

#[test]
fn golden_store_of_the_first_format_opens_and_goes_on() {
    let (store, expected) = copied();
    store.verified();
    let key = store.public_key();
    let worker = expected["worker"].as_str().unwrap();
    let receipt = expected["receipt"].as_str().unwrap();
    let old = head_of(receipt, &key);

    let now = Moment(expected["at"].as_u64().unwrap());
    let world = open(&store, now);
    assert_eq!(world.kernel.alarm(), None);
    let acme = AccountId::parse("acme").unwrap();
    let record = (&acme, "cases", "a");
    assert_eq!(world.get(worker, record).unwrap(), expected["body"].as_str().unwrap());
    let id = RecordId::parse("a").unwrap();
    let history = History::new(&world.kernel, world.place(&acme, "cases"), &id).unwrap();
    let history = world.run(worker, history).unwrap().output;
    let seen: Vec<_> = history.iter().map(|version| version.number).collect();
    assert_eq!(seen, [3, 2, 1]);
    assert!(history.iter().all(|version| version.header.author == "service:worker"));

    // It goes on: another version, in a log that extends the one of then.
    let put = world.put(worker, record, "\"later\"").unwrap();
    assert_eq!(put.output.version, expected["version"].as_u64().unwrap() + 1);
    let new = head_of(&put.receipts[0], &key);
    let slot = world.kernel.slot(&acme).unwrap();
    let proof = world.kernel.consistency(slot, old.size, new.size).unwrap();
    extends(&old, &new, &proof);
    world.kernel.tick(&domain::run_job).unwrap();
    world.kernel.anchor(slot).unwrap();
    // A request of then is remembered.
    let mut asked = world.asked(worker).unwrap();
    asked.idempotency = Some(("batch-1".to_owned(), [9; 32]));
    let put = [BatchPut { id, body: b"1".to_vec() }];
    let place = world.place(&acme, "notes");
    let many = PutMany::new(&world.kernel, place, put.into()).unwrap();
    let refused = world.kernel.run(asked, many).err().unwrap();
    assert_eq!(refused.kind(), kernel::Kind::Conflict, "{refused:?}");
    drop(world);
    store.verified();

    let kept = store.beside("receipt.json");
    fs::write(&kept, receipt).unwrap();
    ends_with(&run(&["verify", text(&kept), "--keys", text(&store.keys)]), 0);
}

fn extends(old: &Checkpoint, new: &Checkpoint, proof: &[ledger::Hash]) {
    assert_eq!(old.origin, new.origin);
    assert!(old.size < new.size);
    verify_consistency(old.size, new.size, &old.root, &new.root, proof).unwrap();
}

#[test]
fn golden_store_of_the_first_format_is_served() {
    let (store, _) = copied();
    let server = store.serve();
    let mut client = server.client("");
    client.get("/readyz").expect(200);
    // Whether its tokens have expired depends on today; a login is needed either way.
    client.get("/v1/accounts").expect(401);
    server.stop();
    store.verified();
}

fn rows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rows-v1.ndjson")
}

/// Writes a line for each row of a full house: its register, and the row as it is stored, which is
/// as it is shown, without its state.
fn write_rows(to: &Path) {
    let store = northwind();
    let server = store.serve();
    let house = House::full(&server);
    let mut client = server.client(house.token("lea"));
    let mut lines = String::new();
    for register in REGISTERS {
        let page = client.get(&format!("/v1/{}", register.plural)).expect(200).json();
        for row in page["items"].as_array().unwrap() {
            let mut row = row.clone();
            row.as_object_mut().unwrap().remove("state");
            lines += &format!("{}\n", json!({"register": register.plural, "row": row}));
        }
    }
    fs::write(to, lines).unwrap();
}

#[test]
fn golden_rows_of_every_register_are_read() {
    let file = rows();
    if !file.exists() && std::env::var_os("BAILEE_BLESS").is_some_and(|value| value == "1") {
        write_rows(&file);
    }
    let text = fs::read_to_string(&file).expect("it is made once, with BAILEE_BLESS=1");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for register in REGISTERS {
        let own = lines.iter().filter(|line| line["register"] == register.plural);
        let bodies: Vec<_> = own.map(|line| line["row"].to_string().into_bytes()).collect();
        assert!(!bodies.is_empty(), "{}: add a row of it to the fixture", register.plural);
        let read = (register.rows)(&bodies);
        let read = read.unwrap_or_else(|error| panic!("{}: {error:?}", register.plural));
        let states = (register.states)(&read, Moment(1_800_000_000_000_000), &BTreeSet::new());
        assert_eq!(states.len(), bodies.len(), "{}", register.plural);
    }
}
