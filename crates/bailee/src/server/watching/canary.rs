//! A synthetic attack, now and then: failed logins of a reserved source, which travel the whole way
//! of a signal and have to come out as an alert. It begins no incident; that it came out is a fact.

use std::time::Duration;

use domain::signals::{Signal, TakeSignals};
use kernel::{Kernel, Moment, Ran, Result};
use serde_json::{Map, Value, json};

/// The name of its source, which nobody else can have: a source's name has no colon.
const SOURCE: &str = "bailee:canary";

/// The address it seems to come from (RFC 5737, for documentation).
const ADDRESS: &str = "192.0.2.254";

/// Failed logins of one attack: more than the rule against brute force counts.
const TRIES: usize = 24;

/// The synthetic attack.
pub struct Canary {
    every: Option<Duration>,
    sent: Option<Moment>,
    seen: Option<Moment>,
}

impl Canary {
    /// So often; never, if nothing is stated.
    pub fn new(every: Option<Duration>) -> Self {
        Self { every, sent: None, seen: None }
    }

    /// When one last came out as an alert.
    pub fn seen(&self) -> Option<Moment> {
        self.seen
    }

    /// Makes an attack, if it is time.
    pub fn send(&mut self, kernel: &Kernel, right: &Ran) -> Result<()> {
        let (Some(every), now) = (self.every, kernel.now()) else { return Ok(()) };
        if self.sent.is_some_and(|sent| now.since(sent) < every) {
            return Ok(());
        }
        let signals: Vec<Signal> = (0..TRIES).map(|nth| try_of(nth, now)).collect();
        right.ask(kernel, TakeSignals::new(&signals)?)?;
        self.sent = Some(now);
        Ok(())
    }

    /// Whether an alert is about an attack of its own; then it has come out.
    pub fn is_its_own(&mut self, alert: &watch::Alert, now: Moment) -> bool {
        let own = alert.group.iter().any(|(name, value)| name == "source.ip" && value == ADDRESS);
        if own {
            self.seen = Some(now);
        }
        own
    }
}

fn try_of(nth: usize, now: Moment) -> Signal {
    let fields: Map<String, Value> = [
        ("event.action", json!("ssh_login")),
        ("event.category", json!("authentication")),
        ("event.outcome", json!("failure")),
        ("source.ip", json!(ADDRESS)),
        ("user.name", json!(format!("canary-{nth}"))),
        ("message", json!("Failed password for invalid user canary")),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    Signal {
        received: now.0,
        time: None,
        source: SOURCE.to_owned(),
        transport: "canary".to_owned(),
        peer: None,
        product: Some("linux".to_owned()),
        service: Some("sshd".to_owned()),
        category: None,
        fields,
    }
}
