//! Transfers: to a destination declared before, under an engagement or an election, recorded.

use crate::registers::{add, show, take};
use crate::support::{both, entry, field, keyed, kind, name, newest, run_as, says, size};
use crate::vendors::{Team, accounts};
use domain::people::{CreatePerson, EndPerson};
use domain::register::On;
use domain::registers::known;
use domain::transfers::elections::{self, NewElection};
use domain::transfers::{
    Elect, EndElection, NewTransfer, NoteAttempt, Outcome, Outgoing, SEND, SendRecords, Used,
    sub_processors,
};
use kernel::authority::{Credential, CredentialKind, Principal, Right};
use kernel::id::{AccountId, PrincipalId};
use kernel::{Error, HOUSE, Kind, Result};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use testkit::World;

/// A destination of a vendor, over TLS.
pub fn hook(name: &str, receiver: &str) -> Value {
    json!({"name": name, "receiver": receiver, "kind": "webhook", "purpose": "support case",
        "url": format!("https://{name}.example/in"), "secret": "acme-2026"})
}

/// A destination that somebody checked.
pub fn declared(world: &World, team: &Team<'_>, stated: &Value) {
    add(world, &team.token("mia"), "destinations", stated).unwrap();
    let id = stated["name"].as_str().unwrap();
    let how = json!({"how": "called their security desk"});
    take(world, &team.token("mia"), ("destinations", id, "verify"), &how).unwrap();
}

/// What is asked when records of collection `c` are sent.
pub fn wanted(account: &AccountId, destination: &str, records: &[&str]) -> NewTransfer {
    NewTransfer {
        account: account.to_string(),
        collection: "c".to_owned(),
        destination: destination.to_owned(),
        records: records.iter().map(ToString::to_string).collect(),
        carrier: None,
        encryption: None,
        place: None,
    }
}

fn asked(world: &World, new: NewTransfer) -> Result<SendRecords> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    SendRecords::new(&world.kernel, new, (number << 80).to_be_bytes())
}

/// Sends records.
pub fn send(world: &World, token: &str, new: NewTransfer) -> Result<Outgoing> {
    Ok(world.run(token, asked(world, new)?)?.output)
}

/// A token of a member of an account.
pub fn member(world: &World, account: &AccountId, role: &str) -> String {
    let token = format!("{account}-{role}");
    let slot = world.kernel.slot(account).unwrap();
    let hash = kernel::token_hash(&token);
    let credential = Credential {
        id: "c".into(),
        hash,
        expires: None,
        ended: false,
        kind: CredentialKind::Token,
    };
    world.kernel.authority().apply([Right::Principal(Principal {
        id: PrincipalId::parse(&format!("member:{account}.{role}")).unwrap(),
        active: true,
        roles: vec![role.to_owned()],
        owner: None,
        vendor: None,
        account: Some(slot),
        credentials: vec![credential],
    })]);
    token
}

/// A destination of a subscriber that takes no encryption.
pub fn plain(name: &str, account: &AccountId) -> Value {
    json!({"name": name, "receiver": format!("subscriber:{account}"), "kind": "webhook",
        "purpose": "their old archive", "url": format!("http://{name}.example/in"),
        "secret": "archive-2026"})
}

/// An account elects a destination for so many days.
pub fn elect(
    world: &World,
    team: &Team<'_>,
    token: &str,
    (account, destination, for_days): (&AccountId, &str, u32),
) -> Result<Value> {
    let until = domain::register::Day::parse(&team.day(for_days)).unwrap();
    let new = NewElection {
        account: account.to_string(),
        destination: destination.to_owned(),
        risk: "anybody on the way can read it".to_owned(),
        until,
    };
    let shown = world.run(token, Elect::new(&world.kernel, new)?)?.output;
    Ok(serde_json::to_value(shown).unwrap())
}

fn end(world: &World, token: &str, id: &str) -> Result<Value> {
    let end = elections::End { reason: "their archive takes TLS now".to_owned() };
    let shown = world.run(token, EndElection::new(&world.kernel, id, end)?)?.output;
    Ok(serde_json::to_value(shown).unwrap())
}

/// A vendor that may receive collection `c` of account one, and a service that may send it.
fn ready(world: &World) -> (Team<'_>, AccountId, AccountId, String) {
    let team = Team::new(world);
    let (one, two) = accounts(world);
    team.ready("acme", "support-access");
    team.engage("case-7", "acme", one.as_str(), 100).unwrap();
    let sender = world.service("sender");
    world.grant("service:sender", "*", "c", &["export"]);
    (team, one, two, sender)
}

fn refused<T>(outcome: Result<T>) -> Error {
    outcome.err().unwrap()
}

fn run_jobs(world: &World, outcome: Outcome, reply: &str) -> usize {
    let seen = AtomicU64::new(0);
    let run = |kernel: &kernel::Kernel, job: &kernel::Job, right: kernel::Ran| {
        if job.kind != SEND {
            return domain::run_job(kernel, job, right);
        }
        seen.fetch_add(1, Ordering::Relaxed);
        right.run(kernel, NoteAttempt::new(kernel, &job.object, outcome, Some(503), reply)?)
    };
    world.kernel.tick(&run).unwrap();
    usize::try_from(seen.into_inner()).unwrap()
}

#[test]
fn a_destination_says_who_receives_and_where() {
    both(61, |world| {
        let (team, one, ..) = ready(world);
        let mia = team.token("mia");
        let good = hook("acme-in", "acme");
        for (bad, value) in [
            ("receiver", json!("nobody")),
            ("receiver", json!("subscriber:three")),
            ("receiver", json!("subscriber:One")),
            ("kind", json!("pigeon")),
            ("url", json!("http://acme.example/in")),
            ("url", json!("https://user@acme.example/in")),
            ("url", json!(null)),
            ("secret", json!(null)),
            ("purpose", json!("")),
        ] {
            let mut stated = good.clone();
            stated[bad] = value;
            let outcome = add(world, &mia, "destinations", &stated);
            let named = if bad == "kind" { "body" } else { bad };
            assert_eq!(field(outcome), (Kind::Invalid, named.to_owned()));
        }
        let mut media = good.clone();
        media["kind"] = json!("media");
        assert_eq!(field(add(world, &mia, "destinations", &media)), (Kind::Invalid, "url".into()));
        let row = add(world, &mia, "destinations", &good).unwrap();
        assert_eq!(row["state"]["word"], "unverified");
        let step = |verb: &str, stated: Value| {
            take(world, &mia, ("destinations", "acme-in", verb), &stated)
        };
        assert_eq!(field(step("verify", json!({"how": ""}))), (Kind::Invalid, "how".into()));
        let row = step("verify", json!({"how": "called them"})).unwrap();
        assert_eq!(row["state"]["word"], "declared");
        assert_eq!(field(step("retire", json!({"reason": ""}))), (Kind::Invalid, "reason".into()));
        assert_eq!(step("retire", json!({"reason": "moved"})).unwrap()["state"]["word"], "retired");
        assert_eq!(kind(step("verify", json!({"how": "x"}))), Kind::Conflict);
        assert_eq!(kind(step("retire", json!({"reason": "x"}))), Kind::Conflict);
        let row = add(world, &mia, "destinations", &plain("archive", &one)).unwrap();
        assert_eq!(row["state"]["word"], "unverified");
        let how = json!({"how": "called them"});
        let row = take(world, &mia, ("destinations", "archive", "verify"), &how).unwrap();
        assert_eq!(row["state"]["word"], "plaintext");
        let gone = json!({"reason": "x", "certificate": "y"});
        team.step("mia", "acme", "offboard", &gone).unwrap();
        let late = add(world, &mia, "destinations", &hook("late", "acme"));
        assert_eq!(field(late), (Kind::Invalid, "receiver".into()));
    });
}

#[test]
fn records_go_to_a_vendor_under_its_engagement_and_both_ledgers_say_so() {
    both(62, |world| {
        let (team, one, two, sender) = ready(world);
        declared(world, &team, &hook("acme-in", "acme"));
        let slot = world.kernel.slot(&one).unwrap();
        let before = size(world, slot);
        let out = send(world, &sender, wanted(&one, "acme-in", &["x"])).unwrap();
        assert_eq!(out.bodies.len(), 1);
        assert_eq!(out.bodies[0].body, br#"{"n":1}"#);
        let row = serde_json::to_value(out.transfer.unwrap()).unwrap();
        assert_eq!(
            (&row["count"], &row["bytes"], &row["engagement"], &row["entry"], &row["plaintext"]),
            (&json!(1), &json!(7), &json!("case-7"), &json!(before), &json!(false))
        );
        let (what, fields) = entry(world, slot, before);
        assert_eq!((what.as_str(), size(world, slot)), ("transfer.add", before + 1));
        assert_eq!(fields["receiver"], "acme");
        assert_eq!(fields["destination"], "acme-in");
        assert_eq!(fields["row"], format!("transfers/{}", out.id));
        assert_eq!(fields["actor"], "service:sender");
        assert_eq!(json!(fields["shown"]), row["shown"]);
        let (_, fields) = newest(world, HOUSE);
        assert_eq!((fields["account"].as_str(), fields["receiver"].as_str()), ("one", "acme"));
        let hide = |new: NewTransfer| refused(send(world, &sender, new));
        let error = hide(wanted(&two, "acme-in", &["x"]));
        assert!(says(&error, "no engagement of vendor `acme`"), "{error:?}");
        assert_eq!(error.kind(), Kind::Forbidden);
        assert_eq!(newest(world, HOUSE).0, "access.refused", "a refusal is an entry");
        for (bad, new) in [
            ("destination", wanted(&one, "nowhere", &["x"])),
            ("records", wanted(&one, "acme-in", &[])),
            ("records", wanted(&one, "acme-in", &["x", "x"])),
            ("records", wanted(&one, "acme-in", &vec!["x"; 101])),
            ("record", wanted(&one, "acme-in", &["/"])),
            (
                "carrier",
                NewTransfer { carrier: Some("us".into()), ..wanted(&one, "acme-in", &["x"]) },
            ),
            (
                "collection",
                NewTransfer { collection: "/".into(), ..wanted(&one, "acme-in", &["x"]) },
            ),
        ] {
            let error = hide(new);
            assert_eq!((error.kind(), error.field()), (Kind::Invalid, Some(bad)), "{error:?}");
        }
        let house = size(world, HOUSE);
        assert_eq!(hide(wanted(&one, "acme-in", &["x", "gone"])).kind(), Kind::NotFound);
        let (what, fields) = newest(world, slot);
        assert_eq!((what.as_str(), fields["outcome"].as_str()), ("transfer.add", "not found"));
        assert_eq!(size(world, HOUSE), house, "nothing was sent");
        let reader = world.service("reader");
        world.grant("service:reader", "*", "*", &["read"]);
        let error = refused(send(world, &reader, wanted(&one, "acme-in", &["x"])));
        assert_eq!(error.kind(), Kind::Forbidden, "reading is not sending");
    });
}

#[test]
fn what_the_vendor_rests_on_closes_the_way_with_the_next_transfer() {
    both(63, |world| {
        let (team, one, _, sender) = ready(world);
        let mia = team.token("mia");
        add(world, &mia, "destinations", &hook("acme-in", "acme")).unwrap();
        let try_it = || send(world, &sender, wanted(&one, "acme-in", &["x"])).map(|_| ());
        let error = refused(try_it());
        assert!(says(&error, "nobody has checked"), "{error:?}");
        let how = json!({"how": "called them"});
        take(world, &mia, ("destinations", "acme-in", "verify"), &how).unwrap();
        try_it().unwrap();
        team.review("acme", "refuse");
        assert_eq!(kind(try_it()), Kind::Forbidden);
        team.review("acme", "approve");
        try_it().unwrap();
        let narrow = json!({"name": "narrow", "vendor": "acme", "purpose": "x", "accounts": ["*"],
            "collections": ["*"], "verbs": ["read"], "sponsor": "person:mia",
            "class": "support-access", "from": team.day(0), "to": team.day(9)});
        add(world, &mia, "engagements", &narrow).unwrap();
        let why = json!({"reason": "done"});
        take(world, &mia, ("engagements", "case-7", "end"), &why).unwrap();
        assert_eq!(kind(try_it()), Kind::Forbidden, "an engagement to read lets nothing out");
        team.engage("case-8", "acme", "*", 9).unwrap();
        try_it().unwrap();
        take(world, &mia, ("destinations", "acme-in", "retire"), &why).unwrap();
        assert_eq!(field(try_it()), (Kind::Invalid, "destination".to_owned()));
    });
}

#[test]
fn a_vendors_own_service_sends_to_its_vendor_only() {
    both(64, |world| {
        let (team, one, ..) = ready(world);
        team.ready("other", "support-access");
        team.engage("other-1", "other", one.as_str(), 100).unwrap();
        declared(world, &team, &hook("acme-in", "acme"));
        declared(world, &team, &hook("other-in", "other"));
        let bot = team.service("acme-bot", "acme").unwrap();
        team.grant("service:acme-bot", one.as_str(), "c", &["export"]).unwrap();
        send(world, &bot, wanted(&one, "acme-in", &["x"])).unwrap();
        let error = refused(send(world, &bot, wanted(&one, "other-in", &["x"])));
        assert!(says(&error, "to that vendor only"), "{error:?}");
    });
}

#[test]
fn without_encryption_only_the_accounts_own_administrator_lets_it_go() {
    both(65, |world| {
        let (team, one, two, sender) = ready(world);
        declared(world, &team, &plain("archive", &one));
        let try_it = |account: &AccountId| send(world, &sender, wanted(account, "archive", &["x"]));
        let error = refused(try_it(&one));
        assert!(says(&error, "no election of the account's own administrator"), "{error:?}");
        let error = refused(try_it(&two));
        assert!(says(&error, "its own account only"), "{error:?}");
        let ann = member(world, &one, "administrator");
        let bob = member(world, &two, "administrator");
        let aud = member(world, &one, "auditor");
        let until = |token: &str, account: &AccountId, destination: &str, days: u32| {
            elect(world, &team, token, (account, destination, days))
        };
        for stranger in [&team.admin(), &team.token("mia"), &team.token("lea"), &sender, &aud] {
            let error = refused(until(stranger, &one, "archive", 9));
            assert_eq!(error.kind(), Kind::Forbidden, "{error:?}");
        }
        assert_eq!(kind(until(&bob, &one, "archive", 9)), Kind::NotFound, "another account");
        assert_eq!(field(until(&bob, &two, "archive", 9)), (Kind::Invalid, "destination".into()));
        assert_eq!(field(until(&ann, &one, "nowhere", 9)), (Kind::Invalid, "destination".into()));
        declared(world, &team, &hook("safe", "subscriber:one"));
        assert_eq!(field(until(&ann, &one, "safe", 9)), (Kind::Invalid, "destination".into()));
        assert_eq!(field(until(&ann, &one, "archive", 367)), (Kind::Invalid, "until".into()));
        let slot = world.kernel.slot(&one).unwrap();
        let row = until(&ann, &one, "archive", 9).unwrap();
        assert_eq!(
            (&row["id"], &row["state"]["word"]),
            (&json!("one.archive"), &json!("in-force"))
        );
        let (what, fields) = newest(world, slot);
        assert_eq!(
            (what.as_str(), fields["row"].as_str()),
            ("election.add", "elections/one.archive")
        );
        assert_eq!(kind(until(&ann, &one, "archive", 9)), Kind::Conflict);
        let out = try_it(&one).unwrap();
        let row = serde_json::to_value(out.transfer.unwrap()).unwrap();
        assert_eq!((&row["plaintext"], &row["election"]), (&json!(true), &json!("one.archive")));
        assert!(
            send(world, &sender, wanted(&one, "safe", &["x"])).is_ok(),
            "TLS needs no election"
        );
        assert_eq!(kind(end(world, &bob, "one.archive")), Kind::NotFound);
        assert_eq!(kind(end(world, &team.admin(), "one.archive")), Kind::Forbidden);
        assert_eq!(kind(end(world, &ann, "one.safe")), Kind::NotFound);
        let row = end(world, &ann, "one.archive").unwrap();
        assert_eq!(row["state"]["word"], "ended");
        assert_eq!(newest(world, slot).0, "election.end");
        assert_eq!(kind(end(world, &ann, "one.archive")), Kind::Conflict);
        assert_eq!(refused(try_it(&one)).kind(), Kind::Forbidden);
        let first = show(world, &team.token("mia"), "elections", "one.archive").unwrap();
        until(&ann, &one, "archive", 9).unwrap();
        let again = show(world, &team.token("mia"), "elections", "one.archive").unwrap();
        assert_eq!((&first["added"], again["ended"].is_null()), (&again["added"], true));
        try_it(&one).unwrap();
        team.pass(10);
        let row = show(world, &team.token("mia"), "elections", "one.archive").unwrap();
        assert_eq!(row["state"]["word"], "lapsed");
        team.grant("service:sender", "*", "c", &["export"]).unwrap();
        assert_eq!(refused(try_it(&one)).kind(), Kind::Forbidden);
    });
}

#[test]
fn the_table_elects_too() {
    both(66, |world| {
        let (team, one, ..) = ready(world);
        declared(world, &team, &plain("archive", &one));
        let ann = member(world, &one, "administrator");
        let stated = json!({"account": "one", "destination": "archive", "risk": "known",
            "until": team.day(9)});
        let row = add(world, &ann, "elections", &stated).unwrap();
        assert_eq!(row["id"], "one.archive");
        let register = known("elections").unwrap();
        let make = || {
            let reason = json!({"reason": "over"}).to_string();
            (register.steps[0].make)(&world.kernel, On::Row("one.archive"), reason.as_bytes())
        };
        let first = run_as(world, &ann, make().unwrap(), keyed("k", 1)).unwrap();
        assert_eq!(first.output["state"]["word"], "ended");
        let again = run_as(world, &ann, make().unwrap(), keyed("k", 1)).unwrap();
        assert_eq!(again.output, json!({"id": "one.archive", "repeated": true}));
        let page = (register.page)(&world.kernel, 10, None).unwrap();
        let page = world.run(&team.token("mia"), page).unwrap().output;
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn an_attempt_that_fails_is_tried_again_and_every_one_is_kept() {
    both(67, |world| {
        let (team, one, _, sender) = ready(world);
        declared(world, &team, &hook("acme-in", "acme"));
        let out = send(world, &sender, wanted(&one, "acme-in", &["x"])).unwrap();
        let row = || show(world, &team.token("mia"), "transfers", &out.id).unwrap();
        assert_eq!(row()["state"]["word"], "queued");
        let receipt = json!({"reference": "their ticket 12"});
        let receive =
            || take(world, &team.token("mia"), ("transfers", &out.id, "receive"), &receipt);
        assert_eq!(kind(receive()), Kind::Conflict, "nobody can have it yet");
        let long = format!("b\u{0}usy {}", "\u{e4}".repeat(400));
        assert_eq!(run_jobs(world, Outcome::Failed, &long), 1);
        assert_eq!(row()["state"]["word"], "failing");
        assert!(row()["attempts"][0]["reply"].as_str().unwrap().starts_with("busy \u{e4}"));
        assert_eq!(row()["attempts"][0]["reply"].as_str().unwrap().len(), 499);
        assert_eq!(row()["attempts"][0]["mark"]["by"], "service:sender");
        assert_eq!(run_jobs(world, Outcome::Failed, "busy"), 0, "not before a minute has passed");
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(run_jobs(world, Outcome::Delivered, "thanks"), 1);
        assert_eq!(newest(world, HOUSE).1["outcome"], "delivered");
        assert_eq!(row()["state"]["word"], "delivered");
        let hand = json!({"holder": "us", "place": "here"});
        let handed = take(world, &team.token("mia"), ("transfers", &out.id, "hand"), &hand);
        assert_eq!(kind(handed), Kind::Conflict, "it is on no medium");
        assert_eq!(receive().unwrap()["state"]["word"], "received");
        assert_eq!(kind(receive()), Kind::Conflict);

        let out = send(world, &sender, wanted(&one, "acme-in", &["x"])).unwrap();
        let row = || show(world, &team.token("mia"), "transfers", &out.id).unwrap();
        for tries in 1..=7 {
            assert_eq!(run_jobs(world, Outcome::Failed, "busy"), 1, "{tries}");
            world.clock.advance(Duration::from_secs(720 * 60));
        }
        assert_eq!(row()["state"]["word"], "failed");
        assert_eq!(run_jobs(world, Outcome::Failed, "busy"), 0, "nothing more is tried");
    });
}

#[test]
fn what_nobody_holds_is_not_sent_and_says_so() {
    both(68, |world| {
        let (team, one, _, sender) = ready(world);
        declared(world, &team, &hook("acme-in", "acme"));
        let out = send(world, &sender, wanted(&one, "acme-in", &["x"])).unwrap();
        world.kernel.tick(&domain::run_job).unwrap();
        let row = show(world, &team.token("mia"), "transfers", &out.id).unwrap();
        assert_eq!(
            (&row["state"]["word"], &row["state"]["tone"]),
            (&json!("unsent"), &json!("bad"))
        );
        let send = || asked(world, wanted(&one, "acme-in", &["x"])).unwrap();
        let first = run_as(world, &sender, send(), keyed("k", 1)).unwrap().output;
        let again = run_as(world, &sender, send(), keyed("k", 1)).unwrap();
        assert!(
            again.replayed && again.output.bodies.is_empty() && again.output.transfer.is_none()
        );
        assert_eq!(again.output.id, first.id, "the same transfer, and nothing is shown again");
    });
}

#[test]
fn a_medium_has_a_carrier_encryption_and_a_chain_of_custody() {
    both(69, |world| {
        let (team, one, _, sender) = ready(world);
        let media =
            json!({"name": "tape", "receiver": "acme", "kind": "media", "purpose": "import"});
        declared(world, &team, &media);
        declared(world, &team, &hook("acme-in", "acme"));
        let good = json!({"account": "one", "collection": "c", "destination": "tape",
            "records": ["x"], "carrier": "Northline Couriers", "place": "our vault",
            "encryption": "LUKS2; the key went by phone"});
        for bad in ["carrier", "encryption", "place"] {
            let mut stated = good.clone();
            stated[bad] = json!(null);
            let outcome = add(world, &sender, "transfers", &stated);
            assert_eq!(field(outcome), (Kind::Invalid, bad.to_owned()));
        }
        let mut wrong = good.clone();
        wrong["destination"] = json!("acme-in");
        let outcome = add(world, &sender, "transfers", &wrong);
        assert_eq!(
            field(outcome),
            (Kind::Invalid, "destination".into()),
            "the table sends nothing"
        );
        let row = add(world, &sender, "transfers", &good).unwrap();
        assert_eq!((&row["state"]["word"], &row["count"]), (&json!("on-its-way"), &json!(1)));
        assert_eq!(run_jobs(world, Outcome::Delivered, ""), 0, "nothing leaves by network");
        let id = row["id"].as_str().unwrap();
        let mia = team.token("mia");
        let step = |verb: &str, stated: Value| take(world, &mia, ("transfers", id, verb), &stated);
        for bad in ["holder", "place"] {
            let mut stated = json!({"holder": "their guard", "place": "Berlin"});
            stated[bad] = json!("");
            assert_eq!(field(step("hand", stated)), (Kind::Invalid, bad.to_owned()));
        }
        let row = step("hand", json!({"holder": "their guard", "place": "Berlin"})).unwrap();
        assert_eq!(row["medium"]["custody"].as_array().unwrap().len(), 2);
        let bad = step("receive", json!({"reference": ""}));
        assert_eq!(field(bad), (Kind::Invalid, "reference".into()));
        let row = step("receive", json!({"reference": "letter of 24 November"})).unwrap();
        assert_eq!(row["state"]["word"], "received");
        assert_eq!(kind(step("hand", json!({"holder": "x", "place": "y"}))), Kind::Conflict);
        let mut whole = good;
        whole["records"] = json!([]);
        let row = add(world, &sender, "transfers", &whole).unwrap();
        assert_eq!(row["count"], json!(0));
        let slot = world.kernel.slot(&one).unwrap();
        assert_eq!(newest(world, slot).1["scope"], "the whole collection");
        for _ in 1..40 {
            let hand = json!({"holder": "x", "place": "y"});
            take(world, &mia, ("transfers", row["id"].as_str().unwrap(), "hand"), &hand).unwrap();
        }
        let hand = json!({"holder": "x", "place": "y"});
        let one_more = take(world, &mia, ("transfers", row["id"].as_str().unwrap(), "hand"), &hand);
        assert_eq!(kind(one_more), Kind::Limit);
    });
}

#[test]
fn large_bodies_are_refused_before_they_are_shown() {
    let world = &World::memory(70);
    let (team, one, _, sender) = ready(world);
    declared(world, &team, &hook("acme-in", "acme"));
    let import = world.service("filler");
    world.grant("service:filler", "*", "*", &["write"]);
    let body = format!("\"{}\"", "x".repeat(1024 * 1024 - 2));
    let ids: Vec<String> = (0..17).map(|n| format!("r{n}")).collect();
    for id in &ids {
        world.put(&import, (&one, "c", id), &body).unwrap();
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let slot = world.kernel.slot(&one).unwrap();
    let before = size(world, slot);
    assert_eq!(refused(send(world, &sender, wanted(&one, "acme-in", &ids))).kind(), Kind::Limit);
    assert_eq!(size(world, slot), before, "nothing was shown");
    assert_eq!(send(world, &sender, wanted(&one, "acme-in", &ids[..16])).unwrap().bodies.len(), 16);
}

#[test]
fn declared_and_seen_are_laid_side_by_side() {
    both(71, |world| {
        let (team, one, _, sender) = ready(world);
        declared(world, &team, &hook("acme-in", "acme"));
        team.ready("idle", "processing");
        team.vendor("new", "processing").unwrap();
        send(world, &sender, wanted(&one, "acme-in", &["x"])).unwrap();
        let rows = |plural: &str| {
            let page = (known(plural).unwrap().page)(&world.kernel, 100, None).unwrap();
            world.run(&team.token("mia"), page).unwrap().output["items"].clone()
        };
        let vendors = serde_json::from_value::<Vec<_>>(rows("vendors")).unwrap();
        let transfers = serde_json::from_value::<Vec<_>>(rows("transfers")).unwrap();
        let system = json!({"name": "db", "kind": "host", "purpose": "x", "owner": "person:lea",
            "holds_service_data": true, "vendor": "shadow"});
        add(world, &team.token("lea"), "systems", &system).unwrap();
        let systems = serde_json::from_value::<Vec<_>>(rows("systems")).unwrap();
        let used = [Used { vendor: "new".into(), how: "grant g".into() }];
        let now = world.kernel.now();
        let all = sub_processors(&vendors, &systems, &transfers, &used, now);
        let said: Vec<_> = all
            .iter()
            .map(|one| (one.name.as_str(), one.declared, one.undeclared(), one.unused()))
            .collect();
        assert_eq!(
            said,
            [
                ("acme", true, false, false),
                ("idle", true, false, true),
                ("new", false, true, false),
                ("shadow", false, true, false),
            ]
        );
        assert_eq!(all[0].seen, ["1 transfers to it in 92 days"]);
        assert_eq!(
            (all[3].legal_name.clone(), all[3].seen[0].as_str()),
            (None, "system db stands with it")
        );
        let later = now.after(Duration::from_secs(93 * 24 * 3600));
        let all = sub_processors(&vendors, &[], &transfers, &[], later);
        assert!(all[0].seen.is_empty(), "long ago shows nothing of today");
    });
}

#[test]
fn a_subscribers_administrator_and_a_vendors_are_none_of_the_providers() {
    both(72, |world| {
        let (team, one, ..) = ready(world);
        member(world, &one, "administrator");
        let roles = vec!["administrator".to_owned()];
        let vic = CreatePerson::new(&world.kernel, "vic", None, None, roles).unwrap();
        world.run(&team.admin(), vic.with_vendor("acme")).unwrap();
        let leave = EndPerson::new(&world.kernel, &name("admin")).unwrap();
        assert_eq!(kind(world.run(&team.admin(), leave)), Kind::Conflict, "the last one stays");
        let lonely = team.control("E5.1").facts;
        assert!(lonely.iter().any(|fact| fact.what == "administrators: 1"), "{lonely:?}");
    });
}
