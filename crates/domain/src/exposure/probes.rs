//! Probes: what Bailee itself sees of an endpoint's TLS, looking from where it runs.
//!
//! Registering a probe of an endpoint leaves a job of kind [`PROBE`]. Whoever has a network takes
//! the job, looks at the address it names, and runs [`Seen`] with what it saw and the job's right.
//! What was seen is kept in the probe's row and becomes a measured fact about the system; an
//! endpoint that does not answer makes no fact, so that the last one goes stale.

use crate::register::{
    At, Day, Entry, Kept, Mark, Needs, Register, Row, Status, Step, Tone, When, act, body, key,
    line, load, parse, step,
};
use crate::systems::{Claim, Fact, Kind, Source, System};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

act!(
    /// A probe of an endpoint ended.
    Prober, "probe.seen", None, false
);

/// Kind of the job that asks for a probe.
pub const PROBE: &str = "probe.run";

/// Time from one probe to the next.
const PAUSE: Duration = Duration::from_secs(6 * 3600);

/// Time to the next probe of an endpoint with which something is wrong.
const SOON: Duration = Duration::from_secs(15 * 60);

/// How long a probe counts. Longer than [`PAUSE`], so that a lost one is no gap.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// What a probe saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sight {
    /// Whether it answered.
    pub reachable: bool,
    /// The version of TLS that it chose, such as `TLSv1.3`.
    pub version: Option<String>,
    /// Versions older than TLS 1.2 that it speaks as well.
    pub old_versions: Vec<String>,
    /// Whether its certificate is trusted and in its name.
    pub trusted: bool,
    /// When its certificate ends.
    pub certificate_ends: Option<When>,
    /// Whether it answers without TLS.
    pub plaintext: bool,
    /// Whether it asks browsers to come back over TLS only (RFC 6797).
    pub strict_transport: bool,
    /// What went wrong, where something did.
    pub problem: Option<String>,
}

impl Sight {
    /// Whether the endpoint is reached over encrypted connections only.
    pub fn encrypted(&self) -> bool {
        let modern = matches!(self.version.as_deref(), Some("TLSv1.3" | "TLSv1.2"));
        self.reachable && modern && self.trusted && !self.plaintext && self.old_versions.is_empty()
    }

    /// What was seen, in a sentence.
    pub fn said(&self) -> String {
        if !self.reachable {
            return "it does not answer".to_owned();
        }
        let version = self.version.as_deref().unwrap_or("no TLS");
        let trusted = if self.trusted { "trusted" } else { "not trusted" };
        let plain = if self.plaintext { ", answers without TLS" } else { "" };
        let old = match self.old_versions.join(", ") {
            old if old.is_empty() => old,
            old => format!(", speaks {old} too"),
        };
        format!("{version}, certificate {trusted}{plain}{old}")
    }

    /// Bounds what comes from outside.
    fn bounded(mut self) -> Self {
        let plain =
            |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(200).collect() };
        self.version = self.version.map(|text| plain(&text));
        self.problem = self.problem.map(|text| plain(&text));
        self.old_versions = self.old_versions.iter().take(8).map(|text| plain(text)).collect();
        self
    }
}

/// The probe of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// The system that is probed.
    pub system: String,
    /// The address that was probed last.
    pub address: String,
    /// What was seen last.
    pub sight: Option<Sight>,
    /// When that was.
    pub at: Option<When>,
    /// Since when it has been as good or bad as it is.
    pub since: Option<When>,
    /// When probing ended, if it did.
    pub ended: Option<Mark>,
}

/// A probe to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProbe {
    /// The system to be probed: an endpoint with an address. The probe has its name.
    pub system: String,
}

impl Row for Probe {
    const NOUN: &'static str = "probe";
    const REGISTER: &'static str = "probes";
    const FORMAT: &'static str = "probe/v1";
    const ADD: &'static str = "probe.add";
    const READ: &'static str = "probe.read";
    const LIST: &'static str = "probe.list";
    type New = NewProbe;

    fn id(new: &NewProbe) -> Option<&str> {
        Some(&new.system)
    }

    fn needs(new: &NewProbe, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<System>(&new.system)
    }

    fn add(new: &NewProbe, at: &mut At<'_, '_>) -> Result<Self> {
        let system = at.named::<System>("system", &new.system)?.row;
        let Some(address) = system.address.filter(|_| system.kind == Kind::Endpoint) else {
            let why = "only an endpoint with an address is probed: state the address first";
            return Err(Error::invalid("system", why));
        };
        at.later(
            at.now(),
            PROBE,
            Look { id: new.system.clone(), address: address.clone() }.object(),
        );
        let system = new.system.clone();
        Ok(Self { system, address, sight: None, at: None, since: None, ended: None })
    }

    fn status(&self, now: Moment) -> Status {
        if self.ended.is_some() {
            return Status::of("ended", Tone::Past);
        }
        let (Some(sight), Some(at)) = (&self.sight, self.at) else {
            return Status::of("waiting", Tone::Due).what("it was not probed so far");
        };
        let end = at.0.after(LIFE);
        let since = self.since.unwrap_or(at).0;
        match () {
            () if end <= now => Status::of("stale", Tone::Due)
                .what("no probe came back since: see whether the server's prober runs")
                .due(end)
                .who("administrator"),
            () if sight.encrypted() => Status::of("encrypted", Tone::Good).due(end),
            () if sight.reachable => {
                Status::of("deficient", Tone::Bad).what(sight.said()).due(since).who("responder")
            }
            () => Status::of("unreachable", Tone::Due)
                .what(sight.problem.clone().unwrap_or_else(|| sight.said()))
                .due(since)
                .who("responder"),
        }
    }
}

/// Ends the probing of an endpoint.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndProbe {
    /// Why.
    pub reason: String,
}

impl Step<Probe> for EndProbe {
    const ACTION: &'static str = "probe.end";

    fn apply(&self, row: &mut Probe, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this probe has ended already"));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

/// What a job of kind [`PROBE`] asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The system.
    pub id: String,
    /// Where to look: `host:port`.
    pub address: String,
}

impl Look {
    /// The look that a job asks for.
    ///
    /// # Errors
    /// `Internal` if the job has another form.
    pub fn of(object: &str) -> Result<Self> {
        let (id, address) = object
            .split_once(' ')
            .ok_or_else(|| Error::internal("a job of probing has another form"))?;
        Ok(Self { id: id.to_owned(), address: address.to_owned() })
    }

    fn object(&self) -> String {
        format!("{} {}", self.id, self.address)
    }
}

/// Keeps what a probe saw, and asks for the next one.
pub struct Seen {
    look: Look,
    sight: Sight,
    key: RecordKey,
    system: RecordKey,
}

impl Seen {
    /// What was seen, as an operation that the job's right runs.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, look: Look, sight: Sight) -> Result<Self> {
        let key = key::<Kept<Probe>>(kernel, &look.id)?;
        let system = self::key::<Kept<System>>(kernel, &look.id)?;
        Ok(Self { look, sight: sight.bounded(), key, system })
    }

    /// The measured fact about the system, in the place of the probe's earlier one: a row would
    /// otherwise lose what others said to what is seen four times a day.
    fn tell(&self, system: &mut System, now: Moment) {
        let (claim, by) = (Claim::EncryptedInTransit, "kernel");
        system.facts.retain(|fact| fact.claim != claim || fact.mark.by != by);
        system.facts.push(Fact {
            claim,
            good: self.sight.encrypted(),
            source: Source::Measured,
            evidence: format!("probed at {}: {}", self.look.address, self.sight.said()),
            valid_to: Day::of(now.after(LIFE)),
            mark: Mark { by: by.to_owned(), at: When(now) },
        });
    }
}

impl Operation for Seen {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Prober::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        wants.record(&self.system);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = load::<Kept<Probe>, Prober>(work, &self.key)?;
        let system = work.look(&self.system)?;
        let system = system.map(|bytes| parse::<Kept<System>>(&bytes)).transpose()?;
        let system = system.filter(|one| one.row.retired.is_none() && kept.row.ended.is_none());
        let address = system.as_ref().and_then(|one| one.row.address.clone());
        let (Some(mut system), Some(address)) = (system, address) else {
            // The last job of this probe: it leaves none.
            work.note(HOUSE, Prober::ACTION.name, vec![("ended", self.look.id.clone())]);
            return Ok(After::now(()));
        };
        let (row, now) = (&mut kept.row, work.now());
        let same = |before: &Sight| {
            (before.reachable, before.encrypted()) == (self.sight.reachable, self.sight.encrypted())
        };
        if !row.sight.as_ref().is_some_and(same) {
            row.since = Some(When(now));
        }
        row.at = Some(When(now));
        row.sight = Some(self.sight.clone());
        row.address.clone_from(&self.look.address);
        work.save(allowed, body(&kept)?, vec![("seen", self.sight.said())])?;
        // What was seen at an address that is not the system's any more says nothing of it.
        if self.sight.reachable && self.look.address == address {
            self.tell(&mut system.row, now);
            let allowed = work.load::<Prober>(&self.system)?;
            work.save(allowed, body(&system)?, vec![])?;
        }
        let moved = self.look.address != address;
        let pause = match self.sight.encrypted() {
            _ if moved => Duration::ZERO,
            true => PAUSE,
            false => SOON,
        };
        let next = Look { id: self.look.id.clone(), address };
        work.later(now.after(pause), HOUSE, PROBE, &next.object());
        Ok(After::now(()))
    }
}

const STEPS: &[Entry] = &[step::<Probe, EndProbe>("end", "Ends the probing of the endpoint")];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Probe>(
    "exposure",
    "What Bailee itself sees of the endpoints' TLS, looking every few hours",
)
.serves(&["E2.2", "E6.4"])
.first("Have Bailee probe an endpoint of the register of systems")
.columns(&["system", "address", "at"])
.steps(STEPS);
