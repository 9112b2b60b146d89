//! Both engines do the same.

use kernel::engine::{Engine, Memory, Sqlite};
use testkit::conformance::{dump, random, suite};

fn sqlite(folder: &std::path::Path, name: &str) -> Box<dyn Engine> {
    Box::new(Sqlite::create(&folder.join(name)).unwrap())
}

#[test]
fn memory_keeps_every_promise() {
    suite(&mut || Box::new(Memory::default()));
}

#[test]
fn sqlite_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    suite(&mut || {
        number += 1;
        sqlite(folder.path(), &format!("{number}.db"))
    });
}

#[test]
fn the_same_commits_make_the_same_store() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..3 {
        let mut both: [Box<dyn Engine>; 2] =
            [Box::new(Memory::default()), sqlite(folder.path(), &format!("{seed}.db"))];
        for commit in random(seed, 400) {
            both.iter_mut().for_each(|engine| engine.persist(&commit).unwrap());
        }
        let [memory, sqlite] = both.each_mut().map(|engine| dump(&mut **engine));
        assert!(memory.len() > 1_000, "{}", memory.len());
        for (memory, sqlite) in memory.iter().zip(&sqlite) {
            assert_eq!(memory, sqlite, "seed {seed}");
        }
        assert_eq!(memory.len(), sqlite.len(), "seed {seed}");
    }
}
