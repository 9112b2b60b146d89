//! A file read byte by byte with its place known, and nothing of it kept longer than a row.

use std::io::{BufRead, Read as _, Result, Seek, SeekFrom};

/// A place between two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Offset in bytes from the beginning of the file.
    pub byte: u64,
    /// Number of the line that begins there, from 1.
    pub line: u64,
}

/// A reader that knows where it is.
#[derive(Debug)]
pub struct Input<R> {
    reader: R,
    /// The place of the next byte.
    pub at: Position,
}

/// The byte order mark that some programs write before UTF-8 text; it is not part of the text.
const MARK: &[u8] = b"\xef\xbb\xbf";

impl<R: BufRead + Seek> Input<R> {
    /// Begins at the first byte of the text.
    pub fn new(mut reader: R) -> Result<Self> {
        let mut begin = Vec::new();
        reader.by_ref().take(MARK.len() as u64).read_to_end(&mut begin)?;
        let byte = if begin == MARK { MARK.len() as u64 } else { 0 };
        reader.seek(SeekFrom::Start(byte))?;
        Ok(Self { reader, at: Position { byte, line: 1 } })
    }

    /// Goes on at a place that was reached before.
    pub fn go_to(&mut self, place: Position) -> Result<()> {
        self.reader.seek(SeekFrom::Start(place.byte))?;
        self.at = place;
        Ok(())
    }
}

impl<R: BufRead> Input<R> {
    /// Hands bytes to `step` until it has enough (it answers `true`) or the file ends. Says whether
    /// `step` had enough. Lines are counted by their line feeds.
    pub fn each_byte(&mut self, mut step: impl FnMut(u8) -> bool) -> Result<bool> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(false);
            }
            let mut enough = false;
            let mut used = 0;
            for &byte in buffer {
                used += 1;
                self.at.line += u64::from(byte == b'\n');
                enough = step(byte);
                if enough {
                    break;
                }
            }
            self.reader.consume(used);
            self.at.byte += used as u64;
            if enough {
                return Ok(true);
            }
        }
    }

    /// Consumes the line feed of a line that ended with a carriage return. A carriage return alone
    /// ends a line too and is counted here.
    pub fn end_return(&mut self) -> Result<()> {
        self.at.line += 1;
        if self.reader.fill_buf()?.first() == Some(&b'\n') {
            self.reader.consume(1);
            self.at.byte += 1;
        }
        Ok(())
    }
}
