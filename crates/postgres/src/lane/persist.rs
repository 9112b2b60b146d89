//! A batch becomes durable: its place in the order, its rows, COMMIT.

use crate::cells::{self, int};
use crate::connection::{Connection, Doing, Value, all};
use crate::node::{Node, listed};
use kernel::engine::{Commit, Tail};
use kernel::{Error, Result};
use std::collections::BTreeSet;
use tokio_postgres::Statement;

/// Waits for the batch's place in the one order over all commits, and holds it.
pub(super) async fn order(connection: &mut Connection, node: &Node) -> Result<Tail> {
    let sql = node.sql("SELECT sequence, last, chain, tile, time FROM tail FOR UPDATE");
    let statement = connection.prepare(&sql).await?;
    let rows = connection.query(&statement, &[]).await?;
    let row = rows.first().ok_or_else(|| Error::internal("the database has no tail"))?;
    Ok(Tail {
        commit: cells::commit(row)?,
        tile: cells::number(row, 3)?,
        time: cells::unsigned(row, 4)?,
    })
}

/// The accounts whose rows a commit holds.
pub(super) fn accounts(commit: &Commit) -> BTreeSet<u64> {
    let mut accounts = BTreeSet::new();
    accounts.extend(commit.heads.iter().map(|row| row.account));
    accounts.extend(commit.account_keys.iter().map(|row| row.account));
    accounts.extend(commit.entries.iter().map(|row| row.account));
    accounts.extend(commit.records.iter().map(|row| row.account));
    accounts.extend(commit.versions.iter().map(|row| row.account));
    accounts.extend(commit.record_keys.iter().map(|row| row.account));
    accounts.extend(commit.tiles.iter().map(|row| row.account));
    accounts.extend(commit.requests.iter().map(|row| row.account));
    accounts.extend(commit.jobs.iter().map(|row| row.account));
    accounts
}

/// A column of numbers, of bytes: one parameter for all rows.
type Ints = Vec<i64>;
type Blobs<'a> = Vec<&'a [u8]>;

/// What a statement gets.
enum Column<'a> {
    Ints(Ints),
    Shorts(Vec<i16>),
    Flags(Vec<bool>),
    Blobs(Blobs<'a>),
    Maybe(Vec<Option<&'a [u8]>>),
    Texts(Vec<&'a str>),
    One(i64),
}

impl Column<'_> {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Ints(all) => all,
            Self::Shorts(all) => all,
            Self::Flags(all) => all,
            Self::Blobs(all) => all,
            Self::Maybe(all) => all,
            Self::Texts(all) => all,
            Self::One(one) => one,
        }
    }
}

/// A statement with its parameters, and how many rows it has to change.
struct Step<'a> {
    sql: &'static str,
    with: Vec<Column<'a>>,
    rows: Option<usize>,
    /// Whether the rest follows only once it has done so.
    first: bool,
}

impl Step<'_> {
    fn values(&self) -> Vec<Value<'_>> {
        self.with.iter().map(Column::value).collect()
    }
}

pub(super) async fn persist(
    connection: &mut Connection,
    node: &Node,
    commit: &Commit,
    held: &BTreeSet<u64>,
) -> Result<()> {
    // INVARIANT: nothing is written for an account that the batch does not hold.
    if let Some(account) = accounts(commit).difference(held).next() {
        return Err(Error::internal(format!(
            "a batch writes to account {account} and does not hold it"
        )));
    }
    let steps = steps(commit);
    let see = connection
        .prepare(
            "SELECT set_config('bailee.accounts', $1, true), set_config('bailee.scope', '', true)",
        )
        .await?;
    let list = listed(&held.iter().copied().collect::<Vec<_>>());
    let mut prepared: Vec<(Statement, &Step<'_>)> = Vec::with_capacity(steps.len());
    for step in &steps {
        prepared.push((connection.prepare(&node.sql(step.sql)).await?, step));
    }
    // What depends on what is there is known before COMMIT is sent.
    let (checked, sure): (Vec<_>, Vec<_>) = prepared.iter().partition(|(_, step)| step.first);
    if !checked.is_empty() {
        // What goes is named by its own number or age, and may be of any account.
        crate::node::see(connection, &[], true).await?;
    }
    for (statement, step) in checked {
        let changed = connection.execute(statement, &step.values()).await?;
        if step.rows.is_some_and(|rows| usize::try_from(changed) != Ok(rows)) {
            return Err(Error::conflict("somebody else did this already; nothing was written"));
        }
    }
    let connection = &*connection;
    connection.query(&see, &[&list]).await?;
    let sure: Vec<_> =
        sure.into_iter().map(|(statement, step)| (statement, step.values())).collect();
    let mut doing: Vec<Doing<'_, ()>> = Vec::with_capacity(sure.len() + 1);
    for (statement, with) in &sure {
        doing.push(Box::pin(async move { connection.execute(statement, with).await.map(drop) }));
    }
    connection.unwarned();
    doing.push(Box::pin(connection.run("COMMIT")));
    // COMMIT POINT. After an error before it, it rolls back.
    let mut answers = all(doing).await.into_iter();
    let committed = answers.next_back().unwrap_or(Ok(()));
    answers.collect::<Result<Vec<()>>>()?;
    committed?;
    if connection.warned() {
        return Err(Error::unavailable(
            "the database warned at COMMIT: whether it is safe is not known",
        ));
    }
    Ok(())
}

fn steps(commit: &Commit) -> Vec<Step<'_>> {
    let mut steps = Vec::with_capacity(16);
    rest_first(commit, &mut steps);
    logs(commit, &mut steps);
    records(commit, &mut steps);
    rest(commit, &mut steps);
    order_of(commit, &mut steps);
    steps.retain(|step| match step.with.first() {
        Some(Column::Ints(all)) => !all.is_empty(),
        Some(Column::Texts(all)) => !all.is_empty(),
        _ => true,
    });
    steps
}

/// One column of rows.
fn ints<R>(rows: &[R], of: impl Fn(&R) -> i64) -> Column<'static> {
    Column::Ints(rows.iter().map(of).collect())
}

fn blobs<R>(rows: &[R], of: impl Fn(&R) -> &[u8]) -> Column<'_> {
    Column::Blobs(rows.iter().map(of).collect())
}

fn step<'a>(sql: &'static str, with: Vec<Column<'a>>) -> Step<'a> {
    Step { sql, with, rows: None, first: false }
}

/// What goes, and has to be there.
fn rest_first<'a>(commit: &'a Commit, steps: &mut Vec<Step<'a>>) {
    if let Some(before) = commit.forget_requests_before {
        let sql = "DELETE FROM requests WHERE at < $1";
        let with = vec![Column::One(int(before))];
        steps.push(Step { sql, with, rows: None, first: true });
    }
    let done = &commit.jobs_done;
    let sql = "DELETE FROM jobs USING unnest($1::bigint[], $2::bigint[]) AS done (row, claim)
         WHERE jobs.row = done.row AND jobs.claim = done.claim";
    let with = vec![ints(done, |one| one.row), ints(done, |one| one.token)];
    steps.push(Step { sql, with, rows: Some(done.len()), first: true });
    let leases = &commit.leases;
    let sql = "UPDATE leases SET until = leases.until
         FROM unnest($1::text[], $2::bigint[]) AS mine (name, token)
         WHERE leases.name = mine.name AND leases.token = mine.token";
    let names = Column::Texts(leases.iter().map(|lease| lease.name).collect());
    let mut different: Vec<_> = leases.iter().map(|lease| (lease.name, lease.token)).collect();
    different.sort_unstable();
    different.dedup();
    let with = vec![names, ints(leases, |lease| lease.token)];
    steps.push(Step { sql, with, rows: Some(different.len()), first: true });
}

fn logs<'a>(commit: &'a Commit, steps: &mut Vec<Step<'a>>) {
    let rows = &commit.heads;
    steps.push(step(
        "INSERT INTO heads SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[],
         $4::bytea[], $5::bigint[]) ON CONFLICT (account) DO UPDATE
         SET size = excluded.size, frontier = excluded.frontier, time = excluded.time",
        vec![
            ints(rows, |row| int(row.account)),
            blobs(rows, |row| &row.tag),
            ints(rows, |row| int(row.size)),
            blobs(rows, |row| &row.frontier),
            ints(rows, |row| int(row.time)),
        ],
    ));
    let rows = &commit.account_keys;
    steps.push(step(
        "INSERT INTO account_keys SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[],
         $4::bytea[])",
        vec![
            ints(rows, |row| int(row.account)),
            ints(rows, |row| row.version.into()),
            blobs(rows, |row| &row.key),
            blobs(rows, |row| &row.purposes),
        ],
    ));
    let rows = &commit.entries;
    steps.push(step(
        "INSERT INTO entries SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],
         $4::bytea[], $5::bytea[])",
        vec![
            ints(rows, |row| row.row),
            ints(rows, |row| int(row.account)),
            ints(rows, |row| int(row.index)),
            blobs(rows, |row| &row.leaf),
            Column::Maybe(rows.iter().map(|row| row.opening.as_deref()).collect()),
        ],
    ));
    let rows = &commit.accesses;
    steps.push(step(
        "INSERT INTO access_index SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[],
         $4::bytea[], $5::bytea[], $6::bytea[])",
        vec![
            ints(rows, |row| row.row),
            ints(rows, |row| int(row.at)),
            blobs(rows, |row| &row.actor),
            blobs(rows, |row| &row.credential),
            blobs(rows, |row| &row.objects),
            Column::Maybe(rows.iter().map(|row| row.source.as_ref().map(|tag| &tag[..])).collect()),
        ],
    ));
    let rows = &commit.segments;
    steps.push(step(
        "INSERT INTO access_segments SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])",
        vec![
            ints(rows, |row| row.row),
            blobs(rows, |row| &row.tags),
            blobs(rows, |row| &row.places),
        ],
    ));
    let rows = &commit.tiles;
    steps.push(step(
        "INSERT INTO tiles SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[],
         $4::bigint[], $5::bytea[])",
        vec![
            ints(rows, |row| row.row),
            ints(rows, |row| int(row.account)),
            Column::Shorts(rows.iter().map(|row| row.level.into()).collect()),
            ints(rows, |row| int(row.index)),
            blobs(rows, |row| &row.data),
        ],
    ));
}

fn records<'a>(commit: &'a Commit, steps: &mut Vec<Step<'a>>) {
    let rows = &commit.versions;
    steps.push(step(
        "INSERT INTO versions SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],
         $4::bytea[])",
        vec![
            ints(rows, |row| row.row),
            ints(rows, |row| int(row.account)),
            ints(rows, |row| row.prev),
            blobs(rows, |row| &row.sealed),
        ],
    ));
    let rows = &commit.record_keys;
    steps.push(step(
        "INSERT INTO record_keys SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[],
         $4::bigint[], $5::bytea[])",
        vec![
            ints(rows, |row| row.row),
            ints(rows, |row| int(row.account)),
            blobs(rows, |row| &row.tag),
            ints(rows, |row| row.version.into()),
            blobs(rows, |row| &row.wrapped),
        ],
    ));
    let rows = &commit.records;
    steps.push(step(
        "INSERT INTO records SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[],
         $4::bytea[], $5::bigint[], $6::boolean[], $7::bigint[], $8::bigint[], $9::bigint[],
         $10::bytea[]) ON CONFLICT (row) DO UPDATE
         SET version = excluded.version, deleted = excluded.deleted, changed = excluded.changed,
             current = excluded.current, key = excluded.key, mac = excluded.mac",
        vec![
            ints(rows, |row| row.row),
            ints(rows, |row| int(row.account)),
            blobs(rows, |row| &row.collection),
            blobs(rows, |row| &row.tag),
            ints(rows, |row| int(row.version)),
            Column::Flags(rows.iter().map(|row| row.deleted).collect()),
            ints(rows, |row| int(row.changed)),
            ints(rows, |row| row.current),
            ints(rows, |row| row.key),
            blobs(rows, |row| &row.mac),
        ],
    ));
}

fn rest<'a>(commit: &'a Commit, steps: &mut Vec<Step<'a>>) {
    let rows = &commit.requests;
    steps.push(step(
        "INSERT INTO requests SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[],
         $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[])",
        vec![
            ints(rows, |row| row.row),
            ints(rows, |row| int(row.account)),
            blobs(rows, |row| &row.tag),
            blobs(rows, |row| &row.hash),
            ints(rows, |row| int(row.entry)),
            ints(rows, |row| int(row.count)),
            ints(rows, |row| int(row.at)),
        ],
    ));
    let rows = &commit.jobs;
    steps.push(step(
        "INSERT INTO jobs (row, account, due, sealed)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])",
        vec![
            ints(rows, |row| row.row),
            ints(rows, |row| int(row.account)),
            ints(rows, |row| int(row.due)),
            blobs(rows, |row| &row.sealed),
        ],
    ));
    signals(commit, steps);
    let rows = &commit.meta;
    steps.push(step(
        "INSERT INTO meta SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[])
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, mac = excluded.mac",
        vec![
            Column::Texts(rows.iter().map(|row| row.name.as_str()).collect()),
            blobs(rows, |row| &row.value),
            blobs(rows, |row| &row.mac),
        ],
    ));
}

/// The commit itself, and where the order of all has come to with it.
fn order_of<'a>(commit: &'a Commit, steps: &mut Vec<Step<'a>>) {
    let row = &commit.commit;
    let chain = || Column::Blobs(vec![&row.chain]);
    steps.push(step(
        "INSERT INTO commits SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])",
        vec![Column::Ints(vec![int(row.sequence)]), Column::Ints(vec![row.last]), chain()],
    ));
    let anchored = commit.anchored.as_ref();
    let rows = anchored.map_or(&[][..], |(_, rows)| rows);
    let anchor = anchored.map_or(-1, |(index, _)| int(*index));
    steps.push(step(
        "INSERT INTO anchored SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[],
         $4::bigint[])
         ON CONFLICT (account) DO UPDATE
         SET size = excluded.size, root = excluded.root, anchor = excluded.anchor",
        vec![
            ints(rows, |row| int(row.account)),
            ints(rows, |row| int(row.size)),
            blobs(rows, |row| &row.root),
            ints(rows, |_| anchor),
        ],
    ));
    let tile = commit.tiles.iter().map(|tile| tile.row).max().unwrap_or(0);
    let time = commit.accesses.iter().map(|access| int(access.at)).max().unwrap_or(0);
    let rights = commit.rights.map_or(0, int);
    steps.push(step(
        "UPDATE tail SET sequence = new.sequence, last = new.last, chain = new.chain,
           tile = greatest(tail.tile, new.tile), time = greatest(tail.time, new.time),
           rights = greatest(tail.rights, new.rights), anchor = greatest(tail.anchor, new.anchor)
         FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[],
             $6::bigint[], $7::bigint[])
           AS new (sequence, last, chain, tile, time, rights, anchor)",
        vec![
            Column::Ints(vec![int(row.sequence)]),
            Column::Ints(vec![row.last]),
            chain(),
            Column::Ints(vec![tile]),
            Column::Ints(vec![time]),
            Column::Ints(vec![rights]),
            Column::Ints(vec![anchor]),
        ],
    ));
}

fn signals<'a>(commit: &'a Commit, steps: &mut Vec<Step<'a>>) {
    let rows = &commit.signal_days;
    steps.push(step(
        "INSERT INTO signal_days SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])",
        vec![
            ints(rows, |row| row.day.into()),
            ints(rows, |row| row.first),
            blobs(rows, |row| &row.wrapped),
        ],
    ));
    let rows = &commit.signals;
    steps.push(step(
        "INSERT INTO signals SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],
         $4::bytea[])",
        vec![
            ints(rows, |row| row.row),
            ints(rows, |row| row.day.into()),
            ints(rows, |row| int(row.entry)),
            blobs(rows, |row| &row.sealed),
        ],
    ));
    let days = || Column::Ints(commit.signals_forgotten.iter().map(|day| (*day).into()).collect());
    // Rows of one day are consecutive. The newest of all stays, so that no number is used again.
    steps.push(step(
        "WITH gone AS (SELECT day, first FROM signal_days WHERE day = ANY($1))
         DELETE FROM signals s USING gone WHERE s.day = gone.day AND s.row >= gone.first
           AND s.row < (SELECT max(row) FROM signals)",
        vec![days()],
    ));
    steps.push(step(
        "WITH these AS (SELECT unnest($1::bigint[]) AS day)
         DELETE FROM signal_days d USING these WHERE d.day = these.day",
        vec![days()],
    ));
}
