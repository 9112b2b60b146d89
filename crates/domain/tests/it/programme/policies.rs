//! Policies and their acknowledgements.

use crate::registers::show;
use crate::support::{both, field, kind, newest, says};
use crate::team::Team;
use kernel::{HOUSE, Kind};
use serde_json::json;

#[test]
fn a_policy_is_drafted_approved_by_another_and_published() {
    both(201, |world| {
        let team = Team::new(world);
        let new = |name: &str, audience: &[&str], days: u32| {
            json!({"name": name, "title": "Conduct", "audience": audience, "owner": "person:lea",
                "review_days": days})
        };
        for (bad, wrong) in [
            (new("a.b", &["everyone"], 30), "name"),
            (new("conduct", &[], 30), "audience"),
            (new("conduct", &["everyone", "engineer"], 30), "audience"),
            (new("conduct", &["jester"], 30), "audience"),
            (new("conduct", &["everyone"], 366), "review_days"),
            (new("conduct", &["everyone"], 0), "review_days"),
        ] {
            let refused = field(team.add("lea", "policies", &bad));
            assert_eq!(refused, (Kind::Invalid, wrong.to_owned()));
        }
        assert_eq!(
            kind(team.add("omar", "policies", &new("c", &["everyone"], 3))),
            Kind::Forbidden
        );
        team.add("lea", "policies", &new("conduct", &["everyone"], 30)).unwrap();
        assert_eq!(team.word("policies", "conduct"), "empty");
        let draft = |version: &str, text: &str| {
            let stated = json!({"version": version, "text": text});
            team.take("lea", ("policies", "conduct", "draft"), &stated)
        };
        let of = |version: &str| json!({"version": version});
        let approve = |who: &str, stated: &serde_json::Value| {
            team.take(who, ("policies", "conduct", "approve"), stated)
        };
        let publish =
            |version: &str| team.take("lea", ("policies", "conduct", "publish"), &of(version));
        assert_eq!(kind(approve("omar", &of("1"))), Kind::Conflict, "nothing to approve");
        assert_eq!(field(draft("one two", "x")), (Kind::Invalid, "version".to_owned()));
        assert_eq!(field(draft("1", " ")), (Kind::Invalid, "text".to_owned()));
        assert_eq!(field(draft("1", &"x".repeat(200_001))), (Kind::Invalid, "text".to_owned()));
        let row = draft("1", "# Rules\n\nVersion 1 of what we keep to.\n").unwrap();
        let hash = "56f480a74dbea0673ad58d7299862a4d59cc3e22d5983d2838f74e0cb68e406b";
        assert_eq!(row["draft"]["sha256"], hash, "as sha256sum prints it");
        assert_eq!(kind(publish("1")), Kind::Conflict, "nobody has approved it");
        assert_eq!(field(approve("omar", &of("2"))), (Kind::Invalid, "version".to_owned()));
        let other = json!({"version": "1", "sha256": "00"});
        assert_eq!(field(approve("omar", &other)), (Kind::Invalid, "sha256".to_owned()));
        let own = approve("lea", &of("1")).unwrap_err();
        assert_eq!(own.kind(), Kind::Forbidden);
        assert!(says(&own, "takes two people") && says(&own, "ask another person"), "{own:?}");
        approve("omar", &json!({"version": "1", "sha256": hash})).unwrap();
        assert_eq!(kind(approve("omar", &of("1"))), Kind::Conflict, "once is enough");
        let row = publish("1").unwrap();
        assert_eq!(row["in_force"]["approved"]["by"], "person:omar");
        assert_eq!((&row["state"]["word"], &row["draft"]), (&json!("in-force"), &json!(null)));
        assert_eq!(newest(world, HOUSE).1["sha256"], hash, "the entry binds to the text");
        assert_eq!(field(draft("1", "other")), (Kind::Invalid, "version".to_owned()), "used");
        team.publish("conduct", "2");
        let row = team.show("policies", "conduct");
        assert_eq!(row["former"][0]["sha256"], hash);
        assert_eq!(row["former"][0]["replaced"]["by"], "person:lea");
        draft("3", "text").unwrap();
        draft("3", "another text").unwrap();
        assert_eq!(team.word("policies", "conduct"), "drafted");
    });
}

#[test]
fn a_team_that_is_too_small_for_two_signatures_is_told_so() {
    both(202, |world| {
        let lea = world.person("lea", &["security-lead"]);
        let take = |verb: &str, stated: &serde_json::Value| {
            crate::registers::take(world, &lea, ("policies", "conduct", verb), stated)
        };
        let new = json!({"name": "conduct", "title": "Conduct", "audience": ["everyone"],
            "owner": "person:lea"});
        crate::registers::add(world, &lea, "policies", &new).unwrap();
        take("draft", &json!({"version": "1", "text": "x"})).unwrap();
        let alone = take("approve", &json!({"version": "1"})).unwrap_err();
        assert!(says(&alone, "nobody else holds a role for it"), "{alone:?}");
    });
}

#[test]
fn a_version_is_acknowledged_once_by_everybody_it_addresses() {
    both(203, |world| {
        let team = Team::new(world);
        team.join("nia", &["engineer"]);
        team.policy(&["engineer", "approver"], 30);
        let own = |who: &str, version: &str| team.acknowledge(who, version);
        let other = json!({"version": "1", "person": "person:omar"});
        let path = ("policies", "conduct", "acknowledge");
        assert_eq!(kind(team.take("nia", path, &other)), Kind::Forbidden, "for oneself");
        assert_eq!(kind(own("lea", "1")), Kind::Forbidden, "not addressed");
        assert_eq!(field(own("nia", "2")), (Kind::Invalid, "version".to_owned()));
        assert_eq!(field(own("nia", "1_2")), (Kind::Invalid, "version".to_owned()));
        let odd = json!({"version": "1", "person": "service:nia"});
        assert_eq!(field(team.take("nia", path, &odd)), (Kind::Invalid, "person".to_owned()));
        let stated = json!({"version": "1", "person": "person:nia"});
        let missing = team.take("nia", ("policies", "other", "acknowledge"), &stated);
        assert_eq!(kind(missing), Kind::NotFound);
        let row = own("nia", "1").unwrap();
        assert_eq!(
            (&row["id"], &row["added"]["by"]),
            (&json!("conduct.1_nia"), &json!("person:nia"))
        );
        let (entry, fields) = newest(world, HOUSE);
        assert_eq!(entry, "policy.acknowledge");
        assert_eq!(fields["object"], "acknowledgements/conduct.1_nia", "the policy stays as it is");
        assert_eq!(kind(own("nia", "1")), Kind::Conflict, "once");
        let stated = json!({"policy": "conduct", "version": "1", "person": "person:nia"});
        assert_eq!(kind(team.add("nia", "acknowledgements", &stated)), Kind::Conflict);
        let stated = json!({"policy": "conduct", "version": "1", "person": "person:omar"});
        assert_eq!(kind(team.add("nia", "acknowledgements", &stated)), Kind::Forbidden);
        let row = team.add("omar", "acknowledgements", &stated).unwrap();
        assert_eq!(row["sha256"], team.show("policies", "conduct")["in_force"]["sha256"]);
        team.publish("conduct", "2");
        own("nia", "2").unwrap();
        assert_eq!(team.show("acknowledgements", "conduct.1_nia")["version"], "1", "it stands");
        let why = json!({"reason": "it is part of another one"});
        team.take("lea", ("policies", "conduct", "withdraw"), &why).unwrap();
        assert_eq!(kind(own("omar", "2")), Kind::Conflict, "nothing is asked any more");
        let draft = json!({"version": "3", "text": "x"});
        assert_eq!(
            kind(team.take("lea", ("policies", "conduct", "draft"), &draft)),
            Kind::Conflict
        );
    });
}

#[test]
fn long_names_of_policy_version_and_person_fit() {
    both(204, |world| {
        let team = Team::new(world);
        let (policy, person) = ("p".repeat(40), "x".repeat(64));
        team.join(&person, &["engineer"]);
        let new = json!({"name": policy, "title": "Long", "audience": ["engineer"],
            "owner": "person:lea"});
        team.add("lea", "policies", &new).unwrap();
        let version = "1".repeat(20);
        team.publish(&policy, &version);
        let who = format!("person:{person}");
        let stated = json!({"policy": policy, "version": version, "person": who});
        team.add(&person, "acknowledgements", &stated).unwrap();
        let stated = json!({"version": version, "person": who});
        let again = team.take(&person, ("policies", &policy, "acknowledge"), &stated);
        assert_eq!(kind(again), Kind::Conflict);
    });
}

#[test]
fn everybody_reads_policies_and_courses_and_not_who_took_them() {
    both(205, |world| {
        let team = Team::new(world);
        team.policy(&["everyone"], 30);
        team.join("nia", &["engineer"]);
        let nia = team.token("nia");
        assert!(show(world, &nia, "policies", "conduct").is_ok());
        assert_eq!(kind(show(world, &nia, "courses", "none")), Kind::NotFound);
        for plural in ["acknowledgements", "trainings", "risks", "reviews", "roster"] {
            assert_eq!(kind(show(world, &nia, plural, "conduct")), Kind::Forbidden, "{plural}");
        }
        let service = world.service("probe");
        assert_eq!(kind(show(world, &service, "policies", "conduct")), Kind::Forbidden);
    });
}
