//! Root key files: both forms, and texts that are neither.

use sealing::{Argon2Cost, PassphraseFile, RootFile, RootFileError, RootKey};

use crate::support::{root, seeded};

const PASSPHRASE: &[u8] = b"correct horse battery";

fn quick() -> Argon2Cost {
    Argon2Cost::new(8_192, 1, 1).unwrap()
}

fn locked() -> PassphraseFile {
    PassphraseFile::lock(&root(5), PASSPHRASE, quick(), &mut seeded(1)).unwrap()
}

fn same(a: &RootKey, b: &RootKey) -> bool {
    let keys = |root: &RootKey| {
        [root.wrapping(), root.meta(), root.index(), root.faces()].map(|key| *key.expose())
    };
    keys(a) == keys(b)
}

fn parse(text: &str) -> Result<RootFile, RootFileError> {
    RootFile::parse(text.as_bytes())
}

#[test]
fn the_plain_form_comes_back() {
    let RootFile::Plain(read) = parse(&root(5).to_file()).unwrap() else {
        panic!("another form");
    };
    assert!(same(&read, &root(5)));
    assert!(!same(&read, &root(6)));
}

#[test]
fn the_passphrase_form_comes_back() {
    let RootFile::Passphrase(file) = parse(&locked().encode()).unwrap() else {
        panic!("another form");
    };
    assert_eq!(file, locked());
    assert_eq!(file.cost(), quick());
    assert!(same(&file.unlock(PASSPHRASE).unwrap(), &root(5)));
}

#[test]
fn a_wrong_passphrase_is_said_to_be_wrong() {
    let long = [b'x'; 1_025];
    for wrong in [&b""[..], b"correct horse batterz", b"correct horse battery ", &long] {
        let error = locked().unlock(wrong).map(|_| ()).unwrap_err();
        assert_eq!(error, RootFileError::WrongPassphrase);
    }
    let text = RootFileError::WrongPassphrase.to_string();
    assert_eq!(
        text,
        "the passphrase does not open the root key file; try again or restore the file"
    );
}

#[test]
fn a_changed_parameter_opens_nothing() {
    let good = locked().encode();
    for (from, to) in [("m=8192", "m=8193"), ("t=1", "t=2"), ("p=1", "p=2"), ("salt=", "salt=")] {
        let mut bad = good.replacen(from, to, 1);
        if from == to {
            let at = bad.find(from).unwrap() + from.len();
            let other = if bad[at..].starts_with('A') { "B" } else { "A" };
            bad.replace_range(at..=at, other);
        }
        assert_ne!(bad, good);
        let Ok(RootFile::Passphrase(file)) = parse(&bad) else { panic!("{bad}") };
        assert_eq!(file.unlock(PASSPHRASE).map(|_| ()), Err(RootFileError::WrongPassphrase));
    }
}

#[test]
fn two_locks_of_one_key_share_nothing() {
    let mut entropy = seeded(2);
    let a = PassphraseFile::lock(&root(5), PASSPHRASE, quick(), &mut entropy).unwrap().encode();
    let b = PassphraseFile::lock(&root(5), PASSPHRASE, quick(), &mut entropy).unwrap().encode();
    let last = |text: &str| text.lines().last().unwrap().to_owned();
    assert_ne!(a.lines().nth(1), b.lines().nth(1));
    assert_ne!(last(&a), last(&b));
}

#[test]
fn passphrases_have_a_length() {
    for wrong in [0, 1, 11, 1_025] {
        let result = PassphraseFile::lock(&root(5), &vec![b'x'; wrong], quick(), &mut seeded(3));
        assert_eq!(result, Err(RootFileError::PassphraseLength), "{wrong} bytes");
    }
    for right in [12, 1_024] {
        let phrase = vec![b'x'; right];
        let file = PassphraseFile::lock(&root(5), &phrase, quick(), &mut seeded(3)).unwrap();
        assert!(file.unlock(&phrase).is_ok(), "{right} bytes");
    }
}

#[test]
fn parameters_have_bounds() {
    for (m, t, p, name) in [
        (8_191, 1, 1, "m"),
        (1_048_577, 1, 1, "m"),
        (0, 1, 1, "m"),
        (u32::MAX, 1, 1, "m"),
        (8_192, 0, 1, "t"),
        (8_192, 17, 1, "t"),
        (8_192, 1, 0, "p"),
        (8_192, 1, 5, "p"),
    ] {
        let Err(RootFileError::Cost { name: found, .. }) = Argon2Cost::new(m, t, p) else {
            panic!("m={m} t={t} p={p} was taken");
        };
        assert_eq!(found, name);
        let text = locked().encode().replacen("m=8192 t=1 p=1", &format!("m={m} t={t} p={p}"), 1);
        let error = parse(&text).map(|_| ()).unwrap_err();
        assert!(matches!(error, RootFileError::Cost { .. }), "{error}");
    }
    assert!(Argon2Cost::new(1_048_576, 16, 4).is_ok());
    assert_eq!(Argon2Cost::new(65_536, 3, 1), Ok(Argon2Cost::DEFAULT));
    let text = Argon2Cost::new(1, 1, 1).unwrap_err().to_string();
    assert_eq!(text, "`m=1` of argon2id is not within 8192 to 1048576; choose a value inside");
}

#[test]
fn texts_that_are_no_key_file_are_refused() {
    let plain = root(5).to_file().to_string();
    let locked = locked().encode();
    let mut bad: Vec<String> = vec![
        String::new(),
        "\n".into(),
        "bailee-root-key/v1".into(),
        "bailee-root-key/v1\n".into(),
        "bailee-root-key/v1\n\n".into(),
        "bailee-root-key/v1\nkey \n".into(),
        "bailee-root-key/v1\nkey AAAA\n".into(),
        format!("bailee-root-key/v1\nkey {}\n", "A".repeat(400)),
        format!("bailee-root-key/v1\nkey {}\n", "A".repeat(4_000)),
        format!("\u{feff}{plain}"),
        format!(" {plain}"),
        format!("\n{plain}"),
    ];
    for good in [&plain, &locked] {
        bad.push(good.trim_end().to_owned());
        bad.push(format!("{good}\n"));
        bad.push(format!("{good} "));
        bad.push(format!("{good}# a comment\n"));
        bad.push(format!("{good}{good}"));
        bad.push(good.replace('\n', "\r\n"));
        bad.push(good.replace('\n', "\n\n"));
        bad.push(good.replace("/v1", "/v2"));
        bad.push(good.replace("bailee", "Bailee"));
        bad.push(good.replace('=', ""));
        bad.push(good.replace(' ', "  "));
        bad.push(good.replace(' ', "\t"));
        bad.push(good.replace(" ", "\0"));
    }
    // 32 bytes leave two unused bits in the last letter; only zeros are the one spelling.
    bad.push(plain.replace("U=", "V="));
    for (from, to) in [
        ("m=8192", "m=08192"),
        ("m=8192", "m=+8192"),
        ("m=8192", "m=-8192"),
        ("m=8192", "m=8192KiB"),
        ("m=8192", "m=99999999999"),
        ("m=8192", "m="),
        ("m=8192 ", ""),
        ("m=8192", "m=８192"),
        ("t=1 p=1", "p=1 t=1"),
        ("p=1 ", "p=1 p=1 "),
        ("argon2id", "argon2i"),
        ("argon2id", "argon2id2"),
        ("\nwrapped ", " \nwrapped "),
        ("\nwrapped ", " x=1\nwrapped "),
        ("wrapped ", "check "),
        ("wrapped ", "wrapped A"),
    ] {
        assert!(locked.contains(from), "{from}");
        bad.push(locked.replacen(from, to, 1));
    }
    for text in bad {
        assert_ne!(text, plain);
        assert_ne!(text, locked);
        let error = parse(&text).map(|_| ()).expect_err(&text);
        assert!(matches!(error, RootFileError::Malformed(_)), "{text:?}: {error}");
    }
    let error = parse(&format!("{plain}{}", " ".repeat(512))).map(|_| ()).unwrap_err();
    assert_eq!(error, RootFileError::Malformed("it is longer than 512 bytes"));
    let error = RootFile::parse(b"bailee-root-key/v1\nkey \xff\xfe\n").map(|_| ()).unwrap_err();
    assert!(matches!(error, RootFileError::Malformed(_)));
}
