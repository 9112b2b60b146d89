//! Entries, alerts and signals as events of OCSF.
//!
//! Promises: the same entry or signal is the same event with the same id, whenever it is sent; an
//! entry's id ends with its log and its index, which is dense, so a hole is a loss. Does not: send
//! bodies, ids of records, purposes, or names of people other than who acted and whom an alert is
//! about.

use connectors::forward::message;
use connectors::logs::Record;
use connectors::logs::syslog::Message;
use connectors::ocsf::{Actor, Change, Event, Finding, Severity, What};
use domain::signals::Signal;
use kernel::Fed;
use watch::Level;

/// What is known beside an entry.
pub struct Beside<'a> {
    /// The provider: ids begin with it, because several may send to one place.
    pub provider: &'a str,
    /// The account of the log, by its readable id.
    pub account: String,
    /// Title and level of a rule.
    pub title: &'a dyn Fn(&str) -> Option<(String, Level)>,
}

/// An entry.
pub fn of_entry(fed: &Fed, beside: &Beside<'_>) -> Message {
    let (noun, verb) = fed.kind.split_once('.').unwrap_or((fed.kind.as_str(), ""));
    let refused = noun == "access";
    let who = fed.field("actor").filter(|who| *who != "kernel");
    let credential = fed.field("credential").filter(|id| *id != "none").map(str::to_owned);
    let event = Event {
        id: format!("{} log {} entry {}", beside.provider, fed.account, fed.index),
        time: fed.time.0,
        severity: if refused { Severity::Low } else { Severity::Informational },
        message: match fed.field("asked").filter(|_| refused) {
            Some(asked) => format!("{asked} refused in {}", beside.account),
            None => format!("{} in {}", fed.kind, beside.account),
        },
        actor: who.map(|id| Actor { id: id.to_owned(), credential }),
        from: fed.field("source").and_then(|source| source.parse().ok()),
        done: Some(!refused),
        what: what(fed, (noun, verb), beside),
    };
    message(&event, None)
}

fn what(fed: &Fed, (noun, verb): (&str, &str), beside: &Beside<'_>) -> What {
    let object = fed.field("object").unwrap_or_default();
    let shown = fed.field("objects").and_then(|count| count.parse().ok());
    let who = fed.field("actor").unwrap_or("unknown").to_owned();
    match (noun, verb) {
        ("record" | "collection" | "transfer", _) if fed.account != kernel::HOUSE => What::Data {
            account: beside.account.clone(),
            collection: object.split('/').next().filter(|one| !one.is_empty()).map(str::to_owned),
            activity: match verb {
                "get" => 1,
                "restore" => 2,
                "history" => 4,
                "put" | "batch" => 5,
                "create" => 6,
                "delete" => 7,
                "list" => 8,
                _ => 99,
            },
            operation: fed.kind.clone(),
            count: shown.unwrap_or_else(|| u64::from(!object.is_empty())),
        },
        ("session", _) => What::Login { user: who, off: verb == "end" },
        ("access", "unauthenticated") => What::Login { user: "unknown".to_owned(), off: false },
        ("person" | "service" | "member" | "token", _) if changes(verb) => What::Account {
            user: if object.is_empty() { who } else { format!("{noun}:{}", row(object)) },
            activity: match verb {
                "create" | "add" => 1,
                "end" => 6,
                _ => 99,
            },
        },
        _ => What::Call {
            operation: fed.field("asked").unwrap_or(&fed.kind).to_owned(),
            activity: match verb {
                "create" | "add" | "raise" => 1,
                "read" | "list" | "file" | "export" => 2,
                "end" | "forget" => 4,
                _ => 3,
            },
            resources: vec![(noun.to_owned(), named(object, fed.account, &beside.account))],
        },
    }
}

fn changes(verb: &str) -> bool {
    !["read", "list"].contains(&verb)
}

/// What an operation concerned: a row of a register, or a collection. Never a record, whose id may
/// say something of its subject.
fn named(object: &str, log: u64, account: &str) -> String {
    match object {
        "" => account.to_owned(),
        object if log == kernel::HOUSE => row(object).to_owned(),
        object => object.split('/').next().unwrap_or_default().to_owned(),
    }
}

/// The id of a row, without its register.
fn row(object: &str) -> &str {
    object.split_once('/').map_or(object, |(_, id)| id)
}

/// The alert that an entry tells of, beside the entry itself.
pub fn of_alert(fed: &Fed, beside: &Beside<'_>) -> Option<Message> {
    if fed.kind != "alert.raise" {
        return None;
    }
    // An alert is told with its suspect and its incident, which are entries of the same operation.
    let (rule, about) = (fed.field("rule")?, fed.field("about")?);
    let (title, level) = (beside.title)(rule).unwrap_or_else(|| (rule.to_owned(), Level::Medium));
    let count = fed.field("count").unwrap_or("1");
    let event = Event {
        id: format!("{} alert at log {} entry {}", beside.provider, fed.account, fed.index),
        time: fed.time.0,
        severity: match level {
            Level::Informational => Severity::Informational,
            Level::Low => Severity::Low,
            Level::Medium => Severity::Medium,
            Level::High => Severity::High,
            Level::Critical => Severity::Critical,
        },
        message: format!("{title}: {about}, events: {count}"),
        actor: None,
        from: None,
        done: None,
        what: What::Detection {
            change: Change::Create,
            finding: Finding {
                id: row(fed.field("object").unwrap_or_default()).to_owned(),
                title,
                rule: Some((rule.to_owned(), rule.to_owned())),
                first: None,
                last: None,
                related: fed.field("incident").map(str::to_owned).into_iter().collect(),
            },
        },
    };
    Some(message(&event, None))
}

/// A login that a signal tells of; other signals are no events.
pub fn of_signal(signal: &Signal, (row, place): (i64, usize), provider: &str) -> Option<Message> {
    let record = Record {
        time: signal.time,
        product: signal.product.clone(),
        service: signal.service.clone(),
        category: signal.category.clone(),
        fields: signal.fields.clone(),
        ..Record::default()
    };
    let id = format!("{provider} signal {row}.{place}");
    Event::of_record(&id, signal.received, &record).map(|event| message(&event, None))
}
