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

pub use kinds::Kind;
pub use noticing::{Noticed, Standing, notice, standing};
pub use report::{Difference, PolicyReport};
pub use steps::{Apply, Approve, Deny, Withdraw};

use crate::catalogue::{CURRENT, Catalogue};
use crate::grants::approving::{
    ASK, Approval, Asked, Waits, able, approver_of, hashed, next_challenge, of_people,
};
use crate::people::hex;
use crate::register::{At, Entry, Mark, Register, Row, Status, Tone, When, line, prose, step};
use kernel::authority::Authority;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a change waits for approvals.
pub const PROPOSED_LIFE: Duration = Duration::from_secs(3 * 86_400);

/// How long an approved change waits to be made.
pub const APPROVED_LIFE: Duration = Duration::from_secs(86_400);

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

/// How a change came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ChangeHow")]
pub enum How {
    /// An approver said no.
    Denied,
    /// Whoever proposed it does not want it any more.
    Withdrawn,
}

/// Why a change came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChangeEnd")]
pub struct Closed {
    /// `denied` or `withdrawn`.
    pub how: How,
    /// Why.
    pub reason: String,
    /// Who, and when.
    pub mark: Mark,
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
    /// SHA-256 over what would be done, which approvals name.
    pub terms_sha256: String,
    /// Approvals it takes.
    pub needed: u32,
    /// What the passkey of the next approver signs, in hexadecimal.
    pub challenge: String,
    /// First moment at which it lapses, if it is not approved or not made by then.
    pub lapses: When,
    /// The approvals given.
    pub approvals: Vec<Approval>,
    /// When the last approval it takes was given; of the first set of policies, when it was found.
    pub approved: Option<When>,
    /// How it came to nothing, if it did.
    pub closed: Option<Closed>,
    /// That it was made, and by whom.
    pub applied: Option<Applied>,
    /// Since when the server runs a set of policies that it found by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<When>,
    /// Who was asked by a letter with a link of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
}

impl Waits for Change {
    fn waits(&self, now: Moment) -> bool {
        self.open(now) && self.approved.is_none()
    }

    fn terms_sha256(&self) -> &str {
        &self.terms_sha256
    }

    fn able(&self, rights: &Authority) -> Vec<String> {
        able(rights, |id| self.barred(id, rights).is_none())
    }

    fn asked(&self) -> &[Asked] {
        &self.asked
    }

    fn asked_mut(&mut self) -> &mut Vec<Asked> {
        &mut self.asked
    }
}

impl Change {
    /// Whether something can still become of it.
    pub fn open(&self, now: Moment) -> bool {
        let over = self.closed.is_some() || self.applied.is_some() || self.found.is_some();
        !over && (now < self.lapses.0 || self.approved_policies())
    }

    /// Whether it is a set of policies that others approved, or the one of the installation. Who
    /// approved it stays on record; a set that runs is not taken back by somebody's leaving.
    pub fn approved_policies(&self) -> bool {
        self.terms.kind == Kind::Policy && self.approved.is_some() && self.closed.is_none()
    }

    /// Whom it is about besides who proposed it: whose roles change.
    fn about(&self) -> Option<String> {
        let row = self.terms.row.as_ref().filter(|_| self.terms.kind == Kind::Roles);
        row.map(|name| format!("person:{name}"))
    }

    /// Why somebody's approval does not count, if it does not.
    fn barred(&self, id: &str, rights: &Authority) -> Option<&'static str> {
        if let Err(why) = approver_of(id, rights) {
            return Some(why);
        }
        let about = self.proposed_by == id || self.about().as_deref() == Some(id);
        about.then_some("it is about them: whoever proposes it or gets the role does not approve")
    }

    /// The people whose approvals count now, each once.
    fn counting(&self, rights: &Authority) -> Vec<&str> {
        of_people(&self.approvals, &self.terms_sha256, |by| self.barred(by, rights).is_none())
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
        let mut row = Self {
            proposed_by: at.by().to_string(),
            challenge: hex(&next_challenge(&terms_sha256, 0)),
            terms_sha256,
            needed: usual,
            lapses: When(at.now().after(PROPOSED_LIFE)),
            approvals: vec![],
            approved: None,
            closed: None,
            applied: None,
            found: None,
            asked: vec![],
            terms,
        };
        at.later(at.now(), ASK, format!("{}/{}", Self::REGISTER, at.id()));
        let able = u32::try_from(row.able(at.rights()?).len()).unwrap_or(u32::MAX);
        row.needed = match row.terms.kind {
            // Nothing makes up for a second approval of what decides everything.
            Kind::Policy => usual.max(GRAVE),
            Kind::Roles if kinds::administrator(&row.terms) => usual.max(GRAVE).min(able.max(1)),
            _ => usual.min(able.max(1)),
        };
        Ok(row)
    }

    fn status(&self, now: Moment) -> Status {
        if let Some(closed) = &self.closed {
            let word = match closed.how {
                How::Denied => "denied",
                How::Withdrawn => "withdrawn",
            };
            return Status::of(word, Tone::Past);
        }
        let given = self.approvals.len();
        match () {
            () if self.applied.is_some() => Status::of("applied", Tone::Past),
            () if self.approved_policies() => Status::of("approved", Tone::Good),
            () if self.found.is_some() => Status::of("unapproved", Tone::Bad)
                .what(
                    "these policies decide, and nobody approved them: propose a change of kind \
                       `policy` with their hash and what they widen and narrow",
                )
                .who("security-lead"),
            () if self.lapses.0 <= now => Status::of("lapsed", Tone::Past),
            () if self.approved.is_some() => Status::of("approved", Tone::Due)
                .what("apply it; without that the approval lapses")
                .due(self.lapses.0)
                .who(&self.proposed_by),
            () => Status::of("proposed", Tone::Due)
                .what(format!("{given} of {} approvals are there", self.needed))
                .due(self.lapses.0)
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
