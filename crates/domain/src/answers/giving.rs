//! An answer that the server gives by itself, in the commit of the alert that asks for it.

use super::targets::{self, Kind};
use super::{Answer, LONGEST_BY_ITSELF};
use crate::register::{self, Kept, When, body};
use kernel::authority::Place;
use kernel::limits::RESTRAINTS_BY_THEMSELVES;
use kernel::{Act, Kernel, Result, Work};
use std::time::Duration;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it does.
    pub kind: Kind,
    /// To whom or what.
    pub target: String,
    /// For how long; at most [`LONGEST_BY_ITSELF`].
    pub lasts: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// This answer is in force now.
    Fresh(String),
    /// This one was in force already.
    Before(String),
    /// Nothing was done because somebody decided so before, and why.
    Nothing(String),
    /// Nothing could be done, and why: what the rule found goes on.
    Unable(String),
}

/// Gives an answer to an alert of a rule, unless something stands against it. One alert gets one
/// answer: its id is made of the alert's.
///
/// # Errors
/// Whatever the store answers; that something stands against it is none.
pub fn give<A: Act>(
    kernel: &Kernel,
    work: &mut Work<'_>,
    asked: &Asked,
    (alert, rule, incident): (&str, &str, Option<&str>),
) -> Result<Given> {
    let (now, kind) = (work.now(), asked.kind);
    let Some(place) = kind.place(&asked.target, None) else {
        return Ok(Given::Unable(format!("`{}` takes no `{}`", asked.target, kind.word())));
    };
    let rights = work.rights()?;
    if rights.exempts(&place, Some(rule), now) {
        return Ok(Given::Nothing(format!("`{}` is on an allow-list", asked.target)));
    }
    if let Some(before) = rights.restraint_on(&place, kind == Kind::Limit, now) {
        return Ok(Given::Before(before));
    }
    if rights.restraints() >= RESTRAINTS_BY_THEMSELVES {
        let why = format!("{RESTRAINTS_BY_THEMSELVES} answers are in force already");
        return Ok(Given::Unable(why));
    }
    if let Place::Network(network) = &place
        && network.bits() < if network.is_ipv4() { 32 } else { 64 }
    {
        return Ok(Given::Unable("by itself only one address is answered".to_owned()));
    }
    if let Place::Principal(_) = &place
        && let Err(error) = targets::of_principal(kind, &asked.target, rights, now)
    {
        return Ok(Given::Unable(error.message().to_owned()));
    }
    let id = format!("answer-{}", alert.trim_start_matches("alert-"));
    let key = register::key::<Kept<Answer>>(kernel, &id)?;
    let allowed = work.load_late::<A>(&key)?;
    if allowed.version() > 0 {
        return Ok(Given::Nothing(format!("`{id}` was given before and is over")));
    }
    let sessions = match kind {
        Kind::Lock => targets::end_sessions::<A>(kernel, work, &asked.target)?,
        _ => 0,
    };
    let row = Answer {
        kind,
        // One spelling of each network, as when it is written by hand.
        target: match &place {
            Place::Network(network) => network.to_string(),
            _ => asked.target.clone(),
        },
        slot: None,
        until: When(now.after(asked.lasts.min(LONGEST_BY_ITSELF))),
        reason: format!("a rule asks for it: {rule}"),
        rule: Some(rule.to_owned()),
        alert: Some(alert.to_owned()),
        incident: incident.map(str::to_owned),
        automatic: true,
        sessions,
        looked: None,
        lifted: None,
    };
    let fields = vec![
        ("answer", kind.word().to_owned()),
        ("target", row.target.clone()),
        ("until", row.until.0.rfc3339()),
    ];
    let kept = Kept::begun(work, &id, row);
    work.save(allowed, body(&kept)?, fields)?;
    Ok(Given::Fresh(id))
}
