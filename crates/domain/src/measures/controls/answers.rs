//! What answers to attacks show: that what rules ask for is given, and that nothing stays in force
//! that nobody looks at. Facts name answers and alerts by their ids, and no target.

use super::Facts;
use crate::answers::Answer;
use crate::detections::Alert;
use crate::incidents::Incident;
use crate::measures::weigh::Weigh;
use crate::register::Kept;
use kernel::Moment;
use std::time::Duration;

/// How long an answer stands before somebody has to look at it again.
pub const LOOKED: Duration = Duration::from_secs(30 * 86_400);

/// How long an answer may outlive its incident before somebody has to lift it or say why it stays.
pub const OUTLIVES: Duration = Duration::from_secs(86_400);

/// Weighs that the answers in force were given or looked at lately, and that none outlives its
/// incident. Nothing is weighed where none is in force.
pub(super) fn looked_after(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Answer>().iter().filter(|kept| kept.row.in_force(facts.now));
    let (mut lately, mut all_of_them) = (0, 0);
    for kept in all {
        all_of_them += 1;
        lately += usize::from(looked(facts, weigh, kept));
        outlived(facts, weigh, kept);
    }
    if lately > 0 {
        let what = "answers in force that were given or looked at within 30 days";
        let what = format!("{what}: {lately} of {all_of_them}");
        weigh.measured(what, facts.now, true);
    }
}

/// Whether somebody gave it or looked at it lately.
fn looked(facts: &Facts, weigh: &mut Weigh, kept: &Kept<Answer>) -> bool {
    let last = kept.row.looked.as_ref().unwrap_or(&kept.added).at.0;
    let lately = facts.now.since(last) <= LOOKED;
    if !lately {
        let id = &kept.id;
        weigh.missing(format!("a look, within 30 days, at answer `{id}`, which is in force"));
        let what = "lift it, or extend it with the reason why it stays";
        weigh.todo(what, "responder", Some(last.after(LOOKED)), format!("answers/{id}"));
    }
    lately
}

/// Weighs that its incident is there, and open, or that somebody extended it after the end.
fn outlived(facts: &Facts, weigh: &mut Weigh, kept: &Kept<Answer>) {
    let (id, row) = (&kept.id, &kept.row);
    let Some(named) = &row.incident else { return };
    let incidents = facts.house.all::<Incident>();
    let Some(incident) = incidents.iter().find(|incident| incident.id == *named) else {
        weigh.missing(format!("the incident that answer `{id}` belongs to"));
        let what = "lift it, and give it again for the incident that it belongs to";
        return weigh.todo(what, "responder", None, format!("answers/{id}"));
    };
    let Some(closed) = incident.row.closed.as_ref().map(|closed| closed.mark.at.0) else { return };
    let stays = row.looked.as_ref().is_some_and(|mark| mark.at.0 >= closed);
    let due: Moment = closed.after(OUTLIVES);
    if !stays && facts.now >= due {
        let what = format!("answer {id} is in force a day after its incident was closed");
        weigh.measured(what, due, false);
        let what = "lift it, or extend it with the reason why it stays";
        weigh.todo(what, "responder", Some(due), format!("answers/{id}"));
    }
}

/// Weighs that answers that rules asked for were given, as long as nobody judged the alert.
pub(super) fn given(facts: &Facts, weigh: &mut Weigh) {
    let mut newest = None;
    let mut given = 0;
    for kept in facts.house.all::<Alert>().iter().filter(|kept| kept.row.open()) {
        for answer in &kept.row.answers {
            let (id, at) = (&kept.id, answer.at.0);
            if !answer.unable {
                given += 1;
                newest = newest.max(Some(at));
                continue;
            }
            let what = format!("alert {id}: the answer that its rule asks for could not be given");
            weigh.measured(what, at, false);
            let what = "answer it by hand, and say what the alert was";
            weigh.todo(what, "responder", None, format!("alerts/{id}"));
        }
    }
    if let Some(at) = newest {
        weigh.measured(format!("open alerts that the server saw to by itself: {given}"), at, true);
    }
}
