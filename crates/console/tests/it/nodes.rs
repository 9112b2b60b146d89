//! Several nodes over one store: what one gave out another takes, and what counts once counts once
//! on all of them.

use crate::browser::{Answer, Browser, Site};
use console::Console;
use passkeys::{Registration, Site as Domain};
use scraper::Selector;
use std::time::Duration;
use testkit::{Device, SITE};

const COOKIE: &str = "__Host-bailee";

fn on_domain(console: Console) -> Console {
    console.with_site(Some(Domain::new(SITE).unwrap()))
}

/// So many nodes of one store, and a node of another one.
fn nodes(seed: u64, count: usize) -> (Vec<Site>, Site) {
    let first = Site::new(seed).with(on_domain);
    let mut all: Vec<_> = (1..count).map(|_| first.node(on_domain)).collect();
    all.insert(0, first);
    (all, Site::new(seed + 1000).with(on_domain))
}

/// The same browser, whose next request reaches this node.
fn at<'s>(node: &'s Site, browser: &Browser<'_>) -> Browser<'s> {
    Browser { cookies: browser.cookies.clone(), ..Browser::new(node) }
}

/// The challenge of a page's form.
fn challenge(page: &Answer, form: &str) -> (String, Vec<u8>) {
    let html = page.html();
    let form = html.select(&Selector::parse(form).unwrap()).next().unwrap();
    let text = form.attr("data-challenge").unwrap().to_owned();
    let bytes = domain::people::unhex(&text).unwrap();
    (text, bytes)
}

#[test]
fn a_passkey_is_made_on_one_node_for_what_another_asked_once() {
    let (nodes, other) = nodes(820, 3);
    let mut browser = nodes[0].browser("admin");
    let page = browser.get("/passkeys").ok();
    let (_, asked) = challenge(&page, "#make");
    let Registration { client_data, attestation } = Device::new("desk").make(&asked);
    let hex = domain::people::hex;
    let fields = [
        ("name", "desk"),
        ("client_data", &hex(&client_data)),
        ("attestation", &hex(&attestation)),
    ];
    let mut second = at(&nodes[1], &browser);
    second.submit(&page, "#make", &fields).says(200, "The passkey is made");
    for node in [&nodes[0], &nodes[2]] {
        at(node, &browser).submit(&page, "#make", &fields).says(403, "used already");
    }
    let mut stranger = other.browser("admin");
    let form = stranger.get("/passkeys").ok();
    let (own, _) = challenge(&form, "#make");
    assert_eq!(own.len(), hex(&asked).len());
    let foreign = [fields[0], fields[1], fields[2], ("challenge", &hex(&asked))];
    stranger.submit(&form, "#make", &foreign).says(403, "open it again");
}

#[test]
fn what_a_passkey_signed_begins_one_session_on_all_nodes() {
    let (nodes, other) = nodes(830, 5);
    let device = Device::new("desk");
    let mut browser = nodes[0].browser("admin");
    let page = browser.get("/passkeys").ok();
    let (_, asked) = challenge(&page, "#make");
    let Registration { client_data, attestation } = device.make(&asked);
    let hex = domain::people::hex;
    let (client_data, attestation) = (hex(&client_data), hex(&attestation));
    let fields = [("name", "desk"), ("client_data", &*client_data), ("attestation", &*attestation)];
    browser.submit(&page, "#make", &fields).ok();

    let page = Browser::new(&nodes[1]).get("/sign-in").ok();
    let (_, asked) = challenge(&page, "#passkey");
    let signed = device.sign(&asked);
    let fields = [
        ("key_id", signed.key_id.as_str()),
        ("client_data", &signed.client_data),
        ("authenticator_data", &signed.authenticator_data),
        ("signature", &signed.signature),
    ];
    let mut begun = Browser::new(&nodes[2]);
    begun.submit(&page, "#passkey", &fields).ok();
    assert!(begun.cookies.contains_key(COOKIE));
    // The node that saw the answer, the one that gave it out, and one that heard of neither.
    for node in [&nodes[2], &nodes[1], &nodes[3]] {
        let mut again = Browser::new(node);
        let answer = again.submit(&page, "#passkey", &fields);
        assert!([401, 403].contains(&answer.status), "{}", answer.body);
        assert!(answer.body.contains("used already"), "{}", answer.body);
        assert!(!again.cookies.contains_key(COOKIE));
    }
    // The authenticator counts on: it is the challenge that is over, not the count.
    let signed = device.sign(&asked);
    let newer = [
        ("key_id", signed.key_id.as_str()),
        ("client_data", &signed.client_data),
        ("authenticator_data", &signed.authenticator_data),
        ("signature", &signed.signature),
    ];
    Browser::new(&nodes[4]).submit(&page, "#passkey", &newer).says(401, "used already");
    Browser::new(&other).submit(&page, "#passkey", &newer).says(403, "open it again");
    // On the node that began it, it goes on as before.
    at(&nodes[3], &begun).get("/").says(200, "person:admin");
}

#[test]
fn a_guesser_has_no_more_tries_on_more_nodes() {
    let (nodes, _) = nodes(840, 4);
    let guess = |node: &Site, name: &str| {
        Browser::new(node).post("/sign-in", &[("name", name), ("password", "x"), ("code", "1")])
    };
    for number in 0..10 {
        guess(&nodes[number % 3], "vic").says(401, "not known here");
    }
    // The last one was not asked yet, and knows of none.
    for node in &nodes {
        guess(node, "vic").says(401, "too often");
    }
    guess(&nodes[0], "ana").says(401, "not known here");
    nodes[0].world.clock.advance(Duration::from_secs(15 * 60));
    guess(&nodes[1], "vic").says(401, "not known here");
}

#[test]
fn a_receipt_is_had_from_any_node_by_the_session_whose_entry_it_is() {
    let (nodes, other) = nodes(850, 2);
    let mut eng = nodes[0].person("eng", &["engineer"]);
    let mut sam = nodes[0].person("sam", &["engineer"]);
    let seen = eng.get("/passkeys").ok();
    let link = |page: &Answer| {
        let html = page.html();
        let found = html.select(&Selector::parse("a[href^='/receipts/']").unwrap()).next();
        found.unwrap().attr("href").unwrap().to_owned()
    };
    let place = link(&seen);
    let mut elsewhere = at(&nodes[1], &eng);
    let receipt = elsewhere.get(&place).ok();
    assert!(ledger::receipt::Receipt::from_json(&receipt.body).is_ok());
    let (plain, mark) = place.split_once("?mark=").unwrap();
    elsewhere.get(plain).says(403, "");
    sam.get(&place).says(403, "");
    elsewhere.get(&format!("/receipts/0.json?mark={mark}")).says(403, "");
    // Another store has other marks, for an entry of the same number.
    other.world.person("eng", &["engineer"]);
    let seen = other.browser("eng").get("/passkeys").ok();
    assert_ne!(link(&seen).split_once("?mark=").unwrap().1, mark);
}
