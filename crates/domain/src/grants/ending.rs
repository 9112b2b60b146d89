//! Ending a grant before its time: by an administrator, or by whoever holds it.

use super::{End, Grant, Release};
use crate::register::{self, Noun as _};
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{Act, After, Error, Kernel, Operation, RecordKey, Result, Target, Work, on_house};

/// Ends a grant at once.
pub struct EndGrant {
    key: RecordKey,
}

impl EndGrant {
    /// The grant of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        Ok(Self { key: register::key::<Grant>(kernel, id)? })
    }
}

impl Operation for EndGrant {
    type Output = Grant;

    fn target(&self) -> Target {
        on_house(End::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Grant>> {
        let (allowed, row) = register::load::<Grant, End>(work, &self.key)?;
        ended(work, allowed, row)
    }
}

/// Gives a grant back at once. Whoever holds it needs nobody's leave for that, and neither does
/// the owner of the service that holds it.
pub struct ReleaseGrant {
    key: RecordKey,
}

impl ReleaseGrant {
    /// The grant of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        Ok(Self { key: register::key::<Grant>(kernel, id)? })
    }
}

impl Operation for ReleaseGrant {
    type Output = Grant;

    fn target(&self) -> Target {
        on_house(Release::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Grant>> {
        let missing = || Error::not_found(format!("no {} `{}` of yours", Grant::NOUN, self.key.id));
        let loaded = register::load::<Grant, Release>(work, &self.key);
        let (allowed, row) = loaded.map_err(|_| missing())?;
        let caller = &work.caller().principal;
        let holder = work.rights()?.principal(&PrincipalId::parse(&row.to)?);
        let own = row.to == caller.as_str()
            || holder.is_some_and(|holder| holder.owner.as_ref() == Some(caller));
        // Somebody else's grant is answered as one that is not there.
        if !own {
            return Err(missing());
        }
        ended(work, allowed, row)
    }
}

fn ended<A: Act>(
    work: &mut Work<'_>,
    allowed: kernel::Allowed<A>,
    mut row: Grant,
) -> Result<After<Grant>> {
    if row.ended.is_none() {
        row.ended = Some(work.now().0);
        row.ended_by = Some(work.caller().principal.to_string());
    }
    work.save(allowed, register::body(&row)?, vec![("to", row.to.clone())])?;
    Ok(After::now(row))
}
