//! The server: accepts connections, speaks TLS and HTTP, ends them in order.
//!
//! Promises: every wait has an end (handshake, header, idle connection, drain), every number a
//! limit (connections, header bytes, streams); a connection beyond the limit is closed at once, so
//! that it costs nobody else anything. HTTP/1.1 (RFC 9112) with keep-alive and HTTP/2 (RFC 9113),
//! chosen by ALPN. Whoever speaks plain HTTP to the port gets a TLS alert at most, never data. On
//! shutdown nothing new is accepted, and requests in flight are finished for up to ten seconds.
//!
//! Does not: know routes. Those are in [`crate::routes`], behind [`App`].

use crate::app::{App, Pages};
use crate::metrics::{Metrics, More};
use crate::outbox::Outbox;
use crate::probe;
use crate::tls::{Tls, TlsFiles};
use crate::transmitters::Transmitters;
use crate::workloads::Workloads;
use domain::measures::Listener;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use kernel::Kernel;
use rustls::{ClientConfig, ServerConfig};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;

/// Connections at once, when the configuration names no number. Each costs some tens of KiB.
pub const MAX_CONNECTIONS: usize = 1024;

/// Connections at once to the metrics listener: one scraper and somebody who looks.
const METRICS_CONNECTIONS: usize = 16;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a request's header may take, from the end of the request before.
const HEADER: Duration = Duration::from_secs(60);

/// A connection that finished no request for this long, and has none in flight, is ended.
const IDLE: Duration = Duration::from_secs(90);

/// How long requests in flight may take to finish after a shutdown was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// How long to wait when the system gives no further connections (too many open files).
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes of a request's header.
const HEADER_BYTES: usize = 16 * 1024;

/// Fields of a request's header.
const HEADER_FIELDS: usize = 64;

/// Requests at once in one HTTP/2 connection.
const STREAMS: u32 = 256;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The data folder; `tls/ca.pem` in it is what clients are to trust.
    pub data_dir: PathBuf,
    /// The keys folder.
    pub keys_dir: PathBuf,
    /// Host names and addresses by which clients reach this server, besides `localhost`,
    /// `127.0.0.1`, `::1` and the address of `listen`.
    pub names: Vec<String>,
    /// Whether TLS 1.2 is accepted too.
    pub allow_tls12: bool,
    /// Where `/metrics` is served, in plain HTTP and without login; a loopback address only.
    pub metrics_listen: Option<SocketAddr>,
    /// Connections at once, at least 1.
    pub max_connections: usize,
    /// How others reach this server: `https://HOST[:PORT]`.
    pub public_url: Option<String>,
}

impl Config {
    /// The settings for a server that nobody configured further.
    pub fn new(listen: SocketAddr, data_dir: PathBuf, keys_dir: PathBuf) -> Self {
        Self {
            listen,
            data_dir,
            keys_dir,
            names: Vec::new(),
            allow_tls12: false,
            metrics_listen: None,
            max_connections: MAX_CONNECTIONS,
            public_url: None,
        }
    }
}

/// A server that listens already. Nothing is answered before [`Server::run`].
pub struct Server {
    listener: TcpListener,
    metrics: Option<TcpListener>,
    tls: Tls,
    app: App,
    max_connections: usize,
}

impl Server {
    /// Prepares TLS and starts to listen.
    ///
    /// # Errors
    /// When the address is taken or not of this machine, `metrics_listen` is no loopback address,
    /// or certificates and keys cannot be read or made.
    pub fn bind(config: &Config, kernel: Kernel) -> io::Result<Self> {
        let mut names = vec![config.listen.ip().to_string()];
        names.extend(config.names.iter().cloned());
        let files = TlsFiles { data: &config.data_dir, keys: &config.keys_dir, names: &names };
        let tls = Tls::prepare(&files, config.allow_tls12, kernel.now())?;
        let metrics = config.metrics_listen;
        if let Some(address) = metrics.filter(|address| !address.ip().is_loopback()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{address}` is no loopback address: metrics are served to this machine"),
            ));
        }
        Ok(Self {
            listener: listen(config.listen)?,
            metrics: metrics.map(listen).transpose()?,
            tls,
            app: App::new(kernel).reached_by(config.public_url.clone()),
            max_connections: config.max_connections.max(1),
        })
    }

    /// With pages for people, beside the API.
    #[must_use]
    pub fn with_pages(mut self, pages: Pages) -> Self {
        self.app.pages = Some(pages);
        self
    }

    /// With the platforms whose tokens are taken as those of services.
    #[must_use]
    pub fn with_workloads(mut self, workloads: Workloads) -> Self {
        self.app.workloads = Arc::new(workloads);
        self
    }

    /// With those who tell us what happened to somebody.
    #[must_use]
    pub fn with_transmitters(mut self, transmitters: Transmitters) -> Self {
        self.app.transmitters = Arc::new(transmitters);
        self
    }

    /// With counters of others behind its own in `/metrics`.
    #[must_use]
    pub fn with_metrics(mut self, more: More) -> Self {
        self.app.metrics.with(more);
        self
    }

    /// TLS for another listener, which is no HTTP: with this server's certificate and versions.
    /// With authorities in PEM, only clients that one of them vouches for are let in.
    ///
    /// # Errors
    /// When the text holds no authority.
    pub fn tls_for(&self, client_ca: Option<&str>) -> io::Result<Arc<ServerConfig>> {
        self.tls.listener(client_ca).map(Arc::new)
    }

    /// What the server's own probe of its listener saw last, whenever it is asked.
    pub fn listener(&self) -> Arc<dyn Fn() -> Option<Listener> + Send + Sync> {
        let probed = Arc::clone(&self.app.probed);
        Arc::new(move || probed.seen())
    }

    /// As the server of this name among those of its store. To be said before anybody asks for the
    /// outbox.
    #[must_use]
    pub fn with_node(mut self, node: String) -> Self {
        self.app.outbox = Arc::new(Outbox::of(node));
        self
    }

    /// Where messages of transfers wait; whoever runs the jobs of this kernel sends them.
    pub fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.app.outbox)
    }

    /// What a heartbeat says; whoever watches fills it in.
    pub fn pulse(&self) -> Arc<Mutex<domain::oncall::Pulse>> {
        Arc::clone(&self.app.pulse)
    }

    /// Where the server listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where `/metrics` is served, if it is.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Serves until `shutdown` is done, then finishes what is in flight. Needs a tokio runtime with
    /// time and I/O. The kernel is left open.
    ///
    /// # Errors
    /// When the listener cannot be handed to the runtime.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (stop, stopped) = watch::channel(false);
        let acceptor = TlsAcceptor::from(self.tls.server);
        let own = Arc::new(self.app);
        let app = Arc::clone(&own);
        let probing =
            probe_until(stopped.clone(), &own, self.listener.local_addr()?, self.tls.client);
        let secured = accept(self.listener, self.max_connections, stopped.clone(), {
            let stopped = stopped.clone();
            move |stream, peer| {
                secured(stream, peer, acceptor.clone(), Arc::clone(&app), stopped.clone())
            }
        });
        let metrics = async {
            let Some(listener) = self.metrics else { return Ok(()) };
            let app = Arc::clone(&own);
            accept(listener, METRICS_CONNECTIONS, stopped.clone(), {
                let stopped = stopped.clone();
                move |stream, _| plain(stream, Arc::clone(&app), stopped.clone())
            })
            .await
        };
        let stopping = async {
            shutdown.await;
            // Nobody listens any more only if both loops failed, which is their error to tell.
            let _ = stop.send(true);
            Ok(())
        };
        tokio::try_join!(secured, metrics, probing, stopping).map(|_| ())
    }
}

/// Looks at the listener from outside, now and then.
async fn probe_until(
    mut stopped: watch::Receiver<bool>,
    app: &App,
    address: SocketAddr,
    client: Arc<ClientConfig>,
) -> io::Result<()> {
    let mut every = interval(probe::EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {
                app.probed.look(address, Arc::clone(&client), app.kernel.now()).await;
            }
            () = ended(&mut stopped) => return Ok(()),
        }
    }
}

/// Waits for the end; what the channel lends is not held, so that the future stays `Send`.
async fn ended(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("listen on `{address}`: {error}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Accepts until it is stopped, and then waits for what is open.
async fn accept<F>(
    listener: TcpListener,
    max: usize,
    mut stopped: watch::Receiver<bool>,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = open.join_next(), if !open.is_empty() => {
                report(ended);
                continue;
            }
            () = ended(&mut stopped) => break,
        };
        match accepted {
            // Beyond the limit the connection is closed at once.
            Ok(_) if open.len() >= max => tracing::debug!("too many connections"),
            Ok((stream, peer)) => {
                open.spawn(serve(stream, peer));
            }
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                pause().await;
            }
        }
    }
    drop(listener);
    let ended = timeout(DRAIN, async { while open.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(left = open.len(), "connections were cut: they did not end in time");
    }
    Ok(())
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended by a defect");
    }
}

#[expect(clippy::disallowed_methods, reason = "the system has no event for a free descriptor")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

/// One connection over TLS.
async fn secured(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    app: Arc<App>,
    stopped: watch::Receiver<bool>,
) {
    // Answers are small: waiting to fill a segment would only delay them.
    drop(stream.set_nodelay(true));
    // A handshake costs more than all else; who was told often enough gets none.
    if app.kernel.turns_away(peer.ip()) {
        return;
    }
    // A handshake that fails is the other side's: wrong version, unknown authority, no TLS at all.
    let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else {
        return app.kernel.count_handshake(&kernel::address(peer.ip()));
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let shown = shown.map(|certificate| domain::people::certificate_hash(certificate));
    let served = Arc::new(Served::default());
    let service = service_fn({
        let served = Arc::clone(&served);
        move |request: Request<Incoming>| {
            let (app, served) = (Arc::clone(&app), Arc::clone(&served));
            async move {
                served.started.fetch_add(1, Ordering::Relaxed);
                let answer = app.answer((peer.ip(), shown), request).await;
                served.ended.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(answer)
            }
        }
    });
    let io = TokioIo::new(stream);
    if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
        builder.max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX));
        drive(builder.serve_connection(io, service), &served, stopped).await;
    } else {
        drive(http1_builder().serve_connection(io, service), &served, stopped).await;
    }
}

/// One connection to the metrics listener.
async fn plain(stream: TcpStream, app: Arc<App>, stopped: watch::Receiver<bool>) {
    let served = Arc::new(Served::default());
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = scrape(&app.metrics, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1_builder().serve_connection(TokioIo::new(stream), service);
    drive(connection, &served, stopped).await;
}

fn scrape(metrics: &Metrics, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, metrics.text()),
        _ => (StatusCode::NOT_FOUND, "only `GET /metrics` is here\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER);
    builder.max_header_size(HEADER_BYTES).max_headers(HEADER_FIELDS);
    builder
}

/// What a connection did, for telling an idle one.
#[derive(Default)]
struct Served {
    started: AtomicU64,
    ended: AtomicU64,
}

/// Drives a connection to its end: the client's, a shutdown, or none of both for too long.
async fn drive<C: GracefulConnection>(
    connection: C,
    served: &Served,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connection = pin!(connection);
    let (mut stopping, mut ending, mut before) = (false, false, u64::MAX);
    let mut idle_check = interval(IDLE);
    idle_check.reset();
    loop {
        tokio::select! {
            // A connection that breaks off is the client's business.
            _ = connection.as_mut() => return,
            () = ended(&mut stopped), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = idle_check.tick() => {
                let ended = served.ended.load(Ordering::Relaxed);
                let idle = ended == before && ended == served.started.load(Ordering::Relaxed);
                if idle && ending {
                    return;
                }
                if idle {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                before = ended;
            }
        }
    }
}
