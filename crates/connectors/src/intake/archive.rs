//! The JSON entries of a zip, one at a time.
//!
//! Promises: before anything is unpacked, the whole directory has been checked: number of entries,
//! names, encryption, overlaps, claimed sizes and ratios; headers that disagree with the directory
//! are refused. While unpacking, an entry that is not of the size it claims ends the reading. At
//! most one entry is in memory.
//! Deliberately not: writing anything to disk, archives in archives, methods other than "stored"
//! and DEFLATE.

use std::io::{Cursor, Read as _};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::text::{self, quote};
use super::{MAX_ENTRIES, MAX_ENTRY, MAX_RATIO, MAX_UNPACKED, MAX_ZIP, Refused};

/// The place of what concerns the whole archive.
const ZIP: &str = "the zip";

/// Longest name of an entry in bytes.
const MAX_ENTRY_NAME: usize = 512;

/// An entry up to this size in bytes may have any ratio: a short file of one repeated line packs
/// well and harms nobody.
const ANY_RATIO: u64 = 64 << 10;

/// What the directory says of an entry.
struct Listed {
    index: usize,
    size: u64,
    place: String,
    /// Why it is not to be unpacked, if so.
    refused: Option<Refused>,
}

/// Calls `each` with the place and the bytes of every entry named `*.json`, or with why it was set
/// aside. Directories and entries of other names are passed over; archives are set aside.
pub(super) fn each_json(
    bytes: &[u8],
    mut each: impl FnMut(&str, Result<&[u8], Refused>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    text::size(bytes, MAX_ZIP)?;
    count(bytes)?;
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(ZIP, &error))?;
    let entries = directory(&mut archive)?;
    let mut unpacked = Vec::new();
    for entry in entries {
        if let Some(refused) = entry.refused {
            each(&entry.place, Err(refused))?;
            continue;
        }
        unpacked.clear();
        let mut file =
            archive.by_index(entry.index).map_err(|error| broken(&entry.place, &error))?;
        // One byte more than claimed is enough to see that the claim is wrong.
        let result = file.by_ref().take(entry.size + 1).read_to_end(&mut unpacked);
        if let Err(error) = result {
            return Err(broken(&entry.place, &ZipError::Io(error)));
        }
        if u64::try_from(unpacked.len()) != Ok(entry.size) {
            let problem =
                format!("it unpacks to another size than the {} bytes it claims", entry.size);
            return Err(hostile(&entry.place, problem));
        }
        each(&entry.place, Ok(&unpacked))?;
    }
    Ok(())
}

/// Refuses an archive with too many entries before any of them is read: each has the signature of a
/// directory entry (APPNOTE 4.3.12), so their number is a bound from above.
fn count(bytes: &[u8]) -> Result<(), Refused> {
    if !bytes.starts_with(b"PK\x03\x04") && !bytes.starts_with(b"PK\x05\x06") {
        let problem = "it does not begin as a zip does";
        return Err(Refused::new(ZIP, problem, "send a zip, or the JSON itself"));
    }
    let signatures = bytes.windows(4).filter(|window| *window == b"PK\x01\x02").count();
    if signatures > MAX_ENTRIES {
        let problem = format!("it has more than {MAX_ENTRIES} entries");
        return Err(Refused::new(ZIP, problem, "import the feed by ecosystem"));
    }
    Ok(())
}

/// Checks all that the directory claims.
fn directory(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<Vec<Listed>, Refused> {
    let mut listed = Vec::new();
    let mut total = 0_u64;
    let mut json = false;
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(|error| broken(ZIP, &error))?;
        let name = checked_name(entry.name_raw())?;
        let place = format!("entry {} of the zip", quote(name));
        if entry.encrypted() {
            let remedy = "send it without a password";
            return Err(Refused::new(place, "it is encrypted", remedy));
        }
        if entry.is_symlink() {
            return Err(hostile(&place, "it is a symbolic link"));
        }
        let (size, packed) = (entry.size(), entry.compressed_size());
        total = total.saturating_add(size);
        if total > MAX_UNPACKED {
            let problem = format!("up to here it unpacks to more than {MAX_UNPACKED} bytes");
            return Err(Refused::new(place, problem, "import the feed by ecosystem"));
        }
        if size > ANY_RATIO && size / packed.max(1) > MAX_RATIO {
            let problem = format!("it unpacks to {size} bytes from {packed}, as a zip bomb does");
            return Err(hostile(&place, problem));
        }
        if entry.is_dir() {
            continue;
        }
        let refused = set_aside(name, &place, size, entry.compression());
        let wanted = is_json(name);
        json |= wanted;
        if wanted || refused.is_some() {
            listed.push(Listed { index, size, place, refused });
        }
    }
    archive.validate_header_consistency().map_err(|error| broken(ZIP, &error))?;
    if !json {
        let problem = "no entry in it ends in `.json`";
        return Err(Refused::new(ZIP, problem, "send the zip that the feed publishes"));
    }
    Ok(listed)
}

fn is_json(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".json")
}

/// Why an entry is not unpacked although nothing about it is hostile.
fn set_aside(name: &str, place: &str, size: u64, method: CompressionMethod) -> Option<Refused> {
    let lower = name.to_ascii_lowercase();
    let archives = [".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z", ".jar"];
    if archives.iter().any(|ending| lower.ends_with(ending)) {
        let remedy = "unpack it and send what is inside";
        return Some(Refused::new(place, "an archive in an archive is not read", remedy));
    }
    if !is_json(name) {
        return None;
    }
    if size > MAX_ENTRY {
        let problem = format!("it has {size} bytes unpacked, and at most {MAX_ENTRY} are read");
        return Some(Refused::new(place, problem, "send it by itself as JSON"));
    }
    let read = matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated);
    (!read).then(|| {
        let problem = format!("it is packed by a method that is not read, {method}");
        Refused::new(place, problem, "pack it with DEFLATE")
    })
}

/// A name that is a plain relative path.
fn checked_name(raw: &[u8]) -> Result<&str, Refused> {
    let shown = String::from_utf8_lossy(raw);
    let place = format!("entry {} of the zip", quote(&shown));
    let Ok(name) = std::str::from_utf8(raw) else {
        return Err(Refused::new(place, "its name is not UTF-8", "pack it again"));
    };
    let drive = name.as_bytes().get(1) == Some(&b':');
    let leads_out = name.starts_with('/') || name.split('/').any(|part| part == "..");
    if name.is_empty() || name.len() > MAX_ENTRY_NAME || name.contains(char::is_control) {
        return Err(hostile(&place, "its name is empty, too long or has control characters"));
    }
    if leads_out || drive || name.contains('\\') {
        return Err(hostile(&place, "its name leads out of the archive"));
    }
    Ok(name)
}

fn hostile(place: &str, problem: impl Into<String>) -> Refused {
    Refused::new(place, problem, "do not trust this file; fetch it from its publisher again")
}

fn broken(place: &str, error: &ZipError) -> Refused {
    let problem = format!("it is broken or not consistent, {}", text::free(&error.to_string()));
    Refused::new(place, problem, "fetch it from its publisher again")
}
