//! PostgreSQL on this host: told to read its list anew, and to end sessions that the list refuses.
//! By `psql`, as an administrator would.

use std::process::Stdio;

use pki::x509::Crl;
use tokio::process::Command;

use crate::exit::{Failure, reason};

/// Has the list read.
pub(super) async fn reload(to: &str) -> Result<(), Failure> {
    ask(to, "select pg_reload_conf()").await.map(drop)
}

/// Ends the sessions whose certificate the list names; gives their number.
pub(super) async fn end(to: &str, list: &Crl) -> Result<u64, Failure> {
    // Numbers of our own making: decimal digits and nothing else.
    let serials = list.revoked.iter().map(|one| u128::from_be_bytes(*one.serial.bytes()));
    let serials: Vec<String> = serials.map(|serial| serial.to_string()).collect();
    if serials.is_empty() {
        return Ok(0);
    }
    let statement = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_ssl where client_serial in ({})",
        serials.join(",")
    );
    let said = ask(to, &statement).await?;
    said.trim().parse().map_err(|_| Failure::failed(format!("`psql` said `{}`", said.trim())))
}

async fn ask(to: &str, statement: &str) -> Result<String, Failure> {
    let mut psql = Command::new("psql");
    psql.args(["-XqAtw", "-v", "ON_ERROR_STOP=1", "-c", statement, "-d", to]);
    psql.stdin(Stdio::null()).env_remove("BAILEE_TOKEN");
    let run = psql.output().await;
    let run = run.map_err(|why| {
        Failure::failed(format!("cannot run `psql`: {}; install it", reason(&why)))
    })?;
    if run.status.success() {
        return Ok(String::from_utf8_lossy(&run.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&run.stderr);
    let first = said.lines().next().unwrap_or("no reason");
    Err(Failure::failed(format!("PostgreSQL is not reached: {first}")))
}
