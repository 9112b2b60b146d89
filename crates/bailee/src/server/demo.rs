//! `bailee demo`: the main job on a sample company, in front of the reader, then a server to try;
//! with `--breach` a breach on it, from the theft of a token to the file that an auditor gets.
//!
//! Everything goes through the real API over TLS, as any client would; only the folders are
//! temporary.

mod board;
mod breach;
mod house;
mod relay;
mod stage;
mod tour;

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::server::serve;

/// What `bailee demo` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Show a breach: a stolen token, a page, the accounts affected, a hold, notices, a bounce
    #[arg(long)]
    pub breach: bool,
    /// End after the tour instead of staying up
    #[arg(long)]
    pub once: bool,
}

/// Runs the command.
///
/// # Errors
/// When a step does not do what it shows.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let runtime = serve::runtime()?;
    let relay = relay::Relay::default();
    let mail = options.breach.then(|| runtime.block_on(async { relay.start() }).map(breach::mail));
    let stage = stage::Stage::new(runtime, mail.transpose()?)?;
    let told = if options.breach {
        stage.runtime.block_on(breach::run(&stage, &relay, output))
    } else {
        stage.runtime.block_on(tour::run(&stage, output))
    };
    // Also after a failure the folder is removed.
    let told = told.and_then(|()| match options.once {
        true => Ok(()),
        false => stage.stay(if options.breach { &breach::LOOK } else { &stage::LOOK }, output),
    });
    stage.end();
    told.map(|()| Exit::Done)
}
