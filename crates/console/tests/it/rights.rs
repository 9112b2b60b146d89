//! What pages show and take is what the policies allow.

use crate::browser::Site;

#[test]
fn a_form_is_shown_only_to_whom_it_is_open_and_taken_from_nobody_else() {
    let site = Site::new(50);
    let mut admin = site.browser("admin");
    let form = admin.get("/systems/new").ok();
    admin.post_system("db-1");
    let mut otto = site.person("otto", &["auditor"]);
    let list = otto.get("/systems").says(200, "db-1");
    assert!(!list.body.contains("/systems/new") && !list.body.contains("/systems/import"));
    otto.get("/systems/new").says(200, "Your roles do not open this");
    let row = otto.get("/systems/db-1").ok();
    assert!(!row.body.contains("What can be done"), "{}", row.body);
    // With a token of their own session they are refused by the kernel, which records it.
    let token = {
        let page = otto.get("/").ok();
        let html = page.html();
        let selector = scraper::Selector::parse("input[name='_form']").unwrap();
        html.select(&selector).next().unwrap().attr("value").unwrap().to_owned()
    };
    let fields = [
        ("_form", token.as_str()),
        ("name", "db-2"),
        ("kind", "host"),
        ("purpose", "x"),
        ("owner", "person:otto"),
    ];
    assert_eq!(otto.post("/systems", &fields).status, 403);
    assert_eq!(
        otto.post("/systems/db-1/retire", &[("_form", &token), ("reason", "x")]).status,
        403
    );
    admin.get("/systems/db-2").says(404, "no system");
    drop(form);

    let mut eng = site.person("eng", &["engineer"]);
    assert_eq!(eng.get("/people").status, 403);
    assert_eq!(eng.get("/setup").status, 200, "the board is for everyone, the registers are not");
    assert_eq!(eng.get("/receipts/0.json").status, 403);
    assert_eq!(otto.get("/receipts/0.json").status, 200, "an auditor reads the operator's log");
}

#[test]
fn whoever_can_be_paged_reaches_the_pager_from_every_page() {
    let site = Site::new(51);
    let link = "<a href=\"/pager\"";
    let mut rita = site.person("rita", &["responder"]);
    assert!(rita.get("/").ok().body.contains(link));
    let pager = rita.get("/pager").says(200, "Nobody is paged.");
    assert!(pager.body.contains("<a href=\"/pager\" aria-current=\"page\""), "{}", pager.body);
    assert!(pager.body.contains("id=\"sound\""), "its sound can be switched on");
    let mut eng = site.person("eng", &["engineer"]);
    assert!(!eng.get("/").ok().body.contains(link), "nobody pages an engineer by that role");
}
