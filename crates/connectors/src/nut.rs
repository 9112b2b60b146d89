//! Reads power supplies from a Network UPS Tools server, in its text protocol (RFC 9271).
//!
//! Promises: only `LIST UPS`, `LIST VAR` and `LOGOUT` are ever sent, so nothing is switched; a
//! supply whose driver is gone or whose data is old is told as such, beside the others, because
//! that is a finding and no failure of the reading; lines, answers and time are bounded.
//!
//! Does not: log in, speak STARTTLS (keep the server on the same host or network), or set and
//! command anything.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::outcome::said;

/// Most bytes of one line.
const LINE_BYTES: u64 = 1024;

/// Most lines of one reading.
const LINES: usize = 10_000;

/// The variable that holds the state as words.
const STATUS: &str = "ups.status";

/// One power supply, as its driver describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ups {
    /// Its name on the server.
    pub name: String,
    /// What the server's configuration calls it.
    pub description: String,
    /// Variables by their standard names, such as `battery.charge`; empty when there is trouble.
    pub vars: BTreeMap<String, String>,
    /// Why the server gives no variables.
    pub trouble: Option<Trouble>,
}

/// Why a server has nothing to say about a supply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The driver has not heard from the device for too long (`DATA-STALE`).
    DataStale,
    /// There is no driver (`DRIVER-NOT-CONNECTED`).
    DriverNotConnected,
    /// The server does not tell us (`ACCESS-DENIED`).
    AccessDenied,
    /// Another word of the protocol.
    Other(String),
}

/// The state of a supply, by the words of `ups.status`. Without any of them nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `OL`: fed by the mains.
    pub online: bool,
    /// `OB`: fed by the battery.
    pub on_battery: bool,
    /// `LB`: the battery is nearly empty.
    pub low_battery: bool,
    /// `RB`: the battery has to be replaced.
    pub replace_battery: bool,
    /// `OVER`: more load than it can carry.
    pub overload: bool,
    /// `BYPASS`: the load hangs on the mains directly.
    pub bypass: bool,
    /// `OFF`: it feeds nothing.
    pub off: bool,
    /// `ALARM`: see the variable `ups.alarm`.
    pub alarm: bool,
    /// `CHRG`: the battery is being charged.
    pub charging: bool,
    /// `DISCHRG`: the battery is being used.
    pub discharging: bool,
    /// `CAL`: it is measuring its battery.
    pub calibrating: bool,
    /// `FSD`: it is being shut down.
    pub forced_shutdown: bool,
    /// The data is old, and what it says may be wrong.
    pub stale: bool,
    /// There is no driver.
    pub not_connected: bool,
    /// Words that are none of these, such as `TRIM` and `BOOST`.
    pub others: Vec<String>,
}

/// Why a server could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NutError {
    /// No connection, or it broke.
    #[error("cannot read `{address}`: {why}; is the server running at that address?")]
    Unreachable {
        /// Where.
        address: String,
        /// The operating system's words.
        why: String,
    },
    /// It did not answer in time.
    #[error("`{address}` did not answer within {seconds} s")]
    Silent {
        /// Where.
        address: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A line or the whole is longer than any honest answer.
    #[error("line {line} of the answer is beyond what is read: {limit}")]
    TooLong {
        /// Counted from one over the whole reading.
        line: usize,
        /// Which limit it broke.
        limit: &'static str,
    },
    /// It answers, but not in this protocol or not in order.
    #[error("line {line} of the answer is not `{expected}` but `{found}`: is this a NUT server?")]
    NotUnderstood {
        /// Counted from one over the whole reading.
        line: usize,
        /// What the protocol has there.
        expected: String,
        /// What came.
        found: String,
    },
    /// It does not tell which supplies there are.
    #[error("the server does not list its supplies: {0:?}; allow this address to read them")]
    Refused(Trouble),
}

/// Reads all supplies of the server at `address` (`host:port`, the port is usually 3493), within
/// `timeout` in all.
///
/// # Errors
/// When the server as a whole cannot be read; a supply that cannot is in the answer with its
/// [`Trouble`].
pub async fn read(address: &str, timeout: Duration) -> Result<Vec<Ups>, NutError> {
    let silent = || NutError::Silent { address: address.to_owned(), seconds: timeout.as_secs() };
    tokio::time::timeout(timeout, read_all(address)).await.map_err(|_| silent())?
}

impl Ups {
    /// Its state.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut status = Status {
            stale: self.trouble == Some(Trouble::DataStale),
            not_connected: self.trouble == Some(Trouble::DriverNotConnected),
            ..Status::default()
        };
        for word in self.vars.get(STATUS).map_or("", String::as_str).split_whitespace() {
            match word {
                "OL" => status.online = true,
                "OB" => status.on_battery = true,
                "LB" => status.low_battery = true,
                "RB" => status.replace_battery = true,
                "OVER" => status.overload = true,
                "BYPASS" => status.bypass = true,
                "OFF" => status.off = true,
                "ALARM" => status.alarm = true,
                "CHRG" => status.charging = true,
                "DISCHRG" => status.discharging = true,
                "CAL" => status.calibrating = true,
                "FSD" => status.forced_shutdown = true,
                other => status.others.push(other.to_owned()),
            }
        }
        status
    }

    /// Load in percent of what it can carry (`ups.load`).
    #[must_use]
    pub fn load_percent(&self) -> Option<f64> {
        self.number("ups.load")
    }

    /// How long the battery lasts at this load, in seconds (`battery.runtime`).
    #[must_use]
    pub fn runtime_seconds(&self) -> Option<f64> {
        self.number("battery.runtime")
    }

    /// Charge of the battery in percent (`battery.charge`).
    #[must_use]
    pub fn charge_percent(&self) -> Option<f64> {
        self.number("battery.charge")
    }

    /// What the last self-test found, in the device's words (`ups.test.result`).
    #[must_use]
    pub fn test_result(&self) -> Option<&str> {
        self.vars.get("ups.test.result").map(String::as_str)
    }

    /// When the last self-test was, in the device's format (`ups.test.date`).
    #[must_use]
    pub fn test_date(&self) -> Option<&str> {
        self.vars.get("ups.test.date").map(String::as_str)
    }

    /// A variable as a number that is not negative.
    fn number(&self, name: &str) -> Option<f64> {
        let number: f64 = self.vars.get(name)?.trim().parse().ok()?;
        Some(number).filter(|number| number.is_finite() && *number >= 0.0)
    }
}

async fn read_all(address: &str) -> Result<Vec<Ups>, NutError> {
    let mut server = Server::connect(address).await?;
    let listed = server.list("UPS").await?;
    let mut all: Vec<Ups> = Vec::new();
    for (line, words) in listed.map_err(NutError::Refused)? {
        match <[String; 2]>::try_from(words) {
            Ok([name, description]) if is_name(&name) => {
                all.push(Ups { name, description, ..Ups::default() });
            }
            Ok(words) => return Err(not_understood(line, "UPS name \"text\"", &words.join(" "))),
            Err(words) => return Err(not_understood(line, "UPS name \"text\"", &words.join(" "))),
        }
    }
    for ups in &mut all {
        match server.list(&format!("VAR {}", ups.name)).await? {
            Err(trouble) => ups.trouble = Some(trouble),
            Ok(variables) => {
                for (line, words) in variables {
                    let [name, value] = <[String; 2]>::try_from(words).map_err(|words| {
                        not_understood(line, "VAR ups name \"value\"", &words.join(" "))
                    })?;
                    ups.vars.insert(name, value);
                }
            }
        }
    }
    server.say("LOGOUT").await?;
    Ok(all)
}

/// A connection, and how many lines were read from it.
struct Server<'a> {
    address: &'a str,
    stream: BufReader<TcpStream>,
    line: usize,
}

/// Lines between BEGIN and END with their numbers, as words after those that all have in common.
type Listed = Vec<(usize, Vec<String>)>;

impl<'a> Server<'a> {
    async fn connect(address: &'a str) -> Result<Self, NutError> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|why| unreachable(address, &why))?;
        Ok(Self { address, stream: BufReader::new(stream), line: 0 })
    }

    async fn say(&mut self, line: &str) -> Result<(), NutError> {
        let line = format!("{line}\n");
        let written = self.stream.get_mut().write_all(line.as_bytes()).await;
        written.map_err(|why| unreachable(self.address, &why))
    }

    async fn hear(&mut self) -> Result<String, NutError> {
        self.line += 1;
        if self.line > LINES {
            return Err(NutError::TooLong { line: self.line, limit: "10,000 lines" });
        }
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LINE_BYTES).read_until(b'\n', &mut line).await;
        read.map_err(|why| unreachable(self.address, &why))?;
        match line.pop() {
            Some(b'\n') => Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()),
            Some(_) if line.len() as u64 + 1 >= LINE_BYTES => {
                Err(NutError::TooLong { line: self.line, limit: "1,024 bytes in a line" })
            }
            _ => Err(unreachable(self.address, &std::io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// Asks for a list, such as `VAR name`.
    async fn list(&mut self, what: &str) -> Result<Result<Listed, Trouble>, NutError> {
        self.say(&format!("LIST {what}")).await?;
        let first = self.hear().await?;
        if let Some(code) = first.strip_prefix("ERR ") {
            return Ok(Err(trouble(code)));
        }
        let begin = format!("BEGIN LIST {what}");
        if first != begin {
            return Err(not_understood(self.line, &begin, &first));
        }
        let (end, member) = (format!("END LIST {what}"), format!("{what} "));
        let mut all = Vec::new();
        loop {
            let line = self.hear().await?;
            if line == end {
                return Ok(Ok(all));
            }
            let Some(words) = line.strip_prefix(&member).and_then(words) else {
                return Err(not_understood(self.line, &format!("{member}…"), &line));
            };
            all.push((self.line, words));
        }
    }
}

fn trouble(code: &str) -> Trouble {
    match code.split(' ').next().unwrap_or_default() {
        "DATA-STALE" => Trouble::DataStale,
        "DRIVER-NOT-CONNECTED" => Trouble::DriverNotConnected,
        "ACCESS-DENIED" => Trouble::AccessDenied,
        other => Trouble::Other(said(other.as_bytes())),
    }
}

/// Splits a line into words: bare, or in quotation marks with `\` before a mark or itself.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = if first == '"' { quoted(rest.get(1..)?)? } else { bare(rest) };
        words.push(said(word.as_bytes()));
        if !after.is_empty() && !after.starts_with(' ') {
            return None;
        }
        rest = after.trim_start();
    }
    Some(words)
}

fn bare(text: &str) -> (String, &str) {
    let (word, after) = text.split_at(text.find(' ').unwrap_or(text.len()));
    (word.to_owned(), after)
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((word, characters.as_str())),
            '\\' => word.push(characters.next()?),
            other => word.push(other),
        }
    }
}

/// INVARIANT: a name is sent back in a command, so it holds nothing that could end one.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= 100 && name.bytes().all(fits)
}

fn not_understood(line: usize, expected: &str, found: &str) -> NutError {
    NutError::NotUnderstood { line, expected: expected.to_owned(), found: said(found.as_bytes()) }
}

fn unreachable(address: &str, why: &std::io::Error) -> NutError {
    NutError::Unreachable { address: address.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_the_protocol_quotes_them() {
        let cases: &[(&str, Option<&[&str]>)] = &[
            (r#"a "b c""#, Some(&["a", "b c"])),
            (r#"a "say \"x\" \\""#, Some(&["a", r#"say "x" \"#])),
            (r#"a """#, Some(&["a", ""])),
            (r#"a "b"#, None),
            (r#"a "b\"#, None),
            (r#"a "b"c"#, None),
            ("", Some(&[])),
            ("  a   b ", Some(&["a", "b"])),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|words| words.iter().map(|w| (*w).to_owned()).collect());
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn the_state_is_the_words_it_is_made_of() {
        let ups = |words: &str| Ups {
            vars: BTreeMap::from([(STATUS.to_owned(), words.to_owned())]),
            ..Ups::default()
        };
        assert_eq!(ups("OL").status(), Status { online: true, ..Status::default() });
        let bad = ups("ALARM OB LB DISCHRG RB OVER BYPASS OFF TRIM").status();
        assert!(bad.on_battery && bad.low_battery && bad.discharging && bad.replace_battery);
        assert!(bad.overload && bad.bypass && bad.off && bad.alarm && !bad.online);
        assert_eq!(bad.others, ["TRIM"]);
        assert_eq!(Ups::default().status(), Status::default());
        // A word that only begins like one is another word.
        assert!(!ups("OLX").status().online);
    }

    #[test]
    fn numbers_that_are_none_are_not_there() {
        for (text, expected) in
            [("23", Some(23.0)), ("1800.00", Some(1800.0)), ("-1", None), ("NaN", None), ("", None)]
        {
            let vars = BTreeMap::from([("ups.load".to_owned(), text.to_owned())]);
            assert_eq!(Ups { vars, ..Ups::default() }.load_percent(), expected, "{text}");
        }
    }
}
