//! The progress file: what it brings back, and what it refuses.

use std::fs;
use std::path::Path;

use crate::exit::Exit;
use crate::import::input::Position;
use crate::import::report::Tally;
use crate::import::resume::{Prefix, Progress, Resume, key};
use crate::import::rows::Bad;

const TOLD: [&str; 3] = ["https://host", "complaints", "Company"];
const BEGIN: Position = Position { byte: 3, line: 2 };

struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new(content: &str) -> Self {
        let scratch = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(scratch.file(), content).unwrap();
        scratch
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("a.csv")
    }

    fn resume(&self) -> Resume {
        Resume::new(&self.file(), None)
    }

    fn load(&self, told: &[&str]) -> Result<Option<Progress>, crate::exit::Failure> {
        self.resume().load(told, &mut Prefix::open(&self.file()).unwrap())
    }

    /// Progress up to `byte`, saved.
    fn saved(&self, byte: u64) -> Progress {
        let mut progress = Progress::start(&TOLD, BEGIN).unwrap();
        let prefix = Prefix::open(&self.file()).unwrap().up_to(byte).unwrap();
        let mut tally = Tally { rows: 5, imported: 4, accounts_created: 2, ..Tally::default() };
        tally.fail(Bad { line: 3, reason: "why".to_owned() });
        progress.advance(Position { byte, line: 9 }, prefix, tally);
        self.resume().save(&progress).unwrap();
        progress
    }
}

#[test]
fn progress_comes_back() {
    let scratch = Scratch::new("0123456789");
    assert_eq!(scratch.load(&TOLD).unwrap(), None);
    let saved = scratch.saved(6);
    let loaded = scratch.load(&TOLD).unwrap().unwrap();
    assert_eq!(loaded, saved);
    assert_eq!(loaded.at(), Position { byte: 6, line: 9 });
    assert_eq!((loaded.windows, loaded.tally.imported, loaded.tally.failed), (1, 4, 1));
    assert_eq!(
        scratch.resume().path(),
        Path::new(&format!("{}.bailee-import", scratch.file().display()))
    );
    scratch.resume().remove().unwrap();
    scratch.resume().remove().unwrap();
    assert_eq!(scratch.load(&TOLD).unwrap(), None);
}

#[test]
fn only_what_was_acknowledged_has_to_be_unchanged() {
    let scratch = Scratch::new("0123456789");
    scratch.saved(6);
    fs::write(scratch.file(), "012345 corrected and longer").unwrap();
    assert!(scratch.load(&TOLD).unwrap().is_some());
    for changed in ["0x23456789", "012", "012345"] {
        fs::write(scratch.file(), changed).unwrap();
        assert_eq!(scratch.load(&TOLD).is_ok(), changed == "012345", "{changed}");
    }
}

#[test]
fn progress_of_something_else_is_refused() {
    let scratch = Scratch::new("0123456789");
    scratch.saved(6);
    for told in
        [&["https://host", "complaints", "Name"][..], &["https://host", "complaintsCompany"]]
    {
        let failure = scratch.load(told).unwrap_err();
        assert_eq!(failure.exit, Exit::Conflict);
        assert!(failure.message.contains("another server, collection or columns"), "{failure}");
    }
    for junk in ["", "{}", "[]", "\u{0}", "{\"format\":\"bailee-import/v2\"}"] {
        fs::write(scratch.resume().path(), junk).unwrap();
        let failure = scratch.load(&TOLD).unwrap_err();
        assert!(failure.message.contains("does not hold the progress"), "{failure}");
    }
}

#[test]
fn a_file_changed_before_anything_was_acknowledged_starts_over() {
    let scratch = Scratch::new("0123456789");
    let progress = Progress::start(&TOLD, BEGIN).unwrap();
    scratch.resume().save(&progress).unwrap();
    fs::write(scratch.file(), "x").unwrap();
    assert_eq!(scratch.load(&TOLD).unwrap(), Some(progress));
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new("0123456789");
    scratch.saved(6);
    let mode = fs::metadata(scratch.resume().path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_depends_on_everything() {
    let base = key("run", &["a", "b"], b"body");
    assert_eq!(base.len(), 32);
    assert_eq!(base, key("run", &["a", "b"], b"body"));
    for other in [
        key("ruN", &["a", "b"], b"body"),
        key("run", &["ab", ""], b"body"),
        key("run", &["a", "b"], b"Body"),
        key("run", &["a"], b"body"),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn listed_errors_are_bounded_and_counted() {
    let mut all = Tally::default();
    for line in 0..700 {
        all.fail(Bad { line, reason: String::new() });
    }
    all.add(all.clone());
    assert_eq!((all.failed, all.errors.len()), (1400, 1000));
}
