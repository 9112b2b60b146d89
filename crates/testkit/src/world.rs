//! A founded store with a kernel that works, for one test.

use crate::{Planted, must};
use kernel::authority::Caller;
use kernel::engine::{Engine, Memory, Sqlite};
use kernel::highwater::HighWater;
use kernel::id::{AccountId, Collection, PrincipalId, RecordId};
use kernel::{Asked, Clock, Done, Kernel, Moment, Operation, Parts, Result};
use postgres::{Address, Postgres};
use sealing::{DangerSeededEntropy, Entropy, RootKey};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct HandClock(AtomicU64);

impl HandClock {
    /// Moves it.
    pub fn advance(&self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// Sets it, backwards too.
    pub fn set(&self, moment: Moment) {
        self.0.store(moment.0, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }
}

/// A bearer token.
pub type Token = String;

/// A store, its kernel, its clock and its first administrator.
pub struct World {
    /// The kernel.
    pub kernel: Kernel,
    /// The clock.
    pub clock: Arc<HandClock>,
    /// The first administrator's token.
    pub admin: Token,
}

/// Where a world's store is.
enum Place<'a> {
    Memory(Memory, Arc<Mutex<Option<kernel::highwater::Mark>>>),
    Folder(&'a Path),
    /// A name among the nodes, and whether the node knows how far the store has come.
    Database(&'a Address, &'a str, bool),
}

const ROOT: [u8; 32] = [7; 32];

impl World {
    /// A world in memory. The same seed gives the same bytes.
    ///
    /// # Panics
    /// If it cannot be founded.
    pub fn memory(seed: u64) -> Self {
        Self::found(&Place::Memory(Memory::default(), Arc::default()), seed)
    }

    /// A world in memory on a store that the test keeps, for faults and reopening.
    ///
    /// # Panics
    /// If it cannot be founded.
    pub fn on(
        store: &Memory,
        mark: &Arc<Mutex<Option<kernel::highwater::Mark>>>,
        seed: u64,
    ) -> Self {
        Self::found(&Place::Memory(store.clone(), Arc::clone(mark)), seed)
    }

    /// A world on SQLite: `bailee.db` and `high-water` in this folder.
    ///
    /// # Panics
    /// If it cannot be founded.
    pub fn sqlite(folder: &Path, seed: u64) -> Self {
        Self::found(&Place::Folder(folder), seed)
    }

    /// A world in this database, with its high-water mark in memory.
    ///
    /// # Panics
    /// If it cannot be founded.
    pub fn postgres(address: &Address, seed: u64) -> Self {
        Self::found(&Place::Database(address, "first", true), seed)
    }

    /// Another node on the database of a world: a kernel of its own, which shares the store only.
    ///
    /// # Errors
    /// As [`Kernel::open`].
    pub fn node(&self, address: &Address, name: &str, seed: u64) -> Result<Self> {
        let clock = Arc::clone(&self.clock);
        let kernel = open(&Place::Database(address, name, true), seed, Arc::clone(&clock))?;
        Ok(Self { kernel, clock, admin: self.admin.clone() })
    }

    /// As [`World::node`], with the root key and nothing else: no mark of how far the store has
    /// come.
    ///
    /// # Errors
    /// As [`Kernel::open`].
    pub fn new_node(&self, address: &Address, name: &str, seed: u64) -> Result<Self> {
        let clock = Arc::clone(&self.clock);
        let kernel = open(&Place::Database(address, name, false), seed, Arc::clone(&clock))?;
        Ok(Self { kernel, clock, admin: self.admin.clone() })
    }

    /// Opens the store of a world in memory again.
    ///
    /// # Errors
    /// As [`Kernel::open`].
    pub fn reopen(
        store: &Memory,
        mark: &Arc<Mutex<Option<kernel::highwater::Mark>>>,
        seed: u64,
        clock: Arc<HandClock>,
    ) -> Result<Kernel> {
        open(&Place::Memory(store.clone(), Arc::clone(mark)), seed, clock)
    }

    /// Opens the store of a world on SQLite again.
    ///
    /// # Errors
    /// As [`Kernel::open`].
    pub fn reopen_sqlite(folder: &Path, seed: u64, clock: Arc<HandClock>) -> Result<Kernel> {
        open(&Place::Folder(folder), seed, clock)
    }

    /// The root key of every world.
    pub fn root() -> RootKey {
        RootKey::from_bytes(ROOT)
    }

    fn found(place: &Place<'_>, seed: u64) -> Self {
        let clock = Arc::new(HandClock(AtomicU64::new(START)));
        let mut entropy = DangerSeededEntropy::from_number(seed);
        let mut random = [0; 40];
        must(entropy.fill(&mut random).map_err(|error| error.to_string()));
        let (name, body, admin) = must(domain::people::first_administrator(random, clock.now()));
        let (mut engine, mut mark) = must(parts(place, true));
        must(kernel::found(
            &mut *engine,
            Self::root(),
            &mut mark,
            &*clock,
            &mut entropy,
            domain::interpret,
            "northwind-desk",
            vec![("people", name, body)],
        ));
        drop(engine);
        let kernel = must(open(place, seed + 1, Arc::clone(&clock)));
        Self { kernel, clock, admin }
    }

    /// The caller behind a token, asking.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub fn asked(&self, token: &str) -> Result<Asked> {
        Ok(asked_by(self.kernel.identify(token)?))
    }

    /// Does an operation as the holder of a token.
    ///
    /// # Errors
    /// Whatever it answers.
    pub fn run<O: Operation>(&self, token: &str, operation: O) -> Result<Done<O::Output>> {
        self.kernel.run(self.asked(token)?, operation)
    }

    /// Takes a service in, owned by the first administrator.
    ///
    /// # Panics
    /// If it is refused.
    pub fn service(&self, name: &str) -> Token {
        let create = must(domain::services::CreateService::new(&self.kernel, name, None));
        must(self.run(&self.admin, create)).output.token
    }

    /// Takes a person in.
    ///
    /// # Panics
    /// If it is refused.
    pub fn person(&self, name: &str, roles: &[&str]) -> Token {
        let roles = roles.iter().map(ToString::to_string).collect();
        let create = must(domain::people::CreatePerson::new(&self.kernel, name, None, None, roles));
        must(self.run(&self.admin, create)).output.token
    }

    /// Approves a grant for eight hours, as the first administrator.
    ///
    /// # Panics
    /// If it is refused.
    pub fn grant(&self, to: &str, account: &str, collection: &str, verbs: &[&str]) -> String {
        must(self.try_grant(&self.admin, to, account, collection, verbs))
    }

    /// Approves a grant for eight hours as the holder of a token.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub fn try_grant(
        &self,
        token: &str,
        to: &str,
        account: &str,
        collection: &str,
        verbs: &[&str],
    ) -> Result<String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut id = [0; 16];
        let number = NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        id.iter_mut().zip(number).for_each(|(to, from)| *to = from);
        let wish = domain::grants::Wish {
            to: to.to_owned(),
            account: account.to_owned(),
            collections: vec![collection.to_owned()],
            verbs: verbs.iter().map(ToString::to_string).collect(),
            purpose: "support case".to_owned(),
            window: Duration::from_secs(8 * 3600),
        };
        if to.starts_with("person:") {
            return Ok(self.run(token, Planted::new(&self.kernel, &wish, id)?)?.output.id);
        }
        let create = domain::grants::CreateGrant::new(&self.kernel, wish, id)?;
        Ok(self.run(token, create)?.output.id)
    }

    /// Creates an account as the holder of a token.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub fn account(&self, token: &str, name: &str) -> Result<AccountId> {
        let create = domain::accounts::CreateAccount::new(&self.kernel, None, name)?;
        AccountId::parse(&self.run(token, create)?.output.id)
    }

    /// A collection of an account.
    ///
    /// # Panics
    /// If there is no such account.
    pub fn place(&self, account: &AccountId, collection: &str) -> domain::data::Place {
        let collection = must(Collection::parse(collection));
        must(domain::data::Place::new(&self.kernel, account, collection))
    }

    /// Creates a collection as the holder of a token.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub fn collection(&self, token: &str, account: &AccountId, name: &str) -> Result<bool> {
        let create = domain::data::CreateCollection::new(self.place(account, name));
        Ok(self.run(token, create)?.output.new)
    }

    /// Writes a record as the holder of a token.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub fn put(
        &self,
        token: &str,
        (account, collection, id): (&AccountId, &str, &str),
        body: &str,
    ) -> Result<Done<domain::data::Put>> {
        let put = domain::data::PutRecord::new(
            &self.kernel,
            self.place(account, collection),
            &RecordId::parse(id)?,
            body.as_bytes().to_vec(),
            domain::data::Condition::None,
        )?;
        self.run(token, put)
    }

    /// Reads a record as the holder of a token.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub fn get(
        &self,
        token: &str,
        (account, collection, id): (&AccountId, &str, &str),
    ) -> Result<String> {
        let get = domain::data::GetRecord::new(
            &self.kernel,
            self.place(account, collection),
            &RecordId::parse(id)?,
            None,
            domain::data::Condition::None,
        )?;
        match self.run(token, get)?.output {
            domain::data::Got::Shown(version) => {
                Ok(String::from_utf8_lossy(&version.body).into_owned())
            }
            domain::data::Got::NotModified(version) => Ok(format!("not modified {version}")),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kernel.close();
    }
}

/// 22 November 2026, 14:02:11 UTC.
pub(crate) const START: u64 = 1_795_356_131_000_000;

/// What a caller asks, with nothing stated.
pub fn asked_by(caller: Caller) -> Asked {
    let request = "r-test".to_owned();
    Asked { caller, source: None, request, purpose: None, behalf: None, idempotency: None }
}

/// Somebody who was never taken in.
pub fn stranger() -> Caller {
    let principal = must(PrincipalId::parse("service:stranger"));
    Caller { principal, credential: "none".to_owned() }
}

fn parts(place: &Place<'_>, new: bool) -> Result<(Box<dyn Engine>, HighWater)> {
    Ok(match place {
        Place::Memory(store, mark) => {
            (Box::new(store.clone()), HighWater::Memory(Arc::clone(mark)))
        }
        Place::Folder(folder) => {
            let path = folder.join("bailee.db");
            let engine = if new { Sqlite::create(&path)? } else { Sqlite::open(&path)? };
            (Box::new(engine), HighWater::file(&folder.join("high-water"))?)
        }
        Place::Database(address, name, marked) => {
            let address = Address::clone(address);
            let engine = match new {
                true => Postgres::create(address, None)?,
                false => Postgres::open(address, (*name).to_owned())?,
            };
            let mut mark = HighWater::Memory(Arc::default());
            if !new && *marked {
                let mut lane = engine.lane();
                let newest = lane.counters()?.commit;
                mark.write(&World::root(), kernel::highwater::Mark::from(&newest))?;
            }
            (Box::new(engine), mark)
        }
    })
}

fn open(place: &Place<'_>, seed: u64, clock: Arc<HandClock>) -> Result<Kernel> {
    let (engine, high_water) = parts(place, false)?;
    let mut engines = vec![engine];
    if let Place::Database(address, name, _) = place {
        // Two lanes, as a server has.
        let first = Postgres::open(Address::clone(address), (*name).to_owned())?;
        engines = vec![Box::new(first.lane()), Box::new(first)];
    }
    Kernel::open(Parts {
        engines,
        root: World::root(),
        high_water,
        clock,
        entropy: Box::new(DangerSeededEntropy::from_number(seed)),
        policies: domain::policies()?,
        rights: domain::RIGHTS,
        interpret: domain::interpret,
    })
}
