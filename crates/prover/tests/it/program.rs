//! The program: exit codes, and what it prints for people and programs.

use crate::support::{Copy, small};
use serde_json::Value;
use std::process::{Command, Output};

fn prover(copy: &Copy, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prover"));
    command.arg("--folder").arg(copy.path()).args(arguments);
    command.output().unwrap()
}

#[test]
fn it_writes_checks_and_refuses() {
    let copy = small();
    let missing = prover(&copy, &["--check"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cargo xtask prove --write"));
    assert!(prover(&copy, &["--write"]).status.success());
    assert!(prover(&copy, &["--check"]).status.success());
    let text = std::fs::read_to_string(copy.path().join("proof.json")).unwrap();
    let proof: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(proof["format"], "proof/v1");
    assert_eq!(proof["claims"][0]["serves"], serde_json::json!(["P7"]));
    // Who answered may differ; what was proved of what may not.
    let other = text.replace("cvc5", "another");
    std::fs::write(copy.path().join("proof.json"), other).unwrap();
    assert!(prover(&copy, &["--check"]).status.success());
    let copy = copy.put("all.cedar", "context has grant &&", "context has grant && true &&");
    let changed = prover(&copy, &["--check"]);
    assert_eq!(changed.status.code(), Some(1), "the policies changed, the proof did not");
    let copy = copy.put(
        "all.cedar",
        "context has grant && true && resource.slot == context.grant.slot",
        "true",
    );
    let refuted = prover(&copy, &["--write"]);
    assert_eq!(refuted.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refuted.stdout);
    for part in ["`data-read` allows what `one`", "only by grant", "record.get", "principal", "now"]
    {
        assert!(said.contains(part), "{said}");
    }
    let kept = std::fs::read_to_string(copy.path().join("proof.json")).unwrap();
    assert!(kept.contains("another"), "a refuted proof is not written");
    let json = prover(&copy, &["--json"]);
    assert_eq!(json.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["holds"], false);
    assert_eq!(json["violations"][0]["policy"], "data-read");
    assert_eq!(json["violations"][0]["bounds"][0]["id"], "one");
    assert_eq!(json["violations"][0]["example"]["action"], "record.get");
}

#[test]
fn what_was_proved_is_remembered_and_a_change_is_proved_again() {
    let copy = small();
    let cache = copy.path().join("proved");
    let cache = cache.to_string_lossy().into_owned();
    let formulas = |copy: &Copy, extra: &[&str]| {
        let mut arguments = vec!["--json", "--cache", &cache];
        arguments.extend(extra);
        let output = prover(copy, &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        (json["formulas"]["now"].as_u64().unwrap(), json["formulas"]["known"].as_u64().unwrap())
    };
    let (first, none) = formulas(&copy, &[]);
    assert_eq!(none, 0);
    // That the bound forbids something is asked each time: it shows that the solver can refute.
    assert_eq!(formulas(&copy, &[]), (1, first - 1));
    assert_eq!(formulas(&copy, &["--fresh"]), (first, 0));
    let copy = copy.put("all.cedar", "context has grant &&", "context has grant && true &&");
    let (now, known) = formulas(&copy, &[]);
    assert!(now > 1 && known > 0 && now + known == first, "{now} {known}");
}

#[test]
fn differences_are_for_people_and_programs() {
    let (old, new) = (small(), small().put("all.cedar", "context has grant &&", "false &&"));
    let against = old.path().to_string_lossy().into_owned();
    let output = prover(&new, &["--against", &against]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("narrows    Person on Collection: record.get"), "{said}");
    assert!(said.contains("before allowed by data-read; now refused by no permit"), "{said}");
    let output = prover(&new, &["--json", "--against", &against]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["format"], "comparison/v1");
    for side in ["authority", "against"] {
        assert!(json[side].as_str().unwrap().starts_with("sha256:"), "{json}");
    }
    assert_ne!(json["authority"], json["against"]);
    assert_eq!(json["changes"][0]["change"], "narrows");
    let output = prover(&old, &["--against", &against]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("equal: "));
}

#[test]
fn wrong_arguments_are_said() {
    let copy = small();
    for wrong in [
        &["--no"][..],
        &["--check", "--write"],
        &["--against"],
        &["--against", "HEAD", "--write"],
        &["--limit", "0"],
    ] {
        assert_eq!(prover(&copy, wrong).status.code(), Some(2), "{wrong:?}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_prover"))
        .arg("--folder")
        .arg(copy.path())
        .env("CVC5", "/nowhere/cvc5")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Debian package `cvc5`"));
}
