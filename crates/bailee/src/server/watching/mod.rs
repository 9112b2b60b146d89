//! What watches: every committed entry of every log and every kept signal goes through the rules,
//! in the order in which it was committed.
//!
//! Promises: what was evaluated is kept as intervals of numbers, so a crash leaves no hole that is
//! not seen. Alerts are told before the number moves on; after a restart what the windows of the
//! rules may still need is evaluated again without being told again, and an alert that was not told
//! yet has the same id as before. So nothing is lost and nothing stands twice.
//!
//! Does not: decide what an alert means, page, or answer; it says which answer a rule asks for, as
//! far as the configuration allows, and the operation that keeps the alert gives it. It runs beside
//! the tick; nothing that anybody asks for waits for it.

mod answering;
mod canary;
mod events;
mod keeper;
pub mod known;
mod numbers;
pub mod own;
mod rulebook;
mod silence;
mod telling;
#[cfg(test)]
pub mod tests;
mod turn;
mod uses;

pub use answering::Answering;
pub use keeper::keep;
pub use rulebook::rules;
pub use turn::ALONE;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use connectors::places::Places;
use domain::detections::Alert;
use domain::detections::coverage::{
    Coverage, Covered, EVALUATED, Heard, KeepCoverage, Look, RULES, ReadCoverage, Span, add,
};
use domain::detections::rules::Mode;
use domain::incidents::raising::{RaiseAlert, Raised};
use domain::oncall::Pulse;
use domain::register::When;
use domain::registers::House;
use domain::signals::{ForgetSignals, TakeSignals, decode};
use kernel::{Kernel, Moment, Ran, Result};
use watch::{Detector, Rules};

use canary::Canary;
use known::Known;
use numbers::{Numbers, Place};
use silence::Silence;
use telling::row;

/// How often what was committed is looked at.
pub const PACE: Duration = Duration::from_millis(500);

/// How far back the windows of rules may reach; what a restart evaluates again.
const REACH: Duration = Duration::from_secs(24 * 3600);

/// Entries that one round reads.
const ENTRIES: usize = 2000;

/// Batches of signals that one round reads.
const BATCHES: usize = 16;

/// How often what was evaluated is kept.
const KEPT: Duration = Duration::from_secs(300);

/// Days that signals are kept, where the configuration does not say.
pub const DAYS: u32 = 30;

/// What watches. Clones are the same.
#[derive(Clone)]
pub struct Watching(Arc<Shared>);

struct Shared {
    /// The right to work, once the first tick gave it.
    right: Mutex<Option<Ran>>,
    /// The turn to evaluate, if this node has one.
    turn: Mutex<Option<u64>>,
    rules: Arc<Rules>,
    canary: Option<Duration>,
    state: Mutex<State>,
    known: Mutex<Option<Arc<Known>>>,
    /// The row up to which the registers were shown.
    shown: Mutex<i64>,
    /// Where it says how far it came, for whoever watches the watcher.
    pulse: Mutex<Option<Arc<Mutex<Pulse>>>>,
    days: u32,
    /// Where networks are, as the operator says.
    places: OnceLock<Arc<Places>>,
    /// Title and level of each rule, by its id.
    titles: BTreeMap<String, (String, watch::Level)>,
}

struct State {
    /// The turn in which what follows was remembered.
    turn: Option<u64>,
    detector: Detector,
    problems: Vec<String>,
    numbers: Numbers,
    /// The last entry and the last batch that were evaluated.
    entry: i64,
    signal: i64,
    coverage: Option<Coverage>,
    kept: Option<Moment>,
    /// Told next; what could not be told stays.
    waiting: VecDeque<watch::Alert>,
    canary: Canary,
    answering: Answering,
    forgotten: Option<Moment>,
    silence: Silence,
    places: Option<Arc<Places>>,
    uses: uses::Uses,
}

impl Watching {
    /// With these rules, of which some could not be read; signals are kept for so many days, and a
    /// synthetic attack is made so often.
    pub fn new(rules: Rules, problems: Vec<String>, days: u32, canary: Option<Duration>) -> Self {
        let titles = rules.iter();
        let titles = titles.map(|rule| (rule.id.clone(), (rule.title.clone(), rule.level)));
        let (titles, rules) = (titles.collect(), Arc::new(rules));
        let state = State::fresh(&rules, problems, canary, Answering::default());
        Self(Arc::new(Shared {
            right: Mutex::default(),
            turn: Mutex::new(Some(ALONE)),
            rules,
            canary,
            state: Mutex::new(state),
            known: Mutex::default(),
            shown: Mutex::default(),
            pulse: Mutex::default(),
            days,
            places: OnceLock::new(),
            titles,
        }))
    }

    /// Answers by itself from now on, as far as this says.
    #[must_use]
    pub fn answering(self, answering: Answering) -> Self {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).answering = answering;
        self
    }

    /// Gives the right to work: that of the tick, for what happens by itself.
    pub fn allow(&self, right: Ran) {
        *self.0.right() = Some(right);
    }

    /// Shows the registers as they are now: allowances, modes of rules, canaries, accounts.
    ///
    /// `until` is the row of the newest entry before they were read: what is older than what was
    /// shown is no news, and every change up to it is in them.
    pub fn show(&self, house: &House, until: i64) {
        let mut shown = self.0.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if until < *shown {
            return;
        }
        *shown = until;
        let fresh = Known::of(house, until);
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = known.as_deref() {
            fresh.go_on(before);
        }
        *known = Some(Arc::new(fresh));
    }

    /// Says from now on in this pulse how far it came.
    pub fn beat(&self, pulse: Arc<Mutex<Pulse>>) {
        *self.0.pulse.lock().unwrap_or_else(PoisonError::into_inner) = Some(pulse);
    }

    fn beats(&self, entry: i64, at: Moment, canary: Option<Moment>) {
        let pulse = self.0.pulse.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(pulse) = pulse {
            let mut pulse = pulse.lock().unwrap_or_else(PoisonError::into_inner);
            pulse.evaluated = u64::try_from(entry).ok();
            (pulse.evaluated_at, pulse.canary_at) = (Some(When(at)), canary.map(When));
        }
    }

    /// Says where networks are; once, before anything is evaluated.
    pub fn place(&self, places: Arc<Places>) {
        drop(self.0.places.set(places));
    }

    /// The registers as they were shown last.
    pub fn known(&self) -> Option<Arc<Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Title and level of a rule.
    pub fn title(&self, rule: &str) -> Option<&(String, watch::Level)> {
        self.0.titles.get(rule)
    }

    /// The right to work, if the first tick gave it.
    pub fn right(&self) -> Option<Ran> {
        self.0.right().as_ref().and_then(Ran::again)
    }

    /// Looks at what was committed since the last time; whether there is more.
    ///
    /// # Errors
    /// Whatever the store answers; what was not told is told the next time.
    pub fn round(&self, kernel: &Kernel) -> Result<bool> {
        let (Some(right), Some(known)) = (self.right(), self.known()) else { return Ok(false) };
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.leads(&self.0, self.turn()) {
            return Ok(false);
        }
        if state.coverage.is_none() {
            state.places = self.0.places.get().cloned();
            state.begin(kernel, &right, &known)?;
        }
        let before = (state.entry, state.signal);
        state.canary.send(kernel, &right)?;
        let (more, stale) = state.evaluate(kernel, &right, &known)?;
        if !more {
            // Nobody is silent whose signals only wait to be evaluated.
            state.listen(kernel, &right, &known)?;
        }
        state.tell(kernel, &right, &known)?;
        state.cover(before);
        self.beats(state.entry, kernel.now(), state.canary.seen());
        state.keep(kernel, &right, &known)?;
        state.forget(kernel, &right, self.0.days)?;
        if stale {
            // A source that was just named is known from now on, and not only in a minute.
            let until = kernel.commit(None)?.last;
            let look = Look::new(domain::registers::survey(kernel)?);
            self.show(&right.ask(kernel, look)?, until);
        }
        // The registers may have been shown anew since this round began.
        if let Some(fresh) = self.known().filter(|fresh| !Arc::ptr_eq(fresh, &known)) {
            fresh.meet(&known);
        }
        Ok(more)
    }
}

impl Shared {
    fn right(&self) -> MutexGuard<'_, Option<Ran>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Goes on where the last server ended, with what the windows still need.
    fn begin(&mut self, kernel: &Kernel, right: &Ran, known: &Known) -> Result<()> {
        let kept = right.ask(kernel, ReadCoverage::new(kernel, EVALUATED)?)?;
        let last = |spans: &[Span]| spans.last().map(|span| span.to);
        let now = kernel.now();
        let since = Moment(now.0.saturating_sub(u64::try_from(REACH.as_micros()).unwrap_or(0)));
        let from = kernel.span(since, now, i64::MAX)?.after;
        let told = kept.as_ref().and_then(|kept| last(&kept.entries));
        let heard = kept.as_ref().and_then(|kept| last(&kept.signals));
        (self.entry, self.signal) = (from.min(told.unwrap_or(from)), first_batch(kernel, since)?);
        self.signal = self.signal.min(heard.unwrap_or(self.signal));
        while self.warm(kernel, known, told.unwrap_or(from), heard.unwrap_or(self.signal))? {}
        self.coverage = Some(kept.unwrap_or_else(|| Coverage::begun(now)));
        self.keep_rules(kernel, right, known)
    }

    /// Evaluates again what was told before, without telling it; whether there is more.
    fn warm(&mut self, kernel: &Kernel, known: &Known, entry: i64, signal: i64) -> Result<bool> {
        let entries = kernel.feed(self.entry, ENTRIES)?;
        let batches = kernel.signals(self.signal, BATCHES)?;
        let entries: Vec<_> = entries.into_iter().filter(|fed| fed.row <= entry).collect();
        let batches: Vec<_> = batches.into_iter().filter(|batch| batch.row <= signal).collect();
        let more = !entries.is_empty() || !batches.is_empty();
        drop(self.take(entries, batches, known)?);
        if !more {
            (self.entry, self.signal) = (self.entry.max(entry), self.signal.max(signal));
        }
        Ok(more)
    }

    /// Evaluates what was committed; whether there is more, and whether what is known of the
    /// registers is of before.
    fn evaluate(&mut self, kernel: &Kernel, right: &Ran, known: &Known) -> Result<(bool, bool)> {
        let mut entries = kernel.feed(self.entry, ENTRIES)?;
        let batches = kernel.signals(self.signal, BATCHES)?;
        let mut more = entries.len() == ENTRIES || batches.len() == BATCHES;
        // What follows a change of the registers that was not shown yet waits until it is.
        let about = |fed: &kernel::Fed| fed.row > known.until() && known::is_about(&fed.kind);
        let changes = entries.iter().skip_while(|fed| !about(fed));
        let after = changes.skip_while(|fed| about(fed)).count();
        let stale = entries.iter().any(about);
        more |= stale && after > 0;
        entries.truncate(entries.len() - if stale { after } else { 0 });
        for (person, met) in known.meets(&entries) {
            let keep = domain::detections::acquaintances::KeepMet::new(kernel, &person, met)?;
            right.ask(kernel, keep)?;
        }
        let alerts = self.take(entries, batches, known)?;
        self.waiting.extend(alerts);
        self.waiting.extend(self.detector.tick(kernel.now().0));
        Ok((more, stale))
    }

    fn take(
        &mut self,
        entries: Vec<kernel::Fed>,
        batches: Vec<kernel::KeptSignals>,
        known: &Known,
    ) -> Result<Vec<watch::Alert>> {
        let mut alerts = Vec::new();
        for fed in &entries {
            known.learn(fed);
            self.uses.see(fed);
            let number = self.numbers.next(Place::Entry { log: fed.account, index: fed.index });
            let event = events::of_entry(fed, known, self.places.as_deref());
            alerts.extend(self.detector.take(&watch::Event { number, ..event }));
            for event in events::of_badges(fed) {
                let place = Place::Entry { log: fed.account, index: fed.index };
                let number = self.numbers.next(place);
                alerts.extend(self.detector.take(&watch::Event { number, ..event }));
            }
            self.entry = self.entry.max(fed.row);
        }
        for batch in &batches {
            for (place, signal) in decode(&batch.bytes)?.into_iter().enumerate() {
                let number = self.numbers.next(Place::Signal { row: batch.row, place });
                let event = events::of_signal(signal, known);
                alerts.extend(self.detector.take(&watch::Event { number, ..event }));
            }
            self.signal = self.signal.max(batch.row);
        }
        Ok(alerts)
    }

    /// Tells what was found, in order; at an error the rest waits.
    fn tell(&mut self, kernel: &Kernel, right: &Ran, known: &Known) -> Result<()> {
        while let Some(alert) = self.waiting.front() {
            if self.canary.is_its_own(alert, kernel.now()) {
                self.waiting.pop_front();
                continue;
            }
            let evidence = alert.events.iter().filter_map(|number| self.numbers.place(*number));
            let evidence = evidence.map(|place| place.to_string()).collect();
            // What is off is evaluated all the same, and only watches: so its coverage has no hole.
            let shadow = known.mode(&alert.rule).map_or(alert.shadow, |mode| mode != Mode::Live);
            let calls = alert.paging && !shadow && !alert.retroactive;
            let row = Alert { shadow, ..row(alert, evidence) };
            let id = format!("alert-{}", alert.id);
            let allowances = known.allowances(&row);
            let answer = self.answering.to(alert, &row.evidence);
            let raise = RaiseAlert::new(kernel, &id, row, calls, allowances)?.answered(answer);
            let raised = right.ask(kernel, raise)?;
            if let Raised { began: Some(incident), .. } = &raised {
                tracing::warn!(%incident, rule = %alert.rule, "an incident began with an alert");
            }
            if let Raised { answer: Some(answer), .. } = &raised {
                tracing::warn!(%answer, rule = %alert.rule, "an alert was answered");
            }
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// Tells which sources are silent, and which speak again; each of it once.
    fn listen(&mut self, kernel: &Kernel, right: &Ran, known: &Known) -> Result<()> {
        let Some(coverage) = &mut self.coverage else { return Ok(()) };
        let signals = self.silence.look(known, coverage, kernel.now());
        if !signals.is_empty() {
            right.ask(kernel, TakeSignals::new(&signals)?)?;
            // A restart does not tell it again.
            self.kept = None;
        }
        Ok(())
    }

    fn cover(&mut self, (entry, signal): (i64, i64)) {
        if let Some(coverage) = &mut self.coverage {
            add(&mut coverage.entries, entry + 1, self.entry);
            add(&mut coverage.signals, signal + 1, self.signal);
        }
    }

    /// Keeps what was evaluated, now and then.
    fn keep(&mut self, kernel: &Kernel, right: &Ran, known: &Known) -> Result<()> {
        self.uses.tell(kernel, right)?;
        let (now, canary) = (kernel.now(), self.canary.seen().map(When));
        let Some(coverage) = &mut self.coverage else { return Ok(()) };
        // That a synthetic attack came out is kept at once: a control waits for it.
        let came = canary > coverage.canary;
        if self.kept.is_some_and(|last| now.since(last) < KEPT) && !came {
            return Ok(());
        }
        coverage.at = When(now);
        coverage.canary = canary.or(coverage.canary);
        coverage.sources = heard(known, &coverage.sources);
        right.ask(kernel, KeepCoverage::new(kernel, EVALUATED, coverage.clone())?)?;
        self.uses.keep(kernel, right)?;
        self.kept = Some(now);
        Ok(())
    }

    /// Keeps which rules are evaluated, from which entry on.
    fn keep_rules(&mut self, kernel: &Kernel, right: &Ran, known: &Known) -> Result<()> {
        let before = right.ask(kernel, ReadCoverage::new(kernel, RULES)?)?;
        let before = before.map(|kept| kept.rules).unwrap_or_default();
        let now = When(kernel.now());
        let covered = |rule: &watch::Rule| {
            let mode = match known.mode(&rule.id) {
                Some(mode) => mode,
                None if rule.shadow => Mode::Shadow,
                None => Mode::Live,
            };
            let same = before.iter().find(|one| one.rule == rule.id && one.version == rule.version);
            let fresh = Covered {
                rule: rule.id.clone(),
                title: rule.title.clone(),
                version: rule.version.clone(),
                mode,
                since: now,
                entry: self.entry + 1,
                signals: self.signal + 1,
            };
            same.map_or(fresh, |one| Covered { mode, ..one.clone() })
        };
        let alerting = self.detector.rules().iter().filter(|rule| rule.alerts);
        let rules: Vec<Covered> = alerting.map(covered).collect();
        let Some(coverage) = &self.coverage else { return Ok(()) };
        if rules == before && self.problems.is_empty() {
            return Ok(());
        }
        let problems = self.problems.iter().take(100).cloned().collect();
        let row = Coverage {
            entries: vec![],
            signals: vec![],
            sources: vec![],
            rules,
            problems,
            at: now,
            ..coverage.clone()
        };
        right.ask(kernel, KeepCoverage::new(kernel, RULES, row)?)
    }

    /// Forgets the signals of a day that is past its time; looked for once an hour.
    fn forget(&mut self, kernel: &Kernel, right: &Ran, days: u32) -> Result<()> {
        let now = kernel.now();
        if self.forgotten.is_some_and(|last| now.since(last) < Duration::from_secs(3600)) {
            return Ok(());
        }
        while let Some(day) = ForgetSignals::due(kernel, days)? {
            right.ask(kernel, day)?;
        }
        self.forgotten = Some(now);
        Ok(())
    }
}

/// The batch before the first one that arrived since this day began.
fn first_batch(kernel: &Kernel, since: Moment) -> Result<i64> {
    let day = u32::try_from(since.0 / 86_400_000_000).unwrap_or(0);
    let days = kernel.signal_days()?;
    let first = days.iter().find(|(known, _)| *known >= day).map(|(_, row)| row - 1);
    Ok(first.unwrap_or_else(|| days.iter().map(|(_, row)| *row).max().unwrap_or(0)))
}

/// The sources that are named, as they were heard.
fn heard(known: &Known, before: &[Heard]) -> Vec<Heard> {
    let mut all = known.heard();
    for one in before {
        if !all.iter().any(|new| new.source == one.source) {
            all.push(one.clone());
        }
    }
    all.truncate(200);
    all
}

/// Looks at what was committed until it is aborted.
pub async fn run(kernel: Kernel, watching: Watching) {
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let (kernel, own) = (kernel.clone(), watching.clone());
        let looked = tokio::task::spawn_blocking(move || -> Result<()> {
            while own.round(&kernel)? {}
            Ok(())
        });
        match looked.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(?error, "detection could not go on"),
            Err(error) => tracing::error!(%error, "detection ended by panic"),
        }
    }
}
