//! A breach on the sample company, whole: the token of a service is stolen, reads 40 records of
//! three accounts and exports a fourth; detection finds it, somebody is paged, the log says whose
//! data it was, one clock is held by an order, three notices go out and one comes back; the file of
//! the incident verifies.
//!
//! Each step goes through the API as a person's program would, and is checked: the demonstration
//! knows what the thief took, and fails if the server's answer differs by one record. Only the
//! relay that takes the letters is the demonstration's own.

mod response;
mod theft;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::relay::Relay;
use super::stage::{Look, Stage};
use super::tour::{Cast, text};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Output, note};
use crate::server::config::{Mail, Protection};

/// How often it is looked whether something happened by itself, how long at most, and after how
/// many looks the reader is told that it is still waited for.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 1200;
const TOLD: u32 = 30;

/// What the reader is told to try.
pub const LOOK: [Look; 8] = [
    Look::As("lea"),
    Look::Run("alert list"),
    Look::Run("incident list"),
    Look::Run("affected list"),
    Look::Run("breach list"),
    Look::Run("notice list"),
    Look::Get("/v1/pages"),
    Look::Verify,
];

/// How the stage sends letters: to the demonstration's relay, and what comes back by LMTP.
pub fn mail(port: u16) -> Mail {
    Mail {
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        tls: Protection::DangerNone,
        user: None,
        password_file: None,
        from: "Northwind Security <security@northwind.example>".to_owned(),
        returns: Some("returns@northwind.example".to_owned()),
        bounces: Some("127.0.0.1:0".to_owned()),
        bounces_maildir: None,
        ca: None,
    }
}

/// What happened so far.
struct Story<'s> {
    cast: Cast<'s>,
    relay: &'s Relay,
    output: Output,
    step: u32,
    /// The moment before the theft.
    began: String,
    /// The id of the stolen token.
    stolen: String,
    /// What the thief took: records by account.
    took: BTreeMap<String, BTreeSet<String>>,
    /// The incident.
    incident: String,
}

/// Tells it.
///
/// # Errors
/// When a step does not do what it shows.
pub async fn run(stage: &Stage, relay: &Relay, output: Output) -> Result<(), Failure> {
    output.line(&format!("Bailee {} at {}", env!("CARGO_PKG_VERSION"), stage.url))?;
    output.line("The letters of this demonstration go to a small relay of its own on 127.0.0.1")?;
    let mut story = Story::begun(stage, relay, output);
    story.moves_in().await?;
    story.theft().await?;
    story.is_found().await?;
    story.is_paged().await?;
    story.is_contained().await?;
    story.says_whose_data_it_was().await?;
    story.is_verified().await?;
    story.is_held().await?;
    story.is_told().await?;
    story.comes_back().await?;
    story.is_filed().await?;
    story.stands().await
}

impl<'s> Story<'s> {
    fn begun(stage: &'s Stage, relay: &'s Relay, output: Output) -> Self {
        Self {
            cast: Cast::on(stage),
            relay,
            output,
            step: 0,
            began: String::new(),
            stolen: String::new(),
            took: BTreeMap::new(),
            incident: String::new(),
        }
    }

    /// The line over a step, with the time.
    fn title(&mut self, text: &str) -> Result<(), Failure> {
        self.step += 1;
        let at = self.now()?;
        let clock = at.get(11..19).unwrap_or_default().to_owned();
        self.output.line(&format!("\n{}. [{clock} UTC] {text}", self.step))
    }

    fn now(&self) -> Result<String, Failure> {
        let form = &time::format_description::well_known::Rfc3339;
        let at = self.cast.stage.now()?;
        at.format(form).map_err(|why| Failure::failed(format!("the clock: {why}")))
    }

    fn who(&self, name: &str) -> Result<&Client, Failure> {
        self.cast.who(name)
    }

    async fn get(&self, who: &str, path: &[&str]) -> Result<Value, Failure> {
        self.who(who)?.get(path).send().await?.json()
    }

    async fn post(&self, who: &str, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.who(who)?.post(path).json(body)?.send().await?.json()
    }

    /// The id of what this adds.
    async fn add(&self, who: &str, path: &[&str], body: &Value) -> Result<String, Failure> {
        text(&self.post(who, path, body).await?, "id")
    }

    /// The first row of a list for which `wanted` answers, as soon as there is one.
    async fn until<T>(
        &self,
        who: &str,
        path: &[&str],
        what: &str,
        wanted: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, Failure> {
        let mut pace = tokio::time::interval(PAUSE);
        for look in 0..LOOKS {
            pace.tick().await;
            let page = self.get(who, path).await?;
            let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
            if let Some(found) = items.filter_map(&wanted).next() {
                return Ok(found);
            }
            waits(look, what);
        }
        Err(Failure::failed(format!("{what} did not come within {} s", LOOKS / 10)))
    }

    /// The row at a path, as soon as it is as wanted.
    async fn once(
        &self,
        path: &[&str],
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, Failure> {
        let mut pace = tokio::time::interval(PAUSE);
        for look in 0..LOOKS {
            pace.tick().await;
            let row = self.get("lea", path).await?;
            if wanted(&row) {
                return Ok(row);
            }
            waits(look, what);
        }
        Err(Failure::failed(format!("{what} did not come within {} s", LOOKS / 10)))
    }

    /// The clock of an account's notice.
    async fn breach(&self, account: &str) -> Result<Value, Failure> {
        self.get("lea", &["breaches", &format!("{}.{account}", self.incident)]).await
    }
}

fn waits(look: u32, what: &str) {
    if look > 0 && look.is_multiple_of(TOLD) {
        note(&format!("   … waiting for {what}"));
    }
}

/// The word of a row's state.
fn word(row: &Value) -> &str {
    row.pointer("/state/word").and_then(Value::as_str).unwrap_or_default()
}

fn nothing() -> Value {
    json!({})
}

#[cfg(test)]
mod tests {
    use super::{Story, mail};
    use crate::exit::Exit;
    use crate::output::Output;
    use crate::server::demo::relay::Relay;
    use crate::server::demo::stage::Stage;
    use crate::server::serve;

    #[test]
    fn it_fails_if_the_answer_differs_from_what_was_taken_by_one_record() {
        let (runtime, relay) = (serve::runtime().unwrap(), Relay::default());
        let port = runtime.block_on(async { relay.start() }).unwrap();
        let stage = Stage::new(runtime, Some(mail(port))).unwrap();
        let output = Output { json: true };
        let failure = stage.runtime.block_on(async {
            let mut story = Story::begun(&stage, &relay, output);
            story.moves_in().await.unwrap();
            story.theft().await.unwrap();
            story.is_found().await.unwrap();
            story.says_whose_data_it_was().await.unwrap();
            story.took.get_mut("tailspin-toys").unwrap().insert("T-1013".to_owned());
            story.says_whose_data_it_was().await.unwrap_err()
        });
        stage.end();
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.message.contains("records"), "{failure}");
    }
}
