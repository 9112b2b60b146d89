//! Who sent how much: counters by transport and source, bounded in number.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Sources of one transport that are counted by themselves. Those beyond are counted together: over
/// UDP anybody can be made up.
const SOURCES: usize = 1024;

/// How a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Syslog over TCP: the address is who holds the connection.
    Tcp,
    /// Syslog over TLS.
    Tls,
    /// Syslog over UDP: the address is what the datagram says, and nobody has checked it.
    Udp,
    /// The API, by somebody with a login.
    Https,
    /// Bailee's own probes.
    Probe,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Tls, Self::Udp, Self::Https, Self::Probe];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
            Self::Https => "https",
            Self::Probe => "probe",
        }
    }
}

/// What is counted of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that were put into the queue.
    pub received: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Messages that were dropped: no room, or beyond the source's share.
    pub dropped: u64,
    /// Connections that were refused or cut: too many, too slow, out of sync.
    pub cut: u64,
    /// When something came last, in µs since 1970.
    pub last_seen: u64,
}

/// One source, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// How it sends.
    pub transport: Transport,
    /// Its address; `None` for all those that there was no room to count by themselves.
    pub peer: Option<IpAddr>,
    /// What was counted.
    pub counts: Counts,
}

/// Name, meaning and value of one counter.
type Kind = (&'static str, &'static str, fn(&Counts) -> u64);

/// The counters of all sources.
#[derive(Debug, Default)]
pub struct Sources(Mutex<BTreeMap<(Transport, Option<IpAddr>), Counts>>);

impl Sources {
    /// Counts something of a source, at a moment in µs since 1970.
    pub fn count(
        &self,
        transport: Transport,
        peer: Option<IpAddr>,
        at: u64,
        change: impl FnOnce(&mut Counts),
    ) {
        let mut all = self.all();
        let own = || (transport, None)..=(transport, Some(IpAddr::from([0xff; 16])));
        let known = all.contains_key(&(transport, peer)) || all.range(own()).count() < SOURCES;
        let counts = all.entry((transport, peer.filter(|_| known))).or_default();
        counts.last_seen = counts.last_seen.max(at);
        change(counts);
    }

    /// All sources, as they are now.
    pub fn snapshot(&self) -> Vec<Source> {
        let source = |(key, counts): (&(Transport, Option<IpAddr>), &Counts)| Source {
            transport: key.0,
            peer: key.1,
            counts: *counts,
        };
        self.all().iter().map(source).collect()
    }

    /// Sums by transport, for Prometheus (text format 0.0.4): no address is a label.
    pub fn text(&self) -> String {
        let all = self.snapshot();
        let mut text = String::new();
        let kinds: [Kind; 4] = [
            ("received", "Records received.", |one| one.received),
            ("malformed", "Messages that could not be read.", |one| one.malformed),
            ("dropped", "Messages dropped for want of room or share.", |one| one.dropped),
            ("cut", "Connections refused or cut.", |one| one.cut),
        ];
        for (name, help, value) in kinds {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP bailee_signals_{name}_total {help}");
            let _ = writeln!(text, "# TYPE bailee_signals_{name}_total counter");
            for transport in Transport::ALL {
                let own = all.iter().filter(|one| one.transport == transport);
                let sum: u64 = own.map(|one| value(&one.counts)).sum();
                let word = transport.word();
                let _ = writeln!(text, "bailee_signals_{name}_total{{transport=\"{word}\"}} {sum}");
            }
        }
        text
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(Transport, Option<IpAddr>), Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_bounded_and_nothing_is_lost_of_the_sums() {
        let sources = Sources::default();
        let all = 3 * SOURCES;
        for number in 0..all {
            let peer = IpAddr::from((number as u128).to_be_bytes());
            sources.count(Transport::Udp, Some(peer), number as u64, |one| one.dropped += 1);
        }
        sources
            .count(Transport::Tcp, Some(IpAddr::from([127, 0, 0, 1])), 7, |one| one.received += 2);
        let seen = sources.snapshot();
        assert_eq!(seen.len(), SOURCES + 2);
        let others = seen.iter().find(|one| one.peer.is_none()).unwrap();
        assert_eq!(others.counts.dropped, (all - SOURCES) as u64);
        assert_eq!(others.counts.last_seen, all as u64 - 1);
        let text = sources.text();
        assert!(text.contains(&format!("dropped_total{{transport=\"udp\"}} {all}\n")), "{text}");
        assert!(text.contains("received_total{transport=\"tcp\"} 2\n"), "{text}");
    }
}
