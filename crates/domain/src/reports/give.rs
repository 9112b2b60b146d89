//! What a member does about reports: asks for one, reads and accepts the terms. Downloading is
//! next door, in `copies`.
//!
//! Each is an operation on the member's own account and an entry of its ledger.

use super::desk::{DESK, Desk};
use super::library::Report;
use super::requests::{Acceptance, Ask, Request};
use super::terms::Terms;
use crate::accounts::Account;
use crate::catalogue::{CURRENT, Catalogue};
use crate::members::Member;
use crate::register::{self, Day, Kept, Listing, Mark, Noun, Reading, Row, When, act};
use kernel::authority::Action;
use kernel::engine::Wants;
use kernel::id::{AccountId, PrincipalId};
use kernel::{Act, After, Allowed, Error, Kernel, Operation, RecordKey, Result, Target, Work};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

act!(
    /// Asking for a report.
    Requesting, "report.request", None, false
);
act!(
    /// Reading the terms in force.
    ReadingTerms, "report.terms", None, false
);
act!(
    /// Accepting the terms.
    Accepting, "report.accept", None, false
);
/// Requests of one account in a day: nobody fills the register.
const REQUESTS_PER_DAY: u32 = 20;

/// A request as its requester sees it: without what screening said and why it was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OwnRequest {
    /// Its id.
    pub id: String,
    /// The report.
    pub report: String,
    /// Who asked: `member:NAME`.
    pub member: String,
    /// What for.
    pub purpose: String,
    /// When it was asked.
    pub asked: When,
    /// What it is now: `asked`, `overdue`, `released`, `expired`, `ended` or `refused`.
    pub state: String,
    /// By when it has to be answered.
    pub due: When,
    /// What the requester is told about the decision, and by whom, if it was answered.
    pub told: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// The release, if there is one.
    pub release: Option<String>,
    /// First moment at which the release counts no more.
    pub until: Option<When>,
    /// The version of the terms that was accepted.
    pub accepted: Option<String>,
    /// Copies downloaded.
    pub copies: u32,
}

impl OwnRequest {
    /// A request at a moment.
    pub fn of(kept: &Kept<Request>, now: kernel::Moment) -> Self {
        let row = &kept.row;
        let word = row.status(now).word;
        let answer = row.decision.as_ref().filter(|_| row.answered().is_some());
        Self {
            id: kept.id.clone(),
            report: row.report.clone(),
            member: row.member.clone(),
            purpose: row.purpose.clone(),
            asked: kept.added.at,
            // That it is cleared and not released yet is the provider's own business.
            state: if word == "cleared" { "asked" } else { word }.to_owned(),
            due: row.due,
            told: answer.and_then(|one| one.told.clone()),
            answered_by: answer.map(|one| one.mark.by.clone()),
            release: row.release.as_ref().map(|one| one.id.clone()),
            until: row.release.as_ref().map(|one| one.until),
            accepted: row.accepted.as_ref().map(|one| one.terms.clone()),
            copies: u32::try_from(row.deliveries.len()).unwrap_or(u32::MAX),
        }
    }
}

/// How many requests an account made on the day of the last one.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Count {
    format: String,
    day: Day,
    requests: u32,
}

impl Noun for Count {
    const REGISTER: &'static str = "request-counts";
    const NOUN: &'static str = "count of requests";
    type Read = Reading<Request>;
    type List = Listing<Request>;
}

/// What a member asks for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOwnRequest {
    /// The report.
    pub report: String,
    /// What for.
    pub purpose: String,
    /// Companies that own or control yours or your client, as far as you know; at most 10.
    #[serde(default)]
    pub parents: Vec<String>,
    /// That neither you nor whom you act for competes with the provider.
    #[serde(default)]
    pub not_competitor: bool,
}

/// Asks for a report.
pub struct RequestReport {
    own: Own,
    new: NewOwnRequest,
    member: RecordKey,
    account: RecordKey,
    report: RecordKey,
    desk: RecordKey,
    catalogue: RecordKey,
    count: RecordKey,
}

impl RequestReport {
    /// As this member, for its own account; `random` makes the id.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(
        kernel: &Kernel,
        account: &AccountId,
        by: &PrincipalId,
        new: NewOwnRequest,
        random: [u8; 16],
    ) -> Result<Self> {
        let id = format!("request-{:012x}", u128::from_be_bytes(random) >> 80);
        Ok(Self {
            own: Own::new(kernel, account, by, &id)?,
            member: register::key::<Kept<Member>>(kernel, by.parts().1)?,
            account: register::key::<Account>(kernel, account.as_str())?,
            report: register::key::<Kept<Report>>(kernel, &new.report)?,
            desk: register::key::<Desk>(kernel, DESK)?,
            catalogue: register::key::<Kept<Catalogue>>(kernel, CURRENT)?,
            count: register::key::<Count>(kernel, account.as_str())?,
            new,
        })
    }

    /// The request, by the rows as they stand.
    fn request(&self, work: &Work<'_>) -> Result<Request> {
        let missing = || Error::internal("an account without a register entry");
        let unknown = || Error::invalid("report", "there is no such report: see the library");
        let member = find::<Kept<Member>>(work, &self.member)?;
        let report = find::<Kept<Report>>(work, &self.report)?;
        let catalogue = find::<Kept<Catalogue>>(work, &self.catalogue)?;
        let days = catalogue.map(|kept| kept.row.parameters).unwrap_or_default().report_days;
        let ask = Ask {
            member: &member.ok_or_else(Error::unauthenticated)?,
            account: &find::<Account>(work, &self.account)?.ok_or_else(missing)?,
            report: &report.ok_or_else(unknown)?,
            desk: &find::<Desk>(work, &self.desk)?.unwrap_or_default(),
            purpose: &self.new.purpose,
            parents: &self.new.parents,
            not_competitor: self.new.not_competitor,
            days,
            now: work.now(),
        };
        ask.request()
    }
}

impl Operation for RequestReport {
    type Output = OwnRequest;

    fn target(&self) -> Target {
        self.own.target(Requesting::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        let keys = [&self.own.request, &self.member, &self.account, &self.report, &self.desk];
        for key in keys.into_iter().chain([&self.catalogue, &self.count]) {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<OwnRequest>> {
        self.own.caller(work)?;
        let allowed = work.load::<Requesting>(&self.own.request)?;
        if allowed.version() > 0 {
            return Err(Error::conflict("this request was made already"));
        }
        let row = self.request(work)?;
        let today = Day::of(work.now());
        let counted = find::<Count>(work, &self.count)?.filter(|one| one.day == today);
        let requests = counted.map_or(0, |one| one.requests) + 1;
        if requests > REQUESTS_PER_DAY {
            let why = format!("an account asks for {REQUESTS_PER_DAY} reports a day at most");
            return Err(Error::limit(why));
        }
        let counter = work.load::<Requesting>(&self.count)?;
        let count = Count { format: "request-count/v1".to_owned(), day: today, requests };
        let (format, id) = (Request::FORMAT.to_owned(), self.own.request.id.clone());
        let kept = Kept { format, id, added: mark(work), row };
        let fields = vec![("account", kept.row.account.clone())];
        work.save(allowed, register::body(&kept)?, fields)?;
        work.save(counter, register::body(&count)?, vec![])?;
        self.own.note::<Requesting>(work, &kept, vec![]);
        Ok(After::now(OwnRequest::of(&kept, work.now())))
    }
}

/// The terms in force, with their text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TermsText {
    /// The version.
    pub terms: String,
    /// The text, in Markdown.
    pub text: String,
    /// SHA-256 of the text.
    pub sha256: String,
}

/// Reads a version of the terms.
pub struct ReadTerms {
    slot: u64,
    terms: RecordKey,
}

impl ReadTerms {
    /// This version, as a member of this account.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, account: &AccountId, terms: &str) -> Result<Self> {
        let terms = register::key::<Kept<Terms>>(kernel, terms)?;
        Ok(Self { slot: kernel.slot(account)?, terms })
    }
}

impl Operation for ReadTerms {
    type Output = TermsText;

    fn target(&self) -> Target {
        Target { action: ReadingTerms::ACTION, account: self.slot, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.terms);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<TermsText>> {
        let (_, kept) = register::load::<Kept<Terms>, ReadingTerms>(work, &self.terms)?;
        if kept.row.published.is_none() {
            return Err(Error::not_found(format!("no terms `{}`", kept.id)));
        }
        work.note(self.slot, ReadingTerms::ACTION.name, vec![("terms", kept.id.clone())]);
        let Terms { text, sha256, .. } = kept.row;
        Ok(After::now(TermsText { terms: kept.id, text, sha256 }))
    }
}

/// Accepts the terms in force, for one request.
pub struct AcceptTerms {
    own: Own,
    desk: RecordKey,
    terms: String,
}

impl AcceptTerms {
    /// This version, as the member who asked.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(
        kernel: &Kernel,
        account: &AccountId,
        by: &PrincipalId,
        request: &str,
        terms: &str,
    ) -> Result<Self> {
        let desk = register::key::<Desk>(kernel, DESK)?;
        Ok(Self { own: Own::new(kernel, account, by, request)?, desk, terms: terms.to_owned() })
    }
}

impl Operation for AcceptTerms {
    type Output = OwnRequest;

    fn target(&self) -> Target {
        self.own.target(Accepting::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.own.request);
        wants.record(&self.desk);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<OwnRequest>> {
        let (allowed, mut kept) = self.own.load::<Accepting>(work)?;
        let desk = find::<Desk>(work, &self.desk)?.unwrap_or_default();
        let terms = desk.terms.filter(|terms| terms.id == self.terms).ok_or_else(|| {
            let terms = kernel::id::shown(&self.terms);
            Error::invalid("terms", format!("`{terms}` are not the terms in force: read those"))
        })?;
        if kept.row.live(work.now()).is_none() {
            return Err(Error::conflict("this request has no release in force"));
        }
        let fields = vec![("terms", terms.id.clone()), ("sha256", terms.sha256.clone())];
        kept.row.accepted =
            Some(Acceptance { terms: terms.id, sha256: terms.sha256, mark: mark(work) });
        work.save(allowed, register::body(&kept)?, fields.clone())?;
        self.own.note::<Accepting>(work, &kept, fields);
        Ok(After::now(OwnRequest::of(&kept, work.now())))
    }
}

/// The account, the request and who asks.
pub(super) struct Own {
    pub(super) slot: u64,
    pub(super) by: PrincipalId,
    pub(super) request: RecordKey,
}

impl Own {
    pub(super) fn new(
        kernel: &Kernel,
        account: &AccountId,
        by: &PrincipalId,
        request: &str,
    ) -> Result<Self> {
        let request = register::key::<Kept<Request>>(kernel, request)?;
        Ok(Self { slot: kernel.slot(account)?, by: by.clone(), request })
    }

    pub(super) fn target(&self, action: &'static Action) -> Target {
        Target { action, account: self.slot, collection: None }
    }

    pub(super) fn caller(&self, work: &Work<'_>) -> Result<()> {
        match work.caller().principal == self.by {
            true => Ok(()),
            false => Err(Error::internal("a request of somebody else was asked for")),
        }
    }

    /// The request, if it is the caller's own: whatever else there is, is not there.
    pub(super) fn load<A: Act>(&self, work: &Work<'_>) -> Result<(Allowed<A>, Kept<Request>)> {
        self.caller(work)?;
        let (allowed, kept) = register::load::<Kept<Request>, A>(work, &self.request)?;
        match kept.row.slot == self.slot && kept.row.member == self.by.as_str() {
            true => Ok((allowed, kept)),
            false => Err(Error::not_found(format!("no request `{}`", self.request.id))),
        }
    }

    /// The entry in the account's own ledger.
    pub(super) fn note<A: Act>(
        &self,
        work: &mut Work<'_>,
        kept: &Kept<Request>,
        more: Vec<(&'static str, String)>,
    ) {
        let mut fields = vec![("of", kept.id.clone()), ("report", kept.row.report.clone())];
        fields.extend(more);
        work.note(self.slot, A::ACTION.name, fields);
    }
}

pub(super) fn find<N: Noun>(work: &Work<'_>, key: &RecordKey) -> Result<Option<N>> {
    work.look(key)?.map(|bytes| register::parse(&bytes)).transpose()
}

pub(super) fn mark(work: &Work<'_>) -> Mark {
    Mark { by: work.caller().principal.to_string(), at: When(work.now()) }
}
