//! Certification requests: honest ones of `openssl` and rcgen, and hostile ones.

use super::hosts::program;
use super::support::{client, hour, house, names, person, run, text};
use pki::Error;
use pki::x509::{PublicKey, Request, Serial, Subject};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData,
};
use std::fs;

const OPENSSL: &str = "/usr/bin/openssl";

#[test]
fn openssl_asks_with_every_kind_of_key_that_is_taken() {
    let Some(_) = program(OPENSSL, "openssl") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (kind, option, refused) in [
        ("EC", "ec_paramgen_curve:P-256", None),
        ("EC", "ec_paramgen_curve:P-384", None),
        ("EC", "ec_paramgen_curve:P-521", Some("is of another kind")),
        ("EC", "ec_paramgen_curve:secp256k1", Some("is of another kind")),
        ("ED25519", "", None),
        ("ED448", "", Some("is of another kind")),
        ("RSA", "rsa_keygen_bits:3072", None),
        ("RSA", "rsa_keygen_bits:2048", Some("is RSA of 2048 bits; 3072 to 8192 are taken")),
        ("RSA-PSS", "rsa_keygen_bits:3072", Some("is of another kind")),
    ] {
        let (key, asked) = (at("key.pem"), at("request.pem"));
        let mut make = vec!["genpkey", "-algorithm", kind, "-out", text(&key)];
        if !option.is_empty() {
            make.extend(["-pkeyopt", option]);
        }
        let (made, said) = run(OPENSSL, &make);
        assert!(made, "{said}");
        let subject = ["req", "-new", "-subj", "/CN=root", "-addext", "subjectAltName=DNS:x"];
        let files = ["-key", text(&key), "-out", text(&asked)];
        let (made, said) = run(OPENSSL, &[subject.as_slice(), &files].concat());
        assert!(made, "{said}");
        let read = PublicKey::from_request(&fs::read(&asked).unwrap());
        match (read, refused) {
            (Ok(public), None) => {
                let spki = at("spki.der");
                let files = ["-in", text(&key), "-out", text(&spki)];
                let words = [["pkey", "-pubout", "-outform", "DER"].as_slice(), &files].concat();
                assert!(run(OPENSSL, &words).0);
                let spki = fs::read(spki).unwrap();
                assert_eq!(public.spki(), spki, "{kind} {option}");
                assert_eq!(PublicKey::from_spki(&spki).unwrap(), public);
            }
            (Err(error), Some(why)) => assert!(error.to_string().contains(why), "{error}"),
            (read, _) => panic!("{kind} {option}: {read:?}"),
        }
    }
    // With SHA-1, which can be forged.
    let (key, asked) = (at("key.pem"), at("request.pem"));
    let option = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    assert!(run(OPENSSL, &[option.as_slice(), &["-out", text(&key)]].concat()).0);
    let files = ["-key", text(&key), "-out", text(&asked)];
    let words = [["req", "-new", "-sha1", "-subj", "/CN=x"].as_slice(), &files].concat();
    assert!(run(OPENSSL, &words).0);
    let read = PublicKey::from_request(&fs::read(&asked).unwrap());
    assert!(matches!(read, Err(Error::Forged { .. })), "{read:?}");
}

fn asking(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let pair = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    change(&mut params);
    params.serialize_request(&pair).unwrap().der().to_vec()
}

#[test]
fn requests_for_rights_that_are_never_given_are_refused() {
    let usage = |usages: &[ExtendedKeyUsagePurpose]| {
        asking(|params| params.extended_key_usages = usages.to_vec())
    };
    let authority = asking(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let signing = asking(|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let listing = asking(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let server = usage(&[ExtendedKeyUsagePurpose::ServerAuth]);
    let both = [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::Any];
    let unknown = asking(|params| {
        let extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        params.custom_extensions = vec![extension];
    });
    for (request, why) in [
        (authority, "`request` asks to be an authority"),
        (signing, "`request` asks to sign certificates or lists"),
        (listing, "`request` asks to sign certificates or lists"),
        (server, "`request` asks for another use than of a client"),
        (usage(&both), "`request` asks for another use than of a client"),
        (unknown, "`request` asks for an extension that is not given"),
    ] {
        let refused = PublicKey::from_request(&request).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let honest = asking(|params| {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert!(PublicKey::from_request(&honest).is_ok());
}

/// One key asks for the certificate of another.
struct Impostor {
    signs: KeyPair,
    claims: KeyPair,
}

impl PublicKeyData for Impostor {
    fn der_bytes(&self) -> &[u8] {
        self.claims.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.claims.algorithm()
    }
}

impl rcgen::SigningKey for Impostor {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.signs.sign(message)
    }
}

#[test]
fn whoever_does_not_hold_the_key_gets_no_certificate() {
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let pair = || KeyPair::generate_for(kind).unwrap();
        let impostor = Impostor { signs: pair(), claims: pair() };
        let request = CertificateParams::default().serialize_request(&impostor).unwrap();
        let refused = PublicKey::from_request(request.der()).unwrap_err();
        assert!(matches!(refused, Error::Forged { .. }), "{refused}");
    }
    // No bit can be changed to get another key. Some around what is signed can be: the reader of
    // DER is lenient there, and nothing but the key is used.
    let request = asking(|_| ());
    let key = PublicKey::from_request(&request).unwrap();
    for bit in 0..request.len() * 8 {
        let mut changed = request.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(PublicKey::from_request(&changed).map_or(true, |read| read == key), "{bit}");
    }
}

#[test]
fn what_is_too_long_or_goes_on_is_refused() {
    let request = asking(|_| ());
    let pem = |label: &str, der: &[u8]| {
        let coded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
        format!("-----BEGIN {label}-----\n{coded}\n-----END {label}-----\n")
    };
    let label = "CERTIFICATE REQUEST";
    assert!(PublicKey::from_request(pem(label, &request).as_bytes()).is_ok());
    assert!(PublicKey::from_request(pem("NEW CERTIFICATE REQUEST", &request).as_bytes()).is_ok());
    let longer = [request.as_slice(), &[0]].concat();
    let giant = asking(|params| {
        params.subject_alt_names = (0..2000)
            .map(|n| rcgen::SanType::DnsName(format!("host-{n}.example").try_into().unwrap()))
            .collect();
    });
    let two = pem(label, &request).repeat(2);
    let certificate = pem("CERTIFICATE", &request);
    for (bytes, why) in [
        (longer.as_slice(), "bytes follow its end"),
        (pem(label, &longer).as_bytes(), "bytes follow its end"),
        (&giant, "longer than 16 KiB"),
        (&[b' '; 20_000], "longer than 16 KiB"),
        (two.as_bytes(), "no single block"),
        (certificate.as_bytes(), "no single block"),
        (b"", "no PKCS#10"),
        (b"garbage", "no PKCS#10"),
        (&request[..request.len() - 1], "no PKCS#10"),
    ] {
        let refused = PublicKey::from_request(bytes).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let spki = PublicKey::from_request(&request).unwrap().spki();
    assert!(PublicKey::from_spki(&[spki.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn subjects_and_windows_outside_the_rules_are_refused_by_field() {
    let (authority, client) = (house(3), client());
    let serial = Serial::new([1; 16]).unwrap();
    let field = |subject: Subject| {
        let asked = Request { key: &client.public, serial, subject, window: hour() };
        match authority.issue(&asked) {
            Err(Error::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    for common_name in ["", " ada", "a\0b", "a\nb", &"x".repeat(65)] {
        assert_eq!(field(person(common_name)), "common_name");
    }
    for groups in [names(&[""]), names(&["a\u{7f}"]), vec!["g".to_owned(); 17]] {
        assert_eq!(field(Subject { groups, ..person("ada") }), "groups");
    }
    let long = format!("x:{}", "y".repeat(255));
    for uri in ["", "ada", "bailee:", ":ada", "1a:b", "bailee:a b", "bailee:ä", "a:<b>", &long] {
        assert_eq!(field(Subject { uri: Some(uri.to_owned()), ..person("ada") }), "uri");
    }
    // Not before the authority begins, nor after it ends.
    let (begins, ends) = authority.certificate().validity();
    for (from, until) in [(begins - 60, begins + 60), (ends - 60, ends + 60)] {
        let window = pki::Window::new(from, until, 0).unwrap();
        let asked = Request { key: &client.public, serial, subject: person("ada"), window };
        assert!(
            authority.issue(&asked).unwrap_err().to_string().contains("`window` is not within")
        );
    }
    assert!(Serial::new([0; 16]).is_err());
}
