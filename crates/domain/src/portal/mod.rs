//! The portal: what a subscriber's members see of their own account.
//!
//! Each page is an operation on the account, so that looking is an entry of its own ledger too. It
//! is a projection: reasons, screening and lists that are the provider's own are not in it. It
//! shows no Service Data.

mod told;

pub use told::{ElectionSeen, EmergencySeen, NoticeSeen, ReceiverSeen};

use crate::accounts::Account;
use crate::catalogue::{CURRENT, Catalogue};
use crate::grants::emergencies::Emergency;
use crate::incidents::notices::Notice;
use crate::members::{Member, Part};
use crate::register::{self, Day, Kept, Noun, Row, When, act};
use crate::reports::{Audience, DESK, Desk, Kind, OwnRequest, Report, Request, Subscription};
use crate::transfers::Election;
use kernel::authority;
use kernel::engine::{PageWant, Wants};
use kernel::id::AccountId;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, Pointer, RecordKey, Result, Reveal,
    SeenEntry, Target, Work,
};
use ledger::entry::{Leaf, Opening};
use ledger::receipt::Receipt;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

act!(
    /// Looking at the account's own page.
    Look, "portal.read", None, false
);
act!(
    /// Looking at who accessed the account's data.
    LookAtAccesses, "portal.accesses", None, false
);
act!(
    /// Taking a receipt.
    TakeReceipt, "portal.receipt", None, false
);

/// How far back accesses are shown; the ledger itself goes back to the beginning.
pub const ACCESSES: Duration = Duration::from_secs(90 * 24 * 3600);

/// Accesses of one page.
pub const ACCESS_ITEMS: usize = 200;

/// Rows of a register that a page looks through for those of its account.
const MOST: usize = 5000;

/// What an account's own page shows.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AccountFile {
    /// The account's readable id.
    pub account: String,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: When,
    /// What was agreed, if that is entered.
    pub subscription: Option<SubscriptionSeen>,
    /// The version of the terms that the provider has in force.
    pub terms_in_force: Option<String>,
    /// The account's members.
    pub members: Vec<MemberSeen>,
    /// Who may touch the account's data now, and what for.
    pub grants: Vec<GrantSeen>,
    /// Reports that can be asked for.
    pub reports: Vec<ReportSeen>,
    /// The version of the confidentiality terms that has to be accepted.
    pub report_terms: Option<String>,
    /// Requests: all of the account for its administrators, an auditor's own for an auditor.
    pub requests: Vec<OwnRequest>,
    /// Notices that were given to the account, newest first.
    pub notices: Vec<NoticeSeen>,
    /// Emergency access that reached the account, newest first.
    pub emergencies: Vec<EmergencySeen>,
    /// Destinations without encryption that the account chose for itself.
    pub elections: Vec<ElectionSeen>,
}

/// What was agreed with the subscriber.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SubscriptionSeen {
    /// The plan.
    pub plan: String,
    /// First day.
    pub from: Day,
    /// Last day, as agreed so far.
    pub to: Day,
    /// The version of the terms that binds.
    pub terms: String,
    /// What it is now: `agreed`, `in-force`, `over` or `ended`.
    pub state: String,
}

/// A member of the account.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MemberSeen {
    /// The unique name.
    pub name: String,
    /// The name people use.
    pub full_name: String,
    /// What the member is to the account.
    pub part: Part,
    /// Last day, if there is one.
    pub until: Option<Day>,
    /// An auditor's firm.
    pub firm: Option<String>,
    /// What it is now: `named`, `active`, `expired` or `ended`.
    pub state: String,
}

/// A grant in force that reaches the account.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GrantSeen {
    /// Its id, which stands in every access by it.
    pub id: String,
    /// Who holds it.
    pub holder: String,
    /// The collections, or `*`.
    pub collections: Vec<String>,
    /// What it allows.
    pub verbs: Vec<String>,
    /// What for.
    pub purpose: String,
    /// Who approved it.
    pub approver: String,
    /// First moment it counts.
    pub from: When,
    /// First moment it counts no more.
    pub until: When,
    /// Whether it reaches other accounts too.
    pub every_account: bool,
    /// The vendor's engagement it rests on, if its holder is a vendor's.
    pub engagement: Option<String>,
}

/// A report that can be asked for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReportSeen {
    /// Its name, to ask for it.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// Who issued it.
    pub issuer: String,
    /// What it covers.
    pub scope: String,
    /// First day of its period.
    pub from: Day,
    /// Last day of its period.
    pub to: Day,
    /// Last day it is given out as current.
    pub valid_to: Day,
    /// Who may have a copy.
    pub audience: Audience,
}

/// Looks at the account's own page.
pub struct AccountPage {
    slot: u64,
    account: RecordKey,
    subscription: RecordKey,
    catalogue: RecordKey,
    desk: RecordKey,
    members: PageWant,
    reports: PageWant,
    requests: PageWant,
    notices: PageWant,
    emergencies: PageWant,
    elections: PageWant,
}

impl AccountPage {
    /// Of this account.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, account: &AccountId) -> Result<Self> {
        Ok(Self {
            slot: kernel.slot(account)?,
            account: register::key::<Account>(kernel, account.as_str())?,
            subscription: register::key::<Kept<Subscription>>(kernel, account.as_str())?,
            catalogue: register::key::<Kept<Catalogue>>(kernel, CURRENT)?,
            desk: register::key::<Desk>(kernel, DESK)?,
            members: all::<Member>(kernel)?,
            reports: all::<Report>(kernel)?,
            requests: all::<Request>(kernel)?,
            notices: all::<Notice>(kernel)?,
            emergencies: all::<Emergency>(kernel)?,
            elections: all::<Election>(kernel)?,
        })
    }

    /// What the file says besides the registers that have to be looked through.
    fn file(&self, work: &Work<'_>) -> Result<AccountFile> {
        let now = work.now();
        let missing = || Error::internal("an account without a register entry");
        let account: Account = find(work, &self.account)?.ok_or_else(missing)?;
        let subscription: Option<Kept<Subscription>> = find(work, &self.subscription)?;
        let catalogue: Option<Kept<Catalogue>> = find(work, &self.catalogue)?;
        let desk: Desk = find(work, &self.desk)?.unwrap_or_default();
        let rights = work.rights()?;
        let held = |one: &&Arc<authority::Grant>| {
            let holder = rights.principal(&one.holder);
            reaches(one, self.slot, now) && holder.is_some_and(|holder| holder.active)
        };
        let mut grants: Vec<_> = rights.grants().iter().filter(held).map(seen_grant).collect();
        grants.sort_by(|a, b| (&a.holder, &a.id).cmp(&(&b.holder, &b.id)));
        Ok(AccountFile {
            account: account.id,
            name: account.name,
            created: When(Moment(account.created)),
            subscription: subscription.map(|kept| seen_subscription(&kept.row, now)),
            terms_in_force: catalogue.map(|kept| kept.row.version),
            members: vec![],
            grants,
            reports: vec![],
            report_terms: desk.terms.map(|terms| terms.id),
            requests: vec![],
            notices: vec![],
            emergencies: vec![],
            elections: vec![],
        })
    }
}

impl Operation for AccountPage {
    type Output = AccountFile;

    fn target(&self) -> Target {
        Target { action: Look::ACTION, account: self.slot, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        for key in [&self.account, &self.subscription, &self.catalogue, &self.desk] {
            wants.record(key);
        }
        let pages = [
            &self.members,
            &self.reports,
            &self.requests,
            &self.notices,
            &self.emergencies,
            &self.elections,
        ];
        wants.pages.extend(pages.map(Clone::clone));
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<AccountFile>> {
        let mut file = self.file(work)?;
        let rows = |want| -> Result<Vec<Pointer>> {
            Ok(work.page(want)?.into_iter().filter(|one| !one.deleted).collect())
        };
        let (members, reports, requests) =
            (rows(&self.members)?, rows(&self.reports)?, rows(&self.requests)?);
        let (notices, elections) = (rows(&self.notices)?, rows(&self.elections)?);
        let emergencies = rows(&self.emergencies)?;
        let by = work.caller().principal.clone();
        let steers = work.rights()?.principal(&by);
        let steers = steers.is_some_and(|one| one.roles.iter().any(|role| role == "administrator"));
        work.note(self.slot, Look::ACTION.name, vec![]);
        let slot = self.slot;
        Ok(After::reveal(move |reveal| {
            let now = reveal.now();
            file.members = open::<Member>(reveal, &members)?
                .iter()
                .filter(|kept| kept.row.slot == slot)
                .map(|kept| seen_member(kept, now))
                .collect();
            let reports = open::<Report>(reveal, &reports)?;
            let current = reports.iter().filter(|kept| kept.row.current(now));
            file.reports = current.map(seen_report).collect();
            let own = |kept: &&Kept<Request>| {
                kept.row.slot == slot && (steers || kept.row.member == by.as_str())
            };
            let requests = open::<Request>(reveal, &requests)?;
            file.requests =
                requests.iter().filter(own).map(|kept| OwnRequest::of(kept, now)).collect();
            let notices = open::<Notice>(reveal, &notices)?;
            let notices = notices.iter().filter(|kept| kept.row.account == file.account);
            file.notices = notices.rev().filter_map(|kept| told::notice(kept, now)).collect();
            let emergencies = open::<Emergency>(reveal, &emergencies)?;
            let told = emergencies.iter().rev();
            file.emergencies = told.filter_map(|kept| told::emergency(kept, slot, now)).collect();
            let elections = open::<Election>(reveal, &elections)?;
            let elections = elections.iter().filter(|kept| kept.row.account == file.account);
            file.elections = elections.map(|kept| told::election(kept, now)).collect();
            Ok(file)
        }))
    }
}

/// One access, as its entry tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Access {
    /// The entry's index in the account's log, to take its receipt by.
    pub index: u64,
    /// When.
    pub at: When,
    /// What was done.
    pub kind: String,
    /// The entry's fields: `actor`, `object`, `grant` and what else it says; none once erased.
    pub fields: BTreeMap<String, String>,
}

/// A page of accesses, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Accesses {
    /// The accesses.
    pub items: Vec<Access>,
    /// What to ask for `before` next; nothing at the end of the 90 days.
    pub next: Option<u64>,
}

/// Looks at the accesses of the last 90 days.
pub struct ReadAccesses {
    kernel: Kernel,
    slot: u64,
    before: Option<u64>,
}

impl ReadAccesses {
    /// Those before this index, or the newest.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, account: &AccountId, before: Option<u64>) -> Result<Self> {
        Ok(Self { kernel: kernel.clone(), slot: kernel.slot(account)?, before })
    }
}

impl Operation for ReadAccesses {
    type Output = Accesses;

    fn target(&self) -> Target {
        Target { action: LookAtAccesses::ACTION, account: self.slot, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Accesses>> {
        let before = self.before.unwrap_or(u64::MAX).min(work.next_index(self.slot)?);
        let from = before.saturating_sub(u64::try_from(ACCESS_ITEMS).unwrap_or(u64::MAX));
        let range = vec![("from", from.to_string()), ("limit", (before - from).to_string())];
        work.note(self.slot, LookAtAccesses::ACTION.name, range);
        let since = Moment(work.now().0.saturating_sub(micros(ACCESSES)));
        let (kernel, slot) = (self.kernel.clone(), self.slot);
        Ok(After::reveal(move |_| {
            let entries = kernel.entries(slot, from, before - from, true)?;
            let all: Vec<Access> = entries.into_iter().map(access).collect::<Result<_>>()?;
            let whole = all.first().is_none_or(|oldest| since <= oldest.at.0);
            let items = all.into_iter().rev().filter(|one| since <= one.at.0).collect();
            Ok(Accesses { items, next: (whole && from > 0).then_some(from) })
        }))
    }
}

/// Takes the receipt of an entry of the account's log.
pub struct OwnReceipt {
    kernel: Kernel,
    slot: u64,
    index: u64,
}

impl OwnReceipt {
    /// Of the entry of this index.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, account: &AccountId, index: u64) -> Result<Self> {
        Ok(Self { kernel: kernel.clone(), slot: kernel.slot(account)?, index })
    }
}

impl Operation for OwnReceipt {
    type Output = String;

    fn target(&self) -> Target {
        Target { action: TakeReceipt::ACTION, account: self.slot, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<String>> {
        let range = vec![("from", self.index.to_string()), ("limit", "1".to_owned())];
        work.note(self.slot, TakeReceipt::ACTION.name, range);
        let (kernel, slot, index) = (self.kernel.clone(), self.slot, self.index);
        Ok(After::reveal(move |_| {
            let mut receipt = Receipt::from_json(&kernel.receipt(slot, index, true)?)
                .map_err(|error| Error::internal(format!("receipt of entry {index}: {error}")))?;
            receipt.opening = receipt.opening.map(for_members);
            Ok(receipt.to_json())
        }))
    }
}

/// What members are shown of an entry: everything but the network address from which people and
/// services of the provider acted. It is theirs, and says nothing about what was done; the receipt
/// still commits to it, so a regulator can be shown it later.
fn for_members(mut opening: Opening) -> Opening {
    let own = opening.fields.get("actor").is_some_and(|actor| actor.value.starts_with("member:"));
    if !own {
        opening.redact(&["source"]);
    }
    opening
}

fn access(entry: SeenEntry) -> Result<Access> {
    let leaf = Leaf::parse(&entry.leaf)
        .map_err(|error| Error::internal(format!("entry {}: {error}", entry.index)))?;
    let fields = entry.opening.map(|opening| for_members(opening).fields).unwrap_or_default();
    let fields = fields.into_iter().map(|(name, shown)| (name, shown.value)).collect();
    Ok(Access { index: entry.index, at: When(Moment(leaf.time)), kind: leaf.kind, fields })
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn all<N: Row>(kernel: &Kernel) -> Result<PageWant> {
    let collection = kernel.collection_tag(HOUSE, N::REGISTER)?;
    Ok(PageWant { account: HOUSE, collection, after: 0, limit: MOST })
}

fn open<N: Row>(reveal: &Reveal, pointers: &[Pointer]) -> Result<Vec<Kept<N>>> {
    pointers.iter().map(|one| register::parse(&reveal.open(one)?.body)).collect()
}

fn find<N: Noun>(work: &Work<'_>, key: &RecordKey) -> Result<Option<N>> {
    work.look(key)?.map(|bytes| register::parse(&bytes)).transpose()
}

fn reaches(grant: &Arc<authority::Grant>, slot: u64, now: Moment) -> bool {
    grant.account.is_none_or(|account| account == slot)
        && !grant.ended
        && grant.not_before <= now
        && now < grant.not_after
}

fn seen_grant(grant: &Arc<authority::Grant>) -> GrantSeen {
    let every = || vec!["*".to_owned()];
    let named = |all: &Vec<kernel::id::Collection>| all.iter().map(ToString::to_string).collect();
    GrantSeen {
        id: grant.id.clone(),
        holder: grant.holder.to_string(),
        collections: grant.collections.as_ref().map_or_else(every, named),
        verbs: grant.verbs.iter().map(|verb| verb.word().to_owned()).collect(),
        purpose: grant.purpose.clone(),
        approver: grant.approver.to_string(),
        from: When(grant.not_before),
        until: When(grant.not_after),
        every_account: grant.account.is_none(),
        engagement: grant.engagement.clone(),
    }
}

fn seen_subscription(row: &Subscription, now: Moment) -> SubscriptionSeen {
    SubscriptionSeen {
        plan: row.plan.clone(),
        from: row.from,
        to: row.to,
        terms: row.terms.clone(),
        state: row.status(now).word.to_owned(),
    }
}

fn seen_member(kept: &Kept<Member>, now: Moment) -> MemberSeen {
    let row = &kept.row;
    MemberSeen {
        name: kept.id.clone(),
        full_name: row.full_name.clone(),
        part: row.part,
        until: row.until,
        firm: row.firm.clone(),
        state: row.status(now).word.to_owned(),
    }
}

fn seen_report(kept: &Kept<Report>) -> ReportSeen {
    let row = &kept.row;
    ReportSeen {
        id: kept.id.clone(),
        kind: row.kind,
        title: row.title.clone(),
        issuer: row.issuer.clone(),
        scope: row.scope.clone(),
        from: row.from,
        to: row.to,
        valid_to: row.valid_to,
        audience: row.audience,
    }
}
