//! What others tell of somebody ends their sessions here (CAEP 1.0, RISC 1.0; decision 0036).
//!
//! Every session that began up to the moment of the event ends, however it was begun, and so do
//! codes of programs and sessions at the provider that others could be begun by. What began later
//! stays, so that an event that is late or repeated puts nobody out twice.

use super::own::{Deed, Done, Own, Owned};
use super::sessions::{SessionEnds, User};
use crate::people::{By, Happened, Identity, StoredCredential, Use, hex};
use jose::{SKEW, SecurityEvent, Subject};
use kernel::authority::Caller;
use kernel::{Error, Kernel, Kind, Moment, Result, Work};

/// Ends the sessions that a security event is about.
pub type Hear = Owned<Heard>;

/// That something happened to somebody elsewhere.
pub struct Heard(SecurityEvent);

impl Hear {
    /// For whoever the event names, and as whom it is done; `None` if it names nobody here, or
    /// changes nothing.
    ///
    /// # Errors
    /// What an answer refuses to them.
    pub fn new(kernel: &Kernel, event: SecurityEvent) -> Result<Option<(Caller, Self)>> {
        let Subject::Person(issuer, subject, _) = event.subject() else { return Ok(None) };
        if event.event() == jose::Event::Other {
            return Ok(None);
        }
        let caller = match kernel.bound_to_end(&Identity::hash(issuer, subject)) {
            Err(error) if error.kind() == Kind::Unauthenticated => return Ok(None),
            found => found?,
        };
        let hear = Self::of(kernel, &caller, Heard(event))?;
        Ok(Some((caller, hear)))
    }
}

impl Deed for Heard {
    type Act = SessionEnds;
    type Output = usize;

    fn apply<N: User>(&self, own: &Own, row: &mut N, work: &mut Work<'_>) -> Result<Done<usize>> {
        let (now, event) = (work.now(), &self.0);
        let Subject::Person(issuer, _, session) = event.subject() else {
            return Err(Error::internal("an event about nobody"));
        };
        let found = own.credential(row, work)?.identity.as_mut();
        let identity = found.ok_or_else(Error::unauthenticated)?;
        let mut ended = Vec::new();
        if identity.hear_event(event, now)? {
            let until = Moment(event.at().saturating_add(SKEW).saturating_mul(1_000_000));
            let session = session.as_ref().map(|one| hex(&Identity::session(issuer, one)));
            let began = |one: &&mut StoredCredential| {
                let kind =
                    matches!(one.used_for, Use::Session | Use::ProviderSession | Use::Device);
                let signed = one.provider.as_ref().and_then(|by| by.session.as_ref());
                let named = session.is_none() || signed == session.as_ref();
                kind && named && one.live(now) && one.issued <= until.0
            };
            for one in row.credentials().iter_mut().filter(began) {
                one.ended = Some(now.0);
                if one.used_for == Use::Session {
                    ended.push(one.id.clone());
                }
            }
        }
        let count = ended.len();
        // Whoever told it knows; others that hear us do not.
        if session.is_none() && count > 0 {
            own.tell_by(work, Happened::SessionsEnded, By::System)?;
        }
        let fields = vec![
            ("transmitter", event.issuer().to_owned()),
            ("event", event.id().to_owned()),
            ("ended", ended.join(",")),
        ];
        Ok(Done::Changed(count, fields))
    }
}
