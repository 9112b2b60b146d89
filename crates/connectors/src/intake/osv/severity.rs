//! How bad an advisory says it is.
//!
//! Promises: CVSS vectors of versions 3.0, 3.1 and 4.0 are scored as FIRST specifies; among several
//! ratings the worst counts; a word counts only where there is no vector. A vector that is not
//! complete or not known gives no rating, and never a low one.
//! Deliberately not: CVSS 2, EPSS, and what a rating means for anybody in particular.

use std::str::FromStr as _;

use cvss::Cvss;

use crate::intake::json::Node;
use crate::intake::{Refused, Severity};

/// The severity of an advisory: of its vectors, else of its words.
pub(super) fn of(advisory: &Node<'_>) -> Result<Severity, Refused> {
    let mut vectors = listed(advisory)?;
    let mut words = word(advisory)?;
    if let Some(affected) = advisory.maybe("affected")? {
        for item in affected.items()? {
            vectors = vectors.min(listed(&item)?);
            words = words.min(word(&item)?);
        }
    }
    Ok(if vectors == Severity::Unknown { words } else { vectors })
}

/// The worst of a list `severity: [{ type, score }]`.
fn listed(node: &Node<'_>) -> Result<Severity, Refused> {
    let mut worst = Severity::Unknown;
    let Some(list) = node.maybe("severity")? else { return Ok(worst) };
    for item in list.items()? {
        let kind = item.member("type")?;
        let score = item.member("score")?;
        worst = worst.min(match kind.text()? {
            "CVSS_V3" | "CVSS_V4" => vector(score.text()?),
            _ => Severity::Unknown,
        });
    }
    Ok(worst)
}

/// What `database_specific` says: `severity` as a word, or `cvss` as a vector (RustSec).
fn word(node: &Node<'_>) -> Result<Severity, Refused> {
    let mut worst = Severity::Unknown;
    for place in ["database_specific", "ecosystem_specific"] {
        let Some(specific) = node.maybe(place)? else { continue };
        // What is in here is each database's own business, so other forms are passed over.
        let Ok(said) = specific.maybe("severity") else { continue };
        if let Some(Ok(said)) = said.map(|node| node.text()) {
            worst = worst.min(Severity::from_word(said));
        }
        if let Ok(Some(rated)) = specific.maybe("cvss")
            && let Ok(text) = rated.text()
        {
            worst = worst.min(vector(text));
        }
    }
    Ok(worst)
}

/// The severity of a CVSS vector, or unknown.
pub(in crate::intake) fn vector(text: &str) -> Severity {
    // All base metrics are mandatory; the scoring takes a missing one for harmless.
    let mandatory: &[&str] = if text.starts_with("CVSS:4.0/") {
        &["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"]
    } else {
        &["AV", "AC", "PR", "UI", "S", "C", "I", "A"]
    };
    let has = |metric: &str| {
        text.split('/').any(|part| part.split_once(':').is_some_and(|(key, _)| key == metric))
    };
    if text.len() > 300 || !mandatory.iter().all(|metric| has(metric)) {
        return Severity::Unknown;
    }
    match Cvss::from_str(text) {
        Ok(vector) => Severity::from_score(vector.score()),
        Err(_) => Severity::Unknown,
    }
}
