//! Rows of one account never come back for another.

use crate::support::{address, as_role, database};
use kernel::Kind;
use kernel::engine::{Commit, CommitRow, Engine, PageWant, RecordKeyRow, RecordRow, Tag, Wants};
use postgres::Postgres;
use testkit::servers::postgres::Cluster;

const TAG: Tag = [3; 16];
const COLLECTION: Tag = [5; 16];

/// Two accounts with a record of the same tag in a collection of the same tag.
fn two_accounts(cluster: &Cluster) -> String {
    let name = database(cluster);
    let mut store = Postgres::create(address(cluster, &name), None).unwrap();
    let record = |account: u64, row: i64| RecordRow {
        row,
        account,
        collection: COLLECTION,
        tag: TAG,
        version: 1,
        deleted: false,
        changed: 0,
        current: row,
        key: row,
        mac: vec![],
    };
    let key = |account: u64, row: i64| RecordKeyRow {
        row,
        account,
        tag: TAG,
        version: 1,
        wrapped: vec![1],
    };
    let commit = Commit {
        commit: CommitRow { sequence: 1, last: 0, chain: [1; 32] },
        records: vec![record(4, 1), record(9, 2)],
        record_keys: vec![key(4, 1), key(9, 2)],
        ..Commit::default()
    };
    store.persist(&commit).unwrap();
    name
}

/// The statements of a programmer who forgot which account is meant.
fn forgotten(sql: &str) -> String {
    sql.replace("r.account = $1", "$1::bigint IS NOT NULL")
        .replace("r.account = w.account", "w.account IS NOT NULL")
}

fn wants() -> Wants {
    Wants { records: vec![(4, TAG)], ..Wants::default() }
}

fn page() -> PageWant {
    PageWant { account: 4, collection: COLLECTION, after: 0, limit: 10 }
}

#[test]
fn a_forgotten_condition_finds_only_the_accounts_of_the_batch() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = two_accounts(cluster);
    let mut store = Postgres::danger_rewritten(address(cluster, &name), forgotten).unwrap();
    let found = store.fetch(&wants()).unwrap();
    assert_eq!(found.records.iter().map(|one| one.record.account).collect::<Vec<_>>(), [4]);
    store.release();
    assert_eq!(store.reader().page(&page()).unwrap().len(), 1);
}

#[test]
fn a_forgotten_condition_is_refused_where_the_database_lets_everything_through() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = two_accounts(cluster);
    for table in ["records", "record_keys"] {
        cluster.run(&name, &format!("alter table bailee.{table} disable row level security"));
    }
    let mut store = Postgres::danger_rewritten(address(cluster, &name), forgotten).unwrap();
    let refused = store.fetch(&wants()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Internal, "{refused:?}");
    assert!(refused.context().unwrap().contains("a record that was not asked for"), "{refused:?}");
    let refused = store.reader().page(&page()).unwrap_err();
    assert!(refused.context().unwrap().contains("that was not asked for"), "{refused:?}");
    // And such a database is not served at all.
    let refused = Postgres::open(address(cluster, &name), "n".to_owned()).err().unwrap();
    assert!(refused.message().contains("row-level security of `bailee.records`"), "{refused:?}");
}

#[test]
fn a_session_sees_the_accounts_that_it_names_and_changes_no_entry() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = two_accounts(cluster);
    let ask = |sql: &str| as_role(cluster, &name, sql);
    assert_eq!(ask("select count(*) from bailee.records").unwrap(), "0", "nobody was named");
    let named = "begin; set local bailee.accounts = '9'; select account from bailee.records";
    assert_eq!(ask(named).unwrap(), "9");
    let other = "begin; set local bailee.accounts = '9';
         insert into bailee.requests values (1, 4, '', '', 0, 0, 0)";
    assert!(ask(other).unwrap_err().contains("row-level security"), "of another account");
    for table in ["entries", "tiles", "commits", "versions", "access_index", "record_keys"] {
        for change in [
            format!(
                "update bailee.{table} set {} = 7",
                if table == "commits" { "last" } else { "row" }
            ),
            format!("delete from bailee.{table}"),
            format!("truncate bailee.{table}"),
        ] {
            let refused = ask(&change).unwrap_err();
            assert!(refused.contains("permission denied"), "{change}: {refused}");
        }
    }
}
