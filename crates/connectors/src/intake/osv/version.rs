//! Versions, compared as their ecosystem does.
//!
//! Promises: an order exists only within one scheme, and only for texts that follow it; everything
//! else is told apart and never guessed. SemVer is compared by precedence, so build metadata does
//! not count.
//! Deliberately not: the orders of Debian, RPM, Maven, RubyGems and others. Each is a page of
//! rules; until it is here, its ranges answer "unknown".

use std::cmp::Ordering;
use std::str::FromStr as _;

use super::RangeKind;

/// How the versions of a package are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// SemVer 2.0.
    Semver,
    /// PEP 440.
    Pep440,
    /// Not known here: equal texts are equal, and that is all.
    Opaque,
}

impl Scheme {
    /// The scheme of an ecosystem, without its release.
    pub(super) fn of(ecosystem: &str) -> Self {
        match ecosystem {
            "crates.io" | "npm" | "Go" => Self::Semver,
            "PyPI" => Self::Pep440,
            _ => Self::Opaque,
        }
    }

    /// The scheme of a range in that ecosystem.
    pub(super) fn in_range(self, kind: RangeKind) -> Self {
        match kind {
            RangeKind::Semver => Self::Semver,
            RangeKind::Ecosystem => self,
            RangeKind::Git => Self::Opaque,
        }
    }

    /// A version of this scheme, if `text` is one.
    pub(super) fn version(self, text: &str) -> Option<Version> {
        match self {
            Self::Semver => semver(text).map(Version::Semver),
            Self::Pep440 => pep440_rs::Version::from_str(text.trim()).ok().map(Version::Pep440),
            Self::Opaque => None,
        }
    }
}

/// A version that can be compared with others of its scheme.
#[derive(Clone, Debug)]
pub(super) enum Version {
    Semver(semver::Version),
    Pep440(pep440_rs::Version),
}

impl Version {
    /// The order of two versions; none when they are of different schemes.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Semver(a), Self::Semver(b)) => Some(a.cmp_precedence(b)),
            (Self::Pep440(a), Self::Pep440(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// SemVer with what npm and Go add: a `v`, `=` or `go` before it, and missing minor or patch
/// numbers, which count as zero.
fn semver(text: &str) -> Option<semver::Version> {
    let text = text.trim();
    let text = text.strip_prefix('=').map_or(text, str::trim_start);
    let text = text.strip_prefix("go").or_else(|| text.strip_prefix(['v', 'V'])).unwrap_or(text);
    if let Ok(version) = semver::Version::parse(text) {
        return Some(version);
    }
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at_checked(end)?;
    let zeros = match numbers.split('.').count() {
        1 => ".0.0",
        2 => ".0",
        _ => return None,
    };
    semver::Version::parse(&format!("{numbers}{zeros}{rest}")).ok()
}
