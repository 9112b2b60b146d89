//! Numbers of new rows: from where the tables stand, or drawn from what several nodes share.

use super::{Counters, Reader};
use crate::error::Result;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Where a batch takes the numbers of its new rows from.
///
/// Whoever holds an account's head gets higher numbers than everybody who held it before: a
/// collection is listed in the order of its records' numbers, which is that of their making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// One writer: each table counts for itself, without gaps.
    Counted(Counters),
    /// Several writers: ranges that are this batch's alone. A number is used in one table only, and
    /// those that are left over are not used at all.
    Drawn(VecDeque<Range<i64>>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Counted(Counters::default())
    }
}

/// The tables whose rows are numbered so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbered {
    Record,
    Version,
    RecordKey,
    Request,
    Job,
}

impl Numbers {
    /// The lowest number that a new row may get, less one.
    pub(crate) fn before_records(&self) -> i64 {
        match self {
            Self::Counted(taken) => taken.record,
            Self::Drawn(ranges) => ranges.front().map_or(0, |range| range.start - 1),
        }
    }

    /// The number of the next row. If nothing is left, more is drawn.
    pub(crate) fn next(&mut self, of: Numbered, reader: &Arc<dyn Reader>) -> Result<i64> {
        match self {
            Self::Counted(taken) => {
                let counter = match of {
                    Numbered::Record => &mut taken.record,
                    Numbered::Version => &mut taken.version,
                    Numbered::RecordKey => &mut taken.record_key,
                    Numbered::Request => &mut taken.request,
                    Numbered::Job => &mut taken.job,
                };
                *counter += 1;
                Ok(*counter)
            }
            Self::Drawn(ranges) => loop {
                if let Some(number) = ranges.front_mut().and_then(Iterator::next) {
                    return Ok(number);
                }
                ranges.pop_front();
                if ranges.is_empty() {
                    ranges.extend(reader.draw()?);
                }
            },
        }
    }
}
