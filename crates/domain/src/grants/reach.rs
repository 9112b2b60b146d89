//! Reach: everything that somebody can reach now, and when they used each of it last.

use super::Grant;
use super::uses::{self, AccessUse};
use crate::register::{self, Day, Kept, Noun, parse};
use kernel::authority::{self, Authority, Credential, CredentialKind, Principal};
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use std::sync::Arc;

/// Holders that one answer shows.
const HOLDERS: usize = 100;

/// Grants that one answer shows.
const GRANTS: usize = 400;

/// What somebody can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Who.
    pub holder: PrincipalId,
    /// Whether they may act at all.
    pub active: bool,
    /// Their roles, which make eligible and give nothing.
    pub roles: Vec<String>,
    /// The last day they did anything, as far as that is kept.
    pub last: Option<Day>,
    /// Tokens, sessions and bound programs that count now.
    pub tokens: usize,
    /// Passkeys that count now.
    pub passkeys: usize,
    /// Grants that count now or later.
    pub grants: Vec<Reached>,
}

/// A grant, as far as reach goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The grant.
    pub grant: Grant,
    /// The last day something rested on it, as far as that is kept.
    pub last: Option<Day>,
}

/// Whose reach is asked for.
pub enum Of {
    /// A person or service, and the services that the person owns.
    Holder(PrincipalId),
    /// A vendor: its people and services.
    Vendor(String),
}

/// Looks at what somebody can reach.
pub struct ReadReach {
    kernel: Kernel,
    of: Of,
    key: RecordKey,
}

impl ReadReach {
    /// Of these.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, of: Of) -> Result<Self> {
        let id = match &of {
            Of::Holder(holder) => uses::id(holder.as_str()),
            Of::Vendor(vendor) => format!("vendor.{vendor}"),
        };
        let key = register::key::<Kept<AccessUse>>(kernel, &id)?;
        Ok(Self { kernel: kernel.clone(), of, key })
    }

    fn holders(&self, rights: &Authority) -> Vec<Arc<Principal>> {
        let within = |one: &Arc<Principal>| match &self.of {
            Of::Holder(holder) => one.id == *holder || one.owner.as_ref() == Some(holder),
            Of::Vendor(vendor) => one.active && one.vendor.as_ref() == Some(vendor),
        };
        let mut found: Vec<_> = rights.principals().into_iter().filter(within).collect();
        found.sort_unstable_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        found
    }

    fn reach(&self, one: &Principal, work: &Work<'_>) -> Result<Reach> {
        let (rights, now) = (work.rights()?, work.now());
        let key = register::key::<Kept<AccessUse>>(&self.kernel, &uses::id(one.id.as_str()))?;
        let used = work.look_late(&key)?.map(|body| parse::<Kept<AccessUse>>(&body)).transpose()?;
        let used = used.map(|kept| kept.row);
        let mut held = rights.grants_of(&one.id);
        held.retain(|grant: &Arc<authority::Grant>| !grant.ended && now < grant.not_after);
        held.sort_unstable_by_key(|grant| (grant.not_after, grant.given));
        let mut grants = Vec::with_capacity(held.len());
        for grant in &held {
            let key = register::key::<Grant>(&self.kernel, &grant.id)?;
            let Some(body) = work.look_late(&key)? else { continue };
            let last = used.as_ref().and_then(|used| used.of(&grant.id));
            grants.push(Reached { grant: parse(&body)?, last });
        }
        let live = |kinds: &[CredentialKind]| {
            let counts = |one: &&Credential| kinds.contains(&one.kind) && one.live(now);
            one.credentials.iter().filter(counts).count()
        };
        Ok(Reach {
            holder: one.id.clone(),
            active: one.active,
            roles: one.roles.clone(),
            last: used.map(|used| used.last),
            tokens: live(&[CredentialKind::Token, CredentialKind::Keyed, CredentialKind::Workload]),
            passkeys: live(&[CredentialKind::Passkey]),
            grants,
        })
    }
}

impl Operation for ReadReach {
    type Output = Vec<Reach>;

    fn target(&self) -> Target {
        on_house(<Kept<AccessUse> as Noun>::Read::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<Reach>>> {
        let seen = work.load::<<Kept<AccessUse> as Noun>::Read>(&self.key)?;
        let holders = self.holders(work.rights()?);
        if holders.len() > HOLDERS {
            let why = format!("more than {HOLDERS} people and services: look at them one by one");
            return Err(Error::limit(why));
        }
        let rights = work.rights()?;
        let grants: usize = holders.iter().map(|one| rights.grants_of(&one.id).len()).sum();
        if grants > GRANTS {
            let why = format!("more than {GRANTS} grants: look at people and services one by one");
            return Err(Error::limit(why));
        }
        let found = holders.iter().map(|one| self.reach(one, work)).collect::<Result<Vec<_>>>()?;
        work.disclose(&seen, vec![("shown", found.len().to_string())]);
        Ok(After::now(found))
    }
}

impl Reached {
    /// First moment at which it counts no more.
    pub fn until(&self) -> Moment {
        Moment(self.grant.not_after)
    }
}
