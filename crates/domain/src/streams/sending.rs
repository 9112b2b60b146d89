//! Telling: from what happened to each receiver that wants to hear it, signed, tried again.
//!
//! What is sent is made anew with each attempt out of the event, so that nothing signed is kept.
//! Its id and its time are the event's, so that a receiver knows a repetition.

use super::{Attempt, Event, MOST, Outcome, Stream, Subject, signing};
use crate::people::{Happened, Person, StoredCredential, TOLD, Told, hex};
use crate::register::{self, House, Kept, Survey, When, act};
use jose::{EVENT_KIND, SigningKey};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, Ran, RecordKey, Result, Target, Work,
    on_house,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

act!(
    /// Finding who wants to hear something.
    Spreading, "stream.spread", None, false
);
act!(
    /// Signing something for a receiver.
    Composing, "stream.compose", None, false
);
act!(
    /// What came of sending it.
    Attempting, "stream.attempt", None, false
);

/// The job to tell one receiver something.
pub const SEND: &str = "stream.send";

/// Seconds to wait after each attempt that failed; after the last of them it is lost.
const WAITS: [u64; 9] = [10, 60, 300, 1800, 7200, 21_600, 43_200, 86_400, 86_400];

/// Longest reply that is kept, in bytes.
const REPLY: usize = 300;

/// The event that only tries the way (SSF 1.0 §8.1.4).
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// What is to be told to whom, as its job says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// The stream.
    pub stream: String,
    /// What happened; nothing, to try the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Told>,
    /// When, µs since 1970.
    at: u64,
    /// Attempts that were made.
    attempts: u32,
}

impl Sending {
    /// To try the way.
    pub(super) fn verification(stream: &str, now: Moment) -> Self {
        Self { stream: stream.to_owned(), told: None, at: now.0, attempts: 0 }
    }

    /// As a job says it.
    ///
    /// # Errors
    /// `Internal` if it has another form.
    pub fn of(object: &str) -> Result<Self> {
        serde_json::from_str(object)
            .map_err(|why| Error::internal(format!("a job of sending has another form: {why}")))
    }

    pub(super) fn object(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|why| Error::internal(format!("a job of sending has no form: {why}")))
    }

    /// The id of the event: the same with each attempt, after a restart too, and another one for
    /// each receiver, so that two of them cannot compare what they heard.
    pub fn event(&self) -> Result<String> {
        let first = Self { attempts: 0, ..self.clone() }.object()?;
        let hash = kernel::digest(&[b"bailee event v1\0", first.as_bytes()].concat());
        Ok(hex(hash.get(..16).unwrap_or_default()))
    }
}

/// Leaves a job for each stream that wants to hear what happened.
///
/// # Errors
/// Whatever the kernel answers.
pub fn spread(kernel: &Kernel, object: &str, right: Ran) -> Result<()> {
    let survey = Survey::of(kernel, &[])?.and::<Kept<Stream>>(kernel)?;
    right.run(kernel, Spread { survey, told: Told::of(object)? })
}

struct Spread {
    survey: Survey,
    told: Told,
}

impl Operation for Spread {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Spreading::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.survey.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let house: House = self.survey.find(work)?.read(work)?;
        let wanted = event(&self.told.what);
        let wants =
            |kept: &&Kept<Stream>| kept.row.ended.is_none() && kept.row.events.contains(&wanted);
        let streams: Vec<_> = house.all::<Stream>().iter().filter(wants).take(MOST).collect();
        // The end of a job is an entry, also where nobody wants to hear it.
        let fields = vec![("of", TOLD.to_owned()), ("streams", streams.len().to_string())];
        work.note(HOUSE, Spreading::ACTION.name, fields);
        for kept in streams {
            let (stream, told) = (kept.id.clone(), Some(self.told.clone()));
            let sending = Sending { stream, told, at: self.told.at, attempts: 0 };
            work.later(work.now(), HOUSE, SEND, &sending.object()?);
        }
        Ok(After::now(()))
    }
}

fn event(what: &Happened) -> Event {
    match what {
        Happened::SessionsEnded => Event::SessionRevoked,
        _ => Event::CredentialChange,
    }
}

/// What is to be posted, or why nothing is.
#[derive(Clone, PartialEq, Eq)]
pub enum Composed {
    /// This token, to this address, with the bearer token of this name.
    Send {
        /// Where.
        address: String,
        /// The name of the bearer token's file.
        secret: Option<String>,
        /// The security event token.
        token: String,
    },
    /// Nothing, and that stays so.
    Nothing(String),
}

/// Signs what a job is about.
pub struct Compose {
    sending: Sending,
    issuer: String,
    stream: RecordKey,
    person: Option<RecordKey>,
    keys: RecordKey,
}

impl Compose {
    /// In the name of this issuer.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, sending: Sending, issuer: &str) -> Result<Self> {
        let person =
            sending.told.as_ref().map(|told| register::key::<Person>(kernel, &told.person));
        Ok(Self {
            stream: register::key::<Kept<Stream>>(kernel, &sending.stream)?,
            person: person.transpose()?,
            keys: signing::key(kernel)?,
            issuer: issuer.to_owned(),
            sending,
        })
    }

    /// The claims (RFC 8417 §2.2), or why there are none.
    fn claims(
        &self,
        stream: &Stream,
        person: Option<&Person>,
    ) -> Result<std::result::Result<Map<String, Value>, String>> {
        let (kind, said, subject) = match (&self.sending.told, person) {
            (None, _) => {
                let subject = json!({"format": "opaque", "id": self.sending.stream});
                (VERIFICATION, json!({}), subject)
            }
            (Some(told), Some(person)) => match named(person, stream.subject, told) {
                Some(subject) => (event(&told.what).address(), said(told), subject),
                None => {
                    let why = "this person has no name of the form that the stream asks for";
                    return Ok(Err(format!("{why}: {}", person.name)));
                }
            },
            (Some(_), None) => return Ok(Err("there is no such person".to_owned())),
        };
        let event = self.sending.event()?;
        let claims = json!({"iss": self.issuer, "aud": stream.audience, "jti": event,
            "iat": self.sending.at / 1_000_000, "txn": event, "sub_id": subject,
            "events": {kind: said}});
        match claims {
            Value::Object(claims) => Ok(Ok(claims)),
            _ => Err(Error::internal("claims are an object")),
        }
    }
}

/// Who it is about, as RFC 9493 §3.2 has it.
fn named(person: &Person, form: Subject, told: &Told) -> Option<Value> {
    match form {
        Subject::Opaque => Some(json!({"format": "opaque", "id": person.name})),
        Subject::Email => {
            person.email.as_ref().map(|email| json!({"format": "email", "email": email}))
        }
        Subject::IssSub => {
            // Of those that ended before, somebody else may be told by now.
            let counted = |one: &&StoredCredential| {
                one.issued <= told.at && one.ended.is_none_or(|ended| told.at <= ended)
            };
            let mut newest = person.credentials.iter().rev().filter(counted);
            let identity = newest.find_map(|one| one.identity.as_ref())?;
            let (issuer, subject) = (&identity.issuer, &identity.subject);
            Some(json!({"format": "iss_sub", "iss": issuer, "sub": subject}))
        }
    }
}

/// What is said of an event (CAEP 1.0 §2, §3.1, §3.3).
fn said(told: &Told) -> Value {
    let mut said = json!({"event_timestamp": told.at / 1_000_000,
        "initiating_entity": told.by.word()});
    let passkey = |bound: bool| if bound { "fido2-roaming" } else { "fido2-platform" };
    let change = match told.what {
        Happened::SessionsEnded => return said,
        Happened::PasskeyMade { bound } => (passkey(bound), "create"),
        Happened::PasskeyEnded { bound } => (passkey(bound), "revoke"),
        Happened::RecoveryUsed => ("recovery-code", "revoke"),
    };
    if let Some(all) = said.as_object_mut() {
        all.insert("credential_type".to_owned(), json!(change.0));
        all.insert("change_type".to_owned(), json!(change.1));
    }
    said
}

impl Operation for Compose {
    type Output = Composed;

    fn target(&self) -> Target {
        on_house(Composing::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        for key in [&self.stream, &self.keys].into_iter().chain(&self.person) {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Composed>> {
        let stream = work.look(&self.stream)?.map(|body| register::parse::<Kept<Stream>>(&body));
        let stream = stream.transpose()?.map(|kept| kept.row);
        let stream = stream.ok_or_else(|| Error::internal("a job names no stream"))?;
        let person = self.person.as_ref().map(|key| work.look(key)).transpose()?.flatten();
        let person = person.map(|body| register::parse::<Person>(&body)).transpose()?;
        let composed = match self.claims(&stream, person.as_ref())? {
            _ if stream.ended.is_some() => Composed::Nothing("the stream ended".to_owned()),
            Err(why) => Composed::Nothing(why),
            Ok(claims) => {
                let key: SigningKey = signing::load::<Composing>(work, &self.keys)?;
                let token = key.sign(EVENT_KIND, &claims);
                let token = token.map_err(|why| Error::internal(format!("signing: {why}")))?;
                Composed::Send { address: stream.address, secret: stream.secret, token }
            }
        };
        let row = format!("{}/{}", <Stream as register::Row>::REGISTER, self.sending.stream);
        let fields = vec![("row", row), ("event", self.sending.event()?)];
        work.note(HOUSE, Composing::ACTION.name, fields);
        Ok(After::now(composed))
    }
}

/// What came of one attempt.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Whether the receiver took it.
    pub delivered: bool,
    /// Whether another attempt is pointless.
    pub over: bool,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The error that it names (RFC 8935 §2.4).
    pub error: Option<String>,
    /// What it says, or why nothing was sent.
    pub reply: String,
}

/// Notes what came of an attempt, and leaves the next one where it failed for now.
pub struct NoteSent {
    key: RecordKey,
    sending: Sending,
    sent: Sent,
}

impl NoteSent {
    /// Of this job. What the receiver said is cut, and holds no control characters.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, sending: Sending, sent: Sent) -> Result<Self> {
        let plain = |text: String, most: usize| {
            let mut plain: String = text.chars().filter(|c| !c.is_control()).collect();
            plain.truncate(plain.floor_char_boundary(most));
            plain
        };
        let error = sent.error.map(|error| plain(error, 64));
        let sent = Sent { error, reply: plain(sent.reply, REPLY), ..sent };
        Ok(Self { key: register::key::<Kept<Stream>>(kernel, &sending.stream)?, sending, sent })
    }
}

impl Operation for NoteSent {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Attempting::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Stream>, Attempting>(work, &self.key)?;
        let sent = &self.sent;
        let wait = WAITS.get(self.sending.attempts as usize).filter(|_| !sent.over);
        let outcome = match (sent.delivered, wait) {
            (true, _) => Outcome::Delivered,
            (false, Some(_)) => Outcome::Failed,
            (false, None) => Outcome::Lost,
        };
        let (event, attempt) = (self.sending.event()?, self.sending.attempts + 1);
        kept.row.delivered += u64::from(outcome == Outcome::Delivered);
        kept.row.lost += u64::from(outcome == Outcome::Lost);
        kept.row.last = Some(Attempt {
            outcome,
            at: When(work.now()),
            event: event.clone(),
            attempt,
            status: sent.status,
            error: sent.error.clone(),
            reply: sent.reply.clone(),
        });
        let word = match outcome {
            Outcome::Delivered => "delivered",
            Outcome::Failed => "failed",
            Outcome::Lost => "lost",
        };
        let fields =
            vec![("event", event), ("attempt", attempt.to_string()), ("outcome", word.to_owned())];
        work.save(allowed, register::body(&kept)?, fields)?;
        if let (Outcome::Failed, Some(seconds)) = (outcome, wait) {
            let next = Sending { attempts: attempt, ..self.sending.clone() };
            let due = work.now().after(Duration::from_secs(*seconds));
            work.later(due, HOUSE, SEND, &next.object()?);
        }
        Ok(After::now(()))
    }
}
