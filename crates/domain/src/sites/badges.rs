//! Badge events: what the doors of an area say, checked against its access list and the people.
//!
//! The events themselves are not kept: an area's row holds their counts, and each event that should
//! not have been as a finding, until somebody settles it.

use super::areas::{Area, BadgeFinding, Import, KEPT, Settled, Why, open};
use super::shorten;
use crate::people::Person;
use crate::register::{At, Needs, Step, When, line, prose};
use kernel::id::Name;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Events of one step; each may name another person, whose row it looks at.
const EVENTS: usize = 500;

/// Findings of one area that are not settled. More are no list to work through, but a wrong import.
const UNSETTLED: usize = 300;

/// People who have left that an entry names; each is a finding all the same.
const TOLD: usize = 20;

/// Findings that are kept in the row; earlier ones are in its history.
const FINDINGS: usize = 600;

/// Badge events of the area's doors.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Badges {
    /// One event each, at most 500: `TIME,PERSON,GRANTED`, such as
    /// `2026-11-22T14:02:11Z,lea,yes`.
    pub events: Vec<String>,
}

/// One event.
#[derive(Debug)]
struct Event {
    time: When,
    person: String,
    granted: bool,
}

impl Event {
    fn parse(number: usize, text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            let text = kernel::id::shown(text);
            Error::invalid("events", format!("line {number}, `{text}`: {why}"))
        };
        let parts = text.split_once(',').and_then(|(time, rest)| {
            let (person, granted) = rest.rsplit_once(',')?;
            Some((time.trim(), person.trim(), granted.trim()))
        });
        let (time, person, granted) = parts.ok_or_else(|| refuse("write `TIME,PERSON,GRANTED`"))?;
        let time =
            When::parse(time).ok_or_else(|| refuse("write the time as `2026-11-22T14:02:11Z`"))?;
        let granted = match granted.to_ascii_lowercase().as_str() {
            "yes" | "true" | "granted" | "1" => true,
            "no" | "false" | "denied" | "0" => false,
            _ => return Err(refuse("write `yes` or `no` after the person")),
        };
        let person = person.strip_prefix("person:").unwrap_or(person);
        let person = line("events", person, 100)
            .map_err(|_| refuse("write a person of 1 to 100 bytes on one line"))?;
        Ok(Self { time, person, granted })
    }

    /// The name of a person, if it is one that somebody could have.
    fn name(&self) -> Option<Name> {
        Name::parse(&self.person).ok()
    }

    /// Why it should not have been, if it should not.
    fn why(&self, known: Option<&Person>, area: &Area) -> Option<Why> {
        let at = self.time.0;
        // Somebody who was kept out rightly is what a door is for; a leaver's badge should be gone.
        let Some(person) = known else { return self.granted.then_some(Why::Unknown) };
        if person.left.is_some_and(|left| Moment(left) <= at) {
            return Some(Why::Left);
        }
        let id = format!("person:{}", self.person);
        let listed = area.allowed.iter().any(|one| one.person == id && one.opens(at));
        (self.granted && !listed).then_some(Why::NotAllowed)
    }
}

impl Badges {
    fn parsed(&self) -> Result<Vec<Event>> {
        if self.events.is_empty() || self.events.len() > EVENTS {
            let why = format!("state 1 to {EVENTS} events, one each");
            return Err(Error::invalid("events", why));
        }
        self.events.iter().enumerate().map(|(n, text)| Event::parse(n + 1, text)).collect()
    }
}

impl Step<Area> for Badges {
    const ACTION: &'static str = "area.badges";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        let parsed = self.parsed()?;
        parsed
            .iter()
            .filter_map(Event::name)
            .try_for_each(|name| needs.noun::<Person>(name.as_str()))
    }

    fn apply(&self, row: &mut Area, at: &mut At<'_, '_>) -> Result<()> {
        open(row)?;
        let events = self.parsed()?;
        let times = || events.iter().map(|event| event.time);
        let (Some(from), Some(to)) = (times().min(), times().max()) else {
            return Err(Error::invalid("events", "state at least one event"));
        };
        if to.0 > at.now() {
            return Err(Error::invalid("events", "an event is later than now: check the clock"));
        }
        let (before, mut left) = (row.found, Vec::new());
        for event in &events {
            let known = match event.name() {
                Some(name) => at.find_noun::<Person>(name.as_str())?,
                None => None,
            };
            let Some(why) = event.why(known.as_ref(), row) else { continue };
            // The same log may come in twice.
            let same = |one: &BadgeFinding| one.time == event.time && one.person == event.person;
            if row.findings.iter().any(same) {
                continue;
            }
            if why == Why::Left && left.len() < TOLD && !left.contains(&event.person) {
                left.push(event.person.clone());
            }
            row.found = row.found.saturating_add(1);
            row.findings.push(BadgeFinding {
                id: format!("badge-{}", row.found),
                time: event.time,
                person: event.person.clone(),
                granted: event.granted,
                why,
                settled: None,
            });
        }
        if row.unsettled().count() > UNSETTLED {
            let why = format!(
                "more than {UNSETTLED} badge events would be unsettled: settle some first, or \
                 check that the log is of this area"
            );
            return Err(Error::limit(why));
        }
        while row.findings.len() > FINDINGS
            && let Some(oldest) = row.findings.iter().position(|one| one.settled.is_some())
        {
            row.findings.remove(oldest);
        }
        let granted = events.iter().filter(|event| event.granted).count();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let findings = row.found - before;
        at.tell("events", events.len().to_string());
        at.tell("findings", findings.to_string());
        if !left.is_empty() {
            at.tell("left", left.join(","));
        }
        row.imports.push(Import {
            from,
            to,
            granted: number(granted),
            denied: number(events.len() - granted),
            findings,
            mark: at.mark(),
        });
        shorten(&mut row.imports, KEPT);
        Ok(())
    }
}

/// Settles a finding from badge events.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// The finding's number: `badge-1` and so on.
    pub finding: String,
    /// What was found out and done.
    pub how: String,
}

impl Step<Area> for Settle {
    const ACTION: &'static str = "area.settle";

    fn apply(&self, row: &mut Area, at: &mut At<'_, '_>) -> Result<()> {
        let found = row.findings.iter_mut().find(|one| one.id == self.finding);
        let finding = found.ok_or_else(|| {
            let id = kernel::id::shown(&self.finding);
            Error::invalid("finding", format!("this area has no finding `{id}`"))
        })?;
        if finding.settled.is_some() {
            return Err(Error::conflict("this finding is settled already"));
        }
        finding.settled = Some(Settled { how: prose("how", &self.how, 1000)?, mark: at.mark() });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn a_line_is_an_event_or_refused_with_its_number() {
        let good = [
            ("2026-11-22T14:02:11Z,lea,yes", "lea", true),
            ("2026-11-22T14:02:11.5Z , person:lea , NO", "lea", false),
            ("2026-11-22T14:02:11Z,Doe, John,granted", "Doe, John", true),
        ];
        for (text, person, granted) in good {
            let event = Event::parse(1, text).unwrap();
            assert_eq!((event.person.as_str(), event.granted), (person, granted), "{text}");
        }
        let bad = [
            "",
            ",",
            ",,",
            "lea,yes",
            "2026-11-22,lea,yes",
            "2026-11-22T14:02:11Z,,yes",
            "2026-11-22T14:02:11Z,lea,",
            "2026-11-22T14:02:11Z,l\u{7}a,yes",
        ];
        for text in bad {
            let error = Event::parse(7, text).unwrap_err();
            assert_eq!(error.field(), Some("events"), "{text}");
            assert!(error.message().starts_with("line 7, `"), "{error}");
        }
    }
}
