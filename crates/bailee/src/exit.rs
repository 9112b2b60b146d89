//! How a command ends: the exit codes that scripts rely on, and the failure that leads to one.
//!
//! Promises: the same reason gives the same code in every command, and a message says what to do
//! next.
//! Does not: print; `output` does.

use std::fmt;

/// The exit codes. They are part of the contract for scripts and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// It failed, or a part of it did, for a reason without a code of its own.
    Failed = 1,
    /// The command line or the environment is wrong; nothing was done.
    Usage = 2,
    /// It does not exist, or the caller may not know that it does.
    NotFound = 3,
    /// No valid token, or no right to do this.
    Refused = 4,
    /// It contradicts the present state.
    Conflict = 5,
    /// The server cannot be reached or cannot answer now.
    Unavailable = 6,
    /// A verification ran to its end and found something wrong.
    Findings = 7,
}

/// The exit codes as the help text shows them.
pub const CODES: &str = "\
Exit codes:
  0  everything asked for was done
  1  it failed, or a part of it did
  2  the command line or the environment is wrong; nothing was done
  3  not found
  4  no valid token, or no right to do this
  5  it contradicts the present state, such as a version or a name in use
  6  the server cannot be reached or cannot answer now
  7  a verification found something wrong";

impl Exit {
    /// The number given to the shell.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The exit code for an HTTP status that is not a success (RFC 9110 §15).
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Refused,
            404 | 410 => Self::NotFound,
            409 | 412 => Self::Conflict,
            408 | 429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code to end with.
    pub exit: Exit,
    /// A sentence: lower case, no full stop, what to do next.
    pub message: String,
    /// The field of the request that is wrong, if one is.
    pub field: Option<String>,
    /// The HTTP status, if a server answered.
    pub status: Option<u16>,
}

impl Failure {
    /// A failure with this code and sentence.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), field: None, status: None }
    }

    /// A failure without a code of its own.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The command line or the environment is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A file or folder could not be used; `doing` is such as "read" or "write".
    pub fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::failed(format!("cannot {doing} `{}`: {}", path.display(), reason(error)))
    }

    /// The same failure with what the user was doing in front.
    #[must_use]
    pub fn during(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.field {
            Some(field) => write!(f, " (field `{field}`)"),
            None => Ok(()),
        }
    }
}

/// A system error as a clause: the system capitalises it and appends its number.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "unknown error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES, Exit, Failure};

    const ALL: [Exit; 8] = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::NotFound,
        Exit::Refused,
        Exit::Conflict,
        Exit::Unavailable,
        Exit::Findings,
    ];

    #[test]
    fn every_code_is_documented_once() {
        for (number, exit) in ALL.into_iter().enumerate() {
            assert_eq!(usize::from(exit.code()), number);
            let line = format!("\n  {number}  ");
            assert_eq!(CODES.matches(&line).count(), 1, "{number}");
        }
        assert_eq!(CODES.lines().count(), ALL.len() + 1);
    }

    #[test]
    fn a_status_has_one_code() {
        for (status, exit) in [
            (400, Exit::Failed),
            (401, Exit::Refused),
            (403, Exit::Refused),
            (404, Exit::NotFound),
            (409, Exit::Conflict),
            (412, Exit::Conflict),
            (413, Exit::Failed),
            (422, Exit::Failed),
            (429, Exit::Unavailable),
            (500, Exit::Failed),
            (503, Exit::Unavailable),
        ] {
            assert_eq!(Exit::of_status(status), exit, "{status}");
        }
    }

    #[test]
    fn a_failure_names_its_field() {
        let mut failure = Failure::usage("too long");
        assert_eq!(failure.to_string(), "too long");
        failure.field = Some("name".to_owned());
        assert_eq!(failure.to_string(), "too long (field `name`)");
    }

    #[test]
    fn system_errors_read_as_clauses() {
        let error = std::io::Error::from_raw_os_error(2);
        let failure = Failure::file("read", std::path::Path::new("a.csv"), &error);
        assert_eq!(failure.message, "cannot read `a.csv`: no such file or directory");
    }
}
