//! What follows from an alert: it is kept, its suspect is known by it, and where its rule calls for
//! it an incident begins and somebody is paged, or the one that is open for the suspect goes on.
//!
//! One operation does all of that, so a crash leaves nothing half told. An alert's id is made by
//! the engine of what it found, so telling it again changes nothing but its count.

use super::duties::{self, DUTY};
use super::laws::{self, Laws};
use super::{Class, Incident, Said};
use crate::answers::{self, Given};
use crate::catalogue::{CURRENT, Catalogue};
use crate::detections::allowances::Allowance;
use crate::detections::suspects::{self, NAMED, Suspect};
use crate::detections::{Alert, Answer, Level};
use crate::oncall::pages;
use crate::register::{self, Kept, Mark, Noun, Row, When, act, body, parse};
use kernel::engine::Wants;
use kernel::{Act, After, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house};
use std::time::Duration;

act!(
    /// What rules found. An answer to it changes who may do what.
    Raise, "alert.raise", None, true
);

/// What came of telling an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raised {
    /// Whether it was not known before.
    pub fresh: bool,
    /// The incident that began with it, by its id.
    pub began: Option<String>,
    /// The incident it belongs to, by its id.
    pub incident: Option<String>,
    /// Whether an allowance covers it.
    pub allowed: bool,
    /// What was done about it by itself, or why nothing was, where its rule asks for an answer.
    pub answer: Option<String>,
}

/// Keeps an alert and does what follows from it.
pub struct RaiseAlert {
    kernel: Kernel,
    id: String,
    alert: Alert,
    calls: bool,
    allowances: Vec<Kept<Allowance>>,
    answer: Option<answers::Asked>,
    key: RecordKey,
    suspect: RecordKey,
    catalogue: RecordKey,
    laws: RecordKey,
}

impl RaiseAlert {
    /// This alert, under the id that the engine made; `calls` says whether its rule calls somebody.
    /// `allowances` are those that may cover it.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(
        kernel: &Kernel,
        id: &str,
        alert: Alert,
        calls: bool,
        allowances: Vec<Kept<Allowance>>,
    ) -> Result<Self> {
        let suspect = suspects::id(&alert.about);
        Ok(Self {
            kernel: kernel.clone(),
            id: id.to_owned(),
            calls,
            allowances,
            answer: None,
            key: register::key::<Kept<Alert>>(kernel, id)?,
            suspect: register::key::<Kept<Suspect>>(kernel, &suspect)?,
            catalogue: register::key::<Kept<Catalogue>>(kernel, CURRENT)?,
            laws: register::key::<Kept<Laws>>(kernel, laws::CURRENT)?,
            alert,
        })
    }

    /// With the answer that its rule asks for and the configuration allows.
    #[must_use]
    pub fn answered(mut self, answer: Option<answers::Asked>) -> Self {
        self.answer = answer;
        self
    }

    /// Gives the answer that is asked for, once, and says in the alert what was done.
    fn give(&self, work: &mut Work<'_>, alert: &mut Alert) -> Result<Option<String>> {
        let quiet = alert.shadow || alert.retroactive || alert.allowed.is_some();
        let Some(asked) = self.answer.as_ref().filter(|_| !quiet && alert.answers.is_empty())
        else {
            return Ok(None);
        };
        let about = (self.id.as_str(), alert.rule.as_str(), alert.incident.as_deref());
        let given = answers::give::<Raise>(&self.kernel, work, asked, about)?;
        let unable = matches!(given, Given::Unable(_));
        let what = match given {
            Given::Fresh(id) => format!("{}: answers/{id}", asked.kind.word()),
            Given::Before(id) => format!("{}: in force already, answers/{id}", asked.kind.word()),
            Given::Nothing(why) | Given::Unable(why) => {
                format!("no {}: {why}", asked.kind.word())
            }
        };
        alert.answers.push(Answer { what: what.clone(), at: When(work.now()), unable });
        Ok(Some(what))
    }

    fn mark(work: &Work<'_>) -> Mark {
        Mark { by: work.caller().principal.to_string(), at: When(work.now()) }
    }

    /// The suspect, with one more alert.
    fn suspect(&self, work: &Work<'_>, fresh: bool) -> Result<Kept<Suspect>> {
        let found = read::<Kept<Suspect>>(work, &self.suspect)?;
        let mut kept = found.unwrap_or_else(|| {
            let about = self.alert.about.clone();
            let (alerts, newest, incident) = (0, vec![], None);
            let row = Suspect { about, alerts, newest, last: self.alert.to, incident };
            Kept::begun(work, &self.suspect.id, row)
        });
        if fresh {
            kept.row.alerts += 1;
            kept.row.newest.push(self.id.clone());
            let over = kept.row.newest.len().saturating_sub(NAMED);
            kept.row.newest.drain(..over);
        }
        kept.row.last = kept.row.last.max(self.alert.to);
        Ok(kept)
    }

    /// The incident that is open for the suspect.
    fn open(&self, work: &Work<'_>, suspect: &Suspect) -> Result<Option<Kept<Incident>>> {
        let Some(id) = &suspect.incident else { return Ok(None) };
        let key = register::key::<Kept<Incident>>(&self.kernel, id)?;
        let found = work.look_late(&key)?.map(|body| parse::<Kept<Incident>>(&body)).transpose()?;
        Ok(found.filter(|kept| kept.row.closed.is_none()))
    }

    /// A new incident, with its budget.
    fn begin(&self, work: &mut Work<'_>, alert: &Alert) -> Result<Kept<Incident>> {
        let catalogue = read::<Kept<Catalogue>>(work, &self.catalogue)?;
        let hours = catalogue.map(|kept| kept.row.parameters).unwrap_or_default();
        let hours = u64::from(hours.investigation_hours);
        let random = u128::from_be_bytes(work.random::<16>()?) >> 80;
        let id = format!("{}-{random:012x}", Incident::NOUN);
        let (now, title) = (work.now(), format!("{}: {}", alert.title, alert.about));
        let title: String = title.chars().take(180).collect();
        let by = now.after(Duration::from_secs(hours * 3600));
        let source = format!("alert:{}", self.id);
        let severity = alert.level.severity();
        let mut row = Incident::begun(title, Class::Breach, severity, source, When(now), When(by));
        work.later(by, HOUSE, super::INVESTIGATE, &id);
        let laws = read::<Kept<Laws>>(work, &self.laws)?.map(|kept| kept.row.in_force);
        row.duties = duties::under(laws.unwrap_or_default());
        for (due, object) in duties::begun(&mut row, &id, now) {
            work.later(due, HOUSE, DUTY, &object);
        }
        Ok(Kept::begun(work, &id, row))
    }

    /// What calls somebody. It leaves by channels of others, so it names no account and no suspect.
    fn page(&self, incident: &str) -> pages::Raise {
        pages::Raise {
            subject: pages::Subject::Incident,
            about: format!("incidents/{incident}"),
            key: "began".to_owned(),
            severity: pages::Severity::High,
            title: format!("{}: {incident}", self.alert.title),
            first: vec![],
        }
    }

    /// Whether it is known already, with at least as much.
    fn told(&self, before: Option<&Kept<Alert>>) -> bool {
        before.is_some_and(|kept| kept.row.count >= self.alert.count)
    }

    fn follow(
        &self,
        work: &mut Work<'_>,
        alert: &mut Alert,
        suspect: &mut Suspect,
        fresh: bool,
    ) -> Result<(Option<Kept<Incident>>, bool)> {
        let open = self.open(work, suspect)?;
        let quiet = alert.shadow || alert.allowed.is_some();
        let begins = open.is_none() && self.calls && !quiet && alert.incident.is_none();
        let incident = match open {
            Some(kept) => Some(kept),
            None if begins => Some(self.begin(work, alert)?),
            None => None,
        };
        let Some(mut kept) = incident.filter(|_| !quiet) else { return Ok((None, false)) };
        suspect.incident = Some(kept.id.clone());
        alert.incident = Some(kept.id.clone());
        let worse = alert.level.severity() < kept.row.severity;
        if !fresh && !begins && !worse {
            return Ok((None, false));
        }
        kept.row.severity = kept.row.severity.min(alert.level.severity());
        let text =
            format!("alert {}: {}, {}, events: {}", self.id, alert.title, alert.about, alert.count);
        kept.row.alerted(&self.id);
        kept.row.tells(Said { text, mark: Self::mark(work) });
        Ok((Some(kept), begins))
    }
}

fn read<N: Noun>(work: &Work<'_>, key: &RecordKey) -> Result<Option<N>> {
    work.look(key)?.map(|body| parse(&body)).transpose()
}

impl Operation for RaiseAlert {
    type Output = Raised;

    fn target(&self) -> Target {
        on_house(Raise::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        for key in [&self.key, &self.suspect, &self.catalogue, &self.laws] {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Raised>> {
        let allowed = work.load::<Raise>(&self.key)?;
        let before = read::<Kept<Alert>>(work, &self.key)?;
        if self.told(before.as_ref()) {
            work.disclose(&allowed, vec![("outcome", "known".to_owned())]);
            let incident = before.and_then(|kept| kept.row.incident);
            return Ok(After::now(Raised { incident, ..Raised::default() }));
        }
        let fresh = before.is_none();
        let mut kept = match before {
            Some(mut kept) => {
                let (from, incident) = (kept.row.from.min(self.alert.from), kept.row.incident);
                let said = (kept.row.answers, kept.row.disposition);
                kept.row = Alert { from, incident, ..self.alert.clone() };
                (kept.row.answers, kept.row.disposition) = said;
                kept
            }
            None => Kept::begun(work, &self.id, self.alert.clone()),
        };
        let now = work.now();
        let covering =
            self.allowances.iter().find(|one| one.row.counts(now) && one.row.allows(&kept.row));
        kept.row.allowed = covering.map(|one| one.id.clone());
        let mut suspect = self.suspect(work, fresh)?;
        let (incident, began) = self.follow(work, &mut kept.row, &mut suspect.row, fresh)?;
        let answer = self.give(work, &mut kept.row)?;
        let raised = Raised {
            fresh,
            answer,
            began: incident.as_ref().filter(|_| began).map(|kept| kept.id.clone()),
            incident: kept.row.incident.clone(),
            allowed: kept.row.allowed.is_some(),
        };
        let mut fields = vec![
            ("rule", kept.row.rule.clone()),
            ("about", kept.row.about.clone()),
            ("count", kept.row.count.to_string()),
        ];
        fields.extend(raised.incident.clone().map(|id| ("incident", id)));
        work.save(allowed, body(&kept)?, fields)?;
        let key = self.suspect.clone();
        work.save(work.load::<Raise>(&key)?, body(&suspect)?, vec![])?;
        if let Some(id) = &raised.began {
            pages::raise::<Raise>(&self.kernel, work, &self.page(id))?;
        }
        if let Some(incident) = incident {
            let key = register::key::<Kept<Incident>>(&self.kernel, &incident.id)?;
            let allowed = work.load_late::<Raise>(&key)?;
            work.save(allowed, body(&incident)?, vec![])?;
        }
        Ok(After::now(raised))
    }
}

/// Whether a level calls somebody by itself, where the rule does not say.
pub fn calls(level: Level) -> bool {
    level >= Level::High
}
