//! Polling a UPS: the job that asks for it, and the operation that keeps what it brought.
//!
//! Registering a UPS with a source leaves a job of kind [`POLL`]. Whoever has a network takes the
//! job, reads the source it names, and runs [`Polled`] with the outcome and the job's right;
//! keeping the outcome leaves the next job. Without anybody who polls, the jobs wait and the
//! readings go stale, which the controls say.

use super::Equipment;
use super::reading::{Reading, Trouble, since, words};
use crate::catalogue::{CURRENT, Catalogue};
use crate::register::{Kept, Mark, When, act, body, key, load, parse};
use crate::systems::Source;
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use std::time::Duration;

act!(
    /// A poll of a UPS ended.
    Poller, "equipment.polled", None, false
);

/// Kind of the job that asks for a poll.
pub const POLL: &str = "equipment.poll";

/// What a poll is asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// The equipment.
    pub id: String,
    /// Where its state is read.
    pub source: NutSource,
}

/// A UPS at a server of Network UPS Tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NutSource {
    /// `host:port` of the server.
    pub address: String,
    /// The name of the UPS there.
    pub ups: String,
}

impl Poll {
    /// The poll that a job of kind [`POLL`] asks for.
    ///
    /// # Errors
    /// `Internal` if the job has another form.
    pub fn of(object: &str) -> Result<Self> {
        let parts = object.split_once(' ');
        let parts = parts.and_then(|(id, nut)| Some((id, source(nut).ok()?)));
        let (id, source) =
            parts.ok_or_else(|| Error::internal("a job of polling has another form"))?;
        Ok(Self { id: id.to_owned(), source })
    }

    pub(super) fn object(&self) -> String {
        format!("{} {}/{}", self.id, self.source.address, self.source.ups)
    }
}

/// Reads `host:port/upsname`.
pub(super) fn source(text: &str) -> Result<NutSource> {
    let within = |text: &str, most: usize, also: &[u8]| {
        (1..=most).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
    };
    let parts = text.split_once('/').and_then(|(address, ups)| {
        let (host, port) = address.rsplit_once(':')?;
        let port = port.parse::<u16>().ok().filter(|number| number.to_string() == port)?;
        let good = within(host, 253, b".-:[]") && port > 0 && within(ups, 64, b"._-");
        good.then(|| NutSource { address: address.to_owned(), ups: ups.to_owned() })
    });
    parts.ok_or_else(|| {
        Error::invalid("nut", "write `host:port/upsname`, such as `10.0.0.7:3493/ups-a`")
    })
}

/// What a poll brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The UPS answered.
    Read {
        /// Its status words.
        status: String,
        /// Load in percent of the capacity.
        load_percent: Option<u32>,
        /// Seconds it would run on its batteries.
        runtime_seconds: Option<u32>,
        /// Charge of its batteries in percent.
        charge_percent: Option<u32>,
    },
    /// It did not, or its server did not.
    Silent {
        /// What went wrong, in a sentence.
        problem: String,
    },
}

/// Keeps what a poll brought, and asks for the next one.
pub struct Polled {
    poll: Poll,
    outcome: Outcome,
    key: RecordKey,
    catalogue: RecordKey,
}

/// The outcome of a poll, as an operation that the job's right runs.
///
/// # Errors
/// `Internal` if `house` has no keys.
pub fn polled(kernel: &Kernel, poll: Poll, outcome: Outcome) -> Result<Polled> {
    let key = key::<Kept<Equipment>>(kernel, &poll.id)?;
    let catalogue = self::key::<Kept<Catalogue>>(kernel, CURRENT)?;
    Ok(Polled { poll, outcome, key, catalogue })
}

impl Polled {
    /// The row after the poll.
    fn keep(&self, row: &mut Equipment, now: Moment, life: Duration) {
        let problem = match &self.outcome {
            Outcome::Silent { problem } => Some(problem.as_str()),
            Outcome::Read { status, .. } if words(status).is_none() => {
                Some("the UPS answered with a status that is none")
            }
            Outcome::Read { .. } => None,
        };
        if let Some(problem) = problem {
            let since = row.trouble.as_ref().map_or(When(now), |one| one.since);
            // Words from outside: one line, bounded.
            let plain = problem.chars().filter(|c| !c.is_control()).take(200).collect();
            row.trouble = Some(Trouble { problem: plain, since });
            return;
        }
        let Outcome::Read { status, load_percent, runtime_seconds, charge_percent } = &self.outcome
        else {
            return;
        };
        let status = words(status).unwrap_or_default();
        let since = since(row, &status, now);
        row.trouble = None;
        row.reading = Some(Reading {
            status,
            load_percent: load_percent.filter(|percent| *percent <= 1000),
            runtime_seconds: *runtime_seconds,
            charge_percent: charge_percent.filter(|percent| *percent <= 100),
            source: Source::Measured,
            since,
            counts_to: When(now.after(life)),
            mark: Mark { by: "kernel".to_owned(), at: When(now) },
        });
    }
}

impl Operation for Polled {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Poller::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        wants.record(&self.catalogue);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = load::<Kept<Equipment>, Poller>(work, &self.key)?;
        if kept.row.retired.is_some() {
            // The last job of this equipment: it leaves none.
            work.note(HOUSE, Poller::ACTION.name, vec![("retired", self.poll.id.clone())]);
            return Ok(After::now(()));
        }
        let catalogue = work.look(&self.catalogue)?;
        let catalogue = catalogue.map(|bytes| parse::<Kept<Catalogue>>(&bytes)).transpose()?;
        let minutes = catalogue.map(|kept| kept.row.parameters).unwrap_or_default().ups_minutes;
        let life = Duration::from_secs(u64::from(minutes.max(1)) * 60);
        self.keep(&mut kept.row, work.now(), life);
        let status = kept.row.reading.as_ref().filter(|_| kept.row.trouble.is_none());
        let well = status.is_some_and(Reading::usable);
        let said = status.map_or("silent", |one| one.status.as_str()).to_owned();
        work.save(allowed, body(&kept)?, vec![("status", said)])?;
        // Often enough that one lost poll is no gap; every minute while something is wrong.
        let pause = if well { life / 3 } else { Duration::from_secs(60).min(life / 3) };
        work.later(work.now().after(pause), HOUSE, POLL, &self.poll.object());
        Ok(After::now(()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Poll, source};

    #[test]
    fn a_source_is_read_or_refused() {
        for text in ["10.0.0.7:3493/ups-a", "[::1]:3493/ups_1", "nut.example:1/U.p"] {
            let poll = Poll { id: "a".into(), source: source(text).unwrap() };
            assert_eq!(Poll::of(&poll.object()).unwrap(), poll);
        }
        let bad = [
            "",
            "/",
            "host/ups",
            "host:0/ups",
            "host:99999/ups",
            "host:+1/ups",
            ":1/ups",
            "host:1/",
            "host:1/a/b",
            "ho st:1/ups",
            "host:1/u ps",
            "host:1/u\nps",
            "http://h:1/u",
        ];
        for text in bad {
            assert_eq!(source(text).unwrap_err().field(), Some("nut"), "{text}");
        }
    }
}
