//! Names that are unique in a directory: each is a row that says whose it is, so that a lookup
//! reads one row and two of the same name cannot be.

use super::{Stored, UserRead, UsersListed};
use crate::register::{self, Noun};
use kernel::{Act, Content, Error, Kernel, RecordKey, Result, Work};
use serde::{Deserialize, Serialize};

/// Whose a name is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DirectoryName {
    /// `directory-name/v1`.
    format: String,
    /// The id of the user or group.
    pub(crate) of: String,
}

impl Noun for DirectoryName {
    const REGISTER: &'static str = "directory-names";
    const NOUN: &'static str = "directory name";
    type Read = UserRead;
    type List = UsersListed;
}

/// A name as it is compared: neither case nor spaces around it make another one.
pub(crate) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Where the row of a name is.
///
/// # Errors
/// `Internal` if `house` has no keys.
pub(super) fn key<N: Stored>(kernel: &Kernel, directory: &str, name: &str) -> Result<RecordKey> {
    let place = format!("{directory}/{}/{}", N::OF.endpoint, folded(name));
    register::key::<DirectoryName>(kernel, &place)
}

/// Whose a name is, if anybody's.
pub(super) fn of<N: Stored>(
    work: &Work<'_>,
    kernel: &Kernel,
    directory: &str,
    name: &str,
) -> Result<Option<String>> {
    let found = work.look_late(&key::<N>(kernel, directory, name)?)?;
    let found = found.map(|body| register::parse::<DirectoryName>(&body)).transpose()?;
    Ok(found.map(|name| name.of))
}

/// Gives one resource a name and takes its earlier one from it.
///
/// # Errors
/// `Conflict` with `uniqueness` if another has the name.
pub(super) fn rename<N: Stored, A: Act>(
    work: &mut Work<'_>,
    kernel: &Kernel,
    (directory, id): (&str, &str),
    before: Option<&str>,
    after: Option<&str>,
) -> Result<()> {
    if before.map(folded) == after.map(folded) {
        return Ok(());
    }
    if let Some(name) = after {
        if let Some(other) = of::<N>(work, kernel, directory, name)?
            && other != id
        {
            let name = kernel::id::shown(name);
            let why = format!("`{name}` is the name of `{other}` already: choose another");
            return Err(Error::precondition("uniqueness", why));
        }
        let row = DirectoryName { format: "directory-name/v1".to_owned(), of: id.to_owned() };
        let allowed = work.load_late::<A>(&key::<N>(kernel, directory, name)?)?;
        work.save(allowed, register::body(&row)?, vec![])?;
    }
    if let Some(name) = before {
        let allowed = work.load_late::<A>(&key::<N>(kernel, directory, name)?)?;
        if allowed.exists() {
            work.save(allowed, Content::Deleted, vec![])?;
        }
    }
    Ok(())
}
