//! Who somebody is, and whether this kernel may answer at all.

use super::Kernel;
use crate::authority::{Authority, Caller, Denied};
use crate::error::{Error, Result};
use crate::limits::CLOCK_APART;
use crate::time::Moment;

impl Kernel {
    /// Whether the store answers at this time, and this kernel may sign what is in it.
    ///
    /// # Errors
    /// `Unavailable` with the reason.
    pub fn in_touch(&self) -> Result<()> {
        self.shared.may_sign()?;
        self.shared.be_current(&*self.reader)
    }

    /// Whether requests should come here: as [`Kernel::in_touch`], and with a clock that the other
    /// nodes can live with.
    ///
    /// # Errors
    /// `Unavailable` with the reason.
    pub fn ready(&self) -> Result<()> {
        self.in_touch()?;
        let before = self.shared.clock.now();
        let Some(there) = self.reader.clock()?.map(Moment) else { return Ok(()) };
        let after = self.shared.clock.now();
        // The database looked at its clock at some moment in between.
        let off = before.since(there).max(there.since(after));
        if off > CLOCK_APART {
            return Err(Error::unavailable(format!(
                "this machine's clock is {} ms off the database's: set both right",
                off.as_millis()
            )));
        }
        Ok(())
    }

    /// Who holds this bearer token.
    ///
    /// # Errors
    /// `Unauthenticated`; `Forbidden` or `Limit` if a restraint refuses its holder, which is
    /// counted and recorded by the tick.
    pub fn identify(&self, token: &str) -> Result<Caller> {
        let hash = token_hash(token);
        self.known(|authority, now| authority.identify(&hash, now))
    }

    /// Who presents a token that is bound to a key; `thumbprint` is of the key that the request
    /// proved to hold.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn identify_keyed(&self, token: &str, thumbprint: &[u8; 32]) -> Result<Caller> {
        let hash = keyed_hash(token, thumbprint);
        self.known(|authority, now| authority.keyed(&hash, now))
    }

    /// Whose passkey has the name with this hash, which proves nothing yet: the operation asked for
    /// with it checks what the passkey signed.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn passkey(&self, hash: &[u8; 32]) -> Result<Caller> {
        self.known(|authority, now| authority.passkey(hash, now))
    }

    /// Who has the password with this hash. Alone it proves too little: the operation that is asked
    /// for with it checks the code of the moment.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn password(&self, hash: &[u8; 32]) -> Result<Caller> {
        self.known(|authority, now| authority.password(hash, now))
    }

    /// Whose identity at a provider, or session there, has the names with this hash, which proves
    /// nothing yet: the operation asked for with it carries what the provider signed.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn bound(&self, hash: &[u8; 32]) -> Result<Caller> {
        self.known(|authority, now| authority.identity(hash, now))
    }

    /// Which service is bound to what a verified token of a platform says, by the hash of that.
    ///
    /// # Errors
    /// As [`Kernel::identify`].
    pub fn workload(&self, hash: &[u8; 32]) -> Result<Caller> {
        self.known(|authority, now| authority.workload(hash, now))
    }

    /// As [`Kernel::bound`], for whoever ends what was begun so: an answer that refuses everything
    /// of somebody does not keep their sessions open.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub fn bound_to_end(&self, hash: &[u8; 32]) -> Result<Caller> {
        match self.found(|authority, now| authority.identity(hash, now))? {
            Ok(caller) | Err(Denied::Restrained(caller, _)) => Ok(caller),
            Err(Denied::Unknown) => Err(Error::unauthenticated()),
        }
    }

    /// Who it is. Where other nodes change rights too, whoever is not known or is refused here is
    /// looked for once more in the rights as they stand; what is known here and ended elsewhere is
    /// found out by the operation itself, or by [`Kernel::allow`].
    fn found(
        &self,
        look: impl Fn(&Authority, Moment) -> std::result::Result<Caller, Denied>,
    ) -> Result<std::result::Result<Caller, Denied>> {
        let found = look(&self.shared.authority, self.now());
        if found.is_ok() || !self.shared.rights.shared {
            return Ok(found);
        }
        self.shared.be_current(&*self.reader)?;
        Ok(look(&self.shared.authority, self.now()))
    }

    fn known(
        &self,
        look: impl Fn(&Authority, Moment) -> std::result::Result<Caller, Denied>,
    ) -> Result<Caller> {
        let found = self.found(look)?;
        let now = self.now();
        let caller = found.map_err(|denied| match denied {
            Denied::Unknown => Error::unauthenticated(),
            Denied::Restrained(caller, refusal) => {
                self.shared.refusals.restrained(&refusal, Some(caller), None, now);
                refusal.error(now)
            }
        })?;
        self.shared.authority.pace(&caller.principal, now).map_err(|refusal| {
            self.shared.refusals.restrained(&refusal, Some(caller.clone()), None, now);
            refusal.error(now)
        })?;
        Ok(caller)
    }
}

/// SHA-256 of a bearer token: 256 random bits need no slow hash.
pub fn token_hash(token: &str) -> [u8; 32] {
    sealing::sha256(&[b"bailee-token/v1", token.as_bytes()])
}

/// SHA-256 of a token that is bound to a key, and of that key's thumbprint.
pub fn keyed_hash(token: &str, thumbprint: &[u8; 32]) -> [u8; 32] {
    sealing::sha256(&[b"bailee-keyed-token/v1", token.as_bytes(), thumbprint])
}
