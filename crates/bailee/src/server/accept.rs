//! `bailee accept`: takes a store for the newest there is, on the word of an administrator.

use std::path::PathBuf;

use clap::Args;
use kernel::SystemClock;
use kernel::highwater::HighWater;
use sealing::SystemEntropy;
use serde_json::json;

use super::Place;
use super::folders::{Folders, failure};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// What `bailee accept` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where the store is.
    #[command(flatten)]
    pub place: Place,
    /// How it is known that no newer copy exists
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// File with the passphrase of the root key, if it is under one
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Runs the command: for a node that has no high-water mark, where no other node is left that could
/// vouch for the store. The word is an entry of `house`.
///
/// # Errors
/// When this node has a mark, other nodes are at work, or store or keys cannot be used.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let folders = Folders::of(&options.place);
    folders.prepared()?;
    let _lock = folders.lock()?;
    let root = folders.root(options.passphrase_file.as_deref())?;
    let mut engines = folders.engines()?;
    let engine = engines.first_mut().ok_or_else(|| Failure::failed("a store without an engine"))?;
    let mut mark = HighWater::file(&folders.high_water()).map_err(failure)?;
    let sequence = kernel::accept(
        &mut **engine,
        root,
        &mut mark,
        &SystemClock,
        &mut SystemEntropy,
        domain::interpret,
        &options.reason,
    )
    .map_err(failure)?;
    output.json(&json!({ "commit": sequence }))?;
    output.line(&format!("the store counts as the newest there is, as of commit {sequence}"))?;
    Ok(Exit::Done)
}
