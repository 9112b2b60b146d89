//! Probes: one look at an endpoint's TLS for each job, from where the server runs.
//!
//! Promises: what was seen is told as it was seen; an endpoint that does not answer is told to be
//! unreachable, and not to be bad. Where there is no TLS, it is seen whether HTTP answers plainly.
//! Does not: look at another port than the one that was declared, or follow anything.

use connectors::tls;
use domain::exposure::probes::{Look, Seen, Sight};
use domain::register::When;
use kernel::{Kernel, Moment, Ran, Result};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Ended, Means, PATIENCE, blocking, in_time, seconds};

/// The port of an address that names none: that of HTTPS.
const PORT: u16 = 443;

/// Time for the look at what answers without TLS.
const PLAIN: Duration = Duration::from_secs(5);

/// Looks where a job asks to, and records what was seen.
///
/// # Errors
/// Whatever the operation answers; the job then stays.
pub async fn look(means: &Means, kernel: Kernel, object: &str, right: Ran) -> Result<Ended> {
    let look = Look::of(object)?;
    let now = seconds(kernel.now());
    let sight = match place(&look.address) {
        Some((host, port)) => in_time(see(host, port, means.probe_ca.as_deref(), now)).await?,
        None => unseen("the address is not `host:port`: state it anew".to_owned()),
    };
    blocking(move || right.run(&kernel, Seen::new(&kernel, look, sight)?)).await?;
    Ok(Ended::Done)
}

async fn see(host: &str, port: u16, root: Option<&str>, now: u64) -> Sight {
    let probe = tls::probe(host, port, host, root, now, PATIENCE).await;
    let plaintext = probe.reachable && probe.version.is_none() && answers(host, port).await;
    let ends = probe.certificate.map(|one| u64::try_from(one.not_after).unwrap_or_default());
    Sight {
        reachable: probe.reachable,
        version: probe.version,
        old_versions: probe.old_versions,
        trusted: probe.trusted && probe.name_matches,
        certificate_ends: ends.map(|ends| When(Moment(ends.saturating_mul(1_000_000)))),
        plaintext,
        strict_transport: probe.hsts.as_deref().is_some_and(asks_to_come_back),
        problem: probe.failure,
    }
}

fn unseen(problem: String) -> Sight {
    Sight {
        reachable: false,
        version: None,
        old_versions: vec![],
        trusted: false,
        certificate_ends: None,
        plaintext: false,
        strict_transport: false,
        problem: Some(problem),
    }
}

/// Host and port of an address. An IPv6 address with a port stands in brackets (RFC 3986).
pub fn place(address: &str) -> Option<(&str, u16)> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None if port.is_empty() => PORT,
        None => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

/// Whether browsers are told to use TLS for some time (RFC 6797 §6.1.1): zero seconds take it back.
fn asks_to_come_back(header: &str) -> bool {
    header.split(';').any(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let age = value.trim().trim_matches('"').parse::<u64>();
        name.trim().eq_ignore_ascii_case("max-age") && age.is_ok_and(|age| age > 0)
    })
}

/// Whether HTTP answers here without TLS.
async fn answers(host: &str, port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((host, port)).await.ok()?;
        let request = b"HEAD / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut word = [0; 5];
        stream.read_exact(&mut word).await.ok()?;
        Some(word == *b"HTTP/")
    };
    tokio::time::timeout(PLAIN, ask).await.ok().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{asks_to_come_back, place};

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (address, expected) in [
            ("db.example:8443", Some(("db.example", 8443))),
            ("db.example", Some(("db.example", 443))),
            ("10.0.0.7:1", Some(("10.0.0.7", 1))),
            ("[::1]:8443", Some(("::1", 8443))),
            ("[::1]", Some(("::1", 443))),
            ("", None),
            (":443", None),
            ("db:0", None),
            ("db:70000", None),
            ("db:x", None),
            ("::1", None),
            ("[::1", None),
            ("[]:1", None),
            ("[::1]x", None),
        ] {
            assert_eq!(place(address), expected, "{address}");
        }
    }

    #[test]
    fn strict_transport_lasts_for_some_time() {
        for (header, asks) in [
            ("max-age=31536000", true),
            ("includeSubDomains; Max-Age=\"1\"", true),
            ("max-age=0", false),
            ("max-age", false),
            ("includeSubDomains", false),
            ("", false),
        ] {
            assert_eq!(asks_to_come_back(header), asks, "{header}");
        }
    }
}
