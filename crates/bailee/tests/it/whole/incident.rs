//! The file of an incident by the command line: taken out of the server, verified without it.

use super::inside::Inside;
use super::support::{ends_with, run, text};
use std::fs;

#[test]
fn the_file_of_an_incident_is_written_once_and_verifies_without_the_server() {
    let server = Inside::start(721);
    let lea = server.world.person("lea", &["security-lead"]);
    let add = ["incident", "add", "--title", "odd reads", "--class", "breach", "--severity", "2"];
    let row = server.did(&lea, &[&add[..], &["--source", "support", "--json"]].concat());
    let id = row["id"].as_str().unwrap();
    server.did(&lea, &["incident", "note", id, "--text", "called support", "--json"]);
    let (file, receipt) = (server.beside("incident.json"), server.beside("receipt.json"));
    let export = ["incident", "export", id, "--out", text(&file)];
    let said =
        ends_with(&server.cli(&lea, &[&export[..], &["--receipt", text(&receipt)]].concat()), 0);
    assert!(said.contains("check it with: bailee verify"), "{said}");
    ends_with(&server.cli(&lea, &export), 2);
    let none = server.beside("none.json");
    let nobody = ["incident", "export", "incident-none", "--out", text(&none)];
    ends_with(&server.cli(&lea, &nobody), 3);
    let worker = server.world.person("sue", &["support"]);
    let unseen = ["incident", "export", id, "--out", text(&none)];
    ends_with(&server.cli(&worker, &unseen), 4);
    assert!(!none.exists());

    let verified = ends_with(&run(&["verify", text(&file)]), 0);
    assert!(verified.contains("2 entries of that log carry it"), "{verified}");
    ends_with(&run(&["verify", text(&receipt)]), 0);
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, whole.replace("called support", "called nobody!")).unwrap();
    let refused = ends_with(&run(&["verify", text(&file)]), 7);
    assert!(refused.contains("WRONG        content"), "{refused}");
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let refused = ends_with(&run(&["verify", text(&file)]), 7);
    assert!(refused.contains("WRONG"), "{refused}");
}
