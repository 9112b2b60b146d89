//! A running server, and a client that hides nothing.

use api::{Config, Server};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Clock, Kernel, SystemClock};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use testkit::World;
use tokio::sync::oneshot;

/// A test that waits longer than this for a byte has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs until it is dropped.
pub struct Running {
    pub world: World,
    pub address: SocketAddr,
    pub metrics: Option<SocketAddr>,
    pub folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// The settings of a server in a folder.
pub fn config(folder: &Path) -> Config {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Config::new(listen, folder.join("data"), folder.join("data.keys"))
}

/// A world whose clock stands at the present, because certificates are checked against it.
pub fn world(seed: u64) -> World {
    let world = World::memory(seed);
    world.clock.set(SystemClock.now());
    world
}

impl Running {
    pub fn start(seed: u64) -> Self {
        Self::configured(seed, |_| {})
    }

    pub fn configured(seed: u64, change: impl FnOnce(&mut Config)) -> Self {
        let world = world(seed);
        let kernel = world.kernel.clone();
        Self::with(world, kernel, change)
    }

    /// Another node over the same store, for as long as this one.
    pub fn node(&self) -> Self {
        let World { kernel, clock, admin } = &self.world;
        let (kernel, clock, admin) = (kernel.clone(), Arc::clone(clock), admin.clone());
        Self::over(World { kernel: kernel.clone(), clock, admin }, kernel)
    }

    /// A server over another kernel than the world's.
    pub fn over(world: World, kernel: Kernel) -> Self {
        Self::with(world, kernel, |_| {})
    }

    fn with(world: World, kernel: Kernel, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        let server = Server::bind(&config, kernel).unwrap();
        let (address, metrics) = (server.local_addr().unwrap(), server.metrics_addr());
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            runtime.block_on(server.run(async {
                // A test that ends without a word stops the server too.
                let _ = stopped.await;
            }))
        });
        let (stop, thread) = (Some(stop), Some(thread));
        Self { world, address, metrics, folder, stop, thread }
    }

    /// Asks the server to end.
    pub fn stop(&mut self) {
        self.stop.take();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> io::Result<()> {
        self.thread.take().unwrap().join().unwrap()
    }

    /// A connection of a client that trusts the server's authority alone.
    pub fn connect(&self) -> Wire {
        Wire::open(
            self.address,
            &self.folder.path().join("data/tls/ca.pem"),
            &[&rustls::version::TLS13],
        )
        .unwrap()
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: &Ask<'_>) -> Answer {
        let mut wire = self.connect();
        wire.send(&request.bytes());
        wire.answer(request.method)
    }

    /// One request that has to be answered with this status.
    pub fn expect(&self, status: u16, request: &Ask<'_>) -> Answer {
        let answer = self.ask(request);
        assert_eq!(answer.status, status, "{} {}: {answer:?}", request.method, request.path);
        answer
    }

    /// An account `acme` with a collection `cases`, and the token of a service that may do
    /// everything with it.
    pub fn acme(&self) -> String {
        let worker = self.world.service("worker");
        self.world.grant("service:worker", "*", "*", &["read", "write", "delete", "open"]);
        let account = self.world.account(&worker, "acme").unwrap();
        self.world.collection(&worker, &account, "cases").unwrap();
        worker
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

/// A request.
#[derive(Clone)]
pub struct Ask<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub fields: Vec<(&'a str, String)>,
    pub body: Option<Vec<u8>>,
}

/// A request without login and body.
pub fn ask<'a>(method: &'a str, path: &'a str) -> Ask<'a> {
    Ask { method, path, fields: vec![], body: None }
}

impl<'a> Ask<'a> {
    pub fn by(self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    pub fn with(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.with("content-type", "application/json").body(body)
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nhost: localhost\r\n", self.method, self.path);
        for (name, value) in &self.fields {
            bytes += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            bytes += &format!("content-length: {}\r\n", body.len());
        }
        bytes += "\r\n";
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The member `detail` of a problem.
    pub fn detail(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"));
        self.json()["detail"].as_str().unwrap().to_owned()
    }

    /// The receipt in the header.
    pub fn receipt(&self) -> String {
        let text = self.field("bailee-receipt").unwrap();
        String::from_utf8(URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }
}

/// A connection over TLS on which a test says exactly what it wants.
pub struct Wire(pub StreamOwned<ClientConnection, TcpStream>);

impl Wire {
    pub fn open(
        address: SocketAddr,
        authority: &Path,
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = address.ip().into();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut wire = Self(StreamOwned::new(client, stream));
        wire.0.conn.complete_io(&mut wire.0.sock)?;
        Ok(wire)
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }

    /// Reads one answer; to a `HEAD` it has no body.
    pub fn answer(&mut self, method: &str) -> Answer {
        self.try_answer(method).unwrap()
    }

    pub fn try_answer(&mut self, method: &str) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, fields, body: vec![] };
        let length = answer.field("content-length").map_or(0, |text| text.parse().unwrap());
        if method != "HEAD" && status != 304 {
            answer.body = vec![0; length];
            self.0.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// Whether the server ended the connection, and sent nothing before.
    pub fn ended(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = self.0.read_to_end(&mut rest);
        rest.is_empty()
    }
}
