//! Who did something, and under which grant: handed on once a day for each, so that reviews of
//! access show what nobody uses.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::grants::emergencies;
use domain::grants::uses::{AccessUse, HOLDERS, KERNEL, KeepUses, Used};
use domain::letters::Tell;
use domain::register::Day;
use kernel::{Fed, HOUSE, Kernel, Ran, Result};

/// Kinds of entries that say that somebody was not let in.
const REFUSED: [&str; 3] = ["access.refused", "access.unauthenticated", "access.restrained"];

/// Days on which somebody used something.
#[derive(Default)]
pub struct Uses {
    /// The last day that is known: by holder, and the grant where it rested on one.
    days: HashMap<(String, Option<String>), Day>,
    /// What is not kept yet.
    fresh: BTreeMap<String, AccessUse>,
    /// Emergencies with accounts that they touched for the first time since the start, by slot.
    touched: HashSet<(String, u64)>,
    /// Those of them whose account is not told yet.
    untold: Vec<String>,
}

impl Uses {
    /// Takes an entry in. What was refused is no use, nor what somebody left to be done later.
    pub fn see(&mut self, fed: &Fed) {
        let named = |actor: &&str| {
            let kind = actor.split_once(':').map_or(*actor, |(kind, _)| kind);
            ["person", "service", KERNEL].contains(&kind) && !REFUSED.contains(&fed.kind.as_str())
        };
        let Some(actor) = fed.field("actor").filter(named) else { return };
        if actor != KERNEL && fed.field("request") == Some("job") {
            return;
        }
        let grant = fed.field("grant").and_then(|grant| Some(grant.split_once('#')?.0));
        let day = Day::of(fed.time);
        self.note(actor, None, day);
        if let Some(grant) = grant {
            if fed.field("emergency") == Some("true") && fed.account != HOUSE {
                self.touch(grant, fed.account);
            }
            self.note(actor, Some(grant), day);
        }
    }

    /// An account was touched in an emergency: it is told, once. What was told before is told by
    /// the store itself, so a restart that reads a day again tells nobody twice.
    fn touch(&mut self, grant: &str, account: u64) {
        if let Some(id) = emergencies::of_grant(grant)
            && self.touched.insert((id.clone(), account))
        {
            self.untold.push(format!("{id}|{account}"));
        }
    }

    fn note(&mut self, actor: &str, grant: Option<&str>, day: Day) {
        let key = (actor.to_owned(), grant.map(str::to_owned));
        if self.days.get(&key).is_some_and(|known| *known >= day) {
            return;
        }
        self.days.insert(key, day);
        let row = self.fresh.entry(actor.to_owned()).or_insert_with(|| AccessUse {
            holder: actor.to_owned(),
            last: day,
            grants: vec![],
        });
        row.last = row.last.max(day);
        let Some(grant) = grant else { return };
        match row.grants.iter_mut().find(|one| one.grant == grant) {
            Some(known) => known.last = known.last.max(day),
            None => row.grants.push(Used { grant: grant.to_owned(), last: day }),
        }
    }

    /// Tells accounts that were touched in an emergency, at once.
    ///
    /// # Errors
    /// Whatever the store answers; it is tried again.
    pub fn tell(&mut self, kernel: &Kernel, right: &Ran) -> Result<()> {
        while let Some(object) = self.untold.last() {
            right.ask(kernel, Tell::new(kernel, object)?)?;
            self.untold.pop();
        }
        Ok(())
    }

    /// Keeps what is not kept yet; what could not be kept is tried again.
    ///
    /// # Errors
    /// Whatever the store answers.
    pub fn keep(&mut self, kernel: &Kernel, right: &Ran) -> Result<()> {
        while !self.fresh.is_empty() {
            let seen: Vec<_> = self.fresh.values().take(HOLDERS).cloned().collect();
            right.ask(kernel, KeepUses::new(kernel, seen.clone())?)?;
            for one in &seen {
                self.fresh.remove(&one.holder);
            }
        }
        // Days of grants that are long over are not needed again.
        let newest = self.days.values().copied().max();
        self.days.retain(|_, day| newest.is_none_or(|newest| day.plus(2) > newest));
        Ok(())
    }
}
