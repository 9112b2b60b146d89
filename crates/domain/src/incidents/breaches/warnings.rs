//! Warnings about a clock: at a quarter, half, three quarters and nine tenths of its time, and when
//! it has run out. Each is noted once, and pages whoever is on call.

use super::{Breach, Warned};
use crate::oncall::pages::raise;
use crate::register::{self, Kept, act};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};

act!(
    /// A warning about a clock was due.
    Warn, "breach.warn", None, false
);

/// The job that calls whoever comes next when a notice is not approved.
pub const CHASE: &str = "notice.chase";

/// Percent of the time for an approval after which others are called: everybody else who may
/// approve, then the last resort.
pub const CALLS: [u32; 2] = [50, 75];

/// The job that gives a warning.
pub const WARN: &str = "breach.warn";

/// What that job is about.
pub fn object(id: &str, percent: u32) -> String {
    format!("{id}|{percent}")
}

/// Gives a warning about a clock, or notes that it is not due.
pub struct GiveWarning {
    kernel: Kernel,
    key: RecordKey,
    percent: u32,
}

impl GiveWarning {
    /// The one that the job names.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let bad = || Error::internal(format!("the job `{object}` has another form"));
        let (id, percent) = object.split_once('|').ok_or_else(bad)?;
        let percent = percent.parse().map_err(|_| bad())?;
        let key = register::key::<Kept<Breach>>(kernel, id)?;
        Ok(Self { kernel: kernel.clone(), key, percent })
    }
}

impl Operation for GiveWarning {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Warn::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) = register::load::<Kept<Breach>, Warn>(work, &self.key)?;
        let percent = ("percent", self.percent.to_string());
        let outcome = match kept.row.warn(self.percent, work.now()) {
            Warned::Now => {
                let account = ("account", kept.row.account.clone());
                work.save(allowed, register::body(&kept)?, vec![percent, account])?;
                raise::<Warn>(&self.kernel, work, &kept.row.page(self.percent))?;
                return Ok(After::now(()));
            }
            Warned::Settled => "settled".to_owned(),
            Warned::Later(due) => {
                work.later(due, HOUSE, WARN, &object(&kept.id, self.percent));
                format!("moved to {}", due.rfc3339())
            }
        };
        let fields = vec![("breach", kept.id), percent, ("outcome", outcome)];
        work.note(HOUSE, Warn::ACTION.name, fields);
        Ok(After::now(()))
    }
}
