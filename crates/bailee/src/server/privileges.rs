//! `bailee privileges`: what a database's user needs to serve a store, as statements for its owner.

use clap::Args;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// What `bailee privileges` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The user that serves the store
    #[arg(long, value_name = "ROLE")]
    pub role: String,
}

/// Runs the command. Nothing is changed: the owner of the tables runs what it prints.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let statements = postgres::grants(&options.role);
    output.json(&json!({ "statements": statements }))?;
    statements.iter().try_for_each(|statement| output.line(&format!("{statement};")))?;
    Ok(Exit::Done)
}
