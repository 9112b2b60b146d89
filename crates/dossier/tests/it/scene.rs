//! An incident with everything that hangs on one, and names in several scripts.

use domain::incidents::file::{PackFile, TakeFile};
use domain::incidents::whole::{ReadWhole, Whole};
use domain::register::On;
use dossier::{Document, Packing};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use testkit::World;

pub struct Scene {
    pub world: World,
    pub rita: String,
    pub incident: String,
}

/// What somebody entered, in three scripts and in one that no font here has.
pub const NAMES: [&str; 4] = ["Zoë Müller", "Дмитрий Иванов", "漢字 太郎", "김철수"];
pub const HOSTILE: &str = "</title><script>alert(1)</script> & \"x\"";

impl Scene {
    pub fn new(seed: u64) -> Self {
        let world = World::memory(seed);
        let rita = world.person("rita", &["responder"]);
        let cora = world.person("cora", &["counsel"]);
        let opener = world.service("opener");
        world.grant("service:opener", "*", "*", &["open", "write"]);
        for name in ["acme", "beta"] {
            let account = world.account(&opener, name).unwrap();
            world.collection(&opener, &account, "cases").unwrap();
            world.put(&opener, (&account, "cases", "1"), "{}").unwrap();
        }
        let reader = world.service("report");
        world.grant("service:report", "*", "cases", &["read"]);
        for name in ["acme", "beta"] {
            let account = kernel::id::AccountId::parse(name).unwrap();
            world.get(&reader, (&account, "cases", "1")).unwrap();
        }
        let new = json!({"title": format!("Stolen token {HOSTILE}"), "class": "breach",
            "severity": 1, "source": "support"});
        let incident = id(&add(&world, &rita, "incidents", &new));
        let scene = Self { world, rita, incident };
        scene.fill(&cora);
        scene
    }

    fn fill(&self, cora: &str) {
        let it = self.incident.as_str();
        let triage = json!({"class": "breach", "severity": 1, "lead": "person:rita"});
        self.step("triage", &triage);
        for name in NAMES {
            self.step("note", &json!({"text": format!("{name} called; nothing in א so far")}));
            self.world.clock.advance(Duration::from_secs(600));
        }
        let scope = json!({"by": "service:report", "from": "2026-11-22T00:00:00Z",
            "to": "2026-11-23T00:00:00Z"});
        self.step("scope", &scope);
        for _ in 0..3 {
            self.world.kernel.tick(&domain::run_job).unwrap();
        }
        for account in ["acme", "beta"] {
            let verify = json!({"account": account, "harm": "access", "basis": "its log"});
            self.step("verify", &verify);
        }
        let task = json!({"title": "rotate the upstream secret", "owner": "person:rita",
            "required": true});
        self.step("task", &task);
        self.step("done", &json!({"task": 1, "outcome": "rotated at 03:12"}));
        let order = json!({"incident": it, "accounts": ["beta"], "authority": "law-enforcement",
            "agency": "Agency", "official": "O. Fficial", "contact": "+31 20 1",
            "jurisdiction": "NL", "written": true, "reference": "A-1",
            "statement": "Do not tell them.", "from": "2026-11-22", "to": "2026-11-25",
            "reason": "an open inquiry"});
        let hold = id(&add(&self.world, cora, "holds", &order));
        take(&self.world, &self.rita, ("holds", &hold, "confirm"), &json!({"reference": "A-1"}));
        self.world.clock.advance(Duration::from_secs(3 * 3600));
        let contact = json!({"account": "acme", "name": NAMES[2], "email": "a@acme.example",
            "kind": "security", "source": "order form"});
        let contact = id(&add(&self.world, &self.rita, "contacts", &contact));
        let how = json!({"how": "answered a letter"});
        take(&self.world, &self.rita, ("contacts", &contact, "verify"), &how);
        let notice = json!({"incident": it, "account": "acme", "contacts": [contact],
            "subject": "Notice {number}", "text": "Dear Αθηνά,\n{account}: {class}"});
        add(&self.world, &self.rita, "notices", &notice);
    }

    fn step(&self, verb: &str, stated: &Value) {
        take(&self.world, &self.rita, ("incidents", &self.incident, verb), stated);
    }

    pub fn whole(&self) -> Whole {
        let read = ReadWhole::new(&self.world.kernel, &self.incident).unwrap();
        self.world.run(&self.rita, read).unwrap().output
    }

    pub fn document(&self) -> Document {
        Document::of(&self.whole(), &"ab".repeat(32))
    }

    /// The package, as the faces make it.
    pub fn package(&self) -> Vec<u8> {
        let take = TakeFile::new(&self.world.kernel, &self.incident).unwrap();
        let taken = self.world.run(&self.rita, take).unwrap().output;
        let entry = taken.entry;
        let packing = Packing::of(taken).unwrap();
        let manifest = packing.manifest().to_owned();
        let pack = PackFile::new(&self.world.kernel, &self.incident, manifest, entry).unwrap();
        packing.zip(&self.world.run(&self.rita, pack).unwrap().output).unwrap()
    }
}

fn add(world: &World, token: &str, plural: &str, stated: &Value) -> Value {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let register = domain::registers::known(plural).unwrap();
    let target = On::New((number << 80 | number).to_be_bytes());
    let made = (register.add.make)(&world.kernel, target, stated.to_string().as_bytes());
    world.run(token, made.unwrap()).unwrap().output
}

fn take(world: &World, token: &str, (plural, id, verb): (&str, &str, &str), stated: &Value) {
    let register = domain::registers::known(plural).unwrap();
    let entry = register.steps.iter().find(|entry| entry.verb == verb).unwrap();
    let made = (entry.make)(&world.kernel, On::Row(id), stated.to_string().as_bytes());
    world.run(token, made.unwrap()).unwrap();
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}
