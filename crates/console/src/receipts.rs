//! Receipts of what a session did and saw, to be kept and checked elsewhere.
//!
//! A receipt is made again from the log whenever it is asked for. Without openings it holds no
//! personal data; still it is given only to the session whose entry it is, and to whoever may read
//! the operator's log.

use crate::reply::Reply;
use crate::visit::Visit;
use aws_lc_rs::hmac;
use domain::ledgers::Read;
use domain::people::{hex, unhex};
use kernel::{Act, Error, HOUSE, Kernel, Result};

/// What shows that an entry is of a session: the link to its receipt carries it, so that no node
/// has to remember who did what.
pub(crate) struct Marks(hmac::Key);

impl Marks {
    /// Those of the store behind this kernel.
    pub(crate) fn new(kernel: &Kernel) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, kernel.derived("receipts").expose()))
    }

    /// The mark of an entry for the session with this credential, in hexadecimal.
    pub(crate) fn of(&self, credential: &str, entry: u64) -> String {
        hex(hmac::sign(&self.0, &said(credential, entry)).as_ref())
    }

    /// Whether this is it; compares in constant time.
    pub(crate) fn is(&self, given: &str, credential: &str, entry: u64) -> bool {
        let tag = unhex(given);
        tag.is_some_and(|tag| hmac::verify(&self.0, &said(credential, entry), &tag).is_ok())
    }
}

fn said(credential: &str, entry: u64) -> Vec<u8> {
    format!("{entry} {credential}").into_bytes()
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
