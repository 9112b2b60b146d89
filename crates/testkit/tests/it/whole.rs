//! Random work from a seed, predicted by a model and checked from outside.

use std::collections::BTreeSet;
use testkit::World;
use testkit::conformance::dump;
use testkit::simulation::{Counted, Simulation};

const STEPS: u64 = 250;

/// 20 seeds; 500 with `BAILEE_FULL=1`.
fn seeds() -> std::ops::Range<u64> {
    let full = std::env::var_os("BAILEE_FULL").is_some_and(|value| value == "1");
    0..if full { 500 } else { 20 }
}

#[test]
fn random_work_with_faults_is_answered_as_the_model_says() {
    let mut all = Counted::default();
    for seed in seeds() {
        let counted = Simulation::with_faults(seed).run(STEPS).counted;
        for (action, times) in counted.answered {
            *all.answered.entry(action).or_default() += times;
        }
        all.refused += counted.refused;
        all.replayed += counted.replayed;
        all.faults += counted.faults;
        all.reopened += counted.reopened;
        all.anchors += counted.anchors;
    }
    // A simulation that never gets anywhere would find nothing.
    let seeds = seeds().end;
    assert_eq!(all.answered.len(), 21, "every operation was answered: {all:?}");
    assert!(all.answered.values().all(|times| *times >= seeds / 4), "{all:?}");
    assert!(all.refused > 20 * seeds, "{all:?}");
    assert!(all.replayed > seeds && all.faults > 10 * seeds, "{all:?}");
    assert!(all.reopened > 3 * seeds && all.anchors > seeds, "{all:?}");
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let mut roots = BTreeSet::new();
    for seed in [3, 17] {
        let mut first = Simulation::with_faults(seed);
        let mut again = Simulation::with_faults(seed);
        assert_eq!(first.run(STEPS), again.run(STEPS), "seed {seed}");
        let [first, again] = [first, again].map(|one| dump(&mut *one.into_engine()));
        assert!(first == again, "seed {seed}: the stores differ");
        roots.insert(first);
    }
    assert_eq!(roots.len(), 2, "another seed, other bytes");
}

#[test]
fn both_engines_do_the_same() {
    for seed in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = Simulation::without_faults(seed);
        let mut sqlite = Simulation::sqlite(seed, folder.path());
        assert_eq!(memory.run(350), sqlite.run(350), "seed {seed}");
        let [memory, sqlite] = [memory, sqlite].map(|one| dump(&mut *one.into_engine()));
        for (memory, sqlite) in memory.iter().zip(&sqlite) {
            assert_eq!(memory, sqlite, "seed {seed}");
        }
        assert_eq!(memory.len(), sqlite.len(), "seed {seed}");
        let mark = std::fs::read(folder.path().join("high-water")).unwrap();
        let path = folder.path().join("bailee.db");
        let root = World::root();
        let report = kernel::verify::verify_store(&path, Some(&root), Some(&mark), &mut |_, _| {});
        assert!(report.ok(), "seed {seed}: {report}");
    }
}
