//! Measures nodes before one PostgreSQL, without the network of callers: receipts per second of
//! one, two and three kernels of this process, each with lanes, connections and rights of its own.
//!
//! `nodes URL [SECONDS]`: the database must be empty. Prints one JSON object per line, as `inside`
//! does.

#![expect(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has to stop")]

use domain::data::{Condition, CreateCollection, GetRecord, Place, PutRecord};
use kernel::id::{AccountId, RecordId};
use postgres::Address;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use testkit::World;

/// Accounts that are written to.
const ACCOUNTS: usize = 1000;

/// Operations under way at each node.
const FLYING: usize = 256;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("an address");
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5.0);
    let span = Duration::from_secs_f64(seconds);
    let address = Address::parse(&url).expect("an address");
    let first = World::postgres(&address, 1);
    let token = first.service("load");
    first.grant("service:load", "*", "*", &["read", "write", "open"]);
    let ids = accounts(&first, &token);
    let further = ["second", "third"].map(|name| first.node(&address, name, 7).expect("a node"));
    let [second, third] = &further;
    let all = [&first, second, third];
    for count in 1..=all.len() {
        let nodes = all.get(..count).unwrap_or_default();
        for (what, put) in [("put 1 KiB", true), ("get 1 KiB", false)] {
            let (rate, p50, p99) = together(nodes, &token, &ids, span, put);
            let more = format!("{count} nodes, {ACCOUNTS} accounts, {FLYING} in flight at each");
            say(&format!("PostgreSQL: {what}"), rate, "1/s", &more);
            say(&format!("PostgreSQL: {what}: p50"), p50, "ms", &more);
            say(&format!("PostgreSQL: {what}: p99"), p99, "ms", &more);
        }
    }
}

fn say(what: &str, value: f64, unit: &str, more: &str) {
    println!(
        "{{\"what\":\"{what}\",\"value\":{value:.1},\"unit\":\"{unit}\",\"more\":\"{more}\"}}"
    );
}

/// Accounts with a collection each, made together.
fn accounts(world: &World, token: &str) -> Vec<AccountId> {
    let names: Vec<String> = (0..ACCOUNTS).map(|nth| format!("account {nth}")).collect();
    let asked = world.asked(token).expect("known");
    let (sender, receiver) = mpsc::channel();
    for name in &names {
        let create = domain::accounts::CreateAccount::new(&world.kernel, None, name);
        let sender = sender.clone();
        world.kernel.submit(asked.clone(), create.expect("an account"), move |done| {
            sender.send(done.expect("an account").output.id).expect("a receiver");
        });
    }
    let made = names.iter().map(|_| receiver.recv().expect("an answer"));
    let ids: Vec<AccountId> =
        made.map(|id| AccountId::parse(&id).expect("an id of an account")).collect();
    let (sender, receiver) = mpsc::channel();
    for id in &ids {
        let sender = sender.clone();
        let create = CreateCollection::new(world.place(id, "bench"));
        world.kernel.submit(asked.clone(), create, move |done| {
            sender.send(done.is_ok()).expect("a receiver");
        });
    }
    assert!(ids.iter().all(|_| receiver.recv().expect("an answer")));
    ids
}

/// All nodes at once: operations per second, and how long they took.
fn together(
    nodes: &[&World],
    token: &str,
    ids: &[AccountId],
    span: Duration,
    put: bool,
) -> (f64, f64, f64) {
    let begun = Instant::now();
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            nodes.iter().map(|node| scope.spawn(|| load(node, token, ids, span, put))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    });
    let rate = took.len() as f64 / begun.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: f64| {
        let nth = (took.len() as f64 * share) as usize;
        took.get(nth.min(took.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64) * 1e3
    };
    (rate, at(0.5), at(0.99))
}

fn load(world: &World, token: &str, ids: &[AccountId], span: Duration, put: bool) -> Vec<Duration> {
    let asked = world.asked(token).expect("known");
    let body = format!("{{\"v\":\"{}\"}}", "x".repeat(1016)).into_bytes();
    let places: Vec<Place> = ids.iter().map(|id| world.place(id, "bench")).collect();
    let (sender, receiver) = mpsc::channel();
    let (begun, mut took) = (Instant::now(), Vec::new());
    let (mut nth, mut flying) = (0_usize, 0);
    while begun.elapsed() < span || flying > 0 {
        if flying == FLYING || begun.elapsed() >= span {
            took.push(receiver.recv().expect("an answer"));
            flying -= 1;
            continue;
        }
        let (sender, from) = (sender.clone(), Instant::now());
        let place = places.get(nth % places.len()).expect("one").clone();
        let record = RecordId::parse(&format!("r{}", nth / places.len() % 4)).expect("an id");
        let none = Condition::None;
        if put {
            let put = PutRecord::new(&world.kernel, place, &record, body.clone(), none);
            world.kernel.submit(asked.clone(), put.expect("a put"), move |answer| {
                assert!(answer.is_ok(), "{:?}", answer.err());
                sender.send(from.elapsed()).expect("a receiver");
            });
        } else {
            let get = GetRecord::new(&world.kernel, place, &record, None, none);
            world.kernel.submit(asked.clone(), get.expect("a get"), move |answer| {
                assert!(answer.is_ok(), "{:?}", answer.err());
                sender.send(from.elapsed()).expect("a receiver");
            });
        }
        (nth, flying) = (nth + 1, flying + 1);
    }
    took
}
