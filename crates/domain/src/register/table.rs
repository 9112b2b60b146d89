//! The table of registers: what the faces need to know of a noun to show, list, add and step.
//!
//! One entry per noun gives it an API, commands and pages. The types are the noun's own; here they
//! are only named, so that no face repeats them.

use super::doing::{Add, Boxed, Do};
use super::row::{Adding, Kept, Listing, Reading, Row, Shown, Status, Step, Stepping};
use super::{History, List, Noun, Page, Read, Readers, parse};
use kernel::authority::Action;
use kernel::{Act, Error, Kernel, Moment, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use std::any::Any;

/// Rows as a survey holds them: a `Vec<Kept<N>>` of one register.
pub type Rows = Box<dyn Any + Send + Sync>;

/// Rows that only named people may read, as `incidents/ID`.
pub type Closed = std::collections::BTreeSet<String>;

/// A noun, as the faces know it.
pub struct Register {
    /// The noun.
    pub noun: &'static str,
    /// The command; the noun, unless another command has that name.
    pub command: &'static str,
    /// Its plural: the register, and the path.
    pub plural: &'static str,
    /// What this register is for, in a sentence.
    pub purpose: &'static str,
    /// The obligations that rest on it.
    pub obligations: &'static [&'static str],
    /// What to do first where it is empty.
    pub first: &'static str,
    /// The fields that a table shows, besides id and state.
    pub columns: &'static [&'static str],
    /// The area of the actions that change it.
    pub area: &'static str,
    /// The area of the actions that read it.
    pub readers: &'static str,
    /// Action of reading one.
    pub read: &'static Action,
    /// Action of reading a page.
    pub list: &'static Action,
    /// The schema of a row as it is shown.
    pub shown: fn(&mut SchemaGenerator) -> Schema,
    /// Adding one.
    pub add: Entry,
    /// The steps of its life.
    pub steps: &'static [Entry],
    /// The operation that reads one.
    pub get: fn(&Kernel, &str) -> Result<Boxed>,
    /// The operation that reads a page.
    pub page: fn(&Kernel, usize, Option<&str>) -> Result<Boxed>,
    /// The operation that reads the versions of one: a list of [`super::Past`].
    pub history: fn(&Kernel, &str) -> Result<Boxed>,
    /// Rows out of their bodies.
    pub rows: fn(&[Vec<u8>]) -> Result<Rows>,
    /// What each of such rows is at a moment, by its id; those that not everybody may read are left
    /// out.
    pub states: fn(&Rows, Moment, &Closed) -> Vec<(String, Status)>,
    /// Those of such rows that only named people may read, by their ids.
    pub closed: fn(&Rows) -> Vec<String>,
}

/// Something that can be done with a register.
pub struct Entry {
    /// The verb, as paths and commands use it.
    pub verb: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The area, where it is not the register's.
    pub area: Option<&'static str>,
    /// The action.
    pub action: &'static Action,
    /// The schema of what is stated.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// The operation, out of the id (of a step) or random bits (of adding), and JSON.
    pub make: fn(&Kernel, On<'_>, &[u8]) -> Result<Boxed>,
}

/// What an entry is about: the row of this id, or a new one.
#[derive(Clone, Copy, Debug)]
pub enum On<'a> {
    /// An existing row.
    Row(&'a str),
    /// A new row; its id comes from these bits where none is chosen.
    New([u8; 16]),
}

impl Register {
    /// The register of a noun. `area` is the area of rights that changing it needs.
    pub const fn of<N: Row>(area: &'static str, purpose: &'static str) -> Self {
        Self {
            noun: N::NOUN,
            command: N::NOUN,
            plural: N::REGISTER,
            purpose,
            obligations: &[],
            first: "",
            columns: &[],
            area,
            readers: "oversee",
            read: Reading::<N>::ACTION,
            list: Listing::<N>::ACTION,
            shown: |generator| generator.subschema_for::<Shown<N>>(),
            add: Entry {
                verb: "add",
                summary: "",
                area: None,
                action: Adding::<N>::ACTION,
                schema: |generator| generator.subschema_for::<N::New>(),
                make: add::<N>,
            },
            steps: &[],
            get: get::<N>,
            page: page::<N>,
            history: history::<N>,
            rows: rows::<Kept<N>>,
            states: states::<N>,
            closed: closed::<N>,
        }
    }

    /// With another command than the noun.
    pub const fn command(mut self, command: &'static str) -> Self {
        self.command = command;
        self
    }

    /// With the obligations that rest on it.
    pub const fn serves(mut self, obligations: &'static [&'static str]) -> Self {
        self.obligations = obligations;
        self
    }

    /// With what to do first, which is also what adding one means.
    pub const fn first(mut self, first: &'static str) -> Self {
        self.first = first;
        self.add.summary = first;
        self
    }

    /// With the fields that a table shows.
    pub const fn columns(mut self, columns: &'static [&'static str]) -> Self {
        self.columns = columns;
        self
    }

    /// With the steps of its life.
    pub const fn steps(mut self, steps: &'static [Entry]) -> Self {
        self.steps = steps;
        self
    }

    /// Where adding one needs another area than changing it.
    pub const fn added_in(mut self, area: &'static str) -> Self {
        self.add.area = Some(area);
        self
    }

    /// What everybody at the provider may read, because it is addressed to them.
    pub const fn read_by_everybody(mut self) -> Self {
        self.readers = "own";
        self
    }

    /// Every entry: adding, then the steps.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        std::iter::once(&self.add).chain(self.steps)
    }

    /// Every action with its area.
    pub fn actions(&self) -> impl Iterator<Item = (&'static Action, &'static str)> {
        let changes = self.entries().map(|entry| (entry.action, entry.area.unwrap_or(self.area)));
        changes.chain([(self.read, self.readers), (self.list, self.readers)])
    }
}

/// A step of a noun's life.
pub const fn step<N: Row, S: Step<N>>(verb: &'static str, summary: &'static str) -> Entry {
    Entry {
        verb,
        summary,
        area: None,
        action: Stepping::<N, S>::ACTION,
        schema: |generator| defined::<S>(generator, S::ACTION),
        make: take::<N, S>,
    }
}

/// The schema of a step under the name of its action, `VendorAgree` for `vendor.agree`: the types
/// themselves are called `Agree` or `End` in many nouns.
fn defined<T: JsonSchema>(generator: &mut SchemaGenerator, action: &str) -> Schema {
    if generator.settings().inline_subschemas {
        return T::json_schema(generator);
    }
    let mut name = String::new();
    for part in action.split(['.', '-', '_']) {
        let mut letters = part.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    let schema = T::json_schema(generator);
    let place = format!("#{}/{name}", generator.settings().definitions_path);
    generator.definitions_mut().insert(name, schema.to_value());
    Schema::new_ref(place)
}

impl Entry {
    /// In another area than its register's.
    pub const fn within(mut self, area: &'static str) -> Self {
        self.area = Some(area);
        self
    }
}

fn add<N: Row>(kernel: &Kernel, target: On<'_>, json: &[u8]) -> Result<Boxed> {
    let On::New(random) = target else {
        return Err(Error::internal("adding needs no row"));
    };
    Ok(Boxed::new(Add::<N>::new(kernel, stated(json)?, random)?, N::NOUN))
}

fn take<N: Row, S: Step<N>>(kernel: &Kernel, target: On<'_>, json: &[u8]) -> Result<Boxed> {
    let On::Row(id) = target else {
        return Err(Error::internal("a step needs a row"));
    };
    Ok(Boxed::new(Do::<N, S>::new(kernel, id, stated(json)?)?, N::NOUN))
}

/// What a request states. No body at all states nothing.
///
/// # Errors
/// `Invalid` with the field, where the parser can say which.
pub fn stated<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    let json = if json.trim_ascii().is_empty() { b"{}" } else { json };
    serde_json::from_slice(json).map_err(|error| {
        let said = error.to_string();
        // `missing field `x` at line 1 …`, `unknown field `x`, expected …`: the field is quoted.
        let field = said.split('`').nth(1).filter(|_| said.contains(" field `"));
        let place = format!(" at line {} column {}", error.line(), error.column());
        let why = said.strip_suffix(place.as_str()).unwrap_or(&said);
        Error::invalid(field.unwrap_or("body"), why)
    })
}

fn get<N: Row>(kernel: &Kernel, id: &str) -> Result<Boxed> {
    let read = Read::<Kept<N>>::new(kernel, id)?;
    let now = kernel.now();
    Ok(Boxed::new(super::Mapped::new(read, move |kept| Shown::at(kept, now)), N::NOUN))
}

fn page<N: Row>(kernel: &Kernel, limit: usize, after: Option<&str>) -> Result<Boxed> {
    let list = List::<Kept<N>>::new(kernel, limit, after)?;
    let now = kernel.now();
    let shown = move |page: Page<Kept<N>>| page.map(|kept| Shown::at(kept, now));
    Ok(Boxed::new(super::Mapped::new(list, shown), N::NOUN))
}

fn history<N: Row>(kernel: &Kernel, id: &str) -> Result<Boxed> {
    Ok(Boxed::new(History::<Kept<N>>::new(kernel, id)?, N::NOUN))
}

/// Rows of a noun out of their bodies, as a survey holds them.
pub(super) fn rows<N: Noun + Sync>(bodies: &[Vec<u8>]) -> Result<Rows> {
    let rows: Result<Vec<N>> = bodies.iter().map(|body| parse(body)).collect();
    Ok(Box::new(rows?))
}

fn states<N: Row>(rows: &Rows, now: Moment, closed: &Closed) -> Vec<(String, Status)> {
    let open = |kept: &&Kept<N>| match kept.row.readers() {
        Readers::Everybody => true,
        Readers::Named(said) => said.since.is_none(),
        Readers::As(register, id) => !closed.contains(&format!("{register}/{id}")),
        // What others ask for is told to those it is about, not to everybody who sees the board.
        Readers::Involved(_) => true,
    };
    let rows = held::<N>(rows).iter().filter(open);
    rows.map(|kept| (kept.id.clone(), kept.row.status(now))).collect()
}

fn closed<N: Row>(rows: &Rows) -> Vec<String> {
    let closed = |kept: &&Kept<N>| match kept.row.readers() {
        Readers::Named(said) => said.since.is_some(),
        Readers::Everybody | Readers::As(..) | Readers::Involved(_) => false,
    };
    held::<N>(rows).iter().filter(closed).map(|kept| kept.id.clone()).collect()
}

fn held<N: Row>(rows: &Rows) -> &[Kept<N>] {
    rows.downcast_ref::<Vec<Kept<N>>>().map_or(&[][..], Vec::as_slice)
}
