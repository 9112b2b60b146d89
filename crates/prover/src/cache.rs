//! What was proved before, so that a run proves only what changed.
//!
//! A line is the hash of everything that an answer rests on. Only what was proved is kept: what was
//! refuted or not answered is asked again.

use crate::authority::hashed;
use crate::{Problem, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Part of every key: a change of how formulas are made begins anew.
const FORM: &str = "bailee-prove/v1 cedar-policy-symcc/0.8.1";

/// Hashes of what was proved.
#[derive(Debug)]
pub struct Cache {
    file: Option<PathBuf>,
    before: BTreeSet<String>,
    now: Mutex<BTreeSet<String>>,
}

impl Cache {
    /// Reads a file; one that is not there is empty.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        let before = text.lines().map(str::to_owned).collect();
        Self { file: Some(file.to_owned()), before, now: Mutex::default() }
    }

    /// One that knows nothing, and will be written to this file.
    pub fn empty(file: &Path) -> Self {
        Self { file: Some(file.to_owned()), ..Self::none() }
    }

    /// One that knows nothing and keeps nothing.
    pub fn none() -> Self {
        Self { file: None, before: BTreeSet::new(), now: Mutex::default() }
    }

    /// The key of everything an answer rests on.
    pub fn key(parts: &[&str]) -> String {
        hashed(FORM, parts.iter().copied())
    }

    /// Whether this was proved before; what is asked for is kept.
    pub(crate) fn knows(&self, key: &str) -> bool {
        let known = self.before.contains(key);
        if known {
            self.put(key.to_owned());
        }
        known
    }

    pub(crate) fn put(&self, key: String) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }

    /// Writes what was asked for in this run and is proved.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let cannot = |error| Problem::new(format!("cannot write `{}`: {error}", file.display()));
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(cannot)?;
        }
        let keys = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let text: String = keys.iter().map(|key| format!("{key}\n")).collect();
        let beside = file.with_extension("new");
        fs::write(&beside, text).map_err(cannot)?;
        fs::rename(&beside, file).map_err(cannot)
    }
}
