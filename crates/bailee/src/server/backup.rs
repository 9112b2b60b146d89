//! `bailee backup`: copies a store, sealed as it is, while it is in use.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use kernel::engine::Sqlite;
use kernel::{Clock as _, SystemClock};
use serde_json::json;

use super::Place;
use super::folders::{Folders, failure, make_private, write_private};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// What `bailee backup` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where the store is.
    #[command(flatten)]
    pub place: Place,
    /// Folder to write the backup to; it must be new or empty
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
}

/// Runs the command.
///
/// The description `backup.json` is written last: a folder without it is no backup.
///
/// # Errors
/// When the store cannot be read or the folder cannot be written.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let folders = Folders::of(&options.place);
    folders.in_a_file()?;
    if !folders.store().exists() {
        let what = format!("no store in `{}`", folders.data.display());
        return Err(Failure::new(Exit::NotFound, what));
    }
    make_private(&options.out)?;
    let copy = options.out.join("bailee.db");
    Sqlite::backup(&folders.store(), &copy).map_err(failure)?;
    let file = File::open(&copy).map_err(|why| Failure::file("read", &copy, &why))?;
    file.sync_all().map_err(|why| Failure::file("flush", &copy, &why))?;
    let commit = newest_commit(&copy)?;
    let digest = digest(&copy).map_err(|why| Failure::file("read", &copy, &why))?;
    let bytes = fs::metadata(&copy).map_err(|why| Failure::file("read", &copy, &why))?.len();
    let about = json!({
        "format": "bailee-backup/v1",
        "at": SystemClock.now().rfc3339(),
        "commit": commit,
        "sha256": digest,
        "bytes": bytes,
    });
    write_private(&options.out.join("backup.json"), format!("{about}\n").as_bytes())?;
    output.json(&about)?;
    output.line(&format!(
        "backed up {bytes} bytes up to commit {commit} into `{}`; the keys are not in it",
        options.out.display()
    ))?;
    Ok(Exit::Done)
}

/// The newest commit of a copy. Opening it makes no change that is not undone by closing it.
fn newest_commit(copy: &Path) -> Result<u64, Failure> {
    Sqlite::newest_commit(copy).map_err(failure)
}

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        context.update(buffer.get(..read).unwrap_or_default());
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}
