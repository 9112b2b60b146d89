//! A mail relay of the demonstration's own: it takes letters by SMTP on loopback, keeps them in
//! memory and sends none; on request it hands back that one could not be delivered.
//!
//! Promises: it speaks what a relay speaks (RFC 5321 with DSN, RFC 3461), so the server sends
//! to it as to any other; what comes back is a delivery report (RFC 3464) by LMTP (RFC 2033), as a
//! mail server hands it over. Bounded in lines, letters and bytes.
//!
//! Does not: deliver, authenticate or encrypt. It is no mail server; tests use real ones.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::exit::{Failure, reason};

/// Longest line that is read.
const LINE: u64 = 4096;
/// Most lines of one session, and most letters that are kept.
const LINES: usize = 20_000;
const LETTERS: usize = 100;

/// A letter as it was taken.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    /// The return path.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The lines of the message.
    pub lines: Vec<String>,
}

impl Letter {
    /// The subject, with what is folded put together; encoded words (RFC 2047) stay as they are.
    pub fn subject(&self) -> String {
        let head = self.lines.iter().take_while(|line| !line.is_empty());
        let mut found = head.skip_while(|line| !line.starts_with("Subject:"));
        let first = found.next().and_then(|line| line.strip_prefix("Subject:"));
        let folded = found.take_while(|line| line.starts_with([' ', '\t']));
        let rest: String = folded.map(|line| format!(" {}", line.trim())).collect();
        format!("{}{rest}", first.unwrap_or_default().trim())
    }
}

/// The relay. Clones are the same.
#[derive(Clone, Default)]
pub struct Relay(Arc<Mutex<Vec<Letter>>>);

impl Relay {
    /// Listens on a port of loopback; gives the port. Needs a runtime.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(&self) -> Result<u16, Failure> {
        let failed = |why: std::io::Error| {
            Failure::failed(format!("the demonstration's relay cannot listen: {}", reason(&why)))
        };
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let this = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = this.clone();
                // A session that breaks off took nothing, and its letter is sent again.
                tokio::spawn(async move { drop(this.session(stream).await) });
            }
        });
        Ok(port)
    }

    /// The letters to an address, oldest first.
    pub fn letters(&self, to: &str) -> Vec<Letter> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|letter| letter.to.iter().any(|one| one == to)).cloned().collect()
    }

    async fn session(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut letter = Letter::default();
        say(&mut stream, "220 relay.northwind.example the demonstration's relay").await?;
        for _ in 0..LINES {
            let Some(line) = line(&mut stream).await? else { return Ok(()) };
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let path = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let answer = match verb.as_str() {
                "EHLO" => "250-relay.northwind.example\r\n250-8BITMIME\r\n250 DSN",
                "MAIL" => {
                    letter = Letter { from: path, ..Letter::default() };
                    "250 2.1.0 ok"
                }
                "RCPT" => {
                    letter.to.push(path);
                    "250 2.1.5 ok"
                }
                "DATA" => {
                    say(&mut stream, "354 go on").await?;
                    self.keep(&mut stream, std::mem::take(&mut letter)).await?
                }
                "HELO" | "RSET" | "NOOP" => "250 2.0.0 ok",
                "QUIT" => return say(&mut stream, "221 2.0.0 bye").await,
                _ => "500 5.5.1 not known here",
            };
            say(&mut stream, answer).await?;
        }
        Ok(())
    }

    async fn keep(
        &self,
        stream: &mut BufReader<TcpStream>,
        mut letter: Letter,
    ) -> std::io::Result<&'static str> {
        while let Some(line) = line(stream).await? {
            if line == "." {
                let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if all.len() >= LETTERS {
                    return Ok("452 4.3.1 full");
                }
                all.push(letter);
                return Ok("250 2.0.0 taken");
            }
            if letter.lines.len() < LINES {
                letter.lines.push(line.strip_prefix('.').unwrap_or(&line).to_owned());
            }
        }
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }
}

/// Hands over by LMTP at this port that a letter could not be delivered; gives the last answer.
///
/// # Errors
/// When the port does not answer.
pub async fn bounce(port: u16, letter: &Letter) -> std::io::Result<String> {
    let to = letter.to.first().cloned().unwrap_or_default();
    let report = format!(
        "Message-ID: <report-1@relay.northwind.example>\r\nFrom: MAILER-DAEMON\r\n\
         To: {path}\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain\r\n\r\nThere is no such mailbox.\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; relay.northwind.example\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 <{to}>: no such mailbox\r\n\r\n--b--",
        path = letter.from,
    );
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let mut answer = line(&mut stream).await?.unwrap_or_default();
    let recipient = format!("RCPT TO:<{}>", letter.from);
    for text in ["LHLO relay.northwind.example", "MAIL FROM:<>", &recipient, "DATA", &report, "."] {
        say(&mut stream, text).await?;
        if text == report {
            continue;
        }
        answer = loop {
            let answer = line(&mut stream).await?.unwrap_or_default();
            if answer.as_bytes().get(3) != Some(&b'-') {
                break answer;
            }
        };
    }
    say(&mut stream, "QUIT").await?;
    Ok(answer)
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await
}

/// The next line without its end; nothing once the other side has gone.
async fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let read = (&mut *stream).take(LINE).read_until(b'\n', &mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes);
    Ok((read > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
}
