//! The words of a notice: placeholders, the frame of an update, and what must not stand in them.
//!
//! Placeholders are strict: one that is unknown, or that has nothing to stand for, refuses. What is
//! filled in is not looked at again. Before a text is frozen it is searched for the ids and names
//! of the other accounts of the incident: nobody is told about somebody else.

use super::super::breaches::{Breach, Known};
use super::super::{fingerprint, header};
use super::{NewNotice, Text};
use crate::register::{Day, When, prose};
use kernel::{Error, Moment, Result};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Bytes of a subject, and of a text, with everything filled in.
const SUBJECT: usize = 200;
const TEXT: usize = 20_000;
/// Bytes of what is known, and of what is not.
const PART: usize = 8_000;

/// What placeholders stand for.
pub(super) struct Values<'a> {
    incident: &'a str,
    breach: &'a Breach,
    first: Option<Known>,
    known: Option<String>,
    unknown: Option<String>,
    next_by: Option<When>,
    /// Those that were used.
    used: RefCell<BTreeSet<&'static str>>,
}

/// An account, by its readable id and its name.
pub(super) struct Called {
    pub(super) id: String,
    pub(super) name: String,
}

/// A text to be filled in, and the fields by which it was stated.
pub(super) struct Draft {
    pub(super) fields: (&'static str, &'static str),
    pub(super) language: Option<String>,
    pub(super) version: Option<u32>,
    pub(super) subject: String,
    pub(super) text: String,
}

impl<'a> Values<'a> {
    /// As stated; `breach` counts the new notice already.
    pub(super) fn new(
        new: &NewNotice,
        incident: &'a str,
        breach: &'a Breach,
        now: Moment,
    ) -> Result<Self> {
        let part = |field, text: &Option<String>| {
            text.as_deref().map(|text| prose(field, text, PART)).transpose()
        };
        if new.next_by.is_some_and(|by| by.0 <= now) {
            return Err(Error::invalid("next_by", "state a moment later than now"));
        }
        Ok(Self {
            incident,
            breach,
            first: breach.first(),
            known: part("known", &new.known)?,
            unknown: part("unknown", &new.unknown)?,
            next_by: new.next_by,
            used: RefCell::default(),
        })
    }

    /// What a placeholder stands for; `None` if there is none of this name.
    fn value(&self, name: &str) -> Option<Option<String>> {
        let first = || Some(format!("{} ({})", self.first.as_ref()?.number, self.first_day()?));
        let (name, value) = match name {
            "account" => ("account", Some(self.breach.account.clone())),
            "incident" => ("incident", Some(self.incident.to_owned())),
            "verified" => ("verified", Some(self.breach.verified.at.0.rfc3339())),
            "class" => ("class", Some(self.breach.harm.word().to_owned())),
            "deadline" => ("deadline", Some(self.breach.deadline.0.rfc3339())),
            "number" => ("number", Some(self.breach.notices.to_string())),
            "first" => ("first", first()),
            "known" => ("known", self.known.clone()),
            "unknown" => ("unknown", self.unknown.clone()),
            "next" => ("next", self.next_by.map(|by| by.0.rfc3339())),
            _ => return None,
        };
        self.used.borrow_mut().insert(name);
        Some(value)
    }

    fn first_day(&self) -> Option<String> {
        Some(Day::of(self.first.as_ref()?.at.0).to_string())
    }

    /// A draft with everything filled in, frozen.
    pub(super) fn freeze(&self, draft: &Draft) -> Result<Text> {
        self.used.borrow_mut().clear();
        let (in_subject, in_text) = draft.fields;
        let fill = |field, text: &str| filled(field, text, |name| self.value(name));
        let subject = header(in_subject, &fill(in_subject, &draft.subject)?, SUBJECT)?;
        let text = fill(in_text, &draft.text)?;
        let text = prose(in_text, &self.framed(&text), TEXT)?;
        let language = draft.language.clone();
        let sha256 = fingerprint(&text);
        Ok(Text { language, version: draft.version, subject, text, sha256 })
    }

    /// With what was stated and has no placeholder: an update always names the first notice, and
    /// what is known, not known and due next is always said.
    fn framed(&self, text: &str) -> String {
        let used = self.used.borrow();
        let mut out = String::with_capacity(text.len() + 200);
        if let (Some(first), false) = (&self.first, used.contains("first")) {
            let (number, at) = (self.breach.notices, first.at.0.rfc3339());
            let first = first.number;
            out.push_str(&format!("Update {number} to notice {first} of {at}.\n\n"));
        }
        out.push_str(text);
        let next = self.next_by.map(|by| by.0.rfc3339());
        for (name, title, value) in [
            ("known", "What is known", &self.known),
            ("unknown", "What is not known yet", &self.unknown),
            ("next", "Next update by", &next),
        ] {
            if let (Some(value), false) = (value, used.contains(name)) {
                out.push_str(&format!("\n\n{title}:\n{value}"));
            }
        }
        out
    }

    /// Refuses a draft, or a value, in which another account is named.
    pub(super) fn about_nobody_else(
        &self,
        draft: &Draft,
        own: &Called,
        others: &[Called],
    ) -> Result<()> {
        let blank = |field, text: &str| filled(field, text, |_| Some(Some(" ".to_owned())));
        let (in_subject, in_text) = draft.fields;
        let parts = [
            ("known", self.known.clone().unwrap_or_default()),
            ("unknown", self.unknown.clone().unwrap_or_default()),
            (in_subject, blank(in_subject, &draft.subject)?),
            (in_text, blank(in_text, &draft.text)?),
        ];
        for (field, text) in parts {
            if let Some(other) = named(&text, own, others) {
                let why = format!(
                    "it names another account of this incident, `{other}`: write it otherwise"
                );
                return Err(Error::invalid(field, why));
            }
        }
        Ok(())
    }
}

/// The first of these accounts that a text names by id or name, as words of their own.
fn named<'o>(text: &str, own: &Called, others: &'o [Called]) -> Option<&'o str> {
    let mut text = text.to_lowercase();
    // What an account is called itself may hold another's name.
    for own in [&own.name, &own.id] {
        for (at, end) in words(&text, &own.to_lowercase()).into_iter().rev() {
            text.replace_range(at..end, " ");
        }
    }
    let found = |one: &&Called| {
        [&one.id, &one.name].iter().any(|called| !words(&text, &called.to_lowercase()).is_empty())
    };
    others.iter().find(found).map(|one| one.id.as_str())
}

/// Where a name stands in a text and is no part of a longer word.
fn words(text: &str, name: &str) -> Vec<(usize, usize)> {
    let part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let name = name.trim();
    if name.is_empty() {
        return vec![];
    }
    let ends = text.match_indices(name).filter_map(|(at, found)| {
        let end = at + found.len();
        let before = text.get(..at)?.chars().next_back().is_some_and(part);
        let after = text.get(end..)?.chars().next().is_some_and(part);
        (!before && !after).then_some((at, end))
    });
    ends.collect()
}

/// Checks that a text holds only placeholders that there are.
///
/// # Errors
/// `Invalid` with the field.
pub(in crate::incidents) fn spelled(field: &'static str, text: &str) -> Result<()> {
    const KNOWN: [&str; 10] = [
        "account", "incident", "verified", "class", "deadline", "number", "first", "known",
        "unknown", "next",
    ];
    filled(field, text, |name| KNOWN.contains(&name).then(|| Some(String::new()))).map(drop)
}

/// A text with its placeholders filled in. What is filled in is not looked at again.
fn filled(
    field: &'static str,
    text: &str,
    value: impl Fn(&str) -> Option<Option<String>>,
) -> Result<String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            out.push_str(from.get(..1).unwrap_or_default());
            rest = after;
            continue;
        }
        let name = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let found = name.and_then(|(name, after)| Some((name, value(name)?, after)));
        let Some((name, value, after)) = found else {
            let near: String = from.chars().take(20).collect();
            let near = kernel::id::shown(&near);
            let why =
                format!("`{near}` is no placeholder: write a brace that stands for itself twice");
            return Err(Error::invalid(field, why));
        };
        let Some(value) = value else {
            let why = match name {
                "first" => "no notice was given before: leave `{first}` out".to_owned(),
                "next" => "it says `{next}`: state `next_by`".to_owned(),
                _ => format!("it says `{{{name}}}`: state `{name}`"),
            };
            return Err(Error::invalid(field, why));
        };
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{Called, filled, named, spelled};

    fn called(id: &str, name: &str) -> Called {
        Called { id: id.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn another_account_is_found_as_a_word_of_its_own() {
        let own = called("acme-eu", "Acme Europe");
        let others = [called("acme", "Acme"), called("beta", "Beta & Söhne")];
        for (text, found) in [
            ("records of acme-eu were read", None),
            ("Acme Europe was told", None),
            ("records of ACME were read", Some("acme")),
            ("(acme)", Some("acme")),
            ("acmes, xacme, acme_x, alphabeta", None),
            ("like those of Beta & söhne.", Some("beta")),
            ("beta", Some("beta")),
            ("", None),
        ] {
            assert_eq!(named(text, &own, &others), found, "{text}");
        }
        assert_eq!(named("anything", &own, &[called("", " ")]), None);
    }

    #[test]
    fn placeholders_are_strict() {
        let value = |name: &str| match name {
            "a" => Some(Some("{b}".to_owned())),
            "known" => Some(None),
            _ => None,
        };
        let fill = |text| filled("text", text, value);
        assert_eq!(fill("x {a} {{a}} }}").unwrap(), "x {b} {a} }");
        for bad in ["{b}", "{", "}", "{a", "{ a}", "{known}"] {
            assert_eq!(fill(bad).unwrap_err().field(), Some("text"), "{bad}");
        }
        assert!(spelled("text", "{account} {first} {next}").is_ok());
        assert!(spelled("text", "{Account}").is_err());
    }
}
