//! Controls of E6.3 and E6.4: advisories, scans of the perimeter, audits.

use super::Facts;
use super::sites::parameters;
use crate::exposure::advisories::{Advisory, Standing};
use crate::exposure::audits::{Audit, AuditKind};
use crate::exposure::feeds::{Feed, FeedKind};
use crate::exposure::inventories::{INVENTORY_DAYS, Inventory};
use crate::exposure::scans::{Scan, Vantage, open_findings};
use crate::measures::weigh::{SCOPE_LIFE, Weigh};
use crate::register::{Day, Kept};
use crate::systems::{Kind, System};
use kernel::Moment;
use std::collections::BTreeMap;

/// E6.3: advisories are monitored.
pub(super) fn advisories(facts: &Facts, weigh: &mut Weigh) {
    feeds(facts, weigh);
    inventories(facts, weigh);
    let house = &facts.house;
    let (mut seen, mut judged, mut newest) = (0_usize, 0_usize, None::<Moment>);
    for kept in house.all::<Advisory>() {
        let standing = kept.row.standing(facts.now);
        if matches!(standing, Standing::Withdrawn | Standing::Gone) {
            continue;
        }
        let Some(listed) = listed(facts, &kept.row) else { continue };
        seen += 1;
        if standing != Standing::Open {
            judged += 1;
            newest = newest.max(kept.row.evaluation(facts.now).map(|one| one.mark.at.0));
        }
        advisory(facts, weigh, kept, standing, listed);
    }
    if seen > 0 {
        let what = format!("advisories that match, with an evaluation: {judged} of {seen}");
        // One that is missing is said as such; overdue ones are facts of their own.
        weigh.recorded(what, newest.unwrap_or(facts.now), true);
    }
}

/// When the newest inventory that still lists a component of the advisory was imported; `None` if
/// none lists one. One that is not known, or empty so far, counts as listing it: nobody can tell.
fn listed(facts: &Facts, advisory: &Advisory) -> Option<Moment> {
    let each = advisory.matched.iter().filter_map(|one| {
        let Some(kept) = facts.house.one::<Inventory>(&one.inventory) else {
            return Some(Moment(0));
        };
        let inventory = &kept.row;
        let Some(imported) = inventory.imported.as_ref().filter(|_| inventory.retired.is_none())
        else {
            return inventory.retired.is_none().then_some(Moment(0));
        };
        let lists = inventory.lists(&one.ecosystem, &one.name, &one.version);
        lists.then_some(imported.at.0)
    });
    each.max()
}

fn advisory(
    facts: &Facts,
    weigh: &mut Weigh,
    kept: &Kept<Advisory>,
    standing: Standing,
    listed: Moment,
) {
    let (row, place) = (&kept.row, format!("advisories/{}", kept.id));
    let (id, rated, due) = (&row.osv, row.rated().word(), row.due.end());
    if standing == Standing::Fixed {
        let Some(fixed) = row.fixed.as_ref().filter(|fixed| fixed.mark.at.0 < listed) else {
            return;
        };
        let what = format!("{id}, said to be fixed by {}, is in a newer inventory", fixed.mark.by);
        weigh.measured(what, listed, false);
        weigh.todo("open it again and fix it", &fixed.mark.by, None, place);
        return;
    }
    let overdue = due <= facts.now;
    match standing {
        Standing::Open if overdue => {
            weigh.measured(format!("{id} ({rated}) was to be fixed by {}", row.due), due, false);
            weigh.todo(format!("evaluate {id} and fix it"), "responder", Some(due), place);
        }
        Standing::Open => {
            weigh.missing(format!("an evaluation of {id} ({rated})"));
            weigh.todo(format!("say whether {id} affects us"), "responder", Some(due), place);
        }
        Standing::Affected => {
            if overdue {
                let what = format!("{id} ({rated}) was to be fixed by {}", row.due);
                weigh.measured(what, due, false);
            }
            weigh.todo(format!("fix {id} ({rated})"), "responder", Some(due), place);
        }
        _ => {}
    }
}

fn feeds(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Feed>().iter().filter(|kept| kept.row.retired.is_none());
    let all: Vec<_> = all.collect();
    if !all.iter().any(|kept| kept.row.kind == FeedKind::Osv) {
        weigh.missing("a feed of advisories in the register");
        weigh.todo("register a feed of advisories and read it", "security-lead", None, "feeds");
    }
    for kept in all {
        let (id, owner, place) = (&kept.id, &kept.row.owner, format!("feeds/{}", kept.id));
        match &kept.row.last {
            Some(last) if facts.now < last.counts_to.0 && !last.outdated(facts.now) => {
                let what = format!(
                    "feed {id}: read with {} records, {} match, {} refused",
                    last.entries, last.matched, last.refused
                );
                weigh.measured(what, last.mark.at.0, true);
            }
            Some(last) if facts.now < last.counts_to.0 => {
                weigh.missing(format!("a copy of feed `{id}` with newer records"));
                weigh.todo("get a newer copy of the feed", owner, None, place);
            }
            last => {
                weigh.missing(format!("a fresh reading of feed `{id}`"));
                let due = last.as_ref().map(|one| one.counts_to.0);
                weigh.todo("read the feed", owner, due, place);
            }
        }
    }
}

fn inventories(facts: &Facts, weigh: &mut Weigh) {
    let all = facts.house.all::<Inventory>().iter().filter(|kept| kept.row.retired.is_none());
    let all: Vec<_> = all.collect();
    if all.is_empty() {
        weigh.missing("an inventory of components");
        let what = "register an inventory of what runs, and import its components";
        weigh.todo(what, "security-lead", None, "inventories");
    }
    for kept in all {
        let (id, row, place) = (&kept.id, &kept.row, format!("inventories/{}", kept.id));
        match (&row.imported, row.valid_to().map(Day::end)) {
            (Some(mark), Some(end)) if facts.now < end => {
                let what = format!("inventory {id}: {} components", row.count);
                weigh.recorded(what, mark.at.0, true);
            }
            (_, end) => {
                let what =
                    format!("an inventory `{id}` that is not older than {INVENTORY_DAYS} days");
                weigh.missing(what);
                weigh.todo("import its components", &row.owner, end, place);
            }
        }
    }
}

/// E6.4: the perimeter is scanned from outside, and audited.
pub(super) fn examined(facts: &Facts, weigh: &mut Weigh) {
    scope(facts, weigh);
    perimeter(facts, weigh);
    findings(facts, weigh);
    audits(facts, weigh);
}

/// The perimeter is what the register of systems says: somebody states that it is complete.
fn scope(facts: &Facts, weigh: &mut Weigh) {
    match &facts.scope {
        Some(scope) if facts.now.since(scope.at) <= SCOPE_LIFE => {
            let what = format!("{} states that the register of systems is complete", scope.by);
            weigh.recorded(what, scope.at, true);
        }
        _ => {
            weigh.missing("a fresh statement that the register of systems is complete");
            let what = "state that the register of systems is complete: `bailee measure scope`";
            weigh.todo(what, "security-lead", None, "systems");
        }
    }
}

/// Scans from outside.
fn external(facts: &Facts) -> Vec<(&str, &Kept<Scan>)> {
    let all = facts.house.all::<Scan>().iter();
    let all = all.filter(|kept| kept.row.vantage == Vantage::External);
    all.map(|kept| (kept.id.as_str(), kept)).collect()
}

fn perimeter(facts: &Facts, weigh: &mut Weigh) {
    let days = parameters(facts).scan_days;
    let systems = facts.house.all::<System>().iter();
    let endpoint =
        |kept: &&Kept<System>| kept.row.kind == Kind::Endpoint && kept.row.retired.is_none();
    let endpoints: Vec<_> = systems.filter(endpoint).collect();
    if endpoints.is_empty() {
        weigh.missing("an endpoint in the register of systems");
        let what = "register every endpoint that the internet reaches, with its address";
        weigh.todo(what, "security-lead", None, "systems");
        return;
    }
    let scans = external(facts);
    let (mut covered, mut oldest) = (0_usize, None::<Moment>);
    for kept in &endpoints {
        let (id, owner) = (&kept.id, &kept.row.owner);
        let Some(address) = &kept.row.address else {
            weigh.missing(format!("the address of endpoint `{id}`"));
            weigh.todo("state its address", owner, None, format!("systems/{id}"));
            continue;
        };
        let covers = |scan: &Scan| scan.covers(id) || scan.covers(address);
        let of = scans.iter().filter(|(_, scan)| covers(&scan.row));
        let last = of.map(|(_, scan)| scan.row.started.0).max();
        let end = last.map(|at| Day::of(at).plus(days).end());
        match (last, end) {
            (Some(at), Some(end)) if facts.now < end => {
                covered += 1;
                oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
            }
            (_, due) => {
                weigh.missing(format!("a scan of endpoint `{id}` from outside within {days} days"));
                weigh.todo(format!("scan {id} from outside"), owner, due, "scans");
            }
        }
    }
    if let Some(oldest) = oldest {
        let what = format!("endpoints scanned from outside: {covered} of {}", endpoints.len());
        weigh.recorded(what, oldest, true);
    }
}

fn findings(facts: &Facts, weigh: &mut Weigh) {
    let scans: Vec<_> = external(facts).into_iter().map(|(id, kept)| (id, &kept.row)).collect();
    for (scan, finding, due) in open_findings(&scans, facts.now) {
        if !finding.severity.grave() {
            continue;
        }
        let (check, target, due) = (&finding.check, &finding.target, due.end());
        let rated = finding.severity.word();
        if due <= facts.now {
            let what = format!("{check} at {target} ({rated}) was to be fixed by {}", finding.due);
            weigh.recorded(what, due, false);
        }
        let what = format!("fix {check} at {target} ({rated})");
        weigh.todo(what, "responder", Some(due), format!("scans/{scan}"));
    }
}

fn audits(facts: &Facts, weigh: &mut Weigh) {
    let days = parameters(facts).audit_days;
    let all = facts.house.all::<Audit>();
    let mut newest: BTreeMap<AuditKind, &Kept<Audit>> = BTreeMap::new();
    for kept in all.iter().filter(|kept| kept.row.outside()) {
        let of_kind = newest.entry(kept.row.kind).or_insert(kept);
        if of_kind.row.to < kept.row.to {
            *of_kind = kept;
        }
    }
    let mut fresh = false;
    for kept in newest.values() {
        let (id, row) = (&kept.id, &kept.row);
        if row.next_due.end() <= facts.now {
            let (what, due) = (format!("the audit after {id} was due"), row.next_due.end());
            weigh.recorded(what, due, false);
            weigh.todo("have the next audit made", &row.owner, Some(due), format!("audits/{id}"));
        } else if facts.now < row.to.plus(days).end() {
            fresh = true;
            let what = format!("audit {id} by {} ended on {}", row.auditor, row.to);
            weigh.attested(what, row.to.start(), true);
        }
    }
    if !fresh {
        weigh.missing(format!("an independent audit of the last {days} days"));
        weigh.todo("have an independent audit made", "security-lead", None, "audits");
    }
    for kept in all {
        for one in kept.row.findings.iter().filter(|one| one.open(facts.now)) {
            let (due, place) = (one.due.end(), format!("audits/{}", kept.id));
            if due <= facts.now {
                let what =
                    format!("{} of audit {} was to be fixed by {}", one.id, kept.id, one.due);
                weigh.recorded(what, due, false);
            }
            weigh.todo(format!("fix {} of the audit", one.id), &one.owner, Some(due), place);
        }
    }
}
