//! One batch on its way to the server: the account made ready, the records written.
//!
//! Promises: what is sent again in a later run of the same import has the same idempotency key. A
//! batch that the server finds wrong is cut in halves until the wrong records stand alone; those
//! are reported with the server's reason, and all others are written.
//! Does not: go on after a refusal, a conflict or a lost server.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use kernel::id::{AccountId, Collection};
use serde_json::json;

use super::batches::{Batch, Record, body};
use super::report::Tally;
use super::resume::key;
use super::rows::Bad;
use crate::client::Client;
use crate::exit::{Exit, Failure};

/// What all deliveries of one import share.
#[derive(Debug)]
pub struct Shared {
    /// The server.
    pub client: Client,
    /// Where the records go in each account.
    pub collection: Collection,
    /// Name of the run, for idempotency keys.
    pub run: String,
    /// Whether the caller was refused the creation of accounts. Such a caller may still write to
    /// those that are there.
    pub may_not_open: AtomicBool,
}

/// A batch after the server dealt with it.
#[derive(Debug)]
pub struct Delivered {
    /// Its window.
    pub window: u64,
    /// Its account.
    pub account: AccountId,
    /// What was written and what was not.
    pub tally: Tally,
    /// Why it stopped, if it did.
    pub stopped: Option<Failure>,
}

impl Shared {
    /// Sends a batch; `prepare` makes account and collection first.
    pub async fn deliver(&self, batch: Batch, prepare: bool) -> Delivered {
        let mut tally = Tally::default();
        let stopped = self
            .attempt(&batch, prepare, &mut tally)
            .await
            .err()
            .map(|failure| failure.during(format_args!("account `{}`", batch.account)));
        Delivered { window: batch.window, account: batch.account, tally, stopped }
    }

    async fn attempt(
        &self,
        batch: &Batch,
        prepare: bool,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        if prepare && self.prepare(batch).await? {
            tally.accounts_created += 1;
        }
        // Ranges still to be sent, the first one last, so that records keep their order.
        let all = 0..batch.records.len();
        let mut left = vec![all];
        while let Some(range) = left.pop() {
            let Some(records) = batch.records.get(range.clone()) else { continue };
            let failure = match self.write(batch, records).await {
                Ok(()) => {
                    tally.imported += records.len() as u64;
                    continue;
                }
                Err(failure) if is_about_content(&failure) => failure,
                Err(failure) => return Err(as_refusal(failure)),
            };
            match culprit(&failure, records) {
                Some((place, record)) => {
                    tally.fail(Bad { line: record.line, reason: failure.message });
                    let place = range.start + place;
                    left.extend([place + 1..range.end, range.start..place]);
                }
                None => left.extend(halves(range)),
            }
            left.retain(|range| !range.is_empty());
        }
        Ok(())
    }

    /// Creates account and collection where they are missing. Says whether the account is new.
    async fn prepare(&self, batch: &Batch) -> Result<bool, Failure> {
        if self.may_not_open.load(Ordering::Relaxed) {
            self.collection(batch).await.map_err(|failure| match failure.status {
                Some(404) => Failure::new(
                    Exit::Refused,
                    "it does not exist, and creating it needs a grant with the verb `open`",
                ),
                _ => as_refusal(failure),
            })?;
            return Ok(false);
        }
        let id = batch.account.as_str();
        let new = json!({"id": id, "name": batch.name});
        // The window is part of the key: an account that an earlier window created is not counted
        // again when the import goes on.
        let key = key(&self.run, &["account", id, &batch.window.to_string()], b"");
        let created = match self.client.post(&["accounts"]).json(&new)?.key(&key).send().await {
            Ok(_) => true,
            Err(failure) if failure.status == Some(409) => false,
            Err(failure) if failure.status == Some(403) => {
                // The account may be there, and writing to it allowed.
                if self.collection(batch).await.is_err() {
                    return Err(failure);
                }
                self.may_not_open.store(true, Ordering::Relaxed);
                return Ok(false);
            }
            Err(failure) => return Err(as_refusal(failure)),
        };
        self.collection(batch).await.map_err(as_refusal)?;
        Ok(created)
    }

    async fn collection(&self, batch: &Batch) -> Result<(), Failure> {
        let (account, collection) = (batch.account.as_str(), self.collection.as_str());
        let path = ["accounts", account, "collections", collection];
        self.client.put(&path).send().await.map(|_| ())
    }

    async fn write(&self, batch: &Batch, records: &[Record]) -> Result<(), Failure> {
        let (account, collection) = (batch.account.as_str(), self.collection.as_str());
        let at = [batch.window.to_string(), batch.number.to_string()];
        let [window, number] = &at;
        let what = [account, collection, window, number];
        let base = ["accounts", account, "collections", collection];
        let call = match records {
            [record] if record.stands_alone() => {
                let key = key(&self.run, &what, record.json.as_bytes());
                let path = [&base[..], &["records", record.id.as_str()]].concat();
                self.client.put(&path).body(record.json.clone().into_bytes()).key(&key)
            }
            records => {
                let body = body(records);
                let key = key(&self.run, &what, &body);
                self.client.post(&[&base[..], &["records:batch"]].concat()).body(body).key(&key)
            }
        };
        call.send().await.map(|_| ())
    }
}

/// Whether the server found something wrong with what was sent, rather than with sending it.
fn is_about_content(failure: &Failure) -> bool {
    matches!(failure.status, Some(400 | 413 | 415 | 422))
}

/// In an import "not found" means that the caller may not see it: everything needed was created.
fn as_refusal(failure: Failure) -> Failure {
    match failure.exit {
        Exit::NotFound => Failure { exit: Exit::Refused, ..failure },
        _ => failure,
    }
}

/// The record that is wrong: the only one, or the one that the server names as `records[N]…`.
fn culprit<'a>(failure: &Failure, records: &'a [Record]) -> Option<(usize, &'a Record)> {
    if let [record] = records {
        return Some((0, record));
    }
    let (place, _) = failure.field.as_deref()?.strip_prefix("records[")?.split_once(']')?;
    let place = place.parse().ok()?;
    Some((place, records.get(place)?))
}

/// Both halves of a range, the second one first.
fn halves(range: Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len() / 2;
    [middle..range.end, range.start..middle]
}

#[cfg(test)]
mod tests {
    use kernel::id::RecordId;

    use super::{Record, culprit, halves};
    use crate::exit::{Exit, Failure};

    #[test]
    fn halves_cover_the_range() {
        assert_eq!(halves(3..8), [5..8, 3..5]);
        assert_eq!(halves(0..2), [1..2, 0..1]);
    }

    #[test]
    fn the_server_may_name_the_culprit() {
        let record = |line| {
            let id = RecordId::parse("a").unwrap();
            Record { line, id, json: String::new() }
        };
        let records = [record(4), record(9)];
        let failure = |field: &str| {
            let field = Some(field.to_owned());
            Failure { field, ..Failure::new(Exit::Failed, "no") }
        };
        let line = |field: &str, records| culprit(&failure(field), records).map(|(_, it)| it.line);
        assert_eq!(line("records[1].value", &records), Some(9));
        assert_eq!(line("records[0]", &records), Some(4));
        for field in ["records[2].value", "records[-1]", "records", "purpose", "records[1"] {
            assert_eq!(line(field, &records), None, "{field}");
        }
        assert_eq!(line("purpose", &records[..1]), Some(4));
    }
}
