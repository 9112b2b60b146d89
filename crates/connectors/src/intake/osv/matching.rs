//! Whether an advisory affects a component.
//!
//! Promises: the evaluation of the OSV schema (versions by list, ranges by sorted events, limits);
//! "not affected" only from what was compared, "unknown" from everything else.
//! Deliberately not: whether the affected code is ever reached. That is for people, and VEX.

use std::cmp::Ordering;

use super::version::{Scheme, Version};
use super::{Advisory, Affected, Event, Range, RangeKind};
use crate::intake::inventory::Component;
use crate::intake::purl::normal_pypi;
use crate::intake::text::quote;

/// The answer for one advisory and one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// It is affected.
    Affected {
        /// The next version without it; none when the advisory names none.
        fixed: Option<String>,
    },
    /// It is not affected.
    NotAffected {
        /// What was found, without full stop.
        why: String,
    },
    /// It cannot be said.
    Unknown {
        /// What is missing, without full stop.
        why: String,
    },
}

/// Whether an advisory affects a component, by ecosystem, name and version.
///
/// A range of commits is unknown, unless versions are named beside it. The release of an ecosystem
/// (`Debian:12`) counts only where both sides have one. A withdrawn advisory affects nothing.
#[must_use]
pub fn matches(advisory: &Advisory, component: &Component) -> Match {
    if let Some(when) = &advisory.withdrawn {
        return not(format!("the advisory was withdrawn on {when}"));
    }
    let own = split(&component.ecosystem);
    let key = package_key(own.0, &component.name);
    let mut answer = not(format!("the advisory does not name {}", quote(&component.name)));
    for affected in &advisory.affected {
        let (base, release) = split(&affected.ecosystem);
        let scheme = Scheme::of(base);
        if own.0.is_empty() && !base.is_empty() && same_words(&affected.name, &component.name) {
            let why = format!("the inventory does not say whether it is the one of {base}");
            answer = worse(scheme, answer, unknown(why));
            continue;
        }
        let releases = release.is_empty() || own.1.is_empty() || release == own.1;
        if !base.is_empty() && releases && package_key(base, &affected.name) == key {
            answer = worse(scheme, answer, affects(affected, scheme, &component.version));
        }
    }
    answer
}

/// What to look a package up by: the same for an advisory and a component if, and only if, they
/// mean the same package. The release of the ecosystem is not part of it.
#[must_use]
pub fn package_key(ecosystem: &str, name: &str) -> (String, String) {
    let base = split(ecosystem).0;
    let name = match base {
        "PyPI" => normal_pypi(name),
        // The specification of purl lowers what Go itself tells apart.
        "Go" => name.to_ascii_lowercase(),
        _ => name.to_owned(),
    };
    (base.to_owned(), name)
}

/// Whether two names may mean the same, where the ecosystem is not known: Maven writes
/// `group:artifact`, others `group/name`.
fn same_words(one: &str, other: &str) -> bool {
    one.split([':', '/']).eq(other.split([':', '/']))
}

/// An ecosystem and its release: `Debian:12`.
fn split(ecosystem: &str) -> (&str, &str) {
    ecosystem.split_once(':').unwrap_or((ecosystem, ""))
}

/// Of two answers the one that asks for more. Of two fixes the later one, because both are needed.
fn worse(scheme: Scheme, a: Match, b: Match) -> Match {
    let rank = |answer: &Match| match answer {
        Match::Affected { fixed: None } => 3,
        Match::Affected { .. } => 2,
        Match::Unknown { .. } => 1,
        Match::NotAffected { .. } => 0,
    };
    if let (Match::Affected { fixed: Some(one) }, Match::Affected { fixed: Some(other) }) = (&a, &b)
    {
        let (one, other) = (scheme.version(one), scheme.version(other));
        let later = one.zip(other).and_then(|(one, other)| one.order(&other));
        return if later == Some(Ordering::Greater) { a } else { b };
    }
    if rank(&b) >= rank(&a) { b } else { a }
}

fn not(why: String) -> Match {
    Match::NotAffected { why }
}

fn unknown(why: String) -> Match {
    Match::Unknown { why }
}

/// The answer for a component of the package that `affected` names.
fn affects(affected: &Affected, scheme: Scheme, version: &str) -> Match {
    let ranges = || affected.ranges.iter().filter(|range| range.kind != RangeKind::Git);
    if ranges().any(is_everything) {
        return Match::Affected { fixed: None };
    }
    if version.is_empty() {
        return unknown("the inventory does not say which version is used".to_owned());
    }
    let mut within = None;
    let mut unclear = None;
    let mut next = None;
    for range in ranges() {
        match side(range, scheme.in_range(range.kind), version) {
            Side::Inside(fixed) => {
                let found = Match::Affected { fixed };
                within = Some(match within {
                    Some(other) => worse(scheme, other, found),
                    None => found,
                });
            }
            Side::Outside(fixed) => next = next.or(fixed),
            Side::Unclear(why) => unclear = Some(why),
        }
    }
    if let Some(answer) = within {
        return answer;
    }
    if is_listed(affected, scheme, version) {
        return Match::Affected { fixed: next };
    }
    if let Some(why) = unclear {
        return unknown(why);
    }
    if ranges().next().is_some() {
        return not(format!("{} is outside the affected versions", quote(version)));
    }
    if affected.versions.is_empty() {
        let what = if affected.ranges.is_empty() { "no version" } else { "commits only" };
        return unknown(format!("the advisory names {what}"));
    }
    not_listed(affected, scheme, version)
}

/// The answer when versions are named one by one, and this is none of them.
fn not_listed(affected: &Affected, scheme: Scheme, version: &str) -> Match {
    let ecosystem = &affected.ecosystem;
    if scheme == Scheme::Opaque {
        // A distribution's list may be of what one release shipped at one time.
        return unknown(format!(
            "{} is not listed, and versions of {ecosystem} are not ordered here",
            quote(version)
        ));
    }
    if scheme.version(version).is_none() {
        return unknown(format!("{} is not a version that can be compared", quote(version)));
    }
    not(format!("{} is not among the affected versions", quote(version)))
}

/// Whether the list names the version, by its text or as an equal one of its scheme.
fn is_listed(affected: &Affected, scheme: Scheme, version: &str) -> bool {
    let own = scheme.version(version);
    affected.versions.iter().any(|listed| {
        let order = || scheme.version(listed)?.order(own.as_ref()?);
        listed == version || order() == Some(Ordering::Equal)
    })
}

/// Whether a range has a beginning and no end: true of every version, whatever its scheme.
fn is_everything(range: &Range) -> bool {
    let zero = |event: &Event| matches!(event, Event::Introduced(version) if version == "0");
    !range.events.is_empty() && range.events.iter().all(zero)
}

/// Where a version lies with respect to a range.
enum Side {
    /// In it; with the first fix after the version.
    Inside(Option<String>),
    /// Not in it; with the first fix after the version.
    Outside(Option<String>),
    /// It cannot be said, and why.
    Unclear(String),
}

/// An event with what it is sorted by.
struct Mark<'a> {
    /// None stands before all versions.
    at: Option<Version>,
    event: &'a Event,
}

/// The algorithm of the OSV schema, section "Evaluation".
fn side(range: &Range, scheme: Scheme, version: &str) -> Side {
    let Some(own) = scheme.version(version) else {
        let what = match scheme {
            Scheme::Opaque => "versions of this ecosystem are not ordered here".to_owned(),
            _ => format!("{} is not a version that can be compared", quote(version)),
        };
        return Side::Unclear(what);
    };
    let mut marks = Vec::with_capacity(range.events.len());
    let mut limits = Vec::new();
    for event in &range.events {
        let (Event::Introduced(text)
        | Event::Fixed(text)
        | Event::LastAffected(text)
        | Event::Limit(text)) = event;
        let unlimited = matches!(event, Event::Limit(_)) && text == "*";
        let bottom = matches!(event, Event::Introduced(_)) && text == "0";
        let at = if bottom || unlimited { None } else { scheme.version(text) };
        if at.is_none() && !bottom && !unlimited {
            let why = format!("{} in the advisory cannot be compared", quote(text));
            return Side::Unclear(why);
        }
        let list = if matches!(event, Event::Limit(_)) { &mut limits } else { &mut marks };
        list.push(Mark { at, event });
    }
    marks.sort_by(in_order);
    let mut inside = false;
    let mut fixed = None;
    for mark in &marks {
        // The version against the mark: `Greater` when it lies after it.
        let against = mark.at.as_ref().map_or(Some(Ordering::Greater), |at| own.order(at));
        let reached = against.is_some_and(Ordering::is_ge);
        match mark.event {
            Event::Introduced(_) if reached => inside = true,
            Event::Fixed(_) if reached => inside = false,
            Event::Fixed(text) if fixed.is_none() => fixed = Some(text.clone()),
            Event::LastAffected(_) if against == Some(Ordering::Greater) => inside = false,
            _ => {}
        }
    }
    let below =
        |limit: &Mark<'_>| limit.at.as_ref().is_none_or(|at| own.order(at) == Some(Ordering::Less));
    let limited = !limits.is_empty() && !limits.iter().any(below);
    if inside && !limited { Side::Inside(fixed) } else { Side::Outside(fixed) }
}

/// Events by version. At the same version the file's order counts between an end and a beginning,
/// but the last affected one ends only what has begun: `introduced` and `last_affected` at one
/// version are a range of one.
fn in_order(a: &Mark<'_>, b: &Mark<'_>) -> Ordering {
    let by_version = match (&a.at, &b.at) {
        (Some(a), Some(b)) => a.order(b).unwrap_or(Ordering::Equal),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
    };
    let last = |mark: &Mark<'_>| matches!(mark.event, Event::LastAffected(_));
    by_version.then(last(a).cmp(&last(b)))
}
