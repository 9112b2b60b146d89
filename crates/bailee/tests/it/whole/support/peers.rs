//! Peers of a server that tell where they are, and go on when they are let: a relay that takes
//! letters in plain text, and a receiver of webhooks within TLS.

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead as _, BufReader, Read as _, Result, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// Where a peer is, by what it said; it goes on when this is gone.
pub struct At {
    pub said: String,
    _go: Sender<()>,
}

pub struct Peer {
    pub port: u16,
    /// What its certificate is believed by; nothing without TLS.
    pub ca: String,
    told: Receiver<At>,
}

impl Peer {
    /// A relay. It says the verb of each line before it replies, `. LETTER` for a letter, and
    /// `taken` after it said that it took one.
    pub fn relay() -> Self {
        Self::start(String::new(), |stream, ask| drop(dialog(stream, ask)))
    }

    /// A receiver of webhooks. It says `connected`, `greeted` within TLS, `head HEAD`, `body
    /// REQUEST` before it replies, and `taken` after that.
    pub fn hooks() -> Self {
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key.into());
        let config = Arc::new(config.unwrap());
        Self::start(issued.cert.pem(), move |stream, ask| {
            drop(receive(stream, Arc::clone(&config), ask));
        })
    }

    fn start(ca: String, serve: impl Fn(TcpStream, &dyn Fn(&str)) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, told) = channel();
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (tell, serve) = (tell.clone(), Arc::clone(&serve));
                let ask = move |said: &str| {
                    let (go, wait) = channel();
                    // After the test nobody listens any more, and nobody has to wait.
                    let _ = tell.send(At { said: said.to_owned(), _go: go });
                    let _: std::result::Result<(), _> = wait.recv();
                };
                thread::spawn(move || serve(stream.unwrap(), &ask));
            }
        });
        Self { port, ca, told }
    }

    /// Lets it go on until it says something that begins like this, and gives what it said up to
    /// then. There it stays.
    pub fn until(&self, step: &str) -> (Vec<String>, At) {
        let mut said = vec![];
        loop {
            let at = self.told.recv().unwrap();
            said.push(at.said.clone());
            if at.said.starts_with(step) {
                return (said, at);
            }
        }
    }

    /// Lets it go on wherever it waits now, and gives what it said.
    pub fn passed(&self) -> Vec<String> {
        self.told.try_iter().map(|at| at.said).collect()
    }

    /// Lets it go on until it took a letter, and gives that; nothing if it is silent for so long.
    pub fn letter(&self, patience: Duration) -> Option<String> {
        loop {
            let at = self.told.recv_timeout(patience).ok()?;
            if let Some(letter) = at.said.strip_prefix(". ") {
                return Some(letter.to_owned());
            }
        }
    }
}

fn dialog(mut stream: TcpStream, ask: &dyn Fn(&str)) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    stream.write_all(b"220 relay\r\n")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_uppercase();
        if verb != "DATA" {
            ask(&verb);
            stream.write_all(b"250 ok\r\n")?;
            continue;
        }
        ask("DATA");
        stream.write_all(b"354 go on\r\n")?;
        let mut letter = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == ".\r\n" {
                break;
            }
            letter += &line;
        }
        ask(&format!(". {letter}"));
        stream.write_all(b"250 taken\r\n")?;
        ask("taken");
    }
}

fn receive(stream: TcpStream, config: Arc<ServerConfig>, ask: &dyn Fn(&str)) -> Result<()> {
    ask("connected");
    let server = ServerConnection::new(config).unwrap();
    let mut stream = StreamOwned::new(server, stream);
    stream.conn.complete_io(&mut stream.sock)?;
    ask("greeted");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    ask(&format!("head {head}"));
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body)?;
    ask(&format!("body {head}{}", String::from_utf8(body).unwrap()));
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    stream.flush()?;
    ask("taken");
    Ok(())
}
