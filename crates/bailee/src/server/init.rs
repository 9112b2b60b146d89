//! `bailee init`: makes a store and its first administrator, offline.

use std::path::PathBuf;

use clap::Args;
use kernel::engine::{Engine, Sqlite};
use kernel::highwater::HighWater;
use kernel::{Clock as _, SystemClock};
use postgres::Postgres;
use sealing::{Argon2Cost, Entropy as _, PassphraseFile, RootKey, SystemEntropy};
use serde_json::json;

use super::Place;
use super::folders::{Folders, failure, make_private, read_passphrase, write_private};
use crate::exit::{Exit, Failure};
use crate::output::{Output, note};

/// What `bailee init` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where the store is to be.
    #[command(flatten)]
    pub place: Place,
    /// Name of the provider, first part of every log's origin: 1 to 64 of `a-z 0-9 . - _`
    #[arg(long, default_value = "bailee", value_name = "NAME")]
    pub provider: String,
    /// The database's user that will serve the store, if it is not the one that makes it
    #[arg(long, value_name = "ROLE", requires = "store")]
    pub store_role: Option<String>,
    /// Keep the root key under the passphrase in this file (Argon2id) instead of in the open
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When a folder is not new, or cannot be written.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let folders = Folders::of(&options.place);
    let Founder { token, link } = found_for(&folders, &options.provider, options)?;
    output.json(&json!({
        "token": token,
        "link": link,
        "administrator": "person:admin",
        "provider": options.provider,
        "data": folders.data.display().to_string(),
        "keys": folders.keys.display().to_string(),
    }))?;
    output.line(&token)?;
    if !output.json {
        note(&format!("to sign in at the server's address, once, within 24 hours: {link}"));
        note(&format!(
            "the token of `person:admin`, shown this once; keep `{}` apart from `{}` and from its \
             backups",
            folders.keys.display(),
            folders.data.display()
        ));
    }
    Ok(Exit::Done)
}

/// What the first administrator gets, once.
pub struct Founder {
    /// The bearer token.
    pub token: String,
    /// Path and query of the page that begins a session.
    pub link: String,
}

fn found_for(folders: &Folders, provider: &str, options: &Options) -> Result<Founder, Failure> {
    let role = options.store_role.as_deref();
    make(folders, provider, options.passphrase_file.as_deref(), role)
}

/// Makes both folders and the store; gives the first administrator's token.
///
/// # Errors
/// As [`run`]. What was made before an error is removed again.
pub fn found(
    folders: &Folders,
    provider: &str,
    passphrase_file: Option<&std::path::Path>,
) -> Result<Founder, Failure> {
    make(folders, provider, passphrase_file, None)
}

fn make(
    folders: &Folders,
    provider: &str,
    passphrase_file: Option<&std::path::Path>,
    role: Option<&str>,
) -> Result<Founder, Failure> {
    make_private(&folders.data)?;
    make_private(&folders.keys).inspect_err(|_| remove(&[&folders.data]))?;
    let made = fill(folders, provider, passphrase_file, role);
    made.inspect_err(|_| remove(&[&folders.data, &folders.keys]))
}

fn fill(
    folders: &Folders,
    provider: &str,
    passphrase_file: Option<&std::path::Path>,
    role: Option<&str>,
) -> Result<Founder, Failure> {
    let mut entropy = SystemEntropy;
    let root = RootKey::generate(&mut entropy).map_err(|why| Failure::failed(why.to_string()))?;
    match passphrase_file {
        None => write_private(&folders.root_file(), root.to_file().as_bytes())?,
        Some(file) => {
            let passphrase = read_passphrase(file)?;
            let locked =
                PassphraseFile::lock(&root, &passphrase, Argon2Cost::DEFAULT, &mut entropy)
                    .map_err(|why| Failure::usage(format!("`{}`: {why}", file.display())))?;
            write_private(&folders.root_file(), locked.encode().as_bytes())?;
        }
    }
    let mut random = [0; 40];
    entropy.fill(&mut random).map_err(|why| Failure::failed(why.to_string()))?;
    let clock = SystemClock;
    let (name, body, token) =
        domain::people::first_administrator(random, clock.now()).map_err(failure)?;
    entropy.fill(&mut random).map_err(|why| Failure::failed(why.to_string()))?;
    let (body, link) = domain::members::linked(&body, random, clock.now()).map_err(failure)?;
    let mut high_water = HighWater::file(&folders.high_water()).map_err(failure)?;
    let mut engine = empty(folders, role)?;
    let founded = kernel::found(
        &mut *engine,
        root,
        &mut high_water,
        &clock,
        &mut entropy,
        domain::interpret,
        provider,
        vec![("people", name, body)],
    );
    let public = founded.map_err(failure)?;
    let line = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, public);
    write_private(&folders.signing_pub(), format!("{line}\n").as_bytes())?;
    Ok(Founder { token, link: format!("/sign-in?link={link}") })
}

/// A store without anything in it.
fn empty(folders: &Folders, role: Option<&str>) -> Result<Box<dyn Engine>, Failure> {
    Ok(match folders.address()? {
        Some(address) => Box::new(Postgres::create(address, role).map_err(failure)?),
        None => Box::new(Sqlite::create(&folders.store()).map_err(failure)?),
    })
}

fn remove(folders: &[&std::path::Path]) {
    for folder in folders {
        if let Err(why) = std::fs::remove_dir_all(folder) {
            note(&format!("`{}` could not be removed again: {why}", folder.display()));
        }
    }
}
