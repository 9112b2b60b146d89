//! Inventories: what a system is made of, as a file of another tool lists it.
//!
//! One row per source of components, such as the lock file of a service or the bill of materials of
//! an image. Its components are replaced as a whole; earlier lists are in the row's history. An
//! advisory that is said to be fixed is compared with the next inventory.

use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, prose, step,
};
use crate::systems::System;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Days after which an inventory says nothing about the present any more.
pub const INVENTORY_DAYS: u32 = 31;

/// Components of one inventory. A larger system is registered as several.
const COMPONENTS: usize = 20_000;

/// Bytes of all components together, so that a row stays below the kernel's limit on a body.
const BYTES: usize = 900 * 1024;

/// An inventory of components.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inventory {
    /// The system it is of, if it is of one.
    pub system: Option<String>,
    /// The format of the file it comes from, such as `CycloneDX 1.6` or `Cargo.lock`.
    pub written_as: String,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// How many components there are.
    pub count: u32,
    /// The components, sorted: `ecosystem|name|version`.
    pub components: Vec<String>,
    /// Who imported them, and when.
    pub imported: Option<Mark>,
    /// When it was given up, if it was.
    pub retired: Option<Mark>,
}

impl Inventory {
    /// Whether it lists a component.
    pub fn lists(&self, ecosystem: &str, name: &str, version: &str) -> bool {
        let wanted = format!("{ecosystem}|{name}|{version}");
        self.components.binary_search(&wanted).is_ok()
    }

    /// The last day it says something about the present.
    pub fn valid_to(&self) -> Option<Day> {
        let imported = self.imported.as_ref()?;
        Some(Day::of(imported.at.0).plus(INVENTORY_DAYS))
    }
}

/// An inventory to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInventory {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The system it is of, if it is of one.
    pub system: Option<String>,
    /// The format of the file it comes from, such as `CycloneDX 1.6` or `Cargo.lock`.
    pub written_as: String,
    /// Who answers for it: `person:NAME`; whoever registers it if not stated.
    pub owner: Option<String>,
}

impl Row for Inventory {
    const NOUN: &'static str = "inventory";
    const REGISTER: &'static str = "inventories";
    const FORMAT: &'static str = "inventory/v1";
    const ADD: &'static str = "inventory.add";
    const READ: &'static str = "inventory.read";
    const LIST: &'static str = "inventory.list";
    type New = NewInventory;

    fn id(new: &NewInventory) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewInventory, needs: &mut Needs<'_>) -> Result<()> {
        new.system.iter().try_for_each(|system| needs.row::<System>(system))
    }

    fn add(new: &NewInventory, at: &mut At<'_, '_>) -> Result<Self> {
        if let Some(system) = &new.system {
            at.named::<System>("system", system)?;
        }
        Ok(Self {
            system: new.system.clone(),
            written_as: line("written_as", &new.written_as, 60)?,
            owner: super::owner(new.owner.as_deref(), at)?,
            count: 0,
            components: vec![],
            imported: None,
            retired: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        if self.retired.is_some() {
            return Status::of("retired", Tone::Past);
        }
        match self.valid_to().map(Day::end) {
            None => {
                let what = "import its components";
                Status::of("empty", Tone::Due).what(what).who(&self.owner)
            }
            Some(end) if end <= now => {
                let what = "import its components again";
                Status::of("stale", Tone::Due).what(what).due(end).who(&self.owner)
            }
            Some(end) => Status::of("imported", Tone::Good).due(end).who(&self.owner),
        }
    }
}

/// Puts new components in the place of all earlier ones.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// One component each, at most 20,000: `ecosystem|name|version`, such as
    /// `crates.io|serde|1.0.219`; ecosystems as OSV names them.
    pub components: Vec<String>,
    /// The format of the file, if it is another one than before.
    pub written_as: Option<String>,
}

impl Step<Inventory> for Replace {
    const ACTION: &'static str = "inventory.replace";

    fn apply(&self, row: &mut Inventory, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        let (count, bytes) = (self.components.len(), self.components.iter().map(String::len));
        if count > COMPONENTS || bytes.sum::<usize>() > BYTES {
            let why = format!(
                "an inventory holds at most {COMPONENTS} components and {} KiB: register parts of \
                 the system as inventories of their own",
                BYTES / 1024
            );
            return Err(Error::limit(why));
        }
        if count == 0 {
            return Err(Error::invalid("components", "name at least one component"));
        }
        let each = self.components.iter().enumerate().map(|(n, text)| component(n + 1, text));
        let mut components = each.collect::<Result<Vec<_>>>()?;
        components.sort_unstable();
        components.dedup();
        if let Some(format) = &self.written_as {
            row.written_as = line("written_as", format, 60)?;
        }
        row.count = u32::try_from(components.len()).unwrap_or(u32::MAX);
        at.tell("components", row.count.to_string());
        row.components = components;
        row.imported = Some(at.mark());
        Ok(())
    }
}

fn component(number: usize, text: &str) -> Result<String> {
    const FORM: &str = "ecosystem|name|version";
    let [ecosystem, name, version] = super::parts("components", number, text, FORM)?;
    if ecosystem.is_empty() || name.is_empty() || version.is_empty() {
        let why = format!("line {number}: a part of it is empty: write `{FORM}`");
        return Err(Error::invalid("components", why));
    }
    Ok(format!("{ecosystem}|{name}|{version}"))
}

/// Gives an inventory up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireInventory {
    /// What happened to what it lists.
    pub reason: String,
}

impl Step<Inventory> for RetireInventory {
    const ACTION: &'static str = "inventory.retire";

    fn apply(&self, row: &mut Inventory, at: &mut At<'_, '_>) -> Result<()> {
        in_use(row)?;
        at.tell("reason", prose("reason", &self.reason, 500)?);
        row.retired = Some(at.mark());
        Ok(())
    }
}

fn in_use(row: &Inventory) -> Result<()> {
    match row.retired {
        Some(_) => Err(Error::conflict("this inventory is given up: register another one")),
        None => Ok(()),
    }
}

const STEPS: &[Entry] = &[
    step::<Inventory, Replace>("replace", "Imports the components, in the place of earlier ones"),
    step::<Inventory, RetireInventory>("retire", "Gives the inventory up"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Inventory>(
    "exposure",
    "What systems are made of: components from bills of materials and lock files",
)
.serves(&["E6.3"])
.first("Register an inventory: which system it is of; then import its components")
.columns(&["system", "written_as", "count", "owner"])
.steps(STEPS);
