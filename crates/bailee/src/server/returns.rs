//! What comes back about letters: taken by LMTP from a mail server of this machine, or read from a
//! Maildir; recorded, and only then said to be kept.
//!
//! Promises: only an address that we gave to a letter is taken, which its token shows; others are
//! refused before their message, and counted. A message that could not be recorded is not said to
//! be kept, so the mail server hands it over again; the same one again changes nothing.
//!
//! Does not: send, store messages, or believe what a message says about another letter than the one
//! whose return path it came to.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use connectors::mail::lmtp::{self, Taken};
use connectors::mail::report::{self, Report};
use domain::incidents::notices::{Came, Fate, NoteReturn, addressee};
use kernel::authority::Caller;
use kernel::{Asked, Error, Kernel, Kind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, oneshot};

use super::config::Mail;
use crate::exit::Failure;

/// Sessions at once.
const SESSIONS: usize = 16;
/// How often the Maildir is looked through, and how many of its files at once.
const EVERY: Duration = Duration::from_secs(10);
const FILES: usize = 200;
/// As whom wrong addresses are counted.
const SOURCE: &str = "returns";

/// What takes what comes back.
pub struct Returns {
    kernel: Kernel,
    /// The address before and after the token.
    address: (String, String),
    door: Option<Door>,
    maildir: Option<PathBuf>,
}

enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Returns {
    /// As configured; nothing, if nothing is. Needs a runtime.
    ///
    /// # Errors
    /// When the address or the folder cannot be used.
    pub fn of(config: Option<&Mail>, kernel: &Kernel) -> Result<Option<Self>, Failure> {
        let Some(mail) = config else { return Ok(None) };
        let address = mail.returns.as_deref().and_then(|address| address.split_once('@'));
        let Some((local, domain)) = address else { return Ok(None) };
        let door = mail.bounces.as_deref().map(Door::open).transpose()?;
        let maildir = mail.bounces_maildir.clone();
        if let Some(folder) = maildir.as_deref().filter(|folder| !folder.join("new").is_dir()) {
            let shown = folder.display();
            return Err(Failure::usage(format!("`{shown}` is no Maildir: it has no folder `new`")));
        }
        let address = (format!("{local}+"), format!("@{domain}"));
        Ok(Some(Self { kernel: kernel.clone(), address, door, maildir }))
    }

    /// The port it listens on, if it does on one.
    pub fn port(&self) -> Option<u16> {
        match &self.door {
            Some(Door::Tcp(listener)) => listener.local_addr().ok().map(|address| address.port()),
            _ => None,
        }
    }

    /// Takes what comes, until it is dropped.
    pub async fn run(mut self) {
        let door = self.door.take();
        let this = Arc::new(self);
        let (by_mail, by_folder) = (Arc::clone(&this), this);
        tokio::join!(by_mail.listen(door), by_folder.look());
    }

    async fn listen(self: Arc<Self>, door: Option<Door>) {
        let Some(door) = door else { return };
        let places = Arc::new(Semaphore::new(SESSIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = match &door {
                Door::Tcp(listener) => {
                    listener.accept().await.map(|(stream, _)| Either::Tcp(stream))
                }
                Door::Unix(listener) => {
                    listener.accept().await.map(|(stream, _)| Either::Unix(stream))
                }
            };
            let this = Arc::clone(&self);
            match accepted {
                Ok(stream) => drop(tokio::spawn(async move {
                    match stream {
                        Either::Tcp(stream) => this.serve(stream).await,
                        Either::Unix(stream) => this.serve(stream).await,
                    }
                    drop(place);
                })),
                Err(error) => {
                    tracing::warn!(%error, "a mail server could not be answered");
                    breathe().await;
                }
            }
        }
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let knows = |address: &str| self.token(address).is_some();
        let keep = |address: String, message: Vec<u8>| async move {
            match self.token(&address) {
                Some(token) => self.keep(&token, &message).await,
                None => Taken::Refused,
            }
        };
        lmtp::serve(stream, knows, keep).await;
    }

    /// The token of an address of ours; what is none is counted.
    fn token(&self, address: &str) -> Option<String> {
        let address = address.to_ascii_lowercase();
        let (before, after) = &self.address;
        let token = address
            .strip_prefix(&before.to_ascii_lowercase())
            .and_then(|rest| rest.strip_suffix(&after.to_ascii_lowercase()));
        let ours = token.filter(|token| matches!(addressee(&self.kernel, token), Ok(Some(_))));
        if ours.is_none() {
            self.kernel.count_stranger(SOURCE);
        }
        ours.map(str::to_owned)
    }

    /// Records a message that came to a return path.
    async fn keep(&self, token: &str, message: &[u8]) -> Taken {
        let noted = NoteReturn::new(&self.kernel, token, came(report::read(message), message));
        let answer = match noted {
            Ok(operation) => self.submit(operation).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(_) => Taken::Kept,
            Err(error) if error.kind() == Kind::NotFound => Taken::Refused,
            Err(error) => {
                tracing::warn!(?error, "what came back about a letter could not be recorded");
                Taken::Later
            }
        }
    }

    async fn submit(&self, operation: NoteReturn) -> kernel::Result<bool> {
        let asked = Asked {
            caller: Caller::bearer(),
            request: "returns".to_owned(),
            purpose: None,
            behalf: None,
            idempotency: None,
            source: None,
        };
        let (sender, receiver) = oneshot::channel();
        self.kernel.submit(asked, operation, move |answer| drop(sender.send(answer)));
        let answer = receiver.await.map_err(|_| Error::unavailable("the server is stopping"))?;
        Ok(answer?.output)
    }

    async fn look(self: Arc<Self>) {
        let Some(folder) = &self.maildir else { return };
        let mut pace = tokio::time::interval(EVERY);
        loop {
            pace.tick().await;
            if let Err(error) = self.read(folder).await {
                tracing::warn!(%error, "the Maildir of what comes back cannot be read");
            }
        }
    }

    /// Reads what is new in the Maildir, and moves it to what is seen. A file that cannot be
    /// recorded now stays.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn read(&self, folder: &Path) -> std::io::Result<()> {
        for entry in fs::read_dir(folder.join("new"))?.take(FILES) {
            let entry = entry?;
            // A link or a pipe is not followed: whoever can deliver mail chooses names only.
            if !entry.file_type()?.is_file() {
                continue;
            }
            let message = bounded(&entry.path())?;
            let tokens = recipients(&message).filter_map(|address| self.token(&address));
            let mut taken = Taken::Refused;
            if let Some(token) = tokens.take(1).next() {
                taken = self.keep(&token, &message).await;
            }
            if taken != Taken::Later {
                let name = entry.file_name();
                let seen = folder.join("cur").join(format!("{}:2,S", name.to_string_lossy()));
                fs::rename(entry.path(), seen)?;
            }
        }
        Ok(())
    }
}

/// Waits before the next connection, when none could be taken.
#[expect(clippy::disallowed_methods, reason = "without descriptors, accepting fails at once again")]
async fn breathe() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

enum Either {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

impl Door {
    fn open(place: &str) -> Result<Self, Failure> {
        let cannot = |why: &std::io::Error| {
            Failure::new(crate::exit::Exit::Unavailable, format!("`mail.bounces`: {why}"))
        };
        if let Ok(address) = place.parse::<std::net::SocketAddr>() {
            let listener = std::net::TcpListener::bind(address).map_err(|why| cannot(&why))?;
            listener.set_nonblocking(true).map_err(|why| cannot(&why))?;
            return TcpListener::from_std(listener).map(Self::Tcp).map_err(|why| cannot(&why));
        }
        // A socket that an earlier server left is in the way; anything else is not ours to remove.
        if fs::symlink_metadata(place).is_ok_and(|meta| meta.file_type().is_socket()) {
            fs::remove_file(place).map_err(|why| cannot(&why))?;
        }
        UnixListener::bind(place).map(Self::Unix).map_err(|why| cannot(&why))
    }
}

/// As much of a file as is looked at.
fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut message = Vec::new();
    let most = u64::try_from(report::BYTES).unwrap_or(u64::MAX);
    fs::File::open(path)?.take(most).read_to_end(&mut message)?;
    Ok(message)
}

/// The addresses to which a message in a Maildir was delivered, as the mail server wrote them.
fn recipients(message: &[u8]) -> impl Iterator<Item = String> {
    let text = String::from_utf8_lossy(message);
    let head: Vec<String> =
        text.lines().take_while(|line| !line.is_empty()).take(200).map(str::to_owned).collect();
    head.into_iter().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let known = ["delivered-to", "x-original-to", "envelope-to"];
        let fits = known.contains(&name.trim().to_ascii_lowercase().as_str());
        fits.then(|| value.trim().trim_matches(['<', '>']).to_owned())
    })
}

fn came(report: Report, message: &[u8]) -> Came {
    let fate = match report.fate {
        report::Fate::Delivered => Fate::Delivered,
        report::Fate::Relayed => Fate::Relayed,
        report::Fate::Delayed => Fate::Delayed,
        report::Fate::Bounced => Fate::Bounced,
        report::Fate::GivenUp => Fate::GivenUp,
        report::Fate::Unclear => Fate::Unclear,
    };
    // The same report has the same identifier, and its fate with it: a server that reports twice
    // under one identifier says two things.
    let identity = match &report.message_id {
        Some(id) => format!("{id} {fate:?}").into_bytes(),
        None => message.to_vec(),
    };
    let (status, said, from) = (report.status, report.said, report.from);
    Came { fate, status, said, from, standard: report.standard, identity }
}
