//! `cargo xtask bench`: the measurements of `docs/benchmarks.md`.
//!
//! This module reads the arguments; what is measured comes with the first served request.

use crate::shell::{Failure, Outcome, failed};

/// Seconds that one measurement lasts unless told otherwise.
const SECONDS: u32 = 10;
/// Longer runs show nothing new and look like a hang.
const SECONDS_MAX: u32 = 3600;

/// What to measure, and what to compare it with.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// Fail when a number misses its threshold.
    pub check: bool,
    /// Measure the peer in the same run and print ratios.
    pub peer: bool,
    /// Length of each measurement, 1 to 3600 seconds.
    pub seconds: u32,
}

impl Options {
    /// Reads `--check`, `--peer` and `--seconds N`, in any order.
    pub fn parse(arguments: &[String]) -> Outcome<Self> {
        let mut options = Self { check: false, peer: false, seconds: SECONDS };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--check" => options.check = true,
                "--peer" => options.peer = true,
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

/// Measures and prints the table.
///
/// # Errors
/// Always, until there is a server to measure.
pub fn run(options: &Options) -> Outcome {
    let Options { check, peer, seconds } = options;
    failed(format!("bench is not built yet (check {check}, peer {peer}, {seconds} s)"))
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
            Options { check: true, peer: true, seconds: 3 }
        );
        assert_eq!(parse("").unwrap(), Options { check: false, peer: false, seconds: SECONDS });
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in ["--fast", "--seconds", "--seconds 0", "--seconds 3601", "--seconds x"] {
            assert!(matches!(parse(text), Err(Failure::Usage(_))), "{text}");
        }
    }
}
