//! Real attackers against a real server: Debian's hydra guesses, ffuf looks for paths, nmap tries
//! the listener out, each from an address of its own and bounded in count and time. They are found,
//! slowed and shut out; who works beside them notices nothing.

use super::support::lab::Lab;
use super::support::{Store, said, skip_unless_all, text};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks until what is waited for is there.
fn until<T>(mut ask: impl FnMut() -> Value, mut wanted: impl FnMut(&Value) -> Option<T>) -> T {
    let mut told = Value::Null;
    for _ in 0..400 {
        told = ask();
        if let Some(found) = wanted(&told) {
            return found;
        }
    }
    panic!("it never said what was waited for: {told}");
}

fn list(path: &Path, lines: usize, line: impl Fn(usize) -> String) {
    let mut all = String::new();
    (0..lines).for_each(|nth| writeln!(all, "{}", line(nth)).unwrap());
    std::fs::write(path, all).unwrap();
}

/// Runs an attacker, which may take a minute.
fn bounded(command: Command) -> String {
    let mut timed = Command::new("timeout");
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

#[test]
fn attackers_are_found_slowed_and_shut_out_and_nobody_else() {
    let Some(lab) = Lab::new("a", 4) else {
        return skip_unless_all("no network namespaces can be made here");
    };
    let (guesser, searcher, scanner, honest) = (1, 2, 3, 4);
    let store = Store::init();
    let config = store.beside("attackers.toml");
    std::fs::write(&config, CONFIG).unwrap();
    let server = lab.serve(&store, &["--config", text(&config)]);
    let port = server.address.port().to_string();
    let did = |token: &str, words: &[&str]| lab.did(honest, &server, token, words);
    let create = ["person", "create", "rob", "--roles", "responder", "--json"];
    let rob = did(&server.admin, &create)["token"].as_str().unwrap().to_owned();
    let worker = did(&server.admin, &["service", "create", "worker", "--json"]);
    let worker = worker["token"].as_str().unwrap().to_owned();
    let answers = || did(&rob, &["answer", "list", "--json"]);
    let alerts = || did(&rob, &["alert", "list", "--json"]);
    let (stop, mut served) = (AtomicBool::new(false), 0);
    std::thread::scope(|threads| {
        // A person and a service work the whole time, as fast as they can.
        let beside = threads.spawn(|| {
            let mut statuses = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                statuses.extend(lab.ask(honest, &server, "/v1/answers?limit=[1-20]", &rob));
                statuses.extend(lab.ask(honest, &server, "/v1/measures", &worker));
                statuses.extend(lab.ask(honest, &server, "/sign-in", ""));
            }
            statuses
        });
        let stops = Stops(&stop);
        let guesses = store.beside("guesses");
        list(&guesses, 120, |nth| format!("bailee_{nth:043}"));
        let hydra = |module: &str, what: &str| {
            let mut hydra = lab.command(guesser, "hydra");
            hydra.args(["-I", "-l", "x", "-P", text(&guesses), "-t", "16", "-s", &port]);
            hydra.args([Lab::SERVER, module, what]);
            bounded(hydra)
        };
        // Passwords for the API; then tokens for it, and codes for the pages.
        let tokens = "/v1/measures:u=^USER^:H=Authorization\\: Bearer ^PASS^:S=urn-none";
        let codes = "/sign-in:link=^PASS^:H=Sec-Fetch-Site\\: same-origin:S=urn-none";
        let address = Lab::address(guesser);
        let first = hydra("https-get", "/v1/measures");
        until(answers, |page| kinds(page, &address).contains(&"limit".to_owned()).then_some(()));
        // Slowed, it goes on, and is shut out for that; where it looks does not matter.
        let statuses = lab.ask(guesser, &server, "/v1/measures?n=[1-15]", "");
        assert!(statuses.contains(&429) || statuses.contains(&403), "{statuses:?} {first}");
        let banned = (0..20).any(|_| {
            hydra("https-get", "/v1/measures");
            hydra("https-get-form", tokens);
            hydra("https-post-form", codes);
            kinds(&answers(), &address).contains(&"ban".to_owned())
        });
        assert!(banned, "{} {}", alerts(), answers());
        // A ban makes refusals, and at last not even those; they set nothing off.
        let unexplained = (0..4).any(|_| {
            let refused = lab.ask(guesser, &server, "/v1/measures?n=[1-100]", "");
            assert!(refused.iter().all(|status| [403, 0].contains(status)), "{refused:?}");
            lab.ask(guesser, &server, "/v1/measures", "") == [0]
        });
        assert!(unexplained, "each handshake of somebody who was told costs");

        let paths = store.beside("paths");
        list(&paths, 200, |nth| format!("admin{nth}.php"));
        let mut ffuf = lab.command(searcher, "ffuf");
        let url = format!("{}/FUZZ", server.url);
        ffuf.args(["-k", "-s", "-t", "4", "-mc", "200", "-w", text(&paths), "-u", &url]);
        let told = bounded(ffuf);
        assert!(!told.contains("admin1"), "nothing was found: {told}");
        until(answers, |page| {
            kinds(page, &Lab::address(searcher)).contains(&"ban".to_owned()).then_some(())
        });
        let refused = lab.ask(searcher, &server, "/trust?n=[1-3]", "");
        assert!(refused.iter().all(|status| [403, 0].contains(status)), "{refused:?}");

        let mut nmap = lab.command(scanner, "nmap");
        nmap.args(["-n", "-Pn", "-sT", "-sV", "--script", "ssl-enum-ciphers", "-p", &port]);
        nmap.args(["--host-timeout", "55s", Lab::SERVER]);
        let told = bounded(nmap);
        assert!(told.contains("open"), "{told}");
        let about = format!("source.ip={}", Lab::address(scanner));
        until(alerts, |page| {
            let all = page["items"].as_array().unwrap();
            all.iter().any(|one| one["about"] == about.as_str()).then_some(())
        });
        drop(stops);
        let statuses = beside.join().unwrap();
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        served = statuses.len();
    });
    assert!(served > 100, "{served}");
    // Every alert and every answer is about one of the three, and nothing came of our refusals.
    let attackers = [guesser, searcher, scanner].map(Lab::address);
    let (page, rows) = (alerts(), answers());
    for alert in page["items"].as_array().unwrap() {
        let about = alert["about"].as_str().unwrap();
        let own = |one: &String| about == format!("source.ip={one}");
        assert!(attackers.iter().any(own), "{alert}");
    }
    for row in rows["items"].as_array().unwrap() {
        assert!(attackers.iter().any(|one| row["target"] == one.as_str()), "{row}");
        assert!(row["automatic"] == true && row["alert"].is_string(), "{row}");
    }
    assert_eq!(kinds(&rows, &Lab::address(honest)), Vec::<String>::new());
    server.stop();
    store.verified();
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
         chain input { type filter hook input priority 0; ip saddr @banned4 drop; }\n}\n",
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
    assert_ne!(lab.ask(1, &server, "/healthz", ""), [200]);
    let dropped = |wanted: u16| (0..200).any(|_| lab.ask(1, &server, "/healthz", "") == [wanted]);
    assert!(dropped(0), "{}", server.logged());
    let shown = lab.command(0, "/usr/sbin/nft").args(["list", "ruleset"]).output().unwrap();
    let shown = said(&shown);
    assert!(shown.contains("10.213.0.2 timeout") && shown.contains("expires"), "{shown}");
    assert_eq!(lab.ask(2, &server, "/healthz", ""), [200]);
    did(&rob, &["answer", "lift", id, "--reason", "x", "--json"]);
    assert!(dropped(200), "{}", server.logged());
    // Without its sets nothing is copied; that is said, and the ban counts all the same.
    let gone = lab.command(0, "/usr/sbin/nft").args(["delete", "table", "inet", "bailee"]).output();
    assert!(gone.unwrap().status.success());
    did(&rob, &[&ban[..], &["--reason", "again", "--json"]].concat());
    assert_eq!(lab.ask(1, &server, "/healthz", ""), [403]);
    let complains = || server.logged().contains("the firewall could not be told");
    assert!((0..2000).any(|_| lab.ask(2, &server, "/healthz", "") == [200] && complains()));
    server.stop();
}
