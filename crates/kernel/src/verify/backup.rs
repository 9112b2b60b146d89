//! A backup folder: a copy of a store, and a file that says which.

use super::findings::Findings;
use super::{Mode, verify};
use crate::stage::hex;
use aws_lc_rs::digest::{Context, SHA256};
use ledger::verify::Report;
use rusqlite::Connection;
use sealing::RootKey;
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The copy of the store in a backup folder.
const STORE: &str = "bailee.db";
/// What the folder says of itself.
const LABEL: &str = "backup.json";
const FORMAT: &str = "bailee-backup/v1";
/// Longest label; a few hundred bytes are usual.
const LABEL_BYTES: u64 = 65_536;

/// What a backup says of itself, as far as it is checked here.
#[derive(Deserialize)]
struct Label {
    format: String,
    /// SHA-256 of the copy, in hexadecimal.
    sha256: String,
    /// Sequence number of the newest commit in it.
    commit: u64,
}

/// Checks a backup folder: its label, the copy's hash, the copy as [`super::verify_store`] does.
///
/// A backup that is older than the high-water mark is no problem; the report says by how much.
pub fn verify_backup(
    folder: &Path,
    root: Option<&RootKey>,
    high_water: Option<&[u8]>,
    progress: &mut dyn FnMut(u64, u64),
) -> Report {
    let mut found = Findings::default();
    let store = folder.join(STORE);
    match label(&folder.join(LABEL)) {
        Ok(label) => compare(&mut found, &label, &store),
        Err(why) => found.problem(LABEL, why),
    }
    verify(&store, root, high_water, Mode::Backup, found, progress)
}

fn label(path: &Path) -> Result<Label, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    file.take(LABEL_BYTES).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let label: Label =
        serde_json::from_str(&text).map_err(|error| format!("is not a backup's: {error}"))?;
    if label.format != FORMAT {
        let format = crate::id::shown(&label.format);
        return Err(format!("has the format `{format}` instead of `{FORMAT}`"));
    }
    Ok(label)
}

fn compare(found: &mut Findings, label: &Label, store: &Path) {
    match hash(store) {
        Ok(hash) if hash == label.sha256 => {
            found.checked(format!("`{STORE}` has the SHA-256 that `{LABEL}` says"));
        }
        Ok(_) => found.problem(STORE, format!("has another SHA-256 than `{LABEL}` says")),
        Err(error) => found.problem(STORE, format!("cannot be read: {error}")),
    }
    let newest = super::file::open(store).and_then(|db: Connection| {
        db.query_row("SELECT coalesce(max(sequence), 0) FROM commits", [], |row| row.get(0))
    });
    // An unreadable store is reported when it is verified.
    if newest.is_ok_and(|newest: i64| u64::try_from(newest) != Ok(label.commit)) {
        found.problem(LABEL, format!("names commit {}, which is not the newest", label.commit));
    }
}

/// SHA-256 of a file (FIPS 180-4), in hexadecimal, reading it in pieces.
fn hash(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hex(context.finish().as_ref()));
        }
        context.update(piece.get(..read).unwrap_or_default());
    }
}
