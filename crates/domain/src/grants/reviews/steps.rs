//! Deciding an item, and what becomes of those that nobody decided.

use super::{AccessReview, Decision, Item, Verdict, Withdrawn};
use crate::grants::Grant;
use crate::grants::moving::outside;
use crate::people::{LEFT, Person};
use crate::register::{At, Step, line, prose};
use kernel::authority::Authority;
use kernel::id::PrincipalId;
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// The job that removes what nobody decided.
pub const LAPSE: &str = "access-review.lapse";

/// What an item says that nobody decided.
pub(super) const UNANSWERED: &str = "unanswered";

/// What an item says whose right had ended by itself or otherwise.
const BEFORE: &str = "it had ended before";

/// Decides an item.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// The right, as the item names it: a grant by its id, or `person:NAME/ROLE`.
    pub right: String,
    /// Whether it is kept or removed.
    pub verdict: Verdict,
    /// Why; to keep a right takes a reason.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Step<AccessReview> for Decide {
    const ACTION: &'static str = "access-review.decide";
    const RIGHTS: bool = true;

    fn apply(&self, row: &mut AccessReview, at: &mut At<'_, '_>) -> Result<()> {
        let mark = at.mark();
        if !row.open(at.now()) {
            return Err(Error::conflict("this review is over: open another one"));
        }
        if !row.reviewers.contains(&mark.by) {
            return Err(Error::forbidden("its reviewers decide, nobody else: ask one of them"));
        }
        let since = last_decision(row, &mark.by).unwrap_or(row.opened.0);
        let seconds = at.now().since(since).as_secs();
        let item = row.items.iter_mut().find(|item| item.right == self.right).ok_or_else(|| {
            let right = kernel::id::shown(&self.right);
            Error::invalid("right", format!("no item of this review is about `{right}`"))
        })?;
        if let Some(before) = &item.decision {
            let why = format!("`{}` has decided this item: it stands", before.mark.by);
            return Err(Error::conflict(why));
        }
        another(&item.holder, &mark.by, at.rights()?)?;
        let reason = match (self.verdict, self.reason.as_deref()) {
            (Verdict::Remove, None | Some("")) => "not needed any more".to_owned(),
            (_, reason) => line("reason", reason.unwrap_or_default(), 500)?,
        };
        let item_before = item.clone();
        item.decision = Some(Decision {
            verdict: self.verdict,
            reason,
            seconds: Some(seconds),
            mark: mark.clone(),
        });
        at.tell("right", &self.right);
        at.tell("holder", &item_before.holder);
        at.tell("seconds", seconds.to_string());
        match self.verdict {
            Verdict::Keep => {
                still_there(&item_before, at)?;
                at.tell("verdict", "keep");
            }
            Verdict::Remove => {
                at.tell("verdict", "remove");
                let mut going = Going::default();
                let gone = going.remove(&item_before, "removed in a review", at)?;
                if let Gone::Cannot(why) = gone {
                    return Err(Error::conflict(why));
                }
                going.finish(at)?;
            }
        }
        if row.waiting() == 0 {
            row.closed = Some(mark);
        }
        Ok(())
    }
}

/// Refuses to keep what is not there any more.
fn still_there(item: &Item, at: &At<'_, '_>) -> Result<()> {
    let mut trial = Going::default();
    match trial.remove(item, "", at)? {
        Gone::Now | Gone::Cannot(_) => Ok(()),
        Gone::Before => {
            let why = "this right has ended since the review opened: there is nothing to keep";
            Err(Error::conflict(why))
        }
    }
}

/// When somebody decided an item of this review last.
fn last_decision(row: &AccessReview, by: &str) -> Option<kernel::Moment> {
    let own = row.items.iter().filter_map(|item| item.decision.as_ref());
    own.filter(|decision| decision.mark.by == by).map(|decision| decision.mark.at.0).max()
}

/// Nobody decides on what is theirs, or on a service that they own.
pub(super) fn another(holder: &str, by: &str, rights: &Authority) -> Result<()> {
    let owner = PrincipalId::parse(holder).ok().and_then(|id| rights.principal(&id));
    let owner = owner.and_then(|one| one.owner.clone());
    if holder == by || owner.is_some_and(|owner| owner.as_str() == by) {
        let why = "it is yours: another reviewer decides it, or it ends when the review is due";
        return Err(Error::forbidden(why));
    }
    Ok(())
}

/// Whether somebody may decide on what this holder has.
pub fn decides(holder: &str, by: &str, rights: &Authority) -> bool {
    another(holder, by, rights).is_ok()
}

/// Withdraws a review before it is due.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why; another review of the same scope does not come by itself.
    pub reason: String,
}

impl Step<AccessReview> for Withdraw {
    const ACTION: &'static str = "access-review.withdraw";

    fn apply(&self, row: &mut AccessReview, at: &mut At<'_, '_>) -> Result<()> {
        if !row.open(at.now()) {
            return Err(Error::conflict("this review is over: there is nothing to withdraw"));
        }
        let reason = prose("reason", &self.reason, 500)?;
        at.tell("reason", &reason);
        at.tell("waiting", row.waiting().to_string());
        row.withdrawn = Some(Withdrawn { reason, mark: at.mark() });
        Ok(())
    }
}

/// Removes what nobody decided; the server's own step.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lapse {}

impl Step<AccessReview> for Lapse {
    const ACTION: &'static str = "access-review.lapse";
    const RIGHTS: bool = true;

    fn apply(&self, row: &mut AccessReview, at: &mut At<'_, '_>) -> Result<()> {
        let mark = at.mark();
        if row.withdrawn.is_some() {
            return Ok(());
        }
        let mut going = Going::default();
        let mut removed = 0;
        for item in row.items.iter_mut().filter(|item| item.decision.is_none()) {
            let (verdict, reason) = match going.remove(item, UNANSWERED, at)? {
                Gone::Now => (Verdict::Remove, UNANSWERED.to_owned()),
                Gone::Before => (Verdict::Remove, BEFORE.to_owned()),
                Gone::Cannot(why) => (Verdict::Keep, why),
            };
            removed += usize::from(reason == UNANSWERED);
            item.decision = Some(Decision { verdict, reason, seconds: None, mark: mark.clone() });
        }
        going.finish(at)?;
        at.tell("unanswered", removed.to_string());
        row.closed.get_or_insert(mark);
        Ok(())
    }
}

/// What became of a right.
enum Gone {
    /// It ends with this.
    Now,
    /// It had ended before.
    Before,
    /// It has to stay, and why.
    Cannot(String),
}

/// Rows that one operation changes, each saved once however many items are about it.
#[derive(Default)]
struct Going {
    people: Vec<Person>,
    grants: Vec<Grant>,
}

impl Going {
    fn remove(&mut self, item: &Item, why: &str, at: &At<'_, '_>) -> Result<Gone> {
        match item.right.strip_prefix(item.holder.as_str()).and_then(|rest| rest.strip_prefix('/'))
        {
            Some(word) => self.remove_role(&item.holder, word, why, at),
            None => self.end(&item.right, at),
        }
    }

    fn end(&mut self, id: &str, at: &At<'_, '_>) -> Result<Gone> {
        if self.grants.iter().any(|grant| grant.id == id) {
            return Ok(Gone::Now);
        }
        let Some(mut grant) = at.late_noun::<Grant>(id)? else { return Ok(Gone::Before) };
        if grant.ended.is_some() || grant.not_after <= at.now().0 {
            return Ok(Gone::Before);
        }
        grant.ended = Some(at.now().0);
        grant.ended_by = Some(at.by().to_string());
        self.grants.push(grant);
        Ok(Gone::Now)
    }

    /// As a move to the other roles would: grants that they are not eligible for end with it.
    fn remove_role(
        &mut self,
        holder: &str,
        word: &str,
        why: &str,
        at: &At<'_, '_>,
    ) -> Result<Gone> {
        let who = PrincipalId::parse(holder)?;
        let nth = self.people.iter().position(|one| one.name == who.parts().1);
        let known = match nth {
            Some(nth) => Some(self.people.swap_remove(nth)),
            None => at.late_noun::<Person>(who.parts().1)?.filter(|one| one.left.is_none()),
        };
        let Some(mut person) = known else { return Ok(Gone::Before) };
        if !person.roles.iter().any(|role| role == word) {
            // What another item changed of them stays changed.
            self.people.extend(nth.map(|_| person));
            return Ok(Gone::Before);
        }
        if word == "administrator" && self.administrators(&person, at)? == 0 {
            self.people.extend(nth.map(|_| person));
            let why = "somebody has to administer: take in another administrator first";
            return Ok(Gone::Cannot(why.to_owned()));
        }
        let roles: Vec<String> = person.roles.iter().filter(|one| *one != word).cloned().collect();
        let ends = outside(at.rights()?, &who, &roles, at.now());
        for grant in &ends {
            self.end(grant, at)?;
        }
        person.moved(&roles, at.by().as_str(), why, ends.len(), at.now());
        self.people.push(person);
        Ok(Gone::Now)
    }

    /// Administrators that there are without this person, as this operation leaves them.
    fn administrators(&self, without: &Person, at: &At<'_, '_>) -> Result<usize> {
        let all = at.rights()?.principals();
        let is = |roles: &[String]| roles.iter().any(|role| role == "administrator");
        let stays = |id: &PrincipalId| {
            let changed = self.people.iter().find(|one| one.name == id.parts().1);
            changed.is_none_or(|one| is(&one.roles))
        };
        let counts = all.iter().filter(|one| {
            let own = one.account.is_none() && one.vendor.is_none() && one.active;
            own && is(&one.roles) && one.id.parts().1 != without.name && stays(&one.id)
        });
        Ok(counts.count())
    }

    fn finish(self, at: &mut At<'_, '_>) -> Result<()> {
        for person in &self.people {
            at.save_noun(&person.name, person)?;
            at.later(at.now(), LEFT, &person.name);
        }
        for grant in &self.grants {
            at.save_noun(&grant.id, grant)?;
        }
        Ok(())
    }
}
