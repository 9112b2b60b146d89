//! Lengths of time as people write them: `8h`, `30m`, `2d`, `1h30m`.
//!
//! Promises: one text, one length. Units go from large to small, each at most once.
//! Does not: know months or years, whose length depends on when they begin.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 24 * 60 * 60), ('h', 60 * 60), ('m', 60), ('s', 1)];

/// Reads a length of whole seconds, more than none.
///
/// # Errors
/// A sentence that says how to write one.
pub fn parse(text: &str) -> Result<Duration, String> {
    match read(text) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err("write a length such as `8h`, `30m`, `2d` or `1h30m`".to_owned()),
    }
}

fn read(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut units = UNITS.iter();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let mut letters = after.chars();
        let letter = letters.next()?;
        // Only units after the last one are left to be found.
        let (_, seconds) = units.find(|(unit, _)| *unit == letter)?;
        let amount = number.parse::<u64>().ok()?.checked_mul(*seconds)?;
        total = total.checked_add(amount)?;
        rest = letters.as_str();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lengths_people_write() {
        for (text, seconds) in [
            ("8h", 28_800),
            ("30m", 1_800),
            ("2d", 172_800),
            ("1h30m", 5_400),
            ("90m", 5_400),
            ("1d1h1m1s", 90_061),
            ("007s", 7),
        ] {
            assert_eq!(parse(text).unwrap().as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "8",
            "h",
            "8 h",
            "-8h",
            "+8h",
            "1.5h",
            "8H",
            "30m1h",
            "1h1h",
            "0s",
            "0h0m",
            "8h ",
            "1w",
            "1h30",
            "١h",
            "99999999999999999999d",
            "213503982334602d",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
