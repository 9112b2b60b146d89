//! Members of accounts, and signing in: links, sessions, and what ends them.

use crate::registers::{add, show, take};
use crate::support::{MICROSECOND, account_with_data, both, days, field, kind, kinds, name, slot};
use domain::accounts::LookAt;
use domain::members::{
    BeginSession, DismissAuditor, EndSession, InviteAuditor, IssueLink, Link, LinkLife, Member,
    NewAuditor, RenewAuditor, Session,
};
use domain::people::{EndPerson, Person};
use domain::portal::AccountPage;
use domain::register::{Kept, List, Read};
use kernel::id::AccountId;
use kernel::{Kind, Result};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::World;

const HOUR: Duration = Duration::from_secs(3600);

/// A link for a member.
pub fn link(world: &World, token: &str, who: &str) -> Result<Link> {
    let issue = IssueLink::member(&world.kernel, &name(who), LinkLife::default())?;
    Ok(world.run(token, issue)?.output)
}

/// Begins a session by a link.
pub fn begin(world: &World, link: &str) -> Result<Session> {
    let asked = world.asked(link)?;
    let begin = BeginSession::new(&world.kernel, &asked.caller)?;
    Ok(world.kernel.run(asked, begin)?.output)
}

/// The token of a new session of a member.
pub fn sign_in(world: &World, token: &str, who: &str) -> String {
    let link = link(world, token, who).unwrap();
    begin(world, &link.token).unwrap().token
}

fn end(world: &World, session: &str) -> Result<()> {
    let asked = world.asked(session)?;
    let end = EndSession::new(&world.kernel, &asked.caller)?;
    world.kernel.run(asked, end).map(|done| done.output)
}

fn person_link(world: &World, token: &str, who: &str, life: Duration) -> Result<Link> {
    let issue = IssueLink::person(&world.kernel, &name(who), LinkLife::new(life)?)?;
    Ok(world.run(token, issue)?.output)
}

fn people(world: &World, token: &str) -> Result<usize> {
    let list = List::<Person>::new(&world.kernel, 10, None)?;
    Ok(world.run(token, list)?.output.items.len())
}

/// An administrator of the account `one`.
pub fn ana() -> Value {
    json!({"name": "one.ana", "account": "one", "full_name": "Ana Lim",
        "email": "ana@one.example", "part": "administrator"})
}

/// An auditor of the account `one`, until a day.
pub fn aud(until: &str) -> Value {
    json!({"name": "one.aud", "account": "one", "full_name": "Udo Prüfer",
        "email": "udo@pruefer.example", "part": "auditor", "until": until, "firm": "Prüfer AG",
        "independence": "no interest in either"})
}

fn auditor(who: &str, until: &str) -> NewAuditor {
    let until = serde_json::from_value(json!(until)).unwrap();
    NewAuditor {
        name: who.to_owned(),
        full_name: "Udo Prüfer".to_owned(),
        email: "udo@pruefer.example".to_owned(),
        until,
        firm: "Prüfer AG".to_owned(),
        independence: "no interest in either".to_owned(),
    }
}

#[test]
fn a_link_begins_one_session_and_does_nothing_else() {
    both(71, |world| {
        world.person("lea", &["administrator"]);
        let link = person_link(world, &world.admin, "lea", 8 * HOUR).unwrap();
        assert_eq!(link.until, world.kernel.now().after(8 * HOUR));
        assert_eq!(kind(people(world, &link.token)), Kind::Unauthenticated);
        assert_eq!(kind(end(world, &link.token)), Kind::Unauthenticated, "no session");
        let session = begin(world, &link.token).unwrap();
        assert_eq!(session.holder.as_str(), "person:lea");
        assert_eq!(kind(begin(world, &link.token)), Kind::Unauthenticated, "used up");
        assert_eq!(people(world, &session.token).unwrap(), 2);
        assert_eq!(kind(begin(world, &session.token)), Kind::Forbidden, "no link");
        end(world, &session.token).unwrap();
        assert_eq!(kind(people(world, &session.token)), Kind::Unauthenticated);
        assert_eq!(kind(end(world, &world.admin)), Kind::Conflict, "a token is no session");
        assert_eq!(kind(begin(world, &world.admin)), Kind::Forbidden, "nor a link");
        let caller = world.asked(&world.service("import")).unwrap().caller;
        assert_eq!(kind(BeginSession::new(&world.kernel, &caller).map(|_| ())), Kind::Forbidden);
    });
}

#[test]
fn links_and_sessions_end_by_the_clock() {
    both(72, |world| {
        world.person("lea", &["administrator"]);
        for bad in [Duration::from_secs(899), 24 * HOUR + MICROSECOND] {
            let refused = field(person_link(world, &world.admin, "lea", bad));
            assert_eq!(refused, (Kind::Invalid, "for_seconds".to_owned()));
        }
        let link = person_link(world, &world.admin, "lea", HOUR).unwrap();
        world.clock.advance(HOUR);
        assert_eq!(kind(begin(world, &link.token)), Kind::Unauthenticated);
        let first = person_link(world, &world.admin, "lea", HOUR).unwrap();
        let second = person_link(world, &world.admin, "lea", HOUR).unwrap();
        assert_eq!(kind(begin(world, &first.token)), Kind::Unauthenticated, "another was sent");
        let session = begin(world, &second.token).unwrap();
        world.clock.advance(8 * HOUR - MICROSECOND);
        people(world, &session.token).unwrap();
        world.clock.advance(MICROSECOND);
        assert_eq!(kind(people(world, &session.token)), Kind::Unauthenticated);
    });
}

#[test]
fn a_sixth_session_ends_the_oldest_and_leaving_ends_all() {
    both(73, |world| {
        world.person("lea", &["administrator"]);
        let next = |_| {
            world.clock.advance(MICROSECOND);
            let link = person_link(world, &world.admin, "lea", HOUR).unwrap();
            begin(world, &link.token).unwrap().token
        };
        let sessions: Vec<String> = (0..6).map(next).collect();
        assert_eq!(kind(people(world, &sessions[0])), Kind::Unauthenticated);
        for one in &sessions[1..] {
            people(world, one).unwrap();
        }
        let link = person_link(world, &world.admin, "lea", HOUR).unwrap();
        let leave = EndPerson::new(&world.kernel, &name("lea")).unwrap();
        world.run(&world.admin, leave).unwrap();
        for one in sessions.iter().chain([&link.token]) {
            assert_eq!(kind(world.asked(one)), Kind::Unauthenticated);
        }
        let again = person_link(world, &world.admin, "lea", HOUR);
        assert_eq!(kind(again), Kind::Conflict, "no link any more");
        assert_eq!(kind(person_link(world, &world.admin, "zoe", HOUR)), Kind::NotFound);
    });
}

#[test]
fn a_member_acts_for_its_account_and_nowhere_else() {
    both(74, |world| {
        let (import, account) = account_with_data(world);
        let other = world.account(&import, "Two").unwrap();
        let row = add(world, &world.admin, "members", &ana()).unwrap();
        assert_eq!(row["state"]["word"], "named");
        assert_eq!(kind(add(world, &world.admin, "members", &ana())), Kind::Conflict);
        let ana = sign_in(world, &world.admin, "one.ana");
        assert_eq!(
            show(world, &world.admin, "members", "one.ana").unwrap()["state"]["word"],
            "active"
        );
        let page = |account: &AccountId, token: &str| {
            world.run(token, AccountPage::new(&world.kernel, account).unwrap()).map(|_| ())
        };
        page(&account, &ana).unwrap();
        assert_eq!(kind(page(&other, &ana)), Kind::NotFound);
        assert_eq!(kind(page(&account, &world.admin)), Kind::Forbidden, "nobody else's page");
        assert_eq!(kind(people(world, &ana)), Kind::Forbidden);
        assert_eq!(kind(show(world, &ana, "members", "one.ana")), Kind::Forbidden);
        assert_eq!(kind(world.get(&ana, (&account, "c", "x"))), Kind::Forbidden);
        assert_eq!(kind(world.get(&ana, (&other, "c", "x"))), Kind::NotFound);
        let look = LookAt::new(&world.kernel, &account).unwrap();
        assert_eq!(kind(world.run(&ana, look).map(|_| ())), Kind::Forbidden);
        let bad = take(world, &world.admin, ("members", "one.ana", "end"), &json!({"reason": ""}));
        assert_eq!(field(bad), (Kind::Invalid, "reason".to_owned()));
        let end = json!({"reason": "left the company"});
        let row = take(world, &world.admin, ("members", "one.ana", "end"), &end).unwrap();
        assert_eq!(row["state"]["word"], "ended");
        assert_eq!(kind(page(&account, &ana)), Kind::Unauthenticated);
        assert_eq!(kind(link(world, &world.admin, "one.ana")), Kind::Conflict);
        let again = take(world, &world.admin, ("members", "one.ana", "end"), &end);
        assert_eq!(kind(again), Kind::Conflict);
        assert_eq!(kind(add(world, &world.admin, "members", &self::ana())), Kind::Conflict);
        assert_eq!(kind(link(world, &world.admin, "one.zoe")), Kind::NotFound);
    });
}

#[test]
fn what_a_member_needs_is_said_by_field() {
    both(75, |world| {
        account_with_data(world);
        let with = |base: Value, key: &str, value: Value| {
            let mut new = base;
            new[key] = value;
            add(world, &world.admin, "members", &new)
        };
        for (base, key, value) in [
            (ana(), "name", json!("ana")),
            (ana(), "name", json!("two.ana")),
            (ana(), "name", json!("one.")),
            (ana(), "account", json!("One")),
            (ana(), "email", json!("ana")),
            (ana(), "email", json!("a@b@c.example")),
            (ana(), "email", json!("a@localhost")),
            (ana(), "full_name", json!("")),
            (ana(), "firm", json!("Prüfer AG")),
            (ana(), "until", json!("2026-11-21")),
            (aud("2027-06-01"), "until", json!("2027-11-24")),
            (aud("2027-06-01"), "until", Value::Null),
            (aud("2027-06-01"), "firm", Value::Null),
            (aud("2027-06-01"), "independence", Value::Null),
        ] {
            let refused = field(with(base, key, value.clone()));
            assert_eq!(refused, (Kind::Invalid, key.to_owned()), "{key} {value}");
        }
        let mut nobody = ana();
        nobody["account"] = json!("two");
        nobody["name"] = json!("two.ana");
        let refused = field(add(world, &world.admin, "members", &nobody));
        assert_eq!(refused, (Kind::Invalid, "account".to_owned()));
        let engineer = world.person("eve", &["engineer"]);
        assert_eq!(kind(add(world, &engineer, "members", &ana())), Kind::Forbidden);
        assert_eq!(kind(link(world, &engineer, "one.ana")), Kind::Forbidden);
        with(aud("2027-06-01"), "until", json!("2027-11-23")).unwrap();
    });
}

#[test]
fn an_auditor_is_over_after_its_last_day_and_can_be_named_again() {
    both(76, |world| {
        let (_, account) = account_with_data(world);
        add(world, &world.admin, "members", &aud("2026-11-22")).unwrap();
        let session = begin(world, &link(world, &world.admin, "one.aud").unwrap().token).unwrap();
        // It is 14:02 on the auditor's last day.
        let midnight = kernel::Moment(session.until.0);
        assert_eq!(midnight.rfc3339(), "2026-11-22T22:02:11.000000Z");
        world.clock.advance(4 * HOUR);
        let late = begin(world, &link(world, &world.admin, "one.aud").unwrap().token).unwrap();
        assert_eq!(late.until.rfc3339(), "2026-11-23T00:00:00.000000Z", "bounded by the day");
        world.clock.advance(6 * HOUR);
        let page = |token: &str| {
            world.run(token, AccountPage::new(&world.kernel, &account).unwrap()).map(|_| ())
        };
        assert_eq!(kind(page(&late.token)), Kind::Unauthenticated);
        assert_eq!(kind(link(world, &world.admin, "one.aud")), Kind::Conflict);
        let row = show(world, &world.admin, "members", "one.aud").unwrap();
        assert_eq!(row["state"]["word"], "expired");
        let extend =
            |stated: Value| take(world, &world.admin, ("members", "one.aud", "extend"), &stated);
        let silent = extend(json!({"until": "2026-12-24"}));
        assert_eq!(field(silent), (Kind::Invalid, "independence".to_owned()));
        let far = json!({"until": "2027-12-24", "independence": "still none"});
        assert_eq!(field(extend(far)), (Kind::Invalid, "until".to_owned()));
        extend(json!({"until": "2026-12-24", "independence": "still none"})).unwrap();
        let again = sign_in(world, &world.admin, "one.aud");
        page(&again).unwrap();
        // A last day that comes earlier ends what was issued before.
        extend(json!({"until": "2026-11-23", "independence": "still none"})).unwrap();
        page(&again).unwrap();
        world.clock.advance(days(1));
        assert_eq!(kind(page(&again)), Kind::Unauthenticated);
    });
}

#[test]
fn an_accounts_administrator_invites_and_dismisses_its_auditors() {
    both(77, |world| {
        let (import, account) = account_with_data(world);
        let other = world.account(&import, "Two").unwrap();
        add(world, &world.admin, "members", &ana()).unwrap();
        let ana = sign_in(world, &world.admin, "one.ana");
        let life = LinkLife::default();
        let invite = |token: &str, account: &AccountId, new: NewAuditor| {
            let invite = InviteAuditor::new(&world.kernel, account, new, life)?;
            Ok(world.run(token, invite)?.output)
        };
        let new = || auditor("one.aud", "2027-03-31");
        let link = invite(&ana, &account, new()).unwrap();
        assert_eq!(kind(invite(&ana, &account, new())), Kind::Conflict);
        assert_eq!(kind(invite(&ana, &other, auditor("two.aud", "2027-03-31"))), Kind::NotFound);
        let foreign = invite(&ana, &account, auditor("two.aud", "2027-03-31"));
        assert_eq!(field(foreign), (Kind::Invalid, "name".to_owned()));
        let far = invite(&ana, &account, auditor("one.far", "2028-03-31"));
        assert_eq!(field(far), (Kind::Invalid, "until".to_owned()));
        assert_eq!(
            kind(invite(&world.admin, &account, auditor("one.x", "2027-03-31"))),
            Kind::Forbidden,
            "the provider adds members by its own door"
        );
        let session = begin(world, &link.token).unwrap().token;
        let by_auditor = invite(&session, &account, auditor("one.bob", "2027-03-31"));
        assert_eq!(kind(by_auditor), Kind::Forbidden);
        let read = Read::<Kept<Member>>::new(&world.kernel, "one.aud").unwrap();
        let kept = world.run(&world.admin, read).unwrap().output;
        assert_eq!(kept.added.by, "member:one.ana");
        assert!(kept.row.declared.is_some());
        let renew = |who: &str| {
            let renew = RenewAuditor::new(&world.kernel, &account, &name(who), life)?;
            Ok::<Link, kernel::Error>(world.run(&ana, renew)?.output)
        };
        let again = renew("one.aud").unwrap();
        begin(world, &again.token).unwrap();
        assert_eq!(kind(renew("one.ana")), Kind::NotFound, "administrators are not its to renew");
        let dismiss = |who: &str| {
            let dismiss = DismissAuditor::new(&world.kernel, &account, &name(who), "done")?;
            world.run(&ana, dismiss).map(|_| ())
        };
        assert_eq!(kind(dismiss("one.ana")), Kind::NotFound);
        dismiss("one.aud").unwrap();
        assert_eq!(kind(world.asked(&session)), Kind::Unauthenticated);
        assert_eq!(kind(dismiss("one.aud")), Kind::Conflict);
        assert_eq!(kind(renew("one.aud")), Kind::Conflict);
        let told = kinds(world, slot(world, &account));
        for action in ["member.invite", "member.renew", "member.dismiss"] {
            assert!(told.iter().any(|kind| kind == action), "{action} is in the account's log");
        }
    });
}

#[test]
fn a_subscribers_administrator_is_none_of_the_providers() {
    both(78, |world| {
        account_with_data(world);
        add(world, &world.admin, "members", &ana()).unwrap();
        let leave = EndPerson::new(&world.kernel, &name("admin")).unwrap();
        assert_eq!(kind(world.run(&world.admin, leave).map(|_| ())), Kind::Conflict, "the last");
    });
}
