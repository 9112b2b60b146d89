//! Detection: which rules an event matches, and what happened too often, together, or not at all.
//!
//! Rules are Sigma rules and Sigma correlations. Parsing and matching are `rsigma`'s; what is kept
//! between events is our own ([`Detector`], decision 0017).
//!
//! Promises: a rule sees only events of its own log source. The alerts of rising rules (at least
//! so many, all of these) do not depend on the order in which events arrive, as long as none
//! arrives further from its own time than [`Limits::skew`]. An alert's id is a function of rule,
//! group and window, so that evaluating again makes no second one. Memory is bounded, whatever
//! arrives, and where a bound has cost exactness the alert says by how much.
//! Does not: read files, know the time, keep events, decide who is told.

mod alert;
mod coverage;
mod described;
mod detector;
mod event;
mod group;
mod limits;
mod pack;
mod plan;
mod rules;
mod sketch;
mod state;
mod store;
mod sum;
mod timeline;
mod yaml;

pub use alert::{Alert, Answer, Level};
pub use coverage::Interval;
pub use detector::{Detector, Pressure};
pub use event::Event;
pub use limits::Limits;
pub use pack::PACK;
pub use rules::{Problem, Rule, Rules};
pub use state::StateError;
