//! Checkpoints, against `tlog_tiles` in both directions.

use ledger::checkpoint::Checkpoint;
use ledger::note::{NoteError, NoteSigner};
use ledger::tree::MAX_SIZE;

const BODY: &str =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

#[test]
fn the_standards_example_reads_and_writes() {
    let head = Checkpoint::parse(BODY).unwrap();
    assert_eq!((head.origin.as_str(), head.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(head.body(), BODY);
    let foreign = tlog_tiles::checkpoint::Checkpoint::from_bytes(BODY.as_bytes()).unwrap();
    assert_eq!((foreign.size(), foreign.hash().0), (head.size, head.root));
    assert_eq!(foreign.origin(), head.origin);
    assert_eq!(foreign.to_bytes(), BODY.as_bytes());
}

#[test]
fn a_checkpoint_has_one_text() {
    let [origin, size, root] = BODY.lines().collect::<Vec<_>>()[..] else { panic!("three lines") };
    let long = "x".repeat(256);
    let too_large = (MAX_SIZE + 1).to_string();
    for bad in [
        String::new(),
        "\n\n\n".to_owned(),
        BODY.trim_end().to_owned(),
        format!("{BODY}\n"),
        format!("{BODY}extension\n"),
        format!("\n{BODY}"),
        BODY.replace('\n', "\r\n"),
        format!("{origin}\n{size}\n"),
        format!("\n{size}\n{root}\n"),
        format!("{long}\n{size}\n{root}\n"),
        format!("two words\n{size}\n{root}\n"),
        format!("a+b\n{size}\n{root}\n"),
        format!("{origin}\n0{size}\n{root}\n"),
        format!("{origin}\n+{size}\n{root}\n"),
        format!("{origin}\n-1\n{root}\n"),
        format!("{origin}\n {size}\n{root}\n"),
        format!("{origin}\n\n{root}\n"),
        format!("{origin}\n1e3\n{root}\n"),
        format!("{origin}\n{too_large}\n{root}\n"),
        format!("{origin}\n18446744073709551616\n{root}\n"),
        format!("{origin}\n{size}\n{}\n", root.trim_end_matches('=')),
        format!("{origin}\n{size}\n{root}=\n"),
        // The unused bits of the last digit set: the same bytes in another spelling.
        format!("{origin}\n{size}\n{}\n", root.replace("I=", "J=")),
        // 31 and 33 bytes.
        format!("{origin}\n{size}\n{}==\n", &root[..42]),
        format!("{origin}\n{size}\n{}A\n", root.trim_end_matches('=')),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
    assert!(Checkpoint::parse(&format!("{origin}\n{MAX_SIZE}\n{root}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("{origin}\n0\n{root}\n")).is_ok());
}

#[test]
fn a_checkpoint_opens_under_its_own_origin_only() {
    let signer = NoteSigner::from_seed(&[7; 32]);
    let head = Checkpoint { origin: "desk/a/1".into(), size: 3, root: [5; 32] };
    let note = head.sign(&signer);
    let key = signer.verifier("desk/a/1").unwrap();
    assert_eq!(Checkpoint::open(&note, &key), Ok(head.clone()));
    let other = signer.verifier("desk/a/2").unwrap();
    assert!(matches!(Checkpoint::open(&note, &other), Err(NoteError::NotSigned(_))));
    // Signed by the right key, under the name of another log.
    let crossed = signer.sign("desk/a/2", &head.body());
    assert!(matches!(Checkpoint::open(&crossed, &other), Err(NoteError::Malformed(_))));
}
