//! The package: verified offline, opened by others, and refused with the place named when any byte
//! of it is another.

use crate::scene::Scene;
use ledger::package::{self, File};
use ledger::verify::verify_package;
use std::process::Command;

#[test]
fn a_package_holds_offline_and_opens_in_another_program() {
    let scene = Scene::new(811);
    let bytes = scene.package();
    let report = verify_package(&bytes, None);
    assert!(report.ok(), "{report}");
    for ending in ["json", "html", "pdf"] {
        let name = format!("{}.{ending}", scene.incident);
        assert!(report.checked.iter().any(|line| line.contains(&format!("`{name}`"))), "{report}");
    }
    let wrong = verify_package(&bytes, Some(&[7; 32]));
    assert!(!wrong.ok(), "signed by somebody else");
    let path = std::env::temp_dir().join(format!("bailee-package-{}.zip", std::process::id()));
    std::fs::write(&path, &bytes).unwrap();
    let out = Command::new("python3").args(["-m", "zipfile", "-t"]).arg(&path).output().unwrap();
    let list = Command::new("python3").args(["-m", "zipfile", "-l"]).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).contains("Done"));
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.contains("manifest.json") && list.contains(".pdf"), "{list}");
}

#[test]
fn whatever_byte_is_changed_the_package_is_refused() {
    let scene = Scene::new(812);
    let mut bytes = scene.package();
    let step = (bytes.len() / 150).max(1);
    // The headers of the first file and the directory, byte for byte.
    let ends = (0..60).chain(bytes.len() - 120..bytes.len());
    for at in (0..bytes.len()).step_by(step).chain(ends) {
        let bit = if at % 2 == 0 { 1 } else { 0x20 };
        bytes[at] ^= bit;
        assert!(!verify_package(&bytes, None).ok(), "byte {at} of {}, {bit}", bytes.len());
        bytes[at] ^= bit;
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(!verify_package(&longer, None).ok(), "something at its end");
    assert!(!verify_package(&bytes[..bytes.len() - 1], None).ok(), "cut");
    assert!(!verify_package(b"PK\x03\x04", None).ok());
}

#[test]
fn what_is_wrong_is_named() {
    let scene = Scene::new(813);
    let bytes = scene.package();
    let files = package::read(&bytes).unwrap();
    let place = |files: &[File<'_>]| {
        let report = verify_package(&package::render(files).unwrap(), None);
        report.problems.first().map(|problem| problem.what.clone()).unwrap_or_default()
    };
    assert_eq!(place(&files), "");
    let html = format!("{}.html", scene.incident);
    let text = String::from_utf8(files[2].bytes.to_vec()).unwrap().replace("03:12", "03:13");
    let mut other = files.clone();
    other[2].bytes = text.as_bytes();
    assert_eq!(place(&other), html, "a changed page");
    let mut fewer = files.clone();
    fewer.remove(3);
    assert_eq!(place(&fewer), format!("{}.pdf", scene.incident), "a missing file");
    let more = [files.as_slice(), &[File { name: "more.txt", bytes: b"x" }]].concat();
    assert_eq!(place(&more), "more.txt", "a file nobody packed");
    let turned: Vec<_> = files.iter().rev().copied().collect();
    assert_eq!(place(&turned), "package");
    // The evidence of another taking, which by itself holds.
    let second = scene.package();
    let others = package::read(&second).unwrap();
    let mut mixed = files.clone();
    mixed[1] = others[1];
    let report = verify_package(&package::render(&mixed).unwrap(), None);
    assert!(report.problems.iter().any(|one| one.why.contains("another taking")), "{report}");
}
