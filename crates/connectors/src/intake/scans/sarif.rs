//! SARIF 2.1.0 (OASIS), the results of analysers.
//!
//! Promises: every run must have results, if only an empty list, and must not say that it failed: a
//! run without them looked at nothing. Results that passed, do not apply or are gone since the last
//! run are left out; suppressed ones are kept, because whoever suppressed them is not us.
//! Deliberately not: flows, fixes, results in other files (refused), versions other than 2.1.0.

use std::collections::BTreeMap;

use super::{Found, Scan, short};
use crate::intake::json::{self, Node};
use crate::intake::text::quote;
use crate::intake::{MAX_JSON, Refused, Severity};

/// Reads a SARIF file. Several runs become one scan, with the names of their tools.
///
/// # Errors
/// When it is not such a file, or one of its runs did not complete.
pub fn sarif(bytes: &[u8]) -> Result<Scan, Refused> {
    let value = json::file(bytes, MAX_JSON)?;
    let root = Node::root(&value);
    let version = root.member("version")?;
    if version.text()? != "2.1.0" {
        let problem = format!("SARIF {} is not read", quote(version.text()?));
        return Err(version.refuse(problem, "export it as SARIF 2.1.0"));
    }
    let mut scan = Scan::new("");
    let mut runs = 0_usize;
    for run in root.member("runs")?.items()? {
        self::run(&run, &mut scan)?;
        runs += 1;
    }
    if runs == 0 {
        return Err(root.member("runs")?.refuse("there is no run", "export it again"));
    }
    Ok(scan)
}

fn run(run: &Node<'_>, scan: &mut Scan) -> Result<(), Refused> {
    if let Some(outside) = run.maybe("externalPropertyFileReferences")? {
        let problem = "parts of this run are in other files";
        return Err(outside.refuse(problem, "export it as one file"));
    }
    complete(run, scan)?;
    let tool = run.member("tool")?;
    let driver = tool.member("driver")?;
    let name = short(&driver.member("name")?.name()?);
    if !scan.tool.split(", ").any(|known| known == name) && scan.tool.len() < 1_000 {
        scan.tool = if scan.tool.is_empty() { name } else { format!("{}, {name}", scan.tool) };
    }
    for key in ["semanticVersion", "version"] {
        if let Some(version) = driver.maybe(key)?
            && scan.tool_version.is_empty()
        {
            scan.tool_version = short(version.text()?);
        }
    }
    let rules = Rules::of(&driver)?;
    for result in run.member("results")?.items()? {
        if let Some(found) = finding(&result, &rules)? {
            scan.push_finding(|| result.place(), found)?;
        }
    }
    Ok(())
}

/// Refuses a run that says it failed; takes the earliest beginning.
fn complete(run: &Node<'_>, scan: &mut Scan) -> Result<(), Refused> {
    let Some(invocations) = run.maybe("invocations")? else { return Ok(()) };
    for invocation in invocations.items()? {
        if let Some(success) = invocation.maybe("executionSuccessful")?
            && !success.truth()?
        {
            let problem = "the run did not succeed";
            return Err(success.refuse(problem, "run the tool again until it succeeds"));
        }
        if let Some(started) = invocation.maybe("startTimeUtc")?
            && scan.started.is_none()
        {
            scan.started = Some(started.moment()?);
        }
    }
    Ok(())
}

/// The rules of a run, by position and by id.
struct Rules {
    list: Vec<Rule>,
    by_id: BTreeMap<String, usize>,
}

struct Rule {
    id: String,
    title: String,
    severity: Option<Severity>,
}

impl Rules {
    fn of(driver: &Node<'_>) -> Result<Self, Refused> {
        let mut rules = Self { list: Vec::new(), by_id: BTreeMap::new() };
        let Some(list) = driver.maybe("rules")? else { return Ok(rules) };
        for item in list.items()? {
            let rule = rule(&item)?;
            rules.by_id.insert(rule.id.clone(), rules.list.len());
            rules.list.push(rule);
        }
        Ok(rules)
    }

    /// The rule that a result names by id, or by its index in the driver's list.
    fn find(&self, result: &Node<'_>) -> Result<(Option<&Rule>, Option<String>), Refused> {
        let nested = result.maybe("rule")?;
        let member = |key: &str, inner: &str| -> Result<Option<String>, Refused> {
            if let Some(node) = result.maybe(key)? {
                return node.name().map(Some);
            }
            match &nested {
                Some(rule) => rule.maybe(inner)?.map(|node| node.name()).transpose(),
                None => Ok(None),
            }
        };
        let id = member("ruleId", "id")?;
        let index = match (result.maybe("ruleIndex")?, &nested) {
            (Some(node), _) => Some(node.whole()?),
            (None, Some(rule)) => rule.maybe("index")?.map(|node| node.whole()).transpose()?,
            (None, None) => None,
        };
        let by_index = index.and_then(|index| usize::try_from(index).ok());
        let by_id = id.as_ref().and_then(|id| {
            // An id may have parts that narrow it: `CA1000/1` is of rule `CA1000`.
            let whole = self.by_id.get(id.as_str());
            whole.or_else(|| self.by_id.get(id.rsplit_once('/')?.0)).copied()
        });
        Ok((by_id.or(by_index).and_then(|at| self.list.get(at)), id))
    }
}

fn rule(item: &Node<'_>) -> Result<Rule, Refused> {
    let mut title = String::new();
    for key in ["shortDescription", "fullDescription"] {
        if let Some(description) = item.maybe(key)?
            && let Some(text) = description.maybe("text")?
            && title.is_empty()
        {
            title = short(text.text()?);
        }
    }
    let level = match item.maybe("defaultConfiguration")? {
        Some(configuration) => {
            configuration.maybe("level")?.map(|node| level(&node)).transpose()?
        }
        None => None,
    };
    let severity = scored(item)?.or(level);
    Ok(Rule { id: item.member("id")?.name()?, title, severity })
}

/// `properties.security-severity`: a CVSS score, as GitHub introduced it.
fn scored(item: &Node<'_>) -> Result<Option<Severity>, Refused> {
    let Some(properties) = item.maybe("properties")? else { return Ok(None) };
    let Some(score) = properties.maybe("security-severity")? else { return Ok(None) };
    let number =
        if score.is_text() { score.text()?.trim().parse().ok() } else { score.number().ok() };
    Ok(number.map(Severity::from_score))
}

fn level(node: &Node<'_>) -> Result<Severity, Refused> {
    match node.text()? {
        "error" => Ok(Severity::High),
        "warning" => Ok(Severity::Medium),
        "note" => Ok(Severity::Low),
        "none" => Ok(Severity::Unknown),
        other => {
            let problem = format!("level {} is not one of SARIF", quote(other));
            Err(node.refuse(problem, "use error, warning, note or none"))
        }
    }
}

fn finding(result: &Node<'_>, rules: &Rules) -> Result<Option<Found>, Refused> {
    let said = |key: &'static str| result.maybe(key)?.map(|node| node.text()).transpose();
    if matches!(said("kind")?, Some("pass" | "notApplicable" | "informational"))
        || said("baselineState")? == Some("absent")
    {
        return Ok(None);
    }
    let (rule, id) = rules.find(result)?;
    let own = result.maybe("level")?.map(|node| level(&node)).transpose()?;
    let by_rule = rule.and_then(|rule| rule.severity);
    // A score is finer than a level; without both, SARIF's default is a warning.
    let severity = match scored(result)? {
        Some(severity) => severity,
        None => match (own, by_rule) {
            (Some(Severity::Unknown) | None, Some(severity)) => severity,
            (Some(severity), Some(by_rule)) => severity.min(by_rule),
            (Some(severity), None) => severity,
            (None, None) => Severity::Medium,
        },
    };
    let message = result.member("message")?;
    let title = match message.maybe("text")? {
        Some(text) => short(text.text()?),
        None => String::new(),
    };
    let described = rule.map(|rule| rule.title.clone()).filter(|title| !title.is_empty());
    let id = id.or_else(|| rule.map(|rule| rule.id.clone())).map(|id| short(&id));
    let id = id.unwrap_or_else(|| "unnamed".to_owned());
    let title = if title.is_empty() { described.unwrap_or_else(|| id.clone()) } else { title };
    Ok(Some(Found { id, target: location(result)?, severity, title }))
}

/// File and line of the first location; empty when there is none.
fn location(result: &Node<'_>) -> Result<String, Refused> {
    let Some(locations) = result.maybe("locations")? else { return Ok(String::new()) };
    let Some(first) = locations.items()?.next() else { return Ok(String::new()) };
    let Some(physical) = first.maybe("physicalLocation")? else { return Ok(String::new()) };
    let Some(artifact) = physical.maybe("artifactLocation")? else { return Ok(String::new()) };
    let uri = artifact.maybe("uri")?.map(|node| node.text()).transpose()?.unwrap_or_default();
    let uri = short(uri);
    let region = physical.maybe("region")?;
    let line = match &region {
        Some(region) => region.maybe("startLine")?.map(|node| node.whole()).transpose()?,
        None => None,
    };
    Ok(match line {
        Some(line) => format!("{uri}:{line}"),
        None => uri,
    })
}
