//! Real attackers against a real server: Debian's hydra guesses, ffuf looks for paths, nmap tries
//! the listener out, each from an address of its own and bounded in count and time. They are found,
//! slowed and shut out; who works beside them notices nothing.

use super::support::lab::Lab;
use super::support::{Server, Store, said, skip_unless_all, text};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

fn list(path: &Path, lines: usize, line: impl Fn(usize) -> String) {
    let mut all = String::new();
    (0..lines).for_each(|nth| writeln!(all, "{}", line(nth)).unwrap());
    std::fs::write(path, all).unwrap();
}

/// Runs an attacker, which may take a minute, and leaves what it writes in a folder.
fn bounded(command: &Command, folder: &Path) -> String {
    let mut timed = Command::new("timeout");
    timed.current_dir(folder);
    timed.arg("60").arg(command.get_program()).args(command.get_args());
    said(&timed.output().unwrap())
}

/// Ends what works beside the attackers, also where the test fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The answers in force on an address, by kind.
fn kinds(page: &Value, target: &str) -> Vec<String> {
    let all = page["items"].as_array().unwrap().iter();
    let own = all.filter(|row| row["target"] == target && row["state"]["word"] == "in-force");
    own.map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
}

const CONFIG: &str = "anchor_seconds = 1\n[detection]\ncanary_minutes = 0\n\
                      [answers]\nautomatic = [\"limit\", \"ban\", \"lock\", \"suspend\"]\n\
                      minutes = 10\n";

/// Where the attack happens: the server, and those who may ask it about itself.
struct Scene {
    lab: Lab,
    store: Store,
    server: Server,
    rob: String,
    worker: String,
}

const GUESSER: usize = 1;
const SEARCHER: usize = 2;
const SCANNER: usize = 3;
const HONEST: usize = 4;

impl Scene {
    fn new() -> Option<Self> {
        let lab = Lab::new("a", 4)?;
        let store = Store::init();
        let config = store.beside("attackers.toml");
        std::fs::write(&config, CONFIG).unwrap();
        let server = lab.serve(&store, &["--config", text(&config)]);
        let did = |words: &[&str]| {
            let made = lab.did(HONEST, &server, &server.admin, words);
            made["token"].as_str().unwrap().to_owned()
        };
        let rob = did(&["person", "create", "rob", "--roles", "responder", "--json"]);
        let worker = did(&["service", "create", "worker", "--json"]);
        Some(Self { lab, store, server, rob, worker })
    }

    fn list(&self, noun: &str) -> Value {
        self.lab.did(HONEST, &self.server, &self.rob, &[noun, "list", "--json"])
    }

    fn answered(&self, who: usize, kind: &str) -> bool {
        kinds(&self.list("answer"), &Lab::address(who)).contains(&kind.to_owned())
    }

    fn until(&self, noun: &str, wanted: impl Fn(&Value) -> bool) {
        let mut told = Value::Null;
        let is_there = (0..400).any(|_| {
            told = self.list(noun);
            wanted(&told)
        });
        assert!(is_there, "it never said what was waited for: {told}");
    }

    fn ask(&self, who: usize, path: &str) -> Vec<u16> {
        self.lab.ask(who, &self.server, path, "")
    }

    fn port(&self) -> String {
        self.server.address.port().to_string()
    }

    /// A person and a service work, as fast as they can, until they are told to stop.
    fn work(&self, stop: &AtomicBool) -> Vec<u16> {
        let mut statuses = Vec::new();
        let ask = |path: &str, token: &str| self.lab.ask(HONEST, &self.server, path, token);
        while !stop.load(Ordering::Relaxed) {
            statuses.extend(ask("/v1/answers?limit=[1-20]", &self.rob));
            statuses.extend(ask("/v1/measures", &self.worker));
            statuses.extend(ask("/sign-in", ""));
        }
        statuses
    }

    /// Hydra guesses: passwords for the API; then tokens for it, and codes for the pages.
    fn guess(&self) {
        let guesses = self.store.beside("guesses");
        list(&guesses, 120, |nth| format!("bailee_{nth:043}"));
        let hydra = |module: &str, what: &str| {
            let mut hydra = self.lab.command(GUESSER, "hydra");
            hydra.args(["-I", "-l", "x", "-P", text(&guesses), "-t", "16", "-s", &self.port()]);
            hydra.args([Lab::SERVER, module, what]);
            bounded(&hydra, self.store.scratch.path())
        };
        let first = hydra("https-get", "/v1/measures");
        self.until("answer", |_| self.answered(GUESSER, "limit"));
        // Slowed, it goes on, and is shut out for that; where it looks does not matter.
        let statuses = self.ask(GUESSER, "/v1/measures?n=[1-15]");
        assert!(statuses.contains(&429) || statuses.contains(&403), "{statuses:?} {first}");
        let tokens = "/v1/measures:u=^USER^:H=Authorization\\: Bearer ^PASS^:S=urn-none";
        let codes = "/sign-in:link=^PASS^:H=Sec-Fetch-Site\\: same-origin:S=urn-none";
        let banned = (0..20).any(|_| {
            hydra("https-get", "/v1/measures");
            hydra("https-get-form", tokens);
            hydra("https-post-form", codes);
            self.answered(GUESSER, "ban")
        });
        assert!(banned, "{} {}", self.list("alert"), self.list("answer"));
        // A ban makes refusals, and at last not even those; they set nothing off.
        let unexplained = (0..4).any(|_| {
            let refused = self.ask(GUESSER, "/v1/measures?n=[1-100]");
            assert!(refused.iter().all(|status| [403, 0].contains(status)), "{refused:?}");
            self.ask(GUESSER, "/v1/measures") == [0]
        });
        assert!(unexplained, "each handshake of somebody who was told costs");
    }

    /// Ffuf looks for paths.
    fn search(&self) {
        let paths = self.store.beside("paths");
        list(&paths, 200, |nth| format!("admin{nth}.php"));
        let mut ffuf = self.lab.command(SEARCHER, "ffuf");
        let url = format!("{}/FUZZ", self.server.url);
        ffuf.args(["-k", "-s", "-t", "4", "-mc", "200", "-w", text(&paths), "-u", &url]);
        let told = bounded(&ffuf, self.store.scratch.path());
        assert!(!told.contains("admin1"), "nothing was found: {told}");
        self.until("answer", |_| self.answered(SEARCHER, "ban"));
        let refused = self.ask(SEARCHER, "/trust?n=[1-3]");
        assert!(refused.iter().all(|status| [403, 0].contains(status)), "{refused:?}");
    }

    /// Nmap tries out which versions and ciphers are spoken.
    fn scan(&self) {
        let mut nmap = self.lab.command(SCANNER, "nmap");
        nmap.args(["-n", "-Pn", "-sT", "-sV", "--script", "ssl-enum-ciphers"]);
        nmap.args(["-p", &self.port(), "--host-timeout", "55s", Lab::SERVER]);
        let about = format!("source.ip={}", Lab::address(SCANNER));
        // On a busy machine nmap gives up early, and tries too few ciphers within a minute; whoever
        // scans comes back.
        let found = (0..4).any(|_| {
            let told = bounded(&nmap, self.store.scratch.path());
            assert!(told.contains("open"), "{told}");
            (0..400).any(|_| {
                let page = self.list("alert");
                let all = page["items"].as_array().unwrap();
                all.iter().any(|one| one["about"] == about.as_str())
            })
        });
        assert!(found, "{}", self.list("alert"));
    }

    /// Every alert and every answer is about one of the attackers: nothing came of our refusals.
    fn look_back(&self) {
        let attackers = [GUESSER, SEARCHER, SCANNER].map(Lab::address);
        let (alerts, answers) = (self.list("alert"), self.list("answer"));
        for alert in alerts["items"].as_array().unwrap() {
            let about = alert["about"].as_str().unwrap();
            let own = |one: &String| about == format!("source.ip={one}");
            assert!(attackers.iter().any(own), "{alert}");
        }
        for row in answers["items"].as_array().unwrap() {
            assert!(attackers.iter().any(|one| row["target"] == one.as_str()), "{row}");
            assert!(row["automatic"] == true && row["alert"].is_string(), "{row}");
        }
    }
}

#[test]
fn attackers_are_found_slowed_and_shut_out_and_nobody_else() {
    let Some(scene) = Scene::new() else {
        return skip_unless_all("no network namespaces can be made here");
    };
    let stop = AtomicBool::new(false);
    let statuses = std::thread::scope(|threads| {
        let beside = threads.spawn(|| scene.work(&stop));
        let stops = Stops(&stop);
        scene.guess();
        scene.search();
        scene.scan();
        drop(stops);
        beside.join().unwrap()
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert!(statuses.len() > 100, "{}", statuses.len());
    scene.look_back();
    scene.server.stop();
    scene.store.verified();
}

#[test]
fn bans_are_copied_into_sets_of_nftables_and_a_failure_holds_nothing_up() {
    let Some(lab) = Lab::new("n", 2) else {
        return skip_unless_all("no network namespaces can be made here");
    };
    let store = Store::init();
    let config = store.beside("nftables.toml");
    let rules = store.beside("rules.nft");
    std::fs::write(
        &rules,
        "table inet bailee {\n\
         set banned4 { type ipv4_addr; flags interval, timeout; }\n\
         set banned6 { type ipv6_addr; flags interval, timeout; }\n\
         chain input { type filter hook input priority 0; ip saddr @banned4 counter drop; }\n}\n",
    )
    .unwrap();
    let made = lab.command(0, "/usr/sbin/nft").args(["-f", text(&rules)]).output().unwrap();
    if !made.status.success() {
        return skip_unless_all(&format!("nftables do not work here: {}", said(&made)));
    }
    std::fs::write(&config, "[answers.nftables]\nprogram = \"/usr/sbin/nft\"\n").unwrap();
    let server = lab.serve(&store, &["--config", text(&config)]);
    let did = |token: &str, words: &[&str]| lab.did(2, &server, token, words);
    let create = ["person", "create", "rob", "--roles", "responder", "--json"];
    let rob = did(&server.admin, &create)["token"].as_str().unwrap().to_owned();
    assert_eq!(lab.ask(1, &server, "/healthz", ""), [200]);
    let ban = ["answer", "add", "--kind", "ban", "--target", "10.213.0.2"];
    let row = did(&rob, &[&ban[..], &["--reason", "x", "--json"]].concat());
    let id = row["id"].as_str().unwrap();
    // Refused at once, and after a moment the machine drops what it sends.
    assert_eq!(lab.ask(1, &server, "/healthz", ""), [403]);
    let rules =
        || said(&lab.command(0, "/usr/sbin/nft").args(["list", "ruleset"]).output().unwrap());
    let held = |shown: &str| shown.contains("10.213.0.2 timeout") && shown.contains("expires");
    assert!((0..2000).any(|_| held(&rules())), "{}\n{}", rules(), server.logged());
    assert_eq!(lab.ask(1, &server, "/healthz", ""), [0]);
    assert!(!rules().contains("packets 0 bytes 0"), "{}", rules());
    assert_eq!(lab.ask(2, &server, "/healthz", ""), [200]);
    did(&rob, &["answer", "lift", id, "--reason", "x", "--json"]);
    assert!((0..2000).any(|_| !held(&rules())), "{}\n{}", rules(), server.logged());
    assert_eq!(lab.ask(1, &server, "/healthz", ""), [200]);
    // Without its sets nothing is copied; that is said, and the ban counts all the same.
    let gone = lab.command(0, "/usr/sbin/nft").args(["delete", "table", "inet", "bailee"]).output();
    assert!(gone.unwrap().status.success());
    did(&rob, &[&ban[..], &["--reason", "again", "--json"]].concat());
    assert_eq!(lab.ask(1, &server, "/healthz", ""), [403]);
    let complains = || server.logged().contains("the firewall could not be told");
    assert!((0..2000).any(|_| lab.ask(2, &server, "/healthz", "") == [200] && complains()));
    server.stop();
}
