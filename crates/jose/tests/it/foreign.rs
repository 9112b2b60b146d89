//! npm `jose` signs, this crate verifies: each algorithm with a key as others publish it.

use crate::NOW;
use jose::{KeySet, Workload};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The keys and tokens of npm `jose`; nothing where it is not installed.
fn made(claims: &Value) -> Option<Value> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tools = std::env::var_os("BAILEE_TOOLS");
    let tools = tools.map_or_else(|| workspace.join("target/tools"), PathBuf::from);
    if !tools.join("node_modules/jose").exists() {
        let why = "npm `jose` is not installed: cargo xtask test";
        assert!(std::env::var_os("BAILEE_TEST_ALL").is_none_or(|all| all != "1"), "{why}");
        if let Some(path) = std::env::var_os("BAILEE_SKIPS") {
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            writeln!(file, "skipped: {why}").unwrap();
        }
        return None;
    }
    let mut node = Command::new("node")
        .arg(workspace.join("tests/foreign/jose.mjs"))
        .env("BAILEE_TOOLS", tools)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(claims.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn tokens_of_others_verify_by_their_own_key_and_no_other() {
    let claims = json!({"iss": "https://a.example", "aud": "us", "sub": "ü", "iat": NOW,
        "exp": NOW + 60});
    let Some(made) = made(&claims) else { return };
    let all = made.as_array().unwrap();
    assert_eq!(all.len(), 5);
    for one in all {
        for other in all {
            let set = json!({"keys": [other["jwk"]]}).to_string();
            let keys = KeySet::parse(set.as_bytes()).unwrap();
            let token = one["token"].as_str().unwrap();
            let checked = Workload::check(token, &keys, "https://a.example", NOW);
            assert_eq!(checked.is_ok(), one == other, "{} {}", one["alg"], other["alg"]);
            assert!(checked.map_or(true, |token| token.text("sub") == Some("ü")));
        }
    }
}
