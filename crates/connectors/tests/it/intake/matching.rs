//! Whether an advisory affects a component: the evaluation of OSV, case by case.

use connectors::intake::inventory::Component;
use connectors::intake::osv::{Advisory, Match, advisories, matches, package_key};

/// An advisory whose `affected` is this JSON.
#[track_caller]
fn advisory(affected: &str) -> Advisory {
    let text = format!(r#"[{{"id":"A","modified":"2026-01-01T00:00:00Z","affected":{affected}}}]"#);
    let mut read = advisories(text.as_bytes()).unwrap();
    assert_eq!(read.refused, []);
    read.advisories.remove(0)
}

/// One package with ranges written as `introduced..fixed`, `introduced..=last`, `introduced..`.
#[track_caller]
fn ranged(ecosystem: &str, kind: &str, ranges: &str) -> Advisory {
    let event = |key: &str, version: &str| format!(r#"{{"{key}":"{version}"}}"#);
    let mut events = Vec::new();
    for range in ranges.split_whitespace() {
        let (from, to) = range.split_once("..").unwrap();
        events.push(event("introduced", from));
        match to.strip_prefix('=') {
            Some(last) => events.push(event("last_affected", last)),
            None if to.is_empty() => {}
            None => events.push(event("fixed", to)),
        }
    }
    advisory(&format!(
        r#"[{{"package":{{"ecosystem":"{ecosystem}","name":"n"}},
             "ranges":[{{"type":"{kind}","events":[{}]}}]}}]"#,
        events.join(",")
    ))
}

fn component(ecosystem: &str, version: &str) -> Component {
    Component {
        ecosystem: ecosystem.to_owned(),
        name: "n".to_owned(),
        version: version.to_owned(),
        purl: None,
    }
}

/// The answer in short: `yes`, `yes, 1.2.3` with the fix, `no`, `unknown`.
fn answer(advisory: &Advisory, component: &Component) -> String {
    match matches(advisory, component) {
        Match::Affected { fixed: Some(fixed) } => format!("yes, {fixed}"),
        Match::Affected { fixed: None } => "yes".to_owned(),
        Match::NotAffected { why } | Match::Unknown { why } if why.is_empty() => {
            "silent".to_owned()
        }
        Match::NotAffected { .. } => "no".to_owned(),
        Match::Unknown { .. } => "unknown".to_owned(),
    }
}

/// Ecosystem, type and ranges of the advisory; the component's version; the answer.
const VERSIONS: &[(&str, &str, &str, &str, &str)] = &[
    // SemVer: the boundaries of a range.
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "0.9.9", "no"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "1.0.0", "yes, 1.2.3"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "1.2.2", "yes, 1.2.3"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "1.2.3", "no"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "1.10.0", "no"),
    ("crates.io", "SEMVER", "1.2.0..1.10.0", "1.9.0", "yes, 1.10.0"),
    // Pre-releases stand before their release.
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "1.0.0-rc.1", "no"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "1.2.3-rc.1", "yes, 1.2.3"),
    ("crates.io", "SEMVER", "1.0.0-0..1.2.3", "1.0.0-alpha", "yes, 1.2.3"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3-0", "1.2.3-alpha", "no"),
    ("crates.io", "SEMVER", "1.0.0-beta.2..", "1.0.0-beta.11", "yes"),
    ("crates.io", "SEMVER", "1.0.0-beta.11..", "1.0.0-beta.2", "no"),
    ("crates.io", "SEMVER", "1.0.0-beta..", "1.0.0-beta.2", "yes"),
    ("crates.io", "SEMVER", "1.0.0-alpha.beta..", "1.0.0-alpha.1", "no"),
    // Build metadata does not count.
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "1.2.3+build", "no"),
    ("crates.io", "SEMVER", "1.0.0+a..1.2.3", "1.0.0", "yes, 1.2.3"),
    // `0` stands before everything, pre-releases of 0.0.0 too.
    ("crates.io", "SEMVER", "0..1.2.3", "0.0.0-alpha", "yes, 1.2.3"),
    ("crates.io", "SEMVER", "0.0.0..1.2.3", "0.0.0-alpha", "no"),
    ("crates.io", "SEMVER", "0..", "not even a version", "yes"),
    // The last affected version is affected.
    ("crates.io", "SEMVER", "1.0.0..=1.2.3", "1.2.3", "yes"),
    ("crates.io", "SEMVER", "1.0.0..=1.2.3", "1.2.4-0", "no"),
    ("crates.io", "SEMVER", "1.2.3..=1.2.3", "1.2.3", "yes"),
    ("crates.io", "SEMVER", "1.2.3..=1.2.3", "1.2.2", "no"),
    ("crates.io", "SEMVER", "1.2.3..=1.2.3", "1.2.4", "no"),
    // Several lines of development, in any order.
    ("crates.io", "SEMVER", "0..1.2.3 2.0.0..2.1.0", "1.2.3", "no"),
    ("crates.io", "SEMVER", "0..1.2.3 2.0.0..2.1.0", "1.0.0", "yes, 1.2.3"),
    ("crates.io", "SEMVER", "2.0.0..2.1.0 0..1.2.3", "2.0.5", "yes, 2.1.0"),
    ("crates.io", "SEMVER", "2.0.0..2.1.0 0..1.2.3", "1.9.0", "no"),
    ("crates.io", "SEMVER", "0..1.0.0 1.0.0..2.0.0", "1.0.0", "yes, 2.0.0"),
    ("crates.io", "SEMVER", "1.2.0..1.2.0", "1.2.0", "no"),
    ("crates.io", "SEMVER", "0..=1.0.0 3.0.0..", "2.0.0", "no"),
    ("crates.io", "SEMVER", "0..=1.0.0 3.0.0..", "3.0.0", "yes"),
    // What is not a version is not guessed.
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "1.2.3.4", "unknown"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "latest", "unknown"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "1.01.0", "unknown"),
    ("crates.io", "SEMVER", "1.0.0..nonsense", "1.1.0", "unknown"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "", "unknown"),
    ("crates.io", "SEMVER", "1.0.0..1.2.3", "99999999999999999999.0.0", "unknown"),
    // npm and Go: prefixes and short forms.
    ("npm", "SEMVER", "1.0.0..1.2.3", "v1.2.2", "yes, 1.2.3"),
    ("npm", "SEMVER", "1.0.0..1.2.3", "=1.2.3", "no"),
    ("npm", "ECOSYSTEM", "1.0.0..1.2.3", "1.1", "yes, 1.2.3"),
    ("npm", "SEMVER", "1..2", "1.5.0", "yes, 2"),
    ("Go", "SEMVER", "0..1.20.3", "go1.20.2", "yes, 1.20.3"),
    ("Go", "SEMVER", "1.21.0-0..1.21.4", "v1.21.0-rc.2", "yes, 1.21.4"),
    ("Go", "SEMVER", "0..2.0.0", "v1.9.0+incompatible", "yes, 2.0.0"),
    (
        "Go",
        "SEMVER",
        "0..0.0.0-20220314234659-1baeb1ce4c0b",
        "v0.0.0-20210921155107-089bfa567519",
        "yes, 0.0.0-20220314234659-1baeb1ce4c0b",
    ),
    (
        "Go",
        "SEMVER",
        "0..0.0.0-20220314234659-1baeb1ce4c0b",
        "v0.0.0-20220525230936-793ad666bf5e",
        "no",
    ),
    // PEP 440.
    ("PyPI", "ECOSYSTEM", "2.0..2.2.5", "2.2.4", "yes, 2.2.5"),
    ("PyPI", "ECOSYSTEM", "2.0..2.2.5", "2.2.5", "no"),
    ("PyPI", "ECOSYSTEM", "2.0..2.2.5", "2.0.0", "yes, 2.2.5"),
    ("PyPI", "ECOSYSTEM", "2.0..2.2.5", "2.0rc1", "no"),
    ("PyPI", "ECOSYSTEM", "2.0a1..2.2.5", "2.0rc1", "yes, 2.2.5"),
    ("PyPI", "ECOSYSTEM", "2.0..2.2.5", "2.2.5.dev3", "yes, 2.2.5"),
    ("PyPI", "ECOSYSTEM", "2.0..2.2.5", "2.2.5.post1", "no"),
    ("PyPI", "ECOSYSTEM", "2.0..=2.2.5", "2.2.5.post1", "no"),
    ("PyPI", "ECOSYSTEM", "2.0..2.2.5", "1!1.0", "no"),
    ("PyPI", "ECOSYSTEM", "2.0..2.10", "2.9", "yes, 2.10"),
    ("PyPI", "ECOSYSTEM", "0..1.0", "0.dev0", "yes, 1.0"),
    ("PyPI", "ECOSYSTEM", "2.0..2.2.5", "V2.1-Beta_3", "yes, 2.2.5"),
    ("PyPI", "ECOSYSTEM", "2.0..2.2.5", "latest", "unknown"),
    // Ecosystems without an order here, and commits.
    ("Debian:12", "ECOSYSTEM", "0..7.88.1-10", "7.88.1-9", "unknown"),
    ("Debian:12", "ECOSYSTEM", "0..", "7.88.1-9", "yes"),
    ("Maven", "ECOSYSTEM", "2.0..2.17.1", "2.14.0", "unknown"),
    ("Maven", "SEMVER", "2.0..2.17.1", "2.14.0", "yes, 2.17.1"),
    ("crates.io", "GIT", "0..0123abcd", "1.0.0", "unknown"),
    ("crates.io", "GIT", "0..", "1.0.0", "unknown"),
];

#[test]
fn versions_are_compared_as_their_ecosystem_does() {
    for (ecosystem, kind, ranges, version, expected) in VERSIONS {
        let advisory = ranged(ecosystem, kind, ranges);
        let found = answer(&advisory, &component(ecosystem, version));
        assert_eq!(&found, expected, "{ecosystem} {kind} {ranges} against {version}");
    }
}

#[test]
fn versions_are_found_in_lists() {
    let list = |ecosystem: &str, versions: &str, rest: &str| {
        advisory(&format!(
            r#"[{{"package":{{"ecosystem":"{ecosystem}","name":"n"}},
                 "versions":{versions}{rest}}}]"#
        ))
    };
    let git = r#","ranges":[{"type":"GIT","repo":"r","events":[{"introduced":"0"}]}]"#;
    let range =
        r#","ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"fixed":"1.5.0"}]}]"#;
    let order = r#","ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2"}]}]"#;
    let table = [
        (list("npm", r#"["1.0.0","1.0.1"]"#, ""), "npm", "1.0.1", "yes"),
        (list("npm", r#"["1.0.0","1.0.1"]"#, ""), "npm", "1.0.2", "no"),
        (list("npm", r#"["1.0.0"]"#, ""), "npm", "v1.0.0+x", "yes"),
        (list("npm", r#"["weird"]"#, ""), "npm", "weird", "yes"),
        (list("PyPI", r#"["1.0"]"#, ""), "PyPI", "1.0.0", "yes"),
        (list("PyPI", r#"["1.0"]"#, ""), "PyPI", "1.0.1", "no"),
        // A list decides beside commits; beside a range either may say yes.
        (list("npm", r#"["1.0.0"]"#, git), "npm", "1.0.0", "yes"),
        (list("npm", r#"["1.0.0"]"#, git), "npm", "2.0.0", "no"),
        (list("npm", r#"["0.1.0"]"#, range), "npm", "0.1.0", "yes, 1.5.0"),
        (list("npm", r#"["9.0.0"]"#, range), "npm", "9.0.0", "yes"),
        (list("npm", r#"["9.0.0"]"#, range), "npm", "1.4.0", "yes, 1.5.0"),
        (list("npm", r#"["9.0.0"]"#, range), "npm", "8.0.0", "no"),
        // Without an order, only what is listed is known.
        (list("Debian:12", r#"["1-1"]"#, order), "Debian:12", "1-1", "yes"),
        (list("Debian:12", r#"["1-1"]"#, order), "Debian:12", "1-2", "unknown"),
        (list("Debian:12", r#"["1-1"]"#, ""), "Debian:12", "1-2", "unknown"),
        (list("npm", r#"["1.0.0"]"#, ""), "npm", "not-semver", "unknown"),
        (list("npm", "[]", ""), "npm", "1.0.0", "unknown"),
        (list("npm", "[]", git), "npm", "1.0.0", "unknown"),
    ];
    for (advisory, ecosystem, version, expected) in &table {
        let found = answer(advisory, &component(ecosystem, version));
        assert_eq!(&found, expected, "{:?} against {version}", advisory.affected);
    }
}

#[test]
fn limits_end_what_an_advisory_speaks_of() {
    let limited = |limits: &str| {
        advisory(&format!(
            r#"[{{"package":{{"ecosystem":"npm","name":"n"}},"ranges":[{{"type":"SEMVER",
                "events":[{{"introduced":"1.0.0"}},{limits}]}}]}}]"#
        ))
    };
    let one = limited(r#"{"limit":"2.0.0"}"#);
    let two = limited(r#"{"limit":"2.0.0"},{"limit":"3.0.0"}"#);
    let none = limited(r#"{"limit":"*"}"#);
    let table = [
        (&one, "1.9.0", "yes"),
        (&one, "2.0.0", "no"),
        (&two, "2.5.0", "yes"),
        (&none, "9.0.0", "yes"),
    ];
    for (advisory, version, expected) in table {
        assert_eq!(answer(advisory, &component("npm", version)), expected, "{version}");
    }
}

#[test]
fn what_is_named_twice_needs_the_later_fix() {
    let package = r#""package":{"ecosystem":"npm","name":"n"}"#;
    let range = |fixed: &str| {
        format!(r#"{{"type":"SEMVER","events":[{{"introduced":"1.0.0"}},{{"fixed":"{fixed}"}}]}}"#)
    };
    let (early, late) = (range("1.9.0"), range("1.10.0"));
    let table = [
        format!(r#"[{{{package},"ranges":[{early},{late}]}}]"#),
        format!(r#"[{{{package},"ranges":[{late},{early}]}}]"#),
        format!(r#"[{{{package},"ranges":[{early}]}},{{{package},"ranges":[{late}]}}]"#),
        format!(r#"[{{{package},"ranges":[{late}]}},{{{package},"ranges":[{early}]}}]"#),
    ];
    for affected in table {
        let advisory = advisory(&affected);
        assert_eq!(answer(&advisory, &component("npm", "1.5.0")), "yes, 1.10.0", "{affected}");
    }
}

#[test]
fn names_and_ecosystems_are_compared_as_they_are_meant() {
    let table = [
        ("PyPI", "Flask_Login", "PyPI", "flask.login", "yes"),
        ("Go", "github.com/Azure/x", "Go", "github.com/azure/x", "yes"),
        ("npm", "Lodash", "npm", "lodash", "no"),
        ("npm", "a", "PyPI", "a", "no"),
        ("Debian:12", "curl", "Debian:12", "curl", "yes"),
        ("Debian:11", "curl", "Debian:12", "curl", "no"),
        ("Debian:12", "curl", "Debian", "curl", "yes"),
        ("Debian", "curl", "Debian:12", "curl", "yes"),
        ("npm", "@scope/a", "", "@scope/a", "unknown"),
        ("Maven", "org.x:a", "", "org.x/a", "unknown"),
        ("npm", "a", "", "b", "no"),
    ];
    for (ecosystem, name, own_ecosystem, own_name, expected) in table {
        let advisory = advisory(&format!(
            r#"[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},
                 "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}}]}}]}}]"#
        ));
        let mut component = component(own_ecosystem, "1.0.0");
        component.name = own_name.to_owned();
        assert_eq!(answer(&advisory, &component), expected, "{ecosystem} {name} {own_name}");
        let keys = package_key(ecosystem, name) == package_key(own_ecosystem, own_name);
        // Equal keys are necessary for a "yes", so that an index by key loses nothing.
        assert!(keys || expected != "yes", "{ecosystem} {name} {own_name}");
    }
}

#[test]
fn a_withdrawn_advisory_affects_nothing_and_says_so() {
    let mut advisory = ranged("npm", "SEMVER", "0..");
    advisory.withdrawn = Some("2026-02-01T00:00:00Z".to_owned());
    let Match::NotAffected { why } = matches(&advisory, &component("npm", "1.0.0")) else {
        panic!("it is withdrawn")
    };
    assert!(why.contains("withdrawn on 2026-02-01"), "{why}");
}
