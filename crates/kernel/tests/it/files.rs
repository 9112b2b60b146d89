//! The verifier reads: no file is made or changed, whatever stands beside the store.

use crate::sample::{CIRRUS, Sample, Users, root};
use kernel::engine::Sqlite;
use kernel::verify::{verify_backup, verify_store};
use ledger::verify::Report;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name and content of every file in a folder; the index of a write-ahead log is the server's own.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let index = path.extension().is_some_and(|end| end == "db-shm");
        let content = if index { vec![] } else { std::fs::read(&path).unwrap() };
        (path, content)
    };
    entries.filter(|path| path.is_file()).map(read).collect()
}

/// Verifies and makes sure that nothing in the folder is different afterwards.
fn verified(sample: &Sample, store: &Path) -> Report {
    let folder = store.parent().unwrap();
    let before = files(folder);
    let report = sample.verify(store);
    assert!(before == files(folder), "{:?} {:?}", before.keys(), files(folder).keys());
    report
}

#[test]
fn a_store_in_use_is_read_up_to_its_newest_commit() {
    let sample = Sample::founded();
    let kernel = sample.open(2);
    let users = Users { kernel: &kernel };
    let slot = users.account("acme");
    users.put("ada", slot, "a", Some("body"), None);
    assert!(sample.dir.path().join("bailee.db-wal").exists());
    let report = verified(&sample, &sample.store());
    // The mark is that of the newest commit: all of them were seen, in the write-ahead log too.
    assert!(report.ok(), "{report}");
    assert!(report.checked.iter().any(|what| what.contains("high-water")), "{report}");
    users.put("ada", slot, "a", Some("the server goes on"), None);
    kernel.close();
    drop(kernel);
    assert!(verified(&sample, &sample.store()).ok());
}

#[test]
fn a_copy_with_its_write_ahead_log_is_read_with_it() {
    let sample = Sample::founded();
    let kernel = sample.open(2);
    let users = Users { kernel: &kernel };
    let slot = users.account("acme");
    users.put("ada", slot, "a", Some("body"), None);
    let copy = tempfile::tempdir().unwrap();
    let take = |end: &str| {
        let name = format!("bailee.db{end}");
        std::fs::copy(sample.dir.path().join(&name), copy.path().join(&name)).unwrap();
    };
    take("");
    take("-wal");
    let store = copy.path().join("bailee.db");
    let report = verified(&sample, &store);
    assert!(report.ok(), "{report}");
    // As a crash leaves it, with an index that nobody holds any more.
    take("-shm");
    let report = verified(&sample, &store);
    assert!(report.ok(), "{report}");
    kernel.close();
    std::fs::remove_file(copy.path().join("bailee.db-shm")).unwrap();
    std::fs::remove_file(copy.path().join("bailee.db-wal")).unwrap();
    let report = verified(&sample, &store);
    assert!(report.problems.iter().any(|problem| problem.why.contains("truncated")), "{report}");
}

#[test]
fn a_path_may_hold_any_character() {
    let sample = Sample::founded();
    let folder = sample.dir.path().join("a ?b#c%d&immutable=0 ä");
    std::fs::create_dir(&folder).unwrap();
    let store = folder.join("bailee.db");
    std::fs::copy(sample.store(), &store).unwrap();
    let report = verified(&sample, &store);
    assert!(report.ok(), "{report}");
}

#[test]
fn what_is_no_store_is_a_problem() {
    let sample = Sample::founded();
    // Below a folder of its own, because what is beside a store is compared, too.
    let own = tempfile::tempdir().unwrap();
    let folder = own.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let store = folder.join("bailee.db");
    let good = std::fs::read(sample.store()).unwrap();
    assert!(!verified(&sample, &store).ok(), "no file");
    for content in [&b""[..], b"not a database", &[0; 8192], &good[..good.len() / 2], &good[..100]]
    {
        std::fs::write(&store, content).unwrap();
        assert!(!verified(&sample, &store).ok(), "{} bytes", content.len());
    }
    assert!(!verified(&sample, &folder).ok(), "a folder");
}

/// A backup folder as `bailee backup` writes it.
fn backup(sample: &Sample) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("bailee.db");
    Sqlite::backup(&sample.store(), &store).unwrap();
    let hash =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &std::fs::read(&store).unwrap());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let commit = Sqlite::newest_commit(&store).unwrap();
    let label = serde_json::json!({
        "format": "bailee-backup/v1", "sha256": hash, "commit": commit,
        "at": "2026-11-22T14:02:11.000000Z",
    });
    std::fs::write(folder.path().join("backup.json"), label.to_string()).unwrap();
    folder
}

fn checked(sample: &Sample, folder: &Path) -> Report {
    let before = files(folder);
    let report = verify_backup(folder, Some(&root()), Some(&sample.mark()), &mut |_, _| {});
    assert!(before == files(folder));
    report
}

#[test]
fn a_backup_may_be_older_than_the_mark_and_not_other_than_its_label() {
    let sample = Sample::full();
    let folder = backup(&sample);
    let report = checked(&sample, folder.path());
    assert!(report.ok(), "{report}");
    let kernel = sample.open(4);
    Users { kernel: &kernel }.put("ada", CIRRUS, "z", Some("newer"), None);
    kernel.close();
    drop(kernel);
    let report = checked(&sample, folder.path());
    assert!(report.ok(), "{report}");
    let older = "the backup is 1 commits older than the high-water mark";
    assert!(report.checked.iter().any(|what| what == older), "{report}");
    // The same copy, said to be the store, is behind.
    let store = folder.path().join("bailee.db");
    let report = verify_store(&store, Some(&root()), Some(&sample.mark()), &mut |_, _| {});
    assert!(!report.ok());
    let label = folder.path().join("backup.json");
    let text = std::fs::read_to_string(&label).unwrap();
    for other in [
        text.replace("backup/v1", "backup/v2"),
        text.replace("\"commit\":", "\"commit\":1"),
        text.replace("\"sha256\":\"", "\"sha256\":\"0"),
        "{}".to_owned(),
        String::new(),
    ] {
        assert_ne!(other, text);
        std::fs::write(&label, &other).unwrap();
        let report = checked(&sample, folder.path());
        assert!(report.problems.len() == 1, "{other}: {report}");
    }
    std::fs::remove_file(&label).unwrap();
    assert!(!checked(&sample, folder.path()).ok());
}
