//! Calendars: links by which people see in their own calendar when they are on call.
//!
//! Programs that show calendars cannot sign in, so a link is a secret of its own: 256 random bits,
//! shown once, of which only the hash is kept. It shows who is on call and when, and nothing else;
//! a new link ends the one before, and none counts once its holder has left. Each time a feed is
//! fetched is an entry of the ledger.
//!
//! Does not: write iCalendar. What is shown goes out as plain values.

use super::coverage::{Coverage, Span};
use super::rotas::Rota;
use super::shifts::Shift;
use super::{able, hex, responder};
use crate::register::{
    self, At, Entry, House, Kept, Mark, Register, Row, Status, Step, Survey, Tone, When, act, line,
    step,
};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

act!(
    /// Making a link of a calendar.
    Linking, "calendar.link", None, false
);
act!(
    /// Fetching a calendar by its link.
    Fetching, "calendar.fetch", None, false
);

/// Whose turns a calendar shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "CalendarShows")]
pub enum Shows {
    /// The holder's own.
    Own,
    /// Everybody's.
    Everybody,
}

/// The link of a calendar, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CalendarLinked")]
pub struct Linked {
    /// SHA-256 of its secret.
    pub hash: String,
    /// Who made it, and when.
    pub mark: Mark,
}

/// A calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calendar {
    /// Who holds the link: `person:NAME`.
    pub holder: String,
    /// Whose turns it shows.
    pub shows: Shows,
    /// The link that counts, once one was made.
    pub link: Option<Linked>,
    /// Who ended it, and when.
    pub ended: Option<Mark>,
}

/// A calendar to be made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCalendar {
    /// Who holds the link: `person:NAME`, an active responder or security lead.
    pub holder: String,
    /// Whose turns it shows.
    pub shows: Shows,
}

impl Row for Calendar {
    const NOUN: &'static str = "calendar";
    const REGISTER: &'static str = "calendars";
    const FORMAT: &'static str = "calendar/v1";
    const ADD: &'static str = "calendar.add";
    const READ: &'static str = "calendar.read";
    const LIST: &'static str = "calendar.list";
    type New = NewCalendar;

    fn add(new: &NewCalendar, at: &mut At<'_, '_>) -> Result<Self> {
        responder("holder", &new.holder, at)?;
        at.tell("holder", &new.holder);
        Ok(Self { holder: new.holder.clone(), shows: new.shows, link: None, ended: None })
    }

    fn status(&self, _now: Moment) -> Status {
        if self.ended.is_some() {
            return Status::of("ended", Tone::Past);
        }
        match &self.link {
            Some(_) => Status::of("linked", Tone::Good),
            None => Status::of("unlinked", Tone::Due).what("make its link").who(&self.holder),
        }
    }
}

/// Ends a calendar: its link counts no more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Calendar> for End {
    const ACTION: &'static str = "calendar.end";

    fn apply(&self, row: &mut Calendar, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this calendar ended already"));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        (row.link, row.ended) = (None, Some(at.mark()));
        Ok(())
    }
}

/// The secret of a link that was just made. It is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The calendar, by its id.
    pub calendar: String,
    /// 256 random bits, in hexadecimal.
    pub token: String,
}

/// Makes the link of a calendar; one that was made before counts no more.
pub struct MakeLink {
    key: RecordKey,
}

impl MakeLink {
    /// Of the calendar of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        Ok(Self { key: register::key::<Kept<Calendar>>(kernel, id)? })
    }
}

impl Operation for MakeLink {
    type Output = Secret;

    fn target(&self) -> Target {
        on_house(Linking::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Secret>> {
        let (allowed, mut kept) = register::load::<Kept<Calendar>, Linking>(work, &self.key)?;
        if kept.row.ended.is_some() {
            return Err(Error::conflict("this calendar ended: make another one"));
        }
        let token = hex(&work.random::<32>()?);
        let by = work.caller().principal.to_string();
        let mark = Mark { by, at: When(work.now()) };
        kept.row.link = Some(Linked { hash: hex(&kernel::token_hash(&token)), mark });
        let fields = vec![("holder", kept.row.holder.clone())];
        work.save(allowed, register::body(&kept)?, fields)?;
        Ok(After::now(Secret { calendar: kept.id, token }))
    }
}

/// How far back a feed reaches, and how far ahead.
const BACK: Duration = Duration::from_secs(30 * 86_400);
const AHEAD: Duration = Duration::from_secs(180 * 86_400);

/// What a feed shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Whose it is: `person:NAME`.
    pub holder: String,
    /// Whose turns it shows.
    pub shows: Shows,
    /// The moment it was made.
    pub now: Moment,
    /// The turns, in order.
    pub spans: Vec<Span>,
}

/// Fetches a calendar: the right to it is the secret of the link, which is checked here. Whatever
/// does not count is answered alike.
pub struct Fetch {
    key: RecordKey,
    hash: String,
    survey: Survey,
}

impl Fetch {
    /// The calendar of this id, with the secret of its link.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str, token: &str) -> Result<Self> {
        let key = register::key::<Kept<Calendar>>(kernel, id)?;
        let survey = Survey::of(kernel, &[])?;
        let survey = survey.and::<Kept<Rota>>(kernel)?.and::<Kept<Shift>>(kernel)?;
        Ok(Self { key, hash: hex(&kernel::token_hash(token)), survey })
    }
}

impl Operation for Fetch {
    type Output = Feed;

    fn target(&self) -> Target {
        on_house(Fetching::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        self.survey.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Feed>> {
        let unknown = || Error::not_found("this link does not count: it ended, or is no link");
        let allowed = work.load::<Fetching>(&self.key)?;
        let pointer = allowed.present().filter(|pointer| !pointer.deleted).ok_or_else(unknown)?;
        let kept: Kept<Calendar> = register::parse(&work.body(&pointer)?)?;
        let right = kept.row.link.as_ref().is_some_and(|link| link.hash == self.hash);
        if !right || !able(work.rights()?, &kept.row.holder) {
            return Err(unknown());
        }
        work.disclose(&allowed, vec![("holder", kept.row.holder.clone())]);
        let house = self.survey.find(work)?.read(work)?;
        Ok(After::now(feed(&house, kept.row, work.now())))
    }
}

/// What a calendar shows of the house.
fn feed(house: &House, row: Calendar, now: Moment) -> Feed {
    let from = Moment(now.0.saturating_sub(u64::try_from(BACK.as_micros()).unwrap_or(0)));
    let (rotas, shifts) = (house.all::<Rota>(), house.all::<Shift>());
    let coverage = Coverage::of(rotas, shifts, from, now.after(AHEAD));
    let mut spans = coverage.spans().to_vec();
    spans.retain(|span| row.shows == Shows::Everybody || span.person == row.holder);
    Feed { holder: row.holder, shows: row.shows, now, spans }
}

const STEPS: &[Entry] = &[step::<Calendar, End>("end", "Ends it: its link counts no more")];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Calendar>(
    "incidents",
    "Links by which people see in their own calendar when they are on call",
)
.serves(&["E1.6", "E4.3"])
.first("Make a calendar for somebody on call; `bailee oncall calendar` also makes its link")
.columns(&["holder", "shows"])
.steps(STEPS);
