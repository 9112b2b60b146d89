//! `bailee kube`: a certificate for a cluster, as `kubectl` asks a program for it (credential
//! plugin, `client.authentication.k8s.io/v1`).
//!
//! Promises: certificate and key go to whoever called, and into no file. Without a plugin's call
//! (`KUBERNETES_EXEC_INFO`) it writes nothing, so that no key ends up on a terminal.

use std::io::IsTerminal as _;

use clap::Args;
use kernel::id::Collection;
use serde_json::{Value, json};

use super::{Wanted, pair, text};
use crate::exit::Failure;
use crate::output::Output;

/// What the plugin interface is called, in the versions that are answered.
const VERSIONS: [&str; 2] =
    ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// The variable in which the client says what it wants.
const ASKED: &str = "KUBERNETES_EXEC_INFO";

/// What `bailee kube` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// What is asked for.
    #[command(flatten)]
    wanted: Wanted,
    /// The registered cluster
    #[arg(long, value_name = "SYSTEM", value_parser = Collection::parse)]
    system: Collection,
    /// Login to act as; the only one of the grant if it is not stated
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,
}

/// Answers the client with a certificate for ten minutes at most; it asks again by itself.
///
/// # Errors
/// What the server refused, or that nobody called it as a plugin.
pub async fn run(options: &Options, output: Output) -> Result<(), Failure> {
    let version = version(std::env::var(ASKED).ok().as_deref())?;
    if std::io::stdout().is_terminal() {
        let why = "it answers `kubectl` and not a terminal: name it in a kubeconfig, see \
                   docs/operating/hosts.md";
        return Err(Failure::usage(why));
    }
    let made = pair(&options.wanted, &options.system, options.login.as_deref()).await?;
    let answer = json!({
        "apiVersion": version,
        "kind": "ExecCredential",
        "status": {
            "expirationTimestamp": text(&made.row, "until")?,
            "clientCertificateData": made.certificate,
            "clientKeyData": made.key,
        },
    });
    output.json(&answer)?;
    output.line(&answer.to_string())
}

/// The version to answer in, as the client asks.
fn version(asked: Option<&str>) -> Result<String, Failure> {
    let known = VERSIONS.join("` or `");
    let Some(asked) = asked else {
        let why =
            format!("{ASKED} is not set: `kubectl` sets it where a kubeconfig names `bailee kube`");
        return Err(Failure::usage(why));
    };
    let asked: Option<Value> = serde_json::from_str(asked).ok();
    let said = asked.as_ref().and_then(|asked| asked.get("apiVersion")).and_then(Value::as_str);
    said.filter(|said| VERSIONS.contains(said)).map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!(
            "{ASKED} asks for another interface than `{known}`: state one of them"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn only_known_interfaces_are_answered() {
        let asked = |version: &str| format!("{{\"apiVersion\": \"{version}\", \"spec\": {{}}}}");
        for known in super::VERSIONS {
            assert_eq!(version(Some(&asked(known))).unwrap(), known);
        }
        for other in [asked("v1"), asked(""), "{".to_owned(), "[]".to_owned(), String::new()] {
            assert!(version(Some(&other)).is_err(), "{other}");
        }
        assert!(version(None).is_err());
    }
}
