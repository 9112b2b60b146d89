//! A provider's own terms: loaded by one command, approved by a second person, shown under their
//! obligations; what promises less is flagged.

use super::support::{Store, ends_with, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs;

fn obligation<'a>(all: &'a Value, id: &str) -> &'a Value {
    all.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap()
}

#[test]
fn own_terms_are_loaded_approved_and_shown_and_a_weaker_number_is_flagged() {
    let store = Store::init();
    let server = store.serve();
    let person = |name: &str, role: &str| {
        let made = server.did(&server.admin, &["person", "add", name, "--role", role, "--json"]);
        made["token"].as_str().unwrap().to_owned()
    };
    let (lea, omar) = (person("lea", "security-lead"), person("omar", "approver"));
    let file = store.beside("terms.json");
    let load = ["catalogue", "load", text(&file)];
    let mut terms = json!({"version": "2027-1", "reason": "what counsel signed off",
        "parameters": {"breach_hours": 72},
        "terms": {"E4.4": "clause 7.2: notice within three days", "E9.9": "clause 9"}});
    fs::write(&file, terms.to_string()).unwrap();
    let refused = ends_with(&server.cli(&lea, &load), 1);
    assert!(refused.contains("`E9.9` is no obligation"), "{refused}");
    terms["terms"] = json!({"E4.4": "clause 7.2: notice within three days",
        "E5.5": ["clause 9.1", "clause 9.2"]});
    fs::write(&file, terms.to_string()).unwrap();
    let said = ends_with(&server.cli(&lea, &load), 0);
    assert!(said.contains("with 3 own terms") && said.contains("promises less by breach_hours"));
    // Until a second person approves it, what Bailee comes with counts.
    let before = server.did(&lea, &["measures", "--json"]);
    assert_eq!(obligation(&before, "E4.4")["terms"], json!([]));
    let approve = ["catalogue", "approve", "current", "--version", "2027-1", "--json"];
    ends_with(&server.cli(&lea, &approve), 4);
    let receipt = store.beside("receipt.json");
    let row = server.did(&omar, &[&approve[..], &["--receipt", text(&receipt)]].concat());
    assert_eq!(row["weakened"], json!(["breach_hours"]), "{row}");
    assert_eq!(row["parameters"]["breach_hours"], 72);
    assert_eq!(row["parameters"]["response_hours"], 72, "what is not stated is as it came");

    let all = server.did(&lea, &["measures", "--json"]);
    let notice = obligation(&all, "E4.4");
    assert_eq!(notice["terms"], json!(["clause 7.2: notice within three days"]));
    assert_eq!(obligation(&all, "E5.5")["terms"], json!(["clause 9.1", "clause 9.2"]));
    let facts = obligation(&all, "F1")["facts"].to_string();
    assert!(facts.contains("promises less by breach_hours"), "{facts}");
    // By the identifier of another framework.
    let found = server.did(&lea, &["measures", "--for", "a.8.24", "--json"]);
    let ids: Vec<_> = found.as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["E2.1", "E2.2", "P4"]);
    assert_eq!(found[0]["mapping"]["iso27001"], json!(["A.5.33", "A.8.24"]));
    let refused = ends_with(&server.cli(&lea, &["measures", "--for", "A.9.1"]), 1);
    assert!(refused.contains("`A.9.1` is no identifier in force"), "{refused}");

    // The approval is an entry, and the flag is in it.
    let row = server.did(&lea, &["catalogue", "show", "current", "--json"]);
    assert_eq!(row["approved"]["by"], "person:omar");
    let receipt: Value = serde_json::from_str(&fs::read_to_string(&receipt).unwrap()).unwrap();
    let leaf = STANDARD.decode(receipt["leaf"].as_str().unwrap()).unwrap();
    let leaf: Value = serde_json::from_slice(&leaf).unwrap();
    assert_eq!(leaf["kind"], "catalogue.approve");
    assert!(leaf["fields"]["weakens"].is_string(), "{leaf}");
    drop(server);
    store.verified();
}
