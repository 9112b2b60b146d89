//! The engine of one lane: a transaction for each batch, held from the first read to COMMIT.

mod fetch;
mod persist;

pub(crate) use fetch::{BLOCK, page_of, records_of};

use crate::address::Address;
use crate::cells;
use crate::connection::Connection;
use crate::error::said;
use crate::node::{Node, see};
use crate::reader::Readers;
use crate::schema;
use kernel::engine::{Commit, CommitRow, Counters, Engine, Fetched, Reader, Tail, Wants};
use kernel::{Error, Result};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio_postgres::Row;

/// A store in PostgreSQL, as one lane writes it.
pub struct Postgres {
    node: Arc<Node>,
    connection: Option<Connection>,
    held: Option<Held>,
}

/// A batch under way.
#[derive(Default)]
struct Held {
    /// The accounts that the batch declared.
    accounts: BTreeSet<u64>,
    /// Whether it has its place in the order of all.
    ordered: bool,
}

impl Postgres {
    /// Makes the tables of a new store, owned by the user of the address. `role` is who will serve
    /// it, if that is somebody else.
    ///
    /// # Errors
    /// `Conflict` if there is a store already; `Unavailable` if server or user are not fit for one.
    pub fn create(address: Address, role: Option<&str>) -> Result<Self> {
        let new = Self::of(address, "init".to_owned())?;
        let node = &new.node;
        node.wait(async {
            let connection = Connection::open(&node.address).await?;
            schema::create(&connection, role).await
        })?;
        Ok(new)
    }

    /// Opens a store. `name` is this process's own among the nodes.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Unavailable` if server, user or tables are not fit, with the
    /// remedy.
    pub fn open(address: Address, name: String) -> Result<Self> {
        let new = Self::of(address, name)?;
        new.node.wait(new.node.check())?;
        Ok(new)
    }

    /// Another lane of the same process.
    pub fn lane(&self) -> Self {
        Self { node: Arc::clone(&self.node), connection: None, held: None }
    }

    /// The same, with statements altered before they are sent. Only for tests: such as what happens
    /// when a condition is forgotten.
    ///
    /// # Errors
    /// As [`Postgres::open`].
    pub fn danger_rewritten(address: Address, rewrite: fn(&str) -> String) -> Result<Self> {
        let mut node = Node::new(address, "rewritten".to_owned())?;
        node.rewrite = Some(rewrite);
        Ok(Self { node: Arc::new(node), connection: None, held: None })
    }

    fn of(address: Address, name: String) -> Result<Self> {
        Ok(Self { node: Arc::new(Node::new(address, name)?), connection: None, held: None })
    }

    /// Does something with the lane's connection. After an error it is closed, which ends what was
    /// under way on the other side.
    fn with<T>(
        &mut self,
        run: impl AsyncFnOnce(&mut Connection, &Node, &mut Option<Held>) -> Result<T>,
    ) -> Result<T> {
        let node = Arc::clone(&self.node);
        let kept = self.connection.take().filter(|connection| !connection.is_closed());
        if kept.is_none() && self.held.take().is_some() {
            return Err(Error::unavailable(
                "the connection to the database broke; nothing was done",
            ));
        }
        let held = &mut self.held;
        let outcome = node.wait(async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => node.connect().await?,
            };
            let answer = run(&mut connection, &node, held).await?;
            Ok((connection, answer))
        });
        match outcome {
            Ok((connection, answer)) => {
                self.connection = Some(connection);
                Ok(answer)
            }
            Err(error) => {
                self.held = None;
                Err(error)
            }
        }
    }
}

impl Engine for Postgres {
    fn counters(&mut self) -> Result<Counters> {
        self.release();
        let counters = self.with(async |connection, _, _| counters(connection).await)?;
        if counters.commit.sequence > 0 {
            self.node.knows(&counters.commit);
        }
        Ok(counters)
    }

    fn commit_at(&mut self, sequence: u64) -> Result<Option<CommitRow>> {
        self.reader().commit(Some(sequence))
    }

    fn fetch(&mut self, wants: &Wants) -> Result<Fetched> {
        self.release();
        self.with(async |connection, node, held| {
            let (found, accounts) = fetch::fetch(connection, node, wants).await?;
            *held = Some(Held { accounts, ordered: false });
            Ok(found)
        })
    }

    fn order(&mut self) -> Result<Tail> {
        self.with(async |connection, node, held| {
            if held.is_none() {
                connection.run("BEGIN").await?;
            }
            let tail = persist::order(connection, node).await?;
            held.get_or_insert_default().ordered = true;
            Ok(tail)
        })
    }

    fn persist(&mut self, commit: &Commit) -> Result<()> {
        let founded = commit.account_keys.iter().map(|keys| keys.account);
        match &mut self.held {
            Some(held) if held.ordered => held.accounts.extend(founded),
            _ => {
                // Without a batch under way, what the commit is about is held now.
                let heads: BTreeSet<u64> = persist::accounts(commit);
                let wants = Wants { heads: heads.iter().copied().collect(), ..Wants::default() };
                self.fetch(&wants)?;
                self.order()?;
                self.held.get_or_insert_default().accounts.extend(heads);
            }
        }
        self.with(async |connection, node, held| {
            let accounts = held.take().unwrap_or_default().accounts;
            persist::persist(connection, node, commit, &accounts).await
        })?;
        self.node.knows(&commit.commit);
        Ok(())
    }

    fn release(&mut self) {
        if self.held.take().is_none() {
            return;
        }
        let Some(connection) = self.connection.take() else { return };
        match self.node.wait(connection.run("ROLLBACK")) {
            Ok(()) => self.connection = Some(connection),
            Err(error) => {
                tracing::warn!(?error, "a batch was not released; its connection is closed")
            }
        }
    }

    fn shared(&self) -> bool {
        true
    }

    fn stored(&mut self, commit: &CommitRow) -> Result<bool> {
        self.connection = None;
        self.held = None;
        let stored = self.with(async |connection, node, _| {
            connection.run("BEGIN").await?;
            // Whoever commits holds the tail: once it is ours, the outcome is what it will stay.
            let tail = persist::order(connection, node).await?;
            let sql = "UPDATE tail SET time = time";
            let touch = connection.prepare(sql).await?;
            connection.execute(&touch, &[]).await?;
            let sql = "SELECT sequence, last, chain FROM commits WHERE sequence = $1";
            let newest = connection.prepare(sql).await?;
            let rows = connection.query(&newest, &[&cells::int(commit.sequence)]).await?;
            let found = rows.first().map(cells::commit).transpose()?;
            // What was before this is safe with it; else it would be seen and could still be lost.
            if !connection.commit().await? {
                return Err(Error::unavailable("the database cannot make commits safe"));
            }
            tracing::info!(
                sequence = commit.sequence,
                newest = tail.commit.sequence,
                "an outcome was looked up"
            );
            Ok(found.as_ref() == Some(commit))
        })?;
        if stored {
            self.node.knows(commit);
        }
        Ok(stored)
    }

    fn others(&mut self) -> Result<Vec<String>> {
        self.node.read(async |connection| {
            let sql = "SELECT name FROM nodes
                 WHERE name NOT IN ($1, 'init') AND seen > clock_timestamp() - interval '20 s'
                 ORDER BY name";
            let statement = connection.prepare(sql).await?;
            let rows = connection.query(&statement, &[&self.node.name]).await?;
            let name = |row: &Row| row.try_get(0).map_err(|error| said(&error));
            rows.iter().map(name).collect()
        })
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(Readers::new(Arc::clone(&self.node)))
    }
}

async fn counters(connection: &mut Connection) -> Result<Counters> {
    connection.run("BEGIN").await?;
    see(connection, &[], true).await?;
    let sql = "SELECT sequence, last, chain, tile FROM tail";
    let statement = connection.prepare(sql).await?;
    let rows = connection.query(&statement, &[]).await?;
    let tail = rows.first().ok_or_else(|| Error::internal("the database has no tail"))?;
    let mut counters = Counters { commit: cells::commit(tail)?, ..Counters::default() };
    counters.tile = cells::number(tail, 3)?;
    for (table, counter) in [
        ("records", &mut counters.record),
        ("versions", &mut counters.version),
        ("record_keys", &mut counters.record_key),
        ("requests", &mut counters.request),
        ("jobs", &mut counters.job),
        ("signals", &mut counters.signal),
    ] {
        let sql = format!("SELECT coalesce(max(row), 0) FROM {table}");
        let statement = connection.prepare(&sql).await?;
        let rows = connection.query(&statement, &[]).await?;
        *counter = rows.first().map_or(Ok(0), |row| cells::number(row, 0))?;
    }
    connection.run("COMMIT").await?;
    Ok(counters)
}
