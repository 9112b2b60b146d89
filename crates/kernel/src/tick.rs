//! What happens by itself: anchors, counts of strangers, jobs. Each is an operation again.
//!
//! Whoever runs a kernel calls [`Kernel::tick`] now and then; simulation calls it by hand.

use crate::anchors::Snapshot;
use crate::authority::{Action, Caller, Decision};
use crate::engine::{Claim, JobRow, Lease, Wants};
use crate::error::{Error, Result};
use crate::id::PrincipalId;
use crate::kernel::Kernel;
use crate::lane::Under;
use crate::limits::{IDEMPOTENCY_WINDOW, TRIES_PER_MINUTE};
use crate::operation::{After, Asked, Job, Operation, Target};
use crate::probed::PROBED;
use crate::refusals::{RESTRAINED, UNAUTHENTICATED};
use crate::store::{HOUSE, job_context};
use crate::time::Moment;
use crate::work::Work;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;

/// The entry that anchors the heads of all accounts.
pub(crate) static ANCHOR: Action =
    Action { name: "anchor.made", verb: None, changes_rights: false };

/// The lease of what one node does for all: anchors, and what is due at every tick.
const BACKGROUND: &str = "background";

/// Most bytes of one field that lists moved heads; more go into further fields.
const LIST_BYTES: usize = 1_000_000;

/// Runs a job that is due, as an operation.
pub type RunJob<'a> = &'a dyn Fn(&Kernel, &Job, Ran) -> Result<()>;

/// Most jobs that one tick looks at, oldest first. What a silent peer holds up stays due, and must
/// not keep what came after it from being seen.
const JOBS: usize = 2000;

/// The job that nobody left: it is due at every tick, for what happens by itself.
pub const EVERY_TICK: &str = "tick";

/// What that job is about if rights moved since the tick before, or none was yet; otherwise it is
/// about nothing, and whatever follows from rights alone need not be looked at again.
pub const RIGHTS_MOVED: &str = "rights-moved";

/// The right to run one job once.
pub struct Ran {
    /// The job and the lease it is done under; no job for what is due at every tick.
    under: Under,
    actor: PrincipalId,
}

impl Ran {
    /// The right once more, for what is due at every tick; a job that was left runs once.
    pub fn again(&self) -> Option<Self> {
        self.under.job.is_none().then(|| Self { under: self.under, actor: self.actor.clone() })
    }

    /// The right for what every node does for itself, whoever's turn it is.
    #[must_use]
    pub fn on_any_node(mut self) -> Self {
        self.under.lease = None;
        self
    }

    /// As [`Ran::run`], with the answer.
    ///
    /// # Errors
    /// Whatever the operation answers; the job then stays.
    pub fn answer<O: Operation>(self, kernel: &Kernel, operation: O) -> Result<O::Output> {
        self.wait(kernel, self.under, operation)
    }

    /// Runs an operation that the job needs before its own, and answers what it says; the job
    /// stays. For work outside the store, such as sending a letter, between two operations.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub fn ask<O: Operation>(&self, kernel: &Kernel, operation: O) -> Result<O::Output> {
        self.wait(kernel, Under { job: None, ..self.under }, operation)
    }

    fn wait<O: Operation>(&self, kernel: &Kernel, under: Under, operation: O) -> Result<O::Output> {
        let mut asked = kernel_asks("job");
        asked.caller.principal = self.actor.clone();
        let (sender, receiver) = channel();
        kernel.internal(asked, under, operation, move |answer| drop(sender.send(answer)));
        let answer = receiver.recv();
        Ok(answer.unwrap_or_else(|_| Err(Error::unavailable("the server is stopping")))?.output)
    }

    /// Runs the job's operation and waits for its commit, which also removes the job.
    ///
    /// # Errors
    /// Whatever the operation answers; the job then stays.
    pub fn run<O: Operation>(self, kernel: &Kernel, operation: O) -> Result<()> {
        self.answer(kernel, operation).map(drop)
    }
}

impl Kernel {
    /// Anchors what moved, records what strangers tried, runs what is due.
    ///
    /// # Errors
    /// The first error. What failed does not keep the rest from happening, and is tried again at
    /// the next tick.
    pub fn tick(&self, run: RunJob<'_>) -> Result<()> {
        self.keep_up()?;
        self.shared().may_sign()?;
        self.shared().authority.forget_restraints(self.now());
        self.shared().authority.forget_issued(self.now());
        let strangers = self.record_strangers();
        let strangers = strangers.and(self.record_restrained()).and(self.record_probes());
        let own = strangers.and(self.run_jobs(run));
        let turn = self.take_turn();
        // What is due at every tick runs on every node; whoever runs it asks whose turn it is.
        let own = own.and(self.run_every(run));
        match turn? {
            Some(lease) => own.and(self.anchor_under(lease)),
            None => own,
        }
    }

    /// The number of this node's turn to do what one node does for all, if it has the turn: a later
    /// turn has a higher one. Work under a turn that has passed is refused when it is committed.
    pub fn turn(&self) -> Option<u64> {
        let lease = *self.shared().turn.lock().unwrap_or_else(PoisonError::into_inner);
        lease.map(|lease| u64::try_from(lease.token).unwrap_or(0))
    }

    /// Renews this node's turn, or begins one if no other node has it.
    fn take_turn(&self) -> Result<Option<Lease>> {
        let lease = self.reader().lease(BACKGROUND);
        let mut turn = self.shared().turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *turn, lease.as_ref().ok().copied().flatten());
        if self.shared().rights.shared && before != *turn {
            match *turn {
                Some(_) => drop(self.shared().anchors.load(&**self.reader())?),
                None => self.shared().anchors.step_down(),
            }
        }
        drop(turn);
        lease
    }

    fn run_every(&self, run: RunJob<'_>) -> Result<()> {
        let lease = *self.shared().turn.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = self.shared().authority.revision();
        let moved = self.shared().ticked.load(Ordering::SeqCst) != revision;
        let object = if moved { RIGHTS_MOVED } else { "" };
        let (kind, object) = (EVERY_TICK.to_owned(), object.to_owned());
        let actor = PrincipalId::kernel();
        let job = Job { account: HOUSE, due: self.now(), kind, object, actor: actor.to_string() };
        run(self, &job, Ran { under: Under { job: None, lease }, actor })?;
        self.shared().ticked.store(revision, Ordering::SeqCst);
        Ok(())
    }

    fn record_strangers(&self) -> Result<()> {
        let mut outcome = Ok(());
        for one in self.shared().refusals.strangers_before(self.now()) {
            let mut asked = kernel_asks(UNAUTHENTICATED.name);
            if let Some(caller) = &one.caller {
                asked.caller = caller.clone();
            }
            if let Err(error) = self.wait_as(asked, one.clone()) {
                self.shared().refusals.unrecorded(one);
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    fn record_probes(&self) -> Result<()> {
        let mut outcome = Ok(());
        for one in self.shared().probes.untold(self.now()) {
            // What cannot be recorded now is lost: it is no right and no refusal.
            outcome = outcome.and(self.wait_as(kernel_asks(PROBED.name), one));
        }
        outcome
    }

    fn record_restrained(&self) -> Result<()> {
        let mut outcome = Ok(());
        for one in self.shared().refusals.restrained_before(self.now()) {
            let mut asked = kernel_asks(RESTRAINED.name);
            if let Some(caller) = &one.caller {
                asked.caller = caller.clone();
            }
            if let Err(error) = self.wait_as(asked, one.clone()) {
                self.shared().refusals.unrecorded_restraint(one);
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    /// Anchors the heads of all accounts that moved since the last time, if any did.
    ///
    /// # Errors
    /// Whatever the entry's commit answers.
    pub fn anchor_now(&self) -> Result<()> {
        match self.take_turn()? {
            Some(lease) => self.anchor_under(lease),
            None => Err(Error::unavailable("another node makes the anchors")),
        }
    }

    fn anchor_under(&self, lease: Lease) -> Result<()> {
        self.shared().anchors.look(&**self.reader())?;
        if !self.shared().anchors.due() {
            self.shared().anchors.seen(self.now());
            return Ok(());
        }
        let snapshot = self.shared().anchors.snapshot()?;
        let index = self
            .wait(Under { job: None, lease: Some(lease) }, AnchorEntry { snapshot })
            .inspect_err(|_| self.shared().anchors.failed())?;
        self.shared().anchors.committed(index);
        Ok(())
    }

    /// Whether a connection from this address is closed before anything is said: it is refused, and
    /// was told so often enough in this minute.
    pub fn turns_away(&self, peer: std::net::IpAddr) -> bool {
        let now = self.now();
        let Some(refusal) = self.shared().authority.banned(peer, now) else { return false };
        let away = self.shared().refusals.explained(&refusal, now);
        if away {
            self.shared().refusals.restrained(&refusal, None, Some(peer), now);
        }
        away
    }

    /// Counts a path that led a stranger nowhere; the tick records it once there are many.
    pub fn count_path(&self, source: &str, path: &str) {
        self.shared().probes.path(source, path, self.now());
    }

    /// Counts a handshake that failed; the tick records it once there are many.
    pub fn count_handshake(&self, source: &str) {
        self.shared().probes.handshake(source, self.now());
    }

    /// Lets a request of this address in, or says what refuses it; before anything else of it is
    /// looked at. What is refused is counted, and the tick records it.
    ///
    /// # Errors
    /// `Forbidden` where the address is refused, `Limit` where it is slowed.
    pub fn admit(&self, peer: std::net::IpAddr) -> Result<()> {
        let now = self.now();
        self.shared().authority.admit(peer, now).map_err(|refusal| {
            self.shared().refusals.restrained(&refusal, None, Some(peer), now);
            refusal.error(now)
        })
    }

    /// Counts a request without a valid login; the tick records it.
    pub fn count_stranger(&self, source: &str) {
        self.shared().refusals.stranger(source, self.now());
    }

    /// As [`Kernel::count_stranger`], for a token that was refused: if it counted once, the tick
    /// records it as its holder's and credential's, so that a search for what was done with it
    /// finds that it was tried after its end.
    pub fn count_refused(&self, token: &str, source: &str) {
        self.refused(&crate::kernel::token_hash(token), source);
    }

    /// As [`Kernel::count_refused`], for a token that is bound to this key.
    pub fn count_refused_keyed(&self, token: &str, thumbprint: &[u8; 32], source: &str) {
        self.refused(&crate::kernel::keyed_hash(token, thumbprint), source);
    }

    fn refused(&self, hash: &[u8; 32], source: &str) {
        let refusals = &self.shared().refusals;
        match self.shared().authority.ended(hash) {
            Some(caller) => refusals.ended(source, caller, self.now()),
            None => refusals.stranger(source, self.now()),
        }
    }

    /// Whether this source may try another secret in this minute.
    ///
    /// # Errors
    /// `Limit` after [`TRIES_PER_MINUTE`] that were counted by [`Kernel::count_stranger`].
    pub fn may_try(&self, source: &str) -> Result<()> {
        match self.shared().refusals.tries(source, self.now()) {
            0..TRIES_PER_MINUTE => Ok(()),
            _ => Err(Error::limit("too many tries from here: wait a minute and try again")),
        }
    }

    fn wait<O: Operation>(&self, under: Under, operation: O) -> Result<O::Output> {
        self.wait_under(kernel_asks(operation.target().action.name), under, operation)
    }

    fn wait_as<O: Operation>(&self, asked: Asked, operation: O) -> Result<O::Output> {
        self.wait_under(asked, Under::default(), operation)
    }

    fn wait_under<O: Operation>(
        &self,
        asked: Asked,
        under: Under,
        operation: O,
    ) -> Result<O::Output> {
        let (sender, receiver) = channel();
        self.internal(asked, under, operation, move |answer| drop(sender.send(answer)));
        let answer = receiver.recv();
        Ok(answer.unwrap_or_else(|_| Err(Error::unavailable("the server is stopping")))?.output)
    }

    fn run_jobs(&self, run: RunJob<'_>) -> Result<()> {
        let mut outcome = Ok(());
        for (row, claim) in self.reader().claim(self.now().0, JOBS)? {
            outcome = outcome.and(self.run_job(&row, claim, run));
        }
        outcome
    }

    fn run_job(&self, row: &JobRow, claim: Claim, run: RunJob<'_>) -> Result<()> {
        let keys = self.shared().keyring.account(row.account)?;
        let context = job_context(row.account, row.row, row.due);
        let plain = sealing::open(&keys.log, &context, &row.sealed)?;
        let text = String::from_utf8_lossy(&plain);
        let mut parts = text.splitn(3, '\n').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        let (kind, object, actor) = (next(), next(), next());
        let due = Moment(row.due);
        let parsed = PrincipalId::parse(&actor).or_else(|error| match actor.as_str() {
            "kernel" => Ok(PrincipalId::kernel()),
            // What follows from a secret that counted.
            "bearer" => Ok(PrincipalId::bearer()),
            _ => Err(error),
        })?;
        let job = Job { account: row.account, due, kind, object, actor };
        let under = Under { job: Some(claim), lease: None };
        run(self, &job, Ran { under, actor: parsed })
    }
}

/// Requests remembered before this moment are forgotten.
pub(crate) fn forget_before(now: Moment) -> u64 {
    now.0.saturating_sub(u64::try_from(IDEMPOTENCY_WINDOW.as_micros()).unwrap_or(u64::MAX))
}

struct AnchorEntry {
    snapshot: Snapshot,
}

impl Operation for AnchorEntry {
    type Output = u64;

    fn target(&self) -> Target {
        Target { action: &ANCHOR, account: HOUSE, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.heads.push(HOUSE);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<u64>> {
        const FIELDS: [&str; 8] =
            ["moved", "moved.1", "moved.2", "moved.3", "moved.4", "moved.5", "moved.6", "moved.7"];
        let mut fields = vec![
            ("snapshot", self.snapshot.value.clone()),
            ("count", self.snapshot.count.to_string()),
        ];
        let mut parts = FIELDS.iter();
        let mut part = String::new();
        for item in self.snapshot.moved.split(' ') {
            if part.len() + item.len() >= LIST_BYTES {
                let name = parts.next().ok_or_else(|| Error::limit("too many logs moved"))?;
                fields.push((name, std::mem::take(&mut part)));
            }
            if !part.is_empty() {
                part.push(' ');
            }
            part.push_str(item);
        }
        let name = parts.next().ok_or_else(|| Error::limit("too many logs moved"))?;
        fields.push((name, part));
        let index = work.next_index(HOUSE)?;
        work.note(HOUSE, ANCHOR.name, fields);
        work.anchored = Some((index, self.snapshot.rows.clone()));
        Ok(After::now(index))
    }
}

/// What work of the kernel itself says of its maker.
pub(crate) fn kernel_asks(what: &str) -> Asked {
    Asked {
        caller: Caller { principal: PrincipalId::kernel(), credential: "none".to_owned() },
        source: None,
        request: what.to_owned(),
        purpose: None,
        behalf: None,
        idempotency: None,
    }
}

/// What stands for policies where the kernel itself decides; no policy has this name.
pub(crate) const KERNEL: &str = "kernel";

/// The ground of work of the kernel itself.
pub(crate) fn kernel_decides() -> Decision {
    Decision { revision: 0, grant: None, policies: KERNEL.into(), until: Moment(u64::MAX) }
}

/// What stands for a decision that is still to be made: no revision is this one.
pub(crate) fn undecided() -> Decision {
    Decision { revision: u64::MAX, ..kernel_decides() }
}
