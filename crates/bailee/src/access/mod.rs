//! `bailee ssh`, `bailee db` and `bailee kube`: the ordinary clients, each with a key and a
//! certificate of its own for this one use.
//!
//! Promises: the private key is made here and leaves this host in no form; it lies in a private
//! folder while the client runs, in memory where the system has such a place, and is removed with
//! it, also when the client or this program is told to end. The code that the client ends with is
//! the code of the command.
//! Does not: read what goes through the client, or open connections of its own to hosts.

pub mod db;
mod folder;
pub mod kube;
pub mod sign_in;
pub mod sign_out;
pub mod ssh;

use std::process::ExitStatus;
use std::time::Duration;

use clap::Args;
use kernel::id::Collection;
use pki::{Secret, x509};
use rustix::process::{Pid, Signal, kill_process};
use sealing::SystemEntropy;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::{Client, Connect};
use crate::duration;
use crate::exit::{Failure, reason};
use folder::Folder;

/// The register, as paths name it.
const CERTIFICATES: &str = "certificates";

/// What both commands are told.
#[derive(Args, Debug)]
pub struct Wanted {
    /// The server to ask.
    #[command(flatten)]
    connect: Connect,
    /// Purpose of the grant to use, if there are several for the system
    #[arg(long, env = "BAILEE_PURPOSE", value_name = "TEXT")]
    purpose: Option<String>,
    /// How long the certificate counts at most, such as 1h; it never outlasts the grant
    #[arg(long = "for", value_name = "LENGTH", value_parser = duration::parse)]
    length: Option<Duration>,
}

/// Asks for a certificate on this public key or request; gives its row.
async fn issued(
    wanted: &Wanted,
    kind: &str,
    system: &str,
    login: Option<&str>,
    key: &str,
) -> Result<Value, Failure> {
    let intent = crate::client::Intent { purpose: wanted.purpose.clone(), on_behalf_of: None };
    let client = Client::new(&wanted.connect, Some(&intent))?;
    let logins: Vec<&str> = login.into_iter().collect();
    let body = json!({
        "kind": kind,
        "system": system,
        "key": key,
        "logins": logins,
        "for_seconds": wanted.length.map(|length| length.as_secs()),
    });
    client.post(&[CERTIFICATES]).json(&body)?.send().await?.json()
}

/// A certificate of X.509 on a key that was made for it.
struct Pair {
    /// Its row, as the register has it.
    row: Value,
    /// The certificate, in PEM.
    certificate: String,
    /// The private key, in PEM.
    key: String,
}

/// Makes a key, and asks for a certificate on it.
async fn pair(wanted: &Wanted, system: &Collection, login: Option<&str>) -> Result<Pair, Failure> {
    let refused = |why: pki::Error| Failure::failed(why.to_string());
    let secret = Secret::<32>::generate(&mut SystemEntropy)
        .map_err(|why| Failure::failed(why.to_string()))?;
    let key = x509::ClientKey::new(&secret);
    let request = key.request().map_err(refused)?;
    let row = issued(wanted, "x509", system.as_str(), login, &request).await?;
    Ok(Pair { certificate: text(&row, "certificate")?, key: key.pem().map_err(refused)?, row })
}

/// What stands in a row under this name.
fn text(row: &Value, name: &str) -> Result<String, Failure> {
    let text = row.get(name).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Failure::failed(format!("the answer has no `{name}`: retry")))
}

/// Runs the client to its end, and passes on what tells this program to end. `folder` goes when it
/// has ended.
async fn run(mut command: Command, name: &str, folder: Folder) -> Result<u8, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|why| Failure::failed(format!("cannot start: {}", reason(&why))))
    };
    // The terminal tells both; what it means is the client's to decide.
    let (mut interrupt, mut quit) = (listen(SignalKind::interrupt())?, listen(SignalKind::quit())?);
    let (mut end, mut hangup) = (listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    let mut child = command.spawn().map_err(|why| {
        Failure::failed(format!("cannot run `{name}`: {}; install it", reason(&why)))
    })?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let status = loop {
        let told = tokio::select! {
            status = child.wait() => break status,
            _ = interrupt.recv() => None,
            _ = quit.recv() => None,
            _ = end.recv() => Some(Signal::TERM),
            _ = hangup.recv() => Some(Signal::HUP),
        };
        if let (Some(pid), Some(told)) = (pid, told) {
            // One that has ended already is what is wanted.
            let _ = kill_process(pid, told);
        }
    };
    drop(folder);
    let status = status.map_err(|why| Failure::failed(format!("`{name}`: {}", reason(&why))))?;
    Ok(code(status))
}

/// The code as a shell gives it: 128 and the signal for what a signal ended.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
