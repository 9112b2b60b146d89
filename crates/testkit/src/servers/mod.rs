//! Real servers that tests keep a store in: PostgreSQL by itself, three of them under Patroni, and
//! a wire to one of them that can be stalled, cut, or made to lose an answer.
//!
//! Promises: each has a folder of its own and listens on loopback alone; it runs as root, who hands
//! it to `postgres`, and as anybody else; whatever becomes of the process that started it, its
//! processes, its folder and what was mounted there go with it.
//! Deliberately absent: PostgreSQL of another place. A test never writes to a server that it did
//! not start.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a server that cannot be started or asked is a failed test"
)]

mod certificates;
mod folder;
mod log;
pub mod patroni;
pub mod postgres;
pub mod wire;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to do what it was asked for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where Debian keeps the programs of PostgreSQL 15.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// Says that a test does not run, and why; fails where all tests have to.
///
/// # Panics
/// Where `BAILEE_TEST_ALL` is `1`.
pub fn skipped(why: &str) {
    let all = std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1");
    assert!(!all, "{why}; cargo xtask test installs it");
    eprintln!("skipped: {why}");
    if let Some(path) = std::env::var_os("BAILEE_SKIPS") {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "skipped: {why}").unwrap();
    }
}

/// That a program is there; `None` is said.
fn program(path: &str, package: &str) -> Option<()> {
    let found = Path::new(path).is_file().then_some(());
    if found.is_none() {
        skipped(&format!("Debian's `{package}` is not installed: no {path}"));
    }
    found
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A command that does not run as root: PostgreSQL refuses to.
fn unprivileged(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--", program]);
    // Clients look there for certificates, and may not look into root's.
    command.env("HOME", "/nonexistent");
    command
}

/// A free port below those that the system gives to whoever asks for any, and below those that
/// other tests take. Processes begin at different ones, and no port is given twice.
fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() * 32;
    loop {
        let at = first.wrapping_add(GIVEN.fetch_add(1, Ordering::SeqCst)) % 9_000;
        let port = 11_000 + u16::try_from(at).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Asks until there is an answer.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "a limit on the patience with another process")]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "between two questions to one that tells nobody; its answer decides, not the time"
)]
fn pause() {
    thread::sleep(Duration::from_millis(20));
}

/// Runs a command that has to succeed; what it printed.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
