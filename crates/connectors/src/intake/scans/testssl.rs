//! JSON of testssl.sh: flat (`--jsonfile`) and by target (`--jsonfile-pretty`).
//!
//! Promises: every target that was checked is listed, and one that could not be reached or whose
//! check broke off is `unreachable` with a finding of unknown severity, never a clean one. What
//! testssl.sh rates low to critical is a finding; so are its warnings, of unknown severity.
//! Deliberately not: what it found to be in order.

use std::collections::BTreeMap;

use super::{Found, MAX_SHORT, Scan, Target, endpoint, short};
use crate::intake::json::{self, Node};
use crate::intake::text::{self, quote};
use crate::intake::{MAX_JSON, Refused, Severity};

/// Reads a report of testssl.sh in either form.
///
/// # Errors
/// When it is not such a report, or has no target.
pub fn testssl(bytes: &[u8]) -> Result<Scan, Refused> {
    let value = json::file(bytes, MAX_JSON)?;
    let root = Node::root(&value);
    let mut scan = Scan::new("testssl.sh");
    let mut targets = BTreeMap::new();
    if root.is_list() {
        for item in root.items()? {
            let address = item.member("ip")?.text()?;
            let port = item.member("port")?;
            let key = key(address, &port)?;
            finding(&mut scan, &mut targets, &key, &item)?;
        }
    } else {
        pretty(&root, &mut scan, &mut targets)?;
    }
    if targets.is_empty() {
        let problem = "no target was checked";
        return Err(root.refuse(problem, "run testssl.sh again, and send the whole file"));
    }
    for target in targets.into_values() {
        scan.push_target(|| text::FILE.to_owned(), target)?;
    }
    Ok(scan)
}

/// Address as it is in the file (`example.com/192.0.2.1`) and port.
type Key = (String, Option<u16>);

fn key(address: &str, port: &Node<'_>) -> Result<Key, Refused> {
    let text = port.text()?;
    if address.len() > MAX_SHORT {
        return Err(port.refuse("the address beside it is too long", "run testssl.sh again"));
    }
    if text.trim().is_empty() {
        return Ok((address.to_owned(), None));
    }
    let number = text.trim().parse::<u16>().map_err(|_| {
        port.refuse(format!("{} is not a port", quote(text)), "run testssl.sh again")
    })?;
    Ok((address.to_owned(), Some(number)))
}

/// The target of a key, made when it is seen first.
fn target<'t>(targets: &'t mut BTreeMap<Key, Target>, key: &Key) -> &'t mut Target {
    targets.entry(key.clone()).or_insert_with(|| {
        let (name, address) = key.0.split_once('/').unwrap_or(("", &key.0));
        // A host that could not be resolved has a name only.
        let (name, address) = if address.is_empty() { ("", name) } else { (name, address) };
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let named = !name.is_empty() && name != address;
        let names = if named { vec![short(name)] } else { Vec::new() };
        Target {
            address: short(address),
            names,
            port: key.1,
            protocol: "tcp".to_owned(),
            service: None,
            state: "open".to_owned(),
        }
    })
}

/// One check of one target.
fn finding(
    scan: &mut Scan,
    targets: &mut BTreeMap<Key, Target>,
    key: &Key,
    item: &Node<'_>,
) -> Result<(), Refused> {
    let id = short(&item.member("id")?.name()?);
    let severity = item.member("severity")?;
    let said = item.member("finding")?.text()?;
    // What concerns the tool itself stands under an address of `/`; its warnings are about no
    // target.
    let mut own = None;
    if !key.0.trim_matches('/').is_empty() {
        own = Some(target(targets, key));
    }
    let severity = match severity.text()? {
        "OK" | "INFO" | "DEBUG" => None,
        "FATAL" => {
            if let Some(target) = &mut own {
                target.state = "unreachable".to_owned();
            }
            Some(Severity::Unknown)
        }
        "WARN" => {
            // The last line of a report: the time it took, or that it broke off.
            if let Some(target) = own.as_mut().filter(|_| id == "scanTime") {
                target.state = "unreachable".to_owned();
            }
            own.is_some().then_some(Severity::Unknown)
        }
        word @ ("LOW" | "MEDIUM" | "HIGH" | "CRITICAL") => Some(Severity::from_word(word)),
        other => {
            let problem = format!("severity {} is not one of testssl.sh", quote(other));
            return Err(severity.refuse(problem, "run testssl.sh again"));
        }
    };
    if let Some(target) = &mut own
        && id == "service"
    {
        target.service = Some(short(said));
    }
    let at = own.map(|target| endpoint(&target.address, target.port)).unwrap_or_default();
    match severity {
        Some(severity) => {
            let title = short(said);
            scan.push_finding(|| item.place(), Found { id, target: at, severity, title })
        }
        None => Ok(()),
    }
}

/// The form by target: sections of checks under each.
fn pretty(
    root: &Node<'_>,
    scan: &mut Scan,
    targets: &mut BTreeMap<Key, Target>,
) -> Result<(), Refused> {
    if let Some(version) = root.maybe("version")? {
        let word = version.text()?.split_whitespace().next();
        scan.tool_version = short(word.unwrap_or_default());
    }
    if let Some(started) = root.maybe("startTime")? {
        scan.started = text::from_epoch(started.text()?.trim());
    }
    let mut last = None;
    for result in root.member("scanResult")?.items()? {
        if result.maybe("targetHost")?.is_none() {
            // What could not be checked at all stands here as a finding by itself.
            let key = invoked(root)?;
            finding(scan, targets, &key, &result)?;
            continue;
        }
        let name = result.member("targetHost")?.text()?;
        let address = result.member("ip")?.text()?;
        let key = key(&format!("{name}/{address}"), &result.member("port")?)?;
        let place = target(targets, &key);
        place.service = result.maybe("service")?.map(|node| node.text()).transpose()?.map(short);
        for (_, section) in result.members()? {
            if !section.is_list() {
                continue;
            }
            for item in section.items()? {
                // Simulated clients have a shape of their own, without a rating.
                if item.maybe("severity")?.is_some() {
                    finding(scan, targets, &key, &item)?;
                }
            }
        }
        last = Some(key);
    }
    // In place of the seconds it took stands a sentence when it broke off.
    if let Some(time) = root.maybe("scanTime")?
        && let Some(key) = last
        && time.is_text()
    {
        let target = target(targets, &key);
        target.state = "unreachable".to_owned();
        let at = endpoint(&target.address, target.port);
        let title = short(time.text()?);
        let id = "scanTime".to_owned();
        let found = Found { id, target: at, severity: Severity::Unknown, title };
        scan.push_finding(|| time.place(), found)?;
    }
    Ok(())
}

/// The target that the tool was called with, the last word of its command line, for a result that
/// names none: `https://example.com:8443/` or `192.0.2.1:443`.
fn invoked(root: &Node<'_>) -> Result<Key, Refused> {
    let line = root.maybe("Invocation")?.map(|node| node.text()).transpose()?;
    let word = line.and_then(|line| line.split_whitespace().last()).unwrap_or("unknown");
    let word = word.split_once("://").map_or(word, |(_, rest)| rest);
    let word = word.split('/').next().unwrap_or(word);
    let split = word.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = match split {
        Some((host, port)) => (host, Some(port)),
        None => (word, None),
    };
    Ok((format!("/{}", short(host)), port))
}
