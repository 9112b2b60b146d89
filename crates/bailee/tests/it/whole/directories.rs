//! A staff directory at the door: clients of SCIM that others wrote, against the program itself.

use super::support::receipts::tools;
use super::support::{Server, Store, ends_with, said, skip_unless_all, text};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// A server with a directory `entra` that maps two groups; and the token of its service.
fn directory(server: &Server) -> String {
    let create = ["service", "create", "entra", "--json"];
    let token = server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned();
    let add = ["directory", "add", "--service", "entra", "--purpose", "Entra ID"];
    ends_with(&server.cli(&server.admin, &add), 0);
    for (group, role) in [("Engineers", "engineer"), ("Support", "support")] {
        let map = ["directory", "map", "entra", "--group", group, "--role", role];
        ends_with(&server.cli(&server.admin, &map), 0);
    }
    token
}

/// A program of the tools' Python; `None` if the package is not installed.
fn program(name: &str) -> Option<PathBuf> {
    let program = tools().join("venv/bin").join(name);
    if !program.exists() {
        skip_unless_all(&format!("PyPI's {name} is not installed: cargo xtask test"));
        return None;
    }
    Some(program)
}

#[test]
fn scim_sanity_finds_nothing() {
    let Some(program) = program("scim-sanity") else { return };
    let store = Store::init();
    let server = store.serve();
    let token = directory(&server);
    let url = format!("{}/scim/v2", server.url);
    for profile in [&[][..], &["--profile", "entra"], &["--compat", "--profile", "entra"]] {
        let mut probe = Command::new(&program);
        probe.args(["probe", &url, "--token", &token, "--i-accept-side-effects"]);
        probe.args(["--ca-bundle", text(&server.ca), "--json-output"]).args(profile);
        let output = probe.output().unwrap();
        let told = said(&output);
        assert!(output.status.success(), "{profile:?}: {told}");
        let report: Value = serde_json::from_slice(&output.stdout).expect(&told);
        let found = |status: &str| report["summary"][status].as_u64().expect(&told);
        assert!(found("passed") > 25, "{told}");
        let bad = ["failed", "warnings", "errors"].map(found);
        assert_eq!(bad, [0, 0, 0], "{told}");
    }
    server.stop();
    store.verified();
}

#[test]
fn scim_cli_and_its_tester_find_nothing() {
    let Some(program) = program("scim2") else { return };
    let store = Store::init();
    let server = store.serve();
    let token = directory(&server);
    let url = format!("{}/scim/v2", server.url);
    let scim = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["--url", &url, "--no-verify"]).args(arguments);
        command.env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {token}"));
        let output = command.output().unwrap();
        (output.status.success(), said(&output))
    };
    let (good, told) = scim(&["test", "-v", "--check-status-code", "--check-content-type"]);
    assert!(good && told.contains("SUCCESS"), "{told}");
    assert!(!told.contains("ERROR") && !told.contains("CRITICAL"), "{told}");
    let (good, made) = scim(&["create", "user", "--user-name", "ana@northwind.example"]);
    assert!(good && made.contains("ana@northwind.example"), "{made}");
    let (good, found) =
        scim(&["query", "user", "--filter", "userName eq \"ana@northwind.example\""]);
    assert!(good && found.contains("\"totalResults\": 1"), "{found}");
    server.stop();
    store.verified();
}

/// A joiner, a mover and a leaver, as the program does them.
#[test]
fn a_directory_takes_people_in_moves_them_and_lets_them_out() {
    let store = Store::init();
    let server = store.serve();
    let token = directory(&server);
    let mut scim = server.client(&token);
    let mut admin = server.administrator();
    let body = |value: Value| value.to_string().into_bytes();
    let user = json!({"userName": "ana@northwind.example", "displayName": "Ana Lima"});
    let ana = scim.post("/scim/v2/Users", &body(user.clone())).expect(201);
    assert_eq!(ana.field("content-type"), Some("application/scim+json"));
    let ana = ana.json();
    let id = ana["id"].as_str().unwrap();
    let person = admin.get("/v1/people/ana").expect(200).json();
    assert_eq!(person["full_name"], "Ana Lima");
    assert_eq!(person["roles"], json!([]));
    let group = json!({"displayName": "Engineers", "members": [{"value": id}]});
    scim.post("/scim/v2/Groups", &body(group)).expect(201);
    assert_eq!(admin.get("/v1/people/ana").json()["roles"], json!(["engineer"]));

    let issued = admin.post("/v1/people/ana/tokens", b"").expect(201).json();
    let own = issued["token"].as_str().unwrap().to_owned();
    server.client(&own).get("/v1/measures").expect(200);
    let out = json!({"Operations": [{"op": "Replace", "path": "active", "value": "False"}]});
    let place = format!("/scim/v2/Users/{id}");
    scim.ask("PATCH", &place, &[], Some(&body(out))).expect(200);
    server.client(&own).get("/v1/measures").expect(401);
    assert!(admin.get("/v1/people/ana").json()["left"].is_string());

    // Nobody else gets through: no person, no service that no directory names.
    admin.get("/scim/v2/Users").expect(403);
    let other = server.service("other", "*", "read");
    let refused = server.client(&other).get("/scim/v2/Users").expect(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("bailee directory add"), "{refused}");
    let again = scim.post("/scim/v2/Users", &body(user)).expect(409).json();
    assert_eq!(again["scimType"], "uniqueness");
    server.stop();
    store.verified();
}
