//! Nothing in the repository names a machine: no folder of somebody's disk, no host of a registry.

use super::source::line_at;
use super::{Finding, Repo};

/// Folders of one machine. Written in parts, so that this file does not find itself.
const FOLDERS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/bash", "_jobs")];

/// Hosts of package registries, and the settings that would name one: where packages come from is
/// the business of whoever builds.
const REGISTRIES: &[&str] = &[
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("registry.npm", "js.org"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("deb.deb", "ian.org"),
    concat!("security.deb", "ian.org"),
    concat!("proxy.gol", "ang.org"),
    concat!("--index", "-url"),
    concat!("--extra-index", "-url"),
    concat!("PIP_INDEX", "_URL"),
    concat!("npm_config", "_registry"),
];

/// Checks every file, binary ones too: a fixture made on a machine may carry its folders.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, bytes) in &repo.files {
        let text = String::from_utf8_lossy(bytes);
        for folder in FOLDERS {
            for (at, _) in text.match_indices(folder) {
                if !starts_a_path(&text, at) {
                    continue;
                }
                let what = format!("`{folder}` is a folder of one machine");
                let remedy = "use a path relative to the repository, or an argument";
                found.push(Finding::new("machine-path", path, line_at(&text, at), what, remedy));
            }
        }
        for host in REGISTRIES {
            for (at, _) in text.match_indices(host) {
                let what = format!("`{host}` names where packages come from");
                let remedy = "name the package only";
                found.push(Finding::new("registry-host", path, line_at(&text, at), what, remedy));
            }
        }
    }
    found
}

/// Whether an absolute path starts here, not the middle of a relative one.
fn starts_a_path(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|head| head.chars().next_back());
    !before.is_some_and(|letter| letter.is_alphanumeric() || "._-/}>)*".contains(letter))
}
