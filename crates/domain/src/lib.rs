//! What Bailee does: one folder per noun.
//!
//! A noun is a versioned stored form, pure rules over it, and operations that load, decide, save
//! and record through the kernel. There is no clock, randomness, network, `async`, HTTP, HTML or
//! SQL here. A noun may use the nouns declared above it, never one below; `xtask tidy` checks that.

pub mod register;
mod zones;

// In dependency order: a module may use those above it, never one below.
pub mod accounts;
pub mod people;
pub mod members;
pub mod catalogue;
pub mod services;
pub mod systems;
pub mod vendors;
pub mod grants;
pub mod directories;
pub mod certificates;
pub mod streams;
pub mod data;
pub mod ledgers;
pub mod transfers;
pub mod programme;
pub mod sites;
pub mod oncall;
pub mod signals;
pub mod detections;
pub mod answers;
pub mod changes;
pub mod incidents;
pub mod letters;
pub mod exposure;
pub mod reports;
pub mod registers;
pub mod measures;
pub mod setup;
pub mod portal;
pub mod decisions;

mod rights;

pub use rights::{RIGHTS, interpret, policies, run_job};
