//! Evidence: what holds, and that every other file is refused with the place named.

use ledger::checkpoint::Checkpoint;
use ledger::entry::{Draft, Opening};
use ledger::evidence::{CONTENT_FIELD, fingerprint, render};
use ledger::note::NoteSigner;
use ledger::receipt::Receipt;
use ledger::tree::{Batch, Frontier, leaf_hash};
use ledger::verify::{Report, verify_evidence};

use crate::sample::{HOUSE, KEY_SEED, ORIGIN, seed};

const CONTENT: &str = r#"{"entries":[4,5], "text":"odd  reads"}"#;

/// Two rows: one made by 0, 2 and 4, the other by 1 and 5; 3 is of neither; 6 takes the content.
const BEFORE: [Option<u64>; 7] = [None, None, Some(0), None, Some(2), Some(1), None];

/// Receipts of the log's entries.
fn receipts(origin: &str, shown: &str) -> Vec<String> {
    let signer = NoteSigner::from_seed(&KEY_SEED);
    let fields = |index: usize| match index {
        6 => vec![("actor", "person:ana"), (CONTENT_FIELD, shown)],
        _ => vec![("actor", "person:ana")],
    };
    let leaf = |(index, prev): (usize, &Option<u64>)| {
        let at = index as u64;
        Draft {
            log: origin,
            index: at,
            time: 1_767_225_600_000_000 + at,
            kind: if index == 6 { "incident.file" } else { "incident.note" },
            state: (index != 6).then(|| leaf_hash(&at.to_be_bytes())),
            prev: *prev,
            seed: &seed(at),
            fields: &fields(index),
        }
        .leaf()
    };
    let leaves: Vec<_> = BEFORE.iter().enumerate().map(leaf).collect();
    let mut batch = Batch::new(Frontier::new());
    for leaf in &leaves {
        batch.push(leaf_hash(leaf));
    }
    let head = Checkpoint { origin: origin.into(), size: batch.size(), root: batch.root() };
    let (note, vkey) = (head.sign(&signer), signer.verifier(origin).unwrap().to_string());
    let receipt = |(index, leaf): (usize, &Vec<u8>)| {
        let at = index as u64;
        let opening = Opening::new(&seed(at), &fields(index));
        Receipt::render(leaf, at, &batch.prove(at).unwrap(), &note, &vkey, Some(&opening))
    };
    leaves.iter().enumerate().map(receipt).collect()
}

fn file(content: &str, entries: &[usize]) -> String {
    let all = receipts(ORIGIN, &fingerprint(CONTENT));
    let chosen: Vec<_> = entries.iter().map(|index| all[*index].clone()).collect();
    render(content, &all[6], &chosen)
}

const ALL: [usize; 5] = [0, 1, 2, 4, 5];

#[track_caller]
fn refused(report: &Report, what: &str, why: &str) {
    let found = report.problems.iter().any(|one| one.what == what && one.why.contains(why));
    assert!(found, "no `{what}: {why}` in {report}");
}

#[test]
fn content_with_all_its_entries_holds_and_says_what_is_open() {
    let trusted = *NoteSigner::from_seed(&KEY_SEED).verifier(ORIGIN).unwrap().public_key();
    let report = verify_evidence(file(CONTENT, &ALL), Some(&trusted));
    assert!(report.ok(), "{report}");
    assert!(report.checked.iter().any(|line| line.contains("5 entries")), "{report}");
    assert!(report.not_checked.iter().any(|line| line.contains("the provider said so")));
    let report = verify_evidence(file(CONTENT, &ALL), None);
    assert!(report.ok() && report.not_checked.iter().any(|line| line.contains("whose key")));
    let other = verify_evidence(file(CONTENT, &ALL), Some(&[9; 32]));
    refused(&other, "vkey", "not the one you trust");
}

#[test]
fn content_that_was_changed_is_refused() {
    for changed in [
        CONTENT.replace("odd  reads", "odd reads"),
        CONTENT.replace(", ", ","),
        CONTENT.replace("[4,5]", "[4]"),
    ] {
        let report = verify_evidence(file(&changed, &ALL), None);
        refused(&report, "content", "entry 6");
    }
    for none in ["{}", "[]", r#"{"entries":[-1]}"#, "7"] {
        refused(&verify_evidence(file(none, &ALL), None), "content", "names no entries");
    }
}

#[test]
fn entries_are_complete_of_this_log_and_there_once() {
    let check = |entries: &[usize]| verify_evidence(file(CONTENT, entries), None);
    refused(&check(&[1, 2, 4, 5]), "entries", "entry 0 is missing");
    refused(&check(&[0, 1, 2, 5]), "entries", "entry 4 is missing");
    refused(&check(&[0, 1, 2, 3, 4, 5]), "entries", "entry 3 is none of the content's");
    refused(&check(&[0, 1, 2, 4, 5, 5]), "entry 5", "twice");
    let foreign = receipts(HOUSE, "x");
    let own = receipts(ORIGIN, &fingerprint(CONTENT));
    let entries: Vec<_> = ALL.iter().map(|index| foreign[*index].clone()).collect();
    let mixed = render(CONTENT, &own[6], &entries);
    refused(&verify_evidence(mixed, None), "entry 0", "another log");
    let shown = receipts(ORIGIN, "something else");
    let entries: Vec<_> = ALL.iter().map(|index| shown[*index].clone()).collect();
    refused(&verify_evidence(render(CONTENT, &shown[6], &entries), None), "content", "entry 6");
    let no_field = render(CONTENT, &shown[5], &entries);
    refused(&verify_evidence(no_field, None), "receipt", "does not show");
}

#[test]
fn no_flipped_byte_gets_through() {
    let mut bytes = file(CONTENT, &ALL).into_bytes();
    for at in (0..bytes.len()).step_by(3) {
        bytes[at] ^= 1;
        assert!(!verify_evidence(&bytes, None).ok(), "byte {at}");
        bytes[at] ^= 1;
    }
    for end in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        refused(&verify_evidence(&bytes[..end], None), "evidence", "not evidence");
    }
    for bad in [&b"\xff"[..], b"{}", b"[[[[[[", b"null"] {
        assert!(!verify_evidence(bad, None).ok());
    }
}
