//! `bailee detect`: runs detection rules over a file of events, offline.
//!
//! Promises: the same rules and the same engine as a server has; nothing is sent anywhere and
//! nothing is changed; the numbers of an alert are lines of the file, from 1. What cannot be read
//! is said with its place and remedy, the rest is evaluated, and the exit code says so.
//! Does not: tell anybody, or answer.

mod json;
mod lines;
mod load;
mod raw;

use std::fs::File;
use std::io::{BufReader, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use time::OffsetDateTime;
use time::macros::format_description;
use watch::{Alert, Detector, Event, Limits, Rules};

use crate::exit::{Exit, Failure};
use crate::output::{Output, cell, counted, note, printable};
use lines::{Line, Lines};

/// How many lines that cannot be read are reported one by one.
const LISTED: u64 = 10;

/// What `bailee detect` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Folder of Sigma rules (*.yml), read with its subfolders; without it the built-in pack
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Events, one a line: JSON, or a log in the form of syslog such as auth.log
    #[arg(long, value_name = "FILE")]
    pub events: PathBuf,
    /// Year of the first line of a log whose lines have none (RFC 3164); without it the year of
    /// the file
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i32).range(1970..=9999))]
    pub year: Option<i32>,
}

/// Runs the command.
///
/// # Errors
/// When the rules or the file cannot be read at all.
pub fn run(options: &Options, output: Output) -> Result<Exit, Failure> {
    let (rules, mut flawed) = rules(options)?;
    let path = &options.events;
    let unread = |error: std::io::Error| Failure::file("read", path, &error);
    let file = File::open(path).map_err(unread)?;
    let about = file.metadata().map_err(unread)?;
    if about.is_dir() {
        return Err(Failure::usage(format!("`{}` is a folder: name a file", path.display())));
    }
    let changed = about.modified().ok().map(OffsetDateTime::from);
    let mut reading = Reading {
        lines: Lines::new(BufReader::new(file)),
        bar: bar(about.len()),
        years: raw::Years::new(options.year, changed),
        places: Places::default(),
        detector: Detector::new(rules, Limits::default()),
        seen: Seen::default(),
        output,
    };
    let end = reading.all().map_err(|why| why.during(path.display()))?;
    reading.bar.finish_and_clear();
    let alerts = reading.detector.tick(end.saturating_add(Limits::default().lateness));
    reading.tell(&alerts)?;
    flawed |= reading.seen.summarize();
    Ok(if flawed { Exit::Failed } else { Exit::Done })
}

/// The rules, and whether some were left out.
fn rules(options: &Options) -> Result<(Rules, bool), Failure> {
    let (rules, problems) = match &options.rules {
        None => Rules::parse(watch::PACK.iter().copied()),
        Some(folder) => {
            let files = load::files(folder)?;
            Rules::parse(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))
        }
    };
    for problem in &problems {
        note(&format!("rules: {problem}"));
    }
    if rules.is_empty() {
        let folder = options.rules.as_deref().unwrap_or_else(|| std::path::Path::new("."));
        return Err(Failure::usage(format!(
            "no rule could be read from `{}`: put Sigma files (*.yml) there",
            folder.display()
        )));
    }
    Ok((rules, !problems.is_empty()))
}

/// A bar on standard error, if that is a terminal.
fn bar(length: u64) -> ProgressBar {
    if std::io::stderr().is_terminal() {
        crate::import::progress_bar(length)
    } else {
        ProgressBar::hidden()
    }
}

/// A file being evaluated.
struct Reading {
    lines: Lines<BufReader<File>>,
    bar: ProgressBar,
    years: raw::Years,
    places: Places,
    detector: Detector,
    seen: Seen,
    output: Output,
}

impl Reading {
    /// Evaluates the whole file; the last moment in it, in µs since 1970.
    fn all(&mut self) -> Result<u64, Failure> {
        let mut number = 0;
        let mut end = 0;
        let mut form = None;
        while let Some(line) = self.lines.next_line()? {
            self.bar.set_position(self.lines.bytes());
            let (place, text) = match line {
                Line::Text { number, text } => (number, text),
                Line::TooLong { number } => {
                    let limit = lines::LONGEST / 1024 / 1024;
                    self.seen.unread(number, &format!("longer than {limit} MiB: cut it"));
                    continue;
                }
            };
            if text.trim().is_empty() {
                continue;
            }
            // The first line with anything on it decides: logs are not mixed.
            let json = *form.get_or_insert_with(|| text.trim_start().starts_with('{'));
            let events = if json { json::events(&text) } else { self.years.events(&text) };
            let events = match events {
                Ok(events) => events,
                Err(why) => {
                    self.seen.unread(place, &why);
                    continue;
                }
            };
            for mut event in events {
                number += 1;
                event.number = number;
                if event.received.saturating_add(Limits::default().skew) < end {
                    self.seen.back.get_or_insert(place);
                }
                end = end.max(event.received);
                self.places.note(number, place);
                self.seen.event(&event);
                let alerts = self.detector.take(&event);
                self.tell(&alerts)?;
            }
        }
        Ok(end)
    }

    /// Prints alerts, one a line, with the lines of the file in place of event numbers.
    fn tell(&mut self, alerts: &[Alert]) -> Result<(), Failure> {
        for alert in alerts {
            let mut alert = alert.clone();
            alert.events = alert.events.iter().map(|&it| self.places.line(it)).collect();
            alert.events.dedup();
            self.seen.alerts += 1;
            self.bar.suspend(|| {
                self.output.json(&alert)?;
                self.output.line(&shown(&alert))
            })?;
        }
        Ok(())
    }
}

/// What was read.
#[derive(Default)]
struct Seen {
    events: u64,
    alerts: u64,
    unread: u64,
    nameless: u64,
    /// The first line that is older than those before it by more than events may be late.
    back: Option<u64>,
}

impl Seen {
    fn event(&mut self, event: &Event) {
        self.events += 1;
        let source = [&event.product, &event.service, &event.category];
        self.nameless += u64::from(source.into_iter().all(Option::is_none));
    }

    fn unread(&mut self, line: u64, why: &str) {
        self.unread += 1;
        if self.unread <= LISTED {
            note(&format!("line {line}: {why}"));
        }
    }

    /// Says what was read; whether something was not, or not as it should be.
    fn summarize(&self) -> bool {
        if self.unread > LISTED {
            note(&format!("{} could not be read", counted(self.unread, "line")));
        }
        if self.nameless > 0 {
            note(&format!(
                "{} without a log source, so that no rule applies: add `product`, `service` or \
                 `category`",
                counted(self.nameless, "event")
            ));
        }
        if let Some(line) = self.back {
            note(&format!(
                "line {line} is more than five minutes older than one before it: sort the file by \
                 time, or what belongs together is not counted together"
            ));
        }
        note(&format!("{} in {}", counted(self.alerts, "alert"), counted(self.events, "event")));
        self.unread > 0 || self.back.is_some()
    }
}

/// Which line an event came from: kept only where the two numbers part.
#[derive(Default)]
struct Places(Vec<(u64, u64)>);

impl Places {
    fn note(&mut self, number: u64, line: u64) {
        if self.line(number) != line {
            self.0.push((number, line));
        }
    }

    fn line(&self, number: u64) -> u64 {
        let at = self.0.partition_point(|(from, _)| *from <= number);
        match at.checked_sub(1).and_then(|at| self.0.get(at)) {
            Some((from, line)) => line + (number - from),
            None => number,
        }
    }
}

/// An alert for people.
fn shown(alert: &Alert) -> String {
    let level = format!("{:?}", alert.level).to_lowercase();
    let group: Vec<String> = alert
        .group
        .iter()
        .map(|(name, value)| format!("{}={}", printable(name), printable(value)))
        .collect();
    let about = if alert.unattributed { "unattributed".to_owned() } else { group.join(" ") };
    let mut lines: Vec<String> = alert.events.iter().map(u64::to_string).collect();
    if alert.count > lines.len() as u64 && lines.len() > 6 {
        lines.drain(3..lines.len() - 3);
        lines.insert(3, "…".to_owned());
    }
    let mut text = format!(
        "{level:8}  {} – {}  {}  {about}  {} of lines {}  [{}]",
        moment(alert.from),
        moment(alert.to),
        cell(&alert.title.clone().into()),
        counted(alert.count, "event"),
        lines.join(", "),
        printable(alert.name.as_ref().unwrap_or(&alert.rule)),
    );
    if let Some(why) = &alert.degraded {
        text.push_str(&format!("  ({why})"));
    }
    text
}

/// A moment in UTC, to the second.
fn moment(micros: u64) -> String {
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|moment| moment.format(format).ok())
        .unwrap_or_else(|| micros.to_string())
}
