//! Frozen vectors: what was written once must be written, and read, for ever.
//!
//! `BAILEE_BLESS=1` writes the files anew; a change in them is a change of format and needs a new
//! version of it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::entry::{self, Leaf, Opening, StoredOpening};
use ledger::receipt::{Anchor, Receipt};
use ledger::tile::{TilePath, decode_entries};
use ledger::tree::leaf_hash;
use ledger::verify::{verify_anchor, verify_receipt};
use serde_json::{Value, json};

use crate::sample::{self, KEY_SEED, ORIGIN};
use crate::support::hex;

/// Compares with the frozen file, or freezes.
fn frozen(name: &str, made: &Value) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let text = serde_json::to_string_pretty(made).unwrap() + "\n";
    if std::env::var_os("BAILEE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{name}: {e}; a new vector is written with BAILEE_BLESS=1"));
    // As values: the order of members is not the format's, and another crate of a build may change
    // how the JSON library keeps it.
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert!(kept == *made, "{name} is not what this build writes; the format must not change");
    kept
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn leaf() {
    let cases: Vec<Value> = [0, 3, 6, 70]
        .into_iter()
        .map(|index| {
            let bytes = sample::leaf(ORIGIN, index);
            let fields: Vec<Value> = sample::fields(index)
                .into_iter()
                .map(|(name, value)| {
                    let salt = entry::salt(&sample::seed(index), name);
                    let commitment = entry::commitment(ORIGIN, index, name, &salt, &value);
                    json!({
                        "name": name,
                        "value": value,
                        "salt": hex(&salt),
                        "commitment": hex(&commitment),
                    })
                })
                .collect();
            json!({
                "log": ORIGIN,
                "index": index,
                "seed": hex(&sample::seed(index)),
                "fields": fields,
                "leaf": String::from_utf8(bytes.clone()).unwrap(),
                "leaf_hash": hex(&leaf_hash(&bytes)),
            })
        })
        .collect();
    for case in frozen("leaf.json", &json!(cases)).as_array().unwrap() {
        let leaf = Leaf::parse(text(&case["leaf"]).as_bytes()).unwrap();
        for field in case["fields"].as_array().unwrap() {
            assert_eq!(hex(&leaf.fields[text(&field["name"])]), text(&field["commitment"]));
        }
    }
}

#[test]
fn opening() {
    let fields = sample::fields(6).map(|(name, value)| (name.to_owned(), value)).to_vec();
    let stored = StoredOpening { seed: sample::seed(6), fields };
    let mut redacted = stored.opening();
    redacted.redact(&["actor"]);
    let kept = frozen(
        "opening.json",
        &json!({
            "leaf": String::from_utf8(sample::leaf(ORIGIN, 6)).unwrap(),
            "stored": hex(&stored.encode()),
            "opening": stored.opening().to_json(),
            "redacted": redacted.to_json(),
        }),
    );
    let leaf = Leaf::parse(text(&kept["leaf"]).as_bytes()).unwrap();
    for form in ["opening", "redacted"] {
        Opening::from_json(text(&kept[form])).unwrap().check(&leaf).unwrap();
    }
    let stored = StoredOpening::decode(&crate::support::unhex(text(&kept["stored"]))).unwrap();
    assert_eq!(stored.opening().to_json(), text(&kept["opening"]));
}

#[test]
fn receipt_and_anchor() {
    let log = sample::make(300).unwrap();
    let receipts: Vec<Value> = [0, 100, 299]
        .into_iter()
        .map(|index| Value::String(log.receipt(index).unwrap().to_json()))
        .collect();
    let kept = frozen(
        "receipt.json",
        &json!({
            "public_key": hex(log.signer.public_key()),
            "receipts": receipts,
            "anchor": log.anchor().unwrap().to_json(),
        }),
    );
    let key = crate::support::unhex(text(&kept["public_key"]));
    let key: [u8; 32] = key.try_into().unwrap();
    for receipt in kept["receipts"].as_array().unwrap() {
        assert!(verify_receipt(text(receipt), Some(&key)).ok());
        assert_eq!(Receipt::from_json(text(receipt)).unwrap().to_json(), text(receipt));
    }
    assert!(verify_anchor(text(&kept["anchor"]), Some(&key)).ok());
    assert_eq!(Anchor::from_json(text(&kept["anchor"])).unwrap().to_json(), text(&kept["anchor"]));
}

#[test]
fn checkpoint() {
    let cases: Vec<Value> = [1, 9, 300]
        .into_iter()
        .map(|size| {
            let log = sample::make(size).unwrap();
            json!({
                "key_seed": hex(&KEY_SEED),
                "vkey": log.signer.verifier(ORIGIN).unwrap().to_string(),
                "size": size,
                "root": hex(&log.head.root),
                "checkpoint": log.head.sign(&log.signer),
            })
        })
        .collect();
    for case in frozen("checkpoint.json", &json!(cases)).as_array().unwrap() {
        let key = text(&case["vkey"]).parse().unwrap();
        let head = ledger::checkpoint::Checkpoint::open(text(&case["checkpoint"]), &key).unwrap();
        assert_eq!(hex(&head.root), text(&case["root"]));
    }
}

#[test]
fn bundle() {
    let log = sample::make(5).unwrap();
    let path = TilePath::Entries { index: 0, width: 5 }.path();
    let kept = frozen(
        "bundle.json",
        &json!({
            "path": path,
            "bundle": STANDARD.encode(&log.files[&path]),
            "tile": STANDARD.encode(&log.files["tile/0/000.p/5"]),
        }),
    );
    let bundle = STANDARD.decode(text(&kept["bundle"])).unwrap();
    assert_eq!(decode_entries(&bundle, 5).unwrap(), log.leaves);
}
