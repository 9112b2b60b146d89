//! What every engine has to do, whatever it stores in: one suite, run on each of them.
//!
//! [`suite`] checks each promise of [`Engine`] and [`kernel::engine::Reader`] by itself. [`random`]
//! makes commits from a seed, and [`dump`] writes down everything a store holds, so that two
//! engines that took the same commits can be compared.

mod cases;
mod dump;
mod sample;

pub use dump::dump;
pub use sample::random;

use kernel::engine::Engine;

/// A new, empty store each time it is called.
pub type Make<'a> = &'a mut dyn FnMut() -> Box<dyn Engine>;

/// Runs every case on a new store.
///
/// # Panics
/// If the engine does not keep a promise; the message names it.
pub fn suite(make: Make<'_>) {
    cases::empty(make);
    cases::reads_back(make);
    cases::heads(make);
    cases::entries(make);
    cases::accesses(make);
    cases::pages(make);
    cases::requests(make);
    cases::jobs(make);
    cases::signals(make);
    cases::keys_and_facts(make);
    cases::commits(make);
    cases::contradictions(make);
}
