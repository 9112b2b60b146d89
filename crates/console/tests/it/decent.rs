//! What every page has to be, whatever it says: well-formed, labelled, without style or script of
//! its own, with the header that keeps it so.

use crate::browser::Answer;
use scraper::{ElementRef, Html, Selector};
use std::collections::BTreeSet;

fn all<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

#[track_caller]
pub fn decent(target: &str, answer: &Answer) {
    header(target, answer);
    let html = answer.html();
    assert!(html.errors.is_empty(), "{target}: {:?}", html.errors);
    for (selector, count) in [("h1", 1), ("head > title", 1), ("main", 1), ("html[lang]", 1)] {
        assert_eq!(all(&html, selector).len(), count, "{target}: {selector}");
    }
    assert!(all(&html, "style, script:not([src])").is_empty(), "{target}: inline style or script");
    for element in all(&html, "*") {
        for (name, value) in element.value().attrs() {
            assert!(name != "style" && !name.starts_with("on"), "{target}: `{name}` on an element");
            assert!(!value.trim_start().to_lowercase().starts_with("javascript:"), "{target}");
        }
    }
    let ids = ids(target, &html);
    references(target, &html, &ids);
    labels(target, &html);
    forms(target, &html);
    headings(target, &html);
}

fn header(target: &str, answer: &Answer) {
    let policy = answer.field("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{target}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{target}");
    }
    assert!(answer.field("strict-transport-security").is_some());
}

fn ids<'a>(target: &str, html: &'a Html) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    for element in all(html, "[id]") {
        let id = element.attr("id").unwrap();
        assert!(seen.insert(id), "{target}: id `{id}` stands twice");
        assert!(!id.contains(' '), "{target}: id `{id}`");
    }
    seen
}

fn references(target: &str, html: &Html, ids: &BTreeSet<&str>) {
    for name in ["for", "aria-describedby", "aria-labelledby", "list"] {
        for element in all(html, &format!("[{name}]")) {
            for id in element.attr(name).unwrap().split(' ') {
                assert!(ids.contains(id), "{target}: `{name}` leads to no `{id}`");
            }
        }
    }
    for link in all(html, "a[href^='#']") {
        let id = link.attr("href").unwrap().trim_start_matches('#');
        assert!(ids.contains(id), "{target}: a link leads to no `{id}`");
    }
    for element in all(html, "[href], [src], [action]") {
        for name in ["href", "src", "action"] {
            let place = element.attr(name).unwrap_or("/");
            let ours = place.starts_with('/') && !place.starts_with("//");
            assert!(ours || place.starts_with('#') || place == "data:,", "{target}: {place}");
        }
    }
}

fn labels(target: &str, html: &Html) {
    let labelled: BTreeSet<_> =
        all(html, "label[for]").into_iter().filter_map(|one| one.attr("for")).collect();
    for field in all(html, "input:not([type='hidden']), select, textarea") {
        let id = field.attr("id").unwrap_or_default();
        assert!(labelled.contains(id), "{target}: no label for {}", field.html());
    }
    for table in all(html, "table th") {
        assert!(table.attr("scope").is_some(), "{target}: a heading without scope");
    }
    for button in all(html, "button, a, summary") {
        assert!(!button.text().collect::<String>().trim().is_empty(), "{target}: nothing to read");
    }
}

fn forms(target: &str, html: &Html) {
    for form in all(html, "form[method='post']") {
        let action = form.attr("action").unwrap();
        let free = ["/sign-in", "/preferences"].contains(&action);
        let token = Selector::parse("input[type='hidden'][name='_form']").unwrap();
        assert_eq!(form.select(&token).next().is_some(), !free, "{target}: {action}");
        assert!(form.select(&Selector::parse("button").unwrap()).next().is_some());
    }
}

/// Headings go down by one at a time.
fn headings(target: &str, html: &Html) {
    let mut level = 0;
    for heading in all(html, "main h1, main h2, main h3, main h4") {
        let at: u32 = heading.value().name()[1..].parse().unwrap();
        assert!(at <= level + 1, "{target}: a heading of level {at} below {level}");
        level = at;
    }
}
