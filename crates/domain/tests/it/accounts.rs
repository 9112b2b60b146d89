//! Accounts: made once, named well, listed in pages.

use crate::support::{
    account_with_data, both, days, entry, field, give, keyed, kind, newest, run_as, size, wish,
};
use domain::accounts::{Account, CreateAccount, LookAt};
use domain::grants::Wish;
use domain::register::List;
use kernel::id::AccountId;
use kernel::{HOUSE, Kind, Result};
use std::time::Duration;
use testkit::World;

fn create(world: &World, token: &str, id: Option<&str>, name: &str) -> Result<Account> {
    Ok(world.run(token, CreateAccount::new(&world.kernel, id, name)?)?.output)
}

/// A service that may create accounts, for long.
fn opener(world: &World) -> String {
    let token = world.service("opener");
    let long = Wish { window: days(9), ..wish("service:opener", &["open"]) };
    give(world, &world.admin, long).unwrap();
    token
}

#[test]
fn an_account_is_made_once_and_its_slot_is_an_entry_of_house() {
    both(1, |world| {
        let opener = opener(world);
        let house = size(world, HOUSE);
        let made = create(world, &opener, Some("acme"), "Acme Ltd").unwrap();
        assert_eq!((made.id.as_str(), made.name.as_str()), ("acme", "Acme Ltd"));
        assert_eq!((made.slot, made.created), (house, world.kernel.now().0));
        let (kind_of, fields) = entry(world, HOUSE, made.slot);
        assert_eq!(
            (kind_of.as_str(), fields["slot"].as_str()),
            ("account.create", &*house.to_string())
        );
        let (kind_of, fields) = entry(world, made.slot, 0);
        assert_eq!(
            (kind_of.as_str(), fields["house"].as_str()),
            ("account.create", &*house.to_string())
        );
        for (id, name) in [(Some("acme"), "Acme Ltd"), (Some("acme"), "Another"), (None, "ACME")] {
            assert_eq!(kind(create(world, &opener, id, name)), Kind::Conflict, "{id:?} {name}");
        }
        assert_eq!(size(world, HOUSE), house + 1, "a conflict leaves no trace");
    });
}

#[test]
fn an_account_has_a_name_and_an_id_that_can_be_written() {
    both(2, |world| {
        let opener = opener(world);
        assert_eq!(create(world, &opener, None, " Afni, Inc. ").unwrap().id, "afni-inc-");
        assert_eq!(create(world, &opener, None, &"ä".repeat(200)).unwrap().id, "-");
        for bad in ["", "  ", "a\u{7}b", "a\nb", &"x".repeat(201)] {
            let refused = create(world, &opener, Some("ok"), bad);
            assert_eq!(field(refused), (Kind::Invalid, "name".to_owned()), "{bad:?}");
        }
        for bad in ["A", "a b", "a/b", "..", "a.b", "é", "", "a\0", &"x".repeat(65)] {
            assert_eq!(kind(create(world, &opener, Some(bad), "ok")), Kind::Invalid, "{bad:?}");
        }
        assert_eq!(kind(create(world, &opener, None, &"long ".repeat(20))), Kind::Invalid);
        for house in [Some("house"), None] {
            let refused = create(world, &opener, house, "House");
            assert_eq!(field(refused), (Kind::Invalid, "id".to_owned()), "taken by the provider");
        }
    });
}

#[test]
fn accounts_are_listed_in_pages() {
    both(3, |world| {
        let opener = opener(world);
        for n in 0..5 {
            create(world, &opener, None, &format!("account {n}")).unwrap();
        }
        let page = |limit, after: Option<&str>| {
            let list = List::<Account>::new(&world.kernel, limit, after)?;
            Ok::<_, kernel::Error>(world.run(&world.admin, list)?.output)
        };
        let mut after = None;
        let mut seen = Vec::new();
        for count in [2, 2, 1] {
            let one = page(2, after.as_deref()).unwrap();
            assert_eq!(one.items.len(), count);
            seen.extend(one.items.into_iter().map(|account| account.id));
            after = one.next;
        }
        assert_eq!(after, None, "a page that is not full is the last");
        assert_eq!(seen, [0, 1, 2, 3, 4].map(|n| format!("account-{n}")));
        let full = page(5, None).unwrap().next;
        assert_eq!(
            page(5, full.as_deref()).unwrap().items,
            [],
            "after a full one comes an empty one"
        );
        for bad in ["", "0", "-1", "+1", "01", "x", "9999999999999999999999"] {
            let refused = page(2, Some(bad));
            assert_eq!(field(refused), (Kind::Invalid, "after".to_owned()), "{bad}");
        }
    });
}

#[test]
fn looking_at_an_account_is_an_entry_in_its_own_log() {
    both(4, |world| {
        let (import, account) = account_with_data(world);
        let slot = world.kernel.slot(&account).unwrap();
        let look = || LookAt::new(&world.kernel, &account).unwrap();
        let (before, house) = (size(world, slot), size(world, HOUSE));
        assert_eq!(world.run(&import, look()).unwrap().output.slot, slot);
        assert_eq!(world.run(&world.admin, look()).unwrap().output.slot, slot);
        assert_eq!((size(world, slot), size(world, HOUSE)), (before + 2, house));
        let (kind_of, fields) = newest(world, slot);
        assert_eq!((kind_of.as_str(), fields["actor"].as_str()), ("account.read", "person:admin"));
        let nobody = AccountId::parse("nobody").unwrap();
        assert_eq!(kind(LookAt::new(&world.kernel, &nobody).map(|_| ())), Kind::NotFound);
    });
}

#[test]
fn a_repeated_request_makes_one_account_and_gets_the_same_answer() {
    both(5, |world| {
        let opener = opener(world);
        let ask = |key: &str, about: u8, name: &str| {
            let create = CreateAccount::new(&world.kernel, None, name)?;
            run_as(world, &opener, create, keyed(key, about))
        };
        let first = ask("k", 1, "Acme").unwrap();
        let house = size(world, HOUSE);
        world.clock.advance(Duration::from_secs(3600));
        let again = ask("k", 1, "Acme").unwrap();
        assert_eq!((first.replayed, again.replayed), (false, true));
        assert_eq!(again.output, first.output, "also when it was made");
        assert_eq!(size(world, HOUSE), house, "nothing was done");
        assert_eq!(kind(ask("k", 2, "Other")), Kind::Conflict, "the key was used for another");
        world.clock.advance(Duration::from_secs(23 * 3600 - 1));
        assert!(ask("k", 1, "Acme").unwrap().replayed, "remembered for a day");
        world.clock.advance(Duration::from_secs(2));
        let house = size(world, HOUSE);
        assert_eq!(kind(ask("k", 1, "Acme")), Kind::Conflict, "forgotten, and the account exists");
        let other = ask("k", 2, "Other").unwrap();
        assert!(!other.replayed && size(world, HOUSE) == house + 1, "the key is free again");
    });
}
