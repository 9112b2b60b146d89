//! The lanes: the one place where anything changes. An account is always in the same one.
//!
//! Everything that waits is taken at once (no timer when idle, a cap per batch), fetched, executed
//! on an overlay, persisted in one commit, and handed on to be signed and answered. A batch ends
//! with an operation that changes rights, so that the next one is decided under the new ones.

mod queued;

pub use queued::Done;
pub(crate) use queued::{Body, Committed, Handed, Queued, Typed, Under};

use crate::authority::{Decision, Interpret};
use crate::engine::{CommitRow, Engine, Reader, Tag, Wants};
use crate::error::{Error, Kind, Result};
use crate::highwater::Mark;
use crate::kernel::Shared;
use crate::limits::{BATCH_BYTES, BATCH_OPERATIONS, CLOCK_BACKWARDS, DISORDER};
use crate::operation::{Asked, Operation as _};
use crate::refusals::{Denied, Refused};
use crate::stage::{Closed, Finished, Place, Stage};
use crate::tick::kernel_decides;
use crate::time::Moment;
use crate::work::Work;
use sealing::Entropy;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};

/// Most versions that are read at once for the answers of a batch; the rest is read one by one.
const SHOWN_AT_ONCE: usize = 1024;

/// How often requests that need not be remembered any more are deleted.
const FORGET_EVERY: std::time::Duration = std::time::Duration::from_secs(600);

/// A lane. It owns its engine.
pub(crate) struct Lane {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) interpret: Interpret,
    pub(crate) entropy: Box<dyn Entropy>,
    /// When remembered requests are looked through next.
    pub(crate) forget_next: Moment,
    /// The last commit, while it is unknown whether it was stored.
    pub(crate) unsure: Option<CommitRow>,
    /// Operations that were denied here; recorded before they are answered.
    pub(crate) denied: Vec<Queued>,
    pub(crate) finisher: Sender<Handed>,
}

impl Lane {
    /// Works until every sender is gone.
    pub(crate) fn run(mut self, queue: &Receiver<Queued>) {
        let mut left = None;
        while let Some(first) = left.take().or_else(|| queue.recv().ok()) {
            let (batch, next) = collect(first, queue);
            left = next;
            self.process(batch);
            let denied = std::mem::take(&mut self.denied);
            if !denied.is_empty() {
                // The kernel's own, so nothing is denied a second time.
                self.process(denied);
            }
        }
    }

    fn process(&mut self, batch: Vec<Queued>) {
        let now = match self.moment() {
            Ok(now) => now,
            Err(error) => {
                return batch.into_iter().for_each(|one| self.fail(error.clone(), one.body));
            }
        };
        if let Err((error, batch)) = self.attempt(batch, now) {
            // A data error: the culprit is found by running the batch in halves.
            if error.kind() == Kind::Conflict && batch.len() > 1 {
                let mut first = batch;
                let second = first.split_off(first.len() / 2);
                self.process(first);
                return self.process(second);
            }
            for one in batch {
                self.fail(error.clone(), one.body);
            }
        }
    }

    /// The batch's moment: never earlier than any entry, and not at all if the clock is far behind.
    fn moment(&self) -> Result<Moment> {
        let now = self.shared.now();
        let behind = now.since(self.shared.clock.now());
        if behind > CLOCK_BACKWARDS {
            return Err(Error::unavailable(format!(
                "this machine's clock is {} s behind the newest entry: set it right",
                behind.as_secs()
            )));
        }
        Ok(now)
    }

    fn attempt(&mut self, batch: Vec<Queued>, now: Moment) -> Result<(), (Error, Vec<Queued>)> {
        if let Err(error) = self.shared.may_sign().and_then(|()| self.be_sure()) {
            return Err((error, batch));
        }
        let outcome = self.held(batch, now);
        // After a commit there is nothing to release.
        self.engine.release();
        outcome
    }

    fn held(&mut self, batch: Vec<Queued>, now: Moment) -> Result<(), (Error, Vec<Queued>)> {
        let mut stage = match self.stage(&batch) {
            Ok(stage) => stage,
            // A damaged row, or keys that are gone: alone, it fails alone.
            Err(error) if error.kind() != Kind::Unavailable && batch.len() > 1 => {
                return Err((again(&error), batch));
            }
            Err(error) => return Err((error, batch)),
        };
        let now = now.max(Moment(stage.latest()));
        let (done, broken) = self.execute_all(&mut stage, batch, now);
        if let Some(error) = broken {
            let error = if done.len() > 1 { again(&error) } else { error };
            return Err((error, done.into_iter().map(|(one, _)| one).collect()));
        }
        if done.iter().all(|(_, step)| !matches!(step, Step::Applied(_))) {
            done.into_iter().for_each(|(one, step)| self.settle(one, step, now));
            return Ok(());
        }
        if now >= self.forget_next {
            stage.commit.forget_requests_before = Some(crate::tick::forget_before(now));
            self.forget_next = now.after(FORGET_EVERY);
        }
        let back = |done: Vec<(Queued, Step)>| done.into_iter().map(|(one, _)| one).collect();
        let tail = match self.engine.order() {
            Ok(tail) => tail,
            Err(error) => return Err((error, back(done))),
        };
        self.shared.latest.fetch_max(tail.time, Ordering::SeqCst);
        if Moment(tail.time).since(now) > DISORDER {
            // Others were faster by too much, as where this batch waited long for a head.
            self.engine.release();
            let now = self.shared.now();
            return self.held(back(done), now);
        }
        match stage.close(tail).and_then(|closed| self.persist(&closed).map(|()| closed)) {
            Ok(closed) => self.committed(closed, done, now),
            Err(error) => return Err((error, back(done))),
        }
        Ok(())
    }

    /// Executes one after the other. After an error that left the overlay half changed, nothing of
    /// the batch may be persisted; the rest is not even tried.
    fn execute_all(
        &mut self,
        stage: &mut Stage,
        batch: Vec<Queued>,
        now: Moment,
    ) -> (Vec<(Queued, Step)>, Option<Error>) {
        let mut broken = None;
        let mut done = Vec::with_capacity(batch.len());
        for mut one in batch {
            let step = if broken.is_some() {
                Step::Refused(Error::internal("not tried"))
            } else {
                self.execute(stage, &mut one, now).unwrap_or_else(|stop| match stop {
                    Stop::Refused(error) => Step::Refused(error),
                    Stop::Denied(error) => Step::Denied(error),
                    Stop::Broken(error) => {
                        broken = Some(error.clone());
                        Step::Refused(error)
                    }
                })
            };
            done.push((one, step));
        }
        (done, broken)
    }

    fn settle(&mut self, one: Queued, step: Step, now: Moment) {
        if let Step::Denied(error) = step {
            let denied = self.denial(one, error, now);
            return self.denied.push(denied);
        }
        let body = one.body;
        self.hand(match step {
            Step::Repeated { account, first, count } => {
                Handed::Repeated { account, first, count, now, body }
            }
            Step::Refused(error) => Handed::Failed { error, body },
            Step::Applied(_) | Step::Denied(_) => {
                Handed::Failed { error: Error::internal("not committed"), body }
            }
        });
    }

    /// The refusal of an operation that was let in, to be recorded and answered.
    fn denial(&self, one: Queued, error: Error, now: Moment) -> Queued {
        let Queued { mut asked, target, body, .. } = one;
        asked.idempotency = None;
        let account = self.shared.refusals.may_tell(target.account, now);
        let refused = Refused::new(&target, account, &error);
        let mut wants = Wants::default();
        refused.wants(&mut wants);
        Queued {
            asked,
            target: refused.target(),
            decision: kernel_decides(),
            internal: true,
            wants,
            weight: 0,
            under: Under::default(),
            body: Box::new(Denied { refused, error, body }),
        }
    }

    fn stage(&mut self, batch: &[Queued]) -> Result<Stage> {
        let mut wants = Wants::default();
        for one in batch {
            wants.heads.extend(&one.wants.heads);
            wants.heads_by_tag.extend(&one.wants.heads_by_tag);
            wants.records.extend(&one.wants.records);
            wants.pages.extend(one.wants.pages.iter().cloned());
            wants.heads.push(one.target.account);
            wants.requests.extend(self.request_tag(&one.asked, one.target.account)?);
        }
        // Key order, each once.
        wants.heads.sort_unstable();
        wants.heads.dedup();
        wants.records.sort_unstable();
        wants.records.dedup();
        wants.requests.sort_unstable();
        wants.requests.dedup();
        let fetched = self.engine.fetch(&wants)?;
        // INVARIANT: what others changed of the rights before this batch began counts for it.
        if let Some(rights) = fetched.rights {
            self.shared.catch_up(&*self.reader, rights)?;
        }
        Stage::new(
            &self.shared.keyring,
            &self.reader,
            &self.shared.identity,
            self.interpret,
            &wants.pages,
            fetched,
        )
    }

    fn request_tag(&self, asked: &Asked, account: u64) -> Result<Option<(u64, Tag)>> {
        let Some((key, _)) = &asked.idempotency else { return Ok(None) };
        let keys = self.shared.keyring.account(account)?;
        let caller = asked.caller.principal.as_str().as_bytes();
        Ok(Some((account, sealing::tag(&keys.tags, &[b"request", caller, key.as_bytes()]))))
    }

    fn execute(&mut self, stage: &mut Stage, one: &mut Queued, now: Moment) -> Result<Step, Stop> {
        if !one.internal && !self.shared.authority.stands(&one.decision, now) {
            one.decision = self.decide_again(one, now).map_err(|error| match error.kind() {
                Kind::Forbidden | Kind::NotFound => Stop::Denied(error),
                _ => Stop::Refused(error),
            })?;
        }
        let request = self.request_tag(&one.asked, one.target.account).map_err(Stop::Refused)?;
        let forget = crate::tick::forget_before(now);
        if let (Some((account, tag)), Some((_, hash))) = (request, &one.asked.idempotency)
            && let Some(row) = stage.remembered(account, &tag, forget)
        {
            if row.hash != *hash {
                return Err(Stop::Refused(Error::conflict(
                    "this `Idempotency-Key` was used for another request: take a fresh one",
                )));
            }
            return Ok(Step::Repeated { account, first: row.entry, count: row.count });
        }
        let mut work = Work {
            stage,
            rights: Some(&self.shared.authority),
            asked: &one.asked,
            decision: &one.decision,
            target: &one.target,
            now,
            entropy: &mut *self.entropy,
            drafts: Vec::new(),
            founded: Vec::new(),
            jobs: Vec::new(),
            job_done: one.under.job,
            lease: one.under.lease,
            shown: Vec::new(),
            anchored: None,
        };
        // A rule may forbid what the policies allow, such as approving for oneself.
        one.body.execute(&mut work).map_err(|error| match error.kind() {
            Kind::Forbidden => Stop::Denied(error),
            _ => Stop::Refused(error),
        })?;
        if work.drafts.is_empty() {
            // INVARIANT: nothing is changed or shown without an entry.
            let what = one.target.action.name;
            return Err(Stop::Broken(Error::internal(format!("`{what}` made no entry"))));
        }
        let idempotency = request
            .zip(one.asked.idempotency.as_ref())
            .map(|((account, tag), (_, hash))| (account, tag, *hash));
        let finished = Finished::of(work, idempotency);
        stage.apply(finished, &mut *self.entropy).map(Step::Applied).map_err(Stop::Broken)
    }

    /// INVARIANT: an operation never runs under rights that were read before it arrived, nor under
    /// ones that changed since.
    fn decide_again(&self, one: &Queued, now: Moment) -> Result<Decision> {
        self.shared.authority.decide(
            &one.asked.caller,
            one.target.action,
            one.target.account,
            one.target.collection.as_ref(),
            one.asked.purpose.as_deref(),
            now,
        )
    }

    fn persist(&mut self, closed: &Closed) -> Result<()> {
        let Err(error) = self.engine.persist(&closed.commit) else { return Ok(()) };
        if error.kind() == Kind::Conflict {
            return Err(error);
        }
        // The outcome is unknown: what is stored decides, before anything is tried again.
        let commit = &closed.commit.commit;
        self.unsure = Some(commit.clone());
        let stored = self.engine.stored(commit).map_err(|_| error.clone())?;
        self.unsure = None;
        if stored { Ok(()) } else { Err(error) }
    }

    /// After a commit whose outcome could not be found out: nothing is tried before it is known.
    fn be_sure(&mut self) -> Result<()> {
        let Some(commit) = self.unsure.clone() else { return Ok(()) };
        if self.engine.stored(&commit)? {
            if !self.engine.shared() {
                // Its callers were told that it failed, and what followed from it was never loaded.
                self.shared
                    .stop_answering("the last commit was stored after all: start the server again");
                return self.shared.may_sign();
            }
            // As if another node had made it: what follows from it is read from the store.
            self.shared.mark(Mark::from(&commit));
        }
        self.unsure = None;
        Ok(())
    }

    /// Everything that follows a commit in the lane itself. Shared memory changes only here.
    fn committed(&mut self, closed: Closed, done: Vec<(Queued, Step)>, now: Moment) {
        self.shared.latest.fetch_max(now.0, Ordering::SeqCst);
        self.shared.mark(Mark::from(&closed.commit.commit));
        for keys in closed.founded {
            self.shared.keyring.learn(keys);
        }
        match closed.commit.rights {
            None => {}
            // Another node may have changed the same since: the store says what counts now.
            Some(rights) if self.engine.shared() => {
                if let Err(error) = self.shared.catch_up(&*self.reader, rights) {
                    tracing::warn!(?error, "rights are read again with the next batch");
                }
            }
            Some(_) => self.shared.authority.apply(closed.rights),
        }
        if !self.engine.shared() {
            let moved = closed.moved.iter();
            let moved = moved.map(|(slot, head)| (*slot, head.log.size(), head.log.root()));
            self.shared.anchors.moved(moved);
        }
        let leaves = closed.commit.entries.into_iter().map(|entry| entry.leaf).collect();
        let (mut waiting, mut settled) = (Vec::with_capacity(done.len()), Vec::new());
        for (one, step) in done {
            match step {
                Step::Applied(places) => waiting.push((places, one.body)),
                step => settled.push((one, step)),
            }
        }
        let mut shown = closed.shown;
        shown.truncate(SHOWN_AT_ONCE);
        self.hand(Handed::Batch { moved: closed.moved, leaves, now, waiting, shown });
        settled.into_iter().for_each(|(one, step)| self.settle(one, step, now));
    }

    fn fail(&self, error: Error, body: Box<dyn Body>) {
        self.hand(Handed::Failed { error, body });
    }

    fn hand(&self, handed: Handed) {
        if self.finisher.send(handed).is_err() {
            tracing::error!("the finisher is gone; a caller gets no answer");
        }
    }
}

/// A data error of a whole batch: whoever caused it is found by running it in halves.
fn again(error: &Error) -> Error {
    Error::conflict("the data contradicts itself").with_context(format!("{error:?}"))
}

enum Step {
    Applied(Vec<Place>),
    Repeated { account: u64, first: u64, count: u64 },
    Refused(Error),
    Denied(Error),
}

enum Stop {
    /// The operation failed before it touched the overlay.
    Refused(Error),
    /// The right it was queued under is gone, or a rule of its noun forbids it to this caller.
    Denied(Error),
    /// It failed while it was taken over.
    Broken(Error),
}

/// Everything that waits, up to the caps; the one that did not fit any more is left for the next.
fn collect(first: Queued, queue: &Receiver<Queued>) -> (Vec<Queued>, Option<Queued>) {
    let mut bytes = first.weight;
    let mut ends = first.target.action.changes_rights;
    let mut batch = vec![first];
    while !ends && batch.len() < BATCH_OPERATIONS {
        let Ok(next) = queue.try_recv() else { break };
        bytes += next.weight;
        if bytes > BATCH_BYTES {
            return (batch, Some(next));
        }
        ends = next.target.action.changes_rights;
        batch.push(next);
    }
    (batch, None)
}
