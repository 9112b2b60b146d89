//! Emergency access: at once, out of what two people signed; short, marked in every entry, and
//! reviewed by somebody else in time, or its holder is not eligible any more.

use crate::detections::by_itself;
use crate::members::{ana, sign_in};
use crate::registers::{add, show, take};
use crate::support::{Scene, both, field, kind, kinds, name, newest, says, slot};
use domain::grants::emergencies::{REVIEW, of_grant};
use domain::letters::{Letter, Outcome, SEND, Sent, Tell};
use domain::people::EndPerson;
use domain::portal::AccountPage;
use domain::register::Day;
use kernel::{Kind, Result};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::World;

const POOLS: &str = "emergency-pools";
const EMERGENCIES: &str = "emergencies";

impl Scene<'_> {
    fn pool(&self) -> Value {
        let to = Day::of(self.world.kernel.now()).plus(60).to_string();
        json!({"name": "night", "purpose": "the store does not answer", "minutes": 30, "to": to,
            "holders": ["person:eve", "person:ann"], "accounts": [self.account.as_str()],
            "collections": ["*"], "verbs": ["read"]})
    }

    fn ready(&self) {
        add(self.world, &self.world.admin, POOLS, &self.pool()).unwrap();
        take(self.world, &self.abe, (POOLS, "night", "sign"), &json!({})).unwrap();
    }

    fn reach(&self, token: &str) -> Result<Value> {
        let new = json!({"pool": "night", "account": self.account.as_str(),
            "reason": "reads fail for everybody"});
        add(self.world, token, EMERGENCIES, &new)
    }

    fn act(&self, token: &str, id: &Value, verb: &str, stated: &Value) -> Result<Value> {
        take(self.world, token, (EMERGENCIES, id["id"].as_str().unwrap(), verb), stated)
    }
}

fn word(row: &Value) -> &str {
    row["state"]["word"].as_str().unwrap()
}

#[test]
fn an_emergency_asks_nobody_and_says_so_everywhere() {
    both(521, |world| {
        let scene = Scene::new(world);
        scene.ready();
        assert!(!scene.reads(), "a pool gives nothing by itself");
        let row = scene.reach(&scene.eve).unwrap();
        assert_eq!((word(&row), &row["approver"]), ("running", &json!("person:abe")));
        assert!(scene.reads());
        let (kind_of, fields) = newest(world, slot(world, &scene.account));
        assert_eq!((kind_of.as_str(), fields["emergency"].as_str()), ("record.get", "true"));
        assert_eq!(fields["purpose"], "reads fail for everybody");
        world.clock.advance(Duration::from_secs(30 * 60));
        assert!(!scene.reads(), "it ends by itself");
    });
}

#[test]
fn an_emergency_that_nobody_reviews_is_the_last_one() {
    both(522, |world| {
        let scene = Scene::new(world);
        scene.ready();
        let row = scene.reach(&scene.eve).unwrap();
        let justified = json!({"verdict": "justified", "findings": "one record, as needed"});
        let early = scene.act(&scene.ann, &row, "review", &justified);
        assert_eq!(kind(early), Kind::Conflict, "not while it runs");
        scene.act(&scene.eve, &row, "end", &json!({})).unwrap();
        assert!(!scene.reads(), "its holder ends it");
        world.clock.advance(REVIEW + Duration::from_secs(31 * 60));
        let shown = show(world, &scene.eve, EMERGENCIES, row["id"].as_str().unwrap()).unwrap();
        assert_eq!(word(&shown), "unreviewed");
        // Another grant of the same person counts for nothing until somebody has looked.
        world.grant("person:eve", scene.account.as_str(), "c", &["read"]);
        assert!(!scene.reads());
        scene.reach(&scene.eve).unwrap();
        assert!(!scene.reads(), "not even in the next emergency");
        let own = scene.act(&scene.eve, &row, "review", &justified);
        assert_eq!(kind(own), Kind::Forbidden, "an engineer reviews none");
        let wrong = json!({"verdict": "unjustified", "findings": "there was none"});
        let unfollowed = scene.act(&scene.ann, &row, "review", &wrong);
        assert_eq!(field(unfollowed).1, "follows");
        let done = scene.act(&scene.ann, &row, "review", &justified).unwrap();
        assert_eq!(word(&done), "reviewed");
        assert!(scene.reads(), "and eligible again");
        assert_eq!(kind(scene.act(&scene.abe, &row, "review", &justified)), Kind::Conflict);
    });
}

#[test]
fn a_pool_is_signed_by_another_who_holds_nothing_of_it() {
    both(523, |world| {
        let scene = Scene::new(world);
        add(world, &scene.abe, POOLS, &scene.pool()).unwrap();
        assert_eq!(kind(scene.reach(&scene.eve)), Kind::Invalid, "unsigned it counts for nothing");
        let sign = |token: &str| take(world, token, (POOLS, "night", "sign"), &json!({}));
        assert_eq!(kind(sign(&scene.abe)), Kind::Forbidden, "who proposed it");
        assert_eq!(kind(sign(&scene.ann)), Kind::Forbidden, "who may use it");
        assert_eq!(kind(sign(&scene.eve)), Kind::Forbidden, "who approves nothing");
        sign(&world.admin).unwrap();
        assert_eq!(kind(sign(&world.admin)), Kind::Conflict);
        scene.reach(&scene.eve).unwrap();
        // Somebody who is not in it learns nothing of it.
        let sue = world.person("sue", &["support"]);
        assert_eq!(field(scene.reach(&sue)).1, "pool");
        // Whoever is in it but not eligible gets nothing either.
        assert_eq!(kind(scene.reach(&scene.ann)), Kind::Forbidden);
    });
}

#[test]
fn a_pool_ends_and_dies_with_its_signature() {
    both(524, |world| {
        let scene = Scene::new(world);
        scene.ready();
        let end = EndPerson::new(&world.kernel, &name("abe")).unwrap();
        world.run(&world.admin, end).unwrap();
        let refused = scene.reach(&scene.eve).unwrap_err();
        assert!(says(&refused, "not there any more"), "{refused:?}");
        let ended = json!({"reason": "signed anew"});
        take(world, &scene.ann, (POOLS, "night", "end"), &ended).unwrap();
        assert_eq!(field(scene.reach(&scene.eve)).1, "pool");
        let mut later = scene.pool();
        later["name"] = json!("day");
        for (field_of, value) in [
            ("minutes", json!(61)),
            ("minutes", json!(0)),
            ("to", json!(Day::of(world.kernel.now()).plus(93).to_string())),
            ("holders", json!([])),
            ("holders", json!(["person:nobody"])),
            ("accounts", json!(["nobody"])),
            ("accounts", json!(["*", "one"])),
            ("verbs", json!(["open"])),
        ] {
            let mut bad = later.clone();
            bad[field_of] = value;
            assert_eq!(field(add(world, &scene.ann, POOLS, &bad)).1, field_of, "{bad}");
        }
        later["holders"] = json!(["person:eve"]);
        add(world, &world.admin, POOLS, &later).unwrap();
        take(world, &scene.ann, (POOLS, "day", "sign"), &json!({})).unwrap();
        world.clock.advance(Duration::from_secs(29 * 86_400));
        let admin = domain::people::IssueToken::new(&world.kernel, &name("admin")).unwrap();
        let admin = world.run(&world.admin, admin).unwrap().output.token;
        world.clock.advance(Duration::from_secs(29 * 86_400));
        let shown = show(world, &admin, POOLS, "day").unwrap();
        assert_eq!(word(&shown), "ready");
    });
}

#[test]
fn the_account_is_told_once_by_each_contact_that_counts() {
    both(526, |world| {
        let scene = Scene::new(world);
        scene.ready();
        let rita = world.person("rita", &["responder"]);
        let account = scene.account.as_str();
        let contact = |name: &str, kind: &str| {
            let new = json!({"account": account, "name": name, "kind": kind,
                "email": format!("{name}@one.example"), "source": "order form"});
            let row = add(world, &rita, "contacts", &new).unwrap();
            let id = row["id"].as_str().unwrap().to_owned();
            let how = json!({"how": "answered a letter"});
            take(world, &rita, ("contacts", &id, "verify"), &how).unwrap();
            id
        };
        let (ada, _) = (contact("ada", "security"), contact("bob", "legal"));
        let unchecked = json!({"account": account, "name": "Cy", "email": "cy@one.example",
            "kind": "security", "source": "order form"});
        add(world, &rita, "contacts", &unchecked).unwrap();
        let row = scene.reach(&scene.eve).unwrap();
        let id = row["id"].as_str().unwrap();
        let object = format!("{id}|{}", slot(world, &scene.account));
        let letters = letters(world);
        assert_eq!(letters, [format!("emergency|{object}|{ada}")], "security before the others");
        let letter = by_itself(world, || Letter::new(&world.kernel, &letters[0])).unwrap();
        let letter = letter.expect("a letter");
        assert_eq!(letter.to.as_deref(), Some("ada@one.example"));
        let said = &letter.text;
        assert!(said.contains("role engineer") && said.contains("reads fail"), "{said}");
        assert!(!said.contains("person:eve"), "who it was stands in the log: {said}");
        let shown = || show(world, &scene.eve, EMERGENCIES, id).unwrap()["told"].clone();
        let outcome = |outcome| by_itself(world, || Sent::new(&world.kernel, &letters[0], outcome));
        outcome(Some(Outcome::Unreachable)).unwrap();
        assert_eq!(shown()[0]["letters"][0]["attempts"], 1);
        outcome(Some(Outcome::Accepted)).unwrap();
        assert!(!shown()[0]["letters"][0]["accepted"].is_null(), "{}", shown());
        let again = by_itself(world, || Letter::new(&world.kernel, &letters[0])).unwrap();
        assert!(again.is_none(), "what was taken is not sent again");
        by_itself(world, || Tell::new(&world.kernel, &object)).unwrap();
        assert_eq!(shown().as_array().unwrap().len(), 1, "once for each emergency");
        let kinds = kinds(world, slot(world, &scene.account));
        assert_eq!(kinds.iter().filter(|kind| *kind == "emergency.tell").count(), 1);
        // And its members see it on their page.
        add(world, &world.admin, "members", &ana()).unwrap();
        let ana = sign_in(world, &world.admin, "one.ana");
        let page = AccountPage::new(&world.kernel, &scene.account).unwrap();
        let seen = world.run(&ana, page).unwrap().output.emergencies;
        assert_eq!((seen.len(), seen[0].id.as_str(), seen[0].letters), (1, id, (1, 1)));
        assert_eq!(
            (seen[0].state.as_str(), seen[0].reason.as_str()),
            ("running", "reads fail for everybody")
        );
    });
}

#[test]
fn an_emergency_everywhere_tells_an_account_when_it_touches_it() {
    both(527, |world| {
        let scene = Scene::new(world);
        let mut pool = scene.pool();
        pool["accounts"] = json!(["*"]);
        add(world, &world.admin, POOLS, &pool).unwrap();
        take(world, &scene.abe, (POOLS, "night", "sign"), &json!({})).unwrap();
        let new = json!({"pool": "night", "account": "*", "reason": "reads fail for everybody"});
        let row = add(world, &scene.eve, EMERGENCIES, &new).unwrap();
        let id = row["id"].as_str().unwrap();
        assert!(letters(world).is_empty() && scene.reads());
        let grant = row["grant"].as_str().unwrap();
        assert_eq!(of_grant(grant).as_deref(), Some(id), "the server knows it by the grant");
        for odd in ["grant_", "grant_zz", "x", ""] {
            assert_eq!(of_grant(odd), None, "{odd}");
        }
        let slot = slot(world, &scene.account);
        by_itself(world, || Tell::new(&world.kernel, &format!("{id}|{slot}"))).unwrap();
        let told = show(world, &scene.eve, EMERGENCIES, id).unwrap()["told"].clone();
        assert_eq!(told[0]["account"], scene.account.as_str());
        assert_eq!(
            told[0]["letters"],
            json!([]),
            "an account without a contact is told by its page"
        );
    });
}

/// Letters that wait to be sent.
fn letters(world: &World) -> Vec<String> {
    let found = RefCell::new(BTreeSet::new());
    // What a job leaves is due at the next tick.
    for _ in 0..2 {
        let tick = world.kernel.tick(&|kernel, job, right| {
            if job.kind == SEND {
                found.borrow_mut().insert(job.object.clone());
            }
            domain::run_job(kernel, job, right)
        });
        tick.unwrap();
    }
    found.into_inner().into_iter().collect()
}
