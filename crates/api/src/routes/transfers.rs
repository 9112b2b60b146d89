//! Transfers and elections on the wire.
//!
//! What is to be sent is put into the outbox as one message; whoever runs the jobs sends it.

use super::portal::{account, allowed};
use super::shared::{changed, fresh, raw};
use crate::answer::Answer;
use crate::body::typed;
use crate::problem::Problem;
use crate::request::Call;
use domain::accounts::Look;
use domain::register::{Adding, Shown, Stepping};
use domain::transfers::elections::{End, NewElection};
use domain::transfers::{
    Elect, Election, EndElection, NewTransfer, Outgoing, SendRecords, Transfer,
};
use hyper::StatusCode;
use kernel::authority::Action;
use kernel::{Act, Error, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Electing.
pub(crate) const ELECT: &Action = <Adding<Election> as Act>::ACTION;

/// Ending an election.
pub(crate) const UNELECT: &Action = <Stepping<Election, End> as Act>::ACTION;

/// Records to be sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sending {
    /// The collection they are in.
    collection: String,
    /// The destination, declared before.
    destination: String,
    /// The ids of 1 to 100 records; for a medium none means the whole collection.
    #[serde(default)]
    records: Vec<String>,
    /// Who carries the medium.
    carrier: Option<String>,
    /// How the medium is encrypted, and how its key travels.
    encryption: Option<String>,
    /// Where the medium is handed to the carrier.
    place: Option<String>,
}

/// A transfer that was asked for.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Sent {
    /// Its id; `GET /v1/transfers/{id}` says what came of it.
    id: String,
    /// The transfer; `null` if this very request was done before.
    transfer: Option<Shown<Transfer>>,
}

/// An election as it is shown.
pub(crate) type Elected = Shown<Election>;

/// What is elected.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Electing {
    /// The destination, which is the account's own.
    destination: String,
    /// The risk, in the words of whoever takes it.
    risk: String,
    /// Last day it counts, at most 366 days from today.
    until: domain::register::Day,
}

/// A message to a receiver.
#[derive(Serialize)]
struct Message<'a> {
    format: &'static str,
    transfer: &'a str,
    account: &'a str,
    collection: &'a str,
    records: Vec<Record>,
}

/// A record of a message.
#[derive(Serialize)]
struct Record {
    id: String,
    version: u64,
    value: Box<RawValue>,
}

pub(crate) async fn send(call: Call) -> Result<Answer, Problem> {
    let new = stated(&call)?;
    let (collection, records) = (new.collection.clone(), new.records.clone());
    let random = fresh()?;
    let operation = SendRecords::new(&call.kernel, new, random)?.held_by(call.outbox.node());
    let room = call.outbox.expect(&transfer_id(random), call.kernel.now())?;
    let done = call.submit(operation).await?;
    let Outgoing { id, transfer, bodies } = done.output;
    if !bodies.is_empty() {
        room.put(message(&id, call.part("account"), &collection, &records, bodies)?);
    }
    let place = format!("/v1/transfers/{id}");
    Ok(changed(StatusCode::CREATED, Sent { id, transfer }, done.receipts)?.location(&place))
}

pub(crate) async fn elect(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call, ELECT)?.to_string();
    let Electing { destination, risk, until } = typed(&call.body)?;
    let new = NewElection { account, destination, risk, until };
    let done = call.submit(Elect::new(&call.kernel, new)?).await?;
    changed(StatusCode::CREATED, done.output, done.receipts)
}

pub(crate) async fn unelect(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call, UNELECT)?;
    let missing = || Problem::invalid("reason", "`reason` is missing: say why it ends");
    let reason = call.parameter("reason").ok_or_else(missing)?.to_owned();
    let id = Election::id(account.as_str(), call.part("destination"));
    let done = call.submit(EndElection::new(&call.kernel, &id, End { reason })?).await?;
    changed(StatusCode::OK, done.output, done.receipts)
}

/// What is to be sent. Whoever may not know of the account is told so first; whether they may send
/// is decided with the collection.
fn stated(call: &Call) -> Result<NewTransfer, Problem> {
    let account = account(call)?;
    let slot = call.kernel.slot(&account)?;
    let new = typed::<Sending>(&call.body).map_err(|problem| {
        let allowed = call.caller().map(|by| call.kernel.allow(by, Look::ACTION, slot));
        match allowed {
            Ok(Err(error)) => error.into(),
            _ => problem,
        }
    })?;
    Ok(NewTransfer {
        account: account.to_string(),
        collection: new.collection,
        destination: new.destination,
        records: new.records,
        carrier: new.carrier,
        encryption: new.encryption,
        place: new.place,
    })
}

/// The id that the transfer will have; its message is expected under it before it is committed.
fn transfer_id(random: [u8; 16]) -> String {
    format!("transfer-{:012x}", u128::from_be_bytes(random) >> 80)
}

fn message(
    transfer: &str,
    account: &str,
    collection: &str,
    ids: &[String],
    bodies: Vec<Version>,
) -> Result<Vec<u8>, Problem> {
    let record = |(id, version): (&String, Version)| -> Result<Record, Problem> {
        let text = String::from_utf8(version.body)
            .map_err(|_| Error::internal("a stored record is not UTF-8"))?;
        Ok(Record { id: id.clone(), version: version.number, value: raw(text)? })
    };
    let records = ids.iter().zip(bodies).map(record).collect::<Result<Vec<_>, _>>()?;
    let format = "bailee-transfer/v1";
    let message = Message { format, transfer, account, collection, records };
    Ok(serde_json::to_vec(&message)
        .map_err(|error| Error::internal(format!("a message is no JSON: {error}")))?)
}
