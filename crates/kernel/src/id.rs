//! Names that people choose, parsed once at the edge and typed from there on.
//!
//! Every name is plain ASCII, so that two names that look alike are alike; none can contain a
//! slash, a NUL or a control character, and none can be a path of its own (`.` or `..`).

use crate::error::{Error, Result};
use std::fmt;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $field:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(String);

        impl $type {
            /// Checks the text against the rule of the type.
            ///
            /// # Errors
            /// `Invalid` with the field, the text and the rule.
            pub fn parse(text: &str) -> Result<Self> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(Error::invalid($field, format!(concat!("`{}` is not ", $rule), shown(text))))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The readable id of an account: 1–64 of `a-z 0-9 - _`.
    AccountId, "account",
    "an account id: use 1 to 64 of `a-z 0-9 - _`",
    |t| within(t, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
);
name!(
    /// A collection of records: 1–64 of `a-z 0-9 . _ -`, starting with a letter or digit.
    Collection, "collection",
    "a collection: use 1 to 64 of `a-z 0-9 . _ -`, starting with a letter or digit",
    |t| t.starts_with(|c: char| c.is_ascii_alphanumeric())
        && within(t, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
);
name!(
    /// The id of a record: 1–128 of `A-Z a-z 0-9 . _ -`, but not `.` or `..`.
    RecordId, "record",
    "a record id: use 1 to 128 of `A-Z a-z 0-9 . _ -`, but not `.` or `..`",
    |t| t != "." && t != ".."
        && within(t, 128, |b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
);
name!(
    /// The name of a person or service: 1–64 of `a-z 0-9 . _ -`, starting with a letter or digit.
    Name, "name",
    "a name: use 1 to 64 of `a-z 0-9 . _ -`, starting with a letter or digit",
    |t| t.starts_with(|c: char| c.is_ascii_alphanumeric())
        && within(t, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
);
name!(
    /// Who acts: `person:NAME` or `service:NAME`, or a subscriber's own `member:NAME`.
    PrincipalId, "principal",
    "a principal: write `person:NAME` or `service:NAME`",
    |t| matches!(
        t.split_once(':'),
        Some(("person" | "service" | "member", name)) if Name::parse(name).is_ok()
    )
);

impl AccountId {
    /// The id that belongs to a name: its lower case, every run of other characters as `-`.
    ///
    /// # Errors
    /// `Invalid` if the name is empty or its id would be longer than 64.
    pub fn from_name(name: &str) -> Result<Self> {
        let mut id = String::new();
        let mut in_run = false;
        for c in name.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_' {
                id.push(c);
                in_run = false;
            } else if !in_run {
                id.push('-');
                in_run = true;
            }
        }
        Self::parse(&id).map_err(|_| {
            Error::invalid(
                "name",
                format!("`{}` gives no account id of 1 to 64: state an `id`", shown(name)),
            )
        })
    }
}

impl PrincipalId {
    /// The person of this name.
    pub fn person(name: &Name) -> Self {
        Self(format!("person:{name}"))
    }

    /// The kernel itself, for what happens by itself. No name can be spelled like it.
    pub(crate) fn kernel() -> Self {
        Self("kernel".to_owned())
    }

    /// Whoever holds a secret that an operation checks by itself. No name can be spelled like it.
    pub(crate) fn bearer() -> Self {
        Self("bearer".to_owned())
    }

    /// The service of this name.
    pub fn service(name: &Name) -> Self {
        Self(format!("service:{name}"))
    }

    /// The member of an account with this name.
    pub fn member(name: &Name) -> Self {
        Self(format!("member:{name}"))
    }

    /// Kind (`person`, `service` or `member`) and name.
    pub fn parts(&self) -> (&str, &str) {
        self.0.split_once(':').unwrap_or(("", &self.0))
    }
}

fn within(text: &str, max: usize, allowed: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= max && text.bytes().all(allowed)
}

/// Input as it may appear in a message: escaped, and cut where it would fill the screen.
pub fn shown(text: &str) -> String {
    let mut out: String = text.escape_default().take(80).collect();
    if text.len() > 80 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{AccountId, Collection, PrincipalId, RecordId};

    #[test]
    fn names_follow_their_rules() {
        for good in ["a", "0", "wells-fargo-company", "a_b", &"x".repeat(64)] {
            assert!(AccountId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a.b", "a/b", "a b", "ä", "а", "a\0", "..", &"x".repeat(65)] {
            assert!(AccountId::parse(bad).is_err(), "{bad}");
        }
        for good in ["a", "A", "...", "a..b", "-", "_x.Y-9", &"x".repeat(128)] {
            assert!(RecordId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a%2e", "a\u{202e}b", &"x".repeat(129)] {
            assert!(RecordId::parse(bad).is_err(), "{bad}");
        }
        assert!(Collection::parse(".people").is_err());
        assert!(PrincipalId::parse("service:import").is_ok());
        assert!(PrincipalId::parse("root:import").is_err());
    }

    #[test]
    fn an_account_id_comes_from_a_name() {
        for (name, id) in [
            ("Wells Fargo & Company", "wells-fargo-company"),
            ("NRA Group, LLC", "nra-group-llc"),
            ("Afni, Inc.", "afni-inc-"),
            ("Société Générale", "soci-t-g-n-rale"),
            ("A - B", "a---b"),
        ] {
            assert_eq!(AccountId::from_name(name).unwrap().as_str(), id);
        }
        assert!(AccountId::from_name("").is_err());
        assert!(AccountId::from_name(&"long ".repeat(40)).is_err());
    }
}
