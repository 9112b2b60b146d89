//! Frozen vectors of the stored formats. Data of the first release must open in every later one, so
//! a difference here is a new format with a new name, not a new vector.
//!
//! `BAILEE_BLESS=1` rewrites the files; the diff is then the decision to review.

use std::fs;
use std::path::PathBuf;

use sealing::{
    AccountKeys, Argon2Cost, Context, Entropy, Key, Label, PassphraseFile, Purpose, RootFile,
    StoredAccountKeys, derive, mac, open, seal, sha256, tag, unwrap,
};
use serde_json::{Value, json};

use crate::support::{hex, key, root, seeded, unhex};

const PASSPHRASE: &str = "correct horse battery";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

/// Compares what the code makes today with the file, and gives the file's content.
fn frozen(name: &str, made: &Value) -> Value {
    let text = format!("{made:#}\n");
    if std::env::var_os("BAILEE_BLESS").is_some_and(|value| value == "1") {
        fs::write(path(name), &text).unwrap();
    }
    let stored = fs::read_to_string(path(name)).unwrap();
    // As values: the order of members is not the format's, and another crate of a build may change
    // how the JSON library keeps it.
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(*made, stored, "`{name}` differs: is this meant to be a new format?");
    stored
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    unhex(text(value, name))
}

fn key_of(value: &Value, name: &str) -> Key {
    Key::from_slice(&bytes(value, name)).unwrap()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap()
}

#[test]
fn sealed_values() {
    let mut made = Vec::new();
    for (number, label) in (1u64..).zip(Label::ALL) {
        let tag = [u8::try_from(number).unwrap(); 16];
        let context =
            Context { label, account: 1000 + number, tag, version: number << 33, key_version: 9 };
        let plaintext = "0123456789 äöü ".repeat(usize::try_from(number - 1).unwrap());
        let sealed =
            seal(&key(number as u8), &context, &mut seeded(number), plaintext.as_bytes()).unwrap();
        made.push(json!({
            "key": hex(&[number as u8; 32]),
            "seed": number,
            "label": std::str::from_utf8(label.bytes()).unwrap(),
            "account": context.account,
            "tag": hex(&tag),
            "version": context.version,
            "key_version": context.key_version,
            "context": hex(&context.encode()),
            "plaintext": plaintext,
            "sealed": hex(&sealed),
        }));
    }
    let stored = frozen("sealed.json", &json!(made));
    for value in stored.as_array().unwrap() {
        let label =
            Label::ALL.into_iter().find(|label| label.bytes() == text(value, "label").as_bytes());
        let context = Context {
            label: label.unwrap(),
            account: number(value, "account"),
            tag: bytes(value, "tag").try_into().unwrap(),
            version: number(value, "version"),
            key_version: number(value, "key_version").try_into().unwrap(),
        };
        assert_eq!(context.encode(), bytes(value, "context"));
        let opened = open(&key_of(value, "key"), &context, &bytes(value, "sealed")).unwrap();
        assert_eq!(opened.as_slice(), text(value, "plaintext").as_bytes());
    }
}

#[test]
fn keyed_functions() {
    let inputs: [&[&str]; 5] = [&[], &[""], &["records", "id-17"], &["ab", "c"], &["a", "bc"]];
    let made: Vec<Value> = inputs
        .iter()
        .map(|input| {
            let parts: Vec<&[u8]> = input.iter().map(|part| part.as_bytes()).collect();
            json!({
                "key": hex(&[3; 32]),
                "parts": input,
                "derive (label `search`)": hex(derive(&key(3), b"search", &parts).expose()),
                "mac": hex(&mac(&key(3), &parts)),
                "tag": hex(&tag(&key(3), &parts)),
                "sha256": hex(&sha256(&parts)),
            })
        })
        .collect();
    frozen("keyed.json", &json!(made));
}

#[test]
fn account_keys() {
    let mut entropy = seeded(11);
    let mut keys = AccountKeys::generate(42, 1, &mut entropy).unwrap();
    let first = keys.seal_under(&root(4), &mut entropy).unwrap();
    let second = keys.rotate(&root(4), &mut entropy).unwrap();
    let version = |version: u32, stored: &StoredAccountKeys| {
        json!({
            "version": version,
            "key": hex(&stored.key),
            "purposes": hex(&stored.purposes),
        })
    };
    let made = json!({
        "root": hex(&[4; 32]),
        "wrapping": hex(root(4).wrapping().expose()),
        "meta": hex(root(4).meta().expose()),
        "index": hex(root(4).index().expose()),
        "account": 42,
        "names": hex(keys.names.expose()),
        "records": hex(keys.records.expose()),
        "tags": hex(keys.tags.expose()),
        "log": hex(keys.log.expose()),
        "stored": [version(1, &first), version(2, &second)],
    });
    let frozen = frozen("account.json", &made);
    let names = ["names", "records", "tags", "log"];
    for row in frozen["stored"].as_array().unwrap() {
        let stored = StoredAccountKeys { key: bytes(row, "key"), purposes: bytes(row, "purposes") };
        let version = number(row, "version").try_into().unwrap();
        let opened = AccountKeys::open(&root(4), 42, version, &stored).unwrap();
        for (purpose, name) in Purpose::ALL.into_iter().zip(names) {
            assert!(opened.key(purpose).ct_eq(&key_of(&frozen, name)), "{name}");
        }
        let context = Context {
            label: Label::AccountKey,
            account: 42,
            tag: [0; 16],
            version: 0,
            key_version: version,
        };
        assert!(unwrap(root(4).wrapping(), &context, &stored.key).is_ok());
    }
}

#[test]
fn root_files() {
    let cost = Argon2Cost::new(8_192, 2, 2).unwrap();
    let locked =
        PassphraseFile::lock(&root(5), PASSPHRASE.as_bytes(), cost, &mut seeded(12)).unwrap();
    let made = json!({
        "root": hex(&[5; 32]),
        "plain": root(5).to_file().as_str(),
        "passphrase": PASSPHRASE,
        "locked": locked.encode(),
    });
    let frozen = frozen("root_file.json", &made);
    let Ok(RootFile::Plain(plain)) = RootFile::parse(text(&frozen, "plain").as_bytes()) else {
        panic!("the plain form does not parse");
    };
    assert!(plain.wrapping().ct_eq(root(5).wrapping()));
    let Ok(RootFile::Passphrase(file)) = RootFile::parse(text(&frozen, "locked").as_bytes()) else {
        panic!("the passphrase form does not parse");
    };
    let unlocked = file.unlock(text(&frozen, "passphrase").as_bytes()).unwrap();
    assert!(unlocked.wrapping().ct_eq(root(5).wrapping()));
}

/// Simulations are reproduced from their seeds, in every later build too.
#[test]
fn seeded_entropy() {
    let mut drawn = [0; 80];
    seeded(1).fill(&mut drawn).unwrap();
    frozen("entropy.json", &json!({ "seed": hex(&seed_bytes(1)), "first 80 bytes": hex(&drawn) }));
}

fn seed_bytes(seed: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes
}
