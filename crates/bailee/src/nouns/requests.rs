//! `bailee request` and `bailee approve`: access that a person asks for, and others approve.

use std::time::Duration;

use clap::{Args, Subcommand};
use kernel::id::PrincipalId;
use serde_json::{Value, json};

use super::Paging;
use super::grants::{Verb, account, collection};
use super::registers::{list, show};
use crate::client::{Client, Connect};
use crate::duration;
use crate::exit::Failure;
use crate::output::Output;

/// The register, as paths name it.
const REQUESTS: &str = "access-requests";

/// The register of what this id names: `bailee approve` takes changes too.
fn register(id: &str) -> &'static str {
    if id.starts_with("change-") { "changes" } else { REQUESTS }
}

/// Asking for access, or doing something with a request.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Request {
    /// The server to ask.
    #[command(flatten)]
    pub connect: Connect,
    /// What is asked for, unless a verb follows.
    #[command(flatten)]
    wish: Option<Wish>,
    /// What to do with requests.
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is asked for.
#[derive(Args, Debug)]
struct Wish {
    /// Who shall hold it, if not you: a service that you own
    #[arg(long, value_name = "service:NAME", value_parser = PrincipalId::parse)]
    to: Option<PrincipalId>,
    /// Id of the account, or * for every account
    #[arg(long, value_parser = account, required_unless_present = "systems")]
    account: Option<String>,
    /// Collection, or * for every one (repeat it or separate by commas)
    #[arg(long = "collection", value_name = "COLLECTION", required_unless_present = "systems",
        value_delimiter = ',', value_parser = collection)]
    collections: Vec<String>,
    /// What shall be allowed (repeat it or separate by commas)
    #[arg(long, required_unless_present = "systems", value_enum, value_delimiter = ',')]
    verbs: Vec<Verb>,
    /// System to sign in to, or * for every one, instead of data of an account
    #[arg(long = "system", value_name = "SYSTEM", value_delimiter = ',', requires = "logins",
        value_parser = collection, conflicts_with_all = ["account", "collections", "verbs"])]
    systems: Vec<String>,
    /// Account of the host or role of the database to sign in as
    #[arg(long = "login", value_name = "LOGIN", value_delimiter = ',', requires = "systems")]
    logins: Vec<String>,
    /// The one command to run there, whatever is asked of ssh
    #[arg(long = "command", value_name = "TEXT", requires = "systems")]
    forced: Option<String>,
    /// What for, in a sentence; every entry made with the grant carries it
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// The case, ticket or order it is for
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// For how long once it is begun, such as 8h, 30m, 2d or 1h30m
    #[arg(long = "for", value_name = "LENGTH", value_parser = duration::parse)]
    length: Duration,
    /// The grant that it continues when that ends
    #[arg(long, value_name = "GRANT")]
    extends: Option<String>,
}

/// What can be done with requests.
#[derive(Debug, Subcommand)]
enum Command {
    /// List the requests that you may see
    List(Listed),
    /// Show one request
    Show(One),
    /// Begin what was approved: from now on the grant counts
    Begin(One),
    /// Take your request back
    Withdraw(Said),
    /// Refuse a request
    Deny(Said),
}

/// A list.
#[derive(Args, Debug)]
struct Listed {
    /// The server to ask.
    #[command(flatten)]
    connect: Connect,
    /// Which part.
    #[command(flatten)]
    paging: Paging,
}

/// One request.
#[derive(Args, Debug)]
pub struct One {
    /// The server to ask.
    #[command(flatten)]
    connect: Connect,
    /// Id of the request
    id: String,
}

/// One request, and why.
#[derive(Args, Debug)]
struct Said {
    /// Which one.
    #[command(flatten)]
    one: One,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Approving a request.
#[derive(Args, Debug)]
pub struct Approve {
    /// Which one.
    #[command(flatten)]
    one: One,
    /// The hash of what is approved, as the request shows it; without it the request is read and
    /// shown first
    #[arg(long, value_name = "SHA256")]
    terms: Option<String>,
    /// What to add
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Asks for access, or does something with requests.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn run(request: &Request, output: Output) -> Result<(), Failure> {
    let Some(command) = &request.command else {
        let wish = request.wish.as_ref();
        let wish = wish.ok_or_else(|| {
            Failure::usage("say what to ask for, or `list`, `show`, `begin`, `withdraw`, `deny`")
        })?;
        let client = Client::new(&request.connect, None)?;
        let answer = client.post(&[REQUESTS]).json(&body(wish))?.send().await?;
        return show(&answer.body, output);
    };
    match command {
        Command::List(listed) => {
            let client = Client::new(&listed.connect, None)?;
            let answer = listed.paging.of(client.get(&[REQUESTS])).send().await?;
            list(&answer.body, &domain::grants::requests::REGISTER, output)
        }
        Command::Show(one) => {
            let client = Client::new(&one.connect, None)?;
            show(&client.get(&[REQUESTS, &one.id]).send().await?.body, output)
        }
        Command::Begin(one) => step(one, "begin", &json!({}), output).await,
        Command::Withdraw(said) => {
            step(&said.one, "withdraw", &json!({ "reason": said.reason }), output).await
        }
        Command::Deny(said) => {
            step(&said.one, "deny", &json!({ "reason": said.reason }), output).await
        }
    }
}

/// Approves a request: by the hash that was stated, or by that of what is read and shown here.
///
/// # Errors
/// What the server refused, or why it could not be asked.
pub async fn approve(approve: &Approve, output: Output) -> Result<(), Failure> {
    let terms = match &approve.terms {
        Some(terms) => terms.clone(),
        None => {
            let client = Client::new(&approve.one.connect, None)?;
            let place = [register(&approve.one.id), &approve.one.id];
            let read: Value = client.get(&place).send().await?.json()?;
            let hash = read.get("terms_sha256").and_then(Value::as_str);
            hash.ok_or_else(|| Failure::failed("the server's answer has no hash"))?.to_owned()
        }
    };
    let body = json!({ "terms_sha256": terms, "note": approve.note });
    step(&approve.one, "approve", &body, output).await
}

async fn step(one: &One, verb: &str, body: &Value, output: Output) -> Result<(), Failure> {
    let client = Client::new(&one.connect, None)?;
    let place = format!("{}:{verb}", one.id);
    show(&client.post(&[register(&one.id), &place]).json(body)?.send().await?.body, output)
}

fn body(wish: &Wish) -> Value {
    let systems = !wish.systems.is_empty();
    let verbs = wish.verbs.iter().map(|verb| verb.name());
    let verbs: Vec<&str> = if systems { vec!["connect"] } else { verbs.collect() };
    json!({
        "to": wish.to.as_ref().map(PrincipalId::as_str),
        "account": if systems { Some("house") } else { wish.account.as_deref() },
        "collections": if systems { &wish.systems } else { &wish.collections },
        "verbs": verbs,
        "logins": wish.logins,
        "command": wish.forced,
        "purpose": wish.purpose,
        "reference": wish.reference,
        "for_seconds": wish.length.as_secs(),
        "extends": wish.extends,
    })
}

/// The command that requests for reports had before `request` meant access.
const BEFORE: &str = "request";
/// The one they have now.
const REPORTS: &str = "report-request";

/// The words of the command line, with the command of requests for reports under its present name:
/// what is scripted with the old one goes on working. Only `request list` means another list.
pub fn renamed(mut words: Vec<String>) -> Vec<String> {
    let verbs = ["make", "decide", "release", "settle", "terms", "accept", "download", "import"];
    let is_command = |word: &String| word == BEFORE;
    // The command is the first word that is no option; the only one before it is `--json`.
    let Some(place) = words.iter().skip(1).position(|word| !word.starts_with('-')) else {
        return words;
    };
    let place = place + 1;
    let verb = words.get(place + 1).is_some_and(|word| verbs.contains(&word.as_str()));
    let id = words.get(place + 2).is_some_and(|word| word.starts_with("request-"));
    if let Some(word) = words.get_mut(place).filter(|word| is_command(word) && (verb || id)) {
        REPORTS.clone_into(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn what_was_scripted_for_reports_goes_on_working() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (before, now) in [
            ("bailee request make acme soc2", "bailee report-request make acme soc2"),
            ("bailee --json request show request-7", "bailee --json report-request show request-7"),
            ("bailee request list", "bailee request list"),
            ("bailee request show access-request-7", "bailee request show access-request-7"),
            ("bailee request --account make", "bailee request --account make"),
            ("bailee person show request", "bailee person show request"),
        ] {
            assert_eq!(renamed(words(before)), words(now), "{before}");
        }
    }
}
