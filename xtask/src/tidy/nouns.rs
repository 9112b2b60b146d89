//! The nouns of `domain`: each in the glossary, once, in order, and using only those above it.

use super::source::line_at;
use super::{Finding, Repo, Source};

const LIB: &str = "crates/domain/src/lib.rs";
const GLOSSARY: &str = "docs/glossary.md";
/// The table of this heading gives the order.
const ORDERED: &str = "## Nouns";

/// A module of `domain`, with the line that declares it.
pub struct Noun {
    /// As in `mod accounts;`.
    pub name: String,
    line: usize,
}

/// The modules of `domain` in the order of their declaration.
pub fn declared(repo: &Repo) -> Vec<Noun> {
    let Some(lib) = repo.sources.iter().find(|source| source.path == LIB) else {
        return Vec::new();
    };
    let lines = lib.production.lines().enumerate();
    lines
        .filter_map(|(number, line)| {
            let words = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub "));
            let rest = words.unwrap_or(line).strip_prefix("mod ")?;
            let name = rest.split([';', ' ', '{']).next()?.to_owned();
            Some(Noun { name, line: number + 1 })
        })
        .collect()
}

/// Checks glossary and order.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let nouns = declared(repo);
    let entries = repo.text(GLOSSARY).map(entries).unwrap_or_default();
    let mut found = repeated(&entries);
    found.extend(listed(&nouns, &entries));
    for source in &repo.sources {
        found.extend(uses_below(&nouns, source));
    }
    found
}

/// A row of the glossary.
struct Entry {
    name: String,
    line: usize,
    ordered: bool,
}

/// The first cell of every row of every table.
fn entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut ordered = false;
    let mut in_body = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            ordered = line.trim_end() == ORDERED;
        }
        let Some(cells) = line.strip_prefix('|') else {
            in_body = false;
            continue;
        };
        let cell = cells.split('|').next().unwrap_or_default().trim().trim_matches('`');
        if cell.trim_matches(['-', ':']).is_empty() {
            in_body = true;
        } else if in_body {
            entries.push(Entry { name: cell.to_owned(), line: number + 1, ordered });
        }
    }
    entries
}

fn repeated(entries: &[Entry]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if entries.iter().take(at).any(|earlier| earlier.name == entry.name) {
            let what = format!("`{}` stands twice in the glossary", entry.name);
            found.push(Finding::new("glossary", GLOSSARY, entry.line, what, "keep one row"));
        }
    }
    found
}

fn listed(nouns: &[Noun], entries: &[Entry]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut last = 0;
    for noun in nouns {
        let Some(at) = entries.iter().position(|entry| entry.name == noun.name) else {
            let what = format!("module `{}` is not in the glossary", noun.name);
            let remedy = "add a row to docs/glossary.md, or use the word that is there";
            found.push(Finding::new("glossary", LIB, noun.line, what, remedy));
            continue;
        };
        if !entries.get(at).is_some_and(|entry| entry.ordered) {
            continue;
        }
        if at < last {
            let what = format!("module `{}` is declared out of order", noun.name);
            let remedy = "declare nouns in the order of docs/glossary.md";
            found.push(Finding::new("noun-order", LIB, noun.line, what, remedy));
        }
        last = last.max(at);
    }
    found
}

/// Uses, in one file of a noun, of nouns declared below it.
fn uses_below(nouns: &[Noun], source: &Source) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix("crates/domain/src/") else { return Vec::new() };
    let own = inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs");
    let Some(at) = nouns.iter().position(|noun| noun.name == own) else { return Vec::new() };
    // `super` leads to the root of the crate after as many steps as the module lies deep.
    let steps = inside.trim_end_matches("/mod.rs").split('/').count();
    let to_root = "super::".repeat(steps);
    let mut found = Vec::new();
    for root in ["crate::", to_root.as_str()] {
        for (position, _) in source.production.match_indices(root) {
            let rest = source.production.get(position + root.len()..).unwrap_or_default();
            let names = first_names(rest);
            for below in nouns.iter().skip(at + 1).filter(|noun| names.contains(&noun.name)) {
                let line = line_at(&source.production, position);
                let what = format!("`{own}` uses `{}`, which is declared below it", below.name);
                let remedy = "turn the dependency round, or pass the fact in as an argument";
                found.push(Finding::new("noun-order", &source.path, line, what, remedy));
            }
        }
    }
    found
}

/// The names that directly follow a path: one, or those of a group `{a, b::{c, d}}`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim()
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut part = String::new();
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&std::mem::take(&mut part))),
            _ if depth == 0 => part.push(letter),
            _ => {}
        }
    }
    names.push(name(&part));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_names_of_paths_and_groups() {
        assert_eq!(first_names("grants::Grant;"), ["grants"]);
        assert_eq!(
            first_names("{accounts::{Account, Plan}, data, people as p};"),
            ["accounts", "data", "people"]
        );
    }
}
