//! Whatever is altered is found and named: every column of every table, rows that are gone, swapped
//! or older, bytes of the file.

use crate::sample::{CIRRUS, Sample, Users, root};
use kernel::verify::verify_store;
use ledger::tree::{Frontier, leaf_hash};
use ledger::verify::Report;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params, params_from_iter};
use std::path::{Path, PathBuf};

const TABLES: [&str; 15] = [
    "access_index",
    "access_segments",
    "account_keys",
    "commits",
    "entries",
    "heads",
    "jobs",
    "meta",
    "record_keys",
    "records",
    "requests",
    "signal_days",
    "signals",
    "tiles",
    "versions",
];

type Columns = Vec<(String, Value)>;

/// A pristine store and copies of it to be altered.
struct Bench {
    sample: Sample,
}

impl Bench {
    fn new() -> Self {
        let sample = Sample::full();
        assert!(!sample.dir.path().join("bailee.db-wal").exists());
        Self { sample }
    }

    fn copy(&self) -> PathBuf {
        let path = self.sample.dir.path().join("altered.db");
        std::fs::copy(self.sample.store(), &path).unwrap();
        path
    }

    /// Verifies a copy that was changed by SQL; `None` if the tables' constraints refused.
    fn altered(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Option<Report> {
        let path = self.copy();
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA synchronous=OFF").unwrap();
        let changed = change(&db);
        drop(db);
        if let Err(error) = &changed {
            let code = error.sqlite_error_code();
            assert_eq!(code, Some(rusqlite::ErrorCode::ConstraintViolation), "{error}");
        }
        changed.ok().map(|rows| {
            assert!(rows > 0);
            self.sample.verify(&path)
        })
    }

    /// Rows of a table: all if they are few, else first, one in the middle, last.
    fn rows(&self, table: &str) -> Vec<Columns> {
        let db = read_only(&self.sample.store());
        let count: usize =
            db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        let places = if count <= 4 { (0..count).collect() } else { vec![0, count / 2, count - 1] };
        let sql = format!("SELECT * FROM {table} LIMIT 1 OFFSET ?1");
        let mut query = db.prepare(&sql).unwrap();
        let names: Vec<String> = query.column_names().map(str::to_owned).collect();
        let row = |place| {
            let values = |row: &rusqlite::Row<'_>| {
                names.iter().enumerate().map(|(at, n)| Ok((n.clone(), row.get(at)?))).collect()
            };
            query.query_row([place], values).unwrap()
        };
        places.into_iter().map(row).collect()
    }
}

fn read_only(path: &Path) -> Connection {
    let uri = format!("file:{}?immutable=1", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags).unwrap()
}

/// SQL that finds exactly this row, and its values.
fn found_by(row: &Columns, first: usize) -> (String, Vec<Value>) {
    let terms = row.iter().enumerate().map(|(at, (name, _))| format!("{name} IS ?{}", at + first));
    let values = row.iter().map(|(_, value)| value.clone()).collect();
    (terms.collect::<Vec<_>>().join(" AND "), values)
}

fn set(
    db: &Connection,
    table: &str,
    row: &Columns,
    at: usize,
    to: &Value,
) -> rusqlite::Result<usize> {
    let (place, mut values) = found_by(row, 2);
    values.insert(0, to.clone());
    let sql = format!("UPDATE {table} SET {} = ?1 WHERE {place}", row[at].0);
    db.execute(&sql, params_from_iter(values))
}

fn delete(db: &Connection, table: &str, row: &Columns) -> rusqlite::Result<usize> {
    let (place, values) = found_by(row, 1);
    db.execute(&format!("DELETE FROM {table} WHERE {place}"), params_from_iter(values))
}

fn insert(db: &Connection, table: &str, row: &Columns) -> rusqlite::Result<usize> {
    let marks: Vec<String> = (1..=row.len()).map(|at| format!("?{at}")).collect();
    let sql = format!("INSERT INTO {table} VALUES ({})", marks.join(","));
    db.execute(&sql, params_from_iter(row.iter().map(|(_, value)| value)))
}

/// What a value is changed to: bits of its first, middle and last byte, one more, one less, null.
fn changes(value: &Value, may_be_null: bool) -> Vec<Value> {
    let flipped = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let places = [0, bytes.len() / 2, bytes.len().saturating_sub(1)];
        let mut all: Vec<Vec<u8>> = vec![];
        for (nth, place) in places.into_iter().enumerate().filter(|_| !bytes.is_empty()) {
            let mut copy = bytes.to_vec();
            copy[place] ^= 1 << (nth * 2);
            all.push(copy);
        }
        all.push([bytes, &[0]].concat());
        all
    };
    let mut all: Vec<Value> = match value {
        Value::Integer(n) => [n + 1, n - 1].map(Value::Integer).to_vec(),
        Value::Blob(bytes) => flipped(bytes).into_iter().map(Value::Blob).collect(),
        Value::Text(text) => {
            let texts = flipped(text.as_bytes()).into_iter().map(|t| String::from_utf8(t).unwrap());
            texts.map(Value::Text).collect()
        }
        _ => vec![],
    };
    if may_be_null {
        all.push(Value::Null);
    }
    all
}

/// A problem has to name the table, or the log that a row belongs to.
fn names(report: &Report, table: &str) -> bool {
    report.problems.iter().any(|problem| {
        let (what, why) = (&problem.what, &problem.why);
        what.contains(table) || why.contains(table) || what.starts_with("log ")
    })
}

fn every_column(table: &str) {
    let bench = Bench::new();
    let rows = bench.rows(table);
    assert!(rows.len() >= 2, "{table} has too few rows for the test");
    for at in 0..rows[0].len() {
        let mut tried = 0;
        for row in &rows {
            let (column, value) = &row[at];
            for to in changes(value, column == "opening") {
                let Some(report) = bench.altered(|db| set(db, table, row, at, &to)) else {
                    continue;
                };
                tried += 1;
                assert!(names(&report, table), "{table}.{column}: {value:?} to {to:?}: {report}");
            }
        }
        assert!(tried > 0, "{table}.{}: nothing was tried", rows[0][at].0);
    }
}

macro_rules! every_column {
    ($($table:ident)*) => { $(
        #[test]
        fn $table() {
            super::every_column(stringify!($table));
        }
    )* };
}

/// Every column of every table, each table a test of its own so that they run side by side.
mod columns {
    every_column!(access_index access_segments account_keys commits entries heads jobs);
    every_column!(meta record_keys records requests tiles versions);
}

#[test]
fn the_tables_are_all_of_them() {
    let bench = Bench::new();
    let db = read_only(&bench.sample.store());
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut query = db.prepare(sql).unwrap();
    let all: Vec<String> =
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(all, TABLES);
}

#[test]
fn a_row_that_is_gone_is_found() {
    let bench = Bench::new();
    for table in TABLES {
        for row in bench.rows(table) {
            let report = bench.altered(|db| delete(db, table, &row)).unwrap();
            assert!(names(&report, table), "{table}: without {row:?}: {report}");
        }
    }
}

#[test]
fn rows_whose_contents_are_swapped_are_found() {
    let bench = Bench::new();
    for table in TABLES {
        let rows = bench.rows(table);
        let [first, .., last] = rows.as_slice() else { panic!("{table}") };
        // In `account_keys` two columns say which row it is, elsewhere one.
        let keys = if table == "account_keys" { 2 } else { 1 };
        let swapped = |own: &Columns, other: &Columns| [&own[..keys], &other[keys..]].concat();
        let report = bench.altered(|db| {
            delete(db, table, first)?;
            delete(db, table, last)?;
            insert(db, table, &swapped(first, last))?;
            insert(db, table, &swapped(last, first))
        });
        let report = report.unwrap();
        assert!(names(&report, table), "{table}: {report}");
    }
}

#[test]
fn a_single_column_swapped_between_rows_is_found() {
    let bench = Bench::new();
    for table in TABLES {
        let rows = bench.rows(table);
        let [first, .., last] = rows.as_slice() else { panic!("{table}") };
        for at in (0..first.len()).filter(|at| first[*at].1 != last[*at].1) {
            let (mut one, mut two) = (first.clone(), last.clone());
            std::mem::swap(&mut one[at].1, &mut two[at].1);
            let report = bench.altered(|db| {
                delete(db, table, first)?;
                delete(db, table, last)?;
                insert(db, table, &one)?;
                insert(db, table, &two)
            });
            let Some(report) = report else { continue };
            assert!(names(&report, table), "{table}.{}: {report}", first[at].0);
        }
    }
}

#[test]
fn a_row_that_was_added_is_found() {
    let bench = Bench::new();
    for table in TABLES {
        let mut row = bench.rows(table).pop().unwrap();
        // A copy of the last row under the next free number or name.
        row[0].1 = match &row[0].1 {
            Value::Integer(n) => Value::Integer(n + 1),
            _ => Value::Text("zeta".to_owned()),
        };
        let fresh = |name: &str| ["place", "tag"].contains(&name);
        for (name, value) in row.iter_mut().skip(1).filter(|(name, _)| fresh(name)) {
            *value = match (name.as_str(), &*value) {
                ("place", Value::Integer(n)) => Value::Integer(n + 1),
                _ => Value::Blob(vec![7; 16]),
            };
        }
        let report = bench.altered(|db| insert(db, table, &row)).unwrap();
        assert!(names(&report, table), "{table}: with {row:?}: {report}");
    }
}

/// Everything that stands in the tables, or why it cannot be read.
fn content(path: &Path) -> Result<Vec<Vec<Value>>, rusqlite::Error> {
    let db = read_only(path);
    let mut all = Vec::new();
    let schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema".to_owned();
    let queries = TABLES.iter().map(|table| format!("SELECT * FROM {table}"));
    for sql in queries.chain([schema, "PRAGMA user_version".to_owned()]) {
        let mut query = db.prepare(&sql)?;
        let width = query.column_count();
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            all.push((0..width).map(|at| row.get(at)).collect::<Result<Vec<_>, _>>()?);
        }
    }
    Ok(all)
}

/// Two tests, so that they run side by side.
mod bytes {
    #[test]
    fn flipped_in_the_file_are_found() {
        super::flipped_bytes(0x1234_5678_9abc_def0);
    }

    #[test]
    fn flipped_elsewhere_in_the_file_are_found() {
        super::flipped_bytes(0x0fed_cba9_8765_4321);
    }
}

/// Flips 150 bits of the file, one after the other. Where no value of any row changes, the byte is
/// unused, or SQLite's own.
fn flipped_bytes(mut seed: u64) {
    let bench = Bench::new();
    let pristine = std::fs::read(bench.sample.store()).unwrap();
    let before = content(&bench.sample.store()).unwrap();
    let path = bench.copy();
    let mut changed = 0;
    for _ in 0..150 {
        // xorshift64: any spread will do, it only has to be the same each time.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let place = usize::try_from(seed >> 16).unwrap() % pristine.len();
        let mut bytes = pristine.clone();
        bytes[place] ^= 1 << (seed & 7);
        std::fs::write(&path, &bytes).unwrap();
        if content(&path).is_ok_and(|after| after == before) {
            continue;
        }
        changed += 1;
        let report = bench.sample.verify(&path);
        assert!(!report.ok(), "byte {place}: nothing found");
    }
    assert!(changed > 50, "only {changed} flips changed anything");
}

#[test]
fn an_older_state_of_a_record_is_found() {
    let bench = Bench::new();
    let old = bench.rows("records").pop().unwrap();
    let kernel = bench.sample.open(4);
    // The last record is the one that this test writes again.
    Users { kernel: &kernel }.put("ada", CIRRUS, "z", Some("newer"), None);
    kernel.close();
    drop(kernel);
    let new = bench.rows("records").pop().unwrap();
    assert!(old[0] == new[0] && old[4] != new[4], "{old:?} {new:?}");
    let report = bench.altered(|db| {
        delete(db, "records", &new)?;
        insert(db, "records", &old)
    });
    let report = report.unwrap();
    let what: Vec<&str> = report.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(what.len(), 2, "{report}");
    assert!(what[0].starts_with("log 5 entry ") && what[1].starts_with("versions row "));
    // The row is whole and its MAC is right: only the entry tells.
    let report = bench.altered(|db| {
        delete(db, "records", &new)?;
        insert(db, "records", &old)?;
        db.execute("DELETE FROM versions WHERE row = (SELECT max(row) FROM versions)", [])
    });
    assert!(names(&report.unwrap(), "log 5 entry"));
}

#[test]
fn truncated_newest_commits_are_found_with_the_mark() {
    let bench = Bench::new();
    let before = bench.sample.dir.path().join("before.db");
    std::fs::copy(bench.sample.store(), &before).unwrap();
    let kernel = bench.sample.open(4);
    let users = Users { kernel: &kernel };
    users.put("ada", CIRRUS, "z", Some("newer"), None);
    users.put("ada", CIRRUS, "y", Some("new"), None);
    kernel.close();
    drop(kernel);
    // Whoever may change every table can make it what it was.
    let path = bench.copy();
    let db = Connection::open(&path).unwrap();
    db.execute("ATTACH ?1 AS before", [before.to_str().unwrap()]).unwrap();
    for table in TABLES {
        let sql = format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM before.{table}"
        );
        db.execute_batch(&sql).unwrap();
    }
    drop(db);
    let report = bench.sample.verify(&path);
    assert_eq!(report.problems.len(), 1, "{report}");
    assert_eq!(report.problems[0].why, "truncated: 2 commits missing");
    let report = verify_store(&path, Some(&root()), None, &mut |_, _| {});
    assert!(report.ok(), "{report}");
    assert!(report.not_checked.iter().any(|what| what.contains("newest entries")));
}

#[test]
fn another_history_of_the_same_length_is_found_with_the_mark() {
    let bench = Bench::new();
    let one = bench.copy();
    let mark = bench.sample.mark();
    let put = |body: &str, seed: u64| {
        let kernel = bench.sample.open(seed);
        Users { kernel: &kernel }.put("ada", CIRRUS, "z", Some(body), None);
        kernel.close();
    };
    put("one", 4);
    let mark_of_one = bench.sample.mark();
    std::fs::copy(&one, bench.sample.store()).unwrap();
    std::fs::write(bench.sample.dir.path().join("high-water"), mark).unwrap();
    put("two", 5);
    let check = |mark: &[u8]| {
        verify_store(&bench.sample.store(), Some(&root()), Some(mark), &mut |_, _| {})
    };
    assert!(check(&bench.sample.mark()).ok());
    let report = check(&mark_of_one);
    assert!(report.problems.len() == 1 && report.problems[0].why.contains("forked"), "{report}");
}

/// Somebody without keys who cuts off an entry and makes everything fit again that needs no key.
#[test]
fn a_log_that_was_cut_below_its_anchor_is_found_without_the_mark() {
    let sample = Sample::founded();
    let kernel = sample.open(2);
    let users = Users { kernel: &kernel };
    let slot = users.account("acme");
    users.put("ada", slot, "a", Some("body"), None);
    users.gets(slot, 1);
    kernel.anchor_now().unwrap();
    kernel.close();
    drop(kernel);
    assert!(sample.verify(&sample.store()).ok());
    let db = Connection::open(sample.store()).unwrap();
    let last: i64 = db.query_row("SELECT max(row) FROM entries", [], |row| row.get(0)).unwrap();
    let cut = last - 1;
    for table in ["entries", "access_index"] {
        db.execute(&format!("DELETE FROM {table} WHERE row = ?1"), [cut]).unwrap();
        db.execute(&format!("UPDATE {table} SET row = ?1 WHERE row = ?2"), [cut, last]).unwrap();
    }
    db.execute("DELETE FROM commits WHERE last = ?1", [last]).unwrap();
    let leaves = |sql: &str| -> Vec<Vec<u8>> {
        let mut query = db.prepare(sql).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let chain =
        leaves("SELECT leaf FROM entries ORDER BY row").iter().fold([0; 32], |chain, leaf| {
            sealing::sha256(&[b"bailee-chain/v1", &chain, &leaf_hash(leaf)])
        });
    db.execute("UPDATE commits SET chain = ?1 WHERE last = ?2", params![chain, cut]).unwrap();
    let mut frontier = Frontier::new();
    let log = leaves(&format!("SELECT leaf FROM entries WHERE account = {slot} ORDER BY place"));
    log.iter().for_each(|leaf| frontier.push(leaf_hash(leaf)));
    db.execute(
        "UPDATE heads SET size = ?1, frontier = ?2 WHERE account = ?3",
        params![frontier.size(), frontier.to_bytes(), slot],
    )
    .unwrap();
    drop(db);
    let keyless = verify_store(&sample.store(), None, None, &mut |_, _| {});
    assert!(keyless.ok(), "without keys nothing shows: {keyless}");
    let report = verify_store(&sample.store(), Some(&root()), None, &mut |_, _| {});
    assert_eq!(report.problems.len(), 1, "{report}");
    assert!(report.problems[0].what.contains("anchor"), "{report}");
}
