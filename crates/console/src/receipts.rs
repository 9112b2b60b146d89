//! Receipts of what a session did and saw, to be kept and checked elsewhere.
//!
//! A receipt is made again from the log whenever it is asked for. Without openings it holds no
//! personal data; still it is given only to the session whose entry it is, and to whoever may read
//! the operator's log.

use crate::reply::Reply;
use crate::visit::Visit;
use domain::ledgers::Read;
use kernel::{Act, Error, HOUSE, Result};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Entries that are remembered, of all sessions together.
const MOST: usize = 4096;

/// The entries of recent sessions, by credential.
#[derive(Default)]
pub(crate) struct Recent(Mutex<VecDeque<(String, u64)>>);

impl Recent {
    /// This session may fetch the receipt of this entry.
    pub(crate) fn remember(&self, credential: &str, index: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back((credential.to_owned(), index));
    }

    /// Whether it may.
    pub(crate) fn knows(&self, credential: &str, index: u64) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|(known, at)| known == credential && *at == index)
    }
}

/// `GET /receipts/123.json`
pub(crate) async fn show(visit: &Visit<'_>, name: &str) -> Result<Reply> {
    let caller = visit.caller()?;
    let number = name.strip_suffix(".json").unwrap_or_default();
    let index = number.parse().ok().filter(|index: &u64| index.to_string() == number);
    let index = index.ok_or_else(|| Error::not_found("there is no such receipt"))?;
    if !visit.did(index) {
        visit.kernel().allow(caller, Read::ACTION, HOUSE)?;
    }
    let receipt = visit.blocking(move |kernel| kernel.receipt(HOUSE, index, false)).await?;
    let name = format!("receipt-house-{index}.json");
    Ok(Reply::File { kind: "application/json", name, body: receipt.into_bytes() })
}
