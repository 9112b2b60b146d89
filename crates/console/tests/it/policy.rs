//! The page of the policy, and changes as their approvers read them.

use crate::browser::Site;

#[test]
fn the_policy_stands_on_a_page_with_its_matrix_and_proof() {
    let site = Site::new(81);
    let mut ann = site.person("ann", &["auditor"]);
    let page = ann.get("/policy").says(200, "No policy exceeds a bound");
    let digest = site.world.kernel.authority().policies().digest().to_owned();
    for part in [
        digest.as_str(),
        "Administrators touch no data",
        "forbid (",
        "rule.decide",
        "own account",
        "Nothing yet",
    ] {
        assert!(page.body.contains(part), "{part}");
    }
    ann.get("/registers").says(200, "what is proved of it");
    let mut eve = site.person("eve", &["engineer"]);
    eve.get("/policy").says(200, "Changes are not open to your roles");
}

#[test]
fn a_change_shows_what_is_now_and_what_would_be() {
    let site = Site::new(82);
    let mut lea = site.person("lea", &["security-lead"]);
    let page = lea.get("/rules/new").ok();
    let rule = [("rule", "r-1"), ("mode", "live"), ("reason", "ours")];
    lea.submit(&page, "#add", &rule).says(200, "r-1");
    let page = lea.get("/changes/new").ok();
    let content = r#"{"mode":"off","reason":"<b>loud</b>"}"#;
    let new = [
        ("action", "rule.decide"),
        ("row", "r-1"),
        ("content", content),
        ("reason", "our scanner"),
        ("reference", "C-7"),
    ];
    let page = lea.submit(&page, "#add", &new).says(200, "What would change");
    assert!(page.body.contains("otherwise than now: 2"), "{}", page.body);
    assert!(page.body.contains("&lt;b&gt;loud") && !page.body.contains("<b>loud"), "{}", page.body);
    let at = page.body.find("/changes/change-").unwrap();
    let path = page.body[at..at + "/changes/change-".len() + 12].to_owned();
    let mut abe = site.person("abe", &["approver"]);
    let page = abe.get(&path).ok();
    let page = abe.submit(&page, "#approve", &[]).says(200, "approved");
    assert!(page.body.contains("person:abe"), "{}", page.body);
    let page = lea.get(&path).ok();
    lea.submit(&page, "#apply", &[]).says(200, "applied");
    lea.get("/rules/r-1").says(200, "off");
}
