//! Measures the search for affected accounts in a store of ten million entries.
//!
//! `affected FOLDER [MILLIONS]` makes the store (a few minutes, a progress bar) and asks. What the
//! suspect did is real: sealed, signed and recorded by the kernel, spread over the whole store. The
//! entries of everybody else are rows of the same tables, written by the engine in commits of
//! 65,536 with their heads and segments; their leaves and openings are bytes of no meaning, because
//! a search does not open what it does not want. Prints one JSON object per line.

#![expect(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has to stop")]

use domain::data::{Condition, GetRecord, ListRecords};
use domain::incidents::affected::{Query, search};
use domain::register::When;
use kernel::engine::{AccessRow, Commit, CommitRow, Engine, EntryRow, HeadRow, Sqlite, segment};
use kernel::id::{AccountId, RecordId};
use kernel::{Asked, Clock, Kernel, Moment};
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::{Dice, World};

/// Accounts of everybody else, and the first of their slots.
const ACCOUNTS: u64 = 5000;
const SLOTS: u64 = 1_000_000;
/// Rows of one commit.
const ROWS: i64 = 65_536;
/// Rounds in which the suspect acts, spread over the store.
const ROUNDS: i64 = 10;
/// What the suspect reads in each.
const READS: u64 = 480;
const ADDRESS: &str = "198.51.100.66";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    let millions: i64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let folder = Path::new(&folder);
    let world = World::sqlite(folder, 1);
    let (suspect, accounts) = cast(&world);
    let (clock, mut kernel) = (world.clock.clone(), world.kernel.clone());
    let mut rest = Rest { dice: Dice::new(7), sizes: vec![0; 5000], left: 0 };
    let begun = Instant::now();
    for round in 0..ROUNDS {
        kernel.close();
        rest.left = millions * 1_000_000 / ROUNDS;
        rest.fill(folder, &*clock);
        clock.advance(Duration::from_secs(60));
        kernel =
            World::reopen_sqlite(folder, 10 + u64::try_from(round).unwrap_or(0), clock.clone())
                .expect("a kernel");
        act(&kernel, &suspect, &accounts, &mut rest.dice);
        eprint!("\r{} of {ROUNDS} parts, {} s ", round + 1, begun.elapsed().as_secs());
    }
    eprintln!();
    measure(&kernel, millions);
    kernel.close();
}

/// A suspect with a right to read, and three accounts with fifty records each.
fn cast(world: &World) -> (String, Vec<AccountId>) {
    let import = world.service("import");
    world.grant("service:import", "*", "*", &["read", "write", "open"]);
    let suspect = world.service("suspect");
    world.grant("service:suspect", "*", "*", &["read"]);
    let accounts = ["One", "Two", "Three"].map(|name| {
        let account = world.account(&import, name).expect("an account");
        world.collection(&import, &account, "c").expect("a collection");
        for id in 0..50 {
            world.put(&import, (&account, "c", &id.to_string()), "{}").expect("a record");
        }
        account
    });
    (suspect, accounts.into())
}

fn act(kernel: &Kernel, suspect: &str, accounts: &[AccountId], dice: &mut Dice) {
    let caller = kernel.identify(suspect).expect("the suspect");
    let asked = Asked { source: Some(ADDRESS.to_owned()), ..testkit::asked_by(caller) };
    let collection = || kernel::id::Collection::parse("c").expect("a collection");
    for read in 0..READS {
        let account = dice.pick(accounts).expect("an account");
        let place = domain::data::Place::new(kernel, account, collection()).expect("a place");
        if read % 24 == 0 {
            let list = ListRecords::new(kernel, place, 100, None, true).expect("a list");
            kernel.run(asked.clone(), list).expect("listed");
        } else {
            let id = RecordId::parse(&dice.below(50).to_string()).expect("an id");
            let get = GetRecord::new(kernel, place, &id, None, Condition::None).expect("a read");
            kernel.run(asked.clone(), get).expect("read");
        }
    }
}

/// Everybody else.
struct Rest {
    dice: Dice,
    sizes: Vec<u64>,
    left: i64,
}

impl Rest {
    fn fill(&mut self, folder: &Path, clock: &dyn Clock) {
        let mut engine = Sqlite::open(&folder.join("bailee.db")).expect("the store");
        let reader = engine.reader();
        while self.left > 0 {
            let before = engine.counters().expect("counters").commit;
            let count = ROWS.min(self.left);
            self.left -= count;
            let mut commit = Commit::default();
            for row in before.last + 1..=before.last + count {
                self.entry(&mut commit, row, clock.now());
            }
            let last = before.last + count;
            for number in before.last / 256 + 1..=last / 256 {
                let first = number * 256 - 255;
                let mut rows = match before.last - first + 1 {
                    old if old > 0 => {
                        let old = usize::try_from(old).unwrap_or(0);
                        reader.accesses(first - 1, old).expect("rows")
                    }
                    _ => vec![],
                };
                let from = usize::try_from((first - before.last - 1).max(0)).unwrap_or(0);
                let own = commit.accesses.iter().skip(from).take(256 - rows.len());
                rows.extend(own.cloned());
                commit.segments.push(segment(number, &rows));
            }
            commit.heads = self.heads(clock.now());
            commit.commit = CommitRow { sequence: before.sequence + 1, last, chain: [3; 32] };
            engine.persist(&commit).expect("stored");
        }
    }

    /// One of five thousand accounts, by one of three hundred people and services, from one of a
    /// thousand addresses.
    fn entry(&mut self, commit: &mut Commit, row: i64, now: Moment) {
        let who = self.dice.below(300);
        let tag =
            |kind: u64, one: u64| (u128::from(kind) << 64 | u128::from(one + 1)).to_be_bytes();
        let object = (u128::from(self.dice.number()) << 64 | 9).to_be_bytes();
        commit.accesses.push(AccessRow {
            row,
            at: now.0,
            actor: tag(1, who),
            credential: tag(2, who * 4 + self.dice.below(4)),
            objects: object.to_vec(),
            source: Some(tag(3, self.dice.below(1000))),
        });
        let account = self.dice.below(ACCOUNTS);
        let size = self.sizes.get_mut(usize::try_from(account).unwrap_or(0)).expect("a size");
        let (leaf, opening) = (vec![b'l'; 300], Some(vec![0; 200]));
        commit.entries.push(EntryRow {
            row,
            account: SLOTS + account,
            index: *size,
            leaf,
            opening,
        });
        *size += 1;
    }

    fn heads(&self, now: Moment) -> Vec<HeadRow> {
        let head = |(size, account): (&u64, u64)| HeadRow {
            account: SLOTS + account,
            tag: (u128::from(account) << 64 | 77).to_be_bytes(),
            size: *size,
            frontier: vec![5; 32 * usize::try_from(size.count_ones()).unwrap_or(0)],
            time: now.0,
        };
        let all = self.sizes.iter().zip(0..).map(head);
        all.filter(|head| head.size > 0).collect()
    }
}

fn measure(kernel: &Kernel, millions: i64) {
    let token = kernel.authority().principals().into_iter().find_map(|one| {
        (one.id.as_str() == "service:suspect")
            .then(|| one.credentials.first().map(|c| c.id.clone()))
    });
    let token = token.flatten().expect("a token");
    for by in ["service:suspect".to_owned(), format!("token:{token}"), format!("address:{ADDRESS}")]
    {
        for turn in ["first", "again"] {
            let query =
                Query { by: by.clone(), from: When(Moment(1)), to: When(Moment(u64::MAX >> 2)) };
            let begun = Instant::now();
            let answer = search(kernel, query, None).expect("an answer");
            let seconds = begun.elapsed().as_secs_f64();
            let entries: u64 = answer.accounts.iter().map(|one| one.entries).sum();
            let what = by.split(':').next().unwrap_or_default();
            println!(
                "{{\"what\":\"affected accounts by {what}, {turn}\",\"value\":{seconds:.2},\
                 \"unit\":\"s\",\"more\":\"{millions} million entries, {entries} found in {} \
                 accounts\"}}",
                answer.accounts.len()
            );
        }
    }
}
