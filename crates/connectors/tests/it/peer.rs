//! The other side of a connection: certificates, servers on loopback, other people's programs.

use std::fs::OpenOptions;
use std::future::Future;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::PrivatePkcs8KeyDer;
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// 2026-01-01 and a year of seconds; what tests call now.
pub const NOW: u64 = 1_767_225_600;
pub const YEAR: i64 = 365 * 24 * 3600;

/// A certificate authority of our own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub root_pem: String,
}

/// What an authority issued, in PEM.
pub struct Issued {
    pub certificate_pem: String,
    pub key_pem: String,
    certificate: rustls_pki_types::CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (at(0), at(100 * YEAR));
        let certificate = params.self_signed(&key).unwrap();
        let issuer = Issuer::from_ca_cert_der(certificate.der(), key).unwrap();
        Self { issuer, root_pem: certificate.pem() }
    }

    /// A server's certificate, valid within these seconds since 1970.
    pub fn issue(&self, names: &[&str], from: i64, to: i64) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Test Server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = (at(from), at(to));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().clone(),
            key: key.serialize_der().into(),
        }
    }

    /// A certificate that is valid as long as any test runs.
    pub fn good(&self) -> Issued {
        self.issue(&["localhost", "127.0.0.1"], 0, 100 * YEAR)
    }
}

impl Issued {
    pub fn acceptor(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key().into())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    pub fn der(&self) -> &[u8] {
        &self.certificate
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

/// Serves each connection with this until the test's runtime ends; answers the port.
pub async fn serve<F, Done>(handle: F) -> u16
where
    F: Fn(TcpStream) -> Done + Send + 'static,
    Done: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    port
}

/// As [`serve`], within TLS; a client that does not trust us is not handled.
pub async fn serve_tls<F, Done>(acceptor: TlsAcceptor, handle: F) -> u16
where
    F: Fn(TlsStream<TcpStream>) -> Done + Clone + Send + 'static,
    Done: Future<Output = ()> + Send + 'static,
{
    serve(move |stream| {
        let (acceptor, handle) = (acceptor.clone(), handle.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                handle(stream).await;
            }
        }
    })
    .await
}

/// A port of loopback on which nobody listens.
pub fn dead_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Python with the packages of the foreign tools, if this module is among them.
pub fn python(module: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tools = std::env::var_os("BAILEE_TOOLS");
    let tools = tools.map_or_else(|| root.join("target/tools"), PathBuf::from);
    let python = tools.join("venv/bin/python");
    let mut command = std::process::Command::new(&python);
    let there = command.args(["-c", &format!("import {module}")]).output();
    let there = there.is_ok_and(|output| output.status.success());
    there_or(there.then_some(python), &format!("PyPI `{module}` is not in {}", tools.display()))
}

/// The folder from which node finds the packages of the foreign tools, if this one is among them.
pub fn npm(package: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tools = std::env::var_os("BAILEE_TOOLS");
    let tools = tools.map_or_else(|| root.join("target/tools"), PathBuf::from);
    let missing = format!("npm `{package}` is not in {}", tools.display());
    let there = tools.join("node_modules").join(package).join("package.json").is_file();
    there_or(there.then_some(tools), &missing)
}

/// A program of Debian's at this path.
pub fn program(path: &str, package: &str) -> Option<PathBuf> {
    let there = Path::new(path).is_file().then(|| path.into());
    there_or(there, &format!("Debian's `{package}` is not installed: no {path}"))
}

/// A file of the shared test data.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let folder =
        std::env::var_os("BAILEE_SHARED").map_or_else(|| root.join("shared"), PathBuf::from);
    let file = folder.join("data").join(name);
    let there = file.exists().then_some(file);
    there_or(there, &format!("the shared data has no `{name}`"))
}

/// What is missing is said, or fails where all tests must run.
fn there_or(found: Option<PathBuf>, missing: &str) -> Option<PathBuf> {
    if found.is_none() {
        let all = std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1");
        assert!(!all, "{missing}; cargo xtask test installs it");
        eprintln!("skipped: {missing}");
        if let Some(path) = std::env::var_os("BAILEE_SKIPS") {
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            writeln!(file, "skipped: {missing}").unwrap();
        }
    }
    found
}
