//! `cargo xtask tidy`: holds what the compiler and clippy cannot.
//!
//! Promises: reads only what git would commit; every finding is one line, `path:line: what — what
//! to do`; exceptions live in one list that may only shrink.
//! Deliberately absent: anything clippy or rustfmt can say (length of functions, unwraps, layout).

mod documents;
mod exceptions;
mod layers;
mod manifests;
mod nouns;
mod paths;
mod routes;
mod shape;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use crate::shell::{self, Outcome, Workspace, failed};
use source::Source;

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule, as the list of exceptions names it.
    pub rule: &'static str,
    /// File, relative to the root of the repository.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// How much of the rule's measure this uses up in an exception: lines for sizes, 1 otherwise.
    pub weight: usize,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {} — {} [{}]", self.path, self.line, self.what, self.remedy, self.rule)
    }
}

impl Finding {
    fn new(rule: &'static str, path: &str, line: usize, what: String, remedy: &str) -> Self {
        Self { rule, path: path.to_owned(), line, what, remedy: remedy.to_owned(), weight: 1 }
    }
}

/// Every file that git would commit, with its Rust sources already taken apart.
pub struct Repo {
    files: BTreeMap<String, Vec<u8>>,
    sources: Vec<Source>,
}

impl Repo {
    /// A repository of these files; paths are relative to its root.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
        let sources =
            rust.map(|(path, bytes)| Source::new(path, &String::from_utf8_lossy(bytes))).collect();
        Self { files, sources }
    }

    /// Reads what git tracks, and what it would track: a new file is checked before it is added.
    fn load(workspace: &Workspace) -> Outcome<Self> {
        let mut git = workspace.program("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let list = shell::capture(&mut git)?;
        let mut files = BTreeMap::new();
        for path in String::from_utf8_lossy(&list).split('\0').filter(|path| !path.is_empty()) {
            // A file deleted but still in the index is not there to be read.
            if let Ok(bytes) = fs::read(workspace.root.join(path)) {
                files.insert(path.to_owned(), bytes);
            }
        }
        Ok(Self::new(files))
    }

    /// The text of a file, if it is there and is UTF-8.
    fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

/// Checks the repository and prints what it finds.
///
/// # Errors
/// When there is anything to mend.
pub fn run(workspace: &Workspace) -> Outcome {
    let repo = Repo::load(workspace)?;
    let findings = check(&repo);
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, nothing to mend", repo.files.len());
            Ok(())
        }
        1 => failed("1 thing to mend"),
        many => failed(format!("{many} things to mend")),
    }
}

/// Every finding that no exception covers, by path and line.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let rules: [fn(&Repo) -> Vec<Finding>; 7] = [
        shape::check,
        layers::check,
        nouns::check,
        paths::check,
        routes::check,
        manifests::check,
        documents::check,
    ];
    let found = rules.iter().flat_map(|rule| rule(repo)).collect();
    let mut left = exceptions::apply(repo, found);
    left.sort_by(|a, b| (&a.path, a.line, &a.what).cmp(&(&b.path, b.line, &b.what)));
    left
}
