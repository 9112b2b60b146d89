//! What the server does by itself at every tick: jobs that are due, and the board of measures.
//!
//! The controls are asked every minute; what changed is saved, and the pages show the newest. A
//! failure is logged and tried again at the next tick; nothing here answers anybody.

use console::Console;
use domain::measures::{Board, Listener, note_states};
use domain::oncall::Pulse;
use kernel::{EVERY_TICK, Job, Kernel, Moment, Ran, Result};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::outward::{Outward, Taken};
use super::watching::Watching;

/// How often the controls are asked.
const ASKED: Duration = Duration::from_secs(60);

/// The server's own work, over one kernel.
pub struct Background {
    listener: Arc<dyn Fn() -> Option<Listener> + Send + Sync>,
    console: Arc<Console>,
    noted: Noted,
    outward: Outward,
    watching: Watching,
    asked: Mutex<Option<Moment>>,
    /// The day for which it was looked ahead at who is on call.
    looked: Mutex<Option<u64>>,
    pulse: Arc<Mutex<Pulse>>,
}

/// The board, as the controls had it last.
pub type Noted = Arc<Mutex<Board>>;

impl Background {
    /// With what the server saw of itself, the pages that show the board, and what goes outward.
    pub fn new(
        listener: Arc<dyn Fn() -> Option<Listener> + Send + Sync>,
        console: Arc<Console>,
        noted: Noted,
        outward: Outward,
        (watching, pulse): (Watching, Arc<Mutex<Pulse>>),
    ) -> Self {
        let (asked, looked) = (Mutex::default(), Mutex::default());
        Self { listener, console, noted, outward, watching, asked, looked, pulse }
    }

    /// The endpoints that are probed, as they were when the controls were asked last: name of the
    /// system and address.
    pub fn probed(&self) -> Vec<(String, String)> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).probed.clone()
    }

    /// Runs a job that is due.
    ///
    /// # Errors
    /// Whatever its operation answers; the job then stays.
    pub fn run_job(&self, kernel: &Kernel, job: &Job, right: Ran) -> Result<()> {
        let right = match self.outward.take(kernel, job, right) {
            Taken::Mine => return Ok(()),
            Taken::No(right) => right,
        };
        if let Some(right) = right.again() {
            self.watching.allow(right);
        }
        if job.kind == EVERY_TICK
            && self.is_due(kernel.now())
            && let Some(right) = right.again()
        {
            if let Some(right) = right.again() {
                self.look(kernel, right);
            }
            self.ask(kernel, right);
        }
        domain::run_job(kernel, job, right)
    }

    fn is_due(&self, now: Moment) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = asked.is_none_or(|last| now.since(last) >= ASKED);
        if due {
            *asked = Some(now);
        }
        due
    }

    /// Looks ahead at who is on call, once a day; a look that failed is made again a minute later.
    fn look(&self, kernel: &Kernel, right: Ran) {
        let today = domain::oncall::day(kernel.now());
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if *looked == Some(today) {
            return;
        }
        match domain::oncall::look_ahead(kernel, right, self.outward.tests_pages()) {
            Ok(_) => *looked = Some(today),
            Err(error) => tracing::warn!(?error, "it could not be looked ahead at who is on call"),
        }
    }

    fn ask(&self, kernel: &Kernel, right: Ran) {
        let noted = right.again().map(|right| domain::changes::notice(kernel, right));
        if let Some(Err(error)) = noted {
            tracing::warn!(?error, "the policies that decide could not be noted");
        }
        let asked = || -> Result<_> {
            let until = kernel.commit(None)?.last;
            Ok((note_states(kernel, right, (self.listener)())?, until))
        };
        match asked() {
            Ok((board, until)) => {
                self.console.publish(board.answered.clone(), kernel.now());
                self.watching.show(&board.house, until);
                self.pulse.lock().unwrap_or_else(PoisonError::into_inner).pager = board.pager;
                *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = board;
            }
            Err(error) => tracing::warn!(?error, "the controls could not be asked"),
        }
    }
}
