//! Elections: an account's own administrator chooses a receiver that takes no encryption.
//!
//! The promise of encryption has one exception, and it is the subscriber's to make: for its own
//! data, for one destination of its own, knowing the risk, for a stated time. Nobody of the
//! provider can record one. It is an entry in the account's own ledger.

use super::destinations::Destination;
use crate::register::{Adding, Boxed, body, load, parse};
use crate::register::{
    At, Day, Entry, Kept, Mark, On, Register, Row, Shown, Status, Step, Stepping, Tone, key, line,
    prose, stated,
};
use kernel::engine::Wants;
use kernel::id::AccountId;
use kernel::{Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest election, in days: the risk is looked at again each year.
const MOST_DAYS: u32 = 366;

/// The end of an election before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Withdrawn {
    /// Why.
    pub reason: String,
    /// Who did it, and when.
    pub mark: Mark,
}

/// An account's choice of a destination without encryption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Election {
    /// The account.
    pub account: String,
    /// The destination, which is the account's own.
    pub destination: String,
    /// The risk, in the words of whoever takes it.
    pub risk: String,
    /// Who of the account chose it, and when.
    pub elected: Mark,
    /// Last day it counts.
    pub until: Day,
    /// How it ended before its time, if it did.
    pub ended: Option<Withdrawn>,
}

impl Election {
    /// Whether it counts at this moment.
    pub fn in_force(&self, now: Moment) -> bool {
        self.ended.is_none() && now < self.until.end()
    }

    /// The id of the election of a destination by an account: there is one row for both.
    pub fn id(account: &str, destination: &str) -> String {
        format!("{account}.{destination}")
    }
}

/// An election to be recorded.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewElection {
    /// The account.
    pub account: String,
    /// The destination, which is the account's own.
    pub destination: String,
    /// The risk, in the words of whoever takes it.
    pub risk: String,
    /// Last day it counts, at most 366 days from today.
    pub until: Day,
}

impl Row for Election {
    const NOUN: &'static str = "election";
    const REGISTER: &'static str = "elections";
    const FORMAT: &'static str = "election/v1";
    const ADD: &'static str = "election.add";
    const READ: &'static str = "election.read";
    const LIST: &'static str = "election.list";
    type New = NewElection;

    /// Only an account's own administrator elects, so this is an operation on the account.
    fn add(_: &NewElection, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::internal("an election is asked of the account, with `Elect`"))
    }

    fn status(&self, now: Moment) -> Status {
        let end = self.until.end();
        match () {
            () if self.ended.is_some() => Status::of("ended", Tone::Past),
            () if end <= now => Status::of("lapsed", Tone::Due)
                .what("it counts no more: elect again, or have the destination retired")
                .who("the account's administrator"),
            () => Status::of("in-force", Tone::Good).due(end),
        }
    }
}

/// Records an election, for a member of the account who administers it.
pub struct Elect {
    new: NewElection,
    account: u64,
    key: RecordKey,
    destination: RecordKey,
}

impl Elect {
    /// As stated.
    ///
    /// # Errors
    /// `NotFound` if there is no such account; `Invalid` for what is no id.
    pub fn new(kernel: &Kernel, new: NewElection) -> Result<Self> {
        let account = kernel.slot(&AccountId::parse(&new.account)?)?;
        let id = Election::id(&new.account, &new.destination);
        let destination = key::<Kept<Destination>>(kernel, &new.destination)?;
        Ok(Self { account, key: key::<Kept<Election>>(kernel, &id)?, destination, new })
    }

    fn row(&self, work: &Work<'_>) -> Result<Election> {
        let found = work.look(&self.destination)?;
        let found = found.map(|bytes| parse::<Kept<Destination>>(&bytes)).transpose()?;
        // Another's destination is as unknown to a member as one that is not there.
        let own = found.map(|kept| kept.row).filter(|row| {
            row.subscriber() == Some(self.new.account.as_str()) && row.retired.is_none()
        });
        let Some(own) = own else {
            let name = kernel::id::shown(&self.new.destination);
            let why = format!("`{name}` is no destination of this account");
            return Err(Error::invalid("destination", why));
        };
        if !own.plaintext() {
            let why = "the way to this destination is encrypted: there is nothing to elect";
            return Err(Error::invalid("destination", why));
        }
        let (now, today) = (work.now(), Day::of(work.now()));
        if self.new.until < today || self.new.until > today.plus(MOST_DAYS) {
            let why = format!("an election ends today or later, within {MOST_DAYS} days");
            return Err(Error::invalid("until", why));
        }
        let by = work.caller().principal.to_string();
        Ok(Election {
            account: self.new.account.clone(),
            destination: self.new.destination.clone(),
            risk: prose("risk", &self.new.risk, 1000)?,
            elected: Mark { by, at: crate::register::When(now) },
            until: self.new.until,
            ended: None,
        })
    }
}

impl Operation for Elect {
    type Output = Shown<Election>;

    fn target(&self) -> Target {
        Target { action: Adding::<Election>::ACTION, account: self.account, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        wants.record(&self.destination);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Shown<Election>>> {
        let allowed = work.load::<Adding<Election>>(&self.key)?;
        let row = self.row(work)?;
        let before = allowed.present().map(|pointer| work.body(&pointer)).transpose()?;
        let before = before.map(|bytes| parse::<Kept<Election>>(&bytes)).transpose()?;
        if before.as_ref().is_some_and(|kept| kept.row.in_force(work.now())) {
            let why = "this election is in force: end it before you make it anew";
            return Err(Error::conflict(why));
        }
        let kept = Kept {
            format: Election::FORMAT.to_owned(),
            id: self.key.id.clone(),
            added: before.map_or_else(|| row.elected.clone(), |kept| kept.added),
            row,
        };
        let fields = fields(&kept, ("until", kept.row.until.to_string()));
        work.note(self.account, Adding::<Election>::ACTION.name, fields.clone());
        work.save(allowed, body(&kept)?, fields)?;
        Ok(After::now(Shown::at(kept, work.now())))
    }
}

/// What is stated to end an election.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Election> for End {
    const ACTION: &'static str = "election.end";

    /// Only an account's own administrator ends it, so this is an operation on the account.
    fn apply(&self, _: &mut Election, _: &mut At<'_, '_>) -> Result<()> {
        Err(Error::internal("an election is ended by the account, with `EndElection`"))
    }
}

type Ending = Stepping<Election, End>;

/// Ends an election, for a member of the account who administers it.
pub struct EndElection {
    end: End,
    account: u64,
    key: RecordKey,
}

impl EndElection {
    /// The election of this id, `ACCOUNT.DESTINATION`.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, id: &str, end: End) -> Result<Self> {
        let (account, _) = id.split_once('.').unwrap_or((id, ""));
        let account = kernel.slot(&AccountId::parse(account)?)?;
        Ok(Self { end, account, key: key::<Kept<Election>>(kernel, id)? })
    }
}

impl Operation for EndElection {
    type Output = Shown<Election>;

    fn target(&self) -> Target {
        Target { action: Ending::ACTION, account: self.account, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Shown<Election>>> {
        let (allowed, mut kept) = load::<Kept<Election>, Ending>(work, &self.key)?;
        if kept.row.ended.is_some() {
            return Err(Error::conflict("this election has ended"));
        }
        let reason = line("reason", &self.end.reason, 500)?;
        let by = work.caller().principal.to_string();
        let mark = Mark { by, at: crate::register::When(work.now()) };
        kept.row.ended = Some(Withdrawn { reason: reason.clone(), mark });
        let fields = fields(&kept, ("reason", reason));
        work.note(self.account, Ending::ACTION.name, fields.clone());
        work.save(allowed, body(&kept)?, fields)?;
        Ok(After::now(Shown::at(kept, work.now())))
    }
}

/// What the entries say: in the account's own log which row of the house it is about, too.
fn fields(kept: &Kept<Election>, more: (&'static str, String)) -> Vec<(&'static str, String)> {
    vec![
        ("row", format!("{}/{}", Election::REGISTER, kept.id)),
        ("destination", kept.row.destination.clone()),
        more,
    ]
}

fn elect(kernel: &Kernel, on: On<'_>, json: &[u8]) -> Result<Boxed> {
    let On::New(_) = on else { return Err(Error::internal("adding needs no row")) };
    Ok(Boxed::new(Elect::new(kernel, stated(json)?)?, Election::NOUN))
}

fn end(kernel: &Kernel, on: On<'_>, json: &[u8]) -> Result<Boxed> {
    let On::Row(id) = on else { return Err(Error::internal("a step needs a row")) };
    Ok(Boxed::new(EndElection::new(kernel, id, stated(json)?)?, Election::NOUN))
}

const ROWS: Register = Register::of::<Election>(
    "stewardship",
    "Destinations without encryption that an account's own administrator chose for its data",
)
.serves(&["E2.3"])
.first("Elect a destination of your own that takes no encryption, knowing the risk")
.columns(&["account", "destination", "until"]);

const STEPS: &[Entry] = &[Entry {
    verb: "end",
    summary: "Withdraws the election: nothing is sent there any more",
    area: None,
    action: Ending::ACTION,
    schema: |generator| generator.subschema_for::<End>(),
    make: end,
}];

/// The register, as the faces know it.
pub const REGISTER: Register = Register {
    add: Entry {
        verb: "add",
        summary: ROWS.first,
        area: None,
        action: Adding::<Election>::ACTION,
        schema: |generator| generator.subschema_for::<NewElection>(),
        make: elect,
    },
    steps: STEPS,
    ..ROWS
};
