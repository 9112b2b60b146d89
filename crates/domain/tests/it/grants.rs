//! Grants: approved by another, for a purpose and a while; nothing without one.

use crate::support::{
    MICROSECOND, account_with_data, both, days, entry, field, give, grant, keyed, kind, kinds,
    name, newest, planted, run_as, says, size, slot, wish,
};
use domain::data::{Condition, GetRecord};
use domain::grants::{EndGrant, Grant, Wish};
use domain::people::EndPerson;
use domain::register::Read;
use kernel::id::AccountId;
use kernel::{Asked, HOUSE, Kind, Result};
use std::time::Duration;
use testkit::World;

fn get(
    world: &World,
    token: &str,
    account: &AccountId,
    collection: &str,
    say: impl FnOnce(&mut Asked),
) -> Result<()> {
    let place = world.place(account, collection);
    let id = crate::support::record("x");
    let get = GetRecord::new(&world.kernel, place, &id, None, Condition::None)?;
    run_as(world, token, get, say).map(|_| ())
}

/// An account with the record `x` in `c`, and a service without any right.
fn account_and_reader(world: &World) -> (AccountId, String) {
    let (import, account) = account_with_data(world);
    world.put(&import, (&account, "c", "x"), "{}").unwrap();
    (account, world.service("reader"))
}

#[test]
fn one_administrator_approves_for_itself_and_every_entry_says_so() {
    both(1, |world| {
        let (account, reader) = account_and_reader(world);
        let given = give(world, &world.admin, wish("service:reader", &["read"])).unwrap();
        assert!(given.bootstrap);
        assert_eq!(given.approver, "person:admin");
        let (kind_of, fields) = entry(world, HOUSE, given.given);
        assert_eq!((kind_of.as_str(), fields["bootstrap"].as_str()), ("grant.create", "true"));
        assert_eq!(fields["to"], "service:reader");
        get(world, &reader, &account, "c", |_| ()).unwrap();
        let (kind_of, fields) = newest(world, slot(world, &account));
        assert_eq!((kind_of.as_str(), fields["bootstrap"].as_str()), ("record.get", "true"));
        assert_eq!(fields["grant"], format!("{}#{}", given.id, given.given));
        assert_eq!(fields["policies"], "data-read");
    });
}

#[test]
fn of_two_administrators_neither_approves_for_itself() {
    both(2, |world| {
        let (account, reader) = account_and_reader(world);
        let lea = world.person("lea", &["administrator", "engineer"]);
        let house = size(world, HOUSE);
        let own = give(world, &world.admin, wish("service:reader", &["read"]));
        assert_eq!(kind(own), Kind::Forbidden, "admin owns the service");
        assert_eq!(kind(give(world, &lea, wish("person:lea", &["read"]))), Kind::Forbidden);
        assert_eq!(size(world, HOUSE), house + 2, "what a rule forbids is recorded as well");
        let (kind_of, fields) = newest(world, HOUSE);
        assert_eq!(
            (kind_of.as_str(), fields["asked"].as_str()),
            ("access.refused", "grant.create")
        );
        assert_eq!((fields["actor"].as_str(), fields["why"].as_str()), ("person:lea", "forbidden"));
        let given = give(world, &lea, wish("service:reader", &["read"])).unwrap();
        assert!(!given.bootstrap);
        get(world, &reader, &account, "c", |_| ()).unwrap();
        let (_, fields) = newest(world, slot(world, &account));
        assert!(!fields.contains_key("bootstrap"));
        let end = EndPerson::new(&world.kernel, &name("lea")).unwrap();
        world.run(&world.admin, end).unwrap();
        let alone = give(world, &world.admin, wish("service:reader", &["read"])).unwrap();
        assert!(alone.bootstrap, "alone again");
    });
}

#[test]
fn a_grant_counts_in_its_window_and_not_a_moment_longer() {
    both(3, |world| {
        let (account, reader) = account_and_reader(world);
        let window = Duration::from_secs(60);
        give(world, &world.admin, Wish { window, ..wish("service:reader", &["read"]) }).unwrap();
        world.clock.advance(window - Duration::from_millis(1));
        get(world, &reader, &account, "c", |_| ()).unwrap();
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(kind(get(world, &reader, &account, "c", |_| ())), Kind::NotFound);
        for window in [Duration::ZERO, days(90) + MICROSECOND, days(900)] {
            let refused =
                give(world, &world.admin, Wish { window, ..wish("service:reader", &["read"]) });
            assert_eq!(field(refused), (Kind::Invalid, "for_seconds".to_owned()), "{window:?}");
        }
        give(world, &world.admin, Wish { window: days(90), ..wish("service:reader", &["read"]) })
            .unwrap();
    });
}

#[test]
fn a_stated_purpose_is_the_grant_s() {
    both(4, |world| {
        let (account, reader) = account_and_reader(world);
        let say = |purpose: &str| {
            let purpose = Some(purpose.to_owned());
            move |asked: &mut Asked| asked.purpose = purpose
        };
        give(world, &world.admin, wish("service:reader", &["read"])).unwrap();
        get(world, &reader, &account, "c", say("support case")).unwrap();
        let (_, fields) = newest(world, slot(world, &account));
        assert_eq!(fields["purpose"], "support case");
        get(world, &reader, &account, "c", |_| ()).unwrap();
        let (_, fields) = newest(world, slot(world, &account));
        assert_eq!(fields["purpose"], "support case", "the grant's, where none is stated");
        for other in ["curiosity", "Support case", "", "support case "] {
            let refused = get(world, &reader, &account, "c", say(other));
            assert_eq!(kind(refused), Kind::Forbidden, "{other}");
        }
        // Another grant, with that purpose, allows it and is the one that is named.
        let curious = Wish { purpose: "curiosity".into(), ..wish("service:reader", &["read"]) };
        let given = give(world, &world.admin, curious).unwrap();
        get(world, &reader, &account, "c", say("curiosity")).unwrap();
        let (_, fields) = newest(world, slot(world, &account));
        assert_eq!(fields["grant"], format!("{}#{}", given.id, given.given));
        for bad in ["", "  ", "a\nb", &"x".repeat(513)] {
            let refused = Wish { purpose: bad.into(), ..wish("service:reader", &["read"]) };
            let refused = field(give(world, &world.admin, refused));
            assert_eq!(refused, (Kind::Invalid, "purpose".to_owned()), "{bad:?}");
        }
    });
}

#[test]
fn what_cannot_be_granted_is_named() {
    both(5, |world| {
        account_and_reader(world);
        let bad = |change: &dyn Fn(&mut Wish)| {
            let mut wish = wish("service:reader", &["read"]);
            change(&mut wish);
            field(give(world, &world.admin, wish))
        };
        let invalid = |name: &str| (Kind::Invalid, name.to_owned());
        let house = size(world, HOUSE);
        assert_eq!(bad(&|wish| wish.verbs.clear()), invalid("verbs"));
        assert_eq!(bad(&|wish| wish.verbs = vec!["Read".into()]), invalid("verbs"));
        let open_one = |wish: &mut Wish| {
            (wish.account, wish.verbs) = ("one".into(), vec!["open".into()]);
        };
        assert_eq!(bad(&open_one), invalid("verbs"), "creating accounts is about all of them");
        assert_eq!(bad(&|wish| wish.collections.clear()), invalid("collections"));
        assert_eq!(bad(&|wish| wish.collections.push("c".into())), invalid("collections"));
        let many = |wish: &mut Wish| wish.collections = (0..51).map(|n| format!("c{n}")).collect();
        assert_eq!(bad(&many), invalid("collections"));
        assert_eq!(bad(&|wish| wish.collections = vec!["C".into()]).0, Kind::Invalid);
        for to in ["import", "group:all", "service:nobody", "person:nobody", "kernel"] {
            assert_eq!(bad(&|wish| wish.to = to.into()), invalid("to"), "{to}");
        }
        assert_eq!(bad(&|wish| wish.account = "nobody".into()).0, Kind::NotFound);
        assert_eq!(bad(&|wish| wish.account = "house".into()).0, Kind::NotFound, "under no grant");
        assert_eq!(size(world, HOUSE), house, "nothing of it was done");
        let sam = world.person("sam", &["engineer"]);
        let directly = give(world, &world.admin, wish("person:sam", &["read"])).unwrap_err();
        assert!(says(&directly, "a person asks for access"), "{directly:?}");
        let given = planted(world, &world.admin, wish("person:sam", &["read"])).unwrap();
        assert_eq!(kind(give(world, &sam, wish("person:sam", &["read"]))), Kind::Forbidden);
        let end = EndPerson::new(&world.kernel, &name("sam")).unwrap();
        world.run(&world.admin, end).unwrap();
        assert_eq!(
            bad(&|wish| wish.to = "person:sam".into()),
            invalid("to"),
            "who left holds none"
        );
        let read = Read::<Grant>::new(&world.kernel, &given.id).unwrap();
        assert_eq!(world.run(&world.admin, read).unwrap().output, given, "and it stays in sight");
    });
}

#[test]
fn a_grant_ends_at_once_and_again_without_harm() {
    both(6, |world| {
        let (account, reader) = account_and_reader(world);
        let given = give(world, &world.admin, wish("service:reader", &["read"])).unwrap();
        get(world, &reader, &account, "c", |_| ()).unwrap();
        let end = |id: &str| world.run(&world.admin, EndGrant::new(&world.kernel, id)?);
        let ended = end(&given.id).unwrap().output.ended;
        assert_eq!(kind(get(world, &reader, &account, "c", |_| ())), Kind::NotFound);
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(end(&given.id).unwrap().output.ended, ended, "it ended the first time");
        assert_eq!(kind(end("grant_0").map(|_| ())), Kind::NotFound);
        let now = world.kernel.now();
        assert_eq!(given.state(now), "active", "the row as it was given");
        assert_eq!(Grant { ended, ..given.clone() }.state(now), "ended");
        assert_eq!(Grant { not_after: now.0, ..given.clone() }.state(now), "expired");
        assert_eq!(Grant { not_before: now.0 + 1, ..given }.state(now), "approved");
    });
}

#[test]
fn the_end_of_a_window_is_noted_once() {
    both(7, |world| {
        let (account, _) = account_and_reader(world);
        let window = Duration::from_secs(60);
        let short = Wish { window, ..wish("service:reader", &["read"]) };
        let given = give(world, &world.admin, short).unwrap();
        let expired = || kinds(world, HOUSE).iter().filter(|kind| *kind == "grant.expired").count();
        let tick = || world.kernel.tick(&domain::run_job).unwrap();
        world.clock.advance(window - MICROSECOND);
        tick();
        assert_eq!(expired(), 0);
        world.clock.advance(MICROSECOND);
        tick();
        tick();
        assert_eq!(expired(), 1);
        let at = kinds(world, HOUSE).iter().position(|kind| kind == "grant.expired").unwrap();
        let (_, fields) = entry(world, HOUSE, u64::try_from(at).unwrap());
        assert_eq!(fields["expired"], given.id);
        assert_eq!(fields["actor"], "person:admin", "with the right of whoever left the job");
        world.clock.advance(days(1));
        tick();
        assert_eq!(expired(), 2, "the eight hours of the import");
        assert_eq!(kind(world.get(&world.admin, (&account, "c", "x"))), Kind::Forbidden);
    });
}

#[test]
fn a_role_gives_eligibility_and_only_a_grant_gives_access() {
    both(8, |world| {
        let (account, _) = account_and_reader(world);
        let all = &["read", "write", "delete"][..];
        for (person, roles, may_read, may_write) in [
            ("eve", &["engineer"][..], true, true),
            ("sue", &["support"], true, false),
            ("ada", &["auditor"], false, false),
            ("nil", &[], false, false),
            ("lea", &["administrator", "engineer"], false, false),
        ] {
            let token = world.person(person, roles);
            let place = (&account, "c", "x");
            let before = world.get(&token, place).is_ok() || world.put(&token, place, "{}").is_ok();
            assert!(!before, "{person} without a grant");
            // Two administrators are there at the end, and neither may approve for its own.
            planted(world, &world.admin, wish(&format!("person:{person}"), all)).unwrap();
            let read = world.get(&token, place).map(|_| ()).map_err(|error| error.kind());
            let write = world.put(&token, place, "{}").map(|_| ()).map_err(|error| error.kind());
            let expected = |may: bool| if may { Ok(()) } else { Err(Kind::Forbidden) };
            assert_eq!((read, write), (expected(may_read), expected(may_write)), "{person}");
        }
    });
}

#[test]
fn a_repeated_approval_gives_one_grant() {
    both(9, |world| {
        account_and_reader(world);
        let ask = || {
            let operation = grant(world, wish("service:reader", &["read"]))?;
            run_as(world, &world.admin, operation, keyed("k", 1))
        };
        let first = ask().unwrap();
        let house = size(world, HOUSE);
        world.clock.advance(Duration::from_secs(60));
        let again = ask().unwrap();
        assert_eq!((again.replayed, &again.output), (true, &first.output), "id and window too");
        assert_eq!(size(world, HOUSE), house);
    });
}
