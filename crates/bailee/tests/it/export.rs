//! Exports: the folder's files, what is checked on the way, and what is left behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::checkpoint::Checkpoint;
use ledger::entry::Draft;
use ledger::note::NoteSigner;
use ledger::tile::{TilePath, bundles_of, encode_entries, tiles_of};
use ledger::tree::{Batch, Frontier, leaf_hash};
use serde_json::{Value, json};

use crate::server::{Fate, Server};

const ORIGIN: &str = "example/1";

/// Enough entries for a full tile, its parent and a partial one.
const SIZE: u64 = 300;

/// The files of a log, by path.
fn log() -> BTreeMap<String, Vec<u8>> {
    let signer = NoteSigner::from_seed(&[9; 32]);
    let leaf = |index: u64| {
        let fields = [("actor", "service:import")];
        let (time, seed) = (1_767_225_600_000_000 + index, [3; 32]);
        let draft = Draft {
            log: ORIGIN,
            index,
            time,
            kind: "records.put",
            state: None,
            prev: None,
            seed: &seed,
            fields: &fields,
        };
        draft.leaf()
    };
    let leaves: Vec<Vec<u8>> = (0..SIZE).map(leaf).collect();
    let mut batch = Batch::new(Frontier::new());
    for leaf in &leaves {
        batch.push(leaf_hash(leaf));
    }
    let head = Checkpoint { origin: ORIGIN.to_owned(), size: SIZE, root: batch.root() };
    let mut files = BTreeMap::new();
    files.insert("checkpoint".to_owned(), head.sign(&signer).into_bytes());
    files.insert("vkey".to_owned(), signer.verifier(ORIGIN).unwrap().to_string().into_bytes());
    for tile in tiles_of(SIZE) {
        let first = tile.index * 256;
        let nodes = (first..first + u64::from(tile.width)).map(|n| batch.node(tile.level * 8, n));
        files.insert(tile.path(), nodes.flat_map(Option::unwrap).collect());
    }
    for (index, width) in bundles_of(SIZE) {
        let first = usize::try_from(index).unwrap() * 256;
        let entries = &leaves[first..first + usize::from(width)];
        files.insert(TilePath::Entries { index, width }.path(), encode_entries(entries).unwrap());
    }
    files
}

/// A server with an account `a` of two collections and a log.
fn server(files: BTreeMap<String, Vec<u8>>) -> Server {
    let server = Server::start();
    let files = Arc::new(files);
    server.decide(move |seen| {
        let path = seen.path.strip_prefix("/v1/accounts/a").unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if let Some(file) = path.strip_prefix("/ledger/").and_then(|name| files.get(name)) {
            return Fate::Says(200, Vec::new(), file.clone());
        }
        let record = |id: &str, value: &str| {
            let at = "2026-01-01T00:00:00Z";
            format!(
                r#"{{"id":"{id}","version":1,"at":"{at}","author":"service:x","value":{value}}}"#
            )
        };
        let page = |items: &[String], next: &str| {
            let text = format!("{{\"items\":[{}],\"next\":{next}}}", items.join(","));
            Fate::Says(200, Vec::new(), text.into_bytes())
        };
        match (path, query.contains("after=")) {
            ("", _) => {
                let vkey = String::from_utf8(files["vkey"].clone()).unwrap();
                Fate::json(200, &json!({"id": "a", "vkey": vkey}))
            }
            ("/collections", false) => page(&[r#"{"collection":"one"}"#.to_owned()], "\"c2\""),
            ("/collections", true) => page(&[r#"{"collection":"two"}"#.to_owned()], "null"),
            ("/collections/one/records", false) => {
                page(&[record("1", r#"{"a" :1.0}"#), record("2", "[\n]")], "\"p2\"")
            }
            ("/collections/one/records", true) => page(&[record("3", "\"é\"")], "null"),
            ("/collections/two/records", _) => page(&[], "null"),
            ("/ledger/entries", _) => entries(query),
            _ => Fate::problem(404, "no such path"),
        }
    });
    server
}

/// A page of entries; the opening of entry 5 was erased.
fn entries(query: &str) -> Fate {
    let number = |name: &str| -> u64 {
        query.split('&').find_map(|it| it.strip_prefix(name)).unwrap().parse().unwrap()
    };
    let from = number("from=");
    let item = |index: u64| {
        if index == 5 {
            return json!({"index": index, "leaf": ""});
        }
        let opening = json!({"actor": {"salt": "", "value": "service:import"}});
        json!({"index": index, "leaf": "", "opening": opening})
    };
    let items: Vec<Value> = (from..from + number("limit=").min(100)).map(item).collect();
    Fate::json(200, &json!({"items": items, "next": "x"}))
}

fn export(server: &Server, out: &Path, more: &[&str]) -> crate::program::Run {
    let args = ["export", "--account", "a", "--out", out.to_str().unwrap()];
    server.run(&[&args[..], more].concat())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_export_holds_records_and_a_log_that_verifies() {
    let files = log();
    let server = server(files.clone());
    let out = server.folder().join("out");
    let report = export(&server, &out, &["--json", "--purpose", "hand over"]).expect_code(0).json();
    assert_eq!(
        report,
        json!({"account": "a", "out": out, "collections": 2, "records": 3, "entries": SIZE,
            "openings": SIZE - 1})
    );
    assert_eq!(names(&out), ["checkpoint", "openings.ndjson", "records", "tile", "vkey"]);
    let rest = r#""version":1,"at":"2026-01-01T00:00:00Z","author":"service:x","#;
    assert_eq!(
        fs::read_to_string(out.join("records/one.ndjson")).unwrap(),
        format!(
            "{{\"id\":\"1\",{rest}\"value\":{{\"a\" :1.0}}}}\n\
             {{\"id\":\"2\",{rest}\"value_base64\":\"{}\"}}\n\
             {{\"id\":\"3\",{rest}\"value\":\"é\"}}\n",
            STANDARD.encode("[\n]")
        )
    );
    assert_eq!(fs::read(out.join("records/two.ndjson")).unwrap(), b"");
    let report = ledger::verify::verify_log(&mut |path| fs::read(out.join(path)).ok(), None);
    assert!(report.ok(), "{report}");
    for (path, bytes) in files.iter().filter(|(path, _)| path.as_str() != "vkey") {
        assert_eq!(&fs::read(out.join(path)).unwrap(), bytes, "{path}");
    }
    let openings = fs::read_to_string(out.join("openings.ndjson")).unwrap();
    let lines: Vec<Value> =
        openings.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, SIZE - 1);
    assert_eq!((&lines[4]["index"], &lines[5]["index"]), (&json!(4), &json!(6)));
    assert_eq!(lines[0]["opening"]["actor"]["value"], "service:import");
}

#[test]
fn the_head_is_fetched_after_the_records() {
    let server = server(log());
    export(&server, &server.folder().join("out"), &[]).expect_code(0);
    let asked = server.asked();
    let head = asked.iter().position(|it| it.ends_with("/ledger/checkpoint")).unwrap();
    let record = asked.iter().rposition(|it| it.contains("/records?")).unwrap();
    let opening = asked.iter().position(|it| it.contains("openings=true")).unwrap();
    assert!(record < head && head < opening, "{asked:?}");
}

#[test]
fn openings_that_are_refused_are_said_to_be_withheld() {
    let server = server(log());
    let out = server.folder().join("out");
    let mut usual = server.take_decision();
    server.decide(move |seen| {
        if seen.path.contains("openings=true") {
            return Fate::problem(403, "no right to openings");
        }
        usual(seen)
    });
    let run = export(&server, &out, &[]).expect_code(0);
    assert!(
        run.text().starts_with("exported 3 records of 2 collections and 300 entries of the log")
    );
    assert!(run.err.contains("withheld"), "{}", run.err);
    assert_eq!(names(&out), ["checkpoint", "records", "tile", "vkey"]);
}

#[test]
fn an_altered_log_is_7_and_nothing_is_left() {
    for path in ["tile/0/000", "tile/entries/001.p/44", "checkpoint"] {
        let mut files = log();
        let file = files.get_mut(path).unwrap();
        let place = file.len() / 2;
        file[place] ^= 1;
        let server = server(files);
        let before = names(server.folder());
        let run = export(&server, &server.folder().join("out"), &[]).expect_code(7);
        assert!(!run.err.is_empty());
        assert_eq!(names(server.folder()), before, "{path}");
    }
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let mut files = log();
    files.remove("tile/1/000.p/1");
    let server = server(files);
    let before = names(server.folder());
    export(&server, &server.folder().join("out"), &[]).expect_code(3);
    assert_eq!(names(server.folder()), before);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let server = server(log());
    let out = server.folder().join("out");
    fs::create_dir(&out).unwrap();
    export(&server, &out, &[]).expect_code(0);
    let asked = server.asked().len();
    let run = export(&server, &out, &[]).expect_code(2);
    assert!(run.err.contains("is not empty"), "{}", run.err);
    assert_eq!(server.asked().len(), asked);
}

#[cfg(unix)]
#[test]
fn service_data_is_its_owners_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = server(log());
    let out = server.folder().join("out");
    export(&server, &out, &[]).expect_code(0);
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o700);
}
