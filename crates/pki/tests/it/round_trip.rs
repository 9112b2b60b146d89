//! What is written is read back equal, whatever it says within its rules.

use super::support::{authority, client, house};
use pki::Window;
use pki::ssh::{Certificate, Krl, Options, PublicKey, Request, Revoked, SerialRange};
use pki::x509::{self, Crl, Reason, Serial, Subject};
use proptest::prelude::*;
use sealing::Secret;

const START: u64 = 1_800_000_000;

fn other() -> PublicKey {
    pki::ssh::Authority::new(&Secret::new([8; 32])).unwrap().public_key().clone()
}

fn window() -> impl Strategy<Value = Window> {
    (START..START + 1_000_000, 1..=pki::MAX_LIFE, 0..=pki::MAX_SKEW)
        .prop_map(|(from, life, skew)| Window::new(from, from + life, skew).unwrap())
}

fn options() -> impl Strategy<Value = Options> {
    let sources = proptest::collection::vec("[1-9][0-9]?\\.0\\.0\\.0/8", 0..4);
    (proptest::option::of("[ -~é]{1,100}"), sources, any::<bool>()).prop_map(
        |(force_command, source_addresses, permit_pty)| Options {
            force_command,
            source_addresses,
            permit_pty,
        },
    )
}

fn principals() -> impl Strategy<Value = Vec<String>> {
    let name = "[a-z0-9._@:/+][a-zA-Z0-9._@:/+-]{0,63}";
    proptest::collection::hash_set(name, 1..=32).prop_map(|names| names.into_iter().collect())
}

fn range() -> impl Strategy<Value = SerialRange> {
    (1..2000_u64, 0..30_u64).prop_map(|(first, more)| SerialRange { first, last: first + more })
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn ssh_certificates(
        serial in 1..=u64::MAX,
        key_id in "[!-~]{1,200}",
        principals in principals(),
        window in window(),
        options in options(),
        nonce: [u8; 32],
    ) {
        let (authority, subject) = (authority(), other());
        let asked = Request {
            subject: &subject, serial, key_id: &key_id, principals: &principals, window,
            options: options.clone(), nonce,
        };
        let certificate = authority.issue(&asked).unwrap();
        prop_assert_eq!(&certificate, &authority.issue(&asked).unwrap());
        let trusted = [authority.public_key().clone()];
        let read = Certificate::parse(&certificate.line(), &trusted).unwrap();
        prop_assert_eq!(&read, &certificate);
        prop_assert_eq!((read.serial, read.key_id, read.principals), (serial, key_id, principals));
        prop_assert_eq!((read.window, read.options, read.subject), (window, options, subject));
    }

    #[test]
    fn key_revocation_lists(
        version: u64,
        generated: u64,
        comment in "[ -~é]{0,100}",
        ranges in proptest::collection::vec(range(), 0..60),
        ids in proptest::collection::vec("[!-~]{1,20}", 0..30),
        asked in 1..2100_u64,
    ) {
        let authority = authority().public_key().clone();
        let within = ranges.iter().any(|range| (range.first..=range.last).contains(&asked));
        let revoked = [
            Revoked { authority: authority.clone(), serials: ranges, key_ids: ids.clone() },
            Revoked {
                authority: other(), serials: vec![SerialRange::one(9)], key_ids: ids.clone(),
            },
        ];
        let list = Krl::new(version, generated, &comment, revoked.to_vec()).unwrap();
        let read = Krl::from_bytes(&list.to_bytes()).unwrap();
        prop_assert_eq!(&read, &list);
        prop_assert_eq!(read.to_bytes(), list.to_bytes());
        prop_assert_eq!(read.revokes(&authority, asked, ""), within);
        prop_assert!(ids.iter().all(|id| read.revokes(&other(), 1, id)));
    }

    #[test]
    fn client_certificates_and_their_lists(
        serial in any::<[u8; 16]>().prop_filter("not 0", |bytes| *bytes != [0; 16]),
        common_name in "[a-zé][a-zé ._-]{0,20}[a-z]",
        groups in proptest::collection::vec("[a-z][a-z:é-]{0,20}", 0..=16),
        uri in proptest::option::of("[a-z]{1,8}:[a-z0-9:/._-]{1,40}"),
        life in 1..=pki::MAX_LIFE,
        revoked in proptest::collection::vec((any::<[u8; 16]>(), 0..4_000_000_000_u64), 0..30),
        number: u64,
    ) {
        let (authority, client) = (house(3), client());
        let from = authority.certificate().validity().0 + 1000;
        let window = Window::new(from, from + life, 60).unwrap();
        let serial = Serial::new(serial).unwrap();
        let subject = Subject { common_name, groups, uri };
        let asked = x509::Request { key: &client.public, serial, subject, window };
        let certificate = authority.issue(&asked).unwrap();
        let read = x509::Certificate::parse(certificate.der(), authority.certificate()).unwrap();
        prop_assert_eq!(&read, &certificate);
        prop_assert_eq!((read.serial, read.window), (serial, window));
        let pem = x509::Certificate::parse(certificate.pem().as_bytes(), authority.certificate());
        prop_assert_eq!(&pem.unwrap(), &certificate);
        prop_assert!(x509::Certificate::parse(certificate.der(), house(4).certificate()).is_err());

        let revoked: Vec<_> = revoked.into_iter()
            .filter_map(|(bytes, at)| Some((Serial::new(bytes).ok()?, at)))
            .map(|(serial, at)| x509::Revoked { serial, at, reason: Reason::Superseded })
            .collect();
        let list = authority.revoke(number, from, from + 3600, revoked.clone()).unwrap();
        let read = Crl::parse(list.der(), authority.certificate()).unwrap();
        prop_assert_eq!(&read, &list);
        let pem = Crl::parse(list.pem().as_bytes(), authority.certificate()).unwrap();
        prop_assert_eq!(&pem, &list);
        prop_assert!(revoked.iter().all(|one| read.revokes(one.serial)));
        prop_assert_eq!(read.revokes(serial), revoked.iter().any(|one| one.serial == serial));
        prop_assert!(Crl::parse(list.der(), house(4).certificate()).is_err());
    }
}
