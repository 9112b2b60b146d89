//! Every page in Debian's Chromium: found by following links from the board over a house with a row
//! in every register, examined by axe-core in light and dark, wide and narrow; and the same without
//! scripts. Writes the pictures of the documentation on the way.

use super::support::receipts::tools;
use super::support::{Server, Store, json, run, skip_unless_all, text, workspace};
use domain::measures::MEASURES;
use domain::register::Day;
use domain::registers::REGISTERS;
use kernel::{Clock as _, Moment, SystemClock};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const CHROMIUM: &str = "/usr/bin/chromium";
const ACCOUNT: &str = "northwind-traders";

/// What `docs/console` shows: name, page, width, theme.
const SHOWN: [(&str, &str, u32, &str); 9] = [
    ("board", "/", 1440, "light"),
    ("board", "/", 360, "dark"),
    ("obligation", "/measures/E5.1", 1440, "dark"),
    ("add", "/vendors/new", 360, "dark"),
    ("register", "/vendors", 1440, "light"),
    ("row", "/systems/db-1", 1440, "light"),
    ("row", "/systems/db-1", 360, "light"),
    ("setup", "/setup", 1440, "light"),
    ("trust", "/trust", 1440, "light"),
];

/// A row in every register, in the order in which they can be: who, where to, and what.
const HOUSE: &str = include_str!("../../fixtures/house.json");

/// What was answered so far, by the names that the fixture gives.
struct House<'s> {
    server: &'s Server,
    tokens: BTreeMap<&'static str, String>,
    answers: BTreeMap<String, Value>,
}

impl<'s> House<'s> {
    fn new(server: &'s Server) -> Self {
        let tokens = BTreeMap::from([("admin", server.admin.clone())]);
        Self { server, tokens, answers: BTreeMap::new() }
    }

    fn token(&self, who: &str) -> &str {
        &self.tokens[who]
    }

    fn people(&mut self) {
        let every = "administrator,security-lead,vendor-manager,responder,auditor";
        let all = [("lea", every), ("max", "approver,counsel"), ("omar", "engineer")];
        for (name, roles) in all.into_iter().chain([("nell", "security-lead")]) {
            let create = ["person", "create", name, "--roles", roles, "--json"];
            let made = self.server.did(self.token("admin"), &create);
            self.tokens.insert(name, made["token"].as_str().unwrap().to_owned());
        }
    }

    /// An account with a record, and its administrator.
    fn account(&mut self) {
        let desk = self.server.service("desk", "*", "read,write,export,open");
        let mut client = self.server.client(&desk);
        client.post("/v1/accounts", br#"{"name":"Northwind Traders"}"#).expect(201);
        let collection = format!("/v1/accounts/{ACCOUNT}/collections/tickets");
        client.put(&collection, b"").expect(201);
        client.put(&format!("{collection}/records/T-1001"), br#"{"n":1}"#).expect(201);
        self.tokens.insert("desk", desk);
        let add = ["member", "add", "northwind-traders.ana", "--account", ACCOUNT];
        let rest = ["--full-name", "Ana Ames", "--email", "ana@northwind.example"];
        let part = ["--part", "administrator", "--json"];
        self.server.did(self.token("admin"), &[&add[..], &rest, &part].concat());
        let session = self.session(&self.member());
        self.tokens.insert("ana", session);
    }

    /// A link for somebody of the team, as a path.
    fn link(&self, name: &str) -> String {
        let made = self.server.did(self.token("admin"), &["person", "invite", name, "--json"]);
        made["link"].as_str().unwrap().to_owned()
    }

    /// A link for the account's administrator.
    fn member(&self) -> String {
        let path = "/v1/members/northwind-traders.ana/links";
        let made = self.server.administrator().post(path, b"").expect(201).json();
        made["link"].as_str().unwrap().to_owned()
    }

    /// The token of the session that a link begins.
    fn session(&self, link: &str) -> String {
        let body = link.strip_prefix("/sign-in?").unwrap();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let fields = [kind, ("sec-fetch-site", "same-origin")];
        let mut browser = self.server.client("");
        let began = browser.ask("POST", "/sign-in", &fields, Some(body.as_bytes())).expect(303);
        let cookie = began.field("set-cookie").unwrap();
        cookie.split(['=', ';']).nth(1).unwrap().to_owned()
    }

    /// Does what the fixture says.
    fn fill(&mut self) {
        let steps: Vec<Value> = serde_json::from_str(HOUSE).unwrap();
        for step in steps {
            let part = |at: usize| step[at].as_str().unwrap_or_default();
            let (who, path) = (part(0), self.filled(part(1)));
            let body = self.filled(&step[2].to_string());
            let method = if part(4).is_empty() { "POST" } else { part(4) };
            let mut client = self.server.client(self.token(who));
            let answer = match step[2].as_str() {
                // A text alone is what a file says.
                Some(text) => {
                    let file = connectors::pdf::write_text("Report", &[text.to_owned()]);
                    let kind = [("content-type", "application/pdf")];
                    client.ask(method, &path, &kind, Some(&file))
                }
                None => client.ask(method, &path, &[], Some(body.as_bytes())),
            };
            assert!([200, 201].contains(&answer.status), "{path} {body}: {}", answer.text());
            self.answers.insert(part(3).to_owned(), answer.json());
        }
    }

    /// A text in which `{day 3}` is a day, `{at -60}` a moment so many seconds from now, and
    /// `{name field}` what was answered; everything else stays.
    fn filled(&self, text: &str) -> String {
        let now = SystemClock.now().0;
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            out += before;
            let word = after.split_once('}').and_then(|(inner, _)| inner.split_once(' '));
            let value = word.and_then(|(name, what)| {
                let from_now = |unit: u64| {
                    let span = what.parse::<i64>().unwrap() * i64::try_from(unit).unwrap();
                    Moment(now.checked_add_signed(span).unwrap())
                };
                match name {
                    "day" => Some(Day::of(from_now(86_400_000_000)).to_string()),
                    "at" => Some(from_now(1_000_000).rfc3339()),
                    _ => Some(self.answers.get(name)?[what].as_str()?.to_owned()),
                }
            });
            match value {
                Some(value) => {
                    out += &value;
                    rest = after.split_once('}').unwrap().1;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out + rest
    }
}

/// A store whose provider has a name that pictures may show.
fn northwind() -> Store {
    let scratch = tempfile::tempdir().unwrap();
    let (data, keys) = (scratch.path().join("data"), scratch.path().join("data.keys"));
    let init = ["init", "--data", text(&data), "--provider", "northwind-desk", "--json"];
    let admin = json(&run(&init))["token"].as_str().unwrap().to_owned();
    Store { scratch, data, keys, admin }
}

/// What the browser saw, and what was wrong with it.
fn browse(task: &Value) -> (BTreeSet<String>, Vec<String>) {
    let mut node = Command::new("node")
        .arg(workspace().join("tests/foreign/browse.mjs"))
        .env("BAILEE_TOOLS", tools())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(task.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "the browser did not come to an end");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let texts = |name: &str| -> Vec<String> {
        let all = said[name].as_array().unwrap();
        all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    (texts("seen").into_iter().collect(), texts("problems"))
}

#[test]
fn every_page_is_fit_for_every_reader() {
    let there = |path: &Path| {
        let there = path.exists();
        if !there {
            skip_unless_all(&format!("`{}` is not installed: cargo xtask test", path.display()));
        }
        there
    };
    let modules = tools().join("node_modules");
    let all = [CHROMIUM.into(), modules.join("puppeteer-core"), modules.join("axe-core")];
    if !all.iter().all(|path| there(path)) {
        return;
    }
    let store = northwind();
    let server = store.serve();
    let mut house = House::new(&server);
    house.account();
    house.people();
    house.fill();
    let bless = std::env::var_os("BAILEE_BLESS").is_some_and(|value| value == "1");
    let kept = workspace().join("docs/console");
    let pictures = if bless { kept } else { store.beside("pictures") };
    let (seen, problems) = browse(&serde_json::json!({
        "url": server.url, "ca": server.ca, "chromium": CHROMIUM, "pictures": pictures,
        "team": house.link("lea"), "plain": house.link("nell"), "member": house.member(),
        "shown": SHOWN,
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
    for page in ["/", "/setup", "/trust", "/registers", "/help", "/account", "/systems/new"] {
        assert!(seen.contains(page), "{page} was not found: {seen:?}");
    }
    server.stop();
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
