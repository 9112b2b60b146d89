//! `bailee <noun> add|list|show|import|…` for every register: the commands that the table of
//! `domain` asks for.
//!
//! The options of a command are the members of what the API takes, in the words of its description.
//! Promises: as the other nouns; a file named with `@` is read here and sent as text.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Args as _, Command, FromArgMatches as _, value_parser};
use domain::register::{Entry, Register};
use domain::registers::REGISTERS;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::{Keep, affected, files};
use crate::client::{Client, Connect};
use crate::exit::Failure;
use crate::output::{Output, fields, note, read_answer, table};

/// The register whose command is a question, too.
const AFFECTED: &str = "affected";

/// The register whose rows are proposed.
const CHANGE: &str = "change";

/// Adds a command per register; its options only where `words` of the command line name it, because
/// making the options of all takes longer than most commands.
pub fn extend(mut cli: Command, words: &[String]) -> Command {
    for register in REGISTERS {
        if !words.iter().any(|word| word == register.command) {
            cli = cli.subcommand(Command::new(register.command).about(register.purpose));
            continue;
        }
        let mut noun = Command::new(register.command)
            .about(register.purpose)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .after_help(format!("Serves {}.", register.obligations.join(", ")));
        noun = noun.subcommand(connected(adding(register)));
        noun = noun.subcommand(connected(
            Command::new("list").about("List them, with what each is now").args(paging()),
        ));
        noun = noun.subcommand(connected(
            Command::new("show").about("Show one with everything about it").arg(id()),
        ));
        noun = noun.subcommand(connected(
            Command::new("import")
                .about(
                    "Add a row for each line of a CSV file, whose columns are the options of add",
                )
                .arg(Arg::new("file").required(true).value_name("FILE.csv")),
        ));
        for entry in register.steps {
            let step = Command::new(entry.verb).about(entry.summary).arg(id());
            noun = noun.subcommand(connected(stating(step, entry, register.noun, None)));
        }
        noun = files::extend(register.noun, noun, connected);
        if register.noun == AFFECTED {
            noun = affected::extend(noun);
        }
        cli = cli.subcommand(noun);
    }
    cli
}

/// Runs a command of a register, if it is one.
pub async fn run(matches: &ArgMatches, output: Output) -> Option<Result<(), Failure>> {
    let (noun, rest) = matches.subcommand()?;
    let register = REGISTERS.iter().find(|register| register.command == noun)?;
    if noun == AFFECTED && rest.subcommand().is_none() {
        return Some(affected::run(rest, output).await);
    }
    let (verb, stated) = rest.subcommand()?;
    Some(command(register, verb, stated, output).await)
}

async fn command(
    register: &'static Register,
    verb: &str,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let connect =
        Connect::from_arg_matches(stated).map_err(|error| Failure::usage(error.to_string()))?;
    let intent = files::intent(register.noun, verb, stated);
    let client = Client::new(&connect, intent.as_ref())?;
    if let Some(done) = files::run(register.noun, verb, stated, &client, output).await {
        return done;
    }
    let keep = Keep::from_arg_matches(stated).unwrap_or_default();
    let plural = register.plural;
    match verb {
        "list" => {
            let mut call = client.get(&[plural]);
            for name in ["limit", "after"] {
                if let Some(value) = stated.get_one::<String>(name) {
                    call = call.query(name, value);
                }
            }
            list(&call.send().await?.body, register, output)
        }
        "show" => {
            let answer = client.get(&[plural, one(stated, "id")]).send().await?;
            keep.save(&answer)?;
            show(&answer.body, output)
        }
        "import" => import(&client, register, one(stated, "file"), output).await,
        "add" => {
            let body = body(&register.add, stated)?;
            let answer = client.post(&[plural]).json(&body)?.send().await?;
            keep.save(&answer)?;
            show(&answer.body, output)
        }
        verb => {
            let entry = register.steps.iter().find(|entry| entry.verb == verb);
            let entry = entry.ok_or_else(|| Failure::usage(format!("no command `{verb}`")))?;
            let place = format!("{}:{verb}", one(stated, "id"));
            let body = body(entry, stated)?;
            let answer = client.post(&[plural, &place]).json(&body)?.send().await?;
            keep.save(&answer)?;
            show(&answer.body, output)
        }
    }
}

fn one<'a>(stated: &'a ArgMatches, name: &str) -> &'a str {
    stated.get_one::<String>(name).map_or("", String::as_str)
}

/// With what every command has; what the command is about stays what it is.
fn connected(command: Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    Keep::augment_args(Connect::augment_args(command)).about(about).long_about(None)
}

fn id() -> Arg {
    Arg::new("id").required(true).value_name("ID").help("Id, as `list` shows it")
}

fn paging() -> [Arg; 2] {
    [
        Arg::new("limit").long("limit").value_name("N").help("Most items to show"),
        Arg::new("after")
            .long("after")
            .value_name("PLACE")
            .help("Begin after this place, which the page before named"),
    ]
}

fn adding(register: &'static Register) -> Command {
    let mut command = Command::new("add").about(register.add.summary);
    if register.noun == CHANGE {
        command = command.visible_alias("propose");
    }
    stating(command, &register.add, register.noun, Some("name"))
}

/// The columns of the CSV file that `import` takes, each with what goes into it.
pub fn explained(register: &Register) -> Vec<(String, String)> {
    let column = |member: Member| {
        let shape = match member.kind {
            Kind::Text => "text".to_owned(),
            Kind::Choice(all) => format!("one of {}", all.join(" | ")),
            Kind::Number => "a number".to_owned(),
            Kind::Flag => "true or false".to_owned(),
            Kind::List => "several, with ; between them".to_owned(),
            Kind::Json => "JSON".to_owned(),
        };
        let must = if member.required { "required" } else { "optional" };
        let help = member.help.split_whitespace().collect::<Vec<_>>().join(" ");
        (member.name, format!("{must}; {shape}; {help}"))
    };
    members(&register.add).into_iter().map(column).collect()
}

/// What a command may state: a member of the request each.
struct Member {
    name: String,
    help: String,
    required: bool,
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    Text,
    Choice(Vec<String>),
    Number,
    Flag,
    List,
    Json,
}

/// The members of what an entry takes, out of its schema.
fn members(entry: &Entry) -> Vec<Member> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = (entry.schema)(&mut settings.into_generator()).to_value();
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return vec![];
    };
    let member = |(name, schema): (&String, &Value)| Member {
        name: name.clone(),
        help: schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        required: required.contains(&name.as_str()),
        kind: kind(schema),
    };
    properties.iter().map(member).collect()
}

fn kind(schema: &Value) -> Kind {
    // An optional member is `anyOf [what it is, null]`.
    for several in ["anyOf", "oneOf"] {
        let Some(all) = schema.get(several).and_then(Value::as_array) else { continue };
        let constants: Vec<String> = all
            .iter()
            .filter_map(|one| one.get("const").and_then(Value::as_str).map(str::to_owned))
            .collect();
        if !constants.is_empty() {
            return Kind::Choice(constants);
        }
        let some = all.iter().find(|one| one.get("type").is_none_or(|kind| kind != "null"));
        return some.map_or(Kind::Json, kind);
    }
    if let Some(all) = schema.get("enum").and_then(Value::as_array) {
        return Kind::Choice(all.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
    let named = match schema.get("type") {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).find(|one| *one != "null"),
        Some(Value::String(one)) => Some(one.as_str()),
        _ => None,
    };
    match named {
        Some("string") => Kind::Text,
        Some("integer" | "number") => Kind::Number,
        Some("boolean") => Kind::Flag,
        Some("array") => match schema.get("items").map(kind) {
            Some(Kind::Text | Kind::Choice(_)) => Kind::List,
            _ => Kind::Json,
        },
        _ => Kind::Json,
    }
}

/// Options that every command has; a member of such a name gets the noun before it.
const TAKEN: [&str; 5] = ["url", "ca", "token_file", "receipt", "json"];

/// Adds the options of an entry; the member `positional` needs no option name.
fn stating(
    mut command: Command,
    entry: &'static Entry,
    noun: &str,
    positional: Option<&str>,
) -> Command {
    for member in members(entry) {
        let id = format!("m.{}", member.name);
        let mut arg = Arg::new(id).help(member.help).required(member.required);
        if positional != Some(member.name.as_str()) {
            let taken = TAKEN.contains(&member.name.as_str());
            let name = if taken { format!("{noun}-{}", member.name) } else { member.name };
            arg = arg.long(name.replace('_', "-"));
        }
        arg = match member.kind {
            Kind::Text => arg.value_name("TEXT"),
            Kind::Choice(choices) => arg.value_name("WORD").value_parser(choices),
            Kind::Number => arg.value_name("N").value_parser(value_parser!(i64)),
            Kind::Flag => arg
                .value_name("true|false")
                .value_parser(value_parser!(bool))
                .num_args(0..=1)
                .default_missing_value("true"),
            Kind::List => arg.value_name("TEXT").action(ArgAction::Append),
            Kind::Json => arg.value_name("JSON"),
        };
        command = command.arg(arg);
    }
    command
        .after_help("A text written `@FILE` is read from that file. A list is stated by repeating.")
}

/// The request that the options state.
fn body(entry: &Entry, stated: &ArgMatches) -> Result<Value, Failure> {
    let mut all = Map::new();
    for member in members(entry) {
        let id = format!("m.{}", member.name);
        let value = match member.kind {
            Kind::Number => stated.get_one::<i64>(&id).map(|number| (*number).into()),
            Kind::Flag => stated.get_one::<bool>(&id).map(|flag| (*flag).into()),
            Kind::List => {
                let several = stated.get_many::<String>(&id);
                several.map(|all| all.cloned().map(Value::String).collect())
            }
            _ => match stated.get_one::<String>(&id) {
                None => None,
                Some(text) => Some(valued(&member, text)?),
            },
        };
        if let Some(value) = value {
            all.insert(member.name, value);
        }
    }
    Ok(Value::Object(all))
}

/// A member's value out of text, as a command or a CSV cell has it.
fn valued(member: &Member, text: &str) -> Result<Value, Failure> {
    let wrong = |rule: &str| {
        let (name, text) = (&member.name, kernel::id::shown(text));
        Failure::usage(format!("{name}: `{text}` is {rule}"))
    };
    Ok(match member.kind {
        Kind::Number => text.parse::<i64>().map_err(|_| wrong("no whole number"))?.into(),
        Kind::Flag => match text {
            "true" | "yes" => true.into(),
            "false" | "no" => false.into(),
            _ => return Err(wrong("neither `true` nor `false`")),
        },
        Kind::List => text.split(';').map(|one| Value::from(one.trim())).collect(),
        Kind::Json => serde_json::from_str(text).map_err(|_| wrong("no JSON"))?,
        Kind::Text | Kind::Choice(_) => match text.strip_prefix('@') {
            Some(path) => {
                let path = std::path::Path::new(path);
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failure::file("read", path, &error))?;
                text.into()
            }
            None => text.into(),
        },
    })
}

/// Adds a row for each line. What was added before an error stays, and is said.
async fn import(
    client: &Client,
    register: &'static Register,
    path: &str,
    output: Output,
) -> Result<(), Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::file("read", std::path::Path::new(path), &error))?;
    let all = members(&register.add);
    let known: Vec<&str> = all.iter().map(|member| member.name.as_str()).collect();
    let needed: Vec<&str> =
        all.iter().filter(|member| member.required).map(|member| member.name.as_str()).collect();
    let rows = connectors::intake::table::rows(&bytes, &known, &needed)
        .map_err(|refused| Failure::usage(format!("{path}: {refused}")))?;
    let mut added = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let outcome = send(client, register, &all, row).await;
        let answer = outcome.map_err(|failure| {
            let done = added.len();
            Failure {
                message: format!("{path}, row {}: {failure}; {done} rows were added", number + 1),
                ..failure
            }
        })?;
        added.push(answer.get("id").cloned().unwrap_or_default());
    }
    output.json(&serde_json::json!({"added": added}))?;
    output.line(&format!("{} rows added to {}", added.len(), register.plural))
}

async fn send(
    client: &Client,
    register: &'static Register,
    members: &[Member],
    row: &BTreeMap<String, String>,
) -> Result<Value, Failure> {
    let mut body = Map::new();
    for member in members {
        if let Some(text) = row.get(&member.name).filter(|text| !text.is_empty()) {
            body.insert(member.name.clone(), valued(member, text)?);
        }
    }
    let call = client.post(&[register.plural]).json(&Value::Object(body))?;
    read_answer(&call.send().await?.body)
}

/// What a row is now, as people read it.
fn word(row: &Value) -> String {
    let part = |name: &str| row.pointer(&format!("/state/{name}")).and_then(Value::as_str);
    let mut text = part("word").unwrap_or_default().to_owned();
    for (name, before) in [("what", ": "), ("who", " → "), ("due", ", by ")] {
        if let Some(more) = part(name) {
            text.push_str(before);
            text.push_str(more);
        }
    }
    text
}

/// Prints a row.
pub(super) fn show(answer: &[u8], output: Output) -> Result<(), Failure> {
    let row = read_answer(answer)?;
    if output.json {
        return output.object(answer, &[]);
    }
    let mut shown = row.clone();
    if let Value::Object(all) = &mut shown {
        all.insert("state".to_owned(), word(&row).into());
    }
    let hidden = ["receipt", "format"];
    let text = fields(&shown, &[("id", "id"), ("state", "state")], &hidden);
    output.line(text.trim_end())
}

/// Prints a page of rows.
pub(super) fn list(answer: &[u8], register: &Register, output: Output) -> Result<(), Failure> {
    if output.json {
        return output.object(answer, &[]);
    }
    let page = read_answer(answer)?;
    let mut items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    for item in &mut items {
        let now = word(item);
        if let Value::Object(all) = item {
            all.insert("state".to_owned(), now.into());
        }
    }
    if items.is_empty() {
        note(&format!(
            "nothing here yet. {}: bailee {} add --help",
            register.first, register.command
        ));
    }
    let mut columns = vec![("id", "id")];
    columns.extend(register.columns.iter().map(|column| (*column, *column)));
    columns.push(("state", "state"));
    output.line(table(&items, &columns).trim_end())?;
    match page.get("next").and_then(Value::as_str) {
        Some(next) => output.line(&format!("more: repeat with --after {next}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{REGISTERS, extend};
    use clap::CommandFactory as _;

    #[test]
    fn every_register_has_sound_commands() {
        let words: Vec<String> = REGISTERS.iter().map(|one| one.noun.to_owned()).collect();
        extend(crate::cli::Cli::command(), &words).debug_assert();
    }

    #[test]
    fn every_command_states_what_its_entry_takes() {
        for register in REGISTERS {
            for entry in register.entries() {
                let mut generator = schemars::SchemaGenerator::default();
                let schema = (entry.schema)(&mut generator).to_value();
                let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
                let schema = name.map_or(&schema, |name| &generator.definitions()[name]);
                let taken = schema["properties"].as_object().map_or(0, serde_json::Map::len);
                assert_eq!(super::members(entry).len(), taken, "{}", entry.action.name);
            }
        }
        let words = ["catalogue".to_owned()];
        let mut cli = extend(crate::cli::Cli::command(), &words);
        let approve = cli.find_subcommand_mut("catalogue").unwrap();
        let help = approve.find_subcommand_mut("approve").unwrap().render_long_help().to_string();
        assert!(help.starts_with("Approves the proposed change\n"), "{help}");
        assert!(help.contains("--version <TEXT>"), "{help}");
        let mut cli = extend(crate::cli::Cli::command(), &["transfer".to_owned()]);
        let help = cli.find_subcommand_mut("transfer").unwrap().render_long_help().to_string();
        assert!(help.contains("Send records to a declared destination"), "{help}");
    }
}
