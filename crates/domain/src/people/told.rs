//! What happened to somebody's sessions and credentials, for whoever outside has to hear it.
//!
//! It is left as a job in the same commit, so that nothing that happened goes untold. To whom it is
//! told, and how, is the business of `streams`.

use kernel::id::PrincipalId;
use kernel::{Error, HOUSE, Moment, Result, Work};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The job that follows when something happened that others have to hear.
pub const TOLD: &str = "person.told";

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// Every session of theirs ended.
    SessionsEnded,
    /// A passkey was made.
    PasskeyMade {
        /// Whether it stays on one device.
        bound: bool,
    },
    /// A passkey was ended.
    PasskeyEnded {
        /// Whether it stayed on one device.
        bound: bool,
    },
    /// A recovery code was used up.
    RecoveryUsed,
}

/// Who made it happen, as CAEP 1.0 §2 tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ToldBy")]
pub enum By {
    /// They themselves.
    User,
    /// Somebody else.
    Admin,
    /// A program.
    System,
}

impl By {
    /// What a principal is to a person.
    pub(crate) fn of(by: &PrincipalId, person: &str) -> Self {
        match by.parts() {
            ("person", name) if name == person => Self::User,
            ("person", _) => Self::Admin,
            _ => Self::System,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::System => "system",
        }
    }
}

/// What happened to whom, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The person's name.
    pub person: String,
    /// What happened.
    pub what: Happened,
    /// Who made it happen.
    pub by: By,
    /// When, µs since 1970.
    pub at: u64,
}

impl Told {
    /// As a job says it.
    ///
    /// # Errors
    /// `Internal` if it has another form.
    pub fn of(object: &str) -> Result<Self> {
        serde_json::from_str(object)
            .map_err(|why| Error::internal(format!("a job of telling has another form: {why}")))
    }
}

/// What a job of [`TOLD`] is about, as made to happen so at this moment.
///
/// # Errors
/// `Internal` if it has no JSON form.
pub(crate) fn word_of(person: &str, what: Happened, (by, now): (By, Moment)) -> Result<String> {
    let told = Told { person: person.to_owned(), what, by, at: now.0 };
    serde_json::to_string(&told).map_err(|why| Error::internal(format!("word of a person: {why}")))
}

/// Leaves word of something that whoever acts made happen to a person.
///
/// # Errors
/// `Internal` if it has no JSON form.
pub(crate) fn tell(work: &mut Work<'_>, person: &str, what: Happened) -> Result<()> {
    let by = By::of(&work.caller().principal, person);
    tell_by(work, person, what, by)
}

/// As [`tell`], where who acts is not who made it happen.
///
/// # Errors
/// `Internal` if it has no JSON form.
pub(crate) fn tell_by(work: &mut Work<'_>, person: &str, what: Happened, by: By) -> Result<()> {
    let now = work.now();
    let object = word_of(person, what, (by, now))?;
    work.later(now, HOUSE, TOLD, &object);
    Ok(())
}
