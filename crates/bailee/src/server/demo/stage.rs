//! The stage of the demonstration: a temporary store, a server on it, and clients with tokens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use api::{Config as ApiConfig, Server};
use kernel::Kernel;
use time::OffsetDateTime;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Client, Connect, Intent};
use crate::exit::Failure;
use crate::output::Output;
use crate::server::config::{Config, Mail};
use crate::server::folders::{Folders, Lock, write_private};
use crate::server::outward::{Means, Outbox, Outward};
use crate::server::pages::{Ways, furnish};
use crate::server::returns::Returns;
use crate::server::watching::{self, Watching};
use crate::server::{Place, init, serve};

/// What the reader is told to try.
pub enum Look {
    /// Take somebody's token.
    As(&'static str),
    /// Run a command.
    Run(&'static str),
    /// Ask for a path.
    Get(&'static str),
    /// Verify the store.
    Verify,
}

/// After the tour.
pub const LOOK: [Look; 8] = [
    Look::As("helpdesk"),
    Look::Run("record list contoso-bikes tickets"),
    Look::Run("ledger entries contoso-bikes --openings"),
    Look::Get("/v1/measures"),
    Look::Verify,
    Look::As("lea"),
    Look::Run("measures"),
    Look::Run("setup"),
];

/// A server on a temporary store.
pub struct Stage {
    /// Runs the server and the clients.
    pub runtime: Runtime,
    /// The store and its keys.
    pub folders: Folders,
    /// Where the server is.
    pub url: String,
    /// The first administrator's token.
    pub admin: String,
    /// Where the first administrator signs in, once.
    pub link: String,
    /// The port at which what comes back about letters is taken, if it is.
    pub bounces: Option<u16>,
    scratch: PathBuf,
    kernel: Kernel,
    _lock: Lock,
    server: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Stage {
    /// Makes the store and starts the server, which sends letters as this says, if it does.
    ///
    /// # Errors
    /// When the temporary folder cannot be used or no port is free.
    pub fn new(runtime: Runtime, mail: Option<Mail>) -> Result<Self, Failure> {
        let scratch = scratch()?;
        let place = Place { data: scratch.join("data"), keys: None, store: None };
        let folders = Folders::of(&place);
        let init::Founder { token: admin, link } = init::found(&folders, "northwind-desk", None)?;
        let (lock, kernel) = folders.kernel(None)?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let setup = ApiConfig::new(listen, folders.data.clone(), folders.keys.clone());
        let server = runtime.block_on(async { Server::bind(&setup, kernel.clone()) });
        let failed = |why: std::io::Error| Failure::failed(format!("cannot serve: {why}"));
        let server = server.map_err(failed)?;
        let url = format!("https://{}", server.local_addr().map_err(failed)?);
        // A test page would come between the pages that the demonstration shows.
        let config = Config {
            weekly_test_page: Some(mail.is_none()),
            public_url: Some(url.clone()),
            mail,
            ..Config::default()
        };
        let means = Means::of(&config, Outbox::empty())?;
        let outward = Outward::new(means, runtime.handle().clone());
        let returns = runtime.block_on(async { Returns::of(config.mail.as_ref(), &kernel) })?;
        let bounces = returns.as_ref().and_then(Returns::port);
        let (rules, problems) = watching::rules(None)?;
        let watching = Watching::new(rules, problems, watching::DAYS, None);
        let (server, background) =
            furnish(server, &kernel, outward, watching.clone(), Ways::default());
        let (end, ended) = oneshot::channel::<()>();
        let (ticking, watched) = (kernel.clone(), kernel.clone());
        let task = runtime.spawn(async move {
            let watcher = tokio::spawn(watching::run(watched, watching));
            let ticker = tokio::spawn(serve::tick(ticking, background, Duration::from_secs(1)));
            let taker = returns.map(|returns| tokio::spawn(returns.run()));
            if let Err(why) = server.run(async { drop(ended.await) }).await {
                crate::output::note(&format!("the server ended: {why}"));
            }
            watcher.abort();
            ticker.abort();
            if let Some(taker) = taker {
                taker.abort();
            }
        });
        let server = Mutex::new(Some((end, task)));
        let link = format!("{url}{link}");
        let _lock = lock;
        Ok(Self { runtime, folders, url, admin, link, bounces, scratch, kernel, _lock, server })
    }

    /// A client with this token, and for this purpose if one is stated.
    ///
    /// # Errors
    /// When the token cannot be kept.
    pub fn client(&self, who: &str, token: &str, purpose: Option<&str>) -> Result<Client, Failure> {
        let connect = self.connect(who, token)?;
        let intent =
            purpose.map(|purpose| Intent { purpose: Some(purpose.to_owned()), on_behalf_of: None });
        Client::new(&connect, intent.as_ref())
    }

    /// Where the server is, as a command with this token is told.
    ///
    /// # Errors
    /// When the token cannot be kept.
    pub fn connect(&self, who: &str, token: &str) -> Result<Connect, Failure> {
        let file = self.token_file(who, token)?;
        Ok(Connect { url: Some(self.url.clone()), ca: Some(self.ca()), token_file: Some(file) })
    }

    /// The server's moment.
    ///
    /// # Errors
    /// When its clock is beyond what dates can say.
    pub fn now(&self) -> Result<OffsetDateTime, Failure> {
        let micros = i128::from(self.kernel.now().0);
        OffsetDateTime::from_unix_timestamp_nanos(micros * 1000)
            .map_err(|why| Failure::failed(format!("the clock: {why}")))
    }

    /// The file that keeps somebody's token for the reader to try.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn token_file(&self, who: &str, token: &str) -> Result<PathBuf, Failure> {
        let path = self.scratch.join(format!("{who}.token"));
        if !path.exists() {
            write_private(&path, format!("{token}\n").as_bytes())?;
        }
        Ok(path)
    }

    /// A file or folder of the demonstration's own.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// The certificate authority that clients are to trust.
    pub fn ca(&self) -> PathBuf {
        self.folders.data.join("tls/ca.pem")
    }

    /// Says how to look around and waits until the reader has seen enough.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn stay(&self, look: &[Look], output: Output) -> Result<(), Failure> {
        let show = |path: &Path| path.display().to_string();
        output.line(&format!("\nOpen the pages, as administrator: {}", self.link))?;
        output.line(&format!("   (trust {} first, or accept it)", show(&self.ca())))?;
        output.line("\nLook around, in another terminal:\n")?;
        output.line(&format!("  export BAILEE_URL={}", self.url))?;
        output.line(&format!("  export BAILEE_CA={}", show(&self.ca())))?;
        let token = |who: &str| show(&self.scratch.join(format!("{who}.token")));
        for look in look {
            output.line(&match look {
                Look::As(who) => format!("  export BAILEE_TOKEN=$(cat {})", token(who)),
                Look::Run(command) => format!("  cargo run --release -- {command}"),
                Look::Get(path) => format!(
                    "  curl --cacert $BAILEE_CA -H \"Authorization: Bearer $BAILEE_TOKEN\" \\\n    \
                     {}{path}",
                    self.url
                ),
                Look::Verify => {
                    format!("  cargo run --release -- verify {}", show(&self.folders.data))
                }
            })?;
        }
        output.line(&format!("\nOther tokens: {}/NAME.token", show(&self.scratch)))?;
        output.line("Serving until you press Ctrl-C; the folder is then removed.")?;
        let waited = self.runtime.block_on(tokio::signal::ctrl_c());
        waited.map_err(|why| Failure::failed(format!("cannot wait for Ctrl-C: {why}")))
    }

    /// Ends the server and removes the folder.
    pub fn end(self) {
        let server = self.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some((end, task)) = server {
            drop(end);
            drop(self.runtime.block_on(task));
        }
        self.kernel.close();
        if let Err(why) = std::fs::remove_dir_all(&self.scratch) {
            crate::output::note(&format!("`{}` stays: {why}", self.scratch.display()));
        }
    }
}

fn scratch() -> Result<PathBuf, Failure> {
    let name = crate::client::random_key()?;
    let folder = std::env::temp_dir().join(format!("bailee-demo-{}", name.get(..8).unwrap_or("x")));
    super::super::folders::make_private(&folder)?;
    Ok(folder)
}
