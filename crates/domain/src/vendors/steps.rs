//! The steps in a vendor's life.

use super::{
    Agreement, Allowed, Answered, Class, Finding, MEASURES, Offboarded, Reply, Resolved, Reviewed,
    Severity, Tier, Vendor, Verdict, classes, country, mailbox, question, sponsor,
};
use crate::catalogue;
use crate::register::{At, Day, Needs, Step, line, prose};
use crate::systems::Source;
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Agreements and reviews that are kept in the row; earlier ones are in its history.
const KEPT: usize = 20;

/// Findings that are kept in the row: more open ones are a programme of their own.
const FINDINGS: usize = 100;

/// Longest agreement, in days: ten years. One without an end is entered anew before then.
const AGREEMENT_DAYS: u32 = 3653;

/// Longest time to resolve a finding, in days.
const FINDING_DAYS: u32 = 731;

/// Who may sign as the second person.
const SIGNERS: [&str; 4] = ["approver", "security-lead", "vendor-manager", "counsel"];

/// A vendor's agreement.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agree {
    /// The document, by its name.
    pub document: String,
    /// SHA-256 of the document, 64 hexadecimal digits.
    pub sha256: String,
    /// The version of its terms.
    pub terms: String,
    /// First day it is in force: today or before. Enter an agreement once it is.
    pub valid_from: Day,
    /// Last day it is in force.
    pub valid_to: Day,
    /// The measures it binds the vendor to, of `P1` to `P7`. With fewer than all it is kept, and
    /// the vendor is not bound.
    pub binds: Vec<String>,
}

impl Step<Vendor> for Agree {
    const ACTION: &'static str = "vendor.agree";

    fn apply(&self, row: &mut Vendor, at: &mut At<'_, '_>) -> Result<()> {
        present(row)?;
        let today = Day::of(at.now());
        if self.valid_from > today {
            let why = "enter an agreement once it is in force: until then the one before counts";
            return Err(Error::invalid("valid_from", why));
        }
        if self.valid_to < today || self.valid_to > today.plus(AGREEMENT_DAYS) {
            let why = "an agreement ends today or later, and within ten years";
            return Err(Error::invalid("valid_to", why));
        }
        if let Some(odd) = self.binds.iter().find(|one| !MEASURES.contains(&one.as_str())) {
            let odd = kernel::id::shown(odd);
            let why = format!("`{odd}` is none of `{}`", MEASURES.join("`, `"));
            return Err(Error::invalid("binds", why));
        }
        let bound = |measure: &&str| self.binds.iter().any(|one| one == measure);
        let agreement = Agreement {
            document: line("document", &self.document, 200)?,
            sha256: sha256(&self.sha256)?,
            terms: line("terms", &self.terms, 60)?,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            binds: MEASURES.into_iter().filter(bound).map(str::to_owned).collect(),
            mark: at.mark(),
        };
        at.tell("sha256", agreement.sha256.clone());
        at.tell("until", self.valid_to.to_string());
        let omits = agreement.omits();
        if !omits.is_empty() {
            at.tell("omits", omits.join(","));
        }
        keep(&mut row.agreements, agreement);
        Ok(())
    }
}

/// A vendor's answer to a question.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The question's id, such as `p2-1-factors`.
    pub question: String,
    /// What is answered.
    pub reply: Reply,
    /// What shows it, or why it does not apply.
    pub evidence: String,
    /// Where it comes from: `attested` by the vendor's document, or `recorded` by one's own people.
    pub source: Source,
    /// Last day it counts, at most as long as the catalogue says.
    pub valid_to: Day,
}

impl Step<Vendor> for Answer {
    const ACTION: &'static str = "vendor.answer";
    const RIGHTS: bool = false;

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Vendor, at: &mut At<'_, '_>) -> Result<()> {
        present(row)?;
        let Some(asked) = question(&self.question) else {
            let id = kernel::id::shown(&self.question);
            return Err(Error::invalid("question", format!("there is no question `{id}`")));
        };
        if !asked.classes.iter().any(|class| row.classes.contains(class)) {
            let why = "this vendor is not asked that: it follows from its classes";
            return Err(Error::invalid("question", why));
        }
        if self.source == Source::Measured {
            let why = "an answer is `recorded` or `attested`: only Bailee measures";
            return Err(Error::invalid("source", why));
        }
        let (today, days) = (Day::of(at.now()), catalogue::parameters(at)?.answer_days);
        if self.valid_to < today || self.valid_to > today.plus(days) {
            let why = format!("an answer counts for at most {days} days from today");
            return Err(Error::invalid("valid_to", why));
        }
        at.tell("question", asked.id);
        let answer = Answered {
            question: asked.id.to_owned(),
            reply: self.reply,
            evidence: prose("evidence", &self.evidence, 1000)?,
            source: self.source,
            valid_to: self.valid_to,
            mark: at.mark(),
        };
        // One per question, so that the row stays as long as the list of questions.
        row.answers.retain(|old| old.question != asked.id);
        row.answers.push(answer);
        Ok(())
    }
}

/// Something wrong with a vendor.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// What is wrong.
    pub text: String,
    /// How bad it is.
    pub severity: Severity,
    /// Who sees to it: `person:NAME`.
    pub owner: String,
    /// Last day to have it resolved.
    pub due: Day,
}

impl Step<Vendor> for Find {
    const ACTION: &'static str = "vendor.find";
    const RIGHTS: bool = false;

    fn apply(&self, row: &mut Vendor, at: &mut At<'_, '_>) -> Result<()> {
        present(row)?;
        at.person("owner", &self.owner)?;
        let today = Day::of(at.now());
        if self.due < today || self.due > today.plus(FINDING_DAYS) {
            return Err(Error::invalid("due", "a finding is due today or later, within two years"));
        }
        if row.findings.len() >= FINDINGS {
            // The oldest that was resolved makes room; it stays in the row's history.
            let Some(old) = row.findings.iter().position(|one| one.resolved.is_some()) else {
                let why = format!("{FINDINGS} findings are open: resolve one first");
                return Err(Error::limit(why));
            };
            row.findings.remove(old);
        }
        let id = row.findings.iter().map(|one| one.id).max().unwrap_or(0) + 1;
        at.tell("finding", id.to_string());
        row.findings.push(Finding {
            id,
            text: prose("text", &self.text, 1000)?,
            severity: self.severity,
            owner: self.owner.clone(),
            due: self.due,
            mark: at.mark(),
            resolved: None,
        });
        Ok(())
    }
}

/// How a finding was resolved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// The finding's number.
    pub finding: u32,
    /// What was done.
    pub how: String,
}

impl Step<Vendor> for Resolve {
    const ACTION: &'static str = "vendor.resolve";
    const RIGHTS: bool = false;

    fn apply(&self, row: &mut Vendor, at: &mut At<'_, '_>) -> Result<()> {
        let Some(finding) = row.findings.iter_mut().find(|one| one.id == self.finding) else {
            let why = format!("this vendor has no finding `{}`", self.finding);
            return Err(Error::invalid("finding", why));
        };
        if finding.resolved.is_some() {
            return Err(Error::conflict(format!("finding `{}` is resolved", self.finding)));
        }
        at.tell("finding", self.finding.to_string());
        finding.resolved = Some(Resolved { how: prose("how", &self.how, 1000)?, mark: at.mark() });
        Ok(())
    }
}

/// A review by the first of two people.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// What it concludes.
    pub verdict: Verdict,
    /// Why: what was looked at, and what weighed.
    pub summary: String,
    /// Last day it counts; without one as long as the vendor's tier allows.
    pub next_due: Option<Day>,
}

impl Step<Vendor> for Review {
    const ACTION: &'static str = "vendor.review";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn apply(&self, row: &mut Vendor, at: &mut At<'_, '_>) -> Result<()> {
        present(row)?;
        let (today, days) = (Day::of(at.now()), row.tier.review_days(&catalogue::parameters(at)?));
        let last = today.plus(days);
        let next_due = self.next_due.unwrap_or(last);
        if next_due < today || next_due > last {
            let why = format!("the next review of such a vendor is due within {days} days");
            return Err(Error::invalid("next_due", why));
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let open = row.findings.iter().filter(|one| one.resolved.is_none()).count();
        let review = Reviewed {
            verdict: self.verdict,
            summary: prose("summary", &self.summary, 4000)?,
            classes: row.classes.clone(),
            next_due,
            unanswered: count(row.unanswered(at.now()).len()),
            open_findings: count(open),
            mark: at.mark(),
            signed: None,
        };
        at.tell("verdict", self.verdict.word());
        at.tell("until", next_due.to_string());
        // A review nobody signed is replaced; what counts must not be pushed out of the row by it.
        if row.unsigned().is_some() {
            row.reviews.pop();
        }
        keep(&mut row.reviews, review);
        Ok(())
    }
}

/// The second signature under a review.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// The verdict that is signed, so that nobody signs another one than they read.
    pub verdict: Verdict,
}

impl Step<Vendor> for Sign {
    const ACTION: &'static str = "vendor.sign";

    fn apply(&self, row: &mut Vendor, at: &mut At<'_, '_>) -> Result<()> {
        present(row)?;
        let Some(review) = row.reviews.last_mut().filter(|review| review.signed.is_none()) else {
            return Err(Error::conflict(
                "no review waits for a signature: review the vendor first",
            ));
        };
        if review.verdict != self.verdict {
            let why = format!("the review says `{}`: read it again", review.verdict.word());
            return Err(Error::invalid("verdict", why));
        }
        if review.next_due.end() <= at.now() {
            let why = "this review has lapsed before it was signed: review the vendor again";
            return Err(Error::conflict(why));
        }
        at.another_than(&review.mark.by, &SIGNERS, "a vendor's review")?;
        at.tell("verdict", self.verdict.word());
        review.signed = Some(at.mark());
        Ok(())
    }
}

/// What changes about a vendor; what is not stated stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What it does for the provider, on one line.
    pub services: Option<String>,
    /// How much rests on it. The review in force keeps its day.
    pub tier: Option<Tier>,
    /// How it processes Service Data. What the review in force did not look at closes the vendor
    /// until it is reviewed again.
    pub classes: Option<Vec<Class>>,
    /// Whether systems that hold Service Data stand with it.
    pub hosts: Option<bool>,
    /// Where it processes: ISO 3166-1 alpha-2, such as `DE`.
    pub country: Option<String>,
    /// An address at the vendor for matters of security.
    pub contact: Option<String>,
    /// Who of the provider answers for it from now on: `person:NAME`.
    pub sponsor: Option<String>,
}

impl Step<Vendor> for Change {
    const ACTION: &'static str = "vendor.change";

    fn apply(&self, row: &mut Vendor, at: &mut At<'_, '_>) -> Result<()> {
        present(row)?;
        if let Some(person) = &self.sponsor {
            sponsor(at, person)?;
            row.sponsor.clone_from(person);
        }
        if let Some(services) = &self.services {
            row.services = line("services", services, 300)?;
        }
        if let Some(code) = &self.country {
            row.country = country(code)?;
        }
        if let Some(contact) = &self.contact {
            row.contact = mailbox("contact", contact)?;
        }
        row.tier = self.tier.unwrap_or(row.tier);
        row.hosts = self.hosts.unwrap_or(row.hosts);
        row.classes = classes(self.classes.as_ref().unwrap_or(&row.classes), row.hosts)?;
        Ok(())
    }
}

/// Says whether a vendor's people may sign in with passwords.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    /// Whether they may, each with a password and one-time codes. Otherwise they have passkeys.
    pub allowed: bool,
    /// Why.
    pub reason: String,
}

impl Step<Vendor> for Passwords {
    const ACTION: &'static str = "vendor.passwords";

    fn apply(&self, row: &mut Vendor, at: &mut At<'_, '_>) -> Result<()> {
        present(row)?;
        let reason = prose("reason", &self.reason, 500)?;
        if row.passwords.is_some() == self.allowed {
            return Err(Error::conflict("it is so already"));
        }
        at.tell("allowed", if self.allowed { "true" } else { "false" });
        at.tell("reason", &reason);
        row.passwords = self.allowed.then(|| Allowed { reason, mark: at.mark() });
        Ok(())
    }
}

/// Ends the work with a vendor.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offboard {
    /// Why.
    pub reason: String,
    /// How the vendor certifies that Service Data was returned or deleted.
    pub certificate: String,
}

impl Step<Vendor> for Offboard {
    const ACTION: &'static str = "vendor.offboard";

    fn apply(&self, row: &mut Vendor, at: &mut At<'_, '_>) -> Result<()> {
        present(row)?;
        row.offboarded = Some(Offboarded {
            reason: prose("reason", &self.reason, 1000)?,
            certificate: prose("certificate", &self.certificate, 1000)?,
            mark: at.mark(),
        });
        Ok(())
    }
}

/// Nothing happens to a vendor that was let go.
fn present(row: &Vendor) -> Result<()> {
    match row.offboarded {
        None => Ok(()),
        Some(_) => Err(Error::conflict(
            "this vendor was let go: to work with it again, register it under a new name",
        )),
    }
}

fn sha256(text: &str) -> Result<String> {
    let text = text.trim().to_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text);
    }
    Err(Error::invalid("sha256", "write the 64 hexadecimal digits that `sha256sum` prints"))
}

fn keep<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= KEPT {
        list.remove(0);
    }
    list.push(item);
}
