//! Runs the program and keeps what it did.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::server::Server;

pub struct Run {
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Run {
    /// Standard output as one JSON value on one line.
    pub fn json(&self) -> Value {
        let text = std::str::from_utf8(&self.out).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text} {}", self.err);
        serde_json::from_str(text).unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    /// Itself, if the exit code is this one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", String::from_utf8_lossy(&self.out), self.err);
        self
    }
}

/// Runs with nothing in the environment but `env`; `input` is its standard input.
pub fn run_with(args: &[&str], env: &[(&str, &str)], input: &[u8]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailee"));
    command.args(args).env_clear().envs(env.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input may be gone already.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input);
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Server {
    /// Runs a command against this server, with a good token.
    pub fn run(&self, args: &[&str]) -> Run {
        self.run_on(args, b"")
    }

    pub fn run_on(&self, args: &[&str], input: &[u8]) -> Run {
        let ca = self.ca();
        let env = [
            ("BAILEE_URL", self.url()),
            ("BAILEE_CA", ca.to_str().unwrap()),
            ("BAILEE_TOKEN", "good-token"),
        ];
        run_with(args, &env, input)
    }

    /// Imports a file with the usual columns.
    pub fn import(&self, file: &Path, more: &[&str]) -> Run {
        let usual = [
            "import",
            file.to_str().unwrap(),
            "--collection",
            "complaints",
            "--account-column",
            "Company",
            "--id-column",
            "Id",
            "--json",
        ];
        self.run(&[&usual[..], more].concat())
    }
}
