//! What several nodes of a store have in common: keys for what they give out, and what was used up.

use crate::support::kind;
use domain::members::{ANYTHING, UseNonce};
use kernel::authority::Caller;
use kernel::engine::Memory;
use kernel::{Asked, Kernel, Kind, Result};
use std::sync::Arc;
use std::time::Duration;
use testkit::World;

fn used(kernel: &Kernel, key: &str) -> Result<()> {
    let asked = testkit::asked_by(Caller::bearer());
    let asked = Asked { idempotency: Some((key.to_owned(), ANYTHING)), ..asked };
    kernel.run(asked, UseNonce::new("test", "used before")).map(|_| ())
}

#[test]
fn nodes_of_a_store_derive_the_same_keys_and_others_have_others() {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, 960);
    let key = |kernel: &Kernel, label| *kernel.derived(label).expose();
    let challenges = key(&world.kernel, "challenges");
    assert_ne!(challenges, key(&world.kernel, "keyed"), "each use has its own");
    // The same root key, and another store.
    assert_ne!(challenges, key(&World::memory(961).kernel, "challenges"));
    world.kernel.close();
    let again = World::reopen(&store, &mark, 962, Arc::clone(&world.clock)).unwrap();
    assert_eq!(challenges, key(&again, "challenges"));
}

#[test]
fn what_counts_once_is_used_up_on_every_node_for_a_day() {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, 963);
    used(&world.kernel, "one").unwrap();
    let again = used(&world.kernel, "one").unwrap_err();
    assert_eq!((again.kind(), again.message()), (Kind::Forbidden, "used before"));
    used(&world.kernel, "two").unwrap();
    world.kernel.close();
    let node = World::reopen(&store, &mark, 964, Arc::clone(&world.clock)).unwrap();
    for key in ["one", "two"] {
        assert_eq!(kind(used(&node, key)), Kind::Forbidden);
    }
    world.clock.advance(Duration::from_secs(23 * 3600));
    assert_eq!(kind(used(&node, "one")), Kind::Forbidden);
    let of_people = testkit::asked_by(node.identify(&world.admin).unwrap());
    let refused = node.run(of_people, UseNonce::new("test", "used before"));
    assert_eq!(kind(refused), Kind::Forbidden, "it is for whoever is not known yet");
}
