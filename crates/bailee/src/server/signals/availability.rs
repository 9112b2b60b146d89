//! Whether the endpoints that are probed answer: a connection a minute, and a signal when that
//! changes.
//!
//! Promises: an endpoint is down when two connections one behind the other failed, and up when one
//! succeeded; each change is one record, and so is the first look after a start, because nobody
//! knows what was before. Looks run beside each other, at most [`AT_ONCE`], and end in time.
//! Deliberately not: TLS (the probe of the register looks at that), history (signals are kept), and
//! any port but the one that was declared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connectors::logs::Record;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::super::outward::place;
use super::{Full, Shared, Transport};

/// Time from one round to the next.
const EVERY: Duration = Duration::from_secs(60);

/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Looks at once.
const AT_ONCE: usize = 16;

/// The endpoints that are probed now: name of the system and address.
pub type Probed = Arc<dyn Fn() -> Vec<(String, String)> + Send + Sync>;

/// What is known of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    address: String,
    up: bool,
    /// Since when it has been so, in µs since 1970.
    since: u64,
}

/// What one look saw.
type Look = Result<Duration, &'static str>;

/// Watches until it is dropped.
pub async fn watch(probed: Probed, shared: Shared) {
    let mut pace = interval(EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = BTreeMap::new();
    loop {
        pace.tick().await;
        if round(probed(), &mut known, &shared).await.is_err() {
            return;
        }
    }
}

/// Looks at all endpoints once, and says what has changed.
async fn round(
    probed: Vec<(String, String)>,
    known: &mut BTreeMap<String, State>,
    shared: &Shared,
) -> Result<(), Full> {
    known.retain(|id, state| probed.iter().any(|(one, at)| one == id && *at == state.address));
    let mut looks = JoinSet::new();
    let mut seen = Vec::new();
    for (id, address) in probed {
        if looks.len() >= AT_ONCE {
            seen.extend(looks.join_next().await.and_then(Result::ok));
        }
        looks.spawn(async move {
            let look = look(&address).await;
            (id, address, look)
        });
    }
    while let Some(look) = looks.join_next().await {
        seen.extend(look.ok());
    }
    for (id, address, look) in seen {
        let now = (shared.clock)();
        let before = known.get(&id).cloned();
        if before.as_ref().is_some_and(|before| before.up == look.is_ok()) {
            continue;
        }
        let record = record(&id, &address, look, before.as_ref(), now);
        let arrived = shared.arrived(record, Transport::Probe, None, now);
        shared.intake.put(vec![arrived]).await?;
        shared.sources.count(Transport::Probe, None, now, |one| one.received += 1);
        // Kept only now: what could not be said is said again.
        known.insert(id, State { address, up: look.is_ok(), since: now });
    }
    Ok(())
}

/// A connection, and another where the first one failed.
async fn look(address: &str) -> Look {
    let Some((host, port)) = place(address) else {
        return Err("the address is not `host:port`");
    };
    let mut last = Err("it does not answer in time");
    for _ in 0..2 {
        let began = Instant::now();
        match timeout(CONNECT, TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => return Ok(began.elapsed()),
            Ok(Err(_)) => last = Err("no connection"),
            Err(_) => last = Err("it does not answer in time"),
        }
    }
    last
}

fn record(id: &str, address: &str, look: Look, before: Option<&State>, now: u64) -> Record {
    let mut record = Record::of("bailee", "availability");
    record.time = Some(now);
    record.set("event.category", "network");
    record.set("event.action", if look.is_ok() { "endpoint.up" } else { "endpoint.down" });
    record.set("event.outcome", if look.is_ok() { "success" } else { "failure" });
    record.set("service.name", id);
    record.set("server.address", address);
    match look {
        // In ns, as ECS has it.
        Ok(latency) => {
            let latency = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
            record.set("event.duration", latency);
        }
        Err(why) => record.set("event.reason", why),
    }
    match before {
        Some(before) => {
            let lasted = now.saturating_sub(before.since) / 1_000_000;
            record.set("availability.lasted_seconds", lasted);
        }
        None => record.set("availability.first_look", true),
    }
    record
}

#[cfg(test)]
pub(super) mod test_support {
    use super::*;

    /// One round, for tests: what is known stays with the caller.
    #[derive(Default)]
    pub struct Rounds(BTreeMap<String, State>);

    impl Rounds {
        /// Looks once.
        pub async fn next(&mut self, probed: &[(&str, String)], shared: &Shared) {
            let owned = probed.iter().map(|(id, at)| ((*id).to_owned(), at.clone())).collect();
            round(owned, &mut self.0, shared).await.unwrap();
        }
    }
}
