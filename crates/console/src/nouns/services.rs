//! Services: programs that act under their own name, each with a person who answers for it.

use super::people::{Nothing, Which, name};
use super::{Credential, boxed, none_closed, shown, stateless, unread, versions, when};
use domain::people::Issued;
use domain::register::{Boxed, Entry, List, On, Page, Read, Register, Status, Tone, When, stated};
use domain::services::{
    Create, CreateService, End, EndService, EndToken, IssueToken, ListServices, Look, RevokeToken,
    Service, Token,
};
use kernel::id::PrincipalId;
use kernel::{Act, Kernel, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A service, as pages show one.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// What it is now.
    state: Status,
    /// The unique name.
    id: String,
    /// Who answers for it.
    owner: String,
    /// The vendor that runs it, if it is not the provider.
    vendor: Option<String>,
    /// When it was taken in.
    created: When,
    /// When it ended, if it did.
    ended: Option<When>,
    /// Its tokens.
    credentials: Vec<Credential>,
    /// The token that was just issued; it is shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A service to be taken in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewService {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`, never used again.
    name: String,
    /// Who answers for it: `person:NAME`; without one, you.
    owner: Option<String>,
}

fn page_of(service: Service) -> Shown {
    let state = match service.ended {
        Some(_) => Status::of("ended", Tone::Past),
        None => Status::of("active", Tone::Good),
    };
    Shown {
        state,
        id: service.name,
        owner: service.owner,
        vendor: service.vendor,
        created: when(service.created),
        ended: service.ended.map(when),
        credentials: shown(service.credentials),
        token: None,
    }
}

fn issued(issued: Issued<Service>) -> Shown {
    Shown { token: Some(issued.token), ..page_of(issued.row) }
}

fn create(kernel: &Kernel, _: On<'_>, body: &[u8]) -> Result<Boxed> {
    let NewService { name, owner } = stated(body)?;
    Ok(boxed("service", CreateService::new(kernel, &name, owner.as_deref())?, issued))
}

fn token(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let Nothing {} = stated(body)?;
    Ok(boxed("service", IssueToken::new(kernel, &name(on)?)?, issued))
}

fn end_token(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let Which { credential } = stated(body)?;
    let id = name(on)?;
    let operation = RevokeToken::new(kernel, &PrincipalId::service(&id), &credential)?;
    Ok(boxed("service", operation, move |()| json!({"id": id.to_string()})))
}

fn end(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let Nothing {} = stated(body)?;
    Ok(boxed("service", EndService::new(kernel, &name(on)?)?, page_of))
}

fn get(kernel: &Kernel, id: &str) -> Result<Boxed> {
    Ok(boxed("service", Read::<Service>::new(kernel, id)?, page_of))
}

fn page(kernel: &Kernel, limit: usize, after: Option<&str>) -> Result<Boxed> {
    let list = List::<Service>::new(kernel, limit, after)?;
    Ok(boxed("service", list, |page: Page<Service>| page.map(page_of)))
}

const STEPS: &[Entry] = &[
    Entry {
        verb: "token",
        summary: "Issues another token, for when one is about to expire or was lost",
        area: None,
        action: Token::ACTION,
        schema: |generator| generator.subschema_for::<Nothing>(),
        make: token,
    },
    Entry {
        verb: "end-token",
        summary: "Ends one token at once",
        area: None,
        action: EndToken::ACTION,
        schema: |generator| generator.subschema_for::<Which>(),
        make: end_token,
    },
    Entry {
        verb: "end",
        summary: "Ends the service and every token of it",
        area: None,
        action: End::ACTION,
        schema: |generator| generator.subschema_for::<Nothing>(),
        make: end,
    },
];

/// The register, as pages know it.
pub(super) const REGISTER: Register = Register {
    noun: "service",
    command: "service",
    plural: "services",
    purpose: "Every program that acts under a name and token of its own, with a person who owns it",
    obligations: &["E5.1", "E5.2", "E5.3", "E5.5"],
    first: "Take in a service: a name that is never used again, and who answers for it",
    columns: &["owner", "vendor", "created"],
    area: "register",
    readers: "oversee",
    read: Look::ACTION,
    list: ListServices::ACTION,
    shown: |generator| generator.subschema_for::<Shown>(),
    add: Entry {
        verb: "add",
        summary: "Takes in a service and issues its first token",
        area: None,
        action: Create::ACTION,
        schema: |generator| generator.subschema_for::<NewService>(),
        make: create,
    },
    steps: STEPS,
    get,
    page,
    history: versions::<Service>,
    rows: unread,
    states: stateless,
    closed: none_closed,
};
