//! Notes and keys, against `signed_note` in both directions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::note::{MAX_NOTE, Note, NoteError, NoteSigner, VerifierKey, open};
use signed_note::{Signer as _, StandardSigner, StandardVerifier, Verifier, VerifierList};

const NAME: &str = "northwind-desk/3f9a2c1e/17";
const TEXT: &str = "one line\n\nand another, “quoted”\n";

fn signer(n: u8) -> NoteSigner {
    NoteSigner::from_seed(&[n; 32])
}

fn key(n: u8) -> VerifierKey {
    signer(n).verifier(NAME).unwrap()
}

/// The same key in the oracle's text form.
fn foreign_signer(n: u8) -> StandardSigner {
    let secret = STANDARD.encode([&[1_u8][..], &[n; 32]].concat());
    StandardSigner::new(&format!("PRIVATE+KEY+{NAME}+{:08x}+{secret}", key(n).key_hash())).unwrap()
}

#[test]
fn the_other_implementation_opens_ours_and_writes_the_same() {
    let note = signer(7).sign(NAME, TEXT);
    let verifier = StandardVerifier::new(&key(7).to_string()).unwrap();
    assert_eq!(verifier.key_id(), key(7).key_hash());
    let parsed = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let (verified, unknown) = parsed.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 0));

    // Ed25519 is deterministic: the whole note is the same bytes.
    let mut foreign = signed_note::Note::new(TEXT.as_bytes(), &[]).unwrap();
    foreign.add_sigs(&[&foreign_signer(7)]).unwrap();
    let foreign = String::from_utf8(foreign.to_bytes()).unwrap();
    assert_eq!(foreign, note);
    assert_eq!(open(&foreign, &key(7)), Ok(TEXT));
}

#[test]
fn other_signatures_are_carried_and_ignored() {
    let mut foreign = signed_note::Note::new(TEXT.as_bytes(), &[]).unwrap();
    foreign.add_sigs(&[&foreign_signer(7)]).unwrap();
    let mut note = String::from_utf8(foreign.to_bytes()).unwrap();
    // A signature of another type by somebody else, and one under our name by another key.
    note.push_str(&format!("— witness.example {}\n", STANDARD.encode([9; 4 + 72])));
    let other = STANDARD.encode(
        foreign_signer(8)
            .sign(TEXT.as_bytes())
            .map_or(vec![], |sig| [&key(8).key_hash().to_be_bytes()[..], &sig].concat()),
    );
    note.push_str(&format!("— {NAME} {other}\n"));
    assert_eq!(open(&note, &key(7)), Ok(TEXT));
    assert_eq!(open(&note, &key(8)), Ok(TEXT));
    assert_eq!(open(&note, &key(9)), Err(NoteError::NotSigned(NAME.to_owned())));
    assert_eq!(Note::parse(&note).unwrap().signatures.len(), 3);
}

#[test]
fn a_wrong_or_repeated_signature_spoils_the_note() {
    let note = signer(7).sign(NAME, TEXT);
    let line = note.rsplit_once("\n\n").unwrap().1;
    let twice = format!("{note}{line}");
    assert_eq!(open(&twice, &key(7)), Err(NoteError::BadSignature(NAME.to_owned())));
    let altered = note.replace("one line", "two line");
    assert_eq!(open(&altered, &key(7)), Err(NoteError::BadSignature(NAME.to_owned())));
    // The same key under another name has another key ID.
    let elsewhere = signer(7).verifier("northwind-desk/3f9a2c1e/18").unwrap();
    assert!(matches!(open(&note, &elsewhere), Err(NoteError::NotSigned(_))));
}

#[test]
fn what_is_not_a_note_is_refused() {
    let good = signer(7).sign(NAME, TEXT);
    let (text, line) = good.rsplit_once("\n\n").unwrap();
    let (text, line) = (format!("{text}\n"), line.trim_end_matches('\n'));
    let signature = line.rsplit_once(' ').unwrap().1;
    let short = STANDARD.encode([1; 4]);
    let unpadded = signature.trim_end_matches('=');
    assert_ne!(unpadded, signature);
    for bad in [
        String::new(),
        "\n".to_owned(),
        "\n\n".to_owned(),
        text.clone(),
        format!("{text}\n"),
        format!("{text}\n{line}"),
        format!("{text}{line}\n"),
        format!("{text}\n{line}\n\n"),
        format!("{text}\n{line}\r\n"),
        format!("{text}\t\n{line}\n"),
        format!("{text}\0\n{line}\n"),
        format!("{text}\n{line} \n"),
        format!("{text}\n {line}\n"),
        format!("{text}\n- {NAME} {signature}\n"),
        format!("{text}\n—{NAME} {signature}\n"),
        format!("{text}\n— {NAME}  {signature}\n"),
        format!("{text}\n— {NAME}\n"),
        format!("{text}\n—  {signature}\n"),
        format!("{text}\n— a+b {signature}\n"),
        format!("{text}\n— a\u{a0}b {signature}\n"),
        format!("{text}\n— {NAME} {unpadded}\n"),
        format!("{text}\n— {NAME} {signature}=\n"),
        format!("{text}\n— {NAME} {short}\n"),
        format!("{text}\n— {NAME} !{signature}\n"),
        format!("{text}\n{}", format!("{line}\n").repeat(65)),
        format!("{}{good}", "x".repeat(MAX_NOTE)),
    ] {
        assert!(matches!(open(&bad, &key(7)), Err(NoteError::Malformed(_))), "{bad:?}");
    }
    let many = format!("{good}{}", format!("— w {}\n", STANDARD.encode([9; 9])).repeat(63));
    assert_eq!(open(&many, &key(7)), Ok(TEXT));
}

#[test]
fn every_altered_byte_of_a_note_is_refused() {
    let note = signer(7).sign(NAME, "origin\n3\nroot\n").into_bytes();
    for place in 0..note.len() {
        for value in 0..=u8::MAX {
            let mut altered = note.clone();
            altered[place] = value;
            // Only the bytes themselves are the note.
            if let Ok(text) = std::str::from_utf8(&altered) {
                assert_eq!(open(text, &key(7)).is_ok(), altered == note, "byte {place}: {value}");
            }
        }
    }
}

#[test]
fn a_verifier_key_has_one_spelling() {
    let text = key(7).to_string();
    assert_eq!(text.parse(), Ok(key(7)));
    assert_eq!(VerifierKey::parse(&text).unwrap().public_key(), signer(7).public_key());
    let encoded = text.splitn(3, '+').nth(2).unwrap();
    let hash = format!("{:08x}", key(7).key_hash());
    let cosigner = STANDARD.encode([&[4_u8][..], &[7; 32]].concat());
    let long = STANDARD.encode([&[1_u8][..], &[7; 33]].concat());
    for bad in [
        String::new(),
        "+".to_owned(),
        "++".to_owned(),
        NAME.to_owned(),
        format!("{text}\n"),
        format!(" {text}"),
        text.replace(&hash, &hash.to_uppercase()),
        text.replace(&hash, "00000000"),
        text.replace(&hash, &format!("0{hash}")),
        format!("{NAME}/e1+{hash}+{encoded}"),
        format!("+{hash}+{encoded}"),
        format!("a b+{hash}+{encoded}"),
        format!("{NAME}+{hash}+{}", encoded.trim_end_matches('=')),
        format!("{NAME}+{hash}+{cosigner}"),
        format!("{NAME}+{hash}+{long}"),
        format!("{NAME}+{hash}+"),
        format!("{}+{hash}+{encoded}", "n".repeat(256)),
    ] {
        assert!(bad == text || VerifierKey::parse(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_signer_prints_no_secret() {
    let shown = format!("{:?}", signer(7));
    assert!(shown.contains("public_key") && !shown.contains("07070707"), "{shown}");
}
