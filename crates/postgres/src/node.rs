//! What the lanes and readers of one process share: the runtime of their connections, the newest
//! commit that is known, readers' connections.

use crate::address::Address;
use crate::cells;
use crate::connection::{Connection, Value};
use crate::error::silent;
use crate::looks::Looks;
use crate::schema;
use kernel::engine::CommitRow;
use kernel::{Error, Result};
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;
use tokio::runtime::{Handle, Runtime, RuntimeFlavor};

/// Longer than the database lets a statement run.
const PATIENCE: Duration = Duration::from_secs(7);

/// Connections of readers at most; who finds none waits.
const READERS: usize = 8;

pub(crate) struct Node {
    runtime: Option<Runtime>,
    pub(crate) address: Address,
    /// Its name among the nodes: one for each process.
    pub(crate) name: String,
    /// The newest commit that is known to be durable.
    newest: Mutex<Option<CommitRow>>,
    behind: Mutex<Option<String>>,
    idle: Mutex<Idle>,
    returned: Condvar,
    /// Looks at where the rights stand.
    pub(crate) rights: Looks,
    /// Statements that a test has altered.
    pub(crate) rewrite: Option<fn(&str) -> String>,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    lent: usize,
}

impl Node {
    pub(crate) fn new(address: Address, name: String) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()
            .map_err(|error| Error::unavailable(format!("no thread could be started: {error}")))?;
        Ok(Self {
            runtime: Some(runtime),
            address,
            name,
            newest: Mutex::default(),
            behind: Mutex::default(),
            idle: Mutex::default(),
            returned: Condvar::new(),
            rights: Looks::default(),
            rewrite: None,
        })
    }

    /// Waits for an answer, for so long.
    pub(crate) fn wait<T>(&self, doing: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(runtime) = &self.runtime else { return Err(silent()) };
        aside(|| {
            let _within = runtime.enter();
            park_on(async {
                tokio::time::timeout(PATIENCE, doing).await.unwrap_or_else(|_| Err(silent()))
            })
        })
    }

    /// A new connection to the store that is known.
    ///
    /// INVARIANT: whatever it sees is durable wherever commits have to be. A database that was
    /// started again may show what it never acknowledged, so something is committed first: what was
    /// before it is durable with it.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        let mut connection = Connection::open(&self.address).await?;
        connection.run("BEGIN").await?;
        let sql = "INSERT INTO nodes VALUES ($1, $2, now(), clock_timestamp())
             ON CONFLICT (name) DO UPDATE SET seen = excluded.seen";
        let here = connection.prepare(sql).await?;
        let release = env!("CARGO_PKG_VERSION");
        connection.execute(&here, &[&self.name, &release]).await?;
        if !connection.commit().await? {
            return Err(Error::unavailable(
                "the database cannot make commits safe: look at its synchronous standbys",
            ));
        }
        self.same(&mut connection).await?;
        Ok(connection)
    }

    /// Whether the newest known commit is still there.
    async fn same(&self, connection: &mut Connection) -> Result<()> {
        let Some(newest) = self.newest().clone() else { return Ok(()) };
        let sql = "SELECT sequence, last, chain FROM commits WHERE sequence = $1";
        let statement = connection.prepare(sql).await?;
        let rows = connection.query(&statement, &[&cells::int(newest.sequence)]).await?;
        let stored = rows.first().map(cells::commit).transpose()?;
        if stored.as_ref() == Some(&newest) {
            return Ok(());
        }
        let why = format!(
            "the database lost commit {}, which was acknowledged: find the copy that has it; if \
             there is none, begin a new epoch with `bailee epoch`",
            newest.sequence
        );
        tracing::error!(why, "rollback guard: this store does not sign");
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        Err(Error::unavailable(why))
    }

    pub(crate) fn behind(&self) -> Option<String> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn newest(&self) -> MutexGuard<'_, Option<CommitRow>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This commit is durable.
    pub(crate) fn knows(&self, commit: &CommitRow) {
        let mut newest = self.newest();
        if newest.as_ref().is_none_or(|newest| newest.sequence < commit.sequence) {
            *newest = Some(commit.clone());
        }
    }

    /// The text of a statement.
    pub(crate) fn sql(&self, text: &str) -> String {
        self.rewrite.map_or_else(|| text.to_owned(), |rewrite| rewrite(text))
    }

    /// Reads with a connection of the readers. One that turns out to be dead is replaced once.
    pub(crate) fn read<T>(
        &self,
        mut read: impl AsyncFnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let mut lent = Lent { node: self, connection: aside(|| self.lend()) };
        let known = lent.connection.is_some();
        let first = self.wait(self.read_with(&mut lent, &mut read));
        let dead = lent.connection.as_ref().is_none_or(Connection::is_closed);
        match first {
            Err(_) if known && dead => {
                lent.connection = None;
                self.wait(self.read_with(&mut lent, &mut read))
            }
            answer => answer,
        }
    }

    async fn read_with<T>(
        &self,
        lent: &mut Lent<'_>,
        read: &mut impl AsyncFnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let mut connection = match lent.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let answer = read(&mut connection).await;
        // After an error its session may be in any state.
        if answer.is_ok() {
            lent.connection = Some(connection);
        }
        answer
    }

    fn lend(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.lent >= READERS {
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
        idle.lent += 1;
        idle.connections.pop().filter(|connection| !connection.is_closed())
    }

    /// The readers' next connections are new ones.
    pub(crate) async fn check(&self) -> Result<()> {
        let connection = Connection::open(&self.address).await?;
        schema::check(&connection).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last owner may be a thread of another runtime, which must not wait.
            runtime.shutdown_background();
        }
    }
}

/// A reader's connection, which goes back however the reading ends.
struct Lent<'a> {
    node: &'a Node,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self.node.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.lent -= 1;
        idle.connections.extend(self.connection.take());
        self.node.returned.notify_one();
    }
}

/// Which accounts a session sees, until its transaction ends.
pub(crate) async fn see(
    connection: &mut Connection,
    accounts: &[u64],
    everything: bool,
) -> Result<()> {
    let sql =
        "SELECT set_config('bailee.accounts', $1, true), set_config('bailee.scope', $2, true)";
    let statement = connection.prepare(sql).await?;
    let scope = if everything { "all" } else { "" };
    let list = listed(accounts);
    let with: [Value<'_>; 2] = [&list, &scope];
    connection.query(&statement, &with).await.map(drop)
}

/// Accounts as the policies read them.
pub(crate) fn listed(accounts: &[u64]) -> String {
    accounts.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

/// Does something that may take a while. On a thread that serves other tasks too, these go on
/// elsewhere.
pub(crate) fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread. Connections go on in the node's own runtime, so this may be called from a
/// thread of any other, as reading a file may.
fn park_on<T>(doing: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut doing = std::pin::pin!(doing);
    loop {
        match doing.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}
