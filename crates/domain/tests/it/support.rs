//! What the tests of several nouns need.

use domain::grants::{CreateGrant, Grant, Wish};
use kernel::id::{AccountId, Name, RecordId};
use kernel::{Asked, Done, Error, Kind, Operation, Result};
use ledger::entry::Leaf;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use testkit::World;

/// The same test on a new world of each engine.
pub fn both(seed: u64, test: impl Fn(&World)) {
    test(&World::memory(seed));
    let folder = tempfile::tempdir().unwrap();
    test(&World::sqlite(folder.path(), seed));
}

pub fn kind<T: std::fmt::Debug>(outcome: Result<T>) -> Kind {
    outcome.unwrap_err().kind()
}

/// Kind and field of an error that names a field.
pub fn field<T: std::fmt::Debug>(outcome: Result<T>) -> (Kind, String) {
    let error = outcome.unwrap_err();
    (error.kind(), error.field().unwrap_or_default().to_owned())
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn record(text: &str) -> RecordId {
    RecordId::parse(text).unwrap()
}

pub fn slot(world: &World, account: &AccountId) -> u64 {
    world.kernel.slot(account).unwrap()
}

/// Entries of a log.
pub fn size(world: &World, slot: u64) -> u64 {
    world.kernel.head(slot).unwrap().size
}

pub fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

pub const MICROSECOND: Duration = Duration::from_micros(1);

/// A grant of these verbs on everything, for eight hours.
pub fn wish(to: &str, verbs: &[&str]) -> Wish {
    Wish {
        to: to.to_owned(),
        account: "*".to_owned(),
        collections: vec!["*".to_owned()],
        verbs: verbs.iter().map(ToString::to_string).collect(),
        purpose: "support case".to_owned(),
        window: Duration::from_secs(8 * 3600),
    }
}

/// Approves a grant.
pub fn give(world: &World, token: &str, wish: Wish) -> Result<Grant> {
    Ok(world.run(token, grant(world, wish)?)?.output)
}

/// A grant of a person as if it had been asked for and approved.
pub fn planted(world: &World, token: &str, wish: Wish) -> Result<Grant> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) + (1 << 110);
    let plant = testkit::Planted::new(&world.kernel, &wish, number.to_be_bytes())?;
    Ok(world.run(token, plant)?.output)
}

/// The operation that approves a grant, with an id of its own.
pub fn grant(world: &World, wish: Wish) -> Result<CreateGrant> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) + (1 << 100);
    CreateGrant::new(&world.kernel, wish, number.to_be_bytes())
}

/// Does an operation as the holder of a token, with more said.
pub fn run_as<O: Operation>(
    world: &World,
    token: &str,
    operation: O,
    say: impl FnOnce(&mut Asked),
) -> Result<Done<O::Output>> {
    let mut asked = world.asked(token)?;
    say(&mut asked);
    world.kernel.run(asked, operation)
}

/// Says an idempotency key; `about` stands for what is asked.
pub fn keyed(key: &str, about: u8) -> impl FnOnce(&mut Asked) {
    let key = key.to_owned();
    move |asked| asked.idempotency = Some((key, [about; 32]))
}

/// Kind and opened fields of an entry.
pub fn entry(world: &World, slot: u64, index: u64) -> (String, BTreeMap<String, String>) {
    let seen = world.kernel.entries(slot, index, 1, true).unwrap().remove(0);
    let leaf = Leaf::parse(&seen.leaf).unwrap();
    let opening = seen.opening.unwrap();
    opening.check(&leaf).unwrap();
    let fields = opening.fields.into_iter().map(|(name, shown)| (name, shown.value));
    (leaf.kind, fields.collect())
}

/// Kind and opened fields of the newest entry.
pub fn newest(world: &World, slot: u64) -> (String, BTreeMap<String, String>) {
    entry(world, slot, size(world, slot) - 1)
}

/// Kinds of all entries of a log, in order.
pub fn kinds(world: &World, slot: u64) -> Vec<String> {
    let entries = world.kernel.entries(slot, 0, 10_000, false).unwrap();
    entries.iter().map(|entry| Leaf::parse(&entry.leaf).unwrap().kind).collect()
}

/// Times of all entries of a log, in order.
pub fn times(world: &World, slot: u64) -> Vec<u64> {
    let entries = world.kernel.entries(slot, 0, 10_000, false).unwrap();
    entries.iter().map(|entry| Leaf::parse(&entry.leaf).unwrap().time).collect()
}

/// A service that may do everything everywhere, and an account with a collection `c`.
pub fn account_with_data(world: &World) -> (String, AccountId) {
    let service = world.service("import");
    world.grant("service:import", "*", "*", &["read", "write", "delete", "open"]);
    let account = world.account(&service, "One").unwrap();
    world.collection(&service, &account, "c").unwrap();
    (service, account)
}

/// An error's kind and whether its text names this.
pub fn says(error: &Error, text: &str) -> bool {
    error.message().contains(text)
}

/// An account with data, somebody who asks and two who approve.
pub struct Scene<'w> {
    pub world: &'w World,
    pub account: AccountId,
    pub eve: String,
    pub abe: String,
    pub ann: String,
}

impl<'w> Scene<'w> {
    pub fn new(world: &'w World) -> Self {
        let (import, account) = account_with_data(world);
        world.put(&import, (&account, "c", "x"), "{}").unwrap();
        let eve = world.person("eve", &["engineer"]);
        let abe = world.person("abe", &["approver"]);
        let ann = world.person("ann", &["security-lead"]);
        Self { world, account, eve, abe, ann }
    }

    /// Whether eve reads what is there.
    pub fn reads(&self) -> bool {
        self.world.get(&self.eve, (&self.account, "c", "x")).is_ok()
    }
}
