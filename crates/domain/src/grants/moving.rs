//! Movers: somebody's job changes, and with it their roles; grants that the new roles are not
//! eligible for end at once, for good.
//!
//! A grant that ended does not come back with the role: it has to be approved anew. What was
//! before stays in the registers. A grant that allows several things ends as a whole if one of them
//! is outside the new roles. It does not touch the services that the person owns.

use super::Grant;
use crate::people::{self, Moving, Person, administrators, by_request, eligible, refused};
use crate::register::{self, At};
use kernel::authority::{self, Authority};
use kernel::engine::Wants;
use kernel::id::{Name, PrincipalId};
use kernel::{
    Act, After, Allowed, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work,
    on_house,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Grants that may end with one move; somebody with more has them ended one by one before.
const MOST: usize = 500;

const ADMINISTRATOR: &str = "administrator";

/// Changes somebody's roles.
pub struct MovePerson {
    who: PrincipalId,
    key: RecordKey,
    roles: Vec<String>,
    reason: String,
    kernel: Kernel,
}

impl MovePerson {
    /// To these roles, which replace those there are.
    ///
    /// # Errors
    /// `Invalid` for a role that is none or a reason that is not 1 to 500 bytes on one line.
    pub fn new(kernel: &Kernel, name: &Name, roles: &[String], reason: &str) -> Result<Self> {
        let (who, key) =
            (PrincipalId::person(name), register::key::<Person>(kernel, name.as_str())?);
        let (roles, reason) = (people::known_roles(roles)?, people::stated_reason(reason)?);
        Ok(Self { who, key, roles, reason, kernel: kernel.clone() })
    }
}

impl Operation for MovePerson {
    type Output = Person;

    fn target(&self) -> Target {
        on_house(Moving::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Person>> {
        let (allowed, row) = register::load::<Person, Moving>(work, &self.key)?;
        let caller = &work.caller().principal;
        check((work.rights()?, caller), &self.who, &row, &self.roles)?;
        if self.roles.iter().any(|role| !row.roles.contains(role)) && by_request(work)? {
            return Err(refused(Moving::ACTION.name));
        }
        let row = move_to(work, &self.kernel, allowed, row, (&self.roles, &self.reason))?;
        work.later(work.now(), HOUSE, people::LEFT, &row.name);
        Ok(After::now(row))
    }
}

/// Whether somebody may give this person these roles.
fn check(
    (rights, by): (&Authority, &PrincipalId),
    who: &PrincipalId,
    row: &Person,
    roles: &[String],
) -> Result<()> {
    if row.left.is_some() {
        return Err(Error::conflict(format!("person `{}` left already", row.name)));
    }
    let administers = |roles: &[String]| roles.iter().any(|role| role == ADMINISTRATOR);
    let (was, will) = (administers(&row.roles), administers(roles));
    if row.vendor.is_none() && was && !will && administrators(rights) <= 1 {
        return Err(Error::conflict(
            "the last administrator cannot give the role up: take in another one first",
        ));
    }
    if by == who {
        return Err(Error::forbidden("nobody changes their own roles: let another person do it"));
    }
    if was != will && !rights.principal(by).is_some_and(|by| administers(&by.roles)) {
        return Err(Error::forbidden(format!(
            "only an administrator gives or takes the role `{ADMINISTRATOR}`: ask one"
        )));
    }
    let mut before = row.roles.clone();
    before.sort_unstable();
    let mut after = roles.to_vec();
    after.sort_unstable();
    if before == after {
        return Err(Error::conflict(format!("person `{}` has these roles already", row.name)));
    }
    Ok(())
}

/// What somebody's other job states.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moves {
    /// All roles from now on; none takes away every role.
    pub roles: Vec<String>,
    /// Why, 1 to 500 bytes on one line.
    pub reason: String,
}

/// Changes somebody's roles as a part of a change that others approved.
pub(crate) struct MoveRoles {
    who: PrincipalId,
    moves: Moves,
}

impl MoveRoles {
    /// As stated.
    pub(crate) fn new(name: &Name, moves: Moves) -> Self {
        Self { who: PrincipalId::person(name), moves }
    }

    /// As [`MovePerson`] does it.
    ///
    /// # Errors
    /// `Invalid` with the field, `Forbidden` and `Conflict` as there.
    pub(crate) fn apply(&self, at: &mut At<'_, '_>) -> Result<()> {
        let (roles, reason) =
            (people::known_roles(&self.moves.roles)?, people::stated_reason(&self.moves.reason)?);
        let name = self.who.parts().1.to_owned();
        let row = at.late_noun::<Person>(&name)?;
        let mut row = row.ok_or_else(|| Error::not_found(format!("no person `{name}`")))?;
        check((at.rights()?, at.by()), &self.who, &row, &roles)?;
        let outside = outside(at.rights()?, &self.who, &roles, at.now());
        if outside.len() > MOST {
            return Err(too_many());
        }
        at.tell("was", row.roles.join(","));
        row.moved(&roles, at.by().as_str(), &reason, outside.len(), at.now());
        at.tell("roles", row.roles.join(","));
        at.save_noun(&name, &row)?;
        for id in outside {
            let grant = at.late_noun::<Grant>(&id)?;
            let mut grant = grant.ok_or_else(|| Error::internal("a grant is in no row"))?;
            grant.ended.get_or_insert(at.now().0);
            at.save_noun(&id, &grant)?;
        }
        at.later(at.now(), people::LEFT, name);
        Ok(())
    }
}

fn too_many() -> Error {
    Error::limit(format!("more than {MOST} grants would end with it: end some of them first"))
}

/// Gives somebody these roles, and ends the grants that are outside them. Whether the caller may,
/// and the job that follows, are the operation's.
///
/// # Errors
/// `Limit` if more than 500 grants would end.
pub(crate) fn move_to<A: Act>(
    work: &mut Work<'_>,
    kernel: &Kernel,
    allowed: Allowed<A>,
    mut row: Person,
    (roles, reason): (&[String], &str),
) -> Result<Person> {
    let now = work.now();
    let who = PrincipalId::person(&Name::parse(&row.name)?);
    let outside = outside(work.rights()?, &who, roles, now);
    if outside.len() > MOST {
        return Err(too_many());
    }
    let was = row.roles.join(",");
    row.moved(roles, work.caller().principal.as_str(), reason, outside.len(), now);
    let fields =
        vec![("was", was), ("roles", row.roles.join(",")), ("ended", outside.len().to_string())];
    work.save(allowed, register::body(&row)?, fields)?;
    for id in outside {
        let allowed = work.load_late::<A>(&register::key::<Grant>(kernel, &id)?)?;
        let pointer = allowed.present().filter(|pointer| !pointer.deleted);
        let pointer = pointer.ok_or_else(|| Error::internal("a grant in force is in no row"))?;
        let mut grant: Grant = register::parse(&work.body(&pointer)?)?;
        grant.ended.get_or_insert(now.0);
        work.save(allowed, register::body(&grant)?, vec![("to", grant.to.clone())])?;
    }
    Ok(row)
}

/// The grants of a person that count now or later, and that these roles are not eligible for.
pub(super) fn outside(
    rights: &Authority,
    who: &PrincipalId,
    roles: &[String],
    now: Moment,
) -> Vec<String> {
    let counts = |grant: &authority::Grant| !grant.ended && now < grant.not_after;
    let beyond = |grant: &authority::Grant| grant.verbs.iter().any(|verb| !eligible(roles, *verb));
    let held = rights.grants_of(who);
    let outside = held.iter().filter(|grant| counts(grant) && beyond(grant));
    outside.map(|grant| grant.id.clone()).collect()
}
