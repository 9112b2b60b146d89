//! Syslog to the program as it is delivered.

use crate::whole::support::{Server, Store, text};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

/// Addresses on which nobody listens now.
fn free(number: usize) -> Vec<SocketAddr> {
    let held: Vec<_> = (0..number).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|one| one.local_addr().unwrap()).collect()
}

fn scrape(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Scrapes until this line is there; what limits it is the time a test may take.
fn until(address: SocketAddr, line: &str) -> String {
    loop {
        let text = scrape(address);
        if text.lines().any(|one| one == line) {
            return text;
        }
    }
}

#[test]
fn syslog_is_received_and_what_is_malformed_or_dropped_is_counted() {
    let all = free(2);
    let (syslog, metrics) = (all[0], all[1]);
    let store = Store::init();
    let file = store.beside("bailee.toml");
    fs::write(&file, format!("metrics_listen = \"{metrics}\"\n")).unwrap();
    let address = syslog.to_string();
    let server = store.serve_with(&["--config", text(&file), "--syslog", &address], &[]);
    let mut tcp = TcpStream::connect(syslog).unwrap();
    tcp.write_all(b"<13>Nov 23 05:00:00 h t: one\n<999>none\n<13>Nov 23 05:00:00 h t: two\n")
        .unwrap();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(b"<13>Nov 23 05:00:00 h t: three", syslog).unwrap();
    until(metrics, "bailee_signals_received_total{transport=\"tcp\"} 2");
    until(metrics, "bailee_signals_malformed_total{transport=\"tcp\"} 1");
    let said = until(metrics, "bailee_signals_received_total{transport=\"udp\"} 1");
    assert!(said.contains("bailee_signals_dropped_total{transport=\"udp\"} 0"), "{said}");
    assert!(!said.contains("127.0.0.1"), "{said}");
    let logged = server.logged();
    server.stop();
    assert!(!logged.contains("panic"), "{logged}");
}

/// Sends a line with openssl, with a certificate of one's own or without.
fn send(address: SocketAddr, ca: &Path, own: &[&str], line: &str) {
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-quiet",
        "-no_ign_eof",
        "-verify_return_error",
        "-CAfile",
        text(ca),
    ]);
    command.args(["-connect", &address.to_string()]).args(own).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // It may have been turned away before it has read all.
    drop(child.stdin.take().unwrap().write_all(line.as_bytes()));
    child.wait().unwrap();
}

#[test]
fn syslog_over_tls_is_under_the_api_s_certificate_and_for_vouched_clients() {
    let all = free(2);
    let (syslog, metrics) = (all[0], all[1]);
    let store = Store::init();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["sender.example".to_owned()]).unwrap();
    let own = own.signed_by(&key, &issuer).unwrap();
    let (ca, cert) = (store.beside("senders.pem"), store.beside("own.pem"));
    fs::write(&ca, issuer.pem()).unwrap();
    fs::write(&cert, own.pem() + &key.serialize_pem()).unwrap();
    let file = store.beside("bailee.toml");
    let lines = format!(
        "metrics_listen = \"{metrics}\"\n[syslog]\ntls = \"{syslog}\"\nclient_ca = \"{}\"\n",
        text(&ca)
    );
    fs::write(&file, lines).unwrap();
    let server = store.serve_with(&["--config", text(&file)], &[]);
    send(syslog, &server.ca, &[], "<13>Nov 23 05:00:00 h t: from nobody\n");
    let said = until(metrics, "bailee_signals_cut_total{transport=\"tls\"} 1");
    assert!(said.contains("bailee_signals_received_total{transport=\"tls\"} 0"), "{said}");
    send(syslog, &server.ca, &["-cert", text(&cert)], "<13>Nov 23 05:00:00 h t: from a sender\n");
    until(metrics, "bailee_signals_received_total{transport=\"tls\"} 1");
    server.stop();
    // An authority that is none is said at the start.
    fs::write(&ca, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let mut command = store.command(&["--config", text(&file)], &[]);
    let said = Server::start(&mut command, &store).err().unwrap();
    assert!(said.contains("client_ca"), "{said}");
}
