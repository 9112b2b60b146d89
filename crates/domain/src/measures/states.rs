//! The state of each obligation over time: what held before, and since when.
//!
//! The server asks the controls every minute, as the kernel. What changed is saved with its moment
//! and its reason; nothing is written while nothing changes. No call sets a state.

use super::controls::parties;
use super::{Answered, Listener, Read, ReadMeasures, State, answers};
use crate::exposure::probes::Probe;
use crate::oncall::Pager;
use crate::register::{self, Noun, When, act};
use crate::registers::House;
use crate::transfers::Party;
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, Ran, RecordKey, Result, Target, Work, on_house,
};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

act!(
    /// The state of an obligation changed. The kernel notes it by itself.
    Noted, "measure.noted", None, false
);

/// Changes that are kept in the row of an obligation; earlier ones are in the row's history.
const CHANGES: usize = 400;

/// The states of one obligation, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct States {
    /// `states/v1`.
    pub format: String,
    /// The obligation.
    pub id: String,
    /// What it was, from each moment on.
    pub changes: Vec<Change>,
}

/// From one moment on.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Change {
    /// The moment.
    pub at: When,
    /// The state: `holding`, `failing` or `unproven`.
    pub state: String,
    /// The fact or the missing thing that decided.
    pub why: String,
}

impl Change {
    /// The state.
    pub fn state(&self) -> State {
        match self.state.as_str() {
            "holding" => State::Holding,
            "failing" => State::Failing,
            _ => State::Unproven,
        }
    }
}

impl Noun for States {
    const REGISTER: &'static str = "measure-states";
    const NOUN: &'static str = "history of an obligation";
    type Read = Read;
    type List = Read;
}

/// Where the states of every obligation are kept.
pub(super) fn keys(kernel: &Kernel) -> Result<Vec<RecordKey>> {
    let ids = super::MEASURES.iter().flat_map(|measure| measure.obligations);
    ids.map(|obligation| register::key::<States>(kernel, obligation.id)).collect()
}

/// Reads the states of every obligation that has any.
pub struct ReadStates {
    keys: Vec<RecordKey>,
}

impl ReadStates {
    /// Of all obligations.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel) -> Result<Self> {
        Ok(Self { keys: keys(kernel)? })
    }
}

impl Operation for ReadStates {
    type Output = Vec<States>;

    fn target(&self) -> Target {
        on_house(Read::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        for key in &self.keys {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<States>>> {
        let found = known(work, &self.keys)?;
        work.note(kernel::HOUSE, Read::ACTION.name, vec![]);
        Ok(After::now(found))
    }
}

/// The rows there are, while an operation executes.
pub(super) fn known(work: &Work<'_>, keys: &[RecordKey]) -> Result<Vec<States>> {
    let mut found = Vec::new();
    for key in keys {
        if let Some(body) = work.look(key)? {
            found.push(register::parse(&body)?);
        }
    }
    Ok(found)
}

/// What the controls said, and the states there were.
#[derive(Clone, Default)]
pub struct Board {
    /// Every obligation with its answer.
    pub answered: Vec<Answered>,
    /// The states of every obligation that was ever anything but unproven.
    pub states: Vec<States>,
    /// Who is declared or seen to process Service Data beside the provider.
    pub parties: Vec<Party>,
    /// Every register, as they were when the controls were asked.
    pub house: Arc<House>,
    /// The endpoints that are probed: the system's name and its address.
    pub probed: Vec<(String, String)>,
    /// How the way of pages stands.
    pub pager: Pager,
}

/// What the operation answers if nothing changed: then it makes no entry.
const NOTHING: &str = "no obligation changed its state";

/// Asks the controls and saves what changed. For the kernel, at a tick; `listener` is what the
/// server's own probe of its listener saw last.
///
/// # Errors
/// Whatever the kernel answers.
pub fn note_states(kernel: &Kernel, right: Ran, listener: Option<Listener>) -> Result<Board> {
    asked(kernel, right, listener, true)
}

/// As [`note_states`], and saves nothing: for a node that only shows them.
///
/// # Errors
/// Whatever the kernel answers.
pub fn look_at_states(kernel: &Kernel, right: Ran, listener: Option<Listener>) -> Result<Board> {
    asked(kernel, right, listener, false)
}

fn asked(kernel: &Kernel, right: Ran, listener: Option<Listener>, saves: bool) -> Result<Board> {
    let seen = Arc::default();
    let (ask, keys) = (ReadMeasures::new(kernel, listener)?, keys(kernel)?);
    let noted = right.run(kernel, NoteStates { ask, keys, saves, seen: Arc::clone(&seen) });
    match noted {
        Err(error) if error.message() != NOTHING => Err(error),
        _ => Ok(std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner))),
    }
}

struct NoteStates {
    ask: ReadMeasures,
    keys: Vec<RecordKey>,
    /// Whether what changed is saved.
    saves: bool,
    /// The answers, also where nothing changed.
    seen: Arc<Mutex<Board>>,
}

impl Operation for NoteStates {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Noted::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.ask.wants(wants);
        for key in &self.keys {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let facts = self.ask.facts(work)?;
        let mut states = known(work, &self.keys)?;
        let answered = answers(&facts);
        let mut changed = false;
        for one in answered.iter().filter(|_| self.saves) {
            let before = states.iter().position(|row| row.id == one.obligation.id);
            let before = before.map(|place| states.swap_remove(place));
            let (now, moved) = self.note(work, one, before)?;
            states.extend(now);
            changed |= moved;
        }
        let parties = parties(&facts);
        let house = Arc::clone(&facts.house);
        let probes = house.all::<Probe>().iter().filter(|kept| kept.row.ended.is_none());
        let probed = probes.map(|kept| (kept.id.clone(), kept.row.address.clone())).collect();
        let pager = Pager::of(&house);
        let board = Board { answered, states, parties, probed, pager, house };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = board;
        if changed { Ok(After::now(())) } else { Err(Error::conflict(NOTHING)) }
    }
}

impl NoteStates {
    /// Saves what an obligation is now, if that is news. Gives its states, and whether it was.
    fn note(
        &self,
        work: &mut Work<'_>,
        one: &Answered,
        before: Option<States>,
    ) -> Result<(Option<States>, bool)> {
        let (id, state) = (one.obligation.id, one.answer.state.word());
        let last = before.as_ref().and_then(|states| states.changes.last());
        // What was never anything but unproven is no news.
        if last.map_or("unproven", |change| change.state.as_str()) == state {
            return Ok((before, false));
        }
        let lost = || Error::internal(format!("no place for the states of {id}"));
        let key = self.keys.iter().find(|key| key.id == id).ok_or_else(lost)?;
        let allowed = work.load::<Noted>(key)?;
        let mut row = before.unwrap_or_else(|| States {
            format: "states/v1".to_owned(),
            id: id.to_owned(),
            changes: vec![],
        });
        let (at, why) = (When(work.now()), one.answer.why());
        row.changes.push(Change { at, state: state.to_owned(), why });
        if row.changes.len() > CHANGES {
            row.changes.remove(0);
        }
        work.save(allowed, register::body(&row)?, vec![("state", state.to_owned())])?;
        Ok((Some(row), true))
    }
}

/// How many changes are kept, and when the newest was.
pub(super) fn kept(states: &[States]) -> Option<(usize, Moment)> {
    let changes = || states.iter().flat_map(|one| &one.changes);
    Some((changes().count(), changes().map(|change| change.at.0).max()?))
}

/// Since when an obligation has been what it is: when that was noted first, where it was.
pub(super) fn since(states: &[States], id: &str, now_is: State) -> Option<Moment> {
    let changes = &states.iter().find(|one| one.id == id)?.changes;
    changes.last().filter(|last| last.state() == now_is).map(|last| last.at.0)
}
