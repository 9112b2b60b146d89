//! Everything about one incident at one moment: its row, and those of other registers that are
//! about it. The room shows it, the file takes it out; both are one operation with one entry.
//!
//! Notices do not stand in the incident's row, so their register is looked through.

use super::Incident;
use super::affected::Affected;
use super::breaches::{self, Breach};
use super::holds::Hold;
use super::notices::Notice;
use crate::answers::Answer;
use crate::detections::Alert;
use crate::register::{self, Kept, Reading, Row, Shown, When};
use kernel::engine::{PageWant, Wants};
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Notices that are looked through for those of the incident.
const NOTICES: usize = 5000;
/// Answers that are looked through for those of the incident: the server gives some by itself.
const ANSWERS: usize = 20_000;

/// The rows about one incident.
#[derive(Serialize)]
pub struct Whole {
    /// The moment at which they stood so.
    pub at: When,
    /// The incident.
    pub incident: Shown<Incident>,
    /// Alerts that belong to it.
    pub alerts: Vec<Shown<Alert>>,
    /// What was found in the log.
    pub affected: Vec<Shown<Affected>>,
    /// Verified accounts with their clocks.
    pub breaches: Vec<Shown<Breach>>,
    /// Orders that hold notices.
    pub holds: Vec<Shown<Hold>>,
    /// Answers that were given in it.
    pub answers: Vec<Shown<Answer>>,
    /// Whether there are more answers than were looked through for those of the incident.
    pub answers_cut: bool,
    /// Notices with every attempt.
    pub notices: Vec<Shown<Notice>>,
    /// The entries of `house` that made each of them as it stands.
    pub entries: BTreeSet<u64>,
}

/// What has to be fetched for it.
pub(super) struct Parts {
    kernel: Kernel,
    pub(super) incident: RecordKey,
    notices: PageWant,
    answers: PageWant,
}

impl Parts {
    pub(super) fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        let page = |register: &str, limit: usize| {
            let collection = kernel.collection_tag(HOUSE, register)?;
            Ok::<_, Error>(PageWant { account: HOUSE, collection, after: 0, limit })
        };
        Ok(Self {
            kernel: kernel.clone(),
            incident: register::key::<Kept<Incident>>(kernel, id)?,
            notices: page(Notice::REGISTER, NOTICES)?,
            answers: page(Answer::REGISTER, ANSWERS)?,
        })
    }

    pub(super) fn wants(&self, wants: &mut Wants) {
        wants.record(&self.incident);
        wants.pages.push(self.notices.clone());
        wants.pages.push(self.answers.clone());
    }

    /// The rows, and the proof that they may be shown under this action.
    pub(super) fn read<A: Act>(&self, work: &Work<'_>) -> Result<(kernel::Allowed<A>, Whole)> {
        let now = work.now();
        let (allowed, incident) = register::load::<Kept<Incident>, A>(work, &self.incident)?;
        let mut entries: BTreeSet<u64> =
            allowed.present().map(|one| one.changed).into_iter().collect();
        let id = incident.id.clone();
        let accounts = incident.row.verified.iter().map(|account| breaches::id(&id, account));
        let scoped = incident.row.scoped.iter().cloned();
        let holds = incident.row.holds.iter().cloned();
        let alerts = incident.row.alerts.iter().cloned();
        let mut whole = Whole {
            at: When(now),
            alerts: self.named::<_, A>(work, alerts, &mut entries)?,
            affected: self.named::<_, A>(work, scoped, &mut entries)?,
            breaches: self.named::<_, A>(work, accounts, &mut entries)?,
            holds: self.named::<_, A>(work, holds, &mut entries)?,
            answers: vec![],
            answers_cut: false,
            notices: vec![],
            incident: Shown::at(incident, now),
            entries: BTreeSet::new(),
        };
        let page = work.page(&self.notices)?;
        if page.len() >= NOTICES {
            let why = format!("there are {NOTICES} notices: their register is too large for this");
            return Err(Error::limit(why));
        }
        for pointer in page.iter().filter(|pointer| !pointer.deleted) {
            let kept: Kept<Notice> = register::parse(&work.body(pointer)?)?;
            if kept.row.incident == id {
                entries.insert(pointer.changed);
                whole.notices.push(Shown::at(kept, now));
            }
        }
        let page = work.page(&self.answers)?;
        whole.answers_cut = page.len() >= ANSWERS;
        for pointer in page.iter().filter(|pointer| !pointer.deleted) {
            let kept: Kept<Answer> = register::parse(&work.body(pointer)?)?;
            if kept.row.incident.as_ref() == Some(&id) {
                entries.insert(pointer.changed);
                whole.answers.push(Shown::at(kept, now));
            }
        }
        whole.entries = entries;
        Ok((allowed, whole))
    }

    /// Rows that the incident names.
    fn named<N: Row, A: Act>(
        &self,
        work: &Work<'_>,
        ids: impl Iterator<Item = String>,
        entries: &mut BTreeSet<u64>,
    ) -> Result<Vec<Shown<N>>> {
        let mut rows = Vec::new();
        for id in ids {
            let key = register::key::<Kept<N>>(&self.kernel, &id)?;
            let found = work.load_late::<A>(&key)?.present();
            let Some(pointer) = found.filter(|pointer| !pointer.deleted) else { continue };
            entries.insert(pointer.changed);
            rows.push(Shown::at(register::parse(&work.body(&pointer)?)?, work.now()));
        }
        Ok(rows)
    }
}

/// Looks at everything about an incident.
pub struct ReadWhole {
    parts: Parts,
}

impl ReadWhole {
    /// The incident of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        Ok(Self { parts: Parts::new(kernel, id)? })
    }
}

impl Operation for ReadWhole {
    type Output = Whole;

    fn target(&self) -> Target {
        on_house(Reading::<Incident>::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.parts.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Whole>> {
        let (allowed, whole) = self.parts.read::<Reading<Incident>>(work)?;
        let with = |name, count: usize| (name, count.to_string());
        let fields = vec![
            with("alerts", whole.alerts.len()),
            with("affected", whole.affected.len()),
            with("breaches", whole.breaches.len()),
            with("holds", whole.holds.len()),
            with("notices", whole.notices.len()),
            with("answers", whole.answers.len()),
        ];
        work.disclose(&allowed, fields);
        Ok(After::now(whole))
    }
}
