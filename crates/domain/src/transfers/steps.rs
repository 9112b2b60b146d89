//! What happens to a transfer after it was asked for.

use super::{Attempt, Custody, Outcome, Received, Transfer};
use crate::register::{At, Kept, Mark, Row, Step, When, act, body, key, line, load};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

act!(
    /// An attempt to deliver a transfer; done by the right the transfer left, never asked for.
    Attempted, "transfer.attempt", None, false
);

/// The job to deliver a transfer.
pub const SEND: &str = "transfer.send";

/// Minutes to wait after each attempt that failed; after the last of them nothing more is tried.
const WAITS: [u64; 6] = [1, 5, 30, 120, 360, 720];

/// Attempts to deliver a transfer.
pub(super) const ATTEMPTS: usize = WAITS.len() + 1;

/// Links of a chain of custody. A medium that passes more hands is a finding of its own.
const HANDS: usize = 40;

/// Longest reply that is kept, in bytes.
const REPLY: usize = 500;

/// Notes what came of an attempt, and leaves the next one where it failed for now.
///
/// Whoever runs jobs sends what it holds for [`SEND`], and runs this with the job's right.
pub struct NoteAttempt {
    key: RecordKey,
    outcome: Outcome,
    status: Option<u16>,
    reply: String,
}

impl NoteAttempt {
    /// Of the transfer of this id. The reply is cut to 500 bytes without control characters.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(
        kernel: &Kernel,
        id: &str,
        outcome: Outcome,
        status: Option<u16>,
        reply: &str,
    ) -> Result<Self> {
        let mut plain: String = reply.chars().filter(|c| !c.is_control()).collect();
        plain.truncate(plain.floor_char_boundary(REPLY));
        Ok(Self { key: key::<Kept<Transfer>>(kernel, id)?, outcome, status, reply: plain })
    }
}

impl Operation for NoteAttempt {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Attempted::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = load::<Kept<Transfer>, Attempted>(work, &self.key)?;
        let name = format!("{}/{}", Transfer::REGISTER, self.key.id);
        if kept.row.settled() || kept.row.medium.is_some() {
            // A job that ran twice: the first outcome stays, and the job has to end.
            let fields = vec![("row", name), ("outcome", "settled before".to_owned())];
            work.note(HOUSE, Attempted::ACTION.name, fields);
            return Ok(After::now(()));
        }
        let by = work.caller().principal.to_string();
        kept.row.attempts.push(Attempt {
            outcome: self.outcome,
            status: self.status,
            reply: self.reply.clone(),
            mark: Mark { by, at: When(work.now()) },
        });
        let tries = kept.row.attempts.len();
        let fields = vec![
            ("outcome", self.outcome.word().to_owned()),
            ("attempt", tries.to_string()),
            ("destination", kept.row.destination.clone()),
        ];
        work.save(allowed, body(&kept)?, fields)?;
        if self.outcome == Outcome::Failed
            && let Some(minutes) = WAITS.get(tries - 1)
        {
            let due = work.now().after(Duration::from_secs(minutes * 60));
            work.later(due, HOUSE, SEND, &object(&self.key.id, kept.row.held_by.as_deref()));
        }
        Ok(After::now(()))
    }
}

/// What a job of a transfer is about: the transfer, and which server holds its message.
pub(super) fn object(id: &str, held_by: Option<&str>) -> String {
    held_by.map_or_else(|| id.to_owned(), |node| format!("{id} {node}"))
}

/// The transfer that a job is about, by its id, and which server holds its message, where there
/// are several.
pub fn job(object: &str) -> (&str, Option<&str>) {
    object.split_once(' ').map_or((object, None), |(id, node)| (id, Some(node)))
}

/// A medium passes into other hands.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hand {
    /// Who has it now.
    pub holder: String,
    /// Where it is.
    pub place: String,
}

impl Step<Transfer> for Hand {
    const ACTION: &'static str = "transfer.hand";

    fn apply(&self, row: &mut Transfer, at: &mut At<'_, '_>) -> Result<()> {
        if row.received.is_some() {
            return Err(Error::conflict("this transfer was received: its custody has ended"));
        }
        let Some(medium) = &mut row.medium else {
            return Err(Error::conflict("this transfer travels on no medium"));
        };
        if medium.custody.len() >= HANDS {
            return Err(Error::limit(format!("a medium passes at most {HANDS} hands")));
        }
        let (holder, place) =
            (line("holder", &self.holder, 300)?, line("place", &self.place, 300)?);
        medium.custody.push(Custody { holder, place, mark: at.mark() });
        Ok(())
    }
}

/// The receiver's word that a transfer arrived.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receive {
    /// What the receiver says, and how: a letter, a number, a signature.
    pub reference: String,
}

impl Step<Transfer> for Receive {
    const ACTION: &'static str = "transfer.receive";

    fn apply(&self, row: &mut Transfer, at: &mut At<'_, '_>) -> Result<()> {
        if row.received.is_some() {
            return Err(Error::conflict("a receipt was entered already"));
        }
        if row.medium.is_none() && row.outcome() != Some(Outcome::Delivered) {
            return Err(Error::conflict("this transfer was not delivered: nobody can have it"));
        }
        let reference = line("reference", &self.reference, 500)?;
        row.received = Some(Received { reference, mark: at.mark() });
        Ok(())
    }
}
