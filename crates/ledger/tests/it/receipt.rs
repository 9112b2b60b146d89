//! The forms of receipts, proofs and anchors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::receipt::{Anchor, Receipt, TlogProof};

use crate::sample;

fn receipt() -> Receipt {
    sample::make(11).unwrap().receipt(4).unwrap()
}

#[test]
fn a_receipt_reads_back_however_it_was_written() {
    let receipt = receipt();
    let json = receipt.to_json();
    assert_eq!(Receipt::from_json(&json), Ok(receipt.clone()));
    assert_eq!(serde_json::to_string(&receipt).unwrap(), json);
    assert!(json.starts_with(r#"{"format":"bailee-receipt/v1","leaf":""#), "{json}");
    assert!(json.contains(r#""proof":"c2sp.org/tlog-proof@v1\nindex 4\n"#), "{json}");

    // People cut receipts out of answers with tools that re-space and sort.
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(Receipt::from_json(&pretty), Ok(receipt.clone()));
    assert_eq!(serde_json::from_value::<Receipt>(value).unwrap(), receipt);

    let bare = Receipt { opening: None, ..receipt.clone() };
    assert!(!bare.to_json().contains("opening"));
    assert_eq!(Receipt::from_json(&bare.to_json()), Ok(bare));
    let mut extra = receipt;
    extra.proof.extra = Some(b"out of band".to_vec());
    assert_eq!(Receipt::from_json(&extra.to_json()), Ok(extra));
}

#[test]
fn a_receipt_is_read_strictly() {
    let good = receipt().to_json();
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for bad in [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        format!("{good}x"),
        swap("receipt/v1", "receipt/v2"),
        swap(r#"{"format""#, r#"{"more":1,"format""#),
        swap(r#"{"format""#, r#"{"vkey":"","format""#),
        swap(r#""opening":{"#, r#""opening":null,"x":{"#),
        swap(r#""opening":{"#, r#""opening":{},"opening":{"#),
        swap(r#""leaf":"e"#, r#""leaf":""#),
        swap(r#""leaf":"e"#, r#""leaf":"="#),
        swap(r#""vkey":"n"#, r#""vkey":"m"#),
        swap(r#"\n\n"#, r#"\n"#),
        swap(r#"\n\n"#, r#"\r\n\n"#),
    ] {
        assert!(Receipt::from_json(&bad).is_err(), "{bad}");
    }
    let nulled =
        Receipt { opening: None, ..receipt() }.to_json().replace('}', r#","opening":null}"#);
    assert!(Receipt::from_json(&nulled).is_err());
    let too_long = swap(r#"{"format""#, &format!("{{{}\"format\"", " ".repeat(8 << 20)));
    assert!(Receipt::from_json(&too_long).is_err());
}

#[test]
fn a_proof_text_has_one_spelling() {
    let proof = receipt().proof;
    let good = proof.to_text();
    assert_eq!(TlogProof::parse(&good), Ok(proof.clone()));
    let first = STANDARD.encode(proof.hashes[0]);
    let line = |bytes: usize| STANDARD.encode(vec![7; bytes]);
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for bad in [
        String::new(),
        "c2sp.org/tlog-proof@v1\n".to_owned(),
        swap("@v1", "@v2"),
        swap("c2sp", "\nc2sp"),
        swap("index 4", "index 04"),
        swap("index 4", "index +4"),
        swap("index 4", "index  4"),
        swap("index 4", "index 4 "),
        swap("index 4", "index -4"),
        swap("index 4", "index 281474976710655"),
        swap("index 4", "index 18446744073709551616"),
        swap("index 4", "Index 4"),
        swap("index 4\n", ""),
        swap("index 4\n", "index 4\nindex 4\n"),
        swap("index 4\n", "index 4\nextra AAAA\n"),
        swap("index 4\n", "extra AAA\nindex 4\n"),
        swap("index 4\n", "extra AAAA\nextra AAAA\nindex 4\n"),
        swap("index 4\n", "index 4\n\n"),
        swap("index 4\n", "index 4\r\n"),
        swap(&first, &line(31)),
        swap(&first, &line(33)),
        swap(&first, &line(0)),
        swap(&first, &line(64)),
        swap(&first, &format!(" {first}")),
        swap(&first, &format!("{first} ")),
        swap(&first, first.trim_end_matches('=')),
        swap(&first, &first.replace('=', "\\u003d")),
        swap(&first, &format!("{}_=", &first[..42])),
        swap("index 4\n", &format!("index 4\n{}", format!("{first}\n").repeat(64))),
        swap("\n\n", "\n"),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        good.replace('\n', "\r\n"),
    ] {
        assert!(TlogProof::parse(&bad).is_err(), "{bad:?}");
    }
    let with = swap("index 4\n", "extra AAAA\nindex 4\n");
    let parsed = TlogProof::parse(&with).unwrap();
    assert_eq!(parsed.extra, Some(vec![0; 3]));
    assert_eq!(parsed.to_text(), with);
}

#[test]
fn an_anchor_reads_back_and_strictly() {
    let anchor = sample::make(11).unwrap().anchor().unwrap();
    let good = anchor.to_json();
    assert_eq!(Anchor::from_json(&good), Ok(anchor));
    assert!(good.starts_with(r#"{"format":"bailee-anchor/v1","log":"northwind-desk"#), "{good}");
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for bad in [
        swap("anchor/v1", "anchor/v2"),
        swap(r#""slot":17"#, r#""slot":-17"#),
        swap(r#""slot":17"#, r#""slot":17.0"#),
        swap(r#""slot":17"#, r#""slot":17,"slot":17"#),
        swap(r#""slot":17"#, r#""slot":17,"more":17"#),
        swap(r#""snapshot":{"#, r#""snapshot":{"more":1,"#),
        swap(r#""path":["#, r#""path":["AAAA","#),
        swap(r#""log":"northwind-desk"#, r#""log":"north wind"#),
        swap(
            r#""path":["#,
            &format!(r#""path":[{}"#, format!("\"{}\",", STANDARD.encode([1; 32])).repeat(64)),
        ),
    ] {
        assert!(Anchor::from_json(&bad).is_err(), "{bad}");
    }
}
