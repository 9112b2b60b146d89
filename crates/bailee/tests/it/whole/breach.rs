//! A breach from end to end, on the program as it is delivered: a stolen token, detection, a page,
//! the accounts and records affected, an order that holds one clock, three notices through Debian's
//! postfix, one that comes back, and a file that verifies. And the demonstration of the same.

use super::support::postfix::Postfix;
use super::support::{Client, Server, Store, ends_with, run, text};
use kernel::{Clock as _, Moment, SystemClock};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;

const ACCOUNTS: [&str; 5] = ["acme", "borealis", "cirrus", "delta", "echo"];

/// Records by account.
type Took = BTreeMap<String, BTreeSet<String>>;

/// The house of the story, and who acts in it.
struct Scene {
    store: Store,
    server: Server,
    tokens: BTreeMap<&'static str, String>,
}

impl Scene {
    fn new(relay: u16, lmtp: u16) -> Self {
        let store = Store::init();
        let config = store.beside("breach.toml");
        let file = format!(
            "anchor_seconds = 1\nweekly_test_page = false\n[detection]\ncanary_minutes = 0\n\
             [mail]\nhost = \"127.0.0.1\"\nport = {relay}\ntls = \"danger-none\"\n\
             from = \"security@example.com\"\nreturns = \"returns@example.com\"\n\
             bounces = \"127.0.0.1:{lmtp}\"\n"
        );
        fs::write(&config, file).unwrap();
        let server = store.serve_with(&["--config", text(&config)], &[]);
        let mut tokens = BTreeMap::new();
        for (name, roles) in [
            ("lea", "security-lead"),
            ("rita", "responder"),
            ("abe", "approver"),
            ("cora", "counsel"),
        ] {
            let create = ["person", "create", name, "--roles", roles, "--json"];
            let made = server.did(&store.admin, &create);
            tokens.insert(name, made["token"].as_str().unwrap().to_owned());
        }
        tokens.insert("desk", server.service("desk", "*", "read,write,open"));
        tokens.insert("import", server.service("import", "*", "read"));
        Self { store, server, tokens }
    }

    fn client(&self, who: &str) -> Client {
        self.server.client(&self.tokens[who])
    }

    fn post(&self, who: &str, path: &str, body: &Value) -> Value {
        let answer = self.client(who).post(&format!("/v1/{path}"), body.to_string().as_bytes());
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    }

    fn id(&self, who: &str, path: &str, body: &Value) -> String {
        self.post(who, path, body)["id"].as_str().unwrap().to_owned()
    }

    /// Asks until the answer is the one that is waited for.
    fn until<T>(&self, path: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
        let mut client = self.client("lea");
        let mut said = Value::Null;
        for _ in 0..20_000 {
            said = client.get(&format!("/v1/{path}")).expect(200).json();
            if let Some(found) = wanted(&said) {
                return found;
            }
        }
        panic!("{path} never said what was waited for: {said}");
    }

    fn word(&self, incident: &str, account: &str) -> String {
        let path = format!("/v1/breaches/{incident}.{account}");
        let row = self.client("lea").get(&path).expect(200).json();
        row["state"]["word"].as_str().unwrap().to_owned()
    }

    fn words(&self, incident: &str, all: [&str; 4]) {
        let found = ACCOUNTS[..4].iter().map(|account| self.word(incident, account));
        assert_eq!(found.collect::<Vec<_>>(), all);
    }

    /// Five accounts with fourteen records each, and somebody who is paged by letter.
    fn furnish(&self) {
        let mut desk = self.client("desk");
        for account in ACCOUNTS {
            self.post("desk", "accounts", &json!({"name": account}));
            desk.put(&format!("/v1/accounts/{account}/collections/tickets"), b"").expect(201);
            for nth in 0..14 {
                let path = format!("/v1/accounts/{account}/collections/tickets/records/T-{nth}");
                desk.put(&path, br#"{"secret":"a canary word"}"#).expect(201);
            }
        }
        let channel = json!({"person": "person:rita", "way": "email", "order": 1,
            "address": "rita@one.example"});
        self.post("rita", "channels", &channel);
        let ladder = json!({"name": "default", "last_resort": "person:lea",
            "steps": [{"target": "person:rita", "wait_minutes": 5}]});
        self.post("lea", "ladders", &ladder);
    }

    /// Forty records of three accounts one by one, and a fourth account by `bailee export`, all
    /// with a second token of the service; its own one goes on elsewhere. The token's id, and what
    /// was taken.
    fn theft(&self) -> (String, Took) {
        let issue = ["service", "token", "create", "import", "--json"];
        let made = self.server.did(&self.store.admin, &issue);
        let [token, id] = ["token", "token_id"].map(|name| made[name].as_str().unwrap());
        let (mut thief, mut took) = (self.server.client(token), Took::new());
        for (account, many) in [("acme", 14), ("borealis", 14), ("cirrus", 12)] {
            for nth in 0..many {
                let path = format!("/v1/accounts/{account}/collections/tickets/records/T-{nth}");
                thief.get(&path).expect(200);
                took.entry(account.to_owned()).or_default().insert(format!("T-{nth}"));
            }
        }
        let out = self.store.beside("loot");
        let export = ["export", "--account", "delta", "--out", text(&out), "--json"];
        assert_eq!(self.server.did(token, &export)["records"], 14);
        let loot = fs::read_to_string(out.join("records/tickets.ndjson")).unwrap();
        assert!(loot.contains("a canary word"), "it was downloaded");
        let line = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let ids = loot.lines().map(line).map(|one| one["id"].as_str().unwrap().to_owned());
        took.insert("delta".to_owned(), ids.collect());
        let own = "/v1/accounts/echo/collections/tickets/records/T-1";
        self.client("import").get(own).expect(200);
        (id.to_owned(), took)
    }

    /// The incident that began, whose page came as a letter and is acknowledged.
    fn paged(&self, postfix: &Postfix) -> String {
        let incident = self.until("alerts", |page| {
            let all = page["items"].as_array()?.iter();
            let mut own = all.filter(|one| one["about"] == "user.name=service:import");
            own.find_map(|one| one["incident"].as_str().map(str::to_owned))
        });
        let page = self.until("pages", |page| {
            let about = format!("incidents/{incident}");
            let mut all = page["items"].as_array()?.iter();
            let own = all.find(|one| one["about"] == about.as_str())?;
            own["tries"][0]["sent"].is_string().then(|| own["id"].as_str().unwrap().to_owned())
        });
        let letter = loop {
            if let [letter] = &postfix.letters("rita")[..] {
                break letter.clone();
            }
        };
        assert!(letter.contains(&page) && letter.contains(&incident), "{letter}");
        for hidden in ["service:import", "acme", "borealis", "cirrus", "delta"] {
            assert!(!letter.contains(hidden), "{hidden}: {letter}");
        }
        self.post("rita", &format!("pages/{page}:acknowledge"), &json!({}));
        incident
    }

    /// An order of law enforcement about one account, confirmed by a second person.
    fn hold(&self, incident: &str, account: &str) {
        let day = |days: u64| {
            let at = SystemClock.now().0 + days * 86_400_000_000;
            Moment(at).rfc3339()[..10].to_owned()
        };
        let order = json!({"incident": incident, "accounts": [account], "written": true,
            "authority": "law-enforcement", "agency": "State police", "official": "J. Doe",
            "contact": "the switchboard", "jurisdiction": "NL", "reference": "SP-17",
            "statement": "wait", "from": day(0), "to": day(20), "reason": "an arrest"});
        let hold = self.id("cora", "holds", &order);
        self.words(incident, ["running"; 4]);
        self.post("rita", &format!("holds/{hold}:confirm"), &json!({"reference": "SP-17"}));
    }

    /// A notice to this address, approved by two and sent.
    fn notice(&self, incident: &str, account: &str, email: &str) -> String {
        let new = json!({"account": account, "name": "Ada Ames", "email": email,
            "kind": "security", "source": "order form"});
        let contact = self.id("rita", "contacts", &new);
        let how = json!({"how": "called them back"});
        self.post("rita", &format!("contacts/{contact}:verify"), &how);
        let new = json!({"incident": incident, "account": account, "contacts": [contact],
            "subject": "Security notice {number}", "text": "{class} of {account}, {verified}"});
        let row = self.post("rita", "notices", &new);
        let notice = row["id"].as_str().unwrap().to_owned();
        for who in ["abe", "cora"] {
            let path = format!("notices/{notice}:approve");
            self.post(who, &path, &json!({"sha256": row["sha256"]}));
        }
        self.post("rita", &format!("notices/{notice}:send"), &json!({}));
        notice
    }
}

/// What `bailee affected` answers: records by account, all of them exact.
fn answered(told: &Value) -> Took {
    let accounts = told["answer"]["accounts"].as_array().unwrap().iter();
    let one = |one: &Value| {
        assert_eq!(one["certainty"], "exact", "{one}");
        let items = one["items"].as_array().unwrap().iter();
        let ids = items.map(|item| {
            assert_eq!(item["disclosed"], 1, "{one}");
            item["id"].as_str().unwrap().to_owned()
        });
        (one["account"].as_str().unwrap().to_owned(), ids.collect())
    };
    accounts.map(one).collect()
}

#[test]
fn a_breach_from_the_theft_of_a_token_to_the_file_that_verifies() {
    let lmtp = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(postfix) = Postfix::start(lmtp) else { return };
    postfix.ready();
    let scene = Scene::new(postfix.port, lmtp);
    scene.furnish();
    let before = Moment(SystemClock.now().0).rfc3339();
    let (token, took) = scene.theft();
    let incident = scene.paged(&postfix);
    let end = ["service", "token", "end", "import", &token, "--json"];
    scene.server.did(&scene.store.admin, &end);

    // Exactly the four accounts, and exactly the records.
    let (by, after) = (format!("token:{token}"), Moment(SystemClock.now().0).rfc3339());
    let ask = ["affected", "--by", &by, "--from", &before, "--to", &after, "--json"];
    let told = scene.server.did(&scene.tokens["rita"], &ask);
    assert_eq!(answered(&told), took, "{told}");
    let lists = |one: &Value| one["kinds"].to_string().contains("record.list");
    let marked: Vec<_> = told["answer"]["accounts"].as_array().unwrap().iter().map(lists).collect();
    assert_eq!(marked, [false, false, false, true], "the export, by the lists that wrote it");
    assert!(!told.to_string().contains("a canary word"), "ids, no bodies");
    let ask = json!({"by": by, "from": before, "to": after});
    scene.post("rita", &format!("incidents/{incident}:scope"), &ask);
    let found = scene.until("affected", |page| {
        let mut all = page["items"].as_array()?.iter();
        let own = all.find(|one| one["incident"] == incident.as_str())?;
        own["found"]["accounts"].as_array().cloned()
    });
    let names: Vec<_> = found.iter().map(|one| one["account"].as_str().unwrap()).collect();
    assert_eq!(names, ACCOUNTS[..4]);

    // A clock for each, of which an order stops one.
    for account in names {
        let how = json!({"account": account, "harm": "disclosure", "basis": "its log"});
        scene.post("rita", &format!("incidents/{incident}:verify"), &how);
    }
    scene.hold(&incident, "cirrus");
    scene.words(&incident, ["running", "running", "held", "running"]);

    // Three notices, of which one comes back.
    scene.notice(&incident, "acme", "ada@one.example");
    scene.notice(&incident, "delta", "wim@one.example");
    let lost = scene.notice(&incident, "borealis", "gone-4711@one.example");
    let row = scene.until(&format!("breaches/{incident}.borealis"), |row| {
        (row["state"]["word"] == "undelivered").then(|| row.clone())
    });
    assert_eq!(row["reopened"][0]["notice"], lost.as_str());
    for account in ["acme", "delta"] {
        scene.until(&format!("breaches/{incident}.{account}"), |row| {
            (row["state"]["word"] == "notified").then_some(())
        });
    }
    for (mailbox, account) in [("ada", "acme"), ("wim", "delta")] {
        let letter = loop {
            if let [letter] = &postfix.letters(mailbox)[..] {
                break letter.clone();
            }
        };
        let others = ACCOUNTS.iter().filter(|one| **one != account);
        assert!(letter.contains(account), "{letter}");
        assert!(!others.into_iter().any(|other| letter.contains(other)), "{letter}");
    }
    scene.words(&incident, ["notified", "undelivered", "held", "notified"]);

    // The file says all of it, and holds without the server.
    let file = scene.store.beside("incident.json");
    let export = ["incident", "export", &incident, "--out", text(&file)];
    ends_with(&scene.server.cli(&scene.tokens["lea"], &export), 0);
    scene.server.stop();
    ends_with(&run(&["verify", text(&file)]), 0);
    let whole = fs::read_to_string(&file).unwrap();
    for part in ["bounced", "SP-17", "undelivered", "gone-4711@one.example"] {
        assert!(whole.contains(part), "{part}");
    }
    fs::write(&file, whole.replace("gone-4711@", "here-4711@")).unwrap();
    ends_with(&run(&["verify", text(&file)]), 7);
    scene.store.verified();
}

#[test]
fn the_demonstration_of_a_breach_ends_by_itself() {
    let said = ends_with(&run(&["demo", "--breach", "--once"]), 0);
    for word in [
        "A service reads one account after another",
        "acknowledges page-",
        "401     thief",
        "wingtip-legal    11 records disclosed as lists, by the export",
        "held    tailspin-toys",
        "fabrikam-clinic  undelivered",
        "bailee verify incident.json",
        "4 accounts and 51 records, exactly those that were taken",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains("exact   adatum-foods"), "{said}");
}
