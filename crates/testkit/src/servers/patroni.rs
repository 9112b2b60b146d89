//! Three etcd and two or three PostgreSQL under Patroni, on loopback, as `packaging/three-nodes`
//! has them: those files are read here, and only addresses and folders are replaced.
//!
//! A commit is answered when a second PostgreSQL has it on its disk. Each machine is a folder, so
//! that it can be killed or frozen as one: PostgreSQL with its Patroni, while its etcd goes on.

use super::certificates::Certificates;
use super::folder::{Folder, kill_within, private, signal_within};
use super::log::Log;
use super::postgres::url;
use super::{PROGRAMS, free_port, is_root, program, succeed, unprivileged, until};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;

const CONFIG: &str = include_str!("../../../../packaging/three-nodes/patroni.yml");
const ENVIRONMENT: &str = include_str!("../../../../packaging/three-nodes/patroni_env.conf");
const ETCD: &str = include_str!("../../../../packaging/three-nodes/etcd.env");

/// The ports of each machine in those files.
const PORTS: [u16; 4] = [2379, 2380, 8008, 5432];
const MACHINES: usize = 3;

/// PostgreSQL that survives the loss of one machine; it ends with this. Machines count from 0, and
/// the first is `db-1`.
pub struct Patroni {
    machines: Vec<Machine>,
    etcds: Vec<Child>,
    ports: Ports,
    log: Log,
    folder: Folder,
}

struct Machine {
    place: PathBuf,
    config: PathBuf,
    environment: Vec<(String, String)>,
    keeper: Mutex<Option<Child>>,
}

/// What listens where instead of `192.0.2.11:2379` and the others.
struct Ports([[u16; PORTS.len()]; MACHINES]);

impl Patroni {
    /// Starts them and waits until commits are on two machines. `None` where a package is missing,
    /// which is said.
    pub fn start(nodes: usize) -> Option<Self> {
        assert!((2..=MACHINES).contains(&nodes), "two or three machines, not {nodes}");
        program(&format!("{PROGRAMS}/postgres"), "postgresql-15")?;
        program("/usr/bin/psql", "postgresql-client-15")?;
        program("/usr/bin/curl", "curl")?;
        program("/usr/bin/etcd", "etcd-server")?;
        program("/usr/bin/etcdctl", "etcd-client")?;
        program("/usr/bin/patroni", "patroni")?;
        program("/usr/lib/python3/dist-packages/etcd/__init__.py", "python3-etcd")?;
        let folder = Folder::new();
        let authority = Certificates::new();
        fs::write(folder.path().join("ca.pem"), authority.authority()).unwrap();
        let ports = Ports([(); MACHINES].map(|()| PORTS.map(|_| free_port())));
        let mut rig = Self { machines: vec![], etcds: vec![], ports, log: Log::default(), folder };
        for machine in 0..MACHINES {
            let etcd = rig.etcd(machine, &authority);
            rig.etcds.push(etcd);
        }
        until("etcd has a leader", || rig.etcd_is_healthy().then_some(()));
        for machine in 0..nodes {
            let machine = rig.prepare(machine, &authority);
            rig.machines.push(machine);
        }
        for machine in 0..nodes {
            rig.start_machine(machine);
        }
        rig.wait_synchronous();
        Some(rig)
    }

    /// The machine that takes writes. Waits until there is one.
    pub fn leader(&self) -> usize {
        until("somebody leads", || self.led_by())
    }

    /// The authority of all certificates, in PEM.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Where PostgreSQL of each machine listens, on 127.0.0.1.
    pub fn ports(&self) -> Vec<u16> {
        (0..self.machines.len()).map(|machine| self.ports.of(machine, 5432)).collect()
    }

    /// How a client reaches each machine.
    pub fn urls(&self, role: &str, password: &str, database: &str, sslmode: &str) -> Vec<String> {
        let ports = self.ports().into_iter();
        ports.map(|port| url(&[port], &self.ca(), [role, password, database, sslmode])).collect()
    }

    /// How a client reaches whichever takes writes.
    pub fn url(&self, role: &str, password: &str, database: &str, sslmode: &str) -> String {
        let every = url(&self.ports(), &self.ca(), [role, password, database, sslmode]);
        format!("{every}&target_session_attrs=read-write")
    }

    /// Runs statements as the superuser, over the socket of a machine.
    ///
    /// # Panics
    /// If one is refused.
    pub fn run(&self, machine: usize, database: &str, statements: &str) -> String {
        succeed(&mut self.psql(machine, database, statements)).trim_end_matches('\n').to_owned()
    }

    /// Waits until another machine has each commit before it is answered, and may take over.
    pub fn wait_synchronous(&self) {
        until("a machine follows synchronously", || self.standby().map(drop));
    }

    /// The machine that follows synchronously. Both have to say so: PostgreSQL, which waits for it
    /// with each commit, and Patroni, which lets nobody else take over. Between a change of leader
    /// and the next look of Patroni (`loop_wait`) it is only the first.
    pub fn standby(&self) -> Option<usize> {
        let sync = "select application_name from pg_stat_replication \
                    where sync_state in ('sync', 'quorum') limit 1";
        let output = self.psql(self.leader(), "postgres", sync).output().unwrap();
        let standby = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let status = self.status();
        let mut members = status.split('{').filter(|member| member.contains("\"sync_standby\""));
        let named = format!("\"{standby}\"");
        let agreed = output.status.success() && members.any(|member| member.contains(&named));
        (0..self.machines.len()).find(|machine| agreed && name(*machine) == standby)
    }

    /// Waits until so many machines follow the leader, synchronously or not.
    pub fn wait_followers(&self, machines: usize) {
        let follow = "select count(*) from pg_stat_replication where state = 'streaming'";
        until("machines follow the leader", || {
            let output = self.psql(self.leader(), "postgres", follow).output().unwrap();
            let count = String::from_utf8_lossy(&output.stdout).trim().parse();
            (count == Ok(machines)).then_some(())
        });
    }

    /// Kills PostgreSQL and Patroni of the machine that leads, as a power cut would; which one.
    pub fn kill_leader(&self) -> usize {
        let leader = self.leader();
        self.kill_machine(leader);
        leader
    }

    /// Kills PostgreSQL and Patroni of a machine.
    pub fn kill_machine(&self, machine: usize) {
        let machine = self.machine(machine);
        let mut keeper = machine.keeper.lock().unwrap();
        kill_within(&machine.place);
        if let Some(mut child) = keeper.take() {
            child.wait().unwrap();
        }
    }

    /// Kills Patroni of a machine and leaves its PostgreSQL alone: nobody tells that it was
    /// replaced.
    pub fn orphan_machine(&self, machine: usize) {
        if let Some(mut child) = self.machine(machine).keeper.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts Patroni of a machine again, and with it PostgreSQL.
    pub fn start_machine(&self, machine: usize) {
        let machine = self.machine(machine);
        let mut keeper = machine.keeper.lock().unwrap();
        if keeper.is_some() {
            return;
        }
        let mut patroni = unprivileged("/usr/bin/patroni");
        patroni.arg(&machine.config).envs(machine.environment.iter().cloned());
        *keeper = Some(self.spawn(patroni, &machine.place));
    }

    /// Stops all processes of a machine where they are, as one that hangs.
    pub fn freeze_machine(&self, machine: usize) {
        signal_within(&self.machine(machine).place, Signal::STOP);
    }

    /// Lets them go on.
    pub fn thaw_machine(&self, machine: usize) {
        signal_within(&self.machine(machine).place, Signal::CONT);
    }

    /// Hands over to the machine that follows synchronously, as an operator would; which one.
    pub fn switchover(&self) -> usize {
        let new = until("a switchover is taken", || {
            let leader = self.leader();
            let standby = self.standby()?;
            let (from, to) = (name(leader), name(standby));
            let order = format!(r#"{{"leader": "{from}", "candidate": "{to}"}}"#);
            let mut curl = self.curl(leader, "switchover", 60);
            curl.args(["-H", "Content-Type: application/json", "-d", &order]);
            curl.output().unwrap().status.success().then_some(standby)
        });
        until("the other one leads", || (self.led_by() == Some(new)).then_some(()));
        new
    }

    /// Runs `patronictl` with these words on a machine, as an operator there would; what it says.
    ///
    /// # Panics
    /// If it does not succeed.
    pub fn control(&self, machine: usize, words: &[&str]) -> String {
        let machine = self.machine(machine);
        let mut patronictl = unprivileged("/usr/bin/patronictl");
        patronictl.arg("-c").arg(&machine.config).args(words).current_dir("/");
        succeed(patronictl.envs(machine.environment.iter().cloned()))
    }

    /// What Patroni says of all machines, in JSON.
    pub fn status(&self) -> String {
        let mut asked = (0..self.machines.len()).map(|machine| {
            let output = self.curl(machine, "cluster", 2).output().unwrap();
            output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
        });
        asked.find_map(|answer| answer).unwrap_or_default()
    }

    /// All that any of them said.
    pub fn log(&self) -> String {
        self.log.text()
    }

    fn machine(&self, machine: usize) -> &Machine {
        self.machines.get(machine).expect("a machine that was started")
    }

    /// Who leads: etcd says so and the machine itself. One that wakes still believes it, for a
    /// moment; and one that took the lock does not take writes yet.
    fn led_by(&self) -> Option<usize> {
        let status = self.status();
        let mut members = status.split('{').filter(|member| member.contains(r#""leader""#));
        let member = members.next()?;
        let named = |machine: &usize| member.contains(&format!("\"{}\"", name(*machine)));
        let leader = (0..self.machines.len()).find(named)?;
        let agrees = self.curl(leader, "primary", 2).output().unwrap().status.success();
        agrees.then_some(leader)
    }

    /// A client that runs statements as the superuser, over the socket of a machine.
    pub fn psql(&self, machine: usize, database: &str, statements: &str) -> Command {
        let mut psql = unprivileged("/usr/bin/psql");
        psql.arg("-h").arg(&self.machine(machine).place).args(["-U", "postgres"]);
        psql.args(["-p", &self.ports.of(machine, 5432).to_string()]).current_dir("/");
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statements, database]);
        psql
    }

    /// A request to Patroni of a machine that succeeds if the answer does.
    fn curl(&self, machine: usize, path: &str, seconds: u8) -> Command {
        let mut curl = Command::new("/usr/bin/curl");
        let tls = self.machine(machine).place.join("tls");
        curl.args(["-sS", "--fail", "--max-time", &seconds.to_string(), "--cacert"]);
        curl.arg(tls.join("ca.pem")).arg("--cert").arg(tls.join("server.crt"));
        curl.arg("--key").arg(tls.join("server.key"));
        curl.arg(format!("https://127.0.0.1:{}/{path}", self.ports.of(machine, 8008)));
        curl
    }

    fn etcd(&self, machine: usize, authority: &Certificates) -> Child {
        let place = self.folder.inside(&format!("etcd-{}", machine + 1));
        certify(&place, authority);
        let shown = place.display();
        let folders = [
            ("/var/lib/etcd/default", format!("{shown}/data")),
            ("/etc/etcd/tls", format!("{shown}/tls")),
        ];
        let mut etcd = unprivileged("/usr/bin/etcd");
        etcd.envs(self.ports.variables(ETCD, machine, &folders));
        self.spawn(etcd, &place)
    }

    fn etcd_is_healthy(&self) -> bool {
        let tls = self.folder.path().join("etcd-1/tls");
        let mut etcdctl = Command::new("/usr/bin/etcdctl");
        let every = (0..MACHINES)
            .map(|machine| format!("https://127.0.0.1:{}", self.ports.of(machine, 2379)));
        etcdctl.args(["endpoint", "health", "--endpoints", &every.collect::<Vec<_>>().join(",")]);
        etcdctl.arg("--cacert").arg(tls.join("ca.pem")).arg("--cert").arg(tls.join("server.crt"));
        etcdctl.arg("--key").arg(tls.join("server.key")).env("ETCDCTL_API", "3");
        etcdctl.output().unwrap().status.success()
    }

    fn prepare(&self, machine: usize, authority: &Certificates) -> Machine {
        let place = self.folder.inside(&name(machine));
        certify(&place, authority);
        let shown = place.display();
        let folders = [
            ("/etc/patroni/tls", format!("{shown}/tls")),
            ("/var/lib/postgresql/15/bailee", format!("{shown}/data")),
            ("/var/run/postgresql", shown.to_string()),
            ("192.0.2.0/24", "127.0.0.1/32".to_owned()),
            // Whoever is not root runs it under a name of their own.
            ("postgres peer", if is_root() { "postgres peer" } else { "postgres trust" }.into()),
        ];
        let config = place.join("patroni.yml");
        private(&config, &self.ports.here(CONFIG, &folders));
        let environment = self.ports.variables(ENVIRONMENT, machine, &folders);
        Machine { place, config, environment, keeper: Mutex::new(None) }
    }

    fn spawn(&self, mut command: Command, place: &Path) -> Child {
        command.current_dir(place).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.log.follow(child.stdout.take().unwrap());
        self.log.follow(child.stderr.take().unwrap());
        child
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.log.end(80));
        }
        let keepers = self.machines.iter().map(|machine| machine.keeper.lock().unwrap().take());
        for mut child in keepers.flatten().chain(self.etcds.drain(..)) {
            // The folder's warden ends what is left.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Ports {
    fn of(&self, machine: usize, port: u16) -> u16 {
        let at = PORTS.iter().position(|known| *known == port).unwrap();
        *self.0.get(machine).and_then(|ports| ports.get(at)).unwrap()
    }

    /// A file of the example with places of this machine instead.
    fn here(&self, text: &str, folders: &[(&str, String)]) -> String {
        let mut text = text.to_owned();
        for machine in 0..MACHINES {
            for port in PORTS {
                let own = self.of(machine, port);
                text =
                    text.replace(&format!("{}:{port}", host(machine)), &format!("127.0.0.1:{own}"));
            }
        }
        for (there, here) in folders {
            text = text.replace(there, here);
        }
        let said = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        for line in said {
            let elsewhere = ["192.0.2.", "/etc/", "/var/"].into_iter().find(|it| line.contains(it));
            assert_eq!(elsewhere, None, "the example names another place: {line}");
        }
        text
    }

    /// The variables of an example for the first machine, as its comment says for another one.
    fn variables(
        &self,
        text: &str,
        machine: usize,
        folders: &[(&str, String)],
    ) -> Vec<(String, String)> {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let lines = lines.filter(|(name, _)| !name.starts_with('#'));
        let own = |(variable, value): (&str, &str)| {
            let mut value = value.replace("192.0.2.11,127.0.0.1:", "192.0.2.11:");
            if variable != "ETCD_INITIAL_CLUSTER" {
                value = value.replace(&host(0), &host(machine)).replace(&name(0), &name(machine));
            }
            (variable.to_owned(), self.here(&value, folders))
        };
        lines.map(own).collect()
    }
}

fn host(machine: usize) -> String {
    format!("192.0.2.{}", machine + 11)
}

fn name(machine: usize) -> String {
    format!("db-{}", machine + 1)
}

/// Gives a machine a certificate and the authority.
fn certify(place: &Path, authority: &Certificates) {
    let tls = place.join("tls");
    fs::create_dir(&tls).unwrap();
    super::folder::give(&tls);
    let issued = authority.issue("localhost");
    private(&tls.join("ca.pem"), &authority.authority());
    private(&tls.join("server.crt"), &issued.certificate);
    private(&tls.join("server.key"), &issued.key);
}
