//! What an account was told and what it chose, as its own page shows it.

use crate::grants::emergencies::Emergency;
use crate::incidents::notices::Notice;
use crate::register::{Day, Kept, Row, When};
use crate::transfers::Election;
use kernel::Moment;
use schemars::JsonSchema;
use serde::Serialize;

/// A notice that was given to the account.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NoticeSeen {
    /// Its id, which stands in its letter's link.
    pub id: String,
    /// The incident it is about, by its id.
    pub incident: String,
    /// Its number among the notices about that incident.
    pub number: u32,
    /// The subject.
    pub subject: String,
    /// The text, as it was sent.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    /// When it was given: sent first, or documented as given in another way.
    pub given: When,
    /// Who was to get a letter, and what became of it.
    pub receivers: Vec<ReceiverSeen>,
    /// What it is now: `sending`, `notified`, `acknowledged` or `undelivered`.
    pub state: String,
}

/// Somebody of the account who was to get a letter.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReceiverSeen {
    /// Who it is.
    pub name: String,
    /// The address.
    pub email: String,
    /// When the other side took the letter, if it did.
    pub accepted: Option<When>,
    /// When the receipt was acknowledged, if it was.
    pub acknowledged: Option<When>,
}

/// Emergency access that reached the account.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EmergencySeen {
    /// Its id, which stands in every access by it as the reference.
    pub id: String,
    /// The grant, which stands in every access by it.
    pub grant: String,
    /// What happened, in the words of whoever reached for it.
    pub reason: String,
    /// When it began.
    pub begun: When,
    /// First moment at which it counts no more.
    pub until: When,
    /// When the account was told.
    pub told: When,
    /// Letters that were left to be sent, and those that the other side took.
    pub letters: (usize, usize),
    /// What it is now: `running`, `over`, `reviewed`, `unjustified` or `unreviewed`.
    pub state: String,
}

/// A destination without encryption that the account chose for itself.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ElectionSeen {
    /// The destination.
    pub destination: String,
    /// The risk, in the words of whoever took it.
    pub risk: String,
    /// Who chose it.
    pub by: String,
    /// When.
    pub at: When,
    /// Last day it counts.
    pub until: Day,
    /// Whether it counts now.
    pub in_force: bool,
}

/// A notice, once it was given.
pub(super) fn notice(kept: &Kept<Notice>, now: Moment) -> Option<NoticeSeen> {
    let row = &kept.row;
    let delivered = row.delivered.as_ref().map(|delivered| delivered.mark.at);
    let given = row.sent.as_ref().map(|mark| mark.at).or(delivered)?;
    let receivers = row.receivers.iter().map(|one| ReceiverSeen {
        name: one.name.clone(),
        email: one.email.clone(),
        accepted: one.accepted,
        acknowledged: one.acknowledged,
    });
    Some(NoticeSeen {
        id: kept.id.clone(),
        incident: row.incident.clone(),
        number: row.number,
        subject: row.subject.clone(),
        text: row.text.clone(),
        sha256: row.sha256.clone(),
        given,
        receivers: receivers.collect(),
        state: row.status(now).word.to_owned(),
    })
}

/// An emergency, once the account was told of it.
pub(super) fn emergency(kept: &Kept<Emergency>, slot: u64, now: Moment) -> Option<EmergencySeen> {
    let row = &kept.row;
    let told = row.told.iter().find(|one| one.slot == slot)?;
    let taken = told.letters.iter().filter(|one| one.accepted.is_some()).count();
    let until = row.ended.as_ref().map_or(row.until, |ended| ended.at.min(row.until));
    Some(EmergencySeen {
        id: kept.id.clone(),
        grant: row.grant.clone(),
        reason: row.reason.clone(),
        begun: row.begun,
        until,
        told: told.at,
        letters: (told.letters.len(), taken),
        state: row.status(now).word.to_owned(),
    })
}

pub(super) fn election(kept: &Kept<Election>, now: Moment) -> ElectionSeen {
    let row = &kept.row;
    ElectionSeen {
        destination: row.destination.clone(),
        risk: row.risk.clone(),
        by: row.elected.by.clone(),
        at: row.elected.at,
        until: row.until,
        in_force: row.in_force(now),
    }
}
