//! Numbers of events: dense while the server runs, as the engine wants them, and led back to where
//! the event is.

use std::collections::VecDeque;
use std::fmt;

/// Events that are remembered: what an alert of the longest window may still name. Older ones are
/// counted in an alert and not named.
const MOST: usize = 2_000_000;

/// Where an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An entry of an account's log.
    Entry {
        /// The account's slot.
        log: u64,
        /// Its index there.
        index: u64,
    },
    /// A signal.
    Signal {
        /// The row of its batch.
        row: i64,
        /// Its place there.
        place: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry { log, index } => write!(f, "log {log} entry {index}"),
            Self::Signal { row, place } => write!(f, "signal {row}.{place}"),
        }
    }
}

/// The numbers that were given.
#[derive(Default)]
pub struct Numbers {
    /// How many were forgotten.
    before: u64,
    places: VecDeque<Place>,
}

impl Numbers {
    /// The next number, for an event at this place.
    pub fn next(&mut self, place: Place) -> u64 {
        self.places.push_back(place);
        if self.places.len() > MOST {
            self.places.pop_front();
            self.before += 1;
        }
        self.before + u64::try_from(self.places.len()).unwrap_or(u64::MAX)
    }

    /// Where the event of this number is, if that is remembered.
    pub fn place(&self, number: u64) -> Option<Place> {
        let nth = number.checked_sub(self.before)?.checked_sub(1)?;
        self.places.get(usize::try_from(nth).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{Numbers, Place};

    #[test]
    fn a_number_leads_back() {
        let mut numbers = Numbers::default();
        for index in 0..5 {
            assert_eq!(numbers.next(Place::Entry { log: 3, index }), index + 1);
        }
        assert_eq!(numbers.place(4), Some(Place::Entry { log: 3, index: 3 }));
        assert_eq!(numbers.place(0), None);
        assert_eq!(numbers.place(6), None);
        assert_eq!(Place::Signal { row: 7, place: 2 }.to_string(), "signal 7.2");
    }
}
