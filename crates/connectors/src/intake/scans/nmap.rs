//! XML of nmap (`-oX`), and of tools that write the same, such as masscan.
//!
//! Promises: every host and every port that the report lists, with its state; a scan that ended in
//! an error, or whose file was cut, is refused.
//! Deliberately not: ports that nmap only counts (`extraports`), traces, guesses at the system.
//! Of scripts, only those that say `State: VULNERABLE`, as nmap's library of vulnerabilities does.

use std::net::IpAddr;

use super::{Found, Scan, Target, endpoint, short};
use crate::intake::text::{self, quote};
use crate::intake::xml::{Element, Tag, Tags};
use crate::intake::{Refused, Severity};

/// Most names of one host.
const MAX_NAMES: usize = 20;

/// All names of all targets together in bytes: they are repeated with each port.
const MAX_NAMES_BYTES: usize = 64 << 20;

const AGAIN: &str = "scan again with `-oX`, and send the whole file";

/// Reads a report of nmap.
///
/// # Errors
/// When it is not such a report, or not a complete one.
pub fn nmap(bytes: &[u8]) -> Result<Scan, Refused> {
    let mut tags = Tags::new(bytes)?;
    let mut report = Report { scan: Scan::new("nmap"), host: None, names_bytes: 0 };
    let mut path: Vec<String> = Vec::new();
    while let Some(tag) = tags.next()? {
        match tag {
            Tag::Open(element) => {
                let parent = path.last().map_or("", String::as_str);
                report.open(&tags, parent, &element)?;
                path.push(element.name);
            }
            Tag::Close => {
                if path.pop().as_deref() == Some("host") {
                    report.close_host(&tags)?;
                }
            }
        }
    }
    Ok(report.scan)
}

/// A report on its way in.
struct Report {
    scan: Scan,
    host: Option<Host>,
    names_bytes: usize,
}

/// A host on its way in.
#[derive(Default)]
struct Host {
    address: Option<String>,
    names: Vec<String>,
    state: String,
    ports: Vec<Target>,
    vulnerable: Vec<(Option<u16>, Found)>,
}

impl Report {
    fn open(&mut self, tags: &Tags<'_>, parent: &str, element: &Element) -> Result<(), Refused> {
        match (parent, element.name.as_str()) {
            ("", "nmaprun") => self.root(element),
            ("", other) => {
                let problem = format!("the root is {}, not `nmaprun`", quote(other));
                return Err(tags.refuse(problem, AGAIN));
            }
            ("runstats", "finished") => {
                if let Some(exit) = element.get("exit").filter(|exit| *exit != "success") {
                    let problem = format!("the scan did not finish, it says {}", quote(exit));
                    return Err(tags.refuse(problem, AGAIN));
                }
            }
            ("nmaprun", "host") => self.host = Some(Host::default()),
            _ => {
                if let Some(host) = &mut self.host {
                    host.open(tags, parent, element)?;
                }
            }
        }
        Ok(())
    }

    fn root(&mut self, element: &Element) {
        self.scan.tool = short(element.get("scanner").unwrap_or("nmap"));
        self.scan.tool_version = short(element.get("version").unwrap_or_default());
        self.scan.started = element.get("start").and_then(text::from_epoch);
    }

    fn close_host(&mut self, tags: &Tags<'_>) -> Result<(), Refused> {
        let Some(host) = self.host.take() else { return Ok(()) };
        let Some(address) = host.address else {
            return Err(tags.refuse("a host has no address", AGAIN));
        };
        let repeats = host.ports.len() + 1;
        self.names_bytes += host.names.iter().map(String::len).sum::<usize>() * repeats;
        if self.names_bytes > MAX_NAMES_BYTES {
            let problem = "the names of the hosts take more space than is read";
            return Err(tags.refuse(problem, "scan in parts, and import them one by one"));
        }
        // Only for a refusal: finding the line costs a walk through the file.
        let place = || tags.place();
        if host.ports.is_empty() {
            let target = Target {
                address: address.clone(),
                names: host.names.clone(),
                port: None,
                protocol: String::new(),
                service: None,
                state: host.state,
            };
            self.scan.push_target(place, target)?;
        }
        for mut target in host.ports {
            target.address.clone_from(&address);
            target.names.clone_from(&host.names);
            self.scan.push_target(place, target)?;
        }
        for (port, mut found) in host.vulnerable {
            found.target = endpoint(&address, port);
            self.scan.push_finding(place, found)?;
        }
        Ok(())
    }
}

impl Host {
    fn open(&mut self, tags: &Tags<'_>, parent: &str, element: &Element) -> Result<(), Refused> {
        match (parent, element.name.as_str()) {
            ("host", "status") => self.state = short(element.get("state").unwrap_or("unknown")),
            ("host", "address") => self.address(tags, element)?,
            ("hostnames", "hostname") => {
                let name = element.get("name").map(short).filter(|name| !name.is_empty());
                if self.names.len() < MAX_NAMES {
                    self.names.extend(name.filter(|name| !self.names.contains(name)));
                }
            }
            ("ports", "port") => self.port(tags, element)?,
            ("port", "state") => {
                if let Some(port) = self.ports.last_mut() {
                    port.state = short(element.get("state").unwrap_or("unknown"));
                }
            }
            ("port", "service") => {
                if let Some(port) = self.ports.last_mut() {
                    port.service = service(element);
                }
            }
            ("port", "script") => {
                let port = self.ports.last().and_then(|target| target.port);
                self.vulnerable.extend(vulnerable(element).map(|found| (port, found)));
            }
            ("hostscript", "script") => {
                self.vulnerable.extend(vulnerable(element).map(|found| (None, found)));
            }
            _ => {}
        }
        Ok(())
    }

    fn address(&mut self, tags: &Tags<'_>, element: &Element) -> Result<(), Refused> {
        if element.get("addrtype") == Some("mac") || self.address.is_some() {
            return Ok(());
        }
        let text = element.get("addr").unwrap_or_default();
        let address = text.parse::<IpAddr>().map_err(|_| {
            let problem = format!("{} is not an IP address", quote(text));
            tags.refuse(problem, AGAIN)
        })?;
        self.address = Some(address.to_string());
        Ok(())
    }

    fn port(&mut self, tags: &Tags<'_>, element: &Element) -> Result<(), Refused> {
        let text = element.get("portid").unwrap_or_default();
        let port = text.parse::<u16>().map_err(|_| {
            let problem = format!("{} is not a port", quote(text));
            tags.refuse(problem, AGAIN)
        })?;
        self.ports.push(Target {
            address: String::new(),
            names: Vec::new(),
            port: Some(port),
            protocol: short(element.get("protocol").unwrap_or_default()),
            service: None,
            state: "unknown".to_owned(),
        });
        Ok(())
    }
}

/// `https nginx 1.26`: name, product and version as far as they are known.
fn service(element: &Element) -> Option<String> {
    let name = match (element.get("name"), element.get("tunnel")) {
        (Some("http"), Some("ssl")) => Some("https".to_owned()),
        (Some(name), Some(tunnel)) => Some(format!("{tunnel}/{name}")),
        (name, _) => name.map(str::to_owned),
    };
    let rest = ["product", "version"].into_iter().filter_map(|key| element.get(key));
    let words: Vec<String> = name.into_iter().chain(rest.map(str::to_owned)).collect();
    (!words.is_empty()).then(|| short(&words.join(" ")))
}

/// A finding, when the script says that the host is vulnerable. Its output has the title on the
/// line after `VULNERABLE:`, then `State: VULNERABLE`, and perhaps `Risk factor: High`.
fn vulnerable(element: &Element) -> Option<Found> {
    let output = element.get("output")?;
    let after = |label: &str| {
        // Line breaks in attributes come as spaces, so labels and not lines are looked for.
        output.split_once(label).map(|(_, rest)| rest.trim_start())
    };
    let state = after("State:")?;
    if !state.starts_with("VULNERABLE") && !state.starts_with("LIKELY VULNERABLE") {
        return None;
    }
    let id = element.get("id").map(short).filter(|id| !id.is_empty())?;
    let title = output.split_once("State:").map_or(output, |(head, _)| head);
    let title = title.trim().trim_start_matches("VULNERABLE:").trim();
    let words = after("Risk factor:").and_then(|rest| rest.split_whitespace().next());
    Some(Found {
        target: String::new(),
        severity: words.map_or(Severity::Unknown, Severity::from_word),
        title: if title.is_empty() { id.clone() } else { short(title) },
        id,
    })
}
