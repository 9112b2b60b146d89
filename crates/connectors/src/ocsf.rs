//! What is sent on, as events of the Open Cybersecurity Schema Framework, 1.8.0.
//!
//! Promises: six classes, each with what the schema requires and nothing that it does not know: a
//! test validates every kind of event against the published schema. Texts are bounded. What is not
//! known is said to be unknown, by the schema's own number for that.
//! Deliberately not: content of records. An event names account, collection and record, and says
//! what was done.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::logs::Record;

/// The version of the schema.
pub const VERSION: &str = "1.8.0";

/// Longest text in characters.
const TEXT: usize = 1000;

/// Most related things that one event names.
const MANY: usize = 100;

/// How bad something is, by the schema's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[repr(u8)]
pub enum Severity {
    /// Not known.
    Unknown = 0,
    /// Nothing to be done.
    #[default]
    Informational = 1,
    /// Low.
    Low = 2,
    /// Medium.
    Medium = 3,
    /// High.
    High = 4,
    /// Critical.
    Critical = 5,
}

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Such as `person:lea`.
    pub id: String,
    /// The credential's id, where it is known.
    pub credential: Option<String>,
}

/// What a detection or incident found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Its id with us.
    pub id: String,
    /// In one line.
    pub title: String,
    /// The rule behind it: id and name.
    pub rule: Option<(String, String)>,
    /// From when on, in µs since 1970.
    pub first: Option<u64>,
    /// Until when.
    pub last: Option<u64>,
    /// Ids of what it is made from.
    pub related: Vec<String>,
}

/// Where an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Progress {
    /// Nobody has looked so far.
    New = 1,
    /// Somebody has.
    InProgress = 2,
    /// It waits for something.
    OnHold = 3,
    /// Its cause is gone.
    Resolved = 4,
    /// Nothing more is done.
    Closed = 5,
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Change {
    /// It is new.
    Create = 1,
    /// It changed.
    Update = 2,
    /// It is closed.
    Close = 3,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Authentication (3002): somebody came in, or tried to; or left.
    Login {
        /// Who it was said to be.
        user: String,
        /// Whether it was the end of a session.
        off: bool,
    },
    /// Account Change (3001).
    Account {
        /// Whose account.
        user: String,
        /// By the schema's numbers: 1 create, 2 enable, 3 password change, 5 disable, 6 delete,
        /// 7 attach policy, 8 detach policy, 9 lock, 12 unlock; others are 99.
        activity: u8,
    },
    /// API Activity (6003): a call that concerns no Service Data.
    Call {
        /// The operation's name, such as `grant.approve`.
        operation: String,
        /// 1 create, 2 read, 3 update, 4 delete; others are 99.
        activity: u8,
        /// What it concerned: kind and id.
        resources: Vec<(String, String)>,
    },
    /// Datastore Activity (6005): Service Data was read or changed.
    Data {
        /// The account.
        account: String,
        /// The collection, where one is named.
        collection: Option<String>,
        /// 1 read, 2 update, 4 query, 5 write, 6 create, 7 delete, 8 list; others are 99.
        activity: u8,
        /// The operation's name.
        operation: String,
        /// How many records.
        count: u64,
    },
    /// Detection Finding (2004).
    Detection {
        /// What became of it.
        change: Change,
        /// What was found.
        finding: Finding,
    },
    /// Incident Finding (2005).
    Incident {
        /// What became of it.
        change: Change,
        /// Where it is.
        progress: Progress,
        /// Who works on it, if somebody does.
        assignee: Option<String>,
        /// What it is made of, not empty.
        findings: Vec<Finding>,
    },
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id with us; the same again is the same event.
    pub id: String,
    /// When, in µs since 1970.
    pub time: u64,
    /// How bad.
    pub severity: Severity,
    /// In one line.
    pub message: String,
    /// Who did it.
    pub actor: Option<Actor>,
    /// From where.
    pub from: Option<IpAddr>,
    /// Whether it was done, where that is known.
    pub done: Option<bool>,
    /// What happened.
    pub what: What,
}

impl Event {
    /// The event as the schema writes it.
    #[must_use]
    pub fn json(&self) -> Value {
        let (class, activity) = self.class();
        let mut out = Map::new();
        let mut set = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
        set("class_uid", class.into());
        set("category_uid", (class / 1000).into());
        set("activity_id", activity.into());
        set("type_uid", (class * 100 + u32::from(activity)).into());
        set("time", (self.time / 1000).into());
        set("severity_id", (self.severity as u8).into());
        set("message", text(&self.message).into());
        set(
            "metadata",
            json!({
                "version": VERSION,
                "uid": text(&self.id),
                "product": {
                    "name": "Bailee",
                    "vendor_name": "Bailee",
                    "version": env!("CARGO_PKG_VERSION"),
                },
            }),
        );
        let finding = matches!(self.what, What::Detection { .. } | What::Incident { .. });
        if !finding {
            set("status_id", self.done.map_or(0, |done| if done { 1 } else { 2 }).into());
        }
        let required = matches!(self.what, What::Call { .. } | What::Data { .. });
        match (&self.actor, required) {
            // A finding has no place for it without the profile `host`.
            _ if finding => {}
            (Some(actor), _) => set("actor", actor.json()),
            (None, true) => set("actor", json!({"app_name": "Bailee"})),
            (None, false) => {}
        }
        // A finding has no place of its own.
        match self.from {
            _ if finding => {}
            Some(from) => set("src_endpoint", json!({"ip": from.to_canonical().to_string()})),
            None if required => set("src_endpoint", json!({"name": "unknown"})),
            None => {}
        }
        self.what.add(&mut set);
        Value::Object(out)
    }

    /// The number of the class, and of the activity within it.
    fn class(&self) -> (u32, u8) {
        let known = |activity: u8, last: u8| if activity <= last { activity } else { 99 };
        match &self.what {
            What::Login { off, .. } => (3002, if *off { 2 } else { 1 }),
            What::Account { activity, .. } => (3001, known(*activity, 12)),
            What::Call { activity, .. } => (6003, known(*activity, 4)),
            What::Data { activity, .. } => (6005, known(*activity, 10)),
            What::Detection { change, .. } => (2004, *change as u8),
            What::Incident { change, .. } => (2005, *change as u8),
        }
    }

    /// A login that somebody's log tells of; other records are not sent on as events.
    #[must_use]
    pub fn of_record(id: &str, received: u64, record: &Record) -> Option<Self> {
        let login = record.text("event.category") == Some("authentication");
        let user = record.text("user.name").filter(|_| login)?;
        let done = record.text("event.outcome").map(|outcome| outcome == "success");
        Some(Self {
            id: id.to_owned(),
            time: record.time.unwrap_or(received),
            severity: Severity::Informational,
            message: record.text("message").unwrap_or_default().to_owned(),
            actor: None,
            from: record.text("source.ip").and_then(|text| text.parse().ok()),
            done,
            what: What::Login { user: user.to_owned(), off: false },
        })
    }
}

impl Actor {
    fn json(&self) -> Value {
        let mut user = json!({"uid": text(&self.id)});
        if let (Some(credential), Some(user)) = (&self.credential, user.as_object_mut()) {
            user.insert("credential_uid".to_owned(), text(credential).into());
        }
        json!({ "user": user })
    }
}

impl Finding {
    fn json(&self) -> Value {
        let mut out = json!({"uid": text(&self.id), "title": text(&self.title)});
        let Some(all) = out.as_object_mut() else { return out };
        if let Some((id, name)) = &self.rule {
            let rule = json!({"type_id": 1, "uid": text(id), "name": text(name)});
            all.insert("analytic".to_owned(), rule);
        }
        for (key, at) in [("first_seen_time", self.first), ("last_seen_time", self.last)] {
            if let Some(at) = at {
                all.insert(key.to_owned(), (at / 1000).into());
            }
        }
        if !self.related.is_empty() {
            let named = self.related.iter().take(MANY).map(|id| json!({"uid": text(id)}));
            all.insert("related_events".to_owned(), named.collect());
            all.insert("related_events_count".to_owned(), self.related.len().into());
        }
        out
    }
}

impl What {
    fn add(&self, set: &mut impl FnMut(&str, Value)) {
        match self {
            Self::Login { user, .. } => {
                set("user", json!({"name": text(user)}));
                set("service", json!({"name": "login"}));
            }
            Self::Account { user, .. } => set("user", json!({"uid": text(user)})),
            Self::Call { operation, resources, .. } => {
                set("api", json!({"operation": text(operation)}));
                let all = resources.iter().take(MANY);
                let all = all.map(|(kind, id)| json!({"type": text(kind), "uid": text(id)}));
                set("resources", all.collect());
            }
            Self::Data { account, collection, operation, count, .. } => {
                // The class has no place for it without the profile `cloud`.
                set("unmapped", json!({"operation": text(operation)}));
                // An account is the store that the schema calls a database.
                set("database", json!({"type_id": 99, "type": "account", "uid": text(account)}));
                if let Some(collection) = collection {
                    set("table", json!({"uid": text(collection)}));
                }
                set("count", (*count).into());
            }
            Self::Detection { finding, .. } => {
                set("finding_info", finding.json());
                set("is_alert", true.into());
            }
            Self::Incident { progress, assignee, findings, .. } => {
                // The schema wants one of the two.
                match assignee {
                    Some(person) => set("assignee", json!({"uid": text(person)})),
                    None => set("assignee_group", json!({"name": "nobody so far"})),
                }
                set("status_id", (*progress as u8).into());
                set("finding_info_list", findings.iter().take(MANY).map(Finding::json).collect());
            }
        }
    }
}

/// One bounded line, never empty: the schema wants names that say something.
fn text(value: &str) -> String {
    let line: String =
        value.chars().take(TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.is_empty() { "unknown".to_owned() } else { line }
}
