//! `cargo xtask`: everything this repository does to itself.
//!
//! Promises: one command per purpose, the same on a developer's machine and in CI; each step says
//! in one line what it does; a step that fails says what to do next, and the exit code is not zero.
//! Deliberately absent: anything that ships to users, and any dependency that would make this crate
//! slow to build.

mod bench;
mod generate;
mod prove;
mod shell;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use shell::{Failure, Outcome, Workspace};

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--full]        install what the tests need and is missing, then check and test everything
                       (--full adds the long runs)
  ci                   the same as test
  tidy                 check what the compiler cannot: sizes, layers, glossary, paths, routes
  gen [--check]        write the generated files anew (--check: only say which ones differ)
  prove [--json] [--check | --write] [--fresh] [--limit SECONDS]
                       show with a solver what the policies can never allow (authority/bounds);
                       --check compares with authority/proof.json, --write renews it
  prove [--json] --against REVISION|FOLDER
                       say what the policies widen and narrow, each with an example
  bench [--check] [--peer] [--affected | --leaving] [--seconds N]
                       measure; --check compares with the thresholds, --peer adds the peer
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("xtask: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Outcome {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(Failure::Usage("name a command".to_owned()));
    };
    let workspace = Workspace::find()?;
    match command.as_str() {
        "test" | "ci" => test::run(&workspace, test::Options::parse(rest)?),
        "tidy" => {
            shell::no_arguments("tidy", rest)?;
            tidy::run(&workspace)
        }
        "gen" => generate::run(&workspace, &generate::Options::parse(rest)?),
        "prove" => prove::run(&workspace, rest),
        "bench" => bench::run(&bench::Options::parse(rest)?),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(Failure::Usage(format!("there is no command `{other}`"))),
    }
}
