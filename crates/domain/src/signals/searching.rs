//! Looking for something in signals: recorded first, read then.

use super::{Search, Signal, decode};
use kernel::{Act, After, Error, HOUSE, Kernel, Moment, Operation, Result, Target, Work, on_house};
use serde_json::Value;
use std::time::Duration;

/// What is looked for in signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// First moment of the time in question, by when Bailee was told.
    pub from: Moment,
    /// First moment after it.
    pub to: Moment,
    /// Fields and the values they have to have, letter by letter; `source` among them.
    pub fields: Vec<(String, String)>,
    /// A text that some value has to hold.
    pub text: Option<String>,
}

/// Longest time that one search looks at.
const SPAN: Duration = Duration::from_secs(31 * 86_400);

impl Query {
    /// Whether a signal is among what is looked for.
    pub fn finds(&self, signal: &Signal) -> bool {
        let at = Moment(signal.received);
        let value = |name: &str| match name {
            "source" => Some(signal.source.clone()),
            name => signal.fields.get(name).map(plain),
        };
        let field = |(name, wanted): &(String, String)| value(name).as_ref() == Some(wanted);
        let text = |text: &String| signal.fields.values().any(|value| plain(value).contains(text));
        self.from <= at
            && at < self.to
            && self.fields.iter().all(field)
            && self.text.as_ref().is_none_or(text)
    }

    fn check(&self) -> Result<()> {
        if self.to <= self.from || self.to.since(self.from) > SPAN {
            return Err(Error::invalid("to", "it is after `from`, by at most 31 days"));
        }
        if self.fields.len() > 10 {
            return Err(Error::invalid("field", "state at most 10 fields"));
        }
        Ok(())
    }

    /// In words, as the entry of the search says it.
    fn said(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| format!("{name}={value}"));
        let text = self.text.iter().map(|text| format!("text~{text}"));
        let all: Vec<String> = fields.chain(text).collect();
        format!("{} to {}: {}", self.from.rfc3339(), self.to.rfc3339(), all.join(" "))
    }
}

/// A value as people write it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Records that somebody looks for something in signals; what is found is read after that.
pub struct NoteSearch {
    query: Query,
}

impl NoteSearch {
    /// For this question.
    ///
    /// # Errors
    /// `Invalid` if it asks for too much.
    pub fn new(query: Query) -> Result<Self> {
        query.check()?;
        Ok(Self { query })
    }
}

impl Operation for NoteSearch {
    type Output = Query;

    fn target(&self) -> Target {
        on_house(Search::ACTION)
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Query>> {
        let fields = vec![("query", self.query.said())];
        work.note(HOUSE, Search::ACTION.name, fields);
        Ok(After::now(self.query.clone()))
    }
}

/// Signals that were found, each with the row of its batch and its place there; and the row after
/// which the search goes on, if there may be more.
pub type Found = (Vec<(i64, usize, Signal)>, Option<i64>);

/// Looks for signals after a row of batches. To be called when [`NoteSearch`] was answered.
///
/// # Errors
/// `Internal` if a batch has another form.
pub fn search(kernel: &Kernel, query: &Query, after: i64, most: usize) -> Result<Found> {
    const PAGE: usize = 16;
    let day = u32::try_from(query.from.0 / 86_400_000_000).unwrap_or(0);
    let first = kernel.signal_days()?.into_iter().filter(|(known, _)| *known >= day);
    let first = first.map(|(_, row)| row - 1).min().unwrap_or(i64::MAX);
    let (mut after, mut found) = (after.max(first), Vec::new());
    loop {
        let page = kernel.signals(after, PAGE)?;
        let full = page.len() == PAGE;
        for batch in page {
            after = batch.row;
            let signals = decode(&batch.bytes)?;
            if signals.first().is_some_and(|first| Moment(first.received) >= query.to) {
                return Ok((found, None));
            }
            let wanted = signals.into_iter().enumerate().filter(|(_, signal)| query.finds(signal));
            found.extend(wanted.map(|(place, signal)| (batch.row, place, signal)));
            if found.len() >= most {
                return Ok((found, Some(after)));
            }
        }
        if !full {
            return Ok((found, None));
        }
    }
}
