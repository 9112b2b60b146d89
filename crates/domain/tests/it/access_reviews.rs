//! Access reviews: every right is kept for a reason by somebody else, or it ends; also by nobody's
//! answer. And uses, by which a review shows what nobody needs.

use crate::detections::by_itself;
use crate::registers::{add, show, take};
use crate::support::{Scene, both, days, entry, field, kind, name, planted, says, size, wish};
use crate::team::Team;
use domain::grants::reviews::unused;
use domain::grants::uses::{AccessUse, KERNEL, KeepUses, Used};
use domain::grants::{EndGrant, Grant, MovePerson, Wish};
use domain::people::{EndPerson, Person};
use domain::register::{Day, Read};
use kernel::{HOUSE, Kind, Result};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::World;

const REVIEWS: &str = "access-reviews";

/// Keeps that somebody did something today, under this grant.
pub fn used(world: &World, holder: &str, grant: Option<&str>) {
    let last = Day::of(world.kernel.now());
    let grants = grant.map(|grant| Used { grant: grant.to_owned(), last });
    let row = AccessUse { holder: holder.to_owned(), last, grants: grants.into_iter().collect() };
    by_itself(world, || KeepUses::new(&world.kernel, vec![row.clone()])).unwrap();
}

fn open(world: &World, token: &str, new: Value) -> Result<Value> {
    let mut stated = json!({"name": "autumn", "reviewers": ["person:abe", "person:ann"],
        "days": 7});
    stated.as_object_mut().unwrap().extend(new.as_object().unwrap().clone());
    add(world, token, REVIEWS, &stated)
}

fn decide(world: &World, token: &str, right: &str, verdict: &str) -> Result<Value> {
    let stated = json!({"right": right, "verdict": verdict, "reason": "on call for it"});
    take(world, token, (REVIEWS, "autumn", "decide"), &stated)
}

fn item<'r>(row: &'r Value, right: &str) -> &'r Value {
    let all = row["items"].as_array().unwrap();
    all.iter().find(|item| item["right"] == right).unwrap_or_else(|| panic!("{right} in {row}"))
}

fn word(row: &Value) -> &str {
    row["state"]["word"].as_str().unwrap()
}

fn grant(world: &World, id: &str) -> Grant {
    world.run(&world.admin, Read::<Grant>::new(&world.kernel, id).unwrap()).unwrap().output
}

#[test]
fn each_right_is_kept_for_a_reason_or_removed_at_once() {
    both(601, |world| {
        let scene = Scene::new(world);
        let read = planted(world, &world.admin, wish("person:eve", &["read"])).unwrap();
        let write = planted(world, &world.admin, wish("person:eve", &["write"])).unwrap();
        let row = open(world, &scene.ann, json!({"kind": "person", "subject": "person:eve"}));
        let row = row.unwrap();
        assert_eq!(row["items"].as_array().unwrap().len(), 3, "two grants and a role");
        assert_eq!((word(&row), &row["state"]["who"]), ("open", &json!("person:abe, person:ann")));
        assert_eq!(item(&row, "person:eve/engineer")["what"], "role engineer");
        assert!(scene.reads());
        world.clock.advance(Duration::from_secs(40));
        let row = decide(world, &scene.abe, &read.id, "remove").unwrap();
        // The review's entry, and then the grant's.
        let (kind_of, fields) = entry(world, HOUSE, size(world, HOUSE) - 2);
        assert_eq!(kind_of, "access-review.decide");
        assert_eq!((fields["verdict"].as_str(), fields["seconds"].as_str()), ("remove", "40"));
        assert_eq!(item(&row, &read.id)["decision"]["seconds"], 40);
        assert!(!scene.reads(), "it ends with the answer");
        let ended = grant(world, &read.id);
        assert_eq!(ended.ended_by.as_deref(), Some("person:abe"));
        assert_eq!(kind(decide(world, &scene.ann, &read.id, "keep")), Kind::Conflict, "it stands");
        let bare = json!({"right": write.id, "verdict": "keep"});
        let bare = take(world, &scene.abe, (REVIEWS, "autumn", "decide"), &bare);
        assert_eq!(field(bare), (Kind::Invalid, "reason".to_owned()));
        assert_eq!(field(decide(world, &scene.abe, "grant_0", "keep")).1, "right");
        world.clock.advance(Duration::from_secs(10));
        let row = decide(world, &scene.abe, &write.id, "keep").unwrap();
        assert_eq!(item(&row, &write.id)["decision"]["seconds"], 10, "since their last answer");
        let row = decide(world, &scene.ann, "person:eve/engineer", "keep").unwrap();
        assert_eq!((word(&row), row["closed"]["by"].as_str()), ("done", Some("person:ann")));
        let late = decide(world, &scene.abe, &write.id, "remove");
        assert_eq!(kind(late), Kind::Conflict);
        assert!(grant(world, &write.id).ended.is_none());
    });
}

#[test]
fn what_nobody_answers_for_ends_when_the_review_is_due() {
    both(602, |world| {
        let scene = Scene::new(world);
        let mut long = wish("person:eve", &["read"]);
        long.window = days(60);
        let read = planted(world, &world.admin, long).unwrap();
        open(world, &scene.ann, json!({"kind": "all"})).unwrap();
        decide(world, &scene.abe, "person:eve/engineer", "keep").unwrap();
        world.clock.advance(days(7) - Duration::from_secs(1));
        world.kernel.tick(&domain::run_job).unwrap();
        assert!(scene.reads());
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(kind(decide(world, &scene.abe, &read.id, "keep")), Kind::Conflict);
        world.kernel.tick(&domain::run_job).unwrap();
        assert!(!scene.reads());
        let row = show(world, &world.admin, REVIEWS, "autumn").unwrap();
        assert_eq!(word(&row), "done");
        let gone = item(&row, &read.id);
        assert_eq!(gone["decision"]["reason"], "unanswered");
        assert_eq!(gone["decision"]["seconds"], Value::Null);
        // Roles that nobody answered for are gone too, but somebody has to administer.
        let admin = item(&row, "person:admin/administrator");
        assert_eq!(
            (&admin["decision"]["verdict"], &admin["decision"]["mark"]["by"]),
            (&json!("keep"), &json!("person:ann"))
        );
        assert!(admin["decision"]["reason"].as_str().unwrap().contains("has to administer"));
        let refused = open(world, &scene.ann, json!({"name": "winter", "kind": "all"}));
        assert_eq!(kind(refused), Kind::Forbidden, "ann has no role any more");
        assert_eq!(item(&row, "person:eve/engineer")["decision"]["verdict"], "keep");
    });
}

#[test]
fn a_review_that_was_opened_by_mistake_removes_nothing_and_counts_for_nothing() {
    both(609, |world| {
        let scene = Scene::new(world);
        let mut long = wish("person:eve", &["read"]);
        long.window = days(60);
        planted(world, &world.admin, long).unwrap();
        open(world, &scene.ann, json!({"kind": "all"})).unwrap();
        let place = (REVIEWS, "autumn", "withdraw");
        let why = json!({"reason": "the wrong reviewers"});
        assert_eq!(kind(take(world, &scene.eve, place, &why)), Kind::Forbidden);
        let row = take(world, &scene.ann, place, &why).unwrap();
        assert_eq!(word(&row), "withdrawn");
        assert_eq!(kind(take(world, &scene.ann, place, &why)), Kind::Conflict, "once");
        let late = decide(world, &scene.abe, "person:eve/engineer", "remove");
        assert_eq!(kind(late), Kind::Conflict);
        world.clock.advance(days(8));
        world.kernel.tick(&domain::run_job).unwrap();
        assert!(scene.reads(), "nothing was removed");
        let row = show(world, &world.admin, REVIEWS, "autumn").unwrap();
        assert_eq!((word(&row), &row["closed"]), ("withdrawn", &Value::Null));
    });
}

#[test]
fn nobody_reviews_what_is_theirs() {
    both(603, |world| {
        let scene = Scene::new(world);
        let both_roles = world.person("amy", &["approver", "engineer"]);
        let row = json!({"kind": "all", "reviewers": ["person:amy", "person:abe"]});
        open(world, &scene.ann, row).unwrap();
        let own = decide(world, &both_roles, "person:amy/engineer", "keep").unwrap_err();
        assert!(own.kind() == Kind::Forbidden && says(&own, "it is yours"), "{own:?}");
        let other = decide(world, &scene.ann, "person:amy/engineer", "keep").unwrap_err();
        assert!(other.kind() == Kind::Forbidden && says(&other, "its reviewers"), "{other:?}");
        assert_eq!(kind(decide(world, &scene.eve, "person:amy/engineer", "keep")), Kind::Forbidden);
        decide(world, &scene.abe, "person:amy/engineer", "remove").unwrap();
        decide(world, &both_roles, "person:abe/approver", "remove").unwrap();
        let gone = decide(world, &scene.abe, "person:amy/approver", "keep");
        assert_eq!(kind(gone), Kind::Forbidden, "who lost the role decides nothing any more");
    });
}

#[test]
fn a_role_goes_with_the_grants_that_rest_on_it() {
    both(604, |world| {
        let scene = Scene::new(world);
        let held = planted(world, &world.admin, wish("person:eve", &["write"])).unwrap();
        let new = json!({"kind": "person", "subject": "person:eve"});
        open(world, &scene.ann, new).unwrap();
        decide(world, &scene.abe, "person:eve/engineer", "remove").unwrap();
        assert!(grant(world, &held.id).ended.is_some());
        let people = show(world, &world.admin, REVIEWS, "autumn").unwrap();
        assert_eq!(people["items"].as_array().unwrap().len(), 2);
        // Its own item is answered all the same, and changes nothing any more.
        let row = decide(world, &scene.abe, &held.id, "remove").unwrap();
        assert_eq!(word(&row), "done");
    });
}

#[test]
fn the_scope_is_what_it_says() {
    both(605, |world| {
        let scene = Scene::new(world);
        let mut on_one = wish("person:eve", &["read"]);
        on_one.account = scene.account.to_string();
        let one = planted(world, &world.admin, on_one).unwrap();
        let rights = |row: &Value| -> Vec<String> {
            let items = row["items"].as_array().unwrap().iter();
            items.map(|item| item["right"].as_str().unwrap().to_owned()).collect()
        };
        let new = json!({"name": "a1", "kind": "account", "subject": scene.account.as_str()});
        let row = open(world, &scene.ann, new).unwrap();
        assert!(rights(&row).contains(&one.id) && rights(&row).len() == 2, "{row}");
        let holders: Vec<_> = row["items"].as_array().unwrap().iter().collect();
        assert!(holders.iter().any(|item| item["holder"] == "service:import"), "every account");
        for (new, bad) in [
            (json!({"kind": "account"}), "subject"),
            (json!({"kind": "account", "subject": "nowhere"}), "subject"),
            (json!({"kind": "all", "subject": "x"}), "subject"),
            (json!({"kind": "person", "subject": "person:nobody"}), "subject"),
            (json!({"kind": "vendor", "subject": "nobody"}), "subject"),
            (json!({"kind": "system", "subject": "nothing"}), "subject"),
            (json!({"kind": "all", "days": 0}), "days"),
            (json!({"kind": "all", "days": 32}), "days"),
            (json!({"kind": "all", "reviewers": []}), "reviewers"),
            (json!({"kind": "all", "reviewers": ["person:eve"]}), "reviewers"),
            (json!({"kind": "all", "reviewers": ["person:abe", "person:abe"]}), "reviewers"),
        ] {
            let refused = open(world, &scene.ann, new.clone());
            assert_eq!(field(refused), (Kind::Invalid, bad.to_owned()), "{new}");
        }
        assert_eq!(kind(open(world, &scene.eve, json!({"kind": "all"}))), Kind::Forbidden);
        open(world, &scene.abe, json!({"kind": "all"})).unwrap();
    });
}

#[test]
fn a_review_shows_use_and_peers_and_proposes_what_nobody_uses() {
    both(606, |world| {
        let team = Team::new(world);
        team.join("eve", &["engineer"]);
        team.join("eli", &["engineer"]);
        let held = |to: &str| {
            let wish = Wish { window: days(90), ..wish(to, &["read"]) };
            planted(world, &team.token("admin"), wish).unwrap().id
        };
        let (known, idle, eli) = (held("person:eve"), held("person:eve"), held("person:eli"));
        used(world, KERNEL, None);
        used(world, "person:eve", Some(&known));
        let before = size(world, HOUSE);
        used(world, "person:eve", Some(&known));
        assert!(size(world, HOUSE) > before, "that it was known is an entry");
        let review = |name: &str| {
            let stated = json!({"name": name, "kind": "all", "days": 7,
                "reviewers": ["person:omar", "person:lea"]});
            team.add("lea", REVIEWS, &stated).unwrap()
        };
        team.wait(30);
        used(world, "person:eve", Some(&known));
        let row = review("spring");
        let shown = |right: &str, name: &str| item(&row, right)[name].clone();
        assert_eq!(shown(&known, "last_used"), json!(Day::of(world.kernel.now())));
        assert_eq!(shown(&idle, "last_used"), Value::Null);
        assert_eq!(
            (shown(&known, "proposed"), shown(&idle, "proposed")),
            (json!(null), json!(null))
        );
        assert_eq!((shown(&eli, "peers"), shown(&eli, "of_peers")), (json!(1), json!(1)));
        assert_eq!(shown("person:eve/engineer", "peers"), json!(1));
    });
}

#[test]
fn unused_is_counted_from_when_it_can_be_known() {
    let day = |days| Day::parse("2026-01-01").unwrap().plus(days);
    let now = |days| day(days).start();
    // Given on day 0, kept since day 0, never used: the 90 days end with day 90.
    assert!(!unused(day(0), None, day(0), 90, now(90)));
    assert!(unused(day(0), None, day(0), 90, now(91)));
    // Uses are kept later than it was given.
    assert!(!unused(day(0), None, day(50), 90, now(100)));
    assert!(unused(day(0), None, day(50), 90, now(141)));
    // Used on day 70.
    assert!(!unused(day(0), Some(day(70)), day(50), 90, now(160)));
    assert!(unused(day(0), Some(day(70)), day(50), 90, now(161)));
    // A role that came back counts from then.
    assert!(!unused(day(100), Some(day(3)), day(0), 90, now(190)));
}

#[test]
fn everything_kept_in_seconds_says_nothing() {
    both(607, |world| {
        let scene = Scene::new(world);
        let held: Vec<_> = (0..6)
            .map(|_| planted(world, &world.admin, wish("person:eve", &["read"])).unwrap().id)
            .collect();
        let new = json!({"kind": "person", "subject": "person:eve"});
        open(world, &scene.ann, new).unwrap();
        for right in &held {
            world.clock.advance(Duration::from_secs(2));
            decide(world, &scene.abe, right, "keep").unwrap();
        }
        let row = decide(world, &scene.abe, "person:eve/engineer", "keep").unwrap();
        assert_eq!((word(&row), &row["state"]["who"]), ("hasty", &json!("security-lead")));
        let what = row["state"]["what"].as_str().unwrap();
        assert!(what.contains("kept 7 of 7") && what.contains("2 s or less"), "{what}");
    });
}

#[test]
fn what_ended_meanwhile_is_no_trouble() {
    both(608, |world| {
        let scene = Scene::new(world);
        let held = planted(world, &world.admin, wish("person:eve", &["read"])).unwrap();
        open(world, &scene.ann, json!({"kind": "person", "subject": "person:eve"})).unwrap();
        let end = EndGrant::new(&world.kernel, &held.id).unwrap();
        world.run(&world.admin, end).unwrap();
        let gone = EndPerson::new(&world.kernel, &name("eve")).unwrap();
        world.run(&world.admin, gone).unwrap();
        let before = grant(world, &held.id);
        decide(world, &scene.abe, &held.id, "remove").unwrap();
        assert_eq!(grant(world, &held.id), before, "who ended it stays on record");
        world.clock.advance(days(7));
        world.kernel.tick(&domain::run_job).unwrap();
        let row = show(world, &world.admin, REVIEWS, "autumn").unwrap();
        assert_eq!(word(&row), "done");
    });
}

#[test]
fn several_roles_of_one_person_end_as_the_items_say() {
    both(609, |world| {
        let scene = Scene::new(world);
        world.person("eli", &["engineer", "support"]);
        let new = json!({"kind": "person", "subject": "person:eli"});
        open(world, &scene.ann, new).unwrap();
        let roles = ["engineer".to_owned()];
        let moved = MovePerson::new(&world.kernel, &name("eli"), &roles, "another job").unwrap();
        world.run(&world.admin, moved).unwrap();
        // What is not there any more is not kept.
        let gone = decide(world, &scene.abe, "person:eli/support", "keep").unwrap_err();
        assert!(gone.kind() == Kind::Conflict && says(&gone, "nothing to keep"), "{gone:?}");
        world.clock.advance(days(7));
        world.kernel.tick(&domain::run_job).unwrap();
        let row = show(world, &world.admin, REVIEWS, "autumn").unwrap();
        let reason = |right: &str| item(&row, right)["decision"]["reason"].clone();
        assert_eq!(reason("person:eli/engineer"), "unanswered");
        assert_eq!(reason("person:eli/support"), "it had ended before");
        assert!(row["state"]["what"].as_str().unwrap().contains("of them 1 unanswered"), "{row}");
        let eli = Read::<Person>::new(&world.kernel, "eli").unwrap();
        assert_eq!(world.run(&world.admin, eli).unwrap().output.roles, Vec::<String>::new());
    });
}

#[test]
fn a_review_that_nobody_could_answer_is_not_opened() {
    both(610, |world| {
        let scene = Scene::new(world);
        let alone = json!({"kind": "all", "reviewers": ["person:abe"]});
        assert_eq!(field(open(world, &scene.ann, alone)).1, "reviewers", "who decides on abe?");
        let other = json!({"kind": "person", "subject": "person:eve", "reviewers": ["person:abe"]});
        open(world, &scene.ann, other).unwrap();
    });
}
