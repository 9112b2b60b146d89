//! Coverage: which events the rules were evaluated on, and since when; which sources were heard;
//! and which events were sent on to which destination.
//!
//! Kept by the server every few minutes, and never stated by anybody. Entries of every log and
//! batches of signals are numbered in the order in which they were committed; what was evaluated is
//! kept as intervals of these numbers, so that a gap is a fact and not a feeling.

use super::rules::Mode;
use crate::register::{
    self, At, Entry, House, Kept, Register, Row, Status, Survey, Tone, When, act, body, parse,
};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The id of the row that says what was evaluated.
pub const EVALUATED: &str = "detection";
/// The id of the row that says which rules there are.
pub const RULES: &str = "rules";

/// How old the last evaluation may be.
pub const FRESH: Duration = Duration::from_secs(15 * 60);

/// Numbers that were evaluated, without a gap between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CoverageSpan")]
pub struct Span {
    /// The first.
    pub from: i64,
    /// The last.
    pub to: i64,
}

/// A rule as it is evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CoverageRule")]
pub struct Covered {
    /// The rule, by its id.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// Its version: the start of a hash over its text.
    pub version: String,
    /// What it may do.
    pub mode: Mode,
    /// Since when this version is evaluated.
    pub since: When,
    /// The first entry it was evaluated on, by its number over all logs.
    pub entry: i64,
    /// The first batch of signals it was evaluated on.
    pub signals: i64,
}

/// A source as it was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CoverageSource")]
pub struct Heard {
    /// The source, by its id.
    pub source: String,
    /// When the last signal came.
    pub last: When,
    /// Signals that came.
    pub received: u64,
    /// What could not be understood.
    pub malformed: u64,
    /// What had to be let go, because too much came at once.
    pub dropped: u64,
}

/// A source that is silent for longer than was agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CoverageSilent")]
pub struct Silent {
    /// The source, by its id.
    pub source: String,
    /// When that was told.
    pub told: When,
}

/// How far a destination is to which events are sent on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CoverageForward")]
pub struct Forwarded {
    /// Where it is, without what opens it.
    pub to: String,
    /// Events that it accepted.
    pub accepted: u64,
    /// Events that it refused by themselves; they are not sent again.
    pub refused: u64,
    /// Signals of the batch after `signals` that it accepted already.
    #[serde(default)]
    pub place: u64,
    /// The time of the oldest event that waits, if one does.
    pub waits_since: Option<When>,
    /// When it was told that the destination is late, as long as it is.
    pub late: Option<When>,
    /// What the destination said last, where it did not accept.
    #[serde(default)]
    pub reply: String,
}

impl Forwarded {
    fn status(&self) -> Status {
        let since = self.waits_since.map(|at| at.0.rfc3339()).unwrap_or_default();
        let why = match self.reply.as_str() {
            "" => String::new(),
            reply => format!(": {reply}"),
        };
        match (&self.late, &self.waits_since) {
            (Some(_), _) => Status::of("late", Tone::Bad)
                .what(format!("nothing was taken that happened since {since}{why}"))
                .who("engineer"),
            (None, Some(_)) => Status::of("waiting", Tone::Due)
                .what(format!("what happened since {since} waits{why}")),
            (None, None) => {
                Status::of("sent-on", Tone::Good).what(format!("events: {}", self.accepted))
            }
        }
    }
}

/// The id of the row that says how far a destination is.
pub fn forward(name: &str) -> String {
    format!("forward-{name}")
}

/// What was evaluated, or sent on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// When this was so.
    pub at: When,
    /// Entries of every log that were evaluated.
    pub entries: Vec<Span>,
    /// Batches of signals that were evaluated.
    pub signals: Vec<Span>,
    /// Sources that were heard.
    pub sources: Vec<Heard>,
    /// When a synthetic attack last came out as an alert.
    pub canary: Option<When>,
    /// Rules, in the row that says which there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Covered>,
    /// Rules that could not be read, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Sources that are silent, each told once for each silence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<Silent>,
    /// The destination, in a row that says what was sent on; the intervals are what it accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forwarded>,
}

impl Coverage {
    /// Nothing so far.
    pub fn begun(at: Moment) -> Self {
        Self {
            at: When(at),
            entries: vec![],
            signals: vec![],
            sources: vec![],
            canary: None,
            rules: vec![],
            problems: vec![],
            silent: vec![],
            forward: None,
        }
    }

    /// What was evaluated by nobody: numbers between the first and the last that was.
    pub fn gaps(&self) -> Vec<Span> {
        let between = |spans: &[Span]| -> Vec<Span> {
            let pairs = spans.iter().zip(spans.iter().skip(1));
            pairs.map(|(one, next)| Span { from: one.to + 1, to: next.from - 1 }).collect()
        };
        [between(&self.entries), between(&self.signals)].concat()
    }
}

/// Adds what was evaluated; what touches grows together.
pub fn add(spans: &mut Vec<Span>, from: i64, to: i64) {
    match spans.last_mut() {
        Some(last) if from <= last.to + 1 => last.to = last.to.max(to),
        _ if from <= to => spans.push(Span { from, to }),
        _ => {}
    }
}

/// Nothing: coverage is kept by the server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCoverage {}

impl Row for Coverage {
    const NOUN: &'static str = "coverage";
    const REGISTER: &'static str = "coverages";
    const FORMAT: &'static str = "coverage/v1";
    const ADD: &'static str = "coverage.add";
    const READ: &'static str = "coverage.read";
    const LIST: &'static str = "coverage.list";
    type New = NewCoverage;

    fn add(_: &NewCoverage, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::conflict("coverage is kept by the server itself"))
    }

    fn status(&self, now: Moment) -> Status {
        if let Some(forward) = &self.forward {
            return forward.status();
        }
        if !self.rules.is_empty() || !self.problems.is_empty() {
            return match self.problems.len() {
                0 => Status::of("loaded", Tone::Good).what(format!("rules: {}", self.rules.len())),
                some => Status::of("unread", Tone::Bad)
                    .what(format!("rules that could not be read: {some}"))
                    .who("security-lead"),
            };
        }
        if now.since(self.at.0) > FRESH {
            let what = "nothing was evaluated lately: look at the server's log";
            return Status::of("stale", Tone::Bad).what(what).who("engineer");
        }
        match self.gaps().len() {
            0 => Status::of("whole", Tone::Good),
            some => Status::of("gaps", Tone::Bad)
                .what(format!("gaps that no rule was evaluated on: {some}"))
                .who("security-lead"),
        }
    }
}

act!(
    /// Keeping what was evaluated.
    Keep, "coverage.keep", None, false
);

/// Keeps what was evaluated.
pub struct KeepCoverage {
    key: RecordKey,
    coverage: Coverage,
}

impl KeepCoverage {
    /// As the row of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str, coverage: Coverage) -> Result<Self> {
        Ok(Self { key: register::key::<Kept<Coverage>>(kernel, id)?, coverage })
    }
}

impl Operation for KeepCoverage {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Keep::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let allowed = work.load::<Keep>(&self.key)?;
        let before =
            work.look(&self.key)?.map(|body| parse::<Kept<Coverage>>(&body)).transpose()?;
        let mut kept = Kept::begun(work, &self.key.id, self.coverage.clone());
        if let Some(before) = before {
            kept.added = before.added;
        }
        work.save(allowed, body(&kept)?, vec![])?;
        Ok(After::now(()))
    }
}

/// What was kept, if anything was. For the server itself, before it goes on.
///
/// # Errors
/// Whatever the store answers.
pub struct ReadCoverage {
    key: RecordKey,
}

impl ReadCoverage {
    /// The row of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        Ok(Self { key: register::key::<Kept<Coverage>>(kernel, id)? })
    }
}

impl Operation for ReadCoverage {
    type Output = Option<Coverage>;

    fn target(&self) -> Target {
        on_house(Keep::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Option<Coverage>>> {
        let seen = work.load::<Keep>(&self.key)?;
        work.disclose(&seen, vec![]);
        let kept = work.look(&self.key)?.map(|body| parse::<Kept<Coverage>>(&body)).transpose()?;
        Ok(After::now(kept.map(|kept| kept.row)))
    }
}

/// Looks at every register, for what detection has to know of them.
pub struct Look {
    survey: Survey,
}

impl Look {
    /// Of all of these.
    pub fn new(survey: Survey) -> Self {
        Self { survey }
    }
}

impl Operation for Look {
    type Output = House;

    fn target(&self) -> Target {
        on_house(Keep::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.survey.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<House>> {
        let house = self.survey.find(work)?.read(work)?;
        let fields = vec![("outcome", "looked at the registers".to_owned())];
        work.note(kernel::HOUSE, Keep::ACTION.name, fields);
        Ok(After::now(house))
    }
}

const STEPS: &[Entry] = &[];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Coverage>(
    "incidents",
    "Which events the rules were evaluated on and sent on, and which sources were heard",
)
.serves(&["E4.2"])
.first("The server keeps it by itself, every few minutes")
.columns(&["at", "entries", "signals", "canary"])
.steps(STEPS);

#[cfg(test)]
mod tests {
    use super::{Coverage, Span, add};
    use kernel::Moment;

    #[test]
    fn what_touches_grows_together_and_a_gap_stays() {
        let mut spans = vec![];
        for (from, to) in [(1, 5), (6, 9), (8, 12), (20, 25), (26, 25), (26, 30)] {
            add(&mut spans, from, to);
        }
        assert_eq!(spans, [Span { from: 1, to: 12 }, Span { from: 20, to: 30 }]);
        let coverage = Coverage { entries: spans, ..Coverage::begun(Moment(0)) };
        assert_eq!(coverage.gaps(), [Span { from: 13, to: 19 }]);
    }
}
