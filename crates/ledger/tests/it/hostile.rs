//! Strangers' bytes: altered by one byte, cut, mixed, or random. Nothing panics, nothing gets
//! through.

use ledger::checkpoint::Checkpoint;
use ledger::entry::{Leaf, Opening, StoredOpening};
use ledger::note::{Note, NoteSigner, VerifierKey};
use ledger::receipt::{Anchor, Receipt, TlogProof};
use ledger::tile::{decode_entries, encode_entries, parse_path};
use ledger::tree::Frontier;
use ledger::verify::{verify_anchor, verify_log, verify_receipt};
use proptest::prelude::*;

use crate::sample::{self, Sample};
use crate::support::Random;

/// Inputs per parser.
const ITERATIONS: usize = 20_000;

fn trusted() -> [u8; 32] {
    *NoteSigner::from_seed(&sample::KEY_SEED).public_key()
}

/// Another byte in one place: never the same input.
fn flip(bytes: &mut [u8], place: prop::sample::Index, by: u8) {
    let place = place.index(bytes.len());
    bytes[place] ^= by;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn a_receipt_with_one_altered_byte_is_refused(
        index in 0..9_u64, place: prop::sample::Index, by in 1..=255_u8,
    ) {
        let mut json = sample::make(9).unwrap().receipt(index).unwrap().to_json().into_bytes();
        flip(&mut json, place, by);
        prop_assert!(!verify_receipt(&json, Some(&trusted())).ok());
        prop_assert!(!verify_receipt(&json, None).ok());
    }

    #[test]
    fn a_proof_with_one_altered_byte_is_refused(
        index in 0..9_u64, place: prop::sample::Index, by in 1..=255_u8,
    ) {
        let mut receipt = sample::make(9).unwrap().receipt(index).unwrap();
        let mut text = receipt.proof.to_text().into_bytes();
        flip(&mut text, place, by);
        if let Some(proof) = String::from_utf8(text).ok().and_then(|t| TlogProof::parse(&t).ok()) {
            receipt.proof = proof;
            prop_assert!(!verify_receipt(receipt.to_json(), None).ok());
        }
    }

    #[test]
    fn an_anchor_with_one_altered_byte_is_refused(place: prop::sample::Index, by in 1..=255_u8) {
        let mut json = sample::make(3).unwrap().anchor().unwrap().to_json().into_bytes();
        flip(&mut json, place, by);
        // Of the account's name only provider and slot are in a hash; the report says so. Its
        // holder knows the rest.
        let renamed = std::str::from_utf8(&json)
            .is_ok_and(|text| Anchor::from_json(text).is_ok_and(|a| a.log != sample::ORIGIN));
        prop_assume!(!renamed);
        prop_assert!(!verify_anchor(&json, None).ok());
    }

    #[test]
    fn a_leaf_with_one_altered_byte_has_another_hash_or_is_none(
        place: prop::sample::Index, by in 1..=255_u8,
    ) {
        let good = sample::leaf(sample::ORIGIN, 6);
        let mut bytes = good.clone();
        flip(&mut bytes, place, by);
        if let Ok(leaf) = Leaf::parse(&bytes) {
            prop_assert_eq!(leaf.to_bytes(), bytes);
            prop_assert_ne!(leaf, Leaf::parse(&good).unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_log_with_one_altered_byte_in_any_file_is_refused(
        file: prop::sample::Index, place: prop::sample::Index, by in 1..=255_u8,
    ) {
        let Sample { mut files, .. } = sample::make(13).unwrap();
        files.retain(|path, _| !path.ends_with(".json"));
        let paths: Vec<_> = files.keys().cloned().collect();
        flip(files.get_mut(file.get(&paths)).unwrap(), place, by);
        prop_assert!(!verify_log(&mut |path| files.get(path).cloned(), None).ok());
    }
}

/// Feeds a parser with random bytes and with damaged good inputs. `parse` gives back the canonical
/// form of what it accepted, if the format has one; that must then be the input itself.
fn batter(seed: u64, good: &[u8], parse: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let again = parse(good).expect("the good input parses");
    assert_eq!(again, good);
    let mut random = Random(seed);
    let mut accepted = 0;
    for round in 0..ITERATIONS {
        let mut input = good.to_vec();
        match round % 8 {
            0 => input = random.bytes(200),
            1 => input.truncate(random.below(good.len())),
            2 => {
                let from = random.below(good.len());
                let piece = good[from..].to_vec();
                input.splice(random.below(good.len()).., piece);
            }
            3 => {
                let at = random.below(good.len() + 1);
                let piece = random.bytes(6);
                input.splice(at..at, piece);
            }
            4 => {
                let from = random.below(good.len());
                let to = (from + random.below(12)).min(good.len());
                input.drain(from..to);
            }
            5 => {
                // What text formats are made of, in the wrong places.
                let at = random.below(good.len());
                input[at] = b"\n\r\0 \"{}[]:,+-0=/\\\xe2\x80x.ep"[random.below(23)];
            }
            _ => {
                for _ in 0..=random.below(3) {
                    let at = random.below(good.len());
                    input[at] ^= 1 << random.below(8);
                }
            }
        }
        if let Some(again) = parse(&input) {
            assert_eq!(again, input, "another spelling was accepted");
            accepted += 1;
        }
    }
    assert!(accepted < ITERATIONS, "a parser that accepts anything checks nothing");
}

fn utf8<T>(bytes: &[u8], read: impl Fn(&str) -> Option<T>) -> Option<T> {
    std::str::from_utf8(bytes).ok().and_then(read)
}

#[test]
fn battered_leaf() {
    batter(10, &sample::leaf(sample::ORIGIN, 6), |bytes| {
        Leaf::parse(bytes).ok().map(|leaf| leaf.to_bytes())
    });
}

#[test]
fn battered_stored_opening() {
    let fields = sample::fields(6).map(|(name, value)| (name.to_owned(), value)).to_vec();
    let good = StoredOpening { seed: sample::seed(6), fields }.encode();
    batter(11, &good, |bytes| StoredOpening::decode(bytes).ok().map(|stored| stored.encode()));
}

#[test]
fn battered_note_key_and_checkpoint() {
    let signer = NoteSigner::from_seed(&[7; 32]);
    let head = Checkpoint { origin: sample::ORIGIN.into(), size: 70_000, root: [5; 32] };
    batter(12, head.sign(&signer).as_bytes(), |bytes| {
        utf8(bytes, |text| {
            let note = Note::parse(text).ok()?;
            let mut again = format!("{}\n", note.text);
            for line in note.signatures {
                let bytes = [&line.key_hash.to_be_bytes()[..], &line.bytes].concat();
                let encoded =
                    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
                again.push_str(&format!("— {} {encoded}\n", line.key_name));
            }
            Some(again.into_bytes())
        })
    });
    batter(13, signer.verifier(sample::ORIGIN).unwrap().to_string().as_bytes(), |bytes| {
        utf8(bytes, |text| VerifierKey::parse(text).ok().map(|key| key.to_string().into_bytes()))
    });
    batter(14, head.body().as_bytes(), |bytes| {
        utf8(bytes, |text| Checkpoint::parse(text).ok().map(|head| head.body().into_bytes()))
    });
}

#[test]
fn battered_proof_text() {
    let good = sample::make(9).unwrap().receipt(4).unwrap().proof.to_text();
    batter(15, good.as_bytes(), |bytes| {
        utf8(bytes, |text| TlogProof::parse(text).ok().map(|proof| proof.to_text().into_bytes()))
    });
}

/// For the JSON envelopes, whose spacing is free: what was read, written and read again is the
/// same.
fn same<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    read: impl Fn(&str) -> Option<T>,
    write: impl Fn(&T) -> String,
) -> Option<Vec<u8>> {
    let value = utf8(bytes, &read)?;
    assert_eq!(read(&write(&value)).as_ref(), Some(&value));
    Some(bytes.to_vec())
}

#[test]
fn battered_json_envelopes() {
    let log = sample::make(9).unwrap();
    batter(16, log.receipt(4).unwrap().to_json().as_bytes(), |bytes| {
        same(bytes, |text| Receipt::from_json(text).ok(), Receipt::to_json)
    });
    batter(17, log.anchor().unwrap().to_json().as_bytes(), |bytes| {
        same(bytes, |text| Anchor::from_json(text).ok(), Anchor::to_json)
    });
    batter(18, sample::opening(4).to_json().as_bytes(), |bytes| {
        same(bytes, |text| Opening::from_json(text).ok(), Opening::to_json)
    });
}

#[test]
fn battered_paths_bundles_and_frontiers() {
    batter(19, b"tile/0/x001/067.p/5", |bytes| {
        utf8(bytes, |text| parse_path(text).ok().map(|tile| tile.path().into_bytes()))
    });
    let bundle = encode_entries(&[&b"first"[..], b"", b"the third"]).unwrap();
    batter(20, &bundle, |bytes| {
        decode_entries(bytes, 3).ok().and_then(|entries| encode_entries(&entries).ok())
    });
    batter(21, &[9; 96], |bytes| Frontier::from_parts(7, bytes).ok().map(|f| f.to_bytes()));
}
