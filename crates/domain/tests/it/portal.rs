//! The portal: an account's own page, its accesses and receipts, and subscriptions.

use crate::incidents::Crew;
use crate::members::{ana, aud, sign_in};
use crate::registers::{add, take};
use crate::reports::{Team, publish, report, request};
use crate::support::{account_with_data, both, days, field, kind};
use domain::data::{Condition, GetRecord};
use domain::portal::{Accesses, AccountFile, AccountPage, OwnReceipt, ReadAccesses};
use kernel::id::AccountId;
use kernel::{Kind, Result};
use serde_json::json;
use testkit::World;

fn page(world: &World, token: &str, account: &AccountId) -> Result<AccountFile> {
    Ok(world.run(token, AccountPage::new(&world.kernel, account)?)?.output)
}

fn accesses(
    world: &World,
    token: &str,
    account: &AccountId,
    before: Option<u64>,
) -> Result<Accesses> {
    Ok(world.run(token, ReadAccesses::new(&world.kernel, account, before)?)?.output)
}

#[test]
fn the_page_shows_the_accounts_own_and_nothing_else() {
    both(91, |world| {
        let team = Team::new(world);
        let (import, account) = account_with_data(world);
        let other = world.account(&import, "Two").unwrap();
        world.grant("service:import", "two", "*", &["read"]);
        world.service("gone");
        world.grant("service:gone", "one", "c", &["read"]);
        let end = domain::services::EndService::new(&world.kernel, &crate::support::name("gone"));
        world.run(&world.admin, end.unwrap()).unwrap();
        add(world, &world.admin, "members", &ana()).unwrap();
        add(world, &world.admin, "members", &aud("2027-06-30")).unwrap();
        let mut bea = ana();
        (bea["name"], bea["account"]) = (json!("two.bea"), json!("two"));
        add(world, &world.admin, "members", &bea).unwrap();
        publish(world, &team, &report("soc3", "soc3", "2027-06-30"));
        add(world, &team.lea, "reports", &report("draft", "soc3", "2027-06-30")).unwrap();
        let [ana, aud, bea] =
            ["one.ana", "one.aud", "two.bea"].map(|who| sign_in(world, &world.admin, who));
        let first = request(world, &ana, &account, "soc3").unwrap().id;
        let second = request(world, &aud, &account, "soc3").unwrap().id;
        request(world, &bea, &other, "soc3").unwrap();
        let file = page(world, &ana, &account).unwrap();
        let names: Vec<_> = file.members.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((file.name.as_str(), names), ("One", vec!["one.ana", "one.aud"]));
        let holders: Vec<_> = file.grants.iter().map(|one| one.holder.as_str()).collect();
        assert_eq!(holders, ["service:import"], "neither another account's nor an ended holder's");
        assert!(file.grants[0].every_account && file.grants[0].purpose == "support case");
        let reports: Vec<_> = file.reports.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(reports, ["soc3"], "drafts are the provider's own");
        let requests: Vec<_> = file.requests.iter().map(|one| one.id.clone()).collect();
        assert_eq!(requests, [first, second.clone()]);
        let file = page(world, &aud, &account).unwrap();
        let requests: Vec<_> = file.requests.into_iter().map(|one| one.id).collect();
        assert_eq!(requests, [second], "an auditor sees its own");
        assert_eq!(kind(page(world, &bea, &account)), Kind::NotFound);
        assert_eq!(kind(page(world, &team.lea, &account)), Kind::Forbidden);
        assert_eq!(kind(page(world, &import, &account)), Kind::Forbidden);
    });
}

#[test]
fn the_page_has_the_accounts_notices_once_they_are_given() {
    both(94, |world| {
        let crew = Crew::new(world);
        let (import, account) = account_with_data(world);
        let other = world.account(&import, "Two").unwrap();
        add(world, &world.admin, "members", &ana()).unwrap();
        let mut bea = ana();
        (bea["name"], bea["account"]) = (json!("two.bea"), json!("two"));
        add(world, &world.admin, "members", &bea).unwrap();
        let it = crew.incident(world, "breach");
        crew.verify(world, &it, "one", "access");
        let ada = crew.contact(world, "one", "ada@one.example");
        let [first, draft] = [(); 2].map(|()| crew.notice(world, &it, "one", &[&ada]));
        let [ana, bea] = ["one.ana", "two.bea"].map(|who| sign_in(world, &world.admin, who));
        assert!(page(world, &ana, &account).unwrap().notices.is_empty(), "none is given");
        crew.send(world, &first).unwrap();
        let seen = page(world, &ana, &account).unwrap().notices;
        let shown: Vec<_> = seen.iter().map(|one| (one.id.as_str(), one.number)).collect();
        assert_eq!(shown, [(first.as_str(), 1)], "and not `{draft}`, which was not sent");
        assert_eq!((seen[0].state.as_str(), seen[0].receivers.len()), ("sending", 1));
        let json = serde_json::to_string(&seen).unwrap();
        assert!(!json.contains("link") && !json.contains("rita"), "the provider's own: {json}");
        assert!(page(world, &bea, &other).unwrap().notices.is_empty(), "another account's");
    });
}

/// A member learns from where members acted, and not from where the provider's own did.
fn from_where(world: &World, service: &str, member: &str, account: &AccountId) {
    let at = |token: &str, address: &str| kernel::Asked {
        source: Some(address.to_owned()),
        ..world.asked(token).unwrap()
    };
    let place = world.place(account, "c");
    let id = kernel::id::RecordId::parse("x1").unwrap();
    let read = GetRecord::new(&world.kernel, place, &id, None, Condition::None).unwrap();
    world.kernel.run(at(service, "198.51.100.7"), read).unwrap();
    let look = ReadAccesses::new(&world.kernel, account, None).unwrap();
    world.kernel.run(at(member, "203.0.113.9"), look).unwrap();
    let seen = accesses(world, member, account, None).unwrap();
    let [looked, put] = [0, 1].map(|n| &seen.items[n]);
    assert_eq!(put.fields["actor"], "service:import");
    assert!(!put.fields.contains_key("source"), "{:?}", put.fields);
    assert_eq!(looked.fields["source"], "203.0.113.9");
    let receipt = |index| {
        let own = OwnReceipt::new(&world.kernel, account, index).unwrap();
        world.run(member, own).unwrap().output
    };
    let told = receipt(put.index);
    assert!(!told.contains("198.51.100.7"));
    let report = ledger::verify::verify_receipt(&told, Some(&world.kernel.public_key()));
    assert!(report.ok(), "{report}");
    assert!(receipt(looked.index).contains("203.0.113.9"));
}

#[test]
fn accesses_of_ninety_days_are_shown_with_their_receipts() {
    both(92, |world| {
        let mut team = Team::new(world);
        let (import, account) = account_with_data(world);
        add(world, &world.admin, "members", &ana()).unwrap();
        for n in 0..210 {
            world.put(&import, (&account, "c", &format!("x{n}")), "{}").unwrap();
        }
        let ana = sign_in(world, &world.admin, "one.ana");
        let newest = accesses(world, &ana, &account, None).unwrap();
        assert_eq!(newest.items.len(), 200);
        let put = &newest.items[0];
        assert_eq!(
            (put.kind.as_str(), put.fields["actor"].as_str(), put.fields["object"].as_str()),
            ("record.put", "service:import", "c/x209")
        );
        let older = accesses(world, &ana, &account, newest.next).unwrap();
        assert_eq!(older.items.last().unwrap().index, 0);
        assert_eq!(older.next, None);
        let receipt = OwnReceipt::new(&world.kernel, &account, put.index).unwrap();
        let receipt = world.run(&ana, receipt).unwrap().output;
        let report = ledger::verify::verify_receipt(&receipt, Some(&world.kernel.public_key()));
        assert!(report.ok(), "{report}");
        from_where(world, &import, &ana, &account);
        team.wait(world, 91);
        let ana = sign_in(world, &team.admin, "one.ana");
        let seen = accesses(world, &ana, &account, None).unwrap();
        assert!(seen.items.is_empty() && seen.next.is_none(), "older ones are in the ledger");
        let seen = accesses(world, &ana, &account, None).unwrap();
        assert_eq!(seen.items[0].kind, "portal.accesses", "looking is an access too");
        assert_eq!(kind(accesses(world, &team.lea, &account, None)), Kind::Forbidden);
    });
}

#[test]
fn a_subscription_binds_an_account_to_the_terms_in_force() {
    both(93, |world| {
        let mut team = Team::new(world);
        let (_, account) = account_with_data(world);
        add(world, &world.admin, "members", &ana()).unwrap();
        let new = json!({"account": "one", "plan": "enterprise", "from": "2026-01-01",
            "to": "2026-12-31", "terms": "2026-1"});
        let refused = field(add(world, &team.lea, "subscriptions", &new));
        assert_eq!(refused, (Kind::Invalid, "terms".to_owned()), "no catalogue yet");
        let catalogue = json!({"version": "2026-1", "reason": "our contract"});
        add(world, &team.lea, "catalogues", &catalogue).unwrap();
        for (key, value) in
            [("account", "two"), ("to", "2025-12-31"), ("terms", "2026-2"), ("plan", "")]
        {
            let mut bad = new.clone();
            bad[key] = json!(value);
            assert_eq!(field(add(world, &team.lea, "subscriptions", &bad)).1, key);
        }
        let row = add(world, &team.lea, "subscriptions", &new).unwrap();
        assert_eq!(
            (row["id"].as_str(), row["state"]["word"].as_str()),
            (Some("one"), Some("in-force"))
        );
        assert_eq!(kind(add(world, &team.lea, "subscriptions", &new)), Kind::Conflict);
        let member = sign_in(world, &world.admin, "one.ana");
        let file = page(world, &member, &account).unwrap();
        assert_eq!(file.subscription.unwrap().plan, "enterprise");
        assert_eq!(file.terms_in_force.as_deref(), Some("2026-1"));
        let step = |token: &str, verb: &str, stated| {
            take(world, token, ("subscriptions", "one", verb), &stated)
        };
        let back = step(&team.lea, "change", json!({"to": "2025-01-01"}));
        assert_eq!(field(back), (Kind::Invalid, "to".to_owned()));
        let other = step(&team.lea, "change", json!({"terms": "2027-1"}));
        assert_eq!(field(other), (Kind::Invalid, "terms".to_owned()));
        team.wait(world, 40);
        let row = step(&team.cora, "change", json!({"plan": "plus"})).unwrap();
        assert_eq!(row["state"]["word"], "over");
        let row = step(&team.cora, "change", json!({"to": "2027-12-31"})).unwrap();
        assert_eq!(row["state"]["word"], "in-force");
        let row = step(&team.cora, "end", json!({"reason": "cancelled, data erased"})).unwrap();
        assert_eq!(row["state"]["word"], "ended");
        let late = step(&team.cora, "change", json!({"plan": "plus"}));
        assert_eq!(kind(late), Kind::Conflict);
        world.clock.advance(days(1));
        assert_eq!(kind(step(&team.cora, "end", json!({"reason": "again"}))), Kind::Conflict);
    });
}
