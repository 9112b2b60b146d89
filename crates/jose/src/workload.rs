//! Tokens of workloads: what a platform says of a program that runs on it (RFC 7519, RFC 9068).

use crate::claims::Claims;
use crate::{Compact, Error, KeySet};

/// The longest life of a workload's token that is taken, in seconds: a day. Platforms that issue
/// longer ones issue secrets, not statements.
const LIFE: u64 = 86_400;

/// A workload's token that was checked, but for whom it is and what it says: that is pinned by
/// whoever bound it.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    claims: Claims,
    until: u64,
}

impl Workload {
    /// Checks a token of this issuer at this moment, in seconds since 1970. Nothing is borne past
    /// its end.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(token: &str, keys: &KeySet, issuer: &str, now: u64) -> Result<Self, Error> {
        let (header, claims) = Compact::parse(token)?.verify(keys)?;
        if header.kind.is_some_and(|kind| !matches!(kind.as_str(), "jwt" | "at+jwt")) {
            return Err(Error::Refused("it is another kind of token than a workload's"));
        }
        claims.from(issuer)?;
        let (issued, until) = claims.count(now, 0)?;
        if until.saturating_sub(issued) > LIFE {
            return Err(Error::Refused("it counts for longer than a day: ask for a shorter one"));
        }
        // Tokens of other protocols by the same issuer: one about somebody's sign-in or sign-out.
        if claims.get("nonce").is_some() || claims.get("events").is_some() {
            return Err(Error::Refused("it is another kind of token than a workload's"));
        }
        Ok(Self { claims, until })
    }

    /// For whom it is.
    pub fn audiences(&self) -> Vec<&str> {
        self.claims.audiences()
    }

    /// A claim that is text.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.text(claim)
    }

    /// First moment at which it counts no more, in seconds since 1970.
    pub fn until(&self) -> u64 {
        self.until
    }
}
