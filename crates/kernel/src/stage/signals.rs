//! Signals: batches of what other systems reported, under a key for each day.
//!
//! A batch is named by the entry that keeps it, with its row and a hash of its sealed bytes; a day
//! that is forgotten is named by the entry that forgets it, with the rows it had. So `verify` sees
//! a batch that was altered, moved, taken away or put in.

use super::{Stage, finished, sealed};
use crate::engine::{SignalDayRow, SignalRow};
use crate::error::{Error, Result};
use crate::operation::Signals;
use crate::store::{HOUSE, signal_day_context, signals_context};
use crate::time::Moment;
use sealing::{Entropy, Key, seal, unwrap, wrap};

/// Field of the entry that keeps a batch: the name of its row.
pub(crate) const SIGNALS: &str = "signals";
/// Field of the entry that forgets a day: the day, and the first and last row of it.
pub(crate) const SIGNALS_FORGOTTEN: &str = "signals-forgotten";

const DAY: u64 = 86_400_000_000;

/// The day of a moment, counted from 1970-01-01 in UTC.
fn day_of(at: Moment) -> u32 {
    u32::try_from(at.0 / DAY).unwrap_or(u32::MAX)
}

/// How an entry names a batch: its row and the start of a hash over all of it.
pub(crate) fn signals_name(row: &SignalRow) -> String {
    let (day, entry) = (row.day.to_be_bytes(), row.entry.to_be_bytes());
    finished::row_name(row.row, &[b"bailee-signals/v1", &day, &entry, &row.sealed])
}

impl Stage {
    /// Keeps or forgets, and gives the field that says so.
    pub(super) fn signals(
        &mut self,
        what: Signals,
        entry: u64,
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Result<(&'static str, String)> {
        match what {
            Signals::Keep(bytes) => {
                let name = self.keep(&bytes, entry, day_of(now), entropy)?;
                Ok((SIGNALS, name))
            }
            Signals::Forget(day) => Ok((SIGNALS_FORGOTTEN, self.forget(day)?)),
        }
    }

    fn keep(
        &mut self,
        bytes: &[u8],
        entry: u64,
        day: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<String> {
        let row = self.signal + 1;
        let key = self.day_key(day, row, entropy)?;
        let sealed = sealed(seal(&key, &signals_context(row, day, entry), entropy, bytes))?;
        self.signal = row;
        let row = SignalRow { row, day, entry, sealed };
        let name = signals_name(&row);
        self.commit.signals.push(row);
        Ok(name)
    }

    /// The key of a day, made with its first batch.
    fn day_key(&mut self, day: u32, row: i64, entropy: &mut dyn Entropy) -> Result<Key> {
        let keys = self.keys(HOUSE)?;
        if let Some(known) = self.signal_days()?.into_iter().find(|known| known.day == day) {
            return Ok(unwrap(&keys.records, &signal_day_context(&known), &known.wrapped)?);
        }
        let key = Key::generate(entropy)?;
        let mut new = SignalDayRow { day, first: row, wrapped: vec![] };
        new.wrapped = sealed(wrap(&keys.records, &signal_day_context(&new), entropy, &key))?;
        self.commit.signal_days.push(new);
        Ok(key)
    }

    fn forget(&mut self, day: u32) -> Result<String> {
        let days = self.signal_days()?;
        let Some(first) = days.iter().find(|known| known.day == day).map(|known| known.first)
        else {
            return Ok(format!("{day} 0 0"));
        };
        if self.commit.signal_days.iter().any(|known| known.day == day) {
            return Err(Error::conflict("the signals of this day are only arriving"));
        }
        let next = days.iter().filter(|known| known.first > first).map(|known| known.first).min();
        let last = next.map_or(self.signal, |next| next - 1);
        self.commit.signals_forgotten.push(day);
        Ok(format!("{day} {first} {last}"))
    }

    /// The days whose signals are kept, as this batch leaves them.
    fn signal_days(&self) -> Result<Vec<SignalDayRow>> {
        let mut days = self.reader.signal_days()?;
        days.retain(|known| !self.commit.signals_forgotten.contains(&known.day));
        days.extend(self.commit.signal_days.iter().cloned());
        Ok(days)
    }
}
