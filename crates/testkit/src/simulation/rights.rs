//! Who may do what, as the model sees it: written down a second time, without Cedar.

use super::model::{Grant, Model, Principal};
use super::step::What;
use kernel::Kind;

/// Why something is allowed.
#[derive(Clone, Debug, Default)]
pub(super) struct Right {
    /// The grant it rests on.
    pub grant: Option<Grant>,
}

/// The verb an action needs.
pub(super) fn verb(action: &str) -> Option<&'static str> {
    match action {
        "record.get" | "record.list" | "record.history" | "ledger.open" => Some("read"),
        "record.put" | "record.batch" | "collection.create" => Some("write"),
        "record.delete" | "record.restore" => Some("delete"),
        "account.create" => Some("open"),
        _ => None,
    }
}

impl Model {
    /// Whether somebody may do something now.
    pub fn decide(&self, who: &str, what: &What, purpose: Option<&str>) -> Result<Right, Kind> {
        let (account, collection) = what.of();
        let slot = account.map_or(0, |id| self.slot(id));
        let Some(principal) = self.principals.get(who) else { return Err(Kind::Unauthenticated) };
        let action = what.action();
        let grant = self.pick(who, action, slot, collection, purpose);
        let refused = Err(self.refusal(who, principal, slot));
        if purpose.is_some() && grant.is_none() && verb(action).is_some() {
            return refused;
        }
        let allowed = match action {
            "account.read" | "collection.list" => {
                grant.is_some() || principal.is("administrator") || principal.is("auditor")
            }
            "account.create" => grant.is_some() && (principal.service() || principal.may_change()),
            "ledger.open" => {
                let eligible = principal.service() || principal.may_read();
                !principal.is("administrator")
                    && ((eligible && grant.is_some()) || principal.is("auditor"))
            }
            _ if collection.is_some() => {
                let eligible = match verb(action) {
                    Some("read") => principal.may_read(),
                    _ => principal.may_change(),
                };
                grant.is_some() && (principal.service() || eligible)
            }
            _ => principal.is("administrator"),
        };
        if allowed { Ok(Right { grant: grant.cloned() }) } else { refused }
    }

    /// The fitting grant with the longest window, the last given of several.
    fn pick(
        &self,
        who: &str,
        action: &str,
        slot: u64,
        collection: Option<&str>,
        purpose: Option<&str>,
    ) -> Option<&Grant> {
        let fits = |grant: &&Grant| {
            grant.to == who
                && self.covers(grant, slot)
                && verb(action).is_none_or(|verb| grant.verbs.iter().any(|one| one == verb))
                && purpose.is_none_or(|purpose| grant.purpose == purpose)
                && match (grant.every_collection(), collection) {
                    (true, _) => true,
                    (false, Some(name)) => grant.collections.iter().any(|one| one == name),
                    (false, None) => verb(action).is_none_or(|verb| verb == "open"),
                }
        };
        self.grants.iter().filter(fits).max_by_key(|grant| grant.not_after)
    }

    /// Whether a grant counts now and is about this account.
    fn covers(&self, grant: &Grant, slot: u64) -> bool {
        let about = grant.slot.is_none_or(|own| own == slot && slot != 0);
        about && !grant.ended && grant.not_before <= self.now() && self.now() < grant.not_after
    }

    fn refusal(&self, who: &str, principal: &Principal, slot: u64) -> Kind {
        let sees = !principal.roles.is_empty()
            || self.grants.iter().any(|grant| grant.to == who && self.covers(grant, slot));
        if slot != 0 && !sees { Kind::NotFound } else { Kind::Forbidden }
    }
}

impl Principal {
    fn is(&self, role: &str) -> bool {
        self.roles.iter().any(|one| one == role)
    }

    fn may_read(&self) -> bool {
        !self.is("administrator") && (self.is("engineer") || self.is("support"))
    }

    fn may_change(&self) -> bool {
        !self.is("administrator") && self.is("engineer")
    }
}
