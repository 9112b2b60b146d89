//! What the registers of `house` have in common: where a row lives, reading one, reading a page;
//! adding one and taking steps with it; and the table that the faces are made from.
//!
//! A noun of the newer kind implements [`Row`] and a [`Step`] for each step of its life, and has
//! one line in the table. It has no operations of its own: they are [`Add`] and [`Do`].

mod at;
mod doing;
mod history;
mod readers;
mod row;
mod survey;
mod table;

pub use at::{At, line, prose};
pub use doing::{Add, Boxed, Do};
pub use history::{History, Past};
pub use readers::{ALWAYS, Named, NeedToKnow, OVERSEERS, Readers, Restricted};
pub use row::{
    Adding, Day, Kept, Listing, Mark, Needs, Reading, Row, Shown, Status, Step, Stepping, Tone,
    When,
};
pub use survey::{House, Survey, Surveyed};
pub use table::{Closed, Entry, On, Register, Rows, stated, step};

use kernel::authority::Action;
use kernel::engine::{PageWant, Wants};
use kernel::{
    Act, After, Content, Error, HOUSE, Kernel, Moment, Operation, Pointer, RecordKey, Replay,
    Result, Target, Version, Work, on_house,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A noun that is kept as a register of `house`.
pub trait Noun: Serialize + DeserializeOwned + Send + 'static {
    /// The collection, and the plural of the noun.
    const REGISTER: &'static str;
    /// The noun as messages use it.
    const NOUN: &'static str;
    /// Action of reading one row.
    type Read: Act + Send;
    /// Action of reading a page.
    type List: Act + Send;
    /// Whether not everybody may read each of its rows whose role opens the register.
    const RESTRICTED: bool = false;

    /// Who may read this row, besides what roles say.
    fn readers(&self) -> Readers<'_> {
        Readers::Everybody
    }
}

/// Where a row of a register lives.
///
/// # Errors
/// `Internal` if `house` has no keys.
pub fn key<N: Noun>(kernel: &Kernel, id: &str) -> Result<RecordKey> {
    kernel.key(HOUSE, N::REGISTER, id)
}

/// A row's body.
///
/// # Errors
/// `Internal` if it has no JSON form.
pub fn body<N: Noun>(row: &N) -> Result<Content> {
    let json = serde_json::to_vec(row);
    Ok(Content::Body(json.map_err(|error| Error::internal(format!("{}: {error}", N::NOUN)))?))
}

/// A row out of its body.
///
/// # Errors
/// `Internal` if the body is not one.
pub fn parse<N: Noun>(body: &[u8]) -> Result<N> {
    serde_json::from_slice(body)
        .map_err(|error| Error::internal(format!("a stored {} has another form: {error}", N::NOUN)))
}

/// The row that an operation changes, with the proof that it may.
///
/// # Errors
/// `NotFound` if there is none, or none that the caller may know of.
pub fn load<N: Noun, A: Act>(work: &Work<'_>, key: &RecordKey) -> Result<(kernel::Allowed<A>, N)> {
    let allowed = work.load::<A>(key)?;
    let pointer = allowed.present().filter(|pointer| !pointer.deleted);
    let pointer = pointer.ok_or_else(|| missing::<N>(&key.id))?;
    let row: N = parse(&work.body(&pointer)?)?;
    match readers::may(work, &row)? {
        true => Ok((allowed, row)),
        false => Err(missing::<N>(&key.id)),
    }
}

/// The answer for a row that is not there, and for one that the caller may not know of.
fn missing<N: Noun>(id: &str) -> Error {
    Error::not_found(format!("no {} `{id}`", N::NOUN))
}

/// A live row that whoever asks may know of, with its entry of being shown or looked for.
fn shown_to<N: Noun>(
    work: &mut Work<'_>,
    key: &RecordKey,
    fields: Vec<(&'static str, String)>,
) -> Result<Option<Pointer>> {
    let seen = work.load::<N::Read>(key)?;
    let pointer = seen.present().filter(|pointer| !pointer.deleted);
    if N::RESTRICTED {
        let row = pointer.as_ref().map(|pointer| parse::<N>(&work.body(pointer)?)).transpose()?;
        if let Some(row) = row
            && !readers::may(work, &row)?
        {
            work.withhold(&seen);
            return Ok(None);
        }
    }
    work.disclose(&seen, fields);
    Ok(pointer)
}

/// Reads one row.
pub struct Read<N> {
    key: RecordKey,
    noun: PhantomData<N>,
}

impl<N: Noun> Read<N> {
    /// The row of this id.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, id: &str) -> Result<Self> {
        Ok(Self { key: key::<N>(kernel, id)?, noun: PhantomData })
    }
}

impl<N: Noun> Operation for Read<N> {
    type Output = N;

    fn target(&self) -> Target {
        on_house(N::Read::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<N>> {
        Ok(match shown_to::<N>(work, &self.key, vec![])? {
            Some(pointer) => After::reveal(move |reveal| parse(&reveal.open(&pointer)?.body)),
            None => After::refused(missing::<N>(&self.key.id)),
        })
    }
}

/// An operation whose answer is changed, for a face that shows it otherwise.
pub struct Mapped<O, F> {
    operation: O,
    change: F,
}

impl<O, F> Mapped<O, F> {
    /// This operation, with its answer changed so.
    pub fn new(operation: O, change: F) -> Self {
        Self { operation, change }
    }
}

impl<O, F, T> Operation for Mapped<O, F>
where
    O: Operation,
    F: Fn(O::Output) -> T + Clone + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn target(&self) -> Target {
        self.operation.target()
    }

    fn wants(&self, wants: &mut Wants) {
        self.operation.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<T>> {
        Ok(self.operation.execute(work)?.map(self.change.clone()))
    }

    fn replay(&self, first: &Replay) -> Result<T> {
        self.operation.replay(first).map(&self.change)
    }

    fn weight(&self) -> usize {
        self.operation.weight()
    }
}

/// One page of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask for next; `None` at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page, with each item changed.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// Where to go on, as callers hand it back.
///
/// # Errors
/// `Invalid` if it is not what a page before gave.
pub fn cursor(after: Option<&str>) -> Result<i64> {
    let Some(text) = after else { return Ok(0) };
    let canonical = |n: &i64| *n > 0 && n.to_string() == text;
    text.parse().ok().filter(canonical).ok_or_else(|| {
        Error::invalid("after", "this is no `next` of an earlier page: start without `after`")
    })
}

/// Reads a page of a register.
pub struct List<N> {
    want: PageWant,
    noun: PhantomData<N>,
}

impl<N: Noun> List<N> {
    /// The page after `after`.
    ///
    /// # Errors
    /// `Invalid` if `after` is not what a page before gave.
    pub fn new(kernel: &Kernel, limit: usize, after: Option<&str>) -> Result<Self> {
        let collection = kernel.collection_tag(HOUSE, N::REGISTER)?;
        let want = PageWant { account: HOUSE, collection, after: cursor(after)?, limit };
        Ok(Self { want, noun: PhantomData })
    }
}

impl<N: Noun> Operation for List<N> {
    type Output = Page<N>;

    fn target(&self) -> Target {
        on_house(N::List::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.pages.push(self.want.clone());
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Page<N>>> {
        let only = readers::readable::<N>;
        list_of::<N::List, N>(work, &self.want, vec![], only, |version| parse(&version.body))
    }
}

/// The common part of reading a page: record it with these fields, then open what is live.
///
/// # Errors
/// `Internal` if the page was not declared.
pub fn list_with<A: Act, T: Send + 'static>(
    work: &mut Work<'_>,
    want: &PageWant,
    fields: Vec<(&'static str, String)>,
    make: impl Fn(Version) -> Result<T> + Send + 'static,
) -> Result<After<Page<T>>> {
    list_of::<A, T>(work, want, fields, |_, rows| Ok(rows), make)
}

/// As [`list_with`], of those that `only` keeps.
fn list_of<A: Act, T: Send + 'static>(
    work: &mut Work<'_>,
    want: &PageWant,
    fields: Vec<(&'static str, String)>,
    only: impl FnOnce(&Work<'_>, Vec<Pointer>) -> Result<Vec<Pointer>>,
    make: impl Fn(Version) -> Result<T> + Send + 'static,
) -> Result<After<Page<T>>> {
    let rows = work.page(want)?;
    let next = rows.last().filter(|_| rows.len() == want.limit).map(|row| row.position.to_string());
    let live: Vec<_> = rows.into_iter().filter(|pointer| !pointer.deleted).collect();
    let live = only(work, live)?;
    work.disclose_many::<A>(want.account, &live, fields);
    Ok(After::reveal(move |reveal| {
        let items =
            live.iter().map(|pointer| make(reveal.open(pointer)?)).collect::<Result<_>>()?;
        Ok(Page { items, next })
    }))
}

/// A time as registers keep it and answers show it.
pub fn shown(moment: u64) -> String {
    Moment(moment).rfc3339()
}

/// Declares a type that stands for an action.
macro_rules! act {
    ($(#[$doc:meta])* $type:ident, $name:literal, $verb:expr, $rights:literal) => {
        $(#[$doc])*
        pub struct $type;

        impl kernel::Act for $type {
            const ACTION: &'static kernel::authority::Action = &kernel::authority::Action {
                name: $name,
                verb: $verb,
                changes_rights: $rights,
            };
        }
    };
}
pub(crate) use act;

/// An action by its type, for routes and the matrix.
pub const fn action<A: Act>() -> &'static Action {
    A::ACTION
}
