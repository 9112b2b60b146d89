//! What channels that know that a page ends are told afterwards: that somebody has it, and that it
//! is over.
//!
//! It is a [`Try`] of another [`Event`]: claimed, repeated and recorded as the page itself was, but
//! by a job of a kind of its own, so that it takes no page's turn. It waits only for an attempt
//! that is on its way to the same channel: what overtakes a page does not end it there.
//!
//! Does not: page anybody, or count for or against the channel.

use super::{Event, Outcome, Page, Try, sending};
use crate::oncall::channels::Way;
use crate::register::{At, When};
use kernel::Moment;

/// The job that tells a channel what became of a page. It stays until somebody who can send ends
/// it.
pub const FOLLOW: &str = "page.follow";

/// The kind of the job that sends what tells this.
pub(super) fn kind(event: Event) -> &'static str {
    match event {
        Event::Raised => sending::SEND,
        Event::Acknowledged | Event::Resolved => FOLLOW,
    }
}

/// Whether a channel of this way knows that a page ends.
fn knows(way: Way) -> bool {
    matches!(way, Way::Webhook | Way::Pagerduty)
}

/// Whether the other side took it, or may have: nobody knows of what was not answered.
fn arrived(one: &Try) -> bool {
    let silent = |outcome: Outcome| outcome == Outcome::Unreachable;
    one.sent.is_some() || one.unknown || one.attempts.iter().any(|made| silent(made.outcome))
}

/// Adds what each channel is to be told now, once, and gives what the jobs are about that are to be
/// left for it. To be called wherever a page is answered, and wherever an attempt ends after that.
pub(super) fn follow(page: &mut Page, id: &str, now: Moment) -> Vec<String> {
    let event = match (&page.acknowledged, &page.resolved) {
        (_, Some(_)) => Event::Resolved,
        (Some(_), None) => Event::Acknowledged,
        (None, None) => return vec![],
    };
    let mut new: Vec<Try> = Vec::new();
    let raised = |one: &&Try| one.event == Event::Raised;
    for one in page.tries.iter().filter(raised).filter(|one| knows(one.way) && arrived(one)) {
        let mut own = page.tries.iter().chain(&new).filter(|all| all.channel == one.channel);
        let on_its_way = |one: &Try| one.event == Event::Raised && one.claim.is_some();
        if own.any(|one| one.event == event || on_its_way(one)) {
            continue;
        }
        let number = u32::try_from(page.tries.len() + new.len() + 1).unwrap_or(u32::MAX);
        new.push(Try {
            number,
            event,
            link: String::new(),
            made: When(now),
            unknown: false,
            attempts: vec![],
            sent: None,
            ..one.clone()
        });
    }
    let objects = new.iter().map(|one| sending::object(id, one, "")).collect();
    page.tries.extend(new);
    objects
}

/// As [`follow`], within a step of the register.
pub(super) fn leave(page: &mut Page, at: &mut At<'_, '_>) {
    let (id, now) = (at.id().to_owned(), at.now());
    for object in follow(page, &id, now) {
        at.later(now, FOLLOW, object);
    }
}
