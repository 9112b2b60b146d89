//! Anchors: the head of every log, in a snapshot that the operator's log records.

use crate::support::{account_with_data, both, kind, kinds, newest, size, slot};
use kernel::engine::{DangerFaults, Memory};
use kernel::id::AccountId;
use kernel::{HOUSE, Kind};
use ledger::receipt::Anchor;
use ledger::verify::verify_anchor;
use std::sync::Arc;
use std::time::Duration;
use testkit::World;

/// The anchor of an account, which verifies.
fn anchor(world: &World, account: &AccountId) -> Anchor {
    let json = world.kernel.anchor(slot(world, account)).unwrap();
    let report = verify_anchor(&json, Some(&world.kernel.public_key()));
    assert!(report.ok(), "{report}");
    Anchor::from_json(&json).unwrap()
}

fn made(world: &World) -> usize {
    kinds(world, HOUSE).iter().filter(|kind| *kind == "anchor.made").count()
}

#[test]
fn after_a_tick_every_log_is_anchored_at_its_head() {
    both(1, |world| {
        let (import, one) = account_with_data(world);
        let two = world.account(&import, "Two").unwrap();
        assert_eq!(kind(world.kernel.anchor(slot(world, &one))), Kind::NotFound, "not yet");
        world.kernel.tick(&domain::run_job).unwrap();
        for account in [&one, &two] {
            let anchor = anchor(world, account);
            let head = world.kernel.head(slot(world, account)).unwrap();
            assert_eq!((anchor.slot, anchor.size), (head.account, head.size));
            let shown = anchor.entry.opening.unwrap().fields;
            let shown: Vec<_> = shown.keys().map(String::as_str).collect();
            assert_eq!(shown, ["snapshot"], "which other logs moved is nobody's business");
        }
        let before = anchor(world, &one);
        let three = world.account(&import, "Three").unwrap();
        world.put(&import, (&one, "c", "x"), "{}").unwrap();
        let same = anchor(world, &one);
        assert_eq!((same.size, same.root), (before.size, before.root), "the log moved on");
        assert_eq!((same.snapshot, same.entry.leaf), (before.snapshot, before.entry.leaf));
        assert_eq!(kind(world.kernel.anchor(slot(world, &three))), Kind::NotFound);
        world.kernel.tick(&domain::run_job).unwrap();
        assert_eq!(anchor(world, &one).size, before.size + 1);
        anchor(world, &three);
    });
}

#[test]
fn what_does_not_move_is_not_anchored_again() {
    both(2, |world| {
        account_with_data(world);
        for _ in 0..3 {
            world.kernel.tick(&domain::run_job).unwrap();
        }
        assert_eq!(made(world), 1);
        world.service("another");
        world.kernel.tick(&domain::run_job).unwrap();
        assert_eq!(made(world), 1, "`house` moves by each anchor and is no reason for one");
    });
}

#[test]
fn an_anchor_that_is_lost_shows_nothing_wrong_and_is_made_up_for() {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, 3);
    let (import, one) = account_with_data(&world);
    world.kernel.tick(&domain::run_job).unwrap();
    let before = anchor(&world, &one);
    world.put(&import, (&one, "c", "x"), "{}").unwrap();
    store.danger_faults(DangerFaults { lose: Some(0), ..DangerFaults::default() });
    assert_eq!(kind(world.kernel.tick(&domain::run_job)), Kind::Unavailable);
    // Not the new snapshot with the old entry: nothing, until there is one again.
    assert_eq!(kind(world.kernel.anchor(slot(&world, &one))), Kind::NotFound);
    world.kernel.tick(&domain::run_job).unwrap();
    assert_eq!(anchor(&world, &one).size, before.size + 1);
}

#[test]
fn after_a_restart_everything_is_anchored_anew() {
    let (store, mark) = (Memory::default(), Arc::default());
    let mut world = World::on(&store, &mark, 4);
    let (_, one) = account_with_data(&world);
    world.kernel.tick(&domain::run_job).unwrap();
    let before = anchor(&world, &one);
    world.kernel.close();
    world.kernel = World::reopen(&store, &mark, 99, Arc::clone(&world.clock)).unwrap();
    assert_eq!(kind(world.kernel.anchor(slot(&world, &one))), Kind::NotFound);
    world.kernel.tick(&domain::run_job).unwrap();
    let after = anchor(&world, &one);
    assert_eq!((after.size, after.root), (before.size, before.root));
}

#[test]
fn what_strangers_try_is_one_entry_per_source_and_minute() {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, 5);
    for (source, times) in [("192.0.2.1", 3), ("192.0.2.2", 1)] {
        (0..times).for_each(|_| world.kernel.count_stranger(source));
    }
    let house = size(&world, HOUSE);
    world.kernel.tick(&domain::run_job).unwrap();
    assert_eq!(size(&world, HOUSE), house, "the minute is not over");
    world.clock.advance(Duration::from_secs(60));
    store.danger_faults(DangerFaults { lose: Some(1), ..DangerFaults::default() });
    assert_eq!(kind(world.kernel.tick(&domain::run_job)), Kind::Unavailable);
    assert_eq!(size(&world, HOUSE), house + 1, "the first was recorded");
    world.kernel.tick(&domain::run_job).unwrap();
    world.kernel.tick(&domain::run_job).unwrap();
    assert_eq!(size(&world, HOUSE), house + 2, "and the second, once");
    let (kind_of, fields) = newest(&world, HOUSE);
    assert_eq!(kind_of, "access.unauthenticated");
    assert_eq!((fields["source"].as_str(), fields["count"].as_str()), ("192.0.2.2", "1"));
}
