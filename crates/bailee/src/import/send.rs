//! What is sent when: many requests at once, an account's own one after the other.
//!
//! Promises: an account's records are written in the order of the file; progress is kept only up to
//! the place before which everything is acknowledged; at most two windows are in memory; after a
//! failure nothing more is begun, and what is under way is waited for.
//! Does not: know HTTP; `deliver` does.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use kernel::id::AccountId;
use tokio::task::JoinSet;

use super::batches::{Batch, Window};
use super::deliver::{Delivered, Shared};
use super::input::Position;
use super::report::Tally;
use crate::exit::Failure;

/// Requests under way at once. The server commits what arrives together together, so one connection
/// with this many keeps it busy.
const IN_FLIGHT: usize = 16;

/// Windows in memory at once: one being acknowledged, one to keep the requests coming.
const WINDOWS: usize = 2;

/// A window whose records are all acknowledged.
#[derive(Debug)]
pub struct Done {
    /// The place behind it.
    pub end: Position,
    /// What came of it.
    pub tally: Tally,
}

/// The state of the sending.
#[derive(Debug)]
pub struct Sender {
    shared: Arc<Shared>,
    tasks: JoinSet<Delivered>,
    /// Batches whose account has nothing under way.
    ready: VecDeque<Batch>,
    /// Accounts with a batch ready or under way, each with the batches that wait for it.
    waiting: HashMap<AccountId, VecDeque<Batch>>,
    /// Accounts that were made ready in this run.
    prepared: std::collections::HashSet<AccountId>,
    windows: VecDeque<Open>,
    /// Whether the server accepted anything. Until it did, one request at a time is sent, so that a
    /// caller without the right is refused once and not many times.
    accepted: bool,
    stopped: Option<Failure>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    end: Position,
    left: usize,
    tally: Tally,
}

impl Sender {
    /// Begins with nothing to send.
    pub fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
            tasks: JoinSet::new(),
            ready: VecDeque::new(),
            waiting: HashMap::new(),
            prepared: std::collections::HashSet::new(),
            windows: VecDeque::new(),
            accepted: false,
            stopped: None,
        }
    }

    /// Whether a further window is wanted now.
    pub fn wants_window(&self) -> bool {
        self.stopped.is_none() && self.windows.len() < WINDOWS && self.ready.len() < IN_FLIGHT
    }

    /// Takes a window in.
    pub fn add(&mut self, window: Window) {
        let Window { number, end, tally, batches } = window;
        self.windows.push_back(Open { number, end, left: batches.len(), tally });
        for batch in batches {
            match self.waiting.entry(batch.account.clone()) {
                Entry::Occupied(account) => account.into_mut().push_back(batch),
                Entry::Vacant(account) => {
                    account.insert(VecDeque::new());
                    self.ready.push_back(batch);
                }
            }
        }
    }

    /// Waits until something is acknowledged. Gives what was answered, or nothing when there is
    /// nothing left to wait for.
    pub async fn next(&mut self) -> Option<Tally> {
        let most = if self.accepted { IN_FLIGHT } else { 1 };
        while self.stopped.is_none() && self.tasks.len() < most {
            let Some(batch) = self.ready.pop_front() else { break };
            let prepare = self.prepared.insert(batch.account.clone());
            let shared = Arc::clone(&self.shared);
            self.tasks.spawn(async move { shared.deliver(batch, prepare).await });
        }
        match self.tasks.join_next().await? {
            Ok(delivered) => Some(self.settle(delivered)),
            Err(why) => {
                self.stop(Failure::failed(format!("a request ended unexpectedly: {why}")));
                Some(Tally::default())
            }
        }
    }

    fn settle(&mut self, delivered: Delivered) -> Tally {
        let Delivered { window, account, tally, stopped } = delivered;
        if let Some(failure) = stopped {
            self.stop(failure);
        } else {
            self.accepted = true;
            if let Some(open) = self.windows.iter_mut().find(|open| open.number == window) {
                open.left = open.left.saturating_sub(1);
                open.tally.add(tally.clone());
            }
        }
        match self.waiting.get_mut(&account).and_then(VecDeque::pop_front) {
            Some(batch) => self.ready.push_back(batch),
            None => drop(self.waiting.remove(&account)),
        }
        tally
    }

    /// The first failure counts: the later ones may be its consequences.
    fn stop(&mut self, failure: Failure) {
        self.stopped.get_or_insert(failure);
    }

    /// The oldest window, if everything in it is acknowledged.
    pub fn done(&mut self) -> Option<Done> {
        let Open { end, tally, .. } = self.windows.pop_front_if(|open| open.left == 0)?;
        Some(Done { end, tally })
    }

    /// Accounts that rows went to in this run.
    pub fn accounts(&self) -> u64 {
        self.prepared.len() as u64
    }

    /// Why the sending stopped, if it did.
    pub fn stopped(self) -> Option<Failure> {
        self.stopped
    }
}
