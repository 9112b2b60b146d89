//! Errors, as RFC 7644 §3.12 names them.

use serde_json::{Value, json};
use std::fmt;

/// What is wrong, as `scimType` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The filter is none, or asks for something that cannot be compared so.
    InvalidFilter,
    /// More would be found or changed than is done at once.
    TooMany,
    /// Another resource has this value already.
    Uniqueness,
    /// The attribute is not for clients to change.
    Mutability,
    /// The body has another structure.
    InvalidSyntax,
    /// The path of a PATCH is none, or of no attribute.
    InvalidPath,
    /// The path of a PATCH matches nothing.
    NoTarget,
    /// A value is missing or of another type.
    InvalidValue,
    /// The version of the protocol is not spoken here.
    InvalidVers,
}

impl Kind {
    const ALL: [(Self, &'static str); 9] = [
        (Self::InvalidFilter, "invalidFilter"),
        (Self::TooMany, "tooMany"),
        (Self::Uniqueness, "uniqueness"),
        (Self::Mutability, "mutability"),
        (Self::InvalidSyntax, "invalidSyntax"),
        (Self::InvalidPath, "invalidPath"),
        (Self::NoTarget, "noTarget"),
        (Self::InvalidValue, "invalidValue"),
        (Self::InvalidVers, "invalidVers"),
    ];

    /// As `scimType`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Out of a `scimType`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind)
    }
}

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: Kind,
    /// In a sentence, with the input and what to do.
    pub detail: String,
}

impl Error {
    /// Of this kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    pub(crate) fn value(detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidValue, detail)
    }

    pub(crate) fn syntax(detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidSyntax, detail)
    }

    /// The body of an answer with this HTTP status (§3.12); the kind is left out where there is
    /// none.
    pub fn body(status: u16, kind: Option<Kind>, detail: &str) -> Value {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": status.to_string(),
            "detail": detail,
        });
        if let (Some(kind), Some(body)) = (kind, body.as_object_mut()) {
            body.insert("scimType".to_owned(), kind.name().into());
        }
        body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.detail)
    }
}

impl std::error::Error for Error {}
