//! Transfers: Service Data that leaves, to a destination that was declared before.
//!
//! [`destinations`] says to whom and where; [`elections`] says where an account's own administrator
//! chose a receiver that takes no encryption; a [`Transfer`] is one sending of selected records,
//! and an entry in the account's own ledger before anything leaves.
//!
//! Promises: nothing is sent to a vendor outside its engagement or without encryption, nothing to a
//! subscriber's own receiver but that account's data, and nothing unencrypted without an election
//! in force. What is declared and what is observed can be laid side by side ([`sub_processors`]).
//!
//! Does not: send. There is no network here: the face that asked for a transfer gets the bodies
//! after the commit, sends them, and notes each attempt with the right the transfer left behind.

pub mod destinations;
pub mod elections;
mod parties;
mod sending;
mod steps;

pub use destinations::Destination;
pub use elections::{Elect, Election, EndElection};
pub use parties::{Party, Used, sub_processors};
pub use sending::{Export, NewTransfer, Outgoing, SendRecords};
pub use steps::{Hand, NoteAttempt, Receive, SEND, job};

use crate::register::{At, Entry, Mark, Register, Row, Status, Tone, step};
use destinations::Kind;
use kernel::{Act, Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of an attempt to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "TransferOutcome")]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// The receiver was not reached, or failed for now: it is tried again.
    Failed,
    /// The receiver refuses it for good.
    Refused,
    /// It was not sent, because what was to be sent is gone: ask for the transfer again.
    Unsent,
}

impl Outcome {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unsent => "unsent",
        }
    }
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TransferAttempt")]
pub struct Attempt {
    /// What came of it.
    pub outcome: Outcome,
    /// The status of the receiver's answer (RFC 9110), if there was one.
    pub status: Option<u16>,
    /// What the receiver said, or why it was not reached.
    pub reply: String,
    /// When, and by whose right.
    pub mark: Mark,
}

/// How records travel on a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Medium {
    /// Who carries it.
    pub carrier: String,
    /// How it is encrypted, and how the key travels.
    pub encryption: String,
    /// Everybody who had it in hand, oldest first.
    pub custody: Vec<Custody>,
}

/// One link of the chain of custody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Custody {
    /// Who has it.
    pub holder: String,
    /// Where it is.
    pub place: String,
    /// Who says so, and when.
    pub mark: Mark,
}

/// The receiver's word that it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Received {
    /// What the receiver says, and how: a letter, a number, a signature.
    pub reference: String,
    /// Who entered it, and when.
    pub mark: Mark,
}

/// A sending of selected records of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transfer {
    /// The account whose records they are.
    pub account: String,
    /// The collection they are in.
    pub collection: String,
    /// The destination.
    pub destination: String,
    /// Its receiver at that time: a vendor's name, or `subscriber:ACCOUNT`.
    pub receiver: String,
    /// How they travel.
    pub kind: Kind,
    /// The engagement of the vendor that covers it.
    pub engagement: Option<String>,
    /// Whether the way is not encrypted; then an election says so.
    pub plaintext: bool,
    /// The account's election of it, for a way that is not encrypted.
    pub election: Option<String>,
    /// How many records.
    pub count: u32,
    /// Their bodies together, in bytes.
    pub bytes: u64,
    /// The hash over the records' tags that the account's entry carries.
    pub shown: String,
    /// Index of that entry in the account's ledger.
    pub entry: u64,
    /// Which server holds the message until it is delivered, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// Attempts to deliver, oldest first.
    pub attempts: Vec<Attempt>,
    /// The medium, if it travels on one.
    pub medium: Option<Medium>,
    /// The receiver's word that it arrived, if there is one.
    pub received: Option<Received>,
}

impl Transfer {
    /// What came of it last; nothing while it waits.
    pub fn outcome(&self) -> Option<Outcome> {
        self.attempts.last().map(|attempt| attempt.outcome)
    }

    /// Whether nothing more will be tried.
    pub fn settled(&self) -> bool {
        let failed = self.outcome() == Some(Outcome::Failed);
        self.outcome().is_some() && (!failed || self.attempts.len() >= steps::ATTEMPTS)
    }
}

impl Row for Transfer {
    const NOUN: &'static str = "transfer";
    const REGISTER: &'static str = "transfers";
    const FORMAT: &'static str = "transfer/v1";
    const ADD: &'static str = "transfer.add";
    const READ: &'static str = "transfer.read";
    const LIST: &'static str = "transfer.list";
    type New = NewTransfer;

    /// Records are read to be sent, so this is an operation on the account and not on `house`.
    fn add(_: &NewTransfer, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::internal("a transfer is asked of the account, with `SendRecords`"))
    }

    fn status(&self, _now: Moment) -> Status {
        if self.received.is_some() {
            return Status::of("received", Tone::Good);
        }
        if self.medium.is_some() {
            let what = "it is on its way: enter the receiver's receipt when it has arrived";
            return Status::of("on-its-way", Tone::Due).what(what).who("vendor-manager");
        }
        let said = self.attempts.last().map_or("", |attempt| attempt.reply.as_str());
        match self.outcome() {
            Some(Outcome::Delivered) => Status::of("delivered", Tone::Good),
            Some(Outcome::Failed) if !self.settled() => {
                Status::of("failing", Tone::Due).what(format!("it is tried again: {said}"))
            }
            Some(Outcome::Failed | Outcome::Refused) => Status::of("failed", Tone::Bad)
                .what(format!("it was not delivered: {said}"))
                .who("vendor-manager"),
            Some(Outcome::Unsent) => Status::of("unsent", Tone::Bad)
                .what("it was not sent: ask for the transfer again")
                .who("vendor-manager"),
            None => Status::of("queued", Tone::Due).what("it waits to be sent"),
        }
    }
}

const STEPS: &[Entry] = &[
    step::<Transfer, Hand>("hand", "Adds to the chain of custody of a medium"),
    step::<Transfer, Receive>("receive", "Enters the receiver's word that it arrived"),
];

const ROWS: Register = Register::of::<Transfer>(
    "vendors",
    "Every sending of Service Data: what, to whom, under which engagement, and what came of it",
)
.serves(&["P4", "P5", "E2.3"])
.first("Record a medium that leaves with records of an account, for a declared destination")
.columns(&["account", "destination", "receiver", "count", "kind"])
.steps(STEPS);

/// The register, as the faces know it. A transfer is added with the verb `export` on a collection
/// of an account; through this table only for a medium, because only a caller that takes the
/// bodies can send them.
pub const REGISTER: Register = Register {
    add: Entry {
        verb: "add",
        summary: ROWS.first,
        area: Some("export"),
        action: Export::ACTION,
        schema: |generator| generator.subschema_for::<NewTransfer>(),
        make: sending::medium,
    },
    ..ROWS
};
