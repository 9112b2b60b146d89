//! `postgres://USER@HOST:PORT/DB?…`: how the database is reached.
//!
//! As libpq reads it (RFC 3986), with two differences: without `sslmode` it is `verify-full`, and
//! what would not verify the server is refused, but on loopback.

use kernel::{Error, Result};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::ConfigVerifierExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);

/// How long what was sent may stay unacknowledged.
const SILENT: Duration = Duration::from_secs(8);

/// Where the database is, and how it is reached.
#[derive(Clone)]
pub struct Address {
    pub(crate) config: Config,
    pub(crate) tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// Reads an address. A password may stand in it, in `PGPASSWORD`, or in the file that
    /// `PGPASSFILE` names.
    ///
    /// # Errors
    /// `Invalid` if it is none, or would not verify the server; `Unavailable` if a file that it
    /// names cannot be read.
    pub fn parse(url: &str) -> Result<Self> {
        let bad = |why: String| Error::invalid("store", why);
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(bad("use `postgres://USER@HOST:PORT/DB?sslmode=verify-full`".to_owned()));
        }
        let (base, own) = take_own(url)?;
        let mut config = Config::from_str(&base)
            .map_err(|error| bad(format!("this is no address of a database: {error}")))?;
        for (what, there) in [
            ("a user", config.get_user().is_some()),
            ("a host", !config.get_hosts().is_empty()),
            ("a database", config.get_dbname().is_some()),
        ] {
            if !there {
                return Err(bad(format!("it names no {}", what.trim_start_matches("a "))));
            }
        }
        if config.get_password().is_none()
            && let Some(found) = password(&config)
        {
            config.password(found);
        }
        config
            .application_name("bailee")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENT)
            .keepalives_idle(SILENT)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        let tls = match own.mode.as_deref() {
            Some("disable") if config.get_hosts().iter().all(is_here) => {
                config.ssl_mode(SslMode::Disable);
                None
            }
            Some("disable") => {
                return Err(
                    bad("`sslmode=disable` is for loopback only: use `verify-full`".into()),
                );
            }
            None | Some("verify-full") => {
                config.ssl_mode(SslMode::Require);
                Some(own.tls()?)
            }
            Some(other) => {
                let other = kernel::id::shown(other);
                return Err(bad(format!(
                    "`sslmode={other}` does not verify who answers: use `verify-full`"
                )));
            }
        };
        Ok(Self { config, tls })
    }

    /// The address without secrets, for messages.
    pub fn shown(&self) -> String {
        let mut hosts = Vec::new();
        for (nth, host) in self.config.get_hosts().iter().enumerate() {
            let ports = self.config.get_ports();
            let port = ports.get(nth).or(ports.first()).copied().unwrap_or(5432);
            hosts.push(match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => path.display().to_string(),
            });
        }
        let user = self.config.get_user().unwrap_or_default();
        let database = self.config.get_dbname().unwrap_or_default();
        format!("postgres://{user}@{}/{database}", hosts.join(","))
    }
}

/// What libpq's parameters say of TLS, which the driver does not read.
#[derive(Default)]
struct Own {
    mode: Option<String>,
    roots: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// The address without the parameters that are read here.
fn take_own(url: &str) -> Result<(String, Own)> {
    let Some((base, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), Own::default()));
    };
    let (mut own, mut rest) = (Own::default(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = unescaped(value)?;
        match name {
            "sslmode" => own.mode = Some(value),
            "sslrootcert" => own.roots = Some(PathBuf::from(value)),
            "sslcert" => own.certificate = Some(PathBuf::from(value)),
            "sslkey" => own.key = Some(PathBuf::from(value)),
            _ => rest.push(pair),
        }
    }
    let base = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    Ok((base, own))
}

/// A value with its `%XX` as bytes.
fn unescaped(text: &str) -> Result<String> {
    let bad = || Error::invalid("store", "a `%` in it is not followed by two hexadecimal digits");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (pair, after) = rest.split_first_chunk::<2>().ok_or_else(bad)?;
        let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
        bytes.push(u8::from_str_radix(pair, 16).map_err(|_| bad())?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

impl Own {
    fn tls(&self) -> Result<MakeRustlsConnect> {
        let wrong =
            |error: rustls::Error| Error::unavailable(format!("TLS to the database: {error}"));
        let builder = || {
            rustls::ClientConfig::builder_with_provider(
                rustls::crypto::aws_lc_rs::default_provider().into(),
            )
            .with_safe_default_protocol_versions()
        };
        let Some(roots) = self.roots.as_deref().filter(|path| *path != Path::new("system")) else {
            if self.certificate.is_some() {
                return Err(Error::invalid("store", "`sslcert` needs `sslrootcert` beside it"));
            }
            let config = rustls::ClientConfig::with_platform_verifier().map_err(wrong)?;
            return Ok(MakeRustlsConnect::new(config));
        };
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(roots).map_err(|e| unread(roots, &e))? {
            let certificate = certificate.map_err(|error| unread(roots, &error))?;
            store.add(certificate).map_err(wrong)?;
        }
        if store.is_empty() {
            return Err(unread(roots, &"it holds no certificate"));
        }
        let config = builder().map_err(wrong)?.with_root_certificates(store);
        let config = match (&self.certificate, &self.key) {
            (None, None) => config.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let chain = CertificateDer::pem_file_iter(certificate)
                    .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
                    .map_err(|error| unread(certificate, &error))?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unread(key, &error))?;
                config.with_client_auth_cert(chain, key).map_err(wrong)?
            }
            _ => return Err(Error::invalid("store", "`sslcert` and `sslkey` go together")),
        };
        Ok(MakeRustlsConnect::new(config))
    }
}

fn unread(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::unavailable(format!("`{}` cannot be used as PEM: {why}", path.display()))
}

/// Whether a host is this machine: what is sent there is seen by nobody else.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

/// The password from the environment, or from the file that it names (`host:port:db:user:password`,
/// `*` for any).
fn password(config: &Config) -> Option<String> {
    if let Ok(password) = std::env::var("PGPASSWORD") {
        return Some(password);
    }
    let text = std::fs::read_to_string(std::env::var_os("PGPASSFILE")?).ok()?;
    let host = match config.get_hosts().first()? {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let wanted = [host.as_str(), &port, config.get_dbname()?, config.get_user()?];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut parts = line.splitn(5, ':');
        let fits =
            wanted.iter().all(|wanted| parts.next().is_some_and(|is| is == "*" || is == *wanted));
        parts.next().filter(|_| fits).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn what_would_not_verify_the_server_is_refused() {
        for url in [
            "postgres://b@db.example/b?sslmode=disable",
            "postgres://b@db.example/b?sslmode=require",
            "postgres://b@127.0.0.1/b?sslmode=prefer",
            "postgres://b@127.0.0.1,db.example/b?sslmode=disable",
            "postgres://b@db.example/b?sslrootcert=/nowhere/ca.pem",
            "postgres://b@db.example/b?sslrootcert=%zz",
            "postgres://db.example/b",
            "postgres://b@db.example",
            "mysql://b@db.example/b",
            "",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
        let here = Address::parse("postgres://b:secret@127.0.0.1:6432/c?sslmode=disable").unwrap();
        assert_eq!(here.shown(), "postgres://b@127.0.0.1:6432/c");
        assert!(here.tls.is_none());
        let away = Address::parse("postgres://b@one.example,two.example:1/c").unwrap();
        assert!(away.tls.is_some(), "verified without being asked for");
    }
}
