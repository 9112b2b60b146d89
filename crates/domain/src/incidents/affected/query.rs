//! What is asked: who or what is in question, and when.

use crate::register::When;
use kernel::id::{Name, PrincipalId, shown};
use kernel::{Error, Result, Trace};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest id of a credential, in bytes.
const CREDENTIAL: usize = 64;

/// Who or what is in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A person, service or member.
    Principal(PrincipalId),
    /// A token, by its id.
    Token(String),
    /// A session, or the link that began one, by its id.
    Session(String),
    /// A network address, in its canonical form.
    Address(String),
    /// A vendor: all people and services that were ever its.
    Vendor(String),
    /// Everybody: a span of time alone.
    Anyone,
}

impl By {
    /// Reads `person:NAME`, `service:NAME`, `member:NAME`, `token:ID`, `session:ID`,
    /// `address:IP`, `vendor:NAME` or `anyone`.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || {
            let text = shown(text);
            let why = format!(
                "`{text}` is not known: write `person:NAME`, `service:NAME`, `member:NAME`, \
                 `token:ID`, `session:ID`, `address:IP`, `vendor:NAME` or `anyone`"
            );
            Error::invalid("by", why)
        };
        if text == "anyone" {
            return Ok(Self::Anyone);
        }
        let (kind, name) = text.split_once(':').ok_or_else(bad)?;
        let id = || match Name::parse(name) {
            Ok(_) if name.len() <= CREDENTIAL => Ok(name.to_owned()),
            _ => Err(bad()),
        };
        match kind {
            "token" => Ok(Self::Token(id()?)),
            "session" => Ok(Self::Session(id()?)),
            "vendor" => Ok(Self::Vendor(id()?)),
            "address" => Ok(Self::Address(kernel::parse_address(name).ok_or_else(bad)?)),
            _ => Ok(Self::Principal(PrincipalId::parse(text).map_err(|_| bad())?)),
        }
    }

    /// What the access index is asked for; nothing for a vendor, whose principals are asked for.
    pub(super) fn trace(&self) -> Option<Trace> {
        match self {
            Self::Principal(id) => Some(Trace::Actor(id.clone())),
            Self::Token(id) | Self::Session(id) => Some(Trace::Credential(id.clone())),
            Self::Address(address) => Some(Trace::Source(address.clone())),
            Self::Vendor(_) => None,
            Self::Anyone => Some(Trace::All),
        }
    }

    /// The same as a part of a row's id.
    pub(super) fn part(&self) -> String {
        self.to_string().replace(':', ".")
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(id) => write!(f, "{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Address(address) => write!(f, "address:{address}"),
            Self::Vendor(name) => write!(f, "vendor:{name}"),
            Self::Anyone => f.write_str("anyone"),
        }
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AffectedQuery")]
pub struct Query {
    /// Who or what: `person:NAME`, `service:NAME`, `member:NAME`, `token:ID`, `session:ID`,
    /// `address:IP`, `vendor:NAME`, or `anyone` for a span of time alone.
    pub by: String,
    /// First moment of the time in question.
    pub from: When,
    /// First moment after it.
    pub to: When,
}

impl Query {
    /// The same with its parts checked and in one spelling.
    ///
    /// # Errors
    /// `Invalid` with the field.
    pub fn checked(mut self) -> Result<(Self, By)> {
        let by = By::parse(&self.by)?;
        if self.to <= self.from {
            return Err(Error::invalid("to", "it is later than `from`"));
        }
        self.by = by.to_string();
        Ok((self, by))
    }
}
