//! The high-water mark: how far the store had come, remembered outside of it.
//!
//! After each commit its sequence number and chain are written to a file in the keys folder. A
//! store that is behind the file, or that differs from it, was rolled back: it does not sign. The
//! file is written after the commit, so it is never ahead of an intact store; it is not flushed
//! each time, so after a loss of power it may be behind one, which is harmless.

use crate::engine::CommitRow;
use crate::error::{Error, Result};
use sealing::{RootKey, mac, verify_mac};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const CHAIN: usize = 32;
const MAC: usize = 32;
const SLOT: usize = 8 + CHAIN + MAC;

/// The newest commit that is known outside the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The commit's sequence number.
    pub sequence: u64,
    /// Its chain over every leaf before and in it.
    pub chain: [u8; CHAIN],
}

impl From<&CommitRow> for Mark {
    fn from(commit: &CommitRow) -> Self {
        Self { sequence: commit.sequence, chain: commit.chain }
    }
}

/// Where marks are kept.
pub enum HighWater {
    /// A file in the keys folder.
    File(File),
    /// Memory, for simulation; clones are the same mark.
    Memory(Arc<Mutex<Option<Mark>>>),
}

impl HighWater {
    /// The file of a keys folder; it is made if it is not there.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be opened for writing.
    pub fn file(path: &Path) -> Result<Self> {
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = open.map_err(|error| {
            Error::unavailable(format!(
                "`{}` cannot be written: check owner and permissions of the keys folder",
                path.display()
            ))
            .with_context(error.to_string())
        })?;
        Ok(Self::File(file))
    }

    /// Reads the newest mark. Two slots are written in turn, so that a torn write loses one at
    /// most.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be read.
    pub fn read(&mut self, root: &RootKey) -> Result<Option<Mark>> {
        match self {
            Self::Memory(mark) => Ok(*mark.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::File(file) => {
                let mut bytes = Vec::new();
                file.seek(SeekFrom::Start(0)).map_err(failed)?;
                file.take(2 * SLOT as u64).read_to_end(&mut bytes).map_err(failed)?;
                Ok(newest(root, &bytes))
            }
        }
    }

    /// Writes the mark of a commit.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be written.
    pub fn write(&mut self, root: &RootKey, mark: Mark) -> Result<()> {
        match self {
            Self::Memory(kept) => {
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
                Ok(())
            }
            Self::File(file) => {
                let mut slot = [0; SLOT];
                let sequence = mark.sequence.to_be_bytes();
                let check = mac(root.meta(), &[b"high-water", &sequence, &mark.chain]);
                for (to, from) in
                    slot.iter_mut().zip(sequence.iter().chain(&mark.chain).chain(&check))
                {
                    *to = *from;
                }
                file.write_all_at(&slot, mark.sequence % 2 * SLOT as u64).map_err(failed)
            }
        }
    }

    /// Replaces every mark: the history before it is another epoch's.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be written.
    pub fn reset(&mut self, root: &RootKey, mark: Mark) -> Result<()> {
        if let Self::File(file) = self {
            file.set_len(0).map_err(failed)?;
        }
        self.write(root, mark)?;
        self.flush()
    }

    /// Flushes to the medium; done now and then, not on each commit.
    ///
    /// # Errors
    /// `Unavailable` if the medium fails.
    pub fn flush(&mut self) -> Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::File(file) => file.sync_data().map_err(failed),
        }
    }
}

/// The newest valid mark in the content of a high-water file.
pub fn newest(root: &RootKey, bytes: &[u8]) -> Option<Mark> {
    bytes
        .chunks_exact(SLOT)
        .filter_map(|slot| {
            let (sequence, rest) = slot.split_first_chunk::<8>()?;
            let (chain, check) = rest.split_first_chunk::<CHAIN>()?;
            let parts: [&[u8]; 3] = [b"high-water", sequence, chain];
            verify_mac(root.meta(), &parts, check)
                .then_some(Mark { sequence: u64::from_be_bytes(*sequence), chain: *chain })
        })
        .max_by_key(|mark| mark.sequence)
}

fn failed(error: std::io::Error) -> Error {
    Error::unavailable("the high-water file in the keys folder failed: check its disk")
        .with_context(error.to_string())
}
