//! `curl` with a client certificate, at a listener of rustls that trusts our authority and list.

use super::hosts::program;
use super::support::{client, house, past, person, revoking, run, text, write};
use pki::x509::{Authority, Crl};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivatePkcs8KeyDer};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

/// A listener that says `welcome` to whom it takes, and ends with the test.
struct Listener {
    port: u16,
    served: String,
}

impl Listener {
    fn start(authority: &Authority, list: &Crl) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        let root = authority.certificate().der().to_vec();
        roots.add(CertificateDer::from(root)).unwrap();
        let list = CertificateRevocationListDer::from(list.der().to_vec());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .with_crls([list])
                .enforce_revocation_expiration()
                .build()
                .unwrap();
        let served = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(served.signing_key.serialize_der());
        let settings = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![served.cert.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let settings = Arc::new(settings);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut tls = ServerConnection::new(Arc::clone(&settings)).unwrap();
                let mut stream = stream.unwrap();
                let mut both = Stream::new(&mut tls, &mut stream);
                // Whoever is refused finds the connection closed.
                if both.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nwelcome";
                    drop(both.write_all(answer));
                    both.conn.send_close_notify();
                    drop(both.conn.write_tls(both.sock));
                }
            }
        });
        Self { port, served: served.cert.pem() }
    }
}

#[test]
fn curl_is_let_in_by_certificate_and_not_once_it_is_revoked() {
    let Some(_) = program("/usr/bin/curl", "curl") else { return };
    let (authority, client) = (house(3), client());
    let listener = Listener::start(&authority, &revoking(&authority, 1, &[2]));
    let trusted = write(&client.folder.path().join("server.pem"), &listener.served).to_owned();
    let url = format!("https://localhost:{}/", listener.port);
    let ask = |certificate: Option<&str>| {
        let mut words = vec!["-sS", "--noproxy", "*", "--cacert", &trusted];
        if let Some(certificate) = certificate {
            words.extend(["--cert", certificate, "--key", text(&client.key)]);
        }
        words.push(&url);
        run("/usr/bin/curl", &words)
    };
    let good = client.file(&client.ask(&authority, 1, "ada"));
    assert_eq!(ask(Some(text(&good))), (true, "welcome".to_owned()));
    let revoked = client.file(&client.ask(&authority, 2, "eve"));
    let old = client.file(&client.ask_for(&authority, 3, person("ada"), past()));
    let foreign = client.file(&client.ask(&house(4), 4, "ada"));
    for (certificate, why) in [
        (Some(text(&revoked)), "certificate revoked"),
        (Some(text(&old)), "certificate expired"),
        (Some(text(&foreign)), "alert"),
        (None, "certificate required"),
    ] {
        let (accepted, said) = ask(certificate);
        assert!(!accepted && said.contains(why), "{why}: {said}");
    }
}
