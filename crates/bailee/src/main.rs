//! `bailee`: the server, its upkeep, and the client of its API, in one program.
//!
//! This file parses the command line, runs the command and turns its end into an exit code; nothing
//! else. The commands are listed in [`cli`].

mod access;
mod agent;
mod cli;
mod client;
mod detect;
mod duration;
mod exit;
mod export;
mod import;
mod nouns;
mod output;
mod server;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use cli::{Cli, Command};
use exit::{Exit, Failure};
use nouns::{
    accounts, data, grants, ledger, measures, oncall, people, registers, requests, services, setup,
    signing_keys,
};
use output::Output;

fn main() -> ExitCode {
    let words = requests::renamed(std::env::args().collect());
    let matches = registers::extend(Cli::command(), &words).get_matches_from(&words);
    let output = Output { json: matches.get_flag("json") };
    let exit = start(&matches, output).unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit.code()
    });
    ExitCode::from(exit)
}

/// Runs a command of a register, or one of the tree in [`cli`]; gives the code to end with.
fn start(matches: &ArgMatches, output: Output) -> Result<u8, Failure> {
    let noun = matches.subcommand_name().unwrap_or_default();
    if domain::registers::REGISTERS.iter().any(|register| register.command == noun) {
        let run = done(async { registers::run(matches, output).await.unwrap_or(Ok(())) });
        return run.map(Exit::code);
    }
    let cli = Cli::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string()))?;
    match cli.command {
        // These end as the client ends that they wrap.
        Command::Ssh(options) => wait_for(access::ssh::start(&options)),
        Command::Db(options) => wait_for(access::db::start(&options)),
        command => run(command, output).map(Exit::code),
    }
}

fn run(command: Command, output: Output) -> Result<Exit, Failure> {
    match command {
        Command::Serve(options) => server::serve::run(&options, output),
        Command::Init(options) => server::init::run(&options, output),
        Command::Demo(options) => server::demo::run(&options, output),
        Command::Verify(options) => server::verify::run(&options, output),
        Command::Backup(options) => server::backup::run(&options, output),
        Command::Restore(options) => server::restore::run(&options, output),
        Command::Epoch(options) => server::epoch::run(&options, output),
        Command::Accept(options) => server::accept::run(&options, output),
        Command::Privileges(options) => server::privileges::run(&options, output),
        Command::Detect(options) => detect::run(&options, output),
        Command::WatchTheWatcher(options) => server::watcher::run(&options, output),
        Command::Openapi => server::openapi::run(output),
        Command::Import(options) => wait_for(import::run(&options, output)),
        Command::Kube(options) => done(access::kube::run(&options, output)),
        Command::SignIn(options) => done(access::sign_in::run(&options, output)),
        Command::SignOut(options) => done(access::sign_out::run(&options, output)),
        Command::Export(options) => done(export::run(&options, output)),
        Command::Account(noun) => {
            done(async { accounts::run(&noun.client(None)?, &noun.command, output).await })
        }
        Command::Person(noun) => {
            done(async { people::run(&noun.client(None)?, &noun.command, output).await })
        }
        Command::Service(noun) => {
            done(async { services::run(&noun.client(None)?, &noun.command, output).await })
        }
        Command::Grant(noun) => {
            done(async { grants::run(&noun.client(None)?, &noun.command, output).await })
        }
        Command::SigningKey(noun) => {
            done(async { signing_keys::run(&noun.client(None)?, &noun.command, output).await })
        }
        Command::Agent(options) => wait_for(agent::run(&options, output)),
        // Run before, for the code they end with.
        Command::Ssh(_) | Command::Db(_) => Ok(Exit::Usage),
        Command::Request(request) => done(requests::run(&request, output)),
        Command::Approve(one) => done(requests::approve(&one, output)),
        Command::Collection(noun) => {
            done(async { data::run_collection(&noun.client(None)?, &noun.command, output).await })
        }
        Command::Record(noun) => done(async {
            let client = noun.client(Some(noun.command.intent()))?;
            data::run(&client, &noun.command, output).await
        }),
        Command::Measure(noun) => {
            done(async { measures::run(&noun.client(None)?, &noun.command, output).await })
        }
        Command::Measures(all) => done(async {
            measures::array(&client::Client::new(&all.connect, None)?, &all.asked, output).await
        }),
        Command::Oncall(noun) => {
            wait_for(async { oncall::run(&noun.client(None)?, &noun.command, output).await })
        }
        Command::Setup(options) => done(setup::run(&options, output)),
        Command::Ledger(noun) => done(async {
            ledger::run(&noun.client(noun.command.intent())?, &noun.command, output).await
        }),
    }
}

fn done(work: impl Future<Output = Result<(), Failure>>) -> Result<Exit, Failure> {
    wait_for(async { work.await.map(|()| Exit::Done) })
}

/// Runs a client on this thread: it waits for one server, and nothing else is to be done meanwhile.
fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {}", exit::reason(&error))))?;
    runtime.block_on(work)
}
