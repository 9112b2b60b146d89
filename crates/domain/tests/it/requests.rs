//! Access requests: asked with a purpose, approved by others over what was stated, begun by the
//! holder, and never wider or longer than that.

use crate::registers::{add, show, take};
use crate::support::{Scene, both, entry, field, kind, name, newest, says, size};
use domain::grants::requests::{APPROVED_LIFE, ASKED_LIFE};
use domain::grants::{Grant, ReleaseGrant};
use domain::people::EndPerson;
use domain::register::Read;
use kernel::{HOUSE, Kind, Moment, Result};
use serde_json::{Value, json};
use std::time::Duration;

const REQUESTS: &str = "access-requests";

impl Scene<'_> {
    fn wish(&self, verbs: &[&str]) -> Value {
        json!({"account": self.account.as_str(), "collections": ["c"], "verbs": verbs,
            "purpose": "a reader sees half a page", "reference": "T-17", "for_seconds": 3600})
    }

    fn ask(&self, verbs: &[&str]) -> String {
        let made = add(self.world, &self.eve, REQUESTS, &self.wish(verbs)).unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    fn row(&self, id: &str) -> Value {
        show(self.world, &self.world.admin, REQUESTS, id).unwrap()
    }

    fn approve(&self, token: &str, id: &str) -> Result<Value> {
        let terms = self.row(id)["terms_sha256"].clone();
        take(self.world, token, (REQUESTS, id, "approve"), &json!({ "terms_sha256": terms }))
    }

    fn step(&self, token: &str, id: &str, verb: &str, stated: &Value) -> Result<Value> {
        take(self.world, token, (REQUESTS, id, verb), stated)
    }

    fn begin(&self, id: &str) -> Result<Value> {
        self.step(&self.eve, id, "begin", &json!({}))
    }

    fn grant(&self, id: &str) -> Grant {
        let read = Read::<Grant>::new(&self.world.kernel, id).unwrap();
        self.world.run(&self.world.admin, read).unwrap().output
    }
}

fn word(row: &Value) -> &str {
    row["state"]["word"].as_str().unwrap()
}

#[test]
fn access_is_asked_for_approved_and_begun() {
    both(501, |world| {
        let scene = Scene::new(world);
        let id = scene.ask(&["read"]);
        let row = scene.row(&id);
        assert_eq!((word(&row), &row["needed"]), ("asked", &json!(1)));
        assert_eq!(row["asked_by"], "person:eve");
        assert!(!scene.reads(), "asking gives nothing");
        assert_eq!(kind(scene.begin(&id)), Kind::Conflict, "and neither does beginning it");
        let row = scene.approve(&scene.abe, &id).unwrap();
        assert_eq!((word(&row), &row["state"]["who"]), ("approved", &json!("person:eve")));
        assert!(!scene.reads(), "an approval is no access until the work begins");
        world.clock.advance(Duration::from_secs(60));
        let row = scene.begin(&id).unwrap();
        assert_eq!(word(&row), "begun");
        assert!(scene.reads());
        let grant = scene.grant(row["begun"]["grant"].as_str().unwrap());
        assert_eq!((grant.to.as_str(), grant.approver.as_str()), ("person:eve", "person:abe"));
        assert_eq!(grant.request.as_deref(), Some(id.as_str()));
        assert!(!grant.bootstrap);
        let window = Moment(grant.not_after).since(Moment(grant.not_before));
        assert_eq!(window, Duration::from_secs(3600), "it counts from when it was begun");
        let (kind_of, fields) = entry(world, HOUSE, grant.given);
        assert_eq!(kind_of, "access-request.begin");
        assert_eq!(fields["granted"], grant.id);
        assert_eq!(kind(scene.begin(&id)), Kind::Conflict, "once");
        world.clock.advance(Duration::from_secs(3600));
        assert!(!scene.reads(), "and ends by itself");
        assert_eq!(word(&scene.row(&id)), "over", "the row stays");
    });
}

#[test]
fn nobody_approves_what_is_about_them() {
    both(502, |world| {
        let scene = Scene::new(world);
        let amy = world.person("amy", &["approver", "engineer"]);
        let made = add(world, &amy, REQUESTS, &scene.wish(&["read"])).unwrap();
        let id = made["id"].as_str().unwrap();
        let own = scene.approve(&amy, id).unwrap_err();
        assert!(own.kind() == Kind::Forbidden && says(&own, "it is about them"), "{own:?}");
        // An engineer has no role for it: the policies say so, before any rule is asked.
        assert_eq!(kind(scene.approve(&scene.eve, id)), Kind::Forbidden);
        let hidden = kind(scene.step(&scene.eve, id, "begin", &json!({})));
        assert_eq!(hidden, Kind::NotFound, "what others ask for is not theirs to see");
        assert_eq!(kind(scene.step(&scene.abe, id, "begin", &json!({}))), Kind::Forbidden);
        scene.approve(&scene.abe, id).unwrap();
        assert_eq!(kind(scene.step(&scene.abe, id, "begin", &json!({}))), Kind::Forbidden);
        assert_eq!(kind(scene.approve(&scene.abe, id)), Kind::Conflict, "twice is once");
        // Not for somebody else, and for a service only by its owner, who does not approve.
        let mut wish = scene.wish(&["read"]);
        wish["to"] = json!("person:amy");
        assert_eq!(kind(add(world, &scene.eve, REQUESTS, &wish)), Kind::Forbidden);
        wish["to"] = json!("service:import");
        assert_eq!(kind(add(world, &scene.eve, REQUESTS, &wish)), Kind::Forbidden);
        let made = add(world, &world.admin, REQUESTS, &wish).unwrap();
        let id = made["id"].as_str().unwrap();
        let owner = scene.approve(&world.admin, id).unwrap_err();
        assert!(says(&owner, "it is about them"), "{owner:?}");
        let row = scene.approve(&scene.abe, id).unwrap();
        assert_eq!(word(&row), "begun", "a service's begins with the approval");
    });
}

#[test]
fn what_takes_data_out_or_away_takes_two() {
    both(503, |world| {
        let scene = Scene::new(world);
        for verbs in [&["delete"][..], &["read", "export"]] {
            let id = scene.ask(verbs);
            let row = scene.approve(&scene.abe, &id).unwrap();
            assert_eq!(word(&row), "asked", "{verbs:?}");
            assert!(row["state"]["what"].as_str().unwrap().starts_with("1 of 2"), "{row}");
            assert_eq!(kind(scene.begin(&id)), Kind::Conflict);
            assert_eq!(word(&scene.approve(&scene.ann, &id).unwrap()), "approved");
            scene.begin(&id).unwrap();
        }
        let mut wish = scene.wish(&["read"]);
        wish["account"] = json!("*");
        let made = add(world, &scene.eve, REQUESTS, &wish).unwrap();
        assert_eq!(made["needed"], 2, "every account at once");
    });
}

#[test]
fn one_approves_what_one_read() {
    both(504, |world| {
        let scene = Scene::new(world);
        let id = scene.ask(&["read"]);
        let other = scene.ask(&["read", "write"]);
        let terms = scene.row(&other)["terms_sha256"].clone();
        let wrong =
            scene.step(&scene.abe, &id, "approve", &json!({ "terms_sha256": terms })).unwrap_err();
        assert_eq!(wrong.field(), Some("terms_sha256"));
        // The same wish a second time has another hash: an approval cannot be replayed.
        let again = scene.ask(&["read"]);
        assert_ne!(scene.row(&again)["terms_sha256"], scene.row(&id)["terms_sha256"]);
        assert_eq!(word(&scene.row(&id)), "asked");
    });
}

#[test]
fn requests_and_approvals_lapse_and_can_be_refused_or_taken_back() {
    both(505, |world| {
        let scene = Scene::new(world);
        let id = scene.ask(&["read"]);
        world.clock.advance(ASKED_LIFE);
        assert_eq!(word(&scene.row(&id)), "lapsed");
        let late = scene.approve(&scene.abe, &id).unwrap_err();
        assert!(says(&late, "this request is lapsed"), "{late:?}");
        let id = scene.ask(&["read"]);
        scene.approve(&scene.abe, &id).unwrap();
        world.clock.advance(APPROVED_LIFE);
        assert_eq!(kind(scene.begin(&id)), Kind::Conflict, "an approval that nobody uses is none");
        let id = scene.ask(&["read"]);
        let why = json!({"reason": "the case is closed"});
        assert_eq!(kind(scene.step(&scene.eve, &id, "deny", &why)), Kind::Forbidden);
        assert_eq!(kind(scene.step(&scene.abe, &id, "withdraw", &why)), Kind::Forbidden);
        let row = scene.step(&scene.abe, &id, "deny", &why).unwrap();
        assert_eq!((word(&row), &row["closed"]["mark"]["by"]), ("denied", &json!("person:abe")));
        assert_eq!(kind(scene.approve(&scene.ann, &id)), Kind::Conflict);
        let id = scene.ask(&["read"]);
        assert_eq!(word(&scene.step(&scene.eve, &id, "withdraw", &why).unwrap()), "withdrawn");
    });
}

#[test]
fn an_approver_who_left_has_approved_nothing() {
    both(506, |world| {
        let scene = Scene::new(world);
        let id = scene.ask(&["read"]);
        scene.approve(&scene.abe, &id).unwrap();
        let end = EndPerson::new(&world.kernel, &name("abe")).unwrap();
        world.run(&world.admin, end).unwrap();
        let refused = scene.begin(&id).unwrap_err();
        assert!(says(&refused, "0 of 1 approvals count"), "{refused:?}");
        world.kernel.tick(&domain::run_job).unwrap();
        let row = scene.row(&id);
        assert_eq!(word(&row), "asked", "and the register says so: {row}");
        assert_eq!(row["approvals"][0]["taken_back"]["by"], "person:admin");
        scene.approve(&scene.ann, &id).unwrap();
        scene.begin(&id).unwrap();
        // Whoever asked leaves: what they asked for goes with them.
        let open = scene.ask(&["read"]);
        let end = EndPerson::new(&world.kernel, &name("eve")).unwrap();
        world.run(&world.admin, end).unwrap();
        assert!(!scene.reads());
        world.kernel.tick(&domain::run_job).unwrap();
        assert_eq!(word(&scene.row(&open)), "withdrawn");
        let row = scene.row(&id);
        let grant = scene.grant(row["begun"]["grant"].as_str().unwrap());
        assert_eq!(grant.state(world.kernel.now()), "ended", "and so does what they held");
    });
}

#[test]
fn when_the_last_approver_leaves_nothing_begins_until_there_is_another() {
    both(516, |world| {
        let scene = Scene::new(world);
        let id = scene.ask(&["read"]);
        scene.approve(&scene.abe, &id).unwrap();
        for who in ["ann", "abe"] {
            let end = EndPerson::new(&world.kernel, &name(who)).unwrap();
            world.run(&world.admin, end).unwrap();
        }
        let refused = scene.begin(&id).unwrap_err();
        assert!(says(&refused, "0 of 1 approvals count"), "{refused:?}");
        assert!(!scene.reads());
        // The administrator who is left approves; nobody is left who approves for them.
        scene.approve(&world.admin, &id).unwrap();
        scene.begin(&id).unwrap();
        let robot = world.service("robot");
        drop(robot);
        let wish = json!({"to": "service:robot", "account": scene.account.as_str(),
            "collections": ["*"], "verbs": ["read"], "purpose": "p", "reference": "r",
            "for_seconds": 60});
        let own = add(world, &world.admin, REQUESTS, &wish).unwrap();
        let alone = scene.approve(&world.admin, own["id"].as_str().unwrap()).unwrap_err();
        assert!(says(&alone, "give another person the role `approver`"), "{alone:?}");
    });
}

#[test]
fn an_extension_continues_and_reaches_no_further() {
    both(507, |world| {
        let scene = Scene::new(world);
        let id = scene.ask(&["read"]);
        scene.approve(&scene.abe, &id).unwrap();
        let first = scene.begin(&id).unwrap()["begun"]["grant"].as_str().unwrap().to_owned();
        let mut wish = scene.wish(&["read", "write"]);
        wish["extends"] = json!(first);
        assert_eq!(field(add(world, &scene.eve, REQUESTS, &wish)).1, "verbs");
        wish["verbs"] = json!(["read"]);
        wish["collections"] = json!(["*"]);
        assert_eq!(field(add(world, &scene.eve, REQUESTS, &wish)).1, "collections");
        wish["collections"] = json!(["c"]);
        wish["extends"] = json!("grant_00000000000000000000000000000000");
        assert_eq!(field(add(world, &scene.eve, REQUESTS, &wish)).1, "extends");
        wish["extends"] = json!(first);
        let made = add(world, &scene.eve, REQUESTS, &wish).unwrap();
        let id = made["id"].as_str().unwrap();
        scene.approve(&scene.abe, id).unwrap();
        let row = scene.begin(id).unwrap();
        let (before, after) =
            (scene.grant(&first), scene.grant(row["begun"]["grant"].as_str().unwrap()));
        assert_eq!(after.not_before, before.not_after, "one after the other");
        world.clock.advance(Duration::from_secs(3600));
        assert!(scene.reads());
        world.clock.advance(Duration::from_secs(3600));
        assert!(!scene.reads());
    });
}

#[test]
fn whoever_holds_a_grant_gives_it_back() {
    both(508, |world| {
        let scene = Scene::new(world);
        let id = scene.ask(&["read"]);
        scene.approve(&scene.abe, &id).unwrap();
        let row = scene.begin(&id).unwrap();
        let grant = row["begun"]["grant"].as_str().unwrap();
        let release = || ReleaseGrant::new(&world.kernel, grant).unwrap();
        let others = kind(world.run(&scene.ann, release()));
        assert_eq!(others, Kind::NotFound, "somebody else's is not there");
        let row = world.run(&scene.eve, release()).unwrap().output;
        assert_eq!(row.ended_by.as_deref(), Some("person:eve"));
        assert!(!scene.reads());
    });
}

#[test]
fn what_is_asked_is_seen_by_those_it_is_about_and_those_who_oversee() {
    both(509, |world| {
        let scene = Scene::new(world);
        let id = scene.ask(&["read"]);
        let sam = world.person("sam", &["support"]);
        assert_eq!(kind(show(world, &sam, REQUESTS, &id)), Kind::NotFound);
        for token in [&scene.eve, &scene.abe, &world.admin] {
            show(world, token, REQUESTS, &id).unwrap();
        }
        let register = domain::registers::known(REQUESTS).unwrap();
        let list = |token: &str| {
            let page = (register.page)(&world.kernel, 10, None).unwrap();
            world.run(token, page).unwrap().output["items"].as_array().unwrap().len()
        };
        assert_eq!((list(&sam), list(&scene.eve)), (0, 1));
    });
}

#[test]
fn a_wish_is_whole_and_within_the_role() {
    both(510, |world| {
        let scene = Scene::new(world);
        let house = size(world, HOUSE);
        let bad = |change: &dyn Fn(&mut Value)| {
            let mut wish = scene.wish(&["read"]);
            change(&mut wish);
            field(add(world, &scene.eve, REQUESTS, &wish)).1
        };
        assert_eq!(bad(&|wish| wish["purpose"] = json!(" ")), "purpose");
        assert_eq!(bad(&|wish| wish["reference"] = json!("")), "reference");
        assert_eq!(bad(&|wish| wish["for_seconds"] = json!(0)), "for_seconds");
        assert_eq!(bad(&|wish| wish["for_seconds"] = json!(90 * 86_400 + 1)), "for_seconds");
        assert_eq!(bad(&|wish| wish["verbs"] = json!(["open"])), "verbs");
        assert_eq!(bad(&|wish| wish["collections"] = json!([])), "collections");
        assert_eq!(bad(&|wish| wish["account"] = json!("nobody")), "account");
        assert_eq!(bad(&|wish| wish["account"] = json!("house")), "account");
        assert_eq!(bad(&|wish| wish["to"] = json!("person:nobody")), "to");
        assert_eq!(size(world, HOUSE), house, "nothing of it was done");
        let sam = world.person("sam", &["support"]);
        let beyond = add(world, &sam, REQUESTS, &scene.wish(&["write"]));
        assert_eq!(field(beyond).1, "verbs", "a role is eligible or it is not");
        let (kind_of, fields) = {
            scene.ask(&["read"]);
            newest(world, HOUSE)
        };
        assert_eq!(
            (kind_of.as_str(), fields["reference"].as_str()),
            ("access-request.add", "T-17")
        );
    });
}
