//! Access to registered systems: which ones, and under which logins.
//!
//! As far as rights go, a system is a collection of `house`: whatever gives access to one names the
//! account `house`, the verb `connect` alone, and the systems where others name collections.

use super::System;
use crate::register::{At, Needs};
use kernel::authority::Verb;
use kernel::{Error, Result};

/// The account of what is about systems.
pub(crate) const HOUSE: &str = "house";

/// Logins at once.
const LOGINS: usize = 8;

/// The longest login, in bytes: PostgreSQL keeps 63 of a role's name.
const LOGIN: usize = 63;

/// Whether it is about systems. Whether it is so in a way that holds together, [`alone`] says.
pub(crate) fn is(account: &str, verbs: &[String]) -> bool {
    account == HOUSE || verbs.iter().any(|verb| verb == Verb::Connect.word())
}

/// Refuses what is about systems and something else too; `field` is where its account is stated.
pub(crate) fn alone(field: &'static str, account: &str, verbs: &[String]) -> Result<()> {
    if !verbs.iter().any(|verb| verb == Verb::Connect.word()) {
        let why = "`house` is no account of a subscriber: it is for systems, with `connect` alone";
        return Err(Error::invalid(field, why));
    }
    if verbs != [Verb::Connect.word()] || account != HOUSE {
        let why = "`connect` stands alone, with the account `house` and systems as collections";
        return Err(Error::invalid("verbs", why));
    }
    Ok(())
}

/// The systems that are named.
pub(crate) fn needs(systems: &[String], needs: &mut Needs<'_>) -> Result<()> {
    let named = systems.iter().filter(|name| *name != "*").take(50);
    named.into_iter().try_for_each(|id| needs.row::<System>(id))
}

/// Refuses systems that are not in use. They have to be [needed](needs).
pub(crate) fn in_use(systems: &[String], at: &At<'_, '_>) -> Result<()> {
    for id in systems.iter().filter(|id| *id != "*") {
        if at.named::<System>("collections", id)?.row.retired.is_some() {
            let why = format!("system `{id}` is retired: leave it out");
            return Err(Error::invalid("collections", why));
        }
    }
    Ok(())
}

/// Refuses what are no logins.
pub(crate) fn check_logins(logins: &[String]) -> Result<()> {
    if logins.is_empty() || logins.len() > LOGINS {
        let why = format!("name 1 to {LOGINS} accounts of the host, or roles of the database");
        return Err(Error::invalid("logins", why));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    for (index, login) in logins.iter().enumerate() {
        let fits = (1..=LOGIN).contains(&login.len()) && login.bytes().all(allowed);
        if !fits || login.starts_with('-') {
            let login = kernel::id::shown(login);
            let why = format!("`{login}` is not 1 to {LOGIN} of `A-Z a-z 0-9 . _ -`");
            return Err(Error::invalid("logins", why));
        }
        if logins.iter().take(index).any(|before| before == login) {
            return Err(Error::invalid("logins", format!("`{login}` stands twice")));
        }
    }
    Ok(())
}
