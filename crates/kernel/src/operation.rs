//! What an operation is, and what it sees and does while it executes.
//!
//! Load, decide, save, record, announce: an operation declares what it needs, loads it with a proof
//! of permission, decides by pure rules, saves with that proof, and each save or disclosure is an
//! entry. What is to be told after the commit is returned as [`After`].

use crate::authority::{Action, Caller};
use crate::engine::{RecordRow, Tag, Wants};
use crate::error::{Error, Result};
use crate::id::Collection;
use crate::reveal::Reveal;
use crate::time::Moment;
use crate::work::Work;
use sealing::{AccountKeys, Key};
use std::marker::PhantomData;
use std::sync::Arc;

/// Something that can be done: one type per thing, in the noun it belongs to.
pub trait Operation: Send + 'static {
    /// What the caller is told.
    type Output: Send + 'static;

    /// What it asks for, and on what.
    fn target(&self) -> Target;

    /// What it needs to see. Everything it loads has to be declared here.
    fn wants(&self, _wants: &mut Wants) {}

    /// Pure rules over what was fetched. Called with the account's head held; nothing it does is
    /// seen by others before the commit, and nothing at all if it fails.
    ///
    /// # Errors
    /// Any kind; then the operation leaves no trace, except that a refusal is an entry.
    fn execute(&self, work: &mut Work<'_>) -> Result<After<Self::Output>>;

    /// The answer to a repeated request, rebuilt from the entries of the first one.
    ///
    /// # Errors
    /// `Conflict` where the answer cannot be given a second time.
    fn replay(&self, _first: &Replay) -> Result<Self::Output> {
        Err(Error::conflict("this request was done already and its answer can be given only once"))
    }

    /// Bytes it brings along, for the limit on a batch.
    fn weight(&self) -> usize {
        0
    }
}

/// What is asked for, and on what.
#[derive(Clone, Debug)]
pub struct Target {
    /// The action.
    pub action: &'static Action,
    /// The account's slot.
    pub account: u64,
    /// The collection, where the action is about one.
    pub collection: Option<Collection>,
}

/// What every request carries besides its operation.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Who asks.
    pub caller: Caller,
    /// The network address the request came from, as [`address`] writes it; `None` for work that
    /// came over no network.
    pub source: Option<String>,
    /// The number of the request, which is also in the log line.
    pub request: String,
    /// What for, as the caller states it.
    pub purpose: Option<String>,
    /// On whose behalf, as the caller asserts it; Bailee did not check it.
    pub behalf: Option<String>,
    /// A key that makes repetition harmless, and the hash of what is asked.
    pub idempotency: Option<(String, [u8; 32])>,
}

/// A network address as entries name it: canonical text (RFC 5952 for IPv6), an IPv4 address that
/// came as an IPv4-mapped one in its own form, without port or zone.
pub fn address(peer: std::net::IpAddr) -> String {
    peer.to_canonical().to_string()
}

/// An address somebody wrote, as [`address`] writes it; `None` if it is none.
pub fn parse_address(text: &str) -> Option<String> {
    text.parse().ok().map(address)
}

/// The first doing of a repeated request, as its entries tell it.
pub struct Replay {
    pub(crate) entries: Vec<FirstEntry>,
}

/// One entry of the first doing.
pub(crate) struct FirstEntry {
    pub(crate) index: u64,
    pub(crate) at: Moment,
    pub(crate) fields: Vec<(String, String)>,
}

impl Replay {
    /// A field of the n-th entry.
    pub fn field(&self, entry: usize, name: &str) -> Option<&str> {
        let fields = &self.entries.get(entry)?.fields;
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Index of its first entry, in the log of the account it was asked of.
    pub fn index(&self) -> Option<u64> {
        self.entries.first().map(|entry| entry.index)
    }

    /// When the request was done first; `None` if nothing is left of it.
    pub fn at(&self) -> Option<Moment> {
        self.entries.first().map(|entry| entry.at)
    }
}

/// Makes an answer out of what may be revealed.
type Answer<T> = Box<dyn FnOnce(&Reveal) -> Result<T> + Send>;

/// What happens after the commit, off the lane: bodies are read and opened, the answer is made.
pub struct After<T>(pub(crate) Answer<T>);

impl<T: Send + 'static> After<T> {
    /// The answer needs something revealed.
    pub fn reveal(make: impl FnOnce(&Reveal) -> Result<T> + Send + 'static) -> Self {
        Self(Box::new(make))
    }

    /// The answer is known.
    pub fn now(value: T) -> Self {
        Self(Box::new(move |_| Ok(value)))
    }

    /// The same answer, changed.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U + Send + 'static) -> After<U> {
        After(Box::new(move |reveal| (self.0)(reveal).map(change)))
    }

    /// The same answer, changed by something that can fail.
    #[must_use]
    pub fn try_map<U>(self, change: impl FnOnce(T) -> Result<U> + Send + 'static) -> After<U> {
        After(Box::new(move |reveal| (self.0)(reveal).and_then(change)))
    }

    /// The answer is an error, although the operation is recorded.
    pub fn refused(error: Error) -> Self {
        Self(Box::new(move |_| Err(error)))
    }
}

/// Marks an action as a type, so that a proof is for one action only.
pub trait Act: 'static {
    /// The action.
    const ACTION: &'static Action;
}

/// Where a record lives. Made by [`crate::Kernel::key`] or [`Work::key`], because tags need the
/// account's keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordKey {
    /// The account's slot.
    pub account: u64,
    /// The collection; the operator's registers and the register of collections start with a dot
    /// or live in `house`.
    pub collection: String,
    /// The id.
    pub id: String,
    pub(crate) collection_tag: Tag,
    pub(crate) tag: Tag,
}

impl RecordKey {
    /// Of the account whose keys these are.
    pub(crate) fn of(keys: &AccountKeys, collection: &str, id: &str) -> Self {
        Self {
            account: keys.account,
            collection: collection.to_owned(),
            id: id.to_owned(),
            collection_tag: sealing::tag(&keys.names, &[b"collection", collection.as_bytes()]),
            tag: sealing::tag(&keys.names, &[b"record", collection.as_bytes(), id.as_bytes()]),
        }
    }
}

/// Proof that the caller may do `A` on this record, and the record as it stands.
///
/// Only the kernel makes one, and saving demands one: forgetting to authorize does not compile, and
/// a proof for one record cannot change another.
pub struct Allowed<A> {
    pub(crate) key: RecordKey,
    pub(crate) state: Option<State>,
    pub(crate) action: PhantomData<A>,
}

/// A record as it stands, with its key.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) row: RecordRow,
    pub(crate) key: Arc<Key>,
    pub(crate) key_version: u32,
}

impl<A> Allowed<A> {
    /// Whether there is a live record.
    pub fn exists(&self) -> bool {
        self.state.as_ref().is_some_and(|state| !state.row.deleted)
    }

    /// The version, from 1; 0 if there never was one.
    pub fn version(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.row.version)
    }

    /// Whether it is deleted and may be restored.
    pub fn deleted(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.row.deleted)
    }

    /// What is needed to read the present version after the commit.
    pub fn present(&self) -> Option<Pointer> {
        self.state.as_ref().map(Pointer::to)
    }

    /// Where it is.
    pub fn key(&self) -> &RecordKey {
        &self.key
    }
}

/// Leads to one version of a record; only [`Reveal`] can follow it, after the commit.
#[derive(Clone)]
pub struct Pointer {
    pub(crate) account: u64,
    pub(crate) tag: Tag,
    pub(crate) row: i64,
    pub(crate) key: Arc<Key>,
    pub(crate) key_version: u32,
    /// The version it leads to.
    pub version: u64,
    /// Whether that version says that the record is deleted.
    pub deleted: bool,
    /// Index of the entry that made it.
    pub changed: u64,
    /// Position in the creation order of its account, for paging.
    pub position: i64,
}

impl Pointer {
    pub(crate) fn to(state: &State) -> Self {
        Self {
            account: state.row.account,
            tag: state.row.tag,
            row: state.row.current,
            key: Arc::clone(&state.key),
            key_version: state.key_version,
            version: state.row.version,
            deleted: state.row.deleted,
            changed: state.row.changed,
            position: state.row.row,
        }
    }
}

/// The new content of a record.
pub enum Content {
    /// A body, stored as the bytes given.
    Body(Vec<u8>),
    /// No body: the record is deleted and may be restored.
    Deleted,
    /// The body of an earlier version again.
    Restored(Vec<u8>),
}

/// An account that an operation founds.
pub(crate) struct Founded {
    pub(crate) tag: Tag,
    pub(crate) keys: AccountKeys,
}

/// Something to be done later, with the right of the operation that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The account it is about.
    pub account: u64,
    /// When it is due.
    pub due: Moment,
    /// What to do; a constant of the noun that made it.
    pub kind: String,
    /// On what: ids only.
    pub object: String,
    /// Who asked for it.
    pub actor: String,
}

/// An entry in the making.
pub(crate) struct Draft {
    pub(crate) account: u64,
    pub(crate) kind: &'static str,
    pub(crate) objects: Vec<Tag>,
    pub(crate) fields: Vec<(&'static str, String)>,
    /// Set if the opening is about this record only and is to be erased with it.
    pub(crate) subject: Option<State>,
    pub(crate) write: Option<Write>,
    pub(crate) signals: Option<Signals>,
}

/// What an entry of `house` does with signals.
pub(crate) enum Signals {
    /// Keeps a batch, sealed under the key of its day.
    Keep(Vec<u8>),
    /// Forgets those of a day.
    Forget(u32),
}

pub(crate) struct Write {
    pub(crate) key: RecordKey,
    pub(crate) before: Option<State>,
    pub(crate) content: Content,
}

/// A version that is about to be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its number.
    pub version: u64,
    /// Which of the operation's entries it is, from 0.
    pub entry: usize,
}

impl Wants {
    /// Declares a record, and its account's head.
    pub fn record(&mut self, key: &RecordKey) {
        self.heads.push(key.account);
        self.records.push((key.account, key.tag));
    }
}
