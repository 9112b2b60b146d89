//! What detection itself shows: that rules are loaded and evaluated without a gap, that a synthetic
//! attack comes out as an alert, that sources are heard.

use super::Facts;
use crate::detections::coverage::{Coverage, EVALUATED, FRESH, RULES};
use crate::detections::rules::Mode;
use crate::measures::weigh::Weigh;
use crate::signals::Source;
use std::time::Duration;

/// How old the last synthetic attack that came out as an alert may be.
pub const CANARY_LIFE: Duration = Duration::from_secs(3600);

/// Weighs that rules are loaded, and that a synthetic attack came out as an alert lately.
pub(super) fn detects(facts: &Facts, weigh: &mut Weigh) {
    match facts.house.one::<Coverage>(RULES) {
        Some(kept) => {
            let live = kept.row.rules.iter().filter(|rule| rule.mode == Mode::Live).count();
            let what = format!("detection rules in force: {live} of {}", kept.row.rules.len());
            weigh.measured(what, kept.row.at.0, live > 0);
            if live == 0 {
                weigh.todo("take detection rules live", "security-lead", None, "rules");
            }
            if let Some(problem) = kept.row.problems.first() {
                weigh.measured(
                    format!("a rule could not be read: {problem}"),
                    kept.row.at.0,
                    false,
                );
                weigh.todo("mend the rule, or take it out", "security-lead", None, "coverages");
            }
        }
        None => {
            weigh.missing("detection rules that the server loaded");
            weigh.todo("see that the server runs", "administrator", None, "coverages");
        }
    }
    let canary = facts.house.one::<Coverage>(EVALUATED).and_then(|kept| kept.row.canary);
    match canary.filter(|at| facts.now.since(at.0) <= CANARY_LIFE) {
        Some(at) => weigh.measured("a synthetic attack came out as an alert", at.0, true),
        None => {
            weigh.missing("a synthetic attack within an hour that came out as an alert");
            weigh.todo("see why detection did not find it", "engineer", None, "coverages");
        }
    }
}

/// Weighs that what happens is evaluated without a gap, and that every source is heard.
pub(super) fn evaluated(facts: &Facts, weigh: &mut Weigh) {
    let Some(kept) = facts.house.one::<Coverage>(EVALUATED) else {
        weigh.missing("an evaluation of the ledgers by detection");
        return weigh.todo("see that the server runs", "administrator", None, "coverages");
    };
    let (row, at) = (&kept.row, kept.row.at.0);
    if facts.now.since(at) > FRESH {
        weigh.missing("an evaluation of the ledgers within a quarter of an hour");
        weigh.todo("see why detection stands still", "engineer", None, "coverages");
    } else {
        let last = row.entries.last().map_or(0, |span| span.to);
        weigh.measured(format!("evaluated up to entry {last} of all logs"), at, true);
    }
    for gap in row.gaps() {
        let what = format!("numbers {} to {} were evaluated by no rule", gap.from, gap.to);
        weigh.measured(what, at, false);
        weigh.todo("look at what was not evaluated", "security-lead", None, "coverages");
    }
    heard(facts, weigh, row);
}

fn heard(facts: &Facts, weigh: &mut Weigh, row: &Coverage) {
    for kept in facts.house.all::<Source>().iter().filter(|kept| kept.row.counts()) {
        let Some(minutes) = kept.row.silent_minutes else { continue };
        let (id, place) = (&kept.id, format!("sources/{}", kept.id));
        let last = row.sources.iter().find(|one| one.source == *id).map(|one| one.last.0);
        let silent = |at| facts.now.since(at) > Duration::from_secs(u64::from(minutes) * 60);
        match last {
            Some(at) if silent(at) => {
                weigh.measured(format!("source {id} is silent"), at, false);
                weigh.todo("find out why it is silent", "engineer", None, place);
            }
            Some(at) => weigh.measured(format!("source {id} is heard"), at, true),
            None => {
                weigh.missing(format!("a first signal of source `{id}`"));
                weigh.todo("let it report", "engineer", None, place);
            }
        }
    }
}
