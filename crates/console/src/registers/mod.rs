//! The pages of every register: a list, a form that adds, a row with its steps and its history.
//! They are made from the table of registers; a new noun has pages without a line here.

mod change;
mod list;
mod row;

pub(crate) use change::{add, new, step};
pub(crate) use list::list;
pub(crate) use row::{offered, show};

use crate::nouns;
use crate::schema::label;
use domain::register::Register;
use kernel::id::RecordId;
use kernel::{Error, Result};
use maud::{Markup, html};

/// The register of this name.
fn known(plural: &str) -> Result<&'static Register> {
    nouns::find(plural).ok_or_else(|| Error::not_found("there is no such page"))
}

/// The id of a row, in the form that ids have.
fn id(text: &str) -> Result<String> {
    let id = RecordId::parse(text);
    Ok(id.map_err(|_| Error::not_found("there is no such page"))?.to_string())
}

/// `a system`, `an account`.
fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" }).replace('-', " ")
}

/// The obligations that rest on a register, as links.
fn obligations(register: &Register) -> Markup {
    html! {
        @for (at, id) in register.obligations.iter().enumerate() {
            @if at > 0 { ", " }
            a href=(format!("/measures/{id}")) { (id) }
        }
    }
}

/// The heading of a register's list.
fn heading(register: &Register) -> String {
    label(register.plural)
}
