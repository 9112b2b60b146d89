//! Readers: whatever is committed, with the accounts that are asked for in sight and no others.

use crate::cells::{self, HEAD, STORED, int};
use crate::connection::{Connection, Doing, Value, all};
use crate::error::{foreign, said};
use crate::node::{Node, aside, listed};
use kernel::engine::{
    AccessRow, AccountKeysRow, AnchoredRow, By, Claim, CommitRow, EntryRow, HeadRow, JobRow, Lease,
    MetaRow, PageWant, Reader, SEGMENT, SegmentRow, SignalDayRow, SignalRow, Span, Stored, Tag,
    TileRow, VersionRow, find, holds,
};
use kernel::limits::DISORDER;
use kernel::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use tokio_postgres::Row;

/// Blocks of numbers that are drawn when a batch needs more.
const MORE: i32 = 16;

pub(crate) struct Readers {
    node: Arc<Node>,
}

/// Whose rows a statement may see.
enum Sight<'a> {
    /// Tables without accounts.
    Nobody,
    These(&'a [u64]),
    /// Work over all logs, such as detection.
    Everybody,
}

impl Readers {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    fn rows(&self, sight: &Sight<'_>, sql: &str, with: &[Value<'_>]) -> Result<Vec<Row>> {
        let sql = self.node.sql(sql);
        self.node.read(async |connection| rows(connection, sight, &sql, with).await)
    }

    fn one<T>(
        &self,
        sight: &Sight<'_>,
        sql: &str,
        with: &[Value<'_>],
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Option<T>> {
        self.rows(sight, sql, with)?.first().map(read).transpose()
    }

    fn all<T>(
        &self,
        sight: &Sight<'_>,
        sql: &str,
        with: &[Value<'_>],
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.rows(sight, sql, with)?.iter().map(read).collect()
    }

    /// The time of a row of the access index, if there is one.
    fn time_of(&self, row: i64) -> Result<Option<u64>> {
        let sql = "SELECT at FROM access_index WHERE row = $1";
        self.one(&Sight::Nobody, sql, &[&row], |row| cells::unsigned(row, 0))
    }

    /// The first row of which the search says that it is not before. Rows are dense.
    fn search(&self, before: impl Fn(u64) -> bool) -> Result<i64> {
        let sql = "SELECT coalesce(max(row), 0) FROM access_index";
        let last = self.one(&Sight::Nobody, sql, &[], |row| cells::number(row, 0))?.unwrap_or(0);
        let (mut low, mut high) = (1, last + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let earlier = self.time_of(middle)?.is_none_or(&before);
            if earlier { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }
}

/// Rows of one statement. What is in sight is said in the same transaction, and all of it is sent
/// at once.
async fn rows(
    connection: &mut Connection,
    sight: &Sight<'_>,
    sql: &str,
    with: &[Value<'_>],
) -> Result<Vec<Row>> {
    let statement = connection.prepare(sql).await?;
    let (list, scope) = match sight {
        Sight::Nobody => return connection.query(&statement, with).await,
        Sight::These(accounts) => (listed(accounts), ""),
        Sight::Everybody => (String::new(), "all"),
    };
    let see =
        "SELECT set_config('bailee.accounts', $1, true), set_config('bailee.scope', $2, true)";
    let see = connection.prepare(see).await?;
    let connection = &*connection;
    let none = |()| Vec::new();
    let said: [Value<'_>; 2] = [&list, &scope];
    let doing: Vec<Doing<'_, Vec<Row>>> = vec![
        Box::pin(async { connection.run("BEGIN").await.map(none) }),
        Box::pin(connection.query(&see, &said)),
        Box::pin(connection.query(&statement, with)),
        Box::pin(async { connection.run("COMMIT").await.map(none) }),
    ];
    let answers = all(doing).await.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(answers.into_iter().nth(2).unwrap_or_default())
}

/// Where the rights stand.
///
/// INVARIANT: the server that says so leads. One that was replaced and does not know it yet answers
/// what it knew; so where commits need a standby, one of them confirms what was read.
async fn standing(connection: &mut Connection, node: &str) -> Result<u64> {
    let sql = "SELECT rights, current_setting('synchronous_standby_names') <> '' FROM tail";
    let statement = connection.prepare(sql).await?;
    let rows = connection.query(&statement, &[]).await?;
    let row = rows.first().ok_or_else(|| Error::internal("the database has no tail"))?;
    let rights = cells::unsigned(row, 0)?;
    if row.try_get(1).map_err(|error| said(&error))? {
        connection.unwarned();
        let seen = "UPDATE nodes SET seen = clock_timestamp() WHERE name = $1";
        let seen = connection.prepare(seen).await?;
        connection.execute(&seen, &[&node]).await?;
        if connection.warned() {
            return Err(Error::unavailable("whether this database leads is not known"));
        }
    }
    Ok(rights)
}

/// INVARIANT: a row of another account than asked for is refused, whatever let it through.
fn own<R>(rows: Vec<R>, account: u64, of: impl Fn(&R) -> u64) -> Result<Vec<R>> {
    match rows.iter().all(|row| of(row) == account) {
        true => Ok(rows),
        false => Err(foreign("a row of another account")),
    }
}

/// As [`own`], where there is one row at most.
fn only<R>(row: Option<R>, account: u64, of: impl Fn(&R) -> u64) -> Result<Option<R>> {
    Ok(own(row.into_iter().collect(), account, of)?.pop())
}

fn slack() -> u64 {
    u64::try_from(DISORDER.as_micros()).unwrap_or(u64::MAX)
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl Reader for Readers {
    fn head(&self, account: u64) -> Result<Option<HeadRow>> {
        let sql = format!("SELECT {HEAD} FROM heads WHERE account = $1");
        let found = self.one(&Sight::Nobody, &sql, &[&int(account)], cells::head)?;
        only(found, account, |head| head.account)
    }

    fn head_by_tag(&self, tag: &Tag) -> Result<Option<HeadRow>> {
        let sql = format!("SELECT {HEAD} FROM heads WHERE tag = $1");
        let found = self.one(&Sight::Nobody, &sql, &[&&tag[..]], cells::head)?;
        match found {
            Some(head) if head.tag != *tag => Err(foreign("a head")),
            found => Ok(found),
        }
    }

    fn heads(&self, after: Option<u64>, limit: usize) -> Result<Vec<HeadRow>> {
        let sql = format!("SELECT {HEAD} FROM heads WHERE account > $1 ORDER BY account LIMIT $2");
        self.all(&Sight::Nobody, &sql, &[&after.map_or(-1, int), &most(limit)], cells::head)
    }

    fn census(&self) -> Result<(u64, u64)> {
        let sql = "SELECT (SELECT count(*) FROM heads),
             (SELECT count(*) FROM heads h
              WHERE EXISTS (SELECT 1 FROM account_keys k WHERE k.account = h.account))";
        let read = |row: &Row| Ok((cells::unsigned(row, 0)?, cells::unsigned(row, 1)?));
        Ok(self.one(&Sight::Everybody, sql, &[], read)?.unwrap_or_default())
    }

    fn account_keys(&self, account: u64) -> Result<Option<AccountKeysRow>> {
        let sql = "SELECT account, version, key, purposes FROM account_keys
             WHERE account = $1 ORDER BY version DESC LIMIT 1";
        let sight = Sight::These(&[account]);
        let found = self.one(&sight, sql, &[&int(account)], cells::account_keys)?;
        only(found, account, |row| row.account)
    }

    fn entries(&self, account: u64, from: u64, limit: u64) -> Result<Vec<EntryRow>> {
        let sql = "SELECT row, account, place, leaf, opening FROM entries
             WHERE account = $1 AND place >= $2 ORDER BY place LIMIT $3";
        let with: [Value<'_>; 3] = [&int(account), &int(from), &int(limit)];
        own(self.all(&Sight::These(&[account]), sql, &with, cells::entry)?, account, |e| e.account)
    }

    fn tile(&self, account: u64, level: u8, index: u64) -> Result<Option<TileRow>> {
        let sql = "SELECT row, account, level, place, data FROM tiles
             WHERE account = $1 AND level = $2 AND place = $3";
        let with: [Value<'_>; 3] = [&int(account), &i16::from(level), &int(index)];
        let found = self.one(&Sight::These(&[account]), sql, &with, cells::tile)?;
        only(found, account, |row| row.account)
    }

    fn record(&self, account: u64, tag: &Tag) -> Result<Option<Stored>> {
        Ok(self.records(&[(account, *tag)])?.pop().flatten())
    }

    fn records(&self, wanted: &[(u64, Tag)]) -> Result<Vec<Option<Stored>>> {
        let sql = format!(
            "SELECT {STORED} FROM unnest($1::bigint[], $2::bytea[]) AS w (account, tag)
             JOIN records r ON r.account = w.account AND r.tag = w.tag
             JOIN record_keys k ON k.row = r.key"
        );
        let accounts: Vec<i64> = wanted.iter().map(|(account, _)| int(*account)).collect();
        let tags: Vec<&[u8]> = wanted.iter().map(|(_, tag)| tag.as_slice()).collect();
        let slots = distinct(wanted.iter().map(|(account, _)| *account));
        let rows = self.rows(&Sight::These(&slots), &sql, &[&accounts, &tags])?;
        let found = crate::lane::records_of(wanted, &rows)?;
        let mut found: HashMap<(u64, Tag), Stored> =
            found.into_iter().map(|one| ((one.record.account, one.record.tag), one)).collect();
        Ok(wanted.iter().map(|place| found.remove(place)).collect())
    }

    fn page(&self, want: &PageWant) -> Result<Vec<Stored>> {
        let sql = format!(
            "SELECT {STORED} FROM records r JOIN record_keys k ON k.row = r.key
             WHERE r.account = $1 AND r.collection = $2 AND r.row > $3 ORDER BY r.row LIMIT $4"
        );
        let collection: &[u8] = &want.collection;
        let with: [Value<'_>; 4] =
            [&int(want.account), &collection, &want.after, &most(want.limit)];
        let rows = self.rows(&Sight::These(&[want.account]), &sql, &with)?;
        crate::lane::page_of(want, &rows)
    }

    fn version(&self, account: u64, row: i64) -> Result<Option<VersionRow>> {
        Ok(self.versions(&[(account, row)])?.pop())
    }

    fn versions(&self, wanted: &[(u64, i64)]) -> Result<Vec<VersionRow>> {
        let sql = "SELECT v.row, v.account, v.prev, v.sealed
             FROM unnest($1::bigint[], $2::bigint[]) AS w (account, row)
             JOIN versions v ON v.row = w.row AND v.account = w.account";
        let accounts: Vec<i64> = wanted.iter().map(|(account, _)| int(*account)).collect();
        let rows: Vec<i64> = wanted.iter().map(|(_, row)| *row).collect();
        let slots = distinct(wanted.iter().map(|(account, _)| *account));
        let found = self.all(&Sight::These(&slots), sql, &[&accounts, &rows], cells::version)?;
        let asked: HashSet<&(u64, i64)> = wanted.iter().collect();
        match found.iter().all(|version| asked.contains(&(version.account, version.row))) {
            true => Ok(found),
            false => Err(foreign("a version")),
        }
    }

    fn meta(&self, name: &str) -> Result<Option<MetaRow>> {
        let sql = "SELECT value, mac FROM meta WHERE name = $1";
        self.one(&Sight::Nobody, sql, &[&name], |row| {
            let (value, mac) = (cells::bytes(row, 0)?, cells::bytes(row, 1)?);
            Ok(MetaRow { name: name.to_owned(), value, mac })
        })
    }

    fn jobs(&self, until: u64, limit: usize) -> Result<Vec<JobRow>> {
        let sql = "SELECT row, account, due, sealed FROM jobs WHERE due <= $1
             ORDER BY due, row LIMIT $2";
        self.all(&Sight::Everybody, sql, &[&int(until), &most(limit)], cells::job)
    }

    fn claim(&self, until: u64, limit: usize) -> Result<Vec<(JobRow, Claim)>> {
        let sql = "UPDATE jobs SET claim = $1, claimed_until = clock_timestamp() + interval '60 s'
             WHERE row IN (SELECT row FROM jobs
                           WHERE due <= $2 AND claimed_until < clock_timestamp()
                           ORDER BY due, row LIMIT $3 FOR UPDATE SKIP LOCKED)
             RETURNING row, account, due, sealed";
        if self.jobs(until, 1)?.is_empty() {
            return Ok(Vec::new());
        }
        let token = "SELECT nextval('claims')";
        let token = self.one(&Sight::Nobody, token, &[], |row| cells::number(row, 0))?.unwrap_or(0);
        let with: [Value<'_>; 3] = [&token, &int(until), &most(limit)];
        let mut jobs = self.all(&Sight::Everybody, sql, &with, cells::job)?;
        jobs.sort_unstable_by_key(|job| (job.due, job.row));
        let claim = |job: JobRow| {
            let row = job.row;
            (job, Claim { row, token })
        };
        Ok(jobs.into_iter().map(claim).collect())
    }

    fn lease(&self, name: &'static str) -> Result<Option<Lease>> {
        let sql = "INSERT INTO leases
             VALUES ($1, $2, nextval('claims'), clock_timestamp() + interval '10 s')
             ON CONFLICT (name) DO UPDATE SET
               token = CASE WHEN leases.holder = excluded.holder THEN leases.token
                            ELSE excluded.token END,
               holder = excluded.holder, until = excluded.until
             WHERE leases.holder = excluded.holder OR leases.until < clock_timestamp()
             RETURNING token";
        let seen = "UPDATE nodes SET seen = clock_timestamp() WHERE name = $1";
        self.rows(&Sight::Nobody, seen, &[&self.node.name])?;
        let with: [Value<'_>; 2] = [&name, &self.node.name];
        let token = self.one(&Sight::Nobody, sql, &with, |row| cells::number(row, 0))?;
        Ok(token.map(|token| Lease { name, token }))
    }

    fn accesses(&self, after: i64, limit: usize) -> Result<Vec<AccessRow>> {
        let sql = "SELECT row, at, actor, credential, objects, source FROM access_index
             WHERE row > $1 ORDER BY row LIMIT $2";
        self.all(&Sight::Nobody, sql, &[&after, &most(limit)], cells::access)
    }

    fn accesses_by(&self, by: By, span: Span, limit: usize) -> Result<Vec<AccessRow>> {
        const ROWS: &str = "SELECT row, at, actor, credential, objects, source FROM access_index";
        /// Segments that are read at once.
        const SEGMENTS: i64 = 512;
        let mut found = Vec::new();
        let within = |row: &i64| span.after < *row && *row <= span.until;
        let last = span.until.max(0).saturating_add(SEGMENT - 1) / SEGMENT;
        let mut next = span.after.max(0) / SEGMENT;
        let some = format!("{ROWS} WHERE row = ANY($1) ORDER BY row");
        loop {
            let sql = "SELECT row, tags, places FROM access_segments
                 WHERE row > $1 AND row <= $2 ORDER BY row LIMIT $3";
            let segments =
                self.all(&Sight::Nobody, sql, &[&next, &last, &SEGMENTS], cells::segment)?;
            let Some(newest) = segments.last() else { break };
            next = newest.row;
            let named: Vec<i64> =
                segments.iter().flat_map(|one| find(one, by)).filter(within).collect();
            for some_rows in named.chunks(1024) {
                let rows = some_rows.to_vec();
                let rows = self.all(&Sight::Nobody, &some, &[&rows], cells::access)?;
                found.extend(rows.into_iter().filter(|row| holds(row, by)));
                if found.len() >= limit {
                    found.truncate(limit);
                    return Ok(found);
                }
            }
        }
        let rest = format!("{ROWS} WHERE row > $1 AND row <= $2 ORDER BY row");
        let after = span.after.max(next * SEGMENT);
        let rows = self.all(&Sight::Nobody, &rest, &[&after, &span.until], cells::access)?;
        found.extend(rows.into_iter().filter(|row| holds(row, by)));
        found.truncate(limit);
        Ok(found)
    }

    fn segment(&self, number: i64) -> Result<Option<SegmentRow>> {
        let sql = "SELECT row, tags, places FROM access_segments WHERE row = $1";
        self.one(&Sight::Nobody, sql, &[&number], cells::segment)
    }

    fn first_access_since(&self, at: u64) -> Result<i64> {
        // A row may be earlier than one before it, but not by more: none is left out.
        self.search(|time| time < at.saturating_sub(slack()))
    }

    fn last_access_before(&self, at: u64) -> Result<i64> {
        Ok(self.search(|time| time < at.saturating_add(slack()))? - 1)
    }

    fn signals(&self, after: i64, limit: usize) -> Result<Vec<SignalRow>> {
        let sql =
            "SELECT row, day, entry, sealed FROM signals WHERE row > $1 ORDER BY row LIMIT $2";
        self.all(&Sight::Nobody, sql, &[&after, &most(limit)], cells::signal)
    }

    fn signal_days(&self) -> Result<Vec<SignalDayRow>> {
        let sql = "SELECT day, first, wrapped FROM signal_days ORDER BY day";
        self.all(&Sight::Nobody, sql, &[], cells::signal_day)
    }

    fn entry_at(&self, row: i64) -> Result<Option<EntryRow>> {
        let sql = "SELECT row, account, place, leaf, opening FROM entries WHERE row = $1";
        self.one(&Sight::Everybody, sql, &[&row], cells::entry)
    }

    fn entries_after(&self, row: i64, limit: usize) -> Result<Vec<EntryRow>> {
        let sql = "SELECT row, account, place, leaf, opening FROM entries
             WHERE row > $1 ORDER BY row LIMIT $2";
        self.all(&Sight::Everybody, sql, &[&row, &most(limit)], cells::entry)
    }

    fn commit(&self, sequence: Option<u64>) -> Result<Option<CommitRow>> {
        let columns = "SELECT sequence, last, chain FROM commits";
        match sequence {
            Some(sequence) => {
                let sql = format!("{columns} WHERE sequence = $1");
                self.one(&Sight::Nobody, &sql, &[&int(sequence)], cells::commit)
            }
            None => {
                let sql = format!("{columns} ORDER BY sequence DESC LIMIT 1");
                self.one(&Sight::Nobody, &sql, &[], cells::commit)
            }
        }
    }

    fn changed(&self, account: u64, collections: &[Tag], after: u64) -> Result<Vec<Stored>> {
        let sql = format!(
            "SELECT {STORED} FROM records r JOIN record_keys k ON k.row = r.key
             WHERE r.account = $1 AND r.changed > $2 AND r.collection = ANY($3) ORDER BY r.changed"
        );
        let of: Vec<&[u8]> = collections.iter().map(<[u8; 16]>::as_slice).collect();
        let with: [Value<'_>; 3] = [&int(account), &int(after), &of];
        let found = self.all(&Sight::These(&[account]), &sql, &with, cells::stored)?;
        own(found, account, |one| one.record.account)
    }

    fn anchored(&self, after: Option<u64>) -> Result<Option<(u64, Vec<AnchoredRow>)>> {
        let after = after.map_or(-1, int);
        // The rows and the index they are as of are read in one statement, so that they fit.
        let sql = "SELECT tail.anchor, a.account, a.size, a.root FROM tail
             LEFT JOIN anchored a ON a.anchor > $1 WHERE tail.anchor > $1";
        let rows = self.rows(&Sight::Nobody, sql, &[&after])?;
        let Some(first) = rows.first() else { return Ok(None) };
        let anchored = rows.iter().map(cells::anchored).collect::<Result<Vec<_>>>()?;
        Ok(Some((cells::unsigned(first, 0)?, anchored)))
    }

    fn moved(&self, after: i64) -> Result<Option<(i64, Vec<HeadRow>)>> {
        let sql = "SELECT coalesce(max(last), 0) FROM tail";
        let last = self.one(&Sight::Nobody, sql, &[], |row| cells::number(row, 0))?.unwrap_or(0);
        let sql = format!(
            "SELECT {HEAD} FROM heads WHERE account IN
               (SELECT account FROM entries WHERE row > $1 AND row <= $2)"
        );
        let heads = self.all(&Sight::Everybody, &sql, &[&after, &last], cells::head)?;
        Ok(Some((last, heads)))
    }

    fn rights(&self) -> Result<Option<u64>> {
        aside(|| {
            self.node.rights.share(|| {
                self.node.read(async |connection| standing(connection, &self.node.name).await)
            })
        })
        .map(Some)
    }

    fn clock(&self) -> Result<Option<u64>> {
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        self.one(&Sight::Nobody, sql, &[], |row| cells::unsigned(row, 0))
    }

    fn ask(&self, question: &[u8; 32]) -> Result<Vec<Vec<u8>>> {
        let sql = "INSERT INTO questions VALUES ($1, $2, clock_timestamp())
             ON CONFLICT (question) DO UPDATE SET asked = excluded.asked";
        self.rows(&Sight::Nobody, sql, &[&&question[..], &self.node.name])?;
        let sql = "SELECT answer FROM answers WHERE question = $1";
        self.all(&Sight::Nobody, sql, &[&&question[..]], |row| cells::bytes(row, 0))
    }

    fn questions(&self) -> Result<Vec<[u8; 32]>> {
        let sql = "SELECT question FROM questions q
             WHERE node <> $1 AND asked > clock_timestamp() - interval '30 s'
               AND NOT EXISTS (SELECT 1 FROM answers a
                               WHERE a.question = q.question AND a.node = $1)";
        let all = self.all(&Sight::Nobody, sql, &[&self.node.name], |row| cells::bytes(row, 0))?;
        Ok(all.into_iter().filter_map(|one| one.try_into().ok()).collect())
    }

    fn answer(&self, question: &[u8; 32], answer: &[u8]) -> Result<()> {
        let sql = "DELETE FROM answers WHERE question IN
             (SELECT question FROM questions WHERE asked < clock_timestamp() - interval '1 day')";
        self.rows(&Sight::Nobody, sql, &[])?;
        let sql = "DELETE FROM questions WHERE asked < clock_timestamp() - interval '1 day'";
        self.rows(&Sight::Nobody, sql, &[])?;
        let sql = "INSERT INTO answers VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.rows(&Sight::Nobody, sql, &[&&question[..], &self.node.name, &answer]).map(drop)
    }

    fn behind(&self) -> Option<String> {
        self.node.behind()
    }

    fn draw(&self) -> Result<Vec<Range<i64>>> {
        let sql = "SELECT nextval('numbers') FROM generate_series(1, $1)";
        let starts = self.all(&Sight::Nobody, sql, &[&MORE], |row| cells::number(row, 0))?;
        Ok(starts.into_iter().map(|start| start..start + crate::lane::BLOCK).collect())
    }
}

fn distinct(accounts: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut all: Vec<u64> = accounts.collect();
    all.sort_unstable();
    all.dedup();
    all
}
