//! The agenda of a review: what the registers show at one moment that a reviewer has to look at.
//!
//! Pure. It lists what is wrong or due by the status of each row, what was accepted, what was to be
//! changed last time, and counts what changed since; and it always begins with the question whether
//! the whole is effective and accurate as it stands, so that no agenda is empty. It judges nothing.

use super::reviews::{ALL, Item, Kind, Review, Verdict};
use super::risks::Risk;
use crate::register::{House, Register, Status, Tone};
use crate::systems::{Claim, System};
use kernel::Moment;
use kernel::authority::{Authority, Grant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Items about one register; the rest of it is one more item with their number. A reviewer who has
/// to decide more looks at the register as a whole.
const PER_REGISTER: usize = 40;

/// Items about grants in force, likewise.
const GRANTS: usize = 100;

/// Bytes of what an item says.
const WHAT: usize = 300;

/// The agenda of a review of this id, numbered from 1.
pub fn of(id: &str, review: &Review, house: &House, rights: &Authority) -> Vec<Item> {
    let mut made = Agenda { items: vec![] };
    let rows = in_scope(id, review, house);
    made.whole(review, &rows);
    made.again(review);
    made.troubles(&rows);
    made.accepted(review, house);
    made.infrastructure(review, house, rights);
    made.changed(review, house);
    made.items
}

/// A row that the review looks at.
type Seen = (&'static Register, String, Status);

fn in_scope(id: &str, review: &Review, house: &House) -> Vec<Seen> {
    let own = |register: &Register, row: &str| register.plural == "reviews" && row == id;
    let of_subject = |row: &str| {
        let rest = row.strip_prefix(review.subject.as_str());
        review.subject == ALL || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let seen = house.states().filter(|(register, row, _)| {
        let named = matches!(review.kind, Kind::Policy | Kind::Risk);
        covers(review, register) && !own(register, row) && (!named || of_subject(row))
    });
    seen.collect()
}

/// Whether a review looks at a register: by the obligations that rest on it.
fn covers(review: &Review, register: &Register) -> bool {
    let serves = |ids: &[&str]| register.obligations.iter().any(|one| ids.contains(one));
    match (review.kind, review.subject.as_str()) {
        (Kind::Programme, _) => true,
        (Kind::Policy, _) => matches!(register.plural, "policies" | "acknowledgements"),
        (Kind::Risk, _) => register.plural == "risks",
        (Kind::Access, _) | (Kind::Infrastructure, "grants") => {
            serves(&["E5.1", "E5.4", "E5.5", "E5.6", "E5.7", "P0.1", "P3"])
        }
        (Kind::Infrastructure, "rules") => serves(&["E1.2", "E4.2", "E6.2"]),
        (Kind::Infrastructure, "keys") => serves(&["E2.1", "E5.2"]),
        (Kind::Infrastructure, "backups") => serves(&["P6"]),
        (Kind::Infrastructure, _) => serves(&["E6.3", "E6.4"]),
        (Kind::Site, _) => serves(&["E6.1", "E7.1", "E7.2", "E7.3"]),
    }
}

struct Agenda {
    items: Vec<Item>,
}

impl Agenda {
    fn add(&mut self, place: impl Into<String>, what: &str, owner: Option<&str>) {
        let number = u32::try_from(self.items.len() + 1).unwrap_or(u32::MAX);
        let owner = owner.filter(|who| who.starts_with("person:")).map(str::to_owned);
        let cut = (0..=WHAT).rev().find(|end| what.is_char_boundary(*end)).unwrap_or(0);
        let what = what.get(..cut).unwrap_or(what).to_owned();
        self.items.push(Item { number, place: place.into(), what, owner, decision: None });
    }

    /// The question that every review answers.
    fn whole(&mut self, review: &Review, rows: &[Seen]) {
        let count = |tone| rows.iter().filter(|(_, _, status)| status.tone == tone).count();
        let what = format!(
            "is it effective and accurate as it stands? rows: {}, bad: {}, due: {}, good: {}",
            rows.len(),
            count(Tone::Bad),
            count(Tone::Due),
            count(Tone::Good),
        );
        self.add("reviews", &what, Some(&review.owner));
    }

    /// What was to be changed, or was escalated, last time.
    fn again(&mut self, review: &Review) {
        let last = review.last.iter().flat_map(|round| &round.agenda);
        for item in last {
            let Some(decision) = &item.decision else { continue };
            let word = match decision.verdict {
                Verdict::Keep => continue,
                Verdict::Change => "was to be changed",
                Verdict::Escalate => "was escalated",
            };
            let what = format!("{word} last time ({}): {}", decision.reason, item.what);
            self.add(&item.place, &what, item.owner.as_deref());
        }
    }

    /// What is wrong or due, by the status of each row.
    fn troubles(&mut self, rows: &[Seen]) {
        let mut more: BTreeMap<&'static str, usize> = BTreeMap::new();
        let bad_first = [Tone::Bad, Tone::Due]
            .into_iter()
            .flat_map(|tone| rows.iter().filter(move |(_, _, status)| status.tone == tone));
        let mut listed: BTreeMap<&'static str, usize> = BTreeMap::new();
        for (register, id, status) in bad_first {
            let so_far = listed.entry(register.plural).or_default();
            if *so_far >= PER_REGISTER {
                *more.entry(register.plural).or_default() += 1;
                continue;
            }
            *so_far += 1;
            let why = status.what.as_deref().unwrap_or("see the row");
            let what = format!("{} `{id}` is {}: {why}", register.noun, status.word);
            self.add(format!("{}/{id}", register.plural), &what, status.who.as_deref());
        }
        for (plural, count) in more {
            self.add(plural, &format!("{count} more rows are bad or due: look at them all"), None);
        }
    }

    /// What was accepted, and holds although it is not as it should be.
    fn accepted(&mut self, review: &Review, house: &House) {
        if !matches!(review.kind, Kind::Programme | Kind::Risk) {
            return;
        }
        for kept in house.all::<Risk>() {
            let one = review.kind == Kind::Programme || review.subject == ALL;
            let Some(accepted) = kept.row.accepted(house.now) else { continue };
            if kept.row.closed.is_none() && (one || review.subject == kept.id) {
                let (title, by) = (&kept.row.title, &accepted.mark.by);
                let what = format!("accepted to {} by {by}: {title}", accepted.to);
                self.add(format!("risks/{}", kept.id), &what, Some(&kept.row.owner));
            }
        }
    }

    /// What a review of access or infrastructure has to have seen.
    fn infrastructure(&mut self, review: &Review, house: &House, rights: &Authority) {
        match (review.kind, review.subject.as_str()) {
            (Kind::Access, _) | (Kind::Infrastructure, "grants") => self.grants(house.now, rights),
            (Kind::Infrastructure, "keys") => self.keys(house.now, rights),
            (Kind::Infrastructure, "backups") => self.backups(house),
            _ => {}
        }
    }

    fn grants(&mut self, now: Moment, rights: &Authority) {
        let mut grants = rights.grants();
        let stands =
            |grant: &Arc<Grant>| !grant.ended && grant.not_before <= now && now < grant.not_after;
        grants.retain(stands);
        grants.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        for grant in grants.iter().take(GRANTS) {
            let verbs: Vec<_> = grant.verbs.iter().map(|verb| verb.word()).collect();
            let account =
                grant.account.map_or("every account".to_owned(), |slot| format!("account {slot}"));
            let what = format!(
                "{} may {} on {account}, for `{}`, until {}: is it still needed?",
                grant.holder,
                verbs.join(", "),
                grant.purpose,
                grant.not_after.rfc3339()
            );
            self.add(format!("grants/{}", grant.id), &what, Some(grant.holder.as_str()));
        }
        let rest = grants.len().saturating_sub(GRANTS);
        if rest > 0 {
            self.add("grants", &format!("{rest} more grants are in force: look at them all"), None);
        }
        if grants.is_empty() {
            self.add("grants", "no grant is in force: is that so?", None);
        }
    }

    fn keys(&mut self, now: Moment, rights: &Authority) {
        let principals = rights.principals();
        let active = principals.iter().filter(|one| one.active);
        let live = active
            .flat_map(|one| &one.credentials)
            .filter(|one| !one.ended && one.expires.is_none_or(|end| now < end));
        let (mut all, mut endless) = (0, 0);
        for credential in live {
            all += 1;
            endless += usize::from(credential.expires.is_none());
        }
        let what = format!("credentials that count: {all}, without an end: {endless}");
        self.add("people", &what, None);
    }

    fn backups(&mut self, house: &House) {
        let holds = |system: &System| system.retired.is_none() && system.holds_service_data;
        for kept in house.all::<System>().iter().filter(|kept| holds(&kept.row)) {
            let fact = kept.row.newest(Claim::BackedUp);
            let what = match fact {
                Some(fact) => {
                    let word = if fact.good { "is backed up" } else { "is not backed up" };
                    format!("system `{}` {word}, to {}: {}", kept.id, fact.valid_to, fact.evidence)
                }
                None => format!("nobody has said that system `{}` is backed up", kept.id),
            };
            self.add(format!("systems/{}", kept.id), &what, Some(&kept.row.owner));
        }
    }

    /// How much changed since the last round opened.
    fn changed(&mut self, review: &Review, house: &House) {
        let since = review.last.as_ref().map_or(0, |round| round.entry);
        for (register, count) in house.changed_since(since) {
            if covers(review, register) {
                let when = match &review.last {
                    Some(round) => format!("since {}", round.opened.at.0.rfc3339()),
                    None => "since the beginning".to_owned(),
                };
                let what =
                    format!("{count} rows of `{}` are new or changed {when}", register.plural);
                self.add(register.plural, &what, None);
            }
        }
    }
}
