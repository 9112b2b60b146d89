//! `bailee openapi`: prints the description of the API.

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Runs the command.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(output: Output) -> Result<Exit, Failure> {
    let document = api::openapi();
    output.json(&document)?;
    let text = serde_json::to_string_pretty(&document);
    output.line(&text.map_err(|why| Failure::failed(why.to_string()))?)?;
    Ok(Exit::Done)
}
