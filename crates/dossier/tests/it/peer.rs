//! Other people's programs, and what is said where one is missing.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Python of the tools folder, with a package from PyPI.
pub fn python(package: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tools = std::env::var_os("BAILEE_TOOLS");
    let tools = tools.map_or_else(|| root.join("target/tools"), PathBuf::from);
    let python = tools.join("venv/bin/python");
    let imports = Command::new(&python).args(["-c", &format!("import {package}")]).output();
    let there = imports.is_ok_and(|out| out.status.success()).then_some(python);
    there_or(there, &format!("the tools folder has no Python with `{package}`"))
}

/// A program of Debian.
pub fn program(name: &'static str) -> Option<&'static str> {
    let there = Command::new(name).arg("-v").output().is_ok().then_some(name);
    there_or(there, &format!("there is no `{name}`"))
}

/// What a program answers to this input.
#[track_caller]
pub fn through(command: &mut Command, input: &[u8]) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || to.write_all(&input));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(out.status.success(), "{command:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// What is missing is said, or fails where all tests must run.
fn there_or<T>(found: Option<T>, missing: &str) -> Option<T> {
    if found.is_none() {
        let all = std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1");
        assert!(!all, "{missing}; cargo xtask test installs it");
        eprintln!("skipped: {missing}");
        if let Some(path) = std::env::var_os("BAILEE_SKIPS") {
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            writeln!(file, "skipped: {missing}").unwrap();
        }
    }
    found
}
