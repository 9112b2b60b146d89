//! Groups of a directory, and the roles that mapped ones give.

use super::groups_view::Mapped;
use super::people::move_all;
use super::{
    Change, Directory, DirectoryUser, GroupAdded, GroupChanged, GroupRead, GroupRemoved,
    GroupsListed, Stored, Wanted, bounded, found, names, own, reading::Seen,
};
use crate::register::{self, Kept, Noun};
use kernel::engine::Wants;
use kernel::{
    Act, After, Content, Error, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};
use scim::{GROUP, Resource, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashSet};

/// People whose roles one request may change. Each is a row, and their grants are more.
const MOST: usize = 300;

/// Members that one request adds: each is looked up while everything else waits.
const NEW: usize = 2_000;

/// A group of a directory as the register keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DirectoryGroup {
    /// `directory-group/v1`.
    pub format: String,
    /// The opaque id, never used again.
    pub id: String,
    /// The directory, by the name of its service.
    pub directory: String,
    /// When it was added, µs since 1970.
    pub created: u64,
    /// When it changed last, µs since 1970.
    pub changed: u64,
    /// The ids of its users.
    pub members: Vec<String>,
    /// What else the directory says of it.
    pub attributes: Map<String, Value>,
}

impl Noun for DirectoryGroup {
    const REGISTER: &'static str = "directory-groups";
    const NOUN: &'static str = "directory group";
    type Read = GroupRead;
    type List = GroupsListed;
}

impl Stored for DirectoryGroup {
    const OF: &'static ResourceType = &GROUP;

    fn head(&self) -> (&str, &str, u64, u64) {
        (&self.id, &self.directory, self.created, self.changed)
    }

    fn resource(&self, base: &str) -> Resource {
        let mut attributes = self.attributes.clone();
        let member = |id: &String| {
            let place = format!("{base}/Users/{id}");
            json!({"value": id, "$ref": place, "type": "User"})
        };
        if !self.members.is_empty() {
            let all = self.members.iter().map(member).collect();
            attributes.insert("members".to_owned(), Value::Array(all));
        }
        Resource { attributes }
    }
}

impl DirectoryGroup {
    fn name(&self) -> &str {
        self.attributes.get("displayName").and_then(Value::as_str).unwrap_or_default()
    }

    /// Takes over what is stated. Members that are no users of the directory are left out: their
    /// ids never come to be.
    fn take(&mut self, work: &Work<'_>, kernel: &Kernel, stated: &Resource) -> Result<()> {
        let mut attributes = stated.attributes.clone();
        attributes.remove("members");
        bounded(&attributes)?;
        let known: HashSet<&String> = self.members.iter().collect();
        let mut seen = HashSet::new();
        let (mut members, mut new) = (Vec::new(), 0);
        for id in stated.values("members").into_iter().map(str::to_owned) {
            if !seen.insert(id.clone()) {
                continue;
            }
            let knew = known.contains(&id);
            new += usize::from(!knew);
            if new > NEW {
                let why = format!("more than {NEW} new members: send fewer at once");
                return Err(Error::invalid("tooMany", why));
            }
            if knew || is_user(work, kernel, &self.directory, &id)? {
                members.push(id);
            }
        }
        self.attributes = attributes;
        self.members = members;
        self.changed = work.now().0;
        Ok(())
    }
}

fn is_user(work: &Work<'_>, kernel: &Kernel, directory: &str, id: &str) -> Result<bool> {
    let found = user(work, kernel, id)?;
    Ok(found.is_some_and(|user| user.directory == directory))
}

fn user(work: &Work<'_>, kernel: &Kernel, id: &str) -> Result<Option<DirectoryUser>> {
    let found = work.look_late(&register::key::<DirectoryUser>(kernel, id)?)?;
    found.map(|body| register::parse(&body)).transpose()
}

/// Gives those whom a change of a group touches the roles of their groups, in the same commit.
fn follow<A: Act>(
    work: &mut Work<'_>,
    kernel: &Kernel,
    directory: &Kept<Directory>,
    (id, before, after): (&str, Option<&DirectoryGroup>, Option<&DirectoryGroup>),
) -> Result<()> {
    let maps = |group: Option<&DirectoryGroup>| {
        let name = group.map(|group| names::folded(group.name()));
        let mappings = directory.row.mappings.iter();
        let one = |group: &String| Some(names::folded(group)) == name;
        mappings.filter(|mapping| one(&mapping.group)).count() > 0
    };
    let of = |group: Option<&DirectoryGroup>| -> BTreeSet<String> {
        group.filter(|_| maps(group)).into_iter().flat_map(|group| group.members.clone()).collect()
    };
    let (old, new) = (of(before), of(after));
    let same = before.map(|group| names::folded(group.name()))
        == after.map(|group| names::folded(group.name()));
    let touched: Vec<String> = match same {
        true => old.symmetric_difference(&new).cloned().collect(),
        false => old.union(&new).cloned().collect(),
    };
    if touched.is_empty() {
        return Ok(());
    }
    let stays = after.map(|group| (group.name(), group.members.as_slice()));
    let mapped = Mapped::of(work, kernel, directory, Some((id, stays)))?;
    let mut users = Vec::new();
    for id in &touched {
        users.extend(user(work, kernel, id)?.map(Ok));
    }
    let (_, more) =
        move_all::<A>(work, kernel, directory, &mapped, (&mut users.into_iter(), MOST))?;
    if more {
        let why = format!(
            "the roles of more than {MOST} people would change: send fewer members at once"
        );
        return Err(Error::invalid("tooMany", why));
    }
    Ok(())
}

/// Adds a group.
pub struct AddGroup {
    kernel: Kernel,
    key: RecordKey,
    resource: Resource,
    base: String,
}

impl AddGroup {
    /// As stated, with an id of these random bits; `base` is the address that answers name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, resource: Resource, random: [u8; 16], base: &str) -> Result<Self> {
        let key = register::key::<DirectoryGroup>(kernel, &crate::people::hex(&random))?;
        Ok(Self { kernel: kernel.clone(), key, resource, base: base.to_owned() })
    }
}

impl Operation for AddGroup {
    type Output = Seen;

    fn target(&self) -> Target {
        on_house(GroupAdded::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Seen>> {
        let directory = own(work, &self.kernel)?;
        let now = work.now().0;
        let mut row = DirectoryGroup {
            format: "directory-group/v1".to_owned(),
            id: self.key.id.clone(),
            directory: directory.id.clone(),
            created: now,
            changed: now,
            members: vec![],
            attributes: Map::new(),
        };
        row.take(work, &self.kernel, &self.resource)?;
        let place = (directory.id.as_str(), row.id.as_str());
        let name = Some(row.name());
        names::rename::<DirectoryGroup, GroupAdded>(work, &self.kernel, place, None, name)?;
        follow::<GroupAdded>(work, &self.kernel, &directory, (&row.id, None, Some(&row)))?;
        let allowed = work.load::<GroupAdded>(&self.key)?;
        finish(work, allowed, &row, &self.base)
    }
}

/// Changes a group: all of it, or some.
pub struct ChangeGroup {
    kernel: Kernel,
    key: RecordKey,
    change: Change,
    wanted: Wanted,
    base: String,
}

impl ChangeGroup {
    /// The group of this id, if it has the version that is wanted.
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
        let key = register::key::<DirectoryGroup>(kernel, id)?;
        Ok(Self { kernel: kernel.clone(), key, change, wanted, base: base.to_owned() })
    }
}

impl Operation for ChangeGroup {
    type Output = Seen;

    fn target(&self) -> Target {
        on_house(GroupChanged::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Seen>> {
        let directory = own(work, &self.kernel)?;
        let (allowed, before) =
            found::<DirectoryGroup, GroupChanged>(work, &self.key, &directory.id)?;
        self.wanted.check(allowed.version())?;
        let stated = self.change.of(&before.resource(&self.base))?;
        let mut row = before.clone();
        row.take(work, &self.kernel, &stated)?;
        let place = (directory.id.as_str(), row.id.as_str());
        let (old, new) = (Some(before.name()), Some(row.name()));
        names::rename::<DirectoryGroup, GroupChanged>(work, &self.kernel, place, old, new)?;
        let change = (row.id.as_str(), Some(&before), Some(&row));
        follow::<GroupChanged>(work, &self.kernel, &directory, change)?;
        finish(work, allowed, &row, &self.base)
    }
}

fn finish<A: Act>(
    work: &mut Work<'_>,
    allowed: kernel::Allowed<A>,
    row: &DirectoryGroup,
    base: &str,
) -> Result<After<Seen>> {
    let fields =
        vec![("directory", row.directory.clone()), ("members", row.members.len().to_string())];
    let saved = work.save(allowed, register::body(row)?, fields)?;
    Ok(After::now(Seen::of(row, saved.version, base)))
}

/// Removes a group: it gives no role any more.
pub struct RemoveGroup {
    kernel: Kernel,
    key: RecordKey,
    wanted: Wanted,
}

impl RemoveGroup {
    /// The group of this id, if it has the version that is wanted.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str, wanted: Wanted) -> Result<Self> {
        let key = register::key::<DirectoryGroup>(kernel, id)?;
        Ok(Self { kernel: kernel.clone(), key, wanted })
    }
}

impl Operation for RemoveGroup {
    type Output = ();

    fn target(&self) -> Target {
        on_house(GroupRemoved::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let directory = own(work, &self.kernel)?;
        let (allowed, row) = found::<DirectoryGroup, GroupRemoved>(work, &self.key, &directory.id)?;
        self.wanted.check(allowed.version())?;
        let change = (row.id.as_str(), Some(&row), None);
        follow::<GroupRemoved>(work, &self.kernel, &directory, change)?;
        let place = (directory.id.as_str(), row.id.as_str());
        let name = Some(row.name());
        names::rename::<DirectoryGroup, GroupRemoved>(work, &self.kernel, place, name, None)?;
        work.save(allowed, Content::Deleted, vec![("directory", row.directory.clone())])?;
        Ok(After::now(()))
    }
}
