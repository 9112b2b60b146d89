//! A row of a register, as it is kept and as answers show it.

use super::{Noun, Readers};
use kernel::authority::Action;
use kernel::engine::Wants;
use kernel::{Act, Error, Kernel, Moment, RecordKey, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::marker::PhantomData;

use super::at::At;

/// A noun whose life is: added by somebody, changed by steps, never deleted.
///
/// The struct holds only what is the noun's own; id, format and who added it are in [`Kept`]. The
/// stored form is also the form that answers show, so every field is documented for the world.
pub trait Row: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static {
    /// The noun, as commands and messages use it.
    const NOUN: &'static str;
    /// Its register, as paths use it.
    const REGISTER: &'static str;
    /// Name and version of the stored form, such as `vendor/v1`.
    const FORMAT: &'static str;
    /// Action of adding one.
    const ADD: &'static str;
    /// Action of reading one.
    const READ: &'static str;
    /// Action of reading a page.
    const LIST: &'static str;
    /// Whether a change of it changes who may do what.
    const RIGHTS: bool = false;
    /// Whether the id is made of the names of other rows, and so may be longer than a name.
    const COMPOSED: bool = false;
    /// Whether not everybody may read each of its rows whose role opens the register, as
    /// [`Row::readers`] says.
    const RESTRICTED: bool = false;
    /// What is stated to add one.
    type New: DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// The id that was chosen; without one it is made of random bits after the noun.
    fn id(_new: &Self::New) -> Option<&str> {
        None
    }

    /// Other rows that adding one looks at or changes.
    ///
    /// # Errors
    /// `Invalid` for a reference that is none.
    fn needs(_new: &Self::New, _needs: &mut Needs<'_>) -> Result<()> {
        Ok(())
    }

    /// The new row, by pure rules.
    ///
    /// # Errors
    /// `Invalid` with the field that is wrong.
    fn add(new: &Self::New, at: &mut At<'_, '_>) -> Result<Self>;

    /// What it is now, computed: no field says it.
    fn status(&self, now: Moment) -> Status;

    /// Who may read it, besides what roles say.
    fn readers(&self) -> Readers<'_> {
        Readers::Everybody
    }
}

/// A step in the life of a row.
pub trait Step<N: Row>: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The action: noun and verb, such as `vendor.agree`.
    const ACTION: &'static str;
    /// Whether this step changes who may do what.
    const RIGHTS: bool = N::RIGHTS;

    /// Other rows that the step looks at or changes; `id` is the row's own.
    ///
    /// # Errors
    /// `Invalid` for a reference that is none.
    fn needs(&self, _id: &str, _needs: &mut Needs<'_>) -> Result<()> {
        Ok(())
    }

    /// Changes the row, by pure rules.
    ///
    /// # Errors
    /// `Conflict` if its state does not allow it, `Invalid` with the field that is wrong,
    /// `Forbidden` if it takes another person.
    fn apply(&self, row: &mut N, at: &mut At<'_, '_>) -> Result<()>;
}

/// The action of adding a row.
pub struct Adding<N>(PhantomData<N>);
/// The action of reading a row.
pub struct Reading<N>(PhantomData<N>);
/// The action of reading a page of rows.
pub struct Listing<N>(PhantomData<N>);
/// The action of a step.
pub struct Stepping<N, S>(PhantomData<(N, S)>);

impl<N: Row> Act for Adding<N> {
    const ACTION: &'static Action = &Action { name: N::ADD, verb: None, changes_rights: N::RIGHTS };
}

impl<N: Row> Act for Reading<N> {
    const ACTION: &'static Action = &Action { name: N::READ, verb: None, changes_rights: false };
}

impl<N: Row> Act for Listing<N> {
    const ACTION: &'static Action = &Action { name: N::LIST, verb: None, changes_rights: false };
}

impl<N: Row, S: Step<N>> Act for Stepping<N, S> {
    const ACTION: &'static Action =
        &Action { name: S::ACTION, verb: None, changes_rights: S::RIGHTS };
}

/// A row with its id and its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Kept{N}")]
pub struct Kept<N> {
    /// Name and version of this form.
    pub format: String,
    /// The id, unique in its register and never used again.
    pub id: String,
    /// Who added it, and when.
    pub added: Mark,
    /// What is the noun's own.
    #[serde(flatten)]
    pub row: N,
}

impl<N: Row> Kept<N> {
    /// A new row of this id, added now by whoever acts.
    pub(crate) fn begun(work: &kernel::Work<'_>, id: &str, row: N) -> Self {
        let added = Mark { by: work.caller().principal.to_string(), at: When(work.now()) };
        Self { format: N::FORMAT.to_owned(), id: id.to_owned(), added, row }
    }
}

impl<N: Row> Noun for Kept<N> {
    const REGISTER: &'static str = N::REGISTER;
    const NOUN: &'static str = N::NOUN;
    type Read = Reading<N>;
    type List = Listing<N>;
    const RESTRICTED: bool = N::RESTRICTED;

    fn readers(&self) -> Readers<'_> {
        self.row.readers()
    }
}

/// A row as an answer shows it: with what it is now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{N}")]
pub struct Shown<N> {
    /// What it is now, computed from everything else.
    pub state: Status,
    /// The row.
    #[serde(flatten)]
    pub kept: Kept<N>,
}

impl<N: Row> Shown<N> {
    /// A row at a moment.
    pub fn at(kept: Kept<N>, now: Moment) -> Self {
        Self { state: kept.row.status(now), kept }
    }
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// Who: `person:NAME`, `service:NAME`, `member:NAME`, or `kernel` for what happens by itself.
    pub by: String,
    /// When.
    pub at: When,
}

/// A moment, written as RFC 3339 in UTC with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct When(pub Moment);

impl When {
    /// Reads RFC 3339 in UTC (`…Z`), with or without a fraction of a second.
    pub fn parse(text: &str) -> Option<Self> {
        let (day, rest) = text.split_at_checked(10)?;
        let start = Day::parse(day)?.start();
        let clock = rest.strip_prefix('T')?.strip_suffix('Z')?;
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let two = |from: usize| number(clock.get(from..from + 2)?);
        let shape = clock.len() == 8 && clock.get(2..3)? == ":" && clock.get(5..6)? == ":";
        let (hour, minute, second) = (two(0)?, two(3)?, two(6)?);
        let bounded = hour < 24 && minute < 60 && second < 60 && fraction.len() <= 9;
        if !shape || !bounded || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
        let seconds = hour * 3600 + minute * 60 + second;
        Some(Self(Moment(start.0 + seconds * 1_000_000 + number(&micros)?)))
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.rfc3339())
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            let text = kernel::id::shown(&text);
            serde::de::Error::custom(format!(
                "`{text}` is no moment: write it as `2026-11-22T14:02:11Z`"
            ))
        })
    }
}

impl JsonSchema for When {
    fn schema_name() -> Cow<'static, str> {
        "When".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A day of the calendar, written `2026-11-22`; it begins and ends at midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(u32);

const MICROS_OF_DAY: u64 = 86_400_000_000;

impl Day {
    /// Reads `YYYY-MM-DD`, from 1970 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 10 && text.get(4..5)? == "-" && text.get(7..8)? == "-";
        let (year, month, day) =
            (number(text.get(..4)?)?, number(text.get(5..7)?)?, number(text.get(8..)?)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 => 28 + u64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let known = plain && year >= 1970 && (1..=12).contains(&month) && (1..=last).contains(&day);
        // Days from 1970-01-01 by counting from 1 March, where the leap day is the last.
        let shifted = if month > 2 { year } else { year - 1 };
        let month = if month > 2 { month - 3 } else { month + 9 };
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400;
        let days = days + (153 * month + 2) / 5 + day - 1;
        known.then(|| u32::try_from(days - 719_468).ok()).flatten().map(Self)
    }

    /// The day a moment is in.
    pub fn of(moment: Moment) -> Self {
        Self(u32::try_from(moment.0 / MICROS_OF_DAY).unwrap_or(u32::MAX))
    }

    /// Its first moment.
    pub fn start(self) -> Moment {
        Moment(u64::from(self.0) * MICROS_OF_DAY)
    }

    /// The first moment after it: what is valid *to* a day counts until then.
    pub fn end(self) -> Moment {
        Moment((u64::from(self.0) + 1) * MICROS_OF_DAY)
    }

    /// The day so many days later.
    #[must_use]
    pub fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.start().rfc3339().get(..10).unwrap_or_default())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            let text = kernel::id::shown(&text);
            serde::de::Error::custom(format!("`{text}` is no day: write it as `2026-11-22`"))
        })
    }
}

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date"})
    }
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// How a reader should take a status. Colour means state, never mood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// As it should be.
    Good,
    /// Somebody has to act.
    Due,
    /// It is not as it should be.
    Bad,
    /// Over, and kept for the record.
    Past,
}

/// What a row is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Status {
    /// One word for it.
    pub word: &'static str,
    /// How to take it.
    pub tone: Tone,
    /// What is wrong or to be done, in a sentence; nothing if all is well.
    pub what: Option<String>,
    /// By when.
    pub due: Option<When>,
    /// Who acts: a principal or a role.
    pub who: Option<String>,
}

impl Status {
    /// A status of one word.
    pub fn of(word: &'static str, tone: Tone) -> Self {
        Self { word, tone, what: None, due: None, who: None }
    }

    /// With what is to be done.
    #[must_use]
    pub fn what(mut self, what: impl Into<String>) -> Self {
        self.what = Some(what.into());
        self
    }

    /// With the moment by which.
    #[must_use]
    pub fn due(mut self, due: Moment) -> Self {
        self.due = Some(When(due));
        self
    }

    /// With who acts.
    #[must_use]
    pub fn who(mut self, who: impl Into<String>) -> Self {
        self.who = Some(who.into());
        self
    }
}

/// Collects the rows that an operation looks at or changes besides its own.
pub struct Needs<'k> {
    /// The kernel, for what has to be looked up to know which rows those are.
    pub kernel: &'k Kernel,
    pub(super) keys: Vec<RecordKey>,
}

/// Rows that one operation may look at or change besides its own.
const MOST: usize = 600;

impl<'k> Needs<'k> {
    pub(super) fn new(kernel: &'k Kernel) -> Self {
        Self { kernel, keys: Vec::new() }
    }

    /// A row of another register (or of the same).
    ///
    /// # Errors
    /// `Limit` for too many.
    pub fn row<M: Row>(&mut self, id: &str) -> Result<()> {
        self.noun::<Kept<M>>(id)
    }

    /// As [`Needs::row`], for nouns with a stored form of their own.
    ///
    /// # Errors
    /// `Limit` for too many.
    pub fn noun<M: Noun>(&mut self, id: &str) -> Result<()> {
        if self.keys.len() >= MOST {
            return Err(Error::limit(format!("one request touches at most {MOST} rows")));
        }
        let key = super::key::<M>(self.kernel, id)?;
        if !self.keys.contains(&key) {
            self.keys.push(key);
        }
        Ok(())
    }

    pub(super) fn declare(keys: &[RecordKey], wants: &mut Wants) {
        for key in keys {
            wants.record(key);
        }
    }
}
