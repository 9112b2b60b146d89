//! Real hosts to sign in to: OpenSSH's `sshd` and PostgreSQL, each in a folder of its own, on
//! loopback, by root and by others. Tests of other crates include this folder.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

mod postgres;
mod sshd;

pub use postgres::Postgres;
pub use sshd::{Login, Sshd, keygen};

/// How long a host may take to say what it should.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program at this path; `None` is said, and fails where all tests must run.
pub fn program(path: &str, package: &str) -> Option<PathBuf> {
    let found = Path::new(path).is_file().then(|| path.into());
    if found.is_none() {
        skipped(&format!("Debian's `{package}` is not installed: no {path}"));
    }
    found
}

/// Says that a test does not run, and why.
pub fn skipped(why: &str) {
    let all = std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1");
    assert!(!all, "{why}; cargo xtask test installs it");
    eprintln!("skipped: {why}");
    if let Some(path) = std::env::var_os("BAILEE_SKIPS") {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "skipped: {why}").unwrap();
    }
}

/// Whether this is root, whom hosts treat in their own way.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A free port below those that the system gives to whoever asks for any, so that none is taken
/// between looking and listening. Processes begin at different ones.
fn free_port(offset: u16) -> u16 {
    let first = 20_000 + offset + u16::try_from(std::process::id() % 8_000).unwrap();
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..first + 2000).find(free).unwrap()
}

/// Writes a file beside its place and renames it there: readers see the old one or the new one.
pub fn replace(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, path).unwrap();
}

/// What a host says, as it says it.
#[derive(Clone, Default)]
struct Log(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Log {
    fn of(source: impl Read + Send + 'static) -> Self {
        Self::copied(source, Path::new("/dev/null"))
    }

    /// The same, and each line into a file too, before anybody here knows of it.
    fn copied(source: impl Read + Send + 'static, to: &Path) -> Self {
        let log = Self::default();
        let writer = log.clone();
        let mut file = OpenOptions::new().create(true).append(true).open(to).unwrap();
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                writeln!(file, "{line}").unwrap();
                writer.0.0.lock().unwrap().push(line);
                writer.0.1.notify_all();
            }
        });
        log
    }

    /// Waits for a line with these words, from this line on; gives the number of the next one.
    fn wait(&self, from: usize, words: &str) -> usize {
        let lines = self.0.0.lock().unwrap();
        let missing =
            |lines: &mut Vec<String>| !lines.iter().skip(from).any(|line| line.contains(words));
        let (lines, late) = self.0.1.wait_timeout_while(lines, PATIENCE, missing).unwrap();
        assert!(!late.timed_out(), "no `{words}` in: {:#?}", &lines[from..]);
        let found = lines.iter().skip(from).position(|line| line.contains(words));
        from + found.unwrap() + 1
    }

    fn length(&self) -> usize {
        self.0.0.lock().unwrap().len()
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}
