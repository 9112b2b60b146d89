//! A small store with everything in it: several accounts, a log with full tiles, versions,
//! deletions, lists, remembered requests, jobs, anchors, two epochs of the process.

use kernel::authority::{Action, Caller, Credential, CredentialKind, Policies, Principal, Right};
use kernel::engine::{PageWant, Sqlite, Wants};
use kernel::highwater::HighWater;
use kernel::id::{AccountId, PrincipalId};
use kernel::{
    Act, After, Asked, Clock, Content, Done, HOUSE, Job, Kernel, Moment, Operation, Parts, Ran,
    RecordKey, Result, Target, Work,
};
use ledger::verify::Report;
use sealing::{DangerSeededEntropy, RootKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;
use tempfile::TempDir;

const SCHEMA: &str = r#"
entity Account { slot: String };
entity Collection { slot: String, name: String };
entity Person {
  name: String, active: Bool, roles: Set<String>, vendor: String, eligibleUntil: Long,
};
entity Member { name: String };
entity Service { name: String, active: Bool, owner: String };
action "t.open", "t.put", "t.get", "t.list", "t.later", "t.keep", "t.forget" appliesTo {
  principal: [Person, Service], resource: [Account], context: { now: Long },
};"#;
const ALL: &str = r#"@id("all") permit (principal, action, resource);"#;

macro_rules! acts {
    ($($type:ident $name:literal),*) => { $(
        struct $type;
        impl Act for $type {
            const ACTION: &'static Action =
                &Action { name: $name, verb: None, changes_rights: false };
        }
    )* };
}
acts!(
    Open "t.open", Put "t.put", Get "t.get", List "t.list", Later "t.later", Keep "t.keep",
    Forget "t.forget"
);

/// Slot of the last account of a full sample, whose newest record is `z`.
pub const CIRRUS: u64 = 5;

/// A store that nobody has open, with its high-water mark.
pub struct Sample {
    pub dir: TempDir,
    pub clock: Arc<HandClock>,
}

pub struct HandClock(AtomicU64);

impl HandClock {
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }
}

pub fn root() -> RootKey {
    RootKey::from_bytes([9; 32])
}

fn interpret(collection: &str, id: &str, _: &[u8], _: u64) -> Result<Option<Right>> {
    if collection != "people" {
        return Ok(None);
    }
    let credential = Credential {
        id: "c1".to_owned(),
        hash: [1; 32],
        expires: None,
        ended: false,
        kind: CredentialKind::Token,
    };
    Ok(Some(Right::Principal(Principal {
        id: PrincipalId::parse(&format!("person:{id}"))?,
        active: true,
        roles: vec!["keeper".to_owned()],
        owner: None,
        vendor: None,
        account: None,
        credentials: vec![credential],
    })))
}

fn asked(name: &str) -> Asked {
    Asked {
        source: Some("192.0.2.7".to_owned()),
        caller: Caller {
            principal: PrincipalId::parse(&format!("person:{name}")).unwrap(),
            credential: "c1".to_owned(),
        },
        request: "r-1".to_owned(),
        purpose: Some("support case 12".to_owned()),
        behalf: None,
        idempotency: None,
    }
}

impl Sample {
    /// An empty store.
    pub fn founded() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicU64::new(1_795_356_131_000_000)));
        let mut engine = Sqlite::create(&dir.path().join("bailee.db")).unwrap();
        let mut mark = HighWater::file(&dir.path().join("high-water")).unwrap();
        let people = ["ada", "bob"].map(|name| ("people", name.to_owned(), b"{}".to_vec()));
        let mut entropy = DangerSeededEntropy::from_number(1);
        kernel::found(
            &mut engine,
            root(),
            &mut mark,
            &*clock,
            &mut entropy,
            interpret,
            "northwind-desk",
            people.to_vec(),
        )
        .unwrap();
        Self { dir, clock }
    }

    /// A store with everything in it.
    pub fn full() -> Self {
        let sample = Self::founded();
        let kernel = sample.open(2);
        let users = Users { kernel: &kernel };
        let slots: Vec<u64> = ["acme", "borealis", "cirrus"].map(|id| users.account(id)).into();
        assert_eq!(slots[2], CIRRUS);
        users.signals(&sample.clock);
        users.records(slots[0]);
        users.records(slots[1]);
        kernel.anchor_now().unwrap();
        users.gets(slots[0], 520);
        sample.clock.advance(Duration::from_secs(61));
        for (n, slot) in slots.iter().enumerate() {
            users.later(*slot, sample.clock.now().after(Duration::from_secs(60 * (n as u64 + 1))));
        }
        sample.clock.advance(Duration::from_secs(70));
        kernel.count_stranger("198.51.100.7");
        // Does the first job and anchors.
        kernel.tick(&run_job).unwrap();
        kernel.close();
        drop(kernel);
        // A second start anchors every log again.
        let kernel = sample.open(3);
        let users = Users { kernel: &kernel };
        users.put("bob", slots[1], "note", Some("late"), None);
        users.later(slots[0], Moment(u64::MAX >> 12));
        kernel.anchor_now().unwrap();
        users.remembered(slots[0]);
        users.put("ada", slots[2], "z", Some("newest"), None);
        kernel.close();
        sample
    }

    pub fn open(&self, seed: u64) -> Kernel {
        Kernel::open(Parts {
            engines: vec![Box::new(Sqlite::open(&self.store()).unwrap())],
            root: root(),
            high_water: HighWater::file(&self.dir.path().join("high-water")).unwrap(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Box::new(DangerSeededEntropy::from_number(seed)),
            policies: Policies::new(SCHEMA, &[ALL]).unwrap(),
            rights: &["people"],
            interpret,
        })
        .unwrap()
    }

    /// Accepts the store as the newest there is.
    pub fn begin_epoch(&self) -> u32 {
        let mut mark = HighWater::file(&self.dir.path().join("high-water")).unwrap();
        let mut entropy = DangerSeededEntropy::from_number(6);
        kernel::begin_epoch(
            &mut Sqlite::open(&self.store()).unwrap(),
            root(),
            &mut mark,
            &*self.clock,
            &mut entropy,
            interpret,
            "the newest copy there is",
        )
        .unwrap()
    }

    pub fn store(&self) -> PathBuf {
        self.dir.path().join("bailee.db")
    }

    pub fn mark(&self) -> Vec<u8> {
        std::fs::read(self.dir.path().join("high-water")).unwrap()
    }

    /// What the verifier says of a copy of the store, with keys and mark.
    pub fn verify(&self, path: &Path) -> Report {
        kernel::verify::verify_store(path, Some(&root()), Some(&self.mark()), &mut |_, _| {})
    }
}

/// What the tests do through a kernel.
pub struct Users<'a> {
    pub kernel: &'a Kernel,
}

impl Users<'_> {
    fn run<O: Operation>(&self, name: &str, operation: O) -> Done<O::Output> {
        self.kernel.run(asked(name), operation).unwrap()
    }

    pub fn account(&self, id: &str) -> u64 {
        let tag = self.kernel.account_tag(&AccountId::parse(id).unwrap());
        let key = self.kernel.key(HOUSE, "accounts", id).unwrap();
        self.run("ada", OpenAccount { tag, key }).output
    }

    pub fn put(
        &self,
        name: &str,
        account: u64,
        id: &str,
        body: Option<&str>,
        again: Option<(&str, [u8; 32])>,
    ) {
        let key = self.kernel.key(account, "cases", id).unwrap();
        let mut asked = asked(name);
        asked.idempotency = again.map(|(key, hash)| (key.to_owned(), hash));
        let body = body.map(|body| body.as_bytes().to_vec());
        self.kernel.run(asked, PutRecord { key, body }).unwrap();
    }

    /// Signals of three days, of which the first is forgotten.
    fn signals(&self, clock: &HandClock) {
        for day in 0..3 {
            for batch in ["one", "two"] {
                self.run("ada", KeepSignals(format!("{day} {batch}").into_bytes()));
            }
            clock.advance(Duration::from_secs(24 * 3600));
        }
        let days = self.kernel.signal_days().unwrap();
        self.run("ada", ForgetSignals(days[0].0));
        assert_eq!(self.kernel.signal_days().unwrap(), days[1..]);
        let left = self.kernel.signals(0, 10).unwrap();
        let left: Vec<_> = left.iter().map(|kept| (kept.row, kept.bytes.as_slice())).collect();
        let kept: [(i64, &[u8]); 4] = [(3, b"1 one"), (4, b"1 two"), (5, b"2 one"), (6, b"2 two")];
        assert_eq!(left, kept);
    }

    /// Versions, a deletion, a record that came back, lists, a get of what is not there.
    fn records(&self, account: u64) {
        for id in ["a", "b", "note", "x"] {
            self.put("ada", account, id, Some(&format!("{account}/{id}")), None);
        }
        self.put("bob", account, "a", Some("second"), None);
        self.put("bob", account, "a", Some("third"), None);
        self.put("bob", account, "b", None, None);
        self.put("ada", account, "x", None, None);
        self.put("ada", account, "x", Some("again"), None);
        self.list(account);
        for id in ["a", "b", "missing"] {
            let key = self.kernel.key(account, "cases", id).unwrap();
            self.run("bob", GetRecord { key });
        }
    }

    fn list(&self, account: u64) {
        let collection = self.kernel.collection_tag(account, "cases").unwrap();
        let want = PageWant { account, collection, after: 0, limit: 10 };
        assert_eq!(self.run("ada", ListRecords { want }).output, 4);
    }

    /// Many entries in few commits.
    pub fn gets(&self, account: u64, count: usize) {
        let (sender, receiver) = channel();
        for n in 0..count {
            let key = self.kernel.key(account, "cases", ["a", "note"][n % 2]).unwrap();
            let sender = sender.clone();
            let name = ["ada", "bob"][n % 2];
            self.kernel.submit(asked(name), GetRecord { key }, move |answer| {
                sender.send(answer.map(|_| ())).unwrap();
            });
        }
        receiver.iter().take(count).for_each(|answer| answer.unwrap());
    }

    fn later(&self, account: u64, due: Moment) {
        self.run("ada", Leave { account, due });
    }

    fn remembered(&self, account: u64) {
        for n in 0..4 {
            let request = format!("key-{n}");
            self.put("ada", account, &format!("once-{n}"), Some("once"), Some((&request, [n; 32])));
        }
    }
}

/// The tests' own jobs note that they ran.
pub fn run_job(kernel: &Kernel, job: &Job, ran: Ran) -> Result<()> {
    if job.kind == kernel::EVERY_TICK {
        return Ok(());
    }
    assert_eq!((job.kind.as_str(), job.object.as_str()), ("wave", "at nobody"));
    ran.run(kernel, Wave { account: job.account })
}

struct OpenAccount {
    tag: [u8; 16],
    key: RecordKey,
}

impl Operation for OpenAccount {
    type Output = u64;

    fn target(&self) -> Target {
        Target { action: Open::ACTION, account: HOUSE, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<u64>> {
        let allowed = work.load::<Open>(&self.key)?;
        let slot = work.found(self.tag)?;
        let body = format!("{{\"slot\":{slot}}}").into_bytes();
        work.save(allowed, Content::Body(body), vec![])?;
        work.note(slot, Open::ACTION.name, vec![("house", slot.to_string())]);
        Ok(After::now(slot))
    }
}

struct KeepSignals(Vec<u8>);

impl Operation for KeepSignals {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: Keep::ACTION, account: HOUSE, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        work.keep_signals(Keep::ACTION.name, self.0.clone(), vec![]);
        Ok(After::now(()))
    }
}

struct ForgetSignals(u32);

impl Operation for ForgetSignals {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: Forget::ACTION, account: HOUSE, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        work.forget_signals(Forget::ACTION.name, self.0, vec![]);
        Ok(After::now(()))
    }
}

struct PutRecord {
    key: RecordKey,
    body: Option<Vec<u8>>,
}

impl Operation for PutRecord {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: Put::ACTION, account: self.key.account, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let allowed = work.load::<Put>(&self.key)?;
        let content = self.body.clone().map_or(Content::Deleted, Content::Body);
        work.save(allowed, content, vec![])?;
        Ok(After::now(()))
    }
}

struct GetRecord {
    key: RecordKey,
}

impl Operation for GetRecord {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: Get::ACTION, account: self.key.account, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let seen = work.load::<Get>(&self.key)?;
        work.disclose(&seen, vec![]);
        Ok(After::now(()))
    }
}

struct ListRecords {
    want: PageWant,
}

impl Operation for ListRecords {
    type Output = usize;

    fn target(&self) -> Target {
        Target { action: List::ACTION, account: self.want.account, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.pages.push(self.want.clone());
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<usize>> {
        let seen = work.page(&self.want)?;
        work.disclose_many::<List>(self.want.account, &seen, vec![]);
        Ok(After::now(seen.len()))
    }
}

struct Leave {
    account: u64,
    due: Moment,
}

impl Operation for Leave {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: Later::ACTION, account: self.account, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        work.later(self.due, self.account, "wave", "at nobody");
        work.note(self.account, Later::ACTION.name, vec![]);
        Ok(After::now(()))
    }
}

struct Wave {
    account: u64,
}

impl Operation for Wave {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: Later::ACTION, account: self.account, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        work.note(self.account, "t.waved", vec![]);
        Ok(After::now(()))
    }
}
