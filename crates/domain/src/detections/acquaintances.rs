//! Acquaintances: which accounts a person has touched before, and with which entry first. Kept by
//! the server, so that a first access is seen as one, also after a restart.

use crate::register::{self, At, Entry, Kept, Register, Row, Status, Tone, act, body, parse};
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An account that was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AcquaintanceAccount")]
pub struct Met {
    /// The account's slot.
    pub slot: u64,
    /// The first entry, by its number over all logs.
    pub entry: i64,
}

/// What a person has touched before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acquaintance {
    /// Who: `person:NAME`.
    pub person: String,
    /// The accounts.
    pub met: Vec<Met>,
}

/// Accounts that a row holds; beyond it every account counts as known.
pub const MOST: usize = 10_000;

/// Nothing: acquaintances are kept by the server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAcquaintance {}

impl Row for Acquaintance {
    const NOUN: &'static str = "acquaintance";
    const REGISTER: &'static str = "acquaintances";
    const FORMAT: &'static str = "acquaintance/v1";
    const ADD: &'static str = "acquaintance.add";
    const READ: &'static str = "acquaintance.read";
    const LIST: &'static str = "acquaintance.list";
    const COMPOSED: bool = true;
    type New = NewAcquaintance;

    fn add(_: &NewAcquaintance, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::conflict("acquaintances are kept by the server itself"))
    }

    fn status(&self, _now: Moment) -> Status {
        Status::of("known", Tone::Good).what(format!("accounts: {}", self.met.len()))
    }
}

act!(
    /// Keeping what a person touched for the first time.
    Keep, "acquaintance.keep", None, false
);

/// Keeps that a person touched an account for the first time.
pub struct KeepMet {
    key: RecordKey,
    person: String,
    met: Met,
}

impl KeepMet {
    /// By this person.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, person: &PrincipalId, met: Met) -> Result<Self> {
        let (kind, name) = person.parts();
        let key = register::key::<Kept<Acquaintance>>(kernel, &format!("{kind}.{name}"))?;
        Ok(Self { key, person: person.to_string(), met })
    }
}

impl Operation for KeepMet {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Keep::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let allowed = work.load::<Keep>(&self.key)?;
        let known = work.look(&self.key)?;
        let known = known.map(|body| parse::<Kept<Acquaintance>>(&body)).transpose()?;
        let mut kept = known.unwrap_or_else(|| {
            let row = Acquaintance { person: self.person.clone(), met: vec![] };
            Kept::begun(work, &self.key.id, row)
        });
        let known = kept.row.met.iter().any(|one| one.slot == self.met.slot);
        if known || kept.row.met.len() >= MOST {
            work.disclose(&allowed, vec![("outcome", "known".to_owned())]);
            return Ok(After::now(()));
        }
        kept.row.met.push(self.met);
        work.save(allowed, body(&kept)?, vec![])?;
        Ok(After::now(()))
    }
}

const STEPS: &[Entry] = &[];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Acquaintance>(
    "incidents",
    "Which accounts a person has touched before: a first access is seen by it",
)
.serves(&["E4.2"])
.first("The server keeps it by itself")
.columns(&["person"])
.steps(STEPS);
