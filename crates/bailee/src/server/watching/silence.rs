//! Sources of logs that do not speak any more: what they would have told is not covered.

use std::time::Duration;

use domain::detections::coverage::{Coverage, Silent};
use domain::register::When;
use domain::signals::Signal;
use kernel::Moment;
use serde_json::json;

use super::known::Known;
use super::own;

/// How often the sources are looked at.
const EVERY: Duration = Duration::from_secs(60);
/// Sources of one look that are told; the others are told with the next.
const MOST: usize = 200;

/// What was looked at.
#[derive(Default)]
pub struct Silence {
    began: Option<Moment>,
    looked: Option<Moment>,
}

impl Silence {
    /// What is to be told, and noted from now on. While the server was down nobody could be heard,
    /// so nobody is silent for longer than it runs.
    pub fn look(&mut self, known: &Known, coverage: &mut Coverage, now: Moment) -> Vec<Signal> {
        let began = *self.began.get_or_insert(now);
        if self.looked.is_some_and(|last| now.since(last) < EVERY) {
            return vec![];
        }
        self.looked = Some(now);
        let mut signals = Vec::new();
        let speakers = known.speakers();
        coverage.silent.retain(|one| speakers.iter().any(|(source, ..)| *source == one.source));
        for (source, minutes, since) in speakers {
            let told = coverage.silent.iter().position(|one| one.source == source);
            let silent = now.since(since.max(began));
            let is = silent >= Duration::from_secs(60 * u64::from(minutes));
            match told {
                Some(place) if coverage.silent.get(place).is_some_and(|one| one.told.0 < since) => {
                    coverage.silent.swap_remove(place);
                    let told = [("bailee.source", json!(source))];
                    signals.push(own::signal("source.speaks", now, told));
                }
                None if is && signals.len() < MOST => {
                    coverage.silent.push(Silent { source: source.to_owned(), told: When(now) });
                    let minutes = silent.as_secs() / 60;
                    let told =
                        [("bailee.source", json!(source)), ("bailee.minutes", json!(minutes))];
                    signals.push(own::signal("source.silent", now, told));
                }
                _ => {}
            }
        }
        signals
    }
}
