//! Vendors: third parties that process Service Data, with what they agreed to, what they answered,
//! and who reviewed them.
//!
//! A vendor may be worked with only while an agreement that binds it to all of P1 to P7 and an
//! approving review with two signatures are in force. [`Vendor::until`] says until when, the live
//! rights carry that moment, and whatever its people, services and destinations ask for after it is
//! refused: no job has to run and nobody has to remember. [`engagements`] says what a vendor may
//! do at all.
//!
//! Promises: no field is set by hand, everything is computed from what was entered and by whom; a
//! newer agreement takes the place of the one before, also if it binds to less; nothing is deleted.
//!
//! Does not: judge whether a vendor is good enough. People do, with their names under it.

pub mod engagements;
mod parts;
mod questions;
mod steps;

pub use engagements::Engagement;
pub use parts::{
    Agreement, Answered, Finding, Offboarded, Reply, Resolved, Reviewed, Severity, Tier, Verdict,
};
pub use questions::{Class, MEASURES, QUESTIONS, Question, question};
pub use steps::{Agree, Answer, Change, Find, Offboard, Passwords, Resolve, Review, Sign};

use crate::register::{At, Day, Entry, Mark, Register, Row, Status, Tone, line, step};
use kernel::authority::Right;
use kernel::{Error, Moment, Result, authority};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vendor {
    /// The name of the company, as in its register.
    pub legal_name: String,
    /// What it does for the provider.
    pub services: String,
    /// How much rests on it.
    pub tier: Tier,
    /// How it processes Service Data; the questions it answers follow from this.
    pub classes: Vec<Class>,
    /// Whether systems that hold Service Data stand with it (hosting sub-processor).
    pub hosts: bool,
    /// Where it processes: ISO 3166-1 alpha-2, such as `DE`.
    pub country: String,
    /// An address at the vendor for matters of security.
    pub contact: String,
    /// Who of the provider answers for it: `person:NAME`.
    pub sponsor: String,
    /// Agreements, oldest first; the newest is in force.
    pub agreements: Vec<Agreement>,
    /// The newest answer to each question; earlier ones are in the row's history.
    pub answers: Vec<Answered>,
    /// Findings, oldest first.
    pub findings: Vec<Finding>,
    /// Reviews, oldest first.
    pub reviews: Vec<Reviewed>,
    /// How the work with it ended, if it did.
    pub offboarded: Option<Offboarded>,
    /// That its people may sign in with passwords and one-time codes, if they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passwords: Option<Allowed>,
}

/// That something weaker than usual is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PasswordsAllowed")]
pub struct Allowed {
    /// Why.
    pub reason: String,
    /// Who allowed it, and when.
    pub mark: Mark,
}

/// Days before a lapse in which a vendor shows as due.
const AHEAD_DAYS: u32 = 30;

impl Vendor {
    /// The agreement that counts: the newest, whatever it binds to.
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreements.last()
    }

    /// The review that counts: the newest with two signatures.
    pub fn review(&self) -> Option<&Reviewed> {
        self.reviews.iter().rev().find(|review| review.signed.is_some())
    }

    /// A review that waits for its second signature.
    pub fn unsigned(&self) -> Option<&Reviewed> {
        self.reviews.last().filter(|review| review.signed.is_none())
    }

    /// First moment at which the vendor may not be worked with: the agreement or the approving
    /// review has lapsed. The beginning of time if one of them is missing or does not count, the
    /// review did not look at all it does, or the vendor was let go.
    pub fn until(&self) -> Moment {
        let bound = self.agreement().filter(|agreement| agreement.omits().is_empty());
        let approved = self.review().filter(|review| review.verdict == Verdict::Approve);
        let approved = approved.filter(|review| self.unseen(review).is_none());
        match (bound, approved, &self.offboarded) {
            (Some(bound), Some(approved), None) => {
                bound.valid_to.end().min(approved.next_due.end())
            }
            _ => Moment(0),
        }
    }

    /// A way of processing that a review did not look at.
    pub fn unseen(&self, review: &Reviewed) -> Option<Class> {
        self.classes.iter().find(|class| !review.classes.contains(class)).copied()
    }

    /// The vendor as far as rights go.
    pub fn right(&self, name: &str) -> Right {
        Right::Vendor(authority::Vendor {
            name: name.to_owned(),
            until: self.until(),
            passwords: self.passwords.is_some() && self.offboarded.is_none(),
        })
    }

    /// The questions it has to answer for a measure, `P1` to `P7`.
    pub fn required<'a>(
        &'a self,
        measure: &'a str,
    ) -> impl Iterator<Item = &'static Question> + 'a {
        let concerned = move |question: &&Question| {
            question.measure() == measure
                && question.classes.iter().any(|class| self.classes.contains(class))
        };
        QUESTIONS.iter().filter(concerned)
    }

    /// The newest answer to a question, whether it still counts or not.
    pub fn answer(&self, question: &str) -> Option<&Answered> {
        self.answers.iter().find(|answer| answer.question == question)
    }

    /// Questions of all measures without an answer that counts.
    pub fn unanswered(&self, now: Moment) -> Vec<&'static Question> {
        let fresh = |question: &&Question| {
            self.answer(question.id).is_none_or(|answer| answer.valid_to.end() <= now)
        };
        MEASURES.into_iter().flat_map(|measure| self.required(measure)).filter(fresh).collect()
    }

    /// Whether it reaches Service Data only through Bailee, which then enforces and sees what
    /// others have to answer for.
    pub fn only_through_bailee(&self) -> bool {
        self.classes == [Class::SupportAccess] && !self.hosts
    }

    /// What is wrong with its agreement, if something is.
    fn unbound(&self, now: Moment) -> Option<Status> {
        let Some(agreement) = self.agreement() else {
            let what = "no agreement yet: enter it, with the measures it binds the vendor to";
            return Some(Status::of("unbound", Tone::Due).what(what));
        };
        let omits = agreement.omits();
        if !omits.is_empty() {
            let what = format!("its agreement does not bind it to {}", omits.join(", "));
            return Some(Status::of("unbound", Tone::Bad).what(what));
        }
        let lapsed = agreement.valid_to.end() <= now;
        lapsed.then(|| {
            let what = format!("its agreement ended on {}: enter the new one", agreement.valid_to);
            Status::of("lapsed", Tone::Bad).what(what).due(agreement.valid_to.end())
        })
    }

    /// What is wrong with its review, if something is.
    fn unreviewed(&self, now: Moment) -> Option<Status> {
        let waits = self.unsigned().map(|review| {
            let what = format!("the review by {} waits for another's signature", review.mark.by);
            Status::of("in-review", Tone::Due).what(what).who("approver")
        });
        let Some(review) = self.review() else {
            let what = "no review yet: review it, and let another person sign";
            return waits.or_else(|| Some(Status::of("unreviewed", Tone::Due).what(what)));
        };
        if review.verdict == Verdict::Refuse {
            let what = "its review refused it: offboard it, or review it again";
            return waits.or_else(|| Some(Status::of("refused", Tone::Bad).what(what)));
        }
        if let Some(class) = self.unseen(review) {
            let what = format!("its review did not look at `{}`: review it again", class.word());
            return waits.or_else(|| Some(Status::of("unreviewed", Tone::Bad).what(what)));
        }
        let lapsed = review.next_due.end() <= now;
        lapsed.then(|| {
            let what = format!("its review lapsed after {}: review it again", review.next_due);
            let status = Status::of("lapsed", Tone::Bad).what(what).due(review.next_due.end());
            waits.unwrap_or(status)
        })
    }
}

/// A vendor to be registered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVendor {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The name of the company, as in its register.
    pub legal_name: String,
    /// What it does for the provider, on one line.
    pub services: String,
    /// How much rests on it.
    pub tier: Tier,
    /// How it processes Service Data; the questions it answers follow from this.
    pub classes: Vec<Class>,
    /// Whether systems that hold Service Data stand with it (hosting sub-processor).
    #[serde(default)]
    pub hosts: bool,
    /// Where it processes: ISO 3166-1 alpha-2, such as `DE`.
    pub country: String,
    /// An address at the vendor for matters of security.
    pub contact: String,
    /// Who of the provider answers for it: `person:NAME`.
    pub sponsor: String,
}

impl Row for Vendor {
    const NOUN: &'static str = "vendor";
    const REGISTER: &'static str = "vendors";
    const FORMAT: &'static str = "vendor/v1";
    const ADD: &'static str = "vendor.add";
    const READ: &'static str = "vendor.read";
    const LIST: &'static str = "vendor.list";
    const RIGHTS: bool = true;
    type New = NewVendor;

    fn id(new: &NewVendor) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewVendor, at: &mut At<'_, '_>) -> Result<Self> {
        sponsor(at, &new.sponsor)?;
        Ok(Self {
            legal_name: line("legal_name", &new.legal_name, 200)?,
            services: line("services", &new.services, 300)?,
            tier: new.tier,
            classes: classes(&new.classes, new.hosts)?,
            hosts: new.hosts,
            country: country(&new.country)?,
            contact: mailbox("contact", &new.contact)?,
            sponsor: new.sponsor.clone(),
            agreements: vec![],
            answers: vec![],
            findings: vec![],
            reviews: vec![],
            offboarded: None,
            passwords: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        if self.offboarded.is_some() {
            return Status::of("offboarded", Tone::Past);
        }
        let named = |status: Status| {
            let who = status.who.clone().unwrap_or_else(|| self.sponsor.clone());
            status.who(who)
        };
        if let Some(wrong) = self.unbound(now).or_else(|| self.unreviewed(now)) {
            return named(wrong);
        }
        if let Some(finding) = self.findings.iter().find(|finding| finding.overdue(now)) {
            let what = format!("finding {} is overdue: {}", finding.id, finding.text);
            let status = Status::of("overdue", Tone::Bad).what(what);
            return status.due(finding.due.end()).who(&finding.owner);
        }
        let open = self.unanswered(now);
        if let Some(first) = open.first() {
            let what =
                format!("{} questions lack a fresh answer, first `{}`", open.len(), first.id);
            return named(Status::of("incomplete", Tone::Due).what(what));
        }
        let until = self.until();
        if until <= Day::of(now).plus(AHEAD_DAYS).end() {
            let what = "agreement or review lapse soon: renew them";
            return named(Status::of("renewal-due", Tone::Due).what(what).due(until));
        }
        named(Status::of("in-force", Tone::Good).due(until))
    }
}

/// The person of the provider who answers for something about a vendor.
fn sponsor(at: &At<'_, '_>, id: &str) -> Result<()> {
    match at.person("sponsor", id)?.vendor {
        None => Ok(()),
        Some(_) => Err(Error::invalid("sponsor", "a vendor's own person cannot answer for it")),
    }
}

fn classes(stated: &[Class], hosts: bool) -> Result<Vec<Class>> {
    let mut classes: Vec<Class> = Vec::new();
    for class in stated {
        if !classes.contains(class) {
            classes.push(*class);
        }
    }
    if classes.is_empty() {
        return Err(Error::invalid("classes", "say how it processes: name at least one class"));
    }
    if hosts && !classes.contains(&Class::Hosting) {
        return Err(Error::invalid("classes", "a vendor that hosts has the class `hosting`"));
    }
    Ok(classes)
}

fn country(text: &str) -> Result<String> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(text.to_owned());
    }
    Err(Error::invalid("country", "write the two letters of ISO 3166-1, such as `DE`"))
}

/// An address of mail (RFC 5322), as far as a register checks one: something, `@`, something.
fn mailbox(field: &'static str, text: &str) -> Result<String> {
    let address = line(field, text, 200)?;
    let parts = address.split_once('@');
    match parts.filter(|(local, host)| {
        !local.is_empty() && !host.is_empty() && !host.contains('@') && !address.contains(' ')
    }) {
        Some(_) => Ok(address),
        None => Err(Error::invalid(field, "write an address such as `security@example.com`")),
    }
}

const STEPS: &[Entry] = &[
    step::<Vendor, Agree>(
        "agree",
        "Enters the agreement, with the measures it binds the vendor to",
    ),
    step::<Vendor, Answer>("answer", "Enters the vendor's answer to a question, with its evidence"),
    step::<Vendor, Find>("find", "Adds a finding, with who sees to it and by when"),
    step::<Vendor, Resolve>("resolve", "Says how a finding was resolved"),
    step::<Vendor, Review>("review", "Reviews the vendor, as the first of two people"),
    step::<Vendor, Sign>("sign", "Signs the review, as the second person").within("approvals"),
    step::<Vendor, Change>("change", "Changes what the register says of the vendor"),
    step::<Vendor, Passwords>(
        "passwords",
        "Says whether its people may sign in with passwords and one-time codes",
    ),
    step::<Vendor, Offboard>("offboard", "Ends the work with the vendor, at once"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Vendor>(
    "vendors",
    "Third parties that process Service Data: agreements, answers, findings and reviews",
)
.serves(&["P0.2", "P0.3", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "E6.1"])
.first("Register a vendor: say what it does with Service Data, and who answers for it")
.columns(&["legal_name", "tier", "classes", "country", "sponsor"])
.steps(STEPS);
