//! Verifying a package: its manifest, each file by its hash, and the evidence among them.

use super::evidence::verify_evidence;
use super::receipt::text;
use super::{Problem, Report};
use crate::evidence::{Evidence, FORMAT};
use crate::package::{File, MANIFEST, Manifest, canonical, hex, read, render};
use crate::sha256;

/// Checks a package: that its manifest is evidence of a log, that it names every file by its hash,
/// that the evidence among them holds and is of the taking that the manifest names, and that no
/// other byte is in it. With `trusted`, the log must be signed with that Ed25519 public key.
#[must_use]
pub fn verify_package(bytes: &[u8], trusted: Option<&[u8; 32]>) -> Report {
    let mut report = Report::default();
    let files = match read(bytes) {
        Ok(files) => files,
        Err(why) => {
            report.problem("package", why.to_string());
            return report;
        }
    };
    let Some(manifest) = files.first().filter(|file| file.name == MANIFEST) else {
        report.problem("package", format!("`{MANIFEST}` is not its first file"));
        return report;
    };
    let named = listed(&mut report, manifest, trusted);
    for one in files.iter().skip(1) {
        match named.as_ref().map(|named| named.files.iter().find(|listed| listed.name == one.name))
        {
            Some(Some(listed)) if listed.sha256 == hex(&sha256(one.bytes)) => {
                report.checked(format!("`{}` is the one that was packed", one.name));
            }
            Some(Some(_)) => report.problem(one.name, "its SHA-256 is not the manifest's"),
            Some(None) => report.problem(one.name, "the manifest does not name it"),
            None => {}
        }
    }
    for listed in named.iter().flat_map(|named| &named.files) {
        if !files.iter().skip(1).any(|one| one.name == listed.name) {
            report.problem(&listed.name, "is missing");
        }
    }
    let taken = named.as_ref().and_then(|named| named.entries.first().copied());
    for one in files.iter().skip(1) {
        inside(&mut report, one, taken, trusted);
    }
    if report.ok() && !render(&files).is_ok_and(|same| same == bytes) {
        report.problem("package", "there are bytes in it besides the files");
    }
    report.not_checked(
        "whether the readable files say what the evidence says: the provider made them, and an \
         entry of the log shows their hashes",
    );
    report
}

/// The manifest, if it holds.
fn listed(report: &mut Report, file: &File<'_>, trusted: Option<&[u8; 32]>) -> Option<Manifest> {
    let one = verify_evidence(file.bytes, trusted);
    take(report, MANIFEST, one);
    let json = text(file.bytes).ok()?;
    let evidence = Evidence::from_json(json).ok()?;
    if !canonical(json, &evidence) {
        report.problem(MANIFEST, "is written in another way than it was");
    }
    match Manifest::read(&evidence) {
        Ok(manifest) => Some(manifest),
        Err(why) => {
            report.problem(MANIFEST, why.to_string());
            None
        }
    }
}

/// Evidence in a package is checked as by itself, and is that of the taking.
fn inside(report: &mut Report, one: &File<'_>, taken: Option<u64>, trusted: Option<&[u8; 32]>) {
    let json = text(one.bytes).ok().filter(|json| json.contains(FORMAT));
    let Some(json) = json.filter(|_| one.name.ends_with(".json")) else { return };
    take(report, one.name, verify_evidence(json, trusted));
    let index = Evidence::from_json(json).ok().map(|evidence| evidence.receipt.proof.index);
    if index.is_some() && index != taken {
        report.problem(one.name, "is of another taking than the manifest's");
    }
}

/// What was found of a part.
fn take(report: &mut Report, part: &str, of: Report) {
    for Problem { what, why } in of.problems {
        report.problem(format!("{part}, {what}"), why);
    }
    report.checked.extend(of.checked.into_iter().map(|line| format!("{part}: {line}")));
    for line in of.not_checked {
        if !report.not_checked.contains(&line) {
            report.not_checked.push(line);
        }
    }
}
