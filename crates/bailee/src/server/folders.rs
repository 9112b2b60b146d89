//! The two folders of a store: data and keys. What is in them, and opening what is.
//!
//! The data folder holds the store (`bailee.db`), the lock and `tls/ca.pem`; it may be copied and
//! shown to whoever stores backups. The keys folder holds the root key, the TLS private keys, the
//! signing key's public half and the high-water mark; it belongs elsewhere.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernel::engine::{Engine, Sqlite};
use kernel::highwater::HighWater;
use kernel::{Error, Kernel, Kind, Parts, SystemClock};
use postgres::{Address, Postgres};
use sealing::{Entropy as _, RootFile, RootKey, SystemEntropy};
use zeroize::Zeroizing;

use super::Place;
use crate::exit::{Exit, Failure};

/// Where everything of a store is.
pub struct Folders {
    /// The data folder.
    pub data: PathBuf,
    /// The keys folder.
    pub keys: PathBuf,
    /// The database of the store, where it is not a file of the data folder.
    pub database: Option<String>,
}

/// Nobody else works on the store as long as this lives.
pub struct Lock(#[expect(dead_code, reason = "held for its lock, which ends with it")] File);

impl Folders {
    /// As the options say; the keys folder is the sibling `<data>.keys` if none is named.
    pub fn of(place: &Place) -> Self {
        let keys = place.keys.clone().unwrap_or_else(|| sibling(&place.data));
        Self { data: place.data.clone(), keys, database: place.store.clone() }
    }

    /// The store's file.
    pub fn store(&self) -> PathBuf {
        self.data.join("bailee.db")
    }

    /// The root key's file.
    pub fn root_file(&self) -> PathBuf {
        self.keys.join("root.key")
    }

    /// The high-water mark's file.
    pub fn high_water(&self) -> PathBuf {
        self.keys.join("high-water")
    }

    /// The public half of the signing key, for checking receipts.
    pub fn signing_pub(&self) -> PathBuf {
        self.keys.join("signing.pub")
    }

    /// Makes sure that no other process works on the store.
    ///
    /// # Errors
    /// When one does, or the folder cannot be written.
    pub fn lock(&self) -> Result<Lock, Failure> {
        let path = self.data.join("bailee.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|why| Failure::file("write", &path, &why))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                Exit::Conflict,
                format!(
                    "another `bailee` works on `{}`: stop it, or name another folder",
                    self.data.display()
                ),
            )),
            Err(TryLockError::Error(why)) => Err(Failure::file("lock", &path, &why)),
        }
    }

    /// Reads the root key, asking the passphrase file where the key is under a passphrase.
    ///
    /// # Errors
    /// When the file is missing or no root key, or the passphrase is wrong.
    pub fn root(&self, passphrase_file: Option<&Path>) -> Result<RootKey, Failure> {
        let path = self.root_file();
        let text =
            Zeroizing::new(fs::read(&path).map_err(|why| {
                Failure::file("read", &path, &why).during("the root key is needed")
            })?);
        let broken = |why: sealing::RootFileError| {
            Failure::failed(format!("`{}` gives no root key: {why}", path.display()))
        };
        match RootFile::parse(&text).map_err(broken)? {
            RootFile::Plain(root) => Ok(root),
            RootFile::Passphrase(locked) => {
                let file = passphrase_file.ok_or_else(|| {
                    Failure::usage(
                        "the root key is under a passphrase: name its file by `--passphrase-file`",
                    )
                })?;
                locked.unlock(&read_passphrase(file)?).map_err(broken)
            }
        }
    }

    /// Refuses a store in a database, for what is done with a file only.
    ///
    /// # Errors
    /// When the store is in a database.
    pub fn in_a_file(&self) -> Result<(), Failure> {
        match self.database {
            None => Ok(()),
            Some(_) => Err(Failure::usage(
                "a store in PostgreSQL is backed up and restored with PostgreSQL's own tools",
            )),
        }
    }

    /// The database's address, if the store is in one.
    ///
    /// # Errors
    /// When it is none, or would not verify who answers.
    pub fn address(&self) -> Result<Option<Address>, Failure> {
        self.database.as_deref().map(Address::parse).transpose().map_err(failure)
    }

    /// The store, an engine for each lane.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub fn engines(&self) -> Result<Vec<Box<dyn Engine>>, Failure> {
        if let Some(address) = self.address()? {
            let first = Postgres::open(address, node_name()?).map_err(failure)?;
            let mut engines: Vec<Box<dyn Engine>> = Vec::new();
            engines.resize_with(LANES, || Box::new(first.lane()));
            return Ok(engines);
        }
        if !self.store().exists() {
            return Err(Failure::new(
                Exit::NotFound,
                format!(
                    "no store in `{0}`: make one with `bailee init --data {0}`",
                    self.data.display()
                ),
            ));
        }
        Ok(vec![Box::new(Sqlite::open(&self.store()).map_err(failure)?)])
    }

    /// Makes the data folder of a further node, which comes with its keys alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn prepared(&self) -> Result<(), Failure> {
        match self.database {
            Some(_) => private(&self.data),
            None => Ok(()),
        }
    }

    /// Opens the store and starts a kernel on it.
    ///
    /// # Errors
    /// When folders, keys and store do not belong together or cannot be used.
    pub fn kernel(&self, passphrase_file: Option<&Path>) -> Result<(Lock, Kernel), Failure> {
        self.prepared()?;
        let lock = match self.database.is_some() || self.store().exists() {
            true => Some(self.lock()?),
            false => None,
        };
        let engines = self.engines()?;
        let lock = lock.map_or_else(|| self.lock(), Ok)?;
        let root = self.root(passphrase_file)?;
        let kernel = Kernel::open(Parts {
            engines,
            root,
            high_water: HighWater::file(&self.high_water()).map_err(failure)?,
            clock: Arc::new(SystemClock),
            entropy: Box::new(SystemEntropy),
            policies: domain::policies().map_err(failure)?,
            rights: domain::RIGHTS,
            interpret: domain::interpret,
        })
        .map_err(failure)?;
        Ok((lock, kernel))
    }
}

/// Lanes of a node before a database.
const LANES: usize = 2;

/// A name that no other process before the same database has: the host's, and a random part.
fn node_name() -> Result<String, Failure> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String =
        host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let mut random = [0; 4];
    let filled = SystemEntropy.fill(&mut random);
    filled.map_err(|why| Failure::failed(why.to_string()))?;
    Ok(format!("{host}-{:08x}", u32::from_be_bytes(random)))
}

/// Makes a folder that only its owner can enter, unless it is there.
fn private(folder: &Path) -> Result<(), Failure> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|why| Failure::file("make", folder, &why))
}

/// The passphrase in a file, without the line end that editors add.
///
/// # Errors
/// When the file cannot be read.
pub fn read_passphrase(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut text = fs::read(file).map_err(|why| Failure::file("read", file, &why))?;
    while text.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        text.pop();
    }
    Ok(Zeroizing::new(text))
}

/// Makes a folder that only its owner can enter; one that is there must be empty.
///
/// # Errors
/// When it cannot be made or something is in it.
pub fn make_private(folder: &Path) -> Result<(), Failure> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|why| Failure::file("make", folder, &why))?;
    let mut entries = fs::read_dir(folder).map_err(|why| Failure::file("read", folder, &why))?;
    if entries.next().is_some() {
        return Err(Failure::new(
            Exit::Conflict,
            format!("`{}` is not empty: name a new folder", folder.display()),
        ));
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700))
        .map_err(|why| Failure::file("protect", folder, &why))
}

/// Writes a new file that only its owner can read, through to the medium.
///
/// # Errors
/// When it is there already or cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|why| Failure::file("write", path, &why))
}

/// A kernel's error as a failure of a command.
pub fn failure(error: Error) -> Failure {
    let exit = match error.kind() {
        Kind::Unauthenticated | Kind::Forbidden => Exit::Refused,
        Kind::NotFound => Exit::NotFound,
        Kind::Conflict => Exit::Conflict,
        Kind::Unavailable => Exit::Unavailable,
        Kind::Invalid => Exit::Usage,
        Kind::Limit | Kind::Internal => Exit::Failed,
    };
    let mut failure = Failure::new(exit, error.message());
    // On the machine itself the operator is the caller: the context belongs here.
    if let Some(context) = error.context() {
        failure.message = format!("{} ({context})", failure.message);
    }
    failure.field = error.field().map(str::to_owned);
    failure
}

fn sibling(data: &Path) -> PathBuf {
    // A trailing slash names the same folder; its sibling is not inside of it.
    let clean: PathBuf = data.components().collect();
    let mut name = clean.into_os_string();
    name.push(".keys");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::{Folders, make_private, write_private};
    use crate::server::Place;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};

    #[test]
    fn the_keys_stand_beside_the_data() {
        for (data, keys) in [("a/b", "a/b.keys"), ("a/b/", "a/b.keys"), ("b", "b.keys")] {
            let folders = Folders::of(&Place { data: data.into(), keys: None, store: None });
            assert_eq!(folders.keys, PathBuf::from(keys));
        }
        let place = Place { data: "a".into(), keys: Some("k".into()), store: None };
        assert_eq!(Folders::of(&place).keys, Path::new("k"));
    }

    #[test]
    fn folders_and_files_are_private_and_never_overwritten() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("x/y");
        make_private(&folder).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let file = folder.join("f");
        write_private(&file, b"1").unwrap();
        assert_eq!(mode(&file), 0o600);
        assert!(write_private(&file, b"2").is_err());
        assert!(make_private(&folder).is_err(), "not empty");
    }
}
