//! `bailee verify`: checks a receipt, evidence, a package, an export, a backup or a store, offline.
//!
//! It never changes what it looks at, and says plainly what it did not check.

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use ledger::verify::Report;
use sealing::RootKey;

use super::Place;
use super::folders::Folders;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// What `bailee verify` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Receipt, evidence file or package, export folder, backup folder or data folder
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Folder of keys; without it what needs them is named as not checked. For a data folder the
    /// sibling `<PATH>.keys` is taken if it is there
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// File with the passphrase of the root key, if it is under one
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When there is nothing at the path, or nothing that can be verified.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let report = look(options, output)?;
    let exit = if report.ok() { Exit::Done } else { Exit::Findings };
    say(&report, output)?;
    Ok(exit)
}

fn look(options: &Options, output: Output) -> Result<Report, Failure> {
    let path = &options.path;
    let about = fs::metadata(path).map_err(|why| Failure::file("read", path, &why))?;
    if about.is_file() {
        return receipt(path, options.keys.as_deref());
    }
    if path.join("backup.json").exists() {
        let folders = options.keys.as_ref().map(|keys| beside(path, keys));
        let root = open_root(folders.as_ref(), options)?;
        return Ok(backup(path, root.as_ref(), options.keys.as_deref(), output));
    }
    if path.join("bailee.db").exists() {
        let place = Place { data: path.clone(), keys: options.keys.clone(), store: None };
        let folders = Folders::of(&place);
        let named = options.keys.is_some() || folders.keys.exists();
        let root = open_root(named.then_some(&folders), options)?;
        return Ok(store(&folders, root.as_ref(), output));
    }
    if path.join("checkpoint").exists() {
        return export(path, options.keys.as_deref());
    }
    Err(Failure::usage(format!(
        "`{}` holds no store, backup or exported ledger: name a file or such a folder",
        path.display()
    )))
}

fn beside(data: &Path, keys: &Path) -> Folders {
    Folders::of(&Place { data: data.to_owned(), keys: Some(keys.to_owned()), store: None })
}

fn open_root(folders: Option<&Folders>, options: &Options) -> Result<Option<RootKey>, Failure> {
    folders.map(|folders| folders.root(options.passphrase_file.as_deref())).transpose()
}

/// Says what was found.
///
/// # Errors
/// When standard output cannot be written.
pub fn say(report: &Report, output: Output) -> Result<(), Failure> {
    output.json(report)?;
    output.line(report.to_string().trim_end())
}

/// Checks a store with its high-water mark.
pub fn store(folders: &Folders, root: Option<&RootKey>, output: Output) -> Report {
    let mark = fs::read(folders.high_water()).ok();
    let bar = Bar::new(output);
    kernel::verify::verify_store(&folders.store(), root, mark.as_deref(), &mut |done, total| {
        bar.show(done, total);
    })
}

/// Checks a store that was just restored: it may be behind its high-water mark, which is said.
pub fn restored(folders: &Folders, root: Option<&RootKey>, output: Output) -> Report {
    store(folders, root, output)
}

/// Checks a backup.
pub fn backup(
    folder: &Path,
    root: Option<&RootKey>,
    keys: Option<&Path>,
    output: Output,
) -> Report {
    let mark = keys.and_then(|keys| fs::read(keys.join("high-water")).ok());
    let bar = Bar::new(output);
    kernel::verify::verify_backup(folder, root, mark.as_deref(), &mut |done, total| {
        bar.show(done, total);
    })
}

fn receipt(path: &Path, keys: Option<&Path>) -> Result<Report, Failure> {
    let text = fs::read(path).map_err(|why| Failure::file("read", path, &why))?;
    let trusted = keys.map(public_key).transpose()?;
    if ledger::package::is_package(&text) {
        return Ok(ledger::verify::verify_package(&text, trusted.as_ref()));
    }
    let format = serde_json::from_slice::<serde_json::Value>(&text).ok();
    let format = format.as_ref().and_then(|json| json.get("format")?.as_str());
    Ok(match format {
        Some(ledger::evidence::FORMAT) => ledger::verify::verify_evidence(&text, trusted.as_ref()),
        Some("bailee-anchor/v1") => ledger::verify::verify_anchor(&text, trusted.as_ref()),
        _ => ledger::verify::verify_receipt(&text, trusted.as_ref()),
    })
}

fn export(folder: &Path, keys: Option<&Path>) -> Result<Report, Failure> {
    let trusted = keys.map(public_key).transpose()?;
    let mut read = |name: &str| fs::read(folder.join(name)).ok();
    Ok(ledger::verify::verify_log(&mut read, trusted.as_ref()))
}

/// The provider's signing key, as the keys folder has it.
///
/// # Errors
/// When the file is missing or no key.
pub fn public_key(keys: &Path) -> Result<[u8; 32], Failure> {
    let path = keys.join("signing.pub");
    let text = fs::read_to_string(&path).map_err(|why| Failure::file("read", &path, &why))?;
    let engine = &base64::engine::general_purpose::STANDARD;
    let bytes = base64::Engine::decode(engine, text.trim()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        Failure::failed(format!("`{}` is no public key: restore it from a backup", path.display()))
    })
}

/// A progress bar on a terminal, nothing elsewhere.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(output: Output) -> Self {
        let shown = !output.json && std::io::stderr().is_terminal();
        Self(shown.then(|| ProgressBar::new(0)))
    }

    fn show(&self, done: u64, total: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(total);
            bar.set_position(done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
