//! Files that other tools write, read into typed values.
//!
//! Promises: bytes go in and values come out, or a [`Refused`] that names the place, the problem
//! and the remedy. Every reader is bounded in size, depth and number, whatever the bytes are, and
//! none panics. A file is read whole or refused; where single statements can be bad without the
//! others losing their meaning (advisories, VEX), the bad ones are set aside with their place.
//! Deliberately not: input and output, time, opinions about what was read. Members that a reader
//! does not know are ignored, because formats grow, except where ignoring one changes the meaning.

mod archive;
pub mod inventory;
mod json;
pub mod kev;
pub mod osv;
mod purl;
pub mod scans;
pub mod table;
mod text;
pub mod vex;
mod xml;

use std::fmt;

/// Largest JSON file in bytes: the largest SBOM we know of is 40 MiB.
pub const MAX_JSON: usize = 64 << 20;

/// Largest XML file in bytes: a scan of a /16 with services is about 20 MiB.
pub const MAX_XML: usize = 32 << 20;

/// Largest lock file in bytes: 16 MiB are about 80,000 packages.
pub const MAX_LOCK: usize = 16 << 20;

/// Largest table in bytes: [`MAX_ROWS`] rows of 320 bytes.
pub const MAX_TABLE: usize = 32 << 20;

/// Largest zip in bytes, packed: OSV's largest per-ecosystem archive is about 200 MiB.
pub const MAX_ZIP: usize = 256 << 20;

/// Largest entry of a zip in bytes, unpacked: the longest lists of versions take about 2 MiB.
pub const MAX_ENTRY: u64 = 4 << 20;

/// All entries of a zip together in bytes, unpacked. Entries are read one by one, so this bounds
/// time and not memory.
pub const MAX_UNPACKED: u64 = 512 << 20;

/// Most entries in a zip.
pub const MAX_ENTRIES: usize = 200_000;

/// Most times that an entry may be larger than it is packed. JSON packs about tenfold, lists of
/// versions up to a hundredfold; DEFLATE ends at 1,032, and bombs are made near there.
pub const MAX_RATIO: u64 = 250;

/// Deepest nesting of JSON or XML: real files stay under 20, and recursion needs a limit.
pub const MAX_DEPTH: usize = 64;

/// Most values in one JSON document: about what a real file of [`MAX_JSON`] has, where a hostile
/// one would have 32 million and use a hundred times its size in memory.
pub const MAX_VALUES: usize = 2_000_000;

/// Most components, advisories, findings or statements from one file.
pub const MAX_ITEMS: usize = 200_000;

/// Most rows in a table.
pub const MAX_ROWS: usize = 100_000;

/// Longest name, version, purl or identifier in bytes that is taken from a file: purls with
/// checksums and addresses of sources reach 1,000.
pub const MAX_NAME: usize = 2_000;

/// Longest free text in bytes that is taken from a file; what is longer is cut, with an ellipsis.
pub const MAX_TEXT: usize = 2_000;

/// Why a file, or one item of it, was not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// Where: `line 3, column 5`, `components[17].purl`, ``entry `a/b.json` of the zip``.
    pub place: String,
    /// What is wrong there, with input in backticks.
    pub problem: String,
    /// What to do next.
    pub remedy: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}: {}", self.place, self.problem, self.remedy)
    }
}

impl std::error::Error for Refused {}

impl Refused {
    pub(crate) fn new(
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { place: place.into(), problem: problem.into(), remedy: remedy.into() }
    }

    /// The same, inside something larger: `line 4` becomes ``entry `a.json` of the zip, line 4``.
    pub(crate) fn inside(mut self, outer: &str) -> Self {
        if !outer.is_empty() {
            self.place = format!("{outer}, {}", self.place);
        }
        self
    }
}

/// How bad something is, on the scale that CVSS 3.1 and 4.0 share; worst first, so that a list
/// sorts by what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// CVSS 9.0 to 10.0.
    Critical,
    /// CVSS 7.0 to 8.9.
    High,
    /// CVSS 4.0 to 6.9.
    Medium,
    /// CVSS 0.0 to 3.9.
    Low,
    /// The file does not say, or in a form that is not read.
    Unknown,
}

impl Severity {
    /// The word for it: `critical`, `high`, `medium`, `low`, `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Unknown => "unknown",
        }
    }

    /// From a word in any case: `moderate` is medium, `important` is high (Red Hat's words).
    fn from_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" | "important" => Self::High,
            "medium" | "moderate" => Self::Medium,
            "low" | "negligible" | "none" => Self::Low,
            _ => Self::Unknown,
        }
    }

    /// From a CVSS score, 0.0 to 10.0.
    fn from_score(score: f64) -> Self {
        match score {
            9.0..=10.0 => Self::Critical,
            7.0..9.0 => Self::High,
            4.0..7.0 => Self::Medium,
            0.0..4.0 => Self::Low,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
