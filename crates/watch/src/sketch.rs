//! How many distinct values there were, roughly, when there are too many to keep.
//!
//! HyperLogLog (Flajolet et al., 2007) with 2,048 registers, one set for each sixteenth of the
//! window: two standard errors are 4.6 %, and the window begins up to a sixteenth early. Small
//! numbers are counted linearly. Values are hashed with SHA-256, which can be computed in advance:
//! somebody who chooses all values can make the estimate low, but not what was counted before.

use std::collections::VecDeque;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// What an estimate says of itself.
pub(crate) const ERROR: &str =
    "estimated, ± 4.6 % (two standard errors), over a window up to 1/16 longer";

/// 2^11 registers.
const BITS: u32 = 11;
const REGISTERS: usize = 1 << BITS;

/// Parts of a window.
const PARTS: u64 = 16;

/// The distinct values of one group's window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sketch {
    /// The length of a part, in µs.
    part: u64,
    /// Parts that have values, ascending: number, events, registers.
    parts: VecDeque<(u64, u64, Vec<u8>)>,
    /// The greatest of each register over the parts.
    union: Vec<u8>,
    /// How many registers of the union have each rank, so that an estimate needs no pass.
    ranks: Vec<u32>,
    /// The newest event's time.
    latest: u64,
}

impl Sketch {
    /// None yet, for a window of so many µs.
    pub(crate) fn new(window: u64) -> Self {
        let part = (window / PARTS).max(1);
        Self {
            part,
            parts: VecDeque::new(),
            union: vec![0; REGISTERS],
            ranks: ranks(&[0; REGISTERS]),
            latest: 0,
        }
    }

    /// What it weighs, in matches of 32 bytes.
    pub(crate) fn weight(&self) -> usize {
        (self.parts.len() + 1) * REGISTERS / 32
    }

    /// Counts a value; the estimate for the window that ends with the newest event.
    pub(crate) fn add(&mut self, time: u64, value: &str, events: u64) -> u64 {
        let number = time / self.part;
        let newest = self.latest / self.part;
        self.latest = self.latest.max(time);
        if number.saturating_add(PARTS) < newest {
            return self.estimate();
        }
        let at = self.parts.partition_point(|(part, _, _)| *part < number);
        if self.parts.get(at).is_none_or(|(part, _, _)| *part != number) {
            self.parts.insert(at, (number, 0, vec![0; REGISTERS]));
        }
        let (register, rank) = place(value);
        if let Some((_, counted, registers)) = self.parts.get_mut(at) {
            *counted += events;
            raise(registers, register, rank);
        }
        let before = raise(&mut self.union, register, rank);
        if rank > before {
            for (rank, change) in [(before, u32::MAX), (rank, 1)] {
                if let Some(number) = self.ranks.get_mut(usize::from(rank)) {
                    *number = number.wrapping_add(change);
                }
            }
        }
        if number > newest {
            self.forget(number);
        }
        self.estimate()
    }

    /// Events in the window that ends with the newest.
    pub(crate) fn events(&self) -> u64 {
        self.parts.iter().map(|(_, events, _)| events).sum()
    }

    /// The start of the window that ends with the newest event.
    pub(crate) fn from(&self) -> u64 {
        self.parts.front().map_or(0, |(part, _, _)| part * self.part)
    }

    /// The newest event's time.
    pub(crate) fn latest(&self) -> u64 {
        self.latest
    }

    /// Drops the parts before the window that ends in `newest`.
    fn forget(&mut self, newest: u64) {
        let mut dropped = false;
        while self.parts.front().is_some_and(|(part, _, _)| part + PARTS < newest) {
            self.parts.pop_front();
            dropped = true;
        }
        if dropped {
            self.union = vec![0; REGISTERS];
            for (_, _, registers) in &self.parts {
                for (all, &one) in self.union.iter_mut().zip(registers) {
                    *all = (*all).max(one);
                }
            }
            self.ranks = ranks(&self.union);
        }
    }

    fn estimate(&self) -> u64 {
        let registers = REGISTERS as f64;
        let zeros = self.ranks.first().copied().unwrap_or_default();
        let sum: f64 =
            (0_i32..).zip(&self.ranks).map(|(rank, &n)| f64::from(n) * 2_f64.powi(-rank)).sum();
        let alpha = 0.7213 / (1.0 + 1.079 / registers);
        let raw = alpha * registers * registers / sum;
        let estimate = if raw <= 2.5 * registers && zeros > 0 {
            registers * (registers / f64::from(zeros)).ln()
        } else {
            raw
        };
        estimate.round() as u64
    }
}

/// The register of a value, and the rank to raise it to.
fn place(value: &str) -> (usize, u8) {
    let mut first = [0_u8; 8];
    for (to, from) in first.iter_mut().zip(digest(&SHA256, value.as_bytes()).as_ref()) {
        *to = *from;
    }
    let hash = u64::from_be_bytes(first);
    let register = (hash >> (64 - BITS)) as usize;
    // The rank is at most 54, so it fits.
    let rank = ((hash << BITS).leading_zeros().min(64 - BITS) + 1) as u8;
    (register, rank)
}

/// Raises a register; what it was before.
fn raise(registers: &mut [u8], register: usize, rank: u8) -> u8 {
    let Some(held) = registers.get_mut(register) else { return rank };
    let before = *held;
    *held = before.max(rank);
    before
}

/// How many registers have each rank.
fn ranks(registers: &[u8]) -> Vec<u32> {
    let mut ranks = vec![0; 64];
    for &rank in registers {
        if let Some(number) = ranks.get_mut(usize::from(rank)) {
            *number += 1;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::Sketch;

    #[test]
    fn estimates_are_within_what_they_say() {
        for distinct in [100_u64, 5_000, 40_000] {
            let mut sketch = Sketch::new(1_000_000);
            let mut last = 0;
            for number in 0..distinct {
                last = sketch.add(500_000, &format!("user{number}"), 1);
            }
            let off = last.abs_diff(distinct) as f64 / distinct as f64;
            assert!(off < 0.07, "{distinct} as {last}");
        }
    }

    #[test]
    fn what_left_the_window_is_forgotten() {
        let mut sketch = Sketch::new(1_600);
        for number in 0..1_000 {
            sketch.add(number % 100, &number.to_string(), 1);
        }
        assert_eq!(sketch.add(5_000, "one", 1), 1);
        assert_eq!(sketch.events(), 1);
    }
}
