//! Lines of a file with their numbers, none of them longer than is reasonable.

use std::io::{BufRead, Read as _};

use crate::exit::{Failure, reason};

/// The longest line that is read, in bytes: 1 MiB.
pub(super) const LONGEST: u64 = 1024 * 1024;

/// A line, its number from 1.
pub(super) enum Line {
    /// Its text; what is not UTF-8 is replaced.
    Text { number: u64, text: String },
    /// It was passed over.
    TooLong { number: u64 },
}

/// A file read line by line.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0, bytes: 0 }
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub(super) fn next_line(&mut self) -> Result<Option<Line>, Failure> {
        let unread = |error: std::io::Error| Failure::failed(reason(&error));
        let mut line = Vec::new();
        let mut limited = self.reader.by_ref().take(LONGEST);
        let read = limited.read_until(b'\n', &mut line).map_err(unread)?;
        self.bytes += read as u64;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.last() != Some(&b'\n') && read as u64 == LONGEST {
            self.bytes += self.reader.skip_until(b'\n').map_err(unread)? as u64;
            return Ok(Some(Line::TooLong { number: self.number }));
        }
        let mut text = String::from_utf8_lossy(&line);
        if self.number == 1 {
            text = text.trim_start_matches('\u{feff}').to_owned().into();
        }
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        Ok(Some(Line::Text { number: self.number, text }))
    }
}
