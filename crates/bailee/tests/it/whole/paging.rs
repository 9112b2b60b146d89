//! `kill -9` in every step of a letter that pages somebody: it comes all the same, and is the same.

use super::support::{Server, Store, text};
use serde_json::{Value, json as object};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// Where the dialog is when the server is killed: after this line of it, and before our reply; the
/// last one is after the reply that took the letter.
const STEPS: [&str; 6] = ["EHLO", "MAIL", "RCPT", "DATA", ".", "taken"];

/// A relay in plain text on loopback, which tells each line and waits to be let go on.
struct Relay {
    port: u16,
    lines: Receiver<(String, std::sync::mpsc::Sender<()>)>,
}

impl Relay {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, lines) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let tell = tell.clone();
                thread::spawn(move || drop(dialog(stream.unwrap(), &tell)));
            }
        });
        Self { port, lines }
    }

    /// Lets the dialog go on until this line of it, and gives the text of the letter, if it came.
    fn until(&self, step: &str) -> (String, std::sync::mpsc::Sender<()>) {
        loop {
            let (line, go) = self.lines.recv().unwrap();
            if line.starts_with(step) {
                return (line, go);
            }
            // A dialog whose server was killed does not go on.
            let _ = go.send(());
        }
    }
}

type Told = std::sync::mpsc::Sender<(String, std::sync::mpsc::Sender<()>)>;

fn dialog(mut stream: TcpStream, tell: &Told) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let ask = |line: &str| {
        let (go, wait) = channel();
        tell.send((line.to_owned(), go)).ok();
        wait.recv().ok();
    };
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

fn identifier(letter: &str) -> String {
    letter.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned()
}

#[test]
fn a_page_comes_whenever_the_server_is_killed_and_is_the_same() {
    let store = Store::init();
    let relay = Relay::start();
    let config = store.beside("bailee.toml");
    let port = relay.port;
    let mail = "from = \"pager@example.com\"\nhost = \"127.0.0.1\"\ntls = \"danger-none\"";
    let file =
        format!("anchor_seconds = 1\nweekly_test_page = false\n[mail]\nport = {port}\n{mail}\n");
    fs::write(&config, file).unwrap();
    let serve = || store.serve_with(&["--config", text(&config)], &[]);
    let mut server = serve();
    let create = ["person", "create", "rita", "--roles", "responder", "--json"];
    let rita = server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned();
    let post = |server: &Server, path: &str, body: &Value| {
        let answer = server.client(&rita).post(path, body.to_string().as_bytes());
        assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text());
        answer.json()
    };
    for step in STEPS {
        let new = object!({"person": "person:rita", "way": "email", "order": 1,
            "address": "rita@example.com"});
        let made = post(&server, "/v1/channels", &new)["id"].as_str().unwrap().to_owned();
        let new = object!({"title": format!("killed at {step}"), "severity": "high"});
        let page = post(&server, "/v1/pages", &new)["id"].as_str().unwrap().to_owned();
        let (_, go) = relay.until(step);
        server.kill();
        drop(go);
        server = serve();
        let mut letters = vec![];
        let sent = loop {
            while let Ok((line, go)) = relay.lines.try_recv() {
                letters.extend(line.strip_prefix(". ").map(str::to_owned));
                let _ = go.send(());
            }
            let shown = server.did(&rita, &["page", "show", &page, "--json"]);
            if shown["tries"][0]["sent"].is_string() {
                break shown;
            }
        };
        // What was taken and recorded need not come again; everything else has to, and is the same.
        assert!(step == "taken" || letters.len() == 1, "{step}: {letters:?}");
        for letter in &letters {
            assert!(identifier(letter).contains(&format!("{page}-1@")), "{step}: {letter}");
            assert!(letter.contains("may be a"), "{step}: {letter}");
        }
        let one = &sent["tries"][0];
        assert_eq!(one["unknown"], object!(!letters.is_empty()), "{step}: {one}");
        assert_eq!(sent["tries"].as_array().unwrap().len(), 1, "{step}");
        post(&server, &format!("/v1/pages/{page}:acknowledge"), &object!({}));
        post(&server, &format!("/v1/channels/{made}:end"), &object!({"reason": "next"}));
    }
    server.stop();
    store.verified();
}
