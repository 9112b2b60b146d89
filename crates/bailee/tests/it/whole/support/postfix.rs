//! Debian's postfix in a folder of its own, on loopback: a real relay that keeps letters and sends
//! back what it cannot deliver. Tests of the program include this file, and tests inside it too.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// The mailboxes of `one.example`.
pub const MAILBOXES: [&str; 3] = ["rita", "ada", "wim"];

/// What postfix runs, and as what.
const MASTER: &str = "pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
lmtp unix - - n - - lmtp
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// A postfix of its own, on loopback; it ends with this.
pub struct Postfix {
    child: Child,
    config: PathBuf,
    pub port: u16,
    scratch: tempfile::TempDir,
}

fn skipped(why: &str) {
    let all = std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1");
    assert!(!all, "{why}; cargo xtask test installs it");
    let why = format!("skipped: {why}");
    eprintln!("{why}");
    if let Some(file) = std::env::var_os("BAILEE_SKIPS") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{why}").unwrap();
    }
}

impl Postfix {
    /// One that keeps letters to [`MAILBOXES`] of `one.example`, knows nobody else there, and hands
    /// what comes back for `example.com` to this port.
    pub fn start(lmtp: u16) -> Option<Self> {
        let root = fs::metadata("/proc/self").unwrap().uid() == 0;
        if !root || !Path::new("/usr/lib/postfix/sbin/master").exists() {
            skipped("Debian's postfix is not installed, or this is not root");
            return None;
        }
        let scratch = tempfile::tempdir().unwrap();
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).unwrap();
        let [config, queue, data, mail] = ["etc", "queue", "data", "mail"].map(|name| {
            let folder = scratch.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        });
        let owned = Command::new("chown").arg("postfix").arg(&data).arg(&mail).status().unwrap();
        assert!(owned.success());
        // Below the ports that the system gives to whoever asks for any.
        let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
        let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = (first..first + 2000).find(free).unwrap();
        let uid = fs::metadata(&mail).unwrap().uid();
        let boxes = MAILBOXES.map(|name| format!("{{ {name}@one.example = {name}/ }}")).join(", ");
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\n\
             daemon_directory = /usr/lib/postfix/sbin\ncommand_directory = /usr/sbin\n\
             mail_owner = postfix\nsetgid_group = postdrop\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
             myhostname = mx.one.example\nmydestination =\nlocal_recipient_maps =\n\
             alias_maps =\nalias_database =\nrelay_domains = example.com\nrecipient_delimiter = +\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\nmaximal_idle = 5s\n\
             transport_maps = inline:{{ {{ example.com = lmtp:inet:127.0.0.1:{lmtp} }} }}\n\
             virtual_mailbox_domains = one.example\nvirtual_mailbox_base = {}\n\
             virtual_mailbox_maps = inline:{{ {boxes} }}\nvirtual_uid_maps = static:{uid}\n\
             virtual_gid_maps = static:{uid}\nvirtual_minimum_uid = 1\n\
             smtpd_reject_unlisted_recipient = no\n\
             maillog_file = {}/log\nmaillog_file_prefixes = {}\n",
            queue.display(),
            data.display(),
            mail.display(),
            scratch.path().display(),
            scratch.path().display(),
        );
        fs::write(config.join("main.cf"), main).unwrap();
        let smtpd = format!("127.0.0.1:{port} inet n - n - - smtpd\n{MASTER}");
        fs::write(config.join("master.cf"), smtpd).unwrap();
        let child = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(&config)
            .arg("start-fg")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { child, config, port, scratch })
    }

    /// Waits until it greets.
    pub fn ready(&self) {
        loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                let mut line = String::new();
                if BufReader::new(stream).read_line(&mut line).unwrap_or(0) > 0 {
                    return;
                }
            }
            thread::yield_now();
        }
    }

    /// The letters that it put into a mailbox of `one.example`, oldest first.
    pub fn letters(&self, mailbox: &str) -> Vec<String> {
        let Ok(files) = fs::read_dir(self.scratch.path().join(format!("mail/{mailbox}/new")))
        else {
            return vec![];
        };
        let mut paths: Vec<_> = files.map(|one| one.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let stop = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(&self.config)
            .arg("stop")
            .stderr(Stdio::null())
            .status();
        if !stop.is_ok_and(|stop| stop.success()) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}
