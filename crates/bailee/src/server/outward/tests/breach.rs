//! The path of a breach, whole: a token is misused; the log says whose data it touched; one account
//! is held by an order, two are told through a real relay, one too late; the file of the incident
//! is taken out and verified without the server.

use super::Scene;
use super::letters::{Browser, Server, link};
use crate::exit::Exit;
use crate::output::Output;
use crate::server::config::Config;
use crate::server::outward::{Means, Outbox, Outward};
use crate::server::verify;
use domain::incidents::file::TakeFile;
use kernel::id::AccountId;
use ledger::evidence::Evidence;
use ledger::verify::verify_evidence;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Handle;

const HOUR: Duration = Duration::from_secs(3600);

/// Who answers the incident, by their tokens.
struct Team {
    rita: String,
    ann: String,
    cora: String,
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// Three accounts with data, all read with one token of a service; answers that token's id.
fn misuse(scene: &Scene) -> String {
    let world = &scene.world;
    let thief = world.service("report");
    for name in ["acme", "beta", "gamma"] {
        let account = AccountId::parse(name).unwrap();
        if name != "acme" {
            world.account(&scene.worker, name).unwrap();
            world.collection(&scene.worker, &account, "cases").unwrap();
            world.put(&scene.worker, (&account, "cases", "x"), r#"{"n":1}"#).unwrap();
        }
        world.grant("service:report", name, "cases", &["read"]);
        world.get(&thief, (&account, "cases", "x")).unwrap();
    }
    world.kernel.identify(&thief).unwrap().credential
}

impl Scene {
    /// A verified contact of an account, and an approved notice to it, not yet sent.
    fn notice(&self, team: &Team, incident: &str, account: &str) -> String {
        let email = format!("ada@{account}.example");
        let new = json!({"account": account, "name": "Ada Ames", "email": email,
            "kind": "security", "source": "order form"});
        let contact = id(&self.add(&team.rita, "contacts", &new));
        let how = json!({"how": "answered a letter"});
        self.take(&team.rita, ("contacts", &contact, "verify"), &how);
        let new = json!({"incident": incident, "account": account, "contacts": [contact],
            "subject": "Security notice {number}", "text": "{class} of {account}, {verified}"});
        let row = self.add(&team.rita, "notices", &new);
        let read = json!({"sha256": row["sha256"]});
        for who in [&team.ann, &team.cora] {
            self.take(who, ("notices", &id(&row), "approve"), &read);
        }
        id(&row)
    }

    fn breach(&self, incident: &str, account: &str) -> Value {
        self.show("breaches", &format!("{incident}.{account}"))
    }

    fn warnings(&self, incident: &str, account: &str) -> Vec<u64> {
        let row = self.breach(incident, account);
        let all = row["warnings"].as_array().unwrap().iter();
        all.map(|one| one["percent"].as_u64().unwrap()).collect()
    }

    /// An order that holds the notice to an account, confirmed by a second person.
    fn hold(&self, team: &Team, incident: &str, account: &str) {
        let day = |hours: u32| {
            let at = self.world.kernel.now().after(HOUR * hours).rfc3339();
            at[..10].to_owned()
        };
        let order = json!({"incident": incident, "accounts": [account], "written": true,
            "authority": "law-enforcement", "agency": "State police", "official": "J. Doe",
            "contact": "the switchboard", "jurisdiction": "NL", "reference": "SP-17",
            "statement": "wait", "from": day(0), "to": day(20 * 24), "reason": "an arrest"});
        let hold = id(&self.add(&team.cora, "holds", &order));
        assert_eq!(self.breach(incident, account)["state"]["word"], "running", "asking is nothing");
        let seen = json!({"reference": "SP-17"});
        self.take(&team.rita, ("holds", &hold, "confirm"), &seen);
        assert_eq!(self.breach(incident, account)["state"]["word"], "held");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_of_a_breach_from_a_token_to_a_file_that_verifies() {
    let scene = Scene::new(708);
    let scratch = tempfile::tempdir().unwrap();
    let Some((mut server, mail)) = Server::start(scratch.path()) else { return };
    let [rita, ann, cora] = [("rita", "responder"), ("ann", "approver"), ("cora", "counsel")]
        .map(|(name, role)| scene.world.person(name, &[role]));
    let team = Team { rita, ann, cora };
    let public = Some("https://trust.example".to_owned());
    let config = Config { mail: Some(mail), public_url: public, ..Config::default() };
    let outward = Outward::new(Means::of(&config, Outbox::empty()).unwrap(), Handle::current());
    let token = misuse(&scene);

    let new = json!({"title": "a stolen token", "class": "breach", "severity": 1,
        "source": "support"});
    let it = id(&scene.add(&team.rita, "incidents", &new));
    let triage = json!({"class": "breach", "severity": 1, "lead": "person:rita"});
    scene.take(&team.rita, ("incidents", &it, "triage"), &triage);
    let scope = json!({"principal": "service:report", "credential": token,
        "from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z"});
    scene.take(&team.rita, ("incidents", &it, "scope"), &scope);
    scene.tick(&outward).await;
    let found = scene.show("affected", &format!("{it}.service.report.{token}"));
    let accounts = found["found"]["accounts"].as_array().unwrap().iter();
    let names: Vec<_> = accounts.map(|one| one["account"].as_str().unwrap()).collect();
    assert_eq!(names, ["acme", "beta", "gamma"], "{found}");
    for account in names {
        let verify = json!({"account": account, "harm": "access", "basis": "its log"});
        scene.take(&team.rita, ("incidents", &it, "verify"), &verify);
    }
    scene.hold(&team, &it, "gamma");

    let first = scene.notice(&team, &it, "acme");
    scene.take(&team.rita, ("notices", &first, "send"), &json!({}));
    scene.tick(&outward).await;
    let letter = server.next();
    assert_eq!(letter["recipients"], json!(["ada@acme.example"]));
    let (status, page) = Browser::new(&scene).press(&link(&letter)).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(scene.show("notices", &first)["state"]["word"], "acknowledged");

    let second = scene.notice(&team, &it, "beta");
    for (after, given) in
        [(11, &[][..]), (1, &[25]), (12, &[25, 50]), (12, &[25, 50, 75]), (8, &[25, 50, 75, 90])]
    {
        scene.world.clock.advance(HOUR * after);
        scene.tick(&outward).await;
        assert_eq!(scene.warnings(&it, "beta"), given);
    }
    scene.take_late(&team, &second, &outward).await;
    assert_eq!(server.next()["recipients"], json!(["ada@beta.example"]));
    assert_eq!(scene.warnings(&it, "beta"), [25, 50, 75, 90, 100], "a miss is noted");
    assert_eq!(scene.breach(&it, "beta")["state"]["word"], "notified-late");
    assert_eq!(scene.breach(&it, "acme")["state"]["word"], "notified");
    assert_eq!(scene.warnings(&it, "acme"), [0; 0], "whoever is told needs no warning");
    assert_eq!(scene.breach(&it, "gamma")["state"]["word"], "held");
    assert_eq!(scene.warnings(&it, "gamma"), [0; 0], "its clock stands");

    let take = TakeFile::new(&scene.world.kernel, &it).unwrap();
    let file = scene.world.run(&scene.lea, take).unwrap().output.json;
    holds(scratch.path(), &file, &it);
    breaks(&file);
}

impl Scene {
    /// Lets the deadline pass, and sends a notice after it.
    async fn take_late(&self, team: &Team, notice: &str, outward: &Outward) {
        self.world.clock.advance(HOUR * 5);
        self.tick(outward).await;
        self.take(&team.rita, ("notices", notice, "send"), &json!({}));
        self.tick(outward).await;
    }
}

/// The file is what an auditor needs, and `bailee verify` says so without the server.
fn holds(folder: &Path, file: &str, incident: &str) {
    let path = folder.join("incident.json");
    fs::write(&path, file).unwrap();
    let options = verify::Options { path, keys: None, passphrase_file: None };
    assert_eq!(verify::run(&options, Output { json: false }).unwrap(), Exit::Done);
    let evidence = Evidence::from_json(file).unwrap();
    let content: Value = serde_json::from_str(evidence.content).unwrap();
    assert_eq!(content["incident"]["id"], incident);
    for (part, count) in [("affected", 1), ("breaches", 3), ("holds", 1), ("notices", 2)] {
        assert_eq!(content[part].as_array().unwrap().len(), count, "{part}");
    }
    let attempts = &content["notices"][0]["receivers"][0]["attempts"];
    assert_eq!(attempts[0]["outcome"], "accepted", "every attempt is in it");
    let kinds: Vec<_> = evidence
        .entries
        .iter()
        .map(|receipt| ledger::entry::Leaf::parse(&receipt.leaf).unwrap().kind)
        .collect();
    for kind in ["incident.add", "incident.verify", "hold.confirm", "notice.acknowledge"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind} is not among {kinds:?}");
    }
    assert_eq!(kinds.iter().filter(|kind| *kind == "breach.warn").count(), 5);
}

/// Whatever byte is flipped, the file is refused, and the place is named.
fn breaks(file: &str) {
    let mut bytes = file.as_bytes().to_vec();
    for at in (0..bytes.len()).step_by(bytes.len() / 400) {
        bytes[at] ^= 1;
        let report = verify_evidence(&bytes, None);
        assert!(!report.ok(), "byte {at} of {}", bytes.len());
        bytes[at] ^= 1;
    }
    let place = |from: &str, to: &str| {
        let changed = file.replacen(from, to, 1);
        assert_ne!(changed, file);
        let report = verify_evidence(changed, None);
        report.problems.first().map(|problem| problem.what.clone()).unwrap()
    };
    assert_eq!(place("a stolen token", "a broken token"), "content");
    let end = file.rfind("\"leaf\":\"").unwrap() + 12;
    let last = Evidence::from_json(file).unwrap().entries.pop().unwrap().proof.index;
    bytes[end] ^= 1;
    let report = verify_evidence(&bytes, None);
    let what = &report.problems.first().unwrap().what;
    assert!(what.starts_with(&format!("entry {last}")) || what == "evidence", "{what}");
    let one = file.rfind(",{\"format\":\"bailee-receipt/v1\"").unwrap();
    let without = format!("{}]}}", &file[..one]);
    let report = verify_evidence(without, None);
    assert!(report.problems.iter().any(|problem| problem.why.contains(&format!("entry {last}"))));
}
