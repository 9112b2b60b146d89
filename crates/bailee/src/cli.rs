//! The command line as one tree: the table of contents of this program. The doc comments are its
//! manual.

use clap::{Parser, Subcommand};

use crate::access::{db, kube, sign_in, sign_out, ssh};
use crate::agent;
use crate::detect;
use crate::exit::CODES;
use crate::export;
use crate::import;
use crate::nouns::{
    Noun, accounts, data, grants, ledger, measures, oncall, people, requests, services, setup,
    signing_keys,
};
use crate::server::{
    accept, backup, demo, epoch, init, privileges, restore, serve, verify, watcher,
};

/// Keeps subscribers' Service Data sealed per account, lets nobody reach it without a right, and
/// records every access in a log that anybody can check.
///
/// Commands that talk to a server take its address from BAILEE_URL, the token from BAILEE_TOKEN and
/// the certificate authority from BAILEE_CA.
#[derive(Debug, Parser)]
#[command(name = "bailee", version, after_help = CODES)]
pub struct Cli {
    /// Print one line of JSON instead of text; errors too, on standard error
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API until SIGTERM
    Serve(serve::Options),
    /// Make a new store and its first administrator; prints a token once
    Init(init::Options),
    /// Show the main job on a sample company, then stay up
    Demo(demo::Options),
    /// Check a receipt, evidence, an export, a backup or a store, offline
    Verify(verify::Options),
    /// Copy a store, sealed as it is, while it is in use
    Backup(backup::Options),
    /// Make a store from a backup and verify it
    Restore(restore::Options),
    /// Begin a new epoch after a store lost its newest entries
    Epoch(epoch::Options),
    /// Take a store in a database for the newest there is, where no node is left that knows
    Accept(accept::Options),
    /// Print the statements that give a database's user what serving a store needs
    Privileges(privileges::Options),
    /// Run detection rules over a file of events, offline
    ///
    /// Prints an alert a line: its level, window, rule, whom it is about, and the lines that
    /// matched. With --json each is an object, and `events` holds the numbers of the lines, from 1.
    ///
    /// A line of JSON is an object with `time`, a log source (`product`, `service`, `category`) and
    /// fields. Any other file is read as syslog (auth.log).
    Detect(detect::Options),
    /// Watch, on another host, that a server still watches; alarms by ways of its own
    WatchTheWatcher(watcher::Options),
    /// Print the description of the API (OpenAPI 3.1)
    Openapi,

    /// Put the records of a CSV or NDJSON file into accounts
    ///
    /// A CSV row becomes one compact JSON object: columns in file order, all values strings. An
    /// NDJSON line is stored byte for byte. An account is made from the name in its column: lower
    /// case, every run of characters other than a-z 0-9 - _ becomes one -. Missing accounts are
    /// created, which needs a grant with the verb open on account *.
    ///
    /// A bad row is reported with its line and does not stop the others; a refusal stops
    /// everything. An interrupted import goes on when the same command is run again.
    Import(import::Options),
    /// Take an account's records and ledger out, as files
    ///
    /// The folder holds the records as NDJSON, one file a collection, and the log in the C2SP
    /// tlog-tiles layout with its verifier key; `bailee verify` checks it offline.
    Export(export::Options),

    /// Sign in with a code that you type in where you are signed in already
    ///
    /// The session lasts eight hours at most and is bound to a key that stays on this machine, in
    /// BAILEE_SESSION or the state folder; commands use it where no token is stated.
    SignIn(sign_in::Options),
    /// End the session of `sign-in` at the server, and remove it and its key from this machine
    SignOut(sign_out::Options),

    /// Subscribers and what is theirs
    Account(Noun<accounts::Command>),
    /// People who work with Service Data
    Person(Noun<people::Command>),
    /// Programs that act under their own name
    Service(Noun<services::Command>),
    /// The keys by which the server signs for others
    SigningKey(Noun<signing_keys::Command>),
    /// Rights: who may reach which data, what for, until when
    Grant(Noun<grants::Command>),
    /// Ask for access, and begin what was approved
    Request(requests::Request),
    /// Approve access that somebody asked for
    Approve(requests::Approve),
    /// Sign in to a host under a grant, with a certificate for this one use, by ssh
    ///
    /// Ends with the code that ssh ends with.
    Ssh(ssh::Options),
    /// Sign in to a database under a grant, with a certificate for this one use, by psql or another
    ///
    /// Ends with the code that the client ends with.
    Db(db::Options),
    /// Give `kubectl` a certificate for a cluster, as the program that its kubeconfig names
    ///
    /// It counts for ten minutes at most: a cluster reads no list of what is revoked.
    Kube(kube::Options),
    /// On a host: keep the lists of refused certificates fresh, end sessions whose certificate is
    /// refused, and forward what sshd and auditd log
    Agent(agent::Options),
    /// Sets of records of an account
    Collection(Noun<data::CollectionCommand>),
    /// Service Data: put, get, list, delete, restore, history
    Record(Noun<data::Command>),
    /// What is promised, and whether the facts show that it is kept
    Measure(Noun<measures::Command>),
    /// Every obligation with its state, basis, since when, and facts
    Measures(measures::Measures),
    /// Who is on call, where nobody is, and a calendar that shows it
    Oncall(Noun<oncall::Command>),
    /// What is missing for an honest board, who does it, and the command to run next
    Setup(setup::Options),
    /// An account's log: checkpoints, entries, receipts
    Ledger(Noun<ledger::Command>),
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_lines_that_others_script_are_understood() {
        for line in [
            "bailee init --data d --json",
            "bailee init --data d --keys k --json",
            "bailee serve --data d --listen 127.0.0.1:8443",
            "bailee serve --data d --keys k --listen 127.0.0.1:0",
            "bailee service create import --json",
            "bailee service create import --owner person:anna --json",
            "bailee grant create --to service:import --account * --collection * \
             --verbs read,write,open --purpose test --for 8h --json",
            "bailee grant create --to service:import --account a-b --collection x,y \
             --collection z --verbs read --verbs write --purpose test --for 1h30m --json",
            "bailee import f.csv --collection complaints --account-column a --id-column b --json",
            "bailee export --account a-b --out d",
            "bailee verify d",
            "bailee verify d --keys k --json",
            "bailee backup --data d --out f",
            "bailee restore --from f --data d",
            "bailee demo --once",
            "bailee openapi",
            "bailee detect --events f",
            "bailee detect --rules d --events f --year 2017 --json",
            "bailee --json measure list",
            "bailee person move eve --roles support,responder --reason desk --json",
            "bailee person import people.csv --json",
            "bailee setup --json",
            "bailee oncall who --at 2026-11-22T14:02:11Z --json",
            "bailee oncall gaps --days 30",
            "bailee oncall calendar --holder person:lea --everybody --json",
            "bailee setup --templates d",
            "bailee measures --for A.8.24 --json",
            "bailee account create --url https://h --ca ca.pem name --id a-b --receipt r.json",
            "bailee record put a c 1 f.json --if-version 3 --purpose why",
            "bailee record put a c 1 --if-absent",
            "bailee record get a c 1 --version 2 --json",
            "bailee service token create import",
            "bailee service token end import t1",
            "bailee ledger receipt a 7 --out r.json",
            "bailee ledger consistency a --from 1 --to 2",
            "bailee request --system web-1 --login deploy --command uptime --purpose p \
             --reference T-1 --for 1h --json",
            "bailee ssh --system web-1 --login deploy -p 2222 host.example -- uptime -p",
            "bailee db --system db-1 --role app -- psql -c select",
            "bailee agent --system web-1 --krl /etc/ssh/bailee.krl --once",
        ] {
            if let Err(why) = Cli::try_parse_from(line.split_whitespace()) {
                panic!("{line}: {why}");
            }
        }
    }

    #[test]
    fn hostile_names_are_refused_before_anything_is_sent() {
        for line in [
            "bailee account show ../house",
            "bailee account show A",
            "bailee record get a c ..",
            "bailee record get a c a/b",
            "bailee record get a .c 1",
            "bailee record list a c --limit 0",
            "bailee record list a c --limit 1001",
            "bailee grant create --to root:x --account * --collection * --verbs read \
             --purpose p --for 8h",
            "bailee grant create --to service:x --account * --collection * --verbs all \
             --purpose p --for 8h",
            "bailee grant create --to service:x --account * --collection * --verbs read \
             --purpose p --for 8",
            "bailee record put a c 1 --if-absent --if-version 1",
            "bailee import f.csv --collection ../c --account-column a --id-column b",
        ] {
            assert!(Cli::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }
}
