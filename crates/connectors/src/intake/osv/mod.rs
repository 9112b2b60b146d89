//! Advisories in the OSV schema (ossf.github.io/osv-schema, version 1.x), and whether one affects a
//! component.
//!
//! Promises: a bad advisory is set aside with its place and the rest is read; a file in which
//! nothing can be read is refused, so that an empty answer always means an empty feed. Versions are
//! compared as their ecosystem does; where that is not known here, the answer is
//! [`Match::Unknown`], never "not affected".
//! Deliberately not: fetching feeds, commit ranges, joining aliases.

mod matching;
mod severity;
mod version;

pub use matching::{Match, matches, package_key};

use std::collections::BTreeSet;

use super::json::{self, Node};
use super::text::{self, quote};
use super::{MAX_ITEMS, MAX_JSON, Refused, Severity, archive};

/// Most versions, and most events, that one advisory may name for one package.
const MAX_VERSIONS: usize = 50_000;

/// All advisories of one file together, in bytes of memory. A zip may unpack to more than that, and
/// short versions take ten times their size. The largest feed, PyPI's, takes about 160 MiB.
const MAX_KEPT: usize = 256 << 20;

/// What was read from a file of advisories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The good ones, in the order of the file; at most [`MAX_ITEMS`], each id once.
    pub advisories: Vec<Advisory>,
    /// The bad ones, each with its place.
    pub refused: Vec<Refused>,
}

/// One advisory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// Id in its database: `RUSTSEC-2026-0001`, `GHSA-…`, `CVE-…`.
    pub id: String,
    /// Ids of the same vulnerability in other databases.
    pub aliases: Vec<String>,
    /// When it was last changed, RFC 3339.
    pub modified: String,
    /// When it was published, RFC 3339.
    pub published: Option<String>,
    /// When it was withdrawn, RFC 3339: it then affects nothing.
    pub withdrawn: Option<String>,
    /// One line about it; the first line of the details where there is no summary; may be empty.
    pub summary: String,
    /// The worst that any of its ratings says.
    pub severity: Severity,
    /// What it is about.
    pub affected: Vec<Affected>,
}

/// One package that an advisory is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// Ecosystem, with its release where it has one: `Debian:12`. Empty with commit ranges only.
    pub ecosystem: String,
    /// Name within the ecosystem, as the advisory has it. Empty with commit ranges only.
    pub name: String,
    /// Versions named one by one.
    pub versions: Vec<String>,
    /// Versions by range.
    pub ranges: Vec<Range>,
    /// What RustSec says of one that is no vulnerability: `unmaintained`, `unsound`, `notice`.
    pub informational: Option<String>,
}

/// A range of versions, or several of one line of development.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// How its versions are to be compared.
    pub kind: RangeKind,
    /// Where it begins and ends.
    pub events: Vec<Event>,
}

/// How the versions of a range are to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeKind {
    /// By SemVer 2.0.
    Semver,
    /// As the ecosystem does.
    Ecosystem,
    /// By the history of a repository.
    Git,
}

/// Where a range begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first version that is affected; `0` stands for "from the beginning".
    Introduced(String),
    /// The first version that is not affected any more.
    Fixed(String),
    /// The last version that is affected.
    LastAffected(String),
    /// Nothing at or after this one is spoken of; `*` stands for no limit.
    Limit(String),
}

/// Reads one advisory, a list of them, or one per line (NDJSON).
///
/// # Errors
/// When the file is too large, not UTF-8 or not JSON, or has nothing that can be read.
pub fn advisories(bytes: &[u8]) -> Result<Read, Refused> {
    let text = text::text(bytes, MAX_JSON)?;
    let mut reading = Reading::default();
    if is_lines(text) {
        for (index, line) in text.lines().enumerate() {
            if !line.trim().is_empty() {
                reading.document(&format!("line {}", index + 1), line)?;
            }
        }
    } else {
        let value = json::parse(text)?;
        let root = Node::root(&value);
        if root.is_list() {
            for item in root.items()? {
                reading.take("", &item.place(), advisory(&item))?;
            }
        } else {
            reading.take("", text::FILE, advisory(&root))?;
        }
    }
    reading.finish()
}

/// Reads the `*.json` entries of a zip, as OSV publishes them: one advisory or a list each. Other
/// entries are left alone, except archives, which are set aside.
///
/// # Errors
/// When the zip is too large or not to be trusted (paths that lead outside, encryption, entries
/// that overlap or are not of the size they claim, one that unpacks to far more than it is), or has
/// nothing that can be read.
pub fn advisories_zip(bytes: &[u8]) -> Result<Read, Refused> {
    let mut reading = Reading::default();
    archive::each_json(bytes, |place, entry| match entry {
        Ok(bytes) => match text::text(bytes, MAX_JSON) {
            Ok(text) => reading.document(place, text),
            Err(refused) => reading.refuse(within(place, refused)),
        },
        Err(refused) => reading.refuse(refused),
    })?;
    reading.finish()
}

/// Whether the file has one document per line: the first line is one by itself, or the second
/// begins another. The second line of a single indented object begins with a key.
fn is_lines(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (Some(first), second) = (lines.next(), lines.next()) else { return false };
    let begins = |line: &str| line.starts_with('{');
    begins(first) && (second.is_some_and(begins) || json::parse(first).is_ok())
}

/// Advisories on their way in.
#[derive(Default)]
struct Reading {
    read: Vec<Advisory>,
    refused: Vec<Refused>,
    seen: BTreeSet<String>,
    kept: usize,
}

impl Reading {
    /// A document inside something larger: one advisory or a list.
    fn document(&mut self, outer: &str, text: &str) -> Result<(), Refused> {
        let value = match json::parse(text) {
            Ok(value) => value,
            Err(refused) => return self.refuse(within(outer, refused)),
        };
        let root = Node::root(&value);
        if !root.is_list() {
            return self.take(outer, outer, advisory(&root));
        }
        for item in root.items()? {
            self.take(outer, &item.place(), advisory(&item))?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        outer: &str,
        place: &str,
        read: Result<Advisory, Refused>,
    ) -> Result<(), Refused> {
        let advisory = match read {
            Ok(advisory) => advisory,
            Err(refused) => return self.refuse(within(outer, refused)),
        };
        if !self.seen.insert(advisory.id.clone()) {
            let problem = format!("{} is there twice", quote(&advisory.id));
            let refused = Refused::new(place, problem, "send the file with each advisory once");
            return self.refuse(if place == outer { refused } else { within(outer, refused) });
        }
        room(self.read.len())?;
        self.kept = self.kept.saturating_add(weight(&advisory));
        if self.kept > MAX_KEPT {
            let problem = format!("the advisories take more than {MAX_KEPT} bytes of memory");
            return Err(Refused::new(text::FILE, problem, "import the feed in parts"));
        }
        self.read.push(advisory);
        Ok(())
    }

    fn refuse(&mut self, refused: Refused) -> Result<(), Refused> {
        room(self.refused.len())?;
        self.refused.push(refused);
        Ok(())
    }

    fn finish(self) -> Result<Read, Refused> {
        let Some(first) = self.refused.first().filter(|_| self.read.is_empty()) else {
            if self.read.is_empty() {
                let problem = "there is no advisory in it";
                return Err(Refused::new(text::FILE, problem, "export the feed again"));
            }
            return Ok(Read { advisories: self.read, refused: self.refused });
        };
        Err(first.clone())
    }
}

/// About how many bytes an advisory takes.
fn weight(advisory: &Advisory) -> usize {
    let text = |text: &String| text.len() + 40;
    let affected = advisory.affected.iter().map(|affected| {
        let versions = affected.versions.iter().map(text).sum::<usize>();
        let events = affected.ranges.iter().map(|range| 40 + range.events.len() * 64);
        200 + text(&affected.name) + versions + events.sum::<usize>()
    });
    400 + advisory.summary.len()
        + advisory.aliases.iter().map(text).sum::<usize>()
        + affected.sum::<usize>()
}

fn room(count: usize) -> Result<(), Refused> {
    if count < MAX_ITEMS {
        return Ok(());
    }
    let problem = format!("there are more than {MAX_ITEMS} advisories");
    Err(Refused::new(text::FILE, problem, "import the feed by ecosystem"))
}

/// A place inside another. A document that is one line needs no line number of its own.
fn within(outer: &str, mut refused: Refused) -> Refused {
    if outer.starts_with("line ")
        && let Some(column) = refused.place.strip_prefix("line 1, ")
    {
        refused.place = column.to_owned();
    }
    if refused.place == text::FILE && !outer.is_empty() {
        refused.place = outer.to_owned();
        return refused;
    }
    refused.inside(outer)
}

fn advisory(node: &Node<'_>) -> Result<Advisory, Refused> {
    let moment = |key: &'static str| node.maybe(key)?.map(|node| node.moment()).transpose();
    if let Some(version) = node.maybe("schema_version")?
        && !version.text()?.starts_with("1.")
    {
        let problem = format!("OSV schema {} is not read", quote(version.text()?));
        return Err(version.refuse(problem, "export it by a schema of version 1"));
    }
    let id = node.member("id")?.name()?;
    let mut aliases = Vec::new();
    if let Some(list) = node.maybe("aliases")? {
        for alias in list.items()? {
            aliases.push(alias.name()?);
        }
    }
    let mut affected = Vec::new();
    if let Some(list) = node.maybe("affected")? {
        for item in list.items()? {
            affected.push(self::affected(&item)?);
        }
    }
    Ok(Advisory {
        id,
        aliases,
        modified: node.member("modified")?.moment()?,
        published: moment("published")?,
        withdrawn: moment("withdrawn")?,
        summary: summary(node)?,
        severity: severity::of(node)?,
        affected,
    })
}

fn summary(node: &Node<'_>) -> Result<String, Refused> {
    if let Some(summary) = node.maybe("summary")? {
        return Ok(text::free(summary.text()?));
    }
    let details = node.maybe("details")?.map(|node| node.text()).transpose()?.unwrap_or_default();
    let mut lines = details.lines().map(|line| line.trim().trim_start_matches('#').trim());
    Ok(text::free(lines.find(|line| !line.is_empty()).unwrap_or_default()))
}

fn affected(node: &Node<'_>) -> Result<Affected, Refused> {
    let package = node.maybe("package")?;
    let (ecosystem, name) = match &package {
        Some(package) => (package.member("ecosystem")?.name()?, package.member("name")?.name()?),
        None => (String::new(), String::new()),
    };
    let mut versions = Vec::new();
    if let Some(list) = node.maybe("versions")? {
        for version in list.items()? {
            few(&version, versions.len())?;
            versions.push(version.name()?);
        }
    }
    let mut ranges = Vec::new();
    if let Some(list) = node.maybe("ranges")? {
        for item in list.items()? {
            ranges.push(range(&item)?);
        }
    }
    let informational = match node.maybe("database_specific")? {
        Some(specific) => specific.maybe("informational")?.map(|node| node.name()).transpose()?,
        None => None,
    };
    Ok(Affected { ecosystem, name, versions, ranges, informational })
}

fn range(node: &Node<'_>) -> Result<Range, Refused> {
    let kind = node.member("type")?;
    let kind = match kind.text()? {
        "SEMVER" => RangeKind::Semver,
        "ECOSYSTEM" => RangeKind::Ecosystem,
        "GIT" => RangeKind::Git,
        other => {
            let problem = format!("ranges of type {} are not read", quote(other));
            return Err(kind.refuse(problem, "use SEMVER, ECOSYSTEM or GIT"));
        }
    };
    let mut events = Vec::new();
    for item in node.member("events")?.items()? {
        few(&item, events.len())?;
        event(&item, &mut events)?;
    }
    if !events.iter().any(|event| matches!(event, Event::Introduced(_))) {
        let remedy = "add `introduced`; `0` stands for the beginning";
        return Err(node.member("events")?.refuse("no version introduces it", remedy));
    }
    Ok(Range { kind, events })
}

/// An event; the schema wants one member each, but older files have several in one object.
fn event(node: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Refused> {
    let before = events.len();
    for (key, value) in node.members()? {
        events.push(match key {
            "introduced" => Event::Introduced(value.name()?),
            "fixed" => Event::Fixed(value.name()?),
            "last_affected" => Event::LastAffected(value.name()?),
            "limit" => Event::Limit(value.name()?),
            // An event that is not known could end or begin a range.
            other => {
                let problem = format!("events of kind {} are not read", quote(other));
                return Err(value.refuse(problem, "use introduced, fixed, last_affected or limit"));
            }
        });
    }
    if events.len() == before {
        return Err(node.refuse("the event says nothing", "remove it"));
    }
    Ok(())
}

fn few(node: &Node<'_>, count: usize) -> Result<(), Refused> {
    if count < MAX_VERSIONS {
        return Ok(());
    }
    let problem = format!("there are more than {MAX_VERSIONS}");
    Err(node.refuse(problem, "give ranges instead of versions one by one"))
}
