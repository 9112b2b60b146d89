//! Whom a client certificate is about.

use super::der::{self, oid};
use crate::Error;

/// The longest name, in bytes; RFC 5280 has 64 characters for both kinds.
const MAX_NAME: usize = 64;

/// The most groups.
const MAX_GROUPS: usize = 16;

/// The longest identifier, in bytes.
const MAX_URI: usize = 256;

/// Whom a client certificate is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The common name, 1 to 64 bytes of UTF-8 without control characters. PostgreSQL's `cert`
    /// takes it for the role, Kubernetes for the user.
    pub common_name: String,
    /// At most 16 organizations, as the name; Kubernetes takes each for a group. Their order stays.
    pub groups: Vec<String>,
    /// One identifier as an alternative name: a URI of ASCII with a scheme, at most 256 bytes, such
    /// as `bailee:person:ada`.
    pub uri: Option<String>,
}

impl Subject {
    pub(super) fn check(&self) -> Result<(), Error> {
        check_name("common_name", &self.common_name)?;
        if self.groups.len() > MAX_GROUPS {
            return Err(Error::invalid("groups", "are more than 16"));
        }
        self.groups.iter().try_for_each(|group| check_name("groups", group))?;
        self.uri.as_deref().map_or(Ok(()), check_uri)
    }

    /// The distinguished name: groups first, the common name last, as Kubernetes writes it.
    pub(super) fn name(&self) -> Vec<u8> {
        let groups = self.groups.iter().map(|group| attribute(oid::ORGANIZATION, group));
        let parts: Vec<_> =
            groups.chain([attribute(oid::COMMON_NAME, &self.common_name)]).collect();
        der::sequence(&parts)
    }
}

/// A distinguished name with this common name alone, in DER, as an authority has one.
#[must_use]
pub fn named(name: &str) -> Vec<u8> {
    common_name(name)
}

/// A distinguished name with a common name alone.
pub(super) fn common_name(name: &str) -> Vec<u8> {
    der::sequence(&[attribute(oid::COMMON_NAME, name)])
}

fn attribute(kind: &[u8], value: &str) -> Vec<u8> {
    der::set(&der::sequence(&[der::object(kind), der::utf8(value)]))
}

pub(super) fn check_name(field: &'static str, name: &str) -> Result<(), Error> {
    let fits = (1..=MAX_NAME).contains(&name.len());
    if fits && !name.chars().any(char::is_control) && name.trim() == name {
        return Ok(());
    }
    Err(Error::invalid(field, "must be 1 to 64 bytes, none of control, no space at either end"))
}

fn check_uri(uri: &str) -> Result<(), Error> {
    let scheme = uri.split_once(':').filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme);
    let good_scheme = scheme.is_some_and(|scheme| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    let plain = uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    if good_scheme && plain && uri.len() <= MAX_URI {
        return Ok(());
    }
    Err(Error::invalid("uri", "must be a URI with a scheme, at most 256 characters of ASCII"))
}
