//! The two doors: [`Kernel::submit`] for whatever changes or shows Service Data or a register, and
//! [`Kernel::allow`] for what is read without an entry (checkpoints, tiles, leaves).

mod derived;
mod feed;
mod identifying;
mod reads;
mod shared;

pub use feed::{Fed, Told, Trace, Traced};
pub use identifying::{keyed_hash, token_hash};
pub use reads::{Accesses, KeptSignals};

use crate::anchors::Anchors;
use crate::authority::{Action, Authority, Caller, Decision, Interpret, Policies};
use crate::engine::{Engine, Lease, Reader, Wants};
use crate::error::{Error, Kind, Result};
use crate::finisher::Finisher;
use crate::highwater::{HighWater, Mark};
use crate::id::{AccountId, Collection};
use crate::lane::{Done, Lane, Queued, Typed, Under};
use crate::limits::QUEUE_OPERATIONS;
use crate::operation::{Asked, Operation, RecordKey, Target};
use crate::probed::Probes;
use crate::refusals::Refusals;
use crate::store::{HOUSE, Identity, Keyring, account_tag, known};
use crate::tick::{kernel_decides, undecided};
use crate::time::{Clock, Moment};
use crate::vouching::{Question, WAITING, question};
use ledger::note::NoteSigner;
use sealing::{Entropy, RootKey};
use shared::Rights;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Everything a kernel is built from. Whatever is not deterministic is a parameter.
pub struct Parts {
    /// The store: an engine for each lane.
    pub engines: Vec<Box<dyn Engine>>,
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
    /// The lanes; none once the kernel is closed.
    queues: Arc<Mutex<Vec<SyncSender<Queued>>>>,
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
    pub(crate) rights: Rights,
    /// Where the mark outside the store is kept, and the newest one, if there is one.
    pub(crate) high_water: Mutex<(HighWater, Option<Mark>)>,
    /// What this node asks the others, as long as it has no mark.
    pub(crate) question: Mutex<Option<Question>>,
    /// Time of the newest entry of any log, µs since 1970.
    pub(crate) latest: AtomicU64,
    /// Revision of the rights at the last tick whose work for every tick was done.
    pub(crate) ticked: AtomicU64,
    /// This node's turn to do what one node does for all, as of its last tick.
    pub(crate) turn: Mutex<Option<Lease>>,
    stopped: AtomicBool,
    pub(crate) behind: Mutex<Option<String>>,
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
        let first = parts.engines.first_mut();
        let first = first.ok_or_else(|| Error::internal("a kernel without an engine"))?;
        let reader = first.reader();
        let (identity, signing) = known(&parts.root, &*reader)?;
        let counters = first.counters()?;
        let mark = parts.high_water.read(&parts.root)?;
        let question = question(&**first, mark, &mut *parts.entropy)?;
        let behind = match question {
            Some(_) => Some(WAITING.to_owned()),
            None => guard(&mut **first, mark, &counters.commit)?,
        };
        if let Some(why) = &behind {
            tracing::error!(%why, "rollback guard: this store does not sign");
        }
        let rights = Rights {
            collections: parts.rights,
            interpret: parts.interpret,
            shared: first.shared(),
            known: Mutex::default(),
        };
        let shared = Arc::new(Shared {
            authority: Authority::new(parts.policies),
            keyring: Arc::new(Keyring::new(parts.root, Arc::clone(&reader))),
            identity: Arc::new(identity),
            signer: NoteSigner::from_seed(signing.expose()),
            clock: parts.clock,
            anchors: Anchors::default(),
            refusals: Refusals::default(),
            probes: Probes::default(),
            rights,
            high_water: Mutex::new((parts.high_water, mark)),
            question: Mutex::new(question),
            latest: AtomicU64::new(0),
            ticked: AtomicU64::new(u64::MAX),
            turn: Mutex::default(),
            stopped: AtomicBool::new(false),
            behind: Mutex::new(behind),
        });
        shared.load_rights(&*reader)?;
        shared.latest.store(shared.anchors.load(&*reader)?, Ordering::SeqCst);
        let (finisher, handed) = channel();
        let entropy = Arc::new(Mutex::new(parts.entropy));
        let (mut queues, mut threads) = (Vec::new(), Vec::new());
        for engine in parts.engines {
            let (queue, queued) = sync_channel(QUEUE_OPERATIONS);
            let lane = Lane {
                engine,
                reader: Arc::clone(&reader),
                shared: Arc::clone(&shared),
                interpret: parts.interpret,
                entropy: Box::new(SharedEntropy(Arc::clone(&entropy))),
                forget_next: Moment(0),
                unsure: None,
                denied: Vec::new(),
                finisher: finisher.clone(),
            };
            queues.push(queue);
            threads.push(start("lane", move || lane.run(&queued))?);
        }
        drop(finisher);
        let end = Finisher { shared: Arc::clone(&shared), reader: Arc::clone(&reader) };
        threads.push(start("finisher", move || end.run(&handed))?);
        Ok(Self {
            shared,
            queues: Arc::new(Mutex::new(queues)),
            threads: Arc::new(Mutex::new(threads)),
            reader,
        })
    }

    /// Ends the work: what was accepted is finished and answered, nothing new is taken.
    pub fn close(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a kernel thread ended by panic");
            }
        }
        let mut water = self.shared.high_water.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = water.0.flush() {
            tracing::warn!(?error, "the high-water mark was not flushed");
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
        self.shared.alarm()
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
            // Another node may have given the right by now: the lane knows, and records a refusal.
            Err(error)
                if self.shared.rights.shared
                    && matches!(error.kind(), Kind::Forbidden | Kind::NotFound) =>
            {
                self.enqueue(asked, target, undecided(), None, operation, reply);
            }
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
        under: Under,
        operation: O,
        reply: impl FnOnce(Result<Done<O::Output>>) + Send + 'static,
    ) {
        let target = operation.target();
        self.enqueue(asked, target, kernel_decides(), Some(under), operation, reply);
    }

    /// `internal` is `Some` for work of the kernel itself, with what it is done under.
    fn enqueue<O: Operation>(
        &self,
        asked: Asked,
        target: Target,
        decision: Decision,
        internal: Option<Under>,
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
            under: internal.unwrap_or_default(),
            body: Box::new(Typed { operation, after: None, reply }),
        };
        let Some(sender) = self.lane(queued.target.account) else {
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

    /// The lane of an account, always the same one; `house` has the first.
    fn lane(&self, account: u64) -> Option<SyncSender<Queued>> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = u64::try_from(queues.len()).ok()?;
        let place = usize::try_from(account.checked_rem(lanes)?).ok()?;
        queues.get(place).cloned()
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
        self.internal(asked, Under::default(), refusal, move |recorded| {
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
        self.shared.be_current(&*self.reader)?;
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

/// One source of randomness for several lanes.
struct SharedEntropy(Arc<Mutex<Box<dyn Entropy>>>);

impl Entropy for SharedEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> std::result::Result<(), sealing::EntropyError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes)
    }
}

/// Compares the store with what is known outside of it.
fn guard(
    engine: &mut dyn Engine,
    mark: Option<Mark>,
    commit: &crate::engine::CommitRow,
) -> Result<Option<String>> {
    let remedy = "keep this copy apart, find the newest one; if this is the newest there is, begin \
                  a new epoch with `bailee epoch`";
    let Some(mark) = mark else {
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
        sequence => engine.commit_at(sequence)?.as_ref().map(Mark::from),
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
