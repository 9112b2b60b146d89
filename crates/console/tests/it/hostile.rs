//! What somebody means harm with: names that are markup, forms that are none, sizes.

use crate::browser::Site;

const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

#[test]
fn markup_in_a_register_is_text_on_every_page() {
    let site = Site::new(40);
    let mut browser = site.browser("admin");
    let page = browser.get("/systems/new").ok();
    let fields = [
        ("name", "db-1"),
        ("kind", "host"),
        ("purpose", MARKUP),
        ("owner", "person:admin"),
        ("vendor", MARKUP),
        ("site", "../../x"),
        ("address", "javascript:alert(1)"),
    ];
    let row = browser.submit(&page, "#add", &fields).ok();
    let refused = browser.submit(&row, "#change", &[("owner", MARKUP)]);
    assert_eq!(refused.status, 422);
    let listed = browser.get("/systems").ok();
    let page = browser.get("/people/new").ok();
    let person = [("name", "eve"), ("full_name", MARKUP), ("email", MARKUP)];
    browser.submit(&page, "#add", &person).ok();
    let people = browser.get("/people").ok();
    let shown = browser.get("/people/eve").ok();
    let found = browser.get("/systems?q=%3Cscript%3E&state=%22%3E%3Cb%3E&after=").ok();
    let nowhere = browser.get("/%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    assert_eq!(nowhere.status, 404);
    for answer in [row, refused, listed, people, shown, found, nowhere] {
        assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
        assert!(!answer.body.contains("<img src=x"), "{}", answer.body);
    }
}

#[test]
fn what_is_no_form_is_refused_and_said_why() {
    let site = Site::new(41);
    let mut browser = site.browser("admin");
    let from = ("sec-fetch-site", "same-origin");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for body in [&b"a=%"[..], b"a=%zz", b"a=%ff", b"\xff\xfe"] {
        assert_eq!(browser.send("POST", "/systems", &[form, from], body).status, 422, "{body:?}");
    }
    let many = "a=1&".repeat(3000);
    assert_eq!(browser.send("POST", "/systems", &[form, from], many.as_bytes()).status, 422);
    let large = vec![b'a'; 1024 * 1024 + 1];
    assert_eq!(browser.send("POST", "/systems", &[form, from], &large).status, 422);
    let parts = ("content-type", "multipart/form-data; boundary=x");
    assert_eq!(browser.send("POST", "/systems", &[parts, from], b"--x\r\n").status, 422);
    for target in ["/systems?q=%", "/systems?q=%ff", "/systems?after=x", "/systems?after=-1"] {
        assert_eq!(browser.get(target).status, 422, "{target}");
    }
    assert_eq!(browser.get("/%ff").status, 422);
    let long = format!("/find?q={}", "a".repeat(5000));
    assert_eq!(browser.get(&long).status, 200);
}

#[test]
fn deep_json_and_long_text_do_no_harm() {
    let site = Site::new(42);
    let mut browser = site.browser("admin");
    let page = browser.get("/systems/new").ok();
    let long = "x".repeat(100_000);
    let fields = [
        ("name", long.as_str()),
        ("kind", "host"),
        ("purpose", long.as_str()),
        ("owner", "person:admin"),
    ];
    let refused = browser.submit(&page, "#add", &fields);
    assert_eq!(refused.status, 422);
    let table = format!("name,kind\n\"{long}\",host\n");
    let list = browser.get("/systems").ok();
    browser.submit(&list, "form[action='/systems/import']", &[("csv", &table)]).says(422, "0 of 1");
}
