//! What a batch declared: locked in key order, then read in one go.

use crate::cells::{self, HEAD, STORED, int};
use crate::connection::{Connection, Doing, all};
use crate::error::foreign;
use crate::node::{Node, listed};
use kernel::engine::{Fetched, HeadRow, Numbers, PageWant, RequestRow, Stored, Tag, Wants};
use kernel::{HOUSE, Result};
use std::collections::{BTreeSet, HashMap, HashSet};
use tokio_postgres::{Row, Statement};

/// Numbers in a block, as the sequence has it.
pub(crate) const BLOCK: i64 = 64;

/// Statements of a fetch.
struct Statements {
    see: Statement,
    own: Statement,
    seen: Statement,
    records: Statement,
    requests: Statement,
    page: Statement,
    numbers: Statement,
    standing: Statement,
}

impl Statements {
    async fn of(connection: &mut Connection, node: &Node) -> Result<Self> {
        let mut prepare = async |sql: &str| connection.prepare(&node.sql(sql)).await;
        let lock = |mode| {
            format!("SELECT {HEAD} FROM heads WHERE account = ANY($1) ORDER BY account {mode}")
        };
        let records = format!(
            "SELECT {STORED} FROM unnest($1::bigint[], $2::bytea[]) AS w (account, tag)
             JOIN records r ON r.account = w.account AND r.tag = w.tag
             JOIN record_keys k ON k.row = r.key"
        );
        let requests = "SELECT q.row, q.account, q.tag, q.hash, q.entry, q.count, q.at
             FROM unnest($1::bigint[], $2::bytea[]) AS w (account, tag)
             JOIN requests q ON q.account = w.account AND q.tag = w.tag";
        let page = format!(
            "SELECT {STORED} FROM records r JOIN record_keys k ON k.row = r.key
             WHERE r.account = $1 AND r.collection = $2 AND r.row > $3 ORDER BY r.row LIMIT $4"
        );
        let standing = "SELECT rights, (SELECT coalesce(max(row), 0) FROM signals) FROM tail";
        Ok(Self {
            see: prepare("SELECT set_config('bailee.accounts', $1, true)").await?,
            own: prepare(&lock("FOR UPDATE")).await?,
            seen: prepare(&lock("FOR SHARE")).await?,
            records: prepare(&records).await?,
            requests: prepare(requests).await?,
            page: prepare(&page).await?,
            numbers: prepare("SELECT nextval('numbers') FROM generate_series(1, $1)").await?,
            standing: prepare(standing).await?,
        })
    }
}

/// Accounts in the order in which their heads are locked: `house` last, since most ask for it.
fn in_order(accounts: &BTreeSet<u64>) -> Vec<u64> {
    let others = accounts.iter().copied().filter(|account| *account != HOUSE);
    others.chain(accounts.contains(&HOUSE).then_some(HOUSE)).collect()
}

/// Runs of accounts, each to be locked at once, in key order: those whose log may grow for this
/// batch alone, those that it only reads shared with others that read.
fn runs(own: &BTreeSet<u64>, seen: &BTreeSet<u64>) -> Vec<(bool, Vec<i64>)> {
    let mut runs: Vec<(bool, Vec<i64>)> = Vec::new();
    for account in in_order(&own.union(seen).copied().collect()) {
        let alone = own.contains(&account);
        // `house` is never in a run with others: it would be locked first.
        match runs.last_mut().filter(|(last, _)| *last == alone && account != HOUSE) {
            Some((_, run)) => run.push(int(account)),
            None => runs.push((alone, vec![int(account)])),
        }
    }
    runs
}

/// What is asked for a batch, as parameters.
struct Plan<'w> {
    accounts: BTreeSet<u64>,
    list: String,
    runs: Vec<(bool, Vec<i64>)>,
    blocks: i32,
    records: (Vec<i64>, Vec<&'w [u8]>),
    requests: (Vec<i64>, Vec<&'w [u8]>),
    pages: Vec<(i64, &'w [u8], i64, i64)>,
}

impl<'w> Plan<'w> {
    fn of(wants: &'w Wants, named: Vec<u64>) -> Self {
        let own: BTreeSet<u64> = wants.heads.iter().copied().chain(named).collect();
        let read = wants.records.iter().chain(&wants.requests).map(|(account, _)| *account);
        let seen: BTreeSet<u64> = read.chain(wants.pages.iter().map(|page| page.account)).collect();
        let accounts: BTreeSet<u64> = own.union(&seen).copied().collect();
        let blocks = (wants.records.len() * 2 + wants.requests.len() + 8) / 64 + 1;
        let page = |page: &'w PageWant| {
            let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
            (int(page.account), &page.collection[..], page.after, limit)
        };
        Self {
            list: listed(&accounts.iter().copied().collect::<Vec<_>>()),
            runs: runs(&own, &seen),
            accounts,
            blocks: i32::try_from(blocks).unwrap_or(i32::MAX),
            records: columns(&wants.records),
            requests: columns(&wants.requests),
            pages: wants.pages.iter().map(page).collect(),
        }
    }

    /// Sends one message after the other, without waiting: the database answers each behind the
    /// locks. The answers are those of the locks, where all stands, numbers, records, requests,
    /// pages.
    async fn ask(&self, connection: &Connection, with: &Statements) -> Result<Vec<Vec<Row>>> {
        let mut doing: Vec<Doing<'_, Vec<Row>>> = vec![
            Box::pin(async { connection.run("BEGIN").await.map(|()| Vec::new()) }),
            Box::pin(async { connection.query(&with.see, &[&self.list]).await }),
        ];
        for (alone, run) in &self.runs {
            let lock = if *alone { &with.own } else { &with.seen };
            doing.push(Box::pin(async move { connection.query(lock, &[run]).await }));
        }
        doing.push(Box::pin(async { connection.query(&with.standing, &[]).await }));
        doing.push(Box::pin(async { connection.query(&with.numbers, &[&self.blocks]).await }));
        for ((accounts, tags), sql) in
            [(&self.records, &with.records), (&self.requests, &with.requests)]
        {
            doing.push(Box::pin(async move {
                match tags.is_empty() {
                    true => Ok(Vec::new()),
                    false => connection.query(sql, &[accounts, tags]).await,
                }
            }));
        }
        for (account, collection, after, limit) in &self.pages {
            doing.push(Box::pin(async move {
                connection.query(&with.page, &[account, collection, after, limit]).await
            }));
        }
        let mut answers = Vec::new();
        for answer in all(doing).await {
            answers.push(answer?);
        }
        Ok(answers.split_off(2))
    }
}

/// Begins the batch's transaction, and gives what was found with the accounts that are held.
pub(super) async fn fetch(
    connection: &mut Connection,
    node: &Node,
    wants: &Wants,
) -> Result<(Fetched, BTreeSet<u64>)> {
    let statements = Statements::of(connection, node).await?;
    let named = named(connection, &wants.heads_by_tag).await?;
    let plan = Plan::of(wants, named);
    let mut answers = plan.ask(connection, &statements).await?.into_iter();
    let heads = answers.by_ref().take(plan.runs.len()).flatten();
    let heads = heads.map(|row| cells::head(&row)).collect::<Result<Vec<_>>>()?;
    let mut next = || answers.next().unwrap_or_default();
    let mut found = Fetched { heads: of_wants(wants, heads)?, ..Fetched::default() };
    if let Some(row) = next().first() {
        found.rights = Some(cells::unsigned(row, 0)?);
        found.signal = cells::number(row, 1)?;
    }
    let starts = next().iter().map(|row| cells::number(row, 0)).collect::<Result<Vec<_>>>()?;
    found.numbers = Numbers::Drawn(starts.into_iter().map(|start| start..start + BLOCK).collect());
    found.records = records_of(&wants.records, &next())?;
    found.requests = requests_of(&wants.requests, &next())?;
    for page in &wants.pages {
        found.pages.push(page_of(page, &next())?);
    }
    Ok((found, plan.accounts))
}

/// The accounts that have these tags: which heads they are has to be known before they are locked.
async fn named(connection: &mut Connection, tags: &[Tag]) -> Result<Vec<u64>> {
    if tags.is_empty() {
        return Ok(Vec::new());
    }
    let statement = connection.prepare("SELECT account FROM heads WHERE tag = ANY($1)").await?;
    let tags: Vec<&[u8]> = tags.iter().map(<[u8; 16]>::as_slice).collect();
    let rows = connection.query(&statement, &[&tags]).await?;
    rows.iter().map(|row| cells::unsigned(row, 0)).collect()
}

/// Accounts and tags as two columns.
fn columns(wanted: &[(u64, Tag)]) -> (Vec<i64>, Vec<&[u8]>) {
    wanted.iter().map(|(account, tag)| (int(*account), tag.as_slice())).unzip()
}

/// The heads that were wanted, each of them asked for.
fn of_wants(wants: &Wants, heads: Vec<HeadRow>) -> Result<Vec<HeadRow>> {
    let all: HashMap<u64, &HeadRow> = heads.iter().map(|head| (head.account, head)).collect();
    let by_tag = |tag: &Tag| heads.iter().find(|head| head.tag == *tag);
    let by_slot = wants.heads.iter().filter_map(|slot| all.get(slot).copied());
    Ok(by_slot.chain(wants.heads_by_tag.iter().filter_map(by_tag)).cloned().collect())
}

/// INVARIANT: a row of another account than asked for is refused here, whatever let it through.
pub(crate) fn records_of(wanted: &[(u64, Tag)], rows: &[Row]) -> Result<Vec<Stored>> {
    let asked: HashSet<&(u64, Tag)> = wanted.iter().collect();
    let found = rows.iter().map(cells::stored).collect::<Result<Vec<_>>>()?;
    let fits = |one: &Stored| {
        let at = (one.record.account, one.record.tag);
        asked.contains(&at) && (one.key.account, one.key.tag) == at
    };
    if !found.iter().all(fits) {
        return Err(foreign("a record"));
    }
    // In the order of the wants, as other engines answer.
    let mut by_place: HashMap<(u64, Tag), Stored> =
        found.into_iter().map(|one| ((one.record.account, one.record.tag), one)).collect();
    Ok(wanted.iter().filter_map(|place| by_place.remove(place)).collect())
}

fn requests_of(wanted: &[(u64, Tag)], rows: &[Row]) -> Result<Vec<RequestRow>> {
    let asked: HashSet<&(u64, Tag)> = wanted.iter().collect();
    let found = rows.iter().map(cells::request).collect::<Result<Vec<_>>>()?;
    match found.iter().all(|one| asked.contains(&(one.account, one.tag))) {
        true => Ok(found),
        false => Err(foreign("a request")),
    }
}

pub(crate) fn page_of(want: &PageWant, rows: &[Row]) -> Result<Vec<Stored>> {
    let found = rows.iter().map(cells::stored).collect::<Result<Vec<_>>>()?;
    let fits = |one: &Stored| {
        let row = &one.record;
        (row.account, row.collection) == (want.account, want.collection)
            && row.row > want.after
            && (one.key.account, one.key.tag) == (row.account, row.tag)
    };
    match found.iter().all(fits) {
        true => Ok(found),
        false => Err(foreign("a record of another collection")),
    }
}

#[cfg(test)]
mod tests {
    use super::runs;
    use std::collections::BTreeSet;

    #[test]
    fn heads_are_locked_in_key_order_and_house_last() {
        let set = |of: &[u64]| of.iter().copied().collect::<BTreeSet<_>>();
        let locked = runs(&set(&[9, 0, 4]), &set(&[5, 9, 12]));
        let wanted = vec![
            (true, vec![4]),
            (false, vec![5]),
            (true, vec![9]),
            (false, vec![12]),
            (true, vec![0]),
        ];
        assert_eq!(locked, wanted);
        assert_eq!(runs(&set(&[3, 7]), &set(&[0])), vec![(true, vec![3, 7]), (false, vec![0])]);
    }
}
