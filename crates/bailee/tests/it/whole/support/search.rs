//! Finds planted words in raw bytes, however they are written.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::files_below;

/// Every spelling begins with this many bytes that no other data has by accident.
const PREFIX: usize = 8;

/// Words that must not be found, in every spelling that is looked for.
pub struct Canaries {
    /// Looked for in the bytes with every ASCII letter made small.
    folded: HashMap<[u8; PREFIX], Vec<(String, Vec<u8>)>>,
    /// Looked for in the bytes as they are: an encoding cannot be read in another case.
    exact: HashMap<[u8; PREFIX], Vec<(String, Vec<u8>)>>,
}

impl Canaries {
    pub fn new(words: &[&str]) -> Self {
        let mut canaries = Self { folded: HashMap::new(), exact: HashMap::new() };
        for word in words {
            canaries.add(word);
        }
        canaries
    }

    fn add(&mut self, word: &str) {
        let small = word.to_lowercase();
        let add = |map: &mut HashMap<_, Vec<_>>, how: &str, bytes: Vec<u8>| {
            let prefix: [u8; PREFIX] = bytes[..PREFIX].try_into().unwrap();
            map.entry(prefix).or_default().push((format!("{word} as {how}"), bytes));
        };
        add(&mut self.folded, "text", small.clone().into_bytes());
        let wide = |order: fn(u16) -> [u8; 2]| small.encode_utf16().flat_map(order).collect();
        add(&mut self.folded, "UTF-16LE", wide(u16::to_le_bytes));
        add(&mut self.folded, "UTF-16BE", wide(u16::to_be_bytes));
        add(&mut self.folded, "hexadecimal", hex(&small).into_bytes());
        for spelling in [word.to_owned(), small.clone(), word.to_uppercase()] {
            add(&mut self.folded, "hexadecimal", hex(&spelling).into_bytes());
            for before in 0..3_usize {
                // What depends on the neighbours is cut off at both ends.
                let padded = [vec![0; before], spelling.clone().into_bytes()].concat();
                let whole = padded.len() / 3 * 3;
                for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                    let text = engine.encode(&padded[..whole]);
                    let first = if before == 0 { 0 } else { 4 };
                    add(&mut self.exact, "base64", text.as_bytes()[first..].to_vec());
                }
            }
        }
    }

    /// What is found in some bytes.
    pub fn find(&self, bytes: &[u8]) -> Vec<String> {
        let small = bytes.to_ascii_lowercase();
        let mut found = Vec::new();
        for (map, bytes) in [(&self.folded, small.as_slice()), (&self.exact, bytes)] {
            for (at, window) in bytes.windows(PREFIX).enumerate() {
                let prefix: [u8; PREFIX] = window.try_into().unwrap();
                for (what, needle) in map.get(&prefix).into_iter().flatten() {
                    if bytes[at..].starts_with(needle) {
                        found.push(format!("{what} at byte {at}"));
                    }
                }
            }
        }
        found
    }

    /// Asserts that nothing is found.
    #[track_caller]
    pub fn absent(&self, place: &str, bytes: &[u8]) {
        let found = self.find(bytes);
        assert!(found.is_empty(), "{place} has {found:?}");
    }

    /// Asserts that no file below a folder has anything, its name neither.
    #[track_caller]
    pub fn absent_below(&self, folder: &Path) {
        let files = files_below(folder);
        assert!(!files.is_empty());
        for path in files {
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            self.absent(&name, name.as_bytes());
            self.absent(&name, &fs::read(&path).unwrap());
        }
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_spelling_is_found() {
    let canaries = Canaries::new(&["SnorvathQuil"]);
    let wide: Vec<u8> = "SNORVATHQUIL".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for hidden in [
        b"xxSnOrVaThQuIlxx".to_vec(),
        wide,
        hex("SnorvathQuil").into_bytes(),
        STANDARD_NO_PAD.encode("SnorvathQuil").into_bytes(),
        STANDARD_NO_PAD.encode("aSnorvathQuil?").into_bytes(),
        URL_SAFE_NO_PAD.encode("\u{7f}?snorvathquil??").into_bytes(),
    ] {
        assert!(!canaries.find(&hidden).is_empty(), "{}", String::from_utf8_lossy(&hidden));
    }
    assert!(canaries.find(b"Snorvath Quil, snorvath").is_empty());
}
