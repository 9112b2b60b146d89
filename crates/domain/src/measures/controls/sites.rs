//! Controls of E6.1 and E7: networks, guarding, areas, power and cooling, by sub-processor and
//! site.
//!
//! For each site either a report that covers it today speaks for it (attested), or its own facts
//! do. A bad fact of its own counts whatever a report says.

use super::Facts;
use crate::catalogue::{CURRENT, Catalogue, Parameters};
use crate::measures::weigh::{Basis, Weigh};
use crate::register::{Day, Kept};
use crate::sites::areas::Area;
use crate::sites::equipment::{Equipment, EquipmentKind};
use crate::sites::{OWN, Redundancy, Site, TestKind, Topic, Unit, redundancy};
use crate::systems::{Source, System};
use crate::vendors::Vendor;
use kernel::Moment;
use std::collections::BTreeMap;

/// Every site in use, after saying which are missing: each system stands somewhere.
fn sites<'a>(facts: &'a Facts, weigh: &mut Weigh) -> Vec<&'a Kept<Site>> {
    let all = facts.house.all::<Site>().iter();
    let open: Vec<_> = all.filter(|kept| kept.row.closed.is_none()).collect();
    if open.is_empty() {
        weigh.missing("a site in the register");
        let what = "register the sites where systems stand, of every hosting sub-processor";
        weigh.todo(what, "vendor-manager", None, "sites");
        return open;
    }
    for vendor in facts.house.all::<Vendor>() {
        let (id, row) = (&vendor.id, &vendor.row);
        let known = open.iter().any(|kept| kept.row.sub_processor == *id);
        if row.hosts && row.offboarded.is_none() && !known {
            weigh.missing(format!("the sites of hosting vendor `{id}`"));
            let what = format!("register the sites of `{id}` where systems stand");
            weigh.todo(what, &row.sponsor, None, format!("vendors/{id}"));
        }
    }
    let systems = facts.house.all::<System>().iter().filter(|kept| kept.row.retired.is_none());
    for system in systems {
        let (id, row) = (&system.id, &system.row);
        let host = row.vendor.as_deref().unwrap_or(OWN);
        let named = |kept: &&Kept<Site>| row.site.as_ref().is_none_or(|site| *site == kept.id);
        // A named site says more than a vendor's name; without one, any site of the host will do.
        let of_host = |kept: &&Kept<Site>| row.site.is_some() || kept.row.sub_processor == host;
        if !open.iter().any(|kept| named(kept) && of_host(kept)) {
            weigh.missing(format!("the site of system `{id}`"));
            let what = format!("register the site of system `{id}`, or name it in the system");
            weigh.todo(what, &row.owner, None, format!("systems/{id}"));
        }
    }
    open
}

fn place(site: &Kept<Site>) -> String {
    format!("sites/{}", site.id)
}

/// Whether a report covers a topic at a site today, as a fact if one does.
fn attested(facts: &Facts, weigh: &mut Weigh, site: &Kept<Site>, topic: Topic) -> bool {
    let Some((report, until)) = site.row.covered(topic, facts.now) else {
        unconfirmed(weigh, site, topic);
        return false;
    };
    let (word, issuer, id) = (topic.word(), &report.issuer, &site.id);
    let excepted = report.excepted.contains(&topic);
    let noted = if excepted { ", and notes an exception" } else { "" };
    let what = format!("site {id}: {} of {issuer} covers {word} until {until}{noted}", report.id);
    let confirmed = report.confirmed.as_ref().map_or(report.mark.at, |mark| mark.at);
    weigh.attested(what, confirmed.0, !excepted);
    if excepted {
        let what = format!("have the exception on {word} mended, and get a report that says so");
        weigh.todo(what, &site.row.owner, None, place(site));
    }
    true
}

/// Says what to do with reports that would cover a topic if somebody had read them.
fn unconfirmed(weigh: &mut Weigh, site: &Kept<Site>, topic: Topic) {
    let waiting = site.row.reports.iter();
    let mut waiting = waiting.filter(|one| one.confirmed.is_none() && one.topics.contains(&topic));
    if let Some(report) = waiting.next() {
        let what = format!("confirm {} as a second reader", report.id);
        weigh.todo(what, "approver", None, place(site));
    }
}

/// The newest test of a kind: good while it was passed and the next one is not due.
fn tested(facts: &Facts, weigh: &mut Weigh, site: &Kept<Site>, kind: TestKind) -> bool {
    let Some(test) = site.row.newest(kind) else { return false };
    let (word, id) = (kind.word(), &site.id);
    let due = test.next_due.end();
    let (what, at, good) = match () {
        () if !test.passed => (
            format!("site {id}: the test of {word} on {} failed", test.done),
            test.mark.at.0,
            false,
        ),
        () if due <= facts.now => {
            (format!("site {id}: a test of {word} was due by {}", test.next_due), due, false)
        }
        () => (format!("site {id}: {word} tested on {}", test.done), test.mark.at.0, true),
    };
    weigh.recorded(what, at, good);
    if !good {
        weigh.todo(format!("test {word} again"), &site.row.owner, Some(due), place(site));
    }
    true
}

/// The redundancy groups of some kinds at a site, as facts; whether there is one.
fn groups(facts: &Facts, weigh: &mut Weigh, site: &Kept<Site>, kinds: &[EquipmentKind]) -> bool {
    let mut groups: BTreeMap<(EquipmentKind, &str), Vec<&Kept<Equipment>>> = BTreeMap::new();
    for kept in facts.house.all::<Equipment>() {
        let row = &kept.row;
        if row.site == site.id && row.retired.is_none() && kinds.contains(&row.kind) {
            groups.entry((row.kind, &row.group)).or_default().push(kept);
        }
    }
    for ((kind, name), units) in &groups {
        let name = format!("site {}: {} group {name}", site.id, kind.word());
        group(facts, weigh, &name, units);
    }
    !groups.is_empty()
}

/// One redundancy group.
fn group(facts: &Facts, weigh: &mut Weigh, name: &str, units: &[&Kept<Equipment>]) {
    let counted: Vec<Unit> = units.iter().filter_map(|one| one.row.as_unit(facts.now)).collect();
    let loads: Option<Vec<u64>> = units.iter().map(|one| one.row.carries()).collect();
    let load = loads.map(|all| all.into_iter().fold(0_u64, u64::saturating_add));
    let usable = counted.iter().filter(|one| one.usable == Some(true)).count();
    let readings = || units.iter().filter_map(|one| one.row.reading.as_ref());
    let basis = readings().map(|one| one.source).map(Basis::from).min();
    let basis = basis.unwrap_or(Basis::Recorded);
    // A load by hand is part of the answer where no reading says it.
    let by_hand = readings().any(|one| one.load_percent.is_none());
    let basis = if by_hand { basis.min(Basis::Recorded) } else { basis };
    let of = format!("{usable} of {} units usable", units.len());
    let oldest = readings().map(|one| one.mark.at.0).min().unwrap_or(facts.now);
    let lost = || readings().filter(|one| one.fresh(facts.now) && !one.usable());
    let since = lost().map(|one| one.since.0).min().unwrap_or(oldest);
    let (first, owner) = match units.first() {
        Some(one) => (format!("equipment/{}", one.id), one.row.owner.clone()),
        None => return,
    };
    match redundancy(&counted, load) {
        Redundancy::Redundant => {
            weigh.fact(basis, format!("{name}: {of}, holds with any one gone"), oldest, true);
        }
        Redundancy::AtRisk => {
            let what = format!("{name}: {of}, does not hold with any one gone");
            weigh.fact(basis, what, since, false);
            weigh.todo("bring the group back to N+1", owner, None, first);
        }
        Redundancy::Short => {
            weigh.fact(basis, format!("{name}: {of}, less than the load"), since, false);
            weigh.todo("bring the group back to its load", owner, None, first);
        }
        Redundancy::Unknown => silent(facts, weigh, name, units),
    }
}

/// Says of which units nothing fresh is known.
fn silent(facts: &Facts, weigh: &mut Weigh, name: &str, units: &[&Kept<Equipment>]) {
    weigh.missing(format!("a fresh reading and load of every unit of {name}"));
    for kept in units {
        let row = &kept.row;
        let fresh = row.reading.as_ref().is_some_and(|one| one.fresh(facts.now));
        if !fresh || row.carries().is_none() {
            let what = match (&row.trouble, fresh) {
                (Some(trouble), _) => format!("mend its polling: {}", trouble.problem),
                (None, true) => "state what it carries".to_owned(),
                (None, false) => "enter a reading of its state".to_owned(),
            };
            weigh.todo(what, &row.owner, None, format!("equipment/{}", kept.id));
        }
    }
}

/// E6.1: a redundant network with enough bandwidth, by site.
pub(super) fn network(facts: &Facts, weigh: &mut Weigh) {
    let links = [EquipmentKind::Link];
    for site in sites(facts, weigh) {
        let covered = attested(facts, weigh, site, Topic::Network);
        let linked = groups(facts, weigh, site, &links);
        groups(facts, weigh, site, &[EquipmentKind::LoadBalancer]);
        let tried = tested(facts, weigh, site, TestKind::Failover);
        if covered {
            continue;
        }
        let (id, owner) = (&site.id, &site.row.owner);
        if !linked {
            weigh.missing(format!("links of site `{id}`, or a report on its network"));
            let what = "register its links with capacity and load, or a report on its network";
            weigh.todo(what, owner, None, place(site));
        } else if !tried {
            weigh.missing(format!("a test of fail-over at site `{id}`"));
            weigh.todo("test fail-over, and enter it", owner, None, place(site));
        }
    }
}

/// E7.1: guarded day and night, by site.
pub(super) fn guarded(facts: &Facts, weigh: &mut Weigh) {
    for site in sites(facts, weigh) {
        let covered = attested(facts, weigh, site, Topic::Physical);
        let (id, owner) = (&site.id, &site.row.owner);
        let mut arranged = false;
        let always = site.row.guarded(facts.now).any(crate::sites::Guarding::always);
        for guard in site.row.guarded(facts.now) {
            // One that covers part of the week speaks against the site only if nothing else
            // covers the rest.
            if guard.always() == always {
                let what = format!(
                    "site {id}: {} guards it {} until {}",
                    guard.company, guard.coverage, guard.valid_to
                );
                if always || !covered {
                    weigh.fact(guard.source.into(), what, guard.mark.at.0, always);
                    arranged = true;
                }
            }
        }
        if arranged && !always {
            weigh.todo("have it guarded 24x7", owner, None, place(site));
        }
        if !covered && !arranged {
            weigh.missing(format!("how site `{id}` is guarded, or a report that says it"));
            let what = "enter its guarding arrangement, or a report that covers it today";
            weigh.todo(what, owner, None, place(site));
        }
    }
}

/// E7.2: restricted areas, by site.
pub(super) fn restricted(facts: &Facts, weigh: &mut Weigh) {
    for site in sites(facts, weigh) {
        let covered = attested(facts, weigh, site, Topic::Physical);
        let areas = facts.house.all::<Area>().iter();
        let areas: Vec<_> =
            areas.filter(|kept| kept.row.site == site.id && kept.row.closed.is_none()).collect();
        if areas.is_empty() && !covered {
            weigh.missing(format!("areas of site `{}`, or a report that covers it", site.id));
            let what = "register its areas with their access lists, or a report";
            weigh.todo(what, &site.row.owner, None, place(site));
        }
        for kept in areas {
            area(facts, weigh, kept, covered);
        }
    }
}

/// One area. Where a report covers its site, what is not known here is not missing.
fn area(facts: &Facts, weigh: &mut Weigh, kept: &Kept<Area>, covered: bool) {
    let (id, row, here) = (&kept.id, &kept.row, format!("areas/{}", kept.id));
    let days = parameters(facts).area_days;
    if let Some(first) = row.unsettled().next() {
        let what = format!("area {id}: {} badge events are not settled", row.unsettled().count());
        weigh.recorded(what, first.time.0, false);
        weigh.todo("settle the badge events", &row.owner, None, here.as_str());
    }
    match row.reconciliations.last() {
        Some(last) if !row.leavers().is_empty() => {
            let what = format!("area {id}: {} who left are on the list", row.leavers().len());
            weigh.recorded(what, last.mark.at.0, false);
            weigh.todo("take them off the list", &row.owner, None, here.as_str());
        }
        Some(last) if facts.now < last.next_due.end() => {
            let what = format!("area {id}: list of {} reconciled", last.listed);
            weigh.recorded(what, last.mark.at.0, true);
        }
        _ if covered => {}
        last => {
            weigh.missing(format!("a fresh reconciliation of the access list of area `{id}`"));
            let due = last.map(|one| one.next_due.end());
            weigh.todo("reconcile the access list", &row.owner, due, here.as_str());
        }
    }
    match row.imports.iter().max_by_key(|one| one.to) {
        Some(last) if facts.now < Day::of(last.to.0).plus(days).end() => {
            let what = format!("area {id}: badge events checked up to {}", Day::of(last.to.0));
            weigh.recorded(what, last.mark.at.0, true);
        }
        _ if covered => {}
        last => {
            weigh.missing(format!("fresh badge events of area `{id}`"));
            let due = last.map(|one| Day::of(one.to.0).plus(days).end());
            weigh.todo("import its badge events", &row.owner, due, here.as_str());
        }
    }
}

/// E7.3: N+1 power and cooling, generators, fire suppression, by site.
pub(super) fn powered(facts: &Facts, weigh: &mut Weigh) {
    use EquipmentKind::{Generator, Hvac, Suppression, Ups};
    for site in sites(facts, weigh) {
        let power = attested(facts, weigh, site, Topic::Power);
        let cooling = attested(facts, weigh, site, Topic::Cooling);
        let fire = attested(facts, weigh, site, Topic::Fire);
        let ups = groups(facts, weigh, site, &[Ups]);
        tested(facts, weigh, site, TestKind::Ups);
        let generator = tested(facts, weigh, site, TestKind::Generator);
        let standing = serviced(facts, weigh, site, Generator);
        let hvac = groups(facts, weigh, site, &[Hvac]);
        tested(facts, weigh, site, TestKind::Hvac);
        let suppression = tested(facts, weigh, site, TestKind::Suppression);
        serviced(facts, weigh, site, Suppression);
        for kind in [Ups, Hvac] {
            serviced(facts, weigh, site, kind);
        }
        let needed = [
            (power || ups, "a group of UPS"),
            (power || standing > 0, "a generator in the register of equipment"),
            (power || generator, "a test of the generator"),
            (cooling || hvac, "a group of cooling units"),
            (fire || suppression, "a test of fire suppression"),
        ];
        for (known, what) in needed {
            if !known {
                weigh.missing(format!("{what} at site `{}`, or a report that covers it", site.id));
                let what = format!("enter {what}, or a report that covers it today");
                weigh.todo(what, &site.row.owner, None, place(site));
            }
        }
    }
}

/// Services of a kind that are overdue, as bad facts; how many units there are.
fn serviced(facts: &Facts, weigh: &mut Weigh, site: &Kept<Site>, kind: EquipmentKind) -> usize {
    let all = facts.house.all::<Equipment>().iter();
    let here = |kept: &&Kept<Equipment>| {
        let row = &kept.row;
        row.site == site.id && row.kind == kind && row.retired.is_none()
    };
    let units: Vec<_> = all.filter(here).collect();
    for kept in &units {
        let late = |end: &Moment| *end <= facts.now;
        let due = kept.row.services.last().map(|one| one.next_due.end()).filter(late);
        if let Some(due) = due {
            weigh.recorded(format!("a service of {} was due", kept.id), due, false);
            let place = format!("equipment/{}", kept.id);
            weigh.todo("have it serviced", &kept.row.owner, Some(due), place);
        }
    }
    let lost = |kept: &&&Kept<Equipment>| {
        let reading = kept.row.reading.as_ref().filter(|one| one.fresh(facts.now));
        kept.row.capacity.is_none() && reading.is_some_and(|one| !one.usable())
    };
    // What stands in for nothing has no group that would say it.
    for kept in units.iter().filter(lost) {
        let Some(reading) = &kept.row.reading else { continue };
        let basis = match reading.source {
            Source::Measured => Basis::Measured,
            Source::Recorded | Source::Attested => Basis::Recorded,
        };
        let what = format!("{}: its status is {}", kept.id, reading.status);
        weigh.fact(basis, what, reading.since.0, false);
        weigh.todo("repair it", &kept.row.owner, None, format!("equipment/{}", kept.id));
    }
    units.len()
}

/// The numbers of the promise as they count now.
pub(super) fn parameters(facts: &Facts) -> Parameters {
    let current = facts.house.one::<Catalogue>(CURRENT);
    current.map(|kept| kept.row.parameters.clone()).unwrap_or_default()
}
