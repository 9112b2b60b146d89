//! Whatever is changed about a sealed value, it does not open.

use sealing::{Context, Key, Label, OVERHEAD, OpenError, open, seal, unwrap, wrap};

use crate::support::{context, key, seeded};

const PLAINTEXT: &[u8] = b"a name";

fn sealed() -> Vec<u8> {
    seal(&key(1), &context(), &mut seeded(1), PLAINTEXT).unwrap()
}

#[test]
fn every_flipped_bit_is_refused() {
    let good = sealed();
    assert_eq!(open(&key(1), &context(), &good).unwrap().as_slice(), PLAINTEXT);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let expected =
                if at == 0 { OpenError::UnknownSuite(bad[0]) } else { OpenError::Refused };
            let result = open(&key(1), &context(), &bad).map(|_| ());
            assert_eq!(result, Err(expected), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_wrapped_key_is_refused() {
    let good = wrap(&key(1), &context(), &mut seeded(1), &key(9)).unwrap();
    assert!(unwrap(&key(1), &context(), &good).unwrap().ct_eq(&key(9)));
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(unwrap(&key(1), &context(), &bad).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_of_the_key_is_refused() {
    let good = sealed();
    for at in 0..32 {
        for bit in 0..8 {
            let mut other = [1; 32];
            other[at] ^= 1 << bit;
            let result = open(&Key::new(other), &context(), &good).map(|_| ());
            assert_eq!(result, Err(OpenError::Refused), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_of_the_context_is_refused() {
    let good = sealed();
    let mut others = Vec::new();
    for bit in 0..64 {
        others.push(Context { account: context().account ^ (1 << bit), ..context() });
        others.push(Context { version: context().version ^ (1 << bit), ..context() });
    }
    for bit in 0..32 {
        others.push(Context { key_version: context().key_version ^ (1 << bit), ..context() });
    }
    for bit in 0..128 {
        let tag = (u128::from_be_bytes(context().tag) ^ (1 << bit)).to_be_bytes();
        others.push(Context { tag, ..context() });
    }
    others.extend(
        Label::ALL
            .into_iter()
            .filter(|label| *label != context().label)
            .map(|label| Context { label, ..context() }),
    );
    assert_eq!(others.len(), 64 + 64 + 32 + 128 + Label::ALL.len() - 1);
    for other in others {
        let result = open(&key(1), &other, &good).map(|_| ());
        assert_eq!(result, Err(OpenError::Refused), "{other:?}");
    }
}

/// All values of a small store against all its places: a value opens in its own place only, so no
/// exchange of ciphertexts between records, versions, accounts, keys or kinds goes unnoticed.
#[test]
fn a_value_opens_in_its_own_place_only() {
    let mut entropy = seeded(2);
    let mut store = Vec::new();
    for label in [Label::Version, Label::Opening] {
        for (account, version, key_version) in [(1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1)] {
            for tag in [[0; 16], [1; 16]] {
                for owner in [1, 2] {
                    let place = Context { label, account, tag, version, key_version };
                    let value = seal(&key(owner), &place, &mut entropy, PLAINTEXT).unwrap();
                    store.push((owner, place, value));
                }
            }
        }
    }
    for (i, (owner, place, _)) in store.iter().enumerate() {
        for (j, (_, _, value)) in store.iter().enumerate() {
            let result = open(&key(*owner), place, value).map(|_| ());
            assert_eq!(result.is_ok(), i == j, "value {j} in place {i}");
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let good = sealed();
    for len in 0..good.len() {
        let expected = if len < OVERHEAD { OpenError::Truncated } else { OpenError::Refused };
        let result = open(&key(1), &context(), &good[..len]).map(|_| ());
        assert_eq!(result, Err(expected), "{len} bytes");
    }
    for byte in 0..=255 {
        let mut longer = good.clone();
        longer.push(byte);
        let result = open(&key(1), &context(), &longer).map(|_| ());
        assert_eq!(result, Err(OpenError::Refused), "one more byte, {byte}");
    }
}

/// Two values of the same key, context and length, cut and joined at every place.
#[test]
fn every_splice_of_two_values_is_refused() {
    let mut entropy = seeded(3);
    let one = seal(&key(1), &context(), &mut entropy, b"111111").unwrap();
    let two = seal(&key(1), &context(), &mut entropy, b"222222").unwrap();
    for cut in 1..one.len() {
        if one[..cut] == two[..cut] || one[cut..] == two[cut..] {
            continue; // Not a splice: the result is one of the two.
        }
        let spliced = [&one[..cut], &two[cut..]].concat();
        let result = open(&key(1), &context(), &spliced).map(|_| ());
        assert_eq!(result, Err(OpenError::Refused), "cut at {cut}");
    }
}

/// The value commits to its key. Both values have the same salt, because both sources start at the
/// same seed, so the body of `b` is authentic under key 2; only its commitment is another's.
#[test]
fn a_value_with_the_commitment_of_another_key_is_refused_under_both() {
    let a = seal(&key(1), &context(), &mut seeded(4), PLAINTEXT).unwrap();
    let b = seal(&key(2), &context(), &mut seeded(4), PLAINTEXT).unwrap();
    assert_eq!(a[..25], b[..25], "suite and salt are the same");
    assert_ne!(a[25..57], b[25..57], "the commitments are not");
    let mixed = [&a[..57], &b[57..]].concat();
    for holder in [1, 2] {
        let result = open(&key(holder), &context(), &mixed).map(|_| ());
        assert_eq!(result, Err(OpenError::Refused), "key {holder}");
    }
    assert!(open(&key(2), &context(), &b).is_ok());
}

#[test]
fn a_value_never_opens_under_another_key() {
    let mut entropy = seeded(5);
    let keys: Vec<Key> = (0..40).map(|_| Key::generate(&mut entropy).unwrap()).collect();
    for (i, a) in keys.iter().enumerate() {
        let value = seal(a, &context(), &mut entropy, PLAINTEXT).unwrap();
        for (j, b) in keys.iter().enumerate() {
            assert_eq!(open(b, &context(), &value).is_ok(), i == j, "key {j}, value of {i}");
        }
    }
}

#[test]
fn the_same_plaintext_never_looks_the_same_twice() {
    let mut entropy = seeded(6);
    let values: std::collections::BTreeSet<Vec<u8>> = (0..1_000)
        .map(|_| seal(&key(1), &context(), &mut entropy, PLAINTEXT).unwrap()[1..].to_vec())
        .collect();
    assert_eq!(values.len(), 1_000);
}

#[test]
fn contexts_of_different_fields_have_different_encodings() {
    let mut encodings = std::collections::BTreeSet::new();
    let mut made = 0;
    for label in Label::ALL {
        for number in [0, 1, 255, 256] {
            for place in [
                Context { label, account: number, tag: [0; 16], version: 7, key_version: 7 },
                Context { label, account: 7, tag: [0; 16], version: number, key_version: 7 },
                Context { label, account: 7, tag: [1; 16], version: number, key_version: 7 },
            ] {
                assert!(encodings.insert(place.encode()), "{place:?}");
                made += 1;
            }
        }
    }
    assert_eq!(encodings.len(), made);
}

#[test]
fn a_value_of_another_length_is_no_key() {
    for len in [0, 31, 33, 64] {
        let value = seal(&key(1), &context(), &mut seeded(7), &vec![0; len]).unwrap();
        let result = unwrap(&key(1), &context(), &value).map(|_| ());
        assert_eq!(result, Err(OpenError::Refused), "{len} bytes");
    }
}
