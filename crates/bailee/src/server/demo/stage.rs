//! The stage of the demonstration: a temporary store, a server on it, and clients with tokens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use api::{Config, Server};
use kernel::Kernel;
use time::OffsetDateTime;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Client, Connect, Intent};
use crate::exit::Failure;
use crate::output::Output;
use crate::server::folders::{Folders, Lock, write_private};
use crate::server::outward::{Means, Outward};
use crate::server::pages::furnish;
use crate::server::watching::{self, Watching};
use crate::server::{Place, init, serve};

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
    scratch: PathBuf,
    kernel: Kernel,
    _lock: Lock,
    server: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Stage {
    /// Makes the store and starts the server.
    ///
    /// # Errors
    /// When the temporary folder cannot be used or no port is free.
    pub fn new() -> Result<Self, Failure> {
        let scratch = scratch()?;
        let place = Place { data: scratch.join("data"), keys: None };
        let folders = Folders::of(&place);
        let init::Founder { token: admin, link } = init::found(&folders, "northwind-desk", None)?;
        let (lock, kernel) = folders.kernel(None)?;
        let runtime = serve::runtime()?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let setup = Config::new(listen, folders.data.clone(), folders.keys.clone());
        let server = runtime.block_on(async { Server::bind(&setup, kernel.clone()) });
        let failed = |why: std::io::Error| Failure::failed(format!("cannot serve: {why}"));
        let outward = Outward::new(Means::none(), runtime.handle().clone());
        let (rules, problems) = watching::rules(None)?;
        let watching = Watching::new(rules, problems, watching::DAYS, None);
        let (server, background) =
            furnish(server.map_err(failed)?, &kernel, outward, watching.clone());
        let url = format!("https://{}", server.local_addr().map_err(failed)?);
        let (end, ended) = oneshot::channel::<()>();
        let (ticking, watched) = (kernel.clone(), kernel.clone());
        let task = runtime.spawn(async move {
            let watcher = tokio::spawn(watching::run(watched, watching));
            let ticker = tokio::spawn(serve::tick(ticking, background, Duration::from_secs(1)));
            if let Err(why) = server.run(async { drop(ended.await) }).await {
                crate::output::note(&format!("the server ended: {why}"));
            }
            watcher.abort();
            ticker.abort();
        });
        let server = Mutex::new(Some((end, task)));
        let link = format!("{url}{link}");
        Ok(Self { runtime, folders, url, admin, link, scratch, kernel, _lock: lock, server })
    }

    /// A client with this token, and for this purpose if one is stated.
    ///
    /// # Errors
    /// When the token cannot be kept.
    pub fn client(&self, who: &str, token: &str, purpose: Option<&str>) -> Result<Client, Failure> {
        let file = self.token_file(who, token)?;
        let connect =
            Connect { url: Some(self.url.clone()), ca: Some(self.ca()), token_file: Some(file) };
        let intent =
            purpose.map(|purpose| Intent { purpose: Some(purpose.to_owned()), on_behalf_of: None });
        Client::new(&connect, intent.as_ref())
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
    pub fn stay(&self, output: Output) -> Result<(), Failure> {
        let show = |path: &Path| path.display().to_string();
        output.line(&format!("\nOpen the pages, as administrator: {}", self.link))?;
        output.line(&format!("   (trust {} first, or accept it)", show(&self.ca())))?;
        output.line("\nLook around, in another terminal:\n")?;
        output.line(&format!("  export BAILEE_URL={}", self.url))?;
        output.line(&format!("  export BAILEE_CA={}", show(&self.ca())))?;
        let token = |who: &str| show(&self.scratch.join(format!("{who}.token")));
        output.line(&format!("  export BAILEE_TOKEN=$(cat {})", token("helpdesk")))?;
        output.line("  cargo run --release -- record list contoso-bikes tickets")?;
        output.line("  cargo run --release -- ledger entries contoso-bikes --openings")?;
        output.line("  curl --cacert $BAILEE_CA -H \"Authorization: Bearer $BAILEE_TOKEN\" \\")?;
        output.line(&format!("    {}/v1/measures", self.url))?;
        output.line(&format!("  cargo run --release -- verify {}", show(&self.folders.data)))?;
        output.line(&format!("  export BAILEE_TOKEN=$(cat {})", token("lea")))?;
        output.line("  cargo run --release -- measures")?;
        output.line("  cargo run --release -- setup")?;
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
