//! Signals that are kept, and what follows from an alert.

use crate::incidents::{Crew, laws};
use crate::obligations::systems::{keep, watched};
use crate::registers::{add, show, take};
use crate::support::{account_with_data, both, kind, newest};
use domain::detections::coverage::EVALUATED;
use domain::detections::{Alert, Level};
use domain::incidents::raising::{RaiseAlert, Raised};
use domain::register::{Kept, When};
use domain::signals::{ForgetSignals, NoteSearch, Query, SendSignals, Signal, TakeSignals, search};
use kernel::{HOUSE, Kind, Operation, Result};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::time::Duration;
use testkit::World;

/// Does something as the kernel does what happens by itself.
pub fn by_itself<O: Operation>(world: &World, make: impl Fn() -> Result<O>) -> Result<O::Output> {
    let answer = RefCell::new(None);
    let tick = world.kernel.tick(&|kernel, job, right| {
        if job.kind == kernel::EVERY_TICK && answer.borrow().is_none() {
            let told = make().and_then(|operation| right.ask(kernel, operation));
            answer.replace(Some(told));
        }
        domain::run_job(kernel, job, right)
    });
    tick.unwrap();
    answer.into_inner().unwrap()
}

fn signal(world: &World, message: &str) -> Signal {
    let fields = json!({"message": message, "source.ip": "203.0.113.7"});
    let fields: Map<String, Value> = serde_json::from_value(fields).unwrap();
    Signal {
        received: world.kernel.now().0,
        source: "web".to_owned(),
        transport: "https".to_owned(),
        fields,
        ..Signal::default()
    }
}

fn wanted(world: &World, text: &str) -> Query {
    let now = world.kernel.now();
    let from = kernel::Moment(now.0 - 20 * 86_400_000_000);
    let to = now.after(Duration::from_secs(1));
    Query { from, to, fields: vec![], text: Some(text.to_owned()) }
}

#[test]
fn only_the_named_service_delivers_for_a_source() {
    both(901, |world| {
        let sam = world.person("sam", &["security-lead"]);
        let (web, spy) = (world.service("web"), world.service("spy"));
        let send = |token: &str| {
            let signals = [signal(world, "hello")];
            world.run(token, SendSignals::new(&world.kernel, "web", &signals, 0).unwrap())
        };
        assert_eq!(kind(send(&web)), Kind::Forbidden, "no such source");
        let source = json!({"name": "web", "what": "the shop", "kind": "lines",
            "service": "service:web"});
        add(world, &sam, "sources", &source).unwrap();
        assert_eq!(send(&web).unwrap().output, 1);
        assert_eq!(newest(world, HOUSE).0, "signal.send");
        assert_eq!(kind(send(&spy)), Kind::Forbidden, "another service");
        assert_eq!(kind(send(&sam)), Kind::Forbidden, "a person, whatever their role");
        take(world, &sam, ("sources", "web", "end"), &json!({"reason": "gone"})).unwrap();
        assert_eq!(kind(send(&web)), Kind::Forbidden, "it has ended");
        for (stated, field) in [
            (json!({"name": "a", "what": "x", "kind": "syslog"}), "peers"),
            (json!({"name": "a", "what": "x", "kind": "syslog", "peers": ["nowhere"]}), "peers"),
            (json!({"name": "a", "what": "x", "kind": "lines"}), "service"),
            (
                json!({"name": "a", "what": "x", "kind": "lines", "service": "person:sam"}),
                "service",
            ),
            (
                json!({"name": "a", "what": "x", "kind": "lines", "service": "service:web",
                    "silent_minutes": 0}),
                "silent_minutes",
            ),
        ] {
            let refused = add(world, &sam, "sources", &stated).unwrap_err();
            assert_eq!(refused.field(), Some(field), "{stated}");
        }
    });
}

#[test]
fn a_search_is_recorded_and_finds_until_the_day_is_forgotten() {
    both(902, |world| {
        let rita = world.person("rita", &["responder"]);
        for day in 0..3 {
            let signals = [signal(world, &format!("day {day} went well"))];
            by_itself(world, || TakeSignals::new(&signals)).unwrap();
            world.clock.advance(Duration::from_secs(86_400));
        }
        let find = |text: &str| {
            let noted = world.run(&rita, NoteSearch::new(wanted(world, text)).unwrap()).unwrap();
            assert_eq!(newest(world, HOUSE).0, "signal.search");
            let found = search(&world.kernel, &noted.output, 0, 10).unwrap().0;
            found.into_iter().map(|(_, _, signal)| signal.received).collect::<Vec<_>>()
        };
        assert_eq!(find("went well").len(), 3);
        assert_eq!(find("day 1").len(), 1);
        assert_eq!(find("went badly").len(), 0);
        let due = || Ok(ForgetSignals::due(&world.kernel, 2)?.expect("a day is past its time"));
        by_itself(world, due).unwrap();
        assert_eq!((find("day 0").len(), find("went well").len()), (0, 2));
        assert!(ForgetSignals::due(&world.kernel, 2).unwrap().is_none());
        let desk = world.person("desk", &["support"]);
        let asked = NoteSearch::new(wanted(world, "day")).unwrap();
        assert_eq!(kind(world.run(&desk, asked)), Kind::Forbidden);
        let long = Query { from: kernel::Moment(0), ..wanted(world, "x") };
        assert_eq!(kind(NoteSearch::new(long).map(|_| ())), Kind::Invalid);
    });
}

fn alert(world: &World, about: &str, count: u64) -> Alert {
    let now = When(world.kernel.now());
    Alert {
        rule: "r-1".to_owned(),
        version: "1".to_owned(),
        title: "Credentials are guessed".to_owned(),
        level: Level::High,
        author: None,
        tags: vec![],
        about: about.to_owned(),
        from: now,
        to: now,
        count,
        evidence: vec!["log 0 entry 3".to_owned()],
        note: None,
        shadow: false,
        retroactive: false,
        allowed: None,
        incident: None,
        answers: vec![],
        disposition: None,
    }
}

fn raise(world: &World, id: &str, alert: &Alert, calls: bool) -> Raised {
    let allowances = world_allowances(world);
    by_itself(world, || {
        RaiseAlert::new(&world.kernel, id, alert.clone(), calls, allowances.clone())
    })
    .unwrap()
}

fn world_allowances(world: &World) -> Vec<Kept<domain::detections::allowances::Allowance>> {
    let survey = domain::registers::survey(&world.kernel).unwrap();
    let house = world.run(&world.admin, Surveyed(survey)).unwrap().output;
    house.all().to_vec()
}

/// The registers as a whole, as the server's own controls see them.
struct Surveyed(domain::registers::Survey);

impl Operation for Surveyed {
    type Output = domain::registers::House;

    fn target(&self) -> kernel::Target {
        kernel::on_house(domain::register::action::<domain::measures::Read>())
    }

    fn wants(&self, wants: &mut kernel::engine::Wants) {
        self.0.wants(wants);
    }

    fn execute(&self, work: &mut kernel::Work<'_>) -> Result<kernel::After<Self::Output>> {
        // Read through the operation that reads the measures, which looks at all of them too.
        let house = self.0.find(work)?.read(work)?;
        work.note(HOUSE, "measure.read", vec![]);
        Ok(kernel::After::now(house))
    }
}

#[test]
fn one_incident_is_open_for_one_suspect_however_many_alerts() {
    both(903, |world| {
        let rita = world.person("rita", &["responder"]);
        let about = "source.ip=203.0.113.7";
        let quiet = raise(world, "alert-0", &alert(world, about, 10), false);
        assert_eq!((quiet.fresh, quiet.incident), (true, None), "it calls nobody");
        let first = raise(world, "alert-1", &alert(world, about, 10), true);
        let incident = first.began.clone().unwrap();
        let page = show(world, &rita, "incidents", &incident).unwrap();
        assert_eq!(page["severity"], 2);
        assert!(page["title"].as_str().unwrap().contains("203.0.113.7"), "{page}");
        let again = raise(world, "alert-1", &alert(world, about, 10), true);
        assert_eq!((again.fresh, again.began, again.incident), (false, None, first.incident));
        let more = raise(world, "alert-1", &alert(world, about, 25), true);
        assert_eq!((more.fresh, more.began), (false, None));
        assert_eq!(show(world, &rita, "alerts", "alert-1").unwrap()["count"], 25);
        let other = raise(world, "alert-2", &alert(world, about, 10), true);
        assert_eq!((other.began, other.incident.as_ref()), (None, Some(&incident)));
        let elsewhere = raise(world, "alert-3", &alert(world, "source.ip=203.0.113.8", 10), true);
        assert_ne!(elsewhere.began.unwrap(), incident);
        let register = domain::registers::known("pages").unwrap();
        let page = (register.page)(&world.kernel, 100, None).unwrap();
        let pages = world.run(&rita, page).unwrap().output;
        assert_eq!(pages["items"].as_array().unwrap().len(), 2, "one for each incident: {pages}");
        let said = json!({"verdict": "true-positive", "why": "a botnet"});
        let row = take(world, &rita, ("alerts", "alert-1", "dispose"), &said).unwrap();
        assert_eq!(row["state"]["word"], "true-positive");
    });
}

#[test]
fn the_clocks_of_authorities_begin_with_the_alert() {
    both(906, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        laws::in_force(&crew, world);
        let raised = raise(world, "alert-1", &alert(world, "source.ip=203.0.113.7", 10), true);
        let row = show(world, &crew.rita, "incidents", &raised.began.unwrap()).unwrap();
        let clocks = laws::listed(&row);
        assert!(clocks.len() == 2 && clocks.iter().all(|one| one.starts_with("nis2 ")), "{row}");
        world.clock.advance(Duration::from_secs(18 * 3600 + 1));
        world.kernel.tick(&domain::run_job).unwrap();
        let noted = show(world, &crew.rita, "incidents", row["id"].as_str().unwrap()).unwrap();
        assert!(noted["timeline"].to_string().contains("is due soon"), "{noted}");
    });
}

#[test]
fn an_allowance_wins_and_ends() {
    both(904, |world| {
        let sam = world.person("sam", &["security-lead"]);
        let until = When(world.kernel.now().after(Duration::from_secs(3600)));
        let allow = |value: &str| {
            let reason = "our scanner";
            json!({"field": "source.ip", "value": value, "reason": reason, "until": until})
        };
        for (stated, field) in [
            (allow("10.0.0.0/4"), "value"),
            (allow("203.0.113.0/99"), "value"),
            (allow("a b"), "value"),
            (
                json!({"field": "source.ip", "value": "203.0.113.7", "reason": "x",
                    "until": When(kernel::Moment(5))}),
                "until",
            ),
        ] {
            let refused = add(world, &sam, "allowances", &stated).unwrap_err();
            assert_eq!(refused.field(), Some(field), "{stated}");
        }
        add(world, &sam, "allowances", &allow("203.0.113.0/24")).unwrap();
        let raised = raise(world, "alert-1", &alert(world, "source.ip=203.0.113.7", 10), true);
        assert_eq!((raised.allowed, raised.began), (true, None));
        assert_eq!(show(world, &sam, "alerts", "alert-1").unwrap()["state"]["word"], "allowed");
        let other = raise(world, "alert-2", &alert(world, "source.ip=198.51.100.7", 10), true);
        assert!(other.began.is_some());
        world.clock.advance(Duration::from_secs(3601));
        let late = raise(world, "alert-3", &alert(world, "source.ip=203.0.113.7", 10), true);
        assert!(late.began.is_some(), "the allowance is over");
        let shadow = Alert { shadow: true, ..alert(world, "source.ip=203.0.113.99", 10) };
        assert_eq!(raise(world, "alert-4", &shadow, true).began, None, "it only watches");
    });
}

#[test]
fn what_the_server_keeps_nobody_states() {
    both(905, |world| {
        let sam = world.person("sam", &["security-lead", "responder"]);
        for register in ["alerts", "suspects", "coverages", "acquaintances"] {
            assert_eq!(kind(add(world, &sam, register, &json!({}))), Kind::Conflict, "{register}");
        }
        keep(world, EVALUATED, &watched(world));
        let row = show(world, &sam, "coverages", EVALUATED).unwrap();
        assert_eq!(row["state"]["word"], "whole");
        world.clock.advance(Duration::from_secs(16 * 60));
        let row = show(world, &sam, "coverages", EVALUATED).unwrap();
        assert_eq!(row["state"]["word"], "stale");
    });
}
