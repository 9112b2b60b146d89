//! `bailee epoch`: begins a new epoch after entries were lost.

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

/// What `bailee epoch` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where the store is.
    #[command(flatten)]
    pub place: Place,
    /// Why this copy is the newest there is
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// File with the passphrase of the root key, if it is under one
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Runs the command.
///
/// From then on every log has a new origin, and `house` says what was known of the lost history.
///
/// # Errors
/// When the store or its keys cannot be used.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let folders = Folders::of(&options.place);
    let _lock = folders.lock()?;
    let root = folders.root(options.passphrase_file.as_deref())?;
    let mut engines = folders.engines()?;
    let engine = engines.first_mut().ok_or_else(|| Failure::failed("a store without an engine"))?;
    let mut mark = HighWater::file(&folders.high_water()).map_err(failure)?;
    let epoch = kernel::begin_epoch(
        &mut **engine,
        root,
        &mut mark,
        &SystemClock,
        &mut SystemEntropy,
        domain::interpret,
        &options.reason,
    )
    .map_err(failure)?;
    output.json(&json!({ "epoch": epoch }))?;
    output.line(&format!("epoch {epoch} began: every log now has the origin `…/e{epoch}`"))?;
    Ok(Exit::Done)
}
