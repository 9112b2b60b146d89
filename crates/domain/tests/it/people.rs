//! People: taken in once, with tokens that end with them.

use crate::support::{MICROSECOND, both, days, field, kind, name, newest, size};
use domain::people::{CreatePerson, EndPerson, IssueToken, Person};
use domain::register::{List, Read};
use kernel::{HOUSE, Kind, Result};
use testkit::World;

fn leave(world: &World, token: &str, who: &str) -> Result<Person> {
    Ok(world.run(token, EndPerson::new(&world.kernel, &name(who))?)?.output)
}

fn create(world: &World, who: &str, roles: &[&str]) -> Result<Person> {
    let roles = roles.iter().map(ToString::to_string).collect();
    let create = CreatePerson::new(&world.kernel, who, None, None, roles)?;
    Ok(world.run(&world.admin, create)?.output.row)
}

#[test]
fn the_last_administrator_cannot_leave() {
    both(1, |world| {
        assert_eq!(kind(leave(world, &world.admin, "admin")), Kind::Conflict);
        let lea = world.person("lea", &["administrator"]);
        leave(world, &lea, "admin").unwrap();
        assert_eq!(kind(leave(world, &lea, "lea")), Kind::Conflict, "now lea is the last");
        world.asked(&lea).unwrap();
        let noa = world.run(&lea, {
            let roles = vec!["engineer".to_owned()];
            CreatePerson::new(&world.kernel, "noa", None, None, roles).unwrap()
        });
        assert_eq!(noa.unwrap().output.row.roles, ["engineer"]);
        assert_eq!(kind(leave(world, &lea, "lea")), Kind::Conflict, "an engineer is no successor");
    });
}

#[test]
fn leaving_ends_every_token_at_once() {
    both(2, |world| {
        let first = world.person("sam", &["auditor"]);
        let issue = IssueToken::new(&world.kernel, &name("sam")).unwrap();
        let second = world.run(&world.admin, issue).unwrap().output.token;
        assert_ne!(first, second);
        let read = || Read::<Person>::new(&world.kernel, "sam").unwrap();
        // Somebody who was let in before, and asks after.
        let inside = world.asked(&first).unwrap();
        world.run(&second, read()).unwrap();
        let row = leave(world, &world.admin, "sam").unwrap();
        assert_eq!(row.left, Some(world.kernel.now().0));
        assert!(row.credentials.iter().all(|one| one.ended == row.left));
        for token in [&first, &second] {
            assert_eq!(kind(world.asked(token)), Kind::Unauthenticated);
        }
        assert_eq!(kind(world.kernel.run(inside, read()).map(|_| ())), Kind::Unauthenticated);
        assert_eq!(kind(leave(world, &world.admin, "sam")), Kind::Conflict, "left already");
        let issue = IssueToken::new(&world.kernel, &name("sam")).unwrap();
        assert_eq!(kind(world.run(&world.admin, issue)), Kind::Conflict, "no token any more");
    });
}

#[test]
fn a_name_is_never_used_again() {
    both(3, |world| {
        create(world, "sam", &["support"]).unwrap();
        assert_eq!(kind(create(world, "sam", &[])), Kind::Conflict);
        leave(world, &world.admin, "sam").unwrap();
        assert_eq!(kind(create(world, "sam", &["support"])), Kind::Conflict);
        assert_eq!(kind(create(world, "admin", &[])), Kind::Conflict);
    });
}

#[test]
fn a_token_counts_for_thirty_days() {
    both(4, |world| {
        let sam = world.person("sam", &["auditor"]);
        world.clock.advance(days(30) - MICROSECOND);
        world.asked(&sam).unwrap();
        world.clock.advance(MICROSECOND);
        assert_eq!(kind(world.asked(&sam)), Kind::Unauthenticated);
        assert_eq!(
            kind(world.asked(&world.admin)),
            Kind::Unauthenticated,
            "the administrator's too"
        );
    });
}

#[test]
fn twenty_tokens_are_enough_for_anybody() {
    both(5, |world| {
        world.person("sam", &["support"]);
        let issue = || {
            let issue = IssueToken::new(&world.kernel, &name("sam"))?;
            world.run(&world.admin, issue)
        };
        for _ in 1..20 {
            issue().unwrap();
        }
        assert_eq!(kind(issue()), Kind::Limit);
        // One is renewed by the administrator before all of them expire.
        world.clock.advance(days(29));
        let admin = IssueToken::new(&world.kernel, &name("admin")).unwrap();
        let admin = world.run(&world.admin, admin).unwrap().output.token;
        world.clock.advance(days(1));
        let again = IssueToken::new(&world.kernel, &name("sam")).unwrap();
        world.run(&admin, again).unwrap();
    });
}

#[test]
fn what_is_no_name_role_or_address_is_refused() {
    both(6, |world| {
        let house = size(world, HOUSE);
        for bad in ["", "Sam", "-sam", "s/m", "sam ", "séa", &"s".repeat(65)] {
            assert_eq!(kind(create(world, bad, &[])), Kind::Invalid, "{bad}");
        }
        assert_eq!(field(create(world, "sam", &["root"])), (Kind::Invalid, "roles".into()));
        for (full_name, email, wrong) in
            [(Some("a\nb"), None, "full_name"), (None, Some("x".repeat(201)), "email")]
        {
            let full_name = full_name.map(str::to_owned);
            let create = CreatePerson::new(&world.kernel, "sam", full_name, email, vec![]);
            assert_eq!(field(create.map(|_| ())), (Kind::Invalid, wrong.to_owned()));
        }
        assert_eq!(kind(leave(world, &world.admin, "nobody")), Kind::NotFound);
        assert_eq!(size(world, HOUSE), house, "nothing of it was done");
    });
}

#[test]
fn registers_are_seen_by_administrators_and_auditors() {
    both(7, |world| {
        let list = || List::<Person>::new(&world.kernel, 10, None).unwrap();
        let auditor = world.person("ada", &["auditor"]);
        let engineer = world.person("eve", &["engineer"]);
        let service = world.service("import");
        for token in [&world.admin, &auditor] {
            let names: Vec<_> = world.run(token, list()).unwrap().output.items;
            let names: Vec<_> = names.iter().map(|person| person.name.as_str()).collect();
            assert_eq!(names, ["admin", "ada", "eve"]);
        }
        for token in [&engineer, &service] {
            assert_eq!(kind(world.run(token, list()).map(|_| ())), Kind::Forbidden);
            let (kind_of, fields) = newest(world, HOUSE);
            assert_eq!(
                (kind_of.as_str(), fields["asked"].as_str()),
                ("access.refused", "person.list")
            );
        }
        let roles = vec!["auditor".to_owned()];
        let create = CreatePerson::new(&world.kernel, "zoe", None, None, roles).unwrap();
        assert_eq!(kind(world.run(&auditor, create).map(|_| ())), Kind::Forbidden, "seen only");
    });
}
