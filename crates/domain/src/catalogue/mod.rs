//! The catalogue of what is promised, as data: the version of the terms, and the numbers in it.
//!
//! A provider starts with the numbers of `catalogue/catalogue.json`. A change is proposed by one
//! person with a reason and approved by another, is an entry, and is flagged if it weakens the
//! promise: the subscribers see the flag. Rules take the numbers from here, at the moment they run;
//! none stands in code twice.

mod changing;
mod promise;

pub(crate) use changing::directly;
pub use promise::{
    MEASURES, Mapping, Measure, Obligation, PARAMETERS, Parameter, VERSION, Weaker, mapped,
    obligation, obligations,
};

use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, prose, step,
};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The numbers of the promise; [`PARAMETERS`] says of each what it is in and which way is weaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Hours from the verification of a Service Data Breach to the notice (E4.4).
    pub breach_hours: u32,
    /// Hours from the verification of loss, corruption or unavailability to the notice (E4.7).
    pub response_hours: u32,
    /// People besides its writer who approve the first notice to an account (E4.4).
    pub notice_approvals: u32,
    /// People besides its writer who approve a later notice to an account (E4.4).
    pub update_approvals: u32,
    /// Hours a suspicion may be investigated before it escalates (E4.6).
    pub investigation_hours: u32,
    /// People who work full-time in the security team (E1.4).
    pub team_minimum: u32,
    /// Days from assignment or expiry until training has to be done (E1.7).
    pub training_days: u32,
    /// Days after that until eligibility for access ends (E1.7).
    pub training_grace_days: u32,
    /// Days after which training is to be repeated (E1.7).
    pub training_period_days: u32,
    /// Days within which everybody acknowledges a new version of a policy (E1.0).
    pub acknowledgement_days: u32,
    /// Days after which policies, risks and controls are reviewed again (E1.3).
    pub review_days: u32,
    /// Days between recurring reviews of security infrastructure (E1.5).
    pub infrastructure_review_days: u32,
    /// Days ahead for which the on-call rota has to be full (E4.3).
    pub rota_days: u32,
    /// Days after which a subscriber's contact is verified again (E4.4).
    pub contact_days: u32,
    /// Days between reviews of a critical vendor (P0.2).
    pub vendor_review_critical_days: u32,
    /// Days between reviews of another vendor (P0.2).
    pub vendor_review_days: u32,
    /// Days a vendor's answer counts (P1 to P7).
    pub answer_days: u32,
    /// Days to fix a critical advisory, or a known exploited one (E6.3).
    pub fix_critical_days: u32,
    /// Days to fix an advisory of high severity (E6.3).
    pub fix_high_days: u32,
    /// Days to fix an advisory of medium severity (E6.3).
    pub fix_medium_days: u32,
    /// Days to fix an advisory of low or unknown severity (E6.3).
    pub fix_low_days: u32,
    /// Hours after which a feed of advisories is stale (E6.3).
    pub feed_hours: u32,
    /// Days between external vulnerability scans (E6.4).
    pub scan_days: u32,
    /// Days between external audits (E6.4).
    pub audit_days: u32,
    /// Minutes after which the state of a UPS is stale (E7.3).
    pub ups_minutes: u32,
    /// Days within which a request for a report is answered (E3.1).
    pub report_days: u32,
    /// Days a copy of a report may be downloaded (E3.4).
    pub release_days: u32,
    /// Days between reconciliations of an area's access list (E7.2).
    pub area_days: u32,
    /// Days without use after which a right is proposed for removal (E5.6).
    pub unused_days: u32,
    /// Approvals that a change of roles, rules, mappings or catalogue takes; 0 for none (E5.6).
    pub changes_by_request: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            breach_hours: number("breach_hours"),
            response_hours: number("response_hours"),
            notice_approvals: number("notice_approvals"),
            update_approvals: number("update_approvals"),
            investigation_hours: number("investigation_hours"),
            team_minimum: number("team_minimum"),
            training_days: number("training_days"),
            training_grace_days: number("training_grace_days"),
            training_period_days: number("training_period_days"),
            acknowledgement_days: number("acknowledgement_days"),
            review_days: number("review_days"),
            infrastructure_review_days: number("infrastructure_review_days"),
            rota_days: number("rota_days"),
            contact_days: number("contact_days"),
            vendor_review_critical_days: number("vendor_review_critical_days"),
            vendor_review_days: number("vendor_review_days"),
            answer_days: number("answer_days"),
            fix_critical_days: number("fix_critical_days"),
            fix_high_days: number("fix_high_days"),
            fix_medium_days: number("fix_medium_days"),
            fix_low_days: number("fix_low_days"),
            feed_hours: number("feed_hours"),
            scan_days: number("scan_days"),
            audit_days: number("audit_days"),
            ups_minutes: number("ups_minutes"),
            report_days: number("report_days"),
            release_days: number("release_days"),
            area_days: number("area_days"),
            unused_days: number("unused_days"),
            changes_by_request: number("changes_by_request"),
        }
    }
}

impl Parameters {
    /// The names of the numbers by which these promise less than `before`.
    pub fn weaker_than(&self, before: &Self) -> Vec<String> {
        let (Ok(now), Ok(was)) = (serde_json::to_value(self), serde_json::to_value(before)) else {
            return vec!["every number".to_owned()];
        };
        let (Some(now), Some(was)) = (now.as_object(), was.as_object()) else { return vec![] };
        let weaker = PARAMETERS.iter().filter(|one| {
            let number = |of: &serde_json::Map<_, serde_json::Value>| {
                of.get(one.name).and_then(serde_json::Value::as_u64)
            };
            match one.weaker {
                Weaker::Lower => number(now) < number(was),
                Weaker::Higher => number(now) > number(was),
            }
        });
        weaker.map(|one| one.name.to_owned()).collect()
    }
}

/// The number that Bailee comes with.
#[expect(clippy::expect_used, reason = "a test asks for every one")]
fn number(name: &str) -> u32 {
    let found = PARAMETERS.iter().find(|one| one.name == name);
    found.expect("the catalogue has every number").default
}

/// The id of the one row that counts.
pub const CURRENT: &str = "current";

/// Declares that a rule needs the numbers.
///
/// # Errors
/// `Limit` for too many needs.
pub fn need(needs: &mut Needs<'_>) -> Result<()> {
    needs.row::<Catalogue>(CURRENT)
}

/// The numbers that count now.
///
/// # Errors
/// `Internal` if they were not declared with [`need`].
pub fn parameters(at: &At<'_, '_>) -> Result<Parameters> {
    Ok(at.find::<Catalogue>(CURRENT)?.map(|kept| kept.row.parameters).unwrap_or_default())
}

/// A proposed change of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// The version it would be.
    pub version: String,
    /// The numbers.
    pub parameters: Parameters,
    /// The provider's own words for obligations: `E4.4: our clause 7.2`.
    pub terms: Vec<String>,
    /// Why.
    pub reason: String,
    /// The numbers by which it promises less.
    pub weakens: Vec<String>,
    /// Who proposed it, and when.
    pub proposed: Mark,
}

/// The catalogue in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Catalogue {
    /// Its version.
    pub version: String,
    /// The numbers in force.
    pub parameters: Parameters,
    /// The provider's own words for obligations, one `ID: text` each.
    pub terms: Vec<String>,
    /// Why it is as it is.
    pub reason: String,
    /// The numbers by which the last change promised less.
    pub weakened: Vec<String>,
    /// Who approved it, and when; nobody yet for the first.
    pub approved: Option<Mark>,
    /// First day it is in force.
    pub since: Day,
    /// A change that waits for a second person.
    pub proposal: Option<Proposal>,
}

/// The catalogue to begin with.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCatalogue {
    /// The version of the provider's terms.
    pub version: String,
    /// Where these numbers come from.
    pub reason: String,
    /// Numbers that differ from those Bailee comes with.
    #[serde(default)]
    pub parameters: Parameters,
    /// The provider's own words for obligations, one `ID: text` each.
    #[serde(default)]
    pub terms: Vec<String>,
}

impl Row for Catalogue {
    const NOUN: &'static str = "catalogue";
    const REGISTER: &'static str = "catalogues";
    const FORMAT: &'static str = "catalogue/v1";
    const ADD: &'static str = "catalogue.add";
    const READ: &'static str = "catalogue.read";
    const LIST: &'static str = "catalogue.list";
    type New = NewCatalogue;

    fn id(_: &NewCatalogue) -> Option<&str> {
        Some(CURRENT)
    }

    fn add(new: &NewCatalogue, at: &mut At<'_, '_>) -> Result<Self> {
        let weakened = new.parameters.weaker_than(&Parameters::default());
        if !weakened.is_empty() {
            at.tell("weakens", weakened.join(","));
        }
        Ok(Self {
            version: line("version", &new.version, 60)?,
            parameters: new.parameters.clone(),
            terms: terms(&new.terms)?,
            reason: prose("reason", &new.reason, 1000)?,
            weakened,
            approved: None,
            since: Day::of(at.now()),
            proposal: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        match (&self.proposal, &self.approved) {
            (Some(proposal), _) => Status::of("proposed", Tone::Due)
                .what(format!("version {} waits for a second person", proposal.version))
                .who("approver"),
            (None, None) => Status::of("unapproved", Tone::Due)
                .what(
                    "nobody but its author has approved it: propose it as it is, and approve that",
                )
                .who("security-lead"),
            (None, Some(_)) => Status::of("in-force", Tone::Good),
        }
    }
}

/// Proposes a change of the catalogue.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// The version it would be.
    pub version: String,
    /// Why.
    pub reason: String,
    /// All numbers; what is not stated is as Bailee comes with it.
    #[serde(default)]
    pub parameters: Parameters,
    /// The provider's own words for obligations, one `ID: text` each.
    #[serde(default)]
    pub terms: Vec<String>,
}

impl Step<Catalogue> for Propose {
    const ACTION: &'static str = "catalogue.propose";

    fn apply(&self, row: &mut Catalogue, at: &mut At<'_, '_>) -> Result<()> {
        directly("catalogue.adopt", at)?;
        // What nobody approved is no measure for what comes after it.
        let came_with = Parameters::default();
        let before = if row.approved.is_some() { &row.parameters } else { &came_with };
        let weakens = self.parameters.weaker_than(before);
        if !weakens.is_empty() {
            at.tell("weakens", weakens.join(","));
        }
        row.proposal = Some(Proposal {
            version: line("version", &self.version, 60)?,
            parameters: self.parameters.clone(),
            terms: terms(&self.terms)?,
            reason: prose("reason", &self.reason, 1000)?,
            weakens,
            proposed: at.mark(),
        });
        Ok(())
    }
}

/// Approves the proposed change, as a second person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The version that is approved, so that nobody approves another one than they read.
    pub version: String,
}

impl Step<Catalogue> for Approve {
    const ACTION: &'static str = "catalogue.approve";

    fn apply(&self, row: &mut Catalogue, at: &mut At<'_, '_>) -> Result<()> {
        directly("catalogue.adopt", at)?;
        let Some(proposal) = row.proposal.take() else {
            return Err(Error::conflict("there is no proposal to approve"));
        };
        if proposal.version != self.version {
            let why = format!("the proposal is version `{}`", proposal.version);
            return Err(Error::invalid("version", why));
        }
        let roles = ["approver", "security-lead", "counsel"];
        at.another_than(&proposal.proposed.by, &roles, "a change of the catalogue")?;
        if !proposal.weakens.is_empty() {
            at.tell("weakens", proposal.weakens.join(","));
        }
        *row = Catalogue {
            version: proposal.version,
            parameters: proposal.parameters,
            terms: proposal.terms,
            reason: proposal.reason,
            weakened: proposal.weakens,
            approved: Some(at.mark()),
            since: Day::of(at.now()),
            proposal: None,
        };
        Ok(())
    }
}

/// Puts another catalogue in force that a change approved: what others propose and approve here.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// The version it is.
    pub version: String,
    /// Why.
    pub reason: String,
    /// All numbers; what is not stated is as Bailee comes with it.
    #[serde(default)]
    pub parameters: Parameters,
    /// The provider's own words for obligations, one `ID: text` each.
    #[serde(default)]
    pub terms: Vec<String>,
}

impl Step<Catalogue> for Adopt {
    const ACTION: &'static str = "catalogue.adopt";

    fn apply(&self, row: &mut Catalogue, at: &mut At<'_, '_>) -> Result<()> {
        if !at.is_change() {
            return Err(crate::people::refused(Self::ACTION));
        }
        let weakened = self.parameters.weaker_than(&row.parameters);
        if !weakened.is_empty() {
            at.tell("weakens", weakened.join(","));
        }
        *row = self.adopted(weakened, at)?;
        Ok(())
    }
}

impl Adopt {
    fn adopted(&self, weakened: Vec<String>, at: &At<'_, '_>) -> Result<Catalogue> {
        Ok(Catalogue {
            version: line("version", &self.version, 60)?,
            parameters: self.parameters.clone(),
            terms: terms(&self.terms)?,
            reason: prose("reason", &self.reason, 1000)?,
            weakened,
            approved: Some(at.mark()),
            since: Day::of(at.now()),
            proposal: None,
        })
    }
}

/// Lines of the provider's own terms, each under an obligation there is.
fn terms(terms: &[String]) -> Result<Vec<String>> {
    if terms.len() > 100 {
        return Err(Error::invalid("terms", "at most 100 lines"));
    }
    let checked = |one: &String| {
        let text = line("terms", one, 500)?;
        let (id, said) = text.split_once(':').unwrap_or((&text, ""));
        if obligation(id).is_none() {
            let id = kernel::id::shown(id);
            let why = format!("`{id}` is no obligation: write `E4.4: your words`");
            return Err(Error::invalid("terms", why));
        }
        if said.trim().is_empty() {
            return Err(Error::invalid("terms", format!("write your words after `{id}:`")));
        }
        Ok(text)
    };
    terms.iter().map(checked).collect()
}

impl Catalogue {
    /// The provider's own words for an obligation.
    pub fn own_words(&self, id: &str) -> Vec<String> {
        let of = |line: &String| {
            let (about, said) = line.split_once(':')?;
            (about == id).then(|| said.trim().to_owned())
        };
        self.terms.iter().filter_map(of).collect()
    }
}

const STEPS: &[Entry] = &[
    step::<Catalogue, Propose>("propose", "Proposes a change, which a second person approves"),
    step::<Catalogue, Approve>("approve", "Approves the proposed change").within("approvals"),
    step::<Catalogue, Adopt>("adopt", "Puts in force what an approved change says, as its part"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Catalogue>(
    "catalogue",
    "The version of the terms that is promised, and the numbers in it",
)
.serves(&["F1", "F2"])
.first("Put the catalogue in force: the version of your terms and the numbers that differ")
.columns(&["version", "since", "weakened"])
.steps(STEPS);
