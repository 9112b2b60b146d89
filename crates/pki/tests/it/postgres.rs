//! A real PostgreSQL that takes client certificates: the common name is the role.

use super::hosts::Postgres;
use super::support::{client, client_of_openssl, hour, house, names, now, past, person, revoking};
use pki::x509::Subject;

#[test]
fn the_role_signs_in_until_its_certificate_is_revoked() {
    let authority = house(3);
    let empty = revoking(&authority, 1, &[]).pem();
    let ca = authority.certificate().pem();
    let Some(host) = Postgres::start(&ca, &empty, &["ada", "eve"]) else { return };
    let client = client();
    let good = client.file(&client.ask(&authority, 1, "ada"));
    let other = client.file(&client.ask(&authority, 2, "eve"));
    let who = |role, certificate| {
        let output = host.who(role, certificate, &client.key);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(who("ada", &good), "ada\n");
    assert_eq!(who("eve", &other), "eve\n");
    host.refuses("eve", &good, &client.key, "certificate authentication failed for user \"eve\"");
    let old = client.file(&client.ask_for(&authority, 3, person("ada"), past()));
    host.refuses("ada", &old, &client.key, "alert certificate expired");
    let foreign = client.file(&client.ask(&house(4), 4, "ada"));
    host.refuses("ada", &foreign, &client.key, "alert unknown ca");
    // Groups before the name do not disturb it.
    let subject = Subject { groups: names(&["readers"]), ..person("ada") };
    let grouped = client.file(&client.ask_for(&authority, 5, subject, hour()));
    assert_eq!(who("ada", &grouped), "ada\n");
    for kind in [
        ["-algorithm", "ED25519"].as_slice(),
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    ] {
        let other = client_of_openssl(kind);
        let certificate = other.file(&other.ask(&authority, 6, "ada"));
        let output = host.who("ada", &certificate, &other.key);
        assert!(output.status.success(), "{kind:?}: {output:?}");
    }

    host.revoke(&revoking(&authority, 2, &[1]).pem());
    host.refuses("ada", &good, &client.key, "alert certificate revoked");
    assert_eq!(who("eve", &other), "eve\n");
}

#[test]
fn a_list_that_is_broken_or_speaks_no_longer() {
    let authority = house(3);
    let revoked = revoking(&authority, 1, &[1]).pem();
    let ca = authority.certificate().pem();
    let Some(host) = Postgres::start(&ca, &revoked, &["ada"]) else { return };
    let client = client();
    let good = client.file(&client.ask(&authority, 2, "ada"));
    let withdrawn = client.file(&client.ask(&authority, 1, "ada"));
    assert!(host.who("ada", &good, &client.key).status.success());
    // Half a list is not read, and the one before stays in force.
    host.revoke(&revoked[..revoked.len() / 2]);
    host.refuses("ada", &withdrawn, &client.key, "alert certificate revoked");
    assert!(host.who("ada", &good, &client.key).status.success());
    let stale = authority.revoke(2, now() - 7200, now() - 3600, Vec::new()).unwrap();
    host.revoke(&stale.pem());
    host.refuses("ada", &good, &client.key, "alert certificate expired");
}

#[test]
fn an_open_session_outlives_the_revocation() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::Stdio;

    let authority = house(3);
    let empty = revoking(&authority, 1, &[]).pem();
    let ca = authority.certificate().pem();
    let Some(host) = Postgres::start(&ca, &empty, &["ada"]) else { return };
    let client = client();
    let good = client.file(&client.ask(&authority, 1, "ada"));
    let mut psql = host.command("ada", &good, &client.key);
    let mut psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut to = psql.stdin.take().unwrap();
    let mut from = BufReader::new(psql.stdout.take().unwrap());
    let mut ask = |statement: &str| {
        writeln!(to, "{statement};").unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(ask("select current_user"), "ada\n");
    host.revoke(&revoking(&authority, 2, &[1]).pem());
    host.refuses("ada", &good, &client.key, "alert certificate revoked");
    assert_eq!(ask("select 2"), "2\n");
    // What a host must do by itself.
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_ssl join pg_stat_activity \
               using (pid) where client_serial = 0x01010101010101010101010101010101::numeric";
    let cut = cut.replace("0x01010101010101010101010101010101", &u128::MAX.to_string());
    assert_eq!(host.run(&cut), "0\n");
    let serial = u128::from_be_bytes([1; 16]).to_string();
    assert_eq!(host.run(&cut.replace(&u128::MAX.to_string(), &serial)), "1\n");
    assert_eq!(ask("select 3"), "");
    assert!(!psql.wait().unwrap().success());
}
