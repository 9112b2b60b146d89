//! People on the wire, and tokens, which people and services both have.

use super::shared::{changed, page};
use crate::answer::Answer;
use crate::body::typed;
use crate::problem::Problem;
use crate::request::Call;
use domain::grants::MovePerson;
use domain::people::{
    self, BindPerson, Bound, CreatePerson, EndPerson, IssueToken, Issued, StoredCredential,
};
use domain::register::{List, Read, shown};
use domain::services::RevokeToken;
use hyper::StatusCode;
use kernel::id::{Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person to be taken in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPerson {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`, never used again.
    name: String,
    /// The name people use.
    full_name: Option<String>,
    /// An address.
    email: Option<String>,
    /// Roles, which give eligibility and never access.
    #[serde(default)]
    roles: Vec<String>,
    /// The vendor they work for, if it is not the provider.
    vendor: Option<String>,
}

/// Another job: roles that replace those there are.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRoles {
    /// All roles from now on; none takes away every role.
    roles: Vec<String>,
    /// Why, 1 to 500 bytes on one line.
    reason: String,
}

/// A change of roles.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Move {
    /// When (RFC 3339).
    at: String,
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

/// A person.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Person {
    /// The unique name.
    name: String,
    /// The name people use.
    full_name: Option<String>,
    /// An address.
    email: Option<String>,
    /// The roles.
    roles: Vec<String>,
    /// How the roles changed, oldest first; the newest fifty.
    moves: Vec<Move>,
    /// `active` or `left`.
    state: &'static str,
    /// When they joined (RFC 3339).
    joined: String,
    /// When they left, if they did.
    left: Option<String>,
    /// The vendor they work for, if it is not the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    /// Their tokens, without the secrets.
    tokens: Vec<Token>,
    /// The bearer token that was just issued; it is shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A token, without its secret.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Token {
    /// Its id.
    id: String,
    /// What it is for: `token`, `link`, `session`, `passkey`, `recovery`, `identity`,
    /// `provider-session`, `device`, `workload` or `certificate`.
    used_for: people::Use,
    /// What its holder calls it, if it is a passkey; issuer and subject, if it is an identity or
    /// a workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    named: Option<String>,
    /// When it was issued (RFC 3339).
    issued: String,
    /// When it expires (RFC 3339).
    expires: String,
    /// When it was ended, if it was.
    ended: Option<String>,
}

/// A token that was just issued.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NewToken {
    /// To whom.
    name: String,
    /// The token's id.
    token_id: Option<String>,
    /// The bearer token; it is shown once.
    token: String,
}

/// Who somebody is at a provider of identities (OpenID Connect).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewIdentity {
    /// The provider, `https://…`, exactly as its tokens say it (`iss`).
    issuer: String,
    /// Who, as the provider knows them (`sub`); an address of mail is none.
    subject: String,
}

/// An identity that somebody was bound to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PersonIdentity")]
pub(crate) struct Identity {
    /// Who.
    name: String,
    /// The id by which it is ended, as a token's.
    token_id: String,
    /// The provider.
    issuer: String,
    /// Who, as the provider knows them.
    subject: String,
}

/// A token that was ended.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EndedToken {
    /// Whose it was.
    name: String,
    /// The token's id.
    token_id: String,
}

pub(crate) async fn create(call: Call) -> Result<Answer, Problem> {
    let NewPerson { name, full_name, email, roles, vendor } = typed(&call.body)?;
    let mut operation = CreatePerson::new(&call.kernel, &name, full_name, email, roles)?;
    if let Some(vendor) = &vendor {
        operation = operation.with_vendor(vendor);
    }
    let done = call.submit(operation).await?;
    let place = format!("/v1/people/{}", done.output.row.name);
    let Issued { row, token } = done.output;
    let person = Person { token: Some(token), ..wire(row) };
    Ok(changed(StatusCode::CREATED, person, done.receipts)?.location(&place))
}

pub(crate) async fn list(call: Call) -> Result<Answer, Problem> {
    let list = List::<people::Person>::new(&call.kernel, call.limit()?, call.after())?;
    let done = call.submit(list).await?;
    page(done.output, &done.receipts, |person| Ok(wire(person)))
}

pub(crate) async fn read(call: Call) -> Result<Answer, Problem> {
    let operation = Read::<people::Person>::new(&call.kernel, name(&call)?.as_str())?;
    let done = call.submit(operation).await?;
    Ok(Answer::json(StatusCode::OK, &wire(done.output))?.receipt(done.receipts.first()))
}

pub(crate) async fn end(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(EndPerson::new(&call.kernel, &name(&call)?)?).await?;
    changed(StatusCode::OK, wire(done.output), done.receipts)
}

pub(crate) async fn moved(call: Call) -> Result<Answer, Problem> {
    let NewRoles { roles, reason } = typed(&call.body)?;
    let operation = MovePerson::new(&call.kernel, &name(&call)?, &roles, &reason)?;
    let done = call.submit(operation).await?;
    changed(StatusCode::OK, wire(done.output), done.receipts)
}

pub(crate) async fn issue(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(IssueToken::new(&call.kernel, &name(&call)?)?).await?;
    let Issued { row, token } = done.output;
    changed(StatusCode::CREATED, new_token(row.name, &row.credentials, token), done.receipts)
}

pub(crate) async fn bind(call: Call) -> Result<Answer, Problem> {
    let NewIdentity { issuer, subject } = typed(&call.body)?;
    let bind = BindPerson::new(&call.kernel, &name(&call)?, &issuer, &subject)?;
    let done = call.submit(bind).await?;
    let Bound { name, id: token_id, issuer, subject } = done.output;
    let identity = Identity { name, token_id, issuer, subject };
    changed(StatusCode::CREATED, identity, done.receipts)
}

pub(crate) async fn end_token(call: Call) -> Result<Answer, Problem> {
    end_token_of(&call, &PrincipalId::person(&name(&call)?)).await
}

pub(super) async fn end_token_of(call: &Call, of: &PrincipalId) -> Result<Answer, Problem> {
    let token_id = call.part("token").to_owned();
    let done = call.submit(RevokeToken::new(&call.kernel, of, &token_id)?).await?;
    let ended = EndedToken { name: of.parts().1.to_owned(), token_id };
    changed(StatusCode::OK, ended, done.receipts)
}

pub(super) fn name(call: &Call) -> Result<Name, Problem> {
    Ok(Name::parse(call.part("name"))?)
}

pub(super) fn new_token(name: String, credentials: &[StoredCredential], token: String) -> NewToken {
    NewToken { name, token_id: credentials.last().map(|last| last.id.clone()), token }
}

/// Credentials without their hashes, which are of no use to anybody who reads them.
pub(super) fn tokens(credentials: Vec<StoredCredential>) -> Vec<Token> {
    let of = |one: people::Workload| {
        format!("{} {}", one.issuer, one.claims.get("sub").map_or("", String::as_str))
    };
    let at = |one: people::Identity| format!("{} {}", one.issuer, one.subject);
    let wire = |credential: StoredCredential| Token {
        id: credential.id,
        used_for: credential.used_for,
        named: (credential.passkey.map(|one| one.name))
            .or(credential.identity.map(at))
            .or(credential.workload.map(of)),
        issued: shown(credential.issued),
        expires: shown(credential.expires),
        ended: credential.ended.map(shown),
    };
    credentials.into_iter().map(wire).collect()
}

fn wire(person: people::Person) -> Person {
    let moved = |one: people::Moved| Move {
        at: shown(one.at),
        by: one.by,
        from: one.from,
        to: one.to,
        reason: one.reason,
        ended: one.ended,
    };
    Person {
        name: person.name,
        full_name: person.full_name,
        email: person.email,
        roles: person.roles,
        moves: person.moves.into_iter().map(moved).collect(),
        state: if person.left.is_some() { "left" } else { "active" },
        joined: shown(person.joined),
        left: person.left.map(shown),
        vendor: person.vendor,
        tokens: tokens(person.credentials),
        token: None,
    }
}
