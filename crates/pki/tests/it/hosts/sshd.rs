//! Debian's `sshd`, which trusts one authority and reads one revocation list.
//!
//! The only account is that of whoever runs the test. By root it runs in a mount namespace of its
//! own, where the folder that it wants in `/run` exists and root is not locked; by others it needs
//! neither.

use super::{Log, free_port, is_root, program, replace};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const SSHD: &str = "/usr/sbin/sshd";

/// What precedes `sshd` by root; `$0` is the folder.
const PREPARE: &str = "mount -t tmpfs none /run && mkdir -m 755 /run/sshd && \
    (umask 077; sed 's/^root:!*/root:*/' /etc/shadow > \"$0/shadow\") && \
    mount --bind \"$0/shadow\" /etc/shadow && exec \"$@\"";

/// An `sshd` of its own, on loopback; it ends with this.
pub struct Sshd {
    child: Child,
    log: Log,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub port: u16,
    /// The account that can be signed in to.
    pub user: String,
}

/// Who signs in with what.
pub struct Login<'a> {
    /// The file with the private key.
    pub key: &'a Path,
    /// The line of the certificate.
    pub certificate: &'a str,
    /// More arguments of `ssh`, before the host.
    pub options: &'a [&'a str],
}

impl Sshd {
    /// One that trusts the authority of this line for these principals, and revokes nothing. It
    /// takes no list until [`Sshd::revoke`] is called, and nobody before.
    pub fn start(authority: &str, principals: &[&str]) -> Option<Self> {
        program(SSHD, "openssh-server")?;
        program("/usr/bin/ssh", "openssh-client")?;
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        keygen(&at.join("host"), &["-t", "ed25519"]);
        let port = free_port(0);
        let host = fs::read_to_string(at.join("host.pub")).unwrap();
        fs::write(at.join("known"), format!("[127.0.0.1]:{port} {host}")).unwrap();
        fs::write(at.join("ca.pub"), format!("{authority}\n")).unwrap();
        fs::write(at.join("principals"), principals.join("\n") + "\n").unwrap();
        let shown = at.display();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {shown}/host\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nAuthorizedKeysFile none\nPermitUserRC no\n\
             TrustedUserCAKeys {shown}/ca.pub\nAuthorizedPrincipalsFile {shown}/principals\n\
             RevokedKeys {shown}/krl\nLogLevel VERBOSE\nSetEnv HOME={shown}\n"
        );
        fs::write(at.join("config"), config).unwrap();
        let mut command = if is_root() {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private", "sh", "-c", PREPARE]);
            command.arg(at).arg(SSHD);
            command
        } else {
            Command::new(SSHD)
        };
        let child = command.args(["-D", "-e", "-f"]).arg(at.join("config"));
        let mut child = child.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::copied(child.stderr.take().unwrap(), &at.join("log"));
        log.wait(0, "Server listening");
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        Some(Self { child, log, folder, port, user })
    }

    /// The file that it reads revocations from, at each sign-in.
    pub fn list(&self) -> PathBuf {
        self.folder.path().join("krl")
    }

    /// The file that it logs to.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The options of `ssh` that know this host and no other.
    pub fn known(&self) -> [String; 2] {
        let known = self.folder.path().join("known");
        let known = format!("UserKnownHostsFile={}", known.display());
        ["StrictHostKeyChecking=yes".to_owned(), known]
    }

    /// Puts a revocation list in place.
    pub fn revoke(&self, list: &[u8]) {
        replace(&self.list(), list);
    }

    /// An `ssh` that signs in and runs a command.
    pub fn command(&self, login: &Login<'_>, command: &str) -> Command {
        let at = self.folder.path();
        let certificate = login.key.with_extension("cert");
        fs::write(&certificate, format!("{}\n", login.certificate)).unwrap();
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
        ssh.args(["-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=yes"]);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", at.join("known").display()));
        ssh.arg("-o").arg(format!("CertificateFile={}", certificate.display()));
        ssh.arg("-i").arg(login.key).args(["-p", &self.port.to_string()]);
        ssh.args(login.options).arg(format!("{}@127.0.0.1", self.user)).arg(command);
        ssh
    }

    /// What the command says, when the host accepts.
    pub fn accepts(&self, login: &Login<'_>, command: &str) -> String {
        let output = self.run(login, command);
        assert!(output.status.success(), "{output:?}\n{:?}", self.log.0.0.lock().unwrap());
        String::from_utf8(output.stdout).unwrap()
    }

    /// That the host refuses, and says why in its log.
    pub fn refuses(&self, login: &Login<'_>, why: &str) {
        let from = self.log.length();
        let output = self.run(login, "true");
        assert_eq!(output.status.code(), Some(255), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("Permission denied (publickey)"), "{said}");
        self.log.wait(from, why);
    }

    /// Waits for words in its log, from the beginning on.
    pub fn says(&self, words: &str) {
        self.log.wait(0, words);
    }

    fn run(&self, login: &Login<'_>, command: &str) -> Output {
        self.command(login, command).stdin(Stdio::null()).output().unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Makes a pair of keys and gives the line of the public one.
pub fn keygen(path: &Path, kind: &[&str]) -> String {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-C", "test"]).args(kind).arg("-f").arg(path);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    fs::read_to_string(path.with_extension("pub")).unwrap()
}
