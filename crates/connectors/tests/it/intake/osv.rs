//! Advisories in the OSV schema: what is read, and what is set aside.

use connectors::intake::Severity;
use connectors::intake::osv::{Event, RangeKind, advisories};

use super::samples::{OSV, osv_line};
use super::{refuses, tells_well};

#[test]
fn an_advisory_is_read_with_all_that_matters() {
    let read = advisories(OSV.as_bytes()).unwrap();
    assert_eq!(read.refused, []);
    let [advisory] = read.advisories.as_slice() else { panic!("one advisory") };
    assert_eq!(advisory.id, "RUSTSEC-2026-0001");
    assert_eq!(advisory.aliases, ["CVE-2026-1000", "GHSA-aaaa-bbbb-cccc"]);
    assert_eq!(advisory.modified, "2026-01-03T00:00:00.5Z");
    assert_eq!(advisory.published.as_deref(), Some("2026-01-02T00:00:00Z"));
    assert_eq!(advisory.withdrawn, None);
    assert_eq!(advisory.summary, "Double free in `drain`");
    assert_eq!(advisory.severity, Severity::Critical);
    let [affected] = advisory.affected.as_slice() else { panic!("one package") };
    assert_eq!((affected.ecosystem.as_str(), affected.name.as_str()), ("crates.io", "stack"));
    assert_eq!(affected.ranges[0].kind, RangeKind::Semver);
    let events = [Event::Introduced("1.0.0".to_owned()), Event::Fixed("1.2.3".to_owned())];
    assert_eq!(affected.ranges[0].events, events);
}

#[test]
fn one_object_a_list_and_lines_are_read_alike() {
    let (a, b) = (osv_line("A"), osv_line("B"));
    let files = [
        format!("[{a},{b}]"),
        format!("{a}\n{b}\n"),
        format!("\n{a}\r\n\r\n{b}"),
        format!("[\n{a},\n{b}\n]"),
    ];
    for file in files {
        let read = advisories(file.as_bytes()).unwrap();
        let ids: Vec<&str> = read.advisories.iter().map(|read| read.id.as_str()).collect();
        assert_eq!((ids, read.refused.len()), (vec!["A", "B"], 0), "{file}");
    }
    assert_eq!(advisories(a.as_bytes()).unwrap().advisories.len(), 1);
}

#[test]
fn bad_ones_are_set_aside_with_their_place() {
    let good = osv_line("GOOD");
    let good = good.as_str();
    let bad = r#"{"id":"BAD","modified":"yesterday"}"#;
    let deep =
        r#"{"id":"B","modified":"2026-01-01T00:00:00Z","affected":[{},{"package":{"name":"x"}}]}"#;
    let table = [
        (format!("[{good},{bad}]"), "[1].modified"),
        (format!("{good}\n{bad}"), "line 2, modified"),
        (format!("{bad}\n{good}"), "line 1, modified"),
        (format!("{good}\n\n{{\"id\":"), "line 3, column 6"),
        (format!("{good}\nnonsense"), "line 2, column 2"),
        (format!("[{good},{deep}]"), "[1].affected[1].package.ecosystem"),
        (format!("{good}\n{deep}"), "line 2, affected[1].package.ecosystem"),
        (format!("[{good},{good}]"), "[1]"),
        (format!("{good}\n{good}"), "line 2"),
        (format!("[{good},7]"), "[1]"),
        (format!("{good}\n[{bad}]"), "line 2, [0].modified"),
    ];
    for (file, place) in table {
        let read = advisories(file.as_bytes()).unwrap();
        assert_eq!(read.advisories.len(), 1, "{file}");
        let [refused] = read.refused.as_slice() else { panic!("one is set aside: {file}") };
        assert_eq!(refused.place, place, "{refused}");
        tells_well(refused);
    }
}

#[test]
fn a_file_with_nothing_to_read_is_refused() {
    let read = |text: &str| advisories(text.as_bytes());
    refuses(read(""), "the file", "empty");
    refuses(read("[]"), "the file", "no advisory");
    refuses(read("{}"), "line 1, id", "missing");
    refuses(read("{\n}"), "id", "missing");
    refuses(read("7"), "the file", "a number is here");
    refuses(read("<html>"), "line 1", "XML");
    refuses(read(r#"{"id":"A"}"#), "line 1, modified", "missing");
    refuses(read("[{\"id\":\"A\"},\n{\"id\":}]"), "line 2, column 7", "JSON");
    refuses(advisories(b"\xFE\xFF\0{"), "the file", "UTF-16");
    refuses(advisories(&vec![b' '; (64 << 20) + 1]), "the file", "67108865 bytes");
}

#[test]
fn members_that_would_change_the_meaning_are_not_ignored() {
    let with = |affected: &str| {
        let head = r#"{"id":"A","modified":"2026-01-01T00:00:00Z","affected":[
            {"package":{"ecosystem":"npm","name":"a"},"#;
        advisories(format!("[{head}{affected}}}]}}]").as_bytes()).map(|read| read.advisories)
    };
    let range = |kind: &str, events: &str| {
        with(&format!(r#""ranges":[{{"type":"{kind}","events":{events}}}]"#))
    };
    let start = r#"{"introduced":"0"}"#;
    let place = |rest: &str| format!("[0].affected[0].ranges[0].{rest}");
    refuses(range("CALVER", "[]"), &place("type"), "`CALVER`");
    refuses(range("SEMVER", "[]"), &place("events"), "no version introduces it");
    refuses(range("SEMVER", r#"[{"fixed":"1"}]"#), &place("events"), "introduces");
    let events = format!("[{start},{{\"until\":\"1\"}}]");
    refuses(range("SEMVER", &events), &place("events[1].until"), "`until`");
    refuses(range("SEMVER", &format!("[{start},{{}}]")), &place("events[1]"), "says nothing");
    refuses(
        range("SEMVER", &format!("[{start},{{\"fixed\":1}}]")),
        &place("events[1].fixed"),
        "number",
    );
    let older = format!(r#"{{"schema_version":"2.0.0",{}"#, &osv_line("A")[1..]);
    refuses(advisories(older.as_bytes()), "line 1, schema_version", "`2.0.0`");
    // What is new and does not change it is passed over.
    assert!(with(r#""versions":["1.0.0"],"ecosystem_specific":{"new":[1]}"#).is_ok());
}

#[test]
fn times_are_checked() {
    for good in ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123456789Z", "2024-02-29T00:00:00Z"] {
        let text = osv_line("A").replace("2026-01-03T00:00:00Z", good);
        assert_eq!(advisories(text.as_bytes()).unwrap().advisories[0].modified, good);
    }
    for bad in ["", "2026-01-31", "2026-02-30T00:00:00Z", "2026-01-31T12:00:00", "1769860800"] {
        let text = osv_line("A").replace("2026-01-03T00:00:00Z", bad);
        refuses(advisories(text.as_bytes()), "line 1, modified", "RFC 3339");
    }
}

#[test]
fn severity_is_the_worst_vector_or_else_a_word() {
    let v3 = |vector: &str| format!(r#""severity":[{{"type":"CVSS_V3","score":"{vector}"}}]"#);
    let v4 = |vector: &str| format!(r#""severity":[{{"type":"CVSS_V4","score":"{vector}"}}]"#);
    let word = |word: &str| format!(r#""database_specific":{{"severity":"{word}"}}"#);
    let table = [
        (v3("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), Severity::Critical),
        (v3("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"), Severity::High),
        (v3("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"), Severity::Medium),
        (v3("CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N"), Severity::Low),
        (v3("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"), Severity::Low),
        (v4("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"), Severity::Critical),
        // A vector that is not complete, or not one, is no reason for calm.
        (v3("CVSS:3.1/AV:N"), Severity::Unknown),
        (v4("CVSS:4.0/AV:N/AC:L"), Severity::Unknown),
        (v3("7.5"), Severity::Unknown),
        (v3("CVSS:9.9/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), Severity::Unknown),
        (word("CRITICAL"), Severity::Critical),
        (word("MODERATE"), Severity::Medium),
        (word("whatever"), Severity::Unknown),
        (r#""database_specific":{"severity":7}"#.to_owned(), Severity::Unknown),
        (
            r#""severity":[{"type":"Ubuntu","score":"low"}],
               "database_specific":{"severity":"HIGH"}"#
                .to_owned(),
            Severity::High,
        ),
        // A vector is finer than a word, whichever says more.
        (
            format!("{},{}", v3("CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N"), word("CRITICAL")),
            Severity::Low,
        ),
    ];
    for (member, severity) in table {
        let text = format!("{{{member},{}", &osv_line("A")[1..]);
        let read = advisories(text.as_bytes()).unwrap();
        assert_eq!(read.advisories[0].severity, severity, "{member}");
    }
    let rustsec = osv_line("A").replace(
        r#""versions":["1.0.0"]"#,
        r#""database_specific":{"cvss":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
                                "informational":"unsound"}"#,
    );
    let read = advisories(rustsec.as_bytes()).unwrap();
    assert_eq!(read.advisories[0].severity, Severity::High);
    assert_eq!(read.advisories[0].affected[0].informational.as_deref(), Some("unsound"));
}

#[test]
fn without_a_summary_the_first_line_of_the_details_stands_for_it() {
    let text = format!(r#"{{"details":"\n## Impact\n\nLong.",{}"#, &osv_line("A")[1..]);
    let read = advisories(text.as_bytes()).unwrap();
    assert_eq!(read.advisories[0].summary, "Impact");
}
