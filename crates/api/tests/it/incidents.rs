//! An incident over the wire: its package, and that it is not there for who need not know.

use crate::support::{Running, ask};
use ledger::verify::{verify_evidence, verify_package};
use serde_json::json;

#[test]
fn the_package_of_an_incident_is_checked_without_the_server() {
    let server = Running::start(64);
    let rita = server.world.person("rita", &["responder"]);
    let new = json!({"title": "odd reads", "class": "breach", "severity": 2, "source": "support"});
    let made = server.expect(201, &ask("POST", "/v1/incidents").by(&rita).json(new.to_string()));
    let path = format!("/v1/incidents/{}", made.json()["id"].as_str().unwrap());
    let packed = server.expect(200, &ask("GET", &format!("{path}/package")).by(&rita));
    let report = verify_package(&packed.body, None);
    assert!(report.ok(), "{report}");
    let file = server.expect(200, &ask("GET", &format!("{path}/file")).by(&rita));
    assert!(verify_evidence(&file.body, None).ok());
    let engineer = server.world.person("eva", &["engineer"]);
    server.expect(403, &ask("GET", &format!("{path}/package")).by(&engineer));
    server.expect(404, &ask("GET", "/v1/incidents/incident-0/package").by(&rita));
}

#[test]
fn a_restricted_incident_is_not_there_for_who_does_not_take_part() {
    let server = Running::start(65);
    let rita = server.world.person("rita", &["responder"]);
    let bea = server.world.person("bea", &["responder"]);
    let new = json!({"title": "odd reads", "class": "breach", "severity": 2, "source": "support",
        "need_to_know": "one of us"});
    let made = server.expect(201, &ask("POST", "/v1/incidents").by(&rita).json(new.to_string()));
    let path = format!("/v1/incidents/{}", made.json()["id"].as_str().unwrap());
    let none = server.expect(404, &ask("GET", "/v1/incidents/incident-0").by(&bea)).json();
    for part in ["", "/file", "/package"] {
        let at = format!("{path}{part}");
        server.expect(200, &ask("GET", &at).by(&rita));
        let refused = server.expect(404, &ask("GET", &at).by(&bea)).json();
        assert_eq!(refused["title"], none["title"]);
    }
    let note = json!({"text": "hello"}).to_string();
    server.expect(404, &ask("POST", &format!("{path}:note")).by(&bea).json(note));
    let list = server.expect(200, &ask("GET", "/v1/incidents").by(&bea)).json();
    assert_eq!(list["items"], json!([]));
    let admit = json!({"person": "person:bea", "reason": "knows the host"}).to_string();
    server.expect(200, &ask("POST", &format!("{path}:admit")).by(&rita).json(admit));
    server.expect(200, &ask("GET", &path).by(&bea));
}
