//! The server's look at itself from outside: which TLS it speaks, and whether it answers without.
//!
//! What a configuration says is no proof. The probe connects to the live listener as any client
//! would, and the measures rest on what it saw and when.

use domain::measures::Listener;
use kernel::Moment;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(10);

/// How often the server looks.
pub(crate) const EVERY: Duration = Duration::from_secs(300);

/// What was seen last.
#[derive(Default)]
pub(crate) struct Probed(Mutex<Option<Listener>>);

impl Probed {
    pub(crate) fn seen(&self) -> Option<Listener> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks, and remembers what it saw. A look that fails leaves the earlier one to grow old.
    pub(crate) async fn look(&self, listener: SocketAddr, client: Arc<ClientConfig>, now: Moment) {
        let address = reachable(listener);
        let looked = timeout(LOOK, async {
            let version = negotiated(address, client).await?;
            Ok::<_, io::Error>((version, refuses_plaintext(address).await?))
        });
        match looked.await {
            Ok(Ok((version, refuses_plaintext))) => {
                let seen = Listener { version, refuses_plaintext, at: now };
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
            }
            Ok(Err(error)) => tracing::warn!(%error, "the server could not look at itself"),
            Err(_) => tracing::warn!("the server did not answer its own look in time"),
        }
    }
}

async fn negotiated(address: SocketAddr, client: Arc<ClientConfig>) -> io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::from(address.ip());
    let mut stream = TlsConnector::from(client).connect(name, stream).await?;
    let version = match stream.get_ref().1.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        other => format!("{other:?}"),
    };
    stream.shutdown().await?;
    Ok(version)
}

/// Whether plain HTTP gets nothing but, at most, a TLS alert (RFC 8446 §6).
async fn refuses_plaintext(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    let mut answer = Vec::new();
    // A reset instead of an orderly end is a refusal too.
    drop((&mut stream).take(1024).read_to_end(&mut answer).await);
    const ALERT: u8 = 21;
    Ok(answer.first().is_none_or(|first| *first == ALERT) && answer.len() <= 7)
}

/// An address that stands for all addresses is reached on loopback.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}
