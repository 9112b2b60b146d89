//! A private PostgreSQL 15, from Debian's package, in a temporary folder.
//!
//! Over TCP it asks for passwords (SCRAM), with TLS or without; the superuser comes in over the
//! socket in its folder alone. It writes through to the disk unless a test says that it does not
//! look at crashes. `initdb` runs once on a machine; what it made is copied for each.

use super::certificates::Certificates;
use super::folder::{Folder, kill_within, private, signal_within};
use super::log::Log;
use super::{PROGRAMS, free_port, program, succeed, unprivileged};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// A PostgreSQL of its own, on loopback; it ends with this.
pub struct Cluster {
    port: u16,
    log: Log,
    postmaster: Mutex<Option<Child>>,
    data: PathBuf,
    disk: Option<PathBuf>,
    folder: Folder,
}

/// What a cluster is like.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether it takes the risk of losing what was committed when the machine stops.
    pub fast: bool,
    /// Connections at once, three of them for superusers; 100 if not said.
    pub max_connections: Option<u16>,
    /// All of it on a disk of so many MiB. Empty it takes about 45.
    pub disk_mib: Option<u32>,
    /// Further settings, as in `postgresql.conf`.
    pub settings: Vec<(String, String)>,
}

impl Cluster {
    /// One as it would be in operation. `None` where PostgreSQL is not installed, which is said.
    pub fn start() -> Option<Self> {
        Self::with(&Options::default())
    }

    /// One for tests that do not look at crashes: it does not wait for the disk.
    pub fn fast() -> Option<Self> {
        Self::with(&Options { fast: true, ..Options::default() })
    }

    /// One whose disk has so many MiB. `None` where this user may not mount, which is said.
    pub fn on_small_disk(mib: u32) -> Option<Self> {
        Self::with(&Options { disk_mib: Some(mib), ..Options::default() })
    }

    /// The one that tests of this process share; it does not wait for the disk. Take a database
    /// of your own in it.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(Self::fast).as_ref()
    }

    /// One that is like this.
    pub fn with(options: &Options) -> Option<Self> {
        program(&format!("{PROGRAMS}/postgres"), "postgresql-15")?;
        program("/usr/bin/psql", "postgresql-client-15")?;
        let folder = Folder::new();
        let disk = match options.disk_mib {
            Some(mib) => Some(folder.disk(mib)?),
            None => None,
        };
        let at = disk.clone().unwrap_or_else(|| folder.path().to_owned());
        let data = at.join("data");
        succeed(Command::new("cp").arg("-a").arg(template()).arg(&data));
        let port = free_port();
        configure(&folder, &data, port, options);
        let postmaster = Mutex::new(None);
        let cluster = Self { port, log: Log::default(), postmaster, data, disk, folder };
        cluster.restart();
        Some(cluster)
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority of its certificate, in PEM.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Makes a role that may sign in, with further words of `CREATE ROLE`.
    pub fn create_role(&self, name: &str, password: &str, options: &str) {
        let (name, password) = (quoted(name, '"'), quoted(password, '\''));
        self.run("postgres", &format!("create role {name} login password {password} {options}"));
    }

    /// Makes a database of this owner.
    pub fn create_database(&self, name: &str, owner: &str) {
        let (name, owner) = (quoted(name, '"'), quoted(owner, '"'));
        self.run("postgres", &format!("create database {name} owner {owner}"));
    }

    /// Runs statements as the superuser, over the socket; what they answer, without headings.
    ///
    /// # Panics
    /// If one is refused.
    pub fn run(&self, database: &str, statements: &str) -> String {
        let mut psql = Command::new("/usr/bin/psql");
        psql.arg("-h").arg(self.socket()).args(["-p", &self.port.to_string(), "-U", "postgres"]);
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statements, database]);
        succeed(&mut psql).trim_end_matches('\n').to_owned()
    }

    /// How a client reaches it. The name `localhost` is in its certificate; `sslmode=disable` goes
    /// to the address.
    pub fn url(&self, role: &str, password: &str, database: &str, sslmode: &str) -> String {
        url(&[self.port], &self.ca(), [role, password, database, sslmode])
    }

    /// Stops it as an operator would: sessions are ended, what was committed is kept.
    pub fn stop(&self) {
        let mut postmaster = self.postmaster.lock().unwrap();
        if let Some(mut child) = postmaster.take() {
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again, if it does not run, and waits until it answers.
    pub fn restart(&self) {
        let mut postmaster = self.postmaster.lock().unwrap();
        if postmaster.is_some() {
            return;
        }
        let from = self.log.length();
        let mut server = unprivileged(&format!("{PROGRAMS}/postgres"));
        server.arg("-D").arg(&self.data).current_dir(&self.data);
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = server.spawn().unwrap();
        self.log.follow(child.stderr.take().unwrap());
        *postmaster = Some(child);
        self.log.wait(from, "ready to accept connections");
    }

    /// Kills it, postmaster and children, as a power cut would.
    pub fn kill(&self) {
        let mut postmaster = self.postmaster.lock().unwrap();
        if let Some(mut child) = postmaster.take() {
            kill_within(&self.data);
            child.wait().unwrap();
        }
    }

    /// Stops all of its processes where they are, as a machine that hangs.
    pub fn freeze(&self) {
        signal_within(&self.data, Signal::STOP);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        signal_within(&self.data, Signal::CONT);
    }

    /// All that it said.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until it says these words.
    ///
    /// # Panics
    /// If it does not within a minute.
    pub fn says(&self, words: &str) {
        self.log.wait(0, words);
    }

    /// Fills its small disk to the last byte.
    ///
    /// # Panics
    /// If it has none, or another error than that the disk is full comes.
    pub fn fill_disk(&self) {
        let ballast = self.ballast();
        let mut zeros = File::open("/dev/zero").unwrap();
        let mut file = File::create(ballast).unwrap();
        let full = std::io::copy(&mut zeros, &mut file).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    /// Gives back what [`fill_disk`](Self::fill_disk) took.
    pub fn relieve_disk(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.disk.as_ref().expect("a cluster on a small disk").join("ballast")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

/// `postgres://ROLE:PASSWORD@HOST:PORT[,HOST:PORT…]/DATABASE?…`, with what is not plain written in
/// `%XX`.
pub(super) fn url(ports: &[u16], ca: &Path, [role, password, database, mode]: [&str; 4]) -> String {
    let plain = |text: &str| {
        text.bytes().fold(String::new(), |mut out, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(char::from(byte));
                }
                _ => write!(out, "%{byte:02X}").unwrap(),
            }
            out
        })
    };
    let [role, password, database] = [role, password, database].map(plain);
    let (host, further) = match mode {
        "disable" => ("127.0.0.1", String::new()),
        _ => ("localhost", format!("&sslrootcert={}", ca.display())),
    };
    let hosts: Vec<_> = ports.iter().map(|port| format!("{host}:{port}")).collect();
    let hosts = hosts.join(",");
    format!("postgres://{role}:{password}@{hosts}/{database}?sslmode={mode}{further}")
}

fn quoted(text: &str, mark: char) -> String {
    format!("{mark}{}{mark}", text.replace(mark, &format!("{mark}{mark}")))
}

fn configure(folder: &Folder, data: &Path, port: u16, options: &Options) {
    let inside = folder.inside("socket");
    let authority = Certificates::new();
    let server = authority.issue("localhost");
    fs::write(folder.path().join("ca.pem"), authority.authority()).unwrap();
    private(&inside.join("server.crt"), &server.certificate);
    private(&inside.join("server.key"), &server.key);
    let shown = inside.display();
    let mut settings = format!(
        "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{shown}'\n\
         ssl = on\nssl_cert_file = '{shown}/server.crt'\nssl_key_file = '{shown}/server.key'\n\
         password_encryption = 'scram-sha-256'\n"
    );
    if options.fast {
        settings += "fsync = off\n";
    }
    if let Some(most) = options.max_connections {
        writeln!(settings, "max_connections = {most}").unwrap();
    }
    for (name, value) in &options.settings {
        writeln!(settings, "{name} = {}", quoted(value, '\'')).unwrap();
    }
    private(&data.join("postgresql.auto.conf"), &settings);
    let rules = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
    private(&data.join("pg_hba.conf"), rules);
}

/// A data folder as `initdb` leaves it, made once on this machine and for this user.
fn template() -> PathBuf {
    // Beside the other tools of tests, or beside the test itself: nobody else may write there.
    let tools = std::env::var_os("BAILEE_TOOLS").map(PathBuf::from);
    let beside = || std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let place = tools.unwrap_or_else(beside);
    fs::create_dir_all(&place).unwrap();
    let owner = if super::is_root() { "postgres" } else { "own" };
    let made = place.join(format!("postgresql-15-{owner}-1"));
    let lock = File::create(place.join("postgresql-15.lock")).unwrap();
    lock.lock().unwrap();
    if !made.exists() {
        let scratch = Folder::new();
        let data = scratch.inside("new").join("data");
        let mut initdb = unprivileged(&format!("{PROGRAMS}/initdb"));
        // Its rules are replaced in each copy, and the superuser has no password.
        initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]);
        succeed(initdb.args(["-N", "-k", "-D"]).arg(&data).current_dir("/"));
        // A copy that was cut off is not taken for a whole one.
        let half = made.with_extension("new");
        succeed(Command::new("rm").arg("-rf").arg(&half));
        succeed(Command::new("cp").arg("-a").arg(&data).arg(&half));
        fs::rename(half, &made).unwrap();
    }
    made
}
