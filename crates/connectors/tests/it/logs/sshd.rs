//! A real OpenSSH server, with a real client that fails and one that gets in.

use crate::peer::{dead_port, program};
use connectors::logs::Record;
use connectors::logs::syslog::{Habits, Reader};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that is ended with its test.
struct Sshd(Child);

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn keygen(arguments: &[&str]) {
    let done = Command::new("ssh-keygen").args(["-q", "-N", ""]).args(arguments).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn client(folder: &Path, port: u16, key: &str) {
    let key = folder.join(key).display().to_string();
    let options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-o", options[0], "-o", options[1], "-o", options[2]]);
    command.args(["-o", "IdentitiesOnly=yes", "-i", &key, "-p", &port.to_string()]);
    // Whether it gets in is in the server's log.
    command.args(["root@127.0.0.1", "true"]).output().unwrap();
}

/// A message as it would come by syslog.
fn read(line: &str) -> Record {
    let line = format!("<38>Nov 23 05:00:00 host sshd[7]: {line}");
    Reader::new(Habits::default()).read(line.as_bytes(), 1_795_410_000_000_000).unwrap().remove(0)
}

#[test]
fn a_real_server_tells_who_failed_and_who_got_in() {
    let Some(sshd) = program("/usr/sbin/sshd", "openssh-server") else { return };
    // sshd gives up its rights in this folder, which only root can make.
    if std::fs::create_dir_all("/run/sshd").is_err() {
        eprintln!("skipped: `/run/sshd` is not there and cannot be made");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let at = |name: &str| folder.join(name).display().to_string();
    for name in ["host", "good", "bad", "ca", "signed"] {
        keygen(&["-t", "ed25519", "-f", &at(name)]);
    }
    keygen(&["-s", &at("ca"), "-I", "lea@laptop", "-n", "root", "-z", "7", &at("signed.pub")]);
    std::fs::copy(at("good.pub"), at("keys")).unwrap();
    let port = dead_port();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\n\
         TrustedUserCAKeys {}\nPidFile none\nUsePAM no\nPasswordAuthentication no\n\
         StrictModes no\nPermitRootLogin yes\nLogLevel VERBOSE\n",
        at("host"),
        at("keys"),
        at("ca.pub"),
    );
    std::fs::write(folder.join("config"), config).unwrap();
    let mut command = Command::new(sshd);
    command.args(["-D", "-e", "-f", &at("config")]).stderr(Stdio::piped()).stdin(Stdio::null());
    let mut server = Sshd(command.spawn().unwrap());
    let mut lines = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |word: &str| -> Vec<Record> {
        let mut all = Vec::new();
        for line in lines.by_ref() {
            all.push(read(line.trim_end_matches('\r')));
            if line.contains(word) {
                return all;
            }
        }
        panic!("the server ended before `{word}`: {all:?}");
    };
    until("Server listening");
    client(folder, port, "bad");
    let failed = until("Connection closed by");
    client(folder, port, "good");
    let good = until("Accepted publickey");
    client(folder, port, "signed");
    let signed = until("Accepted publickey");
    let last =
        |all: &[Record], key: &str| all.last().unwrap().text(key).unwrap_or_default().to_owned();
    let refused = failed.iter().find(|one| one.text("event.outcome") == Some("failure")).unwrap();
    assert_eq!(refused.text("source.ip"), Some("127.0.0.1"), "{failed:?}");
    assert_eq!(refused.text("user.name"), Some("root"), "{failed:?}");
    assert_eq!(last(&good, "event.outcome"), "success");
    assert_eq!(last(&good, "user.name"), "root");
    assert!(last(&good, "ssh.key.fingerprint").starts_with("SHA256:"));
    assert_eq!(last(&signed, "ssh.certificate.id"), "lea@laptop");
    assert_eq!(last(&signed, "ssh.certificate.serial"), "7");
}
