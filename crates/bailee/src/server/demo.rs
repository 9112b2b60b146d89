//! `bailee demo`: the main job on a sample company, in front of the reader, then a server to try.
//!
//! Everything goes through the real API over TLS, as any client would; only the folders are
//! temporary.

mod board;
mod house;
mod stage;
mod tour;

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// What `bailee demo` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// End after the tour instead of staying up
    #[arg(long)]
    pub once: bool,
}

/// Runs the command.
///
/// # Errors
/// When a step does not do what it shows.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let stage = stage::Stage::new()?;
    stage.runtime.block_on(tour::run(&stage, output))?;
    if !options.once {
        stage.stay(output)?;
    }
    stage.end();
    Ok(Exit::Done)
}
