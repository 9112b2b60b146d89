//! `cargo xtask bench`: the measurements of `docs/benchmarks.md`.
//!
//! Everything runs on this machine: the release binary over TLS under `wrk`, the inside without
//! network, and with `--peer` OpenBao in the same run. Speed is judged only here, by `--check`
//! against `xtask/bench-thresholds.toml`, and never in a test.

mod http;
mod table;

use std::path::Path;

use crate::shell::{self, Failure, Outcome, Workspace, failed};
use table::Row;

/// Seconds that one measurement lasts unless told otherwise.
const SECONDS: u32 = 10;
/// Longer runs show nothing new and look like a hang.
const SECONDS_MAX: u32 = 3600;

/// What to measure, and what to compare it with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Fail when a number misses its threshold.
    pub check: bool,
    /// Measure the peer in the same run and print ratios.
    pub peer: bool,
    /// Measure the search for affected accounts in ten million entries, and nothing else.
    pub affected: bool,
    /// Measure how long somebody gets in after a termination, and nothing else.
    pub leaving: bool,
    /// Put the table into `docs/benchmarks.md`.
    pub write: bool,
    /// Length of each measurement, 1 to 3600 seconds.
    pub seconds: u32,
}

impl Options {
    /// Reads `--check`, `--peer`, `--affected`, `--leaving`, `--write` and `--seconds N`, in any
    /// order.
    pub fn parse(arguments: &[String]) -> Outcome<Self> {
        let mut options = Self { seconds: SECONDS, ..Self::default() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--check" => options.check = true,
                "--peer" => options.peer = true,
                "--affected" => options.affected = true,
                "--leaving" => options.leaving = true,
                "--write" => options.write = true,
                "--seconds" => options.seconds = seconds(rest.next())?,
                other => return Err(Failure::Usage(format!("`bench` does not know `{other}`"))),
            }
        }
        Ok(options)
    }
}

fn seconds(value: Option<&String>) -> Outcome<u32> {
    let Some(text) = value else {
        return Err(Failure::Usage("`--seconds` needs a number".to_owned()));
    };
    match text.parse() {
        Ok(number) if (1..=SECONDS_MAX).contains(&number) => Ok(number),
        _ => Err(Failure::Usage(format!(
            "`--seconds` takes a whole number from 1 to {SECONDS_MAX}, not `{text}`"
        ))),
    }
}

/// Measures, prints the table, and with `--write` puts it into the documentation.
///
/// # Errors
/// When something cannot be run, or with `--check` a number misses its threshold.
pub fn run(options: &Options) -> Outcome {
    let workspace = Workspace::find()?;
    if options.affected {
        return affected(&workspace);
    }
    if options.leaving {
        return leaving(&workspace, options.check);
    }
    crate::tools::install_for_bench(&workspace)?;
    println!("bench: building");
    let build = [
        "build",
        "--release",
        "-p",
        "bailee",
        "-p",
        "testkit",
        "-p",
        "watch",
        "--examples",
        "--bins",
    ];
    shell::run(&mut workspace.cargo(&build))?;
    println!("bench: the inside");
    let mut rows = inside(&workspace, options.seconds)?;
    println!("bench: detection");
    rows.extend(detection(&workspace, options.seconds)?);
    println!("bench: over TLS");
    rows.extend(http::measure(&workspace, options.seconds)?);
    if options.peer {
        println!("bench: OpenBao");
        rows.extend(peer(&workspace, options.seconds)?);
        rows.extend(table::ratios(&rows));
    }
    let text = table::render(&rows, options.seconds);
    println!("{text}");
    if options.write {
        table::write(&workspace.root.join("docs/benchmarks.md"), &text)?;
    }
    if options.check {
        table::check(&rows, &workspace.root.join("xtask/bench-thresholds.toml"))?;
    }
    Ok(())
}

/// The search for affected accounts: a store of its own, which takes about seven gigabytes.
fn affected(workspace: &Workspace) -> Outcome {
    println!("bench: building");
    let build = ["build", "--release", "-p", "testkit", "--example", "affected"];
    shell::run(&mut workspace.cargo(&build))?;
    let folder = workspace.target.join("bench-affected");
    drop(std::fs::remove_dir_all(&folder));
    if let Err(error) = std::fs::create_dir_all(&folder) {
        return failed(format!("`{}`: {error}", folder.display()));
    }
    let program = workspace.target.join("release/examples/affected");
    let mut command = workspace.program(&program.to_string_lossy());
    let outcome = shell::capture(command.arg(&folder));
    drop(std::fs::remove_dir_all(&folder));
    println!("{}", table::render(&table::read(&outcome?)?, 0));
    Ok(())
}

/// From a termination in the staff directory to the last act that is accepted, for each way in: the
/// test that watches over it says what it saw.
fn leaving(workspace: &Workspace, check: bool) -> Outcome {
    let file = workspace.target.join("bench-leaving.ndjson");
    drop(std::fs::remove_file(&file));
    let test = "test(a_termination_in_the_directory_ends_every_way_in)";
    let mut command = workspace.cargo(&["nextest", "run", "-p", "bailee", "-E", test]);
    command.env("BAILEE_FIGURES", &file).env("BAILEE_TOOLS", workspace.tools());
    shell::run(&mut command)?;
    let Ok(printed) = std::fs::read(&file) else {
        return failed("nothing was measured: it needs sshd and PostgreSQL (`cargo xtask test`)");
    };
    let rows = table::read(&printed)?;
    println!("{}", table::render(&rows, 0));
    match check {
        true => table::check(&rows, &workspace.root.join("xtask/bench-thresholds.toml")),
        false => Ok(()),
    }
}

fn inside(workspace: &Workspace, seconds: u32) -> Outcome<Vec<Row>> {
    let program = workspace.target.join("release/examples/inside");
    let mut command = workspace.program(&program.to_string_lossy());
    // Many measurements: a third of the time each keeps the whole within a coffee break.
    command.arg(format!("{:.1}", f64::from(seconds) / 3.0));
    table::read(&shell::capture(&mut command)?)
}

fn detection(workspace: &Workspace, seconds: u32) -> Outcome<Vec<Row>> {
    let program = workspace.target.join("release/examples/rates");
    let mut command = workspace.program(&program.to_string_lossy());
    command.arg(format!("{:.1}", f64::from(seconds) / 3.0));
    // Rules that others wrote, where they are.
    if let Some(sigma) = workspace.shared().map(|shared| shared.join("data/sigma/rules")) {
        command.args(sigma.is_dir().then_some(sigma));
    }
    table::read(&shell::capture(&mut command)?)
}

fn peer(workspace: &Workspace, seconds: u32) -> Outcome<Vec<Row>> {
    let script = workspace.root.join("xtask/peer/openbao.sh");
    if !Path::new(&script).is_file() {
        return failed("`xtask/peer/openbao.sh` is missing");
    }
    let mut command = workspace.program("bash");
    command.arg(&script).arg(seconds.to_string());
    command.env("BENCH_TOOLS", workspace.tools());
    table::read(&shell::capture(&mut command)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Outcome<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn reads_flags_in_any_order() {
        assert_eq!(
            parse("--seconds 3 --peer --check").unwrap(),
            Options { check: true, peer: true, seconds: 3, ..Options::default() }
        );
        assert_eq!(parse("").unwrap(), Options { seconds: SECONDS, ..Options::default() });
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in ["--fast", "--seconds", "--seconds 0", "--seconds 3601", "--seconds x"] {
            assert!(matches!(parse(text), Err(Failure::Usage(_))), "{text}");
        }
    }
}
