//! Measures: what holds, from facts that are gathered when somebody asks.

use crate::support::{MICROSECOND, both, days, field, give, keyed, kind, name, run_as, wish};
use domain::grants::EndGrant;
use domain::measures::{Answered, Basis, Listener, ReadMeasures, State, StateScope};
use domain::people::IssueToken;
use kernel::{Kind, Result};
use std::time::Duration;
use testkit::World;

fn ask(world: &World, token: &str) -> Vec<Answered> {
    let listener =
        Listener { version: "TLSv1.3".to_owned(), refuses_plaintext: true, at: world.kernel.now() };
    let read = ReadMeasures::new(&world.kernel, Some(listener)).unwrap();
    world.run(token, read).unwrap().output
}

fn state(world: &World, token: &str, id: &str) -> State {
    let all = ask(world, token);
    all.into_iter().find(|one| one.obligation.id == id).unwrap().answer.state
}

fn scope(world: &World, token: &str) -> Result<()> {
    let state = StateScope::new(&world.kernel, "Bailee holds all of it")?;
    world.run(token, state).map(|_| ())
}

fn tick(world: &World) {
    world.kernel.tick(&domain::run_job).unwrap();
}

#[test]
fn a_new_store_shows_nothing_as_holding() {
    both(1, |world| {
        let all = ask(world, &world.admin);
        assert!(all.iter().all(|one| one.answer.state != State::Holding));
        for id in ["E5.1", "E5.6"] {
            assert_eq!(state(world, &world.admin, id), State::Failing, "one administrator");
        }
        for id in ["E2.1", "E2.2", "E5.2", "E5.3", "E1.0"] {
            assert_eq!(state(world, &world.admin, id), State::Unproven, "{id}");
        }
        let service = world.service("probe");
        assert_eq!(ask(world, &service).len(), all.len(), "anybody who is known may ask");
    });
}

#[test]
fn a_second_administrator_and_a_scope_make_the_two_hold() {
    both(2, |world| {
        scope(world, &world.admin).unwrap();
        world.service("import");
        let own = give(world, &world.admin, wish("service:import", &["read"])).unwrap();
        let lea = world.person("lea", &["administrator"]);
        for id in ["E5.1", "E5.6"] {
            assert_eq!(state(world, &lea, id), State::Failing, "a self-approved grant is in force");
        }
        let end = EndGrant::new(&world.kernel, &own.id).unwrap();
        world.run(&world.admin, end).unwrap();
        give(world, &lea, wish("service:import", &["read"])).unwrap();
        for id in ["E5.1", "E2.1", "E2.2", "E5.2"] {
            assert_eq!(state(world, &lea, id), State::Holding, "{id}");
        }
        let answer = ask(world, &lea).into_iter().find(|one| one.obligation.id == "E5.1").unwrap();
        assert_eq!(answer.answer.basis, Some(Basis::Recorded), "the weakest of its facts");
        let leave = domain::people::EndPerson::new(&world.kernel, &name("lea")).unwrap();
        world.run(&world.admin, leave).unwrap();
        assert_eq!(state(world, &world.admin, "E5.1"), State::Failing, "alone again");
        assert_eq!(state(world, &world.admin, "E5.5"), State::Holding, "lea's token is refused");
    });
}

#[test]
fn a_statement_of_scope_goes_stale() {
    both(3, |world| {
        let lea = world.person("lea", &["administrator"]);
        scope(world, &lea).unwrap();
        let mut admin = world.admin.clone();
        let mut later = |span: Duration| {
            let renew = IssueToken::new(&world.kernel, &name("admin")).unwrap();
            admin = world.run(&admin, renew).unwrap().output.token;
            world.clock.advance(span);
            admin.clone()
        };
        let token = (0..3).map(|_| later(days(29))).last().unwrap();
        assert_eq!(state(world, &token, "E5.1"), State::Holding, "87 days old");
        let token = later(days(5));
        assert_eq!(state(world, &token, "E5.1"), State::Holding, "92 days old");
        let token = later(MICROSECOND);
        assert_eq!(state(world, &token, "E5.1"), State::Unproven);
        scope(world, &token).unwrap();
        assert_eq!(state(world, &token, "E5.1"), State::Holding, "stated anew");
    });
}

#[test]
fn a_scope_is_stated_by_an_administrator_with_a_reason() {
    both(4, |world| {
        for bad in ["", " ", "a\nb", &"x".repeat(501)] {
            let refused = StateScope::new(&world.kernel, bad).map(|_| ());
            assert_eq!(field(refused), (Kind::Invalid, "reason".to_owned()));
        }
        let auditor = world.person("ada", &["auditor"]);
        assert_eq!(kind(scope(world, &auditor)), Kind::Forbidden);
        assert_eq!(kind(scope(world, &world.service("import"))), Kind::Forbidden);
        let say = || {
            let state = StateScope::new(&world.kernel, "why").unwrap();
            run_as(world, &world.admin, state, keyed("k", 1)).unwrap()
        };
        let first = say();
        world.clock.advance(Duration::from_secs(9));
        let again = say();
        assert_eq!((again.replayed, again.output), (true, first.output));
    });
}

#[test]
fn an_idle_system_goes_on_holding_and_one_that_is_not_ticked_does_not() {
    both(5, |world| {
        scope(world, &world.admin).unwrap();
        let import = world.service("import");
        give(world, &world.admin, wish("service:import", &["open"])).unwrap();
        assert_eq!(state(world, &world.admin, "E5.3"), State::Unproven, "no anchor yet");
        world.account(&import, "One").unwrap();
        tick(world);
        assert_eq!(state(world, &world.admin, "E5.3"), State::Holding);
        world.clock.advance(days(1));
        assert_eq!(state(world, &world.admin, "E5.3"), State::Unproven, "nobody looked since");
        tick(world);
        assert_eq!(state(world, &world.admin, "E5.3"), State::Holding, "nothing moved since");
    });
}
