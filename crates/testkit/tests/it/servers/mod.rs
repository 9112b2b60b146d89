//! The servers that other tests rely on do what they say, with `psql` as their client.

use std::process::{Command, Output, Stdio};

mod patroni;
mod postgres;
mod wire;

/// A `psql` that goes there and stops at the first error.
fn psql(url: &str) -> Command {
    let mut psql = Command::new("/usr/bin/psql");
    psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url]).stdin(Stdio::null());
    psql
}

/// Runs these statements there.
fn ask(url: &str, statements: &str) -> Output {
    psql(url).args(["-c", statements]).output().unwrap()
}

/// What they answer, which has to be well.
fn answer(url: &str, statements: &str) -> String {
    let output = ask(url, statements);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Why they are refused.
fn refusal(url: &str, statements: &str) -> String {
    let output = ask(url, statements);
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
