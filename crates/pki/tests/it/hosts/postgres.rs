//! PostgreSQL over TLS that takes client certificates and nothing else (`cert` in `pg_hba.conf`).
//!
//! It refuses to run as root, so root runs it as `postgres`.

use super::{Log, free_port, is_root, program, replace, signal};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const POSTGRES: &str = "/usr/lib/postgresql/15/bin/postgres";
const INITDB: &str = "/usr/lib/postgresql/15/bin/initdb";

/// A PostgreSQL of its own, on loopback; it ends with this.
pub struct Postgres {
    child: Child,
    log: Log,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub port: u16,
}

impl Postgres {
    /// One that trusts this authority and reads this list, both in PEM, with these roles.
    pub fn start(authority: &str, list: &str, roles: &[&str]) -> Option<Self> {
        program(POSTGRES, "postgresql-15")?;
        program("/usr/bin/psql", "postgresql-client-15")?;
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::set_permissions(at, Permissions::from_mode(0o755)).unwrap();
        let inside = at.join("host");
        fs::create_dir(&inside).unwrap();
        let served = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(at.join("server.crt"), served.cert.pem()).unwrap();
        fs::write(inside.join("server.crt"), served.cert.pem()).unwrap();
        fs::write(inside.join("server.key"), served.signing_key.serialize_pem()).unwrap();
        fs::set_permissions(inside.join("server.key"), Permissions::from_mode(0o600)).unwrap();
        fs::write(inside.join("ca.crt"), authority).unwrap();
        fs::write(inside.join("ca.crl"), list).unwrap();
        if is_root() {
            let mut chown = Command::new("chown");
            assert!(chown.args(["-R", "postgres:"]).arg(&inside).status().unwrap().success());
        }
        let data = inside.join("data");
        let mut initdb = unprivileged(INITDB);
        initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-N"]);
        let output = initdb.arg("-D").arg(&data).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let port = free_port(2000);
        let shown = inside.display();
        let config = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{shown}'\n\
             fsync = off\nssl = on\nssl_cert_file = '{shown}/server.crt'\n\
             ssl_key_file = '{shown}/server.key'\nssl_ca_file = '{shown}/ca.crt'\n\
             ssl_crl_file = '{shown}/ca.crl'\n"
        );
        fs::write(data.join("postgresql.auto.conf"), config).unwrap();
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 cert\n";
        fs::write(data.join("pg_hba.conf"), rules).unwrap();
        let mut server = unprivileged(POSTGRES);
        let child = server.arg("-D").arg(&data).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        log.wait(0, "ready to accept connections");
        let host = Self { child, log, folder, port };
        for role in roles {
            host.run(&format!("create role \"{role}\" login"));
        }
        Some(host)
    }

    /// Runs a statement as its owner, over the socket in its folder.
    pub fn run(&self, statement: &str) -> String {
        let inside = self.inside();
        let mut psql = Command::new("/usr/bin/psql");
        psql.arg("-h").arg(inside).args(["-p", &self.port.to_string(), "-U", "postgres"]);
        let output = psql.args(["-XqAtc", statement, "postgres"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Takes certificates of this system only: the role is the common name beside it.
    pub fn restrict(&self, system: &str) {
        let data = self.inside().join("data");
        let rules =
            "local all all trust\nhostssl all all 127.0.0.1/32 cert clientname=DN map=own\n";
        let map = format!("own \"/^CN=([A-Za-z0-9._-]+),O={system}$\" \\1\n");
        fs::write(data.join("pg_hba.conf"), rules).unwrap();
        fs::write(data.join("pg_ident.conf"), map).unwrap();
        self.run("select pg_reload_conf()");
    }

    /// The file that it reads revocations from, after a reload.
    pub fn list(&self) -> PathBuf {
        self.inside().join("ca.crl")
    }

    /// How its owner reaches it, over the socket in its folder.
    pub fn owner(&self) -> String {
        let inside = self.inside();
        format!("host={} port={} user=postgres dbname=postgres", inside.display(), self.port)
    }

    /// How others reach it, and the authority of its own certificate.
    pub fn address(&self) -> (String, PathBuf) {
        let port = self.port;
        let at = format!("host=localhost hostaddr=127.0.0.1 port={port} dbname=postgres");
        (at, self.folder.path().join("server.crt"))
    }

    /// Puts a revocation list in place, and has it read.
    pub fn revoke(&self, list: &str) {
        replace(&self.inside().join("ca.crl"), list.as_bytes());
        let from = self.log.length();
        signal(&self.child, "HUP");
        // The same process reads the list before it takes the next connection.
        self.log.wait(from, "received SIGHUP");
    }

    /// A `psql` of this role, with a certificate and its key in PEM.
    pub fn command(&self, role: &str, certificate: &Path, key: &Path) -> Command {
        let root = self.folder.path().join("server.crt");
        let mut psql = Command::new("/usr/bin/psql");
        psql.args(["-XqAt"]).arg(format!(
            "host=localhost hostaddr=127.0.0.1 port={} user={role} dbname=postgres \
             sslmode=verify-full sslrootcert={} sslcert={} sslkey={}",
            self.port,
            root.display(),
            certificate.display(),
            key.display()
        ));
        psql
    }

    /// Signs in and asks who one is.
    pub fn who(&self, role: &str, certificate: &Path, key: &Path) -> Output {
        self.command(role, certificate, key).args(["-c", "select current_user"]).output().unwrap()
    }

    /// That it refuses, and tells the client why. The log of version 15 has no reason: it says
    /// `certificate verify failed` of all.
    pub fn refuses(&self, role: &str, certificate: &Path, key: &Path, why: &str) {
        let output = self.who(role, certificate, key);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(why), "no `{why}` in: {said}");
    }

    fn inside(&self) -> PathBuf {
        self.folder.path().join("host")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, with its children; a kill would leave those.
        signal(&self.child, "QUIT");
        drop(self.child.wait());
    }
}

fn unprivileged(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--", program]);
    command
}
