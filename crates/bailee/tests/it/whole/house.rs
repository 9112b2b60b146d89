//! A house with a row in every register, as `tests/fixtures/house.json` has it.

use super::support::{Server, Store, json, run, text};
use domain::register::Day;
use kernel::{Clock as _, Moment, SystemClock};
use serde_json::Value;
use std::collections::BTreeMap;

/// The account with a record and a member.
pub const ACCOUNT: &str = "northwind-traders";

/// A row in every register, in the order in which they can be: who, where to, and what.
const HOUSE: &str = include_str!("../../fixtures/house.json");

/// What was answered so far, by the names that the fixture gives.
pub struct House<'s> {
    server: &'s Server,
    tokens: BTreeMap<&'static str, String>,
    answers: BTreeMap<String, Value>,
}

impl<'s> House<'s> {
    /// With everything in it.
    pub fn full(server: &'s Server) -> Self {
        let tokens = BTreeMap::from([("admin", server.admin.clone())]);
        let mut house = Self { server, tokens, answers: BTreeMap::new() };
        house.account();
        house.people();
        house.fill();
        house.watched();
        house
    }

    /// What the server keeps by itself once somebody touched an account for the first time.
    fn watched(&self) {
        let record = format!("/v1/accounts/{ACCOUNT}/collections/tickets/records/T-1001");
        self.server.client(self.token("omar")).get(&record).expect(200);
        let mut lead = self.server.client(self.token("lea"));
        for register in ["access-uses", "acquaintances", "alerts", "coverages", "suspects"] {
            let path = format!("/v1/{register}");
            let mut seen = || !lead.get(&path).expect(200).json()["items"][0].is_null();
            // It takes as long as the next look of detection does.
            assert!((0..4000).any(|_| seen()), "{register}");
        }
    }

    /// Somebody's token.
    pub fn token(&self, who: &str) -> &str {
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
    pub fn link(&self, name: &str) -> String {
        let made = self.server.did(self.token("admin"), &["person", "invite", name, "--json"]);
        made["link"].as_str().unwrap().to_owned()
    }

    /// A link for the account's administrator.
    pub fn member(&self) -> String {
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
            let (method, kind) = method.split_once(' ').unwrap_or((method, ""));
            let mut client = self.server.client(self.token(who));
            let answer = match step[2].as_str() {
                // A text alone is what a file says.
                Some(text) => {
                    let file = connectors::pdf::write_text("Report", &[text.to_owned()]);
                    let kind = [("content-type", "application/pdf")];
                    client.ask(method, &path, &kind, Some(&file))
                }
                None if kind.is_empty() => client.ask(method, &path, &[], Some(body.as_bytes())),
                None => client.ask(method, &path, &[("content-type", kind)], Some(body.as_bytes())),
            };
            assert!([200, 201].contains(&answer.status), "{path} {body}: {}", answer.text());
            self.answers.insert(part(3).to_owned(), answer.json());
        }
    }

    /// A text in which `{day 3}` is a day, `{at -60}` a moment so many seconds from now, and
    /// `{name field}` what was answered; everything else stays.
    pub fn filled(&self, text: &str) -> String {
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
pub fn northwind() -> Store {
    let scratch = tempfile::tempdir().unwrap();
    let (data, keys) = (scratch.path().join("data"), scratch.path().join("data.keys"));
    let init = ["init", "--data", text(&data), "--provider", "northwind-desk", "--json"];
    let admin = json(&run(&init))["token"].as_str().unwrap().to_owned();
    Store { scratch, data, keys, admin }
}
