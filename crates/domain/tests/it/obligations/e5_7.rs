//! E5.7: rights change with the job.

use crate::movers::moved;
use crate::support::{both, planted, wish};
use crate::team::Team;
use domain::grants::EndGrant;
use domain::measures::{Basis, State};

#[test]
fn rights_change_with_the_job() {
    both(157, |world| {
        let team = Team::new(world);
        team.join("eve", &["engineer"]);
        team.expect("E5.7", State::Unproven);
        planted(world, &team.token("admin"), wish("person:eve", &["read", "write"])).unwrap();
        moved(world, &team.token("lea"), "eve", &["support"]).unwrap();
        let answer = team.expect("E5.7", State::Holding);
        assert_eq!(answer.basis, Some(Basis::Measured));
        let one = "changes of roles within a year: 1; grants that ended with them: 1";
        assert_eq!(answer.facts[0].what, one);
        let grant = planted(world, &team.token("admin"), wish("person:eve", &["write"])).unwrap();
        let answer = team.expect("E5.7", State::Failing);
        assert_eq!(answer.todo[0].place, format!("grants/{}", grant.id));
        world.run(&team.token("admin"), EndGrant::new(&world.kernel, &grant.id).unwrap()).unwrap();
        team.expect("E5.7", State::Holding);
        team.wait(367);
        team.expect("E5.7", State::Unproven);
        moved(world, &team.token("lea"), "eve", &["engineer"]).unwrap();
        team.expect("E5.7", State::Holding);
    });
}
