//! A folder for servers, and the process that clears up behind them.
//!
//! Promises: when this is dropped, and when the process that has it ends in whatever way, every
//! process that works in the folder is killed, what is mounted there is unmounted, and the folder
//! is removed. A server's children are found by where they work: PostgreSQL gives each a session
//! and a process group of its own, and a signal to the parent's death would not reach them.

use super::{is_root, skipped, succeed, until};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Reads until whoever holds the other end is gone. It has a process group of its own, so that what
/// ends a test's group does not end it.
const WARDEN: &str = r#"
trap '' HUP INT TERM
read -r _
working() {
    find /proc -mindepth 2 -maxdepth 2 -name cwd \
        \( -lname "$1" -o -lname "$1/*" -o -lname "$1 *" \) -printf '%h\n' 2>/dev/null
}
while found=$(working "$1"); [ -n "$found" ]; do
    for process in $found; do kill -9 "${process#/proc/}" 2>/dev/null; done
done
for mount in "$1"/disk*; do umount -q -l "$mount" 2>/dev/null; done
rm -rf -- "$1"
"#;

/// A folder whose processes end with it.
pub(super) struct Folder {
    path: PathBuf,
    warden: Child,
}

impl Folder {
    /// An empty one, which everybody may enter.
    pub(super) fn new() -> Self {
        let made = tempfile::Builder::new().prefix("bailee-").tempdir().unwrap();
        // The kernel tells where a process works without the links on the way there.
        let path = made.path().canonicalize().unwrap();
        let mut warden = Command::new("sh");
        warden.args(["-c", WARDEN, "warden"]).arg(&path).current_dir("/").process_group(0);
        warden.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let warden = warden.spawn().unwrap();
        let _kept = made.keep();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Self { path, warden }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder inside, which only the servers' user may enter.
    pub(super) fn inside(&self, name: &str) -> PathBuf {
        let inside = self.path.join(name);
        fs::create_dir(&inside).unwrap();
        fs::set_permissions(&inside, Permissions::from_mode(0o700)).unwrap();
        give(&inside);
        inside
    }

    /// A folder inside on a file system of its own, of so many MiB; `None`, which is said, if
    /// this user may not mount.
    pub(super) fn disk(&self, mib: u32) -> Option<PathBuf> {
        let disk = self.path.join("disk");
        fs::create_dir(&disk).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0700"), "bailee"]).arg(&disk);
        let output = mount.output().unwrap();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            let why = why.lines().next().unwrap_or_default();
            skipped(&format!("a small disk has to be mounted by root: {why}"));
            return None;
        }
        give(&disk);
        Some(disk)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.warden.stdin.take());
        drop(self.warden.wait());
    }
}

/// Hands a file or folder to the user that servers run as.
pub(super) fn give(path: &Path) {
    if is_root() {
        let (user, group) = servant();
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// Writes a private file that servers may read.
pub(super) fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    give(path);
}

/// Who `postgres` is, as a number.
fn servant() -> (u32, u32) {
    let entry = succeed(Command::new("getent").args(["passwd", "postgres"]));
    let mut numbers = entry.split(':').skip(2).map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// Kills whatever works in a folder, at once, and waits until nothing does.
pub(super) fn kill_within(folder: &Path) {
    until("what works in a folder is killed", || {
        let found = working(folder);
        for process in &found {
            // It may have ended by itself.
            let _gone = kill_process(*process, Signal::KILL);
        }
        found.is_empty().then_some(())
    });
}

/// Sends a signal to whatever works in a folder.
pub(super) fn signal_within(folder: &Path, signal: Signal) {
    for process in working(folder) {
        let _gone = kill_process(process, signal);
    }
}

fn working(folder: &Path) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let inside = processes.filter(|entry| {
        fs::read_link(entry.path().join("cwd")).is_ok_and(|place| place.starts_with(folder))
    });
    inside.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
}
