//! Bailee probes its own listener, and an endpoint that speaks no TLS.

use super::Scene;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

fn endpoint(scene: &Scene, name: &str, address: &str) {
    let system = json!({"name": name, "kind": "endpoint", "purpose": "the API",
        "holds_service_data": true, "owner": "person:lea", "address": address});
    scene.post("systems", &system);
    scene.post("probes", &json!({"system": name}));
}

fn fact(control: &Value, system: &str) -> Option<Value> {
    let facts = control["facts"].as_array().unwrap().iter();
    let said =
        |fact: &&Value| fact["what"].as_str().unwrap().contains(&format!("system {system}:"));
    facts.clone().find(said).cloned()
}

#[test]
fn its_own_listener_is_seen_to_be_encrypted_and_counts_in_e2_2() {
    let scene = Scene::new("probe_ca = \"{data}/tls/ca.pem\"\n");
    let scope = json!({"complete": true, "reason": "two hosts"});
    let before = scene.control("E2.2");
    assert_eq!(fact(&before, "api"), None, "{scope}");
    endpoint(&scene, "api", &scene.server.address.to_string());
    let row = scene.until("probes/api", "encrypted");
    assert_eq!(
        (&row["sight"]["version"], &row["sight"]["trusted"], &row["sight"]["plaintext"]),
        (&json!("TLSv1.3"), &json!(true), &json!(false))
    );
    let control = scene.control("E2.2");
    let seen = fact(&control, "api").unwrap();
    assert_eq!((&seen["good"], &seen["basis"]), (&json!(true), &json!("measured")), "{control}");
    assert_eq!(
        (&control["systems"]["fresh"], &control["systems"]["scope"]),
        (&json!(2), &json!(2)),
        "Bailee itself and the endpoint: {control}"
    );
    scene.end();
}

#[test]
fn an_endpoint_without_tls_fails_e2_2() {
    let scene = Scene::new("");
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    endpoint(&scene, "old", &plain.local_addr().unwrap().to_string());
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            let mut stream = stream.unwrap();
            let mut heard = [0; 5];
            if stream.read_exact(&mut heard).is_ok() && heard == *b"HEAD " {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            }
        }
    });
    let row = scene.until("probes/old", "deficient");
    assert_eq!(
        (&row["sight"]["version"], &row["sight"]["plaintext"]),
        (&json!(null), &json!(true))
    );
    let control = scene.control("E2.2");
    assert_eq!(control["state"], "failing", "{control}");
    assert_eq!(fact(&control, "old").unwrap()["good"], json!(false));
    scene.end();
}
