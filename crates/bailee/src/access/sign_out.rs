//! `bailee sign-out`: ends the session of `bailee sign-in` at the server, and forgets its key.

use clap::Args;
use serde_json::json;

use crate::client::{Client, Connect, Session};
use crate::exit::{Exit, Failure};
use crate::output::{Output, note, printable};

/// What `bailee sign-out` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// Where the session is.
    #[command(flatten)]
    connect: Connect,
}

/// Signs out. A token that is stated is no session, and stays as it is.
///
/// # Errors
/// When there is no session at this server, or it cannot be asked: then the session and its key
/// stay, to be tried again.
pub async fn run(options: &Options, output: Output) -> Result<(), Failure> {
    let (_, base) = options.connect.stranger()?;
    let place = Session::place()?;
    let kept = match Session::find(&base) {
        // It is over by itself; what is left of it is forgotten all the same.
        Err(failure) if failure.exit == Exit::Refused => {
            forget(&place)?;
            return Err(failure);
        }
        found => found?,
    };
    let none = || {
        let why = format!("no session at `{base}`: there is nothing to sign out of");
        Failure::new(Exit::NotFound, why)
    };
    let kept = kept.ok_or_else(none)?;
    let principal = kept.principal.clone();
    let client = Client::in_session(&options.connect, kept)?;
    match client.delete(&["session"]).send().await {
        Ok(_) => {}
        // The server knows it no more: it ended there before.
        Err(failure) if failure.status == Some(401) => {
            note("the session was over at the server already");
        }
        Err(failure) => return Err(failure),
    }
    forget(&place)?;
    output.json(&json!({"principal": principal, "signed_out": true}))?;
    output.line(&format!("{} is signed out, and the key is gone", printable(&principal)))
}

fn forget(place: &std::path::Path) -> Result<(), Failure> {
    std::fs::remove_file(place).map_err(|error| Failure::file("remove", place, &error))
}
