//! Subscriptions: which plan, for how long and under which version of the terms an account is
//! served, so that it is known what is owed to whom.

use crate::accounts::Account;
use crate::catalogue::{CURRENT, Catalogue};
use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, prose, step,
};
use kernel::id::AccountId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The subscription of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subscription {
    /// The account's slot.
    pub slot: u64,
    /// The account's name.
    pub account: String,
    /// What was agreed, in the provider's own word for it.
    pub plan: String,
    /// First day.
    pub from: Day,
    /// Last day, as agreed so far.
    pub to: Day,
    /// The version of the terms that binds, as the catalogue names it.
    pub terms: String,
    /// Who changed it last, and when.
    pub changed: Option<Mark>,
    /// Why it ended, if it did.
    pub ended_because: Option<String>,
    /// Who ended it, and when.
    pub ended: Option<Mark>,
}

/// A subscription to be entered; its id is that of the account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// The account, by its readable id.
    pub account: String,
    /// What was agreed, in your own word for it.
    pub plan: String,
    /// First day.
    pub from: Day,
    /// Last day, as agreed so far.
    pub to: Day,
    /// The version of the terms that binds: the one that the catalogue has in force.
    pub terms: String,
}

impl Row for Subscription {
    const NOUN: &'static str = "subscription";
    const REGISTER: &'static str = "subscriptions";
    const FORMAT: &'static str = "subscription/v1";
    const ADD: &'static str = "subscription.add";
    const READ: &'static str = "subscription.read";
    const LIST: &'static str = "subscription.list";
    type New = NewSubscription;

    fn id(new: &NewSubscription) -> Option<&str> {
        Some(&new.account)
    }

    fn needs(new: &NewSubscription, needs: &mut Needs<'_>) -> Result<()> {
        AccountId::parse(&new.account)?;
        needs.noun::<Account>(&new.account)?;
        needs.row::<Catalogue>(CURRENT)
    }

    fn add(new: &NewSubscription, at: &mut At<'_, '_>) -> Result<Self> {
        let account = at.find_noun::<Account>(&new.account)?;
        let account = account.ok_or_else(|| {
            let id = kernel::id::shown(&new.account);
            Error::invalid("account", format!("there is no account `{id}`"))
        })?;
        check_days(new.from, new.to)?;
        Ok(Self {
            slot: account.slot,
            account: account.name,
            plan: line("plan", &new.plan, 100)?,
            from: new.from,
            to: new.to,
            terms: in_force(&new.terms, at)?,
            changed: None,
            ended_because: None,
            ended: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        match () {
            () if self.ended.is_some() => Status::of("ended", Tone::Past),
            () if self.to.end() <= now => Status::of("over", Tone::Due)
                .what("its last day is over: say what was agreed next, or end it")
                .due(self.to.end())
                .who("counsel"),
            () if now < self.from.start() => {
                Status::of("agreed", Tone::Good).due(self.from.start())
            }
            () => Status::of("in-force", Tone::Good).due(self.to.end()),
        }
    }
}

/// Says what was agreed next; what is not stated stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The plan from now on.
    pub plan: Option<String>,
    /// The new last day.
    pub to: Option<Day>,
    /// The version of the terms that binds from now on: the one that the catalogue has in force.
    pub terms: Option<String>,
}

impl Step<Subscription> for Change {
    const ACTION: &'static str = "subscription.change";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Catalogue>(CURRENT)
    }

    fn apply(&self, row: &mut Subscription, at: &mut At<'_, '_>) -> Result<()> {
        still_there(row)?;
        if let Some(plan) = &self.plan {
            row.plan = line("plan", plan, 100)?;
        }
        if let Some(to) = self.to {
            check_days(row.from, to)?;
            row.to = to;
        }
        if let Some(terms) = &self.terms {
            row.terms = in_force(terms, at)?;
        }
        row.changed = Some(at.mark());
        Ok(())
    }
}

/// Ends a subscription.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndSubscription {
    /// Why, and what happens to the data.
    pub reason: String,
}

impl Step<Subscription> for EndSubscription {
    const ACTION: &'static str = "subscription.end";

    fn apply(&self, row: &mut Subscription, at: &mut At<'_, '_>) -> Result<()> {
        still_there(row)?;
        row.ended_because = Some(prose("reason", &self.reason, 1000)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

fn still_there(row: &Subscription) -> Result<()> {
    match row.ended {
        Some(_) => Err(Error::conflict("this subscription ended already")),
        None => Ok(()),
    }
}

fn check_days(from: Day, to: Day) -> Result<()> {
    match to < from {
        true => Err(Error::invalid("to", "it ends before it begins")),
        false => Ok(()),
    }
}

/// A version of the terms, if it is the one in force: nobody is bound to what is not promised.
fn in_force(terms: &str, at: &At<'_, '_>) -> Result<String> {
    let catalogue = at.find::<Catalogue>(CURRENT)?;
    let version = catalogue.map(|kept| kept.row.version);
    match version {
        Some(version) if version == terms => Ok(version),
        Some(version) => Err(Error::invalid("terms", format!("`{version}` is in force"))),
        None => Err(Error::invalid("terms", "no catalogue is in force: add it first")),
    }
}

const STEPS: &[Entry] = &[
    step::<Subscription, Change>("change", "Says what was agreed next"),
    step::<Subscription, EndSubscription>("end", "Ends the subscription"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Subscription>(
    "reports",
    "Which plan, term and version of the terms each account is bound to",
)
.serves(&["F2"])
.first("Bind an account to its plan, its term and the version of the terms in force")
.columns(&["account", "plan", "to", "terms"])
.steps(STEPS);
