//! `kill -9` in the steps of a notice: nothing is lost, and a letter that is repeated is the same.

use crate::whole::support::{Server, Store, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A relay that says when it has a letter, and answers it when it is told to.
struct Relay {
    port: u16,
    /// Return path and identifier of each letter, as it comes in whole.
    came: Receiver<(String, String)>,
    /// Whether the next one is answered.
    answer: Sender<bool>,
}

impl Relay {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, came) = channel();
        let (answer, told) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                // A server that is gone ends its dialog, and the relay waits for the next one.
                let _ = dialog(stream, &tell, &told);
            }
        });
        Self { port, came, answer }
    }
}

fn dialog(
    stream: TcpStream,
    tell: &Sender<(String, String)>,
    told: &Receiver<bool>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    stream.write_all(b"220 relay\r\n")?;
    let (mut from, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => stream.write_all(b"250-relay\r\n250 DSN\r\n")?,
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                let mut id = String::new();
                while line != ".\r\n" {
                    line.clear();
                    if lines.read_line(&mut line)? == 0 {
                        return Ok(());
                    }
                    if let Some(rest) = line.strip_prefix("Message-ID: ") {
                        id = rest.trim().to_owned();
                    }
                }
                drop(tell.send((from.clone(), id)));
                match told.recv() {
                    Ok(true) => stream.write_all(b"250 2.0.0 taken\r\n")?,
                    // Silence: the test kills the server in the meantime.
                    _ => return Ok(()),
                }
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n"),
            _ => {
                if verb == "MAIL" {
                    from = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    assert!(line.contains("RET=HDRS") && line.contains("ENVID="), "{line}");
                }
                stream.write_all(b"250 ok\r\n")?;
            }
        }
    }
}

/// A store whose server is killed and started again.
struct House {
    store: Store,
    server: Option<Server>,
    tokens: BTreeMap<&'static str, String>,
    lmtp: u16,
}

impl House {
    fn new(relay: u16) -> Self {
        let store = Store::init();
        let lmtp = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "anchor_seconds = 1\n[mail]\nhost = \"127.0.0.1\"\nport = {relay}\n\
             tls = \"danger-none\"\nfrom = \"s@example.com\"\nreturns = \"returns@example.com\"\n\
             bounces = \"127.0.0.1:{lmtp}\"\n"
        );
        fs::write(store.beside("bailee.toml"), config).unwrap();
        let mut house = Self { store, server: None, tokens: BTreeMap::new(), lmtp };
        house.start();
        for (name, role) in [("rita", "responder"), ("ann", "approver"), ("amy", "approver")] {
            let new = json!({"name": name, "roles": [role]}).to_string();
            let made = house.server().administrator().post("/v1/people", new.as_bytes());
            let token = made.expect(201).json()["token"].as_str().unwrap().to_owned();
            house.tokens.insert(name, token);
        }
        house
    }

    fn start(&mut self) {
        let file = self.store.beside("bailee.toml");
        self.server = Some(self.store.serve_with(&["--config", text(&file)], &[]));
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    fn post(&self, who: &str, path: &str, body: &Value) -> Value {
        let mut client = self.server().client(&self.tokens[who]);
        let answer = client.post(&format!("/v1/{path}"), body.to_string().as_bytes());
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    }

    fn get(&self, path: &str) -> Value {
        let mut client = self.server().client(&self.tokens["rita"]);
        client.get(&format!("/v1/{path}")).expect(200).json()
    }

    /// A notice to a contact of a verified account, on its way; the breach and the notice.
    fn notice(&self) -> (String, String) {
        let id = |row: Value| row["id"].as_str().unwrap().to_owned();
        self.server().acme();
        let new = json!({"title": "odd", "class": "breach", "severity": 2, "source": "support"});
        let incident = id(self.post("rita", "incidents", &new));
        let affected = json!({"account": "acme", "harm": "access", "basis": "its log"});
        self.post("rita", &format!("incidents/{incident}:verify"), &affected);
        let new = json!({"account": "acme", "name": "Ada", "email": "ada@one.example",
            "kind": "security", "source": "form"});
        let contact = id(self.post("rita", "contacts", &new));
        let how = json!({"how": "a letter"});
        self.post("rita", &format!("contacts/{contact}:verify"), &how);
        let new = json!({"incident": incident, "account": "acme", "contacts": [contact],
            "subject": "s", "text": "t"});
        let row = self.post("rita", "notices", &new);
        let read = json!({"sha256": row["sha256"]});
        let notice = id(row);
        for who in ["ann", "amy"] {
            self.post(who, &format!("notices/{notice}:approve"), &read);
        }
        self.post("rita", &format!("notices/{notice}:send"), &json!({}));
        (format!("breaches/{incident}.acme"), format!("notices/{notice}"))
    }

    /// Hands over a report, as a mail server does, and answers what it is told; `None` if it is
    /// killed before.
    fn bounce(&mut self, path: &str, end: bool) -> Option<String> {
        let stream = TcpStream::connect(("127.0.0.1", self.lmtp)).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        let mut said = String::new();
        lines.read_line(&mut said).unwrap();
        for line in ["MAIL FROM:<>".to_owned(), format!("RCPT TO:<{path}>"), "DATA".to_owned()] {
            stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
            said.clear();
            lines.read_line(&mut said).unwrap();
        }
        assert!(said.starts_with("354"), "{said}");
        let report = "Message-ID: <dsn-1@mx>\r\n\
            Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
            Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n\
            Action: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n";
        stream.write_all(report.as_bytes()).unwrap();
        if !end {
            self.kill();
            return None;
        }
        stream.write_all(b".\r\n").unwrap();
        said.clear();
        lines.read_line(&mut said).unwrap();
        Some(said)
    }
}

#[test]
fn a_kill_in_any_step_of_a_notice_loses_nothing() {
    let relay = Relay::start();
    let mut house = House::new(relay.port);
    let (breach, notice) = house.notice();
    // The relay has the letter and has not answered.
    let first = relay.came.recv().unwrap();
    house.kill();
    relay.answer.send(false).unwrap();
    house.start();
    let again = relay.came.recv().unwrap();
    assert_eq!(first, again, "the same letter, by its identifier and its return path");
    relay.answer.send(true).unwrap();
    // Answered, and recorded or not.
    house.kill();
    house.start();
    while house.get(&notice)["state"]["word"] != "notified" {
        if let Ok(third) = relay.came.try_recv() {
            assert_eq!(first, third, "at most the same letter again");
            relay.answer.send(true).unwrap();
        }
    }
    assert_eq!(house.get(&breach)["state"]["word"], "notified");
    // A report comes, and its end does not.
    assert_eq!(house.bounce(&first.0, false), None);
    house.start();
    assert_eq!(house.get(&breach)["state"]["word"], "notified", "it was not said to be kept");
    let kept = house.bounce(&first.0, true).unwrap();
    assert!(kept.starts_with("250"), "{kept}");
    house.kill();
    house.start();
    let row = house.get(&breach);
    assert_eq!(row["state"]["word"], "undelivered", "what was said to be kept is: {row}");
    assert_eq!(row["reopened"].as_array().unwrap().len(), 1);
    let kept = house.bounce(&first.0, true).unwrap();
    assert!(kept.starts_with("250"), "the same report again is no harm: {kept}");
    assert_eq!(house.get(&breach)["reopened"].as_array().unwrap().len(), 1);
    house.kill();
    house.store.verified();
}
