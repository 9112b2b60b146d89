//! Members inherit what the workspace decides, and depend only downwards.

use toml::{Table, Value};

use super::{Finding, Repo};

/// Keys of `[package]` that are decided once for all.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Which of our crates a crate may depend on; tests and builds are free.
const BELOW: &[(&str, &[&str])] = &[
    ("ledger", &[]),
    ("sealing", &[]),
    ("jose", &[]),
    ("connectors", &["jose"]),
    ("watch", &[]),
    ("pki", &["sealing"]),
    ("passkeys", &[]),
    ("scim", &[]),
    ("kernel", &["ledger", "sealing"]),
    ("postgres", &["kernel"]),
    ("prover", &["sealing"]),
    ("domain", &["jose", "kernel", "ledger", "passkeys", "pki", "scim"]),
    ("dossier", &["domain", "kernel", "ledger"]),
    ("api", &["connectors", "domain", "dossier", "jose", "kernel", "ledger", "scim"]),
    ("console", &["connectors", "domain", "dossier", "jose", "kernel", "ledger", "passkeys"]),
    (
        "bailee",
        &[
            "api",
            "connectors",
            "console",
            "domain",
            "kernel",
            "ledger",
            "passkeys",
            "pki",
            "postgres",
            "sealing",
            "watch",
        ],
    ),
    ("testkit", &["domain", "kernel", "ledger", "passkeys", "postgres", "sealing"]),
    ("xtask", &[]),
];

/// Checks the manifest of every member.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let members = repo.files.keys().filter(|path| path.ends_with("/Cargo.toml"));
    let mut found = Vec::new();
    for path in members {
        let table = match repo.text(path).unwrap_or_default().parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                let what = format!("not TOML: {}", error.message());
                found.push(Finding::new("manifest", path, 1, what, "mend the syntax"));
                continue;
            }
        };
        found.extend(inherits(path, &table));
        found.extend(direction(path, &table));
    }
    found
}

fn inherits(path: &str, table: &Table) -> Vec<Finding> {
    let from_workspace = |value: Option<&Value>| {
        value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
    };
    let mut found = Vec::new();
    if !from_workspace(table.get("lints")) {
        let what = "the lints of the workspace are not inherited".to_owned();
        let remedy = "add `[lints]` with `workspace = true`";
        found.push(Finding::new("manifest", path, 1, what, remedy));
    }
    let package = table.get("package");
    for key in INHERITED {
        if !from_workspace(package.and_then(|package| package.get(key))) {
            let what = format!("`{key}` is not inherited");
            let remedy = "write it with `.workspace = true`";
            found.push(Finding::new("manifest", path, 1, what, remedy));
        }
    }
    found
}

fn direction(path: &str, table: &Table) -> Vec<Finding> {
    let name = table.get("package").and_then(|package| package.get("name"));
    let name = name.and_then(Value::as_str).unwrap_or_default();
    let Some((_, allowed)) = BELOW.iter().find(|(crate_name, _)| *crate_name == name) else {
        let what = format!("`{name}` has no place in the order of crates");
        let remedy = "add it to `BELOW` in xtask/src/tidy/manifests.rs, with a decision";
        return vec![Finding::new("manifest", path, 1, what, remedy)];
    };
    let dependencies = table.get("dependencies").and_then(Value::as_table);
    let ours = dependencies.into_iter().flat_map(Table::keys);
    ours.filter(|key| BELOW.iter().any(|(crate_name, _)| crate_name == key))
        .filter(|key| !allowed.contains(&key.as_str()))
        .map(|key| {
            let what = format!("`{name}` must not depend on `{key}`");
            let remedy = "dependencies go downwards; see ARCHITECTURE.md";
            Finding::new("manifest", path, 1, what, remedy)
        })
        .collect()
}
