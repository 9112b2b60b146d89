//! Worlds for tests: a kernel on an engine, a clock that is set by hand, and callers with rights;
//! and real servers to keep a store in.

mod authenticator;
mod dice;
mod planted;
mod world;

pub mod conformance;
pub mod servers;
pub mod simulation;

pub use authenticator::{Device, SITE};
pub use dice::Dice;
pub use planted::Planted;
pub use world::{HandClock, Token, World, asked_by, stranger};

#[expect(clippy::panic, reason = "what a test kit cannot make or read is a failed test")]
fn must<T, E: std::fmt::Debug>(outcome: Result<T, E>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{error:?}"),
    }
}
