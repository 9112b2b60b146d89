//! Signals from outside: receivers of syslog over TCP, TLS and UDP, and the queue behind them.
//!
//! Promises: whatever is sent, memory stays within [`ROOM`] and what the connections hold, which
//! have a number and a size each. TCP and TLS wait when the queue is full, so that the sender
//! keeps what it has; UDP cannot, and what is dropped there is counted by source. Every record
//! says how it came and from which address, and nothing in a message can say that otherwise.
//!
//! Does not: keep anything. Whoever holds [`Arrivals`] does, and gives room back by dropping a
//! [`Parcel`] when it is kept.

pub mod availability;
pub mod counters;
mod quota;
mod stream;
#[cfg(test)]
mod tests;
mod udp;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use api::Server;
use connectors::logs::Record;
use connectors::logs::syslog::Habits;
use connectors::places::Places;
use kernel::Kernel;
use rustls::ServerConfig;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::config::Syslog;
use super::outward::pem;
use crate::exit::{Exit, Failure, reason};

pub use availability::Probed;
pub use counters::{Sources, Transport};

/// Room of the queue in KiB.
const ROOM: u32 = 64 << 10;

/// Parcels in the queue; with one record each that is what the channel holds.
const PARCELS: usize = 1024;

/// Records of one parcel at most.
const TOGETHER: usize = 256;

/// The time now, in µs since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A record, with what the receiver knows about how it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrived {
    /// What it says.
    pub record: Record,
    /// How it came.
    pub transport: Transport,
    /// Who sent it; over UDP, who it says has.
    pub peer: Option<IpAddr>,
    /// When it came, in µs since 1970, by our clock.
    pub received: u64,
}

impl Arrived {
    /// As it came: the record says so itself, in fields that a message cannot set.
    pub fn new(mut record: Record, transport: Transport, peer: Option<IpAddr>, at: u64) -> Self {
        record.fields.retain(|key, _| !key.starts_with("log.source."));
        record.set("log.source.transport", transport.word());
        if let Some(peer) = peer {
            record.set("log.source.address", peer.to_string());
        }
        if transport == Transport::Udp {
            record.set("log.source.trust", "unauthenticated transport");
        }
        Self { record, transport, peer, received: at }
    }
}

/// Records that arrived together. Dropping it gives their room in the queue back.
#[derive(Debug)]
pub struct Parcel {
    /// Not empty, at most 256.
    pub arrived: Vec<Arrived>,
    _room: OwnedSemaphorePermit,
}

/// Why records were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There is no room now.
    Now,
    /// Nobody takes any more.
    Ended,
}

/// Where receivers put what arrives.
#[derive(Clone, Debug)]
pub struct Intake {
    sender: mpsc::Sender<Parcel>,
    room: Arc<Semaphore>,
}

/// The other end of the queue.
pub type Arrivals = mpsc::Receiver<Parcel>;

/// A queue: bounded in bytes and in number.
pub fn queue() -> (Intake, Arrivals) {
    let (sender, arrivals) = mpsc::channel(PARCELS);
    (Intake { sender, room: Arc::new(Semaphore::new(ROOM as usize)) }, arrivals)
}

impl Intake {
    /// Puts records into the queue, and waits for room.
    ///
    /// # Errors
    /// [`Full::Ended`] when nobody takes any more.
    pub async fn put(&self, arrived: Vec<Arrived>) -> Result<(), Full> {
        let room = Arc::clone(&self.room).acquire_many_owned(weight(&arrived)).await;
        let room = room.map_err(|_| Full::Ended)?;
        self.sender.send(Parcel { arrived, _room: room }).await.map_err(|_| Full::Ended)
    }

    /// Puts records into the queue, if there is room now.
    ///
    /// # Errors
    /// [`Full`]; nothing was put.
    pub fn offer(&self, arrived: Vec<Arrived>) -> Result<(), Full> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(weight(&arrived));
        let room = room.map_err(|_| Full::Now)?;
        self.sender.try_send(Parcel { arrived, _room: room }).map_err(|why| match why {
            mpsc::error::TrySendError::Full(_) => Full::Now,
            mpsc::error::TrySendError::Closed(_) => Full::Ended,
        })
    }
}

/// KiB that records take, at most all the room there is.
fn weight(arrived: &[Arrived]) -> u32 {
    let bytes: usize = arrived.iter().map(|one| one.record.size()).sum();
    u32::try_from(bytes / 1024 + 1).unwrap_or(ROOM).min(ROOM)
}

/// What all receivers share.
#[derive(Clone)]
pub struct Shared {
    /// Where records go.
    pub intake: Intake,
    /// Who sent how much.
    pub sources: Arc<Sources>,
    /// The time now.
    pub clock: Clock,
    /// What is known about senders of RFC 3164.
    pub habits: Habits,
    /// Where networks are, as the operator says.
    pub places: Arc<Places>,
}

impl Shared {
    /// A record as it came, with the place of the address it speaks of.
    pub fn arrived(
        &self,
        record: Record,
        transport: Transport,
        peer: Option<IpAddr>,
        at: u64,
    ) -> Arrived {
        let mut arrived = Arrived::new(record, transport, peer, at);
        self.places.mark(&mut arrived.record);
        arrived
    }
}

/// Receivers that are bound; nothing is read before [`Receivers::start`].
pub struct Receivers {
    shared: Shared,
    tcp: Option<TcpListener>,
    tls: Option<(TcpListener, Arc<ServerConfig>)>,
    udp: Option<UdpSocket>,
    addresses: BTreeMap<&'static str, SocketAddr>,
}

impl Receivers {
    /// Listens where the configuration says. Needs a runtime.
    ///
    /// # Errors
    /// When an address is taken or not of this machine, or the file of authorities holds none.
    pub async fn bind(
        config: &Syslog,
        server: &Server,
        kernel: &Kernel,
        (intake, places): (Intake, Arc<Places>),
    ) -> Result<Self, Failure> {
        let tls = match &config.client_ca {
            _ if config.tls.is_none() => None,
            None => Some(server.tls_for(None)),
            Some(path) => Some(server.tls_for(Some(&pem(path)?))),
        };
        let tls = tls.transpose().map_err(|why| {
            Failure::usage(format!("`syslog.client_ca` is of no use: {}", reason(&why)))
        })?;
        let kernel = kernel.clone();
        let shared = Shared {
            intake,
            sources: Arc::default(),
            clock: Arc::new(move || kernel.now().0),
            habits: Habits {
                zone: i32::from(config.zone_minutes) * 60,
                product: config.product.clone(),
            },
            places,
        };
        Self::bound(config, tls, shared).await
    }

    async fn bound(
        config: &Syslog,
        tls: Option<Arc<ServerConfig>>,
        shared: Shared,
    ) -> Result<Self, Failure> {
        let (mut addresses, mut udp) = (BTreeMap::new(), None);
        let tcp = listen("tcp", config.tcp, &mut addresses).await?;
        let secured = listen("tls", config.tls, &mut addresses).await?;
        if let Some(mut address) = config.udp {
            // One address for both means one port for both, also where the system chose it.
            if let (0, true, Some(tcp)) =
                (address.port(), config.tcp == Some(address), addresses.get("tcp"))
            {
                address = *tcp;
            }
            let socket = UdpSocket::bind(address).await;
            let socket = socket.map_err(|why| cannot("udp", address, &why))?;
            let bound = socket.local_addr().map_err(|why| cannot("udp", address, &why))?;
            addresses.insert("udp", bound);
            udp = Some(socket);
        }
        Ok(Self { shared, tcp, tls: secured.zip(tls), udp, addresses })
    }

    /// Where is listened, by transport.
    pub fn addresses(&self) -> BTreeMap<&'static str, SocketAddr> {
        self.addresses.clone()
    }

    /// Who sends how much.
    pub fn sources(&self) -> Arc<Sources> {
        Arc::clone(&self.shared.sources)
    }

    /// Receives, and watches the endpoints that `probed` names, until what is answered is dropped.
    /// Needs a runtime.
    #[must_use]
    pub fn start(self, probed: Probed) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(availability::watch(probed, self.shared.clone()));
        if let Some(listener) = self.tcp {
            tasks.spawn(stream::accept(listener, None, self.shared.clone()));
        }
        if let Some((listener, tls)) = self.tls {
            tasks.spawn(stream::accept(listener, Some(tls), self.shared.clone()));
        }
        if let Some(socket) = self.udp {
            tasks.spawn(udp::receive(socket, self.shared.clone()));
        }
        tasks
    }
}

async fn listen(
    transport: &'static str,
    address: Option<SocketAddr>,
    addresses: &mut BTreeMap<&'static str, SocketAddr>,
) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|why| cannot(transport, address, &why))?;
    let bound = listener.local_addr().map_err(|why| cannot(transport, address, &why))?;
    addresses.insert(transport, bound);
    Ok(Some(listener))
}

fn cannot(transport: &str, address: SocketAddr, why: &std::io::Error) -> Failure {
    let why = reason(why);
    let what = format!("cannot receive syslog over {transport} on `{address}`: {why}");
    Failure::new(Exit::Unavailable, what)
}

/// Reads the operator's table of places.
///
/// # Errors
/// When the file cannot be read, or a line of it is none.
pub fn places(path: &Path) -> Result<Places, Failure> {
    let bytes = std::fs::read(path).map_err(|why| Failure::file("read", path, &why))?;
    let refused =
        |why| Failure::usage(format!("`{}` is no table of places: {why}", path.display()));
    Places::read(&bytes).map_err(refused)
}
