//! The dialog with a relay: connection, TLS, and the commands of one letter.
//!
//! The first lines of STARTTLS are spoken here and not by the mail library, so that all of our
//! clients believe the same roots, the version of TLS is known, and whatever a relay (or somebody
//! in between) says before TLS is not taken for an answer within it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailParameter, RcptParameter};
use lettre::transport::smtp::response::Response;
use rustls_pki_types::ServerName;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::letter::Ready;
use super::{Relay, Tls};
use crate::trust;

/// Longest line and most lines of a reply before TLS (RFC 5321 §4.5.3.1.5 has 512 bytes).
const LINE_BYTES: u64 = 1024;
const LINES: usize = 64;

/// Most bytes that a relay says in a whole dialog. A reply is read again from its start with each
/// line that comes, so a long one would cost time by the square of its length.
const DIALOG_BYTES: usize = 16 * 1024;

/// How far the dialog has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Greeting,
    Securing,
    LoggingIn,
    Sender,
    Recipient,
    Letter,
}

/// Why the letter was not taken.
pub(super) struct Relayed {
    pub(super) stage: Stage,
    /// The relay's reply code, where it gave one.
    pub(super) code: Option<u16>,
    pub(super) reply: String,
}

/// Speaks with the relay until it has taken the letter; answers its words.
pub(super) async fn hand_over(
    relay: &Relay,
    ready: &Ready,
    stage: &mut Stage,
    tls: &mut Option<String>,
) -> Result<String, Relayed> {
    let (mut connection, hello) = open(relay, stage, tls).await?;
    if !relay.user.is_empty() {
        *stage = Stage::LoggingIn;
        if tls.is_none() {
            let why = "a password is not sent without TLS: use TLS, or no user";
            return Err(Relayed::ours(*stage, why));
        }
        let password = relay.password.expose().to_owned();
        let login = Credentials::new(relay.user.clone(), password);
        let known = [Mechanism::Plain, Mechanism::Login];
        connection.auth(&known, &login).await.map_err(|why| Relayed::theirs(*stage, &why))?;
    }
    let (mail, rcpt) = wishes(&mut connection, &hello, ready).await.map_err(|why| {
        *stage = Stage::Greeting;
        Relayed::theirs(*stage, &why)
    })?;
    *stage = Stage::Sender;
    let sender = connection.command(Mail::new(Some(ready.from.clone()), mail)).await;
    sender.map_err(|why| Relayed::theirs(*stage, &why))?;
    *stage = Stage::Recipient;
    let recipient = connection.command(Rcpt::new(ready.to.clone(), rcpt)).await;
    recipient.map_err(|why| Relayed::theirs(*stage, &why))?;
    let data = connection.command(Data).await;
    data.map_err(|why| Relayed::theirs(*stage, &why))?;
    *stage = Stage::Letter;
    let taken = connection.message(&ready.bytes).await;
    let taken = taken.map_err(|why| Relayed::theirs(*stage, &why))?;
    // The letter is taken; a farewell that is not answered must not change that.
    drop(tokio::time::timeout(FAREWELL, connection.command(Quit)).await);
    Ok(words(&taken))
}

/// What the relay is asked to report (RFC 3461 §4), if the letter wants that and the relay offers
/// it. The library keeps only the extensions it uses itself, so the relay is asked once more.
async fn wishes(
    connection: &mut AsyncSmtpConnection,
    hello: &ClientId,
    ready: &Ready,
) -> Result<(Vec<MailParameter>, Vec<RcptParameter>), Error> {
    let Some(envelope) = &ready.envelope else { return Ok((vec![], vec![])) };
    let offered = connection.command(Ehlo::new(hello.clone())).await?;
    // The first line is the relay's name.
    if !offered.message().skip(1).any(|line| line.trim().eq_ignore_ascii_case("DSN")) {
        return Ok((vec![], vec![]));
    }
    // The library writes values as xtext (RFC 3461 §4).
    let mail = |keyword: &str, value: &str| MailParameter::Other {
        keyword: keyword.to_owned(),
        value: Some(value.to_owned()),
    };
    let rcpt = |keyword: &str, value: &str| RcptParameter::Other {
        keyword: keyword.to_owned(),
        value: Some(value.to_owned()),
    };
    Ok((
        vec![mail("RET", "HDRS"), mail("ENVID", envelope)],
        vec![
            rcpt("NOTIFY", "SUCCESS,FAILURE,DELAY"),
            rcpt("ORCPT", &format!("rfc822;{}", ready.to)),
        ],
    ))
}

/// How long the relay's farewell is waited for.
const FAREWELL: std::time::Duration = std::time::Duration::from_millis(500);

async fn open(
    relay: &Relay,
    stage: &mut Stage,
    tls: &mut Option<String>,
) -> Result<(AsyncSmtpConnection, ClientId), Relayed> {
    let connecting = |why: io::Error| {
        let place = format!("{}:{}", relay.host, relay.port);
        Relayed::ours(Stage::Connecting, &format!("cannot connect to `{place}`: {why}"))
    };
    let stream = TcpStream::connect((relay.host.as_str(), relay.port)).await;
    let mut stream = stream.map_err(connecting)?;
    // RFC 5321 §4.1.4: a client without a name of its own says its address.
    let hello = match stream.local_addr().map_err(connecting)?.ip() {
        IpAddr::V4(ip) => ClientId::Ipv4(ip),
        IpAddr::V6(ip) => ClientId::Ipv6(ip),
    };
    let wire: Box<dyn AsyncTokioStream> = match relay.tls {
        Tls::DangerNone => Box::new(Wire::new(b"", stream)),
        Tls::Required => {
            *stage = Stage::Securing;
            Box::new(Wire::new(b"", secure(relay, stream, tls).await?))
        }
        Tls::StartTls => {
            *stage = Stage::Greeting;
            let greeted = start_tls(&mut stream, &hello).await;
            greeted.map_err(|(code, reply)| Relayed { stage: Stage::Greeting, code, reply })?;
            *stage = Stage::Securing;
            let stream = secure(relay, stream, tls).await?;
            // The relay greets once, before TLS; the library expects a greeting first.
            Box::new(Wire::new(b"220 TLS\r\n", stream))
        }
    };
    *stage = Stage::Greeting;
    let connection = AsyncSmtpConnection::connect_with_transport(wire, &hello).await;
    Ok((connection.map_err(|why| Relayed::theirs(*stage, &why))?, hello))
}

async fn secure(
    relay: &Relay,
    stream: TcpStream,
    tls: &mut Option<String>,
) -> Result<TlsStream<TcpStream>, Relayed> {
    let failed = |why: &dyn fmt::Display| {
        let place = format!("{}:{}", relay.host, relay.port);
        Relayed::ours(Stage::Securing, &format!("no trusted TLS with `{place}`: {why}"))
    };
    let config = trust::client(relay.root_pem.as_deref()).map_err(|why| failed(&why))?;
    let name = ServerName::try_from(relay.host.clone()).map_err(|why| failed(&why))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = connected.map_err(|why| failed(&why))?;
    *tls = trust::version_name(stream.get_ref().1.protocol_version());
    Ok(stream)
}

/// A reply that ends the dialog: its code, if it has one, and its words.
type Ended = (Option<u16>, String);

/// Everything before the handshake of RFC 3207.
async fn start_tls(stream: &mut TcpStream, hello: &ClientId) -> Result<(), Ended> {
    let mut stream = BufReader::new(stream);
    expect(&mut stream, 220).await?;
    say(&mut stream, &format!("EHLO {hello}\r\n")).await?;
    let offered = expect(&mut stream, 250).await?;
    // The first line is the relay's name.
    let offers = offered.iter().skip(1).any(|line| line.trim().eq_ignore_ascii_case("STARTTLS"));
    if !offers {
        let why = "the relay does not offer STARTTLS: use its port for TLS, often 465";
        return Err((None, why.to_owned()));
    }
    say(&mut stream, "STARTTLS\r\n").await?;
    expect(&mut stream, 220).await?;
    if !stream.buffer().is_empty() {
        return Err((None, "the relay spoke out of turn before TLS: it is not trusted".to_owned()));
    }
    Ok(())
}

async fn say(stream: &mut BufReader<&mut TcpStream>, line: &str) -> Result<(), Ended> {
    stream.get_mut().write_all(line.as_bytes()).await.map_err(|why| lost(&why))
}

/// Reads one reply, whose lines are returned without code when the code is the expected one.
async fn expect(
    stream: &mut BufReader<&mut TcpStream>,
    expected: u16,
) -> Result<Vec<String>, Ended> {
    let mut lines = Vec::new();
    while lines.len() < LINES {
        let mut line = Vec::new();
        let read = (&mut *stream).take(LINE_BYTES).read_until(b'\n', &mut line).await;
        read.map_err(|why| lost(&why))?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
        let (Some(code), Some(rest), true) = (code, line.get(3..), line.ends_with('\n')) else {
            return Err((None, format!("the relay does not speak SMTP: {line}")));
        };
        let (more, text) = match rest.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, rest),
        };
        lines.push(text.trim().to_owned());
        if !more {
            let whole = || (Some(code), format!("{code} {}", lines.join(" ")));
            return if code == expected { Ok(lines) } else { Err(whole()) };
        }
    }
    Err((None, "the relay's reply does not end".to_owned()))
}

fn lost(why: &io::Error) -> Ended {
    (None, format!("the connection to the relay was lost: {why}"))
}

fn words(response: &Response) -> String {
    let text: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), text.join(" "))
}

impl Relayed {
    fn ours(stage: Stage, reply: &str) -> Self {
        Self { stage, code: None, reply: reply.to_owned() }
    }

    fn theirs(stage: Stage, error: &Error) -> Self {
        let source = std::error::Error::source(error);
        let text = source.map_or_else(|| error.to_string(), ToString::to_string);
        match error.status() {
            Some(code) => Self { stage, code: Some(code.into()), reply: format!("{code} {text}") },
            None => Self { stage, code: None, reply: format!("while {stage}: {text}") },
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Connecting => "connecting to the relay",
            Self::Greeting => "greeting the relay",
            Self::Securing => "setting up TLS with the relay",
            Self::LoggingIn => "logging in to the relay",
            Self::Sender => "naming the sender",
            Self::Recipient => "naming the recipient",
            Self::Letter => "sending the letter",
        })
    }
}

/// A connection that is read after `greeting`, and not for longer than any honest dialog.
#[derive(Debug)]
struct Wire<S> {
    greeting: &'static [u8],
    left: usize,
    stream: S,
}

impl<S> Wire<S> {
    fn new(greeting: &'static [u8], stream: S) -> Self {
        Self { greeting, left: DIALOG_BYTES, stream }
    }
}

impl AsyncTokioStream for Wire<TcpStream> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncTokioStream for Wire<TlsStream<TcpStream>> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.get_ref().0.peer_addr()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.greeting.is_empty() {
            let (now, later) = self.greeting.split_at(self.greeting.len().min(into.remaining()));
            into.put_slice(now);
            self.greeting = later;
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        match self.left.checked_sub(into.filled().len() - before) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::Error::other("the relay does not stop talking"))),
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
