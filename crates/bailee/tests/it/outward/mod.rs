//! What the server does outward by itself, tried with the program as it is delivered and with the
//! real thing on the other side.

mod forwards;
mod notices;
mod probes;
mod ups;

use crate::whole::support::{Server, Store, text};
use serde_json::{Value, json};
use std::fs;

/// A server, and a security lead who keeps its registers.
pub struct Scene {
    store: Store,
    pub server: Server,
    lea: String,
}

impl Scene {
    /// With these lines in its configuration; `{data}` stands for its data folder.
    pub fn new(lines: &str) -> Self {
        let store = Store::init();
        let file = store.beside("bailee.toml");
        let lines = lines.replace("{data}", text(&store.data));
        fs::write(&file, format!("anchor_seconds = 1\n{lines}")).unwrap();
        let server = store.serve_with(&["--config", text(&file)], &[]);
        let new = br#"{"name":"lea","roles":["security-lead"]}"#;
        let made = server.administrator().post("/v1/people", new).expect(201).json();
        let lea = made["token"].as_str().unwrap().to_owned();
        Self { store, server, lea }
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let answer = self.server.client(&self.lea).post(&format!("/v1/{path}"), body.as_bytes());
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    }

    pub fn get(&self, path: &str) -> Value {
        self.server.client(&self.lea).get(&format!("/v1/{path}")).expect(200).json()
    }

    /// A row, as soon as it is in this state; what limits it is the time a test may take.
    pub fn until(&self, path: &str, word: &str) -> Value {
        loop {
            let row = self.get(path);
            if row["state"]["word"] == word {
                return row;
            }
        }
    }

    /// What the control of an obligation says now.
    pub fn control(&self, id: &str) -> Value {
        let all = self.get("measures");
        let items = all["items"].as_array().unwrap();
        items.iter().find(|one| one["id"] == id).unwrap().clone()
    }

    /// The day so many days from now.
    pub fn day(&self, distance: i64) -> String {
        let as_of = self.get("measures")["as_of"].as_str().unwrap().to_owned();
        let format = &time::format_description::well_known::Rfc3339;
        let now = time::OffsetDateTime::parse(&as_of, format).unwrap();
        (now + time::Duration::days(distance)).date().to_string()
    }

    /// Ends the server; its store has to hold, and its log has to be quiet about content.
    pub fn end(self) {
        let logged = self.server.logged();
        self.server.stop();
        self.store.verified();
        assert!(!logged.contains("panic"), "{logged}");
    }
}

/// A site of one's own.
pub fn site(name: &str) -> Value {
    json!({"name": name, "sub_processor": "own", "address": "Frankfurt", "kind": "own"})
}
