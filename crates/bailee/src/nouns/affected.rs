//! `bailee affected --by …`: which accounts somebody or something touched in a span of time, and
//! which records; and the same answer again, as of the commit it was computed from.

use clap::{Arg, ArgMatches, Args as _, Command, FromArgMatches as _};
use serde_json::{Value, json};

use super::Keep;
use crate::client::{Client, Connect};
use crate::exit::Failure;
use crate::output::{Column, Output, fields, note, read_answer, table};

const HEAD: &[Column] = &[("hash", "hash"), ("commit", "commit"), ("every account", "wide")];
const ACCOUNTS: &[Column] = &[
    ("account", "account"),
    ("certainty", "certainty"),
    ("records", "records"),
    ("disclosed", "disclosed"),
    ("described", "described"),
    ("changed", "changed"),
    ("deleted", "deleted"),
    ("exported", "exported"),
    ("refused", "refused"),
    ("first", "first"),
    ("last", "last"),
];
const RECORDS: &[Column] = &[
    ("account", "account"),
    ("collection", "collection"),
    ("record", "id"),
    ("disclosed", "disclosed"),
    ("described", "described"),
    ("changed", "changed"),
    ("deleted", "deleted"),
    ("exported", "exported"),
];
const TRIES: &[Column] = &[
    ("answer", "answer"),
    ("by", "by"),
    ("credential", "credential"),
    ("address", "source"),
    ("refused", "count"),
    ("first", "first"),
    ("last", "last"),
];
/// Records that are printed; all of them are in the JSON.
const SHOWN: usize = 200;

/// Adds the question to the command of the register.
pub fn extend(command: Command) -> Command {
    let option = |name: &'static str, shown: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(shown).help(help)
    };
    let by = "Who or what: person:NAME, service:NAME, member:NAME, token:ID, session:ID, \
              address:IP, vendor:NAME, or anyone";
    let as_of = "File with an earlier answer (--json): computes it again as the logs stood then, \
                 and fails if it is another one";
    let about = command.get_about().cloned().unwrap_or_default();
    let command = Keep::augment_args(Connect::augment_args(command)).about(about).long_about(None);
    command
        .subcommand_required(false)
        .args_conflicts_with_subcommands(true)
        .arg(option("by", "WHO", by).required(true))
        .arg(
            option("from", "TIME", "First moment of the time in question (RFC 3339)")
                .required(true),
        )
        .arg(option("to", "TIME", "First moment after it").required(true))
        .arg(option("as-of", "FILE", as_of))
        .arg(option("account", "ID", "Only this account, with its records page by page"))
        .arg(option("after", "N", "Records of the account to leave out").requires("account"))
}

/// Asks.
///
/// # Errors
/// What the server refused, or why it could not be asked; an answer that is not the one of before.
pub async fn run(stated: &ArgMatches, output: Output) -> Result<(), Failure> {
    let connect =
        Connect::from_arg_matches(stated).map_err(|error| Failure::usage(error.to_string()))?;
    let keep = Keep::from_arg_matches(stated).unwrap_or_default();
    let text = |name: &str| stated.get_one::<String>(name).map(String::as_str);
    let earlier = text("as-of").map(earlier).transpose()?;
    let after = text("after").unwrap_or("0").parse::<u64>();
    let after = after.map_err(|_| Failure::usage("`--after` takes a number"))?;
    let body = json!({
        "by": text("by"),
        "from": text("from"),
        "to": text("to"),
        "as_of": earlier.as_ref().map(|earlier| at(earlier, "/answer/as_of").clone()),
        "account": text("account"),
        "after": after,
    });
    let client = Client::new(&connect, None)?;
    let answer = client.post(&["affected:ask"]).json(&body)?.send().await?;
    keep.save(&answer)?;
    let told = read_answer(&answer.body)?;
    if output.json {
        output.object(&answer.body, &[])?;
    } else {
        print(&told, output)?;
    }
    match earlier {
        Some(earlier) if at(&earlier, "/hash") != at(&told, "/hash") => Err(Failure::failed(
            "this is not the answer of the file: the logs or the names of records were changed",
        )),
        Some(_) if !output.json => {
            note("the same answer as in the file");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn earlier(path: &str) -> Result<Value, Failure> {
    let place = std::path::Path::new(path);
    let bytes = std::fs::read(place).map_err(|error| Failure::file("read", place, &error))?;
    let told: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::usage(format!("`{path}` is no answer of this command: {error}"))
    })?;
    match at(&told, "/answer/as_of").is_object() {
        true => Ok(told),
        false => Err(Failure::usage(format!("`{path}` is no answer of this command"))),
    }
}

/// A part of an answer, by its JSON pointer (RFC 6901); null if it is not there.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// What answers to attacks refused.
fn tries(answer: &Value, output: Output) -> Result<(), Failure> {
    let all = at(answer, "/tries").as_array().map_or(&[][..], Vec::as_slice);
    if all.is_empty() {
        return Ok(());
    }
    let count = at(answer, "/restrained");
    output.line(&format!("\nrefused by answers, and nothing touched: {count}"))?;
    output.line(table(all, TRIES).trim_end())
}

fn print(told: &Value, output: Output) -> Result<(), Failure> {
    let answer = at(told, "/answer");
    let head = json!({"hash": at(told, "/hash"), "commit": at(answer, "/as_of/commit"),
        "wide": at(answer, "/wide")});
    output.line(fields(&head, HEAD, &[]).trim_end())?;
    tries(answer, output)?;
    let accounts = at(answer, "/accounts").as_array().map_or(&[][..], Vec::as_slice);
    if accounts.is_empty() {
        return output.line("no account was touched, as far as the logs say");
    }
    output.line(&format!("\n{}", table(accounts, ACCOUNTS).trim_end()))?;
    for one in accounts {
        for reason in at(one, "/reasons").as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            output.line(&format!("{}: {}", text(at(one, "/account")), text(reason)))?;
        }
    }
    let records = accounts.iter().flat_map(|one| {
        at(one, "/items").as_array().into_iter().flatten().map(|item| {
            let mut item = item.clone();
            if let Some(fields) = item.as_object_mut() {
                fields.insert("account".to_owned(), at(one, "/account").clone());
            }
            item
        })
    });
    let records: Vec<Value> = records.collect();
    let shown: Vec<Value> = records.iter().take(SHOWN).cloned().collect();
    if !shown.is_empty() {
        output.line(&format!("\n{}", table(&shown, RECORDS).trim_end()))?;
    }
    match (records.len() > SHOWN, at(told, "/next")) {
        (_, Value::Number(next)) => output.line(&format!("more: repeat with --after {next}")),
        (true, _) => output.line(&format!("records: {}; all of them with --json", records.len())),
        _ => Ok(()),
    }
}
