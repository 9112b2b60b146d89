//! Services: machines with an owner, and tokens that are issued, ended and expire.

use crate::support::{
    MICROSECOND, account_with_data, both, days, field, give, kind, name, newest, size, wish,
};
use domain::grants::Wish;
use domain::people::{EndPerson, IssueToken as IssuePersonToken};
use domain::services::{CreateService, EndService, IssueToken, RevokeToken, Service};
use kernel::id::PrincipalId;
use kernel::{HOUSE, Kind, Result};
use testkit::World;

fn create(world: &World, service: &str, owner: Option<&str>) -> Result<Service> {
    let create = CreateService::new(&world.kernel, service, owner)?;
    Ok(world.run(&world.admin, create)?.output.row)
}

fn issue(world: &World, service: &str) -> Result<(String, String)> {
    let issue = IssueToken::new(&world.kernel, &name(service))?;
    let issued = world.run(&world.admin, issue)?.output;
    Ok((issued.token, issued.row.credentials.last().unwrap().id.clone()))
}

fn revoke(world: &World, of: &str, token: &str) -> Result<()> {
    let of = PrincipalId::parse(of).unwrap();
    world.run(&world.admin, RevokeToken::new(&world.kernel, &of, token)?).map(|_| ())
}

#[test]
fn one_token_ends_and_the_other_goes_on() {
    both(1, |world| {
        let (first, account) = account_with_data(world);
        let place = (&account, "c", "x");
        let (second, id) = issue(world, "import").unwrap();
        world.put(&first, place, "{}").unwrap();
        world.get(&second, place).unwrap();
        let inside = world.asked(&second).unwrap();
        revoke(world, "service:import", &id).unwrap();
        let (kind_of, fields) = newest(world, HOUSE);
        assert_eq!((kind_of.as_str(), fields["ended"].as_str()), ("token.end", id.as_str()));
        assert_eq!(kind(world.get(&second, place)), Kind::Unauthenticated);
        let look = domain::accounts::LookAt::new(&world.kernel, &account).unwrap();
        assert_eq!(kind(world.kernel.run(inside, look).map(|_| ())), Kind::Unauthenticated);
        world.get(&first, place).unwrap();
        assert_eq!(kind(revoke(world, "service:import", "no-such")), Kind::NotFound);
        assert_eq!(kind(revoke(world, "service:nobody", &id)), Kind::NotFound);
        assert_eq!(kind(revoke(world, "person:admin", &id)), Kind::NotFound, "another's token");
    });
}

#[test]
fn a_token_counts_for_ninety_days() {
    both(2, |world| {
        let import = world.service("import");
        let mut admin = world.admin.clone();
        for _ in 0..3 {
            world.clock.advance(days(29));
            let renew = IssuePersonToken::new(&world.kernel, &name("admin")).unwrap();
            admin = world.run(&admin, renew).unwrap().output.token;
        }
        world.clock.advance(days(3) - MICROSECOND);
        world.asked(&import).unwrap();
        world.clock.advance(MICROSECOND);
        assert_eq!(kind(world.asked(&import)), Kind::Unauthenticated);
        let again = IssueToken::new(&world.kernel, &name("import")).unwrap();
        let again = world.run(&admin, again).unwrap().output.token;
        world.asked(&again).unwrap();
    });
}

#[test]
fn an_expired_token_ends_what_was_decided_under_it() {
    both(3, |world| {
        let (import, account) = account_with_data(world);
        let mut admin = world.admin.clone();
        for _ in 0..3 {
            world.clock.advance(days(29));
            let renew = IssuePersonToken::new(&world.kernel, &name("admin")).unwrap();
            admin = world.run(&admin, renew).unwrap().output.token;
        }
        let long = Wish { window: days(20), ..wish("service:import", &["read", "write"]) };
        give(world, &admin, long).unwrap();
        let look = || domain::accounts::LookAt::new(&world.kernel, &account).unwrap();
        let inside = world.asked(&import).unwrap();
        world.kernel.run(inside.clone(), look()).unwrap();
        world.clock.advance(days(3));
        assert_eq!(kind(world.kernel.run(inside, look()).map(|_| ())), Kind::Unauthenticated);
    });
}

#[test]
fn a_service_that_ended_is_gone_for_good() {
    both(4, |world| {
        let (import, account) = account_with_data(world);
        let (second, _) = issue(world, "import").unwrap();
        let end = || world.run(&world.admin, EndService::new(&world.kernel, &name("import"))?);
        let row = end().unwrap().output;
        assert!(row.ended.is_some() && row.credentials.iter().all(|one| one.ended.is_some()));
        for token in [&import, &second] {
            assert_eq!(kind(world.get(token, (&account, "c", "x"))), Kind::Unauthenticated);
        }
        assert_eq!(kind(end().map(|_| ())), Kind::Conflict);
        assert_eq!(kind(issue(world, "import")), Kind::Conflict);
        assert_eq!(kind(create(world, "import", None)), Kind::Conflict, "names are not used again");
        let missing = EndService::new(&world.kernel, &name("nobody")).unwrap();
        assert_eq!(kind(world.run(&world.admin, missing).map(|_| ())), Kind::NotFound);
    });
}

#[test]
fn an_active_person_answers_for_a_service() {
    both(5, |world| {
        world.person("sam", &["support"]);
        let row = create(world, "one", Some("person:sam")).unwrap();
        assert_eq!(row.owner, "person:sam");
        assert_eq!(create(world, "two", None).unwrap().owner, "person:admin");
        world.service("import");
        let end = EndPerson::new(&world.kernel, &name("sam")).unwrap();
        world.run(&world.admin, end).unwrap();
        let house = size(world, HOUSE);
        for owner in ["person:sam", "person:nobody", "service:import"] {
            let refused = field(create(world, "three", Some(owner)));
            assert_eq!(refused, (Kind::Invalid, "owner".to_owned()), "{owner}");
        }
        assert_eq!(kind(create(world, "three", Some("sam"))), Kind::Invalid);
        assert_eq!(size(world, HOUSE), house);
        let own = CreateService::new(&world.kernel, "four", None).unwrap();
        let import = issue(world, "import").unwrap().0;
        assert_eq!(kind(world.run(&import, own).map(|_| ())), Kind::Forbidden);
    });
}
