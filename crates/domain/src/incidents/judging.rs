//! Judging in an incident: which accounts may be affected, which are, and which are not.

use super::affected::{self, Affected, By, FIND};
use super::breaches::{self, Breach, Harm, HeldFor};
use super::holds::Hold;
use super::laws::{self, Duties, Laws, Recipient};
use super::{ACCOUNTS, Incident, Refuted, duties, judge};
use crate::catalogue;
use crate::register::{At, Needs, Step, When, line, prose};
use kernel::id::{Name, PrincipalId};
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Asks the log which accounts somebody touched. The answer is a row of `affected`, filled a few
/// seconds later; asking again about the same principal, or the same token, searches again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Who: `person:NAME` or `service:NAME`; or state `by`.
    pub principal: Option<String>,
    /// One token or session of theirs, by its id, if only that is in question.
    pub credential: Option<String>,
    /// Who or what, instead of a principal: also `token:ID`, `session:ID`, `address:IP`,
    /// `vendor:NAME`, or `anyone`.
    pub by: Option<String>,
    /// First moment of the time in question.
    pub from: When,
    /// First moment after it.
    pub to: When,
}

impl Step<Incident> for Scope {
    const ACTION: &'static str = "incident.scope";

    fn needs(&self, id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Affected>(&self.question(id)?)
    }

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        if self.to <= self.from {
            return Err(Error::invalid("to", "it is later than `from`"));
        }
        let by = self.by()?;
        let id = self.question(at.id())?;
        let asked = Affected {
            incident: at.id().to_owned(),
            principal: by.to_string(),
            credential: self.credential.clone(),
            from: self.from,
            to: self.to,
            asked: at.mark(),
            found: None,
            before: None,
        };
        let kept = match at.find::<Affected>(&id)? {
            Some(mut kept) => {
                let before = kept.row.found.take().or(kept.row.before.take());
                kept.row = Affected { before, ..asked };
                kept
            }
            None => at.fresh(&id, asked),
        };
        if !row.scoped.contains(&id) {
            if row.scoped.len() >= 50 {
                return Err(Error::limit("an incident asks about at most 50 of them"));
            }
            row.scoped.push(id.clone());
        }
        at.save(&kept)?;
        at.tell("about", by.to_string());
        if let Some(credential) = &self.credential {
            at.tell("token", credential);
        }
        at.later(at.now(), FIND, affected::object(&id, &kept.row));
        Ok(())
    }
}

impl Scope {
    /// The id of the row that answers it.
    fn question(&self, incident: &str) -> Result<String> {
        let credential = self.credential.as_deref();
        if let Some(id) = credential.filter(|id| Name::parse(id).is_err()) {
            let id = kernel::id::shown(id);
            let why = format!("`{id}` is no id of a token: `service show` lists them");
            return Err(Error::invalid("credential", why));
        }
        Ok(affected::id(incident, &self.by()?, credential))
    }

    /// Who or what is in question.
    fn by(&self) -> Result<By> {
        match (&self.principal, &self.by, &self.credential) {
            (Some(principal), None, _) => match PrincipalId::parse(principal) {
                Ok(principal) => Ok(By::Principal(principal)),
                Err(_) => {
                    let why = "write `person:NAME`, `service:NAME` or `member:NAME`";
                    Err(Error::invalid("principal", why))
                }
            },
            (None, Some(by), None) => By::parse(by),
            (None, Some(_), Some(_)) => {
                Err(Error::invalid("credential", "write `token:ID` in `by`, or name a principal"))
            }
            _ => Err(Error::invalid("by", "state either `principal` or `by`")),
        }
    }
}

/// Verifies that an account is affected, which starts its clock.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// The account, by its readable id.
    pub account: String,
    /// What happened to its data.
    pub harm: Harm,
    /// On what this rests: what was seen, and where.
    pub basis: String,
}

impl Step<Incident> for Verify {
    const ACTION: &'static str = "incident.verify";

    fn needs(&self, id: &str, needs: &mut Needs<'_>) -> Result<()> {
        super::account("account", &self.account, needs)?;
        catalogue::need(needs)?;
        needs.row::<Laws>(laws::CURRENT)?;
        needs.row::<Breach>(&breaches::id(id, &self.account))
    }

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        let verified = judge(at, "verifying that an account is affected")?;
        if row.verified.contains(&self.account) {
            let why = "this account is verified already, and its clock runs; that never changes";
            return Err(Error::conflict(why));
        }
        if row.verified.len() >= ACCOUNTS {
            let why = format!("an incident verifies at most {ACCOUNTS} accounts: declare another");
            return Err(Error::limit(why));
        }
        let numbers = catalogue::parameters(at)?;
        let breach_hours = self.harm.is_breach();
        let hours = if breach_hours { numbers.breach_hours } else { numbers.response_hours };
        let (laws, class) = (laws::in_force(at)?, self.harm.class());
        let hours = laws::hours(&laws, class, &self.account, hours);
        let mut breach = Breach {
            incident: at.id().to_owned(),
            account: self.account.clone(),
            harm: self.harm,
            basis: prose("basis", &self.basis, 4000)?,
            suspected_at: row.suspected_at,
            verified,
            hours,
            deadline: When(at.now()),
            holds: orders(row, &self.account, at)?,
            warnings: vec![],
            notices: 0,
            notified: None,
            told: vec![],
            reopened: vec![],
            first: None,
            update_by: None,
            updates_missed: vec![],
            written: vec![],
            duties: Duties {
                laws: laws
                    .iter()
                    .filter(|law| law.recipient != Recipient::Authority)
                    .filter(|law| law.applies(class, Some(&self.account)))
                    .cloned()
                    .collect(),
                ..Duties::default()
            },
        };
        breach.settle();
        let id = breaches::id(at.id(), &self.account);
        for (due, percent) in breach.schedule(at.now()) {
            at.later(due, breaches::WARN, breaches::object(&id, percent));
        }
        at.tell("account", &self.account);
        at.tell("harm", self.harm.word());
        at.tell("deadline", breach.deadline.0.rfc3339());
        let kept = at.fresh(&id, breach);
        at.save(&kept)?;
        row.verified.push(self.account.clone());
        row.duties.verified.get_or_insert(When(at.now()));
        duties::start(row, at)
    }
}

/// Orders in force that already hold the notice of this account.
fn orders(row: &Incident, account: &str, at: &At<'_, '_>) -> Result<Vec<HeldFor>> {
    let mut held = Vec::new();
    for id in &row.holds {
        let hold = at.late::<Hold>(id)?.map(|kept| kept.row);
        let hold = hold.filter(|hold| hold.accounts.iter().any(|one| one == account));
        if let Some((hold, (from, to))) = hold.and_then(|hold| hold.span().map(|span| (hold, span)))
        {
            held.push(hold.held(id, from, to));
        }
    }
    Ok(held)
}

/// Judges that accounts are not affected.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refute {
    /// The accounts, by their readable ids; up to 100 at a time.
    pub accounts: Vec<String>,
    /// Why they are not affected: what was seen, and where.
    pub why: String,
}

impl Step<Incident> for Refute {
    const ACTION: &'static str = "incident.refute";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        if self.accounts.is_empty() || self.accounts.len() > 100 {
            return Err(Error::invalid("accounts", "name 1 to 100 accounts"));
        }
        self.accounts.iter().try_for_each(|one| super::account("accounts", one, needs))
    }

    fn apply(&self, row: &mut Incident, at: &mut At<'_, '_>) -> Result<()> {
        row.open()?;
        let mark = judge(at, "judging that an account is not affected")?;
        let why = line("why", &self.why, 300)?;
        for account in &self.accounts {
            if row.verified.contains(account) {
                let why = format!("account `{account}` is verified: tell it so in a notice");
                return Err(Error::conflict(why));
            }
            row.refuted.retain(|one| one.account != *account);
            let (account, why, mark) = (account.clone(), why.clone(), mark.clone());
            row.refuted.push(Refuted { account, why, mark });
        }
        if row.refuted.len() > ACCOUNTS {
            let why = format!("an incident refutes at most {ACCOUNTS} accounts: declare another");
            return Err(Error::limit(why));
        }
        at.tell("accounts", self.accounts.join(","));
        Ok(())
    }
}
