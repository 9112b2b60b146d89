//! PostgreSQL does what every engine has to do.

use crate::support::store;
use kernel::engine::{Engine, Memory};
use testkit::conformance::{dump, random, suite};
use testkit::servers::postgres::Cluster;

#[test]
fn postgresql_keeps_every_promise() {
    let Some(cluster) = Cluster::shared() else { return };
    suite(&mut || Box::new(store(cluster)));
}

#[test]
fn the_same_commits_make_the_same_store() {
    let Some(cluster) = Cluster::shared() else { return };
    for seed in 0..2 {
        let (mut memory, mut postgres) = (Memory::default(), store(cluster));
        for commit in random(seed, 400) {
            memory.persist(&commit).unwrap();
            postgres.persist(&commit).unwrap();
        }
        let (memory, postgres) = (dump(&mut memory), dump(&mut postgres));
        for (memory, postgres) in memory.iter().zip(&postgres) {
            assert_eq!(memory, postgres, "seed {seed}");
        }
        assert_eq!(memory.len(), postgres.len(), "seed {seed}");
    }
}
