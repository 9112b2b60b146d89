//! A server that speaks Bailee's wire format over TLS 1.3, in memory, and misbehaves on demand.
//!
//! It knows accounts, collections, records with versions, batches and idempotency keys; everything
//! else is answered by what a test sets. It is no model of rights or ledgers.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn key(&self) -> &str {
        self.headers.get("idempotency-key").map_or("", String::as_str)
    }
}

/// What becomes of a request.
pub enum Fate {
    /// It is done and answered.
    Done,
    /// It is done, but the answer is lost with the connection.
    Lost,
    /// It is not done; this is answered.
    Says(u16, Vec<(&'static str, String)>, Vec<u8>),
}

impl Fate {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Says(status, Vec::new(), body.to_string().into_bytes())
    }

    /// A problem (RFC 9457). An unavailable server may be asked again at once.
    pub fn problem(status: u16, detail: &str) -> Self {
        let body = json!({"title": "No", "status": status, "detail": detail});
        let again = vec![("retry-after", "0".to_owned())];
        Self::Says(status, again, body.to_string().into_bytes())
    }
}

pub type Decide = Box<dyn FnMut(&Seen) -> Fate + Send>;

#[derive(Default)]
pub struct State {
    pub seen: Vec<Seen>,
    /// Accounts by id, with their names.
    pub accounts: BTreeMap<String, String>,
    /// Versions of records by `account/collection/id`.
    pub records: BTreeMap<String, Vec<Vec<u8>>>,
    collections: Vec<String>,
    answers: HashMap<String, (Vec<u8>, u16, Value)>,
}

/// A running server. It ends with the test's process.
pub struct Server {
    url: String,
    folder: tempfile::TempDir,
    state: Arc<Mutex<State>>,
    decide: Arc<Mutex<Decide>>,
}

impl Server {
    pub fn start() -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certified.cert.pem()).unwrap();
        let key =
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
        let mut config = ServerConfig::builder_with_protocol_versions(&[&version::TLS13])
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (state, decide) =
            (Arc::default(), Arc::new(Mutex::new(Box::new(|_: &Seen| Fate::Done) as Decide)));
        let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let server = Self { url, folder, state: Arc::clone(&state), decide: Arc::clone(&decide) };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        std::thread::spawn(move || serve(listener, &acceptor, &state, &decide));
        server
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A folder for the test's files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A file there.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Decides from now on what becomes of requests.
    pub fn decide(&self, decide: impl FnMut(&Seen) -> Fate + Send + 'static) {
        *self.decide.lock().unwrap() = Box::new(decide);
    }

    /// What was decided so far, to be asked by another decision. Until then everything is done.
    pub fn take_decision(&self) -> Decide {
        std::mem::replace(&mut *self.decide.lock().unwrap(), Box::new(|_| Fate::Done))
    }

    pub fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// All requests so far as `METHOD path`.
    pub fn asked(&self) -> Vec<String> {
        self.state().seen.iter().map(|it| format!("{} {}", it.method, it.path)).collect()
    }
}

fn serve(
    listener: std::net::TcpListener,
    acceptor: &TlsAcceptor,
    state: &Arc<Mutex<State>>,
    decide: &Arc<Mutex<Decide>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    listener.set_nonblocking(true).unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            let (state, decide) = (Arc::clone(state), Arc::clone(decide));
            tokio::spawn(async move {
                // A client that trusts another authority ends here.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request| {
                    answer(request, Arc::clone(&state), Arc::clone(&decide))
                });
                // A lost connection is what some tests ask for.
                let builder = Builder::new(TokioExecutor::new());
                drop(builder.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
    decide: Arc<Mutex<Decide>>,
) -> Result<Response<Full<Bytes>>, String> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|why| why.to_string())?.to_bytes().to_vec();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().unwrap().to_string(),
        headers: headers.collect(),
        body,
    };
    let fate = decide.lock().unwrap()(&seen);
    let mut state = state.lock().unwrap();
    state.seen.push(seen.clone());
    let (status, headers, body) = match fate {
        Fate::Says(status, headers, body) => (status, headers, body),
        Fate::Done => {
            let (status, body) = state.act(&seen);
            (status, Vec::new(), body)
        }
        Fate::Lost => {
            state.act(&seen);
            return Err("lost".to_owned());
        }
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(body.into())).unwrap())
}

impl State {
    fn act(&mut self, seen: &Seen) -> (u16, Vec<u8>) {
        if seen.headers.get("authorization").map(String::as_str) != Some("Bearer good-token") {
            return (401, b"{}".to_vec());
        }
        let path = seen.path.split('?').next().unwrap();
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        if let (Some((body, status, answer)), false) =
            (self.answers.get(seen.key()), seen.key().is_empty())
        {
            let same = *body == seen.body;
            return if same {
                (*status, answer.to_string().into_bytes())
            } else {
                (409, b"{}".to_vec())
            };
        }
        let (status, answer) = match (seen.method.as_str(), &parts[..]) {
            ("GET", ["accounts", account, "collections", collection, "records", id]) => {
                let versions = self.records.get(&format!("{account}/{collection}/{id}"));
                return versions
                    .map_or((404, b"{}".to_vec()), |all| (200, all.last().unwrap().clone()));
            }
            _ => self.write(seen, &parts),
        };
        if status < 300 && !seen.key().is_empty() {
            self.answers.insert(seen.key().to_owned(), (seen.body.clone(), status, answer.clone()));
        }
        (status, answer.to_string().into_bytes())
    }

    fn write(&mut self, seen: &Seen, parts: &[&str]) -> (u16, Value) {
        match (seen.method.as_str(), parts) {
            ("POST", ["accounts"]) => self.open(&seen.body),
            ("PUT", ["accounts", account, "collections", collection]) => {
                if !self.accounts.contains_key(*account) {
                    return (404, json!({"detail": "no such account"}));
                }
                self.collections.push(format!("{account}/{collection}"));
                (200, json!({"collection": collection}))
            }
            ("PUT", ["accounts", account, "collections", collection, "records", id]) => {
                let version = self.put(account, collection, id, &seen.body);
                (200, json!({"id": id, "version": version, "receipt": {"format": "test"}}))
            }
            ("POST", ["accounts", account, "collections", collection, "records:batch"]) => {
                self.batch(account, collection, &seen.body)
            }
            _ => (404, json!({"detail": "no such path"})),
        }
    }

    fn open(&mut self, body: &[u8]) -> (u16, Value) {
        let body: Value = serde_json::from_slice(body).unwrap();
        let (id, name) = (body["id"].as_str().unwrap(), body["name"].as_str().unwrap());
        if self.accounts.contains_key(id) {
            return (409, json!({"detail": "it exists"}));
        }
        self.accounts.insert(id.to_owned(), name.to_owned());
        (201, json!({"id": id, "name": name, "slot": 1, "created": "2026-01-01T00:00:00Z"}))
    }

    fn batch(&mut self, account: &str, collection: &str, body: &[u8]) -> (u16, Value) {
        #[derive(serde::Deserialize)]
        struct Batch<'a> {
            #[serde(borrow)]
            records: Vec<Record<'a>>,
        }
        #[derive(serde::Deserialize)]
        struct Record<'a> {
            id: &'a str,
            #[serde(borrow)]
            value: &'a RawValue,
        }
        if !self.collections.contains(&format!("{account}/{collection}")) {
            return (404, json!({"detail": "no such collection"}));
        }
        let batch: Batch<'_> = serde_json::from_slice(body).unwrap();
        assert!((1..=500).contains(&batch.records.len()));
        // Records that this server finds wrong, as the real one finds some wrong.
        let wrong = |it: &Record<'_>| it.value.get().contains("too deep");
        if batch.records.iter().any(wrong) {
            return (400, json!({"detail": "the value is nested too deeply"}));
        }
        let put = |it: &Record<'_>| {
            let version = self.put(account, collection, it.id, it.value.get().as_bytes());
            json!({"id": it.id, "version": version, "receipt": null})
        };
        (200, json!({"items": batch.records.iter().map(put).collect::<Vec<_>>()}))
    }

    fn put(&mut self, account: &str, collection: &str, id: &str, body: &[u8]) -> usize {
        let versions = self.records.entry(format!("{account}/{collection}/{id}")).or_default();
        versions.push(body.to_vec());
        versions.len()
    }
}
