//! Who is on call, on the wire, and the links of calendars.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Call;
use crate::routes::shared::{Receipted, changed};
use crate::routes::table::{Gives, Route, get, item, of, post};
use domain::oncall::calendars::{Linking, MakeLink};
use domain::oncall::{DAYS, OnCall, ReadOnCall, ReadingWho};
use domain::register::{When, action};
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::PoisonError;

/// The routes about it, beside those of the registers.
pub(crate) static ROUTES: &[Route] = &[
    get("/v1/oncall", "getOnCall", "Shows who is on call, where nobody is, and who stands twice")
        .action(action::<ReadingWho>())
        .query(&["at", "days"])
        .gives(&[Gives::json(200, "Who is", of::<OnCall>).receipted()])
        .by(|call| Box::pin(read(call))),
    get("/v1/heartbeat", "getHeartbeat", "Says, as a signed note, what has to move here")
        .gives(&[Gives::text(200, "The note"), Gives::problem(503)])
        .by(|call| Box::pin(heartbeat(call))),
    item(post(
        "/v1/calendars/{id}/links",
        "linkCalendar",
        "Makes the link by which a calendar is fetched; an earlier one ends",
    ))
    .action(action::<Linking>())
    .gives(&[Gives::json(201, "The link", of::<Receipted<CalendarLink>>), Gives::problem(409)])
    .by(|call| Box::pin(link(call))),
];

/// Days that are looked at when the caller names no number.
const USUAL: u32 = 14;

/// Nothing of it is personal, so it makes no entry: it is asked for twice a minute, for ever.
async fn heartbeat(call: Call) -> Result<Answer, Problem> {
    let pulse = *call.pulse.lock().unwrap_or_else(PoisonError::into_inner);
    let note = call.kernel.heartbeat(&pulse.text(When(call.kernel.now())))?;
    Ok(Answer::bytes("text/plain; charset=utf-8", note))
}

async fn read(call: Call) -> Result<Answer, Problem> {
    let wrong = || Problem::invalid("at", "write a moment as `2026-11-22T14:02:11Z`");
    let at = call.parameter("at").map(|text| When::parse(text).ok_or_else(wrong));
    let days = call.number("days", 0..=DAYS)?.unwrap_or(USUAL);
    let done = call.submit(ReadOnCall::new(&call.kernel, at.transpose()?, days)?).await?;
    Ok(Answer::json(StatusCode::OK, &done.output)?.receipt(done.receipts.first()))
}

/// The link of a calendar that was just made. It is shown once.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CalendarLink {
    /// The calendar, by its id.
    calendar: String,
    /// Path of the feed, on this server.
    link: String,
}

async fn link(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(MakeLink::new(&call.kernel, call.part("id"))?).await?;
    let (calendar, token) = (done.output.calendar, done.output.token);
    let link = format!("/calendar/{calendar}/{token}.ics");
    changed(StatusCode::CREATED, CalendarLink { calendar, link }, done.receipts)
}
