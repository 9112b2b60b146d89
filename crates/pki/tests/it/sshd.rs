//! A real `sshd`: whom it takes, what it lets them do, and whom it no longer takes.

use super::hosts::{Login, Sshd, keygen};
use super::support::{authority, hour, names, past, request};
use pki::ssh::{Krl, Options, PublicKey, Request, Revoked, SerialRange};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

/// A host that trusts our authority for `web-admins`, with an empty list, and a client's key.
struct World {
    sshd: Sshd,
    key: PathBuf,
    subject: PublicKey,
    _folder: tempfile::TempDir,
}

fn world() -> Option<World> {
    let sshd = Sshd::start(&authority().public_key().line(), &["web-admins"])?;
    sshd.revoke(&list(1, Vec::new(), &[]));
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let subject = PublicKey::parse(&keygen(&key, &["-t", "ed25519"])).unwrap();
    Some(World { sshd, key, subject, _folder: folder })
}

fn list(version: u64, serials: Vec<SerialRange>, key_ids: &[&str]) -> Vec<u8> {
    let authority = authority().public_key().clone();
    let revoked = Revoked { authority, serials, key_ids: names(key_ids) };
    Krl::new(version, 0, "", vec![revoked]).unwrap().to_bytes()
}

impl World {
    fn certificate(&self, change: impl FnOnce(&mut Request<'_>)) -> String {
        let principals = names(&["web-admins"]);
        let mut asked = request(&self.subject, &principals);
        change(&mut asked);
        authority().issue(&asked).unwrap().line()
    }

    fn login<'a>(&'a self, certificate: &'a str) -> Login<'a> {
        Login { key: &self.key, certificate, options: &[] }
    }
}

#[test]
fn a_certificate_signs_in_and_the_host_logs_whose_it_is() {
    let Some(world) = world() else { return };
    let good = world.certificate(|_| ());
    assert_eq!(world.sshd.accepts(&world.login(&good), "echo hello"), "hello\n");
    world.sshd.says("ID person:ada/grant_01 (serial 77) CA ED25519");
    let loopback = Options { source_addresses: names(&["127.0.0.0/8"]), ..Options::default() };
    let from_here = world.certificate(|asked| asked.options = loopback);
    assert_eq!(world.sshd.accepts(&world.login(&from_here), "echo hello"), "hello\n");
}

#[test]
fn keys_of_every_kind_sign_in() {
    let Some(world) = world() else { return };
    let principals = names(&["web-admins"]);
    for (file, kind) in [
        ("p256", ["-t", "ecdsa", "-b", "256"]),
        ("p384", ["-t", "ecdsa", "-b", "384"]),
        ("rsa", ["-t", "rsa", "-b", "3072"]),
    ] {
        let key = world.key.with_file_name(file);
        let subject = PublicKey::parse(&keygen(&key, &kind)).unwrap();
        let certificate = authority().issue(&request(&subject, &principals)).unwrap().line();
        let login = Login { key: &key, certificate: &certificate, options: &[] };
        assert_eq!(world.sshd.accepts(&login, "echo hello"), "hello\n");
    }
}

#[test]
fn wrong_principals_past_and_future_windows_and_other_places_are_refused() {
    let Some(world) = world() else { return };
    let others = names(&["db-admins", "root"]);
    let asked = Request { principals: &others, ..request(&world.subject, &[]) };
    let wrong = authority().issue(&asked).unwrap().line();
    world.sshd.refuses(&world.login(&wrong), "does not contain an authorized principal");
    let expired = world.certificate(|asked| asked.window = past());
    world.sshd.refuses(&world.login(&expired), "Certificate invalid: expired");
    let soon = pki::Window::new(hour().until(), hour().until() + 60, 0).unwrap();
    let later = world.certificate(|asked| asked.window = soon);
    world.sshd.refuses(&world.login(&later), "Certificate invalid: not yet valid");
    let sources = Options { source_addresses: names(&["192.0.2.0/24"]), ..Options::default() };
    let elsewhere = world.certificate(|asked| asked.options = sources);
    world.sshd.refuses(&world.login(&elsewhere), "not from a permitted source address");
    let good = world.certificate(|_| ());
    let other_key = world.key.with_file_name("other");
    keygen(&other_key, &["-t", "ed25519"]);
    let stolen = Login { key: &other_key, certificate: &good, options: &[] };
    assert!(!world.sshd.command(&stolen, "true").output().unwrap().status.success());
}

#[test]
fn only_the_forced_command_runs_and_a_terminal_only_when_asked_for() {
    let Some(world) = world() else { return };
    let forced = Options { force_command: Some("echo forced".to_owned()), ..Options::default() };
    let certificate = world.certificate(|asked| asked.options = forced);
    assert_eq!(world.sshd.accepts(&world.login(&certificate), "echo other"), "forced\n");
    let plain = world.certificate(|_| ());
    let terminal = Login { options: &["-tt"], ..world.login(&plain) };
    let output = world.sshd.command(&terminal, "tty").stdin(Stdio::null()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("PTY allocation request failed"));
    let pty = Options { permit_pty: true, ..Options::default() };
    let allowed = world.certificate(|asked| asked.options = pty);
    let terminal = Login { options: &["-tt"], ..world.login(&allowed) };
    let output = world.sshd.command(&terminal, "tty").stdin(Stdio::null()).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("PTY allocation request failed"));
    // By others `sshd` cannot hand the terminal over where its group is not `tty` already.
    let given = String::from_utf8_lossy(&output.stdout).starts_with("/dev/pts/");
    assert!(given || world.sshd.user != "root", "{output:?}");
    // Without the extension a forwarding is refused, and `ssh` is told to end then.
    let forward = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"];
    let forwarding = Login { options: &forward, ..world.login(&allowed) };
    assert!(!world.sshd.command(&forwarding, "true").output().unwrap().status.success());
}

#[test]
fn a_new_list_takes_effect_at_the_next_sign_in_without_a_reload() {
    let Some(world) = world() else { return };
    let first = world.certificate(|_| ());
    let again = world.certificate(|asked| asked.serial = 78);
    let other = world.certificate(|asked| asked.key_id = "person:eve/grant_02");
    for certificate in [&first, &again, &other] {
        world.sshd.accepts(&world.login(certificate), "true");
    }
    world.sshd.revoke(&list(2, vec![SerialRange::one(78)], &[]));
    world.sshd.refuses(&world.login(&again), "revoked by file");
    world.sshd.accepts(&world.login(&first), "true");
    world.sshd.revoke(&list(3, Vec::new(), &["person:ada/grant_01"]));
    world.sshd.refuses(&world.login(&first), "revoked by file");
    world.sshd.refuses(&world.login(&again), "revoked by file");
    world.sshd.accepts(&world.login(&other), "true");
    world.sshd.revoke(&list(4, Vec::new(), &[]));
    world.sshd.accepts(&world.login(&first), "true");
}

#[test]
fn without_a_sound_list_nobody_is_taken() {
    let Some(world) = world() else { return };
    let good = world.certificate(|_| ());
    let empty = list(1, Vec::new(), &[]);
    let full = list(1, vec![SerialRange::one(1)], &[]);
    for broken in [full[..full.len() - 3].to_vec(), b"garbage".to_vec()] {
        world.sshd.revoke(&broken);
        world.sshd.refuses(&world.login(&good), "Error checking authentication key");
    }
    fs::remove_file(world.sshd.list()).unwrap();
    world.sshd.refuses(&world.login(&good), "Error checking authentication key");
    world.sshd.revoke(&empty);
    world.sshd.accepts(&world.login(&good), "true");
}

#[test]
fn a_session_that_is_open_outlives_the_revocation() {
    let Some(world) = world() else { return };
    let good = world.certificate(|_| ());
    let mut ssh = world.sshd.command(&world.login(&good), "cat");
    let mut session = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut to, from) = (session.stdin.take().unwrap(), session.stdout.take().unwrap());
    let mut from = BufReader::new(from);
    let mut echo = |word: &str| {
        writeln!(to, "{word}").unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(echo("before"), "before\n");
    world.sshd.revoke(&list(2, Vec::new(), &["person:ada/grant_01"]));
    world.sshd.refuses(&world.login(&good), "revoked by file");
    // What a host must do by itself: `sshd` does not look again.
    assert_eq!(echo("after"), "after\n");
    drop(to);
    assert!(session.wait().unwrap().success());
}
