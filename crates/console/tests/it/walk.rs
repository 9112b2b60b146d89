//! Every page that a link leads to, for every role: there, decent, and without a dead end.

use crate::browser::{Browser, Site};
use domain::registers::REGISTERS;
use scraper::Selector;
use std::collections::BTreeSet;

/// Follows every link of every page that is not below `passed`; gives what was seen.
fn walk(browser: &mut Browser<'_>, passed: &str) -> BTreeSet<String> {
    let (mut seen, mut open) = (BTreeSet::new(), vec!["/".to_owned()]);
    while let Some(target) = open.pop() {
        if !seen.insert(target.clone()) {
            continue;
        }
        assert!(seen.len() < 2000, "the pages do not end");
        let answer = browser.get(&target);
        assert!(answer.status == 200, "{target}: {} {}", answer.status, answer.body);
        let html = answer.html();
        for link in html.select(&Selector::parse("a[href^='/']").unwrap()) {
            let place = link.attr("href").unwrap().split('#').next().unwrap();
            // A receipt of an entry that each visit makes anew would never end.
            if !place.starts_with("/receipts/") && !place.starts_with(passed) {
                open.push(place.to_owned());
            }
        }
    }
    seen
}

#[test]
fn every_page_of_every_role_is_there() {
    let site = Site::new(10);
    let mut admin = site.browser("admin");
    admin.post_system("db-1");
    site.world.service("desk");
    site.world.person("ana", &["engineer"]);
    site.world.grant("service:desk", "*", "cases", &["open"]);
    let desk = site.world.service("opener");
    site.world.grant("service:opener", "*", "*", &["open"]);
    site.world.account(&desk, "Acme & Söhne").unwrap();
    let roles = [
        "administrator",
        "security-lead",
        "responder",
        "approver",
        "vendor-manager",
        "counsel",
        "auditor",
        "engineer",
        "support",
    ];
    for (at, role) in roles.into_iter().enumerate() {
        let mut browser = site.person(&format!("p{at}"), &[role]);
        // The pages of obligations differ by what a role may open, and there are three kinds.
        let whole = ["security-lead", "auditor", "engineer"].contains(&role);
        let seen = walk(&mut browser, if whole { "/none/" } else { "/measures/" });
        assert!(seen.contains("/trust") && seen.contains("/registers"), "{role}: {seen:?}");
        let oversees = !["engineer", "support"].contains(&role);
        assert_eq!(seen.contains("/systems/db-1"), oversees, "{role}: {seen:?}");
        assert_eq!(seen.contains("/setup"), oversees, "{role}");
        let starts = oversees.then(|| format!("/{role}"));
        assert!(starts.is_none_or(|start| seen.contains(&start)), "{role}");
    }
}

#[test]
fn every_register_has_a_list_a_form_and_a_template() {
    let site = Site::new(11);
    site.world.person(
        "lea",
        &["administrator", "security-lead", "vendor-manager", "counsel", "responder", "approver"],
    );
    let mut lea = site.browser("lea");
    let older = ["people", "services", "grants", "accounts"];
    for plural in REGISTERS.iter().map(|one| one.plural).chain(older) {
        let page = lea.get(&format!("/{plural}")).ok();
        let offered = page.body.contains(&format!("/{plural}.csv"));
        assert!(offered || page.body.contains("Nobody of the team adds one"), "{plural}");
        lea.get(&format!("/{plural}/new")).ok();
        let template = lea.get(&format!("/{plural}.csv")).ok();
        assert_eq!(template.field("content-type"), Some("text/csv; charset=utf-8"));
        assert!(template.body.lines().count() == 2, "{plural}: {}", template.body);
        lea.get(&format!("/{plural}/nothing")).says(404, "Not found");
        lea.get(&format!("/{plural}?q=zz&state=open")).ok();
    }
    for register in REGISTERS.iter().filter(|one| one.plural != "members") {
        let page = lea.get(&format!("/{}", register.plural)).ok();
        assert!(page.body.contains("Nothing here yet"), "{}", register.plural);
        assert!(page.body.contains(register.obligations[0]), "{}", register.plural);
    }
    for bad in [
        "/nothing",
        "/nothing/x",
        "/systems/a/b/c/d/e/f/g/h/i",
        "/measures/E9.9",
        "/systems/%2e%2e",
        "/nothing.csv",
        "/receipts/x.json",
        "/receipts/999999.json",
    ] {
        assert_eq!(lea.get(bad).status, 404, "{bad}");
    }
    assert_eq!(lea.send("PUT", "/systems", &[], b"").status, 405);
    assert_eq!(lea.send("DELETE", "/systems/x", &[], b"").status, 405);
}

#[test]
fn every_obligation_has_its_page() {
    let site = Site::new(12);
    let mut browser = site.person("otto", &["auditor"]);
    for one in domain::measures::MEASURES.iter().flat_map(|measure| measure.obligations) {
        let page = browser.get(&format!("/measures/{}", one.id)).says(200, one.id);
        assert!(page.body.contains("No history yet") && page.body.contains("bailee verify"));
    }
}

#[test]
fn assets_are_kept_for_good_under_the_name_of_their_content() {
    let site = Site::new(13);
    let mut browser = Browser::new(&site);
    let page = browser.get("/trust").ok();
    let html = page.html();
    let mut files = Vec::new();
    for (selector, name) in [("link[rel='stylesheet']", "href"), ("script", "src")] {
        let element = html.select(&Selector::parse(selector).unwrap()).next().unwrap();
        files.push(element.attr(name).unwrap().to_owned());
    }
    for file in &files {
        let answer = browser.get(file).ok();
        assert!(answer.field("cache-control").unwrap().contains("immutable"), "{file}");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert!(!answer.body.is_empty());
        let head = browser.send("HEAD", file, &[], b"");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
    }
    assert_eq!(browser.get("/assets/console-0000000000000000.css").status, 401);
}
