//! Courses, trainings, and what overdue training does to access.

use crate::registers::show;
use crate::support::{both, days, field, kind, kinds, newest};
use crate::team::Team;
use kernel::{HOUSE, Kind};
use serde_json::{Value, json};

const ASK: (&str, &str, &str) = ("courses", "basics", "ask");
const PUBLISH: (&str, &str, &str) = ("courses", "basics", "publish");

/// A course on the policy `conduct`, in the making.
fn course(team: &Team<'_>, more: &Value) -> kernel::Result<Value> {
    let mut new = json!({"name": "basics", "title": "Basics", "policy": "conduct", "version": "1",
        "content": "# What to do"});
    for (field, value) in more.as_object().unwrap() {
        new[field] = value.clone();
    }
    team.add("lea", "courses", &new)
}

fn question(text: &str, right: u32) -> Value {
    json!({"question": text, "choices": ["yes", "no", "perhaps"], "right": right})
}

fn times(team: &Team<'_>, entry: &str) -> usize {
    kinds(team.world, HOUSE).iter().filter(|one| *one == entry).count()
}

#[test]
fn a_course_teaches_the_policy_in_force_and_keeps_its_answers() {
    both(211, |world| {
        let team = Team::new(world);
        team.policy(&["everyone"], 365);
        for (bad, wrong) in [
            (json!({"name": "a.b"}), "name"),
            (json!({"policy": "none"}), "policy"),
            (json!({"version": "2"}), "version"),
            (json!({"pass_mark": 101}), "pass_mark"),
            (json!({"validity_days": 30}), "validity_days"),
            (json!({"validity_days": 366}), "validity_days"),
            (json!({"for_roles": ["jester"]}), "for_roles"),
            (json!({"content": ""}), "content"),
        ] {
            assert_eq!(field(course(&team, &bad)), (Kind::Invalid, wrong.to_owned()));
        }
        course(&team, &json!({"pass_mark": 60})).unwrap();
        let mut two = question("is it?", 1);
        two["choices"] = json!(["yes"]);
        assert_eq!(field(team.take("lea", ASK, &two)), (Kind::Invalid, "choices".to_owned()));
        let bad = question("is it?", 3);
        assert_eq!(field(team.take("lea", ASK, &bad)), (Kind::Invalid, "right".to_owned()));
        for (number, right) in [0, 1, 2].into_iter().enumerate() {
            team.take("lea", ASK, &question(&format!("question {number}"), right)).unwrap();
        }
        let again = question("question 1", 0);
        assert_eq!(field(team.take("lea", ASK, &again)), (Kind::Invalid, "question".to_owned()));
        let seen = show(world, &team.token("omar"), "courses", "basics").unwrap();
        let asked = seen["questions"].as_array().unwrap();
        assert_eq!(asked[0].as_object().unwrap().len(), 3, "question, choices and a check");
        assert!(asked.iter().all(|one| one["check"].as_str().unwrap().len() == 64));
        assert_eq!(team.word("courses", "basics"), "in-making");
        let person = json!({"person": "person:omar"});
        let early = team.take("lea", ("courses", "basics", "assign"), &person);
        assert_eq!(kind(early), Kind::Conflict, "not published");
        team.take("lea", PUBLISH, &json!({})).unwrap();
        assert_eq!(kind(team.take("lea", PUBLISH, &json!({}))), Kind::Conflict);
        assert_eq!(kind(team.take("lea", ASK, &question("late", 0))), Kind::Conflict);
    });
}

#[test]
fn a_test_is_passed_by_the_person_itself() {
    both(212, |world| {
        let team = Team::new(world);
        team.policy(&["everyone"], 365);
        course(&team, &json!({"pass_mark": 60})).unwrap();
        for (number, right) in [0, 1, 2].into_iter().enumerate() {
            team.take("lea", ASK, &question(&format!("question {number}"), right)).unwrap();
        }
        team.take("lea", PUBLISH, &json!({})).unwrap();
        let new = |person: &str| json!({"course": "basics", "person": person});
        assert_eq!(kind(team.add("omar", "trainings", &new("person:omar"))), Kind::Forbidden);
        let nobody = field(team.add("lea", "trainings", &new("person:nobody")));
        assert_eq!(nobody, (Kind::Invalid, "person".to_owned()));
        let none = json!({"course": "none", "person": "person:omar"});
        let none = field(team.add("lea", "trainings", &none));
        assert_eq!(none, (Kind::Invalid, "course".to_owned()));
        let row = team.add("lea", "trainings", &new("person:omar")).unwrap();
        assert_eq!((&row["id"], &row["due"]), (&json!("basics.omar"), &json!(team.day(30))));
        assert_eq!(row["grace_to"], json!(team.day(44)));
        assert_eq!(kind(team.add("lea", "trainings", &new("person:omar"))), Kind::Conflict);
        let to = json!({"person": "person:omar"});
        let twice = team.take("lea", ("courses", "basics", "assign"), &to);
        assert_eq!(kind(twice), Kind::Conflict);
        let answer = |who: &str, answers: &[u32]| {
            let stated = json!({"answers": answers});
            team.take(who, ("trainings", "basics.omar", "complete"), &stated)
        };
        assert_eq!(kind(answer("lea", &[0, 1, 2])), Kind::Forbidden, "nobody does it for another");
        assert_eq!(field(answer("omar", &[0, 1])), (Kind::Invalid, "answers".to_owned()));
        assert_eq!(field(answer("omar", &[0, 1, 3])), (Kind::Invalid, "answers".to_owned()));
        for failed in 1..=5 {
            let row = answer("omar", &[0, 0, 0]).unwrap();
            assert_eq!(row["state"]["word"], "assigned");
            assert_eq!(row["failed"].as_array().unwrap().len(), failed);
            assert_eq!(
                (&row["failed"][0]["right"], &row["failed"][0]["of"]),
                (&json!(1), &json!(3))
            );
        }
        assert_eq!(newest(world, HOUSE).1["outcome"], "failed");
        assert_eq!(kind(answer("omar", &[0, 1, 2])), Kind::Limit, "a test is not solved by trying");
        team.wait(1);
        let row = answer("omar", &[0, 1, 0]).unwrap();
        assert_eq!((&row["state"]["word"], &row["done"]["right"]), (&json!("done"), &json!(2)));
        assert_eq!(row["done"]["valid_to"], json!(team.day(365)));
        assert_eq!(row["failed"].as_array().unwrap().len(), 5, "what failed is kept");
        assert_eq!(kind(answer("omar", &[0, 1, 2])), Kind::Conflict, "nothing is due");
    });
}

/// Whether `nia`, an engineer with a grant, reads a record now.
fn reads(team: &Team<'_>, account: &kernel::id::AccountId) -> bool {
    let admin = team.token("admin");
    team.world.try_grant(&admin, "person:nia", account.as_str(), "c", &["read"]).unwrap();
    match team.world.get(&team.token("nia"), (account, "c", "1")) {
        Ok(body) => body == "{}",
        Err(error) => {
            assert_eq!(error.kind(), Kind::Forbidden);
            false
        }
    }
}

#[test]
fn overdue_training_ends_access_until_it_is_done() {
    both(213, |world| {
        let team = Team::new(world);
        let (import, account) = crate::support::account_with_data(world);
        world.put(&import, (&account, "c", "1"), "{}").unwrap();
        team.policy(&["everyone"], 365);
        course(&team, &json!({"for_roles": ["engineer"], "validity_days": 31})).unwrap();
        team.take("lea", PUBLISH, &json!({})).unwrap();
        team.tick();
        assert_eq!(times(&team, "training.settle"), 1, "a job ends in an entry");
        team.join("nia", &["engineer"]);
        let before = times(&team, "training.settle");
        team.tick();
        assert_eq!(times(&team, "training.settle"), before + 1, "assigned on joining");
        for _ in 0..3 {
            world.clock.advance(std::time::Duration::from_secs(60));
            team.tick();
        }
        assert_eq!(times(&team, "training.settle"), before + 1, "nothing to do is no entry");
        let attest = json!({"attest": "I took it"});
        let complete = || team.take("nia", ("trainings", "basics.nia", "complete"), &attest);
        assert!(reads(&team, &account), "assigned, not due");
        team.wait(31);
        assert_eq!(team.word("trainings", "basics.nia"), "overdue");
        assert!(reads(&team, &account), "in the days of grace");
        team.wait(14);
        assert_eq!(team.word("trainings", "basics.nia"), "suspended");
        assert!(!reads(&team, &account), "no access any more");
        let bare = team.take("nia", ("trainings", "basics.nia", "complete"), &json!({}));
        assert_eq!(field(bare), (Kind::Invalid, "attest".to_owned()));
        complete().unwrap();
        assert!(reads(&team, &account), "restored at once");
        assert_eq!(kind(complete()), Kind::Conflict, "not due again");
        team.wait(1);
        assert_eq!(team.word("trainings", "basics.nia"), "due-again", "a month ahead of its end");
        assert_eq!(team.show("trainings", "basics.nia")["due"], json!(team.day(30)));
        team.wait(44);
        assert!(reads(&team, &account));
        team.wait(1);
        assert!(!reads(&team, &account), "and again");
        let why = json!({"reason": "taught elsewhere"});
        team.take("lea", ("courses", "basics", "retire"), &why).unwrap();
        assert!(!reads(&team, &account));
        team.tick();
        assert_eq!(team.word("trainings", "basics.nia"), "ended");
        assert!(reads(&team, &account), "nobody owes a course that is gone");
        assert_eq!(kind(complete()), Kind::Conflict);
    });
}

#[test]
fn a_training_ends_with_a_reason_or_with_the_person() {
    both(214, |world| {
        let team = Team::new(world);
        team.join("nia", &["engineer"]);
        team.policy(&["everyone"], 365);
        course(&team, &json!({})).unwrap();
        team.take("lea", PUBLISH, &json!({})).unwrap();
        team.tick();
        let assign = ("courses", "basics", "assign");
        for who in ["nia", "omar", "lea"] {
            let to = json!({"person": format!("person:{who}")});
            team.take("lea", assign, &to).unwrap();
        }
        let why = json!({"reason": "another course covers it"});
        let own = team.take("lea", ("trainings", "basics.lea", "end"), &why);
        assert_eq!(kind(own), Kind::Forbidden, "nobody excuses themselves");
        team.take("lea", ("trainings", "basics.omar", "end"), &why).unwrap();
        let again = team.take("lea", ("trainings", "basics.omar", "end"), &why);
        assert_eq!(kind(again), Kind::Conflict);
        team.leave("nia");
        team.tick();
        assert_eq!(team.word("trainings", "basics.nia"), "ended");
        assert_eq!(team.show("trainings", "basics.nia")["ended"]["by"], "kernel");
        assert_eq!(team.word("trainings", "basics.lea"), "assigned");
    });
}

#[test]
fn rights_are_read_again_from_the_store() {
    let store = kernel::engine::Memory::default();
    let mark = std::sync::Arc::default();
    let world = testkit::World::on(&store, &mark, 215);
    let (import, account) = crate::support::account_with_data(&world);
    world.put(&import, (&account, "c", "1"), "{}").unwrap();
    let nia = {
        let team = Team::new(&world);
        team.policy(&["everyone"], 365);
        team.join("nia", &["engineer"]);
        course(&team, &json!({})).unwrap();
        team.take("lea", PUBLISH, &json!({})).unwrap();
        team.take("lea", ("courses", "basics", "assign"), &json!({"person": "person:nia"}))
            .unwrap();
        team.wait(46);
        team.token("nia")
    };
    let clock = std::sync::Arc::clone(&world.clock);
    world.kernel.close();
    let kernel = testkit::World::reopen(&store, &mark, 216, clock).unwrap();
    let caller = kernel.identify(&nia).unwrap();
    let until = kernel.authority().eligible_until(&caller.principal).unwrap();
    assert!(until < kernel.now() && kernel.now().since(until) < days(3), "over since the grace");
    kernel.close();
}
