//! From the empty house to the first honest board, by the commands that `bailee setup` names and by
//! the CSV files that it makes templates of.

use super::support::{Server, Store, ends_with, text};
use domain::register::Day;
use kernel::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Adds rows to a template, by the names of its columns.
fn fill(folder: &Path, name: &str, rows: &[Value]) -> String {
    let path = folder.join(name);
    let mut file = fs::read_to_string(&path).unwrap();
    let header = file.lines().next().unwrap().to_owned();
    assert!(file.lines().nth(1).unwrap().starts_with("\"# "), "{file}");
    for row in rows {
        let row = row.as_object().unwrap();
        for column in row.keys() {
            assert!(header.split(',').any(|known| known == column), "{name} has no `{column}`");
        }
        let cells = header.split(',').map(|column| {
            row.get(column).map_or(String::new(), |cell| cell.as_str().unwrap().to_owned())
        });
        file.push_str(&cells.collect::<Vec<_>>().join(","));
        file.push_str("\r\n");
    }
    fs::write(&path, file).unwrap();
    text(&path).to_owned()
}

/// What is missing, in the order in which it is to be done.
fn missing(server: &Server, token: &str) -> Vec<String> {
    let all = server.did(token, &["setup", "--json"]);
    let steps = all["steps"].as_array().unwrap();
    let open: Vec<_> = steps.iter().filter(|step| step["done"] == false).collect();
    assert_eq!(all["done"].as_u64().unwrap() as usize, steps.len() - open.len(), "{all}");
    open.iter().map(|step| step["id"].as_str().unwrap().to_owned()).collect()
}

/// Takes the team in; gives the tokens by name.
fn team(server: &Server, folder: &Path) -> BTreeMap<String, String> {
    let person = |name: &str, roles: &str| json!({"name": name, "roles": roles});
    let rows = [
        person("ana", "administrator"),
        person("lea", "security-lead"),
        person("omar", "approver; responder"),
        person("vera", "vendor-manager"),
        person("cora", "counsel"),
        person("ada", "auditor"),
        person("eve", "engineer"),
    ];
    let file = fill(folder, "people.csv", &rows);
    let said = server.did(&server.admin, &["person", "import", &file, "--json"]);
    let one = |one: &Value| {
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        (text("name"), text("token"))
    };
    said["added"].as_array().unwrap().iter().map(one).collect()
}

/// What is put into each file, with who imports it.
fn tables() -> Vec<(&'static str, &'static str, Vec<Value>)> {
    let now = SystemClock.now();
    let (today, next) = (Day::of(now).to_string(), Day::of(now).plus(14).to_string());
    let member = |who: &str| {
        json!({"person": format!("person:{who}"), "employment": "full-time",
            "function": "security", "from": today})
    };
    let shift = json!({"person": "person:omar", "kind": "primary",
        "from": format!("{today}T00:00:00Z"), "to": format!("{next}T00:00:00Z")});
    vec![
        ("lea", "roster", vec![member("lea"), member("omar")]),
        (
            "vera",
            "vendors",
            vec![json!({"name": "contoso", "legal_name": "Contoso Hosting GmbH",
                "services": "racks and power", "tier": "critical", "classes": "hosting",
                "hosts": "true", "country": "DE", "contact": "security@contoso.example",
                "sponsor": "person:vera"})],
        ),
        (
            "lea",
            "systems",
            vec![json!({"name": "db-1", "kind": "data-store", "purpose": "orders",
                "holds_service_data": "yes", "owner": "person:lea", "vendor": "contoso"})],
        ),
        (
            "lea",
            "policies",
            vec![json!({"name": "conduct", "title": "Handling Service Data",
                "audience": "everyone", "owner": "person:lea"})],
        ),
        ("omar", "shifts", vec![shift]),
        (
            "omar",
            "contacts",
            vec![json!({"account": "acme", "name": "Ada Ames", "email": "ada@acme.example",
                "kind": "security", "source": "order form"})],
        ),
    ]
}

#[test]
fn the_steps_lead_from_the_empty_house_to_a_board_that_answers() {
    let store = Store::init();
    let server = store.serve();
    let open = missing(&server, &server.admin);
    assert_eq!((open.len(), open[0].as_str()), (17, "second-administrator"), "{open:?}");
    let said = ends_with(&server.cli(&server.admin, &["setup"]), 0);
    assert!(said.contains("0 of 17 steps are done"), "{said}");
    assert!(said.contains("next: bailee person import people.csv"), "{said}");

    let folder = store.beside("tables");
    let write = ["setup", "--templates", text(&folder), "--json"];
    let written = server.did("", &write);
    assert_eq!(written["written"].as_array().unwrap().len(), 7, "{written}");
    let tokens = team(&server, &folder);
    assert_eq!(server.did("", &write)["written"], json!([]), "what is filled is left alone");

    let terms = store.beside("terms.json");
    fs::write(&terms, json!({"version": "2027-1", "reason": "ours"}).to_string()).unwrap();
    server.did(&tokens["lea"], &["catalogue", "load", text(&terms), "--json"]);
    assert_eq!(missing(&server, &tokens["ana"])[0], "catalogues", "nobody approved it yet");
    let approve = ["catalogue", "approve", "current", "--version", "2027-1", "--json"];
    server.did(&tokens["omar"], &approve);
    let create = ["service", "create", "opener", "--json"];
    let opener = server.did(&tokens["ana"], &create)["token"].as_str().unwrap().to_owned();
    server.grant("service:opener", "*", "*", "open");
    server.did(&opener, &["account", "create", "acme", "--json"]);
    for (who, plural, rows) in tables() {
        let all = server.did(&tokens[who], &["setup", "--json"]);
        let step = all["steps"].as_array().unwrap().iter().find(|one| one["id"] == plural).unwrap();
        assert_eq!(step["done"], false, "{plural}");
        // The command is the one that the step names, with the file in its folder.
        let file = fill(&folder, step["template"].as_str().unwrap(), &rows);
        let words: Vec<&str> = step["command"].as_str().unwrap().split(' ').collect();
        let added = server.did(&tokens[who], &[&words[1..3], &[file.as_str(), "--json"]].concat());
        assert_eq!(added["added"].as_array().unwrap().len(), rows.len(), "{plural}");
    }
    assert_eq!(missing(&server, &tokens["ana"]), ["scope"]);
    let scope = ["measure", "scope", "--reason", "I counted them", "--json"];
    server.did(&tokens["ana"], &scope);
    assert_eq!(missing(&server, &tokens["ana"]), [""; 0]);

    let board = server.did(&tokens["ana"], &["measures", "--json"]);
    let states = board.as_array().unwrap();
    assert_eq!(states.len(), 49);
    let state = |id: &str| states.iter().find(|one| one["id"] == id).unwrap()["state"].clone();
    assert_eq!(state("E1.4"), "holding", "a team of two, full-time");
    assert_eq!(state("E2.1"), "unproven", "nobody reported db-1 as encrypted yet");
    drop(server);
    store.verified();
}

#[test]
fn an_import_of_people_that_fails_shows_the_tokens_it_made_and_whose_row_it_was() {
    let store = Store::init();
    let server = store.serve();
    let file = store.beside("people.csv");
    let import = ["person", "import", text(&file), "--json"];
    for (table, said) in [
        ("name,root\nana,yes\n", "root"),
        ("full_name\nAna\n", "name"),
        ("name\n\"# ana\nlea\n", "line break"),
        ("", "empty"),
    ] {
        fs::write(&file, table).unwrap();
        let refused = ends_with(&server.cli(&server.admin, &import), 2);
        assert!(refused.contains(said), "{table}: {refused}");
    }
    fs::write(&file, "name,roles\nana,engineer\nlea,root\nomar,\n").unwrap();
    let output = server.cli(&server.admin, &import);
    let said = ends_with(&output, 1);
    assert!(said.contains("row 2; 1 people were taken in"), "{said}");
    assert!(said.contains("`root` is no role"), "{said}");
    let added: Value = serde_json::from_slice(&output.stdout).unwrap();
    let token = added["added"][0]["token"].as_str().unwrap();
    server.client(token).get("/v1/measures").expect(200);
    server.administrator().get("/v1/people/omar").expect(404);
}
