//! The small file that lets an interrupted import go on.
//!
//! It holds the place up to which the server acknowledged everything, a hash of the file up to
//! there, the counts so far, and the run's random name, from which idempotency keys are made:
//! what was sent behind that place is sent again under the same keys and does nothing twice.
//!
//! Promises: it is replaced as a whole, never half written; an import goes on only in a file whose
//! acknowledged part is unchanged, and with the same server, collection and columns.
//! Does not: hold tokens or records.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::input::Position;
use super::report::Tally;
use crate::client::random_key;
use crate::exit::{Exit, Failure};

const FORMAT: &str = "bailee-import/v1";

/// Largest file that is read as one of these: a thousand listed rows fit many times.
const MOST: u64 = 16 * 1024 * 1024;

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    format: String,
    /// Random name of the run; it stays the same when the import goes on.
    pub run: String,
    /// Hash of what the import was told: server, collection, columns, format.
    parameters: String,
    /// Everything before this byte is acknowledged.
    byte: u64,
    /// The line that begins there.
    line: u64,
    /// Hash of the file up to there.
    prefix: String,
    /// Windows that are done.
    pub windows: u64,
    /// Counts so far.
    pub tally: Tally,
}

impl Progress {
    /// The beginning of a new import.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn start(parameters: &[&str], at: Position) -> Result<Self, Failure> {
        Ok(Self {
            format: FORMAT.to_owned(),
            run: random_key()?,
            parameters: fingerprint(parameters),
            byte: at.byte,
            line: at.line,
            prefix: String::new(),
            windows: 0,
            tally: Tally::default(),
        })
    }

    /// The place to go on at.
    pub fn at(&self) -> Position {
        Position { byte: self.byte, line: self.line }
    }

    /// Moves on behind a window; `prefix` is the file's hash up to `end`.
    pub fn advance(&mut self, end: Position, prefix: String, tally: Tally) {
        self.byte = end.byte;
        self.line = end.line;
        self.prefix = prefix;
        self.windows += 1;
        self.tally.add(tally);
    }
}

/// A hash over texts, each after its length, so that no two lists of texts look alike.
fn fingerprint(texts: &[&str]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for text in texts {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    hex(context.finish().as_ref())
}

/// An idempotency key: 128 bits of the hash over run, purpose and content.
pub fn key(run: &str, parts: &[&str], content: &[u8]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(fingerprint(parts).as_bytes());
    context.update(run.as_bytes());
    context.update(content);
    hex(context.finish().as_ref().get(..16).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file's hash up to a growing place.
pub struct Prefix {
    file: File,
    context: digest::Context,
    hashed: u64,
}

impl Prefix {
    /// Begins at the first byte of a file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let context = digest::Context::new(&digest::SHA256);
        Ok(Self { file: File::open(path)?, context, hashed: 0 })
    }

    /// The hash of the first `byte` bytes; `byte` must not be before an earlier one.
    ///
    /// # Errors
    /// When the file cannot be read or ends before.
    pub fn up_to(&mut self, byte: u64) -> io::Result<String> {
        let mut buffer = vec![0; 64 * 1024];
        while self.hashed < byte {
            let most = usize::try_from(byte - self.hashed).unwrap_or(usize::MAX).min(buffer.len());
            let read = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.context.update(buffer.get(..read).unwrap_or_default());
            self.hashed += read as u64;
        }
        Ok(hex(self.context.clone().finish().as_ref()))
    }
}

/// Where the progress of an import is kept.
#[derive(Debug)]
pub struct Resume {
    path: PathBuf,
}

impl Resume {
    /// The file beside the imported one, or the one named.
    pub fn new(file: &Path, named: Option<&Path>) -> Self {
        let path = named.map(Path::to_owned).unwrap_or_else(|| {
            let mut name = file.as_os_str().to_owned();
            name.push(".bailee-import");
            name.into()
        });
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The progress of an earlier run with the same parameters, if there was one.
    ///
    /// # Errors
    /// When the file is unreadable, or of another import, or the imported file was changed before
    /// the place that was reached.
    pub fn load(
        &self,
        parameters: &[&str],
        prefix: &mut Prefix,
    ) -> Result<Option<Progress>, Failure> {
        let mut json = Vec::new();
        match File::open(&self.path).and_then(|file| file.take(MOST).read_to_end(&mut json)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", &self.path, &error)),
        }
        let path = self.path.display();
        let refuse = |why: &str| {
            Failure::new(
                Exit::Conflict,
                format!("`{path}` {why}: remove it to start over, or name another --resume-file"),
            )
        };
        let progress: Progress = serde_json::from_slice(&json)
            .ok()
            .filter(|progress: &Progress| progress.format == FORMAT)
            .ok_or_else(|| refuse("does not hold the progress of an import"))?;
        if progress.parameters != fingerprint(parameters) {
            return Err(refuse("is of an import with another server, collection or columns"));
        }
        let unchanged = progress.windows == 0
            || prefix.up_to(progress.byte).is_ok_and(|hash| hash == progress.prefix);
        if !unchanged {
            return Err(refuse("is of a file that was changed in the part already imported"));
        }
        Ok(Some(progress))
    }

    /// Replaces the file with this progress.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, progress: &Progress) -> io::Result<()> {
        let json = serde_json::to_vec(progress).map_err(io::Error::other)?;
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let mut file = private(&new)?;
        file.write_all(&json)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }

    /// Removes the file; the import is done.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A new file that only its owner reads: reasons for bad rows may quote them.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
