//! What rules are told of things as they are: a kernel that works, a clock set by hand, and our own
//! pack.

use super::{Watching, rules};
use connectors::places::Places;
use domain::detections::Alert;
use domain::detections::coverage::Look;
use domain::register::{Kept, On};
use domain::registers::{House, known, survey};
use domain::signals::{Signal, TakeSignals};
use kernel::Asked;
use kernel::id::{AccountId, Name, RecordId};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use testkit::World;

/// A world that is watched.
pub struct Watched {
    pub world: World,
    pub watching: Watching,
}

impl Watched {
    pub fn new(seed: u64) -> Self {
        let (rules, problems) = rules(None).unwrap();
        let watching = Watching::new(rules, problems, 30, None);
        let watched = Self { world: World::memory(seed), watching };
        watched.tick();
        watched
    }

    /// One tick, which gives the right to work, and a look at the registers as they are.
    pub fn tick(&self) {
        let ticked = self.world.kernel.tick(&|kernel, job, right| {
            if let Some(right) = right.again() {
                self.watching.allow(right);
            }
            domain::run_job(kernel, job, right)
        });
        ticked.unwrap();
        let until = self.world.kernel.commit(None).unwrap().last;
        self.watching.show(&self.house(), until);
    }

    fn house(&self) -> House {
        let kernel = &self.world.kernel;
        let look = Look::new(survey(kernel).unwrap());
        self.watching.right().unwrap().ask(kernel, look).unwrap()
    }

    /// Evaluates everything that there is; titles and suspects of the alerts so far.
    pub fn alerts(&self) -> Vec<(String, String)> {
        while self.watching.round(&self.world.kernel).unwrap() {}
        // What the server noticed by itself in that round is evaluated in the next one.
        while self.watching.round(&self.world.kernel).unwrap() {}
        let house = self.house();
        let all = house.all::<Alert>().iter();
        let one = |kept: &Kept<Alert>| (kept.row.title.clone(), kept.row.about.clone());
        all.map(one).collect()
    }

    pub fn add(&self, token: &str, plural: &str, stated: &Value) -> Value {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let random = (u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 80).to_be_bytes();
        let make = known(plural).unwrap().add.make;
        let made = make(&self.world.kernel, On::New(random), stated.to_string().as_bytes());
        self.world.run(token, made.unwrap()).unwrap().output
    }

    fn take(&self, token: &str, (plural, id, verb): (&str, &str, &str), stated: &Value) {
        let steps = known(plural).unwrap().steps;
        let make = steps.iter().find(|step| step.verb == verb).unwrap().make;
        let made = make(&self.world.kernel, On::Row(id), stated.to_string().as_bytes());
        self.world.run(token, made.unwrap()).unwrap();
    }

    /// What a source tells now, as the receivers keep it.
    fn hear(&self, source: &str, (product, service): (&str, &str), fields: &Value) {
        let now = self.world.kernel.now().0;
        let signal = Signal {
            received: now,
            source: source.to_owned(),
            transport: "tls".to_owned(),
            product: Some(product.to_owned()),
            service: Some(service.to_owned()),
            fields: fields.as_object().unwrap().clone(),
            ..Signal::default()
        };
        let keep = TakeSignals::new(&[signal]).unwrap();
        self.watching.right().unwrap().ask(&self.world.kernel, keep).unwrap();
    }

    fn minutes(&self, count: u64) {
        self.world.clock.advance(Duration::from_secs(60 * count));
        self.tick();
    }

    /// Whom alerts of this title are about.
    fn about(&self, title: &str) -> Vec<String> {
        let all = self.alerts().into_iter().filter(|(one, _)| one == title);
        all.map(|(_, about)| about).collect()
    }

    /// Reads a record from an address.
    fn reads_from(&self, token: &str, address: &str) {
        let account = AccountId::parse("acme").unwrap();
        let place = self.world.place(&account, "cases");
        let asked =
            Asked { source: Some(address.parse().unwrap()), ..self.world.asked(token).unwrap() };
        let id = RecordId::parse("x").unwrap();
        let whole = domain::data::Condition::None;
        let get = domain::data::GetRecord::new(&self.world.kernel, place, &id, None, whole);
        let get = get.unwrap();
        self.world.kernel.run(asked, get).unwrap();
    }
}

#[test]
fn a_source_that_is_silent_is_told_once_and_one_that_speaks_is_not() {
    let watched = Watched::new(921);
    let lea = watched.world.person("lea", &["security-lead"]);
    for (name, minutes) in [("web", Some(5)), ("db", Some(5)), ("door", None)] {
        let source = json!({"name": name, "what": "its log", "kind": "syslog",
            "peers": [format!("192.0.2.{}", name.len())], "silent_minutes": minutes});
        watched.add(&lea, "sources", &source);
    }
    watched.tick();
    let speaks = |source: &str| {
        watched.hear(source, ("linux", "sshd"), &json!({"message": "still here"}));
    };
    let silent = || watched.about("A source of logs is silent");
    speaks("web");
    for _ in 0..4 {
        watched.minutes(2);
        speaks("db");
        drop(watched.alerts());
    }
    assert_eq!(silent(), ["bailee.source=web"]);
    // Hours later it is still the same silence.
    for _ in 0..60 {
        watched.minutes(2);
        speaks("db");
    }
    assert_eq!(silent(), ["bailee.source=web"]);
    // It speaks, and is silent again: that is another one.
    speaks("web");
    drop(watched.alerts());
    for _ in 0..4 {
        watched.minutes(2);
        speaks("db");
        drop(watched.alerts());
    }
    assert_eq!(silent(), ["bailee.source=web", "bailee.source=web"]);
}

#[test]
fn an_import_of_many_accounts_is_not_evaluated_account_by_account() {
    let watched = Watched::new(926);
    let desk = watched.world.service("desk");
    watched.world.grant("service:desk", "*", "*", &["open", "write"]);
    drop(watched.alerts());
    let opens = |name: String| {
        let account = watched.world.account(&desk, &name).unwrap();
        watched.world.collection(&desk, &account, "cases").unwrap();
        watched.world.put(&desk, (&account, "cases", "x"), "{}").unwrap();
        watched.world.kernel.slot(&account).unwrap()
    };
    let rounds = || {
        let more = || watched.watching.round(&watched.world.kernel).unwrap();
        1 + std::iter::repeat_with(more).take_while(|more| *more).count()
    };
    let slots: Vec<_> = (0..40).map(|number| opens(format!("acme-{number}"))).collect();
    assert_eq!(rounds(), 1);
    let name = |slot: u64| watched.watching.known().unwrap().account(slot);
    assert_eq!(name(slots[7]), "acme-7", "an account is known by the entry that made it");
    // A new service ends a round; what follows it is evaluated by what is known then, once.
    for number in 0..20 {
        watched.world.service(&format!("desk-{number}"));
        opens(format!("late-{number}"));
    }
    assert_eq!(rounds(), 2);
    assert_eq!(rounds(), 1);
    assert_eq!(name(slots[7]), "acme-7");
}

#[test]
fn nobody_is_silent_for_longer_than_the_server_listens() {
    let watched = Watched::new(922);
    let lea = watched.world.person("lea", &["security-lead"]);
    let source = json!({"name": "web", "what": "its log", "kind": "syslog",
        "peers": ["192.0.2.3"], "silent_minutes": 5});
    watched.add(&lea, "sources", &source);
    drop(watched.alerts());
    // The server was down for an hour, and so was whoever listens.
    let (rules, problems) = rules(None).unwrap();
    watched.world.clock.advance(Duration::from_secs(3600));
    let again = Watched { watching: Watching::new(rules, problems, 30, None), ..watched };
    again.tick();
    assert_eq!(again.about("A source of logs is silent"), [""; 0]);
    again.minutes(6);
    assert_eq!(again.about("A source of logs is silent"), ["bailee.source=web"]);
}

#[test]
fn the_credential_of_the_first_hour_is_quiet_as_long_as_it_is_the_only_one() {
    let watched = Watched::new(923);
    let title = "The credential of the first hour was used";
    let service = watched.world.service("worker");
    watched.world.grant("service:worker", "*", "*", &["open", "write", "read"]);
    // What rests on a grant that the only administrator gave to themselves is another matter.
    let account = watched.world.account(&service, "acme").unwrap();
    watched.world.collection(&service, &account, "cases").unwrap();
    assert_eq!(watched.about(title), [""; 0], "a fresh house is quiet");
    let lea = watched.world.person("lea", &["administrator"]);
    watched.minutes(1);
    let create = domain::people::CreatePerson::new(
        &watched.world.kernel,
        "sam",
        None,
        None,
        vec!["support".to_owned()],
    );
    watched.world.run(&lea, create.unwrap()).unwrap();
    assert_eq!(watched.about(title), [""; 0], "somebody else administers");
    watched.world.person("tom", &["support"]);
    assert_eq!(watched.about(title), ["user.name=person:admin"]);
}

#[test]
fn the_badge_of_somebody_who_left_is_told_and_that_of_a_colleague_is_not() {
    let watched = Watched::new(924);
    let title = "The badge of somebody who left was used";
    let lea = watched.world.person("lea", &["security-lead", "vendor-manager"]);
    for name in ["sam", "tom", "uma"] {
        watched.world.person(name, &["support"]);
    }
    for name in ["sam", "tom"] {
        let end =
            domain::people::EndPerson::new(&watched.world.kernel, &Name::parse(name).unwrap())
                .unwrap();
        watched.world.run(&watched.world.admin, end).unwrap();
    }
    watched.minutes(1);
    let door = |person: &str, told: &Value| {
        let mut fields = json!({"event.action": "badge", "user.name": person});
        fields.as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
        watched.hear("doors", ("bailee", "badges"), &fields);
    };
    door("sam", &json!({"event.outcome": "failure"}));
    // What a source says of it does not count.
    door("uma", &json!({"bailee.left": true}));
    assert_eq!(watched.about(title), ["user.name=sam"]);
    // The same from a log that somebody imports for an area.
    let site =
        json!({"name": "fra", "sub_processor": "own", "address": "Frankfurt", "kind": "own"});
    watched.add(&lea, "sites", &site);
    let area = json!({"name": "cage", "site": "fra", "purpose": "racks"});
    watched.add(&lea, "areas", &area);
    let now = watched.world.kernel.now().rfc3339();
    let events = json!({"events": [format!("{now},tom,no"), format!("{now},uma,no")]});
    watched.minutes(1);
    watched.take(&lea, ("areas", "cage", "badges"), &events);
    assert_eq!(watched.about(title), ["user.name=sam", "user.name=tom"]);
}

#[test]
fn one_person_in_two_places_is_told_where_the_places_are_known() {
    let watched = Watched::new(925);
    let table = b"192.0.2.0/25,Berlin\n192.0.2.128/25,Lima\n";
    watched.watching.place(Arc::new(Places::read(table).unwrap()));
    let desk = watched.world.service("desk");
    watched.world.grant("service:desk", "*", "*", &["open", "write"]);
    let account = watched.world.account(&desk, "acme").unwrap();
    watched.world.collection(&desk, &account, "cases").unwrap();
    watched.world.put(&desk, (&account, "cases", "x"), "{}").unwrap();
    let [eve, sam] = ["eve", "sam"].map(|name| {
        let token = watched.world.person(name, &["support"]);
        watched.world.grant(&format!("person:{name}"), "acme", "cases", &["read"]);
        token
    });
    // Two addresses of one place, and one that the table does not have.
    for address in ["192.0.2.1", "192.0.2.100", "203.0.113.9"] {
        watched.reads_from(&sam, address);
    }
    watched.reads_from(&eve, "192.0.2.1");
    watched.minutes(10);
    watched.reads_from(&eve, "192.0.2.200");
    assert_eq!(watched.about("One person in two places"), ["user.name=person:eve"]);
}

#[test]
fn of_several_nodes_the_one_whose_turn_it_is_tells_and_the_next_goes_on() {
    let one = Watched::new(927);
    let World { kernel, clock, admin } = &one.world;
    let world = World { kernel: kernel.clone(), clock: Arc::clone(clock), admin: admin.clone() };
    let (rules, problems) = rules(None).unwrap();
    let two = Watched { world, watching: Watching::new(rules, problems, 30, None) };
    two.watching.lead(None);
    two.tick();
    for name in ["sam", "tom", "uma"] {
        one.world.person(name, &["support"]);
        let end = domain::people::EndPerson::new(kernel, &Name::parse(name).unwrap());
        one.world.run(admin, end.unwrap()).unwrap();
    }
    let both = || (one.minutes(1), two.tick());
    both();
    let title = "The badge of somebody who left was used";
    let told = |of: &Watched| of.about(title);
    let door = |person: &str| {
        let fields =
            json!({"event.action": "badge", "user.name": person, "event.outcome": "failure"});
        one.hear("doors", ("bailee", "badges"), &fields);
    };
    let entries = || kernel.head(kernel::HOUSE).unwrap().size;
    door("sam");
    assert_eq!(told(&two), [""; 0], "it is not this one's turn");
    assert_eq!(told(&one), ["user.name=sam"]);
    // Nobody has the turn: nothing is told, and nothing is lost.
    one.watching.lead(None);
    door("tom");
    both();
    assert_eq!((told(&one), told(&two)), (told(&two), vec!["user.name=sam".to_owned()]));
    two.watching.lead(Some(2));
    assert_eq!(told(&two), ["user.name=sam", "user.name=tom"]);
    // Back at the first one, which does not tell again what both told, and goes on.
    two.watching.lead(None);
    one.watching.lead(Some(3));
    both();
    assert_eq!(told(&one), ["user.name=sam", "user.name=tom"]);
    door("uma");
    both();
    assert_eq!(told(&one), ["user.name=sam", "user.name=tom", "user.name=uma"]);
    let before = entries();
    while two.watching.round(kernel).unwrap() {}
    assert_eq!(entries(), before, "whoever has no turn writes nothing");
}
