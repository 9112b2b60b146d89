//! What counts.

use crate::device::{Device, Page};
use passkeys::{PublicKey, Site};

#[test]
fn every_kind_of_key_is_made_and_used() {
    let site = Site::new("bailee.test").unwrap();
    for device in Device::every() {
        let made = device.make(&Page::right("webauthn.create")).check(&[7; 32], &site).unwrap();
        assert_eq!((made.id.as_slice(), made.model), (&b"key1"[..], [9; 16]));
        assert_eq!(made.key.cose(), device.cose());
        assert!(!made.did.backup_eligible && !made.did.backed_up);
        let (kept, rest) = PublicKey::parse(made.key.cose()).unwrap();
        assert!(kept == made.key && rest.is_empty());
        let page = Page { flags: 0b1_1101, counter: 8, ..Page::right("webauthn.get") };
        let did = device.answer(&page).check(&kept, &[7; 32], &site).unwrap();
        assert!((did.counter, did.backup_eligible, did.backed_up) == (8, true, true));
    }
}

#[test]
fn pages_of_a_site_are_of_its_domain_and_below() {
    let site = Site::new("bailee.test").unwrap();
    for origin in ["https://bailee.test", "https://bailee.test:8443", "https://a.bailee.test"] {
        assert!(site.has(origin), "{origin}");
    }
    for origin in [
        "http://bailee.test",
        "https://bailee.test.evil.test",
        "https://evilbailee.test",
        "https://.bailee.test",
        "https://bailee.test:8443/x",
        "https://evil.test/.bailee.test",
        "https://evil.test#.bailee.test",
        "https://evil@bailee.test",
        "https://bailee.test:x",
        "null",
        "",
    ] {
        assert!(!site.has(origin), "{origin}");
    }
    for bad in ["", "127.0.0.1", "Bailee.test", "a..b", "bailee.test:1", "[::1]", &"a".repeat(64)] {
        assert!(Site::new(bad).is_err(), "{bad}");
    }
    assert_eq!(Site::new("localhost").unwrap().domain(), "localhost");
}
