//! The file of an incident as people read it: its plots, a page of HTML that needs nothing else,
//! and a PDF with the same content; and the package that holds them with the evidence.
//!
//! Promises: the same input makes the same bytes; every plot has a table that says the same; text
//! that somebody entered is text in every form, and none of it is dropped; nothing is loaded from
//! elsewhere and nothing runs.
//!
//! Does not: read the store, know who may see what (whoever hands in a
//! [`domain::incidents::whole::Whole`] was allowed to), or speak any language but English around
//! what was entered.

mod clocks;
mod document;
mod facts;
mod html;
mod package;
mod pdf;
mod plot;
mod plots;
mod sections;

pub use document::{Document, Part, Section, Table};
pub use facts::{Access, Alerted, Bar, Event, Facts};
pub use html::page;
pub use package::Packing;
pub use pdf::{Unprintable, pdf};
pub use plot::{Anchor, Plot, Shape, Tone, svg};
pub use plots::{accesses, alerts, clocks, timeline};

use kernel::Moment;

/// How a moment is written beside a plot, for whoever reads it.
pub type Label<'a> = &'a dyn Fn(Moment) -> String;

/// A moment to the minute in UTC, as the file writes it: `2026-11-22 14:02`.
#[must_use]
pub fn utc(moment: Moment) -> String {
    moment.rfc3339().chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}
