//! Verifying evidence: the content, the entry that says it was taken out, and those it is from.

use super::receipt::{check_receipt, text};
use super::{Problem, Report};
use crate::entry::same_log;
use crate::evidence::{CONTENT_FIELD, Evidence, fingerprint};
use std::collections::BTreeMap;

/// Checks evidence: that the content is what an entry of the log says was taken out, and that the
/// entries which carry it are in that log, complete back to the first. With `trusted`, the log must
/// be signed with that Ed25519 public key.
#[must_use]
pub fn verify_evidence(json: impl AsRef<[u8]>, trusted: Option<&[u8; 32]>) -> Report {
    let mut report = Report::default();
    let read = text(json.as_ref())
        .and_then(|json| Evidence::from_json(json).map_err(|error| error.to_string()));
    match read {
        Ok(evidence) => check(&mut report, &evidence, trusted),
        Err(why) => report.problem("evidence", why),
    }
    report
}

fn check(report: &mut Report, evidence: &Evidence<'_>, trusted: Option<&[u8; 32]>) {
    let Some(taken) = check_receipt(report, &evidence.receipt, trusted) else { return };
    let opening = evidence.receipt.opening.as_ref();
    let shown = opening.and_then(|opening| opening.fields.get(CONTENT_FIELD));
    match shown {
        Some(shown) if shown.value == fingerprint(evidence.content) => {
            report.checked(format!("the content is what entry {} says was taken", taken.index));
        }
        Some(_) => {
            let why = format!("its SHA-256 is not the one that entry {} shows", taken.index);
            report.problem("content", why);
        }
        None => report.problem("receipt", "its entry does not show what was taken out"),
    }
    let mut before: BTreeMap<u64, Option<u64>> = BTreeMap::new();
    let mut withheld = false;
    for receipt in &evidence.entries {
        let what = format!("entry {}", receipt.proof.index);
        let mut one = Report::default();
        let leaf = check_receipt(&mut one, receipt, trusted);
        withheld |= one.not_checked.iter().any(|line| line.starts_with("withheld"));
        for Problem { what: part, why } in one.problems {
            report.problem(format!("{what}, {part}"), why);
        }
        let Some(leaf) = leaf else { continue };
        if receipt.vkey != evidence.receipt.vkey || !same_log(&leaf.log, &taken.log) {
            report.problem(&what, "is of another log than the content");
        }
        if before.insert(leaf.index, leaf.prev).is_some() {
            report.problem(&what, "is there twice");
        }
    }
    complete(report, evidence, before);
    if withheld {
        report.not_checked("fields of entries that are withheld or erased");
    }
    report.not_checked(
        "whether the content is what those entries sealed: the provider said so when it was taken",
    );
    report.not_checked(
        "whether everybody is shown this head: compare an anchor or a later checkpoint",
    );
}

/// The entries are those that the content names, and all that they followed.
fn complete(report: &mut Report, evidence: &Evidence<'_>, mut before: BTreeMap<u64, Option<u64>>) {
    let newest = match evidence.newest() {
        Ok(newest) => newest,
        Err(why) => return report.problem("content", why),
    };
    let count = before.len();
    for first in newest {
        let mut next = Some(first);
        while let Some(index) = next {
            let Some(prev) = before.remove(&index) else {
                report.problem("entries", format!("entry {index} is missing, or named twice"));
                break;
            };
            next = prev;
        }
    }
    for index in before.keys() {
        report.problem("entries", format!("entry {index} is none of the content's"));
    }
    if report.ok() {
        report.checked(format!("{count} entries of that log carry it, back to the first of each"));
    }
}
