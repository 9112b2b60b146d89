//! A store that nobody touched has no problem, with keys and without.

use crate::sample::{CIRRUS, Sample, Users, root, run_job};
use kernel::verify::verify_store;
use rusqlite::Connection;
use sealing::RootKey;
use std::time::Duration;

#[test]
fn an_unaltered_store_has_no_problem() {
    let sample = Sample::full();
    let report = sample.verify(&sample.store());
    assert!(report.ok(), "{report}");
    assert_eq!(report.not_checked, ["unused bytes in database pages"]);
    assert!(report.checked.iter().any(|what| what == "3 anchors hold"), "{report}");
    assert!(report.checked.iter().any(|what| what.contains("high-water")), "{report}");
}

#[test]
fn a_store_that_was_just_founded_has_no_problem() {
    let sample = Sample::founded();
    let report = sample.verify(&sample.store());
    assert!(report.ok(), "{report}");
}

#[test]
fn requests_are_forgotten_after_a_day_and_nothing_is_missing() {
    let sample = Sample::full();
    sample.clock.advance(Duration::from_secs(25 * 3600));
    let kernel = sample.open(4);
    let users = Users { kernel: &kernel };
    users.put("ada", CIRRUS, "z", Some("next day"), Some(("key-0", [0; 32])));
    kernel.tick(&run_job).unwrap();
    kernel.close();
    drop(kernel);
    let report = sample.verify(&sample.store());
    assert!(report.ok(), "{report}");
    let db = Connection::open(sample.store()).unwrap();
    let left = |table: &str| -> i64 {
        db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((left("requests"), left("jobs")), (1, 1));
}

#[test]
fn a_store_whose_history_was_begun_anew_has_no_problem() {
    let sample = Sample::full();
    let old = std::fs::read(sample.store()).unwrap();
    let kernel = sample.open(4);
    Users { kernel: &kernel }.put("ada", CIRRUS, "z", Some("lost"), None);
    kernel.close();
    drop(kernel);
    std::fs::write(sample.store(), old).unwrap();
    assert!(!sample.verify(&sample.store()).ok());
    assert_eq!(sample.begin_epoch(), 1);
    let report = sample.verify(&sample.store());
    assert!(report.ok(), "{report}");
    let kernel = sample.open(5);
    Users { kernel: &kernel }.put("ada", CIRRUS, "z", Some("done again"), None);
    kernel.anchor_now().unwrap();
    kernel.close();
    drop(kernel);
    let report = sample.verify(&sample.store());
    assert!(report.ok(), "{report}");
    let path = sample.dir.path().join("altered.db");
    std::fs::copy(sample.store(), &path).unwrap();
    // Back under the name the log had before.
    let change = "UPDATE entries SET leaf = CAST(replace(leaf, '/5/e1\"', '/5\"') AS BLOB)";
    Connection::open(&path).unwrap().execute_batch(&change.replace('\\', "")).unwrap();
    assert!(!sample.verify(&path).ok());
}

#[test]
fn progress_ends_at_the_number_of_rows() {
    let sample = Sample::full();
    let mut last = (0, 0);
    verify_store(&sample.store(), None, None, &mut |done, total| last = (done, total));
    assert!(last.0 > 500 && last.0 == last.1, "{last:?}");
}

#[test]
fn without_keys_the_report_says_what_was_not_checked() {
    let sample = Sample::full();
    let report = verify_store(&sample.store(), None, Some(&sample.mark()), &mut |_, _| {});
    assert!(report.ok(), "{report}");
    for what in ["openings", "anchors", "jobs", "newest entries", "unused bytes", "MACs"] {
        assert!(report.not_checked.iter().any(|line| line.contains(what)), "{what}: {report}");
    }
}

#[test]
fn without_keys_what_needs_none_is_found() {
    let sample = Sample::full();
    for (change, named) in [
        (
            "UPDATE entries SET leaf = CAST(replace(leaf, 't.get', 't.p') AS BLOB) WHERE row = 99",
            "log ",
        ),
        ("UPDATE entries SET opening = NULL WHERE row = 99", "log "),
        ("UPDATE heads SET frontier = zeroblob(length(frontier)) WHERE account = 4", "heads row 4"),
        ("UPDATE tiles SET data = zeroblob(8192) WHERE row = 2", "tile 0/1"),
        ("UPDATE access_index SET at = at + 1 WHERE row = 99", "access_index row 99"),
        ("UPDATE versions SET sealed = zeroblob(200) WHERE row = 5", "versions row 5"),
        ("UPDATE versions SET account = 4 WHERE account = 3", "versions row"),
        ("UPDATE records SET deleted = 1 - deleted WHERE row = 9", "records row 9"),
        ("UPDATE records SET changed = changed - 1 WHERE row = 9", "records row 9"),
        ("UPDATE record_keys SET tag = zeroblob(16) WHERE row = 9", "record_keys row 9"),
        ("DELETE FROM records WHERE row = 9", "log "),
        ("UPDATE commits SET chain = zeroblob(32) WHERE sequence = 9", "commits row 9"),
        ("UPDATE requests SET at = at - 1 WHERE row = 1", "requests row 1"),
        ("DELETE FROM meta WHERE name = 'epoch'", "meta `epoch`"),
        ("UPDATE meta SET value = x'00000001' WHERE name = 'epoch'", "meta `epoch`"),
        ("CREATE TABLE more (a)", "schema, table `more`"),
        ("CREATE INDEX more ON jobs (account)", "schema, index `more`"),
        ("CREATE VIEW more AS SELECT 1", "schema, view `more`"),
        ("DROP INDEX jobs_due", "schema, index `jobs_due`"),
        ("ALTER TABLE jobs ADD COLUMN more INTEGER", "schema, table `jobs`"),
        ("PRAGMA user_version = 7", "user_version"),
        ("PRAGMA application_id = 7", "application_id"),
    ] {
        let path = sample.dir.path().join("altered.db");
        std::fs::copy(sample.store(), &path).unwrap();
        Connection::open(&path).unwrap().execute_batch(change).unwrap();
        let report = verify_store(&path, None, None, &mut |_, _| {});
        let found = report.problems.iter().any(|problem| problem.what.contains(named));
        assert!(found, "{change}: {report}");
    }
}

#[test]
fn the_keys_of_another_store_are_one_problem() {
    let sample = Sample::full();
    let other = RootKey::from_bytes([8; 32]);
    let report = verify_store(&sample.store(), Some(&other), None, &mut |_, _| {});
    assert_eq!(report.problems.len(), 1, "{report}");
    assert_eq!(report.problems[0].what, "keys");
}

#[test]
fn a_mark_that_no_key_made_is_a_problem() {
    let sample = Sample::full();
    for mark in [vec![], vec![0; 144], sample.mark()[..71].to_vec()] {
        let report = verify_store(&sample.store(), Some(&root()), Some(&mark), &mut |_, _| {});
        assert_eq!(report.problems.len(), 1, "{report}");
        assert_eq!(report.problems[0].what, "high-water file");
    }
}

#[test]
fn problems_are_counted_beyond_what_is_listed() {
    let sample = Sample::full();
    let path = sample.dir.path().join("altered.db");
    std::fs::copy(sample.store(), &path).unwrap();
    let change = "UPDATE access_index SET at = at + 1, actor = zeroblob(16);
                  UPDATE entries SET opening = NULL";
    Connection::open(&path).unwrap().execute_batch(change).unwrap();
    let report = sample.verify(&path);
    assert_eq!(report.problems.len(), 1001, "{report}");
    assert_eq!(report.problems[1000].what, "more");
}
