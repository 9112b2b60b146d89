//! Sites, areas and equipment: their lives, and what is refused; and a team for the tests of
//! obligations that rest on them.

use crate::registers::{add, show, take};
use crate::support::{both, days, field, kind, name};
use domain::measures::{Answer, ReadMeasures, State};
use domain::people::{EndPerson, IssueToken};
use domain::sites::equipment::{Outcome, POLL, Poll, polled};
use kernel::{Job, Kernel, Kind, Ran, Result};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::World;

/// People who keep the registers, with tokens that are renewed as time goes by.
pub struct Team<'w> {
    /// The world.
    pub world: &'w World,
    /// A security lead.
    pub lea: String,
    /// An approver.
    pub max: String,
    admin: String,
    age: Duration,
}

impl<'w> Team<'w> {
    /// Of a new world.
    pub fn new(world: &'w World) -> Self {
        let lea = world.person("lea", &["security-lead"]);
        let max = world.person("max", &["approver"]);
        Self { world, lea, max, admin: world.admin.clone(), age: Duration::ZERO }
    }

    /// Time goes by. Tokens are renewed before they expire.
    pub fn later(&mut self, mut span: Duration) {
        while !span.is_zero() {
            let step = span.min(days(29).saturating_sub(self.age));
            self.world.clock.advance(step);
            (span, self.age) = (span - step, self.age + step);
            if self.age >= days(29) {
                self.admin = self.renewed("admin");
                (self.lea, self.max) = (self.renewed("lea"), self.renewed("max"));
                self.age = Duration::ZERO;
            }
        }
    }

    /// The administrator's token.
    pub fn admin(&self) -> &str {
        &self.admin
    }

    fn renewed(&self, who: &str) -> String {
        let issue = IssueToken::new(&self.world.kernel, &name(who)).unwrap();
        self.world.run(&self.admin, issue).unwrap().output.token
    }

    /// As the security lead.
    pub fn add(&self, plural: &str, stated: Value) -> Result<Value> {
        add(self.world, &self.lea, plural, &stated)
    }

    /// As the security lead.
    pub fn take(&self, plural: &str, id: &str, verb: &str, stated: Value) -> Result<Value> {
        take(self.world, &self.lea, (plural, id, verb), &stated)
    }

    /// As the approver.
    pub fn approve(&self, plural: &str, id: &str, verb: &str, stated: Value) -> Result<Value> {
        take(self.world, &self.max, (plural, id, verb), &stated)
    }

    /// What the control of an obligation says now.
    pub fn answer(&self, id: &str) -> Answer {
        let read = ReadMeasures::new(&self.world.kernel, None).unwrap();
        let all = self.world.run(&self.lea, read).unwrap().output;
        all.into_iter().find(|one| one.obligation.id == id).unwrap().answer
    }

    /// Checks what the control of an obligation says now.
    pub fn check(&self, id: &str, state: State) -> Answer {
        let answer = self.answer(id);
        assert_eq!(answer.state, state, "{id}: {answer:?}");
        assert_eq!(answer.facts.is_empty(), answer.since.is_none(), "{answer:?}");
        let todo = !answer.todo.is_empty() || state == State::Holding;
        assert!(todo, "whatever does not hold says what to do: {answer:?}");
        answer
    }

    /// The day so many days from now, or before now.
    pub fn day(&self, distance: i64) -> String {
        let micros = i64::try_from(self.world.kernel.now().0).unwrap() + distance * 86_400_000_000;
        let moment = kernel::Moment(u64::try_from(micros).unwrap());
        moment.rfc3339()[..10].to_owned()
    }

    /// The moment so many seconds before now.
    pub fn ago(&self, seconds: u64) -> String {
        kernel::Moment(self.world.kernel.now().0 - seconds * 1_000_000).rfc3339()
    }

    /// Registers a site of a vendor, or of one's own.
    pub fn site(&self, id: &str, vendor: &str) -> Value {
        let kind = if vendor == "own" { "own" } else { "colocated" };
        let new =
            json!({"name": id, "sub_processor": vendor, "address": "Frankfurt", "kind": kind});
        self.add("sites", new).unwrap()
    }

    /// A report that covers topics from 100 days ago to 30 days from now, confirmed.
    pub fn reported(&self, site: &str, topics: &[&str], excepted: &[&str]) -> Value {
        let mut stated = report(self, topics);
        stated["excepted"] = json!(excepted);
        stated["exceptions"] = json!("one of two units was not serviced");
        let row = self.take("sites", site, "report", stated).unwrap();
        let reports = row["reports"].as_array().unwrap();
        let id = reports.last().unwrap()["id"].clone();
        self.approve("sites", site, "confirm", json!({"report": id})).unwrap()
    }

    /// Everything that polls, as the server does it: each UPS answers with a status and a load.
    pub fn poll(&self, answer: impl Fn(&str) -> Option<(&'static str, u32)>) {
        let run = |kernel: &Kernel, job: &Job, right: Ran| match job.kind.as_str() {
            POLL => {
                let poll = Poll::of(&job.object).unwrap();
                let outcome = match answer(&poll.id) {
                    Some((status, load)) => Outcome::Read {
                        status: status.to_owned(),
                        load_percent: Some(load),
                        runtime_seconds: Some(900),
                        charge_percent: Some(100),
                    },
                    None => Outcome::Silent { problem: "no answer\nfrom it".to_owned() },
                };
                right.run(kernel, polled(kernel, poll, outcome)?)
            }
            _ => domain::run_job(kernel, job, right),
        };
        self.world.kernel.tick(&run).unwrap();
    }
}

fn report(team: &Team<'_>, topics: &[&str]) -> Value {
    json!({"issuer": "Audit & Co", "kind": "soc2", "lists_site": true, "from": team.day(-100),
        "to": team.day(30), "valid_to": team.day(60), "topics": topics})
}

#[track_caller]
fn refused(outcome: Result<Value>, name: &str) {
    assert_eq!(field(outcome), (Kind::Invalid, name.to_owned()));
}

#[test]
fn a_site_is_registered_guarded_tested_and_closed() {
    both(301, |world| {
        let team = Team::new(world);
        let new = |sub: &str, kind: &str| {
            let address = "Frankfurt";
            json!({"name": "fra-1", "sub_processor": sub, "address": address, "kind": kind})
        };
        for (sub, kind) in
            [("own", "vendor"), ("own", "colocated"), ("acme", "own"), ("A b", "vendor")]
        {
            refused(team.add("sites", new(sub, kind)), "sub_processor");
        }
        let mut nobody = new("acme", "vendor");
        nobody["owner"] = json!("person:nobody");
        refused(team.add("sites", nobody), "owner");
        let row = team.add("sites", new("acme", "vendor")).unwrap();
        assert_eq!(
            (&row["owner"], &row["state"]["word"]),
            (&json!("person:lea"), &json!("undescribed"))
        );
        let guard = |coverage: &str, source: &str, to: i64| {
            let stated = json!({"arrangement": "post at the gate", "coverage": coverage,
                "company": "Wach GmbH", "evidence": "contract 7", "source": source,
                "valid_to": team.day(to)});
            team.take("sites", "fra-1", "guard", stated)
        };
        for bad in ["always", "25x7", "24x8", "0x7", "24x", "024x7", "+24x7", ""] {
            refused(guard(bad, "recorded", 9), "coverage");
        }
        refused(guard("24x7", "measured", 9), "source");
        for (source, days) in [("recorded", -1), ("recorded", 101), ("attested", 397)] {
            refused(guard("24x7", source, days), "valid_to");
        }
        assert_eq!(guard("24x7", "recorded", 100).unwrap()["state"]["word"], "described");
        let certify = |done: i64, next: i64, passed: bool| {
            let stated = json!({"kind": "generator", "done": team.day(done), "done_by": "Max",
                "passed": passed, "evidence": "log 3", "next_due": team.day(next)});
            team.take("sites", "fra-1", "certify", stated)
        };
        for (done, field) in [(1, "done"), (-800, "done")] {
            refused(certify(done, done + 2, true), field);
        }
        refused(certify(-3, -3, true), "next_due");
        refused(certify(-3, 800, true), "next_due");
        assert_eq!(certify(-30, -1, true).unwrap()["state"]["word"], "overdue");
        assert_eq!(certify(-2, 30, false).unwrap()["state"]["word"], "deficient");
        assert_eq!(certify(-2, 30, true).unwrap()["state"]["word"], "described");
        assert_eq!(certify(-20, -10, true).unwrap()["state"]["word"], "described", "an older one");
        let support = world.person("omar", &["support"]);
        let close = json!({"reason": "moved"});
        let forbidden = take(world, &support, ("sites", "fra-1", "close"), &close);
        assert_eq!(kind(forbidden), Kind::Forbidden);
        let row = team.take("sites", "fra-1", "close", close.clone()).unwrap();
        assert_eq!(row["state"]["word"], "closed");
        assert_eq!(kind(team.take("sites", "fra-1", "close", close)), Kind::Conflict);
        assert_eq!(kind(certify(-2, 30, true)), Kind::Conflict);
        let area = json!({"name": "cage", "site": "fra-1", "purpose": "racks"});
        refused(team.add("areas", area), "site");
    });
}

#[test]
fn a_report_is_read_twice_and_covers_what_it_says() {
    both(302, |world| {
        let mut team = Team::new(world);
        team.site("fra-1", "acme");
        let with = |name: &str, value: Value| {
            let mut stated = report(&team, &["physical", "power"]);
            stated[name] = value;
            team.take("sites", "fra-1", "report", stated)
        };
        refused(with("to", json!(team.day(-101))), "to");
        refused(with("to", json!(team.day(1001))), "to");
        refused(with("valid_to", json!(team.day(-101))), "valid_to");
        refused(with("valid_to", json!(team.day(427))), "valid_to");
        refused(with("topics", json!([])), "topics");
        refused(with("topics", json!(["weather"])), "topics");
        refused(with("excepted", json!(["fire"])), "excepted");
        refused(with("excepted", json!(["power"])), "exceptions");
        let row = with("issuer", json!("Audit & Co")).unwrap();
        assert_eq!(row["state"]["word"], "unconfirmed");
        let confirm = json!({"report": "report-1"});
        let own = team.take("sites", "fra-1", "confirm", confirm.clone());
        assert_eq!(kind(own), Kind::Forbidden, "nobody confirms what they entered");
        refused(team.approve("sites", "fra-1", "confirm", json!({"report": "report-2"})), "report");
        let row = team.approve("sites", "fra-1", "confirm", confirm.clone()).unwrap();
        assert_eq!(
            (&row["state"]["word"], &row["reports"][0]["confirmed"]["by"]),
            (&json!("described"), &json!("person:max"))
        );
        assert_eq!(kind(team.approve("sites", "fra-1", "confirm", confirm)), Kind::Conflict);
        let ends = |team: &Team<'_>| {
            show(world, &team.lea, "sites", "fra-1").unwrap()["state"]["due"].clone()
        };
        assert_eq!(ends(&team), json!(format!("{}T00:00:00.000000Z", team.day(31))));
        // A letter that goes on where the report ends; one that does not bridge counts for nothing.
        for (from, to) in [(31, 90), (200, 250)] {
            let letter = json!({"issuer": "acme", "kind": "letter", "lists_site": true,
                "from": team.day(from), "to": team.day(to), "valid_to": team.day(to),
                "topics": ["physical", "power"]});
            let row = team.take("sites", "fra-1", "report", letter).unwrap();
            let id = row["reports"].as_array().unwrap().last().unwrap()["id"].clone();
            team.approve("sites", "fra-1", "confirm", json!({"report": id})).unwrap();
        }
        assert_eq!(ends(&team), json!(format!("{}T00:00:00.000000Z", team.day(91))));
        team.later(days(91));
        let row = show(world, &team.lea, "sites", "fra-1").unwrap();
        assert_eq!(row["state"]["word"], "undescribed");
        team.later(days(120));
        let row = show(world, &team.lea, "sites", "fra-1").unwrap();
        assert_eq!(row["state"]["word"], "undescribed", "a letter alone is none");
    });
}

/// A cage that lea and omar may enter; omar left a second ago. Two moments: a minute before he
/// left, and after it.
fn cage(team: &Team<'_>) -> (String, String) {
    let world = team.world;
    team.site("fra-1", "acme");
    team.add("areas", json!({"name": "cage", "site": "fra-1", "purpose": "racks 1 to 4"})).unwrap();
    world.person("omar", &["engineer"]);
    for who in ["person:lea", "person:omar"] {
        let stated = json!({"person": who, "from": team.day(-10), "to": team.day(300)});
        team.take("areas", "cage", "allow", stated).unwrap();
    }
    let before = team.ago(60);
    world.clock.advance(Duration::from_secs(1));
    let end = EndPerson::new(&world.kernel, &name("omar")).unwrap();
    world.run(&world.admin, end).unwrap();
    world.clock.advance(Duration::from_secs(1));
    (before, team.ago(0))
}

#[test]
fn an_area_knows_who_may_enter() {
    both(303, |world| {
        let team = Team::new(world);
        team.site("fra-1", "acme");
        let area = json!({"name": "cage", "site": "fra-1", "purpose": "racks 1 to 4"});
        let elsewhere = json!({"name": "cage", "site": "nowhere", "purpose": "racks"});
        refused(team.add("areas", elsewhere), "site");
        team.add("areas", area).unwrap();
        let cage = |verb: &str, stated: Value| team.take("areas", "cage", verb, stated);
        let allow = |who: &str, from: i64, to: i64| {
            cage("allow", json!({"person": who, "from": team.day(from), "to": team.day(to)}))
        };
        refused(allow("person:nobody", 0, 9), "person");
        refused(allow("service:import", 0, 9), "person");
        for (from, to) in [(0, -1), (3, 2), (0, 367)] {
            refused(allow("person:lea", from, to), "to");
        }
        allow("person:lea", -10, 300).unwrap();
        world.person("omar", &["engineer"]);
        allow("person:omar", -10, 300).unwrap();
        let row = cage("reconcile", json!({})).unwrap();
        assert_eq!(
            (&row["reconciliations"][0]["listed"], &row["state"]["word"]),
            (&json!(2), &json!("unwatched"))
        );
        let end = EndPerson::new(&world.kernel, &name("omar")).unwrap();
        world.run(&world.admin, end).unwrap();
        let row = cage("reconcile", json!({})).unwrap();
        assert_eq!(row["reconciliations"][1]["left"], json!(["person:omar"]));
        assert_eq!(row["state"]["word"], "leaver-listed");
        let remove = |who: &str| cage("remove", json!({"person": who}));
        refused(remove("person:max"), "person");
        let row = remove("person:omar").unwrap();
        assert_eq!(row["state"]["word"], "unwatched");
        refused(remove("person:omar"), "person");
        cage("close", json!({"reason": "racks moved"})).unwrap();
        assert_eq!(kind(cage("reconcile", json!({}))), Kind::Conflict);
        assert_eq!(kind(cage("close", json!({"reason": "again"}))), Kind::Conflict);
    });
}

#[test]
fn an_area_knows_what_its_doors_say() {
    both(308, |world| {
        let team = Team::new(world);
        let (before, now) = cage(&team);
        let cage = |verb: &str, stated: Value| team.take("areas", "cage", verb, stated);
        let event = |time: &str, rest: &str| format!("{time},{rest}");
        cage("reconcile", json!({})).unwrap();
        cage("remove", json!({"person": "person:omar"})).unwrap();
        for bad in ["yesterday,lea,yes", "lea", "2026-11-22T14:02:11Z,lea,maybe"] {
            refused(cage("badges", json!({"events": [bad]})), "events");
        }
        refused(cage("badges", json!({"events": []})), "events");
        let many = vec![event(&now, "lea,yes"); 501];
        refused(cage("badges", json!({"events": many})), "events");
        refused(cage("badges", json!({"events": ["2027-11-22T14:02:11Z,lea,yes"]})), "events");
        let events = json!({"events": [
            event(&before, "lea,yes"), event(&before, "omar,yes"), event(&now, "omar,no"),
            event(&now, "max,no"), event(&now, "person:max,yes"), event(&now, "Somebody Else,yes"),
            event(&now, "Somebody Else,no"),
        ]});
        let row = cage("badges", events.clone()).unwrap();
        let found = row["findings"].as_array().unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|one| (one["id"].as_str(), one["person"].as_str(), one["why"].as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (Some("badge-1"), Some("omar"), Some("left")),
                (Some("badge-2"), Some("max"), Some("not-allowed")),
                (Some("badge-3"), Some("Somebody Else"), Some("unknown")),
            ]
        );
        let import = &row["imports"][0];
        assert_eq!(
            (&import["granted"], &import["denied"], &import["findings"]),
            (&json!(4), &json!(3), &json!(3))
        );
        assert_eq!(row["state"]["word"], "findings");
        let row = cage("badges", events).unwrap();
        assert_eq!(row["findings"].as_array().unwrap().len(), 3, "the same log again");
        let settle =
            |id: &str| cage("settle", json!({"finding": id, "how": "asked and explained"}));
        refused(settle("badge-9"), "finding");
        for id in ["badge-1", "badge-2", "badge-3"] {
            settle(id).unwrap();
        }
        assert_eq!(kind(settle("badge-1")), Kind::Conflict);
        let row = show(world, &team.lea, "areas", "cage").unwrap();
        assert_eq!(row["state"]["word"], "reconciled");
        // What happened while somebody was on the list is no finding afterwards.
        let late = event(&team.ago(61), "lea,yes");
        cage("remove", json!({"person": "person:lea"})).unwrap();
        let row = cage("badges", json!({"events": [late]})).unwrap();
        assert_eq!(row["findings"].as_array().unwrap().len(), 3);
    });
}

#[test]
fn unsettled_findings_are_bounded_and_keep_an_area_open() {
    both(304, |world| {
        let team = Team::new(world);
        team.site("fra-1", "acme");
        team.add("areas", json!({"name": "cage", "site": "fra-1", "purpose": "racks"})).unwrap();
        let import = |count: usize| {
            let events: Vec<_> =
                (0..count).map(|n| format!("{},guest-{n},yes", team.ago(5))).collect();
            team.take("areas", "cage", "badges", json!({"events": events}))
        };
        assert_eq!(kind(import(301)), Kind::Limit);
        import(300).unwrap();
        let close = team.take("areas", "cage", "close", json!({"reason": "x"}));
        assert_eq!(kind(close), Kind::Conflict);
        assert_eq!(import(300).unwrap()["found"], 300);
    });
}

/// Registers a UPS, with changes.
fn ups(team: &Team<'_>, changes: &Value) -> Result<Value> {
    let mut new = json!({"name": "ups-a", "site": "fra-1", "kind": "ups", "group": "room 1",
        "capacity": 10, "unit": "kw", "load": 3, "reporter": "service:agent"});
    for (name, value) in changes.as_object().unwrap() {
        new[name] = value.clone();
    }
    team.add("equipment", new)
}

#[test]
fn equipment_is_registered_as_what_it_is() {
    both(309, |world| {
        let team = Team::new(world);
        team.site("fra-1", "acme");
        let bad = [
            (json!({"site": "nowhere"}), "site"),
            (json!({"capacity": 0}), "capacity"),
            (json!({"capacity": null}), "capacity"),
            (json!({"unit": "mbit"}), "unit"),
            (json!({"unit": null}), "unit"),
            (json!({"kind": "link"}), "unit"),
            (json!({"kind": "generator"}), "capacity"),
            (json!({"group": ""}), "group"),
            (json!({"reporter": "person:lea"}), "reporter"),
            (json!({"nut": "localhost"}), "nut"),
            (json!({"nut": "h:3493/u", "kind": "hvac"}), "nut"),
            (json!({"owner": "person:nobody"}), "owner"),
        ];
        for (changes, name) in bad {
            refused(ups(&team, &changes), name);
        }
        assert_eq!(ups(&team, &json!({})).unwrap()["state"]["word"], "unread");
        let new = json!({"kind": "generator", "name": "gen", "capacity": null, "unit": null,
            "load": null, "reporter": null});
        assert_eq!(ups(&team, &new).unwrap()["state"]["word"], "unserviced");
        refused(team.take("equipment", "gen", "load", json!({"load": 4})), "load");
    });
}

#[test]
fn equipment_is_read_loaded_serviced_and_retired() {
    both(305, |world| {
        let mut team = Team::new(world);
        team.site("fra-1", "acme");
        ups(&team, &json!({})).unwrap();
        let ups = |who: &str, verb: &str, stated: Value| {
            take(world, who, ("equipment", "ups-a", verb), &stated)
        };
        let lea = team.lea.clone();
        for status in ["", "on line", "OL\u{7}", &"OL ".repeat(21)] {
            refused(ups(&lea, "measure", json!({"status": status})), "status");
        }
        for (name, value) in
            [("load_percent", 1001), ("charge_percent", 101), ("runtime_seconds", 31_536_001)]
        {
            let mut stated = json!({"status": "OL"});
            stated[name] = json!(value);
            refused(ups(&lea, "measure", stated), name);
        }
        let (agent, other) = (world.service("agent"), world.service("other"));
        let reading = json!({"status": " OB  DISCHRG ", "load_percent": 40});
        assert_eq!(kind(ups(&other, "measure", reading.clone())), Kind::Forbidden);
        let row = ups(&agent, "measure", reading).unwrap();
        assert_eq!(
            (&row["reading"]["status"], &row["reading"]["source"], &row["state"]["word"]),
            (&json!("OB DISCHRG"), &json!("recorded"), &json!("lost"))
        );
        assert_eq!(kind(ups(&agent, "load", json!({"load": 4}))), Kind::Forbidden);
        let row = ups(&agent, "measure", json!({"status": "OL CHRG"})).unwrap();
        assert_eq!(row["state"]["word"], "in-service");
        team.later(Duration::from_secs(15 * 60));
        let row = show(world, &team.lea, "equipment", "ups-a").unwrap();
        assert_eq!(row["state"]["word"], "unread", "a machine's reading counts for a while");
        ups(&lea, "measure", json!({"status": "OL"})).unwrap();
        let row = ups(&lea, "load", json!({"load": 4})).unwrap();
        assert_eq!((&row["load"], &row["state"]["word"]), (&json!(4), &json!("in-service")));
        let service = |done: i64, next: i64| {
            let (done, next_due) = (team.day(done), team.day(next));
            json!({"done": done, "work": "batteries", "next_due": next_due})
        };
        refused(ups(&lea, "service", service(1, 9)), "done");
        refused(ups(&lea, "service", service(-1, -1)), "next_due");
        let row = ups(&lea, "service", service(-9, -1)).unwrap();
        assert_eq!(row["state"]["word"], "overdue");
        refused(ups(&lea, "service", service(-10, 3)), "done");
        let row = ups(&lea, "service", service(0, 100)).unwrap();
        assert_eq!(row["state"]["word"], "in-service");
        let row = ups(&lea, "retire", json!({"reason": "replaced by ups-b"})).unwrap();
        assert_eq!(row["state"]["word"], "retired");
        for (verb, stated) in [("retire", json!({"reason": "x"})), ("load", json!({"load": 4}))] {
            assert_eq!(kind(ups(&lea, verb, stated)), Kind::Conflict);
        }
    });
}

#[test]
fn a_ups_is_polled_again_and_again_until_it_is_retired() {
    both(306, |world| {
        let team = Team::new(world);
        team.site("fra-1", "acme");
        let new = json!({"name": "ups-a", "site": "fra-1", "kind": "ups", "group": "room 1",
            "capacity": 10, "unit": "kw", "nut": "127.0.0.1:3493/ups_a"});
        team.add("equipment", new).unwrap();
        world.kernel.tick(&domain::run_job).unwrap();
        let see = || show(world, &team.lea, "equipment", "ups-a").unwrap();
        assert!(see()["reading"].is_null(), "nobody polled");
        team.poll(|_| Some(("OL", 40)));
        let first = see()["reading"].clone();
        assert_eq!(
            (&first["source"], &first["mark"]["by"], &first["load_percent"]),
            (&json!("measured"), &json!("kernel"), &json!(40))
        );
        team.poll(|_| panic!("it is not due before five minutes have passed"));
        world.clock.advance(Duration::from_secs(300));
        team.poll(|_| None);
        let row = see();
        assert_eq!(
            (&row["reading"], &row["trouble"]["problem"], &row["state"]["word"]),
            (&first, &json!("no answerfrom it"), &json!("silent"))
        );
        world.clock.advance(Duration::from_secs(60));
        team.poll(|_| Some(("OB LB", 40)));
        let row = see();
        assert!(row["trouble"].is_null());
        assert_eq!(
            (&row["reading"]["status"], &row["state"]["word"]),
            (&json!("OB LB"), &json!("lost"))
        );
        let since = row["reading"]["since"].clone();
        world.clock.advance(Duration::from_secs(60));
        team.poll(|_| Some(("OB LB", 40)));
        assert_eq!(see()["reading"]["since"], since, "since when it has been so");
        world.clock.advance(Duration::from_secs(60));
        team.poll(|_| Some(("not words", 40)));
        assert_eq!(see()["trouble"]["problem"], "the UPS answered with a status that is none");
        team.take("equipment", "ups-a", "retire", json!({"reason": "old"})).unwrap();
        world.clock.advance(Duration::from_secs(60));
        team.poll(|_| Some(("OL", 40)));
        world.clock.advance(days(1));
        team.poll(|_| panic!("nothing is polled that is retired"));
    });
}

#[test]
fn nobody_runs_a_poll_by_hand() {
    both(307, |world| {
        let team = Team::new(world);
        team.site("fra-1", "acme");
        let new = json!({"name": "ups-a", "site": "fra-1", "kind": "ups", "group": "room 1",
            "capacity": 10, "unit": "kw", "nut": "127.0.0.1:3493/ups_a"});
        team.add("equipment", new).unwrap();
        let poll = Poll::of("ups-a 127.0.0.1:3493/ups_a").unwrap();
        let outcome = || Outcome::Silent { problem: "x".to_owned() };
        for token in [&team.lea, &world.admin] {
            let made = polled(&world.kernel, poll.clone(), outcome()).unwrap();
            // No policy knows the action: not even an administrator is let in.
            assert!(world.run(token, made).is_err());
        }
        let row = show(world, &team.lea, "equipment", "ups-a").unwrap();
        assert!(row["trouble"].is_null(), "nothing was kept");
        assert!(Poll::of("ups-a").is_err());
    });
}
