//! Whom or what an answer is on, and whom it must not be on.

use crate::accounts::Account;
use crate::members::Member;
use crate::people::{By, Happened, Person, StoredCredential, TOLD, Use, tell, word_of};
use crate::register::{At, Kept, Needs};
use crate::vendors::Vendor;
use kernel::authority::{Authority, Network, Place};
use kernel::id::{AccountId, PrincipalId, shown};
use kernel::limits::RESTRAINTS;
use kernel::{Error, Moment, Result, Work};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AnswerKind")]
pub enum Kind {
    /// Lets through sixty requests a minute of an address or of somebody.
    Limit,
    /// Refuses everything of a person or a member, and ends their sessions.
    Lock,
    /// Ends the sessions of a person or a member; they may begin others.
    EndSessions,
    /// Refuses everything of a service.
    Suspend,
    /// Refuses every request of an address or a network.
    Ban,
    /// Refuses everything of a vendor's people and services.
    CloseVendor,
    /// Closes an account to everybody but its own members.
    CloseAccount,
}

impl Kind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Lock => "lock",
            Self::EndSessions => "end-sessions",
            Self::Suspend => "suspend",
            Self::Ban => "ban",
            Self::CloseVendor => "close-vendor",
            Self::CloseAccount => "close-account",
        }
    }

    /// Where it is in force, for a target that was checked.
    pub fn place(self, target: &str, slot: Option<u64>) -> Option<Place> {
        let network = || target.parse::<Network>().ok().map(Place::Network);
        let principal = || PrincipalId::parse(target).ok().map(Place::Principal);
        match self {
            Self::Limit => network().or_else(principal),
            Self::Lock | Self::Suspend => principal(),
            Self::Ban => network(),
            Self::CloseVendor => Some(Place::Vendor(target.to_owned())),
            Self::CloseAccount => slot.map(Place::Account),
            Self::EndSessions => None,
        }
    }
}

/// Largest networks that an answer may be on: more would be an outage.
const WIDEST: (u8, u8) = (16, 32);

/// The roles without one of which nobody could lift an answer, or make another who can.
const KEEPERS: [&[&str]; 2] = [&["administrator"], &["responder", "security-lead"]];

/// The rows that are looked at before an answer is given by hand.
pub(super) fn needs(kind: Kind, target: &str, needs: &mut Needs<'_>) -> Result<()> {
    match kind {
        Kind::CloseVendor => needs.row::<Vendor>(target),
        Kind::CloseAccount if AccountId::parse(target).is_ok() => needs.noun::<Account>(target),
        _ => Ok(()),
    }
}

/// The target as it is kept, and the slot if it is an account.
pub(super) fn checked(kind: Kind, target: &str, at: &At<'_, '_>) -> Result<(String, Option<u64>)> {
    let (rights, now) = (at.rights()?, at.now());
    let mut slot = None;
    match kind {
        Kind::CloseVendor => drop(at.named::<Vendor>("target", target)?),
        Kind::CloseAccount => {
            AccountId::parse(target).map_err(|_| unknown("an account", target))?;
            let account = at.find_noun::<Account>(target)?;
            slot = Some(account.ok_or_else(|| unknown("an account", target))?.slot);
        }
        Kind::Ban | Kind::Limit if !target.contains(':') || target.parse::<Network>().is_ok() => {
            let network = network(target)?;
            of_network(&network, at.source(), rights, now)?;
            return room(rights, network.to_string(), None);
        }
        Kind::Ban => drop(network(target)?),
        Kind::Limit | Kind::Lock | Kind::EndSessions | Kind::Suspend => {
            of_principal(kind, target, rights, now)?;
            if kind != Kind::EndSessions && at.by().as_str() == target {
                let why = "this would lock yourself out: ask another person";
                return Err(Error::invalid("target", why));
            }
        }
    }
    room(rights, target.to_owned(), slot)
}

fn room(rights: &Authority, target: String, slot: Option<u64>) -> Result<(String, Option<u64>)> {
    if rights.restraints() >= RESTRAINTS {
        let why = format!("there are {RESTRAINTS} answers in force: lift some, or ban a network");
        return Err(Error::limit(why));
    }
    Ok((target, slot))
}

fn unknown(what: &str, target: &str) -> Error {
    Error::invalid("target", format!("`{}` is not {what} that is known", shown(target)))
}

fn network(target: &str) -> Result<Network> {
    target.parse().map_err(|()| {
        let target = shown(target);
        let why =
            format!("`{target}` is no address or network: write `192.0.2.7` or `192.0.2.0/24`");
        Error::invalid("target", why)
    })
}

/// Whether an answer may be on these addresses.
fn of_network(
    network: &Network,
    source: Option<&str>,
    rights: &Authority,
    now: Moment,
) -> Result<()> {
    let widest = if network.is_ipv4() { WIDEST.0 } else { WIDEST.1 };
    if network.bits() < widest {
        let why = format!("this is too many addresses: state at most a /{widest}");
        return Err(Error::invalid("target", why));
    }
    if let Some(exempt) = rights.exempt_within(network, now) {
        let why = format!(
            "`{exempt}` is on an allow-list: take it off there first, or state a network without it"
        );
        return Err(Error::invalid("target", why));
    }
    let own = source.and_then(|source| source.parse().ok());
    if own.is_some_and(|own| network.holds(own)) {
        let why = "your own request comes from there: ask somebody who works from elsewhere";
        return Err(Error::invalid("target", why));
    }
    Ok(())
}

/// Whether an answer of this kind may be on somebody.
pub(super) fn of_principal(
    kind: Kind,
    target: &str,
    rights: &Authority,
    now: Moment,
) -> Result<()> {
    let id = PrincipalId::parse(target).ok();
    let known = id.and_then(|id| rights.principal(&id)).filter(|one| one.active);
    let known = known.ok_or_else(|| unknown("somebody active", target))?;
    let service = known.id.parts().0 == "service";
    match kind {
        Kind::Suspend if !service => {
            return Err(Error::invalid("target", "only a service is suspended: lock a person"));
        }
        Kind::Lock | Kind::EndSessions if service => {
            return Err(Error::invalid("target", "a service has no sessions: suspend it"));
        }
        _ => {}
    }
    if rights.exempts(&Place::Principal(known.id.clone()), None, now) {
        let why = format!("`{}` is on an allow-list: take it off there first", known.id);
        return Err(Error::invalid("target", why));
    }
    if kind != Kind::Lock || known.account.is_some() || known.vendor.is_some() {
        return Ok(());
    }
    for roles in KEEPERS {
        let keeps = |roles: &[&str], of: &[String]| of.iter().any(|r| roles.contains(&r.as_str()));
        let other = |one: &std::sync::Arc<kernel::authority::Principal>| {
            one.active
                && one.id != known.id
                && one.id.parts().0 == "person"
                && one.vendor.is_none()
                && keeps(roles, &one.roles)
                && !rights.locked(&one.id, now)
        };
        if keeps(roles, &known.roles) && !rights.principals().iter().any(other) {
            let why = format!(
                "`{}` is the last one with a role of `{}`: nobody could undo it; give somebody \
                 else the role first",
                known.id,
                roles.join("`, `")
            );
            return Err(Error::invalid("target", why));
        }
    }
    Ok(())
}

/// Ends the sessions of a person or a member in a step of the register.
pub(super) fn end_sessions_at(target: &str, at: &mut At<'_, '_>) -> Result<u32> {
    let now = at.now();
    match target.split_once(':') {
        Some(("person", name)) => {
            let Some(mut person) = at.late_noun::<Person>(name)? else { return Ok(0) };
            let ended = end(&mut person.credentials, now);
            if ended > 0 {
                at.save_noun(name, &person)?;
                let word = word_of(name, Happened::SessionsEnded, (By::of(at.by(), name), now))?;
                at.later(now, TOLD, word);
            }
            Ok(ended)
        }
        Some(("member", name)) => {
            let Some(mut kept) = at.late::<Member>(name)? else { return Ok(0) };
            let ended = end(&mut kept.row.credentials, now);
            if ended > 0 {
                at.save(&kept)?;
            }
            Ok(ended)
        }
        _ => Ok(0),
    }
}

/// As [`end_sessions_at`], in another operation.
pub(super) fn end_sessions<A: kernel::Act>(
    kernel: &kernel::Kernel,
    work: &mut Work<'_>,
    target: &str,
) -> Result<u32> {
    use crate::register::{body, key, parse};
    let now = work.now();
    let (key, content, ended) = match target.split_once(':') {
        Some(("person", name)) => {
            let key = key::<Person>(kernel, name)?;
            let Some(bytes) = work.look_late(&key)? else { return Ok(0) };
            let mut person = parse::<Person>(&bytes)?;
            let ended = end(&mut person.credentials, now);
            (key, body(&person)?, ended)
        }
        Some(("member", name)) => {
            let key = key::<Kept<Member>>(kernel, name)?;
            let Some(bytes) = work.look_late(&key)? else { return Ok(0) };
            let mut kept = parse::<Kept<Member>>(&bytes)?;
            let ended = end(&mut kept.row.credentials, now);
            (key, body(&kept)?, ended)
        }
        _ => return Ok(0),
    };
    if ended > 0 {
        let allowed = work.load_late::<A>(&key)?;
        work.save(allowed, content, vec![])?;
        if let Some(("person", name)) = target.split_once(':') {
            tell(work, name, Happened::SessionsEnded)?;
        }
    }
    Ok(ended)
}

fn end(credentials: &mut [StoredCredential], now: Moment) -> u32 {
    let open = |one: &&mut StoredCredential| {
        one.used_for == Use::Session && one.ended.is_none() && now.0 < one.expires
    };
    let mut ended = 0;
    for one in credentials.iter_mut().filter(open) {
        (one.ended, ended) = (Some(now.0), ended + 1);
    }
    ended
}
