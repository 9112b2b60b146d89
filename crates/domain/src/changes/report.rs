//! What a set of policies widens and narrows, as `cargo xtask prove --json --against` says it.
//!
//! The report is of whoever made it; the server has no solver. What it says stands in the change,
//! with its hash, and approvers can make it again from the same two revisions.

use super::{Change, Kind, NewChange};
use crate::people::hex;
use crate::register::{At, Listing};
use kernel::authority::Authority;
use kernel::{Act, Error, HOUSE, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The form that is read.
const FORM: &str = "comparison/v1";

/// The longest report, in bytes.
const BYTES: usize = 512 * 1024;

/// Differences that a change keeps.
const MOST: usize = 500;

/// What a set of policies widens and narrows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyReport {
    /// The hash of the set that it was compared with.
    pub against: String,
    /// SHA-256 of the report as it was handed over, in hexadecimal.
    pub sha256: String,
    /// Kinds of request that were compared.
    pub kinds: u64,
    /// What differs; nothing if both allow the same.
    pub differences: Vec<Difference>,
}

/// Requests that the two sets answer differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyDifference")]
pub struct Difference {
    /// `widens` or `narrows`.
    pub change: String,
    /// The type of who asks.
    pub principal: String,
    /// The type of what it is asked for.
    pub resource: String,
    /// The actions.
    pub actions: Vec<String>,
    /// The permits that allow it, in the one set.
    pub allowed_by: Vec<String>,
    /// What refuses it in the other; nothing where no permit allows it.
    pub refused_by: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    format: String,
    authority: String,
    against: String,
    kinds: u64,
    changes: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    change: String,
    principal: String,
    resource: String,
    actions: Vec<String>,
    #[serde(default)]
    allowed_by: Vec<String>,
    #[serde(default)]
    refused_by: Vec<String>,
}

/// The hash of the set, and what it widens and narrows, out of what was stated.
pub(super) fn of(new: &NewChange, at: &At<'_, '_>) -> Result<(String, PolicyReport)> {
    if new.content.as_deref().is_some_and(|text| !text.is_empty()) {
        return Err(Error::invalid("content", "a build brings its policies: leave it out"));
    }
    let row = new.row.as_deref().unwrap_or_default();
    let digits = row.strip_prefix("sha256:").unwrap_or_default();
    let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if digits.len() != 64 || !digits.bytes().all(hexadecimal) {
        let why = "name the set by its hash, `sha256:…`, as `authority/proof.json` has it";
        return Err(Error::invalid("row", why));
    }
    if !ours(at.rights()?, at) {
        return Err(Error::forbidden("policies are for the provider's own people"));
    }
    let text = new.policy_report.as_deref().ok_or_else(|| {
        let why = "say what the set widens and narrows: `cargo xtask prove --json --against …`";
        Error::invalid("policy_report", why)
    })?;
    Ok((row.to_owned(), read(text, row)?))
}

/// Whether somebody may see changes at all: the provider's own people with a role.
fn ours(rights: &Authority, at: &At<'_, '_>) -> bool {
    let action = Listing::<Change>::ACTION;
    rights.would(at.by(), action, HOUSE, None, at.now()).is_ok_and(|decided| decided.is_some())
}

fn read(text: &str, row: &str) -> Result<PolicyReport> {
    let wrong = |why: String| Error::invalid("policy_report", why);
    if text.len() > BYTES {
        return Err(wrong(format!("more than {BYTES} bytes: change less at once")));
    }
    let document: Document =
        serde_json::from_str(text).map_err(|error| wrong(format!("it is no `{FORM}`: {error}")))?;
    if document.format != FORM {
        let format = kernel::id::shown(&document.format);
        return Err(wrong(format!("it is no `{FORM}`, but `{format}`")));
    }
    if document.authority != row {
        let other = kernel::id::shown(&document.authority);
        return Err(wrong(format!("it speaks of `{other}`: make it for the set you name")));
    }
    if document.changes.len() > MOST {
        return Err(wrong(format!("more than {MOST} differences: change less at once")));
    }
    let known = |one: &One| one.change == "widens" || one.change == "narrows";
    if !document.changes.iter().all(known) {
        let why = "it leaves a question open: an answer that is not known is approved by nobody";
        return Err(wrong(why.to_owned()));
    }
    let difference = |one: One| Difference {
        change: one.change,
        principal: one.principal,
        resource: one.resource,
        actions: one.actions,
        allowed_by: one.allowed_by,
        refused_by: one.refused_by,
    };
    Ok(PolicyReport {
        against: document.against,
        sha256: hex(&kernel::digest(text.as_bytes())),
        kinds: document.kinds,
        differences: document.changes.into_iter().map(difference).collect(),
    })
}

/// Whether a change is about policies with this hash, and approved.
pub(super) fn approves(change: &Change, digest: &str) -> bool {
    let terms = &change.terms;
    terms.kind == Kind::Policy && terms.row.as_deref() == Some(digest) && change.approved_policies()
}
