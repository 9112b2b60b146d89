//! `bailee import`: the rows of a file become records of the accounts they name.
//!
//! ```text
//! file ─► input ─► csv | ndjson ─► rows ─► batches (windows) ─► send ─► deliver ─► server
//!                                                                 └► resume (progress file)
//! ```
//!
//! Promises: a row is stored exactly as the contract says, or reported with its line and reason; a
//! row that cannot be stored does not stop the others; a refusal stops everything. An interrupted
//! import goes on where everything before was acknowledged, and what it sends again does nothing
//! twice. Memory does not grow with the file, apart from the names of its accounts.
//! Does not: change or merge records, or remove any.

mod batches;
mod csv;
mod deliver;
mod input;
mod ndjson;
mod report;
mod resume;
mod rows;
mod send;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use kernel::id::{AccountId, Collection};

use crate::client::{Client, Connect, Intent};
use crate::exit::{Exit, Failure, reason};
use crate::output::{Output, counted, note};
use batches::{Gather, Window};
use deliver::Shared;
use report::{LISTED, Report};
use resume::{Prefix, Progress, Resume};
use rows::{Bad, Columns, Format, Item, Rows};
use send::Sender;

/// What `bailee import` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// File to import: .csv, .ndjson or .jsonl
    pub file: PathBuf,
    /// Collection that receives the records; created where it is missing
    #[arg(long, value_name = "NAME", value_parser = Collection::parse)]
    pub collection: Collection,
    /// Column or member with the account's name
    #[arg(long, value_name = "COL")]
    pub account_column: String,
    /// Column or member with the record's id
    #[arg(long, value_name = "COL")]
    pub id_column: String,
    /// Form of the file; without it the file's extension says
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Keep progress in this file instead of FILE.bailee-import; it is removed at the end
    #[arg(long, value_name = "FILE")]
    pub resume_file: Option<PathBuf>,
    /// Why, and for whom.
    #[command(flatten)]
    pub intent: Intent,
    /// The server.
    #[command(flatten)]
    pub connect: Connect,
}

/// Runs the command: exit code 0 when every row was imported, 1 when some were not.
///
/// # Errors
/// When file, progress file or server cannot be used, or the server refuses.
pub async fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let started = now();
    let client = Client::new(&options.connect, Some(&options.intent))?;
    let mut import = Import::open(options, &client)?;
    let shared = Shared {
        client,
        collection: options.collection.clone(),
        run: import.progress.run.clone(),
        may_not_open: AtomicBool::new(false),
    };
    let accounts = import.all(Sender::new(shared)).await?;
    let seconds = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let report = Report { tally: import.progress.tally, accounts, seconds };
    output.line(&report.text())?;
    output.json(&report)?;
    Ok(if report.tally.failed == 0 { Exit::Done } else { Exit::Failed })
}

#[expect(clippy::disallowed_methods, reason = "measures how long the user waited; decides nothing")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// An import under way: the file, what was reached, and what people see of it.
struct Import {
    rows: Rows<BufReader<File>>,
    ended: bool,
    next_window: u64,
    progress: Progress,
    prefix: Prefix,
    resume: Resume,
    /// Whether progress can be kept.
    keeps: bool,
    bar: ProgressBar,
    listed: usize,
    /// The first name of each account, to notice two names that become one account.
    names: HashMap<AccountId, Option<String>>,
    file: PathBuf,
}

impl Import {
    fn open(options: &Options, client: &Client) -> Result<Self, Failure> {
        let file = &options.file;
        let unread = |error: std::io::Error| Failure::file("read", file, &error);
        let format = format_of(options)?;
        let columns =
            Columns { account: options.account_column.clone(), id: options.id_column.clone() };
        let opened = File::open(file).map_err(unread)?;
        let length = opened.metadata().map_err(unread)?.len();
        let mut rows = Rows::new(format, BufReader::with_capacity(256 * 1024, opened), &columns)
            .map_err(|failure| failure.during(format_args!("`{}`", file.display())))?;
        let mut prefix = Prefix::open(file).map_err(unread)?;
        let resume = Resume::new(file, options.resume_file.as_deref());
        let parameters = [
            client.address(),
            options.collection.as_str(),
            &options.account_column,
            &options.id_column,
            match format {
                Format::Csv => "csv",
                Format::Ndjson => "ndjson",
            },
        ];
        let bar = progress_bar(length);
        let progress = match resume.load(&parameters, &mut prefix)? {
            Some(progress) => progress,
            None => Progress::start(&parameters, rows.position())?,
        };
        if progress.windows > 0 {
            rows.go_to(progress.at()).map_err(unread)?;
            bar.suspend(|| note(&format!("going on at line {}", progress.at().line)));
        }
        let mut import = Self {
            rows,
            ended: false,
            next_window: progress.windows,
            listed: progress.tally.errors.len(),
            progress,
            prefix,
            resume,
            keeps: true,
            bar,
            names: HashMap::new(),
            file: file.clone(),
        };
        import.keep(options.resume_file.is_some())?;
        Ok(import)
    }

    /// Sends everything. Gives the number of accounts that rows went to.
    async fn all(&mut self, mut sender: Sender) -> Result<u64, Failure> {
        let mut acknowledged = self.progress.tally.imported;
        loop {
            while !self.ended && sender.wants_window() {
                sender.add(self.window()?);
            }
            while let Some(done) = sender.done() {
                let prefix = self.prefix.up_to(done.end.byte);
                let prefix = prefix.map_err(|error| Failure::file("read", &self.file, &error))?;
                self.progress.advance(done.end, prefix, done.tally);
                self.bar.set_position(done.end.byte);
                self.keep(false)?;
            }
            let Some(tally) = sender.next().await else {
                // Nothing is under way. A window with bad rows only leaves nothing to wait for.
                if self.ended || !sender.wants_window() { break } else { continue }
            };
            acknowledged += tally.imported;
            self.bar.set_message(format!("{acknowledged} records"));
            for bad in &tally.errors {
                self.report(bad);
            }
        }
        self.bar.finish_and_clear();
        let accounts = sender.accounts();
        match sender.stopped() {
            None => self.finish(accounts),
            Some(failure) => Err(self.interrupted(failure, acknowledged)),
        }
    }

    fn finish(&mut self, accounts: u64) -> Result<u64, Failure> {
        if self.keeps {
            let path = self.resume.path();
            self.resume.remove().map_err(|error| Failure::file("remove", path, &error))?;
        }
        Ok(accounts)
    }

    fn interrupted(&mut self, failure: Failure, acknowledged: u64) -> Failure {
        if acknowledged == 0 && self.keeps {
            // Nothing to go on from. What cannot be removed is at worst in the way of nobody.
            let _ = self.resume.remove();
        }
        if acknowledged == 0 {
            return failure;
        }
        let message = format!(
            "{failure}; so far {} imported: run the same command again to go on",
            counted(acknowledged, "record")
        );
        Failure { message, field: None, ..failure }
    }

    /// Reads the next window.
    fn window(&mut self) -> Result<Window, Failure> {
        let mut gather = Gather::new(self.next_window);
        self.next_window += 1;
        while !gather.full() {
            let item = self.rows.next_item();
            let item = item.map_err(|error| Failure::file("read", &self.file, &error))?;
            let Some(item) = item else {
                self.ended = true;
                break;
            };
            if let Item::Row(row) = &item {
                self.compare_names(&row.account, &row.name);
            }
            if let Some(bad) = gather.take(item) {
                self.report(&bad);
            }
        }
        Ok(gather.close(self.rows.position()))
    }

    /// Says of a bad row on standard error; the first ones only, since all may be bad.
    fn report(&mut self, bad: &Bad) {
        self.listed += 1;
        let text = match self.listed {
            ..=LISTED => format!("line {}: {}", bad.line, bad.reason),
            n if n == LISTED + 1 => format!("further bad rows are counted only, after {LISTED}"),
            _ => return,
        };
        self.bar.suspend(|| note(&text));
    }

    /// Two names that become one account put two subscribers' data together; that is said once.
    fn compare_names(&mut self, account: &AccountId, name: &str) {
        let Some(first) = self.names.get_mut(account) else {
            self.names.insert(account.clone(), Some(name.to_owned()));
            return;
        };
        if first.as_deref().is_some_and(|first| first != name)
            && let Some(first) = first.take()
        {
            let text = format!(
                "warning: `{first}` and `{name}` both go to account `{account}`; if they are two \
                 subscribers, give them names that differ"
            );
            self.bar.suspend(|| note(&text));
        }
    }

    /// Keeps the progress, or says once that it cannot be kept.
    fn keep(&mut self, must: bool) -> Result<(), Failure> {
        if !self.keeps {
            return Ok(());
        }
        let Err(error) = self.resume.save(&self.progress) else { return Ok(()) };
        let path: &Path = self.resume.path();
        if must {
            return Err(Failure::file("write", path, &error));
        }
        self.keeps = false;
        let text = format!(
            "note: cannot write `{}` ({}); if interrupted, this import begins anew",
            path.display(),
            reason(&error)
        );
        self.bar.suspend(|| note(&text));
        Ok(())
    }
}

fn format_of(options: &Options) -> Result<Format, Failure> {
    let extension = options.file.extension().and_then(|text| text.to_str()).unwrap_or_default();
    match (options.format, extension.to_ascii_lowercase().as_str()) {
        (Some(format), _) => Ok(format),
        (None, "csv") => Ok(Format::Csv),
        (None, "ndjson" | "jsonl") => Ok(Format::Ndjson),
        _ => Err(Failure::usage(format!(
            "the form of `{}` is unknown: name it with --format csv or --format ndjson",
            options.file.display()
        ))),
    }
}

/// A bar on standard error, if that is a terminal.
pub(crate) fn progress_bar(length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template("{bar:30} {percent:>3} %  {bytes}/{total_bytes}  {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
