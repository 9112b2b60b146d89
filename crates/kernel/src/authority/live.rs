//! The live set of rights, and decisions remembered under its revision.

use super::cedar::Question;
use super::restraining::is_of_addresses;
use super::restraints::Restraints;
use super::{
    Action, Bound, Credential, CredentialKind, Engagement, Grant, Issued, Policies, Principal,
    Refusal, Right, Vendor, Verb,
};
use crate::error::{Error, Kind, Result};
use crate::id::{Collection, PrincipalId};
use crate::limits::CACHED_DECISIONS;
use crate::time::Moment;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

/// Somebody who proved who they are, under a revision of the rights.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Who.
    pub principal: PrincipalId,
    /// By which credential.
    pub credential: String,
}

impl Caller {
    /// Whoever holds a secret that the operation itself carries and checks, such as the link of a
    /// letter, instead of a login.
    ///
    /// The policies name what a bearer may ask for at all (`secrets-by-bearers`); everything else
    /// is refused. Such an operation answers every secret that does not count in the same way, and
    /// its face asks [`crate::Kernel::may_try`] before, and counts each wrong one as a stranger's.
    pub fn bearer() -> Self {
        Self { principal: BEARER.id.clone(), credential: "none".to_owned() }
    }
}

/// Why a token is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It does not count, or not any more.
    Unknown,
    /// Everything of its holder is refused for a while.
    Restrained(Caller, Refusal),
}

/// What the policies know of a bearer: nothing but that there is one.
static BEARER: LazyLock<Principal> = LazyLock::new(|| Principal {
    id: PrincipalId::bearer(),
    active: true,
    roles: vec![],
    owner: None,
    vendor: None,
    account: None,
    credentials: vec![],
});

/// An allowed request and why, as long as the revision stands and the window is open.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The revision it was made under.
    pub revision: u64,
    /// The grant it rests on; `None` if it rests on a role.
    pub grant: Option<Arc<Grant>>,
    /// The policies that allowed it, joined by commas.
    pub policies: Arc<str>,
    /// First moment at which it has to be made again.
    pub until: Moment,
}

/// The live rights and the policies over them.
pub struct Authority {
    policies: Policies,
    live: RwLock<Live>,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
pub(super) struct Live {
    pub(super) revision: u64,
    pub(super) principals: HashMap<PrincipalId, Arc<Principal>>,
    credentials: HashMap<[u8; 32], (PrincipalId, Credential)>,
    pub(super) grants: HashMap<PrincipalId, Vec<Arc<Grant>>>,
    pub(super) vendors: HashMap<String, Vendor>,
    pub(super) engagements: HashMap<String, Arc<Engagement>>,
    /// By holder and id: when each duty that is not met ends eligibility.
    duties: HashMap<PrincipalId, HashMap<String, Moment>>,
    /// By id: what was given out. Those that expired are let go at a tick.
    pub(super) issued: HashMap<String, Arc<Issued>>,
    pub(super) restraints: Restraints,
}

#[derive(Default)]
struct Remembered {
    revision: u64,
    decisions: HashMap<Key, Decision>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    caller: Caller,
    action: &'static str,
    account: u64,
    collection: Option<Collection>,
    purpose: Option<String>,
}

/// What is asked for, apart from who asks.
#[derive(Clone, Copy)]
struct What<'a> {
    action: &'static Action,
    account: u64,
    collection: Option<&'a Collection>,
    purpose: Option<&'a str>,
}

impl Authority {
    /// An authority without any rights yet.
    pub fn new(policies: Policies) -> Self {
        Self { policies, live: RwLock::default(), remembered: Mutex::default() }
    }

    /// The policies.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The present revision. It moves with every change of rights.
    pub fn revision(&self) -> u64 {
        self.read().revision
    }

    /// Takes over rights that are committed, and moves the revision.
    pub fn apply(&self, rights: impl IntoIterator<Item = Right>) {
        let mut live = self.write();
        let mut moved = false;
        for right in rights {
            moved |= !is_of_addresses(&right);
            live.apply(right);
        }
        // No decision looks at the address, so a ban makes none of them stale.
        live.revision += u64::from(moved);
    }

    /// Who holds the bearer token with this SHA-256.
    ///
    /// # Errors
    /// `Unknown` if nobody does, or the credential ended or expired, or its holder is not active
    /// any more; the error does not say which. `Restrained` if everything of its holder is refused.
    pub fn identify(&self, hash: &[u8; 32], now: Moment) -> Result<Caller, Denied> {
        // INVARIANT: a name is no secret, so it is never taken for a token.
        self.holder(hash, now, CredentialKind::is_secret)
    }

    /// Who holds the token that is bound to a key, by the hash over both.
    ///
    /// # Errors
    /// As [`Authority::identify`].
    pub fn keyed(&self, hash: &[u8; 32], now: Moment) -> Result<Caller, Denied> {
        self.holder(hash, now, |kind| kind == CredentialKind::Keyed)
    }

    /// Whose passkey has the name with this hash. It proves nothing yet: the operation that is
    /// asked for with it has to check what the passkey signed.
    ///
    /// # Errors
    /// As [`Authority::identify`].
    pub fn passkey(&self, hash: &[u8; 32], now: Moment) -> Result<Caller, Denied> {
        self.holder(hash, now, |kind| kind == CredentialKind::Passkey)
    }

    /// Who has the password with this hash. Alone it proves too little: the operation that is asked
    /// for with it has to check the code of the moment.
    ///
    /// # Errors
    /// As [`Authority::identify`].
    pub fn password(&self, hash: &[u8; 32], now: Moment) -> Result<Caller, Denied> {
        self.holder(hash, now, |kind| kind == CredentialKind::Password)
    }

    /// Whose identity at a provider, or session there, has the names with this hash. It proves
    /// nothing yet: the operation that is asked for with it has to carry what the provider signed.
    ///
    /// # Errors
    /// As [`Authority::identify`].
    pub fn identity(&self, hash: &[u8; 32], now: Moment) -> Result<Caller, Denied> {
        self.holder(hash, now, |kind| kind == CredentialKind::Identity)
    }

    /// Which service is bound to what a platform says of a program, by the hash of that. The face
    /// that asks has verified a token of the platform that says so, and looks at its end.
    ///
    /// # Errors
    /// As [`Authority::identify`].
    pub fn workload(&self, hash: &[u8; 32], now: Moment) -> Result<Caller, Denied> {
        self.holder(hash, now, |kind| kind == CredentialKind::Workload)
    }

    fn holder(
        &self,
        hash: &[u8; 32],
        now: Moment,
        taken: impl Fn(CredentialKind) -> bool,
    ) -> Result<Caller, Denied> {
        let live = self.read();
        let (id, credential) = live.credentials.get(hash).ok_or(Denied::Unknown)?;
        let principal = live.principals.get(id).filter(|principal| principal.active);
        let counts = taken(credential.kind) && credential.live(now);
        let Some(principal) = principal.filter(|_| counts) else {
            return Err(Denied::Unknown);
        };
        let caller = Caller { principal: id.clone(), credential: credential.id.clone() };
        match live.unlocked(principal, now) {
            Ok(_) => Ok(caller),
            Err(refusal) => Err(Denied::Restrained(caller, refusal)),
        }
    }

    /// Whose credential it was, where one ended or expired, or its holder is not active any more:
    /// for the record of a refusal, never for a right.
    pub fn ended(&self, hash: &[u8; 32]) -> Option<Caller> {
        let live = self.read();
        let (id, credential) = live.credentials.get(hash)?;
        Some(Caller { principal: id.clone(), credential: credential.id.clone() })
    }

    /// Whether the caller may do this now, and on what ground.
    ///
    /// # Errors
    /// `Unauthenticated` if the credential does not count any more; `NotFound` if the caller may
    /// not even know the account; `Forbidden` otherwise.
    pub fn decide(
        &self,
        caller: &Caller,
        action: &'static Action,
        account: u64,
        collection: Option<&Collection>,
        purpose: Option<&str>,
        now: Moment,
    ) -> Result<Decision> {
        let key = Key {
            caller: caller.clone(),
            action: action.name,
            account,
            collection: collection.cloned(),
            purpose: purpose.map(str::to_owned),
        };
        let live = self.read();
        if let Some(decision) = self.recall(&key, live.revision, now) {
            return Ok(decision);
        }
        let (principal, expires) = live.present(caller, action, now)?;
        let what = What { action, account, collection, purpose };
        let decision = self.weigh(&live, principal, &what, expires, now)?;
        self.remember(key, &decision);
        Ok(decision)
    }

    /// Whether somebody might do this now, asked by others: the same decision, without a login.
    ///
    /// `None` for whoever may not, is not active, or is not there. It gives no right, and is not
    /// remembered.
    ///
    /// # Errors
    /// `Internal` on any evaluation error.
    pub fn would(
        &self,
        who: &PrincipalId,
        action: &'static Action,
        account: u64,
        collection: Option<&Collection>,
        now: Moment,
    ) -> Result<Option<Decision>> {
        let live = self.read();
        let Some(principal) = live.principals.get(who).filter(|one| one.active) else {
            return Ok(None);
        };
        let what = What { action, account, collection, purpose: None };
        match self.weigh(&live, principal, &what, Moment(u64::MAX), now) {
            Ok(decision) => Ok(Some(decision)),
            Err(error) if error.kind() == Kind::Internal => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn weigh(
        &self,
        live: &Live,
        principal: &Principal,
        what: &What<'_>,
        expires: Moment,
        now: Moment,
    ) -> Result<Decision> {
        let What { action, account, collection, purpose } = *what;
        let unlocked = live.unlocked(principal, now).map_err(|refusal| refusal.error(now))?;
        let grant = live.pick(&principal.id, what, now);
        if purpose.is_some() && grant.is_none() && action.verb.is_some() {
            return Err(live.refusal(principal, action, account, now));
        }
        let bound = live.bound(principal, grant.as_deref());
        let duty = live.duty(&principal.id);
        let until = live.until(bound.as_ref(), duty, now);
        let grant_ref = grant.as_deref();
        let question =
            Question { principal, action, account, collection, grant: grant_ref, bound, duty, now };
        let verdict = self.policies.decide(&question)?;
        if !verdict.allowed {
            return Err(live.refusal(principal, action, account, now));
        }
        let open = live.open(principal, account, now).map_err(|refusal| refusal.error(now))?;
        let window = grant.as_ref().map_or(Moment(u64::MAX), |grant| grant.not_after);
        Ok(Decision {
            revision: live.revision,
            grant,
            policies: verdict.policies.join(",").into(),
            until: window.min(expires).min(until).min(unlocked).min(open),
        })
    }

    /// Whether a decision still counts at this moment under the present rights.
    pub fn stands(&self, decision: &Decision, now: Moment) -> bool {
        decision.revision == self.revision() && now < decision.until
    }

    pub(super) fn read(&self) -> std::sync::RwLockReadGuard<'_, Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> std::sync::RwLockWriteGuard<'_, Live> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, key: &Key, revision: u64, now: Moment) -> Option<Decision> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.revision != revision {
            return None;
        }
        remembered.decisions.get(key).filter(|decision| now < decision.until).cloned()
    }

    fn remember(&self, key: Key, decision: &Decision) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let full = remembered.decisions.len() >= CACHED_DECISIONS;
        if remembered.revision != decision.revision || full {
            remembered.decisions.clear();
            remembered.revision = decision.revision;
        }
        remembered.decisions.insert(key, decision.clone());
    }
}

impl Live {
    fn apply(&mut self, right: Right) {
        match right {
            Right::Principal(principal) => {
                self.credentials.retain(|_, (id, _)| *id != principal.id);
                // A name that ended here may be somebody else's by now.
                let known = |one: &&Credential| !one.kind.passes_on() || !one.ended;
                for credential in principal.credentials.iter().filter(known) {
                    let longer = |(id, one): &(PrincipalId, Credential)| {
                        *id != principal.id && !one.ended && one.expires > credential.expires
                    };
                    let taken = self.credentials.get(&credential.hash).is_some_and(longer);
                    if credential.kind.passes_on() && taken {
                        continue;
                    }
                    self.credentials
                        .insert(credential.hash, (principal.id.clone(), credential.clone()));
                }
                self.principals.insert(principal.id.clone(), Arc::new(principal));
            }
            Right::Grant(grant) => {
                let held = self.grants.entry(grant.holder.clone()).or_default();
                held.retain(|other| other.id != grant.id);
                held.push(Arc::new(grant));
            }
            Right::Vendor(vendor) => drop(self.vendors.insert(vendor.name.clone(), vendor)),
            Right::Engagement(engagement) => {
                self.engagements.insert(engagement.id.clone(), Arc::new(engagement));
            }
            Right::Issued(one) => drop(self.issued.insert(one.id.clone(), Arc::new(one))),
            Right::Restraint(restraint) => self.restraints.put(restraint),
            Right::Exemption(exemption) => self.restraints.exempt(exemption),
            Right::Duty(duty) => {
                let held = self.duties.entry(duty.holder).or_default();
                match duty.until {
                    Some(until) => drop(held.insert(duty.id, until)),
                    None => drop(held.remove(&duty.id)),
                }
            }
        }
    }

    /// Vendor and engagement behind a grant of a vendor's principal. Whatever is missing denies.
    fn bound<'a>(&'a self, principal: &Principal, grant: Option<&Grant>) -> Option<Bound<'a>> {
        let vendor = self.vendors.get(principal.vendor.as_ref()?)?;
        let engagement = self.engagements.get(grant?.engagement.as_ref()?)?;
        let sponsor = self.principals.get(&engagement.sponsor);
        let sponsored = sponsor.is_some_and(|sponsor| sponsor.active && sponsor.vendor.is_none());
        Some(Bound { vendor, engagement, sponsored })
    }

    /// First moment at which a duty that is not met ends eligibility.
    pub(super) fn duty(&self, holder: &PrincipalId) -> Moment {
        let held = self.duties.get(holder).into_iter().flat_map(HashMap::values);
        held.min().copied().unwrap_or(Moment(u64::MAX))
    }

    /// First moment at which what bounds a decision from outside changes by the clock alone.
    fn until(&self, bound: Option<&Bound<'_>>, duty: Moment, now: Moment) -> Moment {
        let mut until = Moment(u64::MAX);
        let mut at = |moment: Moment| {
            if now < moment {
                until = until.min(moment);
            }
        };
        at(duty);
        if let Some(bound) = bound {
            at(bound.vendor.until);
            at(bound.engagement.not_before);
            at(bound.engagement.not_after);
        }
        until
    }

    /// The principal behind a caller and when its credential expires.
    fn present(
        &self,
        caller: &Caller,
        action: &Action,
        now: Moment,
    ) -> Result<(&Principal, Moment)> {
        if caller.principal == BEARER.id {
            return Ok((&BEARER, Moment(u64::MAX)));
        }
        let principal =
            self.principals.get(&caller.principal).ok_or_else(Error::unauthenticated)?;
        let credential = principal
            .credentials
            .iter()
            .find(|credential| credential.id == caller.credential && !credential.ended)
            .ok_or_else(Error::unauthenticated)?;
        let expires = credential.expires.unwrap_or(Moment(u64::MAX));
        if !principal.active || expires <= now || !credential.kind.does(action) {
            return Err(Error::unauthenticated());
        }
        Ok((principal, expires))
    }

    /// The grant with the longest window that fits the request. The policy checks it again.
    fn pick(&self, holder: &PrincipalId, what: &What<'_>, now: Moment) -> Option<Arc<Grant>> {
        let What { action, account, collection, purpose } = *what;
        let fits = |grant: &&Arc<Grant>| {
            covers(grant, account, now)
                && action.verb.map_or(!enters(grant), |verb| grant.verbs.contains(&verb))
                && purpose.is_none_or(|purpose| grant.purpose == purpose)
                && match (&grant.collections, collection) {
                    (None, _) => true,
                    (Some(named), Some(collection)) => named.contains(collection),
                    (Some(_), None) => action.verb.is_none_or(|verb| verb == Verb::Open),
                }
        };
        let held = self.grants.get(holder)?;
        held.iter().filter(fits).max_by_key(|grant| grant.not_after).cloned()
    }

    /// Another account is *not found*; in an account one works with, the answer is *forbidden*.
    fn refusal(&self, principal: &Principal, action: &Action, account: u64, now: Moment) -> Error {
        let held = self.grants.get(&principal.id).into_iter().flatten();
        let team = principal.account.is_none() && !principal.roles.is_empty();
        let own = principal.account == Some(account);
        let sees = team || own || held.into_iter().any(|g| covers(g, account, now));
        if account != 0 && !sees {
            return Error::not_found("no such account, or none that you may know of");
        }
        Error::forbidden(format!(
            "`{}` may not do `{}` here: ask for a grant that names the account, the collection, \
             the verb and the purpose",
            principal.id, action.name
        ))
    }
}

/// `house` is under no grant, but for signing in to systems: every account but that one.
fn covers(grant: &Grant, account: u64, now: Moment) -> bool {
    let named = grant.account.map_or(account != 0, |slot| slot == account && slot != 0);
    // Creating accounts is asked of `house`, under a grant for every account.
    let opening = account == 0 && grant.account.is_none();
    let about = if enters(grant) {
        account == 0 && grant.account == Some(0) && grant.verbs == [Verb::Connect]
    } else {
        named || opening
    };
    about && !grant.ended && grant.not_before <= now && now < grant.not_after
}

/// Whether it is for signing in to systems, and so for nothing else.
fn enters(grant: &Grant) -> bool {
    grant.verbs.contains(&Verb::Connect)
}
