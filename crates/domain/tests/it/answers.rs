//! Answers: what they refuse, from which commit on, whom they must not be on, and how they end.

use crate::detections::by_itself;
use crate::members::begin;
use crate::registers::{add, show, take};
use crate::support::{both, field, kind, name};
use crate::vendors::{Team as Vendors, accounts};
use domain::accounts::ListAccounts;
use domain::answers::{Asked as Wanted, Kind as Answers};
use domain::data::{Condition, GetRecord};
use domain::detections::{Alert, Level};
use domain::incidents::raising::{RaiseAlert, Raised};
use domain::members::{IssueLink, LinkLife};
use domain::people::CreatePerson;
use domain::register::When;
use kernel::authority::Place;
use kernel::{Act, HOUSE, Kind, Moment, Result};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;
use testkit::World;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn until(world: &World, minutes: u64) -> String {
    world.kernel.now().after(Duration::from_secs(minutes * 60)).rfc3339()
}

fn answer(world: &World, token: &str, kind: &str, target: &str) -> Result<Value> {
    let stated = json!({"kind": kind, "target": target, "reason": "they guess passwords"});
    add(world, token, "answers", &stated)
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_ban_counts_from_its_commit_to_its_end() {
    both(51, |world| {
        let responder = world.person("rob", &["responder"]);
        world.kernel.admit(ip("203.0.113.9")).unwrap();
        let row = answer(world, &responder, "ban", "203.0.113.9").unwrap();
        assert_eq!(
            (&row["state"]["word"], &row["target"]),
            (&json!("in-force"), &json!("203.0.113.9"))
        );
        let refused = world.kernel.admit(ip("203.0.113.9")).unwrap_err();
        assert_eq!(refused.kind(), Kind::Forbidden);
        assert_eq!((refused.restraint(), refused.retry()), (row["id"].as_str(), Some(86_400)));
        assert!(refused.message().contains("lift"), "{refused}");
        world.kernel.admit(ip("::ffff:203.0.113.9")).unwrap_err();
        world.kernel.admit(ip("203.0.113.10")).unwrap();
        // It lapses by the clock alone.
        world.clock.advance(Duration::from_secs(86_400));
        world.kernel.admit(ip("203.0.113.9")).unwrap();
        let rob = world.person("rob2", &["responder"]);
        assert_eq!(show(world, &rob, "answers", &id(&row)).unwrap()["state"]["word"], "lapsed");
        // And it is lifted by a commit.
        let row = answer(world, &rob, "ban", "2001:db8::7").unwrap();
        assert_eq!(row["target"], "2001:db8::/64");
        world.kernel.admit(ip("2001:db8::ffff")).unwrap_err();
        let why = json!({"reason": "the wrong one"});
        let lifted = take(world, &rob, ("answers", &id(&row), "lift"), &why).unwrap();
        assert_eq!(lifted["state"]["word"], "lifted");
        world.kernel.admit(ip("2001:db8::ffff")).unwrap();
        assert_eq!(kind(take(world, &rob, ("answers", &id(&row), "lift"), &why)), Kind::Conflict);
    });
}

#[test]
fn what_would_be_an_outage_is_refused_with_what_to_do() {
    both(52, |world| {
        let responder = world.person("rob", &["responder"]);
        let allow = json!({"field": "source.ip", "value": "198.51.100.0/24", "reason": "office",
            "until": until(world, 60)});
        let lead = world.person("lea", &["security-lead"]);
        let office = add(world, &lead, "allowances", &allow).unwrap();
        world.kernel.authority().spare(vec![Place::Network("192.0.2.1".parse().unwrap())]);
        for (what, target, word) in [
            ("ban", "0.0.0.0/0", "/16"),
            ("ban", "::/0", "/32"),
            ("ban", "10.0.0.0/15", "/16"),
            ("ban", "198.51.100.7", "allow-list"),
            ("ban", "198.51.0.0/16", "198.51.100.0/24"),
            ("limit", "192.0.2.1", "allow-list"),
            ("ban", "192.0.2.0/24", "192.0.2.1"),
            ("ban", "somewhere", "192.0.2.7"),
            ("ban", "person:rob", "192.0.2.7"),
            ("ban", "", "192.0.2.7"),
            ("lock", "person:nobody", "somebody active"),
            ("lock", "service:nobody", "somebody active"),
            ("lock", "203.0.113.9", "somebody active"),
            ("suspend", "person:lea", "lock a person"),
            ("lock", "person:rob", "yourself"),
            ("close-account", "nobody", "an account"),
            ("close-account", "../x", "an account"),
            ("close-vendor", "nobody", "vendor"),
        ] {
            let error = answer(world, &responder, what, target).unwrap_err();
            assert_eq!((error.kind(), error.field()), (Kind::Invalid, Some("target")), "{target}");
            assert!(error.message().contains(word), "{what} {target}: {error}");
        }
        let ban = |until: String| {
            let stated = json!({"kind": "ban", "target": "203.0.113.9", "reason": "x",
                "until": until});
            add(world, &responder, "answers", &stated)
        };
        let late = world.kernel.now().after(Duration::from_secs(91 * 86_400)).rfc3339();
        for bad in [world.kernel.now().rfc3339(), "2020-01-01T00:00:00Z".to_owned(), late] {
            assert_eq!(field(ban(bad)), (Kind::Invalid, "until".to_owned()));
        }
        // What comes on the allow-list later wins as well, and what leaves it does not stay on it.
        world.kernel.authority().spare(vec![]);
        answer(world, &responder, "ban", "203.0.113.9").unwrap();
        let allow = json!({"field": "source.ip", "value": "203.0.113.9", "reason": "a customer",
            "until": until(world, 60)});
        let row = add(world, &lead, "allowances", &allow).unwrap();
        world.kernel.admit(ip("203.0.113.9")).unwrap();
        take(world, &lead, ("allowances", &id(&row), "end"), &json!({"reason": "x"})).unwrap();
        world.kernel.admit(ip("203.0.113.9")).unwrap_err();
        take(world, &lead, ("allowances", &id(&office), "end"), &json!({"reason": "x"})).unwrap();
        answer(world, &responder, "ban", "198.51.100.7").unwrap();
    });
}

#[test]
fn somebody_locked_is_refused_and_their_sessions_are_over() {
    both(53, |world| {
        let responder = world.person("rob", &["responder"]);
        let lea = world.person("lea", &["security-lead"]);
        let link = IssueLink::person(&world.kernel, &name("lea"), LinkLife::default()).unwrap();
        let link = world.run(&world.admin, link).unwrap().output.token;
        let session = begin(world, &link).unwrap().token;
        world.kernel.identify(&session).unwrap();
        let caller = world.kernel.identify(&lea).unwrap();
        let row = answer(world, &responder, "lock", "person:lea").unwrap();
        assert_eq!(row["sessions"], 1);
        // Who was let in before is refused as well: rights are those of now.
        let refused = world.kernel.allow(&caller, ListAccounts::ACTION, HOUSE).unwrap_err();
        assert_eq!((refused.kind(), refused.restraint()), (Kind::Forbidden, row["id"].as_str()));
        let refused = world.kernel.identify(&lea).unwrap_err();
        assert_eq!((refused.kind(), refused.restraint()), (Kind::Forbidden, row["id"].as_str()));
        assert_eq!(kind(world.kernel.identify(&session)), Kind::Unauthenticated);
        take(world, &responder, ("answers", &id(&row), "lift"), &json!({"reason": "x"})).unwrap();
        world.kernel.identify(&lea).unwrap();
        assert_eq!(kind(world.kernel.identify(&session)), Kind::Unauthenticated, "it is over");
    });
}

#[test]
fn the_last_one_who_could_undo_it_is_not_locked() {
    both(54, |world| {
        let responder = world.person("rob", &["responder"]);
        let lea = world.person("lea", &["security-lead"]);
        let first = world.kernel.identify(&world.admin).unwrap().principal.to_string();
        let error = answer(world, &responder, "lock", &first).unwrap_err();
        assert!(error.message().contains("`administrator`"), "{error}");
        world.person("ada", &["administrator"]);
        answer(world, &responder, "lock", &first).unwrap();
        let error = answer(world, &responder, "lock", "person:ada").unwrap_err();
        assert!(error.message().contains("last one"), "the other is locked: {error}");
        let row = answer(world, &responder, "lock", "person:lea").unwrap();
        assert_eq!(kind(world.kernel.identify(&lea)), Kind::Forbidden);
        take(world, &responder, ("answers", &id(&row), "lift"), &json!({"reason": "x"})).unwrap();
        answer(world, &lea, "lock", "person:rob").unwrap();
    });
}

pub fn alert(about: &str, at: Moment) -> Alert {
    Alert {
        rule: "rule-1".to_owned(),
        version: "1".to_owned(),
        title: "Credentials are guessed".to_owned(),
        level: Level::Medium,
        author: None,
        tags: vec![],
        about: about.to_owned(),
        from: When(at),
        to: When(at),
        count: 20,
        evidence: vec![],
        note: None,
        shadow: false,
        retroactive: false,
        allowed: None,
        incident: None,
        answers: vec![],
        disposition: None,
    }
}

/// Tells an alert as the server does, with the right of the tick.
pub fn raise(world: &World, id: &str, alert: Alert, asked: Wanted) -> Raised {
    let raise = || {
        let raise = RaiseAlert::new(&world.kernel, id, alert.clone(), false, vec![])?;
        Ok(raise.answered(Some(asked.clone())))
    };
    by_itself(world, raise).unwrap()
}

/// A ban of this target, as a rule asks for it.
pub fn ban(target: &str) -> Wanted {
    let (kind, lasts) = (Answers::Ban, Duration::from_secs(7 * 86_400));
    Wanted { kind, target: target.to_owned(), lasts }
}

#[test]
fn an_alert_is_answered_in_its_own_commit() {
    both(55, |world| {
        let responder = world.person("rob", &["responder"]);
        let lead = world.person("lea", &["security-lead"]);
        let now = world.kernel.now();
        let about = alert("source.ip=203.0.113.9", now);
        let raised = raise(world, "alert-1", about.clone(), ban("203.0.113.9"));
        assert_eq!(raised.answer.as_deref(), Some("ban: answers/answer-1"));
        world.kernel.admit(ip("203.0.113.9")).unwrap_err();
        let row = show(world, &responder, "answers", "answer-1").unwrap();
        assert_eq!((&row["automatic"], &row["alert"]), (&json!(true), &json!("alert-1")));
        let end = When::parse(row["until"].as_str().unwrap()).unwrap().0;
        assert!(end.since(now) <= Duration::from_secs(86_401), "a day at most: {row}");
        let kept = show(world, &responder, "alerts", "alert-1").unwrap();
        assert_eq!(kept["answers"][0]["what"], "ban: answers/answer-1");
        // Told again, it is answered no second time, even if somebody lifted the answer.
        let why = json!({"reason": "a customer"});
        take(world, &responder, ("answers", "answer-1", "lift"), &why).unwrap();
        let more = Alert { count: 40, ..about };
        assert_eq!(raise(world, "alert-1", more, ban("203.0.113.9")).answer, None);
        world.kernel.admit(ip("203.0.113.9")).unwrap();
        // On trial, about the past, on an allow-list or on a whole network: nothing is done.
        let trial = Alert { shadow: true, ..alert("source.ip=203.0.113.10", now) };
        assert_eq!(raise(world, "alert-2", trial, ban("203.0.113.10")).answer, None);
        let past = Alert { retroactive: true, ..alert("source.ip=203.0.113.10", now) };
        assert_eq!(raise(world, "alert-3", past, ban("203.0.113.10")).answer, None);
        let wide = raise(world, "alert-4", alert("x=1", now), ban("203.0.113.0/24"));
        assert!(wide.answer.unwrap().contains("only one address"));
        let allow = json!({"field": "source.ip", "value": "203.0.113.11", "reason": "ours",
            "rule": "rule-1", "until": until(world, 60)});
        add(world, &lead, "allowances", &allow).unwrap();
        let spared = raise(world, "alert-5", alert("x=1", now), ban("203.0.113.11"));
        assert!(spared.answer.unwrap().contains("allow-list"));
        world.kernel.admit(ip("203.0.113.10")).unwrap();
        let lock = Wanted { kind: Answers::Lock, target: "person:rob".to_owned(), ..ban("") };
        let raised = raise(world, "alert-6", alert("user.name=person:rob", now), lock);
        assert_eq!(raised.answer.as_deref(), Some("lock: answers/answer-6"));
        assert_eq!(kind(world.kernel.identify(&responder)), Kind::Forbidden);
    });
}

#[test]
fn who_is_limited_is_served_at_a_pace_and_the_others_as_before() {
    both(56, |world| {
        let responder = world.person("rob", &["responder"]);
        let service = world.service("import");
        answer(world, &responder, "limit", "service:import").unwrap();
        answer(world, &responder, "limit", "203.0.113.9").unwrap();
        let served = (0..100).filter(|_| world.kernel.identify(&service).is_ok()).count();
        assert_eq!(served, 10, "a burst and no more at one moment");
        let refused = world.kernel.identify(&service).unwrap_err();
        assert_eq!((refused.kind(), refused.retry()), (Kind::Limit, Some(1)));
        let let_in = (0..100).filter(|_| world.kernel.admit(ip("203.0.113.9")).is_ok()).count();
        assert_eq!(let_in, 10);
        assert_eq!(kind(world.kernel.admit(ip("203.0.113.9"))), Kind::Limit);
        world.kernel.admit(ip("203.0.113.8")).unwrap();
        (0..100).for_each(|_| drop(world.kernel.identify(&responder).unwrap()));
        world.clock.advance(Duration::from_secs(1));
        world.kernel.identify(&service).unwrap();
        world.kernel.admit(ip("203.0.113.9")).unwrap();
        assert_eq!(kind(world.kernel.identify(&service)), Kind::Limit);
        // Lapsed, it is let go of.
        assert_eq!(world.kernel.authority().restraints(), 2);
        world.clock.advance(Duration::from_secs(86_400));
        world.kernel.tick(&domain::run_job).unwrap();
        assert_eq!(world.kernel.authority().restraints(), 0);
    });
}

#[test]
fn a_closed_account_is_open_to_its_own_members_alone() {
    both(57, |world| {
        let responder = world.person("rob", &["responder"]);
        let desk = world.service("desk");
        let verbs = ["read", "write", "open", "export"];
        world.grant("service:desk", "*", "*", &verbs);
        let acme = world.account(&desk, "acme").unwrap();
        let other = world.account(&desk, "other").unwrap();
        for account in [&acme, &other] {
            world.collection(&desk, account, "cases").unwrap();
            world.put(&desk, (account, "cases", "a"), "1").unwrap();
        }
        let link = house_member(world, "acme");
        let row = answer(world, &responder, "close-account", "acme").unwrap();
        let refused = world.get(&desk, (&acme, "cases", "a")).unwrap_err();
        assert_eq!((refused.kind(), refused.restraint()), (Kind::Forbidden, row["id"].as_str()));
        assert!(refused.message().contains("its own members"), "{refused}");
        assert_eq!(kind(world.put(&desk, (&acme, "cases", "b"), "1")), Kind::Forbidden);
        world.get(&desk, (&other, "cases", "a")).unwrap();
        // Somebody who may not know of the account learns nothing from that.
        let stranger = world.service("stranger");
        assert_eq!(kind(world.get(&stranger, (&acme, "cases", "a"))), Kind::NotFound);
        let session = begin(world, &link).unwrap().token;
        let caller = world.kernel.identify(&session).unwrap();
        let slot = crate::support::slot(world, &acme);
        let read = domain::register::action::<domain::portal::Look>();
        world.kernel.allow(&caller, read, slot).unwrap();
        take(world, &responder, ("answers", &id(&row), "lift"), &json!({"reason": "x"})).unwrap();
        world.get(&desk, (&acme, "cases", "a")).unwrap();
    });
}

/// A link for an administrator of an account.
fn house_member(world: &World, account: &str) -> String {
    let name_of = format!("{account}.ana");
    let row = json!({"name": name_of, "account": account, "full_name": "Ana Ames",
        "email": "ana@acme.example", "part": "administrator"});
    add(world, &world.admin, "members", &row).unwrap();
    let link = IssueLink::member(&world.kernel, &name(&name_of), LinkLife::default()).unwrap();
    world.run(&world.admin, link).unwrap().output.token
}

#[test]
fn a_suspended_service_is_refused_and_comes_back_by_itself() {
    both(58, |world| {
        let responder = world.person("rob", &["responder"]);
        let service = world.service("import");
        let row = json!({"kind": "suspend", "target": "service:import", "reason": "stolen",
            "until": until(world, 5), "incident": "incident-1"});
        let row = add(world, &responder, "answers", &row).unwrap();
        assert_eq!(row["incident"], "incident-1");
        assert_eq!(kind(world.kernel.identify(&service)), Kind::Forbidden);
        let more = json!({"until": until(world, 10), "reason": "not yet"});
        take(world, &responder, ("answers", &id(&row), "extend"), &more).unwrap();
        world.clock.advance(Duration::from_secs(9 * 60));
        assert_eq!(kind(world.kernel.identify(&service)), Kind::Forbidden);
        world.clock.advance(Duration::from_secs(60));
        world.kernel.identify(&service).unwrap();
        let late = take(world, &responder, ("answers", &id(&row), "extend"), &more);
        assert_eq!(kind(late), Kind::Conflict);
    });
}

#[test]
fn a_closed_vendor_is_refused_from_the_next_access_on_and_gets_back_what_it_had() {
    both(60, |world| {
        let team = Vendors::new(world);
        let responder = world.person("rob", &["responder"]);
        let (one, two) = accounts(world);
        for (vendor, account) in [("acme", &one), ("other", &two)] {
            team.ready(vendor, "support-access");
            team.engage(&format!("case-{vendor}"), vendor, account.as_str(), 100).unwrap();
        }
        let person = CreatePerson::new(&world.kernel, "vic", None, None, vec!["support".into()]);
        let vic = world.run(&team.admin(), person.unwrap().with_vendor("acme")).unwrap();
        let vic = vic.output.token;
        let bot = team.service("acme-bot", "acme").unwrap();
        let bystander = team.service("other-bot", "other").unwrap();
        team.obtain(&vic, one.as_str(), &["read"]).unwrap();
        for (holder, account) in [("service:acme-bot", &one), ("service:other-bot", &two)] {
            team.grant(holder, account.as_str(), "c", &["read"]).unwrap();
        }
        let own = world.service("desk");
        world.grant("service:desk", "*", "*", &["read"]);
        let asked = world.asked(&vic).unwrap();
        let reads = |token: &str, account| world.get(token, (account, "c", "x"));
        let everything = || {
            let rights = world.kernel.authority();
            let who = rights.principals().into_iter().map(|one| format!("{one:?}"));
            let what = rights.grants().into_iter().map(|one| format!("{one:?}"));
            who.chain(what).collect::<std::collections::BTreeSet<_>>()
        };
        for token in [&vic, &bot] {
            reads(token, &one).unwrap();
            assert!(reads(token, &two).is_err(), "outside the engagement");
        }
        let before = everything();
        let row = answer(world, &responder, "close-vendor", "acme").unwrap();
        // The very next access of each of them, with what they hold already.
        let place = world.place(&one, "c");
        let record = crate::support::record("x");
        let get = GetRecord::new(&world.kernel, place, &record, None, Condition::None).unwrap();
        let refused = world.kernel.run(asked, get).map(|_| ()).unwrap_err();
        assert_eq!((refused.kind(), refused.restraint()), (Kind::Forbidden, row["id"].as_str()));
        for token in [&vic, &bot] {
            let refused = world.kernel.identify(token).unwrap_err();
            let told = (refused.kind(), refused.restraint());
            assert_eq!(told, (Kind::Forbidden, row["id"].as_str()));
        }
        for (token, account) in [(&own, &one), (&own, &two), (&bystander, &two)] {
            reads(token, account).unwrap();
        }
        assert_eq!(kind(reads(&bystander, &one)), Kind::NotFound, "no more than before");
        world.kernel.identify(&responder).unwrap();
        let why = json!({"reason": "it was somebody else"});
        take(world, &responder, ("answers", &id(&row), "lift"), &why).unwrap();
        assert_eq!(everything(), before, "the rights are those of before");
        for token in [&vic, &bot] {
            reads(token, &one).unwrap();
            assert!(reads(token, &two).is_err(), "and no more");
        }
    });
}

#[test]
fn thousands_of_answers_are_held_and_no_more() {
    let world = World::memory(59);
    let now = world.kernel.now();
    let rights = world.kernel.authority();
    let restraint = |nth: u32| {
        let address = std::net::Ipv4Addr::from(0xcb00_0000 + nth);
        kernel::authority::Right::Restraint(kernel::authority::Restraint {
            id: format!("answer-{nth}"),
            place: Place::Network(address.to_string().parse().unwrap()),
            slows: false,
            rule: None,
            until: Moment(now.0 + 60_000_000),
        })
    };
    rights.apply((0..9_000).map(restraint));
    let ban = |nth: u32, target: &str| {
        let asked =
            Wanted { kind: Answers::Ban, target: target.to_owned(), lasts: Duration::from_secs(9) };
        raise(&world, &format!("alert-{nth}"), alert("x=1", now), asked).answer.unwrap()
    };
    assert!(ban(1, "198.51.100.7").contains("9000 answers are in force"));
    // People have room left, up to an end.
    let responder = world.person("rob", &["responder"]);
    answer(&world, &responder, "ban", "198.51.100.7").unwrap();
    rights.apply((9_000..9_999).map(restraint));
    assert_eq!(rights.restraints(), 10_000);
    let full = answer(&world, &responder, "ban", "198.51.100.8").unwrap_err();
    assert_eq!(full.kind(), Kind::Limit, "{full}");
    world.kernel.admit(ip("203.0.0.7")).unwrap_err();
    world.clock.advance(Duration::from_secs(60));
    world.kernel.tick(&domain::run_job).unwrap();
    assert_eq!(rights.restraints(), 1);
    assert_eq!(ban(2, "198.51.100.9"), "ban: answers/answer-2");
}
