//! Setting up: the steps name who may do them, and are done when there is something.

use crate::support::both;
use crate::team::Team;
use domain::measures::SetScope;
use domain::people::{Create, EndPerson, ROLES};
use domain::setup::{ReadSetup, Step};
use kernel::{Act, HOUSE};
use serde_json::json;
use testkit::World;

fn steps(world: &World, token: &str) -> Vec<Step> {
    let read = ReadSetup::new(&world.kernel, None).unwrap();
    world.run(token, read).unwrap().output.steps
}

fn done(world: &World, token: &str, id: &str) -> bool {
    steps(world, token).iter().find(|step| step.id == id).unwrap().done
}

#[test]
fn who_a_step_names_is_who_the_policies_let() {
    let world = World::memory(191);
    let all = steps(&world, &world.admin);
    for (role, _) in ROLES {
        let token = world.person(&format!("a-{role}"), &[role]);
        let caller = world.kernel.identify(&token).unwrap();
        for step in &all {
            let action = match step.id.as_str() {
                // It takes a grant with the verb `open`, for which a role is eligible.
                "accounts" => continue,
                "scope" => SetScope::ACTION,
                id => domain::registers::register(id).map_or(Create::ACTION, |one| one.add.action),
            };
            let may = world.kernel.allow(&caller, action, HOUSE).is_ok();
            assert_eq!(step.who.contains(&role.to_owned()), may, "{} for {role}", step.id);
        }
    }
    for step in &all {
        assert!(!step.done && step.command.starts_with("bailee "), "{step:?}");
    }
}

#[test]
fn a_step_is_done_by_what_is_there_and_open_again_when_it_is_gone() {
    both(192, |world| {
        let team = Team::new(world);
        let admin = team.token("admin");
        assert!(done(world, &admin, "two-signers") && done(world, &admin, "role-approver"));
        assert!(!done(world, &admin, "second-administrator"));
        team.join("ana", &["administrator"]);
        assert!(done(world, &admin, "second-administrator"));
        let end = EndPerson::new(&world.kernel, &crate::support::name("ana")).unwrap();
        world.run(&admin, end).unwrap();
        assert!(!done(world, &admin, "second-administrator"), "who left counts no more");

        let first = json!({"version": "1", "reason": "ours"});
        team.add("lea", "catalogues", &first).unwrap();
        assert!(!done(world, &admin, "catalogues"), "nobody approved it");
        team.take("lea", ("catalogues", "current", "propose"), &first).unwrap();
        let version = json!({"version": "1"});
        team.take("omar", ("catalogues", "current", "approve"), &version).unwrap();
        assert!(done(world, &admin, "catalogues"));

        let system = json!({"name": "db-1", "kind": "data-store", "purpose": "orders",
            "owner": "person:lea"});
        team.add("lea", "systems", &system).unwrap();
        assert!(done(world, &admin, "systems"));
        let why = json!({"reason": "switched off"});
        team.take("lea", ("systems", "db-1", "retire"), &why).unwrap();
        assert!(!done(world, &admin, "systems"), "what is over counts no more");
    });
}
