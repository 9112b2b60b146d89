//! On call: who is called about what goes wrong, day and night, until somebody answers.
//!
//! Turns come from [`rotas`], in the team's own zone; [`shifts`] replace them for a while;
//! [`coverage`] is what follows: who is on call at a moment, where nobody is, and where somebody
//! stands twice. [`calendars`] show it to people's own calendars. [`pages`] climb a [`ladders`] by
//! people's [`channels`] until somebody answers.
//!
//! Does not: read a clock or send anything. What is computed here follows from rows and a moment.

pub mod calendars;
pub mod channels;
pub mod coverage;
pub mod ladders;
mod looking;
pub mod pages;
mod pulse;
mod reading;
pub mod rotas;
pub mod shifts;

pub(crate) use crate::people::hex;
pub use crate::zones::{Clock, Weekday};
pub use looking::{LookAhead, day, look_ahead};
pub use pulse::{Pager, Pulse, TITLE};
pub use reading::{DAYS, Gap, OnCall, ReadOnCall, ReadingWho, Slot, Twice};

pub(crate) use reading::able;

use crate::register::At;
use kernel::{Error, Result};

/// Roles that answer incidents.
pub(crate) const RESPONDERS: [&str; 2] = ["responder", "security-lead"];

/// Checks that somebody is an active person of the provider who answers incidents.
pub(crate) fn responder(field: &'static str, id: &str, at: &At<'_, '_>) -> Result<()> {
    let person = at.person(field, id)?;
    let able = person.roles.iter().any(|role| RESPONDERS.contains(&role.as_str()));
    if !able || person.vendor.is_some() {
        let why = format!(
            "`{id}` is no responder: name somebody with one of `{}`",
            RESPONDERS.join("`, `")
        );
        return Err(Error::invalid(field, why));
    }
    Ok(())
}
