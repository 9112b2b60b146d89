//! Groups: whom or what a count is about.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::alert::id_of;
use crate::event::Event;
use crate::plan::Plan;
use crate::timeline::Timeline;

/// The longest value kept as it is, in bytes; of a longer one its start and its hash.
const VALUE: usize = 256;

/// One group of one plan.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) timeline: Timeline,
    /// The tenant who pays for it.
    pub(crate) owner: usize,
    /// Another tenant whose events are in it, who pays when the owner no longer can.
    pub(crate) other: Option<usize>,
    /// What it was last charged with, in matches.
    pub(crate) weight: usize,
    /// Its class when it was last put into a queue of its owner, and that place in the queue.
    pub(crate) class: usize,
    pub(crate) serial: u64,
    /// Matches that may have been forgotten before it was made.
    pub(crate) before: u64,
    /// Spans in which it had its alert.
    pub(crate) alerted: Vec<u64>,
    /// Up to when a plan that waits has decided.
    pub(crate) settled: Option<u64>,
    /// Whether a decision is on the agenda.
    pub(crate) scheduled: bool,
}

/// What is told of a group by its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Fields and values, those that are missing left out.
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) unattributed: bool,
    pub(crate) skewed: bool,
}

/// Writes the key of an event's group. Events whose clock is wrong, and events that miss a field,
/// have groups of their own; the latter for each tenant.
pub(crate) fn write_key(key: &mut String, plan: &Plan, tag: u32, event: &Event, skewed: bool) {
    key.clear();
    key.push(if skewed { 's' } else { 'r' });
    let mut missing = false;
    for field in &plan.group {
        let name = field.in_rule.get(tag as usize).unwrap_or(&field.name);
        match event.text(name) {
            Some(value) => push(key, &shortened(&value)),
            None => {
                missing = true;
                key.push('-');
            }
        }
    }
    if missing {
        key.push('@');
        push(key, &event.tenant);
    }
}

/// Reads a key again.
pub(crate) fn told(plan: &Plan, key: &str) -> Told {
    let skewed = key.starts_with('s');
    let mut rest = key.get(1..).unwrap_or_default();
    let mut pairs = Vec::new();
    for field in &plan.group {
        if let Some(after) = rest.strip_prefix('-') {
            rest = after;
            continue;
        }
        let Some((value, after)) = pull(rest) else { break };
        pairs.push((field.name.clone(), value.to_owned()));
        rest = after;
    }
    Told { pairs, unattributed: rest.starts_with('@'), skewed }
}

/// The value that a distinct count counts; `None` when a field is missing.
pub(crate) fn value<'a>(plan: &Plan, event: &'a Event) -> Option<Cow<'a, str>> {
    match plan.field.as_slice() {
        [] => Some(Cow::Borrowed("")),
        [one] => event.text(one).map(shortened_cow),
        several => {
            let mut all = String::new();
            for field in several {
                push(&mut all, &shortened(&event.text(field)?));
            }
            Some(Cow::Owned(all))
        }
    }
}

/// The length in front, so that no value can look like two.
fn push(key: &mut String, value: &str) {
    // Writing to a string cannot fail.
    let _ = write!(key, "{}:", value.len());
    key.push_str(value);
}

fn pull(rest: &str) -> Option<(&str, &str)> {
    let (length, rest) = rest.split_once(':')?;
    let length = length.parse().ok()?;
    Some((rest.get(..length)?, rest.get(length..)?))
}

fn shortened(value: &str) -> Cow<'_, str> {
    if value.len() <= VALUE {
        return Cow::Borrowed(value);
    }
    let start: String = value.chars().take(40).collect();
    Cow::Owned(format!("{start}…{}", id_of(&[value.as_bytes()])))
}

fn shortened_cow(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.len() <= VALUE { value } else { Cow::Owned(shortened(&value).into_owned()) }
}
