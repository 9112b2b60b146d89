//! One letter for each job: read to be sent, and what became of it.

use super::{Reading, Sending};
use crate::changes::Change;
use crate::grants::approving::Waits;
use crate::grants::emergencies::Emergency;
use crate::grants::requests::AccessRequest;
use crate::incidents::contacts::Contact;
use crate::people::Person;
use crate::register::{self, Kept, Row, When};
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use std::time::Duration;

pub use crate::incidents::notices::Outcome;

/// The job that sends a letter. It stays until somebody who can send ends it.
pub const SEND: &str = "letter";

/// Attempts for one letter: about eight hours.
const ATTEMPTS: u32 = 12;
/// Minutes between attempts; the last one counts for all that follow.
const BACKOFF: [u64; 4] = [1, 5, 15, 60];

/// A letter, as it is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The address; none for a message where the team talks.
    pub to: Option<String>,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// What stands before the link, and the path of the link on this server.
    pub link: (String, String),
    /// What makes the letter itself: the same for each attempt. The left part of a Message-ID.
    pub identifier: String,
    /// When it was left to be sent first.
    pub at: Moment,
}

/// What a job is about.
#[derive(Clone)]
enum About {
    /// The emergency, the slot and the contact.
    Emergency { slot: u64, contact: String },
    /// Whoever could approve, where the team talks.
    Board,
    /// The person who is asked, by their name, and the secret of their link.
    Approval { person: String, token: String },
}

struct Job {
    kernel: Kernel,
    key: RecordKey,
    about: About,
}

impl Job {
    fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let parts: Vec<&str> = object.split('|').collect();
        let wrong = || Error::internal("a job of a letter has another form");
        let (register, id, about) = match parts.as_slice() {
            ["emergency", id, slot, contact] => {
                let slot = slot.parse().map_err(|_| wrong())?;
                let contact = (*contact).to_owned();
                (Emergency::REGISTER, *id, About::Emergency { slot, contact })
            }
            ["board", register, id] => (*register, *id, About::Board),
            ["approval", register, id, person, token] => {
                let (person, token) = ((*person).to_owned(), (*token).to_owned());
                (*register, *id, About::Approval { person, token })
            }
            _ => return Err(wrong()),
        };
        Ok(Self { kernel: kernel.clone(), key: kernel.key(HOUSE, register, id)?, about })
    }

    fn object(&self) -> String {
        let id = &self.key.id;
        match &self.about {
            About::Emergency { slot, contact } => format!("emergency|{id}|{slot}|{contact}"),
            About::Board => format!("board|{}|{id}", self.key.collection),
            About::Approval { person, token } => {
                format!("approval|{}|{id}|{person}|{token}", self.key.collection)
            }
        }
    }
}

/// Reads the letter of a job; `None` if there is nothing to send any more.
pub struct Letter(Job);

impl Letter {
    /// The letter that the job names.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        Job::new(kernel, object).map(Self)
    }

    fn emergency(&self, work: &mut Work<'_>, slot: u64, to: &str) -> Result<Option<Envelope>> {
        let (allowed, kept) = register::load::<Kept<Emergency>, Reading>(work, &self.0.key)?;
        work.disclose(&allowed, vec![("contact", to.to_owned())]);
        let contact = work.look_late(&register::key::<Kept<Contact>>(&self.0.kernel, to)?)?;
        let contact = contact.map(|body| register::parse::<Kept<Contact>>(&body)).transpose()?;
        let told = kept.row.told.iter().find(|one| one.slot == slot);
        let open = told.and_then(|told| told.letters.iter().find(|one| one.contact == to));
        let open = open.is_some_and(|one| one.accepted.is_none());
        let Some(contact) = contact.filter(|one| open && one.row.counts(work.now())) else {
            return Ok(None);
        };
        let account = told.map_or("", |told| told.account.as_str());
        let holder = PrincipalId::parse(&kept.row.holder)?;
        let roles = work.rights()?.principal(&holder).map(|one| one.roles.join(", "));
        let roles = roles.filter(|roles| !roles.is_empty()).unwrap_or_else(|| "staff".to_owned());
        Ok(Some(Envelope {
            to: Some(contact.row.email),
            subject: format!("Emergency access to the data of {account}"),
            text: in_words(&kept, account, &roles),
            link: ("Your log, for your members".to_owned(), "account/accesses".to_owned()),
            identifier: format!("{}.{to}", kept.id),
            at: told.map_or(work.now(), |told| told.at.0),
        }))
    }

    fn approval<N: Waits>(
        &self,
        work: &mut Work<'_>,
        (person, token): (&str, &str),
    ) -> Result<Option<Envelope>> {
        let (allowed, kept) = register::load::<Kept<N>, Reading>(work, &self.0.key)?;
        work.disclose(&allowed, vec![("person", person.to_owned())]);
        let row = work.look_late(&register::key::<Person>(&self.0.kernel, person)?)?;
        let row = row.map(|body| register::parse::<Person>(&body)).transpose()?;
        let address = row.filter(|row| row.left.is_none()).and_then(|row| row.email);
        let asked =
            kept.row.approvals().asked.iter().find(|one| one.person == format!("person:{person}"));
        let open = asked.is_some_and(|one| one.sent.is_none() && one.used.is_none());
        let Some(to) = address.filter(|_| open && kept.row.waits(work.now())) else {
            return Ok(None);
        };
        let (noun, id, hash) = (N::NOUN, &kept.id, &kept.row.approvals().terms_sha256);
        Ok(Some(Envelope {
            to: Some(to),
            subject: format!("{noun} {id} waits for an approval"),
            text: format!(
                "The {noun} {id} waits for an approval, and you could give it.\n\nSHA-256 of what \
                 is asked for: {hash}\n\nThe link below is yours alone and approves nothing: it \
                 opens a page where you sign in with your passkey, read what is asked for, and \
                 sign that. For anybody else it opens nothing.\n"
            ),
            link: (
                "Read and decide".to_owned(),
                format!("approve/{}/{id}/{hash}/{token}", N::REGISTER),
            ),
            identifier: format!("{id}.{person}"),
            at: asked.map_or(work.now(), |one| one.at.0),
        }))
    }
}

/// What is said where the team talks: that something waits, and nothing of it.
fn board<N: Waits>(job: &Job, work: &mut Work<'_>) -> Result<Option<Envelope>> {
    let (allowed, kept) = register::load::<Kept<N>, Reading>(work, &job.key)?;
    work.disclose(&allowed, vec![("board", "true".to_owned())]);
    if !kept.row.waits(work.now()) {
        return Ok(None);
    }
    let (noun, id, hash) = (N::NOUN, &kept.id, &kept.row.approvals().terms_sha256);
    Ok(Some(Envelope {
        to: None,
        subject: format!("{noun} {id} waits for an approval"),
        text: format!(
            "The {noun} {id} waits for an approval. SHA-256 of what is asked for: {hash}. The \
             button approves nothing: it leads to where an approver signs in, reads, and signs."
        ),
        link: ("Read and decide".to_owned(), format!("approve/{}/{id}/{hash}", N::REGISTER)),
        identifier: format!("{id}.board"),
        at: work.now(),
    }))
}

/// What an account is told. Who it was stands in its log; a letter passes through more hands.
fn in_words(kept: &Kept<Emergency>, account: &str, roles: &str) -> String {
    let row = &kept.row;
    format!(
        "Somebody with the role {roles} began emergency access to the data of {account}.\n\n\
         Why:    {}\nBegan:  {}\nEnds:   {} at the latest\nNumber: {}\n\n\
         Nobody was asked before this access; two people had approved beforehand who may reach for \
         it and for how long. Everything that is done with it stands in your log, marked as \
         emergency and with the name of whoever did it. Somebody else reviews it by {}.\n",
        row.reason,
        row.begun.0.rfc3339(),
        row.until.0.rfc3339(),
        kept.id,
        row.review_by.0.rfc3339(),
    )
}

impl Operation for Letter {
    type Output = Option<Envelope>;

    fn target(&self) -> Target {
        on_house(Reading::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.0.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Option<Envelope>>> {
        let letter = match &self.0.about {
            About::Emergency { slot, contact } => self.emergency(work, *slot, contact)?,
            About::Board => match self.0.key.collection.as_str() {
                Change::REGISTER => board::<Change>(&self.0, work)?,
                _ => board::<AccessRequest>(&self.0, work)?,
            },
            About::Approval { person, token } => match self.0.key.collection.as_str() {
                Change::REGISTER => self.approval::<Change>(work, (person, token))?,
                _ => self.approval::<AccessRequest>(work, (person, token))?,
            },
        };
        Ok(After::now(letter))
    }
}

/// Records what became of a letter, and leaves the next attempt if one is due.
pub struct Sent {
    job: Job,
    outcome: Option<Outcome>,
}

impl Sent {
    /// How the attempt of a job ended; no outcome if no attempt was made, because there was nothing
    /// to send or nothing to send it with.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str, outcome: Option<Outcome>) -> Result<Self> {
        Ok(Self { job: Job::new(kernel, object)?, outcome })
    }

    fn again(&self, work: &mut Work<'_>, attempts: u32) {
        if attempts >= ATTEMPTS {
            return;
        }
        let last = BACKOFF.last().copied().unwrap_or(60);
        let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let minutes = BACKOFF.get(place).copied().unwrap_or(last);
        let due = work.now().after(Duration::from_secs(minutes * 60));
        work.later(due, HOUSE, SEND, &self.job.object());
    }

    fn emergency(&self, work: &mut Work<'_>, slot: u64, to: &str, did: Outcome) -> Result<()> {
        let (allowed, mut kept) = register::load::<Kept<Emergency>, Sending>(work, &self.job.key)?;
        let now = When(work.now());
        let told = kept.row.told.iter_mut().find(|one| one.slot == slot);
        let letter = told.and_then(|told| told.letters.iter_mut().find(|one| one.contact == to));
        let letter = letter.ok_or_else(|| Error::internal("a letter to nobody"))?;
        letter.attempts += 1;
        let attempts = letter.attempts;
        if did == Outcome::Accepted {
            letter.accepted.get_or_insert(now);
        }
        let fields = vec![("contact", to.to_owned()), ("outcome", word(did))];
        work.save(allowed, register::body(&kept)?, fields)?;
        if did != Outcome::Accepted {
            self.again(work, attempts);
        }
        Ok(())
    }

    fn approval<N: Waits>(&self, work: &mut Work<'_>, person: &str, did: Outcome) -> Result<()> {
        let (allowed, mut kept) = register::load::<Kept<N>, Sending>(work, &self.job.key)?;
        let now = When(work.now());
        let id = format!("person:{person}");
        if let Some(one) = kept.row.approvals_mut().asked.iter_mut().find(|one| one.person == id)
            && did == Outcome::Accepted
        {
            one.sent.get_or_insert(now);
        }
        let fields = vec![("person", id), ("outcome", word(did))];
        work.save(allowed, register::body(&kept)?, fields)?;
        // An approver who is not reached finds it in the console; what waits lapses anyhow.
        if did == Outcome::Unreachable {
            self.again(work, 3);
        }
        Ok(())
    }
}

fn word(outcome: Outcome) -> String {
    format!("{outcome:?}").to_lowercase()
}

impl Operation for Sent {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Sending::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.job.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let Some(outcome) = self.outcome else {
            work.note(HOUSE, Sending::ACTION.name, vec![("outcome", "not sent".to_owned())]);
            return Ok(After::now(()));
        };
        match &self.job.about {
            About::Emergency { slot, contact } => self.emergency(work, *slot, contact, outcome)?,
            About::Board => {
                let fields = vec![("board", "true".to_owned()), ("outcome", word(outcome))];
                work.note(HOUSE, Sending::ACTION.name, fields);
                // What waits lapses, and then there is nothing to say.
                if outcome == Outcome::Unreachable {
                    self.again(work, 3);
                }
            }
            About::Approval { person, .. } => match self.job.key.collection.as_str() {
                Change::REGISTER => self.approval::<Change>(work, person, outcome)?,
                _ => self.approval::<AccessRequest>(work, person, outcome)?,
            },
        }
        Ok(After::now(()))
    }
}
