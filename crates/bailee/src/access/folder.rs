//! A private folder for the files of one run.

use std::fs::{DirBuilder, File, OpenOptions, remove_dir_all};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::client::random_key;
use crate::exit::Failure;

/// A folder that only its owner can enter, gone with this value.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A new one: in memory where the session has such a folder, otherwise among temporary files.
    pub(super) fn new() -> Result<Self, Failure> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = runtime.filter(|path| path.is_absolute() && path.is_dir());
        let base = base.unwrap_or_else(std::env::temp_dir);
        let path = base.join(format!("bailee-{}", random_key()?));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|why| Failure::file("make", &path, &why))?;
        Ok(Self(path))
    }

    /// Where a file of this name is or would be.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a new file that only its owner reads.
    pub(super) fn write(&self, name: &str, content: &str) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        let failed = |why: std::io::Error| Failure::file("write", &path, &why);
        let mut file: File = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        file.write_all(content.as_bytes()).map_err(failed)?;
        Ok(path.clone())
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody can be told any more; what is left counts for hours at most.
        let _ = remove_dir_all(&self.0);
    }
}
