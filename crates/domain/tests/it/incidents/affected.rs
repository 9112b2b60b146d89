//! Affected accounts: the search against a scan of everything, and each caveat by its name.

use super::{Crew, at, hours, tick};
use crate::registers::add;
use crate::support::{both, days, kind, kinds, name, record, slot};
use domain::data::{BatchPut, Condition, DeleteRecord, GetRecord, History, ListRecords, PutMany};
use domain::incidents::affected::{
    Account, Answer, Ask, AskAffected, Certainty, Query, Record, search,
};
use domain::register::When;
use domain::services::{IssueToken, RevokeToken};
use kernel::id::AccountId;
use kernel::{Asked, Error, HOUSE, Kind, Moment, Operation, Result, Told};
use rusqlite::Connection;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use testkit::{Dice, World};

const ADDRESS: &str = "192.0.2.66";

fn query(by: &str) -> Query {
    Query { by: by.to_owned(), from: When(Moment(1)), to: When(Moment(u64::MAX >> 2)) }
}

fn ask(world: &World, by: &str) -> Answer {
    search(&world.kernel, query(by), None).unwrap()
}

fn of<'a>(answer: &'a Answer, account: &str) -> &'a Account {
    let found = answer.accounts.iter().find(|one| one.account == account);
    found.unwrap_or_else(|| panic!("no account `{account}`: {answer:#?}"))
}

fn ids(account: &Account, which: impl Fn(&Record) -> u64) -> Vec<&str> {
    let some = account.items.iter().filter(|one| which(one) > 0);
    some.map(|one| one.id.as_deref().unwrap_or("erased")).collect()
}

/// Does it from an address.
fn from<O: Operation>(world: &World, token: &str, address: &str, what: O) -> Result<O::Output> {
    let asked = Asked { source: Some(address.to_owned()), ..world.asked(token)? };
    Ok(world.kernel.run(asked, what)?.output)
}

fn get(world: &World, account: &AccountId, id: &str, condition: Condition) -> GetRecord {
    let place = world.place(account, "c");
    GetRecord::new(&world.kernel, place, &record(id), None, condition).unwrap()
}

fn list(world: &World, account: &AccountId, values: bool) -> ListRecords {
    ListRecords::new(&world.kernel, world.place(account, "c"), 100, None, values).unwrap()
}

/// Two accounts with records `1` to `5` in `c`, written by `import`; a thief with a right to all.
struct House {
    one: AccountId,
    two: AccountId,
    import: String,
    thief: String,
}

impl House {
    fn new(world: &World) -> Self {
        let import = world.service("import");
        world.grant("service:import", "*", "*", &["read", "write", "delete", "open", "export"]);
        let thief = world.service("thief");
        let all = ["read", "write", "delete", "export"];
        world.grant("service:thief", "*", "*", &all);
        let [one, two] = ["One", "Two"].map(|name| {
            let account = world.account(&import, name).unwrap();
            world.collection(&import, &account, "c").unwrap();
            for id in ["1", "2", "3", "4", "5"] {
                world.put(&import, (&account, "c", id), "{}").unwrap();
            }
            account
        });
        Self { one, two, import, thief }
    }

    fn token(&self, world: &World) -> String {
        format!("token:{}", world.kernel.identify(&self.thief).unwrap().credential)
    }
}

#[test]
fn what_was_done_is_told_by_record() {
    both(900, |world| {
        let house = House::new(world);
        let one = &house.one;
        world.get(&house.thief, (one, "c", "1")).unwrap();
        world.get(&house.thief, (one, "c", "1")).unwrap();
        world.put(&house.thief, (one, "c", "2"), "[]").unwrap();
        let gone =
            DeleteRecord::new(&world.kernel, world.place(one, "c"), &record("3"), Condition::None);
        world.run(&house.thief, gone.unwrap()).unwrap();
        let history = History::new(&world.kernel, world.place(one, "c"), &record("4")).unwrap();
        world.run(&house.thief, history).unwrap();
        let answer = ask(world, "service:thief");
        assert_eq!((answer.accounts.len(), answer.every_entry), (1, true), "{answer:#?}");
        let found = of(&answer, "one");
        assert_eq!(found.certainty, Certainty::Exact, "{found:#?}");
        assert_eq!(ids(found, |one| one.counts.disclosed), ["1"]);
        assert_eq!(ids(found, |one| one.counts.changed), ["2"]);
        assert_eq!(ids(found, |one| one.counts.deleted), ["3"]);
        assert_eq!(ids(found, |one| one.counts.described), ["4"]);
        assert_eq!((found.records, found.entries, found.counts.disclosed), (4, 5, 2));
        assert_eq!((found.collections.as_slice(), found.grants.len()), (&["c".to_owned()][..], 1));
        assert_eq!(ask(world, &house.token(world)).accounts, answer.accounts);
        assert!(ask(world, "service:import").accounts.iter().all(|one| one.touched()));
        for bad in ["", "thief", "token:", "token:a b", "address:1.2.3", "vendor:", "all", "x:y"] {
            let refused = search(&world.kernel, query(bad), None);
            assert_eq!(kind(refused), Kind::Invalid, "{bad}");
        }
        assert_eq!(kind(search(&world.kernel, query("vendor:nobody"), None)), Kind::Invalid);
    });
}

#[test]
fn bulk_reads_name_every_record_that_was_listed() {
    both(901, |world| {
        let house = House::new(world);
        world.run(&house.thief, list(world, &house.one, true)).unwrap();
        world.run(&house.thief, list(world, &house.two, false)).unwrap();
        let answer = ask(world, "service:thief");
        let (one, two) = (of(&answer, "one"), of(&answer, "two"));
        assert_eq!(ids(one, |one| one.counts.disclosed), ["1", "2", "3", "4", "5"]);
        assert_eq!(ids(two, |one| one.counts.described), ["1", "2", "3", "4", "5"]);
        assert!(ids(two, |one| one.counts.disclosed).is_empty(), "ids only, no bodies");
        assert_eq!((one.certainty, two.certainty), (Certainty::Exact, Certainty::Exact));
    });
}

#[test]
fn wildcard_queries_name_what_was_returned_and_not_what_was_asked_for() {
    both(902, |world| {
        let house = House::new(world);
        let page = |after| {
            let place = world.place(&house.one, "c");
            ListRecords::new(&world.kernel, place, 2, after, true).unwrap()
        };
        let first = world.run(&house.thief, page(None)).unwrap().output;
        world.run(&house.thief, page(first.next.as_deref())).unwrap();
        world.put(&house.import, (&house.one, "c", "6"), "{}").unwrap();
        let found = ask(world, "service:thief");
        assert_eq!(ids(of(&found, "one"), |one| one.counts.disclosed), ["1", "2", "3", "4"]);
    });
}

#[test]
fn series_are_told_record_by_record() {
    both(903, |world| {
        let house = House::new(world);
        let puts = ["a", "b"].map(|id| BatchPut { id: record(id), body: b"1".to_vec() });
        let many = PutMany::new(&world.kernel, world.place(&house.one, "c"), puts.into()).unwrap();
        world.run(&house.thief, many).unwrap();
        let found = ask(world, "service:thief");
        assert_eq!(ids(of(&found, "one"), |one| one.counts.changed), ["a", "b"]);
    });
}

#[test]
fn aborted_answers_count_as_disclosed_because_nobody_knows_what_arrived() {
    both(904, |world| {
        let house = House::new(world);
        let asked = world.asked(&house.thief).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let what = get(world, &house.one, "1", Condition::None);
        // Whoever asked goes away: the answer finds nobody.
        world.kernel.submit(asked, what, move |answer| {
            drop(answer);
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
        assert_eq!(ids(of(&ask(world, "service:thief"), "one"), |one| one.counts.disclosed), ["1"]);
    });
}

#[test]
fn calls_after_revocation_are_the_credentials_and_refused() {
    both(905, |world| {
        let house = House::new(world);
        world.get(&house.thief, (&house.one, "c", "1")).unwrap();
        let token = house.token(world);
        let id = token.strip_prefix("token:").unwrap().to_owned();
        let holder = kernel::id::PrincipalId::parse("service:thief").unwrap();
        let end = RevokeToken::new(&world.kernel, &holder, &id).unwrap();
        world.run(&world.admin, end).unwrap();
        assert_eq!(kind(world.kernel.identify(&house.thief)), Kind::Unauthenticated);
        for _ in 0..3 {
            world.kernel.count_refused(&house.thief, ADDRESS);
        }
        world.kernel.count_refused("no token of ours", ADDRESS);
        world.clock.advance(hours(1));
        tick(world);
        let answer = ask(world, &token);
        assert_eq!((answer.after_end, answer.accounts.len()), (3, 1), "{answer:#?}");
        assert_eq!(of(&answer, "one").counts.disclosed, 1, "nothing more than before");
        assert_eq!(ask(world, &format!("address:{ADDRESS}")).after_end, 3);
    });
}

#[test]
fn refused_requests_touch_nothing_and_are_told() {
    both(906, |world| {
        let house = House::new(world);
        let other = world.service("other");
        assert!(world.get(&other, (&house.one, "c", "1")).is_err());
        let answer = ask(world, "service:other");
        let found = of(&answer, "one");
        assert_eq!((found.refused, found.entries, found.touched()), (1, 0, false));
    });
}

#[test]
fn what_an_answer_refused_is_a_try_and_touches_nothing() {
    both(912, |world| {
        let house = House::new(world);
        world.get(&house.thief, (&house.one, "c", "1")).unwrap();
        let rob = world.person("rob", &["responder"]);
        let answer = |kind: &str, target: &str| {
            let row = json!({"kind": kind, "target": target, "reason": "stolen"});
            let row = add(world, &rob, "answers", &row).unwrap();
            row["id"].as_str().unwrap().to_owned()
        };
        let before = ask(world, "service:thief");
        assert_eq!((before.restrained, before.tries.as_slice()), (0, &[][..]));
        assert!(!serde_json::to_string(&before).unwrap().contains("\"tries\""), "as before");
        let token = house.token(world);
        let suspend = answer("suspend", "service:thief");
        let ban = answer("ban", ADDRESS);
        for _ in 0..3 {
            assert_eq!(kind(world.kernel.identify(&house.thief)), Kind::Forbidden);
        }
        for _ in 0..2 {
            world.kernel.admit(ADDRESS.parse().unwrap()).unwrap_err();
        }
        world.clock.advance(hours(1));
        tick(world);
        for by in ["service:thief", token.as_str()] {
            let found = ask(world, by);
            assert_eq!((found.restrained, found.tries.len()), (3, 1), "{by}: {found:#?}");
            let tries = &found.tries[0];
            assert_eq!((&tries.answer, tries.count), (&suspend, 3));
            assert_eq!(tries.by.as_deref(), Some("service:thief"));
            assert_eq!(tries.credential.as_deref(), token.strip_prefix("token:"));
            assert_eq!(found.accounts, before.accounts, "what was read before, and nothing more");
        }
        let found = ask(world, &format!("address:{ADDRESS}"));
        assert_eq!((found.restrained, found.tries.len()), (2, 1), "{found:#?}");
        let tries = &found.tries[0];
        assert_eq!((&tries.answer, &tries.by, &tries.credential), (&ban, &None, &None));
        assert_eq!(tries.source.as_deref(), Some(ADDRESS));
        assert!(!found.accounts.iter().any(|one| one.counts.any()), "{found:#?}");
        // What is asked as of before knows nothing of it.
        let then = search(&world.kernel, query("service:thief"), Some(before.as_of.commit));
        assert_eq!(then.unwrap().hash().unwrap(), before.hash().unwrap());
        // Where addresses of one network tried in the same minute, the entry names none of them.
        let wide = answer("ban", "198.51.100.0/24");
        for address in ["198.51.100.1", "198.51.100.2"] {
            world.kernel.admit(address.parse().unwrap()).unwrap_err();
        }
        world.clock.advance(hours(1));
        tick(world);
        let found = ask(world, "anyone");
        let tries = found.tries.iter().find(|tries| tries.answer == wide).unwrap();
        assert_eq!((tries.count, tries.source.as_deref()), (2, None));
        assert_eq!(ask(world, "address:198.51.100.1").restrained, 0);
    });
}

#[test]
fn ids_are_those_of_the_call_also_after_a_record_is_gone() {
    both(907, |world| {
        let house = House::new(world);
        world.get(&house.thief, (&house.one, "c", "2")).unwrap();
        world.run(&house.thief, list(world, &house.one, true)).unwrap();
        let gone = DeleteRecord::new(
            &world.kernel,
            world.place(&house.one, "c"),
            &record("2"),
            Condition::None,
        );
        world.run(&house.import, gone.unwrap()).unwrap();
        let answer = ask(world, "service:thief");
        let all = ids(of(&answer, "one"), |one| one.counts.disclosed);
        assert_eq!(all, ["1", "2", "3", "4", "5"]);
    });
}

#[test]
fn what_was_not_modified_or_not_found_shows_no_body() {
    both(908, |world| {
        let house = House::new(world);
        world
            .run(&house.thief, get(world, &house.one, "1", Condition::NoneMatch(vec![1])))
            .unwrap();
        assert!(world.get(&house.thief, (&house.one, "c", "none")).is_err());
        let answer = ask(world, "service:thief");
        let found = of(&answer, "one");
        assert_eq!((found.counts.confirmed, found.counts.any()), (2, false), "{found:#?}");
        assert_eq!(found.certainty, Certainty::Exact);
    });
}

#[test]
fn clock_steps_move_no_entry_out_of_its_span() {
    both(909, |world| {
        let house = House::new(world);
        let before = world.kernel.now();
        world.get(&house.thief, (&house.one, "c", "1")).unwrap();
        // The machine's clock is set back; entries go on from the newest.
        world.clock.set(Moment(before.0 - 2_000_000));
        world.get(&house.thief, (&house.one, "c", "2")).unwrap();
        world.clock.set(Moment(before.0 + 5_000_000));
        world.get(&house.thief, (&house.one, "c", "3")).unwrap();
        let span = |from: u64, to: u64| {
            let by = "service:thief".to_owned();
            let (from, to) = (When(Moment(from)), When(Moment(to)));
            search(&world.kernel, Query { by, from, to }, None).unwrap()
        };
        let early = span(before.0, before.0 + 1);
        assert_eq!(ids(of(&early, "one"), |one| one.counts.disclosed), ["1", "2"]);
        let late = span(before.0 + 1, before.0 + 9_000_000);
        assert_eq!(ids(of(&late, "one"), |one| one.counts.disclosed), ["3"]);
    });
}

#[test]
fn asserted_names_are_told_as_asserted() {
    both(910, |world| {
        let house = House::new(world);
        let behalf = Some("mia@one.example".to_owned());
        let asked = Asked { behalf, ..world.asked(&house.thief).unwrap() };
        world.kernel.run(asked, get(world, &house.one, "1", Condition::None)).unwrap();
        let answer = ask(world, "service:thief");
        assert_eq!(of(&answer, "one").asserted, ["mia@one.example"]);
    });
}

#[test]
fn addresses_are_found_and_entries_without_one_are_unknown() {
    both(911, |world| {
        let house = House::new(world);
        from(world, &house.thief, ADDRESS, get(world, &house.one, "1", Condition::None)).unwrap();
        let answer = ask(world, &format!("address:{ADDRESS}"));
        let one = of(&answer, "one");
        // The house was filled over no network: entries from before addresses look the same.
        assert_eq!(one.certainty, Certainty::Unknown);
        assert_eq!(of(&answer, "two").certainty, Certainty::Unknown, "never silently nothing");
        assert_eq!(ids(one, |one| one.counts.disclosed), ["1"]);
        let now = world.kernel.now();
        world.clock.advance(hours(1));
        let what = get(world, &house.two, "2", Condition::None);
        from(world, &house.thief, "::ffff:192.0.2.66", what).unwrap();
        from(world, &house.thief, ADDRESS, get(world, &house.two, "3", Condition::None)).unwrap();
        from(world, &house.thief, "192.0.2.67", get(world, &house.one, "4", Condition::None))
            .unwrap();
        let by = "address:::ffff:192.0.2.66".to_owned();
        let to = When(Moment(u64::MAX >> 2));
        let query = Query { by, from: When(Moment(now.0 + 1)), to };
        let later = search(&world.kernel, query, None).unwrap();
        assert_eq!(later.query.by, format!("address:{ADDRESS}"), "one spelling");
        let two = of(&later, "two");
        assert_eq!((later.accounts.len(), two.certainty), (1, Certainty::Exact), "{later:#?}");
        assert_eq!(ids(two, |one| one.counts.disclosed), ["3"]);
    });
}

#[test]
fn what_a_credential_issued_gave_and_opened_is_followed() {
    both(912, |world| {
        let house = House::new(world);
        let bad = world.person("bad", &["administrator"]);
        let credential = world.kernel.identify(&bad).unwrap().credential;
        let issue = IssueToken::new(&world.kernel, &name("import")).unwrap();
        let second = world.run(&bad, issue).unwrap().output.token;
        world.get(&second, (&house.one, "c", "1")).unwrap();
        let friend = world.service("friend");
        world.get(&friend, (&house.one, "c", "2")).unwrap_err();
        let wish = ("service:friend", "two", "c", ["read"]);
        world.try_grant(&bad, wish.0, wish.1, wish.2, &wish.3).unwrap();
        world.get(&friend, (&house.two, "c", "4")).unwrap();
        world.get(&house.import, (&house.two, "c", "5")).unwrap();
        for by in ["person:bad".to_owned(), format!("token:{credential}")] {
            let answer = ask(world, &by);
            assert_eq!(ids(of(&answer, "one"), |one| one.counts.disclosed), ["1"], "{by}");
            assert_eq!(ids(of(&answer, "two"), |one| one.counts.disclosed), ["4"], "{by}");
            let why: BTreeSet<&str> = answer.followed.iter().map(|one| one.why.as_str()).collect();
            let wanted = ["given by an entry that counts", "issued by an entry that counts"];
            assert_eq!(why.into_iter().collect::<Vec<_>>(), wanted, "{by}");
        }
    });
}

#[test]
fn an_answer_is_the_same_bytes_at_its_commit_and_a_later_one_differs() {
    both(913, |world| {
        let crew = Crew::new(world);
        let house = House::new(world);
        world.get(&house.thief, (&house.one, "c", "1")).unwrap();
        let first = ask(world, "service:thief");
        let bytes = serde_json::to_string(&first).unwrap();
        world.get(&house.thief, (&house.two, "c", "1")).unwrap();
        world.get(&house.thief, (&house.one, "c", "2")).unwrap();
        world.kernel.tick(&domain::run_job).unwrap();
        let commit = Some(first.as_of.commit);
        let again = search(&world.kernel, query("service:thief"), commit).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), bytes);
        assert_eq!(again.hash().unwrap(), first.hash().unwrap());
        let later = ask(world, "service:thief");
        assert_ne!(later.hash().unwrap(), first.hash().unwrap());
        assert_eq!(later.accounts.len(), 2);
        let none = search(&world.kernel, query("service:thief"), Some(u64::MAX >> 1));
        assert_eq!(kind(none), Kind::NotFound);
        let ask = |chain: &str| {
            let mut as_of = first.as_of.clone();
            as_of.chain.replace_range(..chain.len(), chain);
            let Query { by, from, to } = query("service:thief");
            let ask = Ask { by, from, to, as_of: Some(as_of), account: None, after: 0 };
            AskAffected::new(&world.kernel, ask)
        };
        let told = world.run(&crew.rita, ask("").unwrap()).unwrap().output;
        assert_eq!((told.hash, told.whole), (first.hash().unwrap(), true));
        assert_eq!(kind(ask("0000000000000000").map(|_| ())), Kind::Conflict);
        assert_eq!(kind(world.run(&crew.cora, ask("").unwrap())), Kind::Forbidden);
        let noted = kinds(world, HOUSE).iter().filter(|kind| *kind == "affected.ask").count();
        assert_eq!(noted, 1, "asking is an entry");
    });
}

#[test]
fn a_later_search_suspects_new_accounts_and_holds_the_incident_open() {
    both(914, |world| {
        let crew = Crew::new(world);
        let house = House::new(world);
        let it = crew.incident(world, "breach");
        crew.triage(world, &it, "breach");
        world.get(&house.thief, (&house.one, "c", "1")).unwrap();
        let scope = json!({"by": house.token(world), "from": "2026-11-22T00:00:00Z",
            "to": at(world, days(2))});
        crew.step(world, &it, "scope", &scope).unwrap();
        tick(world);
        let refute = json!({"accounts": ["one"], "why": "a test of ours"});
        crew.step(world, &it, "refute", &refute).unwrap();
        world.get(&house.thief, (&house.two, "c", "1")).unwrap();
        crew.step(world, &it, "scope", &scope).unwrap();
        tick(world);
        let id = format!("{it}.{}", house.token(world).replace(':', "."));
        let row = crew.show(world, "affected", &id);
        assert_eq!(row["found"]["fresh"], json!(["two"]), "{row:#}");
        let notes = crew.show(world, "incidents", &it)["timeline"].clone();
        let note = notes.as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_owned();
        assert!(note.contains("new accounts under suspicion: two"), "{note}");
        let open = crew.step(world, &it, "close", &json!({"summary": "x"})).unwrap_err();
        assert!(open.message().contains("`two`"), "{open}");
        let both = json!({"by": "anyone", "principal": "service:thief",
            "from": "2026-11-22T00:00:00Z", "to": at(world, days(2))});
        assert_eq!(kind(crew.step(world, &it, "scope", &both)), Kind::Invalid);
    });
}

/// A world on SQLite whose rows are changed behind its back, and what a search says then.
fn altered(seed: u64, sql: &str, see: impl FnOnce(&World, &House)) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::sqlite(folder.path(), seed);
    let house = House::new(&world);
    world.get(&house.thief, (&house.one, "c", "1")).unwrap();
    let sql = sql.replace("ONE", &slot(&world, &house.one).to_string());
    let changed = Connection::open(folder.path().join("bailee.db")).unwrap();
    assert!(changed.execute(&sql, []).unwrap() > 0, "{sql}");
    see(&world, &house);
}

#[test]
fn an_account_whose_entries_cannot_be_read_is_unknown() {
    let sql = "UPDATE entries SET opening = zeroblob(80) WHERE account = ONE AND place = 3";
    altered(915, sql, |world, _| {
        let answer = ask(world, "service:thief");
        let one = of(&answer, "one");
        assert_eq!((one.certainty, answer.accounts.len()), (Certainty::Unknown, 1), "{answer:#?}");
        let nobody = ask(world, "person:admin");
        assert_eq!(of(&nobody, "one").certainty, Certainty::Unknown, "it might be by anybody");
    });
}

#[test]
fn an_account_whose_keys_are_away_is_unknown_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, one) = {
        let world = World::sqlite(folder.path(), 917);
        let house = House::new(&world);
        world.get(&house.thief, (&house.one, "c", "1")).unwrap();
        (world.clock.clone(), slot(&world, &house.one))
    };
    let db = Connection::open(folder.path().join("bailee.db")).unwrap();
    db.execute("UPDATE account_keys SET key = zeroblob(60) WHERE account = ?1", [one]).unwrap();
    let kernel = World::reopen_sqlite(folder.path(), 5, clock).unwrap();
    let answer = search(&kernel, query("service:thief"), None).unwrap();
    let found = of(&answer, "one");
    assert_eq!(found.certainty, Certainty::Unknown);
    assert!(found.reasons.iter().any(|why| why.contains("cannot be read")), "{found:#?}");
    kernel.close();
}

#[test]
fn a_house_that_cannot_be_read_makes_every_account_unknown() {
    altered(918, "UPDATE entries SET leaf = x'00' WHERE account = 0 AND place = 2", |world, _| {
        let answer = ask(world, "service:thief");
        assert!(answer.wide.is_some(), "{answer:#?}");
        assert_eq!(answer.accounts.len(), 2);
        assert!(answer.accounts.iter().all(|one| one.certainty == Certainty::Unknown));
    });
}

#[test]
fn an_index_that_hides_an_entry_makes_its_account_unknown() {
    let sql = "UPDATE access_index SET actor = zeroblob(16), credential = zeroblob(16)
               WHERE row = (SELECT max(row) FROM entries WHERE account = ONE)";
    altered(919, sql, |world, _| {
        let answer = ask(world, "service:thief");
        assert_eq!(of(&answer, "one").certainty, Certainty::Unknown, "{answer:#?}");
    });
}

#[test]
fn erased_entries_are_upper_bounds() {
    let sql = "UPDATE entries SET opening = NULL
               WHERE row = (SELECT max(row) FROM entries WHERE account = ONE)";
    altered(920, sql, |world, _| {
        let answer = ask(world, "service:thief");
        let one = of(&answer, "one");
        assert_eq!(one.certainty, Certainty::UpperBound, "{answer:#?}");
        assert_eq!(ids(one, |one| one.counts.disclosed), ["1"]);
    });
}

/// What a scan of every entry of every log finds of a principal, credential or address: records
/// by account, tag and effect.
fn scan(world: &World, field: &str, value: &str) -> BTreeMap<(u64, String, &'static str), u64> {
    let (mut found, mut after) = (BTreeMap::new(), 0);
    loop {
        let page = world.kernel.feed(after, 100).unwrap();
        let Some(last) = page.last() else { return found };
        after = last.row;
        for entry in page {
            let Told::Fields(fields) = &entry.fields else { panic!("{entry:?}") };
            if fields.get(field).map(String::as_str) != Some(value) || entry.account == HOUSE {
                continue;
            }
            let effect = match entry.kind.as_str() {
                "record.get" if fields.contains_key("outcome") => "confirmed",
                "record.get" => "disclosed",
                "record.put" => "changed",
                "record.delete" if fields.contains_key("outcome") => "confirmed",
                "record.delete" => "deleted",
                "record.list" if fields["values"] == "true" => "disclosed",
                "record.list" => "described",
                _ => continue,
            };
            if let Some(object) = fields.get("object") {
                let id = object.split_once('/').unwrap().1.to_owned();
                *found.entry((entry.account, id, effect)).or_default() += 1;
                continue;
            }
            // A list: what was there when it was made, without what was deleted.
            let count: usize = fields["objects"].parse().unwrap();
            let live = live_before(world, entry.account, entry.index);
            assert_eq!(live.len(), count, "{entry:?}");
            for id in live {
                *found.entry((entry.account, id, effect)).or_default() += 1;
            }
        }
    }
}

/// The records of `c` that were live before an entry, as the log tells it.
fn live_before(world: &World, account: u64, index: u64) -> BTreeSet<String> {
    let mut live = BTreeSet::new();
    for entry in world.kernel.entries(account, 0, index, true).unwrap() {
        let leaf = ledger::entry::Leaf::parse(&entry.leaf).unwrap();
        let fields = entry.opening.unwrap().fields;
        if fields.contains_key("outcome") && leaf.kind == "record.delete" {
            continue;
        }
        let id = fields.get("object").map(|shown| shown.value.split_once('/').unwrap().1);
        match leaf.kind.as_str() {
            "record.put" => drop(live.insert(id.unwrap().to_owned())),
            "record.delete" => drop(live.remove(id.unwrap())),
            _ => {}
        }
    }
    live
}

#[test]
fn the_search_is_what_a_scan_of_every_entry_finds() {
    for seed in 0..3 {
        let world = World::memory(930 + seed);
        random(&world, 40 + seed);
        let folder = tempfile::tempdir().unwrap();
        let world = World::sqlite(folder.path(), 930 + seed);
        random(&world, 40 + seed);
    }
}

/// A random history by three services from three addresses, then every question about it.
fn random(world: &World, seed: u64) {
    let house = House::new(world);
    let others: Vec<String> = ["s1", "s2"]
        .map(|name| {
            let token = world.service(name);
            world.grant(&format!("service:{name}"), "*", "c", &["read", "write", "delete"]);
            token
        })
        .into();
    let tokens = [&others[0], &others[1], &house.thief];
    let addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
    let mut dice = Dice::new(seed);
    happen(world, &house, &mut dice, (tokens, addresses));
    let credentials = tokens.map(|token| world.kernel.identify(token).unwrap().credential);
    compare(world, &credentials, addresses);
}

/// 120 things that happen by chance.
fn happen(
    world: &World,
    house: &House,
    dice: &mut Dice,
    (tokens, addresses): ([&String; 3], [&str; 3]),
) {
    for _ in 0..120 {
        let token = tokens[dice.below(3) as usize];
        let address = addresses[dice.below(3) as usize];
        let account = if dice.below(2) == 0 { &house.one } else { &house.two };
        let id = record(&dice.below(9).to_string());
        let place = || world.place(account, "c");
        // What is refused or not there is an entry too.
        match dice.below(5) {
            0 | 1 => {
                drop(from(world, token, address, get(world, account, id.as_str(), Condition::None)))
            }
            2 => {
                let put = domain::data::PutRecord::new(
                    &world.kernel,
                    place(),
                    &id,
                    b"{}".to_vec(),
                    Condition::None,
                );
                from(world, token, address, put.unwrap()).unwrap();
            }
            3 => {
                let gone = DeleteRecord::new(&world.kernel, place(), &id, Condition::None);
                drop(from(world, token, address, gone.unwrap()));
            }
            _ => {
                drop(from(world, token, address, list(world, account, dice.below(2) == 0)).unwrap())
            }
        }
        world.clock.advance(std::time::Duration::from_secs(dice.below(60)));
    }
}

/// Every question, asked of the search and of a scan over every entry.
fn compare(world: &World, credentials: &[String; 3], addresses: [&str; 3]) {
    let questions =
        ["service:s1", "service:s2", "service:thief"].map(|who| ("actor", who, who.to_owned()));
    let by_token = credentials.iter().map(|id| ("credential", id.as_str(), format!("token:{id}")));
    let by_address = addresses.iter().map(|one| ("source", *one, format!("address:{one}")));
    for (field, value, by) in questions.into_iter().chain(by_token).chain(by_address) {
        let answer = ask(world, &by);
        let mut found = BTreeMap::new();
        for account in &answer.accounts {
            let slot = world.kernel.slot(&AccountId::parse(&account.account).unwrap()).unwrap();
            for item in &account.items {
                let counts = &item.counts;
                for (effect, count) in [
                    ("disclosed", counts.disclosed),
                    ("described", counts.described),
                    ("confirmed", counts.confirmed),
                    ("changed", counts.changed),
                    ("deleted", counts.deleted),
                ] {
                    if count > 0 {
                        let id = item.id.clone().unwrap_or_else(|| "?".to_owned());
                        *found.entry((slot, id, effect)).or_insert(0) += count;
                    }
                }
            }
            if field != "source" {
                assert_eq!(account.certainty, Certainty::Exact, "{by}: {account:#?}");
            }
        }
        // A record that never was has no row to be named by.
        let mut scanned = scan(world, field, value);
        let never: Vec<_> = scanned.keys().filter(|key| key.2 == "confirmed").cloned().collect();
        for key in never {
            let account = world.kernel.key(key.0, "c", &key.1).unwrap();
            let all = found.keys().any(|other| other.0 == key.0 && other.1 == key.1);
            if !all {
                let count = scanned.remove(&key).unwrap();
                *scanned.entry((key.0, "?".to_owned(), "confirmed")).or_insert(0) += count;
            }
            drop(account);
        }
        assert_eq!(found, scanned, "{by}");
    }
}

#[test]
fn an_error_names_no_type() {
    both(950, |world| {
        let error: Error = search(&world.kernel, query("x"), None).unwrap_err();
        assert!(!error.message().contains("By"), "{error}");
    });
}
