//! What a system is made of: CycloneDX, Cargo.lock, package-lock.json.
//!
//! Promises: the whole file is read or none of it, because an inventory with holes says "not
//! affected" where nobody looked; components come out once each, ordered by ecosystem, name and
//! version, named as OSV names them.
//! Deliberately not: one's own packages (path dependencies, workspace members, the root), which no
//! advisory names; hashes, licences and the graph of dependencies.

use super::json::{self, Node};
use super::text::quote;
use super::{MAX_ITEMS, MAX_JSON, MAX_LOCK, Refused, purl, text};

/// The components of one system, from one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The format with its version: `CycloneDX 1.6`, `Cargo.lock 4`, `package-lock.json 3`.
    pub format: String,
    /// Each component once, ordered; at most [`MAX_ITEMS`].
    pub components: Vec<Component>,
}

/// One component of a system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Component {
    /// Ecosystem as OSV names it (`crates.io`, `npm`, `PyPI`, `Go`, `Debian:12`); the type of the
    /// purl where OSV has none; empty when the file does not say.
    pub ecosystem: String,
    /// Name within the ecosystem: `@scope/name` for npm, `group:artifact` for Maven, normalized by
    /// PEP 503 for PyPI; `group/name` where the ecosystem is not known.
    pub name: String,
    /// Version as the file has it; empty when the file does not say.
    pub version: String,
    /// Package URL, as the file has it or made from the lock file.
    pub purl: Option<String>,
}

/// Reads CycloneDX (ECMA-424) JSON of versions 1.4, 1.5 and 1.6, nested components included.
/// Components of type `file` that have no purl are left out: they are not packages.
///
/// # Errors
/// When it is not such a file, or any component in it cannot be read.
pub fn cyclonedx(bytes: &[u8]) -> Result<Inventory, Refused> {
    let value = json::file(bytes, MAX_JSON)?;
    let root = Node::root(&value);
    let version = cyclonedx_version(&root)?;
    let mut found = Vec::new();
    // A document without the list, such as one of VEX alone, is not an empty system.
    flatten(&root.member("components")?, &mut found)?;
    Ok(inventory(format!("CycloneDX {version}"), found))
}

/// The version of a CycloneDX document, one of those that are read.
pub(super) fn cyclonedx_version(root: &Node<'_>) -> Result<&'static str, Refused> {
    let format = root.member("bomFormat")?;
    if format.text()? != "CycloneDX" {
        let problem = format!("{} is not `CycloneDX`", quote(format.text()?));
        return Err(format.refuse(problem, "export the inventory as CycloneDX JSON"));
    }
    let version = root.member("specVersion")?;
    match version.text()? {
        "1.4" => Ok("1.4"),
        "1.5" => Ok("1.5"),
        "1.6" => Ok("1.6"),
        other => {
            let problem = format!("CycloneDX {} is not read", quote(other));
            Err(version.refuse(problem, "export it as version 1.4, 1.5 or 1.6"))
        }
    }
}

/// Takes components out of a list and of what is nested in it; nesting ends with JSON's own limit.
fn flatten(list: &Node<'_>, found: &mut Vec<Component>) -> Result<(), Refused> {
    for item in list.items()? {
        if let Some(component) = cyclonedx_component(&item)? {
            room(|| item.place(), found.len())?;
            found.push(component);
        }
        if let Some(nested) = item.maybe("components")? {
            flatten(&nested, found)?;
        }
    }
    Ok(())
}

fn cyclonedx_component(item: &Node<'_>) -> Result<Option<Component>, Refused> {
    let name = item.member("name")?.name()?;
    let version = match item.maybe("version")? {
        // The schema allows an empty version for one that is not known.
        Some(node) if node.text()?.trim().is_empty() => String::new(),
        Some(node) => node.name()?,
        None => String::new(),
    };
    let Some(node) = item.maybe("purl")? else {
        let name = match item.maybe("group")? {
            Some(group) if !group.text()?.trim().is_empty() => format!("{}/{name}", group.name()?),
            _ => name,
        };
        let kind = item.maybe("type")?;
        let file = kind.is_some_and(|kind| kind.text().is_ok_and(|kind| kind == "file"));
        let component = Component { ecosystem: String::new(), name, version, purl: None };
        return Ok((!file).then_some(component));
    };
    let package = purl::parse(|| node.place(), node.text()?)?;
    Ok(Some(Component {
        ecosystem: package.ecosystem,
        name: package.name,
        version: if package.version.is_empty() { version } else { package.version },
        purl: Some(node.name()?),
    }))
}

/// Reads a Cargo.lock of format 3 or 4. Packages without a source are one's own and left out; those
/// from git carry the repository in their purl.
///
/// Cargo writes this file itself, one key per line, so it is read by lines: that is exact about
/// places, and costs no more memory than what it finds.
///
/// # Errors
/// When it is of another format, or has a line that Cargo would not write.
pub fn cargo_lock(bytes: &[u8]) -> Result<Inventory, Refused> {
    let text = text::text(bytes, MAX_LOCK)?;
    let mut lock = CargoLock::default();
    for (index, line) in text.lines().enumerate() {
        lock.line(index + 1, line.trim())?;
    }
    lock.finish(text.lines().count())
}

/// What of a Cargo.lock has been read so far.
#[derive(Default)]
struct CargoLock {
    format: Option<&'static str>,
    section: Section,
    in_list: bool,
    package: Package,
    found: Vec<Component>,
}

/// The table that a line of a Cargo.lock belongs to.
#[derive(Clone, Copy, Default, PartialEq)]
enum Section {
    #[default]
    Top,
    Package,
    /// Metadata and unused patches, of which nothing is needed.
    Other,
}

/// A package of a Cargo.lock, while its lines are read.
#[derive(Default)]
struct Package {
    line: usize,
    name: Option<String>,
    version: Option<String>,
    source: Option<String>,
}

impl CargoLock {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Refused> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if self.in_list {
            self.in_list = line != "]";
            let item = line.starts_with('"') && (line.ends_with("\",") || line.ends_with('"'));
            return if item || !self.in_list { Ok(()) } else { Err(odd(number, line)) };
        }
        if line.starts_with('[') {
            return self.open(number, line);
        }
        let (key, value) = line.split_once('=').ok_or_else(|| odd(number, line))?;
        let (key, value) = (key.trim(), value.trim());
        if value == "[" {
            self.in_list = true;
            return Ok(());
        }
        match self.section {
            Section::Top if key == "version" => self.version(number, value),
            Section::Package => self.package.set(number, key, value),
            Section::Top | Section::Other => Ok(()),
        }
    }

    /// A table begins, so the package before it is complete.
    fn open(&mut self, number: usize, line: &str) -> Result<(), Refused> {
        self.close()?;
        self.section = match line {
            "[[package]]" => Section::Package,
            "[metadata]" | "[[patch.unused]]" | "[patch]" => Section::Other,
            _ => return Err(odd(number, line)),
        };
        self.package = Package { line: number, ..Package::default() };
        Ok(())
    }

    fn version(&mut self, number: usize, value: &str) -> Result<(), Refused> {
        self.format = Some(match value {
            "3" => "3",
            "4" => "4",
            other => {
                let problem = format!("format {} of Cargo.lock is not read", quote(other));
                return Err(Refused::new(line_at(number), problem, RELOCK));
            }
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Refused> {
        if self.section == Section::Package {
            room(|| line_at(self.package.line), self.found.len())?;
            self.found.extend(std::mem::take(&mut self.package).component()?);
        }
        Ok(())
    }

    fn finish(mut self, lines: usize) -> Result<Inventory, Refused> {
        if self.in_list {
            let problem = "the file ends inside a list";
            return Err(Refused::new(line_at(lines), problem, "send the whole file"));
        }
        self.close()?;
        let Some(format) = self.format else {
            let problem = "no `version` line: this is not a Cargo.lock, or one of format 1 or 2";
            return Err(Refused::new("line 1", problem, RELOCK));
        };
        Ok(inventory(format!("Cargo.lock {format}"), self.found))
    }
}

impl Package {
    fn set(&mut self, number: usize, key: &str, value: &str) -> Result<(), Refused> {
        let field = match key {
            "name" => &mut self.name,
            "version" => &mut self.version,
            "source" => &mut self.source,
            // Checksums, `replace`, and lists on one line.
            _ => return Ok(()),
        };
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let bare = bare.filter(|value| !value.contains(['"', '\\']));
        let bare = bare.ok_or_else(|| odd(number, value))?;
        if field.is_some() {
            let problem = format!("the package has {} twice", quote(key));
            return Err(Refused::new(line_at(number), problem, RELOCK));
        }
        *field = Some(text::name(|| line_at(number), bare)?);
        Ok(())
    }

    fn component(self) -> Result<Option<Component>, Refused> {
        let missing = |what: &str| {
            let problem = format!("the package has no {what}");
            Refused::new(line_at(self.line), problem, RELOCK)
        };
        let name = self.name.ok_or_else(|| missing("name"))?;
        let version = self.version.ok_or_else(|| missing("version"))?;
        let Some(source) = self.source else { return Ok(None) };
        let mut purl = purl::write("cargo", &name, &version);
        if source.starts_with("git+") {
            purl.push_str("?vcs_url=");
            purl.push_str(&purl::encode(&source));
        }
        let ecosystem = "crates.io".to_owned();
        Ok(Some(Component { ecosystem, name, version, purl: Some(purl) }))
    }
}

const RELOCK: &str = "make it again with a current cargo: `cargo generate-lockfile`";

fn line_at(number: usize) -> String {
    format!("line {number}")
}

fn odd(number: usize, line: &str) -> Refused {
    let problem = format!("{} is not a line of a Cargo.lock", quote(line));
    Refused::new(line_at(number), problem, RELOCK)
}

/// Reads a package-lock.json of `lockfileVersion` 2 or 3, by its `packages` map. The root, members
/// of the workspace and links to them are one's own and left out.
///
/// # Errors
/// When it is of another version, or any package in it cannot be read.
pub fn package_lock(bytes: &[u8]) -> Result<Inventory, Refused> {
    let value = json::file(bytes, MAX_LOCK)?;
    let root = Node::root(&value);
    let node = root.member("lockfileVersion")?;
    let version = node.whole()?;
    if !matches!(version, 2 | 3) {
        let problem = format!("version {version} of package-lock.json is not read");
        let remedy = "make it again with npm 7 or later: `npm install --package-lock-only`";
        return Err(node.refuse(problem, remedy));
    }
    let mut found = Vec::new();
    for (path, package) in root.member("packages")?.members()? {
        if let Some(component) = npm_package(path, &package)? {
            room(|| package.place(), found.len())?;
            found.push(component);
        }
    }
    Ok(inventory(format!("package-lock.json {version}"), found))
}

fn npm_package(path: &str, package: &Node<'_>) -> Result<Option<Component>, Refused> {
    let link = package.maybe("link")?.map(|node| node.truth()).transpose()?;
    // What is not below `node_modules` is a folder of the project itself.
    let below = path
        .rsplit_once("node_modules/")
        .filter(|(before, _)| before.is_empty() || before.ends_with('/'));
    let Some((_, installed)) = below.filter(|_| link != Some(true)) else { return Ok(None) };
    // A package installed under an alias says its own name.
    let name = match package.maybe("name")? {
        Some(node) => node.name()?,
        None => text::name(|| package.place(), installed)?,
    };
    let version = package.maybe("version")?.map(|node| node.name()).transpose()?;
    let version = version.unwrap_or_default();
    let purl = (!version.is_empty()).then(|| purl::write("npm", &name, &version));
    Ok(Some(Component { ecosystem: "npm".to_owned(), name, version, purl }))
}

/// Refuses one component too many.
fn room(place: impl Fn() -> String, count: usize) -> Result<(), Refused> {
    if count < MAX_ITEMS {
        return Ok(());
    }
    let problem = format!("there are more than {MAX_ITEMS} components");
    Err(Refused::new(place(), problem, "split the inventory by system"))
}

/// Orders the components, each once.
fn inventory(format: String, mut components: Vec<Component>) -> Inventory {
    components.sort_unstable();
    components.dedup();
    Inventory { format, components }
}
