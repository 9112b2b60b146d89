//! Competitors: who does not get reports. Two people put one on the list and two take it off;
//! until the second agrees, nothing changes.

use super::desk::Desk;
use super::screen::{Listed, registrable};
use super::{SECOND, lines};
use crate::register::{
    At, Day, Entry, Mark, Needs, Register, Row, Status, Step, Tone, line, prose, step,
};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Days until a competitor is looked at again.
const REVIEW_DAYS: u32 = 366;

/// A proposal to take a competitor off the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removal {
    /// Why it is none any more.
    pub reason: String,
    /// Who proposes that, and when.
    pub proposed: Mark,
    /// Who confirmed it, and when.
    pub confirmed: Option<Mark>,
}

/// A competitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Competitor {
    /// Its legal name.
    pub legal_name: String,
    /// Its registered domains.
    pub domains: Vec<String>,
    /// Companies that own or control it.
    pub parents: Vec<String>,
    /// Why it is a competitor.
    pub reason: String,
    /// Last day by which somebody looks at it again.
    pub review: Day,
    /// Who looked at it last, and when, and why it stays.
    pub reviewed: Option<Mark>,
    /// Who proposed it, and when.
    pub proposed: Mark,
    /// Who confirmed it as a second person, and when; it counts from then on.
    pub confirmed: Option<Mark>,
    /// A proposal to take it off the list.
    pub removal: Option<Removal>,
}

impl Competitor {
    /// Whether it counts.
    pub fn counts(&self) -> bool {
        self.confirmed.is_some() && !self.removed()
    }

    /// Whether two people took it off.
    pub fn removed(&self) -> bool {
        self.removal.as_ref().is_some_and(|removal| removal.confirmed.is_some())
    }

    /// As screening sees it.
    pub fn listed(&self, id: &str) -> Listed {
        Listed {
            id: id.to_owned(),
            legal_name: self.legal_name.clone(),
            domains: self.domains.clone(),
            parents: self.parents.clone(),
        }
    }
}

/// A competitor to be put on the list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCompetitor {
    /// A short unique name: 1–64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// Its legal name.
    pub legal_name: String,
    /// Its registered domains, such as `rival.example`; at most 10.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Companies that own or control it; at most 10.
    #[serde(default)]
    pub parents: Vec<String>,
    /// Why it is a competitor.
    pub reason: String,
    /// Last day by which somebody looks at it again, at most 366 days ahead.
    pub review: Day,
}

impl Row for Competitor {
    const NOUN: &'static str = "competitor";
    const REGISTER: &'static str = "competitors";
    const FORMAT: &'static str = "competitor/v1";
    const ADD: &'static str = "competitor.add";
    const READ: &'static str = "competitor.read";
    const LIST: &'static str = "competitor.list";
    type New = NewCompetitor;

    fn id(new: &NewCompetitor) -> Option<&str> {
        Some(&new.name)
    }

    fn add(new: &NewCompetitor, at: &mut At<'_, '_>) -> Result<Self> {
        check_review(new.review, at.now())?;
        let domains = lines("domains", &new.domains, 10)?;
        for domain in &domains {
            let named = |label: &str| {
                !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            };
            if !domain.contains('.') || !domain.split('.').all(named) {
                let why = "write registered domains alone, such as `rival.example`";
                return Err(Error::invalid("domains", why));
            }
        }
        Ok(Self {
            legal_name: line("legal_name", &new.legal_name, 200)?,
            domains: domains.iter().map(|domain| registrable(domain)).collect(),
            parents: lines("parents", &new.parents, 10)?,
            reason: prose("reason", &new.reason, 1000)?,
            review: new.review,
            reviewed: None,
            proposed: at.mark(),
            confirmed: None,
            removal: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        match (&self.removal, &self.confirmed) {
            (Some(removal), _) if removal.confirmed.is_some() => Status::of("removed", Tone::Past),
            (Some(removal), _) => Status::of("leaving", Tone::Due)
                .what(format!("`{}` proposes to remove it: a second person", removal.proposed.by))
                .who("approver"),
            (None, None) => Status::of("proposed", Tone::Due)
                .what("it does not count before a second person confirms it")
                .who("approver"),
            (None, Some(_)) if self.review.end() <= now => Status::of("overdue", Tone::Due)
                .what("its review is overdue; it still counts")
                .due(self.review.end())
                .who("security-lead"),
            (None, Some(_)) => Status::of("listed", Tone::Good).due(self.review.end()),
        }
    }
}

/// Confirms what is proposed, as a second person: that it is a competitor, or that it is none.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {}

impl Step<Competitor> for Confirm {
    const ACTION: &'static str = "competitor.confirm";

    fn needs(&self, _id: &str, needs: &mut Needs<'_>) -> Result<()> {
        Desk::need(needs)
    }

    fn apply(&self, row: &mut Competitor, at: &mut At<'_, '_>) -> Result<()> {
        let mut desk = Desk::at(at)?;
        let mark = at.mark();
        let what = "a change of the list of competitors";
        match (&mut row.removal, &row.confirmed) {
            (Some(removal), _) if removal.confirmed.is_none() => {
                at.another_than(&removal.proposed.by, &SECOND, what)?;
                removal.confirmed = Some(mark);
                desk.strike(at.id());
                at.tell("confirmed", "removal");
            }
            (None, None) => {
                at.another_than(&row.proposed.by, &SECOND, what)?;
                row.confirmed = Some(mark);
                desk.list(row.listed(at.id()))?;
                at.tell("confirmed", "listing");
            }
            _ => return Err(Error::conflict("nothing is proposed about this competitor")),
        }
        desk.save(at)
    }
}

/// Looks at a competitor again: it stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Why it stays a competitor.
    pub reason: String,
    /// Last day by which somebody looks at it again, at most 366 days ahead.
    pub review: Day,
}

impl Step<Competitor> for Review {
    const ACTION: &'static str = "competitor.review";

    fn apply(&self, row: &mut Competitor, at: &mut At<'_, '_>) -> Result<()> {
        if !row.counts() {
            return Err(Error::conflict("this competitor is not on the list"));
        }
        check_review(self.review, at.now())?;
        row.reason = prose("reason", &self.reason, 1000)?;
        (row.review, row.reviewed) = (self.review, Some(at.mark()));
        Ok(())
    }
}

/// Proposes to take a competitor off the list; it counts until a second person confirms that.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Why it is none any more.
    pub reason: String,
}

impl Step<Competitor> for Remove {
    const ACTION: &'static str = "competitor.remove";

    fn apply(&self, row: &mut Competitor, at: &mut At<'_, '_>) -> Result<()> {
        if row.removed() {
            return Err(Error::conflict("this competitor was removed already"));
        }
        let reason = prose("reason", &self.reason, 1000)?;
        row.removal = Some(Removal { reason, proposed: at.mark(), confirmed: None });
        Ok(())
    }
}

fn check_review(review: Day, now: Moment) -> Result<()> {
    let today = Day::of(now);
    match review < today || review > today.plus(REVIEW_DAYS) {
        true => Err(Error::invalid("review", "name a day from today to 366 days ahead")),
        false => Ok(()),
    }
}

const STEPS: &[Entry] = &[
    step::<Competitor, Confirm>("confirm", "Confirms what is proposed, as a second person")
        .within("approvals"),
    step::<Competitor, Review>("review", "Looks at it again: it stays on the list"),
    step::<Competitor, Remove>("remove", "Proposes to take it off the list"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Competitor>(
    "reports",
    "Who does not get reports: the list that every request is screened against",
)
.serves(&["E3.1", "E3.2"])
.first("Put a competitor on the list, with names, domains and parents; a second person confirms it")
.columns(&["legal_name", "domains", "review"])
.steps(STEPS);
