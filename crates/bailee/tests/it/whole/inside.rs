//! The server's face over a kernel of the test's own, for what needs a member's session: the links
//! that begin one are opened by pages, which these tests do without.

use super::support::BAILEE;
use super::support::client::Client;
use super::support::{json, text};
use api::{Config, Outbox, Server};
use domain::members::{BeginSession, IssueLink, LinkLife};
use kernel::id::Name;
use kernel::{Clock as _, SystemClock};
use serde_json::Value;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use tempfile::TempDir;
use testkit::World;
use tokio::sync::oneshot;

pub struct Inside {
    pub world: World,
    pub outbox: Arc<Outbox>,
    address: SocketAddr,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Inside {
    pub fn start(seed: u64) -> Self {
        let world = World::memory(seed);
        // Certificates are checked against the present.
        world.clock.set(SystemClock.now());
        let folder = tempfile::tempdir().unwrap();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (data, keys) = (folder.path().join("data"), folder.path().join("data.keys"));
        let server = Server::bind(&Config::new(listen, data, keys), world.kernel.clone()).unwrap();
        let (address, outbox) = (server.local_addr().unwrap(), server.outbox());
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
        Self { world, outbox, address, folder, stop, thread }
    }

    /// An account `acme` with a collection `cases`; gives the token of a service that may do
    /// everything with it.
    pub fn acme(&self) -> String {
        let worker = self.world.service("worker");
        let verbs = ["read", "write", "delete", "export", "open"];
        self.world.grant("service:worker", "*", "*", &verbs);
        let account = self.world.account(&worker, "acme").unwrap();
        self.world.collection(&worker, &account, "cases").unwrap();
        worker
    }

    /// Begins a session of a member by a link that it was sent.
    pub fn session(&self, link: &str) -> String {
        let asked = self.world.asked(link).unwrap();
        let begin = BeginSession::new(&self.world.kernel, &asked.caller).unwrap();
        self.world.kernel.run(asked, begin).unwrap().output.token
    }

    /// Adds an administrator of `acme` and signs it in.
    pub fn ana(&self) -> String {
        let admin = self.world.admin.clone();
        let add = ["member", "add", "acme.ana", "--account", "acme", "--full-name", "Ana Lim"];
        let rest = ["--email", "ana@acme.example", "--part", "administrator", "--json"];
        self.did(&admin, &[&add[..], &rest].concat());
        let name = Name::parse("acme.ana").unwrap();
        let link = IssueLink::member(&self.world.kernel, &name, LinkLife::default()).unwrap();
        self.session(&self.world.run(&admin, link).unwrap().output.token)
    }

    pub fn client(&self, token: &str) -> Client {
        Client::new(self.address, &self.authority(), token)
    }

    pub fn cli(&self, token: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(BAILEE);
        command.args(arguments).env("BAILEE_URL", format!("https://{}", self.address));
        command.env("BAILEE_CA", text(&self.authority())).env("BAILEE_TOKEN", token);
        command.env_remove("BAILEE_PURPOSE").stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command that has to succeed; gives its JSON.
    #[track_caller]
    pub fn did(&self, token: &str, arguments: &[&str]) -> Value {
        json(&self.cli(token, arguments))
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("data/tls/ca.pem")
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}
