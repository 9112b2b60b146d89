//! Reviews of access as reviewers work through them, and what somebody can reach.

use crate::browser::Site;
use scraper::Selector;
use std::time::Duration;

#[test]
fn a_reviewer_answers_for_each_right_on_one_page() {
    let site = Site::new(71);
    let world = &site.world;
    let opener = world.service("opener");
    world.grant("service:opener", "*", "*", &["open", "write"]);
    world.account(&opener, "Acme").unwrap();
    let _ = world.person("eve", &["engineer"]);
    let grant = world.grant("person:eve", "acme", "*", &["read"]);
    let mut ann = site.person("ann", &["security-lead"]);
    let mut abe = site.person("abe", &["approver"]);
    // What eve can reach stands on her page, and that no use is known.
    let page = ann.get("/people/eve").says(200, "What they can reach");
    assert!(page.body.contains("acme") && page.body.contains("none known"), "{}", page.body);
    let page = ann.get("/access-reviews/new").ok();
    let new = [
        ("name", "autumn"),
        ("kind", "person"),
        ("subject", "person:eve"),
        ("reviewers", "person:abe"),
        ("days", "7"),
    ];
    let page = ann.submit(&page, "#add", &new).says(200, "Waiting for an answer: 2 of 2");
    let form = Selector::parse("form[action='/access-reviews/autumn/decide'].inline").unwrap();
    assert_eq!(page.html().select(&form).count(), 0, "ann opened it and does not review");
    let page = abe.get("/access-reviews/autumn").says(200, "2 of 2 rights wait");
    assert_eq!(page.html().select(&form).count(), 4, "two answers beside each right");
    world.clock.advance(Duration::from_secs(30));
    let keep = format!("form.inline:has(input[value='{grant}']):has(input[value=keep])");
    let page = abe.submit(&page, &keep, &[("reason", "on call for <acme>")]);
    let page = page.says(200, "Answered: 1 of 2");
    assert!(page.body.contains("on call for &lt;acme&gt;"), "{}", page.body);
    let remove = "form.inline:has(input[value='person:eve/engineer']):has(input[value=remove])";
    let page = abe.submit(&page, remove, &[]).says(200, "Answered: 2 of 2");
    assert!(page.body.contains("kept 1 of 2, removed 1"), "{}", page.body);
    let page = ann.get("/people/eve").says(200, "No grant counts now");
    assert!(!page.body.contains("engineer</td>"), "{}", page.body);
}

#[test]
fn who_accessed_what_is_asked_by_person_account_and_day() {
    let site = Site::new(72);
    let world = &site.world;
    let opener = world.service("opener");
    world.grant("service:opener", "*", "*", &["open", "write"]);
    let acme = world.account(&opener, "Acme").unwrap();
    world.collection(&opener, &acme, "cases").unwrap();
    world.put(&opener, (&acme, "cases", "17"), "{}").unwrap();
    let eve = world.person("eve", &["engineer"]);
    let grant = world.grant("person:eve", "acme", "*", &["read"]);
    for _ in 0..101 {
        world.get(&eve, (&acme, "cases", "17")).unwrap();
    }
    let mut ann = site.person("ann", &["auditor"]);
    let page = ann.get("/accesses?who=person%3Aeve").says(200, "Accesses: 100 among 100 entries");
    assert!(page.body.contains(&format!("/grants/{grant}")), "{}", page.body);
    let next = Selector::parse("main a[href^='/accesses?who=']").unwrap();
    let next = page.html().select(&next).next().unwrap().attr("href").unwrap().to_owned();
    ann.get(&next).says(200, "Accesses: 1 among 1 entries");
    let page = ann.get("/accesses?account=acme&data=on").says(200, "Accesses: 100 among 1");
    assert!(page.body.contains("person:eve"), "{}", page.body);
    ann.get("/accesses?who=person%3Aeve&account=acme&data=on&from=2020-01-01&to=2020-01-02")
        .says(200, "Nothing was found among 0 entries");
    for (bad, why) in [
        ("who=eve", "person:"),
        ("who=person%3Aeve&from=yesterday", "write a day"),
        ("who=person%3Aeve&from=2020-01-01", "up to 92 days"),
        ("account=nowhere", "nowhere"),
        ("account=acme&after=x", "follow the link"),
    ] {
        ann.get(&format!("/accesses?{bad}")).says(200, why);
    }
    for (name, roles) in [("max", "engineer"), ("vic", "approver")] {
        site.person(name, &[roles]).get("/accesses?account=acme").says(403, "");
    }
}
