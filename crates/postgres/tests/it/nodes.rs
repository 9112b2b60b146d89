//! Several nodes on one database.

use crate::support::{address, database};
use kernel::id::AccountId;
use kernel::{Clock as _, Kind, SystemClock};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use testkit::servers::postgres::Cluster;
use testkit::{Token, World};

/// A world with these further nodes.
fn nodes(cluster: &Cluster, further: usize) -> Vec<World> {
    named(cluster, further).0
}

/// As [`nodes`], with the database's name.
fn named(cluster: &Cluster, further: usize) -> (Vec<World>, String) {
    let name = database(cluster);
    let address = address(cluster, &name);
    let first = World::postgres(&address, 1);
    let mut all = vec![first];
    for nth in 0..further {
        let seed = 10 + u64::try_from(nth).unwrap();
        let node = all[0].node(&address, &format!("node-{nth}"), seed).unwrap();
        all.push(node);
    }
    (all, name)
}

/// An account with a collection, and the token of a service that may write and read there.
pub fn prepared(world: &World, name: &str) -> (AccountId, Token) {
    let opener = world.service(&format!("opener-{name}"));
    world.grant(&format!("service:opener-{name}"), "*", "*", &["open", "write", "read"]);
    let account = world.account(&opener, name).unwrap();
    world.collection(&opener, &account, "notes").unwrap();
    (account, opener)
}

#[test]
fn what_one_node_did_every_other_sees() {
    let Some(cluster) = Cluster::shared() else { return };
    let all = nodes(cluster, 2);
    let (account, token) = prepared(&all[0], "acme");
    // A token that the others have never seen, and a grant that was given a moment ago.
    for (nth, node) in all.iter().enumerate() {
        let body = format!("from {nth}");
        node.put(&token, (&account, "notes", "n1"), &body).unwrap();
        for other in &all {
            assert_eq!(other.get(&token, (&account, "notes", "n1")).unwrap(), body);
        }
    }
}

#[test]
fn a_right_that_ended_on_one_node_is_ended_on_all() {
    let Some(cluster) = Cluster::shared() else { return };
    let all = nodes(cluster, 3);
    let (account, writer) = prepared(&all[0], "acme");
    all[0].put(&writer, (&account, "notes", "n1"), "x").unwrap();
    for round in 0..8 {
        let name = format!("reader-{round}");
        let token = all[0].service(&name);
        let grant = all[0].grant(&format!("service:{name}"), "acme", "notes", &["read"]);
        let (ended, accepted) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for node in &all[1..] {
                let (ended, accepted, account, token) = (&ended, &accepted, &account, &token);
                scope.spawn(move || {
                    loop {
                        // Whatever begins after the end was answered must be refused.
                        let after = ended.load(Ordering::SeqCst);
                        match node.get(token, (account, "notes", "n1")) {
                            Ok(_) => {
                                assert!(!after, "read after the grant ended");
                                accepted.fetch_add(1, Ordering::SeqCst);
                            }
                            Err(error) => {
                                assert_eq!(error.kind(), Kind::NotFound, "{error:?}");
                                break;
                            }
                        }
                    }
                });
            }
            while accepted.load(Ordering::SeqCst) < 30 {
                std::thread::yield_now();
            }
            let end = domain::grants::EndGrant::new(&all[0].kernel, &grant).unwrap();
            all[0].run(&all[0].admin, end).unwrap();
            ended.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn nodes_that_write_to_the_same_accounts_share_one_history() {
    let Some(cluster) = Cluster::shared() else { return };
    let all = nodes(cluster, 3);
    let accounts: Vec<(AccountId, Token)> =
        (0..3).map(|nth| prepared(&all[0], &format!("account-{nth}"))).collect();
    let begun = SystemClock.now();
    let receipts = std::thread::scope(|scope| {
        let workers: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(nth, node)| {
                let accounts = &accounts;
                scope.spawn(move || {
                    let mut receipts = Vec::new();
                    while SystemClock.now().since(begun) < Duration::from_secs(3) {
                        for (account, token) in accounts {
                            let id = format!("r{}-{}", nth, receipts.len());
                            let done = node.put(token, (account, "notes", &id), "x").unwrap();
                            receipts.extend(done.receipts.into_iter().map(|one| (account, one)));
                        }
                        node.kernel.tick(&|_, _, _| Ok(())).unwrap();
                    }
                    receipts
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(receipts.len() > 100, "{}", receipts.len());
    let key = all[0].kernel.public_key();
    for (account, _) in &accounts {
        let of_this = receipts.iter().filter(|(of, _)| *of == account);
        let mut indexes: Vec<u64> = of_this
            .map(|(_, receipt)| {
                let report = ledger::verify::verify_receipt(receipt, Some(&key));
                assert!(report.ok(), "{report:?}");
                ledger::receipt::Receipt::from_json(receipt).unwrap().proof.index
            })
            .collect();
        indexes.sort_unstable();
        let first = indexes[0];
        let wanted: Vec<u64> = (first..).take(indexes.len()).collect();
        assert_eq!(indexes, wanted, "no gap, and none twice");
    }
}

#[test]
fn every_job_is_done_once() {
    let Some(cluster) = Cluster::shared() else { return };
    let (all, name) = named(cluster, 3);
    prepared(&all[0], "acme");
    for nth in 0..25 {
        let service = format!("s{nth}");
        all[0].service(&service);
        all[0].grant(&format!("service:{service}"), "acme", "notes", &["read"]);
    }
    let left = || cluster.run(&name, "select count(*) from bailee.jobs").parse::<u64>().unwrap();
    let jobs = left();
    assert!(jobs >= 25, "{jobs}");
    // Everything that was left is due.
    all[0].clock.advance(Duration::from_secs(400 * 86_400));
    let ran = std::sync::Mutex::new(std::collections::BTreeMap::<String, u64>::new());
    let begun = SystemClock.now();
    std::thread::scope(|scope| {
        for node in &all {
            let (ran, left) = (&ran, &left);
            scope.spawn(move || {
                while left() > 0 && SystemClock.now().since(begun) < Duration::from_secs(60) {
                    let run = |kernel: &kernel::Kernel, job: &kernel::Job, right: kernel::Ran| {
                        let what = format!("{} {} {:?}", job.kind, job.object, job.due);
                        let outcome = domain::run_job(kernel, job, right);
                        if job.kind != kernel::EVERY_TICK && outcome.is_ok() {
                            *ran.lock().unwrap().entry(what).or_default() += 1;
                        }
                        outcome
                    };
                    node.kernel.tick(&run).unwrap();
                }
            });
        }
    });
    assert_eq!(left(), 0, "all are done");
    let ran = ran.into_inner().unwrap();
    assert!(ran.len() >= 25, "{ran:?}");
    assert!(ran.values().all(|times| *times == 1), "{ran:?}");
}

#[test]
fn an_anchor_of_one_node_is_shown_by_another() {
    let Some(cluster) = Cluster::shared() else { return };
    let all = nodes(cluster, 1);
    let key = all[0].kernel.public_key();
    let (account, token) = prepared(&all[0], "acme");
    for round in 0..3 {
        // Whoever has the lease makes the anchor; the other moved the log.
        all[1].put(&token, (&account, "notes", "n1"), &format!("{round}")).unwrap();
        for node in &all {
            node.kernel.tick(&|_, _, _| Ok(())).unwrap();
        }
        assert_eq!(all.iter().filter(|node| node.kernel.turn().is_some()).count(), 1);
        let slot = all[0].kernel.slot(&account).unwrap();
        let size = all[0].kernel.head(slot).unwrap().size;
        for node in &all {
            let anchor = node.kernel.anchor(slot).unwrap();
            let report = ledger::verify::verify_anchor(&anchor, Some(&key));
            assert!(report.ok(), "{report:?}");
            let anchor = ledger::receipt::Anchor::from_json(&anchor).unwrap();
            assert_eq!(anchor.size, size, "round {round}");
        }
    }
}

#[test]
fn a_node_with_the_root_key_alone_signs_once_another_vouched() {
    let Some(cluster) = Cluster::shared() else { return };
    let (all, name) = named(cluster, 0);
    let (account, token) = prepared(&all[0], "acme");
    all[0].put(&token, (&account, "notes", "n1"), "x").unwrap();
    let address = address(cluster, &name);
    let new = all[0].new_node(&address, "new", 9).unwrap();
    new.kernel.keep_up().unwrap();
    let slot = new.kernel.slot(&account).unwrap();
    for refused in [
        new.get(&token, (&account, "notes", "n1")).unwrap_err(),
        new.kernel.checkpoint(slot).unwrap_err(),
    ] {
        assert_eq!(refused.kind(), Kind::Unavailable);
        assert!(refused.message().contains("bailee accept"), "{refused:?}");
    }
    all[0].kernel.keep_up().unwrap();
    new.kernel.keep_up().unwrap();
    assert_eq!(new.get(&token, (&account, "notes", "n1")).unwrap(), "x");
    new.kernel.checkpoint(slot).unwrap();
    // It vouches for the next one itself.
    let third = new.new_node(&address, "third", 10).unwrap();
    third.kernel.keep_up().unwrap();
    new.kernel.keep_up().unwrap();
    third.kernel.keep_up().unwrap();
    third.put(&token, (&account, "notes", "n2"), "y").unwrap();
}

#[test]
fn without_another_node_an_administrator_says_that_the_store_is_the_newest() {
    let Some(cluster) = Cluster::shared() else { return };
    let (mut all, name) = named(cluster, 0);
    let (account, token) = prepared(&all[0], "acme");
    let address = address(cluster, &name);
    let new = all[0].new_node(&address, "new", 9).unwrap();
    new.kernel.keep_up().unwrap();
    assert!(new.kernel.alarm().is_some());
    new.kernel.close();
    let mark = std::sync::Arc::default();
    let accept = || {
        let mut engine = postgres::Postgres::open(address.clone(), "order".to_owned()).unwrap();
        kernel::accept(
            &mut engine,
            World::root(),
            &mut kernel::highwater::HighWater::Memory(std::sync::Arc::clone(&mark)),
            &*new.clock,
            &mut sealing::DangerSeededEntropy::from_number(5),
            domain::interpret,
            "the disk of the other node is gone",
        )
    };
    let refused = accept().unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.message().contains("other nodes work on this store"), "{refused:?}");
    drop(all.pop());
    cluster.run(&name, "update bailee.nodes set seen = now() - interval '1 min'");
    let sequence = accept().unwrap();
    assert_eq!(mark.lock().unwrap().unwrap().sequence, sequence);
    let told = new.kernel.told(kernel::HOUSE, 0, 1000).unwrap();
    let order = told.iter().find(|entry| entry.kind == "store.accepted").unwrap();
    assert_eq!(order.field("reason"), Some("the disk of the other node is gone"));
    let again = new.node(&address, "again", 11).unwrap();
    again.put(&token, (&account, "notes", "n1"), "x").unwrap();
}

#[test]
fn a_database_that_lost_commits_is_not_signed() {
    let Some(cluster) = Cluster::shared() else { return };
    let (all, name) = named(cluster, 0);
    let (account, token) = prepared(&all[0], "acme");
    cluster.run(
        "postgres",
        &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"),
    );
    cluster.run("postgres", &format!("create database {name}_old template {name} owner {name}"));
    all[0].put(&token, (&account, "notes", "n1"), "x").unwrap();
    // What was there before takes the place of what is there, as after a fail-over that lost
    // commits.
    let rename = |from: &str, to: &str| {
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = ";
        cluster.run("postgres", &format!("{end}'{from}'"));
        cluster.run("postgres", &format!("alter database {from} rename to {to}"));
    };
    rename(&name, &format!("{name}_new"));
    rename(&format!("{name}_old"), &name);
    let refused = all[0].get(&token, (&account, "notes", "n1")).unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable);
    let slot = all[0].kernel.slot(&account).unwrap();
    assert_eq!(all[0].kernel.checkpoint(slot).unwrap_err().kind(), Kind::Unavailable);
    let why = all[0].kernel.alarm().unwrap();
    assert!(why.contains("lost commit"), "{why}");
}
