//! What an import counts and says at its end.

use serde::{Deserialize, Serialize};

use super::rows::Bad;
use crate::output::counted;

/// Bad rows that are listed; all are counted.
pub const LISTED: usize = 1000;

/// Counts of a stretch of a file, or of all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows read, bad ones too.
    pub rows: u64,
    /// Records the server acknowledged.
    pub imported: u64,
    /// Accounts that were not there before.
    pub accounts_created: u64,
    /// Rows that became no record.
    pub failed: u64,
    /// The first [`LISTED`] of them.
    pub errors: Vec<Bad>,
}

impl Tally {
    /// Counts a bad row.
    pub fn fail(&mut self, bad: Bad) {
        self.failed += 1;
        if self.errors.len() < LISTED {
            self.errors.push(bad);
        }
    }

    /// Adds the counts of what follows.
    pub fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.imported += other.imported;
        self.accounts_created += other.accounts_created;
        self.failed += other.failed;
        let room = LISTED.saturating_sub(self.errors.len());
        self.errors.extend(other.errors.into_iter().take(room));
    }
}

/// What an import answers.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The counts.
    #[serde(flatten)]
    pub tally: Tally,
    /// Accounts that rows went to in this run.
    pub accounts: u64,
    /// How long this run took.
    pub seconds: f64,
}

impl Report {
    /// The same for people.
    pub fn text(&self) -> String {
        let Tally { imported, accounts_created, failed, .. } = self.tally;
        let mut text = format!(
            "imported {} into {} ({accounts_created} new) in {:.1} s",
            counted(imported, "record"),
            counted(self.accounts, "account"),
            self.seconds,
        );
        if failed > 0 {
            text.push_str(&format!("; not imported: {} to correct", counted(failed, "row")));
        }
        text
    }
}
