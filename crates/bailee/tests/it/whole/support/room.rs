//! A room of its own in the file system: mounts that nobody else sees, in which the program runs.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{skip, text};

/// A mount namespace that lives until it is dropped.
pub struct Room {
    holder: Child,
    /// Whether it is within a user namespace, as without the rights of an administrator.
    user: bool,
}

impl Room {
    /// Runs a script of mounts, with `$1` as the folder. Nothing, with a word to the reader, where
    /// this machine does not let anybody mount.
    pub fn new(folder: &Path, script: &str) -> Option<Self> {
        let script = format!("set -e; {script}; echo ready; read line");
        let mut why = String::new();
        for user in [false, true] {
            let mut command = Command::new("unshare");
            command.args(if user {
                &["--user", "--map-root-user", "--mount"][..]
            } else {
                &["--mount"]
            });
            command.args(["sh", "-c", &script, "sh", text(folder)]);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut holder = match command.spawn() {
                Ok(holder) => holder,
                Err(error) => {
                    why = error.to_string();
                    continue;
                }
            };
            let mut line = String::new();
            BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
            if line == "ready\n" {
                return Some(Self { holder, user });
            }
            let output = holder.wait_with_output().unwrap();
            why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        }
        skip(&format!("nothing can be mounted on this machine: {why}"));
        None
    }

    /// The same command, inside.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &self.holder.id().to_string(), "--mount"]);
        if self.user {
            inside.args(["--user", "--preserve-credentials"]);
        }
        inside.arg("--").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// A path inside, as it is seen from outside.
    pub fn path(&self, inside: &Path) -> PathBuf {
        let mut path = OsString::from(format!("/proc/{}/root", self.holder.id()));
        path.push(inside);
        PathBuf::from(path)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // It has ended already if something else ended it.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
