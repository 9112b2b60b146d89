//! A grant of a person as if it had been asked for and approved, for tests of what rests on it.
//!
//! People are given no grants directly; how they get one is tested where requests are.

use domain::grants::{Create, Grant, Wish};
use domain::register;
use kernel::authority::Principal;
use kernel::engine::Wants;
use kernel::id::{AccountId, PrincipalId};
use kernel::{
    Act as _, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Replay, Result, Target,
    Work, on_house,
};

/// Saves the grant; by the only administrator also for themselves, marked as such.
pub struct Planted {
    row: Grant,
    window: std::time::Duration,
    key: RecordKey,
}

impl Planted {
    /// As wished.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, wish: &Wish, id: [u8; 16]) -> Result<Self> {
        // What is wrong with a wish is told as it is of one for a service.
        domain::grants::CreateGrant::new(kernel, wish.clone(), id)?;
        let slot = match wish.account.as_str() {
            "*" => None,
            id => Some(kernel.slot(&AccountId::parse(id)?)?),
        };
        let id = format!("grant_{:032x}", u128::from_be_bytes(id));
        let row = Grant {
            format: "grant/v1".to_owned(),
            id: id.clone(),
            to: wish.to.clone(),
            account: wish.account.clone(),
            slot,
            collections: wish.collections.clone(),
            verbs: wish.verbs.clone(),
            purpose: wish.purpose.clone(),
            not_before: 0,
            not_after: 0,
            approver: String::new(),
            bootstrap: false,
            ended: None,
            given: 0,
            engagement: None,
            request: Some("access-request-planted".to_owned()),
            ended_by: None,
            emergency: None,
            logins: vec![],
            command: None,
        };
        Ok(Self { row, window: wish.window, key: register::key::<Grant>(kernel, &id)? })
    }
}

impl Planted {
    fn given(&self, approver: &str, bootstrap: bool, now: Moment, given: u64) -> Grant {
        Grant {
            not_before: now.0,
            not_after: now.after(self.window).0,
            approver: approver.to_owned(),
            bootstrap,
            given,
            ..self.row.clone()
        }
    }
}

impl Operation for Planted {
    type Output = Grant;

    fn target(&self) -> Target {
        on_house(Create::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Grant>> {
        let allowed = work.load::<Create>(&self.key)?;
        let approver = work.caller().principal.clone();
        let rights = work.rights()?;
        let holder = rights.principal(&PrincipalId::parse(&self.row.to)?);
        if !holder.is_some_and(|holder| holder.active) {
            return Err(Error::invalid("to", "nobody of that name is there"));
        }
        let all = rights.principals();
        let administers = |one: &&std::sync::Arc<Principal>| {
            one.active && one.roles.iter().any(|role| role == "administrator")
        };
        let own = approver.as_str() == self.row.to;
        if own && all.iter().filter(administers).count() > 1 {
            return Err(Error::forbidden("nobody could have approved this"));
        }
        let row = self.given(approver.as_str(), own, work.now(), work.next_index(HOUSE)?);
        let mut fields = vec![("to", row.to.clone())];
        if own {
            fields.push(("bootstrap", "true".to_owned()));
        }
        work.save(allowed, register::body(&row)?, fields)?;
        work.later(Moment(row.not_after), HOUSE, domain::grants::EXPIRE, &row.id);
        Ok(After::now(row))
    }

    fn replay(&self, first: &Replay) -> Result<Grant> {
        let lost = || Error::internal("the first answer cannot be rebuilt");
        let object = first.field(0, "object").ok_or_else(lost)?;
        let id = object.strip_prefix("grants/").ok_or_else(lost)?;
        let approver = first.field(0, "actor").ok_or_else(lost)?;
        let bootstrap = first.field(0, "bootstrap").is_some();
        let (given, now) = (first.index().ok_or_else(lost)?, first.at().ok_or_else(lost)?);
        Ok(Grant { id: id.to_owned(), ..self.given(approver, bootstrap, now, given) })
    }
}
