//! A leader is lost under load: what was acknowledged is there, and no second history begins.

use crate::nodes::prepared;
use kernel::id::AccountId;
use kernel::{Clock as _, Kind, Moment, SystemClock};
use ledger::checkpoint::Checkpoint;
use ledger::note::VerifierKey;
use ledger::receipt::Receipt;
use postgres::Address;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::servers::patroni::Patroni;
use testkit::{Token, World};

/// What was acknowledged: when, and the receipt.
type Acknowledged = Vec<(Moment, String)>;

/// Writes through a node until it is told to stop. What is refused was refused for a while.
fn write(node: &World, nth: usize, place: (&AccountId, &Token), stop: &AtomicBool) -> Acknowledged {
    let (account, token) = place;
    let mut acknowledged = Vec::new();
    let mut tried = 0;
    while !stop.load(Ordering::SeqCst) {
        tried += 1;
        let id = format!("r{nth}-{tried}");
        match node.put(token, (account, "notes", &id), "x") {
            Ok(done) => {
                let now = SystemClock.now();
                acknowledged.extend(done.receipts.into_iter().map(|receipt| (now, receipt)));
            }
            Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{error:?}"),
        }
    }
    acknowledged
}

/// The signed head of an account at this node, as often as it gives one: it never goes back.
fn heads(node: &World, slot: u64, vkey: &VerifierKey, stop: &AtomicBool) -> u64 {
    let mut last = Checkpoint::open(&node.kernel.checkpoint(slot).unwrap(), vkey).unwrap();
    while !stop.load(Ordering::SeqCst) {
        let Ok(note) = node.kernel.checkpoint(slot) else { continue };
        let head = Checkpoint::open(&note, vkey).unwrap();
        assert!(head.size >= last.size, "{} after {}", head.size, last.size);
        if head.size == last.size {
            assert_eq!(head.root, last.root, "two heads of one size");
        }
        last = head;
    }
    last.size
}

#[test]
fn a_leader_killed_under_load_loses_nothing_that_was_acknowledged() {
    let Some(rig) = Patroni::start(3) else { return };
    let leader = rig.leader();
    rig.run(leader, "postgres", "create role bailee login password 'secret'");
    rig.run(leader, "postgres", "create database bailee owner bailee");
    rig.wait_synchronous();
    let url = rig.url("bailee", "secret", "bailee", "verify-full");
    let address = Address::parse(&url).unwrap();
    let first = World::postgres(&address, 1);
    let second = first.node(&address, "second", 2).unwrap();
    let all = [&first, &second];
    let (account, token) = prepared(&first, "acme");
    let slot = first.kernel.slot(&account).unwrap();
    let key = first.kernel.public_key();
    let origin = first.kernel.identity().origin(slot);
    let vkey = VerifierKey::new(&origin, key).unwrap();
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let mut quiet = Vec::new();
    std::thread::scope(|scope| {
        for (nth, node) in all.into_iter().enumerate() {
            let (account, token, stop, acknowledged) = (&account, &token, &stop, &acknowledged);
            scope.spawn(move || {
                let own = write(node, nth, (account, token), stop);
                acknowledged.lock().unwrap().extend(own);
            });
        }
        let watched = scope.spawn(|| heads(&second, slot, &vkey, &stop));
        for lose in [Patroni::kill_leader, Patroni::switchover] {
            rig.wait_synchronous();
            grows(&first, slot, 20);
            let begun = SystemClock.now();
            let machine = lose(&rig);
            grows(&first, slot, 20);
            quiet.push((machine, begun, SystemClock.now()));
            rig.start_machine(machine);
            rig.wait_followers(2);
        }
        stop.store(true, Ordering::SeqCst);
        assert!(watched.join().unwrap() > 0);
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    without_writes(&acknowledged, &quiet);
    for (_, receipt) in &acknowledged {
        let report = ledger::verify::verify_receipt(receipt, Some(&key));
        assert!(report.ok(), "{report:?}");
        let receipt = Receipt::from_json(receipt).unwrap();
        let stored = first.kernel.entries(slot, receipt.proof.index, 1, false).unwrap();
        assert_eq!(stored[0].leaf, receipt.leaf, "entry {} is another", receipt.proof.index);
    }
    for node in all {
        assert_eq!(node.kernel.alarm(), None);
        let told = node.kernel.told(slot, 0, u64::from(u32::MAX)).unwrap();
        assert!(told.iter().enumerate().all(|(nth, entry)| Ok(entry.index) == u64::try_from(nth)));
    }
}

/// Waits until the log of an account has so many entries more.
fn grows(node: &World, slot: u64, more: u64) {
    let size = || node.kernel.head(slot).map(|head| head.size);
    let begun = SystemClock.now();
    let mut from = None;
    loop {
        assert!(SystemClock.now().since(begun).as_secs() < 120, "nothing is written any more");
        let Ok(size) = size() else { continue };
        let from = *from.get_or_insert(size);
        if size >= from + more {
            return;
        }
    }
}

/// Says how long nothing was acknowledged around each loss.
fn without_writes(acknowledged: &Acknowledged, losses: &[(usize, Moment, Moment)]) {
    let mut moments: Vec<Moment> = acknowledged.iter().map(|(at, _)| *at).collect();
    moments.sort_unstable();
    for (machine, from, to) in losses {
        let within = moments.iter().filter(|at| *from <= **at && **at <= *to);
        let points: Vec<Moment> = [*from].into_iter().chain(within.copied()).chain([*to]).collect();
        let longest = points.windows(2).map(|pair| pair[1].since(pair[0])).max().unwrap();
        eprintln!("machine {machine} was lost: {:.1} s without writes", longest.as_secs_f64());
    }
}
