//! Forms: added, refused, repaired, repeated; and the receipt after.

use crate::browser::{Answer, Browser, Site, standing};
use ledger::receipt::Receipt;
use scraper::Selector;

impl Browser<'_> {
    /// Registers a system by its form.
    #[track_caller]
    pub fn post_system(&mut self, name: &str) -> Answer {
        let page = self.get("/systems/new").ok();
        let fields = [
            ("name", name),
            ("kind", "data-store"),
            ("purpose", "cases of subscribers"),
            ("owner", "person:admin"),
            ("holds_service_data", "true"),
        ];
        self.submit(&page, "#add", &fields)
    }
}

fn value_of(answer: &Answer, selector: &str) -> String {
    let html = answer.html();
    let found = html.select(&Selector::parse(selector).unwrap()).next();
    let found = found.unwrap_or_else(|| panic!("no {selector} in {}", answer.body));
    match found.value().name() {
        "textarea" => found.text().collect::<String>().trim_start_matches('\n').to_owned(),
        _ => found.attr("value").unwrap_or_default().to_owned(),
    }
}

fn text_of(answer: &Answer, selector: &str) -> String {
    let html = answer.html();
    let found = html.select(&Selector::parse(selector).unwrap()).next();
    found.unwrap_or_else(|| panic!("no {selector} in {}", answer.body)).text().collect()
}

#[test]
fn a_system_is_added_shown_changed_and_retired_with_receipts() {
    let site = Site::new(20);
    let mut browser = site.browser("admin");
    let added = browser.post_system("db-1").says(200, "recorded as entry #");
    assert!(added.body.contains("registered") && added.body.contains("cases of subscribers"));
    let html = added.html();
    let link = html.select(&Selector::parse(".done a").unwrap()).next().unwrap();
    let receipt = browser.get(link.attr("href").unwrap()).ok();
    assert!(receipt.field("content-disposition").unwrap().starts_with("attachment"));
    let receipt = Receipt::from_json(&receipt.body).unwrap();
    assert!(String::from_utf8_lossy(&receipt.leaf).contains("system.add"));

    let fields = [
        ("claim", "encrypted-at-rest"),
        ("good", "true"),
        ("source", "recorded"),
        ("evidence", "looked at the disk"),
        ("valid_to", "2026-12-20"),
    ];
    let reported = browser.submit(&added, "#report", &fields).says(200, "described");
    assert!(reported.body.contains("looked at the disk"));
    assert!(text_of(&reported, "[aria-label='History']").contains("Version"));
    let listed = browser.get("/systems?state=good").says(200, "db-1");
    assert!(listed.body.contains("1 on this page"));
    browser.get("/systems?q=no+such+words").says(200, "Nothing here that matches");
    browser.get("/systems?q=CASES").says(200, "db-1");

    let retired = browser.submit(&reported, "#retire", &[("reason", "sold")]).says(200, "retired");
    let history = text_of(&retired, "[aria-label='History']");
    for part in ["system.add", "system.report", "system.retire", "person:admin", "Retired", "Facts"]
    {
        assert!(history.contains(part), "{part}: {history}");
    }
    let again = browser.submit(&retired, "#retire", &[("reason", "sold again")]);
    again.says(409, "this system is retired already");
}

#[test]
fn a_refused_form_keeps_what_was_typed_and_names_the_field() {
    let site = Site::new(21);
    let mut browser = site.browser("admin");
    let page = browser.get("/systems/new").ok();
    let fields = [
        ("name", "db-1"),
        ("kind", "host"),
        ("purpose", "a \"quoted\" <purpose>"),
        ("owner", "person:nobody"),
        ("holds_service_data", "true"),
    ];
    let refused = browser.submit(&page, "#add", &fields).says(422, "is no active person");
    for (selector, value) in [
        ("#add-name", "db-1"),
        ("#add-kind option[selected]", "host"),
        ("#add-purpose", "a \"quoted\" <purpose>"),
        ("#add-owner", "person:nobody"),
        ("#add-holds_service_data[checked]", "true"),
    ] {
        assert_eq!(value_of(&refused, selector), value, "{selector}");
    }
    let html = refused.html();
    let field = html.select(&Selector::parse("#add-owner").unwrap()).next().unwrap();
    assert_eq!(field.attr("aria-invalid"), Some("true"));
    assert!(field.attr("aria-describedby").unwrap().contains("add-owner-error"));
    assert!(text_of(&refused, "#add-owner-error").contains("person:nobody"));
    let alert = html.select(&Selector::parse("[role='alert'] a").unwrap()).next().unwrap();
    assert_eq!(alert.attr("href"), Some("#add-owner"));
    // The same form, mended, is accepted.
    browser.submit(&refused, "#add", &[("owner", "person:admin")]).says(200, "recorded as entry");
    let taken = browser.post_system("db-1");
    taken.says(409, "exists or existed");
    let empty = browser.submit(&page, "#add", &[("name", "x"), ("purpose", "")]);
    let empty = empty.says(422, "this is required");
    assert!(text_of(&empty, "#add-kind-error").contains("required"));
}

#[test]
fn a_refused_step_stands_open_on_the_page_of_its_row() {
    let site = Site::new(22);
    let mut browser = site.browser("admin");
    let row = browser.post_system("db-1").ok();
    let fields = [
        ("claim", "monitored"),
        ("source", "measured"),
        ("evidence", "a\nb"),
        ("valid_to", "2026-11-23"),
    ];
    let refused = browser.submit(&row, "#report", &fields).says(422, "only the system");
    assert_eq!(value_of(&refused, "#report-evidence"), "a\nb");
    let html = refused.html();
    let open: Vec<_> = html.select(&Selector::parse("details.step[open]").unwrap()).collect();
    assert_eq!(open.len(), 1);
    assert_eq!(text_of(&refused, "h1"), "db-1");
}

#[test]
fn a_form_that_is_sent_twice_is_done_once() {
    let site = Site::new(23);
    let mut browser = site.browser("admin");
    let page = browser.get("/systems/new").ok();
    let fields = [("name", "db-1"), ("kind", "host"), ("purpose", "x"), ("owner", "person:admin")];
    browser.submit(&page, "#add", &fields).ok();
    browser.submit(&page, "#add", &fields).says(200, "db-1");
    let row = browser.get("/systems/db-1").ok();
    assert!(text_of(&row, "[aria-label='History']").contains("History: 1"));
}

#[test]
fn no_form_counts_that_is_not_of_this_session() {
    let site = Site::new(24);
    let mut admin = site.browser("admin");
    let mut ana = site.person("ana", &["administrator"]);
    let page = admin.get("/systems/new").ok();
    let fields = [("name", "db-1"), ("kind", "host"), ("purpose", "x"), ("owner", "person:admin")];
    ana.submit(&page, "#add", &fields).says(403, "not from a page of this session");
    admin.post("/systems", &fields).says(403, "not from a page of this session");
    let html = page.html();
    let form = html.select(&Selector::parse("#add").unwrap()).next().unwrap();
    let mut all = standing(form);
    all.retain(|(name, _)| !fields.iter().any(|(known, _)| known == name));
    let given = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    all.extend(given);
    let body = crate::browser::encoded(all.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    let kind = ("content-type", "application/x-www-form-urlencoded");
    for from in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "null"),
        ("origin", "https://bailee.test.evil"),
        ("x-nothing", "1"),
    ] {
        let answer = admin.send("POST", "/systems", &[kind, from], body.as_bytes());
        answer.says(403, "nothing was done");
    }
    let json = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    assert_eq!(admin.send("POST", "/systems", &json, b"{}").status, 422);
    admin.get("/systems").says(200, "Nothing here yet");
    let origin = ("origin", "https://bailee.test");
    assert_eq!(admin.send("POST", "/systems", &[kind, origin], body.as_bytes()).status, 303);
}

#[test]
fn many_rows_come_as_a_table_and_each_is_told() {
    let site = Site::new(25);
    let mut browser = site.browser("admin");
    let page = browser.get("/systems").ok();
    let table = "name,kind,purpose,holds_service_data,owner\r\n\
                 # comment,,,,\r\n\
                 db-1,data-store,\"cases, all\",yes,person:admin\r\n\
                 db-2,data-shop,x,yes,person:admin\r\n\
                 db-3,host,x,perhaps,person:admin\r\n\
                 db-4,host,x,no,person:nobody\r\n";
    let form = "form[action='/systems/import']";
    let done = browser.submit(&page, form, &[("csv", table)]).says(422, "1 of 4 added");
    let rows = text_of(&done, "[aria-label='Rows']");
    for part in ["db-1", "no active person", "is neither yes nor no", "data-shop is none of"] {
        assert!(rows.contains(part), "{part}: {rows}");
    }
    browser.get("/systems/db-1").says(200, "cases, all");
    browser.submit(&page, form, &[("csv", "colour\nred\n")]).says(422, "is no column");
    browser.submit(&page, form, &[]).says(422, "paste rows");
}

#[test]
fn groups_of_numbers_are_asked_for_as_numbers() {
    let site = Site::new(26);
    let mut lea = site.person("lea", &["security-lead"]);
    let page = lea.get("/catalogues/new").ok();
    assert_eq!(value_of(&page, "#add-parameters-breach_hours"), "48");
    let fields = [
        ("version", "2027"),
        ("reason", "our terms"),
        ("parameters.breach_hours", "24"),
        ("terms", "E4.4: clause 7.2\r\nE5.5: clause 9"),
    ];
    let added = lea.submit(&page, "#add", &fields).says(200, "unapproved");
    assert!(added.body.contains("clause 7.2"));
    let own = lea.get("/measures/E4.4").says(200, "In your own terms");
    assert!(own.body.contains("clause 7.2") && !own.body.contains("clause 9"), "{}", own.body);
    assert_eq!(value_of(&added, "#propose-parameters-breach_hours"), "24", "as it is now");
    let fields = [("version", "2028"), ("reason", "tighter"), ("parameters.breach_hours", "x")];
    let refused = lea.submit(&added, "#propose", &fields).says(422, "no whole number");
    assert_eq!(value_of(&refused, "#propose-parameters-breach_hours"), "x");
    let proposed = lea
        .submit(&refused, "#propose", &[("parameters.breach_hours", "36")])
        .says(200, "proposed");
    // The team is too small for a second signature, and the page says so.
    let step = text_of(&proposed, "#approve");
    assert!(step.contains("Version"));
    assert!(proposed.body.contains("This takes a person other than the one before"));
    lea.submit(&proposed, "#approve", &[("version", "2028")]).says(403, "takes two people");
    let mut omar = site.person("omar", &["approver"]);
    let waiting = omar.get("/approver").says(200, "catalogue current");
    assert!(waiting.body.contains("waits for a second person"));
    let row = omar.get("/catalogues/current").ok();
    assert!(!row.body.contains("This takes a person other than"));
    omar.submit(&row, "#approve", &[("version", "2028")]).says(200, "in force");
}
