//! Running other programs, and where things lie in the workspace.
//!
//! Promises: no child waits for input; a child that fails becomes a [`Failure`] naming the command.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a command of xtask ended without success.
#[derive(Debug)]
pub enum Failure {
    /// The command line was not understood; exit code 2.
    Usage(String),
    /// A step failed; exit code 1.
    Failed(String),
}

/// What every step answers.
pub type Outcome<T = ()> = Result<T, Failure>;

/// A failed step with this message.
pub fn failed<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Failure::Failed(message.into()))
}

/// Refuses arguments to a command that takes none.
pub fn no_arguments(command: &str, rest: &[String]) -> Outcome {
    match rest.first() {
        None => Ok(()),
        Some(extra) => Err(Failure::Usage(format!("`{command}` does not know `{extra}`"))),
    }
}

/// The folders that steps work in; all absolute.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The root of the repository.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
}

impl Workspace {
    /// Finds the repository from what cargo tells a program it runs, else the current folder.
    pub fn find() -> Outcome<Self> {
        let member = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let here = std::env::current_dir()
            .map_err(|error| Failure::Failed(format!("cannot read the current folder: {error}")))?;
        let root = member.and_then(|path| path.parent().map(Path::to_path_buf)).unwrap_or(here);
        if !root.join("xtask/Cargo.toml").is_file() {
            return failed(format!(
                "`{}` is not the repository; run this inside it",
                root.display()
            ));
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Where programs and packages that only tests need are installed.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The folder of shared test data beside the repository, where there is one.
    pub fn shared(&self) -> Option<PathBuf> {
        let folder = self.root.parent()?.join("shared");
        folder.is_dir().then_some(folder)
    }

    /// A program started at the root of the repository.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Cargo, without what the outer `cargo run` put into the environment.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.current_dir(&self.root).stdin(Stdio::null()).args(arguments);
        // Some build scripts watch these; left in, they would rebuild after each change of caller.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }
}

/// The command as a person would type it.
pub fn line_of(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    if let Some(name) = Path::new(&line).file_name() {
        line = name.to_string_lossy().into_owned();
    }
    for argument in command.get_args() {
        let _ = write!(line, " {}", argument.to_string_lossy());
    }
    line
}

/// Runs a command whose output the reader should see.
pub fn run(command: &mut Command) -> Outcome {
    let line = line_of(command);
    let status = command
        .status()
        .map_err(|error| Failure::Failed(format!("cannot start `{line}`: {error}")))?;
    if status.success() { Ok(()) } else { failed(format!("`{line}` failed with {status}")) }
}

/// Runs a command and keeps what it prints; shows all of it only when it fails.
pub fn capture(command: &mut Command) -> Outcome<Vec<u8>> {
    let line = line_of(command);
    let output = command
        .output()
        .map_err(|error| Failure::Failed(format!("cannot start `{line}`: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    failed(format!("`{line}` failed with {}:\n{}", output.status, said.trim_end()))
}

/// Whether a command can be started and succeeds; prints nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a program of this name lies in one of the folders of `PATH`.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
