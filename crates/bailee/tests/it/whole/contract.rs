//! The lines that others script, exactly as they were promised.

use super::house::{House, northwind};
use super::support::client::Client;
use super::support::{BAILEE, Server, Store, copy_folder, ends_with, json, run, said, text};
use domain::registers::REGISTERS;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

const RECORD: &str = "/v1/accounts/acme/collections/cases/records/a";

#[test]
fn init_makes_a_store_with_its_keys_beside_it_once() {
    let store = Store::init();
    assert!(store.data.join("bailee.db").is_file());
    for folder in [&store.data, &store.keys] {
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
    }
    let again = run(&["init", "--data", text(&store.data), "--json"]);
    let refused = ends_with(&again, 5);
    assert!(refused.contains("is not empty"), "{refused}");
    // What was there is still there.
    store.verified();

    // With a place of its own for the keys.
    let (data, keys) = (store.beside("other"), store.beside("elsewhere/keys"));
    let init = run(&["init", "--data", text(&data), "--keys", text(&keys), "--json"]);
    assert!(json(&init)["token"].as_str().unwrap().len() > 40);
    assert!(keys.join("root.key").is_file());
    assert!(!store.beside("other.keys").exists());
}

#[test]
fn the_contract_for_scripts_holds_line_by_line() {
    let store = Store::init();
    let server = store.serve();
    assert_eq!(server.ca, store.data.join("tls/ca.pem"));
    assert!(server.ca.is_file());
    let admin = server.admin.clone();

    let service = server.did(&admin, &["service", "create", "importer", "--json"]);
    let token = service["token"].as_str().unwrap();
    let grant = ["grant", "create", "--to", "service:importer", "--account", "*"];
    let rest = ["--collection", "*", "--verbs", "read,write,open", "--purpose", "take over"];
    let grant = [&grant[..], &rest, &["--for", "8h", "--json"]].concat();
    server.did(&admin, &grant);

    let file = store.beside("rows.csv");
    fs::write(&file, "Id,Name,Text\n1,Ada & Co,\"a, \"\"b\"\"\"\n2,ada-co,ü\n3,Ada & Co,\n")
        .unwrap();
    let import = ["import", text(&file), "--collection", "cases", "--account-column", "Name"];
    let import = [&import[..], &["--id-column", "Id", "--json"]].concat();

    // The administrator keeps the registers and has no right to what is in them.
    let refused = ends_with(&server.cli(&admin, &import), 4);
    let last: Value = serde_json::from_str(refused.lines().last().unwrap()).unwrap();
    assert_eq!((last["exit"].as_u64(), last["error"].is_string()), (Some(4), true), "{refused}");
    let imported = server.did(token, &import);
    assert_eq!(imported["imported"], 3);
    assert_eq!(imported["accounts_created"], 1);
    assert_eq!(imported["failed"], 0);
    let mut client = server.client(token);
    let record = "/v1/accounts/ada-co/collections/cases/records/1";
    let stored = client.get(record).expect(200).text();
    assert_eq!(stored, r#"{"Id":"1","Name":"Ada & Co","Text":"a, \"b\""}"#);
    let mut administrator = server.administrator();
    let refused = administrator.get(record);
    assert!([403, 404].contains(&refused.status), "{refused:?}");
    let refused = administrator.put(record, b"{}");
    assert!([403, 404].contains(&refused.status), "{refused:?}");
    let refused = server.cli(&admin, &["record", "get", "ada-co", "cases", "1"]);
    assert!([Some(3), Some(4)].contains(&refused.status.code()), "{}", said(&refused));

    let out = store.beside("exported");
    let export = ["export", "--account", "ada-co", "--out", text(&out), "--json"];
    assert_eq!(server.did(token, &export)["records"], 3);
    for name in ["checkpoint", "vkey", "tile", "records/cases.ndjson"] {
        assert!(out.join(name).exists(), "{name}");
    }
    let receipt = store.beside("receipt.json");
    fs::write(&receipt, client.get(record).expect(200).receipt()).unwrap();

    let saved = store.beside("saved");
    let data = text(&store.data);
    json(&run(&["backup", "--data", data, "--out", text(&saved), "--json"]));
    let restored = store.beside("restored");
    let keys = text(&store.keys);
    let restore = ["restore", "--from", text(&saved), "--data", text(&restored), "--keys", keys];
    // The mark of the running store is ahead of the copy, which `restore` may say.
    let output = run(&restore);
    assert!([Some(0), Some(7)].contains(&output.status.code()), "{}", said(&output));
    verify_everything(&store, &[&receipt, &out, &saved, &store.data]);
    server.stop();
    verify_everything(&store, &[&receipt, &out, &saved, &store.data]);
}

/// Each path verifies with the keys; without them it does too, and what was not checked is said.
fn verify_everything(store: &Store, paths: &[&std::path::PathBuf]) {
    for path in paths {
        let with = run(&["verify", text(path), "--keys", text(&store.keys)]);
        ends_with(&with, 0);
        let report = json(&run(&["verify", text(path), "--json"]));
        assert_eq!(report["problems"], json!([]), "{report}");
        // A data folder finds its own keys beside it.
        assert!(!report["not_checked"].as_array().unwrap().is_empty(), "{report}");
    }
}

#[test]
fn what_cannot_be_verified_is_said_and_has_its_code() {
    let store = Store::init();
    let nothing = store.beside("nothing");
    assert!(ends_with(&run(&["verify", text(&nothing)]), 1).contains("nothing"));
    fs::create_dir(&nothing).unwrap();
    assert!(
        ends_with(&run(&["verify", text(&nothing)]), 2).contains("no store, backup or exported")
    );
    let file = store.beside("file.json");
    fs::write(&file, "{}").unwrap();
    ends_with(&run(&["verify", text(&file)]), 7);
    let other = Store::init();
    let keys = text(&other.keys);
    let found = ends_with(&run(&["verify", text(&store.data), "--keys", keys]), 7);
    assert!(found.contains("WRONG"), "{found}");
}

#[test]
fn the_registers_are_commands() {
    let store = Store::init();
    let server = store.serve();
    let admin = server.admin.clone();
    let worker = server.acme();
    let list = |noun: &str| server.did(&admin, &[noun, "list", "--json"])["items"].clone();
    assert_eq!(list("person").as_array().unwrap().len(), 1);
    assert_eq!(list("service").as_array().unwrap().len(), 1);
    assert_eq!(list("grant").as_array().unwrap().len(), 1);
    let accounts = server.did(&worker, &["account", "list", "--json"]);
    assert_eq!(accounts["items"].as_array().unwrap().len(), 1, "{accounts}");
    let measures = server.did(&admin, &["measure", "list", "--json"]);
    assert!(measures.to_string().contains("unproven"));

    let file = store.beside("value.json");
    fs::write(&file, "{\"b\": 1,  \"a\":2}").unwrap();
    let put = server.did(&worker, &["record", "put", "acme", "cases", "a", text(&file), "--json"]);
    assert_eq!(put["version"], 1);
    let got = server.cli(&worker, &["record", "get", "acme", "cases", "a"]);
    assert_eq!(ends_with(&got, 0), "{\"b\": 1,  \"a\":2}");
    let stale = ["record", "put", "acme", "cases", "a", text(&file), "--if-version", "7", "--json"];
    ends_with(&server.cli(&worker, &stale), 5);
    ends_with(&server.cli(&worker, &["record", "get", "acme", "cases", "b"]), 3);
    ends_with(&server.cli("bailee_nonsense", &["record", "get", "acme", "cases", "a"]), 4);
    ends_with(&server.cli(&worker, &["record", "get", "acme", "cases", ".."]), 2);
    server.stop();
}

#[test]
fn without_a_server_the_client_says_so() {
    let store = Store::init();
    let server = store.serve();
    let line = ["account", "list", "--json"];
    let mut command = server.command("bailee_x", &line);
    server.stop();
    let output = command.output().unwrap();
    assert!(ends_with(&output, 6).contains("is the server running"), "{}", said(&output));
    assert!(ends_with(&run(&line), 2).contains("BAILEE_URL"));
}

#[test]
fn sigterm_finishes_what_is_in_flight_and_ends_with_zero() {
    let store = Store::init();
    let mut server = store.serve();
    let worker = server.acme();
    let client = server.client(&worker);
    let mut wire = client.open().unwrap();
    let body = b"{\"in\":\"flight\"}";
    let request = client.head("PUT", RECORD, &[("expect", "100-continue")], Some(body));
    let (head, body) = request.split_at(request.len() - body.len());
    wire.send(head).unwrap();
    // The server waits for the body: the request is in flight.
    assert_eq!(wire.answer("PUT").unwrap().status, 100);
    server.terminate();
    let gone = || Client::new(server.address, &server.ca, &worker).open().is_err();
    while !gone() {}
    wire.send(body).unwrap();
    wire.answer("PUT").unwrap().expect(201);
    assert!(wire.rest().is_empty());
    assert_eq!(server.ended().code(), Some(0), "{}", server.logged());

    store.verified();
    let server = store.serve();
    let stored = server.client(&worker).get(RECORD).expect(200);
    assert_eq!(stored.text(), "{\"in\":\"flight\"}");
    // SIGINT is the same from a terminal.
    server.stop();
}

#[test]
fn an_idle_server_and_one_with_kept_connections_ends_at_once() {
    let store = Store::init();
    let server = store.serve();
    let worker = server.acme();
    let mut kept: Vec<Client> = (0..8).map(|_| server.client(&worker)).collect();
    for client in &mut kept {
        client.get("/v1/accounts/acme").expect(200);
    }
    server.stop();
}

#[test]
fn both_versions_of_http_are_spoken() {
    let store = Store::init();
    let server = store.serve();
    let worker = server.acme();
    let pem = fs::read(&server.ca).unwrap();
    let authorities = || reqwest::Certificate::from_pem_bundle(&pem).unwrap();
    let builder = || reqwest::Client::builder().tls_certs_only(authorities()).no_proxy();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("{}{RECORD}", server.url);
    for (client, version) in
        [(builder().http1_only(), reqwest::Version::HTTP_11), (builder(), reqwest::Version::HTTP_2)]
    {
        let client = client.build().unwrap();
        let body = format!("{version:?}").replace('/', " ");
        let body = format!("\"{body}\"");
        let put = client.put(&url).bearer_auth(&worker).header("content-type", "application/json");
        let answer = runtime.block_on(put.body(body.clone()).send()).unwrap();
        assert_eq!(answer.version(), version);
        assert!(answer.status().is_success(), "{answer:?}");
        let get = runtime.block_on(client.get(&url).bearer_auth(&worker).send()).unwrap();
        assert_eq!((get.status().as_u16(), get.version()), (200, version));
        assert!(get.headers().contains_key("bailee-receipt"));
        assert_eq!(runtime.block_on(get.text()).unwrap(), body);
    }
    // A client that does not hear that the server wants to end would be waited for.
    drop(runtime);
    server.stop();
}

#[test]
fn a_configuration_is_read_and_unknown_keys_are_named() {
    let store = Store::init();
    let file = store.beside("bailee.toml");
    fs::write(&file, "lisen = \"127.0.0.1:0\"\n").unwrap();
    let mut command = store.command(&["--config", text(&file)], &[]);
    let refused = Server::start(&mut command, &store).err().unwrap();
    assert!(refused.contains("exit code Some(2)") && refused.contains("lisen"), "{refused}");
    fs::write(&file, "max_connections = 9\nanchor_seconds = 1\n").unwrap();
    store.serve_with(&["--config", text(&file)], &[]).stop();
    let none = Command::new(BAILEE).args(["serve", "--data", "/nowhere/at/all"]).output().unwrap();
    assert!(ends_with(&none, 3).contains("bailee init --data"));
}

#[test]
fn without_keys_a_store_verifies_as_far_as_that_goes() {
    let store = Store::init();
    let server = store.serve();
    let worker = server.acme();
    server.client(&worker).put(RECORD, b"1").expect(201);
    server.stop();
    let alone = store.beside("alone");
    copy_folder(&store.data, &alone);
    let report = json(&run(&["verify", text(&alone), "--json"]));
    assert_eq!(report["problems"], json!([]), "{report}");
    let unchecked = report["not_checked"].to_string();
    assert!(unchecked.contains("whether the newest entries are missing"), "{report}");
    assert!(unchecked.contains("records against their MACs"), "{report}");
    // It sees what needs no keys: the log was cut.
    let db = rusqlite::Connection::open(alone.join("bailee.db")).unwrap();
    let cut = "DELETE FROM entries WHERE row = (SELECT max(row) FROM entries)";
    assert_eq!(db.execute(cut, []).unwrap(), 1);
    drop(db);
    ends_with(&run(&["verify", text(&alone)]), 7);
}

#[test]
fn a_root_key_may_be_under_a_passphrase() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, keys) = (scratch.path().join("data"), scratch.path().join("data.keys"));
    let (right, wrong) = (scratch.path().join("right"), scratch.path().join("wrong"));
    fs::write(&right, "correct horse battery staple\n").unwrap();
    fs::write(&wrong, "another horse\n").unwrap();
    let line = ["init", "--data", text(&data), "--passphrase-file", text(&right), "--json"];
    let admin = json(&run(&line))["token"].as_str().unwrap().to_owned();
    let right = right.to_str().unwrap().to_owned();
    let store = Store { scratch, data, keys, admin };
    let without = Server::start(&mut store.command(&[], &[]), &store).err().unwrap();
    assert!(without.contains("--passphrase-file"), "{without}");
    let option = ["--passphrase-file", text(&wrong)];
    let refused = Server::start(&mut store.command(&option, &[]), &store).err().unwrap();
    assert!(refused.contains("gives no root key"), "{refused}");
    let server = store.serve_with(&["--passphrase-file", &right], &[]);
    server.administrator().get("/v1/people").expect(200);
    server.stop();
    let data = text(&store.data);
    ends_with(&run(&["verify", data, "--passphrase-file", &right]), 0);
    let kept = fs::read_to_string(store.keys.join("root.key")).unwrap();
    assert!(!kept.contains("horse"), "{kept}");
}

#[test]
fn every_register_has_its_commands() {
    let store = northwind();
    let server = store.serve();
    let house = House::full(&server);
    let lea = house.token("lea");
    for register in REGISTERS {
        let noun = register.command;
        let list = server.did(lea, &[noun, "list", "--json"]);
        let id = list["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{noun}: {list}"));
        let row = server.did(lea, &[noun, "show", id, "--json"]);
        assert_eq!(row["id"], id, "{noun}");
        assert!(row["state"]["word"].is_string(), "{noun}: {row}");
        let help = ends_with(&run(&[noun, "add", "--help"]), 0);
        assert!(help.contains(register.first), "{noun}: {help}");
    }
}

#[test]
fn the_demonstration_ends_by_itself() {
    let output = run(&["demo", "--once"]);
    let said = ends_with(&output, 0);
    for word in ["receipt", "refused", "verify", "after Mia ended the engagement", "be told by"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    // The board at the end: some obligations of each state, and each with its reason.
    let (_, board) = said.split_once("The fourteen measures").unwrap();
    for (mark, state) in [("✕", "failing"), ("?", "unproven"), ("■", "holding")] {
        let title = |line: &&str| line.trim().starts_with(mark) && line.ends_with(state);
        let mut rest = board.lines().skip_while(|line| !title(line));
        let count: usize = rest.next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(count > 0, "{state}: {board}");
        let reasons = rest.take_while(|line| !line.is_empty());
        let told = reasons.filter(|line| line.starts_with("     ") && !line.starts_with("      "));
        assert_eq!(told.count(), count, "{state}: {board}");
    }
}
