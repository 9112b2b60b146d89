//! Who gets a notice, in which language, and whose names must not be in it.

use super::super::Incident;
use super::super::contacts::Contact;
use super::super::templates::Template;
use super::writing::{Called, Draft};
use super::{NewNotice, Receiver};
use crate::accounts::Account;
use crate::register::{At, Kept};
use kernel::{Error, Result};

/// A contact of the account that may be written to.
pub(super) fn contact(id: &str, account: &str, at: &At<'_, '_>) -> Result<Kept<Contact>> {
    let contact = at.named::<Contact>("contacts", id)?;
    if contact.row.account != account {
        return Err(Error::invalid("contacts", format!("`{id}` is a contact of another account")));
    }
    if !contact.row.counts(at.now()) {
        let why =
            format!("`{id}` ended, or nobody has verified it lately: verify the address first");
        return Err(Error::invalid("contacts", why));
    }
    Ok(contact)
}

/// What is to be filled in, one for each language that is needed, and who gets which.
pub(super) fn drafts(
    new: &NewNotice,
    contacts: Vec<Kept<Contact>>,
    at: &At<'_, '_>,
) -> Result<(Vec<Draft>, Vec<Receiver>)> {
    let Some(name) = &new.template else {
        let (Some(subject), Some(text)) = (&new.subject, &new.text) else {
            let field = if new.subject.is_none() { "subject" } else { "text" };
            return Err(Error::invalid(field, "write it, or name a template"));
        };
        let (subject, text) = (subject.clone(), text.clone());
        let fields = ("subject", "text");
        let draft = Draft { fields, language: None, version: None, subject, text };
        let receivers = contacts.into_iter().map(|one| Receiver::of(one, None));
        return Ok((vec![draft], receivers.collect()));
    };
    if new.subject.is_some() || new.text.is_some() {
        return Err(Error::invalid("template", "name a template, or write subject and text"));
    }
    let template = at.named::<Template>("template", name)?;
    let (mut drafts, mut receivers) = (Vec::<Draft>::new(), Vec::new());
    for one in contacts {
        let text = template.row.pick(one.row.language.as_deref())?;
        let language = Some(text.language.clone());
        if drafts.iter().all(|draft| draft.language != language) {
            drafts.push(Draft {
                fields: ("template", "template"),
                language: language.clone(),
                version: Some(text.version),
                subject: text.subject.clone(),
                text: text.text.clone(),
            });
        }
        receivers.push(Receiver::of(one, language));
    }
    Ok((drafts, receivers))
}

/// What the account is called, and what every other one is called that the incident affects.
pub(super) fn called(
    account: &str,
    incident: &Incident,
    at: &At<'_, '_>,
) -> Result<(Called, Vec<Called>)> {
    let named = |id: &str| {
        let name = at.late_noun::<Account>(id)?.map(|found| found.name).unwrap_or_default();
        Ok(Called { id: id.to_owned(), name })
    };
    let others = incident.verified.iter().filter(|one| *one != account);
    Ok((named(account)?, others.map(|one| named(one)).collect::<Result<_>>()?))
}
