//! What can go wrong, by what a caller can do about it.

use std::fmt::Display;

/// Why nothing was issued, written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What was asked for is outside the rules; ask for something else.
    #[error("`{field}` {why}")]
    Invalid {
        /// What is wrong, by the name of the parameter.
        field: &'static str,
        /// What is wrong with it, and what is accepted.
        why: String,
    },
    /// The bytes are not of the form they should have.
    #[error("cannot read the {what}: {why}")]
    Unreadable {
        /// What was read.
        what: &'static str,
        /// What was expected.
        why: String,
    },
    /// The signature is not of the key it should be of.
    #[error("the {what} is not signed by {by}")]
    Forged {
        /// What was read.
        what: &'static str,
        /// Whose signature was expected.
        by: &'static str,
    },
    /// The cryptographic library refused; with keys that were accepted before, a defect.
    #[error("the cryptographic library refused to {0}")]
    Crypto(&'static str),
}

impl Error {
    pub(crate) fn invalid(field: &'static str, why: impl Display) -> Self {
        Self::Invalid { field, why: why.to_string() }
    }

    pub(crate) fn unreadable(what: &'static str, why: impl Display) -> Self {
        Self::Unreadable { what, why: why.to_string() }
    }
}
