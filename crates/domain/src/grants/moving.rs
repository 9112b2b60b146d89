//! Movers: somebody's job changes, and with it their roles; grants that the new roles are not
//! eligible for end at once, for good.
//!
//! A grant that ended does not come back with the role: it has to be approved anew. What was
//! before stays in the registers. A grant that allows several things ends as a whole if one of them
//! is outside the new roles. It does not touch the services that the person owns.

use super::Grant;
use crate::people::{self, Moving, Person, administrators, eligible};
use crate::register;
use kernel::authority;
use kernel::engine::Wants;
use kernel::id::{Name, PrincipalId};
use kernel::{
    Act, After, Allowed, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work,
    on_house,
};

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

    /// Whether the caller may make this change of this person.
    fn check(&self, work: &Work<'_>, row: &Person) -> Result<()> {
        if row.left.is_some() {
            return Err(Error::conflict(format!("person `{}` left already", row.name)));
        }
        let administers = |roles: &[String]| roles.iter().any(|role| role == ADMINISTRATOR);
        let (was, will) = (administers(&row.roles), administers(&self.roles));
        let own = row.vendor.is_none();
        if own && was && !will && administrators(work)? <= 1 {
            return Err(Error::conflict(
                "the last administrator cannot give the role up: take in another one first",
            ));
        }
        let caller = &work.caller().principal;
        if *caller == self.who {
            return Err(Error::forbidden(
                "nobody changes their own roles: let another person do it",
            ));
        }
        let by = work.rights()?.principal(caller);
        if was != will && !by.is_some_and(|by| administers(&by.roles)) {
            return Err(Error::forbidden(format!(
                "only an administrator gives or takes the role `{ADMINISTRATOR}`: ask one"
            )));
        }
        let mut before = row.roles.clone();
        before.sort_unstable();
        let mut after = self.roles.clone();
        after.sort_unstable();
        if before == after {
            return Err(Error::conflict(format!("person `{}` has these roles already", row.name)));
        }
        Ok(())
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
        self.check(work, &row)?;
        let row = move_to(work, &self.kernel, allowed, row, (&self.roles, &self.reason))?;
        work.later(work.now(), HOUSE, people::LEFT, &row.name);
        Ok(After::now(row))
    }
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
        let why = format!("more than {MOST} grants would end with it: end some of them first");
        return Err(Error::limit(why));
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
    rights: &authority::Authority,
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
