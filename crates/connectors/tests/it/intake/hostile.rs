//! What all readers withstand: depth, width, random bytes, and good files with bytes changed.

use connectors::intake::{Refused, inventory, kev, osv, scans, table, vex};
use proptest::prelude::*;

use super::samples::{self, CARGO_LOCK, KEV, NMAP, OPENVEX, OSV, PACKAGE_LOCK, SARIF, TABLE};
use super::samples::{TESTSSL, TESTSSL_PRETTY};
use super::{refuses, tells_well};

type Reader = fn(&[u8]) -> Result<(), Refused>;

/// Every reader, as something that only says yes or no.
const READERS: &[(&str, Reader)] = &[
    ("cyclonedx", |bytes| inventory::cyclonedx(bytes).map(drop)),
    ("cargo_lock", |bytes| inventory::cargo_lock(bytes).map(drop)),
    ("package_lock", |bytes| inventory::package_lock(bytes).map(drop)),
    ("osv", |bytes| osv::advisories(bytes).map(drop)),
    ("osv_zip", |bytes| osv::advisories_zip(bytes).map(drop)),
    ("kev", |bytes| kev::kev(bytes).map(drop)),
    ("nmap", |bytes| scans::nmap(bytes).map(drop)),
    ("testssl", |bytes| scans::testssl(bytes).map(drop)),
    ("sarif", |bytes| scans::sarif(bytes).map(drop)),
    ("table", |bytes| table::rows(bytes, &["name", "mail", "role"], &["name"]).map(drop)),
    ("openvex", |bytes| vex::openvex(bytes).map(drop)),
    ("cyclonedx_vex", |bytes| vex::cyclonedx_vex(bytes).map(drop)),
];

/// A good file for each reader.
fn good() -> Vec<(Reader, Vec<u8>)> {
    let cyclonedx = samples::cyclonedx("1.6");
    let zip = packed(&[("A.json", OSV), ("B.json", &samples::osv_line("B"))]);
    let pairs: Vec<(&str, &[u8])> = vec![
        ("cyclonedx", cyclonedx.as_bytes()),
        ("cargo_lock", CARGO_LOCK.as_bytes()),
        ("package_lock", PACKAGE_LOCK.as_bytes()),
        ("osv", OSV.as_bytes()),
        ("osv_zip", &zip),
        ("kev", KEV.as_bytes()),
        ("nmap", NMAP.as_bytes()),
        ("testssl", TESTSSL.as_bytes()),
        ("testssl", TESTSSL_PRETTY.as_bytes()),
        ("sarif", SARIF.as_bytes()),
        ("table", TABLE.as_bytes()),
        ("openvex", OPENVEX.as_bytes()),
        ("cyclonedx_vex", cyclonedx.as_bytes()),
    ];
    let reader = |name: &str| READERS.iter().find(|(own, _)| *own == name).unwrap().1;
    pairs.into_iter().map(|(name, bytes)| (reader(name), bytes.to_vec())).collect()
}

fn packed(entries: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn every_sample_is_good() {
    for (reader, bytes) in good() {
        reader(&bytes).unwrap();
    }
}

#[test]
fn json_is_not_followed_into_the_deep() {
    let json = ["cyclonedx", "package_lock", "osv", "kev", "testssl", "sarif", "openvex"];
    for (name, reader) in READERS.iter().filter(|(name, _)| json.contains(name)) {
        let lists = "[".repeat(1_000_000);
        refuses(reader(lists.as_bytes()), "line 1, column 65", "deeper than 64");
        let objects = "{\"a\":".repeat(100_000);
        refuses(reader(objects.as_bytes()), "line 1, column 321", "deeper than 64");
        let closed = format!("{}{}", "[".repeat(65), "]".repeat(65));
        let refused = reader(closed.as_bytes()).unwrap_err();
        assert!(refused.problem.contains("deeper"), "{name}: {refused}");
        // 64 levels are read, and then it is the content that is refused.
        let closed = format!("{}{}", "[".repeat(64), "]".repeat(64));
        let refused = reader(closed.as_bytes()).unwrap_err();
        assert!(!refused.problem.contains("deeper"), "{name}: {refused}");
    }
}

#[test]
fn keys_that_a_file_chose_are_quoted_in_places() {
    for (key, place) in [("\\u0000fixed", "[`·fixed`]"), ("a b", "[`a b`]"), ("", "[``]")] {
        let events = format!(r#"[{{"introduced":"0"}},{{"{key}":"1"}}]"#);
        let range = format!(r#"{{"type":"SEMVER","events":{events}}}"#);
        let affected =
            format!(r#"{{"package":{{"ecosystem":"npm","name":"a"}},"ranges":[{range}]}}"#);
        let advisory =
            format!(r#"{{"id":"X-1","modified":"2026-01-01T00:00:00Z","affected":[{affected}]}}"#);
        let refused = osv::advisories(advisory.as_bytes()).unwrap_err();
        let place = format!("line 1, affected[0].ranges[0].events[1]{place}");
        assert_eq!(refused.place, place, "{refused}");
    }
}

#[test]
fn values_and_items_are_counted() {
    let many = format!("[{}0]", "0,".repeat(2_000_000));
    refuses(osv::advisories(many.as_bytes()), "line 1, column 3999999", "more than 2000000 values");
    let component = r#"{"name":"a"},"#.repeat(200_001);
    let bom = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{}]}}"#,
        component.trim_end_matches(',')
    );
    let place = "components[200000]";
    refuses(inventory::cyclonedx(bom.as_bytes()), place, "more than 200000 components");
}

#[test]
fn a_small_file_does_not_grow_to_a_large_one() {
    // One long message, repeated by reference in every result.
    let title = "x".repeat(1 << 20);
    let results = vec![r#"{"ruleId":"A","message":{"id":"m"}}"#; 10_000].join(",");
    let text = format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T","rules":[
            {{"id":"A","shortDescription":{{"text":"{title}"}}}}]}}}},"results":[{results}]}}]}}"#
    );
    let scan = scans::sarif(text.as_bytes()).unwrap();
    let size: usize = scan.findings.iter().map(|found| found.title.len()).sum();
    assert!(size < 4 << 20, "{size}");
    // Long names of a host, repeated with each of its ports.
    let names: String =
        (0..20).map(|number| format!("<hostname name=\"{number}{}\"/>", "n".repeat(290))).collect();
    let ports: String = (0..60_000).map(|port| format!("<port portid=\"{port}\"/>")).collect();
    let text = format!(
        "<nmaprun><host><address addr=\"192.0.2.1\"/><hostnames>{names}</hostnames>\
         <ports>{ports}</ports></host></nmaprun>"
    );
    let refused = scans::nmap(text.as_bytes()).unwrap_err();
    assert!(refused.problem.contains("names of the hosts"), "{refused}");
}

#[test]
fn many_small_hosts_take_no_time_for_places_nobody_asks_for() {
    let host = "<host><address addr=\"192.0.2.1\"/></host>";
    let text = format!("<nmaprun>{}</nmaprun>", host.repeat(50_000));
    assert_eq!(scans::nmap(text.as_bytes()).unwrap().targets.len(), 50_000);
}

/// A change of a good file.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Remove(usize, usize),
    Double(usize, usize),
    Cut(usize),
    Insert(usize, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>();
    prop_oneof![
        (at, any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at, 1_usize..40).prop_map(|(at, length)| Change::Remove(at, length)),
        (at, 1_usize..200).prop_map(|(at, length)| Change::Double(at, length)),
        at.prop_map(Change::Cut),
        (at, prop::sample::select(TOKENS.to_vec()))
            .prop_map(|(at, token)| Change::Insert(at, token.as_bytes().to_vec())),
    ]
}

/// What means something in one of the formats.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "\\ud800",
    "\\u0000",
    "\u{0}",
    "\u{FEFF}",
    "<",
    ">",
    "&",
    "&amp;",
    "&x;",
    "<!--",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE x [",
    "<?x?>",
    "pkg:",
    "@",
    "%",
    "/",
    "..",
    "0",
    "*",
    "\n",
    "\r\n",
    ";",
    "PK\x01\x02",
    "\u{1F600}",
    "version = 4\n",
    "[[package]]\n",
];

fn apply(bytes: &mut Vec<u8>, change: Change) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    match change {
        Change::Set(at, byte) => bytes[at % length] = byte,
        Change::Remove(at, count) => {
            let at = at % length;
            bytes.drain(at..length.min(at + count));
        }
        Change::Double(at, count) => {
            let at = at % length;
            let part = bytes[at..length.min(at + count)].to_vec();
            bytes.splice(at..at, part);
        }
        Change::Cut(at) => bytes.truncate(at % length),
        Change::Insert(at, token) => {
            let at = at % length;
            bytes.splice(at..at, token);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Readers answer, and refuse in good form, whatever the bytes are.
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for (_, reader) in READERS {
            if let Err(refused) = reader(&bytes) {
                tells_well(&refused);
            }
        }
    }

    /// Random text gets further than random bytes.
    #[test]
    fn random_text_never_panics(
        parts in prop::collection::vec(prop::sample::select(TOKENS.to_vec()), 0..60),
    ) {
        let text = parts.concat();
        for (_, reader) in READERS {
            if let Err(refused) = reader(text.as_bytes()) {
                tells_well(&refused);
            }
        }
    }

    /// Good files with a few changes get furthest.
    #[test]
    fn changed_files_never_panic(changes in prop::collection::vec(change(), 1..6)) {
        for (reader, mut bytes) in good() {
            for change in changes.clone() {
                apply(&mut bytes, change);
            }
            if let Err(refused) = reader(&bytes) {
                tells_well(&refused);
            }
        }
    }

    /// Any two versions are compared without a panic, and a range holds its own beginning.
    #[test]
    fn versions_never_panic(one in version(), other in version()) {
        for ecosystem in ["crates.io", "npm", "Go", "PyPI", "Debian:12"] {
            let text = format!(
                r#"{{"id":"A","modified":"2026-01-01T00:00:00Z","affected":[
                    {{"package":{{"ecosystem":"{ecosystem}","name":"n"}},"ranges":[
                    {{"type":"ECOSYSTEM","events":[
                      {{"introduced":"{one}"}},{{"last_affected":"{one}"}}]}}]}}]}}"#
            );
            let read = osv::advisories(format!("[{text}]").as_bytes()).unwrap();
            let of = |version: &str| osv::matches(&read.advisories[0], &inventory::Component {
                ecosystem: ecosystem.to_owned(),
                name: "n".to_owned(),
                version: version.to_owned(),
                purl: None,
            });
            let own = of(&one);
            let affected = matches!(own, osv::Match::Affected { .. });
            let unknown = matches!(own, osv::Match::Unknown { .. });
            prop_assert!(affected || unknown, "{ecosystem} {one}: {own:?}");
            drop(of(&other));
        }
    }

    /// Any rating is read, known or not.
    #[test]
    fn vectors_never_panic(
        metrics in prop::collection::vec("[A-Z]{1,3}:[A-Z]", 0..14),
        version in prop::sample::select(vec!["3.0", "3.1", "4.0"]),
    ) {
        let v3 = "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
        let v4 = "AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
        let base = if version == "4.0" { v4 } else { v3 };
        for vector in [metrics.join("/"), format!("{base}/{}", metrics.join("/"))] {
            let text = format!(
                r#"[{{"id":"A","modified":"2026-01-01T00:00:00Z",
                     "severity":[{{"type":"CVSS_V4","score":"CVSS:{version}/{vector}"}}]}}]"#
            );
            osv::advisories(text.as_bytes()).unwrap();
        }
    }
}

/// Something like a version.
fn version() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("0".to_owned()),
        (0_u32..30).prop_map(|number| number.to_string()),
        "[a-z]{1,5}",
        Just("99999999999999999999".to_owned()),
    ];
    let between = prop::sample::select(vec![".", "-", "+", "!", "rc", "_", ".dev", ".post"]);
    (part.clone(), prop::collection::vec((between, part), 0..5)).prop_map(|(first, rest)| {
        rest.into_iter().fold(first, |text, (between, part)| format!("{text}{between}{part}"))
    })
}
