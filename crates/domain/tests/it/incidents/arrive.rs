//! Notices that arrive: languages, updates, two approvals and who comes next, letters that return.

use super::{Crew, day, hours, id, minutes, post, tick, word};
use crate::registers::{add, take};
use crate::support::{account_with_data, both, field, kind};
use domain::incidents::notices::{Came, Fate, NoteReturn, Outcome, addressee, return_token};
use kernel::authority::Caller;
use kernel::{Kind, Result};
use serde_json::{Value, json};
use testkit::{World, asked_by};

fn came(fate: Fate, status: &str, identity: &str) -> Came {
    Came {
        fate,
        status: Some(status.to_owned()),
        said: "550 5.1.1 no such\r\nuser".to_owned(),
        from: Some("mx.one.example".to_owned()),
        standard: true,
        identity: identity.as_bytes().to_vec(),
    }
}

/// A report comes in; whoever brings it has nothing but the return path.
fn report(world: &World, token: &str, came: Came) -> Result<bool> {
    let operation = NoteReturn::new(&world.kernel, token, came)?;
    Ok(world.kernel.run(asked_by(Caller::bearer()), operation)?.output)
}

/// Account `one`, verified in an incident, told by a notice that a relay took: the crew, the
/// incident, the notice, and the token of its return path.
fn told(world: &World) -> (Crew, String, String, String) {
    let crew = Crew::new(world);
    account_with_data(world);
    let it = crew.incident(world, "breach");
    crew.verify(world, &it, "one", "access");
    let ada = crew.contact(world, "one", "ada@one.example");
    let notice = crew.notice(world, &it, "one", &[&ada]);
    crew.send(world, &notice).unwrap();
    let sent = post(world, Outcome::Accepted, "250 ok");
    let token = sent[0].returns.clone().unwrap();
    assert_eq!(token, return_token(&world.kernel, &notice, &ada).unwrap());
    (crew, it, notice, token)
}

fn breach(crew: &Crew, world: &World, it: &str) -> Value {
    crew.show(world, "breaches", &format!("{it}.one"))
}

fn warnings(row: &Value) -> Vec<u64> {
    row["warnings"].as_array().unwrap().iter().map(|one| one["percent"].as_u64().unwrap()).collect()
}

#[test]
fn a_letter_that_comes_back_opens_the_duty_again_with_the_deadline_it_had() {
    both(751, |world| {
        let (crew, it, notice, token) = told(world);
        let before = breach(&crew, world, &it);
        assert_eq!(word(&before), "notified");
        world.clock.advance(hours(30));
        tick(world);
        assert_eq!(warnings(&breach(&crew, world, &it)), [0; 0], "who is told needs none");
        let bounced = || came(Fate::Bounced, "5.1.1", "dsn-1");
        assert!(report(world, &token, bounced()).unwrap());
        let row = breach(&crew, world, &it);
        assert_eq!(word(&row), "undelivered");
        assert_eq!(
            (&row["deadline"], &row["verified"]),
            (&before["deadline"], &before["verified"])
        );
        assert_eq!(row["notified"], json!(null));
        let back = &row["reopened"][0];
        assert_eq!((&back["told"], &back["notice"]), (&before["notified"]["at"], &json!(notice)));
        assert_eq!(back["reason"], "a letter came back (5.1.1)");
        let shown = crew.show(world, "notices", &notice);
        assert_eq!(word(&shown), "undelivered");
        let said = &shown["receivers"][0]["reports"][0];
        assert_eq!(
            (&said["status"], &said["said"]),
            (&"5.1.1".into(), &"550 5.1.1 no such  user".into())
        );
        let line = crew.show(world, "incidents", &it)["timeline"].to_string();
        assert!(line.contains("a letter came back") && line.contains("person:rita"), "{line}");
        assert!(!report(world, &token, bounced()).unwrap(), "the same report again");
        assert_eq!(breach(&crew, world, &it)["reopened"].as_array().unwrap().len(), 1);
        tick(world);
        assert_eq!(warnings(&breach(&crew, world, &it)), [25, 50], "what was due meanwhile");
        let close = crew.step(world, &it, "close", &json!({"summary": "s"}));
        assert_eq!(kind(close), Kind::Conflict, "nobody is told");
        assert!(post(world, Outcome::Accepted, "250").is_empty(), "the address does not work");
        world.clock.advance(hours(18));
        tick(world);
        let row = breach(&crew, world, &it);
        assert_eq!((word(&row), warnings(&row)), ("missed", vec![25, 50, 75, 90, 100]));
    });
}

#[test]
fn the_next_contact_is_written_to_instead() {
    both(752, |world| {
        let (crew, it, notice, token) = told(world);
        let import = world.service("second");
        world.grant("service:second", "*", "*", &["open"]);
        world.account(&import, "Two").unwrap();
        let readdress = |from: &str, to: &str| {
            let stated = json!({"contact": from, "to": to});
            take(world, &crew.rita, ("notices", &notice, "readdress"), &stated)
        };
        let shown = crew.show(world, "notices", &notice);
        let ada = shown["receivers"][0]["contact"].as_str().unwrap();
        let bo = crew.contact(world, "one", "bo@one.example");
        assert_eq!(field(readdress(ada, &bo)), (Kind::Invalid, "contact".to_owned()), "not lost");
        report(world, &token, came(Fate::Bounced, "5.1.1", "1")).unwrap();
        assert_eq!(field(readdress(ada, ada)), (Kind::Invalid, "to".to_owned()));
        let stranger = crew.contact(world, "two", "x@two.example");
        assert_eq!(field(readdress(ada, &stranger)), (Kind::Invalid, "to".to_owned()));
        assert_eq!(word(&readdress(ada, &bo).unwrap()), "sending");
        let sent = post(world, Outcome::Accepted, "250 ok");
        assert_eq!((sent.len(), sent[0].email.as_str()), (1, "bo@one.example"));
        let row = breach(&crew, world, &it);
        assert_eq!((word(&row), row["reopened"].as_array().unwrap().len()), ("notified", 1));
        report(world, &token, came(Fate::Delayed, "4.4.1", "2")).unwrap();
        assert_eq!(word(&breach(&crew, world, &it)), "notified", "the lost one counts no more");
    });
}

#[test]
fn what_the_other_side_gave_up_for_now_is_sent_again_as_the_same_letter() {
    both(753, |world| {
        let (crew, it, notice, token) = told(world);
        for (fate, status) in [(Fate::Delayed, "4.4.1"), (Fate::Delivered, "2.0.0")] {
            report(world, &token, came(fate, status, status)).unwrap();
            assert_eq!(word(&breach(&crew, world, &it)), "notified", "{status}");
        }
        report(world, &token, came(Fate::GivenUp, "4.4.7", "3")).unwrap();
        assert_eq!(word(&breach(&crew, world, &it)), "undelivered");
        assert_eq!(word(&crew.show(world, "notices", &notice)), "sending");
        world.clock.advance(hours(1));
        let again = post(world, Outcome::Accepted, "250 ok");
        assert_eq!(again.len(), 1);
        assert!(again[0].identifier.starts_with(&notice), "the same letter");
        assert_eq!(word(&breach(&crew, world, &it)), "notified");
    });
}

#[test]
fn a_forged_return_path_is_none_and_an_acknowledged_letter_stays_so() {
    both(754, |world| {
        let (crew, it, notice, token) = told(world);
        assert_eq!(token.len(), 36);
        assert!(!token.contains("one") && !token.contains("ada"), "no name is in it: {token}");
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
            let forged = String::from_utf8(bytes).unwrap();
            assert_eq!(addressee(&world.kernel, &forged).unwrap(), None, "{forged}");
            let refused = report(world, &forged, came(Fate::Bounced, "5.1.1", "x"));
            assert_eq!(kind(refused), Kind::NotFound);
        }
        for forged in ["", "x", &token[1..], &format!("{token}a"), &"a".repeat(500)] {
            assert_eq!(addressee(&world.kernel, forged).unwrap(), None);
        }
        // A token of a letter that there is not.
        let none = return_token(&world.kernel, "notice-000000000001", "contact-000000000001");
        let refused = report(world, &none.unwrap(), came(Fate::Bounced, "5.1.1", "x"));
        assert_eq!(kind(refused), Kind::NotFound);
        assert_eq!(word(&breach(&crew, world, &it)), "notified");
        for number in 0..40 {
            report(world, &token, came(Fate::Unclear, "2.0.0", &format!("{number}"))).unwrap();
        }
        let shown = crew.show(world, "notices", &notice);
        assert_eq!(shown["receivers"][0]["reports"].as_array().unwrap().len(), 12, "bounded");
        report(world, &token, came(Fate::Bounced, "5.1.1", "after all of these")).unwrap();
        assert_eq!(word(&breach(&crew, world, &it)), "undelivered", "a failure is never lost");
        world.clock.advance(hours(24 * 60));
        let late = report(world, &token, came(Fate::Bounced, "5.1.1", "late"));
        assert_eq!(kind(late), Kind::NotFound, "too old");
    });
}

#[test]
fn when_nobody_approves_the_next_ones_are_called_and_the_last_resort_releases() {
    both(755, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        crew.resort(world);
        let it = crew.incident(world, "breach");
        crew.verify(world, &it, "one", "access");
        let ada = crew.contact(world, "one", "ada@one.example");
        world.clock.advance(hours(8));
        let new = json!({"incident": it, "account": "one", "contacts": [ada],
            "subject": "Notice {number}", "text": "{class}"});
        let row = add(world, &crew.rita, "notices", &new).unwrap();
        let notice = id(&row);
        let read = json!({"sha256": row["sha256"]});
        take(world, &crew.ann, ("notices", &notice, "approve"), &read).unwrap();
        let reason = json!({"sha256": row["sha256"], "reason": "sam is on a plane"});
        let release = |who: &str| take(world, who, ("notices", &notice, "release"), &reason);
        let chased = || {
            tick(world);
            let shown = crew.show(world, "notices", &notice);
            let all = shown["chased"].as_array().unwrap().iter();
            all.map(|one| (one["percent"].as_u64().unwrap(), one["who"].clone()))
                .collect::<Vec<_>>()
        };
        // 40 hours are left: half is over after 20, three quarters after 30.
        world.clock.advance(hours(20) - minutes(1));
        assert_eq!(chased(), []);
        assert_eq!(kind(release(&crew.cora)), Kind::Conflict, "the others have time");
        world.clock.advance(minutes(1));
        let alternates = (50, json!(["person:cora", "person:sam"]));
        assert_eq!(chased(), std::slice::from_ref(&alternates));
        // An order stops this clock as the other.
        let order = json!({"incident": it, "accounts": ["one"], "authority": "government-agency",
            "agency": "A", "official": "O", "contact": "C", "jurisdiction": "J", "reference": "R",
            "statement": "wait", "from": day(world, 0), "to": day(world, 2), "reason": "why"});
        let hold = id(&add(world, &crew.cora, "holds", &order).unwrap());
        take(world, &crew.rita, ("holds", &hold, "confirm"), &json!({"reference": "R"})).unwrap();
        world.clock.advance(hours(11));
        assert_eq!(chased(), std::slice::from_ref(&alternates), "held");
        take(world, &crew.cora, ("holds", &hold, "lift"), &json!({"reason": "done"})).unwrap();
        world.clock.advance(hours(10));
        // The job had moved to the end of the order, which was lifted: the rule knows already.
        assert_eq!(kind(release(&crew.sam)), Kind::Forbidden, "only who is named");
        let wrong = json!({"sha256": "00000000", "reason": "r"});
        let unread = take(world, &crew.cora, ("notices", &notice, "release"), &wrong);
        assert_eq!(field(unread), (Kind::Invalid, "sha256".to_owned()));
        assert_eq!(chased(), [alternates, (75, json!(["person:cora"]))]);
        let shown = crew.show(world, "notices", &notice);
        assert_eq!((word(&shown), &shown["state"]["who"]), ("unreleased", &json!("person:cora")));
        assert_eq!(word(&release(&crew.cora).unwrap()), "released");
        assert_eq!(kind(release(&crew.cora)), Kind::Conflict);
        crew.send(world, &notice).unwrap();
        post(world, Outcome::Accepted, "250 ok");
        assert_eq!(word(&breach(&crew, world, &it)), "notified");
        let shown = crew.show(world, "notices", &notice);
        assert_eq!(shown["released"]["mark"]["by"], "person:cora");
        let line = crew.show(world, "incidents", &it)["timeline"].to_string();
        assert!(line.contains("somebody else has to (person:cora, person:sam)"), "{line}");
        assert!(line.contains("the last resort may release it (person:cora)"), "{line}");
        let facts = format!("{:?}", crew.answer(world, "E4.4").facts);
        assert!(facts.contains(&format!("notice {notice}: released by last resort")), "{facts}");
    });
}

#[test]
fn each_contact_is_written_to_in_its_language() {
    both(756, |world| {
        let crew = Crew::new(world);
        account_with_data(world);
        let it = crew.incident(world, "breach");
        crew.verify(world, &it, "one", "access");
        let speaks = |email: &str, language: &str| {
            let new = json!({"account": "one", "name": "A", "email": email, "kind": "security",
                "source": "s", "language": language});
            let row = id(&add(world, &crew.rita, "contacts", &new).unwrap());
            crew.check(world, &row);
            row
        };
        let bad = json!({"account": "one", "name": "a\u{202e}b", "email": "a@one.example",
            "kind": "security", "source": "s"});
        assert_eq!(field(add(world, &crew.rita, "contacts", &bad)).1, "name");
        let (swiss, french) = (speaks("a@one.example", "de-ch"), speaks("b@one.example", "fr"));
        let book = json!({"name": "first", "class": "breach", "purpose": "p", "fallback": "en"});
        add(world, &crew.rita, "templates", &book).unwrap();
        let step = |who: &str, verb, stated: &Value| {
            take(world, who, ("templates", "first", verb), stated)
        };
        let text = |language: &str, text: &str| {
            let subject = "{number}";
            json!({"language": language, "subject": subject, "text": text})
        };
        for (field_, bad) in [
            ("text", text("de", "{name}")),
            ("language", text("deutsch", "x")),
            ("subject", json!({"language": "de", "subject": "a\u{2066}", "text": "x"})),
            ("subject", json!({"language": "de", "subject": "a\r\nBcc: b@c.d", "text": "x"})),
        ] {
            assert_eq!(field(step(&crew.rita, "write", &bad)).1, field_, "{bad}");
        }
        let new = |contacts: &[&str]| {
            let template = "first";
            json!({"incident": it, "account": "one", "template": template, "contacts": contacts})
        };
        let write = |stated: &Value| add(world, &crew.rita, "notices", stated);
        step(&crew.rita, "write", &text("de", "Konto {account}")).unwrap();
        assert_eq!(field(write(&new(&[&swiss]))).1, "template", "not approved");
        let own = json!({"language": "de", "version": 1});
        step(&crew.ann, "approve", &own).unwrap();
        assert_eq!(kind(step(&crew.ann, "approve", &own)), Kind::Conflict);
        assert_eq!(field(write(&new(&[&french]))).1, "template", "neither French nor English");
        step(&crew.rita, "write", &text("en", "Account {account}, {known}")).unwrap();
        let stale = json!({"language": "en", "version": 2});
        assert_eq!(field(step(&crew.ann, "approve", &stale)).1, "version");
        step(&crew.ann, "approve", &json!({"language": "en", "version": 1})).unwrap();
        assert_eq!(field(write(&new(&[&swiss, &french]))).1, "template", "`known` is not stated");
        let mut stated = new(&[&swiss, &french]);
        stated["known"] = json!("odd reads");
        stated["text"] = json!("mine");
        assert_eq!(field(write(&stated)).1, "template", "one of the two");
        stated.as_object_mut().unwrap().remove("text");
        let row = write(&stated).unwrap();
        assert_eq!(row["text"], "Konto one\n\nWhat is known:\nodd reads");
        assert_eq!((&row["language"], &row["others"][0]["language"]), (&"de".into(), &"en".into()));
        assert_eq!(row["others"][0]["text"], "Account one, odd reads");
        let one = json!({"sha256": row["sha256"]});
        let refused = take(world, &crew.ann, ("notices", &id(&row), "approve"), &one);
        assert_eq!(field(refused).1, "sha256", "both texts are approved, or none");
        crew.approve(world, &row);
        crew.send(world, &id(&row)).unwrap();
        let sent = post(world, Outcome::Accepted, "250");
        let mut texts: Vec<_> = sent.iter().map(|one| (&one.email, &one.text)).collect();
        texts.sort_unstable();
        assert!(texts[0].1.starts_with("Konto") && texts[1].1.starts_with("Account"), "{texts:?}");
        let changed = step(&crew.rita, "write", &text("de", "neu")).unwrap();
        assert_eq!((word(&changed), &changed["texts"][0]["version"]), ("unapproved", &json!(2)));
    });
}

#[test]
fn an_update_names_the_first_and_what_is_promised_becomes_a_duty() {
    both(757, |world| {
        let crew = Crew::new(world);
        let (import, _) = account_with_data(world);
        let other = world.account(&import, "Northwind & Söhne").unwrap();
        world.account(&import, "Two").unwrap();
        let it = crew.incident(world, "breach");
        crew.verify(world, &it, "one", "access");
        let ada = crew.contact(world, "one", "ada@one.example");
        let base = json!({"incident": it, "account": "one", "contacts": [ada],
            "subject": "Notice {number}", "text": "{class}"});
        let with = |changes: Value| {
            let mut stated = base.clone();
            for (name, value) in changes.as_object().unwrap() {
                stated[name] = value.clone();
            }
            add(world, &crew.rita, "notices", &stated)
        };
        assert_eq!(field(with(json!({"text": "{first}"}))).1, "text", "there is none before");
        assert_eq!(field(with(json!({"text": "{next}"}))).1, "text", "nothing is promised");
        let past = json!({"next_by": super::at(world, hours(0))});
        assert_eq!(field(with(past)).1, "next_by");
        let by = super::at(world, hours(24));
        let first =
            with(json!({"known": "odd reads", "unknown": "by whom", "next_by": by})).unwrap();
        let text = first["text"].as_str().unwrap();
        for part in ["What is known:\nodd reads", "What is not known yet:\nby whom", &by] {
            assert!(text.contains(part), "{text}");
        }
        crew.approve(world, &first);
        crew.send(world, &id(&first)).unwrap();
        post(world, Outcome::Accepted, "250");
        let row = breach(&crew, world, &it);
        assert_eq!((word(&row), &row["update_by"]), ("update-owed", &json!(by)));
        world.clock.advance(hours(24));
        tick(world);
        let row = breach(&crew, world, &it);
        assert_eq!((word(&row), &row["updates_missed"][0]["by"]), ("update-late", &json!(by)));
        let second = with(json!({"text": "more {{is}} known"})).unwrap();
        let text = second["text"].as_str().unwrap();
        assert!(
            text.starts_with("Update 2 to notice 1 of ") && text.ends_with("{is} known"),
            "{text}"
        );
        assert_eq!(second["needs"], 1, "an update takes one approval");
        let third = with(json!({"text": "after {first}"})).unwrap();
        let today = &first["written"]["at"].as_str().unwrap()[..10];
        assert_eq!(third["text"], format!("after 1 ({today})"));
        crew.approve(world, &second);
        crew.send(world, &id(&second)).unwrap();
        assert_eq!(breach(&crew, world, &it)["update_by"], json!(null), "the promise is kept");
        for account in [other.as_str(), "two"] {
            crew.verify(world, &it, account, "access");
        }
        for (name, value) in [
            ("text", json!("like those of NORTHWIND & söhne")),
            ("text", json!(format!("like those of {other}."))),
            ("subject", json!("also two")),
            ("known", json!("two was read too")),
            ("unknown", json!("whether (Two) was read")),
        ] {
            let refused = with(json!({name: value}));
            assert_eq!(field(refused), (Kind::Invalid, name.to_owned()), "{value}");
        }
        assert!(with(json!({"text": "your account one; twofold"})).is_ok());
    });
}
