//! What was given out under a right and is looked at by others: a certificate, by hosts. It counts
//! there until its end, so the kernel says at any moment which no longer rest on a right.

use super::{Action, Authority, Caller};
use crate::error::{Kind, Result};
use crate::id::{Collection, PrincipalId};
use crate::time::Moment;
use std::sync::Arc;

/// Something that was given out under a grant.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its id in the register.
    pub id: String,
    /// Who holds it.
    pub holder: PrincipalId,
    /// By which credential they asked for it.
    pub credential: String,
    /// The grant it rests on.
    pub grant: String,
    /// The account it is about, by its slot.
    pub account: u64,
    /// The collection it is about.
    pub collection: Collection,
    /// First moment at which it counts nowhere.
    pub until: Moment,
    /// Whether somebody revoked it.
    pub ended: bool,
}

/// What fell, and for how long that is all.
#[derive(Clone, Debug, Default)]
pub struct Fallen {
    /// The revision of the rights under which it is so.
    pub revision: u64,
    /// What has not expired and rests on no right any more, by id.
    pub ids: Vec<String>,
    /// First moment at which the clock alone may change it.
    pub until: Moment,
}

impl Authority {
    /// What was given out, has not expired, and would not be given to its holder now: it was
    /// revoked, its grant or the credential behind it ended, or the holder may not do `action`
    /// there for any other reason that there is.
    ///
    /// # Errors
    /// `Internal` if a policy cannot be evaluated.
    pub fn fallen(&self, action: &'static Action, now: Moment) -> Result<Fallen> {
        let (revision, all) = self.issued(now);
        let mut fallen = Fallen { revision, ids: vec![], until: Moment(u64::MAX) };
        for one in all {
            fallen.until = fallen.until.min(one.until);
            match self.stands_until(&one, action, now)? {
                Some(until) => fallen.until = fallen.until.min(until),
                None => fallen.ids.push(one.id.clone()),
            }
        }
        fallen.ids.sort_unstable();
        Ok(fallen)
    }

    /// What has not expired.
    fn issued(&self, now: Moment) -> (u64, Vec<Arc<Issued>>) {
        let live = self.read();
        let left = live.issued.values().filter(|one| now < one.until);
        (live.revision, left.cloned().collect())
    }

    /// Lets go of what has expired. For a tick.
    pub(crate) fn forget_issued(&self, now: Moment) {
        self.write().issued.retain(|_, one| now < one.until);
    }

    /// Until when the right behind it counts, if it does now.
    fn stands_until(
        &self,
        one: &Issued,
        action: &'static Action,
        now: Moment,
    ) -> Result<Option<Moment>> {
        let grants = self.grants_of(&one.holder);
        let grant = grants.iter().find(|grant| grant.id == one.grant && !grant.ended);
        let Some(grant) = grant.filter(|grant| now < grant.not_after && !one.ended) else {
            return Ok(None);
        };
        let caller = Caller { principal: one.holder.clone(), credential: one.credential.clone() };
        let decided = self.decide(&caller, action, one.account, Some(&one.collection), None, now);
        match decided {
            Ok(decision) => Ok(Some(decision.until.min(grant.not_after))),
            Err(error) if error.kind() == Kind::Internal => Err(error),
            Err(_) => Ok(None),
        }
    }
}
