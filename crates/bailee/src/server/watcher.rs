//! `bailee watch-the-watcher`: on another host, believes a server only while its heartbeat moves.
//!
//! Promises: a heartbeat counts only with the signature of the operator's key and within its time;
//! the alarm comes with the second heartbeat in a row that is missing or wrong, goes by a mail
//! relay or webhook of its own and to standard error, is repeated at most once an hour, and its end
//! is told too.
//!
//! Does not: ask a person to answer; it knows nothing of rotas, because it may be all that is left.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use connectors::webhook::{self, Plaintext};
use connectors::{Outcome, mail};
use domain::oncall::Pulse;
use kernel::{Clock as _, Moment, SystemClock};
use ledger::note::{self, VerifierKey};
use serde::Deserialize;
use serde_json::json;

use super::config::Mail;
use super::outward::{Post, files};
use crate::client::{Client, Connect};
use crate::exit::{Exit, Failure};
use crate::output::{Output, note as say};

/// What `bailee watch-the-watcher` is told. The server, its authority and the token are stated as
/// for every command that asks a server.
#[derive(Args, Debug)]
pub struct Options {
    /// Which server is watched.
    #[command(flatten)]
    pub connect: Connect,
    /// Verifier key of the operator's own log, as `house` of /v1/ledger/keys has it
    #[arg(long, value_name = "VKEY")]
    pub vkey: String,
    /// File (TOML) with what is watched and how it is told
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Look once, say what is wrong, and exit 7 if anything is
    #[arg(long)]
    pub once: bool,
}

/// The file of a watcher. Every key is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Watch {
    /// Seconds between two looks. Default: 30.
    every_seconds: Option<u64>,
    /// Most seconds that the clocks of both hosts may differ. Default: 30.
    clock_seconds: Option<u64>,
    /// Most seconds since the server looked at its own pages. Default: 180.
    looked_seconds: Option<u64>,
    /// Most seconds that a page may wait to be sent. Default: 300.
    unsent_seconds: Option<u64>,
    /// Most seconds since detection evaluated anything. Not looked at if absent.
    evaluated_seconds: Option<u64>,
    /// Most seconds since a canary breach went the whole way. Not looked at if absent.
    canary_seconds: Option<u64>,
    /// Addresses that a letter goes to.
    #[serde(default)]
    to: Vec<String>,
    /// The mail relay: another one than the server's.
    mail: Option<Mail>,
    /// A webhook (Standard Webhooks) that is told.
    webhook: Option<Hook>,
}

/// A webhook that is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    /// Its address, `https://…`.
    url: String,
    /// Private file with the secret that signs.
    secret_file: PathBuf,
    /// File with the authorities (PEM) that it is believed by.
    ca: Option<PathBuf>,
}

/// Longest time of one look.
const LOOK: Duration = Duration::from_secs(10);
/// Heartbeats in a row that have to be wrong.
const MISSED: u32 = 2;
/// Time between two alarms about the same.
const AGAIN: Duration = Duration::from_secs(3600);

/// Runs the command.
///
/// # Errors
/// When the options, the file or a file that it names cannot be used.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let watch = options.config.as_deref().map(read).transpose()?.unwrap_or_default();
    let house = VerifierKey::parse(&options.vkey).map_err(|why| Failure::usage(why.to_string()))?;
    let key = VerifierKey::new(&format!("{}/heartbeat", house.name()), *house.public_key())
        .map_err(|why| Failure::usage(why.to_string()))?;
    let client = Client::new(&options.connect, None)?;
    let ways = Ways::of(&watch)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|why| Failure::failed(format!("cannot start: {why}")))?;
    runtime.block_on(async {
        if options.once {
            let wrong = look(&client, &key, &watch).await;
            output.json(&json!({ "wrong": wrong }))?;
            output.line(if wrong.is_empty() { "nothing is wrong" } else { "wrong:" })?;
            wrong.iter().try_for_each(|one| output.line(one))?;
            return Ok(if wrong.is_empty() { Exit::Done } else { Exit::Findings });
        }
        let mut alarm = Alarm::default();
        let mut pace =
            tokio::time::interval(Duration::from_secs(watch.every_seconds.unwrap_or(30).max(1)));
        loop {
            pace.tick().await;
            let wrong = look(&client, &key, &watch).await;
            if let Some(news) = alarm.after(&wrong, SystemClock.now()) {
                say(&news);
                ways.tell(&news, &options.connect).await;
            }
        }
    })
}

fn read(path: &std::path::Path) -> Result<Watch, Failure> {
    let text = std::fs::read_to_string(path).map_err(|why| Failure::file("read", path, &why))?;
    toml::from_str(&text).map_err(|why| {
        Failure::usage(format!("`{}` is no file of a watcher: {why}", path.display()))
    })
}

/// What is wrong with a server now; nothing if all is well.
async fn look(client: &Client, key: &VerifierKey, watch: &Watch) -> Vec<String> {
    let asked = tokio::time::timeout(LOOK, client.get(&["heartbeat"]).send()).await;
    let answer = match asked {
        Err(_) => return vec![format!("no heartbeat within {} s", LOOK.as_secs())],
        Ok(Err(failure)) => return vec![format!("no heartbeat: {}", failure.message)],
        Ok(Ok(answer)) => answer,
    };
    let text = String::from_utf8_lossy(&answer.body);
    match note::open(&text, key) {
        Err(why) => vec![format!("the heartbeat is not signed by the operator: {why}")],
        Ok(text) => judge(text, SystemClock.now(), watch),
    }
}

/// What is wrong with a heartbeat that is signed.
fn judge(text: &str, now: Moment, watch: &Watch) -> Vec<String> {
    let Some((time, pulse)) = Pulse::parse(text) else {
        return vec!["the heartbeat has another form: is this release too old?".to_owned()];
    };
    let apart = now.0.abs_diff(time.0.0) / 1_000_000;
    let mut wrong = Vec::new();
    // An old heartbeat that somebody repeats has an old time.
    if apart > watch.clock_seconds.unwrap_or(30) {
        wrong.push(format!("the clocks differ by {apart} s, or the heartbeat is an old one"));
    }
    let since = |at: domain::register::When| now.0.saturating_sub(at.0.0) / 1_000_000;
    let pager = pulse.pager;
    let old = [
        ("the server looked at its pages", pager.looked, Some(watch.looked_seconds.unwrap_or(180))),
        ("detection evaluated something", pulse.evaluated_at, watch.evaluated_seconds),
        ("a canary went the whole way", pulse.canary_at, watch.canary_seconds),
    ];
    for (what, at, most) in old {
        match (at.map(since), most) {
            (Some(age), Some(most)) if age > most => {
                wrong.push(format!("{what} {age} s ago, at most {most} s are allowed"));
            }
            (None, Some(_)) => wrong.push(format!("never: {what}")),
            _ => {}
        }
    }
    let most = watch.unsent_seconds.unwrap_or(300);
    if let Some(age) = pager.unsent.map(since).filter(|age| *age > most) {
        wrong.push(format!("a page waits to be sent for {age} s"));
    }
    if let Some(age) = pager.unanswered.map(since) {
        wrong.push(format!("nobody has answered a page, up to its last resort, for {age} s"));
    }
    wrong
}

/// Whether somebody is told.
#[derive(Debug, Default)]
struct Alarm {
    missed: u32,
    told: Option<Moment>,
}

impl Alarm {
    /// What is to be told after a look, if anything.
    fn after(&mut self, wrong: &[String], now: Moment) -> Option<String> {
        if wrong.is_empty() {
            self.missed = 0;
            return self.told.take().map(|_| "the heartbeat is back, and nothing is wrong".into());
        }
        self.missed = self.missed.saturating_add(1);
        let due = self.told.is_none_or(|told| now.since(told) >= AGAIN);
        if self.missed < MISSED || !due {
            return None;
        }
        self.told = Some(now);
        Some(format!("ALARM: {}", wrong.join("; ")))
    }
}

/// The ways by which a watcher tells somebody.
struct Ways {
    post: Option<Post>,
    to: Vec<String>,
    hook: Option<webhook::Destination>,
}

impl Ways {
    fn of(watch: &Watch) -> Result<Self, Failure> {
        let hook = watch.webhook.as_ref().map(|hook| {
            let secret = files::secret(&hook.secret_file)
                .map_err(|why| Failure::usage(format!("`webhook.secret_file`: {why}")))?;
            let root_pem = hook.ca.as_deref().map(files::pem).transpose()?;
            let (url, plaintext) = (hook.url.clone(), Plaintext::Refused);
            Ok::<_, Failure>(webhook::Destination { url, secret, root_pem, plaintext })
        });
        Ok(Self {
            post: watch.mail.as_ref().map(Post::of).transpose()?,
            to: watch.to.clone(),
            hook: hook.transpose()?,
        })
    }

    async fn tell(&self, news: &str, server: &Connect) {
        let server = server.url.as_deref().unwrap_or_default();
        let now = SystemClock.now();
        let seconds = now.0 / 1_000_000;
        if let Some(post) = &self.post {
            for (number, to) in self.to.iter().enumerate() {
                let letter = mail::Letter {
                    to: to.clone(),
                    subject: format!("[watcher] {}", news.chars().take(150).collect::<String>()),
                    text: format!("{news}\n\nServer: {server}\n"),
                    message_id: post.message_id(&format!("watch-{}-{number}", now.0)),
                    at: seconds,
                    ..mail::Letter::default()
                };
                let attempt = post.send(&letter).await;
                if attempt.outcome != Outcome::Accepted {
                    say(&format!("the letter to `{to}` was not taken: {}", attempt.reply));
                }
            }
        }
        if let Some(hook) = &self.hook {
            let body = json!({"type": "watcher.news", "timestamp": now.rfc3339(),
                "data": {"server": server, "text": news}});
            let id = format!("watch-{}", now.0);
            let body = body.to_string().into_bytes();
            let delivery = webhook::post(hook, &id, seconds, body, LOOK).await;
            if delivery.outcome != Outcome::Accepted {
                say(&format!("the webhook was not taken: {}", delivery.reply));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AGAIN, Alarm, Watch, judge};
    use domain::oncall::{Pager, Pulse};
    use domain::register::When;
    use kernel::Moment;
    use std::time::Duration;

    const NOW: Moment = Moment(1_795_356_131_000_000);

    fn ago(seconds: u64) -> Option<When> {
        Some(When(Moment(NOW.0 - seconds * 1_000_000)))
    }

    #[test]
    fn what_stands_still_is_wrong() {
        let pager = Pager { looked: ago(60), ..Pager::default() };
        let good = Pulse { pager, ..Pulse::default() };
        let watch = Watch { canary_seconds: Some(900), ..Watch::default() };
        let judged = |pulse: Pulse, skew: u64, watch: &Watch| {
            judge(&pulse.text(When(Moment(NOW.0 - skew * 1_000_000))), NOW, watch).join("; ")
        };
        assert_eq!(judged(good, 0, &Watch::default()), "");
        assert!(judged(good, 31, &Watch::default()).contains("the clocks differ by 31 s"));
        assert!(judged(good, 0, &watch).contains("never: a canary"));
        let canary = Pulse { canary_at: ago(901), ..good };
        assert!(judged(canary, 0, &watch).contains("901 s ago"));
        assert_eq!(judged(Pulse { canary_at: ago(900), ..good }, 0, &watch), "");
        for (pager, word) in [
            (Pager { looked: ago(181), ..pager }, "looked at its pages 181 s ago"),
            (Pager { looked: None, ..pager }, "never: the server looked"),
            (Pager { unsent: ago(301), ..pager }, "waits to be sent for 301 s"),
            (Pager { unanswered: ago(1), ..pager }, "nobody has answered"),
        ] {
            let told = judged(Pulse { pager, ..good }, 0, &Watch::default());
            assert!(told.contains(word), "{told}");
        }
        assert!(judge("hello\n", NOW, &watch)[0].contains("another form"));
    }

    #[test]
    fn the_second_miss_alarms_once_an_hour_and_recovery_is_told() {
        let (mut alarm, wrong) = (Alarm::default(), vec!["x".to_owned()]);
        let at = |minutes: u64| NOW.after(Duration::from_secs(minutes * 60));
        assert_eq!(alarm.after(&[], at(0)), None);
        assert_eq!(alarm.after(&wrong, at(1)), None, "one may be lost");
        assert_eq!(alarm.after(&[], at(2)), None);
        assert_eq!(alarm.after(&wrong, at(3)), None);
        assert_eq!(alarm.after(&wrong, at(4)), Some("ALARM: x".to_owned()));
        assert_eq!(alarm.after(&wrong, at(5)), None, "not at each look");
        let later = at(4).after(AGAIN);
        assert!(alarm.after(&wrong, later).is_some());
        assert!(alarm.after(&[], later).unwrap().contains("is back"));
        assert_eq!(alarm.after(&[], later), None);
    }
}
