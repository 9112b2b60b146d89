//! What a vendor's file holds: agreements, answers, findings and reviews, each with who entered it.

use super::{Class, MEASURES};
use crate::catalogue::Parameters;
use crate::register::{Day, Mark};
use crate::systems::Source;
use kernel::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much rests on a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// The service stops or Service Data is exposed without it; reviewed more often.
    Critical,
    /// Every other vendor.
    Standard,
}

impl Tier {
    /// Days between two reviews of such a vendor.
    pub fn review_days(self, parameters: &Parameters) -> u32 {
        match self {
            Self::Critical => parameters.vendor_review_critical_days,
            Self::Standard => parameters.vendor_review_days,
        }
    }
}

/// What a vendor agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Agreement {
    /// The document.
    pub document: String,
    /// SHA-256 of the document, 64 hexadecimal digits.
    pub sha256: String,
    /// The version of its terms.
    pub terms: String,
    /// First day it is in force.
    pub valid_from: Day,
    /// Last day it is in force.
    pub valid_to: Day,
    /// The measures it binds the vendor to, of `P1` to `P7`.
    pub binds: Vec<String>,
    /// Who entered it, and when.
    pub mark: Mark,
}

impl Agreement {
    /// The measures of P1 to P7 that it leaves out; without one the flow-down is complete.
    pub fn omits(&self) -> Vec<&'static str> {
        let bound = |measure: &&str| self.binds.iter().any(|one| one == measure);
        MEASURES.into_iter().filter(|measure| !bound(measure)).collect()
    }
}

/// What a vendor says to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// It does not apply, for the reason stated as evidence.
    NotApplicable,
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answered {
    /// The question's id, such as `p2-1-factors`.
    pub question: String,
    /// What is answered.
    pub reply: Reply,
    /// What shows it, or why it does not apply.
    pub evidence: String,
    /// Where it comes from: recorded by the provider's own people, or attested by a document.
    pub source: Source,
    /// Last day it counts.
    pub valid_to: Day,
    /// Who entered it, and when.
    pub mark: Mark,
}

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "FindingSeverity")]
pub enum Severity {
    /// Worth mending at the next occasion.
    Low,
    /// To be mended in the ordinary course of the work.
    Medium,
    /// To be mended soon.
    High,
    /// Service Data is at risk now.
    Critical,
}

/// Something wrong with a vendor, with somebody who answers for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Its number at this vendor, from 1.
    pub id: u32,
    /// What is wrong.
    pub text: String,
    /// How bad it is.
    pub severity: Severity,
    /// Who sees to it: `person:NAME`.
    pub owner: String,
    /// Last day to have it resolved.
    pub due: Day,
    /// Who found it, and when.
    pub mark: Mark,
    /// How it was resolved; nothing while it is open.
    pub resolved: Option<Resolved>,
}

impl Finding {
    /// Whether it should have been resolved by now.
    pub fn overdue(&self, now: Moment) -> bool {
        self.resolved.is_none() && self.due.end() <= now
    }
}

/// How something was resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resolved {
    /// What was done.
    pub how: String,
    /// Who says so, and when.
    pub mark: Mark,
}

/// What a review concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "VendorVerdict")]
pub enum Verdict {
    /// The vendor may be worked with.
    Approve,
    /// It may not.
    Refuse,
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refuse => "refuse",
        }
    }
}

/// A review. It counts from its second signature on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reviewed {
    /// What it concludes.
    pub verdict: Verdict,
    /// Why: what was looked at, and what weighed.
    pub summary: String,
    /// The ways of processing it looked at; it counts for no other.
    pub classes: Vec<Class>,
    /// Last day it counts; the next review is due by then.
    pub next_due: Day,
    /// Questions without a fresh answer when it was made.
    pub unanswered: u32,
    /// Findings that were open when it was made.
    pub open_findings: u32,
    /// The first signature.
    pub mark: Mark,
    /// The second signature, of another person.
    pub signed: Option<Mark>,
}

/// The end of the work with a vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offboarded {
    /// Why.
    pub reason: String,
    /// How the vendor certifies that Service Data was returned or deleted.
    pub certificate: String,
    /// Who did it, and when.
    pub mark: Mark,
}
