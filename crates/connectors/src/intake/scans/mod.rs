//! Reports of scanners: nmap, testssl.sh, SARIF.
//!
//! Promises: a scan that broke off is refused or says so in its targets, because an empty report
//! must mean that nothing was found; targets are what was looked at, findings what was found there.
//! Deliberately not: whether a finding is true, or whether the target is the provider's.

mod nmap;
mod sarif;
mod testssl;

pub use nmap::nmap;
pub use sarif::sarif;
pub use testssl::testssl;

use super::{MAX_ITEMS, Refused, Severity, text};

/// Longest id, title or target of a finding in bytes: rules are repeated in every finding, so that
/// a small file could grow to gigabytes.
const MAX_SHORT: usize = 300;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Name of the tool: `nmap`, `testssl.sh`, or what a SARIF file says.
    pub tool: String,
    /// Its version; empty where the file does not say.
    pub tool_version: String,
    /// When it began, RFC 3339, where the file says.
    pub started: Option<String>,
    /// What was looked at; empty for tools that look at files. At most [`MAX_ITEMS`].
    pub targets: Vec<Target>,
    /// What was found; at most [`MAX_ITEMS`].
    pub findings: Vec<Found>,
}

/// A host, or a port of one, that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// IP address, or the host as the tool was given it.
    pub address: String,
    /// Names that the scan connects with the address.
    pub names: Vec<String>,
    /// Port; none for the host itself.
    pub port: Option<u16>,
    /// `tcp`, `udp` or `sctp`; empty for the host itself.
    pub protocol: String,
    /// Service and product, where one was recognized.
    pub service: Option<String>,
    /// As the tool says: `open`, `closed`, `filtered` for a port, `up`, `down` for a host;
    /// `unreachable` where a check could not connect or did not finish.
    pub state: String,
}

/// Something that a scanner found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The tool's id of the rule or check.
    pub id: String,
    /// Where: `192.0.2.1:443`, or a file and line.
    pub target: String,
    /// How bad the tool says it is.
    pub severity: Severity,
    /// One line about it.
    pub title: String,
}

impl Scan {
    fn new(tool: &str) -> Self {
        Self {
            tool: tool.to_owned(),
            tool_version: String::new(),
            started: None,
            targets: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn push_target(&mut self, place: impl Fn() -> String, target: Target) -> Result<(), Refused> {
        room(place, self.targets.len())?;
        self.targets.push(target);
        Ok(())
    }

    fn push_finding(&mut self, place: impl Fn() -> String, found: Found) -> Result<(), Refused> {
        room(place, self.findings.len())?;
        self.findings.push(found);
        Ok(())
    }
}

fn room(place: impl Fn() -> String, count: usize) -> Result<(), Refused> {
    if count < MAX_ITEMS {
        return Ok(());
    }
    let problem = format!("there are more than {MAX_ITEMS} targets or findings");
    Err(Refused::new(place(), problem, "scan in parts, and import them one by one"))
}

/// Free text of a finding on one line.
fn short(value: &str) -> String {
    let mut out = text::free(value);
    if out.len() > MAX_SHORT {
        let end = (0..=MAX_SHORT).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0);
        out.truncate(end);
        out.push('…');
    }
    out
}

/// `192.0.2.1:443`, `[2001:db8::1]:443`, or the address alone.
fn endpoint(address: &str, port: Option<u16>) -> String {
    match port {
        Some(port) if address.contains(':') => format!("[{address}]:{port}"),
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    }
}
