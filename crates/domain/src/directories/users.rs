//! Users of a directory, and what follows for the people they are.

use super::groups_view::Mapped;
use super::people::{describe, join, let_out};
use super::settling::page;
use super::{
    Change, Directory, DirectoryGroup, Stored, UserAdded, UserChanged, UserRead, UserRemoved,
    UsersListed, Wanted, bounded, found, names, own, reading::Seen,
};
use crate::register::{self, Kept, Noun};
use kernel::engine::{PageWant, Wants};
use kernel::{
    Act, After, Content, Error, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};
use scim::{Resource, ResourceType, USER};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A user of a directory as the register keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DirectoryUser {
    /// `directory-user/v1`.
    pub format: String,
    /// The opaque id, never used again.
    pub id: String,
    /// The directory, by the name of its service.
    pub directory: String,
    /// When it was added, µs since 1970.
    pub created: u64,
    /// When it changed last, µs since 1970.
    pub changed: u64,
    /// Whether it is active, as was said last; what says nothing of it changes nothing.
    pub active: bool,
    /// The person it is, while it is active; who it was before is in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// What the directory says of it.
    pub attributes: Map<String, Value>,
}

impl Noun for DirectoryUser {
    const REGISTER: &'static str = "directory-users";
    const NOUN: &'static str = "directory user";
    type Read = UserRead;
    type List = UsersListed;
}

impl Stored for DirectoryUser {
    const OF: &'static ResourceType = &USER;

    fn head(&self) -> (&str, &str, u64, u64) {
        (&self.id, &self.directory, self.created, self.changed)
    }

    fn resource(&self, _: &str) -> Resource {
        Resource { attributes: self.attributes.clone() }
    }
}

/// Adds a user; an active one is a person from then on.
pub struct AddUser {
    kernel: Kernel,
    key: RecordKey,
    resource: Resource,
    base: String,
}

impl AddUser {
    /// As stated, with an id of these random bits; `base` is the address that answers name.
    ///
    /// # Errors
    /// `Invalid` for more than is kept of one user.
    pub fn new(kernel: &Kernel, resource: Resource, random: [u8; 16], base: &str) -> Result<Self> {
        bounded(&resource.attributes)?;
        let key = register::key::<DirectoryUser>(kernel, &crate::people::hex(&random))?;
        Ok(Self { kernel: kernel.clone(), key, resource, base: base.to_owned() })
    }
}

impl Operation for AddUser {
    type Output = Seen;

    fn target(&self) -> Target {
        on_house(UserAdded::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Seen>> {
        let directory = own(work, &self.kernel)?;
        let now = work.now().0;
        let mut resource = self.resource.clone();
        let active = resource.active().unwrap_or(true);
        resource.attributes.insert("active".to_owned(), active.into());
        let mut row = DirectoryUser {
            format: "directory-user/v1".to_owned(),
            id: self.key.id.clone(),
            directory: directory.id.clone(),
            created: now,
            changed: now,
            active,
            person: None,
            attributes: resource.attributes.clone(),
        };
        let name = resource.text("userName");
        let place = (directory.id.as_str(), row.id.as_str());
        names::rename::<DirectoryUser, UserAdded>(work, &self.kernel, place, None, name)?;
        if active {
            // It is in no group yet.
            row.person = Some(join::<UserAdded>(work, &self.kernel, &resource, vec![])?);
        }
        let allowed = work.load::<UserAdded>(&self.key)?;
        finish(work, allowed, &row, &self.base)
    }
}

/// Changes a user: all of it, or some.
pub struct ChangeUser {
    kernel: Kernel,
    key: RecordKey,
    change: Change,
    wanted: Wanted,
    base: String,
}

impl ChangeUser {
    /// The user of this id, if it has the version that is wanted.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(
        kernel: &Kernel,
        id: &str,
        change: Change,
        wanted: Wanted,
        base: &str,
    ) -> Result<Self> {
        let key = register::key::<DirectoryUser>(kernel, id)?;
        Ok(Self { kernel: kernel.clone(), key, change, wanted, base: base.to_owned() })
    }

    /// What follows for the person: in, out, or another name.
    fn follow(
        &self,
        work: &mut Work<'_>,
        directory: &Kept<Directory>,
        row: &DirectoryUser,
        (active, is): (bool, &Resource),
    ) -> Result<Option<String>> {
        match (row.active, active, &row.person) {
            (true, false, Some(name)) => {
                let_out::<UserChanged>(work, &self.kernel, name)?;
                Ok(None)
            }
            (false, true, _) => {
                let mapped = Mapped::of(work, &self.kernel, directory, None)?;
                let roles = mapped.roles(&row.id, None)?;
                join::<UserChanged>(work, &self.kernel, is, roles).map(Some)
            }
            (true, true, Some(name)) => {
                describe::<UserChanged>(work, &self.kernel, name, is)?;
                Ok(row.person.clone())
            }
            _ => Ok(row.person.clone()),
        }
    }
}

impl Operation for ChangeUser {
    type Output = Seen;

    fn target(&self) -> Target {
        on_house(UserChanged::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Seen>> {
        let directory = own(work, &self.kernel)?;
        let (allowed, mut row) =
            found::<DirectoryUser, UserChanged>(work, &self.key, &directory.id)?;
        self.wanted.check(allowed.version())?;
        let before = row.resource(&self.base);
        let mut after = self.change.of(&before)?;
        // What says nothing of it lets nobody in and nobody out.
        let active = after.active().unwrap_or(row.active);
        if matches!(self.change, Change::Whole(_)) {
            after.attributes.insert("active".to_owned(), active.into());
        }
        bounded(&after.attributes)?;
        let (old, new) = (before.text("userName"), after.text("userName"));
        let place = (directory.id.as_str(), row.id.as_str());
        names::rename::<DirectoryUser, UserChanged>(work, &self.kernel, place, old, new)?;
        row.person = self.follow(work, &directory, &row, (active, &after))?;
        row.active = active;
        row.attributes = after.attributes;
        row.changed = work.now().0;
        finish(work, allowed, &row, &self.base)
    }
}

/// Saves a user's row and says what it is now.
fn finish<A: Act>(
    work: &mut Work<'_>,
    allowed: kernel::Allowed<A>,
    row: &DirectoryUser,
    base: &str,
) -> Result<After<Seen>> {
    let mut fields = vec![("directory", row.directory.clone())];
    fields.extend(row.person.clone().map(|person| ("person", person)));
    let saved = work.save(allowed, register::body(row)?, fields)?;
    Ok(After::now(Seen::of(row, saved.version, base)))
}

/// Removes a user: the person leaves, and it is in no group any more.
pub struct RemoveUser {
    kernel: Kernel,
    key: RecordKey,
    groups: PageWant,
    wanted: Wanted,
}

/// Groups that one removal changes.
const GROUPS: usize = 500;

impl RemoveUser {
    /// The user of this id, if it has the version that is wanted.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str, wanted: Wanted) -> Result<Self> {
        let key = register::key::<DirectoryUser>(kernel, id)?;
        let groups = page::<DirectoryGroup>(kernel)?;
        Ok(Self { kernel: kernel.clone(), key, groups, wanted })
    }

    fn leave_groups(&self, work: &mut Work<'_>, id: &str) -> Result<()> {
        let mut left = 0;
        for pointer in work.page(&self.groups)?.into_iter().filter(|row| !row.deleted) {
            let mut group: DirectoryGroup = register::parse(&work.body(&pointer)?)?;
            let before = group.members.len();
            group.members.retain(|member| member != id);
            if group.members.len() == before {
                continue;
            }
            left += 1;
            if left > GROUPS {
                let why = format!("it is in more than {GROUPS} groups: take it out of some first");
                return Err(Error::invalid("tooMany", why));
            }
            group.changed = work.now().0;
            let key = register::key::<DirectoryGroup>(&self.kernel, &group.id)?;
            let allowed = work.load_late::<UserRemoved>(&key)?;
            work.save(allowed, register::body(&group)?, vec![])?;
        }
        Ok(())
    }
}

impl Operation for RemoveUser {
    type Output = ();

    fn target(&self) -> Target {
        on_house(UserRemoved::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        wants.pages.push(self.groups.clone());
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let directory = own(work, &self.kernel)?;
        let (allowed, row) = found::<DirectoryUser, UserRemoved>(work, &self.key, &directory.id)?;
        self.wanted.check(allowed.version())?;
        if let Some(name) = &row.person {
            let_out::<UserRemoved>(work, &self.kernel, name)?;
        }
        self.leave_groups(work, &row.id)?;
        let resource = row.resource("");
        let place = (directory.id.as_str(), row.id.as_str());
        let name = resource.text("userName");
        names::rename::<DirectoryUser, UserRemoved>(work, &self.kernel, place, name, None)?;
        let fields = vec![("directory", row.directory.clone())];
        work.save(allowed, Content::Deleted, fields)?;
        Ok(After::now(()))
    }
}
