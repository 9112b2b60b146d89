//! Every noun that has pages, as one table: the registers of `domain`, and before them those whose
//! stored form is older than that table, described here in the same way.

mod accounts;
mod grants;
mod members;
mod people;
mod services;

use domain::people::StoredCredential;
use domain::register::{Boxed, Closed, Entry, History, Mapped, Noun, Register, Rows, Status, When};
use domain::registers::REGISTERS;
use kernel::authority::CredentialKind;
use kernel::id::{Name, PrincipalId};
use kernel::{Error, Kernel, Moment, Operation, Result};
use schemars::JsonSchema;
use serde::Serialize;

static OLDER: [Register; 4] =
    [accounts::REGISTER, people::REGISTER, services::REGISTER, grants::REGISTER];

/// Every noun that has pages.
pub(crate) fn all() -> impl Iterator<Item = &'static Register> {
    let newer = REGISTERS.iter();
    OLDER.iter().chain(newer.filter(|one| OLDER.iter().all(|older| older.plural != one.plural)))
}

/// The register of this name.
pub(crate) fn find(plural: &str) -> Option<&'static Register> {
    all().find(|register| register.plural == plural)
}

/// The steps of a register's rows: those of the table, and those that are no part of a row's life.
pub(crate) fn steps(register: &'static Register) -> impl Iterator<Item = &'static Entry> {
    let more = if register.plural == "members" { members::STEPS } else { &[] };
    let known =
        |one: &&Entry| register.steps.iter().all(|step| step.action.name != one.action.name);
    register.steps.iter().chain(more.iter().filter(known))
}

/// What a step will do besides what its summary says, counted now.
pub(crate) fn effect(kernel: &Kernel, plural: &str, id: &str, verb: &str) -> Option<String> {
    let holder = match plural {
        "people" => PrincipalId::person(&Name::parse(id).ok()?),
        "services" => PrincipalId::service(&Name::parse(id).ok()?),
        _ => return None,
    };
    if verb != "end" {
        return None;
    }
    let (authority, now) = (kernel.authority(), kernel.now());
    let principal = authority.principal(&holder)?;
    let live = principal.credentials.iter().filter(|one| one.live(now));
    let grants = authority.grants_of(&holder);
    let grants = grants.iter().filter(|one| !one.ended && now < one.not_after).count();
    let links = live.clone().filter(|one| one.kind == CredentialKind::Link).count();
    let others = live.count() - links;
    let owned = authority
        .principals()
        .into_iter()
        .filter(|one| one.active && one.owner.as_ref() == Some(&holder));
    let mut parts = vec![
        counted(others, "session or token", "sessions and tokens"),
        counted(links, "link", "links"),
        counted(grants, "grant", "grants"),
    ];
    if plural == "people" {
        let owned = owned.count();
        if owned > 0 {
            let services = counted(owned, "service", "services");
            parts.push(format!("{services} that need another owner"));
        }
    }
    Some(format!("It ends access for {holder}: {}.", parts.join(", ")))
}

fn counted(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// A credential, without its hash.
#[derive(Serialize, JsonSchema)]
pub(super) struct Credential {
    /// Its id.
    id: String,
    /// What it is for.
    used_for: domain::people::Use,
    /// When it was issued.
    issued: When,
    /// When it expires.
    expires: When,
    /// When it was ended, if it was.
    ended: Option<When>,
}

/// Credentials without their hashes, which are of no use to anybody who reads them.
pub(super) fn shown(credentials: Vec<StoredCredential>) -> Vec<Credential> {
    let each = credentials.into_iter().map(|one| Credential {
        id: one.id,
        used_for: one.used_for,
        issued: when(one.issued),
        expires: when(one.expires),
        ended: one.ended.map(when),
    });
    each.collect()
}

/// A time as older registers keep it: µs since 1970.
pub(super) fn when(micros: u64) -> When {
    When(Moment(micros))
}

/// The versions of a row.
pub(super) fn versions<N: Noun>(kernel: &Kernel, id: &str) -> Result<Boxed> {
    Ok(Boxed::new(History::<N>::new(kernel, id)?, N::NOUN))
}

/// The survey of the controls reads these registers in its own way.
pub(super) fn unread(_: &[Vec<u8>]) -> Result<Rows> {
    Err(Error::internal("this register is not part of a survey"))
}

/// As [`unread`]: what it does not read has no states.
pub(super) fn stateless(_: &Rows, _: Moment, _: &Closed) -> Vec<(String, Status)> {
    vec![]
}

/// As [`unread`]: everybody reads its rows whose role opens it.
pub(super) fn none_closed(_: &Rows) -> Vec<String> {
    vec![]
}

/// An operation that answers in the form of a page.
pub(super) fn boxed<O, T>(
    noun: &'static str,
    operation: O,
    shown: impl Fn(O::Output) -> T + Clone + Send + 'static,
) -> Boxed
where
    O: Operation,
    T: Serialize + Send + 'static,
{
    Boxed::new(Mapped::new(operation, shown), noun)
}
