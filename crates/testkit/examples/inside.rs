//! Measures the inside, without network: the lane over SQLite, the ledger's rates, decisions.
//!
//! Prints one JSON object per line: `{"what", "value", "unit", "more"}`. `cargo xtask bench` runs
//! it and makes the table; seconds per measurement are the first argument.

#![expect(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has to stop")]

use domain::data::{Condition, GetRecord, PutRecord};
use kernel::engine::Sqlite;
use kernel::highwater::HighWater;
use kernel::id::{AccountId, Collection, RecordId};
use kernel::{Asked, Kernel, Parts, SystemClock};
use sealing::{RootKey, SystemEntropy};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2.0);
    let span = Duration::from_secs_f64(seconds);
    ledger_rates(span);
    for accounts in [1, 1000] {
        lane(accounts, span);
    }
    start_up(span);
}

fn say(what: &str, value: f64, unit: &str, more: &str) {
    println!(
        "{{\"what\":\"{what}\",\"value\":{value:.1},\"unit\":\"{unit}\",\"more\":\"{more}\"}}"
    );
}

/// How often `work` runs in a second, in batches that do `each` things.
fn rate(span: Duration, each: u64, mut work: impl FnMut()) -> f64 {
    work();
    let start = Instant::now();
    let mut done = 0_u64;
    while start.elapsed() < span {
        work();
        done += each;
    }
    done as f64 / start.elapsed().as_secs_f64()
}

fn ledger_rates(span: Duration) {
    use ledger::entry::Draft;
    use ledger::tree::{Batch, Frontier, leaf_hash, verify_inclusion};
    let seed = [7; 32];
    let fields = [
        ("actor", "service:import"),
        ("credential", "00112233aabbccdd"),
        ("grant", "grant_0123456789abcdef0123456789abcdef#12"),
        ("object", "complaints/12345"),
        ("policies", "data-write"),
        ("purpose", "support case"),
        ("request", "r-abcdef-12345"),
        ("version", "3"),
    ];
    let draft = |index| Draft {
        log: "northwind-desk/01234567/12",
        index,
        time: 1_795_356_131_000_000,
        kind: "record.put",
        state: Some([9; 32]),
        prev: None,
        seed: &seed,
        fields: &fields,
    };
    say("leaf with 8 commitments", rate(span, 1, || _ = draft(5).leaf()), "1/s", "one core");
    let leaf = draft(5).leaf();
    let mut frontier = Frontier::new();
    (0..1_000_003_u64).for_each(|n| frontier.push(leaf_hash(&n.to_be_bytes())));
    let append = rate(span, 64, || {
        let mut batch = Batch::new(frontier.clone());
        (0..64_u64).for_each(|_| _ = batch.push(leaf_hash(&leaf)));
        std::hint::black_box(batch.root());
    });
    say("append, batches of 64 at a million entries", append, "1/s", "one core");
    let mut batch = Batch::new(frontier);
    let first = batch.push(leaf_hash(&leaf));
    (1..64_u64).for_each(|_| _ = batch.push(leaf_hash(&leaf)));
    say("inclusion proof", rate(span, 1, || _ = batch.prove(first)), "1/s", "one core");
    let (proof, root, size) = (batch.prove(first).expect("in it"), batch.root(), batch.size());
    let check = rate(span, 1, || {
        let ok = verify_inclusion(&leaf_hash(&leaf), first, size, &proof, &root);
        assert!(std::hint::black_box(ok).is_ok());
    });
    say("proof checked", check, "1/s", "one core, at a million entries");
}

fn open(folder: &Path) -> Kernel {
    Kernel::open(Parts {
        engines: vec![Box::new(Sqlite::open(&folder.join("bailee.db")).expect("a store"))],
        root: RootKey::from_bytes([7; 32]),
        high_water: HighWater::file(&folder.join("high-water")).expect("a file"),
        clock: Arc::new(SystemClock),
        entropy: Box::new(SystemEntropy),
        policies: domain::policies().expect("policies"),
        rights: domain::RIGHTS,
        interpret: domain::interpret,
    })
    .expect("a kernel")
}

/// A store with a service that may do everything, and accounts with a collection each.
fn world(folder: &Path, accounts: usize) -> (Kernel, Asked, Vec<AccountId>) {
    let now = kernel::Clock::now(&SystemClock);
    let (name, body, admin) =
        domain::people::first_administrator([5; 40], now).expect("an administrator");
    let mut engine = Sqlite::create(&folder.join("bailee.db")).expect("a store");
    let mut mark = HighWater::file(&folder.join("high-water")).expect("a file");
    kernel::found(
        &mut engine,
        RootKey::from_bytes([7; 32]),
        &mut mark,
        &SystemClock,
        &mut SystemEntropy,
        domain::interpret,
        "bench",
        vec![("people", name, body)],
    )
    .expect("founded");
    drop((engine, mark));
    let kernel = open(folder);
    let ask = |token: &str| testkit::asked_by(kernel.identify(token).expect("known"));
    let create = domain::services::CreateService::new(&kernel, "load", None).expect("a service");
    let service = kernel.run(ask(&admin), create).expect("a service").output.token;
    let wish = domain::grants::Wish {
        to: "service:load".to_owned(),
        account: "*".to_owned(),
        collections: vec!["*".to_owned()],
        verbs: vec!["read".into(), "write".into(), "open".into()],
        purpose: "measuring".to_owned(),
        window: Duration::from_secs(8 * 3600),
    };
    let grant = domain::grants::CreateGrant::new(&kernel, wish, [1; 16]).expect("a grant");
    kernel.run(ask(&admin), grant).expect("a grant");
    let asked = ask(&service);
    let (sender, receiver) = mpsc::channel();
    let ids: Vec<_> = (0..accounts).map(|n| format!("account {n}")).collect();
    for chunk in ids.chunks(1000) {
        for name in chunk {
            let create =
                domain::accounts::CreateAccount::new(&kernel, None, name).expect("an account");
            let sender = sender.clone();
            kernel.submit(asked.clone(), create, move |done| {
                sender.send(done.expect("an account").output.id).expect("a receiver");
            });
        }
        for _ in chunk {
            receiver.recv().expect("an answer");
        }
    }
    let ids = ids.iter().map(|name| AccountId::from_name(name).expect("an id")).collect();
    (kernel, asked, ids)
}

fn lane(accounts: usize, span: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let (kernel, asked, ids) = world(folder.path(), accounts);
    let collection = Collection::parse("bench").expect("a name");
    let place = |id: &AccountId| {
        domain::data::Place::new(&kernel, id, collection.clone()).expect("a place")
    };
    for id in &ids {
        let create = domain::data::CreateCollection::new(place(id));
        kernel.run(asked.clone(), create).expect("a collection");
    }
    let body = format!("{{\"v\":\"{}\"}}", "x".repeat(1016)).into_bytes();
    let put = |n: usize| {
        let record = RecordId::parse(&format!("r{}", n % 1000)).expect("an id");
        let at = place(ids.get(n % ids.len()).expect("one"));
        PutRecord::new(&kernel, at, &record, body.clone(), Condition::None).expect("a put")
    };
    let wal = || std::fs::metadata(folder.path().join("bailee.db-wal")).map_or(0, |m| m.len());
    // One batch of 64, for the bytes it writes ahead.
    let before = wal();
    keep_flying(64, 64, |n, done| kernel.submit(asked.clone(), put(n), move |_| done()));
    let grown = wal().saturating_sub(before);
    let more = format!("{accounts} accounts, first 64 puts");
    say("write-ahead bytes per put", grown as f64 / 64.0, "B", &more);
    let more = format!("{accounts} accounts, 64 in flight");
    let puts = for_a_while(span, 64, |n, done| {
        kernel.submit(asked.clone(), put(n), move |answer| {
            assert!(answer.is_ok());
            done();
        });
    });
    say("lane: put 1 KiB", puts, "1/s", &more);
    let get = |n: usize| {
        let record = RecordId::parse(&format!("r{}", n % 64)).expect("an id");
        let at = place(ids.get(n % 64 % ids.len()).expect("one"));
        GetRecord::new(&kernel, at, &record, None, Condition::None).expect("a get")
    };
    let gets = for_a_while(span, 64, |n, done| {
        kernel.submit(asked.clone(), get(n), move |answer| {
            assert!(answer.is_ok());
            done();
        });
    });
    say("lane: get 1 KiB", gets, "1/s", &more);
    decisions(&kernel, &asked, &ids, span);
    kernel.close();
    drop(kernel);
    verification(folder.path(), &format!("{accounts} accounts, one core"));
}

/// How fast a whole store is verified, without and with keys.
fn verification(folder: &Path, more: &str) {
    let store = folder.join("bailee.db");
    let root = RootKey::from_bytes([7; 32]);
    for (keys, what) in [(None, "verify a store, without keys"), (Some(&root), "verify a store")] {
        let start = Instant::now();
        let mut rows = 0;
        let report = kernel::verify::verify_store(&store, keys, None, &mut |_, total| rows = total);
        assert!(report.ok(), "{report}");
        let took = start.elapsed().as_secs_f64();
        say(what, rows as f64 / took, "rows/s", more);
    }
}

fn decisions(kernel: &Kernel, asked: &Asked, ids: &[AccountId], span: Duration) {
    let slot = kernel.slot(ids.first().expect("one")).expect("a slot");
    let collection = Collection::parse("bench").expect("a name");
    let action = domain::register::action::<domain::data::Get>();
    let now = kernel.now();
    let decide = |purpose: Option<&str>| {
        let caller = &asked.caller;
        kernel.authority().decide(caller, action, slot, Some(&collection), purpose, now)
    };
    let remembered = rate(span / 4, 1, || assert!(decide(None).is_ok()));
    say("decision, remembered", 1e6 / remembered, "us", "grant and policies checked once");
    let authority = kernel.authority();
    let principal = authority.principal(&asked.caller.principal).expect("a principal");
    let grants = authority.grants_of(&asked.caller.principal);
    let question = kernel::authority::Question {
        principal: &principal,
        action,
        account: slot,
        collection: Some(&collection),
        grant: grants.first().map(std::ops::Deref::deref),
        bound: None,
        duty: kernel::Moment(u64::MAX),
        now,
    };
    let slice = authority.policies().slice(&question).expect("a slice");
    let alone = rate(span / 4, 1, || {
        assert!(authority.policies().verdict(&slice).expect("a decision").allowed);
    });
    say("decision, with its slice built", 1e6 / alone, "us", "Cedar over principal and grant");
    let rights = || kernel.authority().apply(std::iter::empty());
    let fresh = rate(span / 4, 1, || {
        rights();
        assert!(decide(None).is_ok());
    });
    say("decision, slice and all", 1e6 / fresh, "us", "once for each revision of the rights");
}

fn start_up(_span: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let (kernel, _, ids) = world(folder.path(), 100_000);
    kernel.close();
    drop(kernel);
    let start = Instant::now();
    let kernel = open(folder.path());
    let more = format!("{} accounts, until the first operation is taken", ids.len());
    say("start-up", start.elapsed().as_secs_f64() * 1000.0, "ms", &more);
    kernel.close();
}

/// Runs `total` things with at most `flying` at a time.
fn keep_flying(flying: usize, total: usize, start: impl Fn(usize, Box<dyn FnOnce() + Send>)) {
    let (sender, receiver) = mpsc::channel();
    for n in 0..total {
        if n >= flying {
            receiver.recv().expect("an answer");
        }
        let sender = sender.clone();
        start(n, Box::new(move || _ = sender.send(())));
    }
    for _ in 0..flying.min(total) {
        receiver.recv().expect("an answer");
    }
}

/// Things per second with `flying` at a time.
fn for_a_while(
    span: Duration,
    flying: usize,
    start: impl Fn(usize, Box<dyn FnOnce() + Send>),
) -> f64 {
    let stop = AtomicBool::new(false);
    let done = Arc::new(AtomicU64::new(0));
    let (sender, receiver) = mpsc::channel();
    let begun = Instant::now();
    let (mut n, mut flown) = (0, 0_usize);
    while !stop.load(Ordering::Relaxed) || flown > 0 {
        if flown < flying && !stop.load(Ordering::Relaxed) {
            let (sender, done) = (sender.clone(), Arc::clone(&done));
            start(
                n,
                Box::new(move || {
                    done.fetch_add(1, Ordering::Relaxed);
                    _ = sender.send(());
                }),
            );
            (n, flown) = (n + 1, flown + 1);
        } else {
            receiver.recv().expect("an answer");
            flown -= 1;
        }
        stop.store(begun.elapsed() > span, Ordering::Relaxed);
    }
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}
