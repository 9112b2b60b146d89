//! A store in a temporary folder, the program on it, and clients that hide nothing.

pub mod client;
pub mod lab;
pub mod peers;
pub mod postfix;
pub mod receipts;
pub mod room;
pub mod search;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use tempfile::TempDir;

pub use client::Client;

/// The program.
pub const BAILEE: &str = env!("CARGO_BIN_EXE_bailee");

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether everything that a test needs has to be there.
pub fn all_must_run() -> bool {
    std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1")
}

/// Whether the long form of a test was asked for.
pub fn full() -> bool {
    std::env::var_os("BAILEE_FULL").is_some_and(|value| value == "1")
}

/// Says that a test cannot run here, for want of something of the machine's.
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
    let Some(path) = std::env::var_os("BAILEE_SKIPS") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "skipped: {why}").unwrap();
}

/// As [`skip`], for want of something that `cargo xtask test` brings: where all has to run, that is
/// a failure.
pub fn skip_unless_all(why: &str) {
    assert!(!all_must_run(), "{why}, and nothing may be skipped here");
    skip(why);
}

/// A file of the shared test data.
pub fn shared(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BAILEE_SHARED")
        .map_or_else(|| workspace().join("../shared"), PathBuf::from);
    let file = folder.join("data").join(name);
    if file.exists() {
        return Some(file);
    }
    skip_unless_all(&format!("the shared data has no `{name}`"));
    None
}

/// A store with its keys and its first administrator's token.
pub struct Store {
    /// Of the test's own; the store is in it, unless the test wants it elsewhere.
    pub scratch: TempDir,
    pub data: PathBuf,
    pub keys: PathBuf,
    pub admin: String,
}

impl Store {
    /// Makes a store in a temporary folder.
    pub fn init() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().to_owned();
        Self::init_in(scratch, &folder)
    }

    /// Makes a store in another folder.
    pub fn init_in(scratch: TempDir, folder: &Path) -> Self {
        let (data, keys) = (folder.join("data"), folder.join("data.keys"));
        let said = json(&run(&["init", "--data", text(&data), "--json"]));
        let admin = said["token"].as_str().unwrap().to_owned();
        Self { scratch, data, keys, admin }
    }

    /// A place beside the store.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Starts a server on it.
    pub fn serve(&self) -> Server {
        self.serve_with(&[], &[])
    }

    pub fn serve_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut command = self.command(arguments, variables);
        Server::start(&mut command, self).unwrap_or_else(|said| panic!("no server: {said}"))
    }

    /// The command that starts a server.
    pub fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(BAILEE);
        command
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data", text(&self.data)])
            .args(["--keys", text(&self.keys)])
            .args(arguments)
            .envs(variables.iter().copied());
        command
    }

    /// Verifies the store with keys and high-water mark: what was said, and whether it holds.
    pub fn verify(&self) -> (Option<i32>, String) {
        let output = run(&["verify", text(&self.data), "--keys", text(&self.keys)]);
        (output.status.code(), said(&output))
    }

    /// Verifies the store, which has to hold.
    pub fn verified(&self) -> String {
        let (code, said) = self.verify();
        assert_eq!(code, Some(0), "{said}");
        said
    }

    /// The signing key's public half, as outsiders would have got it.
    pub fn public_key(&self) -> [u8; 32] {
        use base64::Engine as _;
        let line = fs::read_to_string(self.keys.join("signing.pub")).unwrap();
        let engine = base64::engine::general_purpose::STANDARD;
        engine.decode(line.trim()).unwrap().try_into().unwrap()
    }
}

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Where its standard error goes.
    pub log: PathBuf,
    pub url: String,
    pub ca: PathBuf,
    pub address: SocketAddr,
    pub admin: String,
    /// What it said of itself when it began.
    pub said: Value,
}

impl Server {
    /// Starts the command and waits until it says that it serves.
    ///
    /// # Errors
    /// What it wrote to standard error, if it ended instead.
    pub fn start(command: &mut Command, store: &Store) -> Result<Self, String> {
        let scratch = store.scratch.path();
        let (file, log) = tempfile::NamedTempFile::new_in(scratch).unwrap().keep().unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Ok(said) = serde_json::from_str::<Value>(&line) else {
            let code = child.wait().unwrap().code();
            return Err(format!("exit code {code:?}: {}", fs::read_to_string(&log).unwrap()));
        };
        let url = said["url"].as_str().unwrap().to_owned();
        let ca = PathBuf::from(said["ca"].as_str().unwrap());
        let address = url.strip_prefix("https://").unwrap().parse().unwrap();
        Ok(Self { child, stdout, log, url, ca, address, admin: store.admin.clone(), said })
    }

    /// A client with this token.
    pub fn client(&self, token: &str) -> Client {
        Client::new(self.address, &self.ca, token)
    }

    /// A client of the administrator.
    pub fn administrator(&self) -> Client {
        self.client(&self.admin)
    }

    /// Runs a command of the client with this token.
    pub fn cli(&self, token: &str, arguments: &[&str]) -> Output {
        self.command(token, arguments).output().unwrap()
    }

    pub fn command(&self, token: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(BAILEE);
        command.args(arguments).env("BAILEE_URL", &self.url).env("BAILEE_CA", &self.ca);
        command.env("BAILEE_TOKEN", token).stdin(Stdio::null());
        command
    }

    /// Runs a command of the client that has to succeed; gives its JSON.
    pub fn did(&self, token: &str, arguments: &[&str]) -> Value {
        json(&self.cli(token, arguments))
    }

    /// Takes a service in with a grant on everything it names; gives its token.
    pub fn service(&self, name: &str, account: &str, verbs: &str) -> String {
        let created = self.did(&self.admin, &["service", "create", name, "--json"]);
        self.grant(&format!("service:{name}"), account, "*", verbs);
        created["token"].as_str().unwrap().to_owned()
    }

    /// Approves a grant; gives its id.
    pub fn grant(&self, to: &str, account: &str, collection: &str, verbs: &str) -> String {
        let granted = self.did(
            &self.admin,
            &[
                &["grant", "create", "--to", to, "--account", account][..],
                &["--collection", collection, "--verbs", verbs],
                &["--purpose", "test", "--for", "8h", "--json"],
            ]
            .concat(),
        );
        granted["id"].as_str().unwrap().to_owned()
    }

    /// A service that may do everything, and an account `acme` with a collection `cases`.
    pub fn acme(&self) -> String {
        let token = self.service("worker", "*", "read,write,delete,export,open");
        let mut client = self.client(&token);
        client.post("/v1/accounts", br#"{"name":"acme"}"#).expect(201);
        client.put("/v1/accounts/acme/collections/cases", b"").expect(201);
        token
    }

    /// What it wrote to standard error so far.
    pub fn logged(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        self.terminate();
        let status = self.ended();
        assert_eq!(status.code(), Some(0), "{}", self.logged());
        let mut rest = String::new();
        self.stdout.read_line(&mut rest).unwrap();
        assert_eq!(rest, "", "one line of JSON was promised");
    }

    /// Ends it at once, as a loss of power would, except for the page cache.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already if the test ended it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program, without any environment of the client.
pub fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(BAILEE);
    command.args(arguments).stdin(Stdio::null());
    for name in ["BAILEE_URL", "BAILEE_CA", "BAILEE_TOKEN", "BAILEE_PURPOSE"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

/// Everything a command said.
pub fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(both).unwrap()
}

/// The JSON of a command that has to succeed.
pub fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    let text = std::str::from_utf8(&output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "one line of JSON was promised: {text}");
    serde_json::from_str(text).unwrap()
}

/// Asserts a command's exit code; gives what it said.
pub fn ends_with(output: &Output, code: i32) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    /// Dice with a seed, which is printed so that a failure can be repeated with `BAILEE_SEED`.
    pub fn new(seed: u64) -> Self {
        let seed = std::env::var("BAILEE_SEED").map_or(seed, |text| text.parse().unwrap());
        eprintln!("seed {seed}");
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
