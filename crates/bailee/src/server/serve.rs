//! `bailee serve`: serves the API until SIGTERM.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::{Config as ApiConfig, More, Server};
use clap::Args;
use kernel::{Job, Kernel, Ran};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Place;
use super::background::Background;
use super::config::{Config, Syslog};
use super::firewall::Firewall;
use super::folders::Folders;
use super::forwarding::Forwarding;
use super::identities::{transmitters, workloads};
use super::makers::Passkeys;
use super::node;
use super::outward::{Means, Outbox, Outward};
use super::pages::{Ways, furnish};
use super::returns::Returns;
use super::signals::{self, Receivers};
use super::watching::{self, Answering, Watching};
use crate::exit::{Exit, Failure, reason};
use crate::output::{Output, note};

/// How long what is in the queue is kept after the end; a store that takes nothing any more cannot
/// hold the end up for longer.
const DRAINING: Duration = Duration::from_secs(10);

/// What `bailee serve` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where the store is.
    #[command(flatten)]
    pub place: Place,
    /// Address and port to listen on, such as 127.0.0.1:8443 [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Receive syslog over TCP and UDP at this address, such as 127.0.0.1:5514
    #[arg(long, value_name = "ADDRESS")]
    pub syslog: Option<SocketAddr>,
    /// File with the passphrase of the root key, if it is under one
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the store, its keys or the address cannot be used.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    no_core_dumps();
    log_to_stderr();
    let config = options.config.as_deref().map(Config::read).transpose()?.unwrap_or_default();
    let folders = Folders::of(&options.place);
    let passphrase = options.passphrase_file.as_ref().or(config.passphrase_file.as_ref());
    let (_lock, kernel) = folders.kernel(passphrase.map(PathBuf::as_path))?;
    // Before the first request: what is never refused, besides what the registers say.
    kernel.authority().spare(config.answers.spared()?);
    let listen = options.listen.or(config.listen);
    let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8443)));
    let mut setup = ApiConfig::new(listen, folders.data.clone(), folders.keys.clone());
    configure(&mut setup, &config);
    let runtime = runtime()?;
    let server = runtime.block_on(async { Server::bind(&setup, kernel.clone()) });
    let server = server.map_err(|why| cannot_listen(listen, &why))?;
    let node = node::name(&folders.data)?;
    let server = others(server.with_node(node.clone()), &config)?;
    let wanted = receiving(options, &config);
    let (intake, arrivals) = signals::queue();
    let places =
        Arc::new(config.places.as_deref().map(signals::places).transpose()?.unwrap_or_default());
    let watching = watching(&config)?;
    watching.place(Arc::clone(&places));
    let receivers = Receivers::bind(&wanted, &server, &kernel, (intake, places));
    let receivers = runtime.block_on(receivers)?;
    let (firewall, forwarding) = (Firewall::default(), Forwarding::of(&config.forward)?);
    let copies = config.answers.nftables.as_ref().map(|_| firewall.clone());
    let server = server.with_metrics(counts(&receivers, copies, forwarding.clone()));
    let means = Means::of(&config, Outbox::of(server.outbox()))?.named(node);
    let outward = Outward::new(means, runtime.handle().clone());
    let public_url = config.public_url.as_deref();
    let sign_in = config.oidc.as_ref().zip(public_url).map(|(oidc, url)| oidc.sign_in(url));
    let makers = config.passkeys.as_ref().map(Passkeys::makers).transpose()?;
    let ways = Ways { public_url, sign_in: sign_in.transpose()?, makers };
    let (server, background) = furnish(server, &kernel, outward, watching.clone(), ways);
    let returns = runtime.block_on(async { Returns::of(config.mail.as_ref(), &kernel) })?;
    // Before anybody is told that it serves: whoever reads that may end it at once.
    let ended = runtime.block_on(async { Ended::listen() })?;
    let url =
        format!("https://{}", server.local_addr().map_err(|why| cannot_listen(listen, &why))?);
    let ca = folders.data.join("tls/ca.pem");
    let syslog = receivers.addresses();
    output.json(&json!({ "url": url, "ca": ca.display().to_string(), "syslog": syslog }))?;
    let syslog = syslog.iter().map(|(transport, address)| format!("{transport} at {address}"));
    let serving = format!("serving {url}, certificate authority in `{}`", ca.display());
    let receiving = syslog.map(|from| format!("receiving syslog over {from}"));
    [serving].into_iter().chain(receiving).try_for_each(|line| output.line(&line))?;
    if let Some(why) = kernel.alarm() {
        note(&format!("ALARM: nothing is signed or answered: {why}"));
    }
    let every = Duration::from_secs(config.anchor_seconds.unwrap_or(5));
    let served = runtime.block_on(async {
        let ticker = tokio::spawn(tick(kernel.clone(), Arc::clone(&background), every));
        let watcher = tokio::spawn(watching::run(kernel.clone(), watching.clone()));
        let sending = forwarding.start(&kernel, &watching);
        let keeper = tokio::spawn(watching::keep(kernel.clone(), watching, arrivals));
        let receiving = receivers.start(Arc::new(move || background.probed()));
        let taker = returns.map(|returns| tokio::spawn(returns.run()));
        let to = config.answers.nftables.clone();
        let copier = to.map(|to| tokio::spawn(firewall.run(kernel.clone(), to)));
        let served = server.run(ended.wait()).await;
        drop((receiving, sending));
        // The senders are gone: what is in the queue is kept before the end.
        drop(tokio::time::timeout(DRAINING, keeper).await);
        watcher.abort();
        ticker.abort();
        for other in taker.into_iter().chain(copier) {
            other.abort();
        }
        served
    });
    kernel.close();
    served.map_err(|why| cannot_listen(listen, &why)).map(|()| Exit::Done)
}

/// With those whose tokens and events are taken.
fn others(server: Server, config: &Config) -> Result<Server, Failure> {
    let server = server.with_workloads(workloads(&config.workload)?);
    Ok(server.with_transmitters(transmitters(&config.transmitter)?))
}

/// Where syslog is received: what the command says comes before the configuration.
fn receiving(options: &Options, config: &Config) -> Syslog {
    let wanted = config.syslog.clone();
    match options.syslog {
        Some(address) => Syslog { tcp: Some(address), udp: Some(address), ..wanted },
        None => wanted,
    }
}

/// What the receivers, the firewall's copy and the forwarders count, for the page of metrics.
fn counts(receivers: &Receivers, copies: Option<Firewall>, forwards: Forwarding) -> More {
    let sources = receivers.sources();
    let firewall = move || copies.as_ref().map(Firewall::text).unwrap_or_default();
    Arc::new(move || sources.text() + &firewall() + &forwards.text())
}

/// What watches, as configured.
fn watching(config: &Config) -> Result<Watching, Failure> {
    let detection = config.detection.clone().unwrap_or_default();
    let (rules, problems) = watching::rules(detection.rules_dir.as_deref())?;
    for problem in &problems {
        note(&format!("a rule was left out: {problem}"));
    }
    let canary = match detection.canary_minutes.unwrap_or(10) {
        0 => None,
        minutes => Some(Duration::from_secs(minutes * 60)),
    };
    let days = detection.signal_days.unwrap_or(watching::DAYS);
    Ok(Watching::new(rules, problems, days, canary).answering(Answering::of(&config.answers)))
}

/// A runtime for a server.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> Result<Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|why| Failure::failed(format!("no runtime could be started: {why}")))
}

/// Calls the kernel's tick, and looks at what other nodes did, until it is aborted.
pub async fn tick(kernel: Kernel, background: Arc<Background>, every: Duration) {
    tokio::join!(keep_up(kernel.clone()), ticks(kernel, background, every));
}

async fn ticks(kernel: Kernel, background: Arc<Background>, every: Duration) {
    let mut pace = tokio::time::interval(every);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let (kernel, own) = (kernel.clone(), Arc::clone(&background));
        let ticked = tokio::task::spawn_blocking(move || {
            kernel.tick(&|kernel: &Kernel, job: &Job, right: Ran| own.run_job(kernel, job, right))
        })
        .await;
        match ticked {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(?error, "the tick did not finish"),
            Err(error) => tracing::error!(%error, "the tick ended by panic"),
        }
    }
}

/// How often it is looked at what other nodes did.
const LOOKED: Duration = Duration::from_millis(500);

/// Takes over what other nodes did, until it is aborted. Whoever asks for something does not wait
/// for it: what has to be current is looked at then.
async fn keep_up(kernel: Kernel) {
    let mut pace = tokio::time::interval(LOOKED);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let kernel = kernel.clone();
        match tokio::task::spawn_blocking(move || kernel.keep_up()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(?error, "other nodes could not be followed"),
            Err(error) => tracing::error!(%error, "following other nodes ended by panic"),
        }
    }
}

/// The signals that end a server in order.
struct Ended {
    term: Signal,
    int: Signal,
}

impl Ended {
    /// From here on the signals do not end the process by themselves. Needs a runtime.
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|why| {
                Failure::failed(format!("signals cannot be waited for: {}", reason(&why)))
            })
        };
        // A file at its limit is a full disk: the write fails, the server goes on. Once listened
        // to, the signal ends nothing any more, whoever waits for it.
        drop(listen(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        Ok(Self { term: listen(SignalKind::terminate())?, int: listen(SignalKind::interrupt())? })
    }

    /// Waits for the first one, which may have come already.
    async fn wait(mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// Log lines go to standard error; `BAILEE_LOG` is `error`, `warn`, `info` or `debug`.
///
/// What a client's handshake looks like is not worth a warning: anybody could fill the log.
fn log_to_stderr() {
    let level = std::env::var("BAILEE_LOG").ok().and_then(|text| text.parse().ok());
    let level: tracing::Level = level.unwrap_or(tracing::Level::INFO);
    let shown = Targets::new().with_default(level);
    let shown = match level {
        tracing::Level::DEBUG | tracing::Level::TRACE => shown,
        _ => shown.with_target("rustls", tracing::Level::ERROR),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A second call finds the first one's subscriber, which is as good.
    drop(tracing_subscriber::registry().with(lines).with(shown).try_init());
}

/// A core dump would hold open values.
fn no_core_dumps() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(why) = rustix::process::setrlimit(rustix::process::Resource::Core, none) {
        note(&format!("core dumps could not be switched off: {why}"));
    }
}

/// What the configuration says of the listener.
fn configure(setup: &mut ApiConfig, config: &Config) {
    setup.names.clone_from(&config.names);
    setup.allow_tls12 = config.allow_tls12;
    setup.metrics_listen = config.metrics_listen;
    setup.public_url.clone_from(&config.public_url);
    setup.max_connections = config.max_connections.unwrap_or(setup.max_connections);
}

fn cannot_listen(listen: SocketAddr, why: &std::io::Error) -> Failure {
    let why = reason(why);
    Failure::new(Exit::Unavailable, format!("cannot serve on `{listen}`: {why}"))
}
