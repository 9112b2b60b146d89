//! Bytes from strangers: nothing panics, nothing opens. Seeds are fixed.

use sealing::{AccountKeys, Argon2Cost, EntropyError, PassphraseFile};
use sealing::{
    Context, Label, MAX_PLAINTEXT, OpenError, RootFile, SealError, StoredAccountKeys, open, seal,
    unwrap, wrap,
};

use crate::support::{FailingEntropy, below, context, key, random_bytes, root, seeded};

const ITERATIONS: usize = 20_000;

#[test]
fn random_bytes_never_open() {
    let mut entropy = seeded(1);
    let (mut truncated, mut refused, mut unknown) = (0, 0, 0);
    for i in 0..ITERATIONS {
        let mut bytes = random_bytes(&mut entropy, 200);
        // Most would end at the suite byte; half of them must get further.
        if let Some(first) = bytes.first_mut().filter(|_| i % 2 == 0) {
            *first = 0x01;
        }
        match open(&key(1), &context(), &bytes).map(|_| ()) {
            Err(OpenError::Truncated) => truncated += 1,
            Err(OpenError::Refused) => refused += 1,
            Err(OpenError::UnknownSuite(suite)) => {
                assert_ne!(suite, 0x01);
                unknown += 1;
            }
            Ok(()) => panic!("random bytes were opened: {bytes:?}"),
        }
        assert!(unwrap(&key(1), &context(), &bytes).is_err());
    }
    assert!(truncated > 1_000 && refused > 1_000 && unknown > 1_000);
}

#[test]
fn mutated_values_never_open() {
    let mut entropy = seeded(2);
    let good = seal(&key(1), &context(), &mut entropy, b"twelve bytes").unwrap();
    for _ in 0..ITERATIONS {
        let bad = mutated(&mut entropy, &good);
        assert_eq!(open(&key(1), &context(), &bad).is_ok(), bad == good, "{bad:?}");
    }
}

#[test]
fn random_stored_account_keys_never_open() {
    let mut entropy = seeded(3);
    let keys = AccountKeys::generate(1, 1, &mut entropy).unwrap();
    let good = keys.seal_under(&root(1), &mut entropy).unwrap();
    for _ in 0..ITERATIONS {
        let stored = StoredAccountKeys {
            key: mutated(&mut entropy, &good.key),
            purposes: mutated(&mut entropy, &good.purposes),
        };
        assert_eq!(AccountKeys::open(&root(1), 1, 1, &stored).is_ok(), stored == good);
    }
}

/// Whatever parses is in its one spelling: written again, it is the same text.
#[test]
fn root_files_parse_only_in_their_one_spelling() {
    let mut entropy = seeded(4);
    let cost = Argon2Cost::new(8_192, 1, 1).unwrap();
    let locked = PassphraseFile::lock(&root(1), b"twelve bytes", cost, &mut entropy).unwrap();
    let files = [root(1).to_file().as_bytes().to_vec(), locked.encode().into_bytes()];
    let mut parsed = 0;
    for i in 0..ITERATIONS {
        let text = match i % 4 {
            0 => random_bytes(&mut entropy, 300),
            1 => [b"bailee-root-key/v1\n".to_vec(), random_bytes(&mut entropy, 300)].concat(),
            _ => mutated(&mut entropy, &files[i % 2]),
        };
        let again = match RootFile::parse(&text) {
            Err(_) => continue,
            Ok(RootFile::Plain(root)) => root.to_file().as_bytes().to_vec(),
            Ok(RootFile::Passphrase(file)) => file.encode().into_bytes(),
        };
        assert_eq!(text, again);
        parsed += 1;
    }
    // Another digit or letter inside the base64 is another valid file.
    assert!(parsed > 100, "only {parsed} texts got as far as being written again");
}

#[test]
fn a_failing_source_stops_everything_that_needs_it() {
    let failed = SealError::Entropy(EntropyError);
    let none = &mut FailingEntropy { calls_left: 0 };
    assert_eq!(seal(&key(1), &context(), none, b"x"), Err(failed));
    assert_eq!(wrap(&key(1), &context(), none, &key(2)), Err(failed));
    assert!(sealing::Key::generate(none).is_err());
    assert!(sealing::RootKey::generate(none).is_err());
    for calls_left in 0..4 {
        assert!(AccountKeys::generate(1, 1, &mut FailingEntropy { calls_left }).is_err());
    }
    let mut keys = AccountKeys::generate(1, 1, &mut seeded(5)).unwrap();
    for calls_left in 0..3 {
        let mut entropy = FailingEntropy { calls_left };
        assert_eq!(keys.rotate(&root(1), &mut entropy), Err(failed));
        assert_eq!(keys.version, 1, "a failed rotation changes nothing");
    }
    assert!(keys.rotate(&root(1), &mut FailingEntropy { calls_left: 3 }).is_ok());
    assert_eq!(keys.version, 2);
}

#[test]
fn a_plaintext_over_the_limit_is_not_sealed() {
    let place =
        Context { label: Label::Meta, account: 0, tag: [0; 16], version: 0, key_version: 0 };
    let longest = vec![0; MAX_PLAINTEXT + 1];
    let result = seal(&key(1), &place, &mut seeded(6), &longest);
    assert!(matches!(result, Err(SealError::Limit(_))));
    // The limit is found before the source is asked.
    let result = seal(&key(1), &place, &mut FailingEntropy { calls_left: 0 }, &longest);
    assert!(matches!(result, Err(SealError::Limit(_))));
}

/// One to three changes: a flipped bit, a byte replaced, removed or doubled, a cut.
fn mutated(entropy: &mut sealing::DangerSeededEntropy, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=below(entropy, 3) {
        if bytes.is_empty() {
            break;
        }
        let at = below(entropy, bytes.len());
        match below(entropy, 5) {
            0 => bytes[at] ^= 1 << below(entropy, 8),
            1 => bytes[at] = u8::try_from(below(entropy, 256)).unwrap(),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, bytes[at]),
            _ if below(entropy, 8) == 0 => bytes.truncate(at),
            _ => bytes[at] = b"0123456789ABab+/= \n"[below(entropy, 19)],
        }
    }
    bytes
}
