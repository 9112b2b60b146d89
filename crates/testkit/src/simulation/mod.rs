//! The whole under random work from a seed: several accounts, people, services and grants, faults
//! of the medium, clocks that go wrong, and a kernel that is opened again at any point.
//!
//! A model that knows neither keys nor logs predicts every answer and every entry; what is seen
//! from outside (receipts, signed heads, openings, anchors) is checked after each step. The same
//! seed does the same, byte for byte.
//!
//! It does not run operations at the same time; what happens in the queue is tested by itself.

mod acts;
mod checks;
mod choose;
mod model;
mod rights;
mod step;

use crate::dice::Dice;
use crate::must;
use crate::world::{START, World};
use checks::Heads;
use kernel::engine::{DangerFaults, Engine, Memory, Sqlite};
use kernel::highwater::Mark;
use kernel::{Kernel, Moment};
use model::Model;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use step::{Step, What, perform};

const DAY: u64 = 86_400_000_000;

/// A simulation on a store of its own.
pub struct Simulation {
    seed: u64,
    done: u64,
    dice: Dice,
    world: World,
    medium: Medium,
    /// How often the kernel was opened.
    opened: u64,
    model: Model,
    heads: Heads,
    /// The last step that carried a key.
    keyed: Option<Step>,
    counted: Counted,
}

/// What a simulation did, to see that it did enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Steps that were answered with what was asked for, by action.
    pub answered: BTreeMap<&'static str, u64>,
    /// Steps that were refused.
    pub refused: u64,
    /// Answers that were given a second time.
    pub replayed: u64,
    /// Commits that were lost, or kept without an answer.
    pub faults: u64,
    /// How often the kernel was opened again.
    pub reopened: u64,
    /// Anchors that were checked.
    pub anchors: u64,
}

/// What a simulation left: the newest head of every log, by slot, size and root; and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Slot, size, root.
    pub heads: Vec<(u64, u64, ledger::Hash)>,
    /// What it did.
    pub counted: Counted,
}

enum Medium {
    Memory { store: Memory, mark: Arc<Mutex<Option<Mark>>>, faults: bool },
    Folder(PathBuf),
}

impl Simulation {
    /// In memory, where commits may get lost.
    ///
    /// # Panics
    /// If the store cannot be founded.
    pub fn with_faults(seed: u64) -> Self {
        Self::memory(seed, true)
    }

    /// In memory, where all goes well.
    ///
    /// # Panics
    /// If the store cannot be founded.
    pub fn without_faults(seed: u64) -> Self {
        Self::memory(seed, false)
    }

    /// On SQLite in this folder, where all goes well.
    ///
    /// # Panics
    /// If the store cannot be founded.
    pub fn sqlite(seed: u64, folder: &Path) -> Self {
        Self::new(seed, World::sqlite(folder, seed), Medium::Folder(folder.to_owned()))
    }

    fn memory(seed: u64, faults: bool) -> Self {
        let (store, mark) = (Memory::default(), Arc::default());
        let world = World::on(&store, &mark, seed);
        Self::new(seed, world, Medium::Memory { store, mark, faults })
    }

    fn new(seed: u64, world: World, medium: Medium) -> Self {
        let model = Model::founded(START, &world.admin);
        Self {
            seed,
            done: 0,
            dice: Dice::new(seed),
            world,
            medium,
            opened: 0,
            model,
            heads: Heads::default(),
            keyed: None,
            counted: Counted::default(),
        }
    }

    /// Does so many steps, checks after each, and reads everything at the end.
    ///
    /// # Panics
    /// If an answer is not the predicted one or something that has to hold does not; the seed and
    /// the step are printed.
    pub fn run(&mut self, steps: u64) -> Trace {
        self.begin();
        for _ in 0..steps {
            self.done += 1;
            self.one();
            if self.done.is_multiple_of(16) {
                self.heads.check(&self.world.kernel, &self.model);
            }
        }
        self.reopen();
        self.read_all();
        self.heads.check(&self.world.kernel, &self.model);
        Trace { heads: self.heads.newest(), counted: self.counted.clone() }
    }

    /// Two accounts with collections, and a service that may do everything with them for a while.
    fn begin(&mut self) {
        let text = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let want = step::Want {
            to: "service:s0".to_owned(),
            account: "*".to_owned(),
            collections: text(&["*"]),
            verbs: text(&["read", "write", "delete", "open"]),
            purpose: "import".to_owned(),
            seconds: 10 * 86_400,
        };
        for what in [What::NewService("s0".to_owned()), What::Give(want)] {
            let step = choose::by_admin(&self.model, &mut self.dice, what);
            self.step(&step);
        }
        for account in ["account-0", "account-1"] {
            let collections =
                ["c0", "c1"].map(|name| What::NewCollection(account.into(), name.into()));
            let new = [What::NewAccount(account.to_owned())].into_iter().chain(collections);
            let records =
                (0..4).map(|n| (format!("r{n}"), format!("[\"{account}\"]").into_bytes()));
            let put = What::Batch(account.to_owned(), "c0".to_owned(), records.collect());
            for what in new.chain([put]) {
                self.by_service("service:s0", what);
            }
        }
    }

    /// A step by a service that may do it.
    fn by_service(&mut self, service: &str, what: What) {
        let token = self.model.token(service).map(|token| token.text.clone());
        let (who, token) = (service.to_owned(), token.unwrap_or_default());
        let refused = self.counted.refused;
        let step = choose::by_admin(&self.model, &mut self.dice, what);
        self.step(&Step { who, token, ..step });
        assert_eq!(self.counted.refused, refused, "`{service}` may do everything");
    }

    /// Closes the kernel and gives the store, to look at what it holds.
    ///
    /// # Panics
    /// If the store cannot be opened.
    pub fn into_engine(self) -> Box<dyn Engine> {
        self.world.kernel.close();
        match &self.medium {
            Medium::Memory { store, .. } => Box::new(store.clone()),
            Medium::Folder(folder) => Box::new(must(Sqlite::open(&folder.join("bailee.db")))),
        }
    }

    fn one(&mut self) {
        let faults = matches!(self.medium, Medium::Memory { faults: true, .. });
        match self.dice.below(100) {
            0..=3 if faults => self.lose(),
            4..=6 if faults => self.keep_silently(),
            7 | 8 if faults => self.keep_and_lose_sight(),
            9 if faults => self.lose_and_lose_sight(),
            10 | 11 => self.reopen(),
            12..=15 => self.tick(faults),
            16..=22 => self.wait(),
            23 => self.step_back(),
            24 => self.clock_goes_wrong(),
            25 | 26 => self.strangers(),
            27..=33 => self.repeat(),
            _ => {
                let step = self.next();
                self.step(&step);
            }
        }
    }

    fn next(&mut self) -> Step {
        let step = choose::next(&self.model, &mut self.dice);
        if step.key.is_some() {
            self.keyed = Some(step.clone());
        }
        step
    }

    fn step(&mut self, step: &Step) {
        let told = self.model.take(step);
        let outcome = perform(&self.world, step);
        self.model.learn_unless(told.replayed, step, &outcome.learned);
        checks::step(&self.world, &self.model, step, &told, &outcome);
        match outcome.answer {
            step::Answer::Refused(_) => self.counted.refused += 1,
            _ => *self.counted.answered.entry(step.what.action()).or_default() += 1,
        }
        self.counted.replayed += u64::from(outcome.replayed);
    }

    /// The same request again: by whoever asked, with the same key, as a client does that got no
    /// answer.
    fn repeat(&mut self) {
        let Some(mut step) = self.keyed.clone() else { return };
        step.random = choose::random(&mut self.dice);
        if let Some(token) = self.model.token(&step.who) {
            step.token.clone_from(&token.text);
        }
        self.step(&step);
    }

    fn faults(&self, faults: DangerFaults) {
        if let Medium::Memory { store, .. } = &self.medium {
            store.danger_faults(faults);
        }
    }

    /// The commit is lost: nobody is told anything else, and nothing has happened.
    fn lose(&mut self) {
        self.counted.faults += 1;
        let step = self.next();
        self.lost(&step, DangerFaults { lose: Some(0), ..DangerFaults::default() });
        // The client tries again.
        self.step(&step);
    }

    fn lost(&mut self, step: &Step, faults: DangerFaults) {
        let mut after = self.model.clone();
        let told = after.take(step);
        self.faults(faults);
        let outcome = perform(&self.world, step);
        self.faults(DangerFaults::default());
        if told.stores() {
            assert!(outcome.unavailable(), "{step:?}: {:?}", outcome.answer);
            self.model.lost(after);
            checks::sizes(&self.world.kernel, &self.model);
        } else {
            self.model = after;
            self.model.learn_unless(told.replayed, step, &outcome.learned);
            checks::step(&self.world, &self.model, step, &told, &outcome);
        }
    }

    /// The commit is kept and reported as failed: the lane finds out, and all is well.
    fn keep_silently(&mut self) {
        self.counted.faults += 1;
        self.faults(DangerFaults { keep_silently: Some(0), ..DangerFaults::default() });
        let step = self.next();
        self.step(&step);
        self.faults(DangerFaults::default());
    }

    /// The commit is lost, and for a moment nobody can see whether it was.
    fn lose_and_lose_sight(&mut self) {
        self.counted.faults += 1;
        let step = self.next();
        self.lost(&step, DangerFaults { lose: Some(0), blind: 1, ..DangerFaults::default() });
        self.step(&step);
    }

    /// The commit is kept, reported as failed, and cannot be looked for: nothing is answered until
    /// the store is opened again. Then a client that repeats its request gets its answer, once.
    fn keep_and_lose_sight(&mut self) {
        self.counted.faults += 1;
        let mut step = self.next();
        if !matches!(step.what, What::Put(..) | What::Batch(..) | What::Delete(..)) {
            return self.step(&step);
        }
        step.key = Some(format!("once-{}", self.done));
        let told = self.model.take(&step);
        if !told.stores() {
            let outcome = perform(&self.world, &step);
            return checks::step(&self.world, &self.model, &step, &told, &outcome);
        }
        self.faults(DangerFaults { keep_silently: Some(0), blind: 1, ..DangerFaults::default() });
        assert!(perform(&self.world, &step).unavailable(), "{step:?}");
        self.faults(DangerFaults::default());
        assert!(perform(&self.world, &step).unavailable(), "{step:?}: not before it is known");
        assert!(self.world.kernel.alarm().is_some());
        self.reopen();
        self.step(&step);
    }

    fn reopen(&mut self) {
        self.counted.reopened += 1;
        self.opened += 1;
        self.world.kernel.close();
        self.world.kernel = must(self.open());
        assert_eq!(self.world.kernel.alarm(), None);
        self.model.reopened();
        checks::sizes(&self.world.kernel, &self.model);
        self.heads.check(&self.world.kernel, &self.model);
    }

    fn open(&self) -> kernel::Result<Kernel> {
        let (seed, clock) = (self.seed + 1000 * self.opened, Arc::clone(&self.world.clock));
        match &self.medium {
            Medium::Memory { store, mark, .. } => World::reopen(store, mark, seed, clock),
            Medium::Folder(folder) => World::reopen_sqlite(folder, seed, clock),
        }
    }

    /// What happens by itself, perhaps with a commit that is lost on the way.
    fn tick(&mut self, faults: bool) {
        let lose = Some(self.dice.below(4)).filter(|_| faults && self.dice.chance(1, 3));
        self.faults(DangerFaults { lose, ..DangerFaults::default() });
        let due = self.model.moved;
        let whole = self.model.tick(lose);
        let ticked = self.world.kernel.tick(&domain::run_job);
        self.faults(DangerFaults::default());
        assert_eq!(ticked.is_ok(), whole, "{ticked:?}");
        checks::sizes(&self.world.kernel, &self.model);
        if whole && due {
            self.counted.anchors += 1;
            checks::anchors(&self.world.kernel, &self.model);
        }
    }

    fn set_clock(&mut self, clock: u64) {
        self.model.clock = clock;
        self.world.clock.set(Moment(clock));
    }

    /// Time passes, sometimes much of it. Whole milliseconds, which is what policies compare.
    fn wait(&mut self) {
        let longest = match self.dice.below(12) {
            0 => 20 * 86_400_000,
            1..=4 => 6 * 3_600_000,
            _ => 90_000,
        };
        // The first administrator goes on to the end, with a token that counts.
        let step = What::PersonToken("admin".to_owned());
        let expires = self.model.token("person:admin").map_or(0, |token| token.expires);
        if expires < self.model.now() + 21 * DAY {
            let step = choose::by_admin(&self.model, &mut self.dice, step);
            self.step(&step);
        }
        let millis = self.dice.below(longest);
        self.set_clock(self.model.clock + millis * 1000);
    }

    /// A clock that is disciplined goes back a little; times of entries do not.
    fn step_back(&mut self) {
        let back = self.dice.below(5001) * 1000;
        let clock = self.model.latest.saturating_sub(back).min(self.model.clock);
        self.set_clock(clock);
        let step = self.next();
        self.step(&step);
    }

    /// A clock that is far back stops everything until it is right again.
    fn clock_goes_wrong(&mut self) {
        let right = self.model.clock;
        let back = Duration::from_secs(6 + self.dice.below(100_000));
        let back = u64::try_from(back.as_micros()).unwrap_or(u64::MAX);
        self.set_clock(self.model.latest.saturating_sub(back));
        let step = self.next();
        self.step(&step);
        self.set_clock(right);
    }

    fn strangers(&mut self) {
        let source = format!("192.0.2.{}", self.dice.below(3));
        for _ in 0..=self.dice.below(3) {
            self.world.kernel.count_stranger(&source);
            self.model.stranger(&source);
        }
    }

    /// Reads every record and every history, through a service made for it.
    fn read_all(&mut self) {
        let name = format!("reader-{}", self.done);
        let step = choose::by_admin(&self.model, &mut self.dice, What::NewService(name.clone()));
        self.step(&step);
        let service = format!("service:{name}");
        let want = step::Want {
            to: service.clone(),
            account: "*".to_owned(),
            collections: vec!["*".to_owned()],
            verbs: vec!["read".to_owned()],
            purpose: "reading all".to_owned(),
            seconds: 3600,
        };
        // Whoever owns a service does not approve for it, once there is somebody else to do so.
        let step = choose::by_admin(&self.model, &mut self.dice, What::Give(want.clone()));
        self.step(&step);
        if self.model.administrators() > 1 {
            let person = What::NewPerson(name.clone(), vec!["administrator".to_owned()]);
            let step = choose::by_admin(&self.model, &mut self.dice, person);
            self.step(&step);
            let step = choose::by_admin(&self.model, &mut self.dice, What::Give(want));
            let who = format!("person:{name}");
            let token = self.model.token(&who).map(|token| token.text.clone()).unwrap_or_default();
            self.step(&Step { who, token, ..step });
        }
        for what in self.model.everything() {
            self.by_service(&service, what);
        }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("simulation: seed {}, step {}, {:?}", self.seed, self.done, self.counted);
        }
    }
}
