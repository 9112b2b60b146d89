//! Access as people ask for it and approve it on the command line, against the program itself.

use super::support::{Store, ends_with};
use serde_json::Value;

fn word(row: &Value) -> &str {
    row["state"]["word"].as_str().unwrap()
}

#[test]
fn access_is_asked_for_and_approved_on_the_command_line() {
    let store = Store::init();
    let server = store.serve();
    server.acme();
    let person = |name: &str, role: &str| {
        let create = ["person", "create", name, "--roles", role, "--json"];
        server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned()
    };
    let (eve, abe) = (person("eve", "engineer"), person("abe", "approver"));
    let put = "/v1/accounts/acme/collections/cases/records/7";
    let record = ["record", "get", "acme", "cases", "7"];

    let direct = ["grant", "create", "--to", "person:eve", "--account", "acme", "--collection"];
    let rest = ["cases", "--verbs", "read", "--purpose", "p", "--for", "1h"];
    let refused = ends_with(&server.cli(&server.admin, &[&direct[..], &rest].concat()), 4);
    assert!(refused.contains("bailee request"), "{refused}");

    let ask = ["request", "--account", "acme", "--collection", "cases", "--verbs", "read"];
    let rest = ["--purpose", "half a page", "--reference", "T-7", "--for", "1h", "--json"];
    let asked = server.did(&eve, &[&ask[..], &rest].concat());
    let id = asked["id"].as_str().unwrap();
    ends_with(&server.cli(&eve, &["approve", id]), 4);
    let other = ["approve", id, "--terms", &"0".repeat(64)];
    ends_with(&server.cli(&abe, &other), 1);
    let listed = ends_with(&server.cli(&abe, &["request", "list"]), 0);
    assert!(listed.contains(id) && listed.contains("T-7"), "{listed}");
    assert_eq!(word(&server.did(&abe, &["approve", id, "--note", "seen", "--json"])), "approved");
    ends_with(&server.cli(&eve, &record), 4);
    let begun = server.did(&eve, &["request", "begin", id, "--json"]);
    assert_eq!(word(&begun), "begun");
    // It is there, and there is nothing under that name: a right, and no record.
    ends_with(&server.cli(&eve, &record), 3);
    server.client(&eve).put(put, b"{}").expect(403);
    let grant = begun["begun"]["grant"].as_str().unwrap();
    ends_with(&server.cli(&abe, &["grant", "release", grant]), 3);
    ends_with(&server.cli(&eve, &["grant", "release", grant]), 0);
    ends_with(&server.cli(&eve, &record), 4);

    let again = server.did(&eve, &[&ask[..], &rest].concat());
    let id = again["id"].as_str().unwrap();
    let denied = server.did(&abe, &["request", "deny", id, "--reason", "closed", "--json"]);
    assert_eq!(word(&denied), "denied");
    ends_with(&server.cli(&eve, &["request", "withdraw", id, "--reason", "late"]), 5);
    let empty = ends_with(&server.cli(&eve, &["request"]), 2);
    assert!(empty.contains("--account"), "{empty}");
}
