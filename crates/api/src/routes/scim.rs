//! SCIM 2.0 on the wire (RFC 7644): users and groups of the directory whose service asks
//! (decision 0032). Failures are SCIM errors, made where every other problem is.

use super::shared::fresh;
use super::table::{Conditions, Gives, Route, delete, get, item, patch, post, put};
use crate::answer::Answer;
use crate::body::check;
use crate::problem::Problem;
use crate::request::{Call, Tag};
use domain::directories::{
    self, AddGroup, AddUser, Change, ChangeGroup, ChangeUser, ListGroups, ListUsers, ReadGroup,
    ReadUser, RemoveGroup, RemoveUser, Seen, Wanted, refused,
};
use domain::register::action;
use hyper::StatusCode;
use kernel::authority::Action;
use kernel::id::shown;
use kernel::{Error, HOUSE};
use scim::{
    Batch, Found, GROUP, MEDIA_TYPE, Method, One, Patch, Query, REQUEST_BYTES, References,
    Resource, ResourceType, Selection, USER,
};
use serde_json::{Value, json};

/// Bodies that are taken: RFC 7644 §8.1 has its own type, and many send plain JSON.
const KINDS: &[&str] = &[MEDIA_TYPE, "application/json"];
const SELECTED: &[&str] = &["attributes", "excludedAttributes"];
const LISTED: &[&str] =
    &["filter", "attributes", "excludedAttributes", "sortBy", "sortOrder", "startIndex", "count"];

const ONE: Gives = Gives::document(200, "The resource", MEDIA_TYPE);
const PAGE: Gives = Gives::document(200, "A ListResponse", MEDIA_TYPE);
const MADE: Gives = Gives::document(201, "The new resource", MEDIA_TYPE);

/// The routes.
pub(super) static ROUTES: &[Route] = &[
    get("/scim/v2/ServiceProviderConfig", "scimConfig", "What this server can do (RFC 7643 §5)")
        .query(&["filter"])
        .gives(&[ONE])
        .by(|call| Box::pin(about(call))),
    get("/scim/v2/ResourceTypes", "scimResourceTypes", "The types of resources (RFC 7643 §6)")
        .query(&["filter"])
        .gives(&[PAGE])
        .by(|call| Box::pin(about(call))),
    item(get("/scim/v2/ResourceTypes/{id}", "scimResourceType", "One type of resource"))
        .gives(&[ONE])
        .by(|call| Box::pin(about(call))),
    get("/scim/v2/Schemas", "scimSchemas", "The schemas (RFC 7643 §7)")
        .query(&["filter"])
        .gives(&[PAGE])
        .by(|call| Box::pin(about(call))),
    item(get("/scim/v2/Schemas/{id}", "scimSchema", "One schema"))
        .gives(&[ONE])
        .by(|call| Box::pin(about(call))),
    post("/scim/v2/Users/.search", "scimSearchUsers", "Searches users (RFC 7644 §3.4.3)")
        .action(action::<directories::UsersListed>())
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[PAGE])
        .by(|call| Box::pin(search(call, &USER))),
    post("/scim/v2/Users", "scimAddUser", "Adds a user; an active one is a person from then on")
        .action(action::<directories::UserAdded>())
        .query(SELECTED)
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[MADE, Gives::problem(409)])
        .by(|call| Box::pin(add(call, &USER))),
    get("/scim/v2/Users", "scimListUsers", "Lists users (RFC 7644 §3.4.2)")
        .disclosing()
        .action(action::<directories::UsersListed>())
        .query(LISTED)
        .gives(&[PAGE])
        .by(|call| Box::pin(list(call, &USER))),
    item(get("/scim/v2/Users/{id}", "scimGetUser", "Shows a user"))
        .disclosing()
        .action(action::<directories::UserRead>())
        .query(SELECTED)
        .conditions(Conditions::Read)
        .gives(&[ONE, Gives::nothing(304, "The version of `If-None-Match`")])
        .by(|call| Box::pin(read(call, &USER))),
    item(put("/scim/v2/Users/{id}", "scimReplaceUser", "States a user anew"))
        .action(action::<directories::UserChanged>())
        .query(SELECTED)
        .conditions(Conditions::Write)
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[ONE, Gives::problem(409), Gives::problem(412)])
        .by(|call| Box::pin(replace(call, &USER))),
    item(patch("/scim/v2/Users/{id}", "scimPatchUser", "Changes a user (RFC 7644 §3.5.2)"))
        .action(action::<directories::UserChanged>())
        .query(SELECTED)
        .conditions(Conditions::Write)
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[ONE, Gives::problem(409), Gives::problem(412)])
        .by(|call| Box::pin(change(call, &USER))),
    item(delete("/scim/v2/Users/{id}", "scimRemoveUser", "Removes a user: the person leaves"))
        .action(action::<directories::UserRemoved>())
        .conditions(Conditions::Write)
        .gives(&[Gives::nothing(204, "It is removed"), Gives::problem(409), Gives::problem(412)])
        .by(|call| Box::pin(remove(call, &USER))),
    post("/scim/v2/Groups/.search", "scimSearchGroups", "Searches groups (RFC 7644 §3.4.3)")
        .action(action::<directories::GroupsListed>())
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[PAGE])
        .by(|call| Box::pin(search(call, &GROUP))),
    post("/scim/v2/Groups", "scimAddGroup", "Adds a group; a mapped one gives its members a role")
        .action(action::<directories::GroupAdded>())
        .query(SELECTED)
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[MADE, Gives::problem(409)])
        .by(|call| Box::pin(add(call, &GROUP))),
    get("/scim/v2/Groups", "scimListGroups", "Lists groups (RFC 7644 §3.4.2)")
        .disclosing()
        .action(action::<directories::GroupsListed>())
        .query(LISTED)
        .gives(&[PAGE])
        .by(|call| Box::pin(list(call, &GROUP))),
    item(get("/scim/v2/Groups/{id}", "scimGetGroup", "Shows a group"))
        .disclosing()
        .action(action::<directories::GroupRead>())
        .query(SELECTED)
        .conditions(Conditions::Read)
        .gives(&[ONE, Gives::nothing(304, "The version of `If-None-Match`")])
        .by(|call| Box::pin(read(call, &GROUP))),
    item(put("/scim/v2/Groups/{id}", "scimReplaceGroup", "States a group anew"))
        .action(action::<directories::GroupChanged>())
        .query(SELECTED)
        .conditions(Conditions::Write)
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[ONE, Gives::problem(409), Gives::problem(412)])
        .by(|call| Box::pin(replace(call, &GROUP))),
    item(patch("/scim/v2/Groups/{id}", "scimPatchGroup", "Changes a group (RFC 7644 §3.5.2)"))
        .action(action::<directories::GroupChanged>())
        .query(SELECTED)
        .conditions(Conditions::Write)
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[ONE, Gives::problem(409), Gives::problem(412)])
        .by(|call| Box::pin(change(call, &GROUP))),
    item(delete("/scim/v2/Groups/{id}", "scimRemoveGroup", "Removes a group: its role goes"))
        .action(action::<directories::GroupRemoved>())
        .conditions(Conditions::Write)
        .gives(&[Gives::nothing(204, "It is removed"), Gives::problem(409), Gives::problem(412)])
        .by(|call| Box::pin(remove(call, &GROUP))),
    post("/scim/v2/.search", "scimSearch", "Searches users, and groups behind them")
        .action(action::<directories::UsersListed>())
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[PAGE])
        .by(|call| Box::pin(search_all(call))),
    post("/scim/v2/Bulk", "scimBulk", "Does several of these, in order (RFC 7644 §3.7)")
        .action(action::<directories::UserChanged>())
        .bytes(REQUEST_BYTES, KINDS)
        .gives(&[Gives::document(200, "A BulkResponse", MEDIA_TYPE)])
        .by(|call| Box::pin(bulk(call))),
];

/// Where SCIM is on this server.
fn base(call: &Call) -> Result<String, Problem> {
    let base = call.base.as_ref().ok_or_else(|| {
        Error::unavailable(
            "this server does not know its address: set `public_url`, or send `Host`",
        )
    })?;
    Ok(format!("{base}/scim/v2"))
}

fn answer(status: StatusCode, body: &Value) -> Answer {
    Answer::bytes(MEDIA_TYPE, body.to_string()).status(status)
}

fn one(
    call: &Call,
    of: &'static ResourceType,
    status: StatusCode,
    seen: &Seen,
) -> Result<Answer, Problem> {
    let (only, without) = (call.parameter("attributes"), call.parameter("excludedAttributes"));
    let selection = Selection::read(of, only, without).map_err(refused)?;
    let body = seen.resource.shown(of, &selection);
    Ok(answer(status, &body).version(seen.version).location(&seen.location))
}

async fn about(call: Call) -> Result<Answer, Problem> {
    // RFC 7644 §4: whoever thinks that these are filtered would take the wrong ones.
    if call.parameter("filter").is_some() {
        return Err(Error::forbidden("this is not filtered: leave `filter` out").into());
    }
    let (base, id) = (base(&call)?, call.part("id"));
    let kind = call.route.path.split('/').nth(3);
    let found = match (kind, id) {
        (Some("ServiceProviderConfig"), _) => Some(scim::service_provider_config(&base)),
        (Some("ResourceTypes"), "") => Some(scim::resource_types(&base)),
        (Some("ResourceTypes"), name) => scim::resource_type(&base, name),
        (_, "") => Some(scim::schemas(&base)),
        (_, id) => scim::schema(&base, id),
    };
    let found = found.ok_or_else(|| Error::not_found(format!("there is no `{}`", shown(id))))?;
    Ok(answer(StatusCode::OK, &found))
}

/// The body as JSON. Whoever has no right is told so, whatever they state.
fn stated(call: &Call) -> Result<Value, Problem> {
    may(call, call.route.action)?;
    check(&call.body)?;
    let parsed = serde_json::from_slice(&call.body);
    Ok(parsed.map_err(|error| Error::invalid("body", format!("this is no JSON: {error}")))?)
}

fn may(call: &Call, action: Option<&'static Action>) -> Result<(), Problem> {
    if let Some(action) = action {
        call.kernel.allow(call.caller()?, action, HOUSE)?;
    }
    Ok(())
}

/// The version that has to be there.
fn wanted(call: &Call) -> Result<Wanted, Problem> {
    match (call.said.if_match, call.said.if_none_match) {
        (_, Some(_)) => {
            let detail = "a change is made if a version matches: send `If-Match`";
            Err(Problem::invalid("if-none-match", detail))
        }
        (Some(Tag::Version(version)), None) => Ok(Wanted::Version(version)),
        (Some(Tag::Any) | None, None) => Ok(Wanted::Any),
    }
}

async fn add(call: Call, of: &'static ResourceType) -> Result<Answer, Problem> {
    let stated = stated(&call)?;
    let seen = added(&call, of, &stated).await?;
    one(&call, of, StatusCode::CREATED, &seen)
}

async fn added(call: &Call, of: &'static ResourceType, stated: &Value) -> Result<Seen, Problem> {
    let resource = Resource::read(of, stated).map_err(refused)?;
    let (kernel, random, base) = (&call.kernel, fresh()?, base(call)?);
    Ok(match of.name {
        "User" => call.submit(AddUser::new(kernel, resource, random, &base)?).await?.output,
        _ => call.submit(AddGroup::new(kernel, resource, random, &base)?).await?.output,
    })
}

async fn read(call: Call, of: &'static ResourceType) -> Result<Answer, Problem> {
    let (kernel, id, base) = (&call.kernel, call.part("id"), base(&call)?);
    let seen = match of.name {
        "User" => call.submit(ReadUser::new(kernel, id, &base)?).await?.output,
        _ => call.submit(ReadGroup::new(kernel, id, &base)?).await?.output,
    };
    match call.said.if_none_match {
        Some(Tag::Version(version)) if version == seen.version => {
            Ok(Answer::empty(StatusCode::NOT_MODIFIED).version(version))
        }
        Some(Tag::Any) => Ok(Answer::empty(StatusCode::NOT_MODIFIED).version(seen.version)),
        _ => one(&call, of, StatusCode::OK, &seen),
    }
}

async fn list(call: Call, of: &'static ResourceType) -> Result<Answer, Problem> {
    may(&call, call.route.action)?;
    let query = Query::read(of, |name| call.parameter(name)).map_err(refused)?;
    Ok(answer(StatusCode::OK, &found(&call, query).await?.body()))
}

async fn search(call: Call, of: &'static ResourceType) -> Result<Answer, Problem> {
    let query = Query::search(of, &stated(&call)?).map_err(refused)?;
    Ok(answer(StatusCode::OK, &found(&call, query).await?.body()))
}

/// Users, and behind them groups. What one of them does not have matches none of them.
async fn search_all(call: Call) -> Result<Answer, Problem> {
    let stated = stated(&call)?;
    let both = [Query::search(&USER, &stated), Query::search(&GROUP, &stated)];
    let all = match both {
        [Err(error), Err(_)] => return Err(refused(error).into()),
        [Ok(users), Err(_)] => found(&call, users).await?,
        [Err(_), Ok(groups)] => found(&call, groups).await?,
        [Ok(users), Ok(groups)] => {
            let first = found(&call, users).await?;
            let second = found(&call, groups.after(&first)).await?;
            first.with(second)
        }
    };
    Ok(answer(StatusCode::OK, &all.body()))
}

async fn found(call: &Call, query: Query) -> Result<Found, Problem> {
    let (kernel, base) = (&call.kernel, base(call)?);
    Ok(match query.of.name {
        "User" => call.submit(ListUsers::new(kernel, query, &base)?).await?.output,
        _ => call.submit(ListGroups::new(kernel, query, &base)?).await?.output,
    })
}

async fn replace(call: Call, of: &'static ResourceType) -> Result<Answer, Problem> {
    let (stated, wanted) = (stated(&call)?, wanted(&call)?);
    let whole = Change::Whole(Resource::read(of, &stated).map_err(refused)?);
    let seen = changed(&call, of, call.part("id"), whole, wanted).await?;
    one(&call, of, StatusCode::OK, &seen)
}

async fn change(call: Call, of: &'static ResourceType) -> Result<Answer, Problem> {
    let (stated, wanted) = (stated(&call)?, wanted(&call)?);
    let part = Change::Part(Patch::read(of, &stated).map_err(refused)?);
    let seen = changed(&call, of, call.part("id"), part, wanted).await?;
    one(&call, of, StatusCode::OK, &seen)
}

async fn changed(
    call: &Call,
    of: &'static ResourceType,
    id: &str,
    change: Change,
    wanted: Wanted,
) -> Result<Seen, Problem> {
    let (kernel, base) = (&call.kernel, base(call)?);
    Ok(match of.name {
        "User" => call.submit(ChangeUser::new(kernel, id, change, wanted, &base)?).await?.output,
        _ => call.submit(ChangeGroup::new(kernel, id, change, wanted, &base)?).await?.output,
    })
}

async fn remove(call: Call, of: &'static ResourceType) -> Result<Answer, Problem> {
    let wanted = wanted(&call)?;
    removed(&call, of, call.part("id"), wanted).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

async fn removed(
    call: &Call,
    of: &'static ResourceType,
    id: &str,
    wanted: Wanted,
) -> Result<(), Problem> {
    let kernel = &call.kernel;
    match of.name {
        "User" => call.submit(RemoveUser::new(kernel, id, wanted)?).await.map(drop),
        _ => call.submit(RemoveGroup::new(kernel, id, wanted)?).await.map(drop),
    }
}

/// Each operation by itself, in order: what was done stays done when a later one fails.
async fn bulk(call: Call) -> Result<Answer, Problem> {
    if call.said.key.is_some() {
        let detail = "a bulk request is several: leave it out, and state `externalId`";
        return Err(Problem::invalid("idempotency-key", detail));
    }
    let batch = Batch::read(&stated(&call)?).map_err(refused)?;
    let (mut made, mut answers, mut errors) = (References::default(), Vec::new(), 0);
    for one in &batch.operations {
        let outcome = match made.resolve(one) {
            Ok(resolved) => operate(&call, &resolved).await,
            Err(error) => Err(refused(error).into()),
        };
        if let (Ok((_, Some(seen))), Some(bulk_id)) = (&outcome, &one.bulk_id) {
            made.made(bulk_id, seen.resource.text("id").unwrap_or_default());
        }
        errors += usize::from(outcome.is_err());
        answers.push(told(&call, one, outcome)?);
        if batch.most_errors.is_some_and(|most| errors >= most) {
            break;
        }
    }
    Ok(answer(StatusCode::OK, &scim::bulk_answer(answers)))
}

/// What an operation of a bulk request made.
type Outcome = Result<(StatusCode, Option<Seen>), Problem>;

async fn operate(call: &Call, one: &One) -> Outcome {
    let of = [&USER, &GROUP].into_iter().find(|of| of.endpoint == one.endpoint);
    let of = of.ok_or_else(|| {
        let endpoint = shown(&one.endpoint);
        Error::invalid("invalidSyntax", format!("`{endpoint}` is none of Users, Groups"))
    })?;
    let id = one.id.as_deref().unwrap_or_default();
    let wanted = version(one.version.as_deref())?;
    let read = |data| Resource::read(of, data).map_err(refused);
    match one.method {
        Method::Post => Ok((StatusCode::CREATED, Some(added(call, of, &one.data).await?))),
        Method::Put => {
            let whole = Change::Whole(read(&one.data)?);
            Ok((StatusCode::OK, Some(changed(call, of, id, whole, wanted).await?)))
        }
        Method::Patch => {
            let part = Change::Part(Patch::read(of, &one.data).map_err(refused)?);
            Ok((StatusCode::OK, Some(changed(call, of, id, part, wanted).await?)))
        }
        Method::Delete => {
            removed(call, of, id, wanted).await?;
            Ok((StatusCode::NO_CONTENT, None))
        }
    }
}

fn version(stated: Option<&str>) -> Result<Wanted, Problem> {
    let Some(text) = stated else { return Ok(Wanted::Any) };
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let version = digits.and_then(|digits| digits.parse().ok());
    Ok(Wanted::Version(version.ok_or_else(|| {
        let why = format!("`{}` is no version: state it as `meta.version` had it", shown(text));
        Error::invalid("invalidValue", why)
    })?))
}

fn told(call: &Call, one: &One, outcome: Outcome) -> Result<Value, Problem> {
    let mut out = json!({"method": one.method.name()});
    let at = |id: &str| -> Result<String, Problem> {
        Ok(format!("{}/{}/{id}", base(call)?, one.endpoint))
    };
    let Some(members) = out.as_object_mut() else { return Ok(Value::Null) };
    if let Some(bulk_id) = &one.bulk_id {
        members.insert("bulkId".to_owned(), bulk_id.as_str().into());
    }
    if let Some(id) = one.id.as_deref().filter(|id| !id.starts_with("bulkId:")) {
        members.insert("location".to_owned(), at(id)?.into());
    }
    let status = match outcome {
        Ok((status, seen)) => {
            if let Some(seen) = seen {
                members.insert("location".to_owned(), seen.location.into());
                members.insert("version".to_owned(), format!("\"{}\"", seen.version).into());
            }
            status.as_u16()
        }
        Err(problem) => {
            members.insert("response".to_owned(), problem.scim());
            problem.status()
        }
    };
    members.insert("status".to_owned(), status.to_string().into());
    Ok(out)
}
