//! A package: files beside the evidence they were made from, as one ZIP that is checked without
//! Bailee and opened by anybody.
//!
//! `manifest.json` is evidence ([`crate::evidence`]) whose content names every other file with its
//! SHA-256, so an entry of the log shows the hash of all of them:
//!
//! ```json
//! {"format":"bailee-package/v1","about":"incidents/incident-7","entries":[41],
//!  "files":[{"name":"incident.html","bytes":20481,"sha256":"…"},…]}
//! ```
//!
//! `entries` is the entry by which the evidence in it was taken out. The ZIP (APPNOTE 6.3.3) has
//! one form: files stored in order, the manifest first, no times, no extra fields; so every byte of
//! it follows from the files, and a changed one is found.
//!
//! Does not: compress, or read what other programs pack.

use crate::evidence::Evidence;
use crate::{Malformed, evidence, sha256};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// The `format` member of the manifest's content.
pub const FORMAT: &str = "bailee-package/v1";
/// The name of the manifest in the package.
pub const MANIFEST: &str = "manifest.json";
/// Longest package in bytes.
pub const MAX_BYTES: usize = 256 << 20;
/// Most files of a package.
const MAX_FILES: usize = 16;

/// A file of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// Its name: lower-case letters, digits, `-` and `.`.
    pub name: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// What a manifest says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// SHA-256, in lower-case hexadecimal.
    pub sha256: String,
}

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// What the package is about, such as `incidents/incident-7`.
    pub about: String,
    /// The entry by which the evidence in it was taken out.
    pub entries: Vec<u64>,
    /// Every other file.
    pub files: Vec<Listed>,
}

impl Manifest {
    /// Of these files.
    #[must_use]
    pub fn of(about: &str, taken: u64, files: &[File<'_>]) -> Self {
        let listed = files.iter().map(|file| Listed {
            name: file.name.to_owned(),
            bytes: u64::try_from(file.bytes.len()).unwrap_or(u64::MAX),
            sha256: hex(&sha256(file.bytes)),
        });
        let files = listed.collect();
        let (format, about) = (FORMAT.to_owned(), about.to_owned());
        Self { format, about, entries: vec![taken], files }
    }

    /// Its bytes, which the entry shows the hash of.
    ///
    /// # Errors
    /// Never, for what [`Manifest::of`] makes.
    pub fn content(&self) -> Result<String, Malformed> {
        serde_json::to_string(self).map_err(|error| Malformed::with(error.to_string()))
    }

    /// Reads the content of the evidence that a manifest is.
    ///
    /// # Errors
    /// When it is no manifest of this format.
    pub fn read(evidence: &Evidence<'_>) -> Result<Self, Malformed> {
        let manifest: Self = serde_json::from_str(evidence.content)
            .map_err(|error| Malformed::with(format!("not a manifest: {error}")))?;
        match manifest.format == FORMAT {
            true => Ok(manifest),
            false => Err(Malformed::quoting("a format unknown here", &manifest.format)),
        }
    }
}

/// Whether evidence is written as [`evidence::render`] writes it, byte for byte.
pub(crate) fn canonical(json: &str, read: &Evidence<'_>) -> bool {
    let entries: Vec<_> = read.entries.iter().map(crate::receipt::Receipt::to_json).collect();
    evidence::render(read.content, &read.receipt.to_json(), &entries) == json
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The package of these files.
///
/// # Errors
/// When there are too many of them, they are too large, or a name has other characters.
pub fn render(files: &[File<'_>]) -> Result<Vec<u8>, Malformed> {
    let size: usize = files.iter().map(|file| file.bytes.len()).sum();
    if files.len() > MAX_FILES || size > MAX_BYTES {
        return Err(Malformed::new("a package holds at most 16 files and 256 MiB"));
    }
    let (mut out, mut directory) = (Vec::with_capacity(size + 4096), Vec::new());
    for file in files {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
        if file.name.is_empty() || file.name.len() > 100 || !file.name.bytes().all(plain) {
            return Err(Malformed::quoting("a file name with other characters", file.name));
        }
        let offset = number(out.len());
        let length = number(file.bytes.len());
        let mut common = Vec::new();
        // Version 2.0, no flags, stored, 1 January 1980.
        for part in [20_u16, 0, 0, 0, 0x21] {
            common.extend_from_slice(&part.to_le_bytes());
        }
        for part in [crc32(file.bytes), length, length] {
            common.extend_from_slice(&part.to_le_bytes());
        }
        let name = u16::try_from(file.name.len()).unwrap_or(0);
        common.extend_from_slice(&name.to_le_bytes());
        common.extend_from_slice(&0_u16.to_le_bytes());
        out.extend_from_slice(LOCAL);
        out.extend_from_slice(&common);
        out.extend_from_slice(file.name.as_bytes());
        out.extend_from_slice(file.bytes);
        directory.extend_from_slice(CENTRAL);
        directory.extend_from_slice(&20_u16.to_le_bytes());
        directory.extend_from_slice(&common);
        // No comment, first disk, no attributes.
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(file.name.as_bytes());
    }
    let (start, length) = (number(out.len()), number(directory.len()));
    let count = u16::try_from(files.len()).unwrap_or(0);
    out.append(&mut directory);
    out.extend_from_slice(END);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    Ok(out)
}

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// Bytes of a local header before the name.
const HEADER: usize = 30;

/// What [`render`] bounds fits.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Whether bytes begin as a package does.
#[must_use]
pub fn is_package(bytes: &[u8]) -> bool {
    bytes.starts_with(LOCAL)
}

/// The files of a package, in order. That nothing else is in it is for [`render`] of them to show.
///
/// # Errors
/// When it is not of the one form that is written here.
pub fn read(bytes: &[u8]) -> Result<Vec<File<'_>>, Malformed> {
    if bytes.len() > MAX_BYTES + 65_536 {
        return Err(Malformed::new("the package is longer than 256 MiB"));
    }
    let (mut files, mut at) = (Vec::new(), 0_usize);
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(LOCAL)) {
        let broken = || Malformed::new("the package is cut short or was packed anew");
        if files.len() >= MAX_FILES {
            return Err(Malformed::new("the package has more than 16 files"));
        }
        let four = |from: usize| {
            let part: [u8; 4] = bytes.get(at + from..at + from + 4)?.try_into().ok()?;
            usize::try_from(u32::from_le_bytes(part)).ok()
        };
        let length = four(18).ok_or_else(broken)?;
        let names = bytes.get(at + 26..at + 28).and_then(|part| part.try_into().ok());
        let name = names.map(|part| usize::from(u16::from_le_bytes(part))).ok_or_else(broken)?;
        let start = at + HEADER;
        let text = bytes.get(start..start + name).and_then(|name| str::from_utf8(name).ok());
        let content = start.checked_add(name + length).and_then(|end| bytes.get(start + name..end));
        let (Some(name), Some(content)) = (text, content) else { return Err(broken()) };
        at = start + name.len() + content.len();
        files.push(File { name, bytes: content });
    }
    Ok(files)
}

/// CRC-32 as ZIP has it (ISO 3309): it finds mishaps, and SHA-256 finds the rest.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::{File, crc32, read, render};

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn what_is_packed_is_read_and_what_is_cut_is_not() {
        let files = [File { name: "a.json", bytes: b"{}" }, File { name: "b.html", bytes: b"<p>" }];
        let bytes = render(&files).unwrap();
        assert_eq!(read(&bytes).unwrap(), files);
        for end in 0..bytes.len() {
            let part = &bytes[..end];
            let same = read(part).is_ok_and(|files| render(&files).unwrap() == part);
            assert!(!same, "{end} bytes of it are no package");
        }
        for bad in ["", "A", "a/b", "..\\x", &"a".repeat(101)] {
            assert!(render(&[File { name: bad, bytes: b"" }]).is_err(), "{bad}");
        }
        let seventeen = [files[0]; 17];
        assert!(render(&seventeen).is_err());
    }
}
