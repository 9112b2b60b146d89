//! What wire types of several nouns have in common.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Call;
use domain::register::Page;
use hyper::StatusCode;
use kernel::Error;
use kernel::limits::{PAGE_DEFAULT, PAGE_ITEMS};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(crate) struct Items<T> {
    /// The items, in order of creation unless the route says otherwise.
    pub(crate) items: Vec<T>,
    /// What to ask for next, or `null` at the end.
    pub(crate) next: Option<String>,
}

/// What was changed, with the receipt of the change.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}WithReceipt")]
pub(crate) struct Receipted<T> {
    #[serde(flatten)]
    what: T,
    /// The receipt of the first entry; `null` if there is none.
    #[schemars(with = "Option<Receipt>")]
    receipt: Option<Box<RawValue>>,
}

/// Documents a receipt; the text itself is made by `ledger`.
pub(crate) struct Receipt;

/// Documents an anchor; the text itself is made by `ledger`.
pub(crate) struct Anchor;

impl JsonSchema for Receipt {
    fn schema_name() -> Cow<'static, str> {
        "Receipt".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A receipt that anybody can check offline.",
            "type": "object",
            "required": ["format", "leaf", "proof", "vkey"],
            "properties": {
                "format": {"const": ledger::receipt::FORMAT},
                "leaf": {
                    "description": "The bytes of the entry's leaf.",
                    "type": "string", "contentEncoding": "base64"
                },
                "proof": {"description": "A C2SP tlog-proof.", "type": "string"},
                "vkey": {"description": "The verifier key of the log (C2SP).", "type": "string"},
                "opening": {"description": "Shown fields, by name.", "type": "object"}
            }
        })
    }
}

impl JsonSchema for Anchor {
    fn schema_name() -> Cow<'static, str> {
        "Anchor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The proof that an account's head is in the operator's own log.",
            "type": "object",
            "required": ["format"],
            "properties": {"format": {"type": "string"}}
        })
    }
}

/// Wraps a change and the receipt of its first entry.
pub(crate) fn receipted<T>(what: T, receipts: Vec<String>) -> Result<Receipted<T>, Problem> {
    Ok(Receipted { what, receipt: receipts.into_iter().next().map(raw).transpose()? })
}

/// JSON text as it is.
pub(crate) fn raw(json: String) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(json)
        .map_err(|error| Error::internal(format!("a receipt is no JSON: {error}")).into())
}

/// The answer to a change.
pub(crate) fn changed<T: Serialize>(
    status: StatusCode,
    what: T,
    receipts: Vec<String>,
) -> Result<Answer, Problem> {
    Answer::json(status, &receipted(what, receipts)?)
}

/// The answer that is a page, with its receipt.
pub(crate) fn page<T, W: Serialize>(
    page: Page<T>,
    receipts: &[String],
    wire: impl Fn(T) -> Result<W, Problem>,
) -> Result<Answer, Problem> {
    let items = page.items.into_iter().map(wire).collect::<Result<Vec<W>, _>>()?;
    let answer = Answer::json(StatusCode::OK, &Items { items, next: page.next })?;
    Ok(answer.receipt(receipts.first()))
}

/// Work that goes on to its end even if whoever asked goes away: what was recorded in its middle
/// would be left half done otherwise.
pub(crate) async fn through<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::spawn(work).await;
    done.map_err(|error| Error::internal(format!("a request ended by a defect: {error}")))?
}

/// Random bytes for an id, which has to be known before the operation is queued.
#[expect(
    clippy::disallowed_methods,
    reason = "a face names what it asks for; nothing depends on it"
)]
pub(crate) fn fresh() -> Result<[u8; 16], Problem> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::unavailable("the system gives no randomness; nothing was done"))?;
    Ok(bytes)
}

impl Call {
    /// How many items a page shall have.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        Ok(self.number("limit", 1..=PAGE_ITEMS)?.unwrap_or(PAGE_DEFAULT))
    }

    /// Where a page shall begin.
    pub(crate) fn after(&self) -> Option<&str> {
        self.parameter("after")
    }
}
