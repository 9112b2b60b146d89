//! E4.4: each affected subscriber has notice within 48 hours of verification.

use crate::incidents::{Crew, at, hours, id, post};
use crate::registers::{add, take};
use crate::support::{account_with_data, both};
use domain::incidents::notices::{Came, Fate, NoteReturn, Outcome};
use domain::measures::{Basis, State};
use kernel::authority::Caller;
use serde_json::json;
use testkit::asked_by;

#[test]
fn every_account_can_be_told_and_every_breach_was_in_time() {
    both(805, |world| {
        let mut crew = Crew::new(world);
        crew.expect(world, "E4.4", State::Unproven, "no account");
        let (import, _) = account_with_data(world);
        crew.expect(world, "E4.4", State::Failing, "an account that could not be told");
        let one = crew.contact(world, "one", "ada@one.example");
        crew.expect(world, "E4.4", State::Unproven, "no letter ever went out");
        crew.playbook(world, "breach", "breach");
        crew.exercise(world, "breach", true);
        crew.expect(world, "E4.4", State::Unproven, "nobody releases a notice in the end");
        crew.resort(world);
        crew.expect(world, "E4.4", State::Holding, "and the way was tried");
        world.account(&import, "Two").unwrap();
        crew.expect(world, "E4.4", State::Failing, "a new account without a contact");
        let new = json!({"account": "two", "name": "Bo", "email": "bo@two.example",
            "kind": "security", "source": "order form"});
        let two = id(&add(world, &crew.rita, "contacts", &new).unwrap());
        crew.expect(world, "E4.4", State::Failing, "entered and not checked");
        crew.check(world, &two);
        crew.expect(world, "E4.4", State::Holding, "two of two");
        let it = crew.incident(world, "breach");
        crew.triage(world, &it, "breach");
        crew.verify(world, &it, "one", "access");
        crew.expect(world, "E4.4", State::Holding, "its clock runs");
        world.clock.advance(hours(48));
        crew.expect(world, "E4.4", State::Failing, "not told in time");
        let notice = crew.notice(world, &it, "one", &[&one]);
        crew.send(world, &notice).unwrap();
        post(world, Outcome::Accepted, "250 ok");
        crew.expect(world, "E4.4", State::Failing, "told late, and nothing learned from it");
        crew.step(world, &it, "close", &json!({"summary": "send before the analysis"})).unwrap();
        crew.expect(world, "E4.4", State::Holding, "mended");
        assert_eq!(crew.answer(world, "E4.4").basis, Some(Basis::Recorded));
        crew.wait(world, 363);
        crew.expect(world, "E4.4", State::Unproven, "addresses were checked too long ago");
        for contact in [&one, &two] {
            crew.check(world, contact);
        }
        crew.expect(world, "E4.4", State::Holding, "checked again");
        take(world, &crew.rita, ("contacts", &two, "end"), &json!({"reason": "left"})).unwrap();
        crew.expect(world, "E4.4", State::Failing, "and one is gone");
        crew.contact(world, "two", "cy@two.example");
        crew.wait(world, 10);
        crew.expect(world, "E4.4", State::Unproven, "no letter went out for a year");
    });
}

#[test]
fn what_came_back_what_was_promised_and_a_language_nobody_wrote_count() {
    both(815, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let one = crew.contact(world, "one", "ada@one.example");
        crew.playbook(world, "breach", "breach");
        crew.exercise(world, "breach", true);
        crew.resort(world);
        crew.expect(world, "E4.4", State::Holding, "the way was tried");
        let it = crew.incident(world, "breach");
        crew.triage(world, &it, "breach");
        crew.verify(world, &it, "one", "access");
        let new = json!({"incident": it, "account": "one", "contacts": [one],
            "subject": "Security notice {number}", "text": "What is known.",
            "next_by": at(world, hours(9))});
        let row = add(world, &crew.rita, "notices", &new).unwrap();
        crew.approve(world, &row);
        let notice = id(&row);
        crew.send(world, &notice).unwrap();
        let sent = post(world, Outcome::Accepted, "250 ok");
        crew.expect(world, "E4.4", State::Holding, "told, and more is promised");
        world.clock.advance(hours(9));
        crew.expect(world, "E4.4", State::Failing, "what was promised is late");
        let answer = crew.answer(world, "E4.4");
        assert!(answer.facts.iter().any(|fact| fact.what.contains("promised update is late")));
        let token = sent[0].returns.clone().unwrap();
        let (status, said) = (Some("5.1.1".to_owned()), "550 no such user".to_owned());
        let identity = b"1".to_vec();
        let back = Came { fate: Fate::Bounced, status, said, from: None, standard: true, identity };
        let report = NoteReturn::new(&world.kernel, &token, back).unwrap();
        world.kernel.run(asked_by(Caller::bearer()), report).unwrap();
        crew.expect(world, "E4.4", State::Failing, "and the letter came back");
        let answer = crew.answer(world, "E4.4");
        assert!(answer.facts.iter().any(|fact| fact.what.contains("a letter came back")));
    });
    both(816, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let new = json!({"account": "one", "name": "Ada", "email": "ada@one.example",
            "kind": "security", "source": "order form", "language": "de"});
        let contact = id(&add(world, &crew.rita, "contacts", &new).unwrap());
        crew.check(world, &contact);
        crew.playbook(world, "breach", "breach");
        crew.exercise(world, "breach", true);
        crew.resort(world);
        crew.expect(world, "E4.4", State::Unproven, "nobody wrote a text in that language");
        let missing = crew.answer(world, "E4.4").todo;
        assert!(missing.iter().any(|one| one.what.contains("`de`")), "{missing:?}");
    });
}
