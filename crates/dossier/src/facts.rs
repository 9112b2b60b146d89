//! What the plots of an incident show, out of everything about it.

use domain::incidents::breaches::HeldFor;
use domain::incidents::laws::{Clock, Duties, Reported};
use domain::incidents::whole::Whole;
use kernel::Moment;
use std::collections::BTreeMap;

/// An alert of the incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerted {
    /// Last moment of its window.
    pub at: Moment,
    /// How many events matched.
    pub events: u64,
}

/// A clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Whom it is about: an account, or a law and its phase.
    pub name: String,
    /// When it began.
    pub from: Moment,
    /// First moment at which it is late, with the orders as they stand.
    pub due: Moment,
    /// When it was done, if it was.
    pub done: Option<Moment>,
    /// Spans in which an order stopped it.
    pub held: Vec<(Moment, Moment)>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// Who did it.
    pub who: String,
    /// What.
    pub what: String,
}

/// How often somebody or something touched an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Who or what.
    pub who: String,
    /// The account.
    pub account: String,
    /// Entries that count.
    pub entries: u64,
}

/// What the plots show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Alerts, in order of time.
    pub alerts: Vec<Alerted>,
    /// Clocks, earliest first.
    pub clocks: Vec<Bar>,
    /// Events, in order of time.
    pub events: Vec<Event>,
    /// Who accessed what.
    pub accesses: Vec<Access>,
}

impl Facts {
    /// Those of an incident.
    #[must_use]
    pub fn of(whole: &Whole) -> Self {
        let mut alerts: Vec<_> = whole.alerts.iter().map(|one| &one.kept.row).collect();
        alerts.sort_by_key(|one| one.to);
        let alerts = alerts.iter().map(|one| Alerted { at: one.to.0, events: one.count }).collect();
        Self { alerts, clocks: clocks(whole), events: events(whole), accesses: accesses(whole) }
    }
}

fn clocks(whole: &Whole) -> Vec<Bar> {
    let mut all: Vec<Bar> = Vec::new();
    for one in &whole.breaches {
        let row = &one.kept.row;
        all.push(Bar {
            name: row.account.clone(),
            from: row.verified.at.0,
            due: row.deadline.0,
            done: row.notified.as_ref().map(|told| told.at.0),
            held: spans(&row.holds, "notice"),
        });
        all.extend(of_laws(&row.duties, Some(&row.account)));
    }
    all.extend(of_laws(&whole.incident.kept.row.duties, None));
    all.sort_by(|a, b| (a.done.is_some(), a.due, &a.name).cmp(&(b.done.is_some(), b.due, &b.name)));
    all
}

/// Spans in which orders stop the clock of this name.
fn spans(held: &[HeldFor], scope: &str) -> Vec<(Moment, Moment)> {
    let stops = |one: &&HeldFor| match scope {
        "notice" => one.notices(),
        law => one.scope.iter().any(|named| named == law),
    };
    held.iter().filter(stops).map(|one| (one.from.0, one.to.0)).collect()
}

fn of_laws(duties: &Duties, account: Option<&str>) -> Vec<Bar> {
    let bar = |clock: &Clock| {
        let done = |one: &&Reported| one.law == clock.law && one.phase == clock.phase;
        let of = account.map(|account| format!(" ({account})")).unwrap_or_default();
        Bar {
            name: format!("{}: {}{of}", clock.law, clock.phase),
            from: clock.from.0,
            due: clock.due.0,
            done: duties.reported.iter().find(done).map(|one| one.mark.at.0),
            held: spans(&duties.held, &clock.law),
        }
    };
    duties.clocks.iter().map(bar).collect()
}

fn events(whole: &Whole) -> Vec<Event> {
    let row = &whole.incident.kept.row;
    let event = |at: Moment, who: &str, what: String| Event { at, who: who.to_owned(), what };
    let mut all = vec![event(row.suspected_at.0, &row.source, "suspected".to_owned())];
    let said = row.timeline.iter();
    all.extend(said.map(|one| event(one.mark.at.0, &one.mark.by, one.text.clone())));
    for one in &whole.breaches {
        let breach = &one.kept.row;
        let what = format!("account {} verified: {}", breach.account, breach.harm.word());
        all.push(event(breach.verified.at.0, &breach.verified.by, what));
        if let Some(told) = &breach.notified {
            all.push(event(told.at.0, "kernel", format!("account {} told", breach.account)));
        }
    }
    for one in &row.refuted {
        let what = format!("account {} is not affected: {}", one.account, one.why);
        all.push(event(one.mark.at.0, &one.mark.by, what));
    }
    for task in &row.tasks {
        let settled = task.done.iter().map(|said| ("done", said));
        for (word, said) in settled.chain(task.excepted.iter().map(|said| ("excepted", said))) {
            let what = format!("task {} {word}: {}", task.number, said.text);
            all.push(event(said.mark.at.0, &said.mark.by, what));
        }
    }
    for (word, said) in [("contained", &row.contained), ("closed", &row.closed)] {
        let said = said.iter();
        all.extend(
            said.map(|one| event(one.mark.at.0, &one.mark.by, format!("{word}: {}", one.text))),
        );
    }
    for one in &row.need_to_know.participants {
        let what = format!("{} takes part: {}", one.person, one.why);
        all.push(event(one.mark.at.0, &one.mark.by, what));
    }
    for one in &whole.holds {
        let (id, row) = (&one.kept.id, &one.kept.row);
        all.push(event(row.entered.at.0, &row.entered.by, format!("order {id} entered")));
        if let Some(mark) = &row.confirmed {
            all.push(event(mark.at.0, &mark.by, format!("order {id} confirmed")));
        }
    }
    for one in &whole.answers {
        let (added, row) = (&one.kept.added, &one.kept.row);
        let what = format!("answer: {} of {}", row.kind.word(), row.target);
        all.push(event(added.at.0, &added.by, what));
        if let Some(mark) = &row.lifted {
            all.push(event(mark.at.0, &mark.by, format!("answer {} lifted", one.kept.id)));
        }
    }
    for one in &whole.notices {
        let (id, row) = (&one.kept.id, &one.kept.row);
        if let Some(mark) = &row.sent {
            all.push(event(mark.at.0, &mark.by, format!("{id} to {} sent", row.account)));
        }
    }
    all.sort_by_key(|one| one.at);
    all
}

fn accesses(whole: &Whole) -> Vec<Access> {
    let mut all: BTreeMap<(String, String), u64> = BTreeMap::new();
    for one in &whole.affected {
        let row = &one.kept.row;
        let token = row.credential.as_deref().map(|token| format!(", token {token}"));
        let who = format!("{}{}", row.principal, token.unwrap_or_default());
        for found in row.found.iter().flat_map(|found| &found.accounts).filter(|one| one.touched) {
            let count = all.entry((who.clone(), found.account.clone())).or_default();
            *count = (*count).max(found.entries);
        }
    }
    let access = |((who, account), entries)| Access { who, account, entries };
    all.into_iter().map(access).collect()
}
