//! `bailee db`: signs in to a database under a grant, by the ordinary client.

use std::path::PathBuf;

use clap::Args;
use kernel::id::Collection;
use tokio::process::Command;

use super::folder::Folder;
use super::{Wanted, pair, run};
use crate::exit::Failure;

/// What `bailee db` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// What is asked for.
    #[command(flatten)]
    wanted: Wanted,
    /// The registered system
    #[arg(long, value_name = "SYSTEM", value_parser = Collection::parse)]
    system: Collection,
    /// Role to sign in as; the only one of the grant if it is not stated
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// PEM file with the authority that the database's own certificate is of; without it what the
    /// client trusts
    #[arg(long, value_name = "FILE")]
    server_ca: Option<PathBuf>,
    /// The client and its arguments, behind `--`: psql, pg_dump or any other of libpq
    #[arg(last = true, required = true, value_name = "CLIENT")]
    client: Vec<String>,
}

/// Runs the command; gives the code that the client ended with.
///
/// # Errors
/// What the server refused, or why it could not be asked, or that there is no such client.
pub async fn start(options: &Options) -> Result<u8, Failure> {
    let Some((program, arguments)) = options.client.split_first() else {
        return Err(Failure::usage("name the client behind `--`, such as `-- psql`"));
    };
    let folder = Folder::new()?;
    let role = options.role.as_deref();
    let made = pair(&options.wanted, &options.system, role).await?;
    let shown = folder.write("client.crt", &made.certificate)?;
    let private = folder.write("client.key", &made.key)?;
    let mut command = Command::new(program);
    command.args(arguments).env("PGSSLCERT", shown).env("PGSSLKEY", private);
    command.env("PGSSLMODE", "verify-full").env_remove("BAILEE_TOKEN");
    if let Some(ca) = &options.server_ca {
        command.env("PGSSLROOTCERT", ca);
    }
    if let Some(role) = role {
        command.env("PGUSER", role);
    }
    run(command, program, folder).await
}
