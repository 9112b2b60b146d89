//! Movers: the job changes, the roles with it, and what is outside them ends for good.

use crate::support::{both, field, kind, name, newest, says};
use domain::grants::{Grant, MovePerson};
use domain::people::{Person, ROLES, eligible};
use domain::register::Read;
use kernel::authority::Verb;
use kernel::{HOUSE, Kind, Result};
use testkit::World;

/// Changes somebody's roles, as the holder of a token.
pub fn moved(world: &World, token: &str, who: &str, roles: &[&str]) -> Result<Person> {
    let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
    let operation = MovePerson::new(&world.kernel, &name(who), &roles, "another job")?;
    Ok(world.run(token, operation)?.output)
}

fn state(world: &World, id: &str) -> &'static str {
    let read = Read::<Grant>::new(&world.kernel, id).unwrap();
    world.run(&world.admin, read).unwrap().output.state(world.kernel.now())
}

#[test]
fn what_is_outside_the_new_role_ends_for_good() {
    both(61, |world| {
        let lea = world.person("lea", &["security-lead"]);
        let eve = world.person("eve", &["engineer"]);
        let import = world.service("import");
        world.grant("service:import", "*", "*", &["read", "write", "open"]);
        let account = world.account(&import, "One").unwrap();
        world.collection(&import, &account, "c").unwrap();
        let place = (&account, "c", "x");
        let write = world.grant("person:eve", "one", "*", &["write", "delete"]);
        let both_of = world.grant("person:eve", "one", "*", &["read", "write"]);
        let read = world.grant("person:eve", "one", "*", &["read"]);
        world.put(&eve, place, "{}").unwrap();
        let row = moved(world, &lea, "eve", &["support", "support"]).unwrap();
        let (last, now) = (row.moves.last().unwrap(), world.kernel.now().0);
        assert_eq!(row.roles, ["support"], "each once");
        assert_eq!((last.at, last.by.as_str(), last.ended), (now, "person:lea", 2));
        assert_eq!((&last.from, &last.to), (&vec!["engineer".into()], &vec!["support".into()]));
        assert_eq!(
            [&write, &both_of, &read].map(|id| state(world, id)),
            ["ended", "ended", "active"]
        );
        assert_eq!(kind(world.put(&eve, place, "{}")), Kind::Forbidden);
        assert_eq!(world.get(&eve, place).unwrap(), "{}");
        // The role comes back; what ended with it does not.
        let row = moved(world, &lea, "eve", &["engineer"]).unwrap();
        assert_eq!((row.moves.len(), row.moves[1].ended), (2, 0));
        assert_eq!(kind(world.put(&eve, place, "{}")), Kind::Forbidden);
        assert_eq!(state(world, &write), "ended");
        let read = Read::<Person>::new(&world.kernel, "eve").unwrap();
        let kept = world.run(&lea, read).unwrap().output;
        assert_eq!(kept.moves, row.moves, "what was before stays");
        world.grant("person:eve", "one", "*", &["write"]);
        world.put(&eve, place, "{}").unwrap();
    });
}

#[test]
fn every_row_that_changes_has_its_entry() {
    both(62, |world| {
        world.person("eve", &["engineer"]);
        let id = world.grant("person:eve", "*", "*", &["open"]);
        moved(world, &world.admin, "eve", &[]).unwrap();
        let (kind, fields) = newest(world, HOUSE);
        assert_eq!(
            (kind.as_str(), fields["object"].clone()),
            ("person.move", format!("grants/{id}"))
        );
        let person = crate::support::entry(world, HOUSE, crate::support::size(world, HOUSE) - 2);
        assert_eq!(person.0, "person.move");
        let told = ["object", "was", "roles", "ended"].map(|one| person.1[one].as_str());
        assert_eq!(told, ["people/eve", "engineer", "", "1"]);
    });
}

#[test]
fn nobody_moves_themselves_and_an_administrator_is_made_by_one() {
    both(63, |world| {
        let lea = world.person("lea", &["security-lead"]);
        world.person("eve", &["engineer"]);
        for token in [&world.admin, &lea] {
            let last = moved(world, token, "admin", &["engineer"]);
            assert!(says(last.as_ref().unwrap_err(), "last administrator"));
            assert_eq!(kind(last), Kind::Conflict);
        }
        assert_eq!(
            kind(moved(world, &lea, "lea", &["security-lead", "engineer"])),
            Kind::Forbidden
        );
        assert_eq!(kind(moved(world, &lea, "eve", &["administrator"])), Kind::Forbidden);
        moved(world, &world.admin, "eve", &["administrator"]).unwrap();
        assert_eq!(kind(moved(world, &lea, "eve", &["engineer"])), Kind::Forbidden, "nor taken");
        assert_eq!(kind(moved(world, &world.admin, "admin", &[])), Kind::Forbidden, "oneself");
        moved(world, &world.admin, "eve", &["support"]).unwrap();
        assert_eq!(
            kind(moved(world, &world.admin, "admin", &[])),
            Kind::Conflict,
            "the last again"
        );
    });
}

#[test]
fn what_is_no_move_is_refused() {
    both(64, |world| {
        let auditor = world.person("ada", &["auditor"]);
        world.person("eve", &["engineer"]);
        let admin = &world.admin;
        assert_eq!(field(moved(world, admin, "eve", &["root"])), (Kind::Invalid, "roles".into()));
        for reason in ["", " ", "a\nb", &"x".repeat(501)] {
            let refused = MovePerson::new(&world.kernel, &name("eve"), &[], reason).map(|_| ());
            assert_eq!(field(refused), (Kind::Invalid, "reason".into()));
        }
        assert_eq!(kind(moved(world, admin, "nobody", &["engineer"])), Kind::NotFound);
        assert_eq!(kind(moved(world, admin, "eve", &["engineer"])), Kind::Conflict, "no change");
        assert_eq!(kind(moved(world, &auditor, "eve", &["support"])), Kind::Forbidden);
        let end = domain::people::EndPerson::new(&world.kernel, &name("eve")).unwrap();
        world.run(admin, end).unwrap();
        assert_eq!(kind(moved(world, admin, "eve", &["support"])), Kind::Conflict, "left");
    });
}

#[test]
fn a_grant_that_was_given_meanwhile_is_not_overlooked() {
    both(65, |world| {
        world.person("eve", &["engineer"]);
        let roles = ["support".to_owned()];
        let before = MovePerson::new(&world.kernel, &name("eve"), &roles, "another job").unwrap();
        let id = world.grant("person:eve", "*", "*", &["open"]);
        assert_eq!(state(world, &id), "active");
        world.run(&world.admin, before).unwrap();
        assert_eq!(state(world, &id), "ended");
    });
}

/// The rule that ends grants says the same as the policies that refuse requests.
#[test]
fn eligible_is_what_the_policies_say() {
    let world = World::memory(66);
    let import = world.service("import");
    world.grant("service:import", "*", "*", &["read", "write", "open"]);
    let account = world.account(&import, "One").unwrap();
    world.collection(&import, &account, "c").unwrap();
    world.put(&import, (&account, "c", "x"), "{}").unwrap();
    let mut all: Vec<Vec<&str>> = ROLES.iter().map(|(role, _)| vec![*role]).collect();
    all.extend([vec![], vec!["administrator", "engineer"], vec!["support", "auditor"]]);
    for (number, roles) in all.iter().enumerate() {
        let who = format!("p{number}");
        let token = world.person(&who, roles);
        world.grant(&format!("person:{who}"), "*", "*", &["read", "write", "delete", "open"]);
        let owned: Vec<_> = roles.iter().map(ToString::to_string).collect();
        let place = (&account, "c", who.as_str());
        let opened = world.account(&token, &format!("Of {who}")).is_ok();
        let said = [Verb::Read, Verb::Write, Verb::Open].map(|verb| eligible(&owned, verb));
        let done = [
            world.get(&token, (&account, "c", "x")).is_ok(),
            world.put(&token, place, "{}").is_ok(),
            opened,
        ];
        assert_eq!(said, done, "{roles:?}");
    }
}
