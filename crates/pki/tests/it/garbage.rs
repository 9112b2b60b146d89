//! No input makes a reader panic, and none that was altered is read as something else.

use super::support::{authority, client, house, names, request, revoking};
use pki::ssh::{Certificate, Krl, PublicKey, Revoked, SerialRange};
use pki::x509;
use proptest::prelude::*;
use std::sync::LazyLock;

/// Everything that is read, sound.
static SOUND: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let (house, client, ca) = (house(3), client(), authority());
    let key = ca.public_key().clone();
    let other = pki::ssh::Authority::new(&sealing::Secret::new([8; 32])).unwrap();
    let principals = names(&["ada", "eve"]);
    let certificate = ca.issue(&request(other.public_key(), &principals)).unwrap();
    let serials = vec![SerialRange::one(7), SerialRange { first: 9, last: 12 }];
    let revoked = Revoked { authority: key.clone(), serials, key_ids: names(&["a"]) };
    vec![
        key.blob().to_vec(),
        certificate.blob().to_vec(),
        Krl::new(1, 2, "x", vec![revoked]).unwrap().to_bytes(),
        house.certificate().der().to_vec(),
        client.ask(&house, 1, "ada").der().to_vec(),
        revoking(&house, 1, &[1, 2]).der().to_vec(),
        client.public.spki(),
    ]
});

static TRUSTED: LazyLock<(PublicKey, x509::AuthorityCertificate)> = LazyLock::new(|| {
    let certificate = x509::AuthorityCertificate::parse(&SOUND[3]).unwrap();
    (authority().public_key().clone(), certificate)
});

/// Every reader over the same bytes.
fn read(bytes: &[u8]) {
    let (key, house) = &*TRUSTED;
    let trusted = std::slice::from_ref(key);
    drop(PublicKey::from_blob(bytes));
    drop(Certificate::from_blob(bytes, trusted));
    if let Ok(list) = Krl::from_bytes(bytes) {
        assert_eq!(Krl::from_bytes(&list.to_bytes()).unwrap(), list);
    }
    drop(x509::AuthorityCertificate::parse(bytes));
    drop(x509::Certificate::parse(bytes, house));
    drop(x509::Crl::parse(bytes, house));
    drop(x509::PublicKey::from_spki(bytes));
    drop(x509::PublicKey::from_request(bytes));
    let text = String::from_utf8_lossy(bytes);
    drop(PublicKey::parse(&text));
    drop(Certificate::parse(&text, trusted));
}

#[test]
fn no_bit_of_a_certificate_or_list_can_be_changed() {
    let house = &TRUSTED.1;
    for which in 3..6 {
        for bit in 0..SOUND[which].len() * 8 {
            let mut changed = SOUND[which].clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(x509::AuthorityCertificate::parse(&changed).is_err(), "{which} {bit}");
            assert!(x509::Certificate::parse(&changed, house).is_err(), "{which} {bit}");
            assert!(x509::Crl::parse(&changed, house).is_err(), "{which} {bit}");
        }
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn anything(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }

    #[test]
    fn text(
        begin in "(ssh-ed25519|ssh-rsa|-----BEGIN CERTIFICATE REQUEST-----)?",
        rest in "[ \\nA-Za-z0-9+/=-]{0,200}",
    ) {
        read((begin + &rest).as_bytes());
    }

    #[test]
    fn what_was_sound(
        which in 0..7_usize,
        place: prop::sample::Index,
        with in proptest::collection::vec(any::<u8>(), 0..6),
        gone in 0..6_usize,
    ) {
        let mut bytes = SOUND[which].clone();
        let start = place.index(bytes.len());
        let end = bytes.len().min(start + gone);
        bytes.splice(start..end, with);
        read(&bytes);
    }
}
