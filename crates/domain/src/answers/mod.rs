//! Answers to attacks: a limit, a lock, a ban, for a while, with who or what asked for it and why.
//!
//! An answer is in force from its commit until its end, unless it is lifted before; no field says
//! which. What is in force is part of the live rights (decision 0023): the kernel refuses by it and
//! counts what it refused. An allow-list, in the configuration or in the register of allowances,
//! wins when an answer is given and whenever it is applied.
//!
//! Does not: end anything for good. Letting a person go, ending a token and letting a vendor go are
//! steps of their own registers, and stay.

mod giving;
mod targets;

pub use giving::{Asked, Given, give};
pub use targets::Kind;

use crate::register::{
    At, Entry, Mark, Needs, Readers, Register, Row, Status, Step, Tone, When, line, prose, step,
};
use kernel::authority::{Exemption, Network, Place, Restraint, Right};
use kernel::id::PrincipalId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::detections::INCIDENTS;
use crate::detections::allowances::Allowance;

/// Longest answer that the server gives by itself.
pub const LONGEST_BY_ITSELF: Duration = Duration::from_secs(24 * 3600);

/// Longest answer that a person gives; what is to last longer is looked at again.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

/// How long an answer of a person lasts that states no end.
const USUAL: Duration = Duration::from_secs(24 * 3600);

/// An answer to an attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// What it does.
    pub kind: Kind,
    /// To whom or what: an address or network, `person:NAME`, `service:NAME`, `member:NAME`, a
    /// vendor's name, or an account's id.
    pub target: String,
    /// The slot of the account that is closed.
    #[serde(default)]
    pub slot: Option<u64>,
    /// First moment at which it counts no more, unless it is lifted before.
    pub until: When,
    /// Why.
    pub reason: String,
    /// The rule that asked for it, by its id, if one did.
    #[serde(default)]
    pub rule: Option<String>,
    /// The alert it answers, by its id, if there is one.
    #[serde(default)]
    pub alert: Option<String>,
    /// The incident it belongs to, by its id, if there is one.
    #[serde(default)]
    pub incident: Option<String>,
    /// Whether the server gave it by itself.
    #[serde(default)]
    pub automatic: bool,
    /// Sessions of the console that it ended.
    #[serde(default)]
    pub sessions: u32,
    /// Who looked at it last and moved its end, and when, if somebody did.
    #[serde(default)]
    pub looked: Option<Mark>,
    /// When it was lifted before its end, if it was.
    #[serde(default)]
    pub lifted: Option<Mark>,
}

impl Answer {
    /// Whether it is in force at a moment.
    pub fn in_force(&self, now: Moment) -> bool {
        self.kind != Kind::EndSessions && self.lifted.is_none() && now < self.until.0
    }

    /// The answer as far as rights go; nothing for one that was done once.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn right(&self, id: &str) -> Result<Option<Right>> {
        let Some(place) = self.kind.place(&self.target, self.slot) else {
            return match self.kind {
                Kind::EndSessions => Ok(None),
                _ => Err(Error::internal(format!("answer `{id}` is on nothing known"))),
            };
        };
        let until = self.lifted.as_ref().map_or(self.until.0, |mark| mark.at.0.min(self.until.0));
        let (rule, slows) = (self.rule.clone(), self.kind == Kind::Limit);
        Ok(Some(Right::Restraint(Restraint { id: id.to_owned(), place, slows, rule, until })))
    }
}

/// An allowance as far as rights go: what it names is exempt from answers. Nothing where it names
/// neither addresses nor somebody.
pub fn exemption(id: &str, row: &Allowance) -> Option<Right> {
    let place = match row.field.as_str() {
        "source.ip" => Place::Network(row.value.parse::<Network>().ok()?),
        "user.name" => Place::Principal(PrincipalId::parse(&row.value).ok()?),
        _ => return None,
    };
    let until = row.ended.as_ref().map_or(row.until.0, |mark| mark.at.0.min(row.until.0));
    let (id, rule) = (format!("allowances/{id}"), row.rule.clone());
    Some(Right::Exemption(Exemption { id, place, rule, until }))
}

/// An answer to be given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAnswer {
    /// What it does.
    pub kind: Kind,
    /// To whom or what: an address or network for `ban` and `limit`, `person:NAME`, `service:NAME`
    /// or `member:NAME` for `limit`, `lock`, `end-sessions` and `suspend`, a vendor's name for
    /// `close-vendor`, an account's id for `close-account`.
    pub target: String,
    /// Why.
    pub reason: String,
    /// First moment at which it counts no more, at most 90 days from now; 24 hours from now, if
    /// none is stated.
    #[serde(default)]
    pub until: Option<When>,
    /// The alert it answers, by its id.
    #[serde(default)]
    pub alert: Option<String>,
    /// The incident it belongs to, by its id.
    #[serde(default)]
    pub incident: Option<String>,
}

impl Row for Answer {
    const NOUN: &'static str = "answer";
    const REGISTER: &'static str = "answers";
    const FORMAT: &'static str = "answer/v1";
    const ADD: &'static str = "answer.add";
    const READ: &'static str = "answer.read";
    const LIST: &'static str = "answer.list";
    const RIGHTS: bool = true;
    const RESTRICTED: bool = true;
    type New = NewAnswer;

    fn needs(new: &NewAnswer, needs: &mut Needs<'_>) -> Result<()> {
        targets::needs(new.kind, &new.target, needs)
    }

    fn add(new: &NewAnswer, at: &mut At<'_, '_>) -> Result<Self> {
        let until = until(new.kind, new.until, at.now())?;
        let (target, slot) = targets::checked(new.kind, &new.target, at)?;
        let reference =
            |field, id: &Option<String>| id.as_deref().map(|id| line(field, id, 128)).transpose();
        let (alert, incident) =
            (reference("alert", &new.alert)?, reference("incident", &new.incident)?);
        let reason = prose("reason", &new.reason, 1000)?;
        let sessions = match new.kind {
            Kind::Lock | Kind::EndSessions => targets::end_sessions_at(&target, at)?,
            _ => 0,
        };
        at.tell("answer", new.kind.word());
        at.tell("target", target.clone());
        at.tell("until", until.0.rfc3339());
        Ok(Self {
            kind: new.kind,
            target,
            slot,
            until,
            reason,
            rule: None,
            alert,
            incident,
            automatic: false,
            sessions,
            looked: None,
            lifted: None,
        })
    }

    fn readers(&self) -> Readers<'_> {
        let belongs = self.incident.as_deref();
        belongs.map_or(Readers::Everybody, |id| Readers::As(INCIDENTS, id))
    }

    fn status(&self, now: Moment) -> Status {
        if let Some(mark) = &self.lifted {
            return Status::of("lifted", Tone::Past).what(format!("by {}", mark.by));
        }
        if self.kind == Kind::EndSessions {
            return Status::of("done", Tone::Past).what(format!("sessions: {}", self.sessions));
        }
        match self.in_force(now) {
            true => Status::of("in-force", Tone::Due)
                .what("lift it when it is over, or extend it")
                .due(self.until.0)
                .who("responder"),
            false => Status::of("lapsed", Tone::Past),
        }
    }
}

/// The end that is stated, or the usual one.
fn until(kind: Kind, stated: Option<When>, now: Moment) -> Result<When> {
    if kind == Kind::EndSessions {
        return match stated {
            None => Ok(When(now)),
            Some(_) => Err(Error::invalid("until", "sessions end at once: state no moment")),
        };
    }
    let until = stated.unwrap_or(When(now.after(USUAL)));
    if until.0 <= now || until.0.since(now) > LONGEST {
        let why = "state a moment later than now, by at most 90 days";
        return Err(Error::invalid("until", why));
    }
    Ok(until)
}

/// Lifts an answer before its end.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// Why.
    pub reason: String,
}

impl Step<Answer> for Lift {
    const ACTION: &'static str = "answer.lift";

    fn apply(&self, row: &mut Answer, at: &mut At<'_, '_>) -> Result<()> {
        if !row.in_force(at.now()) {
            return Err(Error::conflict(
                "this answer is in force no more: there is nothing to lift",
            ));
        }
        at.tell("reason", prose("reason", &self.reason, 500)?);
        row.lifted = Some(at.mark());
        Ok(())
    }
}

/// Moves the end of an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// First moment at which it counts no more, at most 90 days from now.
    pub until: When,
    /// Why.
    pub reason: String,
}

impl Step<Answer> for Extend {
    const ACTION: &'static str = "answer.extend";

    fn apply(&self, row: &mut Answer, at: &mut At<'_, '_>) -> Result<()> {
        if !row.in_force(at.now()) {
            let why = "this answer is in force no more: give another one";
            return Err(Error::conflict(why));
        }
        row.until = until(row.kind, Some(self.until), at.now())?;
        at.tell("reason", prose("reason", &self.reason, 500)?);
        at.tell("until", row.until.0.rfc3339());
        row.looked = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[
    step::<Answer, Lift>("lift", "Lifts it before its end"),
    step::<Answer, Extend>("extend", "Moves its end"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Answer>(
    "incidents",
    "What is limited, locked, banned or closed for a while, by whose word and why",
)
.serves(&["E1.2", "E4.2", "E4.3"])
.first("Limit, lock, suspend, ban or close, with a reason and an end")
.columns(&["kind", "target", "until", "reason", "incident"])
.steps(STEPS);
