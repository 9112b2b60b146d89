//! Changes of what decides about access: whether others approve them before they are made.

use super::Facts;
use crate::catalogue::{CURRENT, Catalogue};
use crate::changes::{Change, Standing, standing};
use crate::measures::weigh::Weigh;
use kernel::Moment;
use std::time::Duration;

/// How far back changes are counted: a year, and the leap day.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// Weighs how changes are made, and whether the policies that decide were approved.
pub(super) fn approved(facts: &Facts, weigh: &mut Weigh) {
    policies(facts, weigh);
    let row = facts.house.one::<Catalogue>(CURRENT);
    let number = row.map_or(0, |kept| kept.row.parameters.changes_by_request);
    let recent = |at: Moment| facts.now < at.after(YEAR);
    let all = facts.house.all::<Change>().iter();
    let made = all.filter_map(|kept| kept.row.applied.as_ref());
    let made = made.filter(|made| recent(made.mark.at.0)).count();
    let how = match number {
        0 => "made directly by one person; `changes_by_request` of the catalogue is 0".to_owned(),
        number => format!("made after {number} approvals by others"),
    };
    let what = format!(
        "changes of roles, rules, mappings and catalogue: {how}; by request in a year: {made}"
    );
    weigh.measured(what, facts.now, true);
}

/// Weighs whether the policies that decide came with the installation or were approved.
pub(super) fn policies(facts: &Facts, weigh: &mut Weigh) {
    match standing(&facts.house, &facts.policies) {
        Standing::Unknown => {}
        Standing::Installed(at) => {
            weigh.measured("the policies that decide are those of the installation", at, true);
        }
        Standing::Approved(at) => {
            weigh.measured("the policies that decide were approved by two others", at, true);
        }
        Standing::Unapproved(at) => {
            let what = format!("policies decide that nobody approved: {}", facts.policies);
            weigh.measured(what, at, false);
            let what = "propose a change of kind `policy` with what they widen and narrow, and \
                        have two people approve it";
            weigh.todo(what, "security-lead", None, "changes");
        }
    }
}
