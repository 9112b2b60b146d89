//! A look at a TLS endpoint from outside, as any client would see it.
//!
//! Promises: what was seen is told even when the certificate is not trusted; trust and name are
//! judged apart, at the time the caller gives; one look ends within its time and reads to a bound.
//! TLS 1.2 and 1.3 are spoken.
//!
//! Does not: find out whether TLS 1.0 or 1.1 would be accepted, which needs code that speaks them
//! ([`Probe::old_versions`] stays empty: import a `testssl.sh` report), list all ciphers, look at
//! revocation, or send anything but one request for `/`.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::outcome::said;
use crate::trust;
use crate::webhook::fingerprint;

/// Most bytes of an HTTP head that are read.
const HEAD_BYTES: usize = 16 * 1024;

/// Most names of a certificate that are kept.
const NAMES: usize = 200;

/// What a look at an endpoint showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// A TCP connection was made.
    pub reachable: bool,
    /// The protocol version that was agreed on, such as `TLSv1.3`; none when there was no
    /// handshake.
    pub version: Option<String>,
    /// The cipher suite by its name at IANA, such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: Option<String>,
    /// The server's own certificate.
    pub certificate: Option<Cert>,
    /// The chain leads to a root that is believed, and every certificate in it is valid now.
    pub trusted: bool,
    /// The certificate holds the server's name.
    pub name_matches: bool,
    /// The value of `Strict-Transport-Security` (RFC 6797).
    pub hsts: Option<String>,
    /// An HTTP/1.1 answer came over TLS.
    pub http_answers: bool,
    /// Versions before TLS 1.2 that the server accepts: always empty, see the module.
    pub old_versions: Vec<String>,
    /// What kept the look from going further or the chain from being trusted, in a sentence.
    pub failure: Option<String>,
}

/// What a certificate says (RFC 5280).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cert {
    /// The subject's distinguished name.
    pub subject: String,
    /// Valid from, in seconds since 1970.
    pub not_before: i64,
    /// Valid to, in seconds since 1970.
    pub not_after: i64,
    /// DNS names and addresses it holds, to 200 of them.
    pub names: Vec<String>,
    /// SHA-256 of the whole certificate in lower-case hex.
    pub sha256: String,
}

/// Looks at `host:port` for at most `timeout`, asks for `server_name`, and judges the certificate
/// at `now`, in seconds since 1970, by the root given or those of the operating system.
pub async fn probe(
    host: &str,
    port: u16,
    server_name: &str,
    root_pem: Option<&str>,
    now: u64,
    timeout: Duration,
) -> Probe {
    let mut seen = Probe::default();
    let deadline = Instant::now() + timeout;
    if let Err(why) = look(&mut seen, (host, port), server_name, root_pem, now, deadline).await {
        seen.failure = Some(said(why.as_bytes()));
    }
    seen
}

async fn look(
    seen: &mut Probe,
    place: (&str, u16),
    server_name: &str,
    root_pem: Option<&str>,
    now: u64,
    deadline: Instant,
) -> Result<(), String> {
    let name = ServerName::try_from(server_name.to_owned())
        .map_err(|_| format!("`{server_name}` is no host name and no IP address"))?;
    let stream = timeout_at(deadline, TcpStream::connect(place)).await;
    let stream = stream.map_err(|_| "no connection in time".to_owned())?;
    let stream = stream.map_err(|why| format!("cannot connect: {why}"))?;
    seen.reachable = true;
    let recorder = Arc::new(Recorder::default());
    let mut config = trust::client_with(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let connected = timeout_at(deadline, connector.connect(name.clone(), stream)).await;
    let chain = recorder.chain();
    let judged = judge(seen, &chain, &name, root_pem, now);
    let connected = connected.map_err(|_| "no TLS handshake in time".to_owned())?;
    let mut stream = connected.map_err(|why| format!("no TLS handshake: {why}"))?;
    let (_, session) = stream.get_ref();
    seen.version = trust::version_name(session.protocol_version());
    seen.cipher = session
        .negotiated_cipher_suite()
        .map(|suite| format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1));
    // Whether it answers is told apart from whether it is trusted, so one failure hides no other.
    if let Ok(Some(head)) =
        timeout_at(deadline, ask(&mut stream, &host_header(&name, place.1))).await
    {
        read_head(seen, &head);
    }
    judged
}

fn judge(
    seen: &mut Probe,
    chain: &[CertificateDer<'static>],
    name: &ServerName<'_>,
    root_pem: Option<&str>,
    now: u64,
) -> Result<(), String> {
    let Some((own, others)) = chain.split_first() else { return Ok(()) };
    seen.certificate = Some(Cert::read(own));
    seen.name_matches = ParsedCertificate::try_from(own)
        .is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, name).is_ok());
    let verifier = trust::verifier(root_pem)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    match verifier.verify_server_cert(own, others, name, &[], now) {
        Ok(_) => seen.trusted = true,
        // The name is looked at last: everything else was found in order.
        Err(Error::InvalidCertificate(
            why @ (CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. }),
        )) => {
            seen.trusted = true;
            return Err(format!("the certificate is for another name: {why}"));
        }
        Err(why) => return Err(format!("the certificate is not trusted: {why}")),
    }
    Ok(())
}

impl Cert {
    fn read(der: &CertificateDer<'_>) -> Self {
        let sha256 = fingerprint(der);
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return Self { sha256, ..Self::default() };
        };
        let validity = certificate.validity();
        let alternative = certificate.subject_alternative_name().ok().flatten();
        let names = alternative.map_or(&[][..], |names| &names.value.general_names);
        Self {
            subject: said(certificate.subject().to_string().as_bytes()),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            names: names.iter().filter_map(shown).take(NAMES).collect(),
            sha256,
        }
    }
}

fn shown(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(said(name.as_bytes())),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}

fn host_header(name: &ServerName<'_>, port: u16) -> String {
    let name = match name {
        ServerName::IpAddress(rustls_pki_types::IpAddr::V6(_)) => format!("[{}]", name.to_str()),
        _ => name.to_str().into_owned(),
    };
    if port == 443 { name } else { format!("{name}:{port}") }
}

/// The head of the answer to one request, or what came of it.
async fn ask(stream: &mut TlsStream<TcpStream>, host: &str) -> Option<Vec<u8>> {
    let agent = concat!("bailee/", env!("CARGO_PKG_VERSION"));
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    let mut head = Vec::new();
    while head.len() < HEAD_BYTES && !head.windows(4).any(|four| four == b"\r\n\r\n") {
        // A connection that ends without a TLS farewell still said what it said.
        if !stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
            break;
        }
    }
    Some(head)
}

fn read_head(seen: &mut Probe, head: &[u8]) {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    seen.http_answers = lines.next().is_some_and(|line| line.starts_with("HTTP/1."));
    if !seen.http_answers {
        return;
    }
    seen.hsts = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("strict-transport-security"))
        .map(|(_, value)| said(value.as_bytes()));
}

/// Lets every certificate pass and keeps it, so that it can be told and judged; that the server has
/// its private key is demanded all the same.
#[derive(Debug)]
struct Recorder {
    chain: Mutex<Vec<CertificateDer<'static>>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Default for Recorder {
    fn default() -> Self {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let algorithms = provider.signature_verification_algorithms;
        Self { chain: Mutex::default(), algorithms }
    }
}

impl Recorder {
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) =
            chain.map(|certificate| certificate.clone().into_owned()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
