//! Access to registered systems: which ones, under which logins, and with which command.
//!
//! As far as rights go, a system is a collection of `house`: such a request names the account
//! `house`, the verb `connect` alone, and the systems where others name collections. What comes of
//! it is a grant under which certificates are issued, and nothing else.

use super::{NewAccessRequest, Terms};
use crate::grants::check_collections;
use crate::register::{At, Needs, line};
use crate::systems::System;
use kernel::authority::{Principal, Verb};
use kernel::{Error, Result};

/// The account of such a request.
pub(super) const HOUSE: &str = "house";

/// Logins of one request.
const LOGINS: usize = 8;

/// The longest login, in bytes: PostgreSQL keeps 63 of a role's name.
const LOGIN: usize = 63;

/// The longest command, in bytes, as certificates take it.
const COMMAND: usize = 1024;

/// Whether it is about systems. Whether it is so in a way that holds together, [`check`] says.
pub(super) fn is(account: &str, verbs: &[String]) -> bool {
    account == HOUSE || verbs.iter().any(|verb| verb == Verb::Connect.word())
}

/// The systems that it names.
pub(super) fn needs(new: &NewAccessRequest, needs: &mut Needs<'_>) -> Result<()> {
    let named = new.collections.iter().filter(|name| *name != "*").take(50);
    named.into_iter().try_for_each(|id| needs.row::<System>(id))
}

/// Refuses what is outside the rules.
pub(super) fn check(new: &NewAccessRequest, holder: &Principal, at: &At<'_, '_>) -> Result<()> {
    if !new.verbs.iter().any(|verb| verb == Verb::Connect.word()) {
        let why = "`house` is no account of a subscriber: it is for systems, with `connect` alone";
        return Err(Error::invalid("account", why));
    }
    if new.verbs != [Verb::Connect.word()] || new.account != HOUSE {
        let why = "`connect` stands alone, with the account `house` and systems as collections";
        return Err(Error::invalid("verbs", why));
    }
    if holder.id.parts().0 != "person" {
        let why = "only people sign in to systems: a certificate names a person";
        return Err(Error::invalid("to", why));
    }
    if holder.vendor.is_some() {
        let why = "a vendor's people sign in to no system: no engagement names systems yet";
        return Err(Error::forbidden(why));
    }
    check_collections(&new.collections)?;
    for id in new.collections.iter().filter(|id| *id != "*") {
        if at.named::<System>("collections", id)?.row.retired.is_some() {
            let why = format!("system `{id}` is retired: leave it out");
            return Err(Error::invalid("collections", why));
        }
    }
    check_logins(&new.logins)
}

fn check_logins(logins: &[String]) -> Result<()> {
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
