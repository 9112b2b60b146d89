//! Every limit, with its reason. Nothing in Bailee is unbounded.

use std::time::Duration;

/// Bytes of one record's body. Larger things are attachments, which stream; a record is read whole
/// into memory several times on its way.
pub const BODY_BYTES: usize = 1024 * 1024;

/// Levels of nesting in a JSON body. `serde_json` recurses while it checks a body; a worker's stack
/// holds far more than this.
pub const JSON_DEPTH: usize = 100;

/// Operations in one commit. More would make the first one wait for the last without saving much:
/// the commit's cost per operation is flat from about 64 on.
pub const BATCH_OPERATIONS: usize = 256;

/// Body bytes in one commit, so that a batch of large records cannot exhaust memory.
pub const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// Operations that may wait for the lane. At 5,000 a second this is under a second of work; beyond
/// it an honest `503` is better than a late answer.
pub const QUEUE_OPERATIONS: usize = 4096;

/// Records in one batch request: one answer stays below a few megabytes of receipts.
pub const BATCH_RECORDS: usize = 500;

/// Items of one page. A page is one entry in the ledger and is opened in memory.
pub const PAGE_ITEMS: usize = 1000;

/// Items of a page when the caller names no number.
pub const PAGE_DEFAULT: usize = 100;

/// Leaves of one `ledger/entries` answer.
pub const ENTRIES_ITEMS: u64 = 1000;

/// Accounts one operation may write to (design §3).
pub const ACCOUNTS_PER_OPERATION: usize = 16;

/// Longest stated purpose, in bytes. It is a sentence, not a document, and a leaf's opening holds
/// it.
pub const PURPOSE_BYTES: usize = 512;

/// Longest window of a grant. No standing access: what is needed for longer is approved again.
pub const GRANT_WINDOW: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long an idempotency key is remembered (design §3).
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// How far the clock may stand behind the newest entry before the lane refuses to work. Small steps
/// back are normal when a clock is disciplined; a large one would freeze every window.
pub const CLOCK_BACKWARDS: Duration = Duration::from_secs(5);

/// Accounts whose keys and heads are kept in memory, per generation of the cache (there are two).
pub const CACHED_ACCOUNTS: usize = 16_384;

/// Remembered decisions; the memory is emptied when it is full.
pub const CACHED_DECISIONS: usize = 65_536;

/// Refusals written to an account's own ledger per account and minute, so that somebody without
/// rights cannot fill another's log.
pub const REFUSALS_PER_MINUTE: u32 = 10;

/// Wrong secrets and logins from one source in a minute, after which operations that are proven by
/// a secret of their own are not tried: each of them would take the lane's time.
pub const TRIES_PER_MINUTE: u64 = 60;

/// Restraints (limits, locks, bans) in force at once. An attack from more addresses than this is
/// not answered address by address.
pub const RESTRAINTS: usize = 10_000;

/// As [`RESTRAINTS`], for those that nobody asked for by hand: people have room left.
pub const RESTRAINTS_BY_THEMSELVES: usize = 9_000;

/// Requests a minute that go through where somebody is limited. A person reads on; a program that
/// guesses is slowed to nothing.
pub const LIMITED_PER_MINUTE: u64 = 60;

/// Requests that go through at once where somebody is limited, such as a page and what it loads.
pub const LIMITED_BURST: u64 = 10;

/// Tries in vain from one source that are recorded at the next tick, and not only at the end of the
/// minute: whoever watches the ledger has to see an attack while it goes on.
pub const TRIES_TOLD_AT_ONCE: u64 = 20;

/// Sources whose paths and handshakes are counted at once.
pub const PROBED_SOURCES: usize = 2_000;

/// Different paths of one source that are told apart in a minute; more change nothing.
pub const PROBED_PATHS: usize = 512;

/// Refusals of a banned address in a minute that are explained to it; after that its connections
/// are closed before the handshake, which costs most.
pub const REFUSALS_EXPLAINED: u64 = 60;

/// How much earlier than an entry before it, in the order of all logs, an entry may be. Within a
/// log none is; with one writer none is at all.
pub const DISORDER: Duration = Duration::from_secs(1);

/// How far the clock of a node may be off that of the database; a node beyond it is not ready.
pub const CLOCK_APART: Duration = Duration::from_secs(1);
