//! Passkeys of people and members: making one, and ending one's own.
//!
//! A passkey is made within a session that was begun just now; whoever has one already begins that
//! session with it, or with a recovery code. So neither a link that was read by others nor a
//! browser that was left open leads to another key. With the first one come recovery codes, shown
//! once.
//!
//! An administrator's passkey stays on the device it was made on: a copy in somebody's cloud would
//! be a way in that nobody here can see. Where makers are named, it is of one of them, by what that
//! maker signed.

use super::own::{Deed, Done, Own, Owned};
use super::sessions::User;
use crate::people::{self, Happened, Passkey, StoredCredential, Use, hex, issue};
use crate::register::{act, line};
use ::passkeys::{Makers, Registered, Registration, Site};
use kernel::authority::Caller;
use kernel::{Error, Kernel, Moment, Result, Work};
use std::sync::Arc;
use std::time::Duration;

act!(
    /// Making a passkey.
    Making, "passkey.add", None, true
);
act!(
    /// Ending one's own passkey.
    Ending, "passkey.end", None, true
);

act!(
    /// Looking at one's own passkeys.
    Looking, "passkey.read", None, false
);

/// How old a session may be in which a passkey is made or ended.
pub const FRESH: Duration = Duration::from_secs(15 * 60);

/// How long a passkey counts; then it is made anew.
const LIFE: Duration = Duration::from_secs(5 * 366 * 86_400);

/// Recovery codes that come with the first passkey.
const CODES: usize = 8;

/// How long a recovery code counts.
const CODE_LIFE: Duration = Duration::from_secs(366 * 86_400);

/// Passkeys of one holder.
const MOST: usize = 10;

/// A passkey that was just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The id of the credential.
    pub id: String,
    /// Recovery codes, if it is the first; they are shown once.
    pub codes: Vec<String>,
}

/// Makes a passkey for whoever asks.
pub type AddPasskey = Owned<NewPasskey>;

/// A passkey as the browser handed it over.
pub struct NewPasskey {
    name: String,
    made: Registration,
    asked: Asked,
}

/// What a passkey was asked to be made for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The challenge, at least 16 bytes that nobody could foresee.
    pub challenge: Vec<u8>,
    /// The site that it shall belong to.
    pub site: Site,
    /// Whose devices administrators have to use; anybody's if that is open.
    pub makers: Option<Arc<Makers>>,
}

impl AddPasskey {
    /// What the browser handed over for what it was asked.
    ///
    /// # Errors
    /// `Forbidden` for a service, `Invalid` for a name that is none.
    pub fn new(
        kernel: &Kernel,
        caller: &Caller,
        name: &str,
        made: Registration,
        asked: Asked,
    ) -> Result<Self> {
        let name = line("name", name, 60)?;
        Self::of(kernel, caller, NewPasskey { name, made, asked })
    }
}

impl Deed for NewPasskey {
    type Act = Making;
    type Output = Made;

    fn apply<N: User>(&self, own: &Own, row: &mut N, work: &mut Work<'_>) -> Result<Done<Made>> {
        let now = work.now();
        fresh(own, row, work)?;
        let first = people::live_passkeys(row.credentials(), now).next().is_none();
        if people::live_passkeys(row.credentials(), now).count() >= MOST {
            return Err(Error::limit(format!("{MOST} passkeys are there already: end one first")));
        }
        let made = self.made.check(&self.asked.challenge, &self.asked.site);
        let made = made.map_err(|error| Error::invalid("passkey", error.to_string()))?;
        let attested = match own.administers(work)? {
            true => self.of_an_administrator(&made, now)?,
            false => false,
        };
        let hash = Passkey::hash(&made.id);
        if work.rights()?.passkey(&hash, now).is_ok() {
            return Err(Error::conflict("this passkey is known already"));
        }
        let id = hex(&work.random::<8>()?);
        let passkey = Passkey::made(self.name.clone(), &self.asked.site, &made);
        let passkey = Passkey { attested, ..passkey };
        let span = (now, now.after(LIFE));
        let credential = StoredCredential::new(id.clone(), hex(&hash), Use::Passkey, span);
        let credential = StoredCredential { passkey: Some(passkey), ..credential };
        people::add(row.credentials(), credential, now)?;
        let codes = if first { codes(row, work)? } else { vec![] };
        let bound = !made.did.backup_eligible;
        own.tell(work, Happened::PasskeyMade { bound })?;
        let fields = vec![("issued", id.clone()), ("codes", codes.len().to_string())];
        Ok(Done::Changed(Made { id, codes }, fields))
    }
}

impl NewPasskey {
    /// Refuses what is not good enough for an administrator; whether its maker vouches for it.
    fn of_an_administrator(&self, made: &Registered, now: Moment) -> Result<bool> {
        stays(made.did.backup_eligible)?;
        let Some(makers) = &self.asked.makers else { return Ok(false) };
        let seconds = now.0 / 1_000_000;
        self.made.attested(made, makers, seconds).map(|()| true).map_err(|error| {
            let why =
                format!("an administrator's passkey is of a maker that is named here: {error}");
            Error::forbidden(why)
        })
    }
}

/// Refuses an administrator's passkey that may be copied.
pub(super) fn stays(backup_eligible: bool) -> Result<()> {
    if !backup_eligible {
        return Ok(());
    }
    Err(Error::forbidden(
        "an administrator's passkey stays on its device, and this one may be copied: use a \
         security key, or the device's own",
    ))
}

/// New recovery codes; those before do not count any more.
fn codes<N: User>(row: &mut N, work: &mut Work<'_>) -> Result<Vec<String>> {
    let now = work.now();
    for old in row.credentials().iter_mut().filter(|one| one.used_for == Use::Recovery) {
        old.ended.get_or_insert(now.0);
    }
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let (token, credential) = issue(work.random()?, now, CODE_LIFE);
        let credential = StoredCredential { used_for: Use::Recovery, ..credential };
        people::add(row.credentials(), credential, now)?;
        codes.push(token);
    }
    Ok(codes)
}

/// Refuses whoever does not ask within a session that was begun just now, with a passkey or a
/// recovery code if there is a passkey.
pub(super) fn fresh<N: User>(own: &Own, row: &mut N, work: &Work<'_>) -> Result<()> {
    let now = work.now();
    let has = people::live_passkeys(row.credentials(), now).next().is_some();
    let by = own.credential(row, work)?;
    let strong = matches!(by.begun_with, Some(Use::Passkey | Use::Recovery));
    // What counts is when they proved who they are, also where that was elsewhere.
    let proved = by.provider.as_ref().map_or(by.issued, |at| at.authenticated.min(by.issued));
    let young = now < Moment(proved).after(FRESH);
    match () {
        () if by.used_for != Use::Session => {
            Err(Error::forbidden("this is done within a session: sign in"))
        }
        () if !young => {
            let minutes = FRESH.as_secs() / 60;
            let why = format!("you signed in more than {minutes} minutes ago: sign in again");
            Err(Error::forbidden(why))
        }
        () if has && !strong => {
            Err(Error::forbidden("sign in with your passkey or a recovery code, and repeat it"))
        }
        () => Ok(()),
    }
}

/// Ends one's own passkey.
pub type EndPasskey = Owned<PasskeyEnds>;

/// That a passkey ends, by the id of its credential.
pub struct PasskeyEnds(String);

impl EndPasskey {
    /// The passkey of this credential's id.
    ///
    /// # Errors
    /// `Forbidden` for a service.
    pub fn new(kernel: &Kernel, caller: &Caller, id: &str) -> Result<Self> {
        Self::of(kernel, caller, PasskeyEnds(id.to_owned()))
    }
}

impl Deed for PasskeyEnds {
    type Act = Ending;
    type Output = ();

    fn apply<N: User>(&self, own: &Own, row: &mut N, work: &mut Work<'_>) -> Result<Done<()>> {
        let now = work.now();
        fresh(own, row, work)?;
        let of = |one: &&mut StoredCredential| one.used_for == Use::Passkey && one.id == self.0;
        let Some(passkey) = row.credentials().iter_mut().find(of) else {
            let id = kernel::id::shown(&self.0);
            return Err(Error::not_found(format!("you have no passkey `{id}`")));
        };
        if passkey.live(now) {
            let bound = passkey.passkey.as_ref().is_some_and(|one| !one.backup_eligible);
            own.tell(work, Happened::PasskeyEnded { bound })?;
        }
        passkey.ended.get_or_insert(now.0);
        Ok(Done::Changed((), vec![("ended", self.0.clone())]))
    }
}

/// One's own passkey, as one sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPasskey {
    /// The id of the credential.
    pub id: String,
    /// What one calls it.
    pub name: String,
    /// When it was made, µs since 1970.
    pub made: u64,
    /// When it was used last, µs since 1970.
    pub used: Option<u64>,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether its maker vouched for it when it was made.
    pub attested: bool,
}

/// One's own passkeys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPasskeys {
    /// Those that count.
    pub passkeys: Vec<OwnPasskey>,
    /// Recovery codes that are left.
    pub codes: usize,
}

/// Looks at one's own passkeys.
pub type LookPasskeys = Owned<Look>;

/// That one's own passkeys are looked at.
pub struct Look;

impl LookPasskeys {
    /// Those of whoever asks.
    ///
    /// # Errors
    /// `Forbidden` for a service.
    pub fn new(kernel: &Kernel, caller: &Caller) -> Result<Self> {
        Self::of(kernel, caller, Look)
    }
}

impl Deed for Look {
    type Act = Looking;
    type Output = OwnPasskeys;

    fn apply<N: User>(
        &self,
        own: &Own,
        row: &mut N,
        work: &mut Work<'_>,
    ) -> Result<Done<OwnPasskeys>> {
        own.credential(row, work)?;
        let now = work.now();
        let seen = |one: &StoredCredential| {
            let passkey = one.passkey.as_ref()?;
            Some(OwnPasskey {
                id: one.id.clone(),
                name: passkey.name.clone(),
                made: one.issued,
                used: passkey.used,
                backup_eligible: passkey.backup_eligible,
                attested: passkey.attested,
            })
        };
        let passkeys = people::live_passkeys(row.credentials(), now).filter_map(seen).collect();
        let code = |one: &&StoredCredential| one.used_for == Use::Recovery && one.live(now);
        let codes = row.credentials().iter().filter(code).count();
        Ok(Done::Seen(OwnPasskeys { passkeys, codes }))
    }
}
