//! Changes of what decides about access and watching: roles, rules, allowances, mappings, the
//! catalogue, and the policies that a build brings.
//!
//! A change states exactly what would be done, why, and what is there now. Others approve it by its
//! hash, and whoever proposed it makes it, once. Nothing in it changes after it was proposed, and
//! no row is ever deleted. It counts for what it says and for the row as it was; whatever moved in
//! between is proposed anew.
//!
//! Does not: decide whether something has to be a change (the catalogue does), or give a right: the
//! proposer has to be allowed the action itself, when it is proposed and when it is made.

mod kinds;
mod noticing;
mod report;
mod steps;

pub use crate::grants::approving::{
    APPROVED_LIFE, Approve, Deny, WAITING_LIFE as PROPOSED_LIFE, Withdraw,
};
pub use kinds::Kind;
pub use noticing::{Noticed, Standing, notice, standing};
pub use report::{Difference, PolicyReport};
pub use steps::Apply;

use crate::catalogue::{CURRENT, Catalogue};
use crate::grants::approving::{ASK, Approvals, Waits, approver_of, hashed};
use crate::register::{At, Entry, Mark, Register, Row, Status, Tone, When, line, prose, step};
use kernel::authority::Authority;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Approvals of a set of policies, and of who becomes an administrator.
const GRAVE: u32 = 2;

/// What would be done; nothing of it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChangeTerms")]
pub struct Terms {
    /// What it is about.
    pub kind: Kind,
    /// The action that is done, such as `rule.decide`; `policy` where the build brings the change.
    pub action: String,
    /// The row that it changes, by its id; of policies the hash of the set. None for a new row.
    pub row: Option<String>,
    /// What is stated, as JSON: exactly this is done.
    pub content: String,
    /// What is there now, as JSON; nothing for a new row.
    pub before: Option<String>,
    /// Why.
    pub reason: String,
    /// The case, ticket or order it is for, as the team names it.
    pub reference: String,
    /// What a set of policies widens and narrows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<PolicyReport>,
}

impl Terms {
    /// SHA-256 of the terms in hexadecimal: what an approver approves.
    pub fn sha256(&self, id: &str) -> String {
        let optional = |text: &Option<String>| match text {
            Some(text) => format!("={text}"),
            None => String::new(),
        };
        let report = self.report.as_ref().map_or("", |report| report.sha256.as_str());
        let (row, before) = (optional(&self.row), optional(&self.before));
        hashed([
            "bailee change v1",
            id,
            &self.action,
            &row,
            &self.content,
            &before,
            &self.reason,
            &self.reference,
            report,
        ])
    }
}

/// That a change was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChangeApplied")]
pub struct Applied {
    /// The row that was made or changed, as `rules/ID`.
    pub to: String,
    /// Whose approvals counted then.
    pub approvers: Vec<String>,
    /// Who, and when.
    pub mark: Mark,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What would be done.
    #[serde(flatten)]
    pub terms: Terms,
    /// Who proposed it: `person:NAME`; `kernel` for a set of policies that the server found.
    pub proposed_by: String,
    /// Its approvals; the first set of policies counts as approved when it was found.
    #[serde(flatten)]
    pub approving: Approvals,
    /// That it was made, and by whom.
    pub applied: Option<Applied>,
    /// Since when the server runs a set of policies that it found by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<When>,
}

impl Waits for Change {
    const LATE: (&'static str, &'static str) = ("change", "propose it anew");

    fn approvals(&self) -> &Approvals {
        &self.approving
    }

    fn approvals_mut(&mut self) -> &mut Approvals {
        &mut self.approving
    }

    fn open(&self, now: Moment) -> bool {
        let over = self.approving.closed.is_some() || self.applied.is_some();
        let lapsed = self.approving.lapses.0 <= now && !self.approved_policies();
        !over && self.found.is_none() && !lapsed
    }

    fn barred(&self, id: &str, rights: &Authority) -> Option<&'static str> {
        if let Err(why) = approver_of(id, rights) {
            return Some(why);
        }
        let about = self.proposed_by == id || self.about().as_deref() == Some(id);
        about.then_some("it is about them: whoever proposes it or gets the role does not approve")
    }
}

impl Change {
    /// Whether it is a set of policies that others approved, or the one of the installation. Who
    /// approved it stays on record; a set that runs is not taken back by somebody's leaving.
    pub fn approved_policies(&self) -> bool {
        let state = &self.approving;
        self.terms.kind == Kind::Policy && state.approved.is_some() && state.closed.is_none()
    }

    /// Whom it is about besides who proposed it: whose roles change.
    fn about(&self) -> Option<String> {
        let row = self.terms.row.as_ref().filter(|_| self.terms.kind == Kind::Roles);
        row.map(|name| format!("person:{name}"))
    }
}

/// A change to be proposed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChange {
    /// What would be done: `person.move`, `rule.add`, `rule.decide`, `allowance.add`,
    /// `directory.map`, `catalogue.adopt`; or `policy` for what a build brings.
    pub action: String,
    /// The row that it changes, by its id: the person, rule, directory, or `current` for the
    /// catalogue. Of `policy` the hash of the set, `sha256:…`. Nothing where a row is added.
    pub row: Option<String>,
    /// What is stated, as JSON: what the direct request would state. Nothing for `policy`.
    pub content: Option<String>,
    /// Why.
    pub reason: String,
    /// The case, ticket or order it is for, as the team names it.
    pub reference: String,
    /// What the set of policies widens and narrows: what `cargo xtask prove --json --against` says.
    pub policy_report: Option<String>,
}

impl Row for Change {
    const NOUN: &'static str = "change";
    const REGISTER: &'static str = "changes";
    const FORMAT: &'static str = "change/v1";
    const ADD: &'static str = "change.add";
    const READ: &'static str = "change.read";
    const LIST: &'static str = "change.list";
    type New = NewChange;

    fn add(new: &NewChange, at: &mut At<'_, '_>) -> Result<Self> {
        let terms = terms(new, at)?;
        at.tell("action", &terms.action);
        if let Some(row) = &terms.row {
            at.tell("row", row);
        }
        at.tell("reference", &terms.reference);
        let terms_sha256 = terms.sha256(at.id());
        at.tell("terms", &terms_sha256);
        let numbers = at.late::<Catalogue>(CURRENT)?.map(|kept| kept.row.parameters);
        let usual = numbers.unwrap_or_default().changes_by_request.max(1);
        let approving = Approvals::of(terms_sha256, usual, at.now());
        let mut row =
            Self { proposed_by: at.by().to_string(), approving, applied: None, found: None, terms };
        at.later(at.now(), ASK, format!("{}/{}", Self::REGISTER, at.id()));
        let able = u32::try_from(row.able(at.rights()?).len()).unwrap_or(u32::MAX);
        row.approving.needed = match row.terms.kind {
            // Nothing makes up for a second approval of what decides everything.
            Kind::Policy => usual.max(GRAVE),
            Kind::Roles if kinds::administrator(&row.terms) => usual.max(GRAVE).min(able.max(1)),
            _ => usual.min(able.max(1)),
        };
        Ok(row)
    }

    fn status(&self, now: Moment) -> Status {
        let state = &self.approving;
        if let Some(closed) = &state.closed {
            return Status::of(closed.how.word(), Tone::Past);
        }
        let given = state.given.len();
        match () {
            () if self.applied.is_some() => Status::of("applied", Tone::Past),
            () if self.approved_policies() => Status::of("approved", Tone::Good),
            () if self.found.is_some() => Status::of("unapproved", Tone::Bad)
                .what(
                    "these policies decide, and nobody approved them: propose a change of kind \
                       `policy` with their hash and what they widen and narrow",
                )
                .who("security-lead"),
            () if state.lapses.0 <= now => Status::of("lapsed", Tone::Past),
            () if state.approved.is_some() => Status::of("approved", Tone::Due)
                .what("apply it; without that the approval lapses")
                .due(state.lapses.0)
                .who(&self.proposed_by),
            () => Status::of("proposed", Tone::Due)
                .what(format!("{given} of {} approvals are there", state.needed))
                .due(state.lapses.0)
                .who("approver"),
        }
    }
}

fn terms(new: &NewChange, at: &mut At<'_, '_>) -> Result<Terms> {
    let reason = prose("reason", &new.reason, 1000)?;
    let reference = line("reference", &new.reference, 200)?;
    if new.action == kinds::POLICY {
        let (row, report) = report::of(new, at)?;
        let (kind, action) = (Kind::Policy, new.action.clone());
        let (row, content) = (Some(row), "{}".to_owned());
        let report = Some(report);
        return Ok(Terms { kind, action, row, content, before: None, reason, reference, report });
    }
    if new.policy_report.is_some() {
        return Err(Error::invalid("policy_report", "it goes with the action `policy` alone"));
    }
    let way = kinds::of(&new.action)?;
    way.may(at)?;
    let content = new.content.as_deref().unwrap_or_default();
    let content = kinds::canonical(content)?;
    let row = way.row(new.row.as_deref())?.map(str::to_owned);
    let before = way.before(row.as_deref(), at)?;
    way.tried(row.as_deref(), &content, at)?;
    let (kind, action) = (way.kind, way.action.to_owned());
    Ok(Terms { kind, action, row, content, before, reason, reference, report: None })
}

const STEPS: &[Entry] = &[
    step::<Change, Approve>("approve", "Approves what is proposed, by its hash").within("access"),
    step::<Change, Deny>("deny", "Refuses what is proposed, and says why").within("access"),
    step::<Change, Apply>("apply", "Makes what was approved, exactly and once"),
    step::<Change, Withdraw>("withdraw", "Takes the proposal back"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Change>(
    "own",
    "Changes of roles, rules, mappings, catalogue and policies: proposed, approved, made",
)
.serves(&["E5.6", "P2"])
.first("Propose a change: the action, the row, exactly what is stated, why, and for which case")
.columns(&["action", "row", "reason", "proposed_by", "lapses"])
.steps(STEPS);
