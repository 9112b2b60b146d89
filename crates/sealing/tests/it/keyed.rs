//! Derived keys, tags, codes and hashes: no two inputs meet.

use std::collections::BTreeSet;

use sealing::{Key, derive, mac, sha256, tag, verify_mac};

use crate::support::key;

/// Sequences of parts that a plain concatenation would confuse.
const CONFUSABLE: [&[&[u8]]; 8] = [
    &[],
    &[b""],
    &[b"", b""],
    &[b"ab", b"c"],
    &[b"a", b"bc"],
    &[b"abc"],
    &[b"a", b"b", b"c"],
    &[b"abc", b""],
];

fn distinct<T: Ord>(results: impl IntoIterator<Item = T>) -> usize {
    results.into_iter().collect::<BTreeSet<T>>().len()
}

#[test]
fn where_a_part_ends_counts() {
    let all = CONFUSABLE.len();
    assert_eq!(distinct(CONFUSABLE.map(|parts| mac(&key(1), parts))), all);
    assert_eq!(distinct(CONFUSABLE.map(|parts| tag(&key(1), parts))), all);
    assert_eq!(distinct(CONFUSABLE.map(sha256)), all);
    assert_eq!(distinct(CONFUSABLE.map(|parts| *derive(&key(1), b"use", parts).expose())), all);
}

#[test]
fn the_label_of_a_derived_key_is_no_part() {
    let a = derive(&key(1), b"a", &[b"b"]);
    for other in [
        derive(&key(1), b"ab", &[]),
        derive(&key(1), b"a", &[b"b", b""]),
        derive(&key(1), b"", &[b"a", b"b"]),
        derive(&key(1), b"b", &[b"a"]),
        derive(&key(2), b"a", &[b"b"]),
    ] {
        assert!(!a.ct_eq(&other));
    }
    assert!(a.ct_eq(&derive(&key(1), b"a", &[b"b"])));
}

#[test]
fn one_key_serves_several_uses() {
    let parts: [&[u8]; 2] = [b"collection", b"id"];
    let code = mac(&key(1), &parts);
    assert_ne!(tag(&key(1), &parts)[..], code[..16], "a tag is not the start of a code");
    assert_ne!(derive(&key(1), b"collection", &[b"id"]).expose(), &code);
    assert_ne!(mac(&key(2), &parts), code);
}

#[test]
fn a_code_is_checked_to_its_last_bit() {
    let parts: [&[u8]; 2] = [b"row", b"17"];
    let good = mac(&key(1), &parts);
    assert!(verify_mac(&key(1), &parts, &good));
    for at in 0..32 {
        for bit in 0..8 {
            let mut bad = good;
            bad[at] ^= 1 << bit;
            assert!(!verify_mac(&key(1), &parts, &bad), "byte {at}, bit {bit}");
        }
    }
    for len in 0..32 {
        assert!(!verify_mac(&key(1), &parts, &good[..len]), "{len} bytes");
    }
    assert!(!verify_mac(&key(1), &parts, &[&good[..], &[0]].concat()));
    assert!(!verify_mac(&key(1), &[b"row", b"18"], &good));
    assert!(!verify_mac(&key(2), &parts, &good));
}

#[test]
fn keys_are_taken_at_their_length_only() {
    assert!(Key::from_slice(&[7; 32]).is_some_and(|taken| taken.ct_eq(&key(7))));
    for len in [0, 16, 31, 33, 64] {
        assert!(Key::from_slice(&vec![7; len]).is_none(), "{len} bytes");
    }
}
