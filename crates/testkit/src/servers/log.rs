//! What a server says, as it says it.

use super::PATIENCE;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Lines of a server; clones are the same.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Log {
    /// Reads along until there is no more.
    pub(super) fn follow(&self, source: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                log.0.0.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
                log.0.1.notify_all();
            }
        });
    }

    /// Waits for a line with these words, from this line on.
    pub(super) fn wait(&self, from: usize, words: &str) {
        let missing =
            |lines: &mut Vec<String>| !lines.iter().skip(from).any(|line| line.contains(words));
        let lines = self.0.0.lock().unwrap();
        let (lines, late) = self.0.1.wait_timeout_while(lines, PATIENCE, missing).unwrap();
        assert!(!late.timed_out(), "no `{words}` in:\n{}", lines.join("\n"));
    }

    /// How many lines there are so far.
    pub(super) fn length(&self) -> usize {
        self.0.0.lock().unwrap().len()
    }

    /// All of them.
    pub(super) fn text(&self) -> String {
        self.0.0.lock().unwrap().join("\n")
    }

    /// The last of them.
    pub(super) fn end(&self, most: usize) -> String {
        let lines = self.0.0.lock().unwrap();
        lines
            .iter()
            .skip(lines.len().saturating_sub(most))
            .fold(String::new(), |all, line| all + line + "\n")
    }
}
