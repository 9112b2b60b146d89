//! Collections and records on the wire.

use super::shared::{Items, changed, page, raw};
use crate::answer::Answer;
use crate::body::{check, check_depth, typed};
use crate::problem::Problem;
use crate::request::{Call, Tag};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::data::{
    BatchPut, Condition, CreateCollection, DeleteRecord, GetRecord, Got, History, ListCollections,
    ListRecords, Place, Put, PutMany, PutRecord, RestoreRecord,
};
use domain::register::shown;
use hyper::StatusCode;
use kernel::id::{AccountId, Collection, RecordId};
use kernel::limits::{BATCH_RECORDS, BODY_BYTES};
use kernel::{Error, Version};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The path of a record.
pub(crate) const RECORD: &str = "/v1/accounts/{account}/collections/{collection}/records/{record}";

/// Records with their bodies that one page holds at most: a body has up to 1 MiB, and a page is
/// made in memory. A caller who asks for more gets these, and `next`.
const PAGE_VALUES: usize = 100;

/// A collection.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ListedCollection {
    /// Its name.
    collection: String,
}

/// What a change of a record made.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Changed {
    /// The record's id.
    id: String,
    /// The new version, from 1.
    version: u64,
}

/// A record of a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ListedRecord {
    /// Its id.
    id: String,
    /// Its version.
    version: u64,
    /// When that version was made (RFC 3339).
    at: String,
    /// Who made it.
    author: String,
    /// The body, if values were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "serde_json::Value")]
    value: Option<Box<RawValue>>,
    /// In place of `value` where the stored bytes begin or end with white space: they, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

/// A version of a record.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PastVersion {
    /// Its number.
    version: u64,
    /// When it was made (RFC 3339).
    at: String,
    /// Who made it.
    author: String,
    /// The action that made it.
    kind: String,
    /// Whether it says that the record is deleted.
    deleted: bool,
}

/// Records to be written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<'a> {
    #[serde(borrow)]
    records: Vec<BatchItem<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchItem<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// Documents a batch.
pub(crate) struct BatchShape;

/// What a batch wrote.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Written {
    /// The records, in the order of the request.
    items: Vec<super::shared::Receipted<Changed>>,
}

impl JsonSchema for BatchShape {
    fn schema_name() -> Cow<'static, str> {
        "Batch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "required": ["records"],
            "additionalProperties": false,
            "properties": {"records": {
                "type": "array", "minItems": 1, "maxItems": BATCH_RECORDS,
                "items": {
                    "type": "object", "required": ["id", "value"], "additionalProperties": false,
                    "properties": {
                        "id": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
                        "value": {"description": "Any JSON of up to 1 MiB, kept as it is written."}
                    }
                }
            }}
        })
    }
}

/// Any JSON.
pub(crate) fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"description": "Any JSON of up to 1 MiB; the bytes are kept as they are."})
}

pub(crate) async fn collections(call: Call) -> Result<Answer, Problem> {
    let account = AccountId::parse(call.part("account"))?;
    let list = ListCollections::new(&call.kernel, &account, call.limit()?, call.after())?;
    let done = call.submit(list).await?;
    page(done.output, &done.receipts, |row| Ok(ListedCollection { collection: row.collection }))
}

pub(crate) async fn create_collection(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(CreateCollection::new(place(&call)?)).await?;
    let status = if done.output.new { StatusCode::CREATED } else { StatusCode::OK };
    let collection = call.part("collection").to_owned();
    changed(status, ListedCollection { collection }, done.receipts)
}

pub(crate) async fn list(call: Call) -> Result<Answer, Problem> {
    let (place, values) = (place(&call)?, call.flag("values")?);
    let limit = call.limit()?.min(if values { PAGE_VALUES } else { usize::MAX });
    let list = ListRecords::new(&call.kernel, place, limit, call.after(), values)?;
    let done = call.submit(list).await?;
    page(done.output, &done.receipts, |listed| listed_record(listed.version, values))
}

pub(crate) async fn batch(mut call: Call) -> Result<Answer, Problem> {
    let place = place(&call)?;
    let records = batch_records(&call.body)?;
    let operation = PutMany::new(&call.kernel, place, records)?;
    let done = call.submit(operation).await?;
    call.body = Vec::new();
    let mut receipts = done.receipts.into_iter();
    let each = done
        .output
        .into_iter()
        .map(|put| super::shared::receipted(wire(put), receipts.next().into_iter().collect()));
    Answer::json(StatusCode::OK, &Written { items: each.collect::<Result<_, _>>()? })
}

pub(crate) async fn put(mut call: Call) -> Result<Answer, Problem> {
    let (place, id) = record(&call)?;
    check(&call.body)?;
    let asked = call.asked()?;
    let body = std::mem::take(&mut call.body);
    let operation = PutRecord::new(&call.kernel, place, &id, body, condition(&call))?;
    let done = call.submit_as(asked, operation).await?;
    let status = if done.output.created { StatusCode::CREATED } else { StatusCode::OK };
    let version = done.output.version;
    Ok(changed(status, wire(done.output), done.receipts)?.version(version))
}

pub(crate) async fn read(call: Call) -> Result<Answer, Problem> {
    let (place, id) = record(&call)?;
    let version = call.number("version", 1..=u64::MAX)?;
    let operation = GetRecord::new(&call.kernel, place, &id, version, condition(&call))?;
    let done = call.submit(operation).await?;
    let answer = match done.output {
        Got::Shown(shown) => Answer::bytes("application/json", shown.body).version(shown.number),
        Got::NotModified(version) => Answer::empty(StatusCode::NOT_MODIFIED).version(version),
    };
    Ok(answer.receipt(done.receipts.first()))
}

pub(crate) async fn delete(call: Call) -> Result<Answer, Problem> {
    let (place, id) = record(&call)?;
    let operation = DeleteRecord::new(&call.kernel, place, &id, condition(&call))?;
    let done = call.submit(operation).await?;
    changed(StatusCode::OK, wire(done.output), done.receipts)
}

pub(crate) async fn restore(call: Call) -> Result<Answer, Problem> {
    let (place, id) = record(&call)?;
    let done = call.submit(RestoreRecord::new(&call.kernel, place, &id)?).await?;
    changed(StatusCode::OK, wire(done.output), done.receipts)
}

pub(crate) async fn history(call: Call) -> Result<Answer, Problem> {
    let (place, id) = record(&call)?;
    let limit = call.limit()?;
    let after = call.number("after", 1..=u64::MAX)?.unwrap_or(u64::MAX);
    let done = call.submit(History::new(&call.kernel, place, &id)?).await?;
    let mut older = done.output.into_iter().filter(|version| version.number < after);
    let items: Vec<_> = older.by_ref().take(limit).map(past).collect();
    let more = older.next().and(items.last());
    let next = more.map(|version| version.version.to_string());
    let answer = Answer::json(StatusCode::OK, &Items { items, next })?;
    Ok(answer.receipt(done.receipts.first()))
}

fn place(call: &Call) -> Result<Place, Problem> {
    let account = AccountId::parse(call.part("account"))?;
    let collection = Collection::parse(call.part("collection"))?;
    Ok(Place::new(&call.kernel, &account, collection)?)
}

fn record(call: &Call) -> Result<(Place, RecordId), Problem> {
    let id = RecordId::parse(call.part("record"))?;
    Ok((place(call)?, id))
}

fn condition(call: &Call) -> Condition {
    let versions = |tag| match tag {
        Tag::Any => vec![],
        Tag::Version(version) => vec![version],
    };
    match (call.said.if_match, call.said.if_none_match) {
        (Some(tag), _) => Condition::Match(versions(tag)),
        (None, Some(tag)) => Condition::NoneMatch(versions(tag)),
        (None, None) => Condition::None,
    }
}

/// The records of a batch, each body as it is written.
fn batch_records(body: &[u8]) -> Result<Vec<BatchPut>, Problem> {
    let batch: Batch<'_> = typed(body)?;
    let each = batch.records.into_iter().enumerate().map(|(n, item)| {
        let field = format!("records[{n}]");
        let id = RecordId::parse(&item.id)
            .map_err(|error| Error::invalid(format!("{field}.id"), error.message()))?;
        let value = item.value.get();
        if value.len() > BODY_BYTES {
            let detail = format!("the value is larger than {BODY_BYTES} bytes");
            return Err(Problem::invalid(format!("{field}.value"), detail));
        }
        check_depth(value, &format!("{field}.value"))?;
        Ok(BatchPut { id, body: value.as_bytes().to_vec() })
    });
    each.collect()
}

fn wire(put: Put) -> Changed {
    Changed { id: put.id, version: put.version }
}

fn listed_record(version: Version, values: bool) -> Result<ListedRecord, Problem> {
    let Version { header, number, body, .. } = version;
    // White space around a document is lost inside another one; then the bytes are given encoded.
    let bare = body.trim_ascii().len() == body.len();
    let encoded = (values && !bare).then(|| BASE64_STANDARD.encode(&body));
    let value = (values && bare).then(|| {
        let text =
            String::from_utf8(body).map_err(|_| Error::internal("a stored body is not UTF-8"))?;
        raw(text)
    });
    Ok(ListedRecord {
        id: header.id,
        version: number,
        at: shown(header.at),
        author: header.author,
        value: value.transpose()?,
        value_base64: encoded,
    })
}

fn past(version: Version) -> PastVersion {
    let Version { header, number, deleted, .. } = version;
    let (at, author, kind) = (shown(header.at), header.author, header.kind);
    PastVersion { version: number, at, author, kind, deleted }
}
