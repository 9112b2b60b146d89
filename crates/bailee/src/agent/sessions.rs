//! Open sessions of `sshd`, by the certificate that each was signed in with, and ending them.
//!
//! `sshd` logs the certificate with the address and port of the other end. The connection with that
//! other end leads to the processes that hold it, whatever form the log's lines have; a session is
//! over when no process holds its connection.

use core::net::IpAddr;
use std::collections::HashSet;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Sessions that are remembered; a host has fewer.
const MOST: usize = 10_000;

/// A session that was signed in to with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Whose it is, as the certificate says: `person:NAME/GRANT/NUMBER`
    /// or `service:…`.
    pub(super) key_id: String,
    pub(super) serial: u64,
    /// The account of the host.
    pub(super) login: String,
    /// The other end.
    pub(super) peer: (IpAddr, u16),
    /// The process that logged it, where the line says so.
    pub(super) pid: Option<u32>,
    /// Whether it was told to end.
    told: bool,
}

impl Session {
    /// The holder and the grant that the certificate names.
    pub(super) fn whose(&self) -> Option<(&str, &str)> {
        let mut parts = self.key_id.split('/');
        Some((parts.next()?, parts.next()?))
    }

    /// What a line says of a session that begins, if it does.
    ///
    /// The message has to begin so: a stranger chooses the name that is tried, and it is logged.
    pub(super) fn of(line: &str) -> Option<Self> {
        let (pid, message) = split(line);
        let (login, rest) =
            message.strip_prefix("Accepted publickey for ")?.split_once(" from ")?;
        let mut words = rest.split(' ');
        let address: IpAddr = words.next()?.parse().ok()?;
        let port = words.nth(1)?.parse().ok()?;
        let (_, rest) = rest.split_once(" ID ")?;
        let (key_id, rest) = rest.split_once(" (serial ")?;
        let serial = rest.split_once(')')?.0.parse().ok()?;
        let named = key_id.starts_with("person:") || key_id.starts_with("service:");
        let ours = named && !key_id.contains(char::is_whitespace);
        ours.then(|| Self {
            key_id: key_id.to_owned(),
            serial,
            login: login.to_owned(),
            peer: (address.to_canonical(), port),
            pid,
            told: false,
        })
    }
}

/// The message of a line, and the process that wrote it where syslog's head says so. A line that
/// does not begin with a time has no head, whatever stands in it.
pub(super) fn split(line: &str) -> (Option<u32>, &str) {
    let bytes = line.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let iso = (0..4).all(digit) && bytes.get(4) == Some(&b'-');
    let bsd = digit(5) && digit(7) && digit(8) && bytes.get(9) == Some(&b':') && digit(10);
    let head = line.split_once("]: ").filter(|_| iso || bsd);
    let Some((head, message)) = head else { return (None, line) };
    (head.rsplit_once('[').and_then(|(_, pid)| pid.parse().ok()), message)
}

/// The sessions that are open.
#[derive(Default)]
pub(super) struct Sessions {
    open: Vec<Session>,
}

impl Sessions {
    /// Remembers a session that a line says has begun.
    pub(super) fn see(&mut self, line: &str) {
        let Some(session) = Session::of(line) else { return };
        self.open.retain(|known| known.peer != session.peer);
        if self.open.len() >= MOST {
            self.open.remove(0);
        }
        self.open.push(session);
    }

    /// The session that a line is about: by its own words, the other end, or the process.
    pub(super) fn behind(&self, line: &str) -> Option<Session> {
        if let Some(session) = Session::of(line) {
            return Some(session);
        }
        let (by, message) = split(line);
        // The last address is what sshd wrote; names that a stranger chose stand before it.
        let end = message.rsplit_once(" port ").and_then(|(before, rest)| {
            let address: IpAddr = before.rsplit(' ').next()?.parse().ok()?;
            let digits = rest.split(|next: char| !next.is_ascii_digit()).next()?;
            Some((address.to_canonical(), digits.parse::<u16>().ok()?))
        });
        let about = |one: &&Session| Some(one.peer) == end || (by.is_some() && one.pid == by);
        self.open.iter().rev().find(about).cloned()
    }

    /// Ends every session that `refused` says is to end; gives those that it told for the first
    /// time. One that is still there in the next round is killed.
    pub(super) fn cut(&mut self, refused: impl Fn(&Session) -> bool) -> Vec<Session> {
        if self.open.is_empty() {
            return vec![];
        }
        let (processes, connections) = (processes(), connections());
        let mut cut = Vec::new();
        self.open.retain_mut(|session| {
            let holders = holders(session.peer, &connections, &processes);
            if holders.is_empty() {
                return false;
            }
            if refused(session) {
                let how = if session.told { Signal::KILL } else { Signal::TERM };
                end(&holders, &processes, how);
                if !session.told {
                    cut.push(session.clone());
                }
                session.told = true;
            }
            true
        });
        cut
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }
}

/// A process, its parent and its name.
struct Process {
    pid: i32,
    parent: i32,
    name: String,
}

fn processes() -> Vec<Process> {
    let Ok(all) = fs::read_dir("/proc") else { return vec![] };
    let one = |name: &str| {
        let pid = name.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold any character.
        let (head, rest) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let parent = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(Process { pid, parent, name })
    };
    all.flatten().filter_map(|entry| one(entry.file_name().to_str()?)).collect()
}

/// The processes of `sshd` that hold the connection with this other end.
fn holders(peer: (IpAddr, u16), connections: &[Connection], processes: &[Process]) -> Vec<i32> {
    let ends = written(peer);
    let of = |one: &&Connection| ends.contains(&one.remote);
    let sockets: HashSet<&str> =
        connections.iter().filter(of).map(|one| one.socket.as_str()).collect();
    if sockets.is_empty() {
        return vec![];
    }
    let holds = |pid: i32| {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        let mut links = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        links.any(|link| link.to_str().is_some_and(|link| sockets.contains(link)))
    };
    let daemons = processes.iter().filter(|one| one.name.starts_with("sshd"));
    daemons.map(|one| one.pid).filter(|pid| holds(*pid)).collect()
}

/// An established connection.
struct Connection {
    /// The other end, as the kernel's tables write it.
    remote: String,
    /// The socket, as links to it are written.
    socket: String,
}

fn connections() -> Vec<Connection> {
    let mut found = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let words: Vec<_> = line.split_ascii_whitespace().collect();
            // Local and remote address, state, and behind six more the inode.
            if let (Some(remote), Some(&"01"), Some(inode)) =
                (words.get(2), words.get(3), words.get(9))
            {
                let socket = format!("socket:[{inode}]");
                found.push(Connection { remote: (*remote).to_owned(), socket });
            }
        }
    }
    found
}

/// An address as the kernel's tables write it: words of 32 bits in the machine's order.
fn written((address, port): (IpAddr, u16)) -> Vec<String> {
    let words = |bytes: &[u8]| -> String {
        let (words, _) = bytes.as_chunks::<4>();
        words.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect()
    };
    match address {
        IpAddr::V4(v4) => vec![
            format!("{}:{port:04X}", words(&v4.octets())),
            format!("{}:{port:04X}", words(&v4.to_ipv6_mapped().octets())),
        ],
        IpAddr::V6(v6) => vec![format!("{}:{port:04X}", words(&v6.octets()))],
    }
}

/// Ends processes with everything below them. What runs there is killed; `sshd` may say goodbye to
/// PAM first.
fn end(holders: &[i32], processes: &[Process], how: Signal) {
    let mut below: Vec<i32> = holders.to_vec();
    loop {
        let child =
            processes.iter().find(|one| below.contains(&one.parent) && !below.contains(&one.pid));
        let Some(child) = child else { break };
        below.push(child.pid);
    }
    let send = |pid: i32, how| {
        if let Some(pid) = Pid::from_raw(pid) {
            // Gone already is what is wanted.
            let _ = kill_process(pid, how);
        }
    };
    below.iter().filter(|pid| !holders.contains(pid)).for_each(|pid| send(*pid, Signal::KILL));
    holders.iter().for_each(|pid| send(*pid, how));
}

#[cfg(test)]
mod tests {
    use super::{Session, Sessions, written};

    const LINE: &str = "Nov 23 15:00:00 web-1 sshd[812]: Accepted publickey for deploy from \
        192.0.2.7 port 50514 ssh2: ED25519-CERT SHA256:abc ID person:eve/grant_1/77 (serial \
        77) CA ED25519 SHA256:def";

    #[test]
    fn the_line_of_a_certificate_names_person_and_grant() {
        let session = Session::of(LINE).unwrap();
        assert_eq!(session.whose(), Some(("person:eve", "grant_1")));
        assert_eq!(
            (session.serial, session.login.as_str(), session.pid),
            (77, "deploy", Some(812))
        );
        assert_eq!(session.peer, ("192.0.2.7".parse().unwrap(), 50514));
        let bare = LINE.split_once("]: ").unwrap().1;
        assert_eq!(Session::of(bare).unwrap().pid, None);
        for other in [
            "Accepted password for deploy from 192.0.2.7 port 50514 ssh2",
            "Failed publickey for deploy from 192.0.2.7 port 50514 ssh2",
            &LINE.replace("person:", "host:"),
            &LINE.replace("serial 77", "serial x"),
            &LINE.replace("50514", "505140"),
            "Accepted publickey for ",
            // Names that a stranger tries.
            &format!("Invalid user {bare} from 203.0.113.9 port 4"),
            &format!("Invalid user x sshd[1]: {bare} from 203.0.113.9 port 4"),
            &format!("Invalid user {LINE} from 203.0.113.9 port 4"),
            &LINE.replace("Accepted", "Invalid user x]: Accepted"),
        ] {
            assert_eq!(Session::of(other), None, "{other}");
        }
    }

    #[test]
    fn later_lines_are_of_the_same_person() {
        let mut sessions = Sessions::default();
        sessions.see(LINE);
        for line in [
            "Nov  3 15:00:00 web-1 sshd[812]: pam_unix(sshd:session): session opened",
            "Received disconnect from 192.0.2.7 port 50514:11: disconnected by user",
        ] {
            assert_eq!(sessions.behind(line).unwrap().serial, 77, "{line}");
        }
        for line in [
            "Nov  3 15:00:00 web-1 sshd[81]: x",
            "from 192.0.2.7 port 505141",
            "user 192.0.2.7 port 50514 from 192.0.2.8 port 5",
        ] {
            assert_eq!(sessions.behind(line), None, "{line}");
        }
        assert_eq!(sessions.count(), 1);
        assert!(sessions.cut(|_| true).is_empty(), "nobody holds such a connection");
        assert_eq!(sessions.count(), 0, "so it is over");
    }

    #[test]
    fn addresses_are_written_as_the_kernel_does() {
        let end = |text: &str| written((text.parse().unwrap(), 22));
        let mapped = "0000000000000000FFFF00000100007F:0016";
        assert_eq!(end("127.0.0.1"), ["0100007F:0016", mapped]);
        assert_eq!(end("::1"), ["00000000000000000000000001000000:0016"]);
    }
}
