//! Every register at one moment, whole: what is computed from all of them is computed from this.
//!
//! A survey reads bodies. Whatever is made of it is the answer, or the change, of an operation that
//! has its own action and its own entry.

use super::table::{Closed, rows};
use super::{Kept, Noun, Register, Row, Rows, Status};
use kernel::engine::{PageWant, Wants};
use kernel::{HOUSE, Kernel, Moment, Pointer, Result, Reveal, Work};
use std::collections::BTreeMap;

/// Rows of one register that a survey reads. More are a finding of their own: then a control that
/// looks at the register cannot say that it saw everything.
const MOST: usize = 20_000;

/// Every register at one moment, whole: what the controls look at.
#[derive(Default)]
pub struct House {
    /// The moment.
    pub now: Moment,
    held: BTreeMap<&'static str, Held>,
    /// Registers that are too large to have been read whole.
    pub cut: Vec<&'static str>,
    /// Rows that only named people may read.
    closed: Closed,
}

/// The rows of one register.
struct Held {
    rows: Rows,
    /// The register, if it is one of the table.
    register: Option<&'static Register>,
    /// For each row, the index of the `house` entry that made its present version.
    changed: Vec<u64>,
}

impl House {
    /// The rows of a register, in order of creation.
    pub fn all<N: Row>(&self) -> &[Kept<N>] {
        self.nouns::<Kept<N>>()
    }

    /// As [`House::all`], for nouns with a stored form of their own.
    pub fn nouns<N: Noun>(&self) -> &[N] {
        let rows = self.held.get(N::REGISTER).and_then(|held| held.rows.downcast_ref::<Vec<N>>());
        rows.map_or(&[], Vec::as_slice)
    }

    /// One row.
    pub fn one<N: Row>(&self, id: &str) -> Option<&Kept<N>> {
        self.all::<N>().iter().find(|kept| kept.id == id)
    }

    /// Whether only named people may read a row. What everybody is shown names none of its words.
    pub fn restricted<N: Row>(&self, id: &str) -> bool {
        self.closed.contains(&format!("{}/{id}", N::REGISTER))
    }

    /// What every row of every register of the table is now: register, id, status; those that not
    /// everybody may read are left out.
    pub fn states(&self) -> impl Iterator<Item = (&'static Register, String, Status)> {
        self.held.values().flat_map(|held| {
            let of = |register: &'static Register| {
                let states = (register.states)(&held.rows, self.now, &self.closed);
                states.into_iter().map(move |(id, status)| (register, id, status))
            };
            held.register.into_iter().flat_map(of)
        })
    }

    /// How many rows of each register of the table were made or changed from this entry of `house`
    /// on, where any were.
    pub fn changed_since(&self, entry: u64) -> impl Iterator<Item = (&'static Register, usize)> {
        self.held.values().filter_map(move |held| {
            let changed = held.changed.iter().filter(|changed| **changed >= entry).count();
            held.register.filter(|_| changed > 0).map(|register| (register, changed))
        })
    }

    /// A house of these rows, for the tests of controls.
    #[must_use]
    pub fn with<N: Row>(self, rows: Vec<Kept<N>>) -> Self {
        self.with_nouns(rows)
    }

    /// As [`House::with`], for nouns with a stored form of their own.
    #[must_use]
    pub fn with_nouns<N: Noun + Sync>(mut self, rows: Vec<N>) -> Self {
        let held = Held { rows: Box::new(rows), register: None, changed: vec![] };
        self.held.insert(N::REGISTER, held);
        self
    }
}

/// Reads registers whole, for an operation that makes something of all of them.
pub struct Survey {
    parts: Vec<Part>,
}

/// One register to be read.
#[derive(Clone)]
struct Part {
    name: &'static str,
    register: Option<&'static Register>,
    rows: fn(&[Vec<u8>]) -> Result<Rows>,
    want: PageWant,
}

/// What a survey found, to be opened.
pub struct Surveyed(Vec<(Part, Vec<Pointer>)>);

impl Survey {
    /// Of every register of a table.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn of(kernel: &Kernel, table: &'static [Register]) -> Result<Self> {
        let part = |register: &'static Register| {
            let want = whole(kernel, register.plural)?;
            let (name, rows) = (register.plural, register.rows);
            Ok(Part { name, register: Some(register), rows, want })
        };
        Ok(Self { parts: table.iter().map(part).collect::<Result<_>>()? })
    }

    /// And of this one, which is not in the table.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn and<N: Noun + Sync>(mut self, kernel: &Kernel) -> Result<Self> {
        let want = whole(kernel, N::REGISTER)?;
        self.parts.push(Part { name: N::REGISTER, register: None, rows: rows::<N>, want });
        Ok(self)
    }

    /// Declares them.
    pub fn wants(&self, wants: &mut Wants) {
        wants.pages.extend(self.parts.iter().map(|part| part.want.clone()));
    }

    /// Finds the rows.
    ///
    /// # Errors
    /// `Internal` if they were not declared.
    pub fn find(&self, work: &Work<'_>) -> Result<Surveyed> {
        let page = |part: &Part| {
            let rows = work.page(&part.want)?.into_iter().filter(|row| !row.deleted).collect();
            Ok((part.clone(), rows))
        };
        self.parts.iter().map(page).collect::<Result<_>>().map(Surveyed)
    }
}

fn whole(kernel: &Kernel, register: &str) -> Result<PageWant> {
    let collection = kernel.collection_tag(HOUSE, register)?;
    Ok(PageWant { account: HOUSE, collection, after: 0, limit: MOST })
}

impl Surveyed {
    /// Opens the rows after the commit, for an answer.
    ///
    /// # Errors
    /// `Internal` if one does not open.
    pub fn open(self, reveal: &Reveal) -> Result<House> {
        self.house(reveal.now(), |pointer| Ok(reveal.open(pointer)?.body))
    }

    /// Opens the rows while the operation executes, for a change that depends on them.
    ///
    /// # Errors
    /// `Internal` if one does not open.
    pub fn read(self, work: &Work<'_>) -> Result<House> {
        self.house(work.now(), |pointer| work.body(pointer))
    }

    fn house(self, now: Moment, body: impl Fn(&Pointer) -> Result<Vec<u8>>) -> Result<House> {
        let mut house = House { now, ..House::default() };
        for (part, pointers) in self.0 {
            if pointers.len() >= MOST {
                house.cut.push(part.name);
            }
            let bodies: Vec<_> = pointers.iter().map(&body).collect::<Result<_>>()?;
            let changed = pointers.iter().map(|pointer| pointer.changed).collect();
            let held = Held { rows: (part.rows)(&bodies)?, register: part.register, changed };
            if let Some(register) = held.register {
                let ids = (register.closed)(&held.rows);
                house.closed.extend(ids.iter().map(|id| format!("{}/{id}", part.name)));
            }
            house.held.insert(part.name, held);
        }
        Ok(house)
    }
}
