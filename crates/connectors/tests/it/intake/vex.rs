//! OpenVEX and CycloneDX VEX.

use connectors::intake::vex::{Status, cyclonedx_vex, openvex};

use super::samples::{OPENVEX, cyclonedx};
use super::{refuses, tells_well};

#[test]
fn openvex_is_read_by_statement_and_bad_ones_are_set_aside() {
    let read = openvex(OPENVEX.as_bytes()).unwrap();
    let statements: Vec<_> = read
        .statements
        .iter()
        .map(|one| (one.advisory.as_str(), one.product.as_str(), one.components.len(), one.status))
        .collect();
    assert_eq!(
        statements,
        [
            ("CVE-2026-0001", "pkg:cargo/stack@1.0.0", 1, Status::NotAffected),
            ("CVE-2026-0001", "pkg:cargo/queue@1.0.0", 0, Status::NotAffected),
            ("CVE-2026-0003", "pkg:cargo/stack@1.0.0", 0, Status::Affected),
        ]
    );
    assert_eq!(read.statements[0].components, ["pkg:cargo/heap@2.0.0"]);
    assert_eq!(read.statements[0].justification, "vulnerable_code_not_in_execute_path");
    assert_eq!(read.statements[2].justification, "update");
    let [refused] = read.refused.as_slice() else { panic!("one is set aside") };
    assert_eq!(refused.place, "statements[1]");
    assert!(refused.problem.contains("without a reason"));
    tells_well(refused);
}

#[test]
fn broken_openvex_is_refused_where_it_is_broken() {
    let one = |statement: &str| {
        let head = r#"{"@context":"https://openvex.dev/ns/v0.2.0","statements":["#;
        openvex(format!("{head}{statement}]}}").as_bytes())
    };
    refuses(openvex(b"{}"), "@context", "missing");
    refuses(openvex(br#"{"@context":"https://example.com"}"#), "@context", "`https://example.com`");
    refuses(one(""), "the file", "no statement");
    refuses(one("{}"), "statements[0].vulnerability", "missing");
    refuses(one(r#"{"vulnerability":"C","status":"fine"}"#), "statements[0].status", "`fine`");
    let no_product = r#"{"vulnerability":"C","status":"fixed","products":[]}"#;
    refuses(one(no_product), "statements[0]", "no product");
    let bad_product = r#"{"vulnerability":"C","status":"fixed","products":[{"x":1}]}"#;
    refuses(one(bad_product), "statements[0].products[0].@id", "missing");
}

#[test]
fn cyclonedx_vex_names_components_by_purl() {
    let read = cyclonedx_vex(cyclonedx("1.5").as_bytes()).unwrap();
    assert_eq!(read.refused, []);
    let statements: Vec<_> = read
        .statements
        .iter()
        .map(|one| (one.product.as_str(), one.status, one.justification.as_str()))
        .collect();
    assert_eq!(
        statements,
        [
            ("pkg:npm/%40babel/core@7.0.0", Status::NotAffected, "code_not_reachable"),
            ("pkg:generic/shop@1.0", Status::NotAffected, "code_not_reachable"),
        ]
    );
}

#[test]
fn states_of_cyclonedx_become_those_of_vex() {
    let with = |analysis: &str| {
        cyclonedx_vex(
            format!(
                r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","vulnerabilities":[
                {{"id":"C","analysis":{analysis},"affects":[{{"ref":"urn:cdx:x/1#y"}}]}}]}}"#
            )
            .as_bytes(),
        )
    };
    let table = [
        (r#"{"state":"resolved"}"#, Status::Fixed),
        (r#"{"state":"resolved_with_pedigree"}"#, Status::Fixed),
        (r#"{"state":"exploitable"}"#, Status::Affected),
        (r#"{"state":"in_triage"}"#, Status::UnderInvestigation),
        (r#"{"state":"false_positive"}"#, Status::NotAffected),
        (r#"{"state":"not_affected","detail":"never called"}"#, Status::NotAffected),
    ];
    for (analysis, status) in table {
        let read = with(analysis).unwrap();
        assert_eq!(read.statements[0].status, status, "{analysis}");
        assert_eq!(read.statements[0].product, "urn:cdx:x/1#y");
    }
    refuses(with(r#"{"state":"not_affected"}"#), "vulnerabilities[0].analysis", "without a reason");
    refuses(with(r#"{"state":"so so"}"#), "vulnerabilities[0].analysis.state", "`so so`");
    refuses(with("{}"), "vulnerabilities[0].analysis.state", "missing");
    let old = cyclonedx("1.3");
    refuses(cyclonedx_vex(old.as_bytes()), "specVersion", "`1.3`");
    let twice = cyclonedx("1.6").replace("\"bom-ref\": \"babel\"", "\"bom-ref\": \"shop\"");
    refuses(cyclonedx_vex(twice.as_bytes()), "components[0].components[0].bom-ref", "same");
}
