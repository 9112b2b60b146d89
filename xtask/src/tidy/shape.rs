//! Sizes, names that mean nothing, and tests that wait or are switched off.

use super::source::lines_with;
use super::{Finding, Repo, Source};

/// A file that fits on ten screens can be read in one go.
const FILE_LINES: usize = 500;
/// Two files side by side on a laptop.
const COLUMNS: usize = 100;

/// File names that say nothing about what is inside, so everything ends up in them.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "misc", "prelude"];

/// Checks every Rust file, and the scripts beside the tests.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut found: Vec<Finding> = repo.sources.iter().flat_map(rust).collect();
    for path in repo.files.keys().filter(|path| path.starts_with("tests/")) {
        let waits = match path.rsplit('.').next() {
            Some("py" | "mjs" | "js" | "ts") => "sleep(",
            Some("sh") => "sleep ",
            _ => continue,
        };
        let lines = lines_with(repo.text(path).unwrap_or_default(), waits);
        found.extend(lines.into_iter().map(|line| sleeping(path, line)));
    }
    found
}

fn rust(source: &Source) -> Vec<Finding> {
    let path = source.path.as_str();
    let mut found = Vec::new();
    if source.production_lines > FILE_LINES {
        let lines = source.production_lines;
        found.push(Finding {
            weight: lines,
            ..Finding::new(
                "file-length",
                path,
                FILE_LINES + 1,
                format!("{lines} lines outside tests, at most {FILE_LINES}"),
                "split it by what its parts promise",
            )
        });
    }
    for (number, line) in source.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS && !line.contains("://") {
            let what = format!("{columns} columns, at most {COLUMNS}");
            found.push(Finding::new("line-length", path, number + 1, what, "break the line"));
        }
    }
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    let name = if stem == "mod" { folder } else { stem };
    if EMPTY_NAMES.contains(&name) && !source.is_test() {
        let what = format!("`{name}` does not say what is inside");
        found.push(Finding::new("empty-name", path, 1, what, "name it after what it promises"));
    }
    for line in lines_with(&source.code, concat!("#[", "ignore")) {
        let what = "a test is switched off".to_owned();
        found.push(Finding::new("ignored-test", path, line, what, "mend it or remove it"));
    }
    found.extend(test_lines_with(source, "sleep(").map(|line| sleeping(path, line)));
    found
}

/// Lines of test code on which `word` stands.
fn test_lines_with<'a>(source: &'a Source, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let production = lines_with(&source.production, word);
    let all = lines_with(&source.code, word);
    all.into_iter().filter(move |line| !production.contains(line))
}

fn sleeping(path: &str, line: usize) -> Finding {
    let what = "a test waits for time".to_owned();
    Finding::new("sleep", path, line, what, "wait for the event itself, with a limit")
}
