//! The one way to do anything: who, when, may they, change, record, commit.
//!
//! `kernel` is the reference monitor of Bailee: always invoked, not to be bypassed, small enough to
//! be read whole. Every operation goes through [`Kernel::submit`]: it is decided under the current
//! rights, executed on an overlay, and committed together with its entry in the account's ledger;
//! what it shows is opened only after that commit.
//!
//! It does not know the nouns of `domain`, and it has no HTTP, no `async` and no clock of its own:
//! clock, randomness, engine and policies are parameters.

pub mod authority;
pub mod engine;
mod error;
pub mod highwater;
pub mod id;
pub mod limits;
mod operation;
mod reveal;
mod store;
mod time;

mod anchors;
mod cache;
mod finisher;
mod found;
mod kernel;
mod lane;
mod probed;
mod refusals;
mod sweep;
mod stage;
mod tick;
mod vouching;
mod work;
pub mod verify;

pub use error::{Error, Kind, Result};
pub use found::{accept, begin_epoch, found};
pub use kernel::{
    Accesses, Fed, KeptSignals, Kernel, Parts, SeenEntry, Told, Trace, Traced, keyed_hash,
    on_collection, on_house, token_hash,
};
pub use lane::Done;
pub use operation::{
    Act, After, Allowed, Asked, Content, Job, Operation, Pointer, RecordKey, Replay, Saved, Target,
    address, parse_address,
};
pub use probed::PROBED;
pub use refusals::{REFUSED, RESTRAINED, UNAUTHENTICATED};
pub use reveal::{Header, Reveal, Version};
pub use sealing::digest;
pub use store::{HOUSE, Identity};
pub use tick::{EVERY_TICK, RIGHTS_MOVED, Ran, RunJob};
pub use time::{Clock, Moment, SystemClock};
pub use work::Work;
