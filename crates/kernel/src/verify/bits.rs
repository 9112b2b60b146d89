//! One bit per row of a table: which ones something leads to.

use std::collections::BTreeMap;

/// Rows of one page of bits.
const PAGE: i64 = 4096;

/// A set of row numbers from 1 to a bound. Its memory is a bit per row, for pages that hold any.
pub(super) struct Bits {
    pages: BTreeMap<i64, [u64; 64]>,
    bound: i64,
}

impl Bits {
    /// The empty set of rows 1 to `bound`.
    pub(super) fn new(bound: u64) -> Self {
        Self { pages: BTreeMap::new(), bound: i64::try_from(bound).unwrap_or(i64::MAX) }
    }

    /// Puts a row in; false if it was in before or is outside.
    pub(super) fn put(&mut self, row: i64) -> bool {
        (1..=self.bound).contains(&row) && {
            let (word, bit) = place(row);
            let page = self.pages.entry(row / PAGE).or_insert([0; 64]);
            page.get_mut(word).is_some_and(|word| {
                let new = *word & bit == 0;
                *word |= bit;
                new
            })
        }
    }

    /// Takes a row out; false if it was not in.
    pub(super) fn take(&mut self, row: i64) -> bool {
        let (word, bit) = place(row);
        let page = self.pages.get_mut(&row.div_euclid(PAGE));
        page.and_then(|page| page.get_mut(word)).is_some_and(|word| {
            let was = *word & bit != 0;
            *word &= !bit;
            was
        })
    }

    /// The rows that are in, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = i64> + '_ {
        self.pages.iter().flat_map(|(number, page)| {
            (0..PAGE).map(move |within| number * PAGE + within).filter(|row| has(page, *row))
        })
    }

    /// The rows that are not in, in order.
    pub(super) fn gaps(&self) -> impl Iterator<Item = i64> + '_ {
        let page = |row: i64| self.pages.get(&(row / PAGE));
        (1..=self.bound).filter(move |row| !page(*row).is_some_and(|page| has(page, *row)))
    }
}

/// Word and bit of a row within its page.
fn place(row: i64) -> (usize, u64) {
    let within = row.rem_euclid(PAGE);
    (usize::try_from(within / 64).unwrap_or(0), 1 << (within % 64))
}

fn has(page: &[u64; 64], row: i64) -> bool {
    let (word, bit) = place(row);
    page.get(word).is_some_and(|word| word & bit != 0)
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
        assert_eq!(bits.rows().collect::<Vec<_>>(), [1, 63, 128, 130]);
        assert_eq!(bits.gaps().count(), 126);
    }
}
