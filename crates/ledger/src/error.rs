//! The one error of every parser here: bytes that are not what they should be.
//!
//! Callers cannot act on the difference between a wrong digit and a missing line, so there is one
//! type; the sentence in it is for people.

use std::borrow::Cow;

/// Bytes or text that do not follow their format. Its sentence names the part and quotes the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(Cow<'static, str>);

impl Malformed {
    pub(crate) const fn new(why: &'static str) -> Self {
        Self(Cow::Borrowed(why))
    }

    pub(crate) fn with(why: String) -> Self {
        Self(Cow::Owned(why))
    }

    /// `why`, then the input in backticks, shortened and with control characters made visible.
    pub(crate) fn quoting(why: &str, input: &str) -> Self {
        Self(Cow::Owned(format!("{why}: `{}`", quote(input))))
    }
}

/// The input as an error message may show it: at most 60 characters, none of them invisible.
pub(crate) fn quote(input: &str) -> String {
    const SHOWN: usize = 60;
    let mut out: String = input.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if input.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}
