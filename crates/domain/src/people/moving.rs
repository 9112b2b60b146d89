//! Movers: what a person's roles make eligible, and how a change of them is kept.
//!
//! The operation that changes roles ends grants as well, and is with them, in `grants::moving`.

use super::{Person, ROLES};
use crate::register::{act, line};
use kernel::authority::Verb;
use kernel::{Error, Moment, Result};
use serde::{Deserialize, Serialize};

act!(
    /// Changing a person's roles.
    Moving, "person.move", None, true
);

/// Changes of roles that are kept in a person's row; earlier ones are in the row's history.
const MOVES: usize = 50;

/// A change of somebody's roles, because their job changed.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Moved {
    /// When, µs since 1970.
    pub at: u64,
    /// Who changed them.
    pub by: String,
    /// The roles before.
    pub from: Vec<String>,
    /// The roles from then on.
    pub to: Vec<String>,
    /// Why.
    pub reason: String,
    /// How many grants ended with it.
    pub ended: usize,
}

/// Whether a person with these roles is eligible for a grant of this verb. The policies decide over
/// each request; this says the same of a grant before anybody uses it.
pub fn eligible(roles: &[String], verb: Verb) -> bool {
    let has = |wanted: &[&str]| roles.iter().any(|role| wanted.contains(&role.as_str()));
    let needed: &[&str] = match verb {
        Verb::Read => &["engineer", "support"],
        Verb::Write | Verb::Delete | Verb::Export | Verb::Open | Verb::Connect => &["engineer"],
    };
    has(needed) && !has(&["administrator"])
}

/// Roles as stated: known ones, each once, in the order in which they are documented.
///
/// # Errors
/// `Invalid` with the field if one is none.
pub(crate) fn known_roles(roles: &[String]) -> Result<Vec<String>> {
    let known = ROLES.map(|(role, _)| role);
    if let Some(role) = roles.iter().find(|role| !known.contains(&role.as_str())) {
        let (role, known) = (kernel::id::shown(role), known.join("`, `"));
        return Err(Error::invalid("roles", format!("`{role}` is no role: use `{known}`")));
    }
    let stated = |role: &&str| roles.iter().any(|one| one == role);
    Ok(known.iter().filter(|role| stated(role)).map(ToString::to_string).collect())
}

/// Why somebody's job changed, as stated.
///
/// # Errors
/// `Invalid` with the field.
pub(crate) fn stated_reason(reason: &str) -> Result<String> {
    line("reason", reason, 500)
}

impl Person {
    /// Gives the person other roles, and keeps what they were.
    pub(crate) fn moved(
        &mut self,
        to: &[String],
        by: &str,
        reason: &str,
        ended: usize,
        at: Moment,
    ) {
        let from = std::mem::replace(&mut self.roles, to.to_vec());
        let (by, reason) = (by.to_owned(), reason.to_owned());
        self.moves.push(Moved { at: at.0, by, from, to: to.to_vec(), reason, ended });
        if self.moves.len() > MOVES {
            self.moves.remove(0);
        }
    }
}
