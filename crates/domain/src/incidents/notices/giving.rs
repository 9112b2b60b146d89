//! Giving a notice: by letters, to another contact instead, in another way; or not at all.

use super::super::Said;
use super::super::breaches::{self, Breach, Known};
use super::super::contacts::Contact;
use super::super::words::lookup;
use super::{Delivered, Notice, RECEIVERS, Receiver, SEND, Way, sending};
use crate::people::hex;
use crate::register::{At, Kept, Needs, Step, When, prose};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Sends a notice to its contacts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {}

impl Step<Notice> for Send {
    const ACTION: &'static str = "notice.send";

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        let mut breach = may_be_given(row, at)?;
        if row.sent.is_some() {
            return Err(Error::conflict("this notice is on its way already"));
        }
        for receiver in &mut row.receivers {
            post(receiver, at)?;
        }
        row.sent = Some(at.mark());
        at.tell("account", &row.account);
        at.tell("receivers", row.receivers.len().to_string());
        given(row, &mut breach, at);
        at.save(&breach)
    }
}

/// Leaves the letter to a receiver, with a link of its own.
fn post(receiver: &mut Receiver, at: &mut At<'_, '_>) -> Result<()> {
    let token = hex(&at.random::<32>()?);
    receiver.link = Some(hex(&kernel::token_hash(&token)));
    let object = sending::object(at.id(), &receiver.contact, &token);
    at.later(at.now(), SEND, object);
    Ok(())
}

/// What the breach knows from the moment at which a notice is given.
fn given(row: &Notice, breach: &mut Kept<Breach>, at: &mut At<'_, '_>) {
    let known = Known { notice: at.id().to_owned(), number: row.number, at: When(at.now()) };
    breach.row.first = Some(breach.row.first().unwrap_or(known));
    breach.row.update_by = row.next_by;
    if let Some(by) = row.next_by {
        at.later(by.0, breaches::UPDATE, breach.id.clone());
    }
}

/// Writes to another contact instead of one that the letter does not reach.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Readdress {
    /// The contact that it does not reach, by its id.
    pub contact: String,
    /// The contact that is written to instead, by its id: a verified one of this account.
    pub to: String,
}

impl Step<Notice> for Readdress {
    const ACTION: &'static str = "notice.readdress";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Contact>(&self.to)
    }

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        may_be_given(row, at)?;
        if row.sent.is_none() || row.receivers.len() >= RECEIVERS {
            let why = "it is not sent, or has all the receivers it can have: write another notice";
            return Err(Error::conflict(why));
        }
        if row.receivers.iter().any(|one| one.contact == self.to) {
            return Err(Error::invalid("to", "this contact gets it already"));
        }
        let lost = row.receivers.iter_mut().find(|one| one.contact == self.contact && one.lost());
        let Some(lost) = lost else {
            let why = "no letter to this contact was lost: see the notice's receivers";
            return Err(Error::invalid("contact", why));
        };
        lost.replaced = Some(self.to.clone());
        let contact = super::choosing::contact(&self.to, &row.account, at)
            .map_err(|why| Error::invalid("to", why.message().to_owned()))?;
        let known = std::iter::once(&row.language).chain(row.others.iter().map(|o| &o.language));
        let known = known.filter_map(Option::as_deref);
        let wanted = contact.row.language.as_deref().unwrap_or_default();
        let language = lookup(wanted, known).map(str::to_owned);
        let mut receiver = Receiver::of(contact, language);
        post(&mut receiver, at)?;
        row.receivers.push(receiver);
        at.tell("account", &row.account);
        at.tell("contact", &self.contact);
        at.tell("to", &self.to);
        Ok(())
    }
}

/// A notice goes out only approved, and not while an order holds the account's clock.
fn may_be_given(row: &Notice, at: &At<'_, '_>) -> Result<Kept<Breach>> {
    if !row.may_go() {
        let have = row.approvals.len();
        let why =
            format!("this notice is not approved ({have} of {}): let others read it", row.needs);
        return Err(Error::conflict(why));
    }
    let breach = at.late::<Breach>(&row.breach())?;
    let breach = breach.ok_or_else(|| Error::internal("a notice without its breach"))?;
    match held(&breach.row, at.now()) {
        Some(to) => {
            let to = to.rfc3339();
            Err(Error::conflict(format!("an order holds this notice until {to}: lift it first")))
        }
        None => Ok(breach),
    }
}

/// Until when orders hold an account's clock, if they do now.
pub(super) fn held(breach: &Breach, now: Moment) -> Option<Moment> {
    let holds = breach.holds.iter().filter(|one| one.notices());
    holds.filter(|one| one.from.0 <= now && now < one.to.0).map(|one| one.to.0).max()
}

/// Documents that a notice was given in another way.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deliver {
    /// By which way.
    pub way: Way,
    /// What shows it, such as the number of a registered letter.
    pub evidence: String,
}

impl Step<Notice> for Deliver {
    const ACTION: &'static str = "notice.deliver";

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        let mut breach = may_be_given(row, at)?;
        if row.delivered.is_some() {
            return Err(Error::conflict("it is documented already how this notice was given"));
        }
        let evidence = prose("evidence", &self.evidence, 2000)?;
        row.delivered = Some(Delivered { way: self.way, evidence, mark: at.mark() });
        at.tell("account", &row.account);
        if row.sent.is_none() {
            given(row, &mut breach, at);
        }
        if row.reached(at.now()) {
            breach.row.tell(at.id(), at.now());
        }
        at.save(&breach)
    }
}

/// Withdraws a notice that was not sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why it is not sent.
    pub reason: String,
}

impl Step<Notice> for Withdraw {
    const ACTION: &'static str = "notice.withdraw";

    fn apply(&self, row: &mut Notice, at: &mut At<'_, '_>) -> Result<()> {
        row.live()?;
        if row.sent.is_some() || row.delivered.is_some() {
            let why = "this notice was given: correct it by another one";
            return Err(Error::conflict(why));
        }
        let text = prose("reason", &self.reason, 1000)?;
        row.withdrawn = Some(Said { text, mark: at.mark() });
        Ok(())
    }
}
