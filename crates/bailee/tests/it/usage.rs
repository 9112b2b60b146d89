//! Exit codes before any server answers, and how errors are told.

use crate::program::run_with;
use crate::server::Server;

/// The port of tcpmux (RFC 1078): nobody listens there, and no test may.
const NOBODY: &str = "https://127.0.0.1:1";

#[test]
fn a_wrong_command_line_is_2() {
    for args in [&[][..], &["frobnicate"], &["account", "show"], &["account", "show", "../x"]] {
        let run = run_with(args, &[], b"").expect_code(2);
        assert!(run.out.is_empty() && !run.err.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_version_are_0_and_list_the_exit_codes() {
    let help = run_with(&["--help"], &[], b"").expect_code(0);
    assert!(help.text().contains("Exit codes:") && help.text().contains("  7  "));
    assert!(run_with(&["--version"], &[], b"").expect_code(0).text().starts_with("bailee "));
    run_with(&["import", "--help"], &[], b"").expect_code(0);
}

#[test]
fn help_never_shows_a_token() {
    let env = [("BAILEE_TOKEN", "secret-token"), ("BAILEE_URL", "https://host")];
    for args in [&["--help"][..], &["account", "--help"], &["account", "list", "--help"]] {
        let run = run_with(args, &env, b"");
        assert!(!run.text().contains("secret-token") && !run.err.contains("secret-token"));
    }
}

#[test]
fn settings_that_are_missing_or_wrong_are_named() {
    let good = [("BAILEE_URL", NOBODY), ("BAILEE_TOKEN", "t")];
    for (name, value, code, word) in [
        ("BAILEE_URL", "", 2, "BAILEE_URL"),
        ("BAILEE_URL", "http://127.0.0.1:1", 2, "https://"),
        ("BAILEE_URL", "https://h/path", 2, "host and port"),
        ("BAILEE_TOKEN", "", 4, "BAILEE_TOKEN"),
        ("BAILEE_TOKEN", "two\nlines", 4, "token"),
        ("BAILEE_CA", "/nonexistent/ca.pem", 2, "/nonexistent/ca.pem"),
        ("BAILEE_CA", "/dev/null", 2, "no PEM certificate"),
    ] {
        let mut env = good.to_vec();
        env.retain(|(known, _)| *known != name);
        env.push((name, value));
        let run = run_with(&["account", "list"], &env, b"").expect_code(code);
        assert!(run.err.starts_with("error: ") && run.err.contains(word), "{name}: {}", run.err);
        assert!(!run.err.contains("two\nlines"));
    }
}

#[test]
fn a_server_that_is_not_there_is_6_at_once() {
    let env = [("BAILEE_URL", NOBODY), ("BAILEE_TOKEN", "t")];
    let run = run_with(&["account", "list"], &env, b"").expect_code(6);
    assert!(run.err.contains(NOBODY) && run.err.contains("connection refused"), "{}", run.err);
}

#[test]
fn a_server_that_is_not_trusted_is_6_and_says_how_to_trust_it() {
    let server = Server::start();
    let other = Server::start();
    for ca in ["", other.ca().to_str().unwrap()] {
        let env = [("BAILEE_URL", server.url()), ("BAILEE_TOKEN", "good-token"), ("BAILEE_CA", ca)];
        let run = run_with(&["account", "list"], &env, b"").expect_code(6);
        assert!(run.err.contains("not trusted") && run.err.contains("BAILEE_CA"), "{}", run.err);
    }
    assert!(server.asked().is_empty(), "nothing is sent to a server that is not trusted");
}

#[test]
fn flags_count_more_than_the_environment() {
    let server = Server::start();
    let token = server.file("token", "good-token\nsecond line\n");
    let ca = server.ca();
    let args = [
        "collection",
        "create",
        "a",
        "c",
        "--url",
        server.url(),
        "--ca",
        ca.to_str().unwrap(),
        "--token-file",
        token.to_str().unwrap(),
    ];
    let env = [("BAILEE_URL", "https://nowhere.invalid"), ("BAILEE_TOKEN", "bad")];
    // Not found: the token was good, the account is not there.
    run_with(&args, &env, b"").expect_code(3);
    assert_eq!(server.state().seen[0].headers["authorization"], "Bearer good-token");
}

#[test]
fn an_error_for_programs_is_one_object() {
    let run = run_with(&["account", "list", "--json"], &[], b"").expect_code(2);
    assert!(run.out.is_empty());
    let error: serde_json::Value = serde_json::from_str(run.err.trim_end()).unwrap();
    assert_eq!(error["exit"], 2);
    assert!(error["error"].as_str().unwrap().contains("BAILEE_URL"));
}
