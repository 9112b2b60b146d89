//! The feed of who is on call: by its link, and by nothing else.

use crate::browser::{Browser, Site};
use domain::oncall::calendars::MakeLink;
use kernel::limits::TRIES_PER_MINUTE;
use std::sync::Arc;

#[test]
fn a_feed_is_given_for_its_link_and_guessing_is_counted_and_stopped() {
    let site = Site::new(41).with(|console| {
        console.with_calendars(Arc::new(|feed| format!("{} turns", feed.spans.len())))
    });
    let mut lead = site.person("lea", &["responder"]);
    let form = [("holder", "person:lea"), ("shows", "everybody")];
    let page = lead.get("/calendars/new").ok();
    lead.submit(&page, "main form[action='/calendars']", &form).says(200, "unlinked");
    let rows = lead.get("/calendars").ok().html();
    let row = scraper::Selector::parse("a[href^='/calendars/calendar-']").unwrap();
    let id = rows.select(&row).next().unwrap().attr("href").unwrap().rsplit_once('/').unwrap().1;
    let token = site.world.person("sam", &["security-lead"]);
    let made = site.world.run(&token, MakeLink::new(&site.world.kernel, id).unwrap()).unwrap();
    let secret = made.output.token;
    let mut stranger = Browser::new(&site);
    let feed = stranger.get(&format!("/calendar/{id}/{secret}.ics"));
    assert_eq!((feed.status, feed.body.as_str()), (200, "0 turns"));
    assert_eq!(feed.field("content-type"), Some("text/calendar; charset=utf-8"));
    assert_eq!(feed.field("cache-control"), Some("no-store"));
    let head = stranger.send("HEAD", &format!("/calendar/{id}/{secret}"), &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    // Whatever is wrong with a link is answered alike.
    let guessed = "0".repeat(64);
    let mut bodies = vec![];
    for link in [
        format!("/calendar/{id}/{guessed}.ics"),
        format!("/calendar/{id}/{}", &secret[..63]),
        format!("/calendar/calendar-000000000000/{secret}.ics"),
        format!("/calendar/..%2f/{secret}.ics"),
        format!("/calendar/{id}/{}", secret.to_uppercase()),
    ] {
        let answer = stranger.get(&link);
        assert_eq!(answer.status, 404, "{link}");
        bodies.push(
            answer.html().select(&scraper::Selector::parse("main").unwrap()).next().unwrap().html(),
        );
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    for _ in 0..TRIES_PER_MINUTE {
        stranger.get(&format!("/calendar/{id}/{guessed}.ics"));
    }
    let late = stranger.get(&format!("/calendar/{id}/{secret}.ics"));
    assert_eq!(late.status, 429, "nothing is tried any more, not even the right one");
}
