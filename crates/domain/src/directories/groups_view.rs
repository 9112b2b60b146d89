//! The mapped groups of a directory at one moment, and which roles they give to whom.

use super::{Directory, DirectoryGroup, names};
use crate::people::{Person, known_roles};
use crate::register::{self, Kept};
use kernel::{Kernel, Result, Work};
use std::collections::{BTreeMap, HashSet};

/// The mapped groups with their members.
pub(super) struct Mapped(Vec<(String, HashSet<String>)>);

/// A group as it is to be with this change, which the store does not show yet: its id, and its name
/// and members if it stays.
pub(super) type Changed<'a> = Option<(&'a str, Option<(&'a str, &'a [String])>)>;

impl Mapped {
    /// As they are, but for one that changes now.
    pub(super) fn of(
        work: &Work<'_>,
        kernel: &Kernel,
        directory: &Kept<Directory>,
        changed: Changed<'_>,
    ) -> Result<Self> {
        let mut groups: BTreeMap<String, Option<HashSet<String>>> = BTreeMap::new();
        let mut out = Vec::new();
        for mapping in &directory.row.mappings {
            let name = names::folded(&mapping.group);
            if !groups.contains_key(&name) {
                let members = members(work, kernel, &directory.id, &name, changed)?;
                groups.insert(name.clone(), members);
            }
            if let Some(Some(members)) = groups.get(&name) {
                out.push((mapping.role.clone(), members.clone()));
            }
        }
        Ok(Self(out))
    }

    /// The roles of somebody of the directory. `administrator` is none of them: who has it by hand
    /// keeps it.
    pub(super) fn roles(&self, user: &str, person: Option<&Person>) -> Result<Vec<String>> {
        let given = self.0.iter().filter(|(_, members)| members.contains(user));
        let mut roles: Vec<String> = given.map(|(role, _)| role.clone()).collect();
        let kept = person.into_iter().flat_map(|person| &person.roles);
        roles.extend(kept.filter(|role| *role == "administrator").cloned());
        known_roles(&roles)
    }
}

fn members(
    work: &Work<'_>,
    kernel: &Kernel,
    directory: &str,
    name: &str,
    changed: Changed<'_>,
) -> Result<Option<HashSet<String>>> {
    if let Some((_, Some((new, members)))) = changed
        && names::folded(new) == name
    {
        return Ok(Some(members.iter().cloned().collect()));
    }
    let id = names::of::<DirectoryGroup>(work, kernel, directory, name)?;
    // The one that changes has another name now, or is gone.
    let Some(id) = id.filter(|id| changed.is_none_or(|(other, _)| other != id)) else {
        return Ok(None);
    };
    let found = work.look_late(&register::key::<DirectoryGroup>(kernel, &id)?)?;
    let found = found.map(|body| register::parse::<DirectoryGroup>(&body)).transpose()?;
    Ok(found.map(|group| group.members.into_iter().collect()))
}
