//! Syslog over TCP (RFC 6587) and TLS (RFC 5425): connections, and what is read from them.
//!
//! Promises: a number of connections in all and for each address; a handshake and a message that
//! has begun have an end; between messages a connection may be quiet for hours, as honest senders
//! are. A connection that loses sync again and again is closed. Nothing is written to it.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use connectors::logs::framing::{Decoder, Frame};
use connectors::logs::syslog::Reader;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::counters::Counts;
use super::{Arrived, Full, Shared, TOGETHER, Transport};

/// Connections at once. Each holds at most a message and what one reading brings, some 100 KiB.
pub const CONNECTIONS: usize = 512;

/// Connections at once from one address.
pub const FROM_ONE: usize = 32;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a message may take from its first byte to its last.
const MESSAGE: Duration = Duration::from_secs(30);

/// How long a connection may say nothing.
const QUIET: Duration = Duration::from_secs(2 * 3600);

/// Broken frames one behind the other after which a connection is closed.
const BROKEN: usize = 16;

/// Bytes that are read at once.
const READ: usize = 16 << 10;

/// Accepts until it is dropped.
pub async fn accept(listener: TcpListener, tls: Option<Arc<ServerConfig>>, shared: Shared) {
    let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
    let acceptor = tls.map(TlsAcceptor::from);
    let peers = Arc::new(Peers::default());
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = open.join_next(), if !open.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection of syslog ended by a defect");
                }
                continue;
            }
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "no connection of syslog could be accepted");
                pause().await;
                continue;
            }
        };
        let Some(place) = Peers::enter(&peers, peer, open.len()) else {
            let now = (shared.clock)();
            shared.sources.count(transport, Some(peer), now, |one| one.cut += 1);
            continue;
        };
        let (shared, acceptor) = (shared.clone(), acceptor.clone());
        open.spawn(async move {
            let _place = place;
            let link = Link { transport, peer, shared, client: None };
            link.serve(stream, acceptor).await;
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "the system has no event for a free descriptor")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// How many connections each address has.
#[derive(Default)]
struct Peers(Mutex<HashMap<IpAddr, usize>>);

/// A place among the connections; dropping it frees it.
struct Place(Arc<Peers>, IpAddr);

impl Peers {
    fn enter(own: &Arc<Self>, peer: IpAddr, open: usize) -> Option<Place> {
        let mut all = own.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.get(&peer).copied().unwrap_or_default();
        if open >= CONNECTIONS || count >= FROM_ONE {
            return None;
        }
        all.insert(peer, count + 1);
        Some(Place(Arc::clone(own), peer))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(&self.1) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(all.remove(&self.1)),
        }
    }
}

/// One connection.
struct Link {
    transport: Transport,
    peer: IpAddr,
    shared: Shared,
    /// SHA-256 of the client's certificate, in hex.
    client: Option<String>,
}

impl Link {
    async fn serve(mut self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        let Some(acceptor) = acceptor else { return self.read(stream).await };
        match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let certificates = stream.get_ref().1.peer_certificates();
                let own = certificates.and_then(|all| all.first());
                self.client = own.map(|own| {
                    digest(&SHA256, own).as_ref().iter().map(|b| format!("{b:02x}")).collect()
                });
                self.read(stream).await;
            }
            // Wrong version, unknown authority, no certificate, no TLS at all, or too slow.
            _ => self.count(|one| one.cut += 1),
        }
    }

    /// Reads until the other side ends, or what it sends does.
    async fn read(self, mut stream: impl AsyncRead + Unpin) {
        let mut decoder = Decoder::new();
        let mut reader = Reader::new(self.shared.habits.clone());
        let mut bytes = vec![0; READ];
        let mut began: Option<Instant> = None;
        let mut broken = 0;
        loop {
            // From the first byte of a message, so that a byte now and then does not prolong it.
            let end = began.map_or_else(|| Instant::now() + QUIET, |began| began + MESSAGE);
            let length = match timeout_at(end, stream.read(&mut bytes)).await {
                Ok(Ok(length)) => length,
                Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                Ok(Err(_)) => return,
                Err(_) => return self.count(|one| one.cut += 1),
            };
            let mut frames = Vec::new();
            if length == 0 {
                frames.extend(decoder.end());
            } else {
                decoder.push(bytes.get(..length).unwrap_or_default(), |frame| frames.push(frame));
            }
            let completed = !frames.is_empty();
            for frame in &frames {
                let whole = matches!(frame, Frame::Message(_));
                broken = if whole { 0 } else { broken + 1 };
            }
            if self.take(frames, &mut reader).await.is_err() || length == 0 {
                return;
            }
            if decoder.is_lost() || broken >= BROKEN {
                return self.count(|one| one.cut += 1);
            }
            began = match began {
                _ if !decoder.is_open() => None,
                Some(began) if !completed => Some(began),
                _ => Some(Instant::now()),
            };
        }
    }

    /// Puts what was read into the queue, and waits for room.
    async fn take(&self, frames: Vec<Frame>, reader: &mut Reader) -> Result<(), Full> {
        let mut arrived = Vec::new();
        for frame in frames {
            let now = (self.shared.clock)();
            let records = match frame {
                Frame::Message(message) => reader.read(&message, now).ok(),
                Frame::Broken(_) => None,
            };
            let Some(records) = records else {
                self.count(|one| one.malformed += 1);
                continue;
            };
            for mut record in records {
                record.maybe("tls.client.hash.sha256", self.client.as_deref());
                arrived.push(self.shared.arrived(record, self.transport, Some(self.peer), now));
                if arrived.len() == TOGETHER {
                    self.put(std::mem::take(&mut arrived)).await?;
                }
            }
        }
        self.put(arrived).await
    }

    async fn put(&self, arrived: Vec<Arrived>) -> Result<(), Full> {
        let number = arrived.len() as u64;
        if number == 0 {
            return Ok(());
        }
        self.shared.intake.put(arrived).await?;
        self.count(|one| one.received += number);
        Ok(())
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.shared.sources.count(self.transport, Some(self.peer), (self.shared.clock)(), change);
    }
}
