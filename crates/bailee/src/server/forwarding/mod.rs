//! Sending on: entries, alerts and signals to the destinations of the configuration, in the order
//! in which they were committed.
//!
//! Promises: what a destination accepted is kept as intervals of numbers in a row of `coverages`,
//! so that nothing is left out by a crash; what was sent and not yet kept is sent again, under the
//! same ids. One batch is in memory for each destination. What is refused waits and is tried again
//! with pauses that double; only an event that the destination refuses by itself (400, 413, 422)
//! is left out, counted, and said. A destination that is late is an alert.
//!
//! Does not: hold anything up. Nobody waits for a destination, and a slow one holds up no other.

mod events;
pub mod settings;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connectors::Outcome;
use connectors::forward::{Forwarder, Patience, Receiver};
use connectors::logs::syslog::Message;
use domain::detections::coverage::{Coverage, KeepCoverage, ReadCoverage, Span, add, forward};
use domain::register::When;
use domain::signals::{TakeSignals, decode};
use kernel::{Error, Kernel, Moment, Ran, Result};
use serde_json::json;
use tokio::task::JoinSet;

use super::watching::known::Known;
use super::watching::{Watching, own};
use crate::exit::Failure;
use events::Beside;
use settings::{Forward, What};

/// How often it is looked whether there is something to send.
const PACE: Duration = Duration::from_millis(500);
/// One try of a batch, and the longest pause after a failed one.
const TRY: Duration = Duration::from_secs(20);
const REST: Duration = Duration::from_secs(60);
/// How often what was accepted is kept, while something is.
const KEPT: Duration = Duration::from_secs(60);
/// Most events of one batch, and entries that are read for it.
const ROOM: usize = 500;
/// Time after which an entry is sent although its account is not known by name.
const UNKNOWN: Duration = Duration::from_secs(120);
/// Entries that follow from keeping how far one is; they alone are no reason to keep it.
const OF_ITSELF: [&str; 2] = ["coverage.keep", "anchor.made"];
/// Minutes that the oldest event may wait, where the configuration does not say.
const LATE: u32 = 60;

/// All destinations. Clones are the same.
#[derive(Clone, Default)]
pub struct Forwarding(Arc<Vec<Destination>>);

struct Destination {
    settings: Forward,
    to: Receiver,
    seen: Mutex<Seen>,
}

/// Name, kind, meaning and value of a metric.
type Metric = (&'static str, &'static str, &'static str, fn(&Seen) -> u64);

/// What is counted since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    accepted: u64,
    refused: u64,
    failed: u64,
    waits_since: Option<Moment>,
    now: Moment,
}

/// Up to where something was sent: entries, and events of the next one; whole batches of signals,
/// and signals of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    entry: i64,
    part: usize,
    batch: i64,
    signal: u64,
}

/// What is sent next.
struct Batch {
    messages: Vec<Message>,
    /// Where it is sent up to, once it is accepted.
    next: Place,
    /// When the oldest of it happened.
    oldest: Option<Moment>,
    /// Whether it holds more than what keeping one's own place left in the log.
    counts: bool,
}

/// A destination at work.
struct Work<'a> {
    destination: &'a Destination,
    /// The turn in which what follows was read and done (decision 0043).
    turn: Option<u64>,
    forwarder: Forwarder,
    row: Option<Coverage>,
    place: Place,
    room: usize,
    failures: u32,
    rests: Option<Moment>,
    kept: Moment,
    unkept: bool,
}

impl Forwarding {
    /// As configured.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn of(all: &[Forward]) -> std::result::Result<Self, Failure> {
        let destination = |settings: &Forward| {
            let (to, seen) = (settings.receiver()?, Mutex::default());
            Ok(Destination { settings: settings.clone(), to, seen })
        };
        Ok(Self(Arc::new(all.iter().map(destination).collect::<std::result::Result<_, _>>()?)))
    }

    /// Sends until what is answered is dropped. Needs a runtime.
    #[must_use]
    pub fn start(&self, kernel: &Kernel, watching: &Watching) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for nth in 0..self.0.len() {
            let (own, kernel, watching) = (self.clone(), kernel.clone(), watching.clone());
            tasks.spawn(async move {
                if let Some(destination) = own.0.get(nth) {
                    destination.run(kernel, watching).await;
                }
            });
        }
        tasks
    }

    /// Counters for Prometheus (text format 0.0.4).
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.0.is_empty() {
            return text;
        }
        let kinds: [Metric; 4] = [
            ("accepted_total", "counter", "Events that were accepted.", |one| one.accepted),
            ("refused_total", "counter", "Events left out because refused.", |one| one.refused),
            ("failed_total", "counter", "Tries that failed.", |one| one.failed),
            ("waiting_seconds", "gauge", "How long the oldest event waits.", |one| {
                one.waits_since.map_or(0, |since| one.now.since(since).as_secs())
            }),
        ];
        for (name, kind, help, value) in kinds {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP bailee_forward_{name} {help}");
            let _ = writeln!(text, "# TYPE bailee_forward_{name} {kind}");
            for one in self.0.iter() {
                let (to, value) = (&one.settings.name, value(&one.seen()));
                let _ = writeln!(text, "bailee_forward_{name}{{to=\"{to}\"}} {value}");
            }
        }
        text
    }
}

impl Destination {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, kernel: Kernel, watching: Watching) {
        let mut work = Work::on(self);
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            // What was read is sent without a pause, as long as there is more.
            loop {
                match work.round(&kernel, &watching).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        let to = &self.settings.name;
                        tracing::warn!(?error, %to, "events could not be sent on");
                        break;
                    }
                }
            }
        }
    }
}

impl<'a> Work<'a> {
    fn on(destination: &'a Destination) -> Self {
        let patience = Patience { tries: 1, each: TRY, pause: PACE };
        Self {
            destination,
            turn: None,
            forwarder: Forwarder::new(destination.to.clone(), patience),
            row: None,
            place: Place::default(),
            room: ROOM,
            failures: 0,
            rests: None,
            kept: Moment(0),
            unkept: false,
        }
    }

    /// Sends one batch; whether there may be another one at once.
    async fn round(&mut self, kernel: &Kernel, watching: &Watching) -> Result<bool> {
        let now = kernel.now();
        self.destination.seen().now = now;
        let (Some(right), Some(known)) = (watching.right(), watching.known()) else {
            return Ok(false);
        };
        if self.turn != watching.turn() {
            // Another node may have sent meanwhile: where it came to is in the store.
            *self = Work { turn: watching.turn(), ..Work::on(self.destination) };
        }
        if self.turn.is_none() {
            return Ok(false);
        }
        if self.row.is_none() {
            self.begin(kernel, &right).await?;
        }
        if self.rests.is_some_and(|until| now < until) {
            return Ok(false);
        }
        let batch = self.gather(kernel, watching, known).await?;
        if batch.messages.is_empty() {
            let moved = batch.next != self.place;
            self.accept(&batch);
            self.keep(kernel, right, now).await?;
            return Ok(moved);
        }
        let outcome = self.forwarder.send(&batch.messages).await;
        let now = kernel.now();
        let more = match outcome {
            Outcome::Accepted => {
                self.accept(&batch);
                self.room = (self.room * 2).min(ROOM);
                true
            }
            Outcome::Refused { permanent: true } if self.forwarder.dislikes() => {
                self.disliked(&batch)
            }
            _ => self.failed(&batch, now),
        };
        self.keep(kernel, right, now).await?;
        Ok(more)
    }

    /// Goes on where it was, or begins as the configuration says, which is kept at once.
    async fn begin(&mut self, kernel: &Kernel, right: &Ran) -> Result<()> {
        let (asks, name) = (kernel.clone(), forward(&self.destination.settings.name));
        let right_again = right.again().ok_or_else(no_right)?;
        let first = self.destination.settings.from_entry;
        let (row, place) = blocking(move || {
            let kept = right_again.ask(&asks, ReadCoverage::new(&asks, &name)?)?;
            if let Some(row) = kept {
                let last = |spans: &[Span]| spans.last().map_or(0, |span| span.to);
                let signal = row.forward.as_ref().map_or(0, |forward| forward.place);
                let (entry, batch) = (last(&row.entries), last(&row.signals));
                return Ok((row, Place { entry, part: 0, batch, signal }));
            }
            let place = match first {
                Some(first) => Place { entry: first - 1, ..Place::default() },
                None => Place {
                    entry: asks.commit(None)?.last,
                    batch: asks.signal_days()?.iter().map(|(_, row)| *row).max().unwrap_or(0),
                    ..Place::default()
                },
            };
            let mut row = Coverage::begun(asks.now());
            // Where it begins is kept too: intervals that are empty so far.
            row.entries.push(Span { from: place.entry + 1, to: place.entry });
            row.signals.push(Span { from: place.batch + 1, to: place.batch });
            Ok((row, place))
        })
        .await?;
        self.unkept = row.forward.is_none();
        (self.row, self.place) = (Some(row), place);
        self.keep(kernel, right.again().ok_or_else(no_right)?, kernel.now()).await
    }

    async fn gather(
        &self,
        kernel: &Kernel,
        watching: &Watching,
        known: Arc<Known>,
    ) -> Result<Batch> {
        let (kernel, watching) = (kernel.clone(), watching.clone());
        let (what, place) = (self.destination.settings.what.clone(), self.place);
        let room = self.room;
        blocking(move || gather(&kernel, &watching, &known, (&what, place, room))).await
    }

    fn accept(&mut self, batch: &Batch) {
        let number = u64::try_from(batch.messages.len()).unwrap_or(0);
        let (from, to) = (self.place, batch.next);
        self.place = to;
        if let Some(row) = &mut self.row {
            add(&mut row.entries, from.entry + 1, to.entry);
            add(&mut row.signals, from.batch + 1, to.batch);
            let forward = row.forward.get_or_insert_default();
            if forward.waits_since.is_some() {
                // That nothing waits any more is seen at once.
                (self.kept, self.unkept) = (Moment(0), true);
            }
            forward.accepted += number;
            (forward.place, forward.waits_since, forward.late) = (to.signal, None, None);
            forward.reply.clear();
        }
        (self.failures, self.rests) = (0, None);
        self.unkept |= batch.counts;
        let mut seen = self.destination.seen();
        seen.accepted += number;
        seen.waits_since = None;
    }

    /// Tries less; what is refused by itself is left out, and that is counted.
    fn disliked(&mut self, batch: &Batch) -> bool {
        if batch.messages.len() > 1 {
            self.room = batch.messages.len() / 2;
            return true;
        }
        let (to, reply) = (&self.destination.settings.name, self.forwarder.reply().to_owned());
        tracing::warn!(%to, %reply, "an event was refused, and is left out");
        let none = Batch { messages: vec![], next: batch.next, oldest: None, counts: true };
        self.accept(&none);
        self.destination.seen().refused += 1;
        if let Some(forward) = self.row.as_mut().and_then(|row| row.forward.as_mut()) {
            forward.refused += 1;
            forward.reply = reply;
        }
        true
    }

    /// Waits, longer each time.
    fn failed(&mut self, batch: &Batch, now: Moment) -> bool {
        self.failures = self.failures.saturating_add(1);
        let pause = Duration::from_secs(1) * 2_u32.saturating_pow(self.failures.min(10) - 1);
        self.rests = Some(now.after(pause.min(REST)));
        let mut seen = self.destination.seen();
        (seen.failed, seen.waits_since) = (seen.failed + 1, batch.oldest);
        if let Some(row) = &mut self.row {
            let forward = row.forward.get_or_insert_default();
            let fresh = forward.waits_since.is_none();
            forward.waits_since = batch.oldest.map(When);
            self.forwarder.reply().clone_into(&mut forward.reply);
            // That something waits is seen at once; that it still does is nothing new.
            self.unkept |= fresh;
            if fresh {
                self.kept = Moment(0);
            }
        }
        false
    }

    /// Keeps how far it is, now and then, and tells that it is late, once.
    async fn keep(&mut self, kernel: &Kernel, right: Ran, now: Moment) -> Result<()> {
        let settings = &self.destination.settings;
        let late = Duration::from_secs(60 * u64::from(settings.late_minutes.unwrap_or(LATE)));
        let Some(row) = &mut self.row else { return Ok(()) };
        let forward = row.forward.get_or_insert_default();
        forward.to = settings.shown();
        let since = forward.waits_since.map(|since| since.0);
        let is_late = !late.is_zero() && since.is_some_and(|since| now.since(since) >= late);
        let tells = is_late && forward.late.is_none();
        if !tells && (!self.unkept || now.since(self.kept) < KEPT) {
            return Ok(());
        }
        let signal = tells.then(|| {
            forward.late = Some(When(now));
            let minutes = since.map_or(0, |since| now.since(since).as_secs() / 60);
            let told = [
                ("bailee.source", json!(settings.name)),
                ("event.reason", json!(forward.reply)),
                ("bailee.minutes", json!(minutes)),
            ];
            own::signal("forward.late", now, told)
        });
        row.at = When(now);
        let (name, row, kernel) =
            (domain::detections::coverage::forward(&settings.name), row.clone(), kernel.clone());
        blocking(move || {
            if let Some(signal) = signal {
                right.ask(&kernel, TakeSignals::new(&[signal])?)?;
            }
            right.ask(&kernel, KeepCoverage::new(&kernel, &name, row)?)
        })
        .await?;
        (self.kept, self.unkept) = (now, false);
        Ok(())
    }
}

fn gather(
    kernel: &Kernel,
    watching: &Watching,
    known: &Known,
    (what, place, room): (&[What], Place, usize),
) -> Result<Batch> {
    let mut batch = Batch { messages: vec![], next: place, oldest: None, counts: false };
    let provider = kernel.identity().provider.clone();
    let title = |rule: &str| watching.title(rule).cloned();
    let (entries, alerts) = (what.contains(&What::Entries), what.contains(&What::Alerts));
    for fed in kernel.feed(place.entry, room)? {
        let named = known.names(fed.account);
        if named.is_none() && kernel.now().since(fed.time) < UNKNOWN {
            // An account that was just opened has a name as soon as the registers are shown again.
            return Ok(batch);
        }
        let account = named.unwrap_or_else(|| format!("slot-{}", fed.account));
        let beside = Beside { provider: &provider, account, title: &title };
        let alert = alerts.then(|| events::of_alert(&fed, &beside)).flatten();
        let entry = entries.then(|| events::of_entry(&fed, &beside));
        for message in entry.into_iter().chain(alert).skip(batch.next.part) {
            if batch.messages.len() >= room {
                return Ok(batch);
            }
            batch.messages.push(message);
            batch.next.part += 1;
            batch.oldest.get_or_insert(fed.time);
            batch.counts |= !OF_ITSELF.contains(&fed.kind.as_str());
        }
        (batch.next.entry, batch.next.part) = (fed.row, 0);
    }
    if what.contains(&What::Signals) {
        signals(kernel, &provider, room, &mut batch)?;
    }
    Ok(batch)
}

/// Adds the next signals, as far as there is room.
fn signals(kernel: &Kernel, provider: &str, room: usize, batch: &mut Batch) -> Result<()> {
    for kept in kernel.signals(batch.next.batch, 1)? {
        let all = decode(&kept.bytes)?;
        let before = usize::try_from(batch.next.signal).unwrap_or(0);
        for (place, signal) in all.iter().enumerate().skip(before) {
            if let Some(message) = events::of_signal(signal, (kept.row, place), provider) {
                if batch.messages.len() >= room {
                    return Ok(());
                }
                batch.messages.push(message);
                batch.oldest.get_or_insert(Moment(signal.received));
                batch.counts = true;
            }
            batch.next.signal += 1;
        }
        (batch.next.batch, batch.next.signal) = (kept.row, 0);
    }
    Ok(())
}

fn no_right() -> Error {
    Error::unavailable("the server has no right to work any more")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| Error::internal(format!("sending on: {error}")))?
}
