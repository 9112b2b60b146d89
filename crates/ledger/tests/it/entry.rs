//! Leaves, commitments and openings.

use ledger::entry::{
    self, Draft, FieldState, Leaf, MAX_FIELDS, MAX_TIME, Opening, OpeningError, StoredOpening,
    same_log, slot_of,
};
use ledger::tile::MAX_ENTRY;
use sha2::{Digest as _, Sha256};

use crate::sample;

const SEED: [u8; 32] = [3; 32];
const FIELDS: &[(&str, &str)] = &[("object", "T-1"), ("actor", "person:ada"), ("note", "")];

fn draft() -> Draft<'static> {
    Draft {
        log: "desk/a/17",
        index: 9,
        time: 1_767_225_600_000_000,
        kind: "records.put",
        state: Some([4; 32]),
        prev: Some(3),
        seed: &SEED,
        fields: FIELDS,
    }
}

#[test]
fn a_leaf_has_the_documented_bytes() {
    let c = |name, value| {
        let salt = entry::salt(&SEED, name);
        base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            entry::commitment("desk/a/17", 9, name, &salt, value),
        )
    };
    let expected = format!(
        concat!(
            r#"{{"format":"bailee-entry/v1","log":"desk/a/17","index":9,"time":1767225600000000,"#,
            r#""kind":"records.put","#,
            r#""state":"BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=","prev":3,"#,
            r#""fields":{{"actor":"{}","note":"{}","object":"{}"}}}}"#
        ),
        c("actor", "person:ada"),
        c("note", ""),
        c("object", "T-1")
    );
    assert_eq!(String::from_utf8(draft().leaf()).unwrap(), expected);
    let bare = Draft { state: None, prev: None, fields: &[], ..draft() }.leaf();
    assert_eq!(
        String::from_utf8(bare).unwrap(),
        concat!(
            r#"{"format":"bailee-entry/v1","log":"desk/a/17","index":9,"time":1767225600000000,"#,
            r#""kind":"records.put","fields":{}}"#
        )
    );
}

/// The formula of the module, with other people's SHA-256.
#[test]
fn a_commitment_is_what_the_formula_says() {
    let salt = [8; 32];
    let mut input = Vec::new();
    for part in ["bailee-field/v1", "desk/a/17"] {
        input.extend_from_slice(&(part.len() as u32).to_be_bytes());
        input.extend_from_slice(part.as_bytes());
    }
    input.extend_from_slice(&9_u64.to_be_bytes());
    input.extend_from_slice(b"\0\0\0\x05actor");
    input.extend_from_slice(&salt);
    input.extend_from_slice(b"\0\0\0\x03ada");
    let expected: [u8; 32] = Sha256::digest(&input).into();
    assert_eq!(entry::commitment("desk/a/17", 9, "actor", &salt, "ada"), expected);

    // HMAC by its definition (RFC 2104), for a key shorter than a block.
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(SEED).for_each(|(block, key)| *block ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update("actor").finalize();
    let outer: [u8; 32] =
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into();
    assert_eq!(entry::salt(&SEED, "actor"), outer);
}

#[test]
fn every_part_of_its_context_changes_a_commitment() {
    let base = entry::commitment("desk/a/17", 9, "actor", &[8; 32], "ada");
    for other in [
        entry::commitment("desk/a/18", 9, "actor", &[8; 32], "ada"),
        entry::commitment("desk/a/17", 10, "actor", &[8; 32], "ada"),
        entry::commitment("desk/a/17", 9, "actos", &[8; 32], "ada"),
        entry::commitment("desk/a/17", 9, "actor", &[9; 32], "ada"),
        entry::commitment("desk/a/17", 9, "actor", &[8; 32], "adb"),
        entry::commitment("desk/a/17", 9, "acto", &[8; 32], "rada"),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn a_leaf_reads_back() {
    let leaf = Leaf::parse(&draft().leaf()).unwrap();
    assert_eq!(
        (leaf.log.as_str(), leaf.index, leaf.kind.as_str()),
        ("desk/a/17", 9, "records.put")
    );
    assert_eq!((leaf.state, leaf.prev, leaf.fields.len()), (Some([4; 32]), Some(3), 3));
    assert_eq!(leaf.to_bytes(), draft().leaf());
    // A name may hold what JSON has to escape.
    let odd = Draft { log: "de\"sk\\ü/1", index: 0, prev: None, ..draft() }.leaf();
    assert_eq!(Leaf::parse(&odd).unwrap().log, "de\"sk\\ü/1");
    for index in 0..30 {
        let bytes = sample::leaf(sample::ORIGIN, index);
        assert_eq!(Leaf::parse(&bytes).unwrap().to_bytes(), bytes);
    }
}

#[test]
fn a_leaf_has_one_spelling() {
    let good = String::from_utf8(draft().leaf()).unwrap();
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for bad in [
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}{good}"),
        swap(":9,", ": 9,"),
        swap(":9,", ":09,"),
        swap(":9,", ":9.0,"),
        swap(":9,", ":-9,"),
        swap(":9,", ":9e0,"),
        swap(":9,", ":\"9\","),
        swap(":9,", ":3,"),
        swap(":9,", ":281474976710655,"),
        swap("1767225600000000", "9007199254740992"),
        swap("entry/v1", "entry/v2"),
        swap("\"index\":9,", ""),
        swap("\"index\":9,", "\"index\":9,\"index\":9,"),
        swap("\"index\":9,", "\"index\":9,\"extra\":1,"),
        swap("\"prev\":3,", "\"prev\":null,"),
        swap("\"prev\":3,", "\"prev\":9,"),
        swap("\"prev\":3,\"fields\"", "\"fields\""),
        swap("\"fields\":{", "\"prev\":3,\"fields\":{"),
        swap("records.put", "records\\u002eput"),
        swap("records.put", "records put"),
        swap("records.put", ""),
        swap("desk/a/17", ""),
        swap("desk/a/17", "desk\\/a\\/17"),
        swap("desk/a/17", "desk a/17"),
        swap("\"actor\"", "\"\""),
        swap("\"actor\"", "\"zctor\""),
        swap("\"actor\"", "\"note\""),
        swap("BAQ=", "BAR="),
        swap("BAQ=", "BAQ"),
        swap("BAQE", "BAQEBAQE"),
    ] {
        // Dropping `prev` gives another well-formed leaf: then the bytes differ, and so does the
        // tree.
        if bad == swap("\"prev\":3,\"fields\"", "\"fields\"") {
            assert_eq!(Leaf::parse(bad.as_bytes()).unwrap().prev, None);
            continue;
        }
        assert!(Leaf::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(Leaf::parse(&vec![b' '; MAX_ENTRY + 1]).is_err());
    let mut invalid = draft().leaf();
    invalid[40] = 0xff;
    assert!(Leaf::parse(&invalid).is_err());
}

#[test]
fn a_draft_says_what_is_wrong_with_it() {
    let good = draft();
    assert_eq!(good.check(), Ok(()));
    let long = "n".repeat(256);
    let many: Vec<String> = (0..=MAX_FIELDS).map(|i| format!("f{i}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
    let huge = "v".repeat(entry::MAX_VALUE + 1);
    for bad in [
        Draft { log: "", ..good },
        Draft { log: "a b", ..good },
        Draft { kind: "", ..good },
        Draft { kind: "a b", ..good },
        Draft { time: MAX_TIME + 1, ..good },
        Draft { prev: Some(9), ..good },
        Draft { fields: &[("a", ""), ("a", "")], ..good },
        Draft { fields: &[("", "")], ..good },
        Draft { fields: &[("é", "")], ..good },
        Draft { fields: &[(&long, "")], ..good },
        Draft { fields: &[("a", &huge)], ..good },
        Draft { fields: &many, ..good },
    ] {
        assert!(bad.check().is_err());
    }
    // The most that a draft allows still fits a bundle.
    let names: Vec<String> = (0..MAX_FIELDS).map(|i| format!("{i:0255}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let log = "\"".repeat(255);
    let largest = Draft { log: &log, kind: &names[0], fields: &fields, ..good };
    assert_eq!(largest.check(), Ok(()));
    assert!(largest.leaf().len() <= MAX_ENTRY);
    assert!(Leaf::parse(&largest.leaf()).is_ok());
}

#[test]
fn an_opening_shows_what_it_shows() {
    let leaf = Leaf::parse(&draft().leaf()).unwrap();
    let full = Opening::new(&SEED, FIELDS);
    let shown = |value: &str| FieldState::Shown(value.to_owned());
    let states = full.check(&leaf).unwrap();
    assert!(
        states
            == [
                ("actor".to_owned(), shown("person:ada")),
                ("note".to_owned(), shown("")),
                ("object".to_owned(), shown("T-1")),
            ]
    );
    let mut some = full.clone();
    some.redact(&["actor", "unheard-of"]);
    let states = some.check(&leaf).unwrap();
    assert_eq!(states[0], ("actor".to_owned(), FieldState::Withheld));
    assert!(states[1].1 == shown("") && states[2].1 == shown("T-1"));
    assert_eq!(Opening::from_json(&some.to_json()), Ok(some.clone()));
    assert_eq!(serde_json::to_string(&full).unwrap(), full.to_json());

    let altered = |change: &dyn Fn(&mut Opening)| {
        let mut opening = full.clone();
        change(&mut opening);
        opening.check(&leaf)
    };
    let mismatch = Err(OpeningError::Mismatch("actor".to_owned()));
    let field = |o: &mut Opening| o.fields.get("actor").cloned().unwrap();
    assert_eq!(altered(&|o| o.fields.get_mut("actor").unwrap().salt[0] ^= 1), mismatch);
    assert_eq!(altered(&|o| o.fields.get_mut("actor").unwrap().value.push(' ')), mismatch);
    assert_eq!(
        altered(&|o| {
            let taken = field(o);
            o.fields.insert("note".to_owned(), taken);
        }),
        Err(OpeningError::Mismatch("note".to_owned()))
    );
    assert_eq!(
        altered(&|o| {
            let taken = field(o);
            o.fields.insert("zone".to_owned(), taken);
        }),
        Err(OpeningError::Unknown("zone".to_owned()))
    );
    // The same commitments under another index or log: a leaf copied there does not open.
    let moved = Leaf { index: 10, ..leaf.clone() };
    assert_eq!(full.check(&moved), mismatch);
    let moved = Leaf { log: "desk/a/18".to_owned(), ..leaf };
    assert_eq!(full.check(&moved), mismatch);
}

#[test]
fn the_json_of_an_opening_is_read_strictly() {
    let salt = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";
    let one = format!(r#"{{"a":{{"salt":"{salt}","value":"x"}}}}"#);
    assert_eq!(Opening::from_json(&one).unwrap().to_json(), one);
    let spaced = format!(r#"{{ "a": {{ "value": "x", "salt": "{salt}" }} }}"#);
    assert_eq!(Opening::from_json(&spaced), Opening::from_json(&one));
    for bad in [
        "[]".to_owned(),
        "null".to_owned(),
        one.replace("}}", "},}"),
        one.replace(r#""x""#, "1"),
        one.replace(r#""x""#, "null"),
        one.replace(r#","value":"x""#, ""),
        one.replace(r#","value":"x""#, r#","value":"x","value":"x""#),
        one.replace(r#","value":"x""#, r#","value":"x","more":"x""#),
        one.replace("wM=", "wN="),
        one.replace("wM=", "wMD"),
        one.replace("wM=", "w=="),
        format!(r#"{{"a":{{"salt":"{salt}","value":"x"}},"a":{{"salt":"{salt}","value":"x"}}}}"#),
    ] {
        assert!(Opening::from_json(&bad).is_err(), "{bad}");
    }
}

#[test]
fn the_stored_form_comes_back_and_prints_nothing() {
    let stored = StoredOpening {
        seed: SEED,
        fields: FIELDS.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
    };
    let bytes = stored.encode();
    assert_eq!(bytes[0], 1);
    assert_eq!(bytes[1..33], SEED);
    assert_eq!(&bytes[33..47], b"\x06object\0\0\0\x03T-1");
    assert_eq!(StoredOpening::decode(&bytes), Ok(stored.clone()));
    assert_eq!(stored.opening(), Opening::new(&SEED, FIELDS));
    // A cut lands either between two fields or inside one; only the former is a stored form.
    let ends = [33, 47, 67, 76];
    for length in 0..bytes.len() {
        let whole = StoredOpening::decode(&bytes[..length]).is_ok();
        assert_eq!(whole, ends.contains(&length), "{length}");
    }
    let mut other = bytes.clone();
    other[0] = 2;
    let why = StoredOpening::decode(&other).unwrap_err().to_string();
    assert!(why.contains("version 2"), "{why}");
    assert!(StoredOpening::decode(&[&bytes[..], &bytes[33..]].concat()).is_err());

    for printed in [
        format!("{stored:?}"),
        format!("{:?}", stored.opening()),
        format!("{:?}", stored.opening().fields),
        format!("{:?}", stored.opening().check(&Leaf::parse(&draft().leaf()).unwrap())),
    ] {
        assert!(!printed.contains("ada") && !printed.contains("3, 3"), "{printed}");
    }
}

#[test]
fn epochs_of_a_log() {
    let log = "northwind-desk/3f9a2c1e/17";
    for (leaf, origin, same) in [
        (log, log, true),
        (log, "northwind-desk/3f9a2c1e/17/e1", true),
        (log, "northwind-desk/3f9a2c1e/17/e12", true),
        ("northwind-desk/3f9a2c1e/17/e2", "northwind-desk/3f9a2c1e/17/e10", true),
        ("northwind-desk/3f9a2c1e/17/e1", "northwind-desk/3f9a2c1e/17/e1", true),
        ("northwind-desk/3f9a2c1e/17/e1", log, false),
        ("northwind-desk/3f9a2c1e/17/e2", "northwind-desk/3f9a2c1e/17/e1", false),
        ("northwind-desk/3f9a2c1e/18", log, false),
        ("northwind-desk/3f9a2c1e/1", log, false),
        ("northwind-desk/3f9a2c1e/17/e0", log, false),
        ("northwind-desk/3f9a2c1e/17/e01", "northwind-desk/3f9a2c1e/17/e1", false),
        ("northwind-desk/3f9a2c1e/17/", log, false),
        ("", log, false),
    ] {
        assert_eq!(same_log(leaf, origin), same, "{leaf} in {origin}");
    }
    assert_eq!(slot_of(log), Some(17));
    assert_eq!(slot_of("northwind-desk/3f9a2c1e/17/e3"), Some(17));
    assert_eq!(slot_of("northwind-desk/3f9a2c1e/017"), None);
    assert_eq!(slot_of("northwind-desk"), None);
}
