//! Other people's formats and protocols, at the edge of Bailee.
//!
//! Reads files that other tools write ([`intake`]) and speaks to the world outside: mail, webhooks,
//! alerts, security events, calendars, Network UPS Tools, PDF, TLS. Everything is bounded and
//! refuses by naming the place. It does not know the kernel or the nouns: plain values go in and
//! come out, and who may do what is decided before anything here is called.

pub mod alerts;
pub mod calendar;
pub mod forward;
pub mod intake;
pub mod logs;
pub mod mail;
pub mod nut;
pub mod ocsf;
pub mod oidc;
pub mod pdf;
pub mod places;
pub mod push;
pub mod tls;
pub mod webhook;

mod outcome;
mod secret;
mod trust;

pub use outcome::{Outcome, REPLY_BYTES};
pub use secret::Secret;
