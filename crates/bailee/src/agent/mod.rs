//! `bailee agent`: on a host, makes what Bailee revokes end there.
//!
//! Promises: a list is put in place whole or not at all, and never an older one; a list that could
//! not be fetched for the time stated is taken away, and `sshd` and PostgreSQL then refuse
//! everybody; an open session whose certificate is refused is ended with everything that runs in
//! it; what `sshd` and auditd log is forwarded with the certificate's person; and the register
//! of systems is told what is so, so that a host that says nothing is seen.
//! Does not: decide anything, or let anybody in. Its token may report about this system, no more.

mod database;
mod follow;
mod forward;
mod lists;
mod sessions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kernel::id::Collection;
use kernel::{Clock as _, Moment, SystemClock};
use pki::{ssh, x509};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::{Client, Connect};
use crate::duration;
use crate::exit::{Exit, Failure, reason};
use crate::output::{Output, note};
use follow::Follower;
use forward::Forwarder;
use lists::{List, Place, Trusted};
use sessions::Sessions;

/// What `bailee agent` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// The server, and the token of the service that reports about this system.
    #[command(flatten)]
    connect: Connect,
    /// The registered system that this host is
    #[arg(long, value_name = "SYSTEM", value_parser = Collection::parse)]
    system: Collection,
    /// Where `RevokedKeys` of sshd is
    #[arg(long, value_name = "FILE", required_unless_present = "crl")]
    krl: Option<PathBuf>,
    /// Where `ssl_crl_file` of PostgreSQL is
    #[arg(long, value_name = "FILE", requires = "database")]
    crl: Option<PathBuf>,
    /// How psql reaches that PostgreSQL as a superuser, to reload it and end sessions
    #[arg(long, value_name = "CONNINFO", requires = "crl")]
    database: Option<String>,
    /// Where sshd logs: sessions are found by it, and it is forwarded
    #[arg(long, value_name = "FILE", requires = "krl")]
    log: Option<PathBuf>,
    /// Where auditd logs, to be forwarded too
    #[arg(long, value_name = "FILE", requires = "log")]
    audit: Option<PathBuf>,
    /// The source under which it is forwarded; the service's own name if none is stated
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Time between two rounds
    #[arg(long, value_name = "LENGTH", value_parser = duration::parse, default_value = "5s")]
    every: Duration,
    /// Time after which a list that cannot be fetched is taken away
    #[arg(long, value_name = "LENGTH", value_parser = duration::parse, default_value = "5m")]
    stale: Duration,
    /// Do one round, say what is wrong, and exit 1 if anything is
    #[arg(long)]
    once: bool,
}

/// Longest wait for one answer of the server, so that a round never waits long for it.
const ANSWER: Duration = Duration::from_secs(10);

/// Time between two reports, if nothing changes. The board takes none that is older than an hour.
const REPORT: Duration = Duration::from_secs(20 * 60);

/// Runs the command.
///
/// # Errors
/// When options cannot be used, or with `--once` what is wrong.
pub async fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let client = Client::new(&options.connect, None)?;
    let mut agent = Agent::new(options, client);
    let broken = |why: std::io::Error| Failure::failed(format!("cannot start: {}", reason(&why)));
    let mut end = signal(SignalKind::terminate()).map_err(broken)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    let mut pace = tokio::time::interval(options.every.max(Duration::from_millis(100)));
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = pace.tick() => {}
            _ = end.recv() => return Ok(Exit::Done),
            _ = interrupt.recv() => return Ok(Exit::Done),
        }
        let wrong = agent.round().await;
        if options.once {
            output.json(&json!({ "wrong": wrong }))?;
            return match wrong.as_slice() {
                [] => Ok(Exit::Done),
                all => Err(Failure::failed(all.join("; "))),
            };
        }
    }
}

/// What one agent knows.
struct Agent<'o> {
    options: &'o Options,
    client: Client,
    trusted: Option<Trusted>,
    krl: Option<Place<ssh::Krl>>,
    crl: Option<Place<x509::Crl>>,
    /// When the lists were known to be the newest; at the start, nothing is known of them.
    fresh: Moment,
    removed: bool,
    /// Whether PostgreSQL has still to read the list that is in place.
    unread: bool,
    logs: Vec<(Follower, &'static str)>,
    /// How far the logs were forwarded, as it was kept last.
    places: Places,
    sessions: Sessions,
    forwarder: Forwarder,
    cut: u64,
    said: Vec<String>,
    reported: Option<(Moment, bool)>,
}

impl<'o> Agent<'o> {
    fn new(options: &'o Options, client: Client) -> Self {
        let places = places(options);
        let of = |path: &Path, program: &'static str| {
            (Follower::new(path, places.get(program).copied()), program)
        };
        let log = options.log.as_deref().map(|path| of(path, "sshd"));
        let audit = options.audit.as_deref().map(|path| of(path, "auditd"));
        Self {
            options,
            client,
            trusted: None,
            krl: None,
            crl: None,
            fresh: SystemClock.now(),
            removed: false,
            unread: options.crl.is_some(),
            logs: log.into_iter().chain(audit).collect(),
            places,
            sessions: Sessions::default(),
            forwarder: Forwarder::new(options.source.clone()),
            cut: 0,
            said: vec![],
            reported: None,
        }
    }

    /// One round; gives what is wrong.
    async fn round(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        let fetched = tokio::time::timeout(ANSWER, self.fetch()).await;
        let fetched = fetched.unwrap_or_else(|_| Err(Failure::failed("no answer within 10 s")));
        match fetched {
            Ok(()) => {
                self.fresh = SystemClock.now();
                if std::mem::take(&mut self.removed) {
                    note("the lists are there again");
                }
            }
            Err(failure) => {
                wrong.push(format!("the lists are not fresh: {failure}"));
                wrong.extend(self.stale());
            }
        }
        wrong.extend(self.follow());
        self.end_sessions(&mut wrong).await;
        let forwarded = tokio::time::timeout(ANSWER, self.forwarder.send(&self.client)).await;
        match forwarded {
            Ok(Ok(())) => wrong.extend(self.keep_places()),
            Ok(Err(failure)) => wrong.push(format!("the log is not forwarded: {failure}")),
            Err(_) => wrong.push("the log is not forwarded: no answer within 10 s".to_owned()),
        }
        wrong.extend(self.report(&wrong).await);
        if wrong != self.said {
            match wrong.as_slice() {
                [] => note("nothing is wrong any more"),
                all => all.iter().for_each(|one| note(one)),
            }
            self.said.clone_from(&wrong);
        }
        wrong
    }

    async fn fetch(&mut self) -> Result<(), Failure> {
        let trusted = match self.trusted.take() {
            Some(trusted) => trusted,
            None => Trusted::fetch(&self.client).await?,
        };
        let outcome = self.fetch_lists(&trusted).await;
        self.trusted = Some(trusted);
        outcome
    }

    async fn fetch_lists(&mut self, trusted: &Trusted) -> Result<(), Failure> {
        if let Some(path) = &self.options.krl {
            let place = self.krl.get_or_insert_with(|| Place::new(path, trusted));
            if place.fetch(&self.client, trusted).await? {
                say_number("KRL", place.list.as_ref().map_or(0, List::number));
            }
        }
        if let Some(path) = &self.options.crl {
            let place = self.crl.get_or_insert_with(|| Place::new(path, trusted));
            if place.fetch(&self.client, trusted).await? {
                say_number("CRL", place.list.as_ref().map_or(0, List::number));
                self.unread = true;
            }
            if self.unread {
                database::reload(self.options.database.as_deref().unwrap_or_default()).await?;
                self.unread = false;
            }
        }
        Ok(())
    }

    /// Takes the KRL away once it is too old: it has no end of its own, and a host that hears
    /// nothing lets nobody in. A CRL has its end, which PostgreSQL keeps.
    fn stale(&mut self) -> Option<String> {
        if SystemClock.now().since(self.fresh) < self.options.stale || self.removed {
            return None;
        }
        let path = self.options.krl.as_deref()?;
        let removed = match &mut self.krl {
            Some(place) => place.remove(),
            // Nothing was ever fetched; what lies there is of before.
            None => lists::remove(path),
        };
        match removed {
            Ok(()) => {
                self.removed = true;
                note(&format!("`{}` is taken away: sshd refuses everybody now", path.display()));
                None
            }
            Err(failure) => Some(failure.to_string()),
        }
    }

    fn follow(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (log, program) in &mut self.logs {
            match log.lines() {
                Ok(lines) => {
                    for (line, new) in lines {
                        if *program == "sshd" {
                            self.sessions.see(&line);
                        }
                        if new {
                            self.forwarder.take(program, &line, self.sessions.behind(&line));
                        }
                    }
                }
                Err(why) => wrong.push(format!("the log of {program}: {}", reason(&why))),
            }
        }
        wrong
    }

    /// Keeps how far the logs were forwarded, so that the next agent goes on from there.
    fn keep_places(&mut self) -> Option<String> {
        let now: Places =
            self.logs.iter().filter_map(|(log, program)| Some((*program, log.mark()?))).collect();
        if now == self.places {
            return None;
        }
        let path = place_file(self.options)?;
        let text = json!(now).to_string();
        let kept = lists::put(&path, text.as_bytes());
        self.places = now;
        kept.err().map(|why| Failure::file("write", &path, &why).to_string())
    }

    async fn end_sessions(&mut self, wrong: &mut Vec<String>) {
        let known = self.trusted.as_ref().zip(self.krl.as_ref().and_then(|one| one.list.as_ref()));
        if let Some((trusted, list)) = known {
            let refused = |session: &sessions::Session| {
                list.revokes(&trusted.ssh, session.serial, &session.key_id)
            };
            for session in self.sessions.cut(refused) {
                self.cut += 1;
                let (login, key_id) = (&session.login, &session.key_id);
                note(&format!("ended the session of `{login}` under `{key_id}`"));
                self.forwarder.ended(&session);
            }
        }
        let list = self.crl.as_ref().and_then(|one| one.list.as_ref());
        if let (Some(list), Some(to)) = (list, &self.options.database) {
            match database::end(to, list).await {
                Ok(0) => {}
                Ok(ended) => {
                    self.cut += ended;
                    note(&format!("ended {ended} sessions of PostgreSQL"));
                }
                Err(failure) => wrong.push(failure.to_string()),
            }
        }
    }

    /// Tells the register what is so: at once if it changed, otherwise now and then.
    async fn report(&mut self, wrong: &[String]) -> Option<String> {
        let (now, good) = (SystemClock.now(), wrong.is_empty());
        let due = |(at, was): (Moment, bool)| was != good || now.since(at) >= REPORT;
        if !self.reported.is_none_or(due) {
            return None;
        }
        let evidence = match wrong.first() {
            None => format!(
                "the host's agent: newest lists in place, {} sessions open, {} ended so far",
                self.sessions.count(),
                self.cut
            ),
            Some(first) => format!("the host's agent: {first}"),
        };
        let claims: &[&str] = match self.logs.is_empty() {
            true => &["revocation-enforced"],
            false => &["revocation-enforced", "activity-feed"],
        };
        for claim in claims {
            let told = tokio::time::timeout(ANSWER, self.tell(claim, good, &evidence, now)).await;
            match told {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => return Some(format!("nothing is reported: {failure}")),
                Err(_) => return Some("nothing is reported: no answer within 10 s".to_owned()),
            }
        }
        self.reported = Some((now, good));
        None
    }

    async fn tell(
        &self,
        claim: &str,
        good: bool,
        evidence: &str,
        now: Moment,
    ) -> Result<(), Failure> {
        let place = format!("{}:report", self.options.system);
        let evidence: String = evidence.chars().filter(|c| !c.is_control()).take(400).collect();
        let valid_to = domain::register::Day::of(now).plus(1);
        let body = json!({"claim": claim, "good": good, "source": "measured",
            "evidence": evidence, "valid_to": valid_to});
        self.client.post(&["systems", &place]).json(&body)?.send().await.map(drop)
    }
}

/// How far each log was forwarded, by the program whose it is.
type Places = BTreeMap<&'static str, follow::Mark>;

/// Where that is kept: beside the list.
fn place_file(options: &Options) -> Option<PathBuf> {
    let mut name = options.krl.as_deref()?.as_os_str().to_owned();
    name.push(".place");
    Some(PathBuf::from(name))
}

fn places(options: &Options) -> Places {
    let text = place_file(options).and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    let kept: BTreeMap<String, follow::Mark> = serde_json::from_slice(&text).unwrap_or_default();
    let known = |program| kept.get(program).map(|mark| (program, *mark));
    ["sshd", "auditd"].into_iter().filter_map(known).collect()
}

fn say_number(what: &str, number: u64) {
    note(&format!("{what} {number} is in place"));
}
