//! SSH certificates as `ssh-keygen` sees them, and keys that are not taken.

use super::hosts::{keygen, program};
use super::support::{authority, names, request, run, text, write};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::Error;
use pki::Window;
use pki::ssh::{Authority, Certificate, Options, PublicKey};
use sealing::Secret;
use std::fs;
use std::path::Path;

const KEYGEN: &str = "/usr/bin/ssh-keygen";

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A public key on a security key, made of a plain one: only a device makes them.
fn security_key(plain: &str) -> String {
    let key = PublicKey::parse(plain).unwrap();
    let name = match key.name() {
        "ssh-ed25519" => "sk-ssh-ed25519@openssh.com",
        _ => "sk-ecdsa-sha2-nistp256@openssh.com",
    };
    let parts = &key.blob()[4 + key.name().len()..];
    let blob = [string(name.as_bytes()), parts.to_vec(), string(b"ssh:")].concat();
    format!("{name} {}", STANDARD.encode(blob))
}

#[test]
fn ssh_keygen_shows_what_was_asked_for_on_every_kind_of_key() {
    let Some(_) = program(KEYGEN, "openssh-client") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut lines = Vec::new();
    for (file, kind) in [
        ("ed", ["-t", "ed25519"].as_slice()),
        ("p256", &["-t", "ecdsa", "-b", "256"]),
        ("p384", &["-t", "ecdsa", "-b", "384"]),
        ("rsa", &["-t", "rsa", "-b", "3072"]),
    ] {
        lines.push(keygen(&at.join(file), kind));
    }
    lines.push(security_key(&lines[0]));
    lines.push(security_key(&lines[1]));
    let authority = authority();
    let principals = names(&["web-admins", "host:db-1"]);
    for line in lines {
        let subject = PublicKey::parse(&line).unwrap();
        let mut asked = request(&subject, &principals);
        asked.window = Window::new(1_800_000_000, 1_800_003_600, 60).unwrap();
        asked.options = Options {
            force_command: Some("/usr/bin/uptime -p".to_owned()),
            source_addresses: names(&["192.0.2.0/24", "2001:db8::/32"]),
            permit_pty: true,
        };
        let certificate = authority.issue(&asked).unwrap();
        let file = write(&at.join("x-cert.pub"), certificate.line() + "\n").to_owned();
        let (_, shown) = run("env", &["TZ=UTC", KEYGEN, "-L", "-f", &file]);
        for expected in [
            "user certificate",
            "Signing CA: ED25519",
            "Key ID: \"person:ada/grant_01\"",
            "Serial: 77\n",
            "Valid: from 2027-01-15T07:59:00 to 2027-01-15T09:00:00",
            "Principals: \n                web-admins\n                host:db-1\n",
            "force-command /usr/bin/uptime -p\n",
            "source-address 192.0.2.0/24,2001:db8::/32\n",
            "Extensions: \n                permit-pty\n",
        ] {
            assert!(shown.contains(expected), "no `{expected}` in {shown}");
        }
        let trusted = [authority.public_key().clone()];
        assert_eq!(Certificate::parse(&certificate.line(), &trusted).unwrap(), certificate);
        // A certificate is no key to issue for.
        let refused = PublicKey::parse(&certificate.line()).unwrap_err();
        assert!(refused.to_string().contains("is a certificate"), "{refused}");
    }
}

/// The seed of an Ed25519 key that `ssh-keygen` wrote without a passphrase: it stands before the
/// third and last copy of the public key.
fn seed(path: &Path) -> [u8; 32] {
    let text = fs::read_to_string(path).unwrap();
    let coded: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let file = STANDARD.decode(coded).unwrap();
    let line = fs::read_to_string(path.with_extension("pub")).unwrap();
    let blob = PublicKey::parse(&line).unwrap().blob().to_vec();
    let public = &blob[blob.len() - 32..];
    let last = file.windows(32).rposition(|window| window == public).unwrap();
    file[last - 32..last].try_into().unwrap()
}

#[test]
fn the_same_bytes_as_ssh_keygen_from_the_same_key_and_nonce() {
    let Some(_) = program(KEYGEN, "openssh-client") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (ca, key) = (folder.path().join("ca"), folder.path().join("key"));
    keygen(&ca, &["-t", "ed25519"]);
    let subject = PublicKey::parse(&keygen(&key, &["-t", "ecdsa", "-b", "256"])).unwrap();
    let made = folder.path().join("key-cert.pub");
    let (good, said) = run(
        "env",
        &[
            "TZ=UTC",
            KEYGEN,
            "-q",
            "-s",
            text(&ca),
            "-I",
            "person:ada/grant_01",
            "-n",
            "a,b",
            "-z",
            "77",
            "-V",
            "20270115080000:20270115090000",
            "-O",
            "clear",
            "-O",
            "permit-pty",
            "-O",
            "source-address=192.0.2.0/24",
            "-O",
            "force-command=uptime",
            &format!("{}.pub", text(&key)),
        ],
    );
    assert!(good, "{said}");
    let theirs = fs::read_to_string(made).unwrap();
    let theirs = STANDARD.decode(theirs.split(' ').nth(1).unwrap()).unwrap();
    let start = 4 + "ecdsa-sha2-nistp256-cert-v01@openssh.com".len() + 4;
    let authority = Authority::new(&Secret::new(seed(&ca))).unwrap();
    let principals = names(&["a", "b"]);
    let mut asked = request(&subject, &principals);
    asked.window = Window::new(1_800_000_000, 1_800_003_600, 0).unwrap();
    asked.nonce = theirs[start..start + 32].try_into().unwrap();
    asked.options = Options {
        force_command: Some("uptime".to_owned()),
        source_addresses: names(&["192.0.2.0/24"]),
        permit_pty: true,
    };
    let ours = authority.issue(&asked).unwrap();
    assert_eq!(ours.blob(), theirs);
    assert!(!format!("{authority:?}").contains(&STANDARD.encode(seed(&ca))));
}

#[test]
fn weak_and_foreign_keys_are_refused_with_what_to_send_instead() {
    let Some(_) = program(KEYGEN, "openssh-client") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let short = keygen(&at.join("short"), &["-t", "rsa", "-b", "2048"]);
    let dsa = keygen(&at.join("dsa"), &["-t", "dsa"]);
    let large = keygen(&at.join("large"), &["-t", "ecdsa", "-b", "521"]);
    let good = keygen(&at.join("good"), &["-t", "ecdsa", "-b", "256"]);
    let mut blob = PublicKey::parse(&good).unwrap().blob().to_vec();
    *blob.last_mut().unwrap() ^= 1;
    let off_curve = format!("ecdsa-sha2-nistp256 {}", STANDARD.encode(&blob));
    *blob.last_mut().unwrap() ^= 1;
    blob.push(0);
    let trailing = format!("ecdsa-sha2-nistp256 {}", STANDARD.encode(&blob));
    let other = good.replace("ecdsa-sha2-nistp256", "ssh-ed25519");
    for (line, why) in [
        (short.as_str(), "`key` is RSA of 2048 bits; 3072 to 8192 are taken"),
        (&dsa, "`key` is of the kind `ssh-dss`; send ed25519, ecdsa (256, 384) or rsa"),
        (&large, "`key` is of the kind `ecdsa-sha2-nistp521`"),
        (&off_curve, "the point is not on its curve"),
        (&trailing, "1 bytes follow its end"),
        (&other, "the first word names another kind than the key has"),
        ("", "expected a kind and base64"),
        ("ssh-ed25519", "expected a kind and base64"),
        ("ssh-ed25519 !!!", "not base64"),
        ("ssh-ed25519 AAAA", "it ends too early"),
        ("command=\"x\" ssh-ed25519 AAAA", "is of the kind `command=\"x\"`"),
        (&format!("{good}\n{good}"), "it has several lines"),
        (&"a".repeat(5000), "longer than 4096 bytes"),
    ] {
        let refused = PublicKey::parse(line).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn requests_outside_the_rules_are_refused_by_field() {
    let authority = authority();
    let subject = Authority::new(&Secret::new([8; 32])).unwrap().public_key().clone();
    let principals = names(&["ada"]);
    let field = |outcome: Result<Certificate, Error>| match outcome {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let good = request(&subject, &principals);
    assert!(authority.issue(&good).is_ok());
    let own = request(authority.public_key(), &principals);
    assert_eq!(field(authority.issue(&own)), "key");
    let zero = pki::ssh::Request { serial: 0, ..good.clone() };
    assert_eq!(field(authority.issue(&zero)), "serial");
    for key_id in ["", "two words", "line\nbreak", "é", &"x".repeat(201)] {
        let asked = pki::ssh::Request { key_id, ..good.clone() };
        assert_eq!(field(authority.issue(&asked)), "key_id");
    }
    let many: Vec<_> = (0..33).map(|n| format!("p{n}")).collect();
    for wrong in [
        names(&[]),
        names(&[""]),
        names(&["*"]),
        names(&["a,b"]),
        names(&["a b"]),
        names(&["-a"]),
        names(&["a", "a"]),
        names(&[&"x".repeat(129)]),
        many,
    ] {
        let asked = pki::ssh::Request { principals: &wrong, ..good.clone() };
        assert_eq!(field(authority.issue(&asked)), "principals");
    }
    let with = |options| pki::ssh::Request { options, ..good.clone() };
    for command in ["", "a\nb", &"x".repeat(1025)] {
        let command = Some(command.to_owned());
        let options = Options { force_command: command, ..Options::default() };
        assert_eq!(field(authority.issue(&with(options))), "force_command");
    }
    for source in ["", "x", "192.0.2.1/24", "192.0.2.0/33", "::1/129", "192.0.2.0/+8", "1.2.3.4/"] {
        let options = Options { source_addresses: names(&[source]), ..Options::default() };
        assert_eq!(field(authority.issue(&with(options))), "source_addresses");
    }
    for source in ["192.0.2.1", "192.0.2.1/32", "0.0.0.0/0", "::/0", "2001:db8::/32", "::1/128"] {
        let options = Options { source_addresses: names(&[source]), ..Options::default() };
        assert!(authority.issue(&with(options)).is_ok(), "{source}");
    }
}

#[test]
fn what_another_authority_signed_is_not_read() {
    let authority = authority();
    let other = Authority::new(&Secret::new([8; 32])).unwrap();
    let principals = names(&["ada"]);
    let certificate = authority.issue(&request(other.public_key(), &principals)).unwrap();
    let own = [authority.public_key().clone()];
    let both = [other.public_key().clone(), own[0].clone()];
    assert_eq!(Certificate::parse(&certificate.line(), &both).unwrap(), certificate);
    for trusted in [&both[..1], &[]] {
        let refused = Certificate::parse(&certificate.line(), trusted).unwrap_err();
        assert!(matches!(refused, Error::Forged { .. }));
    }
    // No bit can be changed.
    for bit in 0..certificate.blob().len() * 8 {
        let mut blob = certificate.blob().to_vec();
        blob[bit / 8] ^= 1 << (bit % 8);
        assert!(Certificate::from_blob(&blob, &own).is_err(), "bit {bit}");
    }
}
