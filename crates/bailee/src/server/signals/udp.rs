//! Syslog over UDP (RFC 5426): one message a datagram, from whom it says.

use connectors::logs::framing::MAX_FRAME;
use connectors::logs::syslog::Reader;
use tokio::net::UdpSocket;

use super::quota::Quotas;
use super::{Shared, TOGETHER, Transport};

/// Receives until it is dropped.
pub async fn receive(socket: UdpSocket, shared: Shared) {
    let mut bytes = vec![0; MAX_FRAME];
    let mut quotas = Quotas::default();
    let mut reader = Reader::new(shared.habits.clone());
    loop {
        let (length, peer) = match socket.recv_from(&mut bytes).await {
            Ok((length, peer)) => (length, peer.ip().to_canonical()),
            Err(error) => {
                // An ICMP answer to a datagram of ours, which we never send, or no memory.
                tracing::debug!(%error, "no datagram could be received");
                continue;
            }
        };
        let now = (shared.clock)();
        let count = |change: fn(&mut super::counters::Counts)| {
            shared.sources.count(Transport::Udp, Some(peer), now, change);
        };
        if !quotas.take(peer, now) {
            count(|one| one.dropped += 1);
            continue;
        }
        // One sender's message must not be repeated by another's.
        reader.forget();
        let message = bytes.get(..length).unwrap_or_default().trim_ascii_end();
        let Ok(mut records) = reader.read(message, now) else {
            count(|one| one.malformed += 1);
            continue;
        };
        records.truncate(TOGETHER);
        let records = records.into_iter();
        let arrived = records.map(|one| shared.arrived(one, Transport::Udp, Some(peer), now));
        let arrived: Vec<_> = arrived.collect();
        let number = arrived.len() as u64;
        match shared.intake.offer(arrived) {
            Ok(()) => {
                shared.sources.count(Transport::Udp, Some(peer), now, |one| one.received += number);
            }
            Err(super::Full::Now) => count(|one| one.dropped += 1),
            Err(super::Full::Ended) => return,
        }
    }
}
