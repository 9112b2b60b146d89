//! The way in and out.

use crate::browser::{Browser, Site};
use kernel::Moment;
use kernel::authority::{Place, Restraint, Right};
use kernel::id::PrincipalId;
use std::time::Duration;

const COOKIE: &str = "__Host-bailee";

#[test]
fn a_link_is_looked_at_often_and_begins_one_session() {
    let site = Site::new(1);
    let link = site.link("admin");
    let mut browser = Browser::new(&site);
    let target = format!("/sign-in?link={link}");
    for _ in 0..3 {
        browser.get(&target).says(200, "person:admin");
    }
    let page = browser.get(&target);
    let body = format!("link={link}");
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let answer = browser.send("POST", "/sign-in", &headers, body.as_bytes());
    assert_eq!((answer.status, answer.field("location")), (303, Some("/")));
    let cookie = answer.cookies()[0];
    assert!(cookie.starts_with("__Host-bailee=bailee_"), "{cookie}");
    for rule in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=28800"] {
        assert!(cookie.split("; ").any(|one| one == rule), "{rule}: {cookie}");
    }
    assert!(!cookie.contains("Domain"));
    browser.get("/").says(200, "person:admin");

    let mut second = Browser::new(&site);
    second.submit(&page, "form[action='/sign-in']", &[]).says(401, "does not count");
    assert!(!second.cookies.contains_key(COOKIE));
    second.get(&target).says(401, "does not count");
}

#[test]
fn a_link_begins_nothing_from_elsewhere() {
    let site = Site::new(2);
    let body = format!("link={}", site.link("admin"));
    let mut browser = Browser::new(&site);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    for site in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test"), kind] {
        let answer = browser.send("POST", "/sign-in", &[kind, site], body.as_bytes());
        answer.says(403, "nothing was done");
    }
    assert!(browser.cookies.is_empty());
}

#[test]
fn signing_out_ends_the_session_and_not_only_the_cookie() {
    let site = Site::new(3);
    let mut browser = site.browser("admin");
    let kept = browser.cookies[COOKIE].clone();
    let page = browser.get("/").ok();
    browser.submit(&page, "form[action='/sign-out']", &[]).says(200, "Your sign-in link");
    assert!(!browser.cookies.contains_key(COOKIE));
    browser.cookies.insert(COOKIE.to_owned(), kept);
    browser.get("/").says(401, "Your session is over");
}

#[test]
fn a_session_ends_with_the_hour_and_with_the_person() {
    let site = Site::new(4);
    let mut browser = site.browser("admin");
    site.world.clock.advance(Duration::from_secs(8 * 3600 - 1));
    browser.get("/systems").ok();
    site.world.clock.advance(Duration::from_secs(1));
    browser.get("/systems").says(401, "Your session is over");

    let mut lea = site.person("lea", &["security-lead"]);
    lea.get("/systems").ok();
    let name = kernel::id::Name::parse("lea").unwrap();
    let end = domain::people::EndPerson::new(&site.world.kernel, &name).unwrap();
    site.world.run(&site.world.admin, end).unwrap();
    lea.get("/systems").says(401, "Your session is over");
}

#[test]
fn without_a_session_there_is_the_way_in_and_the_public_page() {
    let site = Site::new(5);
    let mut browser = Browser::new(&site);
    for target in [
        "/",
        "/systems",
        "/systems/x",
        "/systems/new",
        "/systems.csv",
        "/measures/E5.5",
        "/setup",
        "/registers",
        "/help",
        "/find?q=x",
        "/nothing",
        "/receipts/1.json",
        "/auditor",
        "/account",
    ] {
        let answer = browser.get(target).says(401, "Your sign-in link");
        assert!(!answer.body.contains("<table") && !answer.body.contains("Main"), "{target}");
    }
    browser.get("/trust").says(200, "How to verify");
    browser.get("/sign-in").says(200, "Your sign-in link");
    browser.get("/sign-in?link=bailee_none").says(401, "does not count");
    for bad in ["x", "bailee_x", "", "a b", "\u{e4}"] {
        browser.cookies.insert(COOKIE.to_owned(), bad.to_owned());
        assert_eq!(browser.get("/").status, 401, "{bad}");
    }
    let answer = browser.post("/systems", &[("name", "x")]);
    assert_eq!(answer.status, 401);
}

#[test]
fn who_has_no_session_and_tries_is_counted() {
    let site = Site::new(6);
    let mut browser = Browser::new(&site);
    browser.get("/sign-in?link=bailee_none");
    browser.cookies.insert(COOKIE.to_owned(), "bailee_none".to_owned());
    browser.get("/");
    site.world.clock.advance(Duration::from_secs(120));
    site.world.kernel.tick(&domain::run_job).unwrap();
    let entries = site.world.kernel.entries(kernel::HOUSE, 0, 100, true).unwrap();
    let sources = entries.iter().filter_map(|one| one.opening.as_ref()?.fields.get("source"));
    let told = sources.filter(|source| source.value == "192.0.2.7").count();
    assert_eq!(told, 1, "one entry says where they came from, and how often");
}

#[test]
fn somebody_locked_is_told_so_and_no_stranger_is() {
    let site = Site::new(4);
    let mut browser = site.browser("admin");
    browser.get("/").says(200, "person:admin");
    let link = site.link("admin");
    let restraint = Restraint {
        id: "answer-1".to_owned(),
        place: Place::Principal(PrincipalId::parse("person:admin").unwrap()),
        slows: false,
        rule: None,
        until: Moment(site.world.kernel.now().0 + 3_600_000_000),
    };
    site.world.kernel.authority().apply([Right::Restraint(restraint)]);
    // Who holds a session or a link that counts is told what to do; a wrong link is a wrong link.
    for path in ["/".to_owned(), "/pager".to_owned(), format!("/sign-in?link={link}")] {
        let answer = browser.get(&path).says(403, "answer-1");
        assert_eq!(answer.field("retry-after"), Some("3600"), "{path}");
    }
    browser.get("/trust").says(403, "answer-1");
    Browser::new(&site).get("/sign-in?link=bailee_none").says(401, "does not count");
    Browser::new(&site).get("/trust").ok();
}
