//! CycloneDX, Cargo.lock and package-lock.json.

use std::path::Path;

use connectors::intake::inventory::{Component, cargo_lock, cyclonedx, package_lock};

use super::refuses;
use super::samples::{self, CARGO_LOCK, PACKAGE_LOCK};

fn component(ecosystem: &str, name: &str, version: &str, purl: Option<&str>) -> Component {
    Component {
        ecosystem: ecosystem.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        purl: purl.map(str::to_owned),
    }
}

#[test]
fn cyclonedx_of_each_version_gives_the_same_components() {
    for version in ["1.4", "1.5", "1.6"] {
        let read = cyclonedx(samples::cyclonedx(version).as_bytes()).unwrap();
        assert_eq!(read.format, format!("CycloneDX {version}"));
        assert_eq!(
            read.components,
            [
                component("", "left-pad", "", None),
                component("PyPI", "flask-login", "0.6.3", Some("pkg:pypi/Flask_Login@0.6.3")),
                component("crates.io", "serde", "1.0.229", Some("pkg:cargo/serde@1.0.229")),
                component("npm", "@babel/core", "7.0.0", Some("pkg:npm/%40babel/core@7.0.0")),
            ]
        );
    }
}

#[test]
fn a_byte_order_mark_is_fine_and_utf_16_is_refused_by_name() {
    let text = samples::cyclonedx("1.6");
    let marked = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    assert_eq!(cyclonedx(&marked), cyclonedx(text.as_bytes()));
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    refuses(cyclonedx(&utf16), "the file", "UTF-16");
    refuses(cyclonedx(&utf16[2..]), "the file", "UTF-16");
    refuses(cyclonedx(b"{\n \"a\": \"\xFF\"}"), "line 2, column 8", "UTF-8");
}

#[test]
fn purls_become_the_names_of_osv() {
    let table = [
        ("pkg:cargo/serde@1.0.0", "crates.io", "serde", "1.0.0"),
        ("pkg:npm/%40scope/name@1.0.0", "npm", "@scope/name", "1.0.0"),
        ("pkg:npm/@scope/name@1.0.0", "npm", "@scope/name", "1.0.0"),
        ("pkg:npm/@scope/name", "npm", "@scope/name", "9"),
        ("pkg:golang/github.com/Foo/bar@v1.2.3#sub/dir", "Go", "github.com/Foo/bar", "v1.2.3"),
        ("pkg:pypi/Zope.Interface_x@5", "PyPI", "zope-interface-x", "5"),
        ("pkg:maven/org.apache/log4j@2.0?type=jar", "Maven", "org.apache:log4j", "2.0"),
        ("pkg:gem/rails@7.0", "RubyGems", "rails", "7.0"),
        ("pkg:composer/a/b@1", "Packagist", "a/b", "1"),
        ("pkg:deb/debian/curl@7.88?arch=amd64&distro=debian-12", "Debian:12", "curl", "7.88"),
        ("pkg:deb/debian/curl@7.88?distro=bookworm", "Debian", "curl", "7.88"),
        ("pkg:apk/alpine/curl@8?distro=alpine-3.18.4", "Alpine:v3.18", "curl", "8"),
        ("pkg://cargo//a@1.0.0%2Bbuild", "crates.io", "a", "1.0.0+build"),
        ("PKG:Cargo/a@1", "crates.io", "a", "1"),
        ("pkg:generic/openssl@3", "generic", "openssl", "3"),
    ];
    for (purl, ecosystem, name, version) in table {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6",
                "components":[{{"name":"n","version":"9","purl":"{purl}"}}]}}"#
        );
        let read = cyclonedx(text.as_bytes()).unwrap();
        assert_eq!(read.components, [component(ecosystem, name, version, Some(purl))], "{purl}");
    }
}

#[test]
fn broken_cyclonedx_is_refused_where_it_is_broken() {
    let read = |body: &str| cyclonedx(body.as_bytes());
    let with = |components: &str| {
        let head = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":"#;
        cyclonedx(format!("{head}{components}}}").as_bytes())
    };
    refuses(read(""), "the file", "empty");
    refuses(read("<bom/>"), "line 1", "XML");
    refuses(read("{}"), "bomFormat", "missing");
    refuses(read(r#"{"bomFormat":"SPDX"}"#), "bomFormat", "`SPDX`");
    refuses(read("[]"), "the file", "a list is here");
    for version in ["1.3", "1.7", "2.0"] {
        let body = samples::cyclonedx("1.6").replace("\"1.6\"", &format!("\"{version}\""));
        refuses(read(&body), "specVersion", version);
    }
    refuses(read(r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#), "components", "missing");
    refuses(with("{}"), "components", "an object is here");
    refuses(with("[{}]"), "components[0].name", "missing");
    refuses(with(r#"[{"name":"a"},{"name":7}]"#), "components[1].name", "a number is here");
    refuses(with(r#"[{"name":""}]"#), "components[0].name", "empty");
    refuses(with(r#"[{"name":"a\u0000b"}]"#), "components[0].name", "control");
    let long = "x".repeat(2_001);
    refuses(with(&format!(r#"[{{"name":"{long}"}}]"#)), "components[0].name", "2001 bytes");
    let inner = r#"[{"name":"a","components":[{"name":"b","purl":"PURL"}]}]"#;
    let bad = [
        ("cargo/serde@1", "is not a package URL"),
        ("http://example.com/x", "is not a package URL"),
        ("pkg:cargo", "has no name"),
        ("pkg:cargo/", "has no name"),
        ("pkg:c%61rgo/a", "type"),
        ("pkg:cargo/a%zz", "percent"),
        ("pkg:cargo/%ff", "percent"),
        ("pkg:cargo/a%0ab", "control"),
    ];
    for (purl, problem) in bad {
        let place = "components[0].components[0].purl";
        refuses(with(&inner.replace("PURL", purl)), place, problem);
    }
    refuses(read(r#"{"bomFormat":"CycloneDX","bomFormat":"x"}"#), "line 1, column 36", "twice");
}

#[test]
fn cargo_lock_gives_what_is_not_ones_own() {
    let read = cargo_lock(CARGO_LOCK.as_bytes()).unwrap();
    assert_eq!(read.format, "Cargo.lock 4");
    let git = "pkg:cargo/theirs@2.0.0%2Bbuild.7\
               ?vcs_url=git%2Bhttps:%2F%2Fexample.com%2Ftheirs%3Fbranch%3Dmain%230123abcd";
    assert_eq!(
        read.components,
        [
            component("crates.io", "serde", "1.0.229", Some("pkg:cargo/serde@1.0.229")),
            component("crates.io", "theirs", "2.0.0+build.7", Some(git)),
        ]
    );
    let windows = CARGO_LOCK.replace('\n', "\r\n").replace("version = 4", "version = 3");
    let windows = cargo_lock(windows.as_bytes()).unwrap();
    assert_eq!((windows.format.as_str(), windows.components.len()), ("Cargo.lock 3", 2));
}

#[test]
fn the_lock_of_this_project_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let text = std::fs::read_to_string(path).unwrap();
    let read = cargo_lock(text.as_bytes()).unwrap();
    let foreign = text.lines().filter(|line| line.starts_with("source = ")).count();
    assert_eq!(read.components.len(), foreign);
    assert!(read.components.iter().any(|component| component.name == "serde_json"));
    assert!(!read.components.iter().any(|component| component.name == "connectors"));
}

#[test]
fn broken_cargo_locks_are_refused_by_line() {
    let read = |text: &str| cargo_lock(text.as_bytes());
    let change = |from: &str, to: &str| cargo_lock(CARGO_LOCK.replace(from, to).as_bytes());
    refuses(read(""), "line 1", "no `version` line");
    refuses(read("{\"lockfileVersion\": 3}"), "line 1", "is not a line of a Cargo.lock");
    refuses(change("version = 4", "version = 5"), "line 3", "format `5`");
    refuses(change("version = 4\n", ""), "line 1", "no `version` line");
    refuses(change("\"serde\"\nversion", "serde\nversion"), "line 14", "`serde`");
    refuses(change("version = \"1.0.229\"\n", ""), "line 13", "no version");
    refuses(change("name = \"shop\"", "name = \"shop\"\nname = \"b\""), "line 7", "twice");
    refuses(change("name = \"shop\"", "name = \"\""), "line 6", "empty");
    refuses(change("[[package]]\nname = \"serde\"", "[oops]"), "line 13", "`[oops]`");
    refuses(change(" \"theirs\",\n]", " \"theirs\",\n"), "line 13", "`[[package]]`");
    refuses(read("version = 4\n[[package]]\ndependencies = ["), "line 3", "inside a list");
    refuses(cargo_lock(&vec![b' '; (16 << 20) + 1]), "the file", "16777217 bytes");
}

#[test]
fn package_lock_gives_what_is_not_ones_own() {
    let read = package_lock(PACKAGE_LOCK.as_bytes()).unwrap();
    assert_eq!(read.format, "package-lock.json 3");
    assert_eq!(
        read.components,
        [
            component("npm", "@babel/core", "7.29.0", Some("pkg:npm/%40babel/core@7.29.0")),
            component("npm", "real-name", "2.0.0", Some("pkg:npm/real-name@2.0.0")),
            component("npm", "semver", "6.3.1", Some("pkg:npm/semver@6.3.1")),
        ]
    );
    let two = PACKAGE_LOCK.replace("\"lockfileVersion\": 3", "\"lockfileVersion\": 2");
    assert_eq!(package_lock(two.as_bytes()).unwrap().components, read.components);
}

#[test]
fn broken_package_locks_are_refused_where_they_are_broken() {
    let change = |from: &str, to: &str| package_lock(PACKAGE_LOCK.replace(from, to).as_bytes());
    refuses(change("\"lockfileVersion\": 3", "\"lockfileVersion\": 1"), "lockfileVersion", "1");
    refuses(change("\"lockfileVersion\": 3,", ""), "lockfileVersion", "missing");
    refuses(change("\"packages\"", "\"pakete\""), "packages", "missing");
    let place = "packages[`node_modules/@babel/core`].version";
    refuses(change("\"7.29.0\"", "[]"), place, "a list is here");
    refuses(
        change("\"link\": true", "\"link\": \"yes\""),
        "packages[`node_modules/own`].link",
        "text",
    );
    let twice = "\"node_modules/own\": {}, \"node_modules/own\": {";
    refuses(change("\"node_modules/own\": {", twice), "line 6, column 46", "twice");
    // Escapes do not hide that two keys are one.
    let escaped = "\"packages/\\u006fwn\": {}, \"packages/own\": {";
    refuses(change("\"packages/own\": {", escaped), "line 5, column 43", "twice");
}
