//! What goes into a lane, and what comes out of it.

use crate::authority::Decision;
use crate::engine::{Claim, Lease, Wants};
use crate::error::{Error, Result};
use crate::operation::{After, Asked, Operation, Replay, Target};
use crate::reveal::Reveal;
use crate::stage::{Head, Place};
use crate::time::Moment;
use crate::work::Work;

/// An operation with everything that belongs to it, on its way through the lane.
pub(crate) struct Queued {
    pub(crate) asked: Asked,
    pub(crate) target: Target,
    pub(crate) decision: Decision,
    /// Work of the kernel itself, which rests on no grant.
    pub(crate) internal: bool,
    pub(crate) wants: Wants,
    pub(crate) weight: usize,
    pub(crate) under: Under,
    pub(crate) body: Box<dyn Body>,
}

/// What an operation of the kernel's own is done under.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Under {
    /// The job that is done by it.
    pub(crate) job: Option<Claim>,
    /// What is done by one node only.
    pub(crate) lease: Option<Lease>,
}

/// An operation without its type.
pub(crate) trait Body: Send {
    fn execute(&mut self, work: &mut Work<'_>) -> Result<()>;
    fn answer(self: Box<Self>, outcome: Result<Committed>);
    fn replay(self: Box<Self>, first: Result<(Replay, Committed)>);
}

/// What the finisher hands to an operation's answer.
pub(crate) struct Committed {
    pub(crate) reveal: Reveal,
    pub(crate) receipts: Vec<String>,
}

/// The answer to an operation.
#[derive(Debug)]
pub struct Done<T> {
    /// What the operation says.
    pub output: T,
    /// A receipt for each of its entries, as JSON.
    pub receipts: Vec<String>,
    /// Whether this is the answer to a repeated request.
    pub replayed: bool,
}

pub(crate) struct Typed<O: Operation, F> {
    pub(crate) operation: O,
    pub(crate) after: Option<After<O::Output>>,
    pub(crate) reply: F,
}

impl<O, F> Body for Typed<O, F>
where
    O: Operation,
    F: FnOnce(Result<Done<O::Output>>) + Send,
{
    fn execute(&mut self, work: &mut Work<'_>) -> Result<()> {
        self.after = Some(self.operation.execute(work)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<Committed>) {
        let Self { after, reply, .. } = *self;
        reply(outcome.and_then(|committed| {
            let after = after.ok_or_else(|| Error::internal("an answer before its operation"))?;
            let output = (after.0)(&committed.reveal)?;
            Ok(Done { output, receipts: committed.receipts, replayed: false })
        }));
    }

    fn replay(self: Box<Self>, first: Result<(Replay, Committed)>) {
        let Self { operation, reply, .. } = *self;
        reply(first.and_then(|(first, committed)| {
            let output = operation.replay(&first)?;
            Ok(Done { output, receipts: committed.receipts, replayed: true })
        }));
    }
}

/// What goes from the lane to the finisher.
pub(crate) enum Handed {
    /// A committed batch: the logs that moved, the leaves, and who waits for which places.
    Batch {
        moved: Vec<(u64, Head)>,
        leaves: Vec<Vec<u8>>,
        now: Moment,
        waiting: Vec<(Vec<Place>, Box<dyn Body>)>,
        /// Versions that are shown, to be read at once.
        shown: Vec<(u64, i64)>,
    },
    /// A repeated request: account, first entry and number of entries of the first one.
    Repeated { account: u64, first: u64, count: u64, now: Moment, body: Box<dyn Body> },
    /// Something that failed.
    Failed { error: Error, body: Box<dyn Body> },
}
