//! Following a log file: what was added since, also when it was rotated.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Bytes that are read in one round; the rest waits for the next.
const ROUND: u64 = 4 << 20;

/// The longest line; what is longer is cut here.
const LINE: usize = 16 << 10;

/// How far a file was forwarded: its device and number, and the first byte that was not.
pub(super) type Mark = (u64, u64, u64);

/// A log file that is read as it grows.
pub(super) struct Follower {
    path: PathBuf,
    file: Option<File>,
    place: u64,
    begun: Vec<u8>,
    /// How far it was forwarded before, if that is known.
    before: Option<Mark>,
    /// The first byte of what is new.
    new_from: u64,
}

impl Follower {
    /// Of this file; what is there already is new from `before` on, and old if nothing is known.
    pub(super) fn new(path: &Path, before: Option<Mark>) -> Self {
        let (file, place, begun, new_from) = (None, 0, Vec::new(), 0);
        Self { path: path.to_owned(), file, place, begun, before, new_from }
    }

    /// How far it was read, in whole lines.
    pub(super) fn mark(&self) -> Option<Mark> {
        let file = self.file.as_ref()?.metadata().ok()?;
        Some((file.dev(), file.ino(), self.place.saturating_sub(self.begun.len() as u64)))
    }

    /// The whole lines that were added since the call before, from the first one on at first, each
    /// with whether it is new.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn lines(&mut self) -> std::io::Result<Vec<(String, bool)>> {
        let named = std::fs::metadata(&self.path)?;
        let mut found = Vec::new();
        let same = match &self.file {
            Some(file) => {
                let open = file.metadata()?;
                (open.dev(), open.ino()) == (named.dev(), named.ino()) && open.len() >= self.place
            }
            None => false,
        };
        if !same {
            let first = self.file.is_none();
            // What was added to the old one before it was moved away is read first.
            if !first {
                self.read(&mut found)?;
                self.begun.clear();
            }
            let file = File::open(&self.path)?;
            let open = file.metadata()?;
            self.new_from = match self.before {
                _ if !first => 0,
                Some((dev, ino, place)) if (dev, ino) == (open.dev(), open.ino()) => place,
                // It was rotated while nobody read it.
                Some(_) => 0,
                None => open.len(),
            };
            (self.file, self.place) = (Some(file), 0);
        }
        self.read(&mut found)?;
        Ok(found)
    }

    fn read(&mut self, found: &mut Vec<(String, bool)>) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(self.place))?;
        let mut bytes = std::mem::take(&mut self.begun);
        let mut start = self.place.saturating_sub(bytes.len() as u64);
        let read = file.take(ROUND).read_to_end(&mut bytes)?;
        self.place += read as u64;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.begun = bytes.split_off(whole);
        if self.begun.len() > LINE {
            bytes.append(&mut self.begun);
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line.get(..LINE).unwrap_or(line));
            if !text.trim_end().is_empty() {
                found.push((text.trim_end().to_owned(), start >= self.new_from));
            }
            start += line.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Follower;
    use std::fs;
    use std::io::Write as _;

    #[test]
    fn lines_are_read_once_whole_and_across_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.log");
        let mut log = Follower::new(&path, None);
        log.lines().unwrap_err();
        fs::write(&path, "one\ntwo\nthr").unwrap();
        let all = |log: &mut Follower| -> Vec<(String, bool)> { log.lines().unwrap() };
        let lines = |log: &mut Follower| -> Vec<String> {
            all(log).into_iter().map(|(line, new)| format!("{line} {new}")).collect()
        };
        assert_eq!(lines(&mut log), ["one false", "two false"]);
        let before = log.mark();
        assert!(lines(&mut log).is_empty());
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"ee\nfour\n").unwrap();
        fs::rename(&path, folder.path().join("auth.log.1")).unwrap();
        fs::write(&path, "five\n").unwrap();
        assert_eq!(lines(&mut log), ["three false", "four true", "five true"]);
        fs::write(&path, "6\n").unwrap();
        assert_eq!(lines(&mut log), ["6 true"], "cut short in place");
        // Another one goes on where the first one was.
        let moved = folder.path().join("auth.log.1");
        let again = lines(&mut Follower::new(&moved, before));
        assert_eq!(again, ["one false", "two false", "three true", "four true"]);
        let rotated = lines(&mut Follower::new(&path, before));
        assert_eq!(rotated, ["6 true"]);
    }
}
