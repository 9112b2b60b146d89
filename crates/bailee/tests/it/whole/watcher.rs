//! `bailee watch-the-watcher` as a process of its own, against a server that is killed, and one
//! that stands still and still takes connections.

use super::support::peers::Peer;
use super::support::{BAILEE, Server, Store, text};
use kernel::{Clock as _, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Longest time that anything here may take: a look at a server that stands still takes ten
/// seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A watcher, which ends with the test.
struct Watcher(Child);

impl Watcher {
    fn signal(&self, signal: Signal) {
        send(self.0.id(), signal);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn send(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(process).unwrap()).unwrap(), signal).unwrap();
}

/// Takes one connection and ends it at once.
fn turned_away(listener: &TcpListener) -> bool {
    match listener.accept() {
        Ok((stream, _)) => {
            drop(stream);
            true
        }
        Err(_) => {
            thread::yield_now();
            false
        }
    }
}

fn command(server: &Server, token: &str, vkey: &str) -> Command {
    server.command(token, &["watch-the-watcher", "--vkey", vkey])
}

/// The alarm comes after the second look that nobody answers, and not again with each that follows.
fn alarmed(relay: &Peer, listener: &TcpListener) {
    let end = SystemClock.now().after(PATIENCE);
    let in_time = || SystemClock.now() < end;
    while !turned_away(listener) {
        assert!(in_time(), "it does not look");
    }
    assert!(relay.passed().is_empty(), "one heartbeat may be lost");
    let mut looks = 1;
    let letter = loop {
        looks += u32::from(turned_away(listener));
        if let Some(letter) = relay.letter(Duration::ZERO) {
            break letter;
        }
        assert!(in_time(), "no alarm after {looks} looks");
    };
    assert!(letter.contains("ALARM: no heartbeat") && looks <= 3, "{looks} looks: {letter}");
    assert!(letter.contains("To: owner@example.net"), "{letter}");
    let before = looks;
    while looks < before + 5 {
        looks += u32::from(turned_away(listener));
        let told = relay.passed();
        assert!(!told.iter().any(|at| at.starts_with(". ")), "not at each look: {told:?}");
        assert!(in_time(), "it looks no more after {looks} looks");
    }
}

#[test]
fn the_watcher_tells_once_that_a_server_is_gone_and_that_it_is_back() {
    let store = Store::init();
    let relay = Peer::relay();
    let [served, watched, said] =
        ["bailee.toml", "watch.toml", "said"].map(|name| store.beside(name));
    fs::write(&served, "anchor_seconds = 1\nweekly_test_page = false\n").unwrap();
    let mail = "host = \"127.0.0.1\"\ntls = \"danger-none\"\nfrom = \"watcher@example.net\"";
    let port = relay.port;
    let file =
        format!("every_seconds = 1\nto = [\"owner@example.net\"]\n[mail]\nport = {port}\n{mail}\n");
    fs::write(&watched, file).unwrap();
    let mut server = store.serve_with(&["--config", text(&served)], &[]);
    // Any token will do; this service may do nothing.
    let made = server.did(&server.admin, &["service", "create", "watcher", "--json"]);
    let token = made["token"].as_str().unwrap().to_owned();
    let keys = server.administrator().get("/v1/ledger/keys").expect(200).json();
    let vkey = keys["house"].as_str().unwrap().to_owned();
    let well = || {
        let mut once = command(&server, &token, &vkey);
        once.arg("--once").output().unwrap().status.code() == Some(0)
    };
    assert!((0..300).any(|_| well()), "the server looks at its pages within seconds");
    let watcher = command(&server, &token, &vkey)
        .args(["--config", text(&watched)])
        .stdout(Stdio::null())
        .stderr(File::create(&said).unwrap())
        .spawn();
    let watcher = Watcher(watcher.unwrap());

    // Killed. Whoever has its place from now on counts the looks.
    watcher.signal(Signal::STOP);
    let address = server.address;
    server.kill();
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    watcher.signal(Signal::CONT);
    alarmed(&relay, &listener);
    drop(listener);
    let mut again = Command::new(BAILEE);
    again.args(["serve", "--json", "--listen", &address.to_string(), "--data", text(&store.data)]);
    again.args(["--keys", text(&store.keys), "--config", text(&served)]);
    server = Server::start(&mut again, &store).unwrap();
    let letter = relay.letter(PATIENCE).expect("it is back");
    assert!(letter.contains("the heartbeat is back, and nothing is wrong"), "{letter}");

    // It stands still: the system takes connections for it, and nobody answers.
    send(server.pid(), Signal::STOP);
    let letter = relay.letter(PATIENCE);
    send(server.pid(), Signal::CONT);
    let letter = letter.expect("an alarm");
    assert!(letter.contains("ALARM: no heartbeat within 10 s"), "{letter}");
    let letter = relay.letter(PATIENCE).expect("it is back");
    assert!(letter.contains("the heartbeat is back"), "{letter}");
    drop(watcher);
    let said = fs::read_to_string(&said).unwrap();
    assert_eq!(said.matches("ALARM").count(), 2, "{said}");
    server.stop();
    store.verified();
}
