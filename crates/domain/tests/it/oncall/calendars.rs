//! Calendars: links that show turns, and count until they end or their holder leaves.

use crate::incidents::{Crew, at, hours, id, word};
use crate::registers::{add, show, take};
use crate::support::{both, field, kind, name, newest};
use domain::oncall::calendars::{Feed, Fetch, MakeLink, Secret};
use domain::people::EndPerson;
use kernel::authority::Caller;
use kernel::{HOUSE, Kind, Result};
use serde_json::json;
use testkit::{World, asked_by};

fn link(world: &World, by: &str, id: &str) -> Result<Secret> {
    Ok(world.run(by, MakeLink::new(&world.kernel, id).unwrap())?.output)
}

fn fetch(world: &World, secret: &Secret) -> Result<Feed> {
    let fetch = Fetch::new(&world.kernel, &secret.calendar, &secret.token).unwrap();
    Ok(world.kernel.run(asked_by(Caller::bearer()), fetch)?.output)
}

#[test]
fn a_link_shows_turns_until_it_ends_or_its_holder_leaves() {
    both(1903, |world| {
        let crew = Crew::new(world);
        let new = json!({"holder": "person:ann", "shows": "own"});
        let refused = add(world, &crew.sam, "calendars", &new);
        assert_eq!(field(refused), (Kind::Invalid, "holder".to_owned()), "an approver");
        let make = |shows: &str| {
            let new = json!({"holder": "person:rita", "shows": shows});
            add(world, &crew.rita, "calendars", &new).unwrap()
        };
        let (own, all) = (make("own"), make("everybody"));
        assert_eq!(word(&own), "unlinked");
        for (person, from, to) in [("person:rita", 0, 10), ("person:sam", 10, 20)] {
            let new = json!({"person": person, "kind": "primary", "from": at(world, hours(from)),
                "to": at(world, hours(to))});
            add(world, &crew.sam, "shifts", &new).unwrap();
        }
        let (mine, everybody) = (
            link(world, &crew.rita, &id(&own)).unwrap(),
            link(world, &crew.rita, &id(&all)).unwrap(),
        );
        assert_eq!(kind(link(world, &crew.ann, &id(&own)).map(drop)), Kind::Forbidden);
        let people = |feed: &Feed| -> Vec<String> {
            feed.spans.iter().map(|span| span.person.clone()).collect()
        };
        assert_eq!(people(&fetch(world, &mine).unwrap()), ["person:rita"]);
        assert_eq!(newest(world, HOUSE).0, "calendar.fetch", "each time is an entry");
        assert_eq!(people(&fetch(world, &everybody).unwrap()), ["person:rita", "person:sam"]);
        // The secret of one does not open another.
        let crossed = Secret { calendar: mine.calendar.clone(), token: everybody.token.clone() };
        assert_eq!(kind(fetch(world, &crossed)), Kind::NotFound);
        let shown = show(world, &crew.sam, "calendars", &id(&own)).unwrap();
        assert!(!shown.to_string().contains(&mine.token), "only its hash is kept");
        // A new link ends the one before.
        let newer = link(world, &crew.rita, &id(&own)).unwrap();
        assert_eq!(kind(fetch(world, &mine)), Kind::NotFound);
        fetch(world, &newer).unwrap();
        let over = json!({"reason": "sent to the wrong list"});
        take(world, &crew.sam, ("calendars", &id(&own), "end"), &over).unwrap();
        assert_eq!(kind(fetch(world, &newer)), Kind::NotFound);
        assert_eq!(kind(link(world, &crew.rita, &id(&own)).map(drop)), Kind::Conflict);
        let leave = EndPerson::new(&world.kernel, &name("rita")).unwrap();
        world.run(&crew.admin, leave).unwrap();
        assert_eq!(kind(fetch(world, &everybody)), Kind::NotFound, "a leaver's link");
    });
}
