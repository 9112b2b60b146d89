//! What a node does when its database does not answer, or an answer is lost.

use crate::nodes::prepared;
use crate::support::database;
use kernel::id::AccountId;
use kernel::{Act as _, Clock as _, Kind, SystemClock};
use postgres::Address;
use std::net::SocketAddr;
use testkit::servers::postgres::Cluster;
use testkit::servers::wire::{Then, Wire};
use testkit::{Token, World};

/// A world whose database is behind a wire, and a second node with a way of its own.
fn behind_a_wire(cluster: &Cluster) -> (Wire, World, World, AccountId, Token) {
    let wire = Wire::to(SocketAddr::from(([127, 0, 0, 1], cluster.port())));
    let name = database(cluster);
    let straight = cluster.url(&name, "secret", &name, "disable");
    let through = straight.replace(&format!(":{}/", cluster.port()), &format!(":{}/", wire.port()));
    assert_ne!(straight, through);
    let first = World::postgres(&Address::parse(&through).unwrap(), 1);
    let other = first.node(&Address::parse(&straight).unwrap(), "other", 2).unwrap();
    let (account, token) = prepared(&first, "acme");
    first.put(&token, (&account, "notes", "n1"), "0").unwrap();
    (wire, first, other, account, token)
}

/// What the log of an account says was put, in its order.
fn puts(world: &World, account: &AccountId) -> usize {
    let slot = world.kernel.slot(account).unwrap();
    let told = world.kernel.told(slot, 0, 1000).unwrap();
    for (nth, entry) in told.iter().enumerate() {
        assert_eq!(entry.index, u64::try_from(nth).unwrap(), "contiguous");
    }
    told.iter().filter(|entry| entry.kind == "record.put").count()
}

#[test]
fn a_lost_answer_to_commit_doubles_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    let (wire, first, other, account, token) = behind_a_wire(cluster);
    let place = (&account, "notes", "n1");
    let mut stored = puts(&other, &account);
    for (nth, then) in [Then::LoseAnswers, Then::Reset, Then::LoseAnswers].into_iter().enumerate() {
        let body = format!("{nth}: {then:?}");
        wire.on(b"COMMIT", then);
        let answer = first.put(&token, place, &body);
        let now = puts(&other, &account);
        match answer {
            Ok(_) => {
                assert_eq!(now, stored + 1, "{then:?}: acknowledged, so it is there once");
                assert_eq!(other.get(&token, place).unwrap(), body);
            }
            Err(error) => {
                assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
                assert_eq!(
                    now, stored,
                    "{then:?}: not acknowledged, and found out not to be there"
                );
            }
        }
        stored = now;
        first.put(&token, place, "again").unwrap();
        stored += 1;
        assert_eq!(puts(&other, &account), stored);
    }
}

#[test]
fn a_commit_that_never_arrived_is_not_there() {
    let Some(cluster) = Cluster::shared() else { return };
    let (wire, first, other, account, token) = behind_a_wire(cluster);
    let place = (&account, "notes", "n1");
    let before = puts(&other, &account);
    wire.on(b"COMMIT", Then::LoseRequest);
    let error = first.put(&token, place, "lost").unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    assert_eq!(puts(&other, &account), before);
    wire.cut();
    wire.mend();
    // The database has let go of what the lost session held, and both nodes go on.
    first.put(&token, place, "after").unwrap();
    other.put(&token, place, "too").unwrap();
    assert_eq!(puts(&other, &account), before + 2);
}

#[test]
fn a_node_that_is_cut_off_shows_nothing_and_recovers_by_itself() {
    let Some(cluster) = Cluster::shared() else { return };
    let (wire, first, other, account, token) = behind_a_wire(cluster);
    let place = (&account, "notes", "n1");
    let slot = first.kernel.slot(&account).unwrap();
    let caller = first.kernel.identify(&token).unwrap();
    for cut in [Wire::stall, Wire::cut] {
        cut(&wire);
        let error = first.get(&token, place).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
        // What is read without an entry is not read from memory either.
        let error = first.kernel.allow(&caller, domain::ledgers::Read::ACTION, slot).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
        assert_eq!(first.kernel.in_touch().unwrap_err().kind(), Kind::Unavailable);
        other.put(&token, place, "meanwhile").unwrap();
        wire.mend();
        let begun = SystemClock.now();
        while first.get(&token, place).ok().as_deref() != Some("meanwhile") {
            assert!(SystemClock.now().since(begun).as_secs() < 60, "it does not recover");
        }
        first.kernel.in_touch().unwrap();
    }
}
