//! Receivers on loopback, with other people's senders, and with those who mean harm.

mod availability;
mod hostile;
mod senders;

use super::counters::Counts;
use super::*;
use std::time::Duration;

/// 2026-11-23T05:00:00Z in µs.
const NOW: u64 = 1_795_410_000_000_000;

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Receivers that run, and what they received.
struct Scene {
    arrivals: Arrivals,
    sources: Arc<Sources>,
    addresses: BTreeMap<&'static str, SocketAddr>,
    held: Vec<Arrived>,
    _running: JoinSet<()>,
}

impl Scene {
    async fn new(tls: Option<Arc<ServerConfig>>) -> Self {
        Self::with(tls, queue()).await
    }

    async fn with(tls: Option<Arc<ServerConfig>>, queue: (Intake, Arrivals)) -> Self {
        let (intake, arrivals) = queue;
        let shared = Shared {
            intake,
            sources: Arc::default(),
            clock: Arc::new(|| NOW),
            habits: Habits::default(),
            places: Arc::new(Places::read(b"127.0.0.0/8,here\n192.0.2.0/24,office\n").unwrap()),
        };
        let secured = tls.is_some().then_some(ANY);
        let config = Syslog { tcp: Some(ANY), udp: Some(ANY), tls: secured, ..Syslog::default() };
        let receivers = Receivers::bound(&config, tls, shared).await.unwrap();
        let (sources, addresses) = (receivers.sources(), receivers.addresses());
        Self {
            arrivals,
            sources,
            addresses,
            held: vec![],
            _running: receivers.start(Arc::new(Vec::new)),
        }
    }

    /// Waits until one of these words is in a message, and gives that record.
    async fn until(&mut self, word: &str) -> Arrived {
        let wait = async {
            loop {
                let has = |one: &Arrived| {
                    one.record.text("message").is_some_and(|message| message.contains(word))
                };
                if let Some(at) = self.held.iter().position(has) {
                    return self.held.remove(at);
                }
                self.held.extend(self.arrivals.recv().await.unwrap().arrived);
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect(word)
    }

    /// What was counted of this transport, once something holds.
    async fn counted(&self, transport: Transport, holds: impl Fn(&Counts) -> bool) -> Counts {
        loop {
            let all = self.sources.snapshot();
            let own = all.iter().filter(|one| one.transport == transport);
            if let Some(found) = own.map(|one| one.counts).find(|counts| holds(counts)) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    }
}
