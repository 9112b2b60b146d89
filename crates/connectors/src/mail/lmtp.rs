//! Taking mail from a mail server: LMTP (RFC 2033), the receiving side.
//!
//! Promises: a session is bounded in time, commands, recipients and bytes; a recipient that is
//! unknown is refused before its message; each recipient is answered for itself, and only after
//! whoever takes it has kept it, so that a server that goes down is given it again.
//!
//! Does not: relay, authenticate or encrypt: it is for a mail server on the same machine. Whoever
//! can connect can hand over what they like, so what is taken has to prove itself by its recipient.

use std::future::Future;
use std::time::Duration;

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite,
    AsyncWriteExt as _, BufReader,
};

/// Longest line of a command (RFC 5321 §4.5.3.1.4), and of a message.
const LINE: u64 = 2048;
/// Most bytes of a message.
const MESSAGE: usize = super::report::BYTES;
/// Recipients of one message: a report is about one letter.
const RECIPIENTS: usize = 8;
/// Commands of one session.
const COMMANDS: usize = 200;
/// Longest session.
const SESSION: Duration = Duration::from_secs(120);

/// What became of a message for a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is kept.
    Kept,
    /// It cannot be kept now: the server tries again.
    Later,
    /// It is never taken.
    Refused,
}

/// Serves one connection until it ends.
///
/// `knows` says whether a recipient is one of ours; `keep` keeps a message for one recipient.
pub async fn serve<S, K, F>(stream: S, knows: impl Fn(&str) -> bool, keep: K)
where
    S: AsyncRead + AsyncWrite + Unpin,
    K: Fn(String, Vec<u8>) -> F,
    F: Future<Output = Taken>,
{
    let session = Session { stream: BufReader::new(stream), recipients: vec![], sender: false };
    // Whoever is too slow, or goes away in the middle, is given no answer and tries again.
    drop(tokio::time::timeout(SESSION, session.run(knows, keep)).await);
}

struct Session<S> {
    stream: BufReader<S>,
    recipients: Vec<String>,
    sender: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn run<K, F>(mut self, knows: impl Fn(&str) -> bool, keep: K) -> std::io::Result<()>
    where
        K: Fn(String, Vec<u8>) -> F,
        F: Future<Output = Taken>,
    {
        self.say("220 bailee LMTP").await?;
        for _ in 0..COMMANDS {
            let Some(line) = self.line().await? else { return Ok(()) };
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "LHLO" => {
                    let size = format!("250-SIZE {MESSAGE}");
                    for one in ["250-bailee", "250-PIPELINING", "250-ENHANCEDSTATUSCODES", &size] {
                        self.say(one).await?;
                    }
                    self.say("250 8BITMIME").await?;
                }
                "MAIL" if !self.sender => {
                    self.sender = true;
                    self.say("250 2.1.0 ok").await?;
                }
                "RCPT" if self.sender => self.recipient(&text, &knows).await?,
                "DATA" if self.recipients.is_empty() => self.say("503 5.5.1 no recipients").await?,
                "DATA" => self.data(&keep).await?,
                "RSET" => {
                    self.reset();
                    self.say("250 2.0.0 ok").await?;
                }
                "NOOP" => self.say("250 2.0.0 ok").await?,
                "QUIT" => return self.say("221 2.0.0 bye").await,
                "HELO" | "EHLO" => self.say("500 5.5.1 this is LMTP: say LHLO").await?,
                _ => self.say("503 5.5.1 not now").await?,
            }
        }
        self.say("421 4.7.0 too many commands").await
    }

    fn reset(&mut self) {
        self.recipients.clear();
        self.sender = false;
    }

    async fn recipient(
        &mut self,
        text: &str,
        knows: &impl Fn(&str) -> bool,
    ) -> std::io::Result<()> {
        let path = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        let address = path.map(|(address, _)| address.to_owned());
        match address.filter(|address| knows(address)) {
            Some(_) if self.recipients.len() >= RECIPIENTS => {
                self.say("452 4.5.3 too many recipients").await
            }
            Some(address) => {
                self.recipients.push(address);
                self.say("250 2.1.5 ok").await
            }
            None => self.say("550 5.1.1 there is no such mailbox here").await,
        }
    }

    async fn data<K, F>(&mut self, keep: &K) -> std::io::Result<()>
    where
        K: Fn(String, Vec<u8>) -> F,
        F: Future<Output = Taken>,
    {
        self.say("354 go on").await?;
        let (mut message, mut fits) = (Vec::new(), true);
        loop {
            let Some(line) = self.line().await? else { return Ok(()) };
            if line == b".\r\n" || line == b".\n" {
                break;
            }
            // RFC 5321 §4.5.2: a dot that begins a line is doubled on the way.
            let line = line.strip_prefix(b".").unwrap_or(&line);
            fits = fits && message.len() + line.len() <= MESSAGE;
            if fits {
                message.extend_from_slice(line);
            }
        }
        let recipients = std::mem::take(&mut self.recipients);
        self.reset();
        for address in recipients {
            let taken = match fits {
                true => keep(address, message.clone()).await,
                false => Taken::Refused,
            };
            let answer = match (taken, fits) {
                (Taken::Kept, _) => "250 2.0.0 kept",
                (Taken::Later, _) => "451 4.3.0 not now: try again",
                (Taken::Refused, true) => "550 5.7.1 not taken",
                (Taken::Refused, false) => "552 5.3.4 too long",
            };
            self.say(answer).await?;
        }
        Ok(())
    }

    async fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await?;
        self.stream.get_mut().flush().await
    }

    /// A line with its end; `None` at the end of the stream. What does not end ends the session.
    async fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        read_line(&mut self.stream).await
    }
}

async fn read_line<R: AsyncBufRead + Unpin>(stream: &mut R) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream.take(LINE).read_until(b'\n', &mut line).await?;
    match line.last() {
        Some(b'\n') => Ok(Some(line)),
        None => Ok(None),
        Some(_) => Err(std::io::Error::other("a line that does not end")),
    }
}
