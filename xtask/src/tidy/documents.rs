//! The documents are there, short enough to be read, and what they and the code refer to exists.

use super::source::line_at;
use super::{Finding, Repo};

const REQUIRED: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "STYLE.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE",
    "docs/acceptance.md",
    "docs/glossary.md",
    "docs/measures.md",
    "docs/threats.md",
];
/// A page that is read whole stays true.
const ARCHITECTURE_LINES: usize = 200;

/// Checks presence, the length of ARCHITECTURE.md, relative links and cited decisions.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in REQUIRED.iter().filter(|path| !repo.files.contains_key(**path)) {
        found.push(Finding::new("documents", path, 1, "missing".to_owned(), "write it"));
    }
    let lines = repo.text("ARCHITECTURE.md").map_or(0, |text| text.lines().count());
    if lines > ARCHITECTURE_LINES {
        let what = format!("{lines} lines, at most {ARCHITECTURE_LINES}");
        let remedy = "move detail to the module it is about";
        found.push(Finding::new(
            "documents",
            "ARCHITECTURE.md",
            ARCHITECTURE_LINES + 1,
            what,
            remedy,
        ));
    }
    for path in repo.files.keys().filter(|path| path.ends_with(".md")) {
        found.extend(links(repo, path));
    }
    for path in repo.files.keys() {
        found.extend(decisions(repo, path));
    }
    found
}

/// Citations such as "decision" with four digits, of a decision that nobody wrote down.
fn decisions(repo: &Repo, path: &str) -> Vec<Finding> {
    let text = repo.text(path).unwrap_or_default();
    let mut found = Vec::new();
    for (at, word) in text.match_indices("decision ") {
        let rest = text.get(at + word.len()..).unwrap_or_default();
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let page = format!("docs/decisions/{number}-");
        if number.len() != 4 || repo.files.keys().any(|other| other.starts_with(&page)) {
            continue;
        }
        let what = format!("decision {number} is not in docs/decisions");
        let remedy = "write it down, or cite the right one";
        found.push(Finding::new("documents", path, line_at(text, at), what, remedy));
    }
    found
}

fn links(repo: &Repo, path: &str) -> Vec<Finding> {
    let text = repo.text(path).unwrap_or_default();
    let mut found = Vec::new();
    for (at, opening) in text.match_indices("](") {
        let rest = text.get(at + opening.len()..).unwrap_or_default();
        let target = rest.split([')', '#', ' ', '\n']).next().unwrap_or_default();
        if target.is_empty() || target.contains(':') || leads_somewhere(repo, path, target) {
            continue;
        }
        let what = format!("`{target}` leads nowhere");
        let remedy = "mend the link or write what it promises";
        found.push(Finding::new("documents", path, line_at(text, at), what, remedy));
    }
    found
}

fn leads_somewhere(repo: &Repo, from: &str, target: &str) -> bool {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    let full = parts.join("/");
    let folder = format!("{full}/");
    full.is_empty()
        || repo.files.contains_key(&full)
        || repo.files.keys().any(|path| path.starts_with(&folder))
}
