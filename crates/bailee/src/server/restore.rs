//! `bailee restore`: makes a store from a backup and verifies it.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::Place;
use super::folders::{Folders, make_private};
use super::verify;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// What `bailee restore` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where the store is to be; the folder must be new or empty.
    #[command(flatten)]
    pub place: Place,
    /// Folder of the backup
    #[arg(long, value_name = "FOLDER")]
    pub from: PathBuf,
    /// File with the passphrase of the root key, if it is under one
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Runs the command: checks the backup, copies the store, verifies the copy.
///
/// # Errors
/// When the backup is none or damaged, or the folder cannot be written.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let folders = Folders::of(&options.place);
    folders.in_a_file()?;
    let keys = folders.keys.exists().then_some(&folders.keys);
    let root = keys.map(|_| folders.root(options.passphrase_file.as_deref())).transpose()?;
    let found = verify::backup(&options.from, root.as_ref(), keys.map(PathBuf::as_path), output);
    if !found.ok() {
        verify::say(&found, output)?;
        return Ok(Exit::Findings);
    }
    make_private(&folders.data)?;
    let (from, to) = (options.from.join("bailee.db"), folders.store());
    let part = folders.data.join("bailee.db.part");
    fs::copy(&from, &part).map_err(|why| Failure::file("write", &part, &why))?;
    let flush = fs::File::open(&part).and_then(|file| file.sync_all());
    flush.map_err(|why| Failure::file("flush", &part, &why))?;
    fs::rename(&part, &to).map_err(|why| Failure::file("write", &to, &why))?;
    let found = verify::restored(&folders, root.as_ref(), output);
    let exit = if found.ok() { Exit::Done } else { Exit::Findings };
    verify::say(&found, output)?;
    if keys.is_none() {
        crate::output::note(&format!(
            "no keys in `{}`: bring them there or name them with `--keys`, then `bailee verify`",
            folders.keys.display()
        ));
    }
    Ok(exit)
}
