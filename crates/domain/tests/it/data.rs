//! Records: versions with authors, conditions, batches that are all or nothing, lists.

use crate::support::{
    account_with_data, both, field, keyed, kind, kinds, newest, record, run_as, size, slot,
};
use domain::data::{
    BatchPut, Condition, DeleteRecord, GetRecord, Got, History, ListCollections, ListRecords, Put,
    PutMany, PutRecord, RestoreRecord,
};
use domain::register::Page;
use kernel::engine::{DangerFaults, Memory};
use kernel::id::AccountId;
use kernel::{Done, HOUSE, Kind, Result, Version};
use std::sync::Arc;
use testkit::World;

/// A record of the collection `c`, and who asks.
struct On<'a> {
    world: &'a World,
    token: &'a str,
    account: &'a AccountId,
    id: &'a str,
}

impl On<'_> {
    fn place(&self) -> domain::data::Place {
        self.world.place(self.account, "c")
    }

    fn put_if(&self, body: &str, condition: Condition) -> Result<Put> {
        let (id, body) = (record(self.id), body.as_bytes().to_vec());
        let put = PutRecord::new(&self.world.kernel, self.place(), &id, body, condition)?;
        Ok(self.world.run(self.token, put)?.output)
    }

    fn put(&self, body: &str) -> Result<Put> {
        self.put_if(body, Condition::None)
    }

    fn delete_if(&self, condition: Condition) -> Result<Put> {
        let id = record(self.id);
        let delete = DeleteRecord::new(&self.world.kernel, self.place(), &id, condition)?;
        Ok(self.world.run(self.token, delete)?.output)
    }

    fn delete(&self) -> Result<Put> {
        self.delete_if(Condition::None)
    }

    fn restore(&self) -> Result<Put> {
        let restore = RestoreRecord::new(&self.world.kernel, self.place(), &record(self.id))?;
        Ok(self.world.run(self.token, restore)?.output)
    }

    fn get_if(&self, version: Option<u64>, condition: Condition) -> Result<Got> {
        let id = record(self.id);
        let get = GetRecord::new(&self.world.kernel, self.place(), &id, version, condition)?;
        Ok(self.world.run(self.token, get)?.output)
    }

    fn get(&self, version: Option<u64>) -> Result<String> {
        match self.get_if(version, Condition::None)? {
            Got::Shown(version) => Ok(String::from_utf8(version.body).unwrap()),
            Got::NotModified(version) => panic!("not modified: {version}"),
        }
    }

    fn history(&self) -> Result<Vec<Version>> {
        let history = History::new(&self.world.kernel, self.place(), &record(self.id))?;
        Ok(self.world.run(self.token, history)?.output)
    }
}

#[test]
fn every_version_keeps_its_author_and_can_be_read() {
    both(1, |world| {
        let (import, account) = account_with_data(world);
        let eve = world.person("eve", &["engineer"]);
        let lea = world.person("lea", &["administrator"]);
        let all = ["read", "write", "delete"];
        world.try_grant(&lea, "person:eve", "*", "*", &all).unwrap();
        let by_import = On { world, token: &import, account: &account, id: "x" };
        let by_eve = On { token: &eve, ..by_import };
        assert_eq!(by_import.put("1").unwrap().version, 1);
        assert_eq!(by_eve.put("2").unwrap().version, 2);
        assert_eq!(by_import.delete().unwrap().version, 3);
        assert_eq!(kind(by_eve.get(None)), Kind::NotFound);
        assert_eq!(by_eve.restore().unwrap().version, 4);
        assert_eq!(by_import.get(None).unwrap(), "2");
        let seen: Vec<_> = by_import
            .history()
            .unwrap()
            .into_iter()
            .map(|one| (one.number, one.header.author, one.header.kind, one.deleted, one.body))
            .collect();
        let version = |n: u64, author: &str, kind: &str, deleted, body: &str| {
            (n, author.to_owned(), kind.to_owned(), deleted, body.as_bytes().to_vec())
        };
        let expected = [
            version(4, "person:eve", "record.restore", false, "2"),
            version(3, "service:import", "record.delete", true, ""),
            version(2, "person:eve", "record.put", false, "2"),
            version(1, "service:import", "record.put", false, "1"),
        ];
        assert_eq!(seen, expected);
        for (version, body) in [(1, "1"), (2, "2"), (4, "2")] {
            assert_eq!(by_import.get(Some(version)).unwrap(), body);
        }
        for absent in [0, 3, 5, u64::MAX] {
            assert_eq!(kind(by_import.get(Some(absent))), Kind::NotFound, "version {absent}");
        }
    });
}

#[test]
fn a_deletion_shows_nothing_whether_it_is_the_last_version_or_not() {
    both(2, |world| {
        let (import, account) = account_with_data(world);
        let on = On { world, token: &import, account: &account, id: "x" };
        on.put("1").unwrap();
        on.delete().unwrap();
        assert_eq!(kind(on.get(Some(2))), Kind::NotFound, "the last one");
        assert_eq!(on.get(Some(1)).unwrap(), "1", "what was before can be read");
        assert_eq!(kind(on.delete()), Kind::NotFound, "deleted already");
        let again = on.put("3").unwrap();
        assert_eq!((again.version, again.created), (3, true), "it was not there");
        assert_eq!(kind(on.get(Some(2))), Kind::NotFound, "one before the last");
        assert_eq!(kind(on.restore()), Kind::Conflict, "nothing to restore");
        let absent = On { id: "y", ..on };
        assert_eq!(kind(absent.restore()), Kind::NotFound);
        assert_eq!(kind(absent.history()), Kind::NotFound);
        on.delete().unwrap();
        assert_eq!(on.restore().unwrap().version, 5);
        assert_eq!(on.get(None).unwrap(), "3", "the body before the deletion");
    });
}

#[test]
fn conditions_hold_or_nothing_happens() {
    both(3, |world| {
        let (import, account) = account_with_data(world);
        let on = On { world, token: &import, account: &account, id: "x" };
        let log = slot(world, &account);
        let refused = |outcome: Result<Put>, header: &str| {
            assert_eq!(field(outcome), (Kind::Conflict, header.to_owned()));
        };
        let (any, none) = (Condition::Match(vec![]), Condition::NoneMatch(vec![]));
        let before = size(world, log);
        refused(on.put_if("1", any.clone()), "if-match");
        refused(on.put_if("1", Condition::Match(vec![0])), "if-match");
        assert_eq!(size(world, log), before, "no trace of what was not done");
        assert!(on.put_if("1", none.clone()).unwrap().created);
        refused(on.put_if("2", none.clone()), "if-none-match");
        refused(on.put_if("2", Condition::NoneMatch(vec![7, 1])), "if-none-match");
        refused(on.put_if("2", Condition::Match(vec![2])), "if-match");
        assert_eq!(on.put_if("2", Condition::Match(vec![7, 1])).unwrap().version, 2);
        assert_eq!(on.put_if("3", Condition::NoneMatch(vec![1])).unwrap().version, 3);
        assert_eq!(on.put_if("4", any.clone()).unwrap().version, 4);
        refused(on.delete_if(Condition::Match(vec![3])), "if-match");
        assert_eq!(on.get(None).unwrap(), "4");
        let (shown, not) = (|got| matches!(got, Got::Shown(_)), Got::NotModified(4));
        assert_eq!(on.get_if(None, Condition::NoneMatch(vec![4])).unwrap(), not);
        assert_eq!(on.get_if(None, none.clone()).unwrap(), not);
        assert!(shown(on.get_if(None, Condition::NoneMatch(vec![3])).unwrap()));
        let (kind_of, fields) = newest(world, log);
        assert_eq!((kind_of.as_str(), fields["version"].as_str()), ("record.get", "4"));
        assert_eq!(on.delete_if(Condition::Match(vec![4])).unwrap().version, 5);
        refused(on.put_if("6", any), "if-match");
        assert!(on.put_if("6", none).unwrap().created, "deleted is not there");
    });
}

#[test]
fn every_look_is_an_entry_and_a_missing_record_as_well() {
    both(4, |world| {
        let (import, account) = account_with_data(world);
        let on = On { world, token: &import, account: &account, id: "x" };
        let log = slot(world, &account);
        on.put("1").unwrap();
        let (before, house) = (size(world, log), size(world, HOUSE));
        on.get(None).unwrap();
        on.history().unwrap();
        on.get_if(None, Condition::NoneMatch(vec![])).unwrap();
        assert_eq!(kind(On { id: "y", ..on }.get(None)), Kind::NotFound);
        assert_eq!(kind(On { id: "y", ..on }.delete()), Kind::NotFound);
        let seen = kinds(world, log).split_off(usize::try_from(before).unwrap());
        let expected =
            ["record.get", "record.history", "record.get", "record.get", "record.delete"];
        assert_eq!(seen, expected);
        let (_, fields) = newest(world, log);
        assert_eq!((fields["outcome"].as_str(), fields["object"].as_str()), ("not found", "c/y"));
        assert_eq!(size(world, HOUSE), house, "`house` is not in the way of ordinary work");
        let place = world.place(&account, "nowhere");
        let id = record("x");
        let put =
            PutRecord::new(&world.kernel, place, &id, b"1".to_vec(), Condition::None).unwrap();
        assert_eq!(kind(world.run(&import, put)), Kind::NotFound, "a collection is made first");
    });
}

fn batch(world: &World, account: &AccountId, records: &[(&str, &str)]) -> Result<PutMany> {
    let records = records
        .iter()
        .map(|(id, body)| BatchPut { id: record(id), body: body.as_bytes().to_vec() });
    PutMany::new(&world.kernel, world.place(account, "c"), records.collect())
}

#[test]
fn a_batch_is_written_as_a_whole() {
    both(5, |world| {
        let (import, account) = account_with_data(world);
        let log = slot(world, &account);
        let on = On { world, token: &import, account: &account, id: "b" };
        on.put("0").unwrap();
        let before = size(world, log);
        let put = batch(world, &account, &[("a", "1"), ("b", "2"), ("c", "3")]).unwrap();
        let Done { output, receipts, .. } = world.run(&import, put).unwrap();
        let written: Vec<_> =
            output.iter().map(|put| (put.id.as_str(), put.version, put.created)).collect();
        assert_eq!(written, [("a", 1, true), ("b", 2, false), ("c", 1, true)]);
        assert_eq!((receipts.len(), size(world, log)), (3, before + 3), "an entry for each");
        for (records, why) in [(&[][..], "none"), (&[("d", "1"), ("d", "2")][..], "one twice")] {
            let refused = batch(world, &account, records).map(|_| ());
            assert_eq!(field(refused), (Kind::Invalid, "records".to_owned()), "{why}");
        }
        let many: Vec<_> = (0..501).map(|n| format!("r{n}")).collect();
        let many: Vec<_> = many.iter().map(|id| (id.as_str(), "{}")).collect();
        assert_eq!(kind(batch(world, &account, &many).map(|_| ())), Kind::Invalid);
        let put = batch(world, &account, &many[..500]).unwrap();
        assert_eq!(world.run(&import, put).unwrap().output.len(), 500);
        let nowhere = world.place(&account, "nowhere");
        let one = vec![BatchPut { id: record("a"), body: b"1".to_vec() }];
        let put = PutMany::new(&world.kernel, nowhere, one).unwrap();
        assert_eq!(kind(world.run(&import, put)), Kind::NotFound);
    });
}

#[test]
fn a_batch_whose_commit_is_lost_wrote_nothing() {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, 6);
    let (import, account) = account_with_data(&world);
    let on = On { world: &world, token: &import, account: &account, id: "a" };
    let before = size(&world, slot(&world, &account));
    store.danger_faults(DangerFaults { lose: Some(0), ..DangerFaults::default() });
    let put = batch(&world, &account, &[("a", "1"), ("b", "2")]).unwrap();
    assert_eq!(kind(world.run(&import, put)), Kind::Unavailable);
    assert_eq!(size(&world, slot(&world, &account)), before);
    for id in ["a", "b"] {
        assert_eq!(kind(On { id, ..on }.get(None)), Kind::NotFound);
    }
    let put = batch(&world, &account, &[("a", "1"), ("b", "2")]).unwrap();
    assert!(world.run(&import, put).unwrap().output.iter().all(|put| put.version == 1));
}

#[test]
fn a_repeated_write_is_done_once_and_says_the_same() {
    both(7, |world| {
        let (import, account) = account_with_data(world);
        let on = On { world, token: &import, account: &account, id: "x" };
        let log = slot(world, &account);
        let put = |key: &str| {
            let (place, id) = (on.place(), record("x"));
            let put = PutRecord::new(&world.kernel, place, &id, b"1".to_vec(), Condition::None)?;
            run_as(world, &import, put, keyed(key, 1))
        };
        let delete = |key: &str, about| {
            let delete =
                DeleteRecord::new(&world.kernel, on.place(), &record("x"), Condition::None)?;
            run_as(world, &import, delete, keyed(key, about))
        };
        let once = |first: Done<Put>, again: Done<Put>| {
            assert_eq!((first.replayed, again.replayed), (false, true));
            assert_eq!(first.output, again.output);
            assert_eq!(first.receipts.len(), again.receipts.len());
        };
        assert_eq!(kind(delete("d0", 2)), Kind::NotFound);
        let before = size(world, log);
        assert_eq!(kind(delete("d0", 2)), Kind::NotFound, "refused the same way again");
        assert_eq!(size(world, log), before);
        once(put("p1").unwrap(), put("p1").unwrap());
        once(delete("d1", 2).unwrap(), delete("d1", 2).unwrap());
        assert_eq!(kind(delete("d2", 2)), Kind::NotFound);
        assert_eq!(kind(delete("d2", 2)), Kind::NotFound, "not the deletion before");
        let (first, again) = (put("p2").unwrap(), put("p2").unwrap());
        assert!(first.output.created && first.output.version == 3, "written after a deletion");
        once(first, again);
        assert_eq!(on.history().unwrap().len(), 3);
        assert_eq!(kind(delete("p1", 2)), Kind::Conflict, "the key was used for another request");
        // A key is the caller's own.
        let other = world.service("other");
        world.grant("service:other", "*", "*", &["write"]);
        let place = on.place();
        let own =
            PutRecord::new(&world.kernel, place, &record("x"), b"9".to_vec(), Condition::None);
        let own = run_as(world, &other, own.unwrap(), keyed("p1", 1)).unwrap();
        assert_eq!((own.replayed, own.output.version), (false, 4));
        let create = || domain::data::CreateCollection::new(world.place(&account, "new"));
        let made = |_: ()| run_as(world, &import, create(), keyed("c1", 3)).unwrap().output.new;
        assert!(made(()) && made(()), "it was made by the first");
    });
}

fn list(
    on: &On<'_>,
    limit: usize,
    after: Option<&str>,
    values: bool,
) -> Result<Page<(String, Vec<u8>)>> {
    let list = ListRecords::new(&on.world.kernel, on.place(), limit, after, values)?;
    let page = on.world.run(on.token, list)?.output;
    Ok(page.map(|one| (one.version.header.id, one.version.body)))
}

#[test]
fn lists_are_in_the_order_of_making_and_leave_out_what_is_deleted() {
    both(8, |world| {
        let (import, account) = account_with_data(world);
        let on = |id| On { world, token: &import, account: &account, id };
        for id in ["z", "a", "m", "b", "y"] {
            on(id).put(&format!("[\"{id}\"]")).unwrap();
        }
        on("m").delete().unwrap();
        on("z").put("[]").unwrap();
        let ids = |page: &Page<(String, Vec<u8>)>| -> Vec<String> {
            page.items.iter().map(|(id, _)| id.clone()).collect()
        };
        let all = list(&on("z"), 10, None, true).unwrap();
        assert_eq!(ids(&all), ["z", "a", "b", "y"]);
        assert_eq!((all.items[0].1.as_slice(), all.next), (&b"[]"[..], None));
        let first = list(&on("z"), 3, None, false).unwrap();
        assert_eq!(ids(&first), ["z", "a"], "a deleted one takes its place in the page");
        assert!(first.items.iter().all(|(_, body)| body.is_empty()), "no values were asked for");
        let log = slot(world, &account);
        let (kind_of, fields) = newest(world, log);
        assert_eq!((kind_of.as_str(), fields["objects"].as_str()), ("record.list", "2"));
        let rest = list(&on("z"), 3, first.next.as_deref(), false).unwrap();
        assert_eq!((ids(&rest), rest.next), (vec!["b".to_owned(), "y".to_owned()], None));
        on("m").restore().unwrap();
        let all = list(&on("z"), 10, None, true).unwrap();
        assert_eq!(ids(&all), ["z", "a", "m", "b", "y"], "restored in its place");
        assert_eq!(field(list(&on("z"), 3, Some("x"), false)), (Kind::Invalid, "after".to_owned()));
        let (log, before) = (log, size(world, log));
        let nowhere = world.place(&account, "nowhere");
        let list = ListRecords::new(&world.kernel, nowhere, 3, None, false).unwrap();
        assert_eq!(kind(world.run(&import, list).map(|_| ())), Kind::NotFound);
        assert_eq!(size(world, log), before + 1, "that somebody looked is recorded");
    });
}

#[test]
fn collections_are_listed_as_far_as_the_grant_goes() {
    both(9, |world| {
        let (import, account) = account_with_data(world);
        for name in ["d", "e"] {
            world.collection(&import, &account, name).unwrap();
        }
        let narrow = world.service("narrow");
        world.grant("service:narrow", "one", "d", &["write"]);
        let auditor = world.person("ada", &["auditor"]);
        let names = |token: &str| -> Result<Vec<String>> {
            let list = ListCollections::new(&world.kernel, &account, 10, None)?;
            let page = world.run(token, list)?.output;
            Ok(page.items.into_iter().map(|row| row.collection).collect())
        };
        assert_eq!(names(&import).unwrap(), ["c", "d", "e"]);
        assert_eq!(names(&narrow).unwrap(), ["d"]);
        assert_eq!(names(&auditor).unwrap(), ["c", "d", "e"], "names are no Service Data");
        let other = world.service("other");
        assert_eq!(kind(names(&other)), Kind::NotFound);
    });
}
