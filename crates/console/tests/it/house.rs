//! The board, setting up, people and what is shown once.

use crate::browser::{Browser, Site};
use domain::measures::State;
use kernel::Moment;
use scraper::Selector;
use std::sync::Arc;

#[test]
fn the_board_says_what_is_wrong_and_who_acts() {
    let site = Site::new(30);
    let mut browser = site.browser("admin");
    let page = browser.get("/").ok();
    // One administrator alone: E5.1 fails.
    assert!(page.body.contains("What is wrong") && page.body.contains("E5.1"), "{}", page.body);
    let html = page.html();
    let squares = html.select(&Selector::parse(".square").unwrap()).count();
    let all = domain::measures::MEASURES.iter().flat_map(|one| one.obligations).count();
    assert_eq!(squares, all);
    assert!(page.body.contains("of the operator's log"), "that it was seen is an entry");
    let counts = html.select(&Selector::parse(".top .counts").unwrap()).next().unwrap();
    let counts: String = counts.text().collect();
    assert!(counts.contains("failing") && counts.contains("unproven"), "{counts}");
    browser.get("/measures/E5.1").says(200, "against it");
    // From then on every page has the counts, and the public page has the state.
    let header = browser.get("/systems").ok();
    assert!(header.html().select(&Selector::parse(".top .counts").unwrap()).next().is_some());
    let mut stranger = Browser::new(&site);
    let public = stranger.get("/trust").says(200, "Computed from facts at");
    for secret in ["person:", "admin", "#1", "receipts/"] {
        assert!(!public.body.contains(secret), "{secret}: {}", public.body);
    }
}

#[test]
fn an_identifier_of_another_framework_leads_to_what_is_mapped_to_it() {
    let site = Site::new(38);
    let mut browser = site.browser("admin");
    let page = browser.get("/measures/E2.1").says(200, "In other frameworks");
    assert!(page.body.contains("A.5.33, A.8.24") && page.body.contains("SC-28(1)"));
    let found = browser.get("/find?q=A.8.24").says(200, "E2.1");
    assert!(found.body.contains("/measures/P4") && !found.body.contains("/measures/E3.1"));
    browser.get("/find?q=SC-28(1)").says(200, "/measures/E2.1");
    let none = browser.get("/find?q=A.99.1").ok();
    assert!(!none.body.contains("href=\"/measures/"), "{}", none.body);
    browser.get("/measures/F2").says(200, "no control on how long a contract binds");
}

#[test]
fn ninety_days_are_a_strip_with_a_table() {
    let day = 86_400_000_000;
    let history = move |_: &str| {
        let now = 1_795_356_131_000_000;
        vec![(Moment(now - 9 * day), State::Holding), (Moment(now - 2 * day), State::Failing)]
    };
    let site = Site::new(31).with(|console| console.with_history(Arc::new(history)));
    let mut browser = site.browser("admin");
    let page = browser.get("/measures/E5.5").says(200, "Each change as a table");
    assert_eq!(page.html().select(&Selector::parse("svg rect").unwrap()).count(), 10);
    assert_eq!(page.html().select(&Selector::parse("svg rect.bad").unwrap()).count(), 3);
}

#[test]
fn setting_up_says_what_is_missing_until_it_is_there() {
    let site = Site::new(32);
    let mut browser = site.browser("admin");
    let page = browser.get("/setup").says(200, "second administrator");
    let missing = page.body.matches("> missing<").count();
    let refused = browser.submit(&page, "#scope", &[("reason", " ")]).says(422, "required");
    let stated = browser.submit(&refused, "#scope", &[("reason", "I counted")]).ok();
    assert_eq!(stated.body.matches("> missing<").count(), missing - 1);
    site.world.person("ana", &["administrator"]);
    browser.post_system("db-1");
    let page = browser.get("/setup").ok();
    assert_eq!(page.body.matches("> missing<").count(), missing - 3);
}

#[test]
fn people_come_by_a_form_get_a_link_once_and_leave_by_one_door() {
    let site = Site::new(33);
    let mut admin = site.browser("admin");
    let page = admin.get("/people/new").ok();
    let fields = [("name", "ana"), ("full_name", "Ana Ruiz"), ("roles", "engineer")];
    let once = admin.submit(&page, "#add", &fields).says(200, "shown once");
    assert!(once.body.contains("bailee_"));
    let row = admin.get("/people/ana").says(200, "Ana Ruiz");
    assert!(!row.body.contains("bailee_") && !row.body.contains("hash"), "{}", row.body);
    let link = admin.submit(&row, "#invite", &[("hours", "2")]).says(200, "/sign-in?link=");
    let html = link.html();
    let field = html.select(&Selector::parse("input.secret").unwrap()).next().unwrap();
    let link = field.attr("value").unwrap().to_owned();
    assert!(link.starts_with("https://bailee.test/sign-in?link=bailee_"), "{link}");
    let mut ana = Browser::new(&site);
    let page = ana.get(link.strip_prefix("https://bailee.test").unwrap()).ok();
    ana.submit(&page, "form[action='/sign-in']", &[]).says(200, "person:ana");
    admin.submit(&row, "#invite", &[("hours", "200")]).says(422, "15 minutes to 24 hours");

    site.world.grant("person:ana", "*", "cases", &["read"]);
    let row = admin.get("/people/ana").ok();
    assert!(row.body.contains("It ends access for person:ana: 2 sessions and tokens"));
    assert!(row.body.contains("1 grant"), "{}", row.body);
    admin.submit(&row, "#end", &[]).says(200, "left");
    ana.get("/").says(401, "Your session is over");
    let page = admin.get("/people/new").ok();
    admin.submit(&page, "#add", &fields).says(409, "names are never used again");
}

#[test]
fn a_person_changes_jobs_by_a_form_and_what_is_outside_the_role_ends() {
    let site = Site::new(39);
    site.world.person("eve", &["engineer"]);
    site.world.grant("person:eve", "*", "*", &["open"]);
    let mut lea = site.person("lea", &["security-lead"]);
    let page = lea.get("/people/eve").ok();
    let without = [("roles", "support"), ("reason", "")];
    lea.submit(&page, "#move", &without).says(422, "required");
    let moved = [("roles", "support"), ("reason", "moves to the desk")];
    let row = lea.submit(&page, "#move", &moved).says(200, "moves to the desk");
    assert!(row.body.contains("person:lea"), "{}", row.body);
    let grants = lea.get("/grants").ok();
    assert!(grants.body.contains("ended"), "{}", grants.body);
    let up = [("roles", "administrator"), ("reason", "moves up")];
    lea.submit(&row, "#move", &up).says(403, "only an administrator");
    let mut eve = site.browser("eve");
    let page = eve.get("/people/eve");
    assert!(!page.body.contains("id=\"move\""), "whose roles do not open it sees no form");
}

#[test]
fn a_member_of_an_account_signs_in_and_sees_nothing_of_the_house() {
    let site = Site::new(37);
    let opener = site.world.service("opener");
    site.world.grant("service:opener", "*", "*", &["open"]);
    site.world.account(&opener, "Acme").unwrap();
    let mut admin = site.browser("admin");
    let page = admin.get("/members/new").ok();
    let fields = [
        ("name", "acme.mia"),
        ("account", "acme"),
        ("full_name", "Mia"),
        ("email", "mia@acme.test"),
        ("part", "administrator"),
    ];
    let row = admin.submit(&page, "#add", &fields).says(200, "acme.mia");
    let link = admin.submit(&row, "#invite", &[]).says(200, "/sign-in?link=");
    let html = link.html();
    let field = html.select(&Selector::parse("input.secret").unwrap()).next().unwrap();
    let code = field.attr("value").unwrap().rsplit_once('=').unwrap().1.to_owned();
    let row = admin.get("/members/acme.mia").ok();
    assert!(!row.body.contains("hash") && row.body.contains("link"), "{}", row.body);
    let mut mia = Browser::new(&site);
    let page = mia.get(&format!("/sign-in?link={code}")).ok();
    mia.submit(&page, "form[action='/sign-in']", &[]);
    let page = mia.get("/account").says(200, "member:acme.mia");
    assert!(!page.body.contains("href=\"/administrator\""), "a role of the same name: no page");
    assert_eq!(mia.get("/").field("location"), Some("/account"));
    for target in [
        "/systems",
        "/people",
        "/members",
        "/measures/E5.5",
        "/setup",
        "/receipts/0.json",
        "/auditor",
    ] {
        assert_eq!(mia.get(target).status, 403, "{target}");
    }
}

#[test]
fn grants_and_services_are_forms_too() {
    let site = Site::new(34);
    let mut admin = site.browser("admin");
    let page = admin.get("/services/new").ok();
    admin.submit(&page, "#add", &[("name", "import")]).says(200, "shown once");
    let page = admin.get("/grants/new").ok();
    let fields = [
        ("to", "service:import"),
        ("account", "*"),
        ("collections", "*"),
        ("verbs", "open"),
        ("purpose", "first import"),
        ("hours", "4"),
    ];
    let row = admin.submit(&page, "#add", &fields).says(200, "bootstrap");
    admin.submit(&row, "#end", &[]).says(200, "ended");
    let bad = [
        ("to", "service:import"),
        ("account", "none"),
        ("collections", "*"),
        ("verbs", "read"),
        ("purpose", "x"),
        ("hours", "9999999999"),
    ];
    let refused = admin.submit(&page, "#add", &bad);
    assert!([404, 422].contains(&refused.status), "{}", refused.body);
    assert!(refused.body.contains("first import") || refused.body.contains("service:import"));
}

#[test]
fn zone_and_theme_are_kept_in_the_browser() {
    let site = Site::new(35);
    let mut browser = site.browser("admin");
    browser.post_system("db-1");
    let page = browser.get("/systems/db-1").says(200, "14:02:11 UTC");
    let form = "form[action='/preferences']";
    let fields = [("zone", "America/New_York"), ("theme", "dark")];
    let page = browser.submit(&page, form, &fields).says(200, "09:02:11 EST");
    assert!(page.body.contains("14:02:11 UTC") && page.body.contains("data-theme=\"dark\""));
    assert!(!page.body.contains("data-zone"));
    assert_eq!(browser.cookies["theme"], "dark");
    browser.submit(&page, form, &[("zone", "Mars/Olympus")]).says(422, "is no time zone");
    browser.submit(&page, form, &[("zone", "UTC"), ("back", "//evil.test")]).says(200, "Board");
}

#[test]
fn words_lead_to_places() {
    let site = Site::new(36);
    let mut browser = site.browser("admin");
    browser.post_system("db-1");
    for (words, place) in [
        ("e5.5", "/measures/E5.5"),
        ("person:admin", "/people/admin"),
        ("systems", "/systems"),
        ("systems/db-1", "/systems/db-1"),
    ] {
        let encoded = words.replace(':', "%3A").replace('/', "%2F");
        let answer = browser.get(&format!("/find?q={encoded}"));
        assert_eq!((answer.status, answer.field("location")), (303, Some(place)), "{words}");
    }
    browser.get("/find?q=encrypt").says(200, "E2.1");
    browser.get("/find?q=%3Cscript%3E").says(200, "&lt;script&gt;");
    browser.get("/find").ok();
}
