//! One connection: its session's settings, its statements, what it was warned of.

use crate::address::Address;
use crate::error::said;
use kernel::Result;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls, Row, Socket, Statement};

/// Only keyed look-ups and ordered scans are asked for, so each statement has one plan, whatever
/// the statistics say. A session that is cut off holds its locks for a while and not for ever.
const SESSION: &str = "SET synchronous_commit = on; SET statement_timeout = '5s'; \
     SET lock_timeout = '4s'; SET idle_in_transaction_session_timeout = '6s'; \
     SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off; \
     SET enable_hashjoin = off; SET enable_mergejoin = off; \
     SET search_path = pg_catalog, bailee; SET client_min_messages = warning; \
     SET default_transaction_isolation = 'read committed'";

/// A connection that one thread uses at a time.
pub(crate) struct Connection {
    client: Client,
    statements: HashMap<String, Statement>,
    warned: Arc<AtomicBool>,
}

/// A parameter of a statement.
pub(crate) type Value<'a> = &'a (dyn ToSql + Sync);

impl Connection {
    /// Connects. Called within the node's runtime, where the other half goes on.
    pub(crate) async fn open(address: &Address) -> Result<Self> {
        let (client, warned) = match &address.tls {
            Some(tls) => start(address, tls.clone()).await?,
            None => start(address, NoTls).await?,
        };
        let connection = Self { client, statements: HashMap::new(), warned };
        connection.run(SESSION).await?;
        Ok(connection)
    }

    /// Whether the other side is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Statements without parameters or answer.
    pub(crate) async fn run(&self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).await.map_err(|error| said(&error))
    }

    /// Makes what was done durable. A warning means that it may not be: such as that a standby has
    /// it.
    ///
    /// The answer is whether it is known to be durable.
    pub(crate) async fn commit(&self) -> Result<bool> {
        self.warned.store(false, Ordering::SeqCst);
        self.run("COMMIT").await?;
        Ok(!self.warned.load(Ordering::SeqCst))
    }

    /// Forgets what it was warned of before.
    pub(crate) fn unwarned(&self) {
        self.warned.store(false, Ordering::SeqCst);
    }

    /// Whether it was warned since.
    pub(crate) fn warned(&self) -> bool {
        self.warned.load(Ordering::SeqCst)
    }

    /// A statement, prepared once.
    pub(crate) async fn prepare(&mut self, sql: &str) -> Result<Statement> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let made = self.client.prepare(sql).await.map_err(|error| said(&error))?;
        self.statements.insert(sql.to_owned(), made.clone());
        Ok(made)
    }

    /// Rows of a prepared statement. It is sent when this is first polled, so that several that are
    /// polled one after the other go out at once.
    pub(crate) async fn query(
        &self,
        statement: &Statement,
        with: &[Value<'_>],
    ) -> Result<Vec<Row>> {
        self.client.query(statement, with).await.map_err(|error| said(&error))
    }

    /// How many rows a prepared statement changed.
    pub(crate) async fn execute(&self, statement: &Statement, with: &[Value<'_>]) -> Result<u64> {
        self.client.execute(statement, with).await.map_err(|error| said(&error))
    }

    /// Rows of a statement that is used once.
    pub(crate) async fn once(&self, sql: &str, with: &[Value<'_>]) -> Result<Vec<Row>> {
        self.client.query(sql, with).await.map_err(|error| said(&error))
    }
}

async fn start<T>(address: &Address, tls: T) -> Result<(Client, Arc<AtomicBool>)>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, mut driver) = address.config.connect(tls).await.map_err(|error| said(&error))?;
    let warned = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&warned);
    tokio::spawn(async move {
        loop {
            match poll_fn(|context| driver.poll_message(context)).await {
                // Told here before whatever follows it is answered.
                Some(Ok(AsyncMessage::Notice(notice))) => {
                    tracing::warn!(%notice, "the database warns");
                    seen.store(true, Ordering::SeqCst);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, "a connection to the database broke");
                    break;
                }
                None => break,
            }
        }
    });
    Ok((client, warned))
}

/// Something that is under way.
pub(crate) type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Sends all in their order without waiting in between, then waits for each answer.
pub(crate) async fn all<T>(mut doing: Vec<Doing<'_, T>>) -> Vec<Result<T>> {
    let mut answers: Vec<Option<Result<T>>> = doing.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (one, answer) in doing.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match one.as_mut().poll(context) {
                    Poll::Ready(ready) => *answer = Some(ready),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    answers.into_iter().flatten().collect()
}
