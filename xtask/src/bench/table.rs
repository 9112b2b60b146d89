//! Rows of measurements: reading, rendering, comparing with thresholds.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::shell::{Failure, Outcome, failed};

/// One measured number.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// Under which circumstances.
    pub more: String,
}

/// Reads rows that a program printed, one JSON object a line; other lines are its own words.
pub fn read(printed: &[u8]) -> Outcome<Vec<Row>> {
    let text = String::from_utf8_lossy(printed);
    let rows = text.lines().filter(|line| line.starts_with('{'));
    rows.map(|line| {
        let bad = || Failure::Failed(format!("`{line}` is no measurement"));
        let json: Value = serde_json::from_str(line).map_err(|_| bad())?;
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Row {
            what: text("what").ok_or_else(bad)?,
            value: json.get("value").and_then(Value::as_f64).ok_or_else(bad)?,
            unit: text("unit").ok_or_else(bad)?,
            more: text("more").unwrap_or_default(),
        })
    })
    .collect()
}

/// Our throughput beside the peer's, at 64 connections.
pub fn ratios(rows: &[Row]) -> Vec<Row> {
    let find = |what: &str| rows.iter().find(|row| row.what == what).map(|row| row.value);
    let pair = |ours: &str, peer: &str, what: &str| {
        let (ours, peer) = (find(ours)?, find(peer)?);
        let more = "same run, same machine, 64 connections".to_owned();
        Some(Row { what: what.to_owned(), value: ours / peer, unit: "x".to_owned(), more })
    };
    let pairs = [
        ("put 1 KiB c=64", "OpenBao put 1 KiB c=64", "put beside OpenBao"),
        ("get 1 KiB c=64", "OpenBao get 1 KiB c=64", "get beside OpenBao"),
    ];
    pairs.into_iter().filter_map(|(ours, peer, what)| pair(ours, peer, what)).collect()
}

/// The table as Markdown, with machine and date.
pub fn render(rows: &[Row], seconds: u32) -> String {
    let mut text = format!(
        "Measured {} on {}, {seconds} s per cell over TLS.\n\n\
         | what | value | unit | circumstances |\n|---|---:|---|---|\n",
        today(),
        machine()
    );
    for Row { what, value, unit, more } in rows {
        let shown = if *value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        let _ = writeln!(text, "| {what} | {shown} | {unit} | {more} |");
    }
    text
}

/// Puts the table between the marks of the document.
pub fn write(path: &Path, table: &str) -> Outcome {
    let broken = |why: &str| Failure::Failed(format!("`{}`: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|why| broken(&why.to_string()))?;
    let (begin, end) = ("<!-- table -->\n", "<!-- end of table -->");
    let (head, rest) = text.split_once(begin).ok_or_else(|| broken("has no table mark"))?;
    let (_, tail) = rest.split_once(end).ok_or_else(|| broken("has no end mark"))?;
    let text = format!("{head}{begin}{table}{end}{tail}");
    fs::write(path, text).map_err(|why| broken(&why.to_string()))
}

/// Compares with the thresholds: `at_least` and `at_most`, by what was measured.
pub fn check(rows: &[Row], path: &Path) -> Outcome {
    let broken = |why: String| Failure::Failed(format!("`{}`: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|why| broken(why.to_string()))?;
    let limits: toml::Table =
        text.parse().map_err(|why: toml::de::Error| broken(why.to_string()))?;
    let mut missed = Vec::new();
    for (side, holds) in [
        ("at_least", (|value, limit| value >= limit) as fn(f64, f64) -> bool),
        ("at_most", |value, limit| value <= limit),
    ] {
        let table = limits.get(side).and_then(toml::Value::as_table);
        for (what, limit) in table.into_iter().flatten() {
            let limit = limit.as_float().or_else(|| limit.as_integer().map(|n| n as f64));
            let limit = limit.ok_or_else(|| broken(format!("`{what}` is no number")))?;
            let Some(row) = rows.iter().find(|row| row.what == *what) else { continue };
            if !holds(row.value, limit) {
                missed.push(format!("{what}: {:.1} {}, {side} {limit}", row.value, row.unit));
            }
        }
    }
    if missed.is_empty() { Ok(()) } else { failed(format!("missed: {}", missed.join("; "))) }
}

fn today() -> String {
    let date = std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    let date = date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    date.unwrap_or_else(|_| "on an unknown day".to_owned())
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{model}, {cores} cores")
}

#[cfg(test)]
mod tests {
    use super::{Row, check, ratios, read, write};

    fn row(what: &str, value: f64) -> Row {
        Row { what: what.to_owned(), value, unit: "1/s".to_owned(), more: String::new() }
    }

    #[test]
    fn rows_are_read_and_compared() {
        let rows = read(b"hello\n{\"what\":\"a\",\"value\":2.5,\"unit\":\"1/s\",\"more\":\"\"}\n");
        assert_eq!(rows.unwrap(), [row("a", 2.5)]);
        assert!(read(b"{\"what\":\"a\"}").is_err());
        let both = [row("put 1 KiB c=64", 800.0), row("OpenBao put 1 KiB c=64", 100.0)];
        assert!((ratios(&both)[0].value - 8.0).abs() < 1e-9);
    }

    #[test]
    fn thresholds_are_kept_on_both_sides() {
        let folder = std::env::temp_dir().join(format!("bailee-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("limits.toml");
        std::fs::write(&path, "[at_least]\na = 10\n[at_most]\nb = 5.5\n").unwrap();
        assert!(check(&[row("a", 10.0), row("b", 5.5), row("c", 0.0)], &path).is_ok());
        assert!(check(&[row("a", 9.9)], &path).is_err());
        assert!(check(&[row("b", 5.6)], &path).is_err());
        let document = folder.join("b.md");
        std::fs::write(&document, "x\n<!-- table -->\nold\n<!-- end of table -->\ny").unwrap();
        write(&document, "new\n").unwrap();
        let text = std::fs::read_to_string(&document).unwrap();
        assert_eq!(text, "x\n<!-- table -->\nnew\n<!-- end of table -->\ny");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
