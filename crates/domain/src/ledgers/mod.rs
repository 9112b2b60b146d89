//! Ledgers: reading an account's own log, and opening what its entries hide.
//!
//! Heads, tiles and leaves hold no personal data and are read without an entry; opening entries is
//! itself an entry.

mod explore;

pub use explore::{Explore, Explored, Exploring, Found, PAGE, Question};

use crate::register::act;
use kernel::authority::Verb;
use kernel::id::AccountId;
use kernel::{Act, After, Kernel, Operation, Result, SeenEntry, Target, Work};

act!(
    /// Reading heads, tiles and leaves.
    Read, "ledger.read", None, false
);
act!(
    /// Opening entries.
    Open, "ledger.open", Some(Verb::Read), false
);

/// Opens a range of entries.
pub struct OpenEntries {
    kernel: Kernel,
    account: u64,
    from: u64,
    limit: u64,
}

impl OpenEntries {
    /// Entries from this index on.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, account: &AccountId, from: u64, limit: u64) -> Result<Self> {
        Ok(Self { kernel: kernel.clone(), account: kernel.slot(account)?, from, limit })
    }
}

impl Operation for OpenEntries {
    type Output = Vec<SeenEntry>;

    fn target(&self) -> Target {
        Target { action: Open::ACTION, account: self.account, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<SeenEntry>>> {
        let range = vec![("from", self.from.to_string()), ("limit", self.limit.to_string())];
        work.note(self.account, Open::ACTION.name, range);
        let (kernel, account) = (self.kernel.clone(), self.account);
        let (from, limit) = (self.from, self.limit);
        Ok(After::reveal(move |_| kernel.entries(account, from, limit, true)))
    }
}

/// Opens one entry, for a receipt that shows its fields.
pub struct OpenReceipt {
    kernel: Kernel,
    account: u64,
    index: u64,
}

impl OpenReceipt {
    /// The entry of this index.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, account: &AccountId, index: u64) -> Result<Self> {
        Ok(Self { kernel: kernel.clone(), account: kernel.slot(account)?, index })
    }
}

impl Operation for OpenReceipt {
    type Output = String;

    fn target(&self) -> Target {
        Target { action: Open::ACTION, account: self.account, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<String>> {
        let range = vec![("from", self.index.to_string()), ("limit", "1".to_owned())];
        work.note(self.account, Open::ACTION.name, range);
        let (kernel, account, index) = (self.kernel.clone(), self.account, self.index);
        Ok(After::reveal(move |_| kernel.receipt(account, index, true)))
    }
}
