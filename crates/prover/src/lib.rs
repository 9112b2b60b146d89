//! Shows with a solver what the policies can never allow, for every request there could be.
//!
//! The policies of `authority/` are compiled to formulas by Cedar's own symbolic compiler, and cvc5
//! is asked for a request that a policy allows and a bound in `authority/bounds/` forbids. Each
//! permit is asked by itself, with all forbids, for each kind of request: a set of permits stays
//! within a bound exactly if each of them does.
//!
//! Promises: what the solver did not answer, or answered oddly, counts as not proved; a bound that
//! forbids nothing is refused; a counterexample is evaluated by Cedar itself before it is shown.
//! Deliberately absent: anything about how the kernel asks. That every operation is decided, and
//! that the attributes handed in are true, is for other tests (decision 0027).

mod against;
mod authority;
mod bounds;
mod cache;
mod example;
mod kinds;
mod prove;
mod report;
mod solver;

pub use against::{Change, Compared, Difference, compare};
pub use authority::Authority;
pub use bounds::{Bound, Claim, Claims};
pub use cache::Cache;
pub use example::Example;
pub use kinds::{Kind, kinds};
pub use prove::{NEVER_ERRS, Outcome, Undecided, Violation, prove};
pub use report::{Proof, Proved, told};
pub use solver::{Solver, question};

/// What keeps the prover from answering at all: in a sentence, with what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Problem(String);

impl Problem {
    /// Of this sentence.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// What lies at this path of a document; null if nothing does.
fn at<'a>(value: &'a serde_json::Value, path: &[&str]) -> &'a serde_json::Value {
    let found = path.iter().try_fold(value, |inner, name| inner.get(*name));
    found.unwrap_or(&serde_json::Value::Null)
}

/// What the parts of this crate answer.
pub type Result<T> = std::result::Result<T, Problem>;
