//! Reading a register of `house` whole, for what has to be in memory.

use crate::engine::{PageWant, Reader};
use crate::error::Result;
use crate::kernel::Shared;
use crate::operation::Pointer;
use crate::reveal::{Reveal, Version};
use crate::stage::open_state;

/// Calls `see` with each live record of a collection and the index of the entry that made it.
pub(crate) fn each(
    shared: &Shared,
    reader: &dyn Reader,
    account: u64,
    collection: &str,
    mut see: impl FnMut(&Version, u64) -> Result<()>,
) -> Result<()> {
    let keys = shared.keyring.account(account)?;
    let tag = sealing::tag(&keys.names, &[b"collection", collection.as_bytes()]);
    let mut want = PageWant { account, collection: tag, after: 0, limit: 1000 };
    loop {
        let page = reader.page(&want)?;
        let Some(last) = page.last() else { return Ok(()) };
        want.after = last.record.row;
        for stored in page {
            let pointer = Pointer::to(&open_state(&keys, stored)?);
            if !pointer.deleted {
                let (version, _) = Reveal::follow_in(reader, &pointer)?;
                see(&version, pointer.changed)?;
            }
        }
    }
}
