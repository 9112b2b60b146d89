//! The hierarchy: root, account key, purpose keys.

use sealing::{
    AccountKeys, Context, Label, OpenError, Purpose, RewrapError, StoredAccountKeys, WRAPPED_KEY,
    seal, wrap,
};

use crate::support::{key, root, seeded};

fn same(a: &AccountKeys, b: &AccountKeys) -> bool {
    Purpose::ALL.into_iter().all(|purpose| a.key(purpose).ct_eq(b.key(purpose)))
}

fn refused(root_byte: u8, account: u64, version: u32, stored: &StoredAccountKeys) -> bool {
    let result = AccountKeys::open(&root(root_byte), account, version, stored);
    matches!(result, Err(OpenError::Refused))
}

#[test]
fn keys_come_back_as_they_were() {
    let mut entropy = seeded(1);
    let keys = AccountKeys::generate(7, 3, &mut entropy).unwrap();
    let stored = keys.seal_under(&root(1), &mut entropy).unwrap();
    assert_eq!(stored.key.len(), WRAPPED_KEY);
    let opened = AccountKeys::open(&root(1), 7, 3, &stored).unwrap();
    assert!(same(&keys, &opened));
    assert_eq!((opened.account, opened.version), (7, 3));
}

#[test]
fn every_purpose_has_a_key_of_its_own() {
    let keys = AccountKeys::generate(7, 1, &mut seeded(2)).unwrap();
    for (i, a) in Purpose::ALL.into_iter().enumerate() {
        assert_eq!(a as usize, i + 1, "the numbers are stored");
        for b in Purpose::ALL.into_iter().skip(i + 1) {
            assert!(!keys.key(a).ct_eq(keys.key(b)), "{a:?} and {b:?}");
        }
    }
}

#[test]
fn another_root_account_or_version_is_refused() {
    let mut entropy = seeded(3);
    let keys = AccountKeys::generate(7, 3, &mut entropy).unwrap();
    let stored = keys.seal_under(&root(1), &mut entropy).unwrap();
    assert!(refused(2, 7, 3, &stored));
    assert!(refused(1, 8, 3, &stored));
    assert!(refused(1, 7, 2, &stored));
    assert!(refused(1, 7, 4, &stored));
}

#[test]
fn rows_of_two_accounts_or_versions_cannot_be_mixed() {
    let mut entropy = seeded(4);
    let mut one = AccountKeys::generate(1, 1, &mut entropy).unwrap();
    let first = one.seal_under(&root(1), &mut entropy).unwrap();
    let again = one.seal_under(&root(1), &mut entropy).unwrap();
    let rotated = one.rotate(&root(1), &mut entropy).unwrap();
    let other = AccountKeys::generate(2, 1, &mut entropy).unwrap();
    let other = other.seal_under(&root(1), &mut entropy).unwrap();
    for (key, purposes) in [(&first, &again), (&first, &rotated), (&first, &other)] {
        for (key, purposes) in [(key, purposes), (purposes, key)] {
            let mixed =
                StoredAccountKeys { key: key.key.clone(), purposes: purposes.purposes.clone() };
            for (account, version) in [(1, 1), (1, 2), (2, 1)] {
                assert!(refused(1, account, version, &mixed));
            }
        }
    }
    let exchanged = StoredAccountKeys { key: first.purposes.clone(), purposes: first.key.clone() };
    assert!(refused(1, 1, 1, &exchanged));
}

#[test]
fn rotation_keeps_the_purpose_keys_and_moves_the_version() {
    let mut entropy = seeded(5);
    let mut keys = AccountKeys::generate(7, 1, &mut entropy).unwrap();
    let before = keys.seal_under(&root(1), &mut entropy).unwrap();
    let after = keys.rotate(&root(1), &mut entropy).unwrap();
    assert_eq!(keys.version, 2);
    let opened = AccountKeys::open(&root(1), 7, 2, &after).unwrap();
    let old = AccountKeys::open(&root(1), 7, 1, &before).unwrap();
    assert!(same(&opened, &old) && same(&opened, &keys));
    assert!(refused(1, 7, 1, &after));
    assert!(refused(1, 7, 2, &before));
}

#[test]
fn the_last_version_cannot_be_rotated() {
    let mut entropy = seeded(6);
    let mut keys = AccountKeys::generate(7, u32::MAX, &mut entropy).unwrap();
    let result = keys.rotate(&root(1), &mut entropy);
    assert!(matches!(result, Err(sealing::SealError::Limit(_))));
    assert_eq!(keys.version, u32::MAX);
}

#[test]
fn another_root_takes_over_without_touching_the_bundle() {
    let mut entropy = seeded(7);
    let keys = AccountKeys::generate(7, 3, &mut entropy).unwrap();
    let stored = keys.seal_under(&root(1), &mut entropy).unwrap();
    let moved = stored.rewrap(7, 3, &root(1), &root(2), &mut entropy).unwrap();
    assert_eq!(moved.purposes, stored.purposes);
    assert!(same(&keys, &AccountKeys::open(&root(2), 7, 3, &moved).unwrap()));
    assert!(refused(1, 7, 3, &moved));
    let wrong = stored.rewrap(7, 3, &root(2), &root(1), &mut entropy);
    assert_eq!(wrong, Err(RewrapError::Open(OpenError::Refused)));
}

#[test]
fn the_keys_of_a_root_differ() {
    let (root, other) = (root(1), root(2));
    let keys = [root.wrapping(), root.meta(), root.index(), root.faces()];
    for (i, a) in keys.iter().enumerate() {
        assert_ne!(a.expose(), &[1; 32], "the root itself is used for nothing");
        for b in keys.iter().skip(i + 1) {
            assert!(!a.ct_eq(b));
        }
    }
    assert!(!other.faces().ct_eq(root.faces()));
}

/// Bundles that are authentic, so that only their form can be what is refused.
#[test]
fn a_bundle_of_another_form_is_refused() {
    let place = |label| Context { label, account: 7, tag: [0; 16], version: 0, key_version: 1 };
    let stored = |bundle: &[u8]| StoredAccountKeys {
        key: wrap(root(1).wrapping(), &place(Label::AccountKey), &mut seeded(8), &key(9)).unwrap(),
        purposes: seal(&key(9), &place(Label::PurposeKeys), &mut seeded(9), bundle).unwrap(),
    };
    let entry = |number: u8| [&[number][..], &[number; 32]].concat();
    let good = [1, 2, 3, 4].map(entry).concat();
    let opened = AccountKeys::open(&root(1), 7, 1, &stored(&good)).unwrap();
    assert!(opened.log.ct_eq(&key(4)));
    for order in [[2, 1, 3, 4], [1, 2, 4, 3], [1, 1, 3, 4], [0, 2, 3, 4], [1, 2, 3, 5]] {
        assert!(refused(1, 7, 1, &stored(&order.map(entry).concat())), "{order:?}");
    }
    for len in 0..good.len() {
        assert!(refused(1, 7, 1, &stored(&good[..len])), "{len} bytes");
    }
    assert!(refused(1, 7, 1, &stored(&[&good[..], &[5]].concat())));
    assert!(refused(1, 7, 1, &stored(&[good, entry(5)].concat())));
}
