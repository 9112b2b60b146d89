//! How often a channel is used: a limit for each way, and what goes together because of it.
//!
//! The first page for a channel is sent at once. Letters and messages then pause for a while, and
//! whatever becomes due for the same channel in between goes together in the next. Each page stays
//! a try of its own. Events for programs are never put together, and only a flood of them waits.

use super::{Event, Outcome, Try};
use crate::oncall::channels::{Burst, Channel, Way};
use crate::register::When;
use kernel::Moment;
use std::time::Duration;

/// Most pages in one message; the rest go in the next.
pub const TOGETHER: usize = 50;

/// Time between two letters to one address.
const LETTERS: Duration = Duration::from_secs(60);
/// Time between two messages to one place of a chat. Slack takes one in a second.
const MESSAGES: Duration = Duration::from_secs(10);
/// Most events for one receiver within [`MINUTE`]. PagerDuty takes about twice as many.
const EVENTS: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// Whether this may go with others for the same channel.
pub(super) fn bundles(one: &Try) -> bool {
    one.event == Event::Raised && matches!(one.way, Way::Email | Way::Slack)
}

/// Whether it goes by itself, because a message was refused that it was in: who refused that may
/// have meant another page in it, or this one.
pub(super) fn alone(one: &Try) -> bool {
    !bundles(one) || one.attempts.iter().any(|made| made.outcome == Outcome::Refused)
}

/// Until when the channel has to pause before this is sent, if it has to; `with` is when it was
/// last used, if this goes with what it was used for.
pub(super) fn pause(
    one: &Try,
    channel: &Channel,
    with: Option<Moment>,
    now: Moment,
) -> Option<Moment> {
    // Nobody is woken by what is told afterwards, and what takes over a claim had its turn already.
    if one.event != Event::Raised || (one.claim.is_some() && (!bundles(one) || !alone(one))) {
        return None;
    }
    let apart = match one.way {
        Way::Email => LETTERS,
        Way::Slack => MESSAGES,
        Way::Webhook | Way::Pagerduty => {
            let full = channel.burst.as_ref().filter(|burst| burst.count >= EVENTS);
            return full.map(|burst| burst.since.0.after(MINUTE)).filter(|due| *due > now);
        }
        Way::Page => return None,
    };
    let used = channel.used.map(|used| used.0).filter(|used| Some(*used) != with || alone(one));
    used.map(|used| used.after(apart)).filter(|due| *due > now)
}

/// Notes that a channel is used now.
pub(super) fn used(channel: &mut Channel, now: Moment) {
    channel.used = Some(When(now));
    match &mut channel.burst {
        Some(burst) if now.since(burst.since.0) < MINUTE => {
            burst.count = burst.count.saturating_add(1);
        }
        burst => *burst = Some(Burst { since: When(now), count: 1 }),
    }
}
