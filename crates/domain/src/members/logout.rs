//! Signing out at the provider ends what was begun by it (OpenID Connect Back-Channel Logout 1.0).
//!
//! What a logout token says is done within the commit in which it is remembered, so that it counts
//! once, also after a restart. Sessions begun with a passkey or a link are none of the provider's.

use super::own::{Deed, Done, Own, Owned};
use super::sessions::{SessionEnds, User};
use crate::people::{Happened, Identity, StoredCredential, Use, end_provider_session, hex};
use jose::LogoutToken;
use kernel::authority::Caller;
use kernel::{Error, Kernel, Kind, Result, Work};

/// Ends the sessions that a logout token names.
pub type Logout = Owned<LoggedOut>;

/// That somebody signed out at their provider.
pub struct LoggedOut(LogoutToken);

impl Logout {
    /// For whoever the token names, and as whom it is done; `None` if it names nobody here.
    ///
    /// # Errors
    /// What an answer refuses to them.
    pub fn new(kernel: &Kernel, token: LogoutToken) -> Result<Option<(Caller, Self)>> {
        let hash = match (token.subject(), token.session()) {
            (Some(subject), _) => Identity::hash(token.issuer(), subject),
            (None, Some(session)) => Identity::session(token.issuer(), session),
            (None, None) => return Ok(None),
        };
        let caller = match kernel.bound_to_end(&hash) {
            Err(error) if error.kind() == Kind::Unauthenticated => return Ok(None),
            found => found?,
        };
        let logout = Self::of(kernel, &caller, LoggedOut(token))?;
        Ok(Some((caller, logout)))
    }
}

impl Deed for LoggedOut {
    type Act = SessionEnds;
    type Output = usize;

    fn apply<N: User>(&self, own: &Own, row: &mut N, work: &mut Work<'_>) -> Result<Done<usize>> {
        let (now, token) = (work.now(), &self.0);
        let found = own.credential(row, work)?;
        let by = match (found.used_for, &found.provider) {
            (Use::Identity, _) => found.id.clone(),
            (Use::ProviderSession, Some(signed)) => signed.by.clone(),
            _ => return Err(Error::forbidden("no provider signs this out: end the session")),
        };
        let of = |one: &&mut StoredCredential| one.id == by;
        let identity = row.credentials().iter_mut().find(of);
        let identity = identity.and_then(|one| one.identity.as_mut());
        let identity = identity.filter(|one| one.issuer == token.issuer());
        identity.ok_or_else(Error::unauthenticated)?.hear(token, now)?;
        let session = token.session().map(|one| hex(&Identity::session(token.issuer(), one)));
        let mut ended = Vec::new();
        for one in row.credentials().iter_mut() {
            let Some(signed) = &one.provider else { continue };
            let named = session.is_none() || signed.session == session;
            if signed.by == by && named && one.live(now) {
                one.ended = Some(now.0);
                if one.used_for == Use::Session {
                    ended.push(one.id.clone());
                }
            }
        }
        if let Some(session) = &session {
            let id = hex(&work.random::<8>()?);
            end_provider_session(row.credentials(), session, (&by, id), now);
        }
        let count = ended.len();
        // One session of several that ended there leaves the others be.
        if session.is_none() && count > 0 {
            own.tell(work, Happened::SessionsEnded)?;
        }
        let fields = vec![("provider", token.issuer().to_owned()), ("ended", ended.join(","))];
        Ok(Done::Changed(count, fields))
    }
}
