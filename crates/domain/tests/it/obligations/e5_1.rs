//! E5.1: only approved personnel have administrative access to production systems.

use super::systems::{scope, through};
use crate::support::{both, give, wish};
use crate::team::Team;
use domain::grants::EndGrant;
use domain::measures::State;

#[test]
fn access_is_approved_by_another() {
    both(151, |world| {
        let team = Team::new(world);
        let alone = team.expect("E5.1", State::Failing);
        let first = &alone.todo[0].what;
        assert_eq!(first, "take in a second administrator", "what fails is mended first");
        world.service("import");
        let own = give(world, &world.admin, wish("service:import", &["read"])).unwrap();
        team.join("ann", &["administrator"]);
        scope(&team);
        team.expect("E5.1", State::Failing);
        world.run(&team.token("ann"), EndGrant::new(&world.kernel, &own.id).unwrap()).unwrap();
        team.expect("E5.1", State::Holding);
        give(world, &team.token("ann"), wish("service:import", &["read"])).unwrap();
        through(&team, "E5.1", "access-brokered", || ());
        team.leave("ann");
        team.expect("E5.1", State::Failing);
        team.join("bob", &["administrator"]);
        team.expect("E5.1", State::Holding);
    });
}
