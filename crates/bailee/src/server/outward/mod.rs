//! What the server does outward by itself: polls of power supplies, probes of endpoints, transfers,
//! security events and letters. Each is a job that some noun left.
//!
//! Promises: a job runs as a task of its own, or with those that go in the same message, at most
//! [`AT_ONCE`] tasks together and half of them of one kind, so that a peer that is silent holds up
//! neither the tick nor another kind. A task ends within its time on the network; a panic in it
//! ends nothing else. A job whose outcome was recorded is not run again; one that failed is tried
//! again after a pause. Nothing of a body, a secret or an address is logged.
//!
//! Does not: decide anything. What may be sent and when it is tried again is the nouns' business.
//! Whether a peer heard a message whose outcome could not be recorded is not known here: it gets
//! the same one again, with the same identifier.

mod events;
pub(super) mod files;
mod letters;
mod mail;
mod notices;
mod pages;
mod probes;
#[cfg(test)]
mod tests;
mod transfers;
mod ups;

pub use files::pem;
pub(super) use mail::Post;
pub use probes::place;
pub use transfers::Outbox;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::exposure::probes::PROBE;
use domain::grants::approving::ASK;
use domain::incidents::notices::SEND as NOTICE;
use domain::letters::SEND as LETTER;
use domain::oncall::pages::{FOLLOW, SEND as PAGE, together};
use domain::sites::equipment::POLL;
use domain::streams::SEND as EVENT;
use domain::transfers::SEND as TRANSFER;
use kernel::{EVERY_TICK, Error, Job, Kernel, Moment, Ran, Result};
use tokio::runtime::Handle;

use super::approvals::Approvals;
use super::config::Config;
use crate::exit::Failure;

/// Tasks at once.
const AT_ONCE: usize = 16;

/// Tasks of one kind at once: peers of one kind that are all silent leave room for the others.
const OF_A_KIND: usize = AT_ONCE / 2;

/// Longest time of one task on the network.
const TIME: Duration = Duration::from_secs(30);

/// Time that a peer is given; what remains of [`TIME`] is for what is done around it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time until a job that failed is run again.
const PAUSE: Duration = Duration::from_secs(60);

/// With what the server goes outward.
pub struct Means {
    /// Authorities that probes believe, in PEM, instead of the operating system's.
    probe_ca: Option<String>,
    /// Authorities that receivers of transfers are believed by.
    webhook_ca: Option<String>,
    /// The folder with the secrets of destinations.
    secrets: Option<PathBuf>,
    /// The mail relay, if there is one.
    post: Option<Post>,
    /// The incoming webhook of where the team talks, if it is told what waits for an approval.
    chat: Option<connectors::Secret>,
    /// What links in letters begin with.
    public_url: Option<String>,
    /// What waits to be sent.
    outbox: Outbox,
    /// The name of this server among those of one store.
    node: String,
    /// Which start of it: what an earlier one claimed, it cannot be doing any more.
    boot: String,
    /// Whether the way of a page is tried once a week.
    test_pages: bool,
}

impl Means {
    /// Nothing is configured: what needs no secret, relay or outbox is done all the same.
    #[cfg(test)]
    pub fn none() -> Self {
        Self {
            probe_ca: None,
            webhook_ca: None,
            secrets: None,
            post: None,
            chat: None,
            public_url: None,
            outbox: Outbox::empty(),
            node: ALONE.to_owned(),
            boot: boot(),
            test_pages: true,
        }
    }

    /// As configured.
    ///
    /// # Errors
    /// When a file that is named cannot be read, or everybody on the machine can read a secret.
    pub fn of(config: &Config, outbox: Outbox) -> Result<Self, Failure> {
        let pem = |path: &Option<PathBuf>| path.as_deref().map(pem).transpose();
        Ok(Self {
            probe_ca: pem(&config.probe_ca)?,
            webhook_ca: pem(&config.webhook_ca)?,
            secrets: config.secrets_dir.clone(),
            post: config.mail.as_ref().map(Post::of).transpose()?,
            chat: config.approvals.as_ref().map(Approvals::webhook).transpose()?,
            public_url: config.public_url.clone(),
            outbox,
            node: ALONE.to_owned(),
            boot: boot(),
            test_pages: config.weekly_test_page.unwrap_or(true),
        })
    }

    /// As the server of this name among those of one store.
    #[must_use]
    pub fn named(self, node: String) -> Self {
        Self { node, ..self }
    }
}

/// The server of a store that has one.
const ALONE: &str = "server";

/// What no other start of a server has.
#[expect(clippy::disallowed_methods, reason = "a process names itself; nothing depends on it")]
fn boot() -> String {
    let mut bytes = [0; 8];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => format!("process {}", std::process::id()),
    }
}

/// Whether a job was taken.
pub enum Taken {
    /// It was, or it is on its way already, or waits for its turn: it stays until it is done.
    Mine,
    /// It is nothing for the network.
    No(Ran),
}

/// Takes jobs outward.
#[derive(Clone)]
pub struct Outward(Arc<Shared>);

struct Shared {
    runtime: Handle,
    means: Means,
    flights: Mutex<HashMap<Name, Flight>>,
    bags: Mutex<Vec<Bag>>,
}

/// Jobs of one tick that go together, under what they have in common.
type Bag = (String, Vec<Ready>);

/// A job that is to be run, and the right to it.
type Ready = (Name, Ran);

/// A job: its kind, what it is about, and when it was due. Its successor is due later.
type Name = (String, String, u64);

/// Where a job is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flight {
    /// On its way.
    Out,
    /// On its way with another.
    With,
    /// Recorded. The tick may still hold it in its hands, from a list it read before.
    Landed,
    /// Failed; not to be tried before this moment.
    Resting(Moment),
}

/// How a task ended.
enum Ended {
    /// Its outcome is recorded and the job gone.
    Done,
    /// What it needs is not there yet: at the next tick again.
    NotYet,
}

impl Outward {
    /// With these means; tasks run on this runtime.
    pub fn new(means: Means, runtime: Handle) -> Self {
        let (flights, bags) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Shared { runtime, means, flights, bags }))
    }

    /// Takes a job, if it is one for the network. To be called for every job of a tick, the one
    /// that is due at every tick last.
    pub fn take(&self, kernel: &Kernel, job: &Job, right: Ran) -> Taken {
        if job.kind == EVERY_TICK {
            for (_, bag) in std::mem::take(&mut *self.0.bags()) {
                self.depart(kernel, bag);
            }
            self.0.forget(kernel.now());
            return Taken::No(right);
        }
        let ours = [POLL, PROBE, NOTICE, LETTER, PAGE, FOLLOW, TRANSFER, EVENT];
        // Where there is no chat to be told, the house asks approvers by itself.
        let asks = job.kind == ASK && self.0.means.chat.is_some();
        if !asks && !ours.contains(&job.kind.as_str()) {
            return Taken::No(right);
        }
        if job.kind == TRANSFER && transfers::is_of_another(&self.0.means, job, kernel.now()) {
            return Taken::Mine;
        }
        let name = (job.kind.clone(), job.object.clone(), job.due.0);
        match together(&job.object).filter(|_| job.kind == PAGE) {
            Some(channel) => self.0.gather(channel, (name, right)),
            None => self.depart(kernel, vec![(name, right)]),
        }
        Taken::Mine
    }

    fn depart(&self, kernel: &Kernel, jobs: Vec<Ready>) {
        if let Some((trip, jobs)) = Trip::begin(&self.0, kernel, jobs) {
            self.0.runtime.spawn(trip.make(jobs));
        }
    }

    /// Whether the way of a page is tried once a week.
    pub fn tests_pages(&self) -> bool {
        self.0.means.test_pages
    }

    /// Whether nothing is on its way.
    #[cfg(test)]
    fn idle(&self) -> bool {
        !self.0.flights().values().any(|flight| *flight == Flight::Out)
    }
}

impl Shared {
    fn flights(&self) -> MutexGuard<'_, HashMap<Name, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bags(&self) -> MutexGuard<'_, Vec<Bag>> {
        self.bags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a job until the end of the tick, with those that it may go with.
    fn gather(&self, with: &str, ready: Ready) {
        let mut bags = self.bags();
        match bags.iter_mut().find(|(known, _)| known == with) {
            Some((_, bag)) => bag.push(ready),
            None => bags.push((with.to_owned(), vec![ready])),
        }
    }

    /// Forgets what landed: no list that the tick reads from now on has it.
    fn forget(&self, now: Moment) {
        self.flights().retain(|_, flight| match flight {
            Flight::Out | Flight::With => true,
            Flight::Landed => false,
            Flight::Resting(until) => *until > now,
        });
    }
}

/// Jobs of one kind on their way. Whatever becomes of them, their places are free again afterwards.
struct Trip {
    shared: Arc<Shared>,
    kernel: Kernel,
    names: Vec<Name>,
    ended: Vec<(String, Ended)>,
}

impl Trip {
    /// Begins with those that are not on their way and need not wait, if there are any; gives what
    /// they are about.
    fn begin(
        shared: &Arc<Shared>,
        kernel: &Kernel,
        mut jobs: Vec<Ready>,
    ) -> Option<(Self, Vec<(String, Ran)>)> {
        let mut flights = shared.flights();
        jobs.retain(|(name, _)| match flights.get(name) {
            None => true,
            Some(Flight::Resting(until)) => *until <= kernel.now(),
            Some(Flight::Out | Flight::With | Flight::Landed) => false,
        });
        let kind = jobs.first().map(|(name, _)| name.0.clone())?;
        let out = || flights.iter().filter(|(_, flight)| **flight == Flight::Out);
        let alike = out().filter(|((other, ..), _)| *other == kind).count();
        if alike >= OF_A_KIND || out().count() >= AT_ONCE {
            return None;
        }
        let (mut names, mut ready) = (Vec::new(), Vec::new());
        for (name, right) in jobs {
            let flight = if names.is_empty() { Flight::Out } else { Flight::With };
            flights.insert(name.clone(), flight);
            ready.push((name.1.clone(), right));
            names.push(name);
        }
        drop(flights);
        let (shared, kernel) = (Arc::clone(shared), kernel.clone());
        Some((Self { shared, kernel, names, ended: vec![] }, ready))
    }

    async fn make(mut self, mut jobs: Vec<(String, Ran)>) {
        let (means, kernel) = (&self.shared.means, self.kernel.clone());
        let kind = self.names.first().map(|name| name.0.clone()).unwrap_or_default();
        if [PAGE, FOLLOW].contains(&kind.as_str()) {
            self.ended = pages::send(means, kernel, jobs).await;
            return;
        }
        let Some((object, right)) = jobs.pop() else { return };
        let ended = match kind.as_str() {
            POLL => ups::poll(kernel, &object, right).await,
            LETTER => letters::send(means, kernel, &object, right).await,
            ASK => letters::ask(kernel, &object, right).await,
            NOTICE => notices::send(means, kernel, &object, right).await,
            PROBE => probes::look(means, kernel, &object, right).await,
            EVENT => events::send(means, kernel, &object, right).await,
            _ => transfers::send(means, kernel, &object, right).await,
        };
        match ended {
            Ok(ended) => self.ended = vec![(object, ended)],
            Err(error) => tracing::warn!(
                kind = kind.as_str(),
                ?error,
                "a job outward failed, and is tried again"
            ),
        }
    }
}

impl Drop for Trip {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kind = self.names.first().map(|name| name.0.as_str());
            tracing::error!(kind, "a job outward ended by panic");
        }
        let mut flights = self.shared.flights();
        for name in std::mem::take(&mut self.names) {
            let ended = self.ended.iter().find(|(object, _)| *object == name.1);
            match ended.map(|(_, ended)| ended) {
                Some(Ended::Done) => flights.insert(name, Flight::Landed),
                Some(Ended::NotYet) => flights.remove(&name),
                None => flights.insert(name, Flight::Resting(self.kernel.now().after(PAUSE))),
            };
        }
    }
}

/// Does the part of a task that is on the network.
///
/// # Errors
/// `Unavailable` when it does not end in time.
async fn in_time<T>(work: impl Future<Output = T>) -> Result<T> {
    let ended = tokio::time::timeout(TIME, work).await;
    ended.map_err(|_| Error::unavailable(format!("it did not end within {} s", TIME.as_secs())))
}

/// Does the part of a task that waits for a commit.
///
/// # Errors
/// Whatever it answers; `Internal` when it panics.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(Error::internal("a job's operation ended by panic")))
}

/// Seconds since 1970, as the protocols outside count.
fn seconds(now: Moment) -> u64 {
    now.0 / 1_000_000
}
