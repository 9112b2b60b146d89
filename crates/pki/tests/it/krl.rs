//! Revocation lists as `ssh-keygen -Q` sees them.

use super::hosts::program;
use super::support::{authority, names, request, run, write};
use pki::Error;
use pki::ssh::{Authority, Krl, PublicKey, Request, Revoked, SerialRange};
use sealing::Secret;
use std::path::Path;

const KEYGEN: &str = "/usr/bin/ssh-keygen";

fn subject() -> PublicKey {
    Authority::new(&Secret::new([8; 32])).unwrap().public_key().clone()
}

fn list(serials: Vec<SerialRange>, key_ids: Vec<String>) -> Krl {
    let authority = authority().public_key().clone();
    Krl::new(5, 1_800_000_000, "of tests", vec![Revoked { authority, serials, key_ids }]).unwrap()
}

/// Both answers to whether a certificate is revoked: of `ssh-keygen`, and ours.
fn revoked(at: &Path, list: &Krl, serial: u64, key_id: &str) -> bool {
    let (subject, principals) = (subject(), names(&["ada"]));
    let asked = Request { serial, key_id, ..request(&subject, &principals) };
    let certificate = authority().issue(&asked).unwrap();
    let certificate = write(&at.join("x-cert.pub"), certificate.line() + "\n").to_owned();
    let file = write(&at.join("krl"), list.to_bytes()).to_owned();
    let (good, said) = run(KEYGEN, &["-Q", "-f", &file, &certificate]);
    assert_eq!(said.trim_end().ends_with("REVOKED"), !good, "{said}");
    assert_eq!(said.trim_end().ends_with("ok"), good, "{said}");
    assert_eq!(list.revokes(authority().public_key(), serial, key_id), !good, "{serial} {key_id}");
    !good
}

#[test]
fn ssh_keygen_agrees_with_lists_of_none_one_and_ten_thousand() {
    let Some(_) = program(KEYGEN, "openssh-client") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let empty = list(Vec::new(), Vec::new());
    assert!(!revoked(at, &empty, 1, "a"));
    let one = list(vec![SerialRange::one(7)], Vec::new());
    assert!(revoked(at, &one, 7, "a") && !revoked(at, &one, 6, "a"));
    let by_id = list(Vec::new(), names(&["person:ada/grant_01"]));
    assert!(revoked(at, &by_id, 1, "person:ada/grant_01"));
    assert!(revoked(at, &by_id, 2, "person:ada/grant_01"), "a new number does not help");
    assert!(!revoked(at, &by_id, 1, "person:ada/grant_0"));
    // 5,000 numbers apart, a range far behind, and 5,000 ids.
    let mut serials: Vec<_> = (1..=4999).map(|n| SerialRange::one(n * 2)).collect();
    serials.push(SerialRange { first: u64::MAX - 10, last: u64::MAX });
    let ids = (0..5000).map(|n| format!("person:p{n}/grant_{n}")).collect();
    let many = list(serials, ids);
    for (serial, key_id, expected) in [
        (2, "a", true),
        (3, "a", false),
        (9998, "a", true),
        (9999, "a", false),
        (u64::MAX - 11, "a", false),
        (u64::MAX - 10, "a", true),
        (u64::MAX, "a", true),
        (1, "person:p0/grant_0", true),
        (1, "person:p4999/grant_4999", true),
        (1, "person:p5000/grant_5000", false),
    ] {
        assert_eq!(revoked(at, &many, serial, key_id), expected, "{serial} {key_id}");
    }
    let file = write(&at.join("krl"), many.to_bytes()).to_owned();
    let (good, said) = run(KEYGEN, &["-Q", "-l", "-f", &file]);
    assert!(good, "{said}");
    assert!(said.contains("KRL version 5") && said.contains("of tests"), "{said}");
    assert!(said.contains("serial: 18446744073709551605-18446744073709551615"), "{said}");
    assert!(said.contains("id: person:p4999/grant_4999"), "{said}");
    assert_eq!(Krl::from_bytes(&many.to_bytes()).unwrap(), many);
}

#[test]
fn the_certificates_of_another_authority_are_not_revoked() {
    let Some(_) = program(KEYGEN, "openssh-client") else { return };
    let folder = tempfile::tempdir().unwrap();
    let of_another = Revoked {
        authority: subject(),
        serials: vec![SerialRange { first: 1, last: 9 }],
        key_ids: names(&["a"]),
    };
    let list = Krl::new(1, 0, "", vec![of_another.clone()]).unwrap();
    assert!(!revoked(folder.path(), &list, 1, "a"));
    let twice = Krl::new(1, 0, "", vec![of_another.clone(), of_another]).unwrap_err();
    assert!(twice.to_string().contains("one twice"), "{twice}");
}

#[test]
fn the_same_is_written_the_same_whatever_its_order() {
    let range = |first, last| SerialRange { first, last };
    let one = list(vec![range(5, 9), range(1, 2), range(3, 4), range(20, 20)], names(&["b", "a"]));
    let other = list(vec![range(20, 20), range(1, 6), range(4, 9)], names(&["a", "b", "a"]));
    assert_eq!(one.to_bytes(), other.to_bytes());
    assert_eq!(one.revoked()[0].serials, [range(1, 9), range(20, 20)]);
    let whole = list(vec![range(1, u64::MAX), range(3, 3)], Vec::new());
    assert_eq!(whole.revoked()[0].serials, [range(1, u64::MAX)]);
}

#[test]
fn lists_that_are_wrong_are_refused() {
    let of = |serials, key_ids| {
        let authority = authority().public_key().clone();
        Krl::new(1, 0, "", vec![Revoked { authority, serials, key_ids }])
    };
    for wrong in [
        of(vec![SerialRange::one(0)], Vec::new()),
        of(vec![SerialRange { first: 3, last: 2 }], Vec::new()),
        of(vec![SerialRange::one(1); pki::ssh::MAX_REVOKED + 1], Vec::new()),
        of(Vec::new(), names(&["two words"])),
        Krl::new(1, 0, "two\nlines", Vec::new()),
    ] {
        assert!(matches!(wrong, Err(Error::Invalid { .. })), "{wrong:?}");
    }
    let good = list(vec![SerialRange::one(7)], Vec::new()).to_bytes();
    for length in 0..good.len() {
        // Without its one section it is a whole list, that revokes nothing.
        let cut = Krl::from_bytes(&good[..length]);
        assert!(cut.is_err() || cut.unwrap().revoked().is_empty(), "{length}");
    }
    // A section of keys, that `ssh-keygen` would know.
    let unknown = [good.as_slice(), &[2, 0, 0, 0, 0]].concat();
    let refused = Krl::from_bytes(&unknown).unwrap_err().to_string();
    assert!(refused.contains("a section that is not known"), "{refused}");
}
