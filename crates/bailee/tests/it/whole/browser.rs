//! Every page in Debian's Chromium: found by following links from the board over a house with a row
//! in every register, examined by axe-core in light and dark, wide and narrow; and the same without
//! scripts. Writes the pictures of the documentation on the way.

use super::house::{House, northwind};
use super::support::receipts::tools;
use super::support::{Server, Store, skip_unless_all, text, workspace};
use domain::measures::MEASURES;
use domain::registers::REGISTERS;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const CHROMIUM: &str = "/usr/bin/chromium";

/// What `docs/console` shows: name, page, width, theme.
const SHOWN: [(&str, &str, u32, &str); 11] = [
    ("board", "/", 1440, "light"),
    ("board", "/", 360, "dark"),
    ("obligation", "/measures/E5.1", 1440, "dark"),
    ("add", "/vendors/new", 360, "dark"),
    ("register", "/vendors", 1440, "light"),
    ("row", "/systems/db-1", 1440, "light"),
    ("row", "/systems/db-1", 360, "light"),
    ("setup", "/setup", 1440, "light"),
    ("trust", "/trust", 1440, "light"),
    ("incident", "/incidents/{incident id}", 1440, "light"),
    ("incident", "/incidents/{incident id}", 360, "dark"),
];

/// What a browser did that this script of `tests/foreign` drives.
pub fn driven(script: &str, task: &Value) -> Value {
    let mut node = Command::new("node")
        .arg(workspace().join("tests/foreign").join(script))
        .env("BAILEE_TOOLS", tools())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(task.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "the browser did not come to an end");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the browser saw, and what was wrong with it.
fn browse(task: &Value) -> (BTreeSet<String>, Vec<String>) {
    let said = driven("browse.mjs", task);
    let texts = |name: &str| -> Vec<String> {
        let all = said[name].as_array().unwrap();
        all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    (texts("seen").into_iter().collect(), texts("problems"))
}

/// The page in the package of this incident, beside the store.
fn page_of_the_package(store: &Store, (server, lead): (&Server, &str), room: &str) -> PathBuf {
    let id = room.rsplit('/').next().unwrap();
    let (zip, folder) = (store.beside("incident.zip"), store.beside("package"));
    let package = format!("/v1/incidents/{id}/package");
    let answer = server.client(lead).get(&package).expect(200);
    fs::write(&zip, &answer.body).unwrap();
    let unpack = ["-m", "zipfile", "-e", text(&zip), text(&folder)];
    assert!(Command::new("python3").args(unpack).status().unwrap().success());
    folder.join(format!("{id}.html"))
}

/// Whether the browser is there, and what drives it.
pub fn installed() -> bool {
    let there = |path: &Path| {
        let there = path.exists();
        if !there {
            skip_unless_all(&format!("`{}` is not installed: cargo xtask test", path.display()));
        }
        there
    };
    let modules = tools().join("node_modules");
    let all = [CHROMIUM.into(), modules.join("puppeteer-core"), modules.join("axe-core")];
    all.iter().all(|path| there(path))
}

#[test]
fn every_page_is_fit_for_every_reader() {
    if !installed() {
        return;
    }
    let store = northwind();
    let server = store.serve();
    let house = House::full(&server);
    let bless = std::env::var_os("BAILEE_BLESS").is_some_and(|value| value == "1");
    let kept = workspace().join("docs/console");
    let pictures = if bless { kept } else { store.beside("pictures") };
    let room = house.filled("/incidents/{incident id}");
    let file = page_of_the_package(&store, (&server, house.token("lea")), &room);
    let (seen, problems) = browse(&json!({
        "url": server.url, "ca": server.ca, "chromium": CHROMIUM, "pictures": pictures,
        "room": room, "file": file,
        "team": house.link("lea"), "plain": house.link("nell"), "member": house.member(),
        "shown": SHOWN.map(|(name, page, width, theme)| (name, house.filled(page), width, theme)),
    }));
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    let older = ["people", "services", "grants", "accounts"];
    for plural in REGISTERS.iter().map(|one| one.plural).chain(older) {
        let row = format!("/{plural}/");
        let rows = seen.iter().filter(|page| page.starts_with(&row) && !page.ends_with("/new"));
        assert!(seen.contains(&format!("/{plural}")), "the list of {plural} was not found");
        assert!(rows.count() > 0, "no row of {plural} was found: the house has to have one");
    }
    for one in MEASURES.iter().flat_map(|measure| measure.obligations) {
        assert!(seen.contains(&format!("/measures/{}", one.id)), "{} was not found", one.id);
    }
    for page in
        ["/", "/setup", "/trust", "/registers", "/policy", "/help", "/account", "/systems/new"]
    {
        assert!(seen.contains(page), "{page} was not found: {seen:?}");
    }
    server.stop();
}

#[test]
fn the_pager_sounds_when_somebody_is_paged_and_is_silent_once_it_is_answered() {
    if !installed() {
        return;
    }
    let store = Store::init();
    let server = store.serve();
    let create = ["person", "create", "rita", "--roles", "responder", "--json"];
    let rita = server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned();
    let way = json!({"person": "person:rita", "way": "page", "order": 1}).to_string();
    server.client(&rita).post("/v1/channels", way.as_bytes()).expect(201);
    let invited = server.did(&server.admin, &["person", "invite", "rita", "--json"]);
    let mut node = Command::new("node")
        .arg(workspace().join("tests/foreign/pager.mjs"))
        .env("BAILEE_TOOLS", tools())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap());
    let stdin = node.stdin.take().unwrap();
    let go = |line: &str| writeln!(&stdin, "{line}").unwrap();
    let mut said = |step: &str| -> Value {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect("the browser did not come so far");
        assert_eq!((&said["step"], &said["errors"]), (&json!(step), &json!([])), "{said}");
        said
    };
    let task = json!({"url": server.url, "ca": server.ca, "chromium": CHROMIUM,
        "link": invited["link"]});
    go(&task.to_string());
    let pressed = said("pressed");
    assert_eq!((&pressed["tones"], &pressed["open"]), (&json!(0), &json!("0")), "{pressed}");
    assert_eq!(pressed["contexts"], json!(["running"]));
    let new = json!({"title": "many logins fail", "severity": "high"}).to_string();
    let page = server.client(&rita).post("/v1/pages", new.as_bytes()).expect(201).json();
    go("raised");
    let sounded = said("sounded");
    assert!(sounded["text"].as_str().unwrap().contains("many logins fail"), "{sounded}");
    assert_eq!(sounded["contexts"], json!(["running"]), "the one that the press allowed");
    assert_eq!(sounded["tones"], 3, "once for one look: {sounded}");
    go("answer it");
    let silent = said("silent");
    let path = format!("/v1/pages/{}", page["id"].as_str().unwrap());
    let answered = server.client(&rita).get(&path).expect(200).json();
    assert_eq!(answered["state"]["word"], "acknowledged", "{answered}");
    assert_eq!(silent["contexts"], json!(["running"]), "the next page sounds too");
    assert_eq!(silent["tones"], silent["before"]["tones"], "{silent}");
    assert!(silent["text"].as_str().unwrap().contains("Nobody is paged."), "{silent}");
    drop(stdin);
    assert!(node.wait().unwrap().success());
    server.stop();
}

#[test]
fn a_passkey_is_made_signs_in_and_signs_what_is_approved() {
    if !installed() {
        return;
    }
    let store = Store::init();
    let server = store.serve();
    server.acme();
    let person = |name: &str, role: &str| {
        let create = ["person", "create", name, "--roles", role, "--json"];
        server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned()
    };
    let (eve, abe) = (person("eve", "engineer"), person("abe", "approver"));
    let ask = ["request", "--account", "acme", "--collection", "cases", "--verbs", "read"];
    let rest = ["--purpose", "half a page", "--reference", "T-7", "--for", "1h", "--json"];
    let asked = server.did(&eve, &[&ask[..], &rest].concat());
    let id = asked["id"].as_str().unwrap();
    let invited = server.did(&server.admin, &["person", "invite", "abe", "--json"]);
    // Passkeys belong to a domain; this machine has one.
    let url = server.url.replace("127.0.0.1", "localhost");
    let task = json!({"url": url, "ca": server.ca, "chromium": CHROMIUM, "link": invited["link"],
        "request": format!("/access-requests/{id}")});
    let said = driven("passkeys.mjs", &task);
    let has = |step: &str, text: &str| {
        assert!(said[step].as_str().unwrap().contains(text), "{step}: {said:#}");
    };
    assert_eq!((&said["errors"], &said["site"]), (&json!([]), &json!(["localhost"])), "{said:#}");
    has("made", "Recovery codes left: 8");
    has("made", "laptop");
    has("locked", "Nothing was sent");
    has("signedIn", "Approver");
    has("approved", "approved");
    has("again", "used already");

    let row = server.did(&abe, &["request", "show", id, "--json"]);
    let signed = &row["approvals"][0]["signed"];
    assert_eq!(row["state"]["word"], "approved");
    assert_eq!(signed["challenge"], asked["challenge"]);
    // Whoever has a passkey is not asked for less elsewhere.
    let again = server.did(&eve, &[&ask[..], &rest].concat());
    let unsigned = server.cli(&abe, &["approve", again["id"].as_str().unwrap()]);
    let unsigned = super::support::ends_with(&unsigned, 1);
    assert!(unsigned.contains("you have a passkey"), "{unsigned}");
    let link = server.cli(&server.admin, &["person", "invite", "abe"]);
    let link = super::support::ends_with(&link, 5);
    assert!(link.contains("signs in with a passkey"), "{link}");
    server.stop();
}

/// A certificate as authorities are named, from its bytes.
fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap());
    let lines: Vec<&str> = lines.collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The certificate in a statement of `packed`: the first one of its list.
fn certificate(statement: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&statement[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..statement.len()).step_by(2).map(byte).collect();
    let list = bytes.windows(3).position(|part| part == b"x5c").unwrap();
    let rest = &bytes[list + 3..];
    let begin = rest.windows(2).position(|part| part == [0x30, 0x82]).unwrap();
    let length = usize::from(u16::from_be_bytes([rest[begin + 2], rest[begin + 3]]));
    rest[begin..begin + 4 + length].to_vec()
}

#[test]
fn an_administrators_passkey_is_of_a_maker_that_is_named() {
    if !installed() {
        return;
    }
    let store = Store::init();
    let (makers, config) = (store.beside("makers.pem"), store.beside("bailee.toml"));
    fs::write(&config, format!("[passkeys]\nmakers = {:?}\n", makers.display())).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["maker".to_owned()]).unwrap();
    fs::write(&makers, other.cert.pem()).unwrap();
    let make = |first: bool| {
        let server = store.serve_with(&["--config", text(&config)], &[]);
        if first {
            server.did(
                &server.admin,
                &["person", "create", "ada", "--roles", "administrator", "--json"],
            );
        }
        let invited = server.did(&server.admin, &["person", "invite", "ada", "--json"]);
        let url = server.url.replace("127.0.0.1", "localhost");
        let task = json!({"url": url, "ca": server.ca, "chromium": CHROMIUM,
            "link": invited["link"]});
        let said = driven("attested.mjs", &task);
        server.stop();
        assert_eq!(said["errors"], json!([]), "{said:#}");
        said
    };
    let said = make(true);
    let told = |said: &Value, step: &str| said[step].as_str().unwrap().to_owned();
    assert!(told(&said, "page").contains("a maker that is named here"), "{said:#}");
    assert!(told(&said, "made").contains("no maker that is believed"), "{said:#}");
    fs::write(&makers, pem(&certificate(&told(&said, "statement")))).unwrap();
    let said = make(false);
    assert!(told(&said, "made").contains("The passkey is made."), "{said:#}");
    assert!(told(&said, "made").contains("vouched for"), "{said:#}");
}

/// What is kept in the repository for good stays small, and says what it shows.
#[test]
fn the_pictures_of_the_console_are_small_and_named() {
    let folder = workspace().join("docs/console");
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let pictures: Vec<_> = names.filter(|path| path.extension() == Some("png".as_ref())).collect();
    assert!(pictures.len() >= SHOWN.len(), "make them with BAILEE_BLESS=1: {pictures:?}");
    for path in pictures {
        let (name, size) = (path.file_name().unwrap(), fs::metadata(&path).unwrap().len());
        assert!(size <= 60_000, "{}: {size} bytes", path.display());
        assert!(page.contains(&format!("({})", text(name.as_ref()))), "{}", path.display());
    }
}
