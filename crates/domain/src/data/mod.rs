//! Data: collections and JSON records that subscribers entrust to the provider.
//!
//! Bodies are kept as the bytes given. Every change is a new version with its author; deleting is a
//! version too and can be taken back. Every look is an entry in the account's own log before the
//! plaintext leaves.

mod batch;
mod collections;
mod records;

pub use batch::{Put as BatchPut, PutMany};
pub use collections::{CollectionRow, CreateCollection, Created, ListCollections};
pub use records::{
    Condition, DeleteRecord, GetRecord, Got, History, ListRecords, Listed, Put, PutRecord,
    RestoreRecord,
};

use crate::register::act;
use kernel::authority::Verb;
use kernel::id::{AccountId, Collection, RecordId};
use kernel::{Error, Kernel, RecordKey, Result};

act!(
    /// Reading a record.
    Get, "record.get", Some(Verb::Read), false
);
act!(
    /// Listing records.
    List, "record.list", Some(Verb::Read), false
);
act!(
    /// Reading a record's history.
    ReadHistory, "record.history", Some(Verb::Read), false
);
act!(
    /// Writing a record.
    Write, "record.put", Some(Verb::Write), false
);
act!(
    /// Writing several records at once.
    WriteMany, "record.batch", Some(Verb::Write), false
);
act!(
    /// Deleting a record.
    Delete, "record.delete", Some(Verb::Delete), false
);
act!(
    /// Restoring a deleted record.
    Restore, "record.restore", Some(Verb::Delete), false
);
act!(
    /// Creating a collection.
    CreateIn, "collection.create", Some(Verb::Write), false
);
act!(
    /// Listing an account's collections.
    ListIn, "collection.list", None, false
);

/// The register of collections in each account. Its name cannot be a collection's.
pub const COLLECTIONS: &str = ".collections";

/// A collection of an account, resolved once.
#[derive(Clone)]
pub struct Place {
    pub(crate) account: u64,
    pub(crate) collection: Collection,
    pub(crate) register: RecordKey,
}

impl Place {
    /// The collection of this account.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, account: &AccountId, collection: Collection) -> Result<Self> {
        let account = kernel.slot(account)?;
        let register = kernel.key(account, COLLECTIONS, collection.as_str())?;
        Ok(Self { account, collection, register })
    }

    pub(crate) fn record(&self, kernel: &Kernel, id: &RecordId) -> Result<RecordKey> {
        kernel.key(self.account, self.collection.as_str(), id.as_str())
    }

    pub(crate) fn missing(&self) -> Error {
        Error::not_found(format!(
            "no collection `{}` in this account: create it with `PUT` first",
            self.collection
        ))
    }
}
