//! The offline verifier: receipts, anchors and whole logs, with nothing but their bytes.
//!
//! Promises: a report without problems means that everything in `checked` was computed from the
//! bytes given; what could not be known from them stands in `not_checked`. Hostile input gives
//! problems, never a panic.
//! Does not: fetch, know what time it is, or find out whose key a log's key is.

mod evidence;
mod log;
mod package;
mod receipt;

pub use evidence::verify_evidence;
pub use log::verify_log;
pub use package::verify_package;
pub use receipt::{verify_anchor, verify_receipt};

use std::fmt;

use serde::Serialize;

use crate::error::quote;
use crate::note::VerifierKey;

/// Most problems that a report lists; a log that is all wrong would otherwise fill the screen.
pub const MAX_PROBLEMS: usize = 100;

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was checked and holds, one sentence part each.
    pub checked: Vec<String>,
    /// What the bytes given cannot show.
    pub not_checked: Vec<String>,
    /// What does not hold.
    pub problems: Vec<Problem>,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The part: a file, an entry, a field.
    pub what: String,
    /// What is wrong with it.
    pub why: String,
}

impl Report {
    /// Whether nothing was found wrong.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
    }

    fn checked(&mut self, what: impl Into<String>) {
        self.checked.push(what.into());
    }

    fn not_checked(&mut self, what: impl Into<String>) {
        self.not_checked.push(what.into());
    }

    fn problem(&mut self, what: impl Into<String>, why: impl fmt::Display) {
        match self.problems.len() {
            MAX_PROBLEMS.. => {}
            n if n == MAX_PROBLEMS - 1 => self.problems.push(Problem {
                what: "more".to_owned(),
                why: "there are further problems; they are not listed".to_owned(),
            }),
            _ => self.problems.push(Problem { what: what.into(), why: why.to_string() }),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.checked {
            writeln!(f, "ok           {line}")?;
        }
        for line in &self.not_checked {
            writeln!(f, "not checked  {line}")?;
        }
        for Problem { what, why } in &self.problems {
            writeln!(f, "WRONG        {what}: {why}")?;
        }
        Ok(())
    }
}

/// Compares a log's key with the one trusted, or says that nobody did.
fn check_key(report: &mut Report, key: &VerifierKey, trusted: Option<&[u8; 32]>) {
    let name = quote(key.name());
    match trusted {
        Some(trusted) if trusted == key.public_key() => {
            report.checked(format!("the key of `{name}` is the one you trust"));
        }
        Some(_) => report.problem("vkey", format!("the key of `{name}` is not the one you trust")),
        None => report.not_checked(format!(
            "whose key signs for `{name}`: compare `{key}` with the provider's published key list"
        )),
    }
}
