//! Files of other tools, and documents, as verbs of the registers they belong to: `bailee inventory
//! load`, `bailee report upload` and their like.
//!
//! Promises: a file is read and checked whole here before anything is sent; what is wrong with it
//! is said with its place. Repeating a command does nothing twice.
//! Does not: decide what a file means for anybody; that are steps of the registers.

mod advisories;
mod catalogue;
mod feed;
mod incidents;
mod playbooks;
mod reports;
mod scan;
mod send;

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Arg, ArgMatches, Args as _, Command, FromArgMatches as _};
use connectors::intake::inventory::{self, Component, Inventory};
use connectors::intake::{MAX_JSON, MAX_TABLE, Refused, table};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::client::{Client, Intent};
use crate::exit::{Exit, Failure};
use crate::output::{Output, counted, read_answer};

/// Badge events of one step.
const EVENTS: usize = 500;

/// Rows of one page where rows are large.
const PAGE: usize = 20;

/// A verb of a register that the table of registers does not have.
struct Verb {
    noun: &'static str,
    verb: &'static str,
    about: &'static str,
    with: fn(Command) -> Command,
}

const VERBS: &[Verb] = &[
    Verb {
        noun: "catalogue",
        verb: "load",
        about: "Propose own terms and numbers, out of a JSON file; somebody else approves them",
        with: |command| command.arg(file("TERMS.json")).after_help(catalogue::HELP),
    },
    Verb {
        noun: "inventory",
        verb: "load",
        about: "Import components from CycloneDX, Cargo.lock or package-lock.json",
        with: inventory_arguments,
    },
    Verb {
        noun: "feed",
        verb: "load",
        about: "Read advisories (OSV, or the catalogue of a KEV feed) and match the inventories",
        with: feed::arguments,
    },
    Verb {
        noun: "scan",
        verb: "load",
        about: "Import the report of a scanner: nmap (XML), testssl.sh (JSON) or SARIF",
        with: scan::arguments,
    },
    Verb {
        noun: "area",
        verb: "load",
        about: "Import badge events: a CSV file with the columns time, person and granted",
        with: |command| command.arg(word("id", "ID", "Id of the area")).arg(file("BADGES.csv")),
    },
    Verb {
        noun: "incident",
        verb: "export",
        about: "Take everything about an incident out, as a file that `bailee verify` checks",
        with: incidents::exporting,
    },
    Verb {
        noun: "playbook",
        verb: "load",
        about: "Take a playbook of CACAO 2.0 in: its actions become the steps, all of it is kept",
        with: playbooks::loading,
    },
    Verb {
        noun: "playbook",
        verb: "export",
        about: "Write a playbook to a file as CACAO 2.0",
        with: playbooks::exporting,
    },
    Verb {
        noun: "report",
        verb: "upload",
        about: "Take in the file of a report, which somebody else then publishes",
        with: |command| command.arg(word("id", "ID", "Id of the report")).arg(file("FILE.pdf")),
    },
    Verb {
        noun: "request",
        verb: "make",
        about: "Ask for a report, as a member of an account",
        with: reports::making,
    },
    Verb {
        noun: "request",
        verb: "terms",
        about: "Read the terms under which reports are given, as a member of an account",
        with: |command| {
            command.arg(account()).arg(word("terms", "TERMS", "Version, as `account page` says"))
        },
    },
    Verb {
        noun: "request",
        verb: "accept",
        about: "Accept the terms under which a report is given, as the member who asked",
        with: reports::accepting,
    },
    Verb {
        noun: "request",
        verb: "download",
        about: "Download a copy of a released report, as the member who asked",
        with: reports::downloading,
    },
    Verb {
        noun: "transfer",
        verb: "send",
        about: "Send records to a declared destination (needs a grant with the verb export)",
        with: |command| Intent::augment_args(send::arguments(command)),
    },
];

/// Adds the further verbs of a noun; `connected` adds what every command has.
pub fn extend(noun: &str, mut command: Command, connected: fn(Command) -> Command) -> Command {
    for one in VERBS.iter().filter(|one| one.noun == noun) {
        // Arguments that are shared bring what they are about with them.
        let verb = (one.with)(Command::new(one.verb)).about(one.about).long_about(None);
        command = command.subcommand(connected(verb));
    }
    command
}

/// Why data is touched, where a verb takes that.
pub fn intent(noun: &str, verb: &str, stated: &ArgMatches) -> Option<Intent> {
    let takes = (noun, verb) == ("transfer", "send");
    takes.then(|| Intent::from_arg_matches(stated).unwrap_or_default())
}

/// Runs a further verb, if it is one.
pub async fn run(
    noun: &str,
    verb: &str,
    stated: &ArgMatches,
    client: &Client,
    output: Output,
) -> Option<Result<(), Failure>> {
    Some(match (noun, verb) {
        ("catalogue", "load") => catalogue::load(client, stated, output).await,
        ("inventory", "load") => load_inventory(client, stated, output).await,
        ("feed", "load") => feed::load(client, stated, output).await,
        ("scan", "load") => scan::load(client, stated, output).await,
        ("area", "load") => load_badges(client, stated, output).await,
        ("incident", "export") => incidents::export(client, stated, output).await,
        ("playbook", "load") => playbooks::load(client, stated, output).await,
        ("playbook", "export") => playbooks::export(client, stated, output).await,
        ("report", "upload") => reports::upload(client, stated, output).await,
        ("request", "make") => reports::make(client, stated, output).await,
        ("request", "terms") => reports::terms(client, stated, output).await,
        ("request", "accept") => reports::accept(client, stated, output).await,
        ("request", "download") => reports::download(client, stated, output).await,
        ("transfer", "send") => send::run(client, stated, output).await,
        _ => return None,
    })
}

fn inventory_arguments(command: Command) -> Command {
    command
        .arg(word("name", "NAME", "Unique name; it is registered if there is none of it"))
        .arg(file("FILE"))
        .arg(option("system", "ID", "System it is of, where it is registered"))
        .arg(option("owner", "person:NAME", "Who answers for it, where it is registered"))
}

async fn load_inventory(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let (name, path) = (one(stated, "name"), one(stated, "file"));
    let inventory = parsed(path, &read(path, MAX_JSON)?)?;
    let lines = inventory.components.iter().map(component_line);
    let lines = lines.collect::<Result<Vec<_>, _>>().map_err(|why| about(path, why))?;
    if found(client, "inventories", name).await?.is_none() {
        let mut new = json!({"name": name, "written_as": inventory.format});
        set(&mut new, "system", stated.get_one::<String>("system"));
        set(&mut new, "owner", stated.get_one::<String>("owner"));
        client.post(&["inventories"]).json(&new)?.send().await?;
    }
    let body = json!({"components": lines, "written_as": inventory.format});
    let place = format!("{name}:replace");
    client.post(&["inventories", &place]).json(&body)?.send().await?;
    let count = lines.len();
    output.json(&json!({"inventory": name, "format": inventory.format, "components": count}))?;
    let count = counted(u64::try_from(count).unwrap_or(u64::MAX), "component");
    output.line(&format!("{count} of `{name}` imported from {}", inventory.format))
}

/// Which members tell formats in JSON apart.
#[derive(Deserialize)]
struct Marks {
    #[serde(rename = "bomFormat")]
    bom: Option<IgnoredAny>,
    #[serde(rename = "lockfileVersion")]
    lock: Option<IgnoredAny>,
}

fn parsed(path: &str, bytes: &[u8]) -> Result<Inventory, Failure> {
    let json = bytes.trim_ascii_start().first() == Some(&b'{');
    let read = match json.then(|| serde_json::from_slice::<Marks>(bytes)) {
        Some(Ok(Marks { lock: Some(_), .. })) => inventory::package_lock(bytes),
        // What is no JSON is refused there with its place.
        Some(Ok(Marks { bom: Some(_), .. }) | Err(_)) => inventory::cyclonedx(bytes),
        Some(Ok(_)) => {
            let why = "it is neither CycloneDX nor package-lock.json: name one of these, or a \
                       Cargo.lock";
            return Err(Failure::usage(format!("{path}: {why}")));
        }
        None => inventory::cargo_lock(bytes),
    };
    read.map_err(|refused| unread(path, &refused))
}

/// A component as a line of the register. What the file does not say is written `-`.
fn component_line(component: &Component) -> Result<String, String> {
    let Component { ecosystem, name, version, .. } = component;
    if [ecosystem, name, version].iter().any(|part| part.contains('|')) {
        let name = kernel::id::shown(name);
        return Err(format!("component `{name}` has a `|` in it: leave it out of the file"));
    }
    let part = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    Ok([ecosystem, name, version].map(|text| part(text)).join("|"))
}

async fn load_badges(client: &Client, stated: &ArgMatches, output: Output) -> Result<(), Failure> {
    const COLUMNS: [&str; 3] = ["time", "person", "granted"];
    let (id, path) = (one(stated, "id"), one(stated, "file"));
    let rows = table::rows(&read(path, MAX_TABLE)?, &COLUMNS, &COLUMNS);
    let rows = rows.map_err(|refused| unread(path, &refused))?;
    if rows.is_empty() {
        return Err(about(path, "it has no events: nothing was imported"));
    }
    let event = |row: &BTreeMap<String, String>| {
        COLUMNS.map(|column| row.get(column).map_or("", String::as_str)).join(",")
    };
    let events: Vec<String> = rows.iter().map(event).collect();
    let place = format!("{id}:badges");
    let (mut done, mut last) = (0_u64, Value::Null);
    for some in events.chunks(EVENTS) {
        let call = client.post(&["areas", &place]).json(&json!({"events": some}))?;
        let answer = call.send().await.map_err(|failure| {
            let first = done + 1;
            let what = format!("{path}, events from {first}; {done} were imported before");
            failure.during(what)
        })?;
        done += u64::try_from(some.len()).unwrap_or(u64::MAX);
        last = read_answer(&answer.body)?;
    }
    let open = last.get("findings").and_then(Value::as_array).map_or(0, |all| {
        all.iter().filter(|one| one.get("settled").is_none_or(Value::is_null)).count()
    });
    output.json(&json!({"area": id, "events": done, "unsettled": open}))?;
    output
        .line(&format!("{} imported; {open} findings are unsettled", counted(done, "badge event")))
}

/// A file, if it is not larger than anybody would take.
fn read(path: &str, most: usize) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let place = Path::new(path);
    let failed = |error: std::io::Error| Failure::file("read", place, &error);
    let file = std::fs::File::open(place).map_err(failed)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() > most {
        true => Err(about(path, format!("it is larger than {} MiB: split it", most >> 20))),
        false => Ok(bytes),
    }
}

/// A row, if there is one.
async fn found(client: &Client, plural: &str, id: &str) -> Result<Option<Value>, Failure> {
    match client.get(&[plural, id]).send().await {
        Ok(answer) => read_answer(&answer.body).map(Some),
        Err(failure) if failure.exit == Exit::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Every row of a register.
async fn all(client: &Client, plural: &str) -> Result<Vec<Value>, Failure> {
    let (mut rows, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut call = client.get(&[plural]).query("limit", PAGE);
        if let Some(after) = &after {
            call = call.query("after", after);
        }
        let mut page = read_answer(&call.send().await?.body)?;
        if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
            rows.extend(items);
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(rows),
        }
    }
}

/// A moment of a file (RFC 3339), in UTC.
fn utc(text: &str) -> Option<String> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    at.to_offset(time::UtcOffset::UTC).format(&Rfc3339).ok()
}

/// Text that fits a line of a register.
fn fitting(text: &str, most: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = plain.trim();
    plain.get(..plain.floor_char_boundary(most)).unwrap_or_default().trim().to_owned()
}

fn set(body: &mut Value, name: &str, text: Option<&String>) {
    if let (Some(text), Value::Object(all)) = (text, body) {
        all.insert(name.to_owned(), text.as_str().into());
    }
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn unread(path: &str, refused: &Refused) -> Failure {
    Failure::usage(format!("{path}: {refused}"))
}

fn about(path: &str, why: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("{path}: {why}"))
}

fn one<'a>(stated: &'a ArgMatches, name: &str) -> &'a str {
    stated.get_one::<String>(name).map_or("", String::as_str)
}

fn several(stated: &ArgMatches, name: &str) -> Vec<String> {
    stated.get_many::<String>(name).map(|all| all.cloned().collect()).unwrap_or_default()
}

fn word(id: &'static str, shown: &'static str, help: &'static str) -> Arg {
    Arg::new(id).required(true).value_name(shown).help(help)
}

fn file(shown: &'static str) -> Arg {
    word("file", shown, "File to read")
}

fn account() -> Arg {
    word("account", "ACCOUNT", "Id of the account")
}

fn option(id: &'static str, shown: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).value_name(shown).help(help)
}

#[cfg(test)]
mod tests {
    use super::{fitting, parsed, utc};

    #[test]
    fn a_moment_is_told_in_utc() {
        assert_eq!(utc("2026-01-02T03:04:05+01:00").as_deref(), Some("2026-01-02T02:04:05Z"));
        assert_eq!(utc("yesterday"), None);
    }

    #[test]
    fn text_is_cut_between_characters_and_has_no_controls() {
        assert_eq!(fitting(" a\nb ", 10), "a b");
        assert_eq!(fitting("äöü", 3), "ä");
        assert_eq!(fitting("", 3), "");
    }

    #[test]
    fn an_inventory_is_known_by_its_content() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\
                    source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert_eq!(parsed("f", lock.as_bytes()).unwrap().components.len(), 1);
        let other = parsed("f", b"{\"name\": 1}").unwrap_err();
        assert!(other.message.contains("neither CycloneDX"), "{other}");
        assert!(parsed("f", b"{").unwrap_err().message.starts_with("f: "));
    }
}
