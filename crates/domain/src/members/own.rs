//! What somebody does to the row of their own: one shape, whether it is a person's or a member's.

use super::Member;
use super::sessions::User;
use crate::people::{self, By, Happened, Person, StoredCredential};
use crate::register::{self, Kept};
use kernel::authority::Caller;
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{Act, After, Error, Kernel, Operation, RecordKey, Result, Target, Work, on_house};

/// Fields of an entry.
pub type Fields = Vec<(&'static str, String)>;

/// What became of the row.
pub enum Done<T> {
    /// It changed; the entry says so.
    Changed(T, Fields),
    /// It was only looked at.
    Seen(T),
}

/// Something that is done to the row of whoever asks.
pub trait Deed: Send + 'static {
    /// The action.
    type Act: Act + Send;
    /// What is answered.
    type Output: Send + 'static;

    /// Does it to the row.
    ///
    /// # Errors
    /// Whatever forbids it.
    fn apply<N: User>(
        &self,
        own: &Own,
        row: &mut N,
        work: &mut Work<'_>,
    ) -> Result<Done<Self::Output>>;
}

/// A deed of this caller.
pub struct Owned<D> {
    own: Own,
    deed: D,
}

impl<D> Owned<D> {
    /// Of whoever asks.
    ///
    /// # Errors
    /// `Forbidden` for a service: it has no session.
    pub(super) fn of(kernel: &Kernel, caller: &Caller, deed: D) -> Result<Self> {
        Ok(Self { own: Own::new(kernel, caller)?, deed })
    }
}

impl<D: Deed> Owned<D> {
    fn to<N: User>(&self, work: &mut Work<'_>) -> Result<After<D::Output>> {
        let (allowed, mut row) = register::load::<N, D::Act>(work, &self.own.key)?;
        match self.deed.apply(&self.own, &mut row, work)? {
            Done::Changed(answer, fields) => {
                work.save(allowed, register::body(&row)?, fields)?;
                Ok(After::now(answer))
            }
            Done::Seen(answer) => {
                work.disclose(&allowed, vec![]);
                Ok(After::now(answer))
            }
        }
    }
}

impl<D: Deed> Operation for Owned<D> {
    type Output = D::Output;

    fn target(&self) -> Target {
        on_house(D::Act::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.own.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<D::Output>> {
        match self.own.member {
            true => self.to::<Kept<Member>>(work),
            false => self.to::<Person>(work),
        }
    }
}

/// The row of whoever asks.
pub struct Own {
    key: RecordKey,
    pub(super) holder: PrincipalId,
    member: bool,
}

impl Own {
    fn new(kernel: &Kernel, caller: &Caller) -> Result<Self> {
        let holder = caller.principal.clone();
        let (kind, name) = holder.parts();
        let (member, key) = match kind {
            "person" => (false, register::key::<Person>(kernel, name)?),
            "member" => (true, register::key::<Kept<Member>>(kernel, name)?),
            _ => return Err(Error::forbidden("a service has no session: use its token")),
        };
        Ok(Self { key, holder, member })
    }

    /// The credential by which it is asked.
    pub(super) fn credential<'r, N: User>(
        &self,
        row: &'r mut N,
        work: &Work<'_>,
    ) -> Result<&'r mut StoredCredential> {
        let caller = work.caller();
        if caller.principal != self.holder {
            return Err(Error::internal("a session of somebody else was asked for"));
        }
        let found = row.credentials().iter_mut().find(|one| one.id == caller.credential);
        found.ok_or_else(Error::unauthenticated)
    }

    /// Leaves word of what happened to a person; what happens to members is their account's.
    pub(super) fn tell(&self, work: &mut Work<'_>, what: Happened) -> Result<()> {
        let by = By::of(&work.caller().principal, self.holder.parts().1);
        self.tell_by(work, what, by)
    }

    /// As [`Own::tell`], where others made it happen.
    pub(super) fn tell_by(&self, work: &mut Work<'_>, what: Happened, by: By) -> Result<()> {
        match self.member {
            true => Ok(()),
            false => people::tell_by(work, self.holder.parts().1, what, by),
        }
    }

    /// Whether whoever asks administers the provider.
    pub(super) fn administers(&self, work: &Work<'_>) -> Result<bool> {
        let one = work.rights()?.principal(&self.holder);
        let roles = one.filter(|_| !self.member).map(|one| one.roles.clone()).unwrap_or_default();
        Ok(roles.iter().any(|role| role == "administrator"))
    }
}
