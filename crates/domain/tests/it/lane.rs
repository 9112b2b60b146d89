//! What happens between asking and answering: rights that change in the queue, commits whose
//! outcome is unknown, refusals.

use crate::support::{
    account_with_data, both, keyed, kind, kinds, newest, record, run_as, size, slot,
};
use domain::data::{
    Condition, DeleteRecord, GetRecord, Got, History, ListRecords, Listed, PutRecord,
};
use domain::grants::EndGrant;
use domain::register::Page;
use domain::services::EndService;
use kernel::engine::{DangerFaults, Engine, Memory};
use kernel::id::AccountId;
use kernel::{Done, HOUSE, Kind, Operation, Result};
use ledger::entry::Leaf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use testkit::World;

/// Asks without waiting.
fn submit<O: Operation>(world: &World, token: &str, operation: O) -> Receiver<Result<O::Output>> {
    let (sender, receiver) = channel();
    world.kernel.submit(world.asked(token).unwrap(), operation, move |answer| {
        sender.send(answer.map(|done| done.output)).unwrap();
    });
    receiver
}

fn get(world: &World, account: &AccountId) -> GetRecord {
    let place = world.place(account, "c");
    GetRecord::new(&world.kernel, place, &record("x"), None, Condition::None).unwrap()
}

fn put(world: &World, account: &AccountId, body: &str) -> PutRecord {
    let (place, body) = (world.place(account, "c"), body.as_bytes().to_vec());
    PutRecord::new(&world.kernel, place, &record("x"), body, Condition::None).unwrap()
}

/// Kind and asked action of every entry of the store, in the order of commits.
fn in_order(store: &Memory) -> Vec<String> {
    let reader = store.reader();
    let rows = (1..).map_while(|row| reader.entry_at(row).unwrap());
    rows.map(|row| Leaf::parse(&row.leaf).unwrap().kind).collect()
}

const EACH: usize = 150;

/// Reads, then what ends the right to read, then reads again: all of it asked for without waiting.
///
/// The callers of the last reads were all let in before: what counts is when a read is done.
fn ends_in_the_queue<O: Operation>(seed: u64, wait: bool, end: impl FnOnce(&World, &str) -> O) {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, seed);
    let (import, account) = account_with_data(&world);
    world.put(&import, (&account, "c", "x"), "{}").unwrap();
    let reader = world.service("reader");
    let grant = world.grant("service:reader", "one", "*", &["read"]);
    let started = in_order(&store).len();
    let inside = world.asked(&reader).unwrap();
    let ask = || -> Vec<Receiver<Result<Got>>> {
        let one = |_| {
            let (sender, receiver) = channel();
            world.kernel.submit(inside.clone(), get(&world, &account), move |answer| {
                sender.send(answer.map(|done| done.output)).unwrap();
            });
            receiver
        };
        (0..EACH).map(one).collect()
    };
    let before = ask();
    let ended = submit(&world, &world.admin, end(&world, &grant));
    let ended = if wait { Some(ended.recv().unwrap().map(|_| ())) } else { None };
    let after = ask();
    assert!(ended.is_none_or(|ended| ended.is_ok()));
    for answer in before {
        assert!(matches!(answer.recv().unwrap(), Ok(Got::Shown(_))), "asked before the end");
    }
    let mut refused = 0;
    for answer in after {
        let kind = kind(answer.recv().unwrap());
        assert!(matches!(kind, Kind::NotFound | Kind::Unauthenticated), "{kind:?}");
        refused += usize::from(kind == Kind::NotFound);
    }
    let seen = in_order(&store).split_off(started);
    let end = seen.iter().position(|kind| kind.ends_with(".end")).unwrap();
    assert_eq!(end, EACH, "every read before it");
    assert!(seen[..end].iter().all(|kind| kind == "record.get"));
    assert!(seen[end + 1..].iter().all(|kind| kind == "access.refused"), "none after it");
    let house = kinds(&world, HOUSE);
    let recorded = house.iter().filter(|kind| *kind == "access.refused").count();
    assert_eq!(recorded, refused, "each refusal of somebody known is recorded");
}

#[test]
fn a_grant_that_ends_in_the_queue_counts_for_whatever_comes_after_it() {
    for wait in [true, false] {
        ends_in_the_queue(1, wait, |world, id| EndGrant::new(&world.kernel, id).unwrap());
    }
}

#[test]
fn a_service_that_ends_in_the_queue_does_nothing_more() {
    for wait in [true, false] {
        ends_in_the_queue(3, wait, |world, _| {
            EndService::new(&world.kernel, &crate::support::name("reader")).unwrap()
        });
    }
}

#[test]
fn many_writes_at_once_are_numbered_without_a_gap() {
    both(4, |world| {
        let (import, account) = account_with_data(world);
        let before = size(world, slot(world, &account));
        let answers: Vec<_> = (0..400)
            .map(|n| submit(world, &import, put(world, &account, &n.to_string())))
            .collect();
        for (answer, version) in answers.into_iter().zip(1..) {
            let written = answer.recv().unwrap().unwrap();
            assert_eq!((written.version, written.created), (version, version == 1));
        }
        assert_eq!(size(world, slot(world, &account)), before + 400);
        let place = world.place(&account, "c");
        let history = History::new(&world.kernel, place, &record("x")).unwrap();
        let versions = world.run(&import, history).unwrap().output;
        let bodies = versions.iter().rev().map(|one| String::from_utf8(one.body.clone()).unwrap());
        assert!(bodies.eq((0..400).map(|n: i32| n.to_string())), "each version its own body");
    });
}

#[test]
fn a_list_shows_what_was_done_before_it_and_nothing_else() {
    both(12, |world| {
        let (import, account) = account_with_data(world);
        let place = || world.place(&account, "c");
        let write = |n: u64, body: &str| {
            let (id, body) = (record(&format!("r{n}")), body.as_bytes().to_vec());
            let put = PutRecord::new(&world.kernel, place(), &id, body, Condition::None);
            submit(world, &import, put.unwrap())
        };
        let list = |limit| {
            let list = ListRecords::new(&world.kernel, place(), limit, None, true).unwrap();
            submit(world, &import, list)
        };
        let mut answers = Vec::new();
        for n in 0..40 {
            let made = (write(n, "new"), list(1000));
            let changed = (write(n, "changed"), list(7));
            let id = record(&format!("r{n}"));
            let delete = DeleteRecord::new(&world.kernel, place(), &id, Condition::None);
            let gone = (n % 4 == 3).then(|| submit(world, &import, delete.unwrap()));
            answers.push((made, changed, gone, list(1000)));
        }
        let mut expected: Vec<(String, String)> = Vec::new();
        for (n, (made, changed, gone, last)) in answers.into_iter().enumerate() {
            let check = |list: Receiver<Result<Page<Listed>>>, expected: &[(String, String)]| {
                let page = list.recv().unwrap().unwrap();
                let items = page.items.into_iter().map(|one| one.version);
                let items = items
                    .map(|one| (one.header.id, String::from_utf8(one.body).unwrap()))
                    .collect::<Vec<_>>();
                assert_eq!(items, expected, "after {n}");
            };
            made.0.recv().unwrap().unwrap();
            expected.push((format!("r{n}"), "new".to_owned()));
            check(made.1, &expected);
            changed.0.recv().unwrap().unwrap();
            expected.last_mut().unwrap().1 = "changed".to_owned();
            // A page of seven, of which those that are deleted are left out.
            let first = (0..=n).take(7).filter(|m| m % 4 != 3 || *m == n).count();
            check(changed.1, &expected[..first]);
            if let Some(gone) = gone {
                gone.recv().unwrap().unwrap();
                expected.pop();
            }
            check(last, &expected);
        }
    });
}

#[test]
fn one_that_fails_in_a_batch_does_not_take_others_with_it() {
    both(5, |world| {
        let (import, account) = account_with_data(world);
        let place = || world.place(&account, "c");
        let answers: Vec<_> = (0..60)
            .map(|n| {
                // Every third demands a version that is not there.
                let condition = match n % 3 {
                    2 => Condition::Match(vec![1_000_000]),
                    _ => Condition::None,
                };
                let (id, body) = (record("x"), b"{}".to_vec());
                let put = PutRecord::new(&world.kernel, place(), &id, body, condition).unwrap();
                (n, submit(world, &import, put))
            })
            .collect();
        let mut version = 0;
        for (n, answer) in answers {
            match answer.recv().unwrap() {
                Ok(written) => {
                    version += 1;
                    assert_eq!(written.version, version);
                }
                Err(error) => assert_eq!((n % 3, error.kind()), (2, Kind::Conflict)),
            }
        }
        assert_eq!(version, 40);
    });
}

/// A put with a key.
fn once(world: &World, token: &str, account: &AccountId) -> Result<Done<domain::data::Put>> {
    run_as(world, token, put(world, account, "1"), keyed("once", 1))
}

#[test]
fn a_commit_that_was_kept_and_reported_as_failed_counts_once() {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, 6);
    let (import, account) = account_with_data(&world);
    store.danger_faults(DangerFaults { keep_silently: Some(0), ..DangerFaults::default() });
    let first = once(&world, &import, &account).unwrap();
    assert!(!first.replayed, "the lane found out that it was kept");
    let again = once(&world, &import, &account).unwrap();
    assert_eq!((again.replayed, again.output), (true, first.output));
}

#[test]
fn a_commit_that_nobody_can_see_stops_everything_and_counts_once() {
    let (store, mark) = (Memory::default(), Arc::default());
    let mut world = World::on(&store, &mark, 7);
    let (import, account) = account_with_data(&world);
    let before = size(&world, slot(&world, &account));
    let faults = DangerFaults { keep_silently: Some(0), blind: 2, ..DangerFaults::default() };
    store.danger_faults(faults);
    for _ in 0..2 {
        assert_eq!(kind(once(&world, &import, &account)), Kind::Unavailable, "nobody can see");
    }
    assert_eq!(world.kernel.alarm(), None);
    assert_eq!(kind(once(&world, &import, &account)), Kind::Unavailable, "now it is seen");
    assert!(world.kernel.alarm().unwrap().contains("start the server again"));
    assert_eq!(kind(world.get(&import, (&account, "c", "x"))), Kind::Unavailable);
    world.kernel.close();
    world.kernel = World::reopen(&store, &mark, 99, Arc::clone(&world.clock)).unwrap();
    assert_eq!(world.kernel.alarm(), None);
    let again = once(&world, &import, &account).unwrap();
    assert!(again.replayed);
    assert_eq!((again.output.version, again.output.created), (1, true));
    assert_eq!(size(&world, slot(&world, &account)), before + 1, "done once");
}

#[test]
fn a_commit_that_was_lost_out_of_sight_can_be_tried_again() {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, 8);
    let (import, account) = account_with_data(&world);
    store.danger_faults(DangerFaults { lose: Some(0), blind: 1, ..DangerFaults::default() });
    assert_eq!(kind(once(&world, &import, &account)), Kind::Unavailable);
    let done = once(&world, &import, &account).unwrap();
    assert_eq!((done.replayed, done.output.version), (false, 1));
    assert_eq!(world.kernel.alarm(), None);
}

#[test]
fn a_refusal_is_recorded_each_time_and_never_remembered() {
    both(9, |world| {
        let (import, account) = account_with_data(world);
        let place = (&account, "c", "x");
        world.put(&import, place, "{}").unwrap();
        let support = world.person("sue", &["support"]);
        let house = size(world, HOUSE);
        for times in 1..=2 {
            let refused = run_as(world, &support, put(world, &account, "2"), keyed("k", 1));
            assert_eq!(kind(refused), Kind::Forbidden, "with the same key as well");
            assert_eq!(size(world, HOUSE), house + times);
        }
        let (kind_of, fields) = newest(world, HOUSE);
        assert_eq!((kind_of.as_str(), fields["actor"].as_str()), ("access.refused", "person:sue"));
        assert_eq!((fields["asked"].as_str(), fields["collection"].as_str()), ("record.put", "c"));
        // The subscriber's own log is told too, but cannot be filled from outside.
        let log = slot(world, &account);
        for _ in 0..20 {
            assert_eq!(kind(world.get(&support, place)), Kind::Forbidden);
        }
        let told = kinds(world, log).iter().filter(|kind| *kind == "access.refused").count();
        assert_eq!(told, 10, "ten a minute");
        assert_eq!(size(world, HOUSE), house + 22, "all of them are in the operator's");
    });
}

#[test]
fn a_refusal_that_cannot_be_recorded_is_not_answered_as_one() {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, 10);
    let (_, account) = account_with_data(&world);
    let place = (&account, "c", "x");
    store.danger_faults(DangerFaults { lose: Some(0), ..DangerFaults::default() });
    assert_eq!(kind(world.get(&world.admin, place)), Kind::Unavailable);
    assert_eq!(kind(world.get(&world.admin, place)), Kind::Forbidden);
}

#[test]
fn after_the_end_nothing_is_taken() {
    both(11, |world| {
        let (import, account) = account_with_data(world);
        let waiting: Vec<_> =
            (0..50).map(|_| submit(world, &import, put(world, &account, "1"))).collect();
        world.kernel.close();
        for answer in waiting {
            answer.recv().unwrap().unwrap();
        }
        let late = world.kernel.run(world.asked(&import).unwrap(), put(world, &account, "2"));
        assert_eq!(kind(late), Kind::Unavailable);
    });
}
