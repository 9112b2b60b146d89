//! Each rule on a small repository: what it finds, and what it must leave alone.

use std::collections::BTreeMap;

use super::source::{Source, has_word, lines_with};
use super::{Finding, Repo, check, documents, exceptions, layers, manifests, nouns, paths};
use super::{routes, shape};

fn repo(files: &[(&str, &str)]) -> Repo {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    Repo::new(files.collect::<BTreeMap<_, _>>())
}

/// Findings as `rule path:line`.
fn brief(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|found| format!("{} {}:{}", found.rule, found.path, found.line)).collect()
}

#[test]
fn blanking_keeps_lines_and_hides_comments_and_literals() {
    let text = "let a = \"std::fs \\\" x\"; // std::fs\n/* std::fs /* std::fs */ */ let b = 'x';\n\
                let c = r#\"std::fs \" \"#; let d: &'static u8 = b\"\\\\\";\n\
                let e = '\\''; std::fs";
    let source = Source::new("crates/a/src/lib.rs", text);
    assert_eq!(source.code.lines().count(), text.lines().count());
    assert_eq!(lines_with(&source.code, "std::fs"), [4]);
    assert!(source.code.contains("&'static u8"));
    assert_eq!(source.code.chars().count(), text.chars().count());
}

#[test]
fn raw_names_are_not_raw_strings() {
    let source = Source::new("crates/a/src/lib.rs", "let r#type = 1; std::fs::read(r)");
    assert_eq!(lines_with(&source.code, "std::fs"), [1]);
}

#[test]
fn words_are_whole_words() {
    assert!(has_word("use tokio::time;", "tokio"));
    assert!(!has_word("use tokio_util::time;", "tokio"));
    assert!(!has_word("my_tokio", "tokio"));
    assert!(has_word("x.await?", ".await"));
    assert!(!has_word("oversleep(1)", "sleep("));
}

#[test]
fn items_under_cfg_test_are_not_production() {
    let text = "use a;\n#[cfg(test)]\nmod tests {\n    fn x() { std::fs }\n}\nfn y() {}\n\
                #[cfg(test)]\nuse std::fs;\nfn z() {}\n";
    let source = Source::new("crates/a/src/lib.rs", text);
    assert!(!source.production.contains("std::fs"));
    assert!(source.production.contains("fn y()") && source.production.contains("fn z()"));
    assert_eq!(source.production_lines, 3);
    assert!(Source::new("crates/a/src/tests.rs", text).production.is_empty());
}

#[test]
fn long_files_are_found_tests_do_not_count() {
    let long = "fn a() {}\n".repeat(501);
    let found = shape::check(&repo(&[("crates/a/src/lib.rs", &long)]));
    assert_eq!(brief(&found), ["file-length crates/a/src/lib.rs:501"]);
    assert_eq!(found[0].weight, 501);
    let tested = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert!(shape::check(&repo(&[("crates/a/src/lib.rs", &tested)])).is_empty());
    assert!(shape::check(&repo(&[("crates/a/tests/it/main.rs", &long)])).is_empty());
}

#[test]
fn wide_lines_are_found_addresses_are_not() {
    let wide = format!("fn a() {{}}\n// {}\n// https://{}\n", "é".repeat(98), "x".repeat(120));
    let found = shape::check(&repo(&[("crates/a/src/lib.rs", &wide)]));
    assert_eq!(brief(&found), ["line-length crates/a/src/lib.rs:2"]);
}

#[test]
fn names_that_say_nothing_are_found() {
    let found = shape::check(&repo(&[
        ("crates/a/src/utils.rs", ""),
        ("crates/a/src/misc/mod.rs", ""),
        ("crates/a/src/mod.rs", ""),
    ]));
    assert_eq!(
        brief(&found),
        ["empty-name crates/a/src/misc/mod.rs:1", "empty-name crates/a/src/utils.rs:1"]
    );
}

#[test]
fn tests_neither_wait_nor_are_switched_off() {
    let off = concat!("#[test]\n#[", "ignore = \"later\"]\nfn a() { std::thread::sleep(x) }\n");
    let found = shape::check(&repo(&[
        ("crates/a/tests/it/main.rs", off),
        ("crates/b/src/lib.rs", "fn a() { pause.sleep(x) }\n#[cfg(test)]\nfn b() { sleep(x) }\n"),
        ("tests/foreign/a.py", "import time\ntime.sleep(1)\n"),
        ("demo/a.py", "time.sleep(1)\n"),
    ]));
    assert_eq!(
        brief(&found),
        [
            "ignored-test crates/a/tests/it/main.rs:2",
            "sleep crates/a/tests/it/main.rs:3",
            "sleep crates/b/src/lib.rs:3",
            "sleep tests/foreign/a.py:2"
        ]
    );
}

#[test]
fn each_crate_does_without_what_it_must() {
    let found = layers::check(&repo(&[
        ("crates/domain/src/lib.rs", "mod data;\nuse std::{\n    fmt,\n    time::Instant,\n};\n"),
        ("crates/domain/src/data.rs", "async fn a() { b.await }\n// std::fs\n"),
        ("crates/domain/tests/it/main.rs", "use std::time::Duration;\n"),
        ("crates/ledger/src/lib.rs", "use std::fs;\n#[cfg(test)]\nuse std::net;\n"),
        ("crates/ledger/examples/a.rs", "use std::fs;\n"),
        ("crates/api/src/lib.rs", "use std::fs; use rusqlite::Connection;\n"),
        ("crates/kernel/src/sqlite.rs", "use rusqlite::Connection; use std::time::Instant;\n"),
        ("crates/kernel/src/data.rs", ""),
    ]));
    assert_eq!(
        brief(&found),
        [
            "layers crates/api/src/lib.rs:1",
            "layers crates/domain/src/data.rs:1",
            "layers crates/domain/src/data.rs:1",
            "layers crates/domain/src/lib.rs:4",
            "layers crates/kernel/src/data.rs:1",
            "layers crates/ledger/src/lib.rs:1",
        ]
    );
}

const GLOSSARY: &str = "# Glossary\n\n## Nouns\n\n| noun | meaning |\n|---|---|\n\
                        | `accounts` | a |\n| `people` | b |\n| `data` | c |\n\n## Terms\n\n\
                        | term | meaning |\n|---|:--|\n| `text` | d |\n";

#[test]
fn nouns_are_listed_and_in_order() {
    let lib = "pub mod accounts;\npub(crate) mod text;\npub mod data;\npub mod people;\nmod odd;\n";
    let found =
        nouns::check(&repo(&[("docs/glossary.md", GLOSSARY), ("crates/domain/src/lib.rs", lib)]));
    assert_eq!(
        brief(&found),
        ["noun-order crates/domain/src/lib.rs:4", "glossary crates/domain/src/lib.rs:5"]
    );
}

#[test]
fn a_noun_stands_once_in_the_glossary() {
    let twice = format!("{GLOSSARY}| `people` | again |\n");
    let found = nouns::check(&repo(&[("docs/glossary.md", &twice)]));
    assert_eq!(brief(&found), ["glossary docs/glossary.md:16"]);
}

#[test]
fn a_noun_uses_only_those_above_it() {
    let found = nouns::check(&repo(&[
        ("docs/glossary.md", GLOSSARY),
        ("crates/domain/src/lib.rs", "pub mod accounts;\npub mod people;\npub mod data;\n"),
        ("crates/domain/src/people/mod.rs", "use crate::accounts::A;\nuse super::data::D;\n"),
        ("crates/domain/src/people/join.rs", "use super::people;\nuse super::super::data;\n"),
        (
            "crates/domain/src/accounts.rs",
            "// crate::data\nuse crate::{\n    people::{P, data},\n};",
        ),
        ("crates/domain/src/data.rs", "use crate::{accounts, people};\n"),
    ]));
    assert_eq!(
        brief(&found),
        [
            "noun-order crates/domain/src/accounts.rs:2",
            "noun-order crates/domain/src/people/join.rs:2",
            "noun-order crates/domain/src/people/mod.rs:2",
        ]
    );
}

#[test]
fn folders_of_a_machine_and_registries_are_found() {
    let folder = concat!("cp /wo", "rk/x frame/wo", "rk/y\n");
    let host = concat!("\nhttps://pypi", ".org/simple\n");
    let found = paths::check(&repo(&[("a.txt", folder), ("b.txt", host)]));
    assert_eq!(brief(&found), ["machine-path a.txt:1", "registry-host b.txt:2"]);
}

#[test]
fn routes_and_their_description_agree() {
    let table = "# method path operation\nGET  /v1/accounts/{account}  get\nPUT /v1/x put\n";
    let both = r#"{"paths": {"/v1/accounts/{id}": {"get": {}, "parameters": []},
                   "/v1/y": {"post": {}}}}"#;
    let found = routes::check(&repo(&[("crates/api/routes.txt", table), ("openapi.json", both)]));
    assert_eq!(brief(&found), ["routes crates/api/routes.txt:3", "routes openapi.json:1"]);
    assert!(routes::check(&repo(&[])).is_empty());
    let alone = routes::check(&repo(&[("crates/api/routes.txt", table)]));
    assert_eq!(brief(&alone), ["routes openapi.json:1"]);
    let empty = routes::check(&repo(&[("crates/api/routes.txt", "# none\n")]));
    assert_eq!(brief(&empty), ["routes crates/api/routes.txt:1"]);
}

const MANIFEST: &str = "[package]\nname = \"domain\"\nversion.workspace = true\n\
    edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\
    publish.workspace = true\n[lints]\nworkspace = true\n";

#[test]
fn members_inherit_and_depend_downwards() {
    let good = format!("{MANIFEST}[dependencies]\nkernel.workspace = true\nserde = \"1\"\n");
    let good = format!("{good}[dev-dependencies]\ntestkit.workspace = true\n");
    assert!(manifests::check(&repo(&[("crates/domain/Cargo.toml", &good)])).is_empty());
    let bad =
        MANIFEST.replace("[lints]\nworkspace = true\n", "[dependencies]\napi.path = \"../api\"\n");
    let bad = bad.replace("edition.workspace = true", "edition = \"2024\"");
    let found = manifests::check(&repo(&[("crates/domain/Cargo.toml", &bad)]));
    let what: Vec<_> = found.iter().map(|found| found.what.as_str()).collect();
    assert_eq!(
        what,
        [
            "the lints of the workspace are not inherited",
            "`edition` is not inherited",
            "`domain` must not depend on `api`"
        ]
    );
}

#[test]
fn documents_are_there_and_their_links_lead_somewhere() {
    let page =
        "[a](b.md#x) [c](../STYLE.md) [d](https://example.org) [e](decisions/)\n[f](no.md)\n";
    let found = documents::check(&repo(&[
        ("docs/threats.md", page),
        ("docs/b.md", ""),
        ("docs/decisions/README.md", ""),
        ("STYLE.md", ""),
        ("ARCHITECTURE.md", &"line\n".repeat(201)),
    ]));
    let found = brief(&found);
    assert!(found.contains(&"documents docs/threats.md:2".to_owned()));
    assert!(found.contains(&"documents ARCHITECTURE.md:201".to_owned()));
    assert!(found.contains(&"documents docs/acceptance.md:1".to_owned()));
    assert_eq!(found.len(), 2 + 8);
}

#[test]
fn cited_decisions_are_written_down() {
    let code = "// A decision 12 is none.\n// See decision \
                9001.\n// See decision \
                9002.\n";
    let found = documents::check(&repo(&[
        ("crates/a/src/lib.rs", code),
        ("docs/decisions/9001-one-lane.md", ""),
    ]));
    let cited: Vec<_> = brief(&found).into_iter().filter(|line| line.contains("crates/")).collect();
    assert_eq!(cited, ["documents crates/a/src/lib.rs:3"]);
}

#[test]
fn exceptions_excuse_and_may_only_shrink() {
    let list = "# head\nline-length a.rs 2 old table\nline-length b.rs 3 old table\n\
                line-length c.rs 1 old table\nline-length d.rs 1\nline-length e.rs 1 old table\n";
    let wide = |path: &str, line| Finding::new("line-length", path, line, String::new(), "");
    let found = vec![
        wide("a.rs", 1),
        wide("a.rs", 2),
        wide("b.rs", 1),
        wide("e.rs", 1),
        wide("e.rs", 2),
        wide("f.rs", 1),
    ];
    let left = exceptions::apply(&repo(&[("xtask/tidy-exceptions.txt", list)]), found);
    assert_eq!(
        brief(&left),
        [
            "line-length e.rs:1",
            "line-length e.rs:2",
            "line-length f.rs:1",
            "exceptions xtask/tidy-exceptions.txt:3",
            "exceptions xtask/tidy-exceptions.txt:4",
            "exceptions xtask/tidy-exceptions.txt:5",
        ]
    );
}

#[test]
fn findings_read_as_a_compiler_would_write_them() {
    let found = check(&repo(&[("crates/a/src/util.rs", "")]));
    let line = found.iter().find(|found| found.rule == "empty-name").unwrap().to_string();
    assert_eq!(
        line,
        "crates/a/src/util.rs:1: `util` does not say what is inside — \
         name it after what it promises [empty-name]"
    );
}
