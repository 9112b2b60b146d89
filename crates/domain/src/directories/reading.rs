//! What a directory sees: its own users and groups, one or a page of them.

use super::settling::{USERS, page};
use super::{DirectoryGroup, DirectoryUser, Stored, names, own};
use crate::register::{self, parse};
use kernel::engine::{PageWant, Wants};
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, Pointer, RecordKey, Result, Target, Work,
    on_house,
};
use scim::{Found, Meta, Query, Resource};
use std::marker::PhantomData;

/// A user or group, as an answer has it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it is.
    pub location: String,
    /// Its version.
    pub version: u64,
    /// What it says.
    pub resource: Resource,
}

impl Seen {
    pub(super) fn of<N: Stored>(row: &N, version: u64, base: &str) -> Self {
        let (id, _, created, changed) = row.head();
        let location = format!("{base}/{}/{id}", N::OF.endpoint);
        let meta = Meta {
            id: id.to_owned(),
            created: Moment(created).rfc3339(),
            modified: Moment(changed).rfc3339(),
            location: location.clone(),
            version: format!("\"{version}\""),
        };
        Self { location, version, resource: row.resource(base).with(N::OF, &meta) }
    }
}

/// Reads one.
pub struct ReadOne<N> {
    kernel: Kernel,
    key: RecordKey,
    base: String,
    noun: PhantomData<N>,
}

/// Reads a user.
pub type ReadUser = ReadOne<DirectoryUser>;
/// Reads a group.
pub type ReadGroup = ReadOne<DirectoryGroup>;

impl<N: Stored> ReadOne<N> {
    /// The one of this id; `base` is the address that answers name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str, base: &str) -> Result<Self> {
        let key = register::key::<N>(kernel, id)?;
        Ok(Self { kernel: kernel.clone(), key, base: base.to_owned(), noun: PhantomData })
    }
}

impl<N: Stored> Operation for ReadOne<N> {
    type Output = Seen;

    fn target(&self) -> Target {
        on_house(N::Read::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Seen>> {
        let directory = own(work, &self.kernel)?;
        let seen = work.load::<N::Read>(&self.key)?;
        let row = match seen.present().filter(|pointer| !pointer.deleted) {
            Some(pointer) => Some(parse::<N>(&work.body(&pointer)?)?),
            None => None,
        };
        let Some(row) = row.filter(|row| row.head().1 == directory.id) else {
            work.withhold(&seen);
            let id = kernel::id::shown(&self.key.id);
            return Ok(After::refused(Error::not_found(format!("no {} `{id}`", N::NOUN))));
        };
        work.disclose(&seen, vec![("directory", directory.id)]);
        Ok(After::now(Seen::of(&row, seen.version(), &self.base)))
    }
}

/// Reads a page.
pub struct ListAll<N> {
    kernel: Kernel,
    query: Query,
    all: PageWant,
    base: String,
    noun: PhantomData<N>,
}

/// Reads a page of users.
pub type ListUsers = ListAll<DirectoryUser>;
/// Reads a page of groups.
pub type ListGroups = ListAll<DirectoryGroup>;

impl<N: Stored> ListAll<N> {
    /// Those that the query asks for; `base` is the address that answers name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, query: Query, base: &str) -> Result<Self> {
        let (all, base) = (page::<N>(kernel)?, base.to_owned());
        Ok(Self { kernel: kernel.clone(), query, all, base, noun: PhantomData })
    }

    /// What an index finds, if it is that that is asked.
    fn lookup(&self) -> Option<Lookup<'_>> {
        let filter = self.query.filter.as_ref()?;
        let unique = N::OF.schema.attributes.iter().find(|attribute| attribute.unique);
        let name = || unique.and_then(|attribute| filter.equals(attribute.name));
        filter.equals("id").map(Lookup::Id).or_else(|| name().map(Lookup::Name))
    }

    fn indexed(
        &self,
        work: &Work<'_>,
        directory: &str,
        lookup: &Lookup<'_>,
    ) -> Result<Vec<Pointer>> {
        let id = match lookup {
            Lookup::Id(id) => Some((*id).to_owned()),
            Lookup::Name(name) => names::of::<N>(work, &self.kernel, directory, name)?,
        };
        let Some(id) = id else { return Ok(vec![]) };
        let key = register::key::<N>(&self.kernel, &id)?;
        let found = work.load_late::<N::List>(&key)?.present();
        Ok(found.into_iter().filter(|pointer| !pointer.deleted).collect())
    }
}

/// One row, by what is unique about it.
enum Lookup<'q> {
    Id(&'q str),
    Name(&'q str),
}

impl<N: Stored> Operation for ListAll<N> {
    type Output = Found;

    fn target(&self) -> Target {
        on_house(N::List::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        if self.lookup().is_none() {
            wants.pages.push(self.all.clone());
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Found>> {
        let directory = own(work, &self.kernel)?.id;
        let rows = match self.lookup() {
            Some(lookup) => self.indexed(work, &directory, &lookup)?,
            None => {
                let rows = work.page(&self.all)?;
                if rows.len() >= USERS {
                    let why = format!(
                        "more than {USERS} rows: ask with `eq` for a name or an id instead"
                    );
                    return Err(Error::invalid("tooMany", why));
                }
                rows.into_iter().filter(|pointer| !pointer.deleted).collect()
            }
        };
        let fields = vec![("directory", directory.clone()), ("looked", rows.len().to_string())];
        work.note(HOUSE, N::List::ACTION.name, fields);
        let (query, base) = (self.query.clone(), self.base.clone());
        Ok(After::reveal(move |reveal| {
            let mut all = Vec::new();
            for pointer in &rows {
                let row: N = parse(&reveal.open(pointer)?.body)?;
                if row.head().1 == directory {
                    all.push(Seen::of(&row, pointer.version, &base).resource);
                }
            }
            Ok(query.page(all))
        }))
    }
}
