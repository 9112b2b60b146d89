//! Requests for registered systems: logins, and the one command that may be run.

use super::{NewAccessRequest, Terms};
use crate::grants::check_collections;
use crate::register::{At, line};
use crate::systems::entering::{alone, check_logins, in_use};
use kernel::{Error, Result};

/// The longest command, in bytes, as certificates take it.
const COMMAND: usize = 1024;

/// Refuses what is outside the rules.
pub(super) fn check(new: &NewAccessRequest, at: &At<'_, '_>) -> Result<()> {
    alone("account", &new.account, &new.verbs)?;
    check_collections(&new.collections)?;
    in_use(&new.collections, at)?;
    check_logins(&new.logins)
}

/// The command as it is kept.
pub(super) fn command(new: &NewAccessRequest) -> Result<Option<String>> {
    new.command.as_deref().map(|text| line("command", text, COMMAND)).transpose()
}

/// Refuses logins and command where they mean nothing.
pub(super) fn none(new: &NewAccessRequest) -> Result<()> {
    let field = match (&new.logins[..], &new.command) {
        ([], None) => return Ok(()),
        ([], Some(_)) => "command",
        _ => "logins",
    };
    Err(Error::invalid(field, "it is of systems alone: leave it out, or ask for `connect`"))
}

/// What the hash of the terms is over besides: nothing for what is not about systems, so that
/// requests of before have the hash that they had. A list of logins is never empty, and none of
/// them holds a comma.
pub(super) fn hashed(terms: &Terms) -> Vec<String> {
    if terms.logins.is_empty() {
        return vec![];
    }
    let command = terms.command.as_ref().map_or_else(String::new, |text| format!("={text}"));
    vec!["connect".to_owned(), terms.logins.join(","), command]
}
