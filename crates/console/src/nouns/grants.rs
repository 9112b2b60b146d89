//! Grants: approved, expiring rights.

use super::people::Nothing;
use super::{boxed, none_closed, stateless, unread, versions, when};
use domain::grants::{Create, CreateGrant, End, EndGrant, Grant, ListGrants, Look, Wish};
use domain::register::{Boxed, Entry, List, On, Page, Read, Register, Status, Tone, When, stated};
use kernel::authority::Verb;
use kernel::{Act, Error, Kernel, Moment, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// A grant, as pages show one.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// What it is now.
    state: Status,
    /// Its id.
    id: String,
    /// Who holds it.
    to: String,
    /// The account, or `*`.
    account: String,
    /// The collections, or `*`.
    collections: Vec<String>,
    /// What it allows.
    verbs: Vec<String>,
    /// What for.
    purpose: String,
    /// First moment it counts.
    from: When,
    /// First moment it counts no more.
    until: When,
    /// Who approved it.
    approver: String,
    /// Approved by the only administrator there was, for itself or its own service.
    bootstrap: bool,
    /// When it was ended before its time, if it was.
    ended: Option<When>,
    /// The engagement it is under, for a vendor's people and services.
    engagement: Option<String>,
    /// Index of the entry that gave it.
    given: u64,
}

/// A grant to be approved.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewGrant {
    /// Who shall hold it: `service:NAME` or `person:NAME`.
    to: String,
    /// The account's id, or `*` for every account.
    account: String,
    /// The collections, or `*` alone.
    collections: Vec<String>,
    /// What it allows.
    verbs: Vec<Allows>,
    /// What for, in a sentence on one line: every entry carries it.
    purpose: String,
    /// Hours it counts, 1 to 2160.
    hours: u64,
}

/// A verb of a grant.
#[derive(Deserialize)]
struct Allows(String);

impl JsonSchema for Allows {
    fn schema_name() -> Cow<'static, str> {
        "Verb".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": Verb::DATA.map(Verb::word)})
    }
}

fn page_of(grant: Grant, now: Moment) -> Shown {
    let until = Moment(grant.not_after);
    let state = match grant.state(now) {
        "active" if grant.bootstrap => Status::of("bootstrap", Tone::Bad)
            .what("it was approved by its own holder or owner: have another administrator give it")
            .who("administrator")
            .due(until),
        word @ ("active" | "approved") => Status::of(word, Tone::Good).due(until),
        word => Status::of(word, Tone::Past),
    };
    Shown {
        state,
        id: grant.id,
        to: grant.to,
        account: grant.account,
        collections: grant.collections,
        verbs: grant.verbs,
        purpose: grant.purpose,
        from: when(grant.not_before),
        until: when(grant.not_after),
        approver: grant.approver,
        bootstrap: grant.bootstrap,
        ended: grant.ended.map(when),
        engagement: grant.engagement,
        given: grant.given,
    }
}

fn create(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let On::New(random) = on else { return Err(Error::internal("a new grant is of no row")) };
    let NewGrant { to, account, collections, verbs, purpose, hours } = stated(body)?;
    let verbs = verbs.into_iter().map(|verb| verb.0).collect();
    let window = Duration::from_secs(hours.saturating_mul(3600));
    let wish = Wish { to, account, collections, verbs, purpose, window };
    let operation =
        CreateGrant::new(kernel, wish, random).map_err(|error| match error.field() {
            Some("for_seconds") => Error::invalid("hours", error.message()),
            _ => error,
        })?;
    let now = kernel.now();
    Ok(boxed("grant", operation, move |grant| page_of(grant, now)))
}

fn end(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let Nothing {} = stated(body)?;
    let On::Row(id) = on else { return Err(Error::internal("a step needs a row")) };
    let now = kernel.now();
    Ok(boxed("grant", EndGrant::new(kernel, id)?, move |grant| page_of(grant, now)))
}

fn get(kernel: &Kernel, id: &str) -> Result<Boxed> {
    let now = kernel.now();
    Ok(boxed("grant", Read::<Grant>::new(kernel, id)?, move |grant| page_of(grant, now)))
}

fn page(kernel: &Kernel, limit: usize, after: Option<&str>) -> Result<Boxed> {
    let (list, now) = (List::<Grant>::new(kernel, limit, after)?, kernel.now());
    let shown = move |page: Page<Grant>| page.map(|grant| page_of(grant, now));
    Ok(boxed("grant", list, shown))
}

const STEPS: &[Entry] = &[Entry {
    verb: "end",
    summary: "Ends the grant: the next operation under it is refused",
    area: None,
    action: End::ACTION,
    schema: |generator| generator.subschema_for::<Nothing>(),
    make: end,
}];

/// The register, as pages know it.
pub(super) const REGISTER: Register = Register {
    noun: "grant",
    command: "grant",
    plural: "grants",
    purpose: "Every approved right to reach Service Data: whose, to what, what for, and until when",
    obligations: &["E5.1", "E5.6", "P0.1"],
    first: "Approve a grant: for one holder, named accounts and collections, a purpose and a while",
    columns: &["to", "account", "verbs", "purpose", "until"],
    area: "register",
    readers: "oversee",
    read: Look::ACTION,
    list: ListGrants::ACTION,
    shown: |generator| generator.subschema_for::<Shown>(),
    add: Entry {
        verb: "add",
        summary: "Approves the grant: it counts from the next operation on",
        area: None,
        action: Create::ACTION,
        schema: |generator| generator.subschema_for::<NewGrant>(),
        make: create,
    },
    steps: STEPS,
    get,
    page,
    history: versions::<Grant>,
    rows: unread,
    states: stateless,
    closed: none_closed,
};
