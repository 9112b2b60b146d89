//! Rules that others wrote.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use watch::{Detector, Event, Limits, Rules};

/// The shared rules, where there are any.
pub fn sigma() -> Option<Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared =
        std::env::var_os("BAILEE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let folder = shared.join("data/sigma/rules");
    if !folder.is_dir() {
        let why = "the shared data has no `sigma`";
        let all = std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1");
        assert!(!all, "{why}, and nothing may be skipped here");
        // Counted by `cargo xtask test`.
        if let Some(path) = std::env::var_os("BAILEE_SKIPS") {
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            writeln!(file, "skipped: {why}").unwrap();
        }
        return None;
    }
    let mut files = Vec::new();
    walk(&folder, &mut files);
    files.sort();
    Some(files)
}

fn walk(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|it| it == "yml") {
            files.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn all_of_them_load() {
    let Some(files) = sigma() else { return };
    let (rules, problems) =
        Rules::parse(files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    assert_eq!(problems, []);
    assert_eq!((files.len(), rules.len()), (656, 656));
    assert!(rules.iter().all(|rule| rule.author.is_some() && rule.id.len() == 36));
}

#[test]
fn they_are_quiet_on_events_that_are_none_of_their_business() {
    let Some(files) = sigma() else { return };
    let (rules, _) = Rules::parse(files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let mut detector = Detector::new(rules, Limits::default());
    let event = Event {
        number: 1,
        product: Some("bailee".to_owned()),
        service: Some("ledger".to_owned()),
        ..Event::default()
    };
    assert_eq!(detector.take(&event), []);
}
