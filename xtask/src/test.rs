//! `cargo xtask test`: install, format, tidy, lint, build, test, and say how it went.
//!
//! Promises: once the tools are there, every step runs even when an earlier one failed, as far as
//! it can; the exit code is zero only when all passed; the last line counts tests. Tests read these
//! variables:
//!
//! | variable | meaning |
//! |---|---|
//! | `BAILEE_TOOLS` | folder with `venv` and `node_modules` of the foreign tools |
//! | `BAILEE_BIN` | the `bailee` binary that was built for this run |
//! | `BAILEE_SKIPS` | file to which a test that cannot run here appends one line saying why |
//! | `BAILEE_SHARED` | folder with shared test data, where it exists |
//! | `BAILEE_TEST_ALL` | `1` where the shared data exists: nothing may skip |
//! | `BAILEE_FULL` | `1` for the long runs of `--full` |

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{self, Failure, Outcome, Workspace, failed};
use crate::{generate, prove, tidy, tools};

/// How thorough the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Also the long runs.
    pub full: bool,
}

impl Options {
    /// Reads `--full`.
    pub fn parse(arguments: &[String]) -> Outcome<Self> {
        match arguments {
            [] => Ok(Self { full: false }),
            [flag] if flag == "--full" => Ok(Self { full: true }),
            [other, ..] => Err(Failure::Usage(format!("`test` does not know `{other}`"))),
        }
    }
}

/// Runs every step.
///
/// # Errors
/// Names the steps that failed.
pub fn run(workspace: &Workspace, options: Options) -> Outcome {
    let mut steps = Steps::default();
    let mut counts = Counts::default();
    let skips = workspace.target.join("skips.txt");
    if !steps.run("tools", || tools::install(workspace)) {
        return steps.outcome();
    }
    steps.run("fmt", || shell::run(&mut workspace.cargo(&["fmt", "--all", "--check"])));
    steps.run("tidy", || tidy::run(workspace));
    steps.run("clippy", || {
        let clippy = ["clippy", "--quiet", "--workspace", "--all-targets"];
        shell::run(locked(&mut workspace.cargo(&clippy)).args(["--", "-D", "warnings"]))
    });
    // With all targets, so that the test run below finds everything built, with the same features.
    let built = steps.run("build", || {
        let build = ["build", "--quiet", "--workspace", "--all-targets"];
        shell::run(locked(&mut workspace.cargo(&build)))
    });
    if built {
        steps.run("generated", || openapi(workspace));
        steps.run("proof", || prove::check(workspace));
        steps.run("docs", || {
            let doc = ["test", "--quiet", "--workspace", "--doc"];
            shell::run(locked(&mut workspace.cargo(&doc)))
        });
        steps.run("tests", || {
            fresh(&skips)?;
            let environment = Environment { workspace, options, skips: &skips };
            environment.tests(&mut counts)
        });
    }
    steps.print();
    counts.skipped = skipped(&skips);
    println!("{}", counts.line());
    steps.outcome()
}

/// Each step with its time and what went wrong.
#[derive(Default)]
struct Steps {
    done: Vec<(&'static str, Duration, Option<String>)>,
}

impl Steps {
    fn run(&mut self, name: &'static str, step: impl FnOnce() -> Outcome) -> bool {
        println!("── {name}");
        let started = now();
        let result = step();
        let time = now().duration_since(started);
        let problem = match result {
            Ok(()) => None,
            Err(Failure::Usage(message) | Failure::Failed(message)) => Some(message),
        };
        if let Some(message) = &problem {
            eprintln!("{name}: {message}");
        }
        let passed = problem.is_none();
        self.done.push((name, time, problem));
        passed
    }

    fn print(&self) {
        println!("── summary");
        for (name, time, problem) in &self.done {
            let result = if problem.is_none() { "ok" } else { "FAILED" };
            println!("{name:<10} {:>8}  {result}", seconds(*time));
        }
        let total = self.done.iter().map(|(_, time, _)| *time).sum();
        println!("{:<10} {:>8}", "total", seconds(total));
    }

    fn outcome(&self) -> Outcome {
        let bad: Vec<&str> =
            self.done.iter().filter(|step| step.2.is_some()).map(|step| step.0).collect();
        if bad.is_empty() { Ok(()) } else { failed(format!("failed: {}", bad.join(", "))) }
    }
}

#[expect(clippy::disallowed_methods, reason = "the time of a step is shown to a person, no more")]
fn now() -> Instant {
    Instant::now()
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// In CI a lock file that does not fit the manifests is a mistake, not to be mended in passing.
fn locked(command: &mut Command) -> &mut Command {
    if std::env::var_os("CI").is_some() { command.arg("--locked") } else { command }
}

/// The checked-in API description is the one that the binary prints.
fn openapi(workspace: &Workspace) -> Outcome {
    let Ok(checked_in) = fs::read(workspace.root.join(generate::OPENAPI)) else {
        return Ok(());
    };
    let printed = shell::capture(Command::new(binary(workspace)).arg("openapi"))?;
    if printed == checked_in {
        return Ok(());
    }
    failed(format!("`{}` is out of date; run `cargo xtask gen`", generate::OPENAPI))
}

fn binary(workspace: &Workspace) -> PathBuf {
    workspace.target.join("debug/bailee")
}

/// Tests append to this file, so it starts empty.
fn fresh(skips: &PathBuf) -> Outcome {
    fs::write(skips, "")
        .map_err(|error| Failure::Failed(format!("cannot write `{}`: {error}", skips.display())))
}

/// Prints the reasons of skipped tests and counts them.
fn skipped(skips: &PathBuf) -> usize {
    let text = fs::read_to_string(skips).unwrap_or_default();
    for line in text.lines() {
        println!("{}{line}", if line.starts_with("skipped:") { "" } else { "skipped: " });
    }
    text.lines().count()
}

/// What the tests are run with.
struct Environment<'a> {
    workspace: &'a Workspace,
    options: Options,
    skips: &'a PathBuf,
}

impl Environment<'_> {
    fn tests(&self, counts: &mut Counts) -> Outcome {
        if shell::succeeds(&mut self.workspace.cargo(&["nextest", "--version"])) {
            self.nextest(counts)
        } else {
            self.cargo_test(counts)
        }
    }

    fn nextest(&self, counts: &mut Counts) -> Outcome {
        let profile = if self.options.full { "full" } else { "default" };
        let arguments = ["nextest", "run", "--workspace", "--no-fail-fast", "--profile", profile];
        // nextest keeps its reports below the repository, wherever cargo builds.
        let report = self.workspace.root.join("target/nextest").join(profile).join("junit.xml");
        // The report of an earlier run must not stand in for one that this run did not write.
        let _ = fs::remove_file(&report);
        let mut command = self.workspace.cargo(&arguments);
        let result = shell::run(self.put(locked(&mut command)));
        counts.read_junit(&fs::read_to_string(report).unwrap_or_default());
        result
    }

    fn cargo_test(&self, counts: &mut Counts) -> Outcome {
        println!("cargo-nextest is not installed, so plain `cargo test` runs the tests");
        let arguments = ["test", "--workspace", "--all-targets", "--no-fail-fast"];
        let mut command = self.workspace.cargo(&arguments);
        self.put(locked(&mut command)).stdout(Stdio::piped());
        let line = shell::line_of(&command);
        let broken = |error| Failure::Failed(format!("cannot run `{line}`: {error}"));
        let mut child = command.spawn().map_err(broken)?;
        if let Some(output) = child.stdout.take() {
            for text in BufReader::new(output).lines() {
                let text = text.map_err(broken)?;
                counts.read_libtest(&text);
                println!("{text}");
            }
        }
        let status = child.wait().map_err(broken)?;
        if status.success() { Ok(()) } else { failed(format!("`{line}` failed with {status}")) }
    }

    fn put<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("BAILEE_TOOLS", self.workspace.tools())
            .env("BAILEE_BIN", binary(self.workspace))
            .env("BAILEE_SKIPS", self.skips);
        if let Some(shared) = self.workspace.shared() {
            command.env("BAILEE_SHARED", shared).env("BAILEE_TEST_ALL", "1");
        }
        if self.options.full {
            command.env("BAILEE_FULL", "1");
        }
        command
    }
}

/// How many tests ran, and how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    ran: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    /// Reads the totals at the head of nextest's JUnit report.
    fn read_junit(&mut self, report: &str) {
        let Some((_, rest)) = report.split_once("<testsuites ") else { return };
        let head = rest.split('>').next().unwrap_or_default();
        let number = |name: &str| -> usize {
            let value = head.split_once(&format!(" {name}=\"")).map(|(_, rest)| rest);
            value.and_then(|rest| rest.split('"').next()?.parse().ok()).unwrap_or(0)
        };
        self.ran += number("tests");
        self.failed += number("failures") + number("errors");
    }

    /// Reads one line of the output of Rust's own test harness.
    fn read_libtest(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once("test result: ") else { return };
        let number = |word: &str| -> usize {
            let before = rest.split_once(word).map(|(before, _)| before.trim_end());
            before.and_then(|text| text.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
        };
        self.ran += number(" passed") + number(" failed");
        self.failed += number(" failed");
    }

    /// A test that skips returns as if it had passed; here it is counted as what it is.
    fn line(&self) -> String {
        let passed = self.ran.saturating_sub(self.failed + self.skipped);
        format!("tests: {passed} passed, {} failed, {} skipped", self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_a_junit_report() {
        let report = r#"<testsuites name="nextest-run" tests="12" failures="2" errors="1" uuid="0">
            <testsuite name="a" tests="3" disabled="0" errors="0" failures="2">"#;
        let mut counts = Counts::default();
        counts.read_junit(report);
        counts.skipped = 4;
        assert_eq!(counts.line(), "tests: 5 passed, 3 failed, 4 skipped");
    }

    #[test]
    fn counts_from_the_harness() {
        let mut counts = Counts::default();
        counts.read_libtest("running 3 tests");
        counts.read_libtest("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured");
        counts.read_libtest("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured");
        assert_eq!(counts, Counts { ran: 6, failed: 2, skipped: 0 });
    }

    #[test]
    fn no_report_is_no_test() {
        let mut counts = Counts::default();
        counts.read_junit("");
        assert_eq!(counts.line(), "tests: 0 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn a_failed_step_fails_the_run_and_the_next_one_still_runs() {
        let mut steps = Steps::default();
        assert!(!steps.run("one", || failed("no")));
        assert!(steps.run("two", || Ok(())));
        assert!(matches!(steps.outcome(), Err(Failure::Failed(text)) if text == "failed: one"));
    }
}
