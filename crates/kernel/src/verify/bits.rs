//! One bit per row of a table: which ones something leads to.

/// A set of row numbers from 1 to a bound.
pub(super) struct Bits {
    words: Vec<u64>,
    bound: i64,
}

impl Bits {
    /// The empty set of rows 1 to `count`. Its memory is bounded by what the store really holds.
    pub(super) fn new(count: u64) -> Self {
        let words = usize::try_from(count / 64 + 1).unwrap_or(0);
        Self { words: vec![0; words], bound: i64::try_from(count).unwrap_or(i64::MAX) }
    }

    /// Puts a row in; false if it was in before or is outside.
    pub(super) fn put(&mut self, row: i64) -> bool {
        self.change(row, true)
    }

    /// Takes a row out; false if it was not in.
    pub(super) fn take(&mut self, row: i64) -> bool {
        self.change(row, false)
    }

    fn change(&mut self, row: i64, put: bool) -> bool {
        let inside = (1..=self.bound).contains(&row);
        let place = usize::try_from(row / 64).ok().filter(|_| inside);
        let Some(word) = place.and_then(|place| self.words.get_mut(place)) else { return false };
        let bit = 1_u64 << (row % 64);
        let changes = (*word & bit == 0) == put;
        if changes {
            *word ^= bit;
        }
        changes
    }

    /// The rows that are in (`true`) or not (`false`), in order.
    pub(super) fn rows(&self, wanted: bool) -> impl Iterator<Item = i64> + '_ {
        (1..=self.bound).filter(move |row| {
            let word = usize::try_from(row / 64).ok().and_then(|place| self.words.get(place));
            word.is_some_and(|word| (word >> (row % 64) & 1 == 1) == wanted)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Bits;

    #[test]
    fn rows_go_in_and_out_once() {
        let mut bits = Bits::new(130);
        for row in [1, 63, 64, 128, 130] {
            assert!(bits.put(row) && !bits.put(row), "{row}");
        }
        for row in [0, -1, 131, i64::MAX, i64::MIN] {
            assert!(!bits.put(row) && !bits.take(row), "{row}");
        }
        assert!(bits.take(64) && !bits.take(64));
        assert_eq!(bits.rows(true).collect::<Vec<_>>(), [1, 63, 128, 130]);
        assert_eq!(bits.rows(false).count(), 126);
    }
}
