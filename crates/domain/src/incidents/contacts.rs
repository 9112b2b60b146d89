//! Contacts: whom an account wants to be told, where that comes from, and when it was checked.
//!
//! An address counts once a person has verified it, for as long as the catalogue says. One that was
//! never verified is found before it is needed: E4.4 fails for an account that has none.

use crate::catalogue;
use crate::register::{
    At, Entry, Mark, Needs, Register, Row, Status, Step, Tone, When, line, step,
};
use kernel::id::AccountId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a contact is told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ContactKind")]
pub enum Kind {
    /// Security incidents.
    Security,
    /// Whatever has legal effect.
    Legal,
    /// Whatever the account's administrator is told.
    Admin,
}

/// That an address was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ContactVerified")]
pub struct Verified {
    /// How it was checked.
    pub how: String,
    /// First moment at which it counts no more.
    pub until: When,
    /// Who checked it, and when.
    pub mark: Mark,
}

/// A contact of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Contact {
    /// The account, by its readable id.
    pub account: String,
    /// Who it is.
    pub name: String,
    /// The address.
    pub email: String,
    /// What they are told about.
    pub kind: Kind,
    /// Where this comes from, such as a contract or a form.
    pub source: String,
    /// The language they are written to in, as BCP 47 has it; none was stated for older ones.
    #[serde(default)]
    pub language: Option<String>,
    /// The last check.
    pub verified: Option<Verified>,
    /// When it ended, if it did.
    pub ended: Option<Mark>,
}

impl Contact {
    /// Whether a notice may be sent to it.
    pub fn counts(&self, now: Moment) -> bool {
        self.ended.is_none() && self.verified.as_ref().is_some_and(|one| now < one.until.0)
    }
}

/// A contact to be entered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    /// The account, by its readable id.
    pub account: String,
    /// Who it is, on one line.
    pub name: String,
    /// The address: one mailbox.
    pub email: String,
    /// What they are told about.
    pub kind: Kind,
    /// Where this comes from, such as a contract or a form.
    pub source: String,
    /// The language they are written to in, such as `de` or `pt-BR` (BCP 47).
    pub language: Option<String>,
}

impl Row for Contact {
    const NOUN: &'static str = "contact";
    const REGISTER: &'static str = "contacts";
    const FORMAT: &'static str = "contact/v1";
    const ADD: &'static str = "contact.add";
    const READ: &'static str = "contact.read";
    const LIST: &'static str = "contact.list";
    type New = NewContact;

    fn needs(new: &NewContact, needs: &mut Needs<'_>) -> Result<()> {
        super::account("account", &new.account, needs)
    }

    fn add(new: &NewContact, at: &mut At<'_, '_>) -> Result<Self> {
        at.tell("account", &new.account);
        Ok(Self {
            account: AccountId::parse(&new.account)?.to_string(),
            name: super::header("name", &new.name, 200)?,
            email: mailbox("email", &new.email)?,
            kind: new.kind,
            source: line("source", &new.source, 200)?,
            language: new
                .language
                .as_deref()
                .map(|text| super::language("language", text))
                .transpose()?,
            verified: None,
            ended: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        if self.ended.is_some() {
            return Status::of("ended", Tone::Past);
        }
        match &self.verified {
            None => Status::of("unverified", Tone::Due)
                .what("nobody has checked this address yet: write to it, and enter the answer")
                .who("responder"),
            Some(one) if one.until.0 <= now => Status::of("stale", Tone::Due)
                .what("it was checked too long ago: check it again")
                .due(one.until.0)
                .who("responder"),
            Some(one) => Status::of("verified", Tone::Good).due(one.until.0),
        }
    }
}

/// Enters that an address was checked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// How it was checked, such as an answer to a letter.
    pub how: String,
}

impl Step<Contact> for Verify {
    const ACTION: &'static str = "contact.verify";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Contact, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this contact ended: add another one"));
        }
        at.tell("account", &row.account);
        row.verified = Some(Verified {
            how: line("how", &self.how, 500)?,
            until: When(at.in_days(catalogue::parameters(at)?.contact_days)),
            mark: at.mark(),
        });
        Ok(())
    }
}

/// Ends a contact.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Contact> for End {
    const ACTION: &'static str = "contact.end";

    fn apply(&self, row: &mut Contact, at: &mut At<'_, '_>) -> Result<()> {
        if row.ended.is_some() {
            return Err(Error::conflict("this contact ended already"));
        }
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

/// One mailbox, as far as that can be told without asking it: no list, no display name, nothing
/// that ends a header.
fn mailbox(field: &'static str, text: &str) -> Result<String> {
    let text = text.trim();
    let plain = |c: char| c.is_ascii_graphic() && !"<>,;:\"()[]\\".contains(c);
    let parts = text.rsplit_once('@').filter(|(left, _)| !left.is_empty() && !left.contains('@'));
    let known = parts.filter(|(_, domain)| {
        domain.split('.').all(|label| !label.is_empty()) && domain.contains('.')
    });
    if known.is_none() || text.len() > 254 || !text.chars().all(plain) {
        return Err(Error::invalid(field, "write one address, such as `security@example.com`"));
    }
    Ok(text.to_owned())
}

const STEPS: &[Entry] = &[
    step::<Contact, Verify>("verify", "Enters that the address was checked, and how"),
    step::<Contact, End>("end", "Ends the contact"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Contact>(
    "incidents",
    "Whom each account wants to be told when its data is affected",
)
.serves(&["E4.4", "E4.7"])
.first("Enter a contact for every account, and verify the address")
.columns(&["account", "name", "email", "kind"])
.steps(STEPS);

#[cfg(test)]
mod tests {
    use super::mailbox;

    #[test]
    fn an_address_is_one_mailbox() {
        for good in ["a@b.example", " sec+ops@sub.acme.example ", "o'neil@acme.example"] {
            assert_eq!(mailbox("email", good).unwrap(), good.trim());
        }
        let long = format!("{}@acme.example", "x".repeat(250));
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b",
            "a@b.",
            "a@.b",
            "a b@c.example",
            "a@b.example,c@d.e",
            "A <a@b.example>",
            "a@b.example\nBcc: c@d.example",
            "a@b@c.example",
            "ä@b.example",
            &long,
        ] {
            assert!(mailbox("email", bad).is_err(), "{bad}");
        }
    }
}
