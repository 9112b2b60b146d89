//! What a verification found so far, kept to a bounded length.

use ledger::verify::{Problem, Report};
use std::fmt::Display;

/// Most problems a report lists; a store that is all wrong would otherwise fill memory and screen.
pub(super) const MAX_PROBLEMS: usize = 1000;

/// A report in the making.
#[derive(Default)]
pub(super) struct Findings {
    report: Report,
    /// Problems seen, also those that are not listed.
    seen: u64,
}

impl Findings {
    /// Something that was checked and holds.
    pub(super) fn checked(&mut self, what: impl Into<String>) {
        self.report.checked.push(what.into());
    }

    /// Something that holds if no problem was seen since `before` ([`Findings::seen`]).
    pub(super) fn checked_since(&mut self, before: u64, what: impl Into<String>) {
        if self.seen == before {
            self.checked(what);
        }
    }

    /// Something that could not be checked, and why.
    pub(super) fn not_checked(&mut self, what: impl Into<String>) {
        self.report.not_checked.push(what.into());
    }

    /// Something that does not hold.
    pub(super) fn problem(&mut self, what: impl Display, why: impl Display) {
        self.seen += 1;
        if self.report.problems.len() < MAX_PROBLEMS {
            let problem = Problem { what: what.to_string(), why: why.to_string() };
            self.report.problems.push(problem);
        }
    }

    /// Problems seen so far.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether further problems would not be listed any more.
    pub(super) fn full(&self) -> bool {
        self.report.problems.len() >= MAX_PROBLEMS
    }

    /// The report.
    pub(super) fn done(mut self) -> Report {
        let listed = u64::try_from(self.report.problems.len()).unwrap_or(u64::MAX);
        if self.seen > listed {
            self.report.problems.push(Problem {
                what: "more".to_owned(),
                why: format!(
                    "there are {} further problems; they are not listed",
                    self.seen - listed
                ),
            });
        }
        self.report
    }
}
