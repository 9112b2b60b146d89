//! `kill -9` in every step of what pages somebody: it comes all the same, and is the same.

use super::support::peers::Peer;
use super::support::{Client, Server, Store, text};
use connectors::Secret;
use connectors::webhook::verify;
use serde_json::{Value, json as object};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// Where the dialog is when the server is killed: after this line of it, and before our reply; the
/// last one is after the reply that took the letter.
const LETTER: [&str; 6] = ["EHLO", "MAIL", "RCPT", "DATA", ".", "taken"];

/// The same for a webhook: connected, encrypted, with the head of the request, with all of it, and
/// after the reply.
const HOOK: [&str; 5] = ["connected", "greeted", "head", "body", "taken"];

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Has whoever it is said that this is so.
fn post(client: &mut Client, path: &str, body: &Value) -> Value {
    let answer = client.post(path, body.to_string().as_bytes());
    assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text());
    answer.json()
}

fn rita(server: &Server) -> String {
    let create = ["person", "create", "rita", "--roles", "responder", "--json"];
    server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned()
}

fn identifier(letter: &str) -> String {
    letter.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned()
}

#[test]
fn a_page_comes_whenever_the_server_is_killed_and_is_the_same() {
    let store = Store::init();
    let relay = Peer::relay();
    let config = store.beside("bailee.toml");
    let port = relay.port;
    let mail = "from = \"pager@example.com\"\nhost = \"127.0.0.1\"\ntls = \"danger-none\"";
    let file =
        format!("anchor_seconds = 1\nweekly_test_page = false\n[mail]\nport = {port}\n{mail}\n");
    fs::write(&config, file).unwrap();
    let serve = || store.serve_with(&["--config", text(&config)], &[]);
    let mut server = serve();
    let rita = rita(&server);
    for step in LETTER {
        let new = object!({"person": "person:rita", "way": "email", "order": 1,
            "address": "rita@example.com"});
        let mut client = server.client(&rita);
        let made = post(&mut client, "/v1/channels", &new)["id"].as_str().unwrap().to_owned();
        let new = object!({"title": format!("killed at {step}"), "severity": "high"});
        let page = post(&mut client, "/v1/pages", &new)["id"].as_str().unwrap().to_owned();
        let (_, at) = relay.until(step);
        server.kill();
        drop(at);
        server = serve();
        let mut letters = vec![];
        let sent = loop {
            letters.extend(
                relay.passed().iter().filter_map(|at| at.strip_prefix(". ")).map(str::to_owned),
            );
            let shown = server.did(&rita, &["page", "show", &page, "--json"]);
            if shown["tries"][0]["sent"].is_string() {
                break shown;
            }
        };
        // What was taken and recorded need not come again; everything else has to, and is the same.
        assert!(step == "taken" || letters.len() == 1, "{step}: {letters:?}");
        for letter in &letters {
            assert!(identifier(letter).contains(&format!("{page}-1@")), "{step}: {letter}");
            assert!(letter.contains("may be a"), "{step}: {letter}");
        }
        let one = &sent["tries"][0];
        assert_eq!(one["unknown"], object!(!letters.is_empty()), "{step}: {one}");
        assert_eq!(sent["tries"].as_array().unwrap().len(), 1, "{step}");
        let mut client = server.client(&rita);
        post(&mut client, &format!("/v1/pages/{page}:acknowledge"), &object!({}));
        post(&mut client, &format!("/v1/channels/{made}:end"), &object!({"reason": "next"}));
    }
    server.stop();
    store.verified();
}

/// What a copy of an event says: its identifier, and whether it may be a repetition.
fn copy(request: &str) -> (String, Value) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let field = |name: &str| {
        let all = head.lines().filter_map(|line| line.split_once(": "));
        let mut named = all.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().unwrap().1
    };
    let [id, at, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(field);
    let secret = Secret::new(SECRET.to_owned());
    verify(&secret, (id, at, signature), body.as_bytes(), at.parse().unwrap(), 0).unwrap();
    (id.to_owned(), serde_json::from_str(body).unwrap())
}

/// A configuration with which the server believes this peer and finds the secrets beside the store.
fn believing(store: &Store, peer: &Peer, secret: &str) -> PathBuf {
    let [config, ca, file] = ["bailee.toml", "ca.pem", "hook"].map(|name| store.beside(name));
    fs::write(&ca, &peer.ca).unwrap();
    fs::write(&file, secret).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let (ca, folder) = (text(&ca), text(store.scratch.path()));
    let stated = format!(
        "anchor_seconds = 1\nweekly_test_page = false\nwebhook_ca = \"{ca}\"\n\
         secrets_dir = \"{folder}\"\n"
    );
    fs::write(&config, stated).unwrap();
    config
}

#[test]
fn a_message_with_several_pages_comes_whenever_the_server_is_killed() {
    let store = Store::init();
    let peer = Peer::hooks();
    let config = believing(&store, &peer, &format!("https://localhost:{}/in", peer.port));
    let serve = || store.serve_with(&["--config", text(&config)], &[]);
    let mut server = serve();
    let rita = rita(&server);
    let new = object!({"person": "person:rita", "way": "slack", "order": 1, "secret": "hook"});
    post(&mut server.client(&rita), "/v1/channels", &new);
    let raise = |server: &Server, title: &str| {
        let new = object!({"title": title, "severity": "high"});
        let page = post(&mut server.client(&rita), "/v1/pages", &new);
        page["id"].as_str().unwrap().to_owned()
    };
    let sent = |server: &Server, page: &str| {
        server.did(&rita, &["page", "show", page, "--json"])["tries"][0].clone()
    };
    for step in ["body", "taken"] {
        // While the channel pauses after the first one, the others come to wait for it.
        let first = raise(&server, "the first");
        while !sent(&server, &first)["sent"].is_string() {
            peer.passed();
        }
        peer.passed();
        let pages = ["a", "b", "c"].map(|title| raise(&server, title));
        let (mut seen, mut at) = peer.until("body");
        if step == "taken" {
            drop(at);
            at = peer.until("taken").1;
        }
        server.kill();
        drop(at);
        server = serve();
        let tries = pages.each_ref().map(|page| {
            loop {
                seen.extend(peer.passed());
                let one = sent(&server, page);
                if one["sent"].is_string() {
                    break one;
                }
            }
        });
        seen.extend(peer.passed());
        let copies: Vec<_> = seen.iter().filter(|at| at.starts_with("body ")).collect();
        assert!(pages.iter().all(|page| copies[0].contains(page)), "{step}: in one: {copies:?}");
        assert!(!copies[0].contains("may be a"), "{step}: {copies:?}");
        assert!(step == "taken" || copies.len() == 2, "{step}: {copies:?}");
        // What was recorded before need not come again; what was not says what it may be.
        for (page, one) in pages.iter().zip(&tries) {
            let again = copies[1..].iter().any(|copy| copy.contains(page));
            assert_eq!(one["unknown"], object!(again), "{step}: {one}");
            assert!(step == "taken" || again, "{step}: {copies:?}");
        }
        for copy in &copies[1..] {
            let named = pages.iter().filter(|page| copy.contains(*page)).count();
            assert_eq!(copy.matches("may be a").count(), named, "{step}: {copies:?}");
        }
    }
    server.stop();
    store.verified();
}

#[test]
fn an_event_comes_whenever_the_server_is_killed_and_is_the_same() {
    let store = Store::init();
    let peer = Peer::hooks();
    let config = believing(&store, &peer, SECRET);
    let serve = || store.serve_with(&["--config", text(&config)], &[]);
    let mut server = serve();
    let rita = rita(&server);
    let address = format!("https://localhost:{}/in", peer.port);
    for step in HOOK {
        let new = object!({"person": "person:rita", "way": "webhook", "order": 1,
            "address": address, "secret": "hook"});
        let made = post(&mut server.client(&rita), "/v1/channels", &new);
        let new = object!({"title": format!("killed at {step}"), "severity": "high"});
        let page = post(&mut server.client(&rita), "/v1/pages", &new);
        let page = page["id"].as_str().unwrap();
        for (nth, kind) in ["page.raised", "page.acknowledged"].into_iter().enumerate() {
            if nth == 1 {
                let path = format!("/v1/pages/{page}:acknowledge");
                post(&mut server.client(&rita), &path, &object!({}));
            }
            let (mut seen, at) = peer.until(step);
            server.kill();
            drop(at);
            server = serve();
            let shown = loop {
                seen.extend(peer.passed());
                let shown = server.did(&rita, &["page", "show", page, "--json"]);
                if shown["tries"][nth]["sent"].is_string() {
                    break shown;
                }
            };
            seen.extend(peer.passed());
            let bodies = seen.iter().filter_map(|at| at.strip_prefix("body "));
            let copies: Vec<_> = bodies.map(copy).collect();
            for (id, event) in &copies {
                assert_eq!(*id, format!("{page}-{}", nth + 1), "{step}: the same again");
                assert_eq!((&event["type"], &event["data"]["page"]), (&kind.into(), &page.into()));
            }
            // One of the first server, whole or not at all; every other one says what it may be.
            let again = |event: &Value| event["data"]["may_repeat"] == true;
            let repeated = copies.iter().filter(|(_, event)| again(event)).count();
            assert!(copies.len() - repeated <= 1, "{step}: {copies:?}");
            assert!(!copies.is_empty() && (step == "taken" || repeated == 1), "{step}: {copies:?}");
            assert_eq!(shown["tries"][nth]["unknown"], object!(repeated > 0), "{step}: {shown}");
            assert_eq!(shown["tries"].as_array().unwrap().len(), nth + 1, "{step}: {shown}");
        }
        let end = format!("/v1/channels/{}:end", made["id"].as_str().unwrap());
        post(&mut server.client(&rita), &end, &object!({"reason": "next"}));
    }
    server.stop();
    store.verified();
}
