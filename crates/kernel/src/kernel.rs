//! The two doors: [`Kernel::submit`] for whatever changes or shows Service Data or a register, and
//! [`Kernel::allow`] for what is read without an entry (checkpoints, tiles, leaves).

mod derived;
mod feed;
mod reads;
mod shared;

pub use feed::{Fed, Told, Trace, Traced};
pub use reads::{Accesses, KeptSignals};

use crate::anchors::Anchors;
use crate::authority::{Action, Authority, Caller, Decision, Denied, Interpret, Policies};
use crate::engine::{Engine, Reader, Wants};
use crate::error::{Error, Kind, Result};
use crate::finisher::Finisher;
use crate::highwater::{HighWater, Mark};
use crate::id::{AccountId, Collection};
use crate::lane::{Done, Lane, Queued, Typed};
use crate::limits::QUEUE_OPERATIONS;
use crate::operation::{Asked, Operation, RecordKey, Target};
use crate::probed::Probes;
use crate::refusals::Refusals;
use crate::store::{HOUSE, Identity, Keyring, account_tag, known};
use crate::tick::kernel_decides;
use crate::time::{Clock, Moment};
use ledger::note::NoteSigner;
use sealing::{Entropy, RootKey};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Everything a kernel is built from. Whatever is not deterministic is a parameter.
pub struct Parts {
    /// The store.
    pub engine: Box<dyn Engine>,
    /// The root key of the store.
    pub root: RootKey,
    /// The mark outside the store.
    pub high_water: HighWater,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Box<dyn Entropy>,
    /// The policies.
    pub policies: Policies,
    /// The collections of `house` that hold rights.
    pub rights: &'static [&'static str],
    /// How to read rights out of them.
    pub interpret: Interpret,
}

/// The reference monitor. Clones are the same kernel.
#[derive(Clone)]
pub struct Kernel {
    shared: Arc<Shared>,
    queue: Arc<Mutex<Option<SyncSender<Queued>>>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    reader: Arc<dyn Reader>,
}

/// What the kernel's threads share.
pub(crate) struct Shared {
    pub(crate) authority: Authority,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) signer: NoteSigner,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) anchors: Anchors,
    pub(crate) refusals: Refusals,
    pub(crate) probes: Probes,
    /// Time of the newest entry of any log, µs since 1970.
    pub(crate) latest: AtomicU64,
    /// Revision of the rights at the last tick whose work for every tick was done.
    pub(crate) ticked: AtomicU64,
    stopped: AtomicBool,
    behind: Mutex<Option<String>>,
}

/// An entry with what may be shown of it.
#[derive(Clone, Debug)]
pub struct SeenEntry {
    /// Index in the log.
    pub index: u64,
    /// The leaf, verbatim.
    pub leaf: Vec<u8>,
    /// Its opening, if it was asked for and not erased.
    pub opening: Option<ledger::entry::Opening>,
}

impl Kernel {
    /// Opens the store that stands behind the engine and starts to work.
    ///
    /// # Errors
    /// `Unavailable` if the keys are not those of the store; `Internal` if it is damaged.
    pub fn open(mut parts: Parts) -> Result<Self> {
        let reader = parts.engine.reader();
        let (identity, signing) = known(&parts.root, &*reader)?;
        let counters = parts.engine.counters()?;
        let behind = guard(&mut parts, &counters.commit)?;
        if let Some(why) = &behind {
            tracing::error!(%why, "rollback guard: this store does not sign");
        }
        let shared = Arc::new(Shared {
            authority: Authority::new(parts.policies),
            keyring: Arc::new(Keyring::new(parts.root, Arc::clone(&reader))),
            identity: Arc::new(identity),
            signer: NoteSigner::from_seed(signing.expose()),
            clock: parts.clock,
            anchors: Anchors::default(),
            refusals: Refusals::default(),
            probes: Probes::default(),
            latest: AtomicU64::new(0),
            ticked: AtomicU64::new(u64::MAX),
            stopped: AtomicBool::new(false),
            behind: Mutex::new(behind),
        });
        shared.load_rights(&*reader, parts.rights, parts.interpret)?;
        shared.latest.store(shared.anchors.load(&*reader)?, Ordering::SeqCst);
        let (queue, queued) = sync_channel(QUEUE_OPERATIONS);
        let (finisher, handed) = channel();
        let lane = Lane {
            engine: parts.engine,
            reader: Arc::clone(&reader),
            shared: Arc::clone(&shared),
            interpret: parts.interpret,
            counters,
            high_water: parts.high_water,
            entropy: parts.entropy,
            forget_next: Moment(0),
            unsure: false,
            denied: Vec::new(),
            finisher,
        };
        let end = Finisher { shared: Arc::clone(&shared), reader: Arc::clone(&reader) };
        let threads = vec![
            start("lane", move || lane.run(&queued))?,
            start("finisher", move || end.run(&handed))?,
        ];
        Ok(Self {
            shared,
            queue: Arc::new(Mutex::new(Some(queue))),
            threads: Arc::new(Mutex::new(threads)),
            reader,
        })
    }

    /// Ends the work: what was accepted is finished and answered, nothing new is taken.
    pub fn close(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a kernel thread ended by panic");
            }
        }
    }

    /// The present moment by the kernel's clock, never before the newest entry: a clock that is set
    /// back opens no window again.
    pub fn now(&self) -> Moment {
        self.shared.now()
    }

    /// The live rights.
    pub fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// What the store knows about itself.
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// Why this store does not sign, if it does not.
    pub fn alarm(&self) -> Option<String> {
        self.shared.behind.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who holds this bearer token.
    ///
    /// # Errors
    /// `Unauthenticated`; `Forbidden` or `Limit` if a restraint refuses its holder, which is
    /// counted and recorded by the tick.
    pub fn identify(&self, token: &str) -> Result<Caller> {
        let (hash, now) = (token_hash(token), self.now());
        self.known(self.shared.authority.identify(&hash, now), now)
    }

    /// Who presents a token that is bound to a key; `thumbprint` is of the key that the request
    /// proved to hold.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn identify_keyed(&self, token: &str, thumbprint: &[u8; 32]) -> Result<Caller> {
        let (hash, now) = (keyed_hash(token, thumbprint), self.now());
        self.known(self.shared.authority.keyed(&hash, now), now)
    }

    /// Whose passkey has the name with this hash, which proves nothing yet: the operation asked for
    /// with it checks what the passkey signed.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn passkey(&self, hash: &[u8; 32]) -> Result<Caller> {
        let now = self.now();
        self.known(self.shared.authority.passkey(hash, now), now)
    }

    /// Who has the password with this hash. Alone it proves too little: the operation that is asked
    /// for with it checks the code of the moment.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn password(&self, hash: &[u8; 32]) -> Result<Caller> {
        let now = self.now();
        self.known(self.shared.authority.password(hash, now), now)
    }

    /// Whose identity at a provider, or session there, has the names with this hash, which proves
    /// nothing yet: the operation asked for with it carries what the provider signed.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn bound(&self, hash: &[u8; 32]) -> Result<Caller> {
        let now = self.now();
        self.known(self.shared.authority.identity(hash, now), now)
    }

    /// Which service is bound to what a verified token of a platform says, by the hash of that.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn workload(&self, hash: &[u8; 32]) -> Result<Caller> {
        let now = self.now();
        self.known(self.shared.authority.workload(hash, now), now)
    }

    /// As [`Kernel::bound`], for whoever ends what was begun so: an answer that refuses everything
    /// of somebody does not keep their sessions open.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub fn bound_to_end(&self, hash: &[u8; 32]) -> Result<Caller> {
        match self.shared.authority.identity(hash, self.now()) {
            Ok(caller) | Err(Denied::Restrained(caller, _)) => Ok(caller),
            Err(Denied::Unknown) => Err(Error::unauthenticated()),
        }
    }

    fn known(&self, found: std::result::Result<Caller, Denied>, now: Moment) -> Result<Caller> {
        let caller = found.map_err(|denied| match denied {
            Denied::Unknown => Error::unauthenticated(),
            Denied::Restrained(caller, refusal) => {
                self.shared.refusals.restrained(&refusal, Some(caller), None, now);
                refusal.error(now)
            }
        })?;
        self.shared.authority.pace(&caller.principal, now).map_err(|refusal| {
            self.shared.refusals.restrained(&refusal, Some(caller.clone()), None, now);
            refusal.error(now)
        })?;
        Ok(caller)
    }

    /// Does an operation and answers through `reply`, from another thread, once it is durable.
    ///
    /// A refusal of a known principal is itself an entry before it is answered.
    pub fn submit<O: Operation>(
        &self,
        asked: Asked,
        operation: O,
        reply: impl FnOnce(Result<Done<O::Output>>) + Send + 'static,
    ) {
        let target = operation.target();
        let now = self.now();
        let decided = self.shared.authority.decide(
            &asked.caller,
            target.action,
            target.account,
            target.collection.as_ref(),
            asked.purpose.as_deref(),
            now,
        );
        match decided {
            Ok(decision) => self.enqueue(asked, target, decision, None, operation, reply),
            Err(error) if matches!(error.kind(), Kind::Forbidden | Kind::NotFound) => {
                self.refuse(asked, &target, error, reply);
            }
            Err(error) => reply(Err(error)),
        }
    }

    /// As [`Kernel::submit`], waiting for the answer.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub fn run<O: Operation>(&self, asked: Asked, operation: O) -> Result<Done<O::Output>> {
        let (sender, receiver) = channel();
        self.submit(asked, operation, move |answer| {
            // A receiver that went away does not want the answer.
            drop(sender.send(answer));
        });
        receiver.recv().unwrap_or_else(|_| Err(Error::unavailable("the server is stopping")))
    }

    /// Work of the kernel or of a job, under a right that was checked when it was left.
    pub(crate) fn internal<O: Operation>(
        &self,
        asked: Asked,
        job: Option<i64>,
        operation: O,
        reply: impl FnOnce(Result<Done<O::Output>>) + Send + 'static,
    ) {
        let target = operation.target();
        self.enqueue(asked, target, kernel_decides(), Some(job), operation, reply);
    }

    /// `internal` is `Some` for work of the kernel itself, with the row of its job if it has one.
    fn enqueue<O: Operation>(
        &self,
        asked: Asked,
        target: Target,
        decision: Decision,
        internal: Option<Option<i64>>,
        operation: O,
        reply: impl FnOnce(Result<Done<O::Output>>) + Send + 'static,
    ) {
        let mut wants = Wants::default();
        operation.wants(&mut wants);
        let queued = Queued {
            asked,
            target,
            decision,
            internal: internal.is_some(),
            wants,
            weight: operation.weight(),
            job: internal.flatten(),
            body: Box::new(Typed { operation, after: None, reply }),
        };
        let sender = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sender) = sender else {
            return queued.body.answer(Err(Error::unavailable("the server is stopping")));
        };
        match sender.try_send(queued) {
            Ok(()) => {}
            Err(TrySendError::Full(queued)) => queued.body.answer(Err(Error::unavailable(
                "too many operations are waiting: try again in a second",
            ))),
            Err(TrySendError::Disconnected(queued)) => {
                queued.body.answer(Err(Error::unavailable("the server is stopping")));
            }
        }
    }

    fn refuse<T: Send + 'static>(
        &self,
        asked: Asked,
        target: &Target,
        error: Error,
        reply: impl FnOnce(Result<Done<T>>) + Send + 'static,
    ) {
        // A refusal is no answer to remember: asked again, it is decided and recorded again.
        let asked = Asked { idempotency: None, ..asked };
        let account = self.shared.refusals.may_tell(target.account, self.now());
        let refusal = crate::refusals::Refused::new(target, account, &error);
        self.internal(asked, None, refusal, move |recorded| {
            reply(Err(match recorded {
                Ok(_) => error,
                // If it cannot be recorded, that is the answer: nothing goes unrecorded.
                Err(unrecorded) => unrecorded,
            }));
        });
    }

    /// Whether the caller may read this without an entry: checkpoints, tiles, leaves, registers
    /// that hold no data.
    ///
    /// # Errors
    /// As [`Authority::decide`].
    pub fn allow(&self, caller: &Caller, action: &'static Action, account: u64) -> Result<()> {
        self.shared.authority.decide(caller, action, account, None, None, self.now()).map(|_| ())
    }

    /// The slot of an account.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn slot(&self, account: &AccountId) -> Result<u64> {
        self.shared.slot(&*self.reader, account)
    }

    /// The tag under which `heads` would hold this account.
    pub fn account_tag(&self, account: &AccountId) -> [u8; 16] {
        account_tag(&self.shared.keyring.root, account)
    }

    /// Where a record lives.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn key(&self, account: u64, collection: &str, id: &str) -> Result<RecordKey> {
        Ok(RecordKey::of(&*self.shared.keyring.account(account)?, collection, id))
    }

    /// The tag of a collection, for paging.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn collection_tag(&self, account: u64, collection: &str) -> Result<[u8; 16]> {
        let keys = self.shared.keyring.account(account)?;
        Ok(sealing::tag(&keys.names, &[b"collection", collection.as_bytes()]))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn reader(&self) -> &Arc<dyn Reader> {
        &self.reader
    }
}

/// SHA-256 of a bearer token: 256 random bits need no slow hash.
pub fn token_hash(token: &str) -> [u8; 32] {
    sealing::sha256(&[b"bailee-token/v1", token.as_bytes()])
}

/// SHA-256 of a token that is bound to a key, and of that key's thumbprint.
pub fn keyed_hash(token: &str, thumbprint: &[u8; 32]) -> [u8; 32] {
    sealing::sha256(&[b"bailee-keyed-token/v1", token.as_bytes(), thumbprint])
}

/// Compares the store with what is known outside of it.
fn guard(parts: &mut Parts, commit: &crate::engine::CommitRow) -> Result<Option<String>> {
    let remedy = "keep this copy apart, find the newest one; if this is the newest there is, begin \
                  a new epoch with `bailee epoch`";
    let Some(mark) = parts.high_water.read(&parts.root)? else {
        return Ok(Some(format!("the keys folder has no high-water mark: {remedy}")));
    };
    if mark.sequence > commit.sequence {
        let missing = mark.sequence - commit.sequence;
        return Ok(Some(format!(
            "the store is {missing} commits behind its high-water mark: {remedy}"
        )));
    }
    let stored = match mark.sequence {
        0 => Some(Mark { sequence: 0, chain: [0; 32] }),
        sequence => parts.engine.commit_at(sequence)?.as_ref().map(Mark::from),
    };
    if stored != Some(mark) {
        return Ok(Some(format!("the store's history differs from its high-water mark: {remedy}")));
    }
    Ok(None)
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
        Error::unavailable("no thread could be started").with_context(error.to_string())
    })
}

/// A target on `house`.
pub fn on_house(action: &'static Action) -> Target {
    Target { action, account: HOUSE, collection: None }
}

/// A target on a collection of an account.
pub fn on_collection(action: &'static Action, account: u64, collection: &Collection) -> Target {
    Target { action, account, collection: Some(collection.clone()) }
}
