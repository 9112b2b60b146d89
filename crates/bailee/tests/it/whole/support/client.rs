//! A client that sends exactly the bytes a test is about, over TLS 1.3 and HTTP/1.1.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use serde_json::Value;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A test that waits longer than this for a byte has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.text()))
    }

    /// The receipt: in the header of a read, in the body of a write.
    #[track_caller]
    pub fn receipt(&self) -> String {
        match self.field("bailee-receipt") {
            Some(text) => String::from_utf8(URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap(),
            None => self.json()["receipt"].to_string(),
        }
    }

    /// A problem's member, of a response that has to be one (RFC 9457).
    #[track_caller]
    pub fn problem(&self, member: &str) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem[member].as_str().unwrap_or_default().to_owned()
    }
}

/// A client with a token, which keeps one connection.
pub struct Client {
    pub address: SocketAddr,
    config: Arc<ClientConfig>,
    token: String,
    wire: Option<Wire>,
}

impl Client {
    pub fn new(address: SocketAddr, ca: &Path, token: &str) -> Self {
        let config = config(ca, &[&rustls::version::TLS13]);
        Self { address, config, token: token.to_owned(), wire: None }
    }

    /// Another client of the same server, with a connection of its own.
    pub fn another(&self) -> Self {
        let (config, token) = (Arc::clone(&self.config), self.token.clone());
        Self { address: self.address, config, token, wire: None }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.another() }
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], None)
    }

    /// A `PUT` of JSON, or of nothing.
    #[track_caller]
    pub fn put(&mut self, path: &str, body: &[u8]) -> Answer {
        self.ask("PUT", path, &[], (!body.is_empty()).then_some(body))
    }

    #[track_caller]
    pub fn post(&mut self, path: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, &[], (!body.is_empty()).then_some(body))
    }

    #[track_caller]
    pub fn delete(&mut self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], None)
    }

    #[track_caller]
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        match self.try_ask(method, path, fields, body) {
            Ok(answer) => answer,
            Err(why) => panic!("{method} {path}: {why}"),
        }
    }

    /// As [`Client::ask`], for a server that may go away. After an error nothing is known, and the
    /// next request gets another connection.
    pub fn try_ask(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> io::Result<Answer> {
        let head = self.head(method, path, fields, body);
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => self.open()?,
        };
        wire.send(&head)?;
        let answer = wire.answer(method)?;
        if answer.field("connection") != Some("close") {
            self.wire = Some(wire);
        }
        Ok(answer)
    }

    /// A connection of its own.
    pub fn open(&self) -> io::Result<Wire> {
        Wire::open(self.address, Arc::clone(&self.config))
    }

    /// The bytes of a request.
    pub fn head(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        if !self.token.is_empty() {
            head += &format!("authorization: Bearer {}\r\n", self.token);
        }
        let typed = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.is_some() && !typed {
            head += "content-type: application/json\r\n";
        }
        for (name, value) in fields {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            head += &format!("content-length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        bytes
    }

    /// Every item of a list, page by page.
    #[track_caller]
    pub fn pages(&mut self, path: &str) -> Vec<Value> {
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = match &after {
                Some(after) => self.get(&format!("{path}{sign}after={after}")),
                None => self.get(path),
            };
            let page = page.expect(200).json();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return items,
            }
        }
    }
}

/// A configuration that trusts one authority and speaks these versions.
pub fn config(ca: &Path, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A connection over TLS on which a test says exactly what it wants.
pub struct Wire(pub StreamOwned<ClientConnection, TcpStream>);

impl Wire {
    pub fn open(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<Self> {
        let name = address.ip().into();
        let client = ClientConnection::new(config, name).unwrap();
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut wire = Self(StreamOwned::new(client, stream));
        wire.0.conn.complete_io(&mut wire.0.sock)?;
        Ok(wire)
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// Reads one answer.
    pub fn answer(&mut self, method: &str) -> io::Result<Answer> {
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

    /// What comes until the server ends the connection. A reset is an end too.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest);
        rest
    }
}
