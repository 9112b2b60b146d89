//! The pulse of a server: what somebody outside has to see moving to believe that it watches.
//!
//! A heartbeat is a text, signed as a note by whoever has the key. It says when it was made, and
//! what stands still: detection, pages that nobody sent or answered, channels. A watcher judges
//! that on another host; what it does about it is its own business.

use super::channels::Channel;
use super::pages::Page;
use crate::register::{House, When};
use std::fmt::Write as _;

/// The first line of a heartbeat: no log has an origin of this form.
pub const TITLE: &str = "bailee-heartbeat/v1";

/// How the way of pages stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pager {
    /// When it was looked.
    pub looked: Option<When>,
    /// Since when the oldest page waits that should have left and did not.
    pub unsent: Option<When>,
    /// Since when the oldest page is at the end of its last resort, and nobody has answered.
    pub unanswered: Option<When>,
    /// How many channels count as dead.
    pub dead: u64,
}

impl Pager {
    /// How it stands, by the registers as a whole.
    pub fn of(house: &House) -> Self {
        let pages = || house.all::<Page>().iter().map(|kept| &kept.row);
        let open = pages().filter(|page| !page.settled());
        let dead = house
            .all::<Channel>()
            .iter()
            .filter(|kept| kept.row.dead.is_some() && kept.row.ended.is_none());
        Self {
            looked: Some(When(house.now)),
            unsent: pages().filter_map(Page::unsent).min(),
            unanswered: open.filter_map(|page| page.exhausted).min(),
            dead: dead.count() as u64,
        }
    }
}

/// What a heartbeat says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// The number up to which detection has evaluated what happened, once it has.
    pub evaluated: Option<u64>,
    /// When it did.
    pub evaluated_at: Option<When>,
    /// When a canary breach went the whole way last.
    pub canary_at: Option<When>,
    /// How the way of pages stands.
    pub pager: Pager,
}

impl Pulse {
    /// The text of a heartbeat made at a moment.
    pub fn text(&self, now: When) -> String {
        let moment = |at: Option<When>| at.map_or("none".to_owned(), |at| at.0.rfc3339());
        let evaluated = self.evaluated.map_or("none".to_owned(), |number| number.to_string());
        let lines = [
            ("time", now.0.rfc3339()),
            ("evaluated", evaluated),
            ("evaluated-at", moment(self.evaluated_at)),
            ("canary-at", moment(self.canary_at)),
            ("looked-at", moment(self.pager.looked)),
            ("unsent-since", moment(self.pager.unsent)),
            ("unanswered-since", moment(self.pager.unanswered)),
            ("dead-channels", self.pager.dead.to_string()),
        ];
        let mut text = format!("{TITLE}\n");
        for (name, value) in lines {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} {value}");
        }
        text
    }

    /// Reads such a text: when it was made, and what it says. Lines of a later release are left
    /// out.
    pub fn parse(text: &str) -> Option<(When, Self)> {
        let mut lines = text.lines();
        lines.next().filter(|first| *first == TITLE)?;
        let all: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).collect();
        let find = |name: &str| all.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        let moment = |name: &str| match find(name)? {
            "none" => Some(None),
            text => When::parse(text).map(Some),
        };
        let evaluated = match find("evaluated")? {
            "none" => None,
            text => Some(text.parse().ok()?),
        };
        let pager = Pager {
            looked: moment("looked-at")?,
            unsent: moment("unsent-since")?,
            unanswered: moment("unanswered-since")?,
            dead: find("dead-channels")?.parse().ok()?,
        };
        let (evaluated_at, canary_at) = (moment("evaluated-at")?, moment("canary-at")?);
        Some((moment("time")??, Self { evaluated, evaluated_at, canary_at, pager }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Pager, Pulse};
    use crate::register::When;
    use kernel::Moment;

    #[test]
    fn a_heartbeat_is_read_as_it_was_written() {
        let at = |seconds: u64| Some(When(Moment(seconds * 1_000_000)));
        let pager = Pager { looked: at(7), unsent: at(5), unanswered: None, dead: 2 };
        let pulse = Pulse { evaluated: Some(9), evaluated_at: at(6), canary_at: None, pager };
        let now = When(Moment(1_795_356_131_000_001));
        let text = pulse.text(now);
        assert_eq!(Pulse::parse(&text), Some((now, pulse)));
        assert_eq!(Pulse::parse(&format!("{text}more 1\n")), Some((now, pulse)));
        assert_eq!(Pulse::parse(&text.replace("heartbeat", "beat")), None);
        assert_eq!(Pulse::parse(&text.replace("time 2", "time x")), None);
        assert_eq!(Pulse::parse(&text.replace("unsent-since", "unsent")), None);
    }
}
