//! The segments of the access index that a batch fills (decision 0020).

use super::Stage;
use crate::engine::{SEGMENT, bounds, segment};
use crate::error::Result;

impl Stage {
    /// Makes the segments of the access index that this batch fills.
    pub(super) fn fill_segments(&mut self) -> Result<()> {
        let Some(first) = self.commit.accesses.first().map(|row| row.row) else { return Ok(()) };
        for number in (first - 1) / SEGMENT + 1..=self.commit.commit.last / SEGMENT {
            let (from, to) = bounds(number);
            let before = usize::try_from((first - from).max(0)).unwrap_or(0);
            let mut rows = match before {
                0 => Vec::new(),
                before => self.reader.accesses(from - 1, before)?,
            };
            let own = self.commit.accesses.iter().filter(|row| (from..=to).contains(&row.row));
            rows.extend(own.cloned());
            self.commit.segments.push(segment(number, &rows));
        }
        Ok(())
    }
}
