//! Scans: what a scanner saw of the perimeter, from inside or outside, and what it found.
//!
//! A scan counts for what it covered. Its findings have due dates by severity. A later scan of the
//! same tool that covers the same target takes over: what it does not list any more is gone, what
//! it lists again keeps the clock that it had.

use super::{Settled, Settling, Severity, part, parts};
use crate::catalogue;
use crate::register::{At, Day, Entry, Needs, Register, Row, Status, Step, Tone, When, line, step};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Findings and targets of one scan. A larger one is imported in parts.
const MOST: usize = 500;

/// From where a scan looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// From the internet.
    External,
    /// From within the provider's networks.
    Internal,
}

/// A finding of a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScanFinding {
    /// Its number in this scan: `finding-1`, `finding-2` and so on.
    pub id: String,
    /// The scanner's name for what it checked.
    pub check: String,
    /// Where: an address, or the name of a system.
    pub target: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub title: String,
    /// Last day by which it is to be fixed.
    pub due: Day,
    /// What somebody said about it, if somebody did.
    pub settled: Option<Settled>,
}

impl ScanFinding {
    /// Whether it is to be fixed, as far as this scan knows.
    pub fn open(&self, now: Moment) -> bool {
        self.settled.as_ref().is_none_or(|settled| !settled.closes(now))
    }

    fn same(&self, other: &Self) -> bool {
        (&self.check, &self.target) == (&other.check, &other.target)
    }
}

/// A scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scan {
    /// The scanner.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// From where it looked.
    pub vantage: Vantage,
    /// When it started.
    pub started: When,
    /// What it covered: names of systems, addresses `host:port`, or hosts.
    pub covered: Vec<String>,
    /// What it found.
    pub findings: Vec<ScanFinding>,
}

impl Scan {
    /// Whether it covered a target: by this name, or as a port of a host that it covered.
    pub fn covers(&self, target: &str) -> bool {
        let host = target.rsplit_once(':').map(|(host, _)| host);
        self.covered.iter().any(|one| one == target || Some(one.as_str()) == host)
    }
}

/// What is open over all scans of a kind: the finding, the scan that saw it last, and the day by
/// which it is due by its first unbroken sighting.
pub fn open_findings<'a>(
    scans: &[(&'a str, &'a Scan)],
    now: Moment,
) -> Vec<(&'a str, &'a ScanFinding, Day)> {
    let mut sorted = scans.to_vec();
    sorted.sort_by_key(|(_, scan)| scan.started);
    let mut all = Vec::new();
    for (n, (id, scan)) in sorted.iter().enumerate() {
        let of_tool = |target: &str, other: &Scan| other.tool == scan.tool && other.covers(target);
        for finding in &scan.findings {
            let target = finding.target.as_str();
            if sorted.iter().skip(n + 1).any(|(_, later)| of_tool(target, later)) {
                continue;
            }
            let (mut open, mut due) = (finding.open(now), finding.due);
            let earlier = sorted.iter().take(n).rev().filter(|(_, one)| of_tool(target, one));
            for (_, before) in earlier {
                let seen = before.findings.iter().find(|one| one.same(finding));
                // It was gone, or fixed, in between: then it is a new one.
                let fixed = |one: &&ScanFinding| {
                    one.settled.as_ref().is_some_and(|said| said.how == Settling::Fixed)
                };
                let Some(seen) = seen.filter(|one| !fixed(one)) else { break };
                open &= seen.open(now);
                due = due.min(seen.due);
            }
            if open {
                all.push((*id, finding, due));
            }
        }
    }
    all
}

/// A scan to be imported.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScan {
    /// The scanner, such as `nmap` or `testssl.sh`.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// From where it looked.
    pub vantage: Vantage,
    /// When it started: `2026-11-22T14:02:11Z`.
    pub started: When,
    /// What it covered, at most 500: names of systems, addresses `host:port`, or hosts.
    pub covered: Vec<String>,
    /// What it found, one each, at most 500: `check|target|severity|title`; severities are
    /// `critical`, `high`, `medium`, `low` and `unknown`.
    #[serde(default)]
    pub findings: Vec<String>,
}

impl Row for Scan {
    const NOUN: &'static str = "scan";
    const REGISTER: &'static str = "scans";
    const FORMAT: &'static str = "scan/v1";
    const ADD: &'static str = "scan.add";
    const READ: &'static str = "scan.read";
    const LIST: &'static str = "scan.list";
    type New = NewScan;

    fn needs(_: &NewScan, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn add(new: &NewScan, at: &mut At<'_, '_>) -> Result<Self> {
        let today = Day::of(at.now());
        if new.started.0 > at.now() || Day::of(new.started.0).plus(366) < today {
            let why = "state a moment of the last year, not later than now";
            return Err(Error::invalid("started", why));
        }
        if new.covered.is_empty() || new.covered.len() > MOST {
            return Err(Error::invalid("covered", format!("name 1 to {MOST} targets")));
        }
        if new.findings.len() > MOST {
            return Err(Error::invalid("findings", format!("name at most {MOST} findings")));
        }
        let parameters = catalogue::parameters(at)?;
        let mut findings = Vec::with_capacity(new.findings.len());
        for (n, text) in new.findings.iter().enumerate() {
            let found = finding(n + 1, text)?;
            let due = today.plus(found.severity.days(&parameters));
            findings.push(ScanFinding { due, ..found });
        }
        let covered = new.covered.iter().map(|one| line("covered", one, 300));
        at.tell("findings", findings.len().to_string());
        Ok(Self {
            tool: line("tool", &new.tool, 60)?,
            version: line("version", &new.version, 60)?,
            vantage: new.vantage,
            started: new.started,
            covered: covered.collect::<Result<_>>()?,
            findings,
        })
    }

    fn status(&self, now: Moment) -> Status {
        let open = || self.findings.iter().filter(|one| one.open(now));
        let late = |one: &&ScanFinding| one.due.end() <= now;
        let first = open().map(|one| one.due.end()).min();
        let Some(first) = first else { return Status::of("clean", Tone::Good) };
        let (count, overdue) = (open().count(), open().filter(late).count());
        let accepted = |one: &&ScanFinding| one.settled.as_ref().is_some_and(|s| s.accepts(now));
        let accepted = open().filter(accepted).count();
        let what = format!("{count} findings are open, {accepted} of them accepted for a while");
        let status = if overdue > 0 {
            Status::of("overdue", Tone::Bad)
        } else {
            Status::of("open", Tone::Due)
        };
        status.what(what).due(first).who("responder")
    }
}

/// Reads `check|target|severity|title`; when it is due is not known yet.
fn finding(number: usize, text: &str) -> Result<ScanFinding> {
    const FIELD: &str = "findings";
    let [check, target, severity, title] =
        parts(FIELD, number, text, "check|target|severity|title")?;
    let severity = Severity::parse(severity).ok_or_else(|| {
        let (word, all) =
            (kernel::id::shown(severity), Severity::ALL.map(Severity::word).join("`, `"));
        Error::invalid(FIELD, format!("line {number}: `{word}` is no severity: use `{all}`"))
    })?;
    Ok(ScanFinding {
        id: format!("finding-{number}"),
        check: part(FIELD, number, check)?,
        target: part(FIELD, number, target)?,
        severity,
        title: part(FIELD, number, title)?,
        due: Day::of(Moment(0)),
        settled: None,
    })
}

/// Settles a finding of the scan.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleScan {
    /// The finding's number: `finding-1` and so on.
    pub finding: String,
    /// How: `fixed`, `false-positive` until a day, or `accepted` until a day.
    pub how: Settling,
    /// Why, or what was done.
    pub why: String,
    /// Last day that counts, within 366 days; for `false-positive` and `accepted`.
    pub until: Option<Day>,
}

impl Step<Scan> for SettleScan {
    const ACTION: &'static str = "scan.settle";

    fn apply(&self, row: &mut Scan, at: &mut At<'_, '_>) -> Result<()> {
        let found = row.findings.iter_mut().find(|one| one.id == self.finding);
        let finding = found.ok_or_else(|| {
            let id = kernel::id::shown(&self.finding);
            Error::invalid("finding", format!("this scan has no finding `{id}`"))
        })?;
        if !finding.open(at.now()) {
            return Err(Error::conflict("this finding is settled already"));
        }
        finding.settled = Some(Settled::stated(self.how, &self.why, self.until, at)?);
        Ok(())
    }
}

const STEPS: &[Entry] = &[step::<Scan, SettleScan>("settle", "Settles a finding of the scan")];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Scan>(
    "exposure",
    "Vulnerability scans with what they covered and found, from inside or outside",
)
.serves(&["E6.4"])
.first("Import a scan: the tool, from where it looked, what it covered and found")
.columns(&["tool", "vantage", "started"])
.steps(STEPS);

#[cfg(test)]
mod tests {
    use super::{Scan, Settled, Settling, Severity, Vantage, finding, open_findings};
    use crate::register::{Day, Mark, When};
    use kernel::Moment;

    const DAY: u64 = 86_400_000_000;

    fn scan(day: u64, tool: &str, covered: &[&str], found: &[&str]) -> Scan {
        let findings = found.iter().enumerate().map(|(n, text)| {
            let due = Day::of(Moment(day * DAY)).plus(10);
            super::ScanFinding { due, ..finding(n + 1, text).unwrap() }
        });
        Scan {
            tool: tool.into(),
            version: "1".into(),
            vantage: Vantage::External,
            started: When(Moment(day * DAY)),
            covered: covered.iter().map(ToString::to_string).collect(),
            findings: findings.collect(),
        }
    }

    /// What is open on day 100, as `scan check due-day`.
    fn open(scans: &[&Scan]) -> Vec<String> {
        let names = ["a", "b", "c", "d"];
        let named: Vec<_> = names.into_iter().zip(scans.iter().copied()).collect();
        let found = open_findings(&named, Moment(100 * DAY));
        found.iter().map(|(id, one, due)| format!("{id} {} {}", one.check, due)).collect()
    }

    fn settle(scan: &mut Scan, how: Settling, until: Option<u32>) {
        let mark = Mark { by: "person:lea".into(), at: When(Moment(0)) };
        let until = until.map(|days| Day::of(Moment(0)).plus(days));
        scan.findings[0].settled = Some(Settled { how, why: "x".into(), until, mark });
    }

    #[test]
    fn a_later_scan_of_the_same_tool_takes_over() {
        let weak = "weak|x:443|high|weak cipher";
        let first = scan(50, "t", &["x:443"], &[weak]);
        assert_eq!(open(&[&first]), ["a weak 1970-03-02"]);
        let clean = scan(60, "t", &["x"], &[]);
        assert!(open(&[&clean, &first]).is_empty(), "gone, whatever the order");
        let elsewhere = scan(60, "t", &["y:443"], &[]);
        let other = scan(60, "u", &["x:443"], &[]);
        assert_eq!(open(&[&first, &elsewhere, &other]), ["a weak 1970-03-02"]);
        let again = scan(60, "t", &["x:443"], &[weak]);
        assert_eq!(open(&[&first, &again]), ["b weak 1970-03-02"], "with the clock it had");
        let anew = scan(70, "t", &["x:443"], &[weak]);
        assert_eq!(open(&[&first, &clean, &anew]), ["c weak 1970-03-22"], "it was gone");
    }

    #[test]
    fn what_was_said_of_an_earlier_sighting_counts_on() {
        let weak = "weak|x:443|high|weak cipher";
        let mut first = scan(50, "t", &["x:443"], &[weak]);
        let again = scan(60, "t", &["x:443"], &[weak]);
        settle(&mut first, Settling::FalsePositive, Some(100));
        assert!(open(&[&first, &again]).is_empty());
        settle(&mut first, Settling::FalsePositive, Some(99));
        assert_eq!(open(&[&first, &again]), ["b weak 1970-03-02"], "that is over");
        settle(&mut first, Settling::Accepted, Some(200));
        assert_eq!(open(&[&first, &again]), ["b weak 1970-03-02"], "that excuses nobody");
        settle(&mut first, Settling::Fixed, None);
        assert_eq!(open(&[&first, &again]), ["b weak 1970-03-12"], "it came back");
        assert!(open(&[&first]).is_empty());
    }

    #[test]
    fn a_line_is_a_finding_or_refused() {
        let found = finding(1, "weak|x:443|high|a | in the title").unwrap();
        assert_eq!((found.severity, found.title.as_str()), (Severity::High, "a | in the title"));
        for bad in ["", "a|b|high", "a|b|terrible|c", "|b|high|c", "a||high|c", "a|b|high|"] {
            assert_eq!(finding(3, bad).unwrap_err().field(), Some("findings"), "{bad}");
        }
    }
}
