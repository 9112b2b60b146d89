//! Other people's senders: logger of util-linux, rsyslog, syslog-ng, openssl.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A program that is ended with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Says that something is not on this machine; where all has to run, that is a failure.
fn missing(program: &str) -> bool {
    let there = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).exists())
    }) || Path::new("/usr/sbin").join(program).exists();
    if !there {
        let why = format!("skipped: `{program}` is not installed");
        assert!(std::env::var_os("BAILEE_TEST_ALL").is_none_or(|all| all != "1"), "{why}");
        eprintln!("{why}");
        if let Some(path) = std::env::var_os("BAILEE_SKIPS") {
            use std::io::Write as _;
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            writeln!(file.unwrap(), "{why}").unwrap();
        }
    }
    !there
}

fn logger(arguments: &[&str]) {
    let done = Command::new("logger").args(arguments).status().unwrap();
    assert!(done.success(), "{arguments:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logger_is_understood_in_all_its_ways() {
    if missing("logger") {
        return;
    }
    let mut scene = Scene::new(None).await;
    let port = |transport: &str| scene.addresses[transport].port().to_string();
    let (tcp, udp) = (port("tcp"), port("udp"));
    let text = "Failed password for root from 192.0.2.1 port 7 ssh2";
    for (number, (way, port, form)) in [
        (&["--tcp", "--octet-count"][..], &tcp, "--rfc5424"),
        (&["--tcp"], &tcp, "--rfc5424"),
        (&["--tcp"], &tcp, "--rfc3164"),
        (&["--udp"], &udp, "--rfc5424"),
        (&["--udp"], &udp, "--rfc3164"),
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("{text}: RSA SHA256:n{number}");
        let to = ["--server", "127.0.0.1", "--port", port, form, "--tag", "sshd", "--id=77"];
        logger(&[&to[..], way, &["--priority", "auth.notice", &text]].concat());
        let found = scene.until(&format!("n{number}")).await;
        let record = &found.record;
        assert_eq!(record.service.as_deref(), Some("sshd"), "{way:?} {form}: {record:?}");
        assert_eq!(record.text("source.ip"), Some("192.0.2.1"));
        assert_eq!(record.text("source.place"), Some("office"));
        assert_eq!(record.fields["log.syslog.priority"], 37);
        assert_eq!(record.fields["process.pid"], 77);
        assert!(record.time.is_some() && record.host.is_some());
        let udp = found.transport == Transport::Udp;
        assert_eq!(udp, way == ["--udp"]);
        assert_eq!(record.text("log.source.trust").is_some(), udp);
        if form == "--rfc5424" {
            let zone = "log.syslog.structured_data.timeQuality.tzKnown";
            assert_eq!(record.text(zone), Some("1"));
        }
    }
    let counts = scene.counted(Transport::Udp, |one| one.received == 2).await;
    assert_eq!((counts.malformed, counts.dropped, counts.last_seen), (0, 0, NOW));
}

/// rsyslog with a source of its own, sending wherever its lines say.
fn rsyslog(folder: &Path, lines: &str) -> Program {
    let source = folder.join("in.log");
    std::fs::write(&source, "").unwrap();
    let config = format!(
        "module(load=\"imfile\")\nglobal(workDirectory=\"{0}\")\n\
         input(type=\"imfile\" File=\"{0}/in.log\" Tag=\"sudo:\" Severity=\"notice\" \
         Facility=\"authpriv\")\n{lines}\n",
        folder.display()
    );
    std::fs::write(folder.join("rsyslog.conf"), config).unwrap();
    let child = Command::new("rsyslogd")
        .args(["-n", "-f"])
        .arg(folder.join("rsyslog.conf"))
        .arg("-i")
        .arg(folder.join("pid"))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Program(child.unwrap())
}

const COMMAND: &str = "  lea : TTY=pts/0 ; PWD=/home/lea ; USER=root ; COMMAND=/usr/bin/id ;";

/// Writes lines until one is heard: the program has no word for being ready.
async fn heard(scene: &mut Scene, folder: &Path, word: &str) -> Arrived {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().append(true).open(folder.join("in.log")).unwrap();
    writeln!(file, "{COMMAND} {word}").unwrap();
    scene.until(word).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_forwards_over_tcp_and_udp() {
    if missing("rsyslogd") {
        return;
    }
    for (transport, lines) in [
        ("tcp", "Template=\"RSYSLOG_SyslogProtocol23Format\" TCP_Framing=\"octet-counted\""),
        ("tcp", "Template=\"RSYSLOG_ForwardFormat\""),
        ("udp", "Template=\"RSYSLOG_TraditionalForwardFormat\""),
    ] {
        let mut scene = Scene::new(None).await;
        let folder = tempfile::tempdir().unwrap();
        let port = scene.addresses[transport].port();
        let action = format!(
            "action(type=\"omfwd\" Target=\"127.0.0.1\" Port=\"{port}\" Protocol=\"{transport}\" \
             {lines})"
        );
        let _running = rsyslog(folder.path(), &action);
        let record = heard(&mut scene, folder.path(), "word").await.record;
        assert_eq!(record.service.as_deref(), Some("sudo"), "{lines}: {record:?}");
        assert_eq!(record.text("user.name"), Some("lea"), "{lines}");
        assert_eq!(record.text("COMMAND"), Some("/usr/bin/id ; word"), "{lines}");
        assert_eq!(record.fields["log.syslog.facility.code"], 10, "{lines}");
    }
}

/// An authority with a server's and a client's certificate.
pub struct Issuer {
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Issuer {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { authority: CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    fn issue(&self) -> (rcgen::Certificate, KeyPair) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(names).unwrap().signed_by(&key, &self.authority).unwrap(), key)
    }

    /// Settings of the server, with or without asking clients for a certificate.
    pub fn server(&self, ask: bool) -> Arc<ServerConfig> {
        let (certificate, key) = self.issue();
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if ask {
            let mut roots = RootCertStore::empty();
            roots.add(self.authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }

    /// Writes `ca.pem`, `cert.pem` and `key.pem`.
    fn write(&self, folder: &Path) {
        let (certificate, key) = self.issue();
        std::fs::write(folder.join("ca.pem"), self.authority.pem()).unwrap();
        std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_forwards_over_tls_with_a_certificate_and_not_without() {
    if missing("rsyslogd") || !Path::new("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so").exists()
    {
        return;
    }
    let issuer = Issuer::new();
    let mut scene = Scene::new(Some(issuer.server(true))).await;
    let folder = tempfile::tempdir().unwrap();
    issuer.write(folder.path());
    let port = scene.addresses["tls"].port();
    let place = folder.path().display().to_string();
    let lines = |own: &str| {
        format!(
            "global(DefaultNetstreamDriver=\"gtls\" \
             DefaultNetstreamDriverCAFile=\"{place}/ca.pem\"{own})\n\
             action(type=\"omfwd\" Target=\"127.0.0.1\" Port=\"{port}\" Protocol=\"tcp\" \
             StreamDriver=\"gtls\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/certvalid\" \
             TCP_Framing=\"octet-counted\" Template=\"RSYSLOG_SyslogProtocol23Format\")"
        )
    };
    let own = format!(
        " DefaultNetstreamDriverCertFile=\"{place}/cert.pem\" \
         DefaultNetstreamDriverKeyFile=\"{place}/key.pem\""
    );
    let running = rsyslog(folder.path(), &lines(&own));
    let found = heard(&mut scene, folder.path(), "secret").await;
    assert_eq!(found.transport, Transport::Tls);
    assert_eq!(found.record.text("tls.client.hash.sha256").map(str::len), Some(64));
    drop(running);
    let other = tempfile::tempdir().unwrap();
    let _running = rsyslog(other.path(), &lines(""));
    std::fs::write(other.path().join("in.log"), format!("{COMMAND} stranger\n")).unwrap();
    scene.counted(Transport::Tls, |one| one.cut > 0).await;
}
