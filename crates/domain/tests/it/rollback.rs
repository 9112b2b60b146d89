//! A store that is behind what is known of it signs nothing, until an operator begins a new epoch.

use crate::support::{account_with_data, entry, kind, newest, size, slot};
use kernel::engine::Sqlite;
use kernel::highwater::HighWater;
use kernel::{HOUSE, Kind};
use ledger::verify::verify_receipt;
use sealing::DangerSeededEntropy;
use std::path::Path;
use std::sync::Arc;
use testkit::World;

/// Copies the store; nobody has it open.
fn copy(from: &Path, to: &Path) {
    for name in ["bailee.db", "bailee.db-wal", "bailee.db-shm"] {
        match from.join(name).exists() {
            true => drop(std::fs::copy(from.join(name), to.join(name)).unwrap()),
            false => drop(std::fs::remove_file(to.join(name))),
        }
    }
}

fn reopen(world: &mut World, folder: &Path) {
    world.kernel = World::reopen_sqlite(folder, 99, Arc::clone(&world.clock)).unwrap();
}

#[test]
fn an_older_copy_answers_nothing_until_a_new_epoch() {
    let (folder, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut world = World::sqlite(folder.path(), 1);
    let (import, account) = account_with_data(&world);
    let place = (&account, "c", "x");
    let log = slot(&world, &account);
    let old = world.put(&import, place, "1").unwrap().receipts.remove(0);
    world.kernel.close();
    copy(folder.path(), older.path());
    reopen(&mut world, folder.path());
    assert_eq!(world.kernel.alarm(), None, "the newest copy goes on");
    world.put(&import, place, "2").unwrap();
    let vkey = world.kernel.vkey(log).unwrap();
    world.kernel.close();

    copy(older.path(), folder.path());
    reopen(&mut world, folder.path());
    let alarm = world.kernel.alarm().unwrap();
    assert!(alarm.contains("1 commits behind") && alarm.contains("bailee epoch"), "{alarm}");
    assert_eq!(kind(world.get(&import, place)), Kind::Unavailable);
    assert_eq!(kind(world.put(&import, place, "3")), Kind::Unavailable);
    assert_eq!(kind(world.kernel.checkpoint(log)), Kind::Unavailable);
    assert_eq!(kind(world.kernel.receipt(log, 0, false)), Kind::Unavailable);
    assert_eq!(kind(world.kernel.tick(&domain::run_job)), Kind::Unavailable);
    let house = size(&world, HOUSE);
    world.kernel.close();

    let mut engine = Sqlite::open(&folder.path().join("bailee.db")).unwrap();
    let mut mark = HighWater::file(&folder.path().join("high-water")).unwrap();
    let epoch = kernel::begin_epoch(
        &mut engine,
        World::root(),
        &mut mark,
        &*world.clock,
        &mut DangerSeededEntropy::from_number(7),
        domain::interpret,
        "the newest copy is lost",
    );
    assert_eq!(epoch.unwrap(), 1);
    drop((engine, mark));
    reopen(&mut world, folder.path());
    assert_eq!(world.kernel.alarm(), None);
    let (kind_of, fields) = entry(&world, HOUSE, house);
    assert_eq!((kind_of.as_str(), fields["epoch"].as_str()), ("epoch.begun", "1"));
    assert_eq!(fields["reason"], "the newest copy is lost");
    assert_eq!(world.get(&import, place).unwrap(), "1", "what the copy had");
    let key = world.kernel.public_key();
    let new = world.put(&import, place, "4").unwrap().receipts.remove(0);
    for receipt in [&old, &new] {
        let report = verify_receipt(receipt, Some(&key));
        assert!(report.ok(), "{report}");
    }
    assert!(new.contains("/e1") && !old.contains("/e1"), "heads of before and after differ");
    assert_ne!(world.kernel.vkey(log).unwrap(), vkey);
    let (_, fields) = newest(&world, log);
    assert_eq!(fields["version"], "2");
}

#[test]
fn a_store_without_its_mark_does_not_sign() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::sqlite(folder.path(), 2);
    let (import, account) = account_with_data(&world);
    world.kernel.close();
    std::fs::remove_file(folder.path().join("high-water")).unwrap();
    reopen(&mut world, folder.path());
    assert!(world.kernel.alarm().unwrap().contains("no high-water mark"));
    assert_eq!(kind(world.put(&import, (&account, "c", "x"), "1")), Kind::Unavailable);
}

#[test]
fn a_store_with_another_history_does_not_sign() {
    let (folder, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut world = World::sqlite(folder.path(), 3);
    let (import, account) = account_with_data(&world);
    let place = (&account, "c", "x");
    world.kernel.close();
    copy(folder.path(), older.path());
    let mark = std::fs::read(folder.path().join("high-water")).unwrap();
    reopen(&mut world, folder.path());
    world.put(&import, place, "1").unwrap();
    world.kernel.close();
    let newer = std::fs::read(folder.path().join("high-water")).unwrap();
    // The same number of commits from the older copy, with something else in them.
    copy(older.path(), folder.path());
    std::fs::write(folder.path().join("high-water"), mark).unwrap();
    reopen(&mut world, folder.path());
    world.put(&import, place, "2").unwrap();
    world.kernel.close();
    std::fs::write(folder.path().join("high-water"), newer).unwrap();
    reopen(&mut world, folder.path());
    assert!(world.kernel.alarm().unwrap().contains("differs"));
    assert_eq!(kind(world.get(&import, place)), Kind::Unavailable);
}
