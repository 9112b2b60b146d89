//! `prover`: what `cargo xtask prove` runs. It is a program of the repository and is not shipped.

use indicatif::{ProgressBar, ProgressStyle};
use prover::{
    Authority, Cache, Change, Claims, Compared, Difference, Problem, Proof, Result, Solver,
    compare, prove, told,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
usage: prover [--json] [--check | --write] [--fresh] [--limit SECONDS]
       prover [--json] --against REVISION|FOLDER

  --check    also compare with the checked-in `authority/proof.json`
  --write    write `authority/proof.json` if everything is proved
  --fresh    forget what was proved before
  --against  say what the policies widen and narrow beside those of a revision or a folder
  --limit    how long the solver may think about one question (20)
  --folder   the folder with schema, policies and bounds (authority)
  --cache    the file of what was proved before
";

/// How long the solver may think about one question, in seconds.
const LIMIT: u64 = 20;

#[derive(Default)]
struct Options {
    json: bool,
    check: bool,
    write: bool,
    fresh: bool,
    against: Option<String>,
    limit: Option<u64>,
    folder: Option<PathBuf>,
    cache: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("prove: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("prove: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value =
            || arguments.next().ok_or_else(|| Problem::new(format!("`{argument}` needs a value")));
        match argument.as_str() {
            "--json" => options.json = true,
            "--check" => options.check = true,
            "--write" => options.write = true,
            "--fresh" => options.fresh = true,
            "--against" => options.against = Some(value()?),
            "--folder" => options.folder = Some(value()?.into()),
            "--cache" => options.cache = Some(value()?.into()),
            "--limit" => {
                let text = value()?;
                let seconds = text.parse().ok().filter(|seconds| (1..=3600).contains(seconds));
                let wrong = || Problem::new(format!("`{text}` is not 1 to 3600 seconds"));
                options.limit = Some(seconds.ok_or_else(wrong)?);
            }
            other => return Err(Problem::new(format!("`prove` does not know `{other}`"))),
        }
    }
    let other = options.check || options.write || options.fresh;
    if (options.check && options.write) || (options.against.is_some() && other) {
        return Err(Problem::new("one of `--check`, `--write` and `--against` at a time"));
    }
    Ok(options)
}

/// Whether everything that was asked is proved.
fn run(options: &Options) -> Result<bool> {
    let folder = options.folder.clone().unwrap_or_else(|| PathBuf::from("authority"));
    let authority = Authority::read(&folder)?;
    let solver = Solver::find(Duration::from_secs(options.limit.unwrap_or(LIMIT)))?;
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    // It hides itself where nobody looks.
    let progress = |done: usize, all: usize| {
        bar.set_length(u64::try_from(all).unwrap_or(0));
        bar.set_position(u64::try_from(done).unwrap_or(0));
    };
    if let Some(against) = &options.against {
        let old = if Path::new(against).is_dir() {
            Authority::read(Path::new(against))?
        } else {
            Authority::of_revision(Path::new("."), against)?
        };
        let compared = compare(&old, &authority, &solver, &progress)?;
        bar.finish_and_clear();
        let text = if options.json {
            pretty(&compared_json(&compared, (&old, &authority)))
        } else {
            compared_text(&compared)
        };
        print!("{text}");
        return Ok(compared.decided());
    }
    let claims = Claims::read(&folder.join("bounds"), &authority.schema)?;
    let cache = match &options.cache {
        Some(file) if !options.fresh => Cache::read(file),
        Some(file) => Cache::empty(file),
        None => Cache::none(),
    };
    let outcome = prove(&authority, &claims, &solver, &cache, &progress)?;
    bar.finish_and_clear();
    cache.save()?;
    let proof = Proof::of(&authority, &claims, &solver, &outcome);
    let text = if options.json { pretty(&proof.with(&outcome)) } else { told(&proof, &outcome) };
    print!("{text}");
    if !outcome.holds() {
        return Ok(false);
    }
    let file = folder.join("proof.json");
    if options.write {
        let cannot = |error| Problem::new(format!("cannot write `{}`: {error}", file.display()));
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        // What proves the same keeps its day, so that writing it again changes nothing.
        let same = Proof::parse(&kept).ok().filter(|kept| kept.says_the_same(&proof));
        let made = same.map_or_else(|| Some(today()), |kept| kept.made);
        let proof = Proof { made, ..proof.clone() };
        std::fs::write(&file, proof.text()?).map_err(cannot)?;
    }
    if options.check {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if !Proof::parse(&text).is_ok_and(|kept| kept.says_the_same(&proof)) {
            return Err(Problem::new(format!(
                "everything is proved, but `{}` is of other policies or bounds; renew it with \
                 `cargo xtask prove --write`, and have the difference read",
                file.display()
            )));
        }
    }
    Ok(true)
}

/// The day by this machine's clock, in UTC.
#[expect(clippy::disallowed_methods, reason = "a tool says on which day it ran")]
fn today() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut days = since.map_or(0, |since| since.as_secs() / 86_400);
    let leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn compared_text(compared: &Compared) -> String {
    let mut text = String::new();
    for change in &compared.changes {
        let (word, one) = match change {
            Change::Widens(one) => ("widens", one),
            Change::Narrows(one) => ("narrows", one),
            Change::Open(kind, why) => {
                text += &format!("not known  {}\n      {why}\n", kind.line());
                continue;
            }
        };
        let (now, before) = if word == "widens" { ("now", "before") } else { ("before", "now") };
        let refused = match one.refused_by.as_slice() {
            [] => "no permit".to_owned(),
            names => names.join(", "),
        };
        let allowed = one.allowed_by.join(", ");
        text += &format!("{word:<10} {}\n", one.kind.line());
        text += &format!("      {now} allowed by {allowed}; {before} refused by {refused}\n");
        text += &format!("{}\n", one.example);
    }
    let (environments, kinds) = compared.environments;
    let word = if compared.changes.is_empty() { "equal" } else { "equal otherwise" };
    text + &format!("{word}: {environments} request environments of {kinds} kinds were compared\n")
}

fn compared_json(compared: &Compared, (old, new): (&Authority, &Authority)) -> Value {
    let difference = |word: &str, one: &Difference| {
        json!({
            "change": word, "principal": one.kind.principal, "resource": one.kind.resource,
            "actions": one.kind.actions, "allowed_by": one.allowed_by,
            "refused_by": one.refused_by, "example": one.example,
        })
    };
    let changes = compared.changes.iter().map(|change| match change {
        Change::Widens(one) => difference("widens", one),
        Change::Narrows(one) => difference("narrows", one),
        Change::Open(kind, why) => json!({
            "change": "open", "principal": kind.principal, "resource": kind.resource,
            "actions": kind.actions, "why": why,
        }),
    });
    json!({
        "format": "comparison/v1",
        "authority": new.digest,
        "against": old.digest,
        "equal": compared.changes.is_empty(),
        "environments": compared.environments.0,
        "kinds": compared.environments.1,
        "changes": changes.collect::<Vec<_>>(),
    })
}
