//! Worlds for tests: a kernel on an engine, a clock that is set by hand, and callers with rights.

mod world;

pub use world::{HandClock, Token, World, asked_by, stranger};
