//! Zips of advisories: good ones, and every trick we know.

use std::io::{Cursor, Write as _};

use connectors::intake::osv::advisories_zip;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::samples::osv_line;
use super::{refuses, tells_well};

/// A zip with these entries, packed with DEFLATE.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in entries {
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// Replaces every occurrence of some bytes by others of the same length.
#[track_caller]
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    let mut found = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            out[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert_ne!(found, 0);
    out
}

/// Bytes that do not pack well, by a generator of Lehmer's kind.
fn noise() -> impl Iterator<Item = u8> {
    std::iter::successors(Some(1_u64), |seed| Some(seed * 48_271 % 2_147_483_647))
        .map(|seed| (seed >> 16) as u8)
}

/// Where the first directory entry stands.
#[track_caller]
fn directory(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap()
}

#[test]
fn every_json_entry_is_read_and_bad_ones_are_set_aside() {
    let list = format!("[{},{}]", osv_line("B"), osv_line("C"));
    let big = vec![b' '; (4 << 20) + 1];
    let noisy: Vec<u8> = noise().take(big.len()).collect();
    let bytes = zip(&[
        ("a/", b""),
        ("a/A.json", osv_line("A").as_bytes()),
        ("a/list.JSON", list.as_bytes()),
        ("README.md", b"not read"),
        ("bad/syntax.json", b"{\n\"id\":"),
        ("bad/time.json", osv_line("T").replace("2026-01-03T", "2026-13-03T").as_bytes()),
        ("bad/utf16.json", b"\xFF\xFE{\0}\0"),
        ("bad/nested.zip", &zip(&[("D.json", osv_line("D").as_bytes())])),
        ("bad/empty.json", b""),
        ("bad/big.json", &noisy),
        ("again.json", osv_line("A").as_bytes()),
    ]);
    let read = advisories_zip(&bytes).unwrap();
    let ids: Vec<&str> = read.advisories.iter().map(|advisory| advisory.id.as_str()).collect();
    assert_eq!(ids, ["A", "B", "C"]);
    let places: Vec<&str> = read.refused.iter().map(|refused| refused.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "entry `bad/syntax.json` of the zip, line 2, column 5",
            "entry `bad/time.json` of the zip, modified",
            "entry `bad/utf16.json` of the zip",
            "entry `bad/nested.zip` of the zip",
            "entry `bad/empty.json` of the zip",
            "entry `bad/big.json` of the zip",
            "entry `again.json` of the zip",
        ]
    );
    read.refused.iter().for_each(tells_well);
    assert!(read.refused[3].problem.contains("archive in an archive"));
    assert!(read.refused[5].problem.contains("4194305 bytes"), "{}", read.refused[5]);
}

#[test]
fn a_zip_from_a_stream_is_read() {
    // Sizes after the data and zeros before it, as tools write that do not know them in advance.
    let mut writer = ZipWriter::new_stream(Vec::new());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    writer.start_file("A.json", options).unwrap();
    writer.write_all(osv_line("A").as_bytes()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    assert_eq!(advisories_zip(&bytes).unwrap().advisories.len(), 1);
}

#[test]
fn a_zip_with_nothing_to_read_is_refused() {
    refuses(advisories_zip(b""), "the zip", "does not begin");
    refuses(advisories_zip(osv_line("A").as_bytes()), "the zip", "does not begin");
    refuses(advisories_zip(&zip(&[])), "the zip", "no entry");
    refuses(advisories_zip(&zip(&[("README.md", b"x"), ("a.json/", b"")])), "the zip", "no entry");
    let place = "entry `a.json` of the zip, id";
    refuses(advisories_zip(&zip(&[("a.json", b"{}")])), place, "missing");
    let good = zip(&[("A.json", osv_line("A").as_bytes())]);
    refuses(advisories_zip(&good[..good.len() - 30]), "the zip", "broken");
    refuses(advisories_zip(&[b"MZ", good.as_slice()].concat()), "the zip", "does not begin");
    refuses(advisories_zip(&vec![0; (256 << 20) + 1]), "the file", "268435457 bytes");
}

#[test]
fn names_that_lead_outside_are_refused() {
    let tricks = [
        "../a.json",
        "a/../../b.json",
        "/etc/a.json",
        "a\\..\\b.json",
        "C:a.json",
        "a\nb.json",
        "..",
        &"x".repeat(600),
    ];
    for trick in tricks {
        // The writer mends some of these names, so a harmless one of the same length is replaced.
        let harmless = "y".repeat(trick.len());
        let bytes = zip(&[("ok.json", osv_line("A").as_bytes()), (&harmless, b"{}")]);
        let bytes = replace(&bytes, harmless.as_bytes(), trick.as_bytes());
        let refused = advisories_zip(&bytes).unwrap_err();
        assert!(refused.place.starts_with("entry `"), "{refused}");
        assert!(refused.problem.contains("name"), "{refused}");
        tells_well(&refused);
    }
    let latin = replace(&zip(&[("AAAA.json", b"{}")]), b"AAAA", b"\xE4\xF6\xFC\xDF");
    refuses(
        advisories_zip(&latin),
        "entry `\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}.json` of the zip",
        "UTF-8",
    );
}

#[test]
fn links_encryption_and_other_methods_are_refused() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("a.json", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    refuses(advisories_zip(&bytes), "entry `a.json` of the zip", "symbolic link");

    let good = zip(&[("A.json", osv_line("A").as_bytes())]);
    let at = directory(&good);
    let mut encrypted = good.clone();
    encrypted[6] |= 1;
    encrypted[at + 8] |= 1;
    refuses(advisories_zip(&encrypted), "entry `A.json` of the zip", "encrypted");

    let mut packed = good.clone();
    packed[8] = 12;
    packed[at + 10] = 12;
    refuses(advisories_zip(&packed), "entry `A.json` of the zip", "method");
}

#[test]
fn sizes_that_lie_are_refused() {
    let text = osv_line("A");
    let good = zip(&[("A.json", text.as_bytes())]);
    let at = directory(&good);
    let size = u32::try_from(text.len()).unwrap();
    for claim in [0, 1, size - 1, size + 1, 1 << 20] {
        let mut bytes = good.clone();
        bytes[22..26].copy_from_slice(&claim.to_le_bytes());
        bytes[at + 24..at + 28].copy_from_slice(&claim.to_le_bytes());
        let refused = advisories_zip(&bytes).unwrap_err();
        assert!(refused.place.contains("A.json"), "{claim}: {refused}");
        tells_well(&refused);
        // The directory alone: then the two headers disagree.
        let mut bytes = good.clone();
        bytes[at + 24..at + 28].copy_from_slice(&claim.to_le_bytes());
        assert!(advisories_zip(&bytes).is_err(), "{claim}");
    }
    let mut checksum = good.clone();
    checksum[14] ^= 1;
    checksum[at + 16] ^= 1;
    refuses(advisories_zip(&checksum), "entry `A.json` of the zip", "broken");
    let mut data = good;
    data[40] ^= 0x55;
    assert!(advisories_zip(&data).is_err());
}

#[test]
fn entries_that_share_bytes_are_refused() {
    // Two names for the same data, as bombs without recursion are built.
    let good = zip(&[("A.json", osv_line("A").as_bytes()), ("B.json", osv_line("B").as_bytes())]);
    let first = directory(&good);
    let second = first + 1 + directory(&good[first + 1..]);
    let mut bytes = good.clone();
    bytes.copy_within(first + 42..first + 46, second + 42);
    refuses(advisories_zip(&bytes), "the zip", "consistent");
    // The same name twice: two readers would see two contents.
    let twice = replace(&good, b"B.json", b"A.json");
    refuses(advisories_zip(&twice), "the zip", "duplicate");
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let zeros = vec![b' '; 4 << 20];
    let bytes = zip(&[("ok.json", osv_line("A").as_bytes()), ("bomb.json", &zeros)]);
    assert!(bytes.len() < 10_000);
    refuses(advisories_zip(&bytes), "entry `bomb.json` of the zip", "zip bomb");
}

#[test]
fn the_sum_of_all_entries_is_bounded() {
    // Not well packed, so that no ratio is in the way; the directory claims 3 MiB for each.
    let noise: Vec<u8> = noise().take(160_000).collect();
    let names: Vec<String> = (0..200).map(|number| format!("{number:03}.json")).collect();
    let entries: Vec<(&str, &[u8])> =
        names.iter().map(|name| (name.as_str(), noise.as_slice())).collect();
    let bytes = zip(&entries);
    let size = u32::try_from(noise.len()).unwrap();
    let bytes = replace(&bytes, &size.to_le_bytes(), &(3_u32 << 20).to_le_bytes());
    refuses(advisories_zip(&bytes), "entry `170.json` of the zip", "536870912");
}

#[test]
fn too_many_entries_are_refused_before_the_directory_is_read() {
    // Directory entries without names, 46 bytes each; nothing else of it is a zip.
    let mut bytes = b"PK\x03\x04".to_vec();
    for _ in 0..=200_000 {
        bytes.extend_from_slice(b"PK\x01\x02");
        bytes.extend_from_slice(&[0; 42]);
    }
    refuses(advisories_zip(&bytes), "the zip", "more than 200000 entries");
}
