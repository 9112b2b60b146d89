//! Lines of a host's logs on their way to the server, each with whose it is.

use std::collections::VecDeque;

use kernel::{Clock as _, SystemClock};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use super::sessions::Session;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::note;

/// Lines that wait; older ones are let go, and that is said.
const MOST: usize = 20_000;

/// Lines of one delivery.
const BATCH: usize = 500;

/// Lines that wait to be sent.
pub(super) struct Forwarder {
    source: Option<String>,
    waiting: VecDeque<Value>,
    lost: u64,
}

impl Forwarder {
    pub(super) fn new(source: Option<String>) -> Self {
        Self { source, waiting: VecDeque::new(), lost: 0 }
    }

    /// A line, and the session that it is about if that is known.
    pub(super) fn take(&mut self, program: &str, line: &str, session: Option<Session>) {
        // What stands before the message in a line of syslog: time, host, program.
        let (_, message) = super::sessions::split(line);
        self.push(program, message, session.as_ref());
    }

    /// That a session was ended here.
    pub(super) fn ended(&mut self, session: &Session) {
        let (address, port) = session.peer;
        let message = format!(
            "session of {} from {address} port {port} ended: its certificate is refused",
            session.login
        );
        self.push("bailee-agent", &message, Some(session));
    }

    fn push(&mut self, program: &str, message: &str, session: Option<&Session>) {
        let now = SystemClock.now().rfc3339();
        let mut line = json!({"time": now, "process": {"name": program}, "message": message});
        if let (Some(session), Some(object)) = (session, line.as_object_mut()) {
            let (holder, grant) = session.whose().unwrap_or_default();
            let mut of = json!({"holder": holder, "grant": grant, "key_id": session.key_id,
                "serial": session.serial.to_string(), "login": session.login});
            if let (true, Some(of)) = (holder.starts_with("person:"), of.as_object_mut()) {
                of.insert("person".to_owned(), json!(holder));
            }
            object.insert("certificate".to_owned(), of);
        }
        if self.waiting.len() >= MOST {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(line);
    }

    /// Sends what waits.
    pub(super) async fn send(&mut self, client: &Client) -> Result<(), Failure> {
        if self.lost > 0 {
            note(&format!("{} lines were let go before they could be forwarded", self.lost));
            self.lost = 0;
        }
        while !self.waiting.is_empty() {
            let count = self.waiting.len().min(BATCH);
            let lines: String =
                self.waiting.iter().take(count).map(|line| format!("{line}\n")).collect();
            let mut call = client.post(&["signals"]).body(lines.into_bytes());
            call = call.header(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
            if let Some(source) = &self.source {
                call = call.query("source", source);
            }
            match call.send().await {
                Ok(_) => drop(self.waiting.drain(..count)),
                // What the server will never take must not hold up the rest.
                Err(failure) if failure.exit == Exit::Failed && failure.status == Some(400) => {
                    self.waiting.drain(..count);
                    return Err(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}
