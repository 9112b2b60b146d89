//! Whose turn it is to evaluate. Of the nodes of a store one does (decision 0043), and what it
//! remembers counts for its own turn: when another one begins, the store says how far the node
//! before came.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use watch::{Detector, Limits, Rules};

use super::answering::Answering;
use super::canary::Canary;
use super::numbers::Numbers;
use super::silence::Silence;
use super::{Shared, State, Watching, uses};

/// The turn of a server that is alone: it never ends.
pub const ALONE: u64 = 0;

impl Watching {
    /// Says which turn this node has, if it has one: a number that no other turn of the store has.
    pub fn lead(&self, turn: Option<u64>) {
        *self.0.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }

    /// The turn of this node, if it has one.
    pub fn turn(&self) -> Option<u64> {
        *self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// As nothing was looked at yet.
    pub(super) fn fresh(
        rules: &Arc<Rules>,
        problems: Vec<String>,
        canary: Option<Duration>,
        answering: Answering,
    ) -> Self {
        Self {
            turn: Some(ALONE),
            detector: Detector::new(Arc::clone(rules), Limits::default()),
            problems,
            numbers: Numbers::default(),
            entry: 0,
            signal: 0,
            coverage: None,
            kept: None,
            waiting: VecDeque::new(),
            canary: Canary::new(canary),
            answering,
            forgotten: None,
            silence: Silence::default(),
            places: None,
            uses: uses::Uses::default(),
        }
    }

    /// Whether this node has the turn. What was remembered in another one is forgotten.
    pub(super) fn leads(&mut self, shared: &Shared, turn: Option<u64>) -> bool {
        if self.turn != turn {
            let problems = std::mem::take(&mut self.problems);
            let answering = std::mem::take(&mut self.answering);
            *self = Self::fresh(&shared.rules, problems, shared.canary, answering);
            self.turn = turn;
        }
        turn.is_some()
    }
}
