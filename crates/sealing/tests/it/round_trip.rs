//! What is sealed comes back, and what is parsed is what was written, for inputs drawn at random.

use proptest::prelude::*;
use sealing::{
    AccountKeys, Argon2Cost, Context, DangerSeededEntropy, Entropy, Key, Label, OVERHEAD,
    OpenError, PassphraseFile, Purpose, RootFile, RootKey, SystemEntropy, WRAPPED_KEY, open, seal,
    unwrap, wrap,
};

fn contexts() -> impl Strategy<Value = Context> {
    (0..Label::ALL.len(), any::<u64>(), any::<[u8; 16]>(), any::<u64>(), any::<u32>()).prop_map(
        |(label, account, tag, version, key_version)| Context {
            label: Label::ALL[label],
            account,
            tag,
            version,
            key_version,
        },
    )
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn values(
        key in any::<[u8; 32]>(),
        seed in any::<[u8; 32]>(),
        place in contexts(),
        plaintext in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let key = Key::new(key);
        let sealed = seal(&key, &place, &mut DangerSeededEntropy::new(seed), &plaintext).unwrap();
        prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
        let opened = open(&key, &place, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), &plaintext);
    }

    #[test]
    fn values_in_two_places(key in any::<[u8; 32]>(), a in contexts(), b in contexts()) {
        let key = Key::new(key);
        let sealed = seal(&key, &a, &mut SystemEntropy, b"body").unwrap();
        let result = open(&key, &b, &sealed).map(|_| ());
        prop_assert_eq!(result, if a == b { Ok(()) } else { Err(OpenError::Refused) });
    }

    #[test]
    fn wrapped_keys(outer in any::<[u8; 32]>(), inner in any::<[u8; 32]>(), place in contexts()) {
        let (outer, inner) = (Key::new(outer), Key::new(inner));
        let wrapped = wrap(&outer, &place, &mut SystemEntropy, &inner).unwrap();
        prop_assert_eq!(wrapped.len(), WRAPPED_KEY);
        prop_assert!(unwrap(&outer, &place, &wrapped).unwrap().ct_eq(&inner));
    }

    #[test]
    fn account_keys(root in any::<[u8; 32]>(), account in any::<u64>(), version in any::<u32>()) {
        let root = RootKey::from_bytes(root);
        let keys = AccountKeys::generate(account, version, &mut SystemEntropy).unwrap();
        let stored = keys.seal_under(&root, &mut SystemEntropy).unwrap();
        let opened = AccountKeys::open(&root, account, version, &stored).unwrap();
        for purpose in Purpose::ALL {
            prop_assert!(opened.key(purpose).ct_eq(keys.key(purpose)));
        }
    }

    #[test]
    fn plain_root_files(bytes in any::<[u8; 32]>()) {
        let root = RootKey::from_bytes(bytes);
        let text = root.to_file();
        let Ok(RootFile::Plain(read)) = RootFile::parse(text.as_bytes()) else {
            return Err(TestCaseError::fail("another form"));
        };
        prop_assert!(read.wrapping().ct_eq(root.wrapping()));
        let again = read.to_file();
        prop_assert_eq!(again.as_str(), text.as_str());
    }

    #[test]
    fn seeded_entropy_does_not_depend_on_how_it_is_cut(
        seed in any::<[u8; 32]>(),
        cuts in prop::collection::vec(0usize..70, 0..12),
    ) {
        let mut whole = vec![0; cuts.iter().sum()];
        DangerSeededEntropy::new(seed).fill(&mut whole).unwrap();
        let mut entropy = DangerSeededEntropy::new(seed);
        let mut pieces = Vec::new();
        for cut in cuts {
            let mut piece = vec![0; cut];
            entropy.fill(&mut piece).unwrap();
            pieces.extend(piece);
        }
        prop_assert_eq!(whole, pieces);
    }
}

proptest! {
    // Each case takes two runs of Argon2id.
    #![proptest_config(ProptestConfig { cases: 8, ..config() })]

    #[test]
    fn passphrase_root_files(
        bytes in any::<[u8; 32]>(),
        passphrase in prop::collection::vec(any::<u8>(), 12..40),
        passes in 1u32..3,
        lanes in 1u32..5,
    ) {
        let root = RootKey::from_bytes(bytes);
        let cost = Argon2Cost::new(8_192, passes, lanes).unwrap();
        let file = PassphraseFile::lock(&root, &passphrase, cost, &mut SystemEntropy).unwrap();
        let text = file.encode();
        let Ok(RootFile::Passphrase(read)) = RootFile::parse(text.as_bytes()) else {
            return Err(TestCaseError::fail("another form"));
        };
        prop_assert_eq!(&read, &file);
        prop_assert!(read.unlock(&passphrase).unwrap().wrapping().ct_eq(root.wrapping()));
    }
}

#[test]
fn the_system_source_does_not_repeat_itself() {
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..1_000 {
        assert!(drawn.insert(*Key::generate(&mut SystemEntropy).unwrap().expose()));
    }
}
