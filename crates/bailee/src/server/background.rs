//! What the server does by itself at every tick: jobs that are due, and the board of measures.
//!
//! The controls are asked every minute; what changed is saved, and the pages show the newest. Of
//! several nodes one saves, and does what happens once; the others only look, for their pages
//! (decision 0043). A failure is logged and tried again at the next tick; nothing here answers
//! anybody.

use console::Console;
use domain::detections::coverage::{Coverage, EVALUATED};
use domain::measures::{Board, Listener, look_at_states, note_states};
use domain::oncall::Pulse;
use kernel::{EVERY_TICK, Job, Kernel, Moment, RIGHTS_MOVED, Ran, Result};
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
    /// The turn in which everything that follows from rights was done once.
    settled: Mutex<Option<u64>>,
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
        let (asked, looked, settled) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { listener, console, noted, outward, watching, asked, looked, settled, pulse }
    }

    /// Says which turn this node has to do what happens once, if it has one.
    pub fn lead(&self, turn: Option<u64>) {
        self.watching.lead(turn);
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
        if job.kind == EVERY_TICK {
            self.lead(kernel.turn());
        }
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
            if let Some(right) = right.again().filter(|_| self.watching.turn().is_some()) {
                self.look(kernel, right);
            }
            self.ask(kernel, right);
        }
        match job.kind == EVERY_TICK {
            true => self.settle(kernel, job, right),
            false => domain::run_job(kernel, job, right),
        }
    }

    /// Does what follows from rights, if this node has the turn; at its first tick all of it, since
    /// rights may have moved before.
    fn settle(&self, kernel: &Kernel, job: &Job, right: Ran) -> Result<()> {
        let turn = self.watching.turn();
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.is_some() && *settled == turn {
            return domain::run_job(kernel, job, right);
        }
        if turn.is_some() {
            let all = Job { object: RIGHTS_MOVED.to_owned(), ..job.clone() };
            domain::run_job(kernel, &all, right)?;
        }
        *settled = turn;
        Ok(())
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
        let leads = self.watching.turn().is_some();
        let noting = right.again().filter(|_| leads);
        let noted = noting.map(|right| domain::changes::notice(kernel, right));
        if let Some(Err(error)) = noted {
            tracing::warn!(?error, "the policies that decide could not be noted");
        }
        let asked = || -> Result<_> {
            let until = kernel.commit(None)?.last;
            let ask = if leads { note_states } else { look_at_states };
            Ok((ask(kernel, right, (self.listener)())?, until))
        };
        match asked() {
            Ok((board, until)) => {
                self.console.publish(board.answered.clone(), kernel.now());
                self.watching.show(&board.house, until);
                self.beat(&board, leads);
                *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = board;
            }
            Err(error) => tracing::warn!(?error, "the controls could not be asked"),
        }
    }

    /// Says what has to move: a node that does not detect says how far the one came that does, as
    /// that kept it last.
    fn beat(&self, board: &Board, leads: bool) {
        let mut pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        pulse.pager = board.pager;
        let kept = board.house.all::<Coverage>().iter().find(|kept| kept.id == EVALUATED);
        if let Some(kept) = kept.filter(|_| !leads) {
            let last = kept.row.entries.last().map(|span| span.to);
            pulse.evaluated = last.and_then(|last| u64::try_from(last).ok());
            (pulse.evaluated_at, pulse.canary_at) = (Some(kept.row.at), kept.row.canary);
        }
    }
}
