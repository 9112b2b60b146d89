//! Entries and signals as rules see them.

use connectors::places::Places;
use domain::signals::{Signal, plain};
use kernel::{Fed, HOUSE, PROBED, REFUSED, RESTRAINED, Told, UNAUTHENTICATED};
use serde_json::{Map, Value};
use watch::Event;

use super::known::Known;
use super::own;

/// The service of events of doors, as our own reader of them names it.
const BADGES: &str = "badges";

/// An entry. One that says how many requests were turned away in a minute says so in
/// `bailee.attempts`.
pub fn of_entry(fed: &Fed, known: &Known, places: Option<&Places>) -> Event {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), Value::String(value));
        }
    };
    let field = |name: &str| fed.field(name).map(str::to_owned);
    let account = known.account(fed.account);
    let object = field("object");
    let ended = fed.kind == UNAUTHENTICATED.name && fed.field("why") == Some("ended");
    let action = if ended { "access.ended" } else { fed.kind.as_str() }.to_owned();
    let who = field("actor");
    let refused = fed.kind.starts_with("access.");
    set("event.outcome", Some(if refused { "failure" } else { "success" }.to_owned()));
    set("event.action", Some(named(action, fed.account)));
    if let Some(who) = who.filter(|who| who != "kernel") {
        set("user.kind", who.split_once(':').map(|(kind, _)| kind.to_owned()));
        set("user.vendor", known.vendor(&who).map(str::to_owned));
        set("user.name", Some(who));
    }
    let source = field("source").filter(|source| source != "others");
    let address = source.as_deref().and_then(|source| source.parse().ok());
    let place = address.zip(places).and_then(|(address, places)| places.place(address));
    set("source.place", place.map(str::to_owned));
    set("source.ip", source);
    set("bailee.account", Some(account.clone()));
    set("bailee.asked", field("asked"));
    set("bailee.credential", field("credential").filter(|id| id != "none"));
    set("bailee.grant", field("grant"));
    set("bailee.purpose", field("purpose"));
    set("bailee.object", object.clone());
    let shown = fed.field("objects").and_then(|count| count.parse::<u64>().ok());
    let objects = shown.unwrap_or_else(|| u64::from(object.is_some()));
    fields.insert("bailee.objects".to_owned(), Value::from(objects));
    let person = fed.field("actor").unwrap_or_default();
    let credential = fed.field("credential").unwrap_or_default();
    let marks = [
        ("bailee.first", known.first(person, fed.account, fed.row)),
        ("bailee.bootstrap", known.first_hour(credential, fed.time)),
        ("bailee.emergency", fed.field("emergency").is_some()),
        ("bailee.outside_hours", known.outside_hours(person, fed.account, fed.time)),
        ("bailee.canary", object.is_some_and(|object| known.canary(&account, &object))),
        ("bailee.own", own_answer(fed)),
        ("bailee.unreadable", matches!(fed.fields, Told::Closed(_))),
    ];
    for (name, is) in marks.into_iter().filter(|(_, is)| *is) {
        fields.insert(name.to_owned(), Value::Bool(is));
    }
    let counted = fed.kind == UNAUTHENTICATED.name;
    let attempts = fed.field("count").filter(|_| counted).and_then(|count| count.parse().ok());
    if let Some(attempts) = attempts.filter(|attempts: &u64| *attempts > 0) {
        fields.insert("bailee.attempts".to_owned(), Value::from(attempts));
    }
    for (name, of) in [("bailee.paths", "paths"), ("bailee.handshakes", "handshakes")] {
        let count = fed.field(of).filter(|_| fed.kind == PROBED.name);
        if let Some(count) = count.and_then(|count| count.parse::<u64>().ok()) {
            fields.insert(name.to_owned(), Value::from(count));
        }
    }
    Event {
        number: 0,
        received: fed.time.0,
        time: fed.time.0,
        product: Some("bailee".to_owned()),
        service: Some("ledger".to_owned()),
        category: None,
        tenant: account,
        fields,
    }
}

/// Whether one of our own answers caused it: what a restraint refused, by address or by name.
fn own_answer(fed: &Fed) -> bool {
    fed.kind == RESTRAINED.name || (fed.kind == REFUSED.name && fed.field("answer").is_some())
}

/// The badges of people who have left, of which an import in the registers tells.
pub fn of_badges(fed: &Fed) -> Vec<Event> {
    let left = fed.field("left").filter(|_| fed.kind == "area.badges");
    let one = |person: &str| {
        let fields = [
            ("event.action", Value::from("badge")),
            ("user.name", Value::from(person)),
            ("bailee.left", Value::from(true)),
        ];
        Event {
            number: 0,
            received: fed.time.0,
            time: fed.time.0,
            product: Some("bailee".to_owned()),
            service: Some(BADGES.to_owned()),
            category: None,
            tenant: "house".to_owned(),
            fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    };
    left.into_iter().flat_map(|left| left.split(',')).map(one).collect()
}

/// What rules call it: a transfer takes records out of the house, as an export does.
fn named(action: String, log: u64) -> String {
    // The house has an entry of it too, for the same transfer.
    if action == "transfer.add" && log != HOUSE { "bailee.export".to_owned() } else { action }
}

/// A signal.
pub fn of_signal(signal: Signal, known: &Known) -> Event {
    known.hear(&signal.source, kernel::Moment(signal.received));
    // A source cannot speak in the name of the ledger, nor in that of our own probes and looks.
    let own = signal.transport == own::TRANSPORT;
    let ours = own || signal.transport == "probe";
    let mut fields = signal.fields;
    fields.insert("log.source.name".to_owned(), Value::String(signal.source.clone()));
    // What a source says of our own answers is not believed.
    fields.retain(|name, _| own || !name.starts_with("bailee."));
    let badges = signal.service.as_deref() == Some(BADGES);
    let time = signal.time.unwrap_or(signal.received);
    let holder = fields.get("user.name").and_then(Value::as_str).unwrap_or_default();
    if badges && known.left(holder, kernel::Moment(time)) {
        fields.insert("bailee.left".to_owned(), Value::Bool(true));
    }
    if let Some(asked) = fields.get("source.ip").map(plain) {
        fields.insert("source.ip".to_owned(), Value::String(asked));
    }
    Event {
        number: 0,
        received: signal.received,
        time: signal.time.unwrap_or(signal.received),
        // Events of doors may come from anywhere; who has left is known here.
        product: signal.product.filter(|product| ours || badges || product != "bailee"),
        service: signal.service.filter(|service| service != "ledger"),
        category: signal.category,
        tenant: signal.source,
        fields,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules;
    use super::Known;
    use domain::registers::House;
    use kernel::{RESTRAINED, UNAUTHENTICATED};
    use std::time::Duration;
    use testkit::World;
    use watch::{Detector, Limits};

    /// What our own rules find in the log of a world.
    fn found(world: &World) -> (Vec<String>, Vec<String>) {
        let known = Known::of(&House::default(), 0);
        let (pack, problems) = rules(None).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        let mut detector = Detector::new(pack, Limits::default());
        let (mut titles, mut kinds) = (vec![], vec![]);
        for (number, fed) in (1..).zip(world.kernel.feed(0, 100_000).unwrap()) {
            kinds.push(fed.kind.clone());
            let event = watch::Event { number, ..super::of_entry(&fed, &known, None) };
            titles.extend(detector.take(&event).into_iter().map(|alert| alert.title));
        }
        titles.extend(detector.tick(world.kernel.now().0).into_iter().map(|alert| alert.title));
        (titles, kinds)
    }

    fn answer(world: &World, token: &str, stated: serde_json::Value) {
        let register = domain::registers::known("answers").unwrap();
        let on = domain::register::On::New(
            kernel::digest(stated.to_string().as_bytes())[..16].try_into().unwrap(),
        );
        let json = stated.to_string();
        let add = (register.add.make)(&world.kernel, on, json.as_bytes()).unwrap();
        world.run(token, add).unwrap();
    }

    #[test]
    fn what_our_answers_refuse_is_told_and_sets_nothing_off() {
        let world = World::memory(9);
        let responder = world.person("rob", &["responder"]);
        let thief = world.service("import");
        let peer = "203.0.113.9".parse().unwrap();
        // Tries before the ban are found.
        for _ in 0..30 {
            world.kernel.count_stranger("203.0.113.9");
        }
        world.kernel.tick(&domain::run_job).unwrap();
        let (before, kinds) = found(&world);
        assert_eq!(before, ["Credentials are guessed"], "within the minute");
        assert_eq!(kinds.iter().filter(|kind| *kind == UNAUTHENTICATED.name).count(), 1);
        let ban = serde_json::json!({"kind": "ban", "target": "203.0.113.9", "reason": "x"});
        answer(&world, &responder, ban);
        let lock = serde_json::json!({"kind": "suspend", "target": "service:import",
            "reason": "x"});
        answer(&world, &responder, lock);
        for _ in 0..10_000 {
            world.kernel.admit(peer).unwrap_err();
            world.kernel.identify(&thief).unwrap_err();
        }
        world.clock.advance(Duration::from_secs(60));
        world.kernel.tick(&domain::run_job).unwrap();
        let (after, kinds) = found(&world);
        assert_eq!(after, before, "nothing more");
        let told = kinds.iter().filter(|kind| *kind == RESTRAINED.name).count();
        assert_eq!(told, 2, "one entry an answer and minute, however many were refused");
    }
}
