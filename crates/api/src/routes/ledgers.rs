//! Ledgers on the wire. Heads, tiles and leaves hold no personal data and make no entry; whoever
//! opens entries makes one.

use super::shared::Items;
use super::table::{Gives, Route, get, of};
use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Call;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ledgers::{Explore, Exploring, Found, OpenEntries, OpenReceipt, Question, Read};
use domain::register::action;
use hyper::StatusCode;
use kernel::id::{AccountId, PrincipalId, shown};
use kernel::limits::{ENTRIES_ITEMS, PAGE_DEFAULT};
use kernel::{Act, HOUSE, Kernel, SeenEntry};
use ledger::entry::Opening;
use ledger::tile::{TilePath, parse_path};
use schemars::JsonSchema;
use serde::Serialize;

/// The routes over every log; those of one account's stand with the account.
pub(super) static ROUTES: &[Route] =
    &[get("/v1/accesses", "exploreAccesses", "Says who accessed what, over every log")
        .disclosing()
        .action(action::<Exploring>())
        .query(&["who", "account", "from", "to", "data", "after"])
        .gives(&[Gives::json(200, "A page", of::<Found>).receipted()])
        .by(|call| Box::pin(explore(call)))];

/// The proof that one head extends another.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Consistency {
    /// Size of the earlier head.
    from: u64,
    /// Size of the later head.
    to: u64,
    /// The hashes in the order of RFC 6962 §2.1.2, base64.
    proof: Vec<String>,
}

/// An entry.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Entry {
    /// Its index.
    index: u64,
    /// The bytes of its leaf, base64.
    leaf: String,
    /// Its fields with their salts, if openings were asked for and it is not erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    opening: Option<Opening>,
}

/// The keys that sign.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Keys {
    /// The keys, the current one first.
    keys: Vec<Key>,
    /// The verifier key of the operator's own log, which anchors the others (C2SP).
    house: String,
}

/// A key that signs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Key {
    /// The Ed25519 public key (RFC 8032), 32 bytes as base64.
    public_key: String,
}

pub(crate) async fn checkpoint(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call)?;
    let text = call.blocking(move |kernel| kernel.checkpoint(account)).await?;
    Ok(Answer::bytes("text/plain; charset=utf-8", text))
}

pub(crate) async fn tile(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call)?;
    let tile = parse_path(&format!("tile/{}", call.part("tile"))).map_err(|_| {
        let detail = format!("`{}` is no tile: see C2SP tlog-tiles", shown(call.part("tile")));
        Problem::invalid("tile", detail)
    })?;
    let bytes = call.blocking(move |kernel| match tile {
        TilePath::Hashes(tile) => kernel.tile(account, &tile),
        TilePath::Entries { index, width } => kernel.bundle(account, index, width),
    });
    Ok(Answer::bytes("application/octet-stream", bytes.await?))
}

pub(crate) async fn consistency(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call)?;
    let from = required(&call, "from")?;
    let to = required(&call, "to")?;
    let proof = call.blocking(move |kernel| kernel.consistency(account, from, to)).await?;
    let proof = proof.iter().map(|hash| STANDARD.encode(hash)).collect();
    Answer::json(StatusCode::OK, &Consistency { from, to, proof })
}

pub(crate) async fn entries(call: Call) -> Result<Answer, Problem> {
    let from = call.number("from", 0..=u64::MAX)?.unwrap_or(0);
    let limit = call.number("limit", 1..=ENTRIES_ITEMS)?.unwrap_or(PAGE_DEFAULT as u64);
    let (seen, receipts) = if call.flag("openings")? {
        let done = call.submit(OpenEntries::new(&call.kernel, &id(&call)?, from, limit)?).await?;
        (done.output, done.receipts)
    } else {
        let account = allowed(&call)?;
        let read = move |kernel: &Kernel| kernel.entries(account, from, limit, false);
        (call.blocking(read).await?, vec![])
    };
    let full = u64::try_from(seen.len()).is_ok_and(|count| count == limit);
    let next = seen.last().filter(|_| full).map(|entry| (entry.index + 1).to_string());
    let items = seen.into_iter().map(entry).collect();
    Ok(Answer::json(StatusCode::OK, &Items { items, next })?.receipt(receipts.first()))
}

pub(crate) async fn receipt(call: Call) -> Result<Answer, Problem> {
    let index = call.part("index");
    let index = index.parse().ok().filter(|number: &u64| number.to_string() == index);
    let index = index.ok_or_else(|| {
        Problem::invalid("index", format!("`{}` is no index", shown(call.part("index"))))
    })?;
    let text = if call.flag("opening")? {
        call.submit(OpenReceipt::new(&call.kernel, &id(&call)?, index)?).await?.output
    } else {
        let account = allowed(&call)?;
        call.blocking(move |kernel| kernel.receipt(account, index, false)).await?
    };
    Ok(Answer::bytes("application/json", text))
}

pub(crate) async fn anchor(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call)?;
    let text = call.blocking(move |kernel| kernel.anchor(account)).await?;
    Ok(Answer::bytes("application/json", text))
}

pub(crate) async fn keys(call: Call) -> Result<Answer, Problem> {
    let public_key = STANDARD.encode(call.kernel.public_key());
    let house = call.kernel.vkey(HOUSE)?;
    Answer::json(StatusCode::OK, &Keys { keys: vec![Key { public_key }], house })
}

fn id(call: &Call) -> Result<AccountId, Problem> {
    Ok(AccountId::parse(call.part("account"))?)
}

/// The account's slot, if the caller may read its log.
fn allowed(call: &Call) -> Result<u64, Problem> {
    let account = call.kernel.slot(&id(call)?)?;
    call.kernel.allow(call.caller()?, Read::ACTION, account)?;
    Ok(account)
}

fn required(call: &Call, name: &'static str) -> Result<u64, Problem> {
    let missing = || Problem::invalid(name, format!("`{name}` is missing: state a size"));
    call.number(name, 0..=u64::MAX)?.ok_or_else(missing)
}

fn entry(seen: SeenEntry) -> Entry {
    Entry { index: seen.index, leaf: STANDARD.encode(seen.leaf), opening: seen.opening }
}

/// Who accessed what: the last day, where no time is stated.
pub(crate) async fn explore(call: Call) -> Result<Answer, Problem> {
    let now = call.kernel.now();
    let ago = kernel::Moment(now.0.saturating_sub(86_400_000_000));
    let question = Question {
        who: call.parameter("who").map(PrincipalId::parse).transpose()?,
        account: call.parameter("account").map(AccountId::parse).transpose()?,
        data: call.flag("data")?,
        from: call.moment("from", ago)?,
        to: call.moment("to", now.after(std::time::Duration::from_secs(1)))?,
        after: call.number("after", 0..=u64::MAX)?,
    };
    // Which accounts exist is told only to those who may ask.
    call.kernel.allow(call.caller()?, Exploring::ACTION, HOUSE)?;
    let done = call.submit(Explore::new(&call.kernel, question)?).await?;
    Ok(Answer::json(StatusCode::OK, &done.output)?.receipt(done.receipts.first()))
}
