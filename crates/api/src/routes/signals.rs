//! Signals on the wire: JSON lines in, and a search over what is kept.

use super::shared::{Items, Receipted, changed};
use super::table::{Gives, Route, get, of, post};
use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Call;
use connectors::logs::otlp::{self, Encoding};
use connectors::logs::{Batch, Record, Refused, lines, packed};
use domain::register::{When, action};
use domain::signals::{BATCH_BYTES, NoteSearch, Query, SendSignals, Signal, search};
use hyper::StatusCode;
use kernel::Done;
use kernel::limits::{PAGE_DEFAULT, PAGE_ITEMS};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// The media type of JSON lines.
pub(crate) const LINES: &str = "application/x-ndjson";

/// The media types of OTLP logs.
pub(crate) const OTLP: &[&str] = &["application/json", "application/x-protobuf"];

/// Bytes of one delivery, also once it is unpacked.
pub(crate) const DELIVERY: usize = BATCH_BYTES / 2;

/// The routes of signals.
pub(crate) const ROUTES: &[Route] = &[
    post("/v1/signals", "sendSignals", "Delivers what another system reports, as JSON lines")
        .action(action::<domain::signals::Deliver>())
        .query(&["source"])
        .packed(DELIVERY, &[LINES])
        .gives(&[Gives::json(200, "What was kept", of::<Receipted<Kept>>)])
        .by(|call| Box::pin(send(call))),
    post("/v1/logs", "sendLogs", "Delivers what another system reports, as OTLP logs over HTTP")
        .action(action::<domain::signals::Deliver>())
        .query(&["source"])
        .packed(DELIVERY, OTLP)
        .gives(&[Gives::bytes(200, "An `ExportLogsServiceResponse`: what was rejected, and why")])
        .by(|call| Box::pin(logs(call))),
    get("/v1/signals", "findSignals", "Looks for something in what other systems reported")
        .disclosing()
        .action(action::<domain::signals::Search>())
        .query(&["from", "to", "where", "text", "limit", "after"])
        .gives(&[Gives::json(200, "A page", of::<Items<FoundSignal>>).receipted()])
        .by(|call| Box::pin(find(call))),
];

/// What was kept of a delivery.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Kept {
    /// How many signals were kept; each is durable.
    kept: usize,
    /// How many were not understood, and are not kept.
    rejected: u64,
    /// Why, for the first of them.
    reasons: Vec<String>,
}

/// A signal that was found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FoundSignal {
    /// Where it is: row of the batch and place in it.
    id: String,
    /// When Bailee was told.
    received: When,
    /// When it happened, as the source says.
    time: Option<When>,
    /// The source, by its id.
    source: String,
    /// How it came.
    transport: String,
    /// From which address.
    peer: Option<String>,
    /// Product of the log source.
    product: Option<String>,
    /// Service of the log source.
    service: Option<String>,
    /// What it says, by flat names.
    fields: Map<String, Value>,
}

pub(crate) async fn send(call: Call) -> Result<Answer, Problem> {
    let plain = packed::open(&call.body, DELIVERY).map_err(|why| unread(&why))?;
    let batch = lines::read(&plain).map_err(|why| unread(&why))?;
    deliver(&call, batch).await
}

pub(crate) async fn logs(call: Call) -> Result<Answer, Problem> {
    let encoding = Encoding::of(&call.said.kind).unwrap_or(Encoding::Protobuf);
    let plain = packed::open(&call.body, DELIVERY).map_err(|why| unread(&why))?;
    let batch = otlp::read(&plain, encoding).map_err(|why| unread(&why))?;
    let answer = otlp::answer_of(encoding, &batch);
    keep(&call, batch).await?;
    Ok(Answer::bytes(encoding.media_type(), answer))
}

/// Keeps what was read of a delivery, all or nothing.
async fn deliver(call: &Call, batch: Batch) -> Result<Answer, Problem> {
    let rejected = batch.rejected;
    let reasons = batch.reasons.iter().map(ToString::to_string).collect();
    let done = keep(call, batch).await?;
    changed(StatusCode::OK, Kept { kept: done.output, rejected, reasons }, done.receipts)
}

async fn keep(call: &Call, batch: Batch) -> Result<Done<usize>, Problem> {
    let source = source(call)?;
    let (received, peer) = (call.kernel.now().0, kernel::address(call.peer));
    let signal = |record| signal(record, received, &source, &peer);
    let signals: Vec<Signal> = batch.records.into_iter().map(signal).collect();
    let rejected = usize::try_from(batch.rejected).unwrap_or(usize::MAX);
    call.submit(SendSignals::new(&call.kernel, &source, &signals, rejected)?).await
}

/// The source that is stated, or the one named as the service that delivers.
fn source(call: &Call) -> Result<String, Problem> {
    let own = call.caller()?.principal.parts().1.to_owned();
    Ok(call.parameter("source").map_or(own, str::to_owned))
}

fn signal(record: Record, received: u64, source: &str, peer: &str) -> Signal {
    let mut fields = record.fields;
    if let Some(host) = record.host {
        fields.entry("host.name").or_insert(Value::String(host));
    }
    Signal {
        received,
        time: record.time,
        source: source.to_owned(),
        transport: "https".to_owned(),
        peer: Some(peer.to_owned()),
        product: record.product,
        service: record.service,
        category: record.category,
        fields,
    }
}

/// What could not be read at all.
pub(crate) fn unread(why: &Refused) -> Problem {
    Problem::invalid("body", why.to_string())
}

pub(crate) async fn find(call: Call) -> Result<Answer, Problem> {
    let limit = call.number("limit", 1..=PAGE_ITEMS)?.unwrap_or(PAGE_DEFAULT);
    let after = domain::register::cursor(call.parameter("after"))?;
    let done = call.submit(NoteSearch::new(query(&call)?)?).await?;
    let query = done.output;
    let (found, next) = call.blocking(move |kernel| search(kernel, &query, after, limit)).await?;
    let items = found.into_iter().map(|(row, place, signal)| shown(row, place, signal));
    let page = Items { items: items.collect(), next: next.map(|row| row.to_string()) };
    Ok(Answer::json(StatusCode::OK, &page)?.receipt(done.receipts.first()))
}

/// What is looked for: the last day, where no time is stated.
fn query(call: &Call) -> Result<Query, Problem> {
    let now = call.kernel.now();
    let ago = kernel::Moment(now.0.saturating_sub(86_400_000_000));
    let from = call.moment("from", ago)?;
    let to = call.moment("to", now.after(Duration::from_secs(1)))?;
    let fields = wanted(call.parameter("where").unwrap_or_default())?;
    Ok(Query { from, to, fields, text: call.parameter("text").map(str::to_owned) })
}

/// `name=value;name=value`.
fn wanted(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let parts = text.split(';').filter(|part| !part.trim().is_empty());
    let pair = |part: &str| {
        let pair = part.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        let pair = pair.filter(|(name, _)| !name.is_empty());
        pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| {
            let why = "write `name=value`, more of them after `;`";
            Problem::invalid("where", why.to_owned())
        })
    };
    parts.map(pair).collect()
}

fn shown(row: i64, place: usize, signal: Signal) -> FoundSignal {
    FoundSignal {
        id: format!("{row}.{place}"),
        received: When(kernel::Moment(signal.received)),
        time: signal.time.map(|time| When(kernel::Moment(time))),
        source: signal.source,
        transport: signal.transport,
        peer: signal.peer,
        product: signal.product,
        service: signal.service,
        fields: signal.fields,
    }
}
