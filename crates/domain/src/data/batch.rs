//! Several records of one collection, all or none.

use super::records::{made, outcome_of_writing};
use super::{Place, Put as Written, WriteMany};
use kernel::engine::Wants;
use kernel::id::RecordId;
use kernel::limits::BATCH_RECORDS;
use kernel::{
    Act, After, Content, Error, Kernel, Operation, RecordKey, Replay, Result, Target, Work,
    on_collection,
};

/// One record of a batch.
pub struct Put {
    /// Its id.
    pub id: RecordId,
    /// Its body, which the face has checked to be JSON within the limit.
    pub body: Vec<u8>,
}

/// Writes several records, each with an entry of its own, in one commit.
pub struct PutMany {
    place: Place,
    records: Vec<(RecordKey, Vec<u8>)>,
}

impl PutMany {
    /// These records.
    ///
    /// # Errors
    /// `Invalid` if there are none, too many, or one stands twice; `NotFound` if there is no such
    /// account.
    pub fn new(kernel: &Kernel, place: Place, records: Vec<Put>) -> Result<Self> {
        if records.is_empty() || records.len() > BATCH_RECORDS {
            return Err(Error::invalid(
                "records",
                format!("a batch has 1 to {BATCH_RECORDS} records, this one has {}", records.len()),
            ));
        }
        let mut ids: Vec<&str> = records.iter().map(|put| put.id.as_str()).collect();
        ids.sort_unstable();
        if let Some([twice, _]) = ids.array_windows().find(|[a, b]| a == b) {
            return Err(Error::invalid(
                "records",
                format!("`{twice}` stands twice in one batch: send its versions one by one"),
            ));
        }
        let keyed = records.into_iter().map(|put| Ok((place.record(kernel, &put.id)?, put.body)));
        let records = keyed.collect::<Result<_>>()?;
        Ok(Self { place, records })
    }
}

impl Operation for PutMany {
    type Output = Vec<Written>;

    fn target(&self) -> Target {
        on_collection(WriteMany::ACTION, self.place.account, &self.place.collection)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.place.register);
        for (key, _) in &self.records {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<Written>>> {
        if !work.is_live(&self.place.register)? {
            return Err(self.place.missing());
        }
        let mut written = Vec::with_capacity(self.records.len());
        for (key, body) in &self.records {
            let allowed = work.load::<WriteMany>(key)?;
            let created = !allowed.exists();
            let fields = outcome_of_writing(&allowed);
            let saved = work.save(allowed, Content::Body(body.clone()), fields)?;
            written.push(Written { id: key.id.clone(), version: saved.version, created });
        }
        Ok(After::now(written))
    }

    fn replay(&self, first: &Replay) -> Result<Vec<Written>> {
        let each = self.records.iter().enumerate();
        each.map(|(n, (key, _))| made(first, n, &key.id)).collect()
    }

    fn weight(&self) -> usize {
        self.records.iter().map(|(_, body)| body.len()).sum()
    }
}
