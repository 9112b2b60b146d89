//! Which crate must not mention what.
//!
//! The compiler forbids a dependency that a manifest does not name, and `manifests` watches those;
//! this forbids what the standard library or a shared dependency would still allow, and says why.

use super::source::lines_with;
use super::{Finding, Repo, Source, nouns};

/// A set of crates that must do without a set of names.
struct Absence {
    crates: &'static [&'static str],
    names: &'static [&'static str],
    why: &'static str,
}

const ABSENCES: &[Absence] = &[
    Absence {
        crates: &["ledger", "sealing", "domain", "jose", "passkeys", "pki", "scim"],
        names: &["SystemTime", "Instant", "chrono", "time::OffsetDateTime::now_utc"],
        why: "time is a parameter here; take it as an argument",
    },
    Absence {
        crates: &["ledger", "sealing", "domain", "jose", "passkeys", "pki", "scim"],
        names: &["std::fs", "std::net", "std::env", "std::process", "std::thread", "std::io"],
        why: "this crate does no input or output; move it to a face or an engine",
    },
    Absence {
        crates: &["ledger", "sealing", "domain", "kernel", "jose", "passkeys", "pki", "scim"],
        names: &["async fn", "async move", ".await", "tokio"],
        why: "decisions are synchronous; a face waits, not this crate",
    },
    Absence {
        crates: &["ledger", "sealing", "domain", "kernel", "jose", "passkeys", "pki", "scim"],
        names: &["axum", "hyper", "reqwest", "http::"],
        why: "HTTP belongs to the faces",
    },
    Absence {
        crates: &[
            "ledger", "sealing", "domain", "api", "console", "bailee", "jose", "passkeys", "pki",
            "scim",
        ],
        names: &["rusqlite", "tokio_postgres"],
        why: "SQL belongs to the engines of `kernel`",
    },
    Absence {
        crates: &[
            "ledger", "sealing", "kernel", "domain", "api", "console", "jose", "passkeys", "pki",
            "scim",
        ],
        names: &["postgres"],
        why: "which engine it is, only the binary knows",
    },
    Absence {
        crates: &[
            "ledger", "sealing", "domain", "api", "console", "bailee", "jose", "passkeys", "pki",
            "scim",
        ],
        names: &["cedar_policy"],
        why: "only `kernel` decides; ask it",
    },
    Absence {
        crates: &["ledger", "kernel", "domain", "jose", "passkeys", "pki", "scim"],
        names: &["rand", "getrandom", "aws_lc_rs::rand"],
        why: "randomness is a parameter; take it from `sealing::Entropy`",
    },
];

/// Checks the sources of every crate named above; tests may use what they like.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in &repo.sources {
        let Some(name) = crate_of(&source.path) else { continue };
        for absence in ABSENCES.iter().filter(|absence| absence.crates.contains(&name)) {
            found.extend(mentions(source, name, absence));
        }
        found.extend(kernel_module(repo, source));
    }
    found
}

/// The crate whose library or binary a path belongs to.
fn crate_of(path: &str) -> Option<&str> {
    let (name, rest) = path.strip_prefix("crates/")?.split_once('/')?;
    rest.starts_with("src/").then_some(name)
}

fn mentions(source: &Source, name: &str, absence: &Absence) -> Vec<Finding> {
    let mut found = Vec::new();
    for forbidden in absence.names {
        for line in lines_naming(&source.production, forbidden) {
            let what = format!("`{forbidden}` in `{name}`");
            found.push(Finding::new("layers", &source.path, line, what, absence.why));
        }
    }
    found
}

/// Lines that name a path outright, or through a group such as `use std::{fs, io}`.
fn lines_naming(code: &str, path: &str) -> Vec<usize> {
    let mut lines = lines_with(code, path);
    let Some((parent, name)) = path.split_once("::").filter(|(_, name)| !name.is_empty()) else {
        return lines;
    };
    let group = format!("{parent}::{{");
    for (at, _) in code.match_indices(&group) {
        let rest = code.get(at + group.len()..).unwrap_or_default();
        let inside = rest.split(';').next().unwrap_or_default();
        for line in lines_with(inside, name) {
            lines.push(super::source::line_at(code, at) + line - 1);
        }
    }
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// A top-level module of `kernel` named like a noun of `domain` would be that noun's second home.
fn kernel_module(repo: &Repo, source: &Source) -> Option<Finding> {
    let module = source.path.strip_prefix("crates/kernel/src/")?;
    let name = module.strip_suffix("/mod.rs").or_else(|| module.strip_suffix(".rs"))?;
    nouns::declared(repo).iter().any(|noun| noun.name == name).then(|| {
        let what = format!("module `{name}` of `kernel` has the name of a noun of `domain`");
        Finding::new("layers", &source.path, 1, what, "name it after the mechanism, not the noun")
    })
}
