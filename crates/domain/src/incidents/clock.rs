//! The clock of a duty to give notice: pure, over moments.
//!
//! It starts when a person verifies that an account is affected, and only an order of an authority
//! stops it. While it is stopped, what is left of the time is frozen; when the order ends, it goes
//! on with what was left, and never with less than [`FLOOR`], so that somebody can still act. Time
//! that has run out does not come back: an order that comes after the deadline changes nothing.
//!
//! It knows no rows, and it does not decide what counts as an order.

use kernel::Moment;
use std::time::Duration;

/// What is left at least after an order ended, unless the whole time was shorter.
pub const FLOOR: Duration = Duration::from_secs(4 * 3600);

/// From when until when an order stops the clock: the second is the first moment after it.
pub type Span = (Moment, Moment);

/// What is left of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// How much; nothing once the deadline has passed.
    pub span: Duration,
    /// Until when the clock stands, if an order stops it now.
    pub held_to: Option<Moment>,
}

/// The first moment at which the time has run out.
pub fn deadline(verified: Moment, hours: u32, holds: &[Span]) -> Moment {
    reached(verified, hours, holds, 100)
}

/// The first moment at which this part of the time, in percent, is used.
pub fn reached(verified: Moment, hours: u32, holds: &[Span], percent: u32) -> Moment {
    let budget = budget(hours);
    let target = budget * 100_u32.saturating_sub(percent) / 100;
    let (mut at, mut left) = (verified, budget);
    for (from, to) in merged(holds) {
        if to <= at {
            continue;
        }
        let run = from.since(at);
        if at.after(left.saturating_sub(target)) <= from {
            break;
        }
        (at, left) = (to, left.saturating_sub(run).max(FLOOR.min(budget)));
    }
    at.after(left.saturating_sub(target))
}

/// What is left at a moment.
pub fn left(verified: Moment, hours: u32, holds: &[Span], now: Moment) -> Left {
    let budget = budget(hours);
    let (mut at, mut left) = (verified, budget);
    for (from, to) in merged(holds) {
        if to <= at {
            continue;
        }
        if now < from || at.after(left) <= from {
            break;
        }
        left = left.saturating_sub(from.since(at));
        if now < to {
            return Left { span: left, held_to: Some(to) };
        }
        (at, left) = (to, left.max(FLOOR.min(budget)));
    }
    Left { span: left.saturating_sub(now.since(at)), held_to: None }
}

/// Hours and minutes, as people read them.
pub fn shown(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    format!("{} h {:02} min", minutes / 60, minutes % 60)
}

fn budget(hours: u32) -> Duration {
    Duration::from_secs(u64::from(hours) * 3600)
}

/// In order, each moment once; what is empty is left out.
fn merged(holds: &[Span]) -> Vec<Span> {
    let mut all: Vec<Span> = holds.iter().copied().filter(|(from, to)| from < to).collect();
    all.sort_unstable();
    let mut out: Vec<Span> = Vec::with_capacity(all.len());
    for (from, to) in all {
        match out.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => out.push((from, to)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{FLOOR, Left, deadline, left, reached, shown};
    use kernel::Moment;
    use std::time::Duration;

    const VERIFIED: Moment = Moment(1_795_356_131_000_000);

    fn h(hours: u64) -> Moment {
        VERIFIED.after(Duration::from_secs(hours * 3600))
    }

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3600)
    }

    #[test]
    fn a_hold_freezes_what_is_left() {
        for (holds, end) in [
            (vec![], 48),
            (vec![(h(10), h(20))], 58),
            (vec![(h(10), h(20)), (h(15), h(30))], 68),
            (vec![(h(20), h(30)), (h(10), h(15))], 63),
            (vec![(h(20), h(10))], 48),
            (vec![(h(48), h(90))], 48),
            (vec![(h(60), h(90))], 48),
            (vec![(h(47), h(57))], 61),
            (vec![(h(40), h(42)), (h(49), h(59))], 63),
        ] {
            assert_eq!(deadline(VERIFIED, 48, &holds), h(end), "{holds:?}");
        }
        let before = Moment(VERIFIED.0 - 3_600_000_000);
        assert_eq!(deadline(VERIFIED, 48, &[(before, h(2))]), h(50));
        assert_eq!(deadline(VERIFIED, 2, &[(h(1), h(10))]), h(12), "the floor is no more than all");
    }

    #[test]
    fn warnings_move_with_the_clock() {
        let holds = [(h(20), h(30))];
        for (percent, at) in [(25, 12), (50, 34), (75, 46), (100, 58)] {
            assert_eq!(reached(VERIFIED, 48, &holds, percent), h(at), "{percent}");
        }
    }

    #[test]
    fn what_is_left_is_frozen_while_it_is_held() {
        let holds = [(h(10), h(20)), (h(57), h(60))];
        for (now, span, held_to) in [
            (0, 48, None),
            (9, 39, None),
            (10, 38, Some(h(20))),
            (19, 38, Some(h(20))),
            (20, 38, None),
            (58, 1, Some(h(60))),
            (60, 4, None),
            (63, 1, None),
            (64, 0, None),
            (900, 0, None),
        ] {
            let is = left(VERIFIED, 48, &holds, h(now));
            assert_eq!(is, Left { span: hours(span), held_to }, "after {now} h");
        }
        assert_eq!(FLOOR, hours(4));
        assert_eq!(shown(Duration::from_secs(31 * 3600 + 4 * 60 + 59)), "31 h 04 min");
    }
}
