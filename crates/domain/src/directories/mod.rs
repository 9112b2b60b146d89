//! Staff directories: who of the provider works here and in which groups, as an identity provider
//! pushes it over SCIM (RFC 7643, RFC 7644; decision 0032).
//!
//! A directory is a row that names the service that pushes, and which of its groups give which
//! role. It has users and groups of its own; what an active user is here is a person, taken in,
//! moved and let out with the directory's row, in one commit. People who were taken in by hand are
//! none of its users, and `administrator` is no role that a group gives.

mod groups;
mod groups_view;
mod names;
mod people;
mod reading;
mod settling;
mod users;

pub use groups::{AddGroup, ChangeGroup, DirectoryGroup, RemoveGroup};
pub use reading::{ListGroups, ListUsers, ReadGroup, ReadUser, Seen};
pub use settling::{SETTLE, settle};
pub use users::{AddUser, ChangeUser, DirectoryUser, RemoveUser};

use crate::catalogue::directly;
use crate::people::ROLES;
use crate::register::{
    self, At, Entry, Kept, Mark, Noun, Register, Row, Status, Step, Tone, act, line, step,
};
use kernel::{Allowed, Error, Kernel, Result, Work};
use schemars::JsonSchema;
use scim::{Patch, Resource, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

act!(
    /// Adding a user of a directory.
    UserAdded, "directory-user.add", None, true
);
act!(
    /// Changing a user of a directory.
    UserChanged, "directory-user.change", None, true
);
act!(
    /// Removing a user of a directory.
    UserRemoved, "directory-user.remove", None, true
);
act!(
    /// Looking at a user of a directory.
    UserRead, "directory-user.read", None, false
);
act!(
    /// Listing the users of a directory.
    UsersListed, "directory-user.list", None, false
);
act!(
    /// Adding a group of a directory.
    GroupAdded, "directory-group.add", None, true
);
act!(
    /// Changing a group of a directory.
    GroupChanged, "directory-group.change", None, true
);
act!(
    /// Removing a group of a directory.
    GroupRemoved, "directory-group.remove", None, true
);
act!(
    /// Looking at a group of a directory.
    GroupRead, "directory-group.read", None, false
);
act!(
    /// Listing the groups of a directory.
    GroupsListed, "directory-group.list", None, false
);

/// Groups of one directory that give roles.
const MAPPINGS: usize = 100;

/// Bytes of what is kept of one user or group, members apart.
const KEPT_BYTES: usize = 64 * 1024;

/// A staff directory, by the name of the service that pushes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Directory {
    /// What it is, such as `Entra ID of Northwind`.
    pub purpose: String,
    /// Which groups give which role.
    pub mappings: Vec<Mapping>,
    /// When it ended, if it did.
    pub ended: Option<Mark>,
}

/// A group that gives a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DirectoryMapping")]
pub struct Mapping {
    /// The group, by its `displayName`.
    pub group: String,
    /// The role.
    pub role: String,
    /// Who said so, and when.
    pub mark: Mark,
}

/// A directory to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDirectory {
    /// The name of the service that pushes it, without `service:`.
    pub service: String,
    /// What it is, such as `Entra ID of Northwind`.
    pub purpose: String,
}

impl Row for Directory {
    const NOUN: &'static str = "directory";
    const REGISTER: &'static str = "directories";
    const FORMAT: &'static str = "directory/v1";
    const ADD: &'static str = "directory.add";
    const READ: &'static str = "directory.read";
    const LIST: &'static str = "directory.list";
    type New = NewDirectory;

    fn id(new: &NewDirectory) -> Option<&str> {
        Some(&new.service)
    }

    fn add(new: &NewDirectory, at: &mut At<'_, '_>) -> Result<Self> {
        let id = kernel::id::PrincipalId::parse(&format!("service:{}", new.service)).ok();
        let known = id.and_then(|id| at.rights().ok()?.principal(&id));
        match known {
            Some(service) if service.active && service.vendor.is_none() => {}
            _ => {
                let name = kernel::id::shown(&new.service);
                let why = format!(
                    "`{name}` is no active service of the provider: create one for the directory \
                     with `bailee service create`"
                );
                return Err(Error::invalid("service", why));
            }
        }
        let purpose = line("purpose", &new.purpose, 200)?;
        Ok(Self { purpose, mappings: vec![], ended: None })
    }

    fn status(&self, _: kernel::Moment) -> Status {
        match self.ended {
            Some(_) => Status::of("ended", Tone::Past),
            None if self.mappings.is_empty() => Status::of("in use", Tone::Due)
                .what("no group gives a role yet: map one")
                .who("administrator"),
            None => Status::of("in use", Tone::Good),
        }
    }
}

/// A group and the role it gives.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MapGroup")]
pub struct MapGroup {
    /// The group, by its `displayName`; it may come later.
    pub group: String,
    /// The role, any but `administrator`.
    pub role: String,
}

impl Step<Directory> for MapGroup {
    const ACTION: &'static str = "directory.map";

    fn apply(&self, row: &mut Directory, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        directly(Self::ACTION, at)?;
        let group = line("group", &self.group, 200)?;
        let known = ROLES.iter().map(|(role, _)| *role).filter(|role| *role != "administrator");
        let known: Vec<&str> = known.collect();
        if !known.contains(&self.role.as_str()) {
            let (role, known) = (kernel::id::shown(&self.role), known.join("`, `"));
            let why = format!("`{role}` is no role that a group gives: use `{known}`");
            return Err(Error::invalid("role", why));
        }
        if row.mappings.iter().any(|one| one.is(&group, &self.role)) {
            return Err(Error::conflict(format!("`{group}` gives `{}` already", self.role)));
        }
        if row.mappings.len() >= MAPPINGS {
            return Err(Error::limit(format!("{MAPPINGS} groups give roles: unmap one first")));
        }
        at.tell("role", self.role.clone());
        row.mappings.push(Mapping { group, role: self.role.clone(), mark: at.mark() });
        at.later(at.now(), SETTLE, at.id().to_owned());
        Ok(())
    }
}

/// A group and the role that it does not give any more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UnmapGroup")]
pub struct Unmap {
    /// The group, by its `displayName`.
    pub group: String,
    /// The role.
    pub role: String,
}

impl Step<Directory> for Unmap {
    const ACTION: &'static str = "directory.unmap";

    fn apply(&self, row: &mut Directory, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        let before = row.mappings.len();
        row.mappings.retain(|one| !one.is(&self.group, &self.role));
        if row.mappings.len() == before {
            let group = kernel::id::shown(&self.group);
            return Err(Error::conflict(format!("`{group}` gives no such role")));
        }
        at.tell("role", self.role.clone());
        at.later(at.now(), SETTLE, at.id().to_owned());
        Ok(())
    }
}

/// The end of a directory: nothing is taken from it any more. Its people stay as they are, until
/// somebody lets them out or moves them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EndDirectory")]
pub struct EndDirectory {
    /// Why.
    pub reason: String,
}

impl Step<Directory> for EndDirectory {
    const ACTION: &'static str = "directory.end";

    fn apply(&self, row: &mut Directory, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

fn in_use(row: &Directory) -> Result<()> {
    match row.ended {
        Some(_) => Err(Error::conflict("this directory ended")),
        None => Ok(()),
    }
}

impl Mapping {
    fn is(&self, group: &str, role: &str) -> bool {
        names::folded(&self.group) == names::folded(group) && self.role == role
    }
}

const STEPS: &[Entry] = &[
    step::<Directory, MapGroup>("map", "Lets a group give a role"),
    step::<Directory, Unmap>("unmap", "Lets a group give a role no more"),
    step::<Directory, EndDirectory>("end", "Takes nothing from the directory any more"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Directory>(
    "register",
    "Staff directories that push who works here (SCIM), and which of their groups give roles",
)
.serves(&["E5.4", "E5.5", "E5.7"])
.first("Name the service that pushes your staff directory")
.columns(&["purpose"])
.steps(STEPS);

/// The directory of whoever asks.
///
/// # Errors
/// `Forbidden` if no directory in use has the name of this service.
fn own(work: &Work<'_>, kernel: &Kernel) -> Result<Kept<Directory>> {
    let (kind, name) = work.caller().principal.parts();
    let key = register::key::<Kept<Directory>>(kernel, name)?;
    let found = work.look_late(&key)?.map(|body| register::parse::<Kept<Directory>>(&body));
    let found = found.transpose()?.filter(|kept| kind == "service" && kept.row.ended.is_none());
    found.ok_or_else(|| {
        Error::forbidden(format!(
            "no directory in use has the service `{name}`: an administrator adds one with \
             `bailee directory add`"
        ))
    })
}

/// A user or group of a directory, as it is kept.
pub trait Stored: Noun {
    /// Its type.
    const OF: &'static ResourceType;

    /// Id, directory, and when it was added and changed, µs since 1970.
    fn head(&self) -> (&str, &str, u64, u64);

    /// What the directory says of it.
    fn resource(&self, base: &str) -> Resource;
}

/// What a client states.
#[derive(Clone, Debug)]
pub enum Change {
    /// All of it, anew.
    Whole(Resource),
    /// Some of it.
    Part(Patch),
}

impl Change {
    fn of(&self, present: &Resource) -> Result<Resource> {
        match self {
            Self::Whole(resource) => Ok(resource.clone()),
            Self::Part(patch) => patch.apply(present).map_err(refused),
        }
    }
}

/// Which version has to be there (RFC 7644 §3.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whichever there is.
    Any,
    /// This one.
    Version(u64),
}

impl Wanted {
    fn check(self, present: u64) -> Result<()> {
        match self {
            Self::Version(version) if version != present => Err(Error::precondition(
                "if-match",
                format!("it has version {present} now, not {version}: read it again"),
            )),
            _ => Ok(()),
        }
    }
}

/// An error of SCIM, whose kind travels as the field.
pub fn refused(error: scim::Error) -> Error {
    match error.kind {
        scim::Kind::Uniqueness => Error::precondition(error.kind.name(), error.detail),
        kind => Error::invalid(kind.name(), error.detail),
    }
}

/// The row of this id, of this directory, with the proof that it may be changed.
fn found<N: Stored, A: kernel::Act>(
    work: &Work<'_>,
    key: &kernel::RecordKey,
    directory: &str,
) -> Result<(Allowed<A>, N)> {
    let (allowed, row) = register::load::<N, A>(work, key)?;
    if row.head().1 == directory {
        return Ok((allowed, row));
    }
    let id = kernel::id::shown(&key.id);
    Err(Error::not_found(format!("no {} `{id}`", N::NOUN)))
}

/// Refuses more than is kept of one resource.
fn bounded(attributes: &Map<String, Value>) -> Result<()> {
    let bytes = Value::Object(attributes.clone()).to_string().len();
    if bytes > KEPT_BYTES {
        let why = format!("{bytes} bytes of attributes: at most {KEPT_BYTES}");
        return Err(refused(scim::Error::new(scim::Kind::InvalidValue, why)));
    }
    Ok(())
}
