//! Changes of what decides about access: proposed with what is there now, approved by others over
//! the hash, made once by whoever proposed them, and refused directly where the catalogue says so.

use crate::passkeys::{Device, by_link, make};
use crate::registers::{add, show, take};
use crate::support::{both, entry, field, kind, name, newest, says, size};
use domain::changes::{APPROVED_LIFE, Change, PROPOSED_LIFE, Standing, notice, standing};
use domain::grants::MovePerson;
use domain::measures::{Board, Facts, State, control, note_states};
use domain::people::{CreatePerson, EndPerson};
use domain::register::House as Registers;
use kernel::{HOUSE, Kind, Result};
use serde_json::{Value, json};
use std::cell::RefCell;
use testkit::World;

const CHANGES: &str = "changes";

/// Who proposes, two who approve, and an administrator.
struct House<'w> {
    world: &'w World,
    lea: String,
    abe: String,
    ann: String,
}

impl<'w> House<'w> {
    fn new(world: &'w World) -> Self {
        let lea = world.person("lea", &["security-lead"]);
        let (abe, ann) = (world.person("abe", &["approver"]), world.person("ann", &["approver"]));
        Self { world, lea, abe, ann }
    }

    /// From now on changes take so many approvals.
    fn by_request(&self, approvals: u32) {
        let first = json!({"version": "1", "reason": "ours"});
        add(self.world, &self.lea, "catalogues", &first).unwrap();
        let next = json!({"version": "2", "reason": "four eyes",
            "parameters": {"changes_by_request": approvals}});
        let row = ("catalogues", "current", "propose");
        take(self.world, &self.lea, row, &next).unwrap();
        let approve = ("catalogues", "current", "approve");
        take(self.world, &self.abe, approve, &json!({"version": "2"})).unwrap();
    }

    fn propose(&self, token: &str, stated: (&str, Option<&str>, Value)) -> Result<Value> {
        let (action, row, content) = stated;
        let new = json!({"action": action, "row": row, "content": content.to_string(),
            "reason": "a scanner of ours trips it", "reference": "C-7"});
        add(self.world, token, CHANGES, &new)
    }

    fn approve(&self, token: &str, row: &Value) -> Result<Value> {
        let id = row["id"].as_str().unwrap();
        let stated = json!({"terms_sha256": row["terms_sha256"]});
        take(self.world, token, (CHANGES, id, "approve"), &stated)
    }

    fn apply(&self, token: &str, row: &Value) -> Result<Value> {
        take(self.world, token, (CHANGES, row["id"].as_str().unwrap(), "apply"), &json!({}))
    }

    fn rule(&self, mode: &str) -> Result<Value> {
        let new = json!({"rule": "r-1", "mode": mode, "reason": "it is loud"});
        add(self.world, &self.lea, "rules", &new)
    }
}

fn word(row: &Value) -> &str {
    row["state"]["word"].as_str().unwrap()
}

fn off() -> Value {
    json!({"mode": "off", "reason": "it is loud"})
}

#[test]
fn a_rule_is_switched_off_by_a_change_and_by_nothing_else() {
    both(1501, |world| {
        let house = House::new(world);
        house.rule("live").unwrap();
        house.by_request(1);
        let direct = || take(world, &house.lea, ("rules", "r-1", "decide"), &off());
        let refused = direct().unwrap_err();
        assert_eq!(refused.kind(), Kind::Forbidden);
        assert!(says(&refused, "bailee change propose --action rule.decide"), "{refused:?}");
        let row = house.propose(&house.lea, ("rule.decide", Some("r-1"), off())).unwrap();
        assert_eq!(
            (word(&row), &row["needed"], &row["kind"]),
            ("proposed", &json!(1), &json!("rule"))
        );
        assert!(row["before"].as_str().unwrap().contains("\"mode\":\"live\""), "{row}");
        assert_eq!(kind(house.apply(&house.lea, &row)), Kind::Conflict, "nobody approved it");
        assert!(says(&house.approve(&house.lea, &row).unwrap_err(), "about them"));
        let row = house.approve(&house.abe, &row).unwrap();
        assert_eq!((word(&row), &row["state"]["who"]), ("approved", &json!("person:lea")));
        assert_eq!(kind(house.apply(&house.abe, &row)), Kind::Forbidden, "not the approver");
        let row = house.apply(&house.lea, &row).unwrap();
        assert_eq!((word(&row), &row["applied"]["to"]), ("applied", &json!("rules/r-1")));
        let rule = show(world, &house.lea, "rules", "r-1").unwrap();
        assert_eq!((&rule["mode"], &rule["decided"]["by"]), (&json!("off"), &json!("person:lea")));
        assert_eq!(kind(house.apply(&house.lea, &row)), Kind::Conflict, "once");
        // Back to live takes nothing away from anybody: it goes directly.
        let live = json!({"mode": "live", "reason": "mended"});
        take(world, &house.lea, ("rules", "r-1", "decide"), &live).unwrap();
    });
}

#[test]
fn what_moved_in_between_is_proposed_anew() {
    both(1502, |world| {
        let house = House::new(world);
        house.rule("shadow").unwrap();
        house.by_request(1);
        let row = house.propose(&house.lea, ("rule.decide", Some("r-1"), off())).unwrap();
        house.approve(&house.abe, &row).unwrap();
        let live = json!({"mode": "live", "reason": "it found something"});
        take(world, &house.lea, ("rules", "r-1", "decide"), &live).unwrap();
        let stale = house.apply(&house.lea, &row).unwrap_err();
        assert!(stale.kind() == Kind::Conflict && says(&stale, "propose it anew"), "{stale:?}");
        // What nobody approves or makes lapses, and what was denied or taken back stays so.
        let late = house.propose(&house.lea, ("rule.decide", Some("r-1"), off())).unwrap();
        world.clock.advance(PROPOSED_LIFE);
        assert_eq!(kind(house.approve(&house.abe, &late)), Kind::Conflict);
        let row = house.propose(&house.lea, ("rule.decide", Some("r-1"), off())).unwrap();
        house.approve(&house.abe, &row).unwrap();
        world.clock.advance(APPROVED_LIFE);
        assert_eq!(kind(house.apply(&house.lea, &row)), Kind::Conflict);
        for (token, verb, word_of) in
            [(&house.abe, "deny", "denied"), (&house.lea, "withdraw", "withdrawn")]
        {
            let row = house.propose(&house.lea, ("rule.decide", Some("r-1"), off())).unwrap();
            let id = row["id"].as_str().unwrap();
            assert_eq!(
                kind(take(world, &house.ann, (CHANGES, id, "withdraw"), &json!({"reason": "x"}))),
                Kind::Forbidden
            );
            let row = take(world, token, (CHANGES, id, verb), &json!({"reason": "no"})).unwrap();
            assert_eq!(word(&row), word_of);
            assert_eq!(kind(house.approve(&house.ann, &row)), Kind::Conflict);
        }
    });
}

#[test]
fn roles_are_given_by_a_change_and_taken_away_directly() {
    both(1503, |world| {
        let house = House::new(world);
        world.person("eve", &["engineer"]);
        house.by_request(1);
        let roles = |roles: &[&str]| roles.iter().map(ToString::to_string).collect::<Vec<_>>();
        let direct = |to: &[&str]| {
            let step = MovePerson::new(&world.kernel, &name("eve"), &roles(to), "new job").unwrap();
            world.run(&world.admin, step).map(|done| done.output)
        };
        assert!(says(&direct(&["engineer", "approver"]).unwrap_err(), "--action person.move"));
        let to = |roles: &[&str]| json!({"roles": roles, "reason": "new job"});
        let new = ("person.move", Some("eve"), to(&["engineer", "approver"]));
        assert_eq!(kind(house.propose(&house.abe, new.clone())), Kind::Forbidden, "not theirs");
        let row = house.propose(&world.admin, new).unwrap();
        assert_eq!(row["needed"], 1);
        house.approve(&house.abe, &row).unwrap();
        house.apply(&world.admin, &row).unwrap();
        let (made, fields) = entry(world, HOUSE, size(world, HOUSE) - 2);
        assert_eq!(
            (made.as_str(), fields["roles"].as_str()),
            ("change.apply", "approver,engineer")
        );
        // Whom it is about does not approve it, and an administrator takes two.
        let row = house.propose(&world.admin, ("person.move", Some("eve"), to(&["administrator"])));
        let row = row.unwrap();
        assert_eq!(row["needed"], 2);
        let eve =
            world.kernel.authority().principal(&kernel::id::PrincipalId::person(&name("eve")));
        assert!(eve.unwrap().roles.contains(&"approver".to_owned()));
        house.approve(&house.abe, &row).unwrap();
        assert_eq!(kind(house.apply(&world.admin, &row)), Kind::Conflict, "one of two");
        assert_eq!(kind(house.approve(&house.abe, &row)), Kind::Conflict, "twice is once");
        house.approve(&house.ann, &row).unwrap();
        // An approver who left has approved nothing.
        world.run(&world.admin, EndPerson::new(&world.kernel, &name("ann")).unwrap()).unwrap();
        assert!(says(&house.apply(&world.admin, &row).unwrap_err(), "1 of 2 approvals count"));
        direct(&["engineer"]).unwrap();
        let take_in = |roles: Vec<String>| {
            let new = CreatePerson::new(&world.kernel, "tom", None, None, roles).unwrap();
            world.run(&world.admin, new).map(|done| done.output.row.name)
        };
        assert!(says(&take_in(roles(&["approver"])).unwrap_err(), "person.move"));
        take_in(roles(&["engineer"])).unwrap();
    });
}

#[test]
fn every_kind_is_made_by_its_own_rule() {
    both(1504, |world| {
        let house = House::new(world);
        world.service("entra");
        let directory = json!({"service": "entra", "purpose": "Entra ID"});
        add(world, &world.admin, "directories", &directory).unwrap();
        house.by_request(1);
        let until = world.kernel.now().after(PROPOSED_LIFE * 2).rfc3339();
        let allowance = json!({"field": "source.ip", "value": "198.51.100.7", "reason": "scanner",
            "until": until});
        let map = json!({"group": "Engineering", "role": "engineer"});
        let adopt = json!({"version": "3", "reason": "less", "parameters": {"changes_by_request": 1,
            "unused_days": 120}});
        let new = json!({"rule": "r-9", "mode": "off", "reason": "loud"});
        for (token, direct, change) in [
            (
                &house.lea,
                ("allowances", None, allowance.clone()),
                ("allowance.add", None, allowance),
            ),
            (&house.lea, ("rules", None, new.clone()), ("rule.add", None, new)),
            (
                &world.admin,
                ("directories", Some(("entra", "map")), map.clone()),
                ("directory.map", Some("entra"), map),
            ),
            (
                &house.lea,
                ("catalogues", Some(("current", "propose")), adopt.clone()),
                ("catalogue.adopt", None, adopt),
            ),
        ] {
            let (plural, step, stated) = direct;
            let outcome = match step {
                None => add(world, token, plural, &stated),
                Some((id, verb)) => take(world, token, (plural, id, verb), &stated),
            };
            assert!(says(&outcome.unwrap_err(), "bailee change propose"), "{plural}");
            let row = house.propose(token, change).unwrap();
            house.approve(&house.abe, &row).unwrap();
            let row = house.apply(token, &row).unwrap();
            let to = row["applied"]["to"].as_str().unwrap().split_once('/').unwrap();
            show(world, &world.admin, to.0, to.1).unwrap();
        }
        let row = show(world, &house.lea, "catalogues", "current").unwrap();
        assert_eq!((&row["version"], &row["weakened"]), (&json!("3"), &json!(["unused_days"])));
        assert_eq!(newest(world, HOUSE).0, "catalogue.read");
        let adopt = ("catalogues", "current", "adopt");
        let bare = json!({"version": "4", "reason": "none"});
        assert_eq!(kind(take(world, &house.lea, adopt, &bare)), Kind::Forbidden, "only as a part");
    });
}

#[test]
fn what_cannot_be_made_is_not_proposed() {
    both(1505, |world| {
        let house = House::new(world);
        house.rule("live").unwrap();
        let eve = world.person("eve", &["engineer"]);
        let cases = [
            (("person.end", None, off()), "action"),
            (("rule.decide", Some("r-2"), off()), "row"),
            (("rule.decide", None, off()), "row"),
            (("rule.add", Some("r-2"), off()), "row"),
            (("rule.decide", Some("r-1"), json!({"mode": "loud", "reason": "x"})), "content"),
            (("rule.decide", Some("r-1"), json!({"mode": "off"})), "content"),
            (("rule.decide", Some("r-1"), json!({"mode": "off", "reason": ""})), "content"),
            (("rule.decide", Some("r-1"), json!([])), "content"),
            (("rule.decide", Some("r 1"), off()), "row"),
            (("policy", Some("sha256:aa"), json!({})), "content"),
        ];
        for (stated, wrong) in cases {
            let shown = format!("{stated:?}");
            let outcome = field(house.propose(&house.lea, stated));
            assert_eq!(outcome, (Kind::Invalid, wrong.to_owned()), "{shown}");
        }
        let same = ("rule.decide", Some("r-1"), json!({"mode": "live", "reason": "x"}));
        assert_eq!(kind(house.propose(&house.lea, same)), Kind::Conflict);
        let not_theirs = house.propose(&eve, ("rule.decide", Some("r-1"), off()));
        assert_eq!(kind(not_theirs), Kind::Forbidden);
        // Approved by the hash that was read, of this change.
        let row = house.propose(&house.lea, ("rule.decide", Some("r-1"), off())).unwrap();
        let other = house.propose(&house.lea, ("rule.decide", Some("r-1"), off())).unwrap();
        let mut forged = row.clone();
        forged["terms_sha256"] = other["terms_sha256"].clone();
        assert_eq!(field(house.approve(&house.abe, &forged)).1, "terms_sha256");
    });
}

#[test]
fn an_approval_of_a_change_is_signed_by_the_passkey() {
    both(1506, |world| {
        let house = House::new(world);
        house.rule("live").unwrap();
        let device = Device::new("key-of-abe");
        make(world, &by_link(world, "abe").unwrap(), &device).unwrap();
        let row = house.propose(&house.lea, ("rule.decide", Some("r-1"), off())).unwrap();
        assert_eq!(field(house.approve(&house.abe, &row)).1, "proof");
        let text = row["challenge"].as_str().unwrap();
        let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..text.len()).step_by(2).map(pair).collect();
        let stated = json!({"terms_sha256": row["terms_sha256"], "proof": device.sign(&bytes)});
        let step = (CHANGES, row["id"].as_str().unwrap(), "approve");
        let done = take(world, &house.abe, step, &stated).unwrap();
        assert_eq!(done["approvals"][0]["signed"]["challenge"], row["challenge"]);
    });
}

#[test]
fn with_nobody_to_ask_it_goes_directly_and_says_so() {
    both(1507, |world| {
        let lea = world.person("lea", &["security-lead"]);
        let first = json!({"version": "1", "reason": "ours",
            "parameters": {"changes_by_request": 1}});
        add(world, &lea, "catalogues", &first).unwrap();
        world.service("entra");
        let directory = json!({"service": "entra", "purpose": "Entra ID"});
        add(world, &world.admin, "directories", &directory).unwrap();
        let map = |group: &str| {
            let stated = json!({"group": group, "role": "engineer"});
            take(world, &world.admin, ("directories", "entra", "map"), &stated)
        };
        assert_eq!(kind(map("Engineering")), Kind::Forbidden, "lea could approve it");
        world.run(&world.admin, EndPerson::new(&world.kernel, &name("lea")).unwrap()).unwrap();
        map("Engineering").unwrap();
        assert_eq!(newest(world, HOUSE).1["bootstrap"], "true");
    });
}

#[test]
fn policies_are_those_of_the_installation_or_approved_by_two() {
    both(1508, |world| {
        let house = House::new(world);
        let digest = world.kernel.authority().policies().digest().to_owned();
        let stands = || standing(&board(world, false).house, &digest);
        assert_eq!(stands(), Standing::Unknown);
        let report = |authority: &str| {
            json!({"format": "comparison/v1", "authority": authority, "against": "sha256:00",
                "environments": 2, "kinds": 1, "equal": false, "changes": [{"change": "widens",
                "principal": "Person", "resource": "Account", "actions": ["rule.decide"],
                "allowed_by": ["programme-by-role"], "refused_by": []}]})
        };
        let propose = |row: &str, report: &Value| {
            let new = json!({"action": "policy", "row": row, "reason": "a new area",
                "reference": "R-2", "policy_report": report.to_string()});
            add(world, &house.lea, CHANGES, &new)
        };
        let other = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(field(propose(&digest, &report(&other))).1, "policy_report", "another set");
        assert_eq!(field(propose("sha256:zz", &report("sha256:zz"))).1, "row");
        let mut open = report(&digest);
        open["changes"][0]["change"] = json!("open");
        assert_eq!(field(propose(&digest, &open)).1, "policy_report", "an open question");
        let row = propose(&digest, &report(&digest)).unwrap();
        assert_eq!((&row["needed"], &row["kind"]), (&json!(2), &json!("policy")));
        assert_eq!(row["report"]["differences"][0]["change"], "widens");
        house.approve(&house.abe, &row).unwrap();
        assert_eq!(stands(), Standing::Unknown, "one is not enough");
        let row = house.approve(&house.ann, &row).unwrap();
        assert_eq!(word(&row), "approved");
        assert!(matches!(stands(), Standing::Approved(_)));
        assert_eq!(kind(house.apply(&house.lea, &row)), Kind::Conflict, "a build brings them");
    });
}

#[test]
fn a_start_with_other_policies_is_noted_and_fails_until_they_are_approved() {
    both(1509, |world| {
        let digest = world.kernel.authority().policies().digest().to_owned();
        let house = board(world, true).house;
        assert!(matches!(standing(&house, &digest), Standing::Installed(_)));
        let row = house.all::<Change>().first().unwrap();
        assert_eq!((row.row.proposed_by.as_str(), row.added.by.as_str()), ("kernel", "kernel"));
        let entries = size(world, HOUSE);
        board(world, true);
        assert_eq!(size(world, HOUSE), entries, "noted once");
        // To another set of policies the one that is noted is another.
        let unknown = standing(&house, &format!("sha256:{}", "ab".repeat(32)));
        assert_eq!(unknown, Standing::Unknown);
        let mut other = row.clone();
        other.row.approving.approved = None;
        let later = Registers::default().with(vec![other]);
        assert!(matches!(standing(&later, &digest), Standing::Unapproved(_)));
        let facts = Facts { policies: digest, house: later.into(), ..Facts::default() };
        for id in ["E5.6", "P2"] {
            let answer = control(id, &facts);
            let why = answer.facts.iter().find(|fact| !fact.good && fact.what.contains("policies"));
            assert!(answer.state == State::Failing && why.is_some(), "{id}: {answer:?}");
            assert!(answer.todo.iter().any(|todo| todo.place == "changes"), "{id}");
        }
    });
}

/// The board as the server has it, after the policies were noted.
fn board(world: &World, noting: bool) -> Board {
    let found = RefCell::new(None);
    let tick = world.kernel.tick(&|kernel, job, right| {
        if job.kind == kernel::EVERY_TICK && found.borrow().is_none() {
            if noting {
                notice(kernel, right.again().unwrap())?;
            }
            found.replace(Some(note_states(kernel, right.again().unwrap(), None)?));
        }
        domain::run_job(kernel, job, right)
    });
    tick.unwrap();
    found.into_inner().unwrap()
}
