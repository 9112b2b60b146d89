//! What does not count: each part another, each byte another, and garbage.

use crate::device::{Device, Page, written};
use ciborium::Value;
use passkeys::{Assertion, Error, PublicKey, Registration, Site};
use proptest::prelude::{any, proptest};
use proptest::test_runner::Config;

fn site() -> Site {
    Site::new("bailee.test").unwrap()
}

/// Pages on which one part is not as it should be.
fn wrong(kind: &'static str) -> Vec<(&'static str, Page)> {
    let right = || Page::right(kind);
    let other = if kind == "webauthn.get" { "webauthn.create" } else { "webauthn.get" };
    vec![
        ("another ceremony", Page { kind: other, ..right() }),
        ("another challenge", Page { challenge: vec![8; 32], ..right() }),
        ("no challenge", Page { challenge: vec![], ..right() }),
        ("another site's page", Page { origin: "https://evil.test", ..right() }),
        ("a page without TLS", Page { origin: "http://bailee.test", ..right() }),
        ("in a frame of others", Page { more: r#","crossOrigin":true"#, ..right() }),
        ("below others", Page { more: r#","topOrigin":"https://evil.test""#, ..right() }),
        ("another site's key", Page { domain: "evil.test", ..right() }),
        ("nobody present", Page { flags: 0b100, ..right() }),
        ("nobody verified", Page { flags: 0b001, ..right() }),
        ("backed up and not able to", Page { flags: 0b1_0101, ..right() }),
    ]
}

#[test]
fn one_part_that_is_wrong_is_enough() {
    for device in Device::every() {
        let (key, _) = PublicKey::parse(&device.cose()).map(|(k, r)| (k, r.to_vec())).unwrap();
        for (what, page) in wrong("webauthn.get") {
            let refused = device.answer(&page).check(&key, &[7; 32], &site());
            assert!(matches!(refused, Err(Error::Refused(_))), "{what}: {refused:?}");
        }
        for (what, page) in wrong("webauthn.create") {
            let refused = device.make(&page).check(&[7; 32], &site());
            assert!(matches!(refused, Err(Error::Refused(_))), "{what}: {refused:?}");
        }
        let right = device.answer(&Page::right("webauthn.get"));
        assert!(right.check(&key, &[7; 15], &site()).is_err(), "a challenge of too few bytes");
    }
}

#[test]
fn another_key_and_any_other_byte_do_not_count() {
    for device in Device::every() {
        let (key, _) = PublicKey::parse(&device.cose()).map(|(k, r)| (k, r.to_vec())).unwrap();
        let right = device.answer(&Page::right("webauthn.get"));
        assert!(right.check(&key, &[7; 32], &site()).is_ok());
        for other in Device::every() {
            let (other, _) = PublicKey::parse(&other.cose()).map(|(k, r)| (k, r.to_vec())).unwrap();
            assert!(right.check(&other, &[7; 32], &site()).is_err());
        }
        let parts: [fn(&mut Assertion) -> &mut Vec<u8>; 3] = [
            |one| &mut one.client_data,
            |one| &mut one.authenticator_data,
            |one| &mut one.signature,
        ];
        for part in parts {
            let length = part(&mut right.clone()).len();
            for at in 0..length {
                let mut bad = right.clone();
                part(&mut bad)[at] ^= 1;
                assert!(bad.check(&key, &[7; 32], &site()).is_err(), "byte {at}");
            }
            let mut short = right.clone();
            part(&mut short).pop();
            assert!(short.check(&key, &[7; 32], &site()).is_err());
        }
    }
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let map = |parts: &[(i64, Value)]| {
        let all = parts.iter().map(|(label, value)| (Value::from(*label), value.clone()));
        written(&Value::Map(all.collect()))
    };
    let bytes = |length: usize| Value::Bytes(vec![1; length]);
    for bad in [
        map(&[]),
        // No algorithm; a symmetric key; P-256 said to be EdDSA; a short point; no y.
        map(&[(1, 2.into()), (-1, 1.into()), (-2, bytes(32)), (-3, bytes(32))]),
        map(&[(1, 4.into()), (3, 5.into()), (-1, bytes(32))]),
        map(&[(1, 2.into()), (3, (-8).into()), (-1, 1.into()), (-2, bytes(32)), (-3, bytes(32))]),
        map(&[(1, 2.into()), (3, (-7).into()), (-1, 1.into()), (-2, bytes(31)), (-3, bytes(32))]),
        map(&[(1, 2.into()), (3, (-7).into()), (-1, 1.into()), (-2, bytes(32))]),
        written(&Value::from("key")),
        vec![],
    ] {
        assert!(PublicKey::parse(&bad).is_err(), "{bad:?}");
    }
    // A point that is on no curve and a modulus of nothing are keys that signed nothing.
    for weak in [
        map(&[(1, 2.into()), (3, (-7).into()), (-1, 1.into()), (-2, bytes(32)), (-3, bytes(32))]),
        map(&[(1, 3.into()), (3, (-257).into()), (-1, bytes(8)), (-2, bytes(3))]),
    ] {
        let (key, _) = PublicKey::parse(&weak).unwrap();
        let device = &Device::every()[0];
        let answer = device.answer(&Page::right("webauthn.get"));
        assert!(answer.check(&key, &[7; 32], &site()).is_err());
    }
}

proptest! {
    #![proptest_config(Config::with_cases(500))]

    #[test]
    fn garbage_is_refused_and_panics_nowhere(
        client_data in any::<Vec<u8>>(),
        data in any::<Vec<u8>>(),
        signature in any::<Vec<u8>>(),
    ) {
        let device = &Device::every()[0];
        let cose = device.cose();
        let (key, _) = PublicKey::parse(&cose).unwrap();
        let right = device.answer(&Page::right("webauthn.get"));
        let assertions = [
            Assertion { client_data: client_data.clone(), ..right.clone() },
            Assertion { authenticator_data: data.clone(), ..right.clone() },
            Assertion { signature, ..right },
        ];
        for bad in assertions {
            assert!(bad.check(&key, &[7; 32], &site()).is_err());
        }
        let made = device.make(&Page::right("webauthn.create"));
        let bad = Registration { attestation: data.clone(), ..made };
        assert!(bad.check(&[7; 32], &site()).is_err());
        let _ = PublicKey::parse(&data);
    }
}
