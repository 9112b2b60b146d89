//! The offline verifier: what it accepts, and each way of cheating that it must name.

use std::collections::BTreeMap;

use ledger::checkpoint::Checkpoint;
use ledger::entry::Draft;
use ledger::note::NoteSigner;
use ledger::receipt::{Anchor, Receipt};
use ledger::tile::encode_entries;
use ledger::tree::{Frontier, leaf_hash};
use ledger::verify::{MAX_PROBLEMS, Report, verify_anchor, verify_log, verify_receipt};

use crate::sample::{self, HOUSE, ORIGIN, Sample};

type Files = BTreeMap<String, Vec<u8>>;

fn trusted() -> [u8; 32] {
    *NoteSigner::from_seed(&sample::KEY_SEED).public_key()
}

fn check_log(files: &Files) -> Report {
    verify_log(&mut |path| files.get(path).cloned(), Some(&trusted()))
}

/// The report has a problem about `what` that says `why`.
fn assert_problem(report: &Report, what: &str, why: &str) {
    let found = report.problems.iter().any(|p| p.what == what && p.why.contains(why));
    assert!(found, "expected {what}: …{why}…\n{report}");
}

fn check(receipt: &Receipt) -> Report {
    verify_receipt(receipt.to_json(), Some(&trusted()))
}

#[test]
fn every_receipt_of_the_sample_holds_and_says_what_is_open() {
    let log = sample::make(300).unwrap();
    let receipts: Vec<_> =
        log.files.iter().filter(|(path, _)| path.starts_with("receipts/")).collect();
    assert!(receipts.len() >= 8);
    for (path, json) in receipts {
        let report = verify_receipt(json, Some(&trusted()));
        assert!(report.ok(), "{path}\n{report}");
    }
    let report = verify_receipt(&log.files["receipts/100.json"], None);
    assert!(report.ok());
    let text = report.to_string();
    for part in [
        "checkpoint of `northwind-desk/3f9a2c1e/17` at 300 entries is signed",
        "the leaf is entry 100 of that log",
        "field `purpose` is shown and matches its commitment",
        "not checked  withheld or erased fields: `actor`, `object`",
        "not checked  whose key signs for",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("answer the subscriber"), "a report repeats no shown value\n{text}");
}

#[test]
fn a_receipt_under_another_key_is_refused_when_a_key_is_trusted() {
    let log = sample::make(5).unwrap();
    let mut receipt = log.receipt(2).unwrap();
    // Somebody else signs the very same head for the very same log.
    let other = NoteSigner::from_seed(&[8; 32]);
    receipt.proof.checkpoint = log.head.sign(&other);
    assert_problem(&check(&receipt), "checkpoint", "no signature by the key");
    receipt.vkey = other.verifier(ORIGIN).unwrap().to_string();
    assert_problem(&check(&receipt), "vkey", "not the one you trust");
    let report = verify_receipt(receipt.to_json(), None);
    assert!(report.ok() && report.not_checked.iter().any(|line| line.contains("whose key")));
}

#[test]
fn a_leaf_of_another_index_or_log_is_refused() {
    let log = sample::make(9).unwrap();
    let good = log.receipt(4).unwrap();
    let mut moved = good.clone();
    moved.proof.index = 5;
    assert_problem(&check(&moved), "inclusion", "another root");
    assert_problem(&check(&moved), "leaf", "says it is entry 4, the proof says 5");
    let mut outside = good.clone();
    outside.proof.index = 9;
    assert_problem(&check(&outside), "inclusion", "outside the tree");
    let swapped = Receipt { leaf: log.leaves[5].clone(), ..good };
    assert_problem(&check(&swapped), "inclusion", "another root");
}

#[test]
fn a_leaf_replayed_into_another_log_or_position_is_refused_even_if_the_log_signs_it() {
    // The operator itself cheats: it appends old leaves again, and another account's.
    let signer = NoteSigner::from_seed(&sample::KEY_SEED);
    for (leaf, why) in [
        (sample::leaf(ORIGIN, 0), "says it is entry 0, the proof says 1"),
        (sample::leaf(HOUSE, 1), "belongs to the log `northwind-desk/0a11ce00/0`"),
        (sample::leaf("northwind-desk/3f9a2c1e/17/e1", 1), "belongs to the log"),
        (b"anything".to_vec(), "is not an entry"),
    ] {
        let mut batch = ledger::tree::Batch::new(Frontier::new());
        batch.push(leaf_hash(&sample::leaf(ORIGIN, 0)));
        batch.push(leaf_hash(&leaf));
        let head = Checkpoint { origin: ORIGIN.into(), size: 2, root: batch.root() };
        let vkey = signer.verifier(ORIGIN).unwrap().to_string();
        let proof = batch.prove(1).unwrap();
        let json = Receipt::render(&leaf, 1, &proof, &head.sign(&signer), &vkey, None);
        let report = verify_receipt(json, Some(&trusted()));
        assert_problem(&report, "leaf", why);
        assert!(report.checked.iter().any(|line| line.contains("entry 1 of that log")));
    }
}

#[test]
fn a_truncated_proof_or_another_checkpoint_is_refused() {
    let log = sample::make(9).unwrap();
    let good = log.receipt(4).unwrap();
    let mut short = good.clone();
    short.proof.hashes.pop();
    assert_problem(&check(&short), "inclusion", "wrong number of hashes");
    let mut long = good.clone();
    long.proof.hashes.push([0; 32]);
    assert_problem(&check(&long), "inclusion", "wrong number of hashes");

    let signer = &log.signer;
    let with = |head: &Checkpoint| {
        let mut receipt = good.clone();
        receipt.proof.checkpoint = head.sign(signer);
        check(&receipt)
    };
    // Validly signed heads, each of them not the one of the proof.
    let other_root = Checkpoint { root: [1; 32], ..log.head.clone() };
    assert_problem(&with(&other_root), "inclusion", "another root");
    let larger = sample::make(17).unwrap().head;
    assert_problem(&with(&larger), "inclusion", "wrong number of hashes");
    let smaller = sample::make(4).unwrap().head;
    assert_problem(&with(&smaller), "inclusion", "outside the tree");
    let other_log = Checkpoint { origin: HOUSE.into(), ..log.head.clone() };
    assert_problem(&with(&other_log), "checkpoint", "no signature by the key");
    let mut crossed = good.clone();
    crossed.proof.checkpoint = other_log.sign(signer);
    crossed.vkey = signer.verifier(HOUSE).unwrap().to_string();
    assert_problem(&check(&crossed), "leaf", "belongs to the log");
}

#[test]
fn a_false_opening_is_refused_and_names_the_field() {
    let log = sample::make(5).unwrap();
    let mut receipt = log.receipt(2).unwrap();
    let mut opening = sample::opening(2);
    opening.fields.get_mut("actor").unwrap().value = "person:eve".to_owned();
    receipt.opening = Some(opening);
    assert_problem(&check(&receipt), "opening", "`actor` does not match");
    receipt.opening = Some(sample::opening(3));
    assert_problem(&check(&receipt), "opening", "does not match");
}

#[test]
fn what_is_no_receipt_is_a_problem() {
    for bytes in [&b""[..], b"{}", b"\xff\xfe", b"[[[[", b"null"] {
        let report = verify_receipt(bytes, None);
        assert!(!report.ok() && report.checked.is_empty(), "{report}");
        assert!(!verify_anchor(bytes, None).ok());
    }
    let deep = "[".repeat(100_000);
    assert!(!verify_receipt(deep, None).ok());
}

#[test]
fn an_epoch_may_hold_the_entries_of_earlier_ones() {
    let signer = NoteSigner::from_seed(&sample::KEY_SEED);
    let e1 = format!("{ORIGIN}/e1");
    let leaves = [sample::leaf(ORIGIN, 0), sample::leaf(&e1, 1), sample::leaf(&e1, 2)];
    let back = [sample::leaf(ORIGIN, 0), sample::leaf(&e1, 1), sample::leaf(ORIGIN, 2)];
    assert!(check_log(&files_of(&signer, &e1, &leaves)).ok());
    let report = check_log(&files_of(&signer, &e1, &back));
    assert_problem(&report, "entry 2", "earlier time or epoch");
    let report = check_log(&files_of(&signer, ORIGIN, &leaves));
    assert_problem(&report, "entry 1", "belongs to the log");
}

/// The files of a small log of any leaves, signed by `signer`.
fn files_of(signer: &NoteSigner, origin: &str, leaves: &[Vec<u8>]) -> Files {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(leaf_hash(leaf)));
    let size = leaves.len() as u64;
    let head = Checkpoint { origin: origin.into(), size, root: frontier.root() };
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    Files::from([
        ("checkpoint".to_owned(), head.sign(signer).into_bytes()),
        ("vkey".to_owned(), signer.verifier(origin).unwrap().to_string().into_bytes()),
        (format!("tile/entries/000.p/{size}"), encode_entries(leaves).unwrap()),
        (format!("tile/0/000.p/{size}"), hashes.concat()),
    ])
}

#[test]
fn a_whole_log_holds() {
    for size in [1, 2, 255, 256, 257, 600] {
        let report = check_log(&sample::make(size).unwrap().files);
        assert!(report.ok(), "{size}\n{report}");
        let text = report.to_string();
        assert!(text.contains(&format!("the root is that of the {size} entries")), "{text}");
        assert!(text.contains("not checked  whether there are newer entries"), "{text}");
    }
    let signer = NoteSigner::from_seed(&sample::KEY_SEED);
    let mut empty = files_of(&signer, ORIGIN, &[]);
    empty.retain(|path, _| !path.starts_with("tile/"));
    assert!(check_log(&empty).ok());
}

#[test]
fn each_altered_or_missing_file_of_a_log_is_named() {
    let Sample { files, .. } = sample::make(600).unwrap();
    let paths: Vec<_> = files
        .keys()
        .filter(|path| path.starts_with("tile/") || ["checkpoint", "vkey"].contains(&path.as_str()))
        .cloned()
        .collect();
    assert_eq!(paths.len(), 2 + 3 + 3 + 1);
    for path in paths {
        let mut missing = files.clone();
        missing.remove(&path);
        assert_problem(&check_log(&missing), &path, "is missing");
        let mut altered = files.clone();
        let bytes = altered.get_mut(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let report = check_log(&altered);
        if path.starts_with("tile/entries/") {
            assert!(!report.ok(), "{path}");
        } else if path.starts_with("tile/") {
            assert_problem(&report, &path, "is not that of the entries");
        } else {
            assert!(report.problems[0].what == "vkey" || report.problems[0].what == "checkpoint");
        }
        let mut short = files.clone();
        short.get_mut(&path).unwrap().pop();
        // The newline after the key is not part of it.
        assert_eq!(check_log(&short).ok(), path == "vkey", "{path}");
    }
}

#[test]
fn an_entry_changed_with_its_tile_is_still_found() {
    let log = sample::make(300).unwrap();
    let mut leaves = log.leaves.clone();
    leaves[256] = sample::leaf(ORIGIN, 257);
    let mut files = log.files;
    let bundle = encode_entries(&leaves[256..]).unwrap();
    let hashes: Vec<_> = leaves[256..].iter().map(|leaf| leaf_hash(leaf)).collect();
    files.insert("tile/entries/001.p/44".to_owned(), bundle);
    files.insert("tile/0/001.p/44".to_owned(), hashes.concat());
    let report = check_log(&files);
    assert_problem(&report, "entry 256", "says it is entry 257");
    assert_problem(&report, "checkpoint", "its root is not that of the entries");
}

#[test]
fn a_head_of_the_same_size_with_another_root_or_of_another_log_is_found() {
    let log = sample::make(20).unwrap();
    let with = |head: Checkpoint, key: &NoteSigner| {
        let mut files = log.files.clone();
        files.insert("checkpoint".to_owned(), head.sign(key).into_bytes());
        check_log(&files)
    };
    let forked = Checkpoint { root: [6; 32], ..log.head.clone() };
    assert_problem(&with(forked, &log.signer), "checkpoint", "its root is not that of the entries");
    let elsewhere = Checkpoint { origin: HOUSE.into(), ..log.head.clone() };
    assert_problem(&with(elsewhere, &log.signer), "checkpoint", "no signature by the key");
    let grown = Checkpoint { size: 21, ..log.head.clone() };
    assert_problem(&with(grown, &log.signer), "tile/entries/000.p/21", "is missing");
    let cut = sample::make(19).unwrap().head;
    assert_problem(&with(cut, &log.signer), "tile/entries/000.p/19", "is missing");
    let stranger = NoteSigner::from_seed(&[8; 32]);
    assert_problem(&with(log.head.clone(), &stranger), "checkpoint", "no signature by the key");
}

#[test]
fn time_that_goes_backwards_is_found() {
    let signer = NoteSigner::from_seed(&sample::KEY_SEED);
    let at = |index, time| {
        let seed = sample::seed(index);
        let draft = Draft {
            log: ORIGIN,
            index,
            time,
            kind: "records.get",
            state: None,
            prev: None,
            seed: &seed,
            fields: &[],
        };
        draft.leaf()
    };
    let good = files_of(&signer, ORIGIN, &[at(0, 5), at(1, 5), at(2, 6)]);
    assert!(check_log(&good).ok());
    let bad = files_of(&signer, ORIGIN, &[at(0, 5), at(1, 7), at(2, 6)]);
    assert_problem(&check_log(&bad), "entry 2", "earlier time");
}

#[test]
fn a_report_stays_readable_when_all_is_wrong() {
    let signer = NoteSigner::from_seed(&sample::KEY_SEED);
    let report = check_log(&files_of(&signer, ORIGIN, &vec![b"junk".to_vec(); 200]));
    assert_eq!(report.problems.len(), MAX_PROBLEMS);
    assert_eq!(report.problems[MAX_PROBLEMS - 1].what, "more");
}

#[test]
fn an_anchor_holds_and_each_part_of_it_counts() {
    let good = sample::make(30).unwrap().anchor().unwrap();
    let check = |anchor: &Anchor| verify_anchor(anchor.to_json(), Some(&trusted()));
    let report = check(&good);
    assert!(report.ok(), "{report}");
    assert!(report.to_string().contains("the entry records this snapshot"), "{report}");

    let altered = |change: &dyn Fn(&mut Anchor)| {
        let mut anchor = good.clone();
        change(&mut anchor);
        check(&anchor)
    };
    assert_problem(&altered(&|a| a.slot = 20), "anchor", "slot 20 is not the slot of");
    assert_problem(&altered(&|a| a.log = HOUSE.into()), "anchor", "slot 17 is not the slot of");
    assert_problem(&altered(&|a| a.size += 1), "snapshot", "another root");
    assert_problem(&altered(&|a| a.root[0] ^= 1), "snapshot", "another root");
    assert_problem(&altered(&|a| a.snapshot.path[2][0] ^= 1), "snapshot", "another root");
    assert_problem(&altered(&|a| a.snapshot.size += 1), "anchor", "records another snapshot");
    assert_problem(&altered(&|a| a.entry.opening = None), "anchor", "does not show which snapshot");
    assert_problem(&altered(&|a| a.entry.proof.index = 1), "inclusion", "wrong number");
    assert_problem(
        &altered(&|a| a.log = "other-desk/3f9a2c1e/17".into()),
        "anchor",
        "this provider's own log",
    );
    let other = verify_anchor(good.to_json(), Some(&[1; 32]));
    assert_problem(&other, "vkey", "not the one you trust");
    // A snapshot rebuilt around a false head, which the house entry does not record.
    let forged = altered(&|a| {
        a.size = 99;
        a.snapshot.path.clear();
        a.snapshot.size = 1;
    });
    assert_problem(&forged, "snapshot", "outside the tree");
}

#[test]
fn a_snapshot_recorded_in_an_accounts_log_is_no_anchor() {
    let log = sample::make(30).unwrap();
    let mut anchor = log.anchor().unwrap();
    // Whoever may choose a field's value in some account's log makes it say what an anchor says.
    let value = ledger::receipt::snapshot_value(anchor.snapshot.size, &anchor.snapshot.root);
    let (seed, fields) = (sample::seed(0), [("snapshot", value.as_str())]);
    let draft = Draft {
        log: ORIGIN,
        index: 0,
        time: 1,
        kind: "records.put",
        state: None,
        prev: None,
        seed: &seed,
        fields: &fields,
    };
    let mut frontier = Frontier::new();
    frontier.push(leaf_hash(&draft.leaf()));
    let head = Checkpoint { origin: ORIGIN.into(), size: 1, root: frontier.root() };
    anchor.entry = Receipt {
        leaf: draft.leaf(),
        proof: ledger::receipt::TlogProof {
            index: 0,
            hashes: Vec::new(),
            checkpoint: head.sign(&log.signer),
            extra: None,
        },
        vkey: log.signer.verifier(ORIGIN).unwrap().to_string(),
        opening: Some(ledger::entry::Opening::new(&seed, &fields)),
    };
    let report = verify_anchor(anchor.to_json(), Some(&trusted()));
    assert_eq!(report.problems.len(), 1, "{report}");
    assert_problem(&report, "anchor", "not recorded in this provider's own log");
}
