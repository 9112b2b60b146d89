//! Whether an update that a notice promised was given.

use super::{Breach, UpdateMissed};
use crate::register::{self, Kept, When, act};
use kernel::engine::Wants;
use kernel::{Act, After, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house};

act!(
    /// The next notice was promised by now.
    Promised, "breach.update", None, false
);

/// The job that looks whether a promised update was given.
pub const UPDATE: &str = "breach.update";

/// Notes that a promised update is late, or that it is not.
pub struct NoteUpdate {
    key: RecordKey,
}

impl NoteUpdate {
    /// For the breach that the job names.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        Ok(Self { key: register::key::<Kept<Breach>>(kernel, object)? })
    }
}

impl Operation for NoteUpdate {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Promised::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Breach>, Promised>(work, &self.key)?;
        let now = work.now();
        let known = |by: &When| kept.row.updates_missed.iter().any(|one| one.by == *by);
        let late = kept.row.update_by.filter(|by| by.0 <= now && !known(by));
        let Some(by) = late else {
            let fields = vec![("breach", kept.id), ("outcome", "not due".to_owned())];
            work.note(HOUSE, Promised::ACTION.name, fields);
            return Ok(After::now(()));
        };
        kept.row.updates_missed.push(UpdateMissed { by, at: When(now) });
        let account = ("account", kept.row.account.clone());
        work.save(allowed, register::body(&kept)?, vec![account, ("by", by.0.rfc3339())])?;
        Ok(After::now(()))
    }
}
