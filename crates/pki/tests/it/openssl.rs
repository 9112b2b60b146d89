//! X.509 as `openssl` sees it: certificates, lists, and whether one revokes the other.

use super::hosts::program;
use super::support::{client, hour, house, names, now, past, person, revoking, run, text, write};
use pki::x509::{Authority, AuthorityCertificate, Reason, Revoked, Serial, Subject};
use std::fs;

const OPENSSL: &str = "/usr/bin/openssl";

/// What `openssl verify` says of a client's certificate and a list.
fn verify(ca: &str, list: &str, certificate: &str, more: &[&str]) -> (bool, String) {
    let mut words = vec!["verify", "-x509_strict", "-purpose", "sslclient", "-crl_check"];
    words.extend(["-CAfile", ca, "-CRLfile", list]);
    words.extend(more);
    words.push(certificate);
    run(OPENSSL, &words)
}

#[test]
fn openssl_accepts_what_is_good_and_refuses_what_is_revoked_expired_or_foreign() {
    let Some(_) = program(OPENSSL, "openssl") else { return };
    let (authority, client) = (house(3), client());
    let at = client.folder.path();
    let ca = write(&at.join("ca.pem"), authority.certificate().pem()).to_owned();
    let good = client.file(&client.ask(&authority, 1, "ada"));
    let revoked = client.file(&client.ask(&authority, 0xff, "eve"));
    let old = client.ask_for(&authority, 3, person("old"), past());
    let old = client.file(&old);
    let foreign = client.file(&client.ask(&house(4), 4, "mallory"));
    let none = write(&at.join("none.pem"), revoking(&authority, 1, &[]).pem()).to_owned();
    let some = write(&at.join("some.pem"), revoking(&authority, 2, &[0xff]).pem()).to_owned();
    for (list, certificate, why) in [
        (&none, &good, ": OK"),
        (&none, &revoked, ": OK"),
        (&some, &good, ": OK"),
        (&some, &revoked, "certificate revoked"),
        (&none, &old, "certificate has expired"),
        (&none, &foreign, "unable to get local issuer certificate"),
    ] {
        let (accepted, said) = verify(&ca, list, text(certificate), &[]);
        assert!(said.contains(why) && accepted == (why == ": OK"), "{why}: {said}");
    }
    // A list that speaks no longer, and a use that was not certified.
    let later = (now() + 7200).to_string();
    let (_, said) = verify(&ca, &none, text(&good), &["-attime", &later]);
    assert!(said.contains("CRL has expired"), "{said}");
    let (accepted, said) =
        run(OPENSSL, &["verify", "-purpose", "sslserver", "-CAfile", &ca, text(&good)]);
    assert!(!accepted && said.contains("unsuitable certificate purpose"), "{said}");
    // What a client certifies is worth nothing: it is no authority.
    let key = rcgen::KeyPair::from_pem(&fs::read_to_string(&client.key).unwrap()).unwrap();
    let der = client.ask(&authority, 1, "ada").der().to_vec().into();
    let issuer = rcgen::Issuer::from_ca_cert_der(&der, key).unwrap();
    let below = rcgen::CertificateParams::default();
    let below = below.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap().pem();
    let below = write(&at.join("below.pem"), below).to_owned();
    let chain = ["verify", "-CAfile", &ca, "-untrusted", text(&good), &below];
    let (accepted, said) = run(OPENSSL, &chain);
    assert!(!accepted && said.contains("invalid CA certificate"), "{said}");
}

#[test]
fn openssl_shows_what_was_asked_for() {
    let Some(_) = program(OPENSSL, "openssl") else { return };
    let (authority, client) = (house(3), client());
    let subject = Subject {
        common_name: "ada".to_owned(),
        groups: names(&["readers", "on-call", "readers of Zürich"]),
        uri: Some("bailee:person:ada".to_owned()),
    };
    let certificate = client.ask_for(&authority, 0x80, subject, hour());
    let file = client.file(&certificate);
    let shown = run(
        OPENSSL,
        &["x509", "-noout", "-text", "-nameopt", "utf8,sep_comma_plus", "-in", text(&file)],
    )
    .1;
    for expected in [
        "Version: 3 (0x2)",
        "80:80:80:80:80:80:80:80:80:80:80:80:80:80:80:80",
        "Issuer: CN=Bailee access",
        "Subject: O=readers,O=on-call,O=readers of Zürich,CN=ada",
        "NIST CURVE: P-256",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: critical\n                TLS Web Client Authentication\n",
        "X509v3 Subject Alternative Name: \n                URI:bailee:person:ada\n",
        "Signature Algorithm: ecdsa-with-SHA256",
    ] {
        assert!(shown.contains(expected), "no `{expected}` in {shown}");
    }
    let ca = write(&client.folder.path().join("ca.pem"), authority.certificate().pem()).to_owned();
    let shown = run(OPENSSL, &["x509", "-noout", "-text", "-in", &ca]).1;
    for expected in ["CA:TRUE, pathlen:0", "critical\n                Certificate Sign, CRL Sign\n"]
    {
        assert!(shown.contains(expected), "no `{expected}` in {shown}");
    }
}

#[test]
fn openssl_reads_lists_of_none_and_ten_thousand() {
    let Some(_) = program(OPENSSL, "openssl") else { return };
    let (authority, client) = (house(3), client());
    let at = client.folder.path();
    let ca = write(&at.join("ca.pem"), authority.certificate().pem()).to_owned();
    let read = |list: &str| {
        run(OPENSSL, &["crl", "-noout", "-text", "-verify", "-CAfile", &ca, "-in", list]).1
    };
    let none = read(write(&at.join("none.pem"), revoking(&authority, 255, &[]).pem()));
    for expected in ["verify OK", "Version 2", "CRL Number: \n                255", "No Revoked"] {
        assert!(none.contains(expected), "no `{expected}` in {none}");
    }
    let revoked = many(10_000);
    let list = authority.revoke(u64::MAX, now(), now() + 86_400, revoked).unwrap();
    let shown = read(write(&at.join("many.pem"), list.pem()));
    assert!(shown.contains("verify OK"));
    assert_eq!(shown.matches("Serial Number:").count(), 10_000);
    for expected in ["Key Compromise", "Affiliation Changed", "Superseded", "Privilege Withdrawn"] {
        assert!(shown.contains(expected), "no `{expected}`");
    }
}

fn many(count: u32) -> Vec<Revoked> {
    let reasons = [
        Reason::Unspecified,
        Reason::KeyCompromise,
        Reason::AffiliationChanged,
        Reason::Superseded,
        Reason::CessationOfOperation,
        Reason::PrivilegeWithdrawn,
    ];
    let number = |n: u32| Serial::new(u128::from(n + 1).rotate_right(12).to_be_bytes()).unwrap();
    let one = |(n, reason)| Revoked { serial: number(n), at: 1_800_000_000, reason };
    (0..count).zip(reasons.into_iter().cycle()).map(one).collect()
}

#[test]
fn an_authority_is_the_same_when_its_key_is_and_only_then() {
    let authority = house(3);
    let der = authority.certificate().der().to_vec();
    let secret = |seed| sealing::Secret::new([seed; 32]);
    let loaded = Authority::load(&secret(3), &der).unwrap();
    assert_eq!(loaded.certificate(), authority.certificate());
    let pem = authority.certificate().pem();
    assert_eq!(&AuthorityCertificate::parse(pem.as_bytes()).unwrap(), authority.certificate());
    assert!(Authority::load(&secret(4), &der).is_err());
    assert!(Authority::load(&secret(3), house(4).certificate().der()).is_err());
    // Not a key on the curve: zero, and above its order.
    let serial = Serial::new([1; 16]).unwrap();
    for seed in [0, 0xff] {
        let refused = Authority::create(&secret(seed), "x", serial, 0, 1).unwrap_err();
        assert!(refused.to_string().contains("draw others"), "{refused}");
    }
    for (name, from, until) in [("", 0, 1), ("a\nb", 0, 1), ("x", 1, 1), ("x", 0, 400_000_000)] {
        assert!(Authority::create(&secret(3), name, serial, from, until).is_err(), "{name}");
    }
    assert!(!format!("{authority:?}").contains("03030303"));
}
