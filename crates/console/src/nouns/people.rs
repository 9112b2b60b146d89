//! People: joiners, and leavers by one door.

use super::{Credential, boxed, none_closed, shown, stateless, unread, versions, when};
use domain::grants::MovePerson;
use domain::members::{IssueLink, LinkLife, LinkPerson};
use domain::people::{
    Create, CreatePerson, End, EndPerson, IssueToken, Issued, ListPeople, Look, Moved, Moving,
    Person, ROLES, Token,
};
use domain::register::{Boxed, Entry, List, On, Page, Read, Register, Status, Tone, When, stated};
use domain::services::{EndToken, RevokeToken};
use kernel::id::{Name, PrincipalId};
use kernel::{Act, Error, Kernel, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::borrow::Cow;
use std::time::Duration;

/// A person, as pages show one.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// What they are now.
    state: Status,
    /// The unique name.
    id: String,
    /// The name people use.
    full_name: Option<String>,
    /// An address.
    email: Option<String>,
    /// The roles.
    roles: Vec<String>,
    /// The vendor they work for, if it is not the provider.
    vendor: Option<String>,
    /// How the roles changed, oldest first.
    moves: Vec<Move>,
    /// When they joined.
    joined: When,
    /// When they left, if they did.
    left: Option<When>,
    /// Tokens, links and sessions.
    credentials: Vec<Credential>,
    /// The token that was just issued; it is shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A change of roles, as pages show one.
#[derive(Serialize, JsonSchema)]
struct Move {
    /// When.
    at: When,
    /// Who changed them.
    by: String,
    /// The roles before.
    from: Vec<String>,
    /// The roles from then on.
    to: Vec<String>,
    /// Why.
    reason: String,
    /// How many grants ended with it.
    ended: usize,
}

/// A person to be taken in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`, never used again.
    name: String,
    /// The name people use.
    full_name: Option<String>,
    /// An address.
    email: Option<String>,
    /// Roles, which give eligibility and never access.
    #[serde(default)]
    roles: Vec<Role>,
}

/// Another job.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRoles {
    /// Every role from now on; none takes all of them away.
    #[serde(default)]
    roles: Vec<Role>,
    /// Why, on one line.
    reason: String,
}

/// A role.
#[derive(Deserialize)]
struct Role(String);

impl JsonSchema for Role {
    fn schema_name() -> Cow<'static, str> {
        "Role".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let each = ROLES.map(|(role, what)| json!({"const": role, "description": what}));
        json_schema!({"oneOf": each})
    }
}

/// A link to sign in with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Invite {
    /// Hours it counts, 1 to 24; without a number, 8.
    hours: Option<u64>,
}

/// What is stated to end a credential.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// The id of the token, link or session.
    pub(super) credential: String,
}

/// Nothing has to be stated.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl Invite {
    /// How long the link shall count.
    pub(super) fn life(&self) -> Result<LinkLife> {
        let Some(hours) = self.hours else { return Ok(LinkLife::default()) };
        LinkLife::new(Duration::from_secs(hours.saturating_mul(3600)))
            .map_err(|error| Error::invalid("hours", error.message()))
    }
}

fn page_of(person: Person) -> Shown {
    let state = match person.left {
        Some(_) => Status::of("left", Tone::Past),
        None => Status::of("active", Tone::Good),
    };
    let moved = |one: Moved| Move {
        at: when(one.at),
        by: one.by,
        from: one.from,
        to: one.to,
        reason: one.reason,
        ended: one.ended,
    };
    Shown {
        state,
        id: person.name,
        full_name: person.full_name,
        email: person.email,
        roles: person.roles,
        vendor: person.vendor,
        moves: person.moves.into_iter().map(moved).collect(),
        joined: when(person.joined),
        left: person.left.map(when),
        credentials: shown(person.credentials),
        token: None,
    }
}

fn issued(issued: Issued<Person>) -> Shown {
    Shown { token: Some(issued.token), ..page_of(issued.row) }
}

fn create(kernel: &Kernel, _: On<'_>, body: &[u8]) -> Result<Boxed> {
    let NewPerson { name, full_name, email, roles } = stated(body)?;
    let roles = roles.into_iter().map(|role| role.0).collect();
    let operation = CreatePerson::new(kernel, &name, full_name, email, roles)?;
    Ok(boxed("person", operation, issued))
}

fn invite(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let life = stated::<Invite>(body)?.life()?;
    let name = name(on)?;
    let id = name.to_string();
    Ok(boxed(
        "person",
        IssueLink::person(kernel, &name, life)?,
        move |link| json!({"id": id.clone(), "link": link.token, "until": When(link.until)}),
    ))
}

fn token(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let Nothing {} = stated(body)?;
    Ok(boxed("person", IssueToken::new(kernel, &name(on)?)?, issued))
}

fn end_token(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let Which { credential } = stated(body)?;
    let id = name(on)?;
    let operation = RevokeToken::new(kernel, &PrincipalId::person(&id), &credential)?;
    Ok(boxed("person", operation, move |()| json!({"id": id.to_string()})))
}

fn moving(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let NewRoles { roles, reason } = stated(body)?;
    let roles: Vec<_> = roles.into_iter().map(|role| role.0).collect();
    let operation = MovePerson::new(kernel, &name(on)?, &roles, &reason)?;
    Ok(boxed("person", operation, page_of))
}

fn end(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let Nothing {} = stated(body)?;
    Ok(boxed("person", EndPerson::new(kernel, &name(on)?)?, page_of))
}

fn get(kernel: &Kernel, id: &str) -> Result<Boxed> {
    Ok(boxed("person", Read::<Person>::new(kernel, id)?, page_of))
}

fn page(kernel: &Kernel, limit: usize, after: Option<&str>) -> Result<Boxed> {
    let list = List::<Person>::new(kernel, limit, after)?;
    Ok(boxed("person", list, |page: Page<Person>| page.map(page_of)))
}

/// The name that a step is about.
pub(super) fn name(on: On<'_>) -> Result<Name> {
    match on {
        On::Row(id) => Name::parse(id),
        On::New(_) => Err(Error::internal("a step needs a row")),
    }
}

const STEPS: &[Entry] = &[
    Entry {
        verb: "invite",
        summary: "Makes a link to sign in with, and ends those made before",
        area: Some("team"),
        action: LinkPerson::ACTION,
        schema: |generator| generator.subschema_for::<Invite>(),
        make: invite,
    },
    Entry {
        verb: "token",
        summary: "Issues another token for the API and the command line",
        area: None,
        action: Token::ACTION,
        schema: |generator| generator.subschema_for::<Nothing>(),
        make: token,
    },
    Entry {
        verb: "end-token",
        summary: "Ends one token, link or session at once",
        area: None,
        action: EndToken::ACTION,
        schema: |generator| generator.subschema_for::<Which>(),
        make: end_token,
    },
    Entry {
        verb: "move",
        summary: "Replaces the roles, and ends grants that are outside the new ones",
        area: Some("team"),
        action: Moving::ACTION,
        schema: |generator| generator.subschema_for::<NewRoles>(),
        make: moving,
    },
    Entry {
        verb: "end",
        summary: "Records that the person left, and ends everything they hold",
        area: None,
        action: End::ACTION,
        schema: |generator| generator.subschema_for::<Nothing>(),
        make: end,
    },
];

/// The register, as pages know it.
pub(super) const REGISTER: Register = Register {
    noun: "person",
    command: "person",
    plural: "people",
    purpose: "Everybody who may act for the provider: one identity each, with roles that give \
              eligibility and never access",
    obligations: &["E1.4", "E5.1", "E5.2", "E5.4", "E5.5", "E5.6", "E5.7"],
    first: "Take in a person: a name that is never used again, and the roles",
    columns: &["full_name", "roles", "joined"],
    area: "register",
    readers: "oversee",
    read: Look::ACTION,
    list: ListPeople::ACTION,
    shown: |generator| generator.subschema_for::<Shown>(),
    add: Entry {
        verb: "add",
        summary: "Takes in a person and issues a first token",
        area: None,
        action: Create::ACTION,
        schema: |generator| generator.subschema_for::<NewPerson>(),
        make: create,
    },
    steps: STEPS,
    get,
    page,
    history: versions::<Person>,
    rows: unread,
    states: stateless,
    closed: none_closed,
};
