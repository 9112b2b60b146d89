//! Events sent on to real receivers on loopback.

use crate::peer::{Authority, dead_port, program, serve};
use connectors::forward::{BATCH, Forwarder, Patience, Receiver, Trust, message};
use connectors::logs::framing::{Decoder, Frame};
use connectors::logs::syslog::Message;
use connectors::ocsf::{Event, Severity, What};
use connectors::{Outcome, Secret};
use rustls::version::TLS13;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SOON: Patience =
    Patience { tries: 3, each: Duration::from_secs(20), pause: Duration::from_millis(1) };

fn event(text: &str) -> Message {
    let event = Event {
        id: text.to_owned(),
        time: 1_795_410_000_000_000,
        severity: Severity::High,
        message: format!("{text}\n<0>1 - - - - - - forged"),
        actor: None,
        from: None,
        done: Some(true),
        what: What::Login { user: "person:lea".into(), off: false },
    };
    message(&event, Some("bailee.example"))
}

type Heard = Arc<Mutex<Vec<String>>>;

/// A receiver over TLS that answers with these statuses, one after the other; what it heard.
async fn https(authority: &Authority, statuses: &'static [u16]) -> (Receiver, Heard) {
    let (heard, acceptor) = (Heard::default(), authority.good().acceptor(&[&TLS13]));
    let kept = Arc::clone(&heard);
    let port = serve(move |stream| {
        let (kept, acceptor) = (Arc::clone(&kept), acceptor.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut bytes = Vec::new();
            while !String::from_utf8_lossy(&bytes).contains("}\n") {
                let mut piece = [0; 4096];
                match stream.read(&mut piece).await {
                    Ok(length @ 1..) => bytes.extend_from_slice(&piece[..length]),
                    _ => return,
                }
            }
            let status = {
                let mut kept = kept.lock().unwrap();
                kept.push(String::from_utf8(bytes).unwrap());
                statuses[(kept.len() - 1).min(statuses.len() - 1)]
            };
            let answer = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: 2\r\nlocation: https://127.0.0.1:1/\r\n\
                 connection: close\r\n\r\nok"
            );
            drop(stream.write_all(answer.as_bytes()).await);
            drop(stream.shutdown().await);
        }
    })
    .await;
    let url = format!("https://127.0.0.1:{port}/ingest");
    let token = Some(Secret::new("t0ken".into()));
    (Receiver::Https { url, token, root_pem: Some(authority.root_pem.clone()) }, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_tried_again_with_the_same_identifier_until_it_is_taken() {
    let authority = Authority::new();
    let (to, heard) = https(&authority, &[503, 429, 200]).await;
    let mut forwarder = Forwarder::new(to, SOON);
    assert_eq!(forwarder.send(&[event("a"), event("b")]).await, Outcome::Accepted);
    assert_eq!((forwarder.sent().accepted, forwarder.sent().failed), (2, 2));
    let heard = heard.lock().unwrap();
    let id = |request: &str| {
        let lower = request.to_lowercase();
        lower.lines().find(|line| line.starts_with("idempotency-key: ")).unwrap().to_owned()
    };
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|request| id(request) == id(&heard[0])));
    assert!(heard[0].to_lowercase().contains("authorization: bearer t0ken"));
    assert!(heard[0].contains("application/x-ndjson"));
    let (_, body) = heard[0].split_once("\r\n\r\n").unwrap();
    let lines: Vec<serde_json::Value> =
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["metadata"]["uid"], "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_not_tried_again_and_nothing_is_followed() {
    let authority = Authority::new();
    for status in [&[401][..], &[302], &[413]] {
        let (to, heard) = https(&authority, status).await;
        let mut forwarder = Forwarder::new(to, SOON);
        let outcome = forwarder.send(&[event("a")]).await;
        assert_eq!(outcome, Outcome::Refused { permanent: true }, "{status:?}");
        assert_eq!((forwarder.sent().refused, heard.lock().unwrap().len()), (1, 1));
        assert!(forwarder.reply().starts_with(&status[0].to_string()));
    }
    // Another authority's server is not believed; nobody is there; too much; not HTTPS; two lines.
    let (to, heard) = https(&Authority::new(), &[200]).await;
    let Receiver::Https { url, .. } = to else { panic!() };
    let own = |url: &str| Receiver::Https {
        url: url.to_owned(),
        token: None,
        root_pem: Some(authority.root_pem.clone()),
    };
    assert_eq!(Forwarder::new(own(&url), SOON).send(&[event("a")]).await, Outcome::Unreachable);
    assert!(heard.lock().unwrap().is_empty());
    let nobody = format!("https://127.0.0.1:{}/", dead_port());
    let mut forwarder = Forwarder::new(own(&nobody), SOON);
    assert_eq!(forwarder.send(&[event("a")]).await, Outcome::Unreachable);
    assert_eq!(forwarder.sent().failed, 3);
    let permanent = Outcome::Refused { permanent: true };
    assert_eq!(forwarder.send(&vec![event("a"); BATCH + 1]).await, permanent);
    let two = Message { text: Some("{}\n{}".into()), ..Message::default() };
    assert_eq!(forwarder.send(&[two]).await, permanent);
    let plain = Forwarder::new(own("http://127.0.0.1:1/"), SOON).send(&[event("a")]).await;
    assert_eq!(plain, permanent);
    assert_eq!(forwarder.send(&[]).await, Outcome::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_over_tls_reaches_who_is_believed() {
    let (authority, heard) = (Authority::new(), Heard::default());
    let (acceptor, kept) = (authority.good().acceptor(&[&TLS13]), Arc::clone(&heard));
    let port = serve(move |stream| {
        let (kept, acceptor) = (Arc::clone(&kept), acceptor.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut bytes = Vec::new();
            drop(stream.read_to_end(&mut bytes).await);
            Decoder::new().push(&bytes, |frame| match frame {
                Frame::Message(message) => {
                    kept.lock().unwrap().push(String::from_utf8(message).unwrap());
                }
                Frame::Broken(why) => panic!("{why}"),
            });
        }
    })
    .await;
    let to = |root: &Authority| Receiver::Syslog {
        host: "127.0.0.1".into(),
        port,
        tls: Some(Trust { root_pem: Some(root.root_pem.clone()) }),
    };
    let mut forwarder = Forwarder::new(to(&authority), SOON);
    assert_eq!(forwarder.send(&[event("a"), event("b")]).await, Outcome::Accepted);
    {
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 2, "{heard:?}");
        let back = Message::parse(heard[1].as_bytes()).unwrap();
        assert_eq!((back.facility, back.severity), (13, 3));
        assert!(back.text.unwrap().contains("\"uid\":\"b\""));
    }
    let stranger = Forwarder::new(to(&Authority::new()), SOON).send(&[event("c")]).await;
    assert_eq!(stranger, Outcome::Unreachable);
    assert_eq!(heard.lock().unwrap().len(), 2);
}

/// A program that is ended with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_writes_down_what_we_send() {
    let Some(rsyslog) = program("/usr/sbin/rsyslogd", "rsyslog") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (place, port) = (folder.path().display().to_string(), dead_port());
    let config = format!(
        "module(load=\"imtcp\")\nglobal(workDirectory=\"{place}\")\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
         template(name=\"all\" type=\"string\" \
         string=\"%app-name%|%syslogfacility%|%syslogseverity%|%hostname%|%msg%\\n\")\n\
         action(type=\"omfile\" file=\"{place}/out\" template=\"all\")\n"
    );
    std::fs::write(folder.path().join("conf"), config).unwrap();
    let mut command = Command::new(rsyslog);
    command.args(["-n", "-f", &format!("{place}/conf"), "-i", &format!("{place}/pid")]);
    let _running = Program(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let to = Receiver::Syslog { host: "127.0.0.1".into(), port, tls: None };
    // It needs a moment to listen, for which the tries and their pauses are there.
    let patience = Patience { tries: 12, ..Patience { pause: Duration::from_millis(50), ..SOON } };
    let mut forwarder = Forwarder::new(to, patience);
    assert_eq!(forwarder.send(&[event("a"), event("b")]).await, Outcome::Accepted);
    let lines = loop {
        let text = std::fs::read_to_string(folder.path().join("out")).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.iter().filter(|line| line.starts_with("bailee|")).count() == 2 {
            break lines;
        }
        tokio::task::yield_now().await;
    };
    let own: Vec<_> =
        lines.iter().filter(|line| line.contains("OCSF") || line.contains("uid")).collect();
    assert_eq!(own.len(), 2, "{lines:?}");
    assert!(own[0].starts_with("bailee|13|3|bailee.example|"), "{own:?}");
    // What looked like a message of its own is none.
    assert!(!lines.iter().any(|line| line.starts_with("-|") || line.starts_with("|0|0")));
}
