//! The matrix of rights: every action, for everybody one can think of, on everything there is.
//!
//! `authority/matrix.txt` is the golden file; `BAILEE_BLESS=1` writes it anew, and the difference
//! is what a reviewer reads. The kernel picks the grant; each refusal is asked of the policies a
//! second time with every grant that could have been picked wrongly, and must stay one.

use domain::register::{Register, action};
use domain::registers::REGISTERS;
use domain::{
    accounts, certificates, data, decisions, directories, grants, incidents, ledgers, measures,
    members, oncall, people, portal, reports, services, signals, streams,
};
use kernel::authority::{
    Action, Authority, Bound, Caller, Credential, CredentialKind, Duty, Engagement, Grant,
    Policies, Principal, Question, Right, Vendor, Verb,
};
use kernel::id::{Collection, PrincipalId};
use kernel::{Kind, Moment};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const NOW: Moment = Moment(1_795_356_131_000_000);
const OWN: u64 = 7;
const OTHER: u64 = 9;

/// Everything that can be asked for.
fn actions() -> Vec<&'static Action> {
    let mut all = named();
    all.extend(provisioned());
    all.extend(of_members());
    for (action, _) in REGISTERS.iter().flat_map(Register::actions) {
        if !all.iter().any(|known| known.name == action.name) {
            all.push(action);
        }
    }
    all
}

/// Actions of nouns with operations of their own.
fn named() -> Vec<&'static Action> {
    vec![
        action::<accounts::Create>(),
        action::<accounts::Look>(),
        action::<accounts::ListAccounts>(),
        action::<people::Create>(),
        action::<people::End>(),
        action::<people::Token>(),
        action::<people::Bind>(),
        action::<people::Moving>(),
        action::<people::Look>(),
        action::<people::ListPeople>(),
        action::<services::Create>(),
        action::<services::End>(),
        action::<services::Bind>(),
        action::<services::Token>(),
        action::<services::EndToken>(),
        action::<services::Look>(),
        action::<services::ListServices>(),
        action::<grants::Create>(),
        action::<grants::End>(),
        action::<grants::Release>(),
        action::<grants::Look>(),
        action::<grants::ListGrants>(),
        action::<data::CreateIn>(),
        action::<data::ListIn>(),
        action::<data::Write>(),
        action::<data::WriteMany>(),
        action::<data::Get>(),
        action::<data::List>(),
        action::<data::ReadHistory>(),
        action::<data::Delete>(),
        action::<data::Restore>(),
        action::<ledgers::Read>(),
        action::<ledgers::Open>(),
        action::<ledgers::Exploring>(),
        action::<measures::Read>(),
        action::<measures::SetScope>(),
        action::<reports::Uploading>(),
        action::<reports::Sealing>(),
        action::<reports::Opening>(),
        action::<reports::Requesting>(),
        action::<reports::ReadingTerms>(),
        action::<reports::Accepting>(),
        action::<reports::Downloading>(),
        action::<reports::Marking>(),
        action::<oncall::ReadingWho>(),
        action::<oncall::calendars::Linking>(),
        action::<oncall::calendars::Fetching>(),
        action::<oncall::pages::Answering>(),
        action::<signals::Deliver>(),
        action::<signals::Search>(),
        action::<incidents::file::Take>(),
        action::<incidents::file::Pack>(),
        action::<incidents::affected::Asked>(),
        action::<incidents::notices::Seen>(),
        action::<incidents::notices::Returned>(),
        action::<certificates::Publishing>(),
        action::<certificates::Certifying>(),
        action::<certificates::Renewing>(),
        action::<streams::Publishing>(),
        action::<streams::Asserting>(),
        action::<streams::Rotating>(),
        action::<portal::Look>(),
        action::<portal::LookAtAccesses>(),
        action::<portal::TakeReceipt>(),
        action::<decisions::Asking>(),
    ]
}

/// What a staff directory asks for.
fn provisioned() -> Vec<&'static Action> {
    vec![
        action::<directories::UserAdded>(),
        action::<directories::UserChanged>(),
        action::<directories::UserRemoved>(),
        action::<directories::UserRead>(),
        action::<directories::UsersListed>(),
        action::<directories::GroupAdded>(),
        action::<directories::GroupChanged>(),
        action::<directories::GroupRemoved>(),
        action::<directories::GroupRead>(),
        action::<directories::GroupsListed>(),
    ]
}

/// Signing in, and a subscriber's own people.
fn of_members() -> Vec<&'static Action> {
    vec![
        action::<members::LinkPerson>(),
        action::<members::LinkMember>(),
        action::<members::SessionBegins>(),
        action::<members::SessionEnds>(),
        action::<members::Approving>(),
        action::<members::Making>(),
        action::<members::Setting>(),
        action::<members::Ending>(),
        action::<members::Looking>(),
        action::<members::Inviting>(),
        action::<members::Renewing>(),
        action::<members::Dismissing>(),
        action::<members::UsingNonce>(),
    ]
}

/// What nobody can ask for: the kernel does it by itself, as a job that was left with a right.
fn by_itself() -> Vec<&'static str> {
    vec![
        action::<grants::Expired>().name,
        "access-review.lapse",
        "access-use.keep",
        "acquaintance.keep",
        "alert.raise",
        "approver.ask",
        "breach.update",
        "breach.warn",
        "change.notice",
        "coverage.keep",
        "directory.settle",
        "emergency.tell",
        "equipment.polled",
        "grant.settle",
        "hold.expire",
        "incident.affected",
        "incident.duty",
        "incident.investigate",
        "letter.read",
        "letter.send",
        "measure.noted",
        "notice.attempt",
        "notice.chase",
        "notice.letter",
        "oncall.look",
        "page.attempt",
        "page.claim",
        "page.raise",
        "page.step",
        "probe.seen",
        "signal.forget",
        "signal.take",
        "stream.attempt",
        "stream.compose",
        "stream.spread",
        "training.renew",
        "training.settle",
        "transfer.attempt",
    ]
}

/// Actions that are about a collection.
const ON_COLLECTIONS: [&str; 10] = [
    "transfer.add",
    "certificate.add",
    "collection.create",
    "record.put",
    "record.batch",
    "record.get",
    "record.list",
    "record.history",
    "record.delete",
    "record.restore",
];

/// Somebody with the grants they hold, or might be taken to hold.
struct Who {
    name: &'static str,
    principal: Principal,
    grants: Vec<Grant>,
    /// Grants of somebody else, which the kernel must not pick and the policies must not accept.
    foreign: Vec<Grant>,
    /// The vendor they work for and what it was engaged for.
    bound: Option<(Vendor, Engagement)>,
    /// A duty that was not met in time.
    duty: Option<Moment>,
}

impl Who {
    fn new(name: &'static str, kind: &str, roles: &[&str], grants: Vec<Grant>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = PrincipalId::parse(&format!("{kind}:nr-{number}")).unwrap();
        let credential = Credential {
            id: "c".into(),
            hash: [1; 32],
            expires: None,
            ended: false,
            kind: CredentialKind::Token,
        };
        let owner = (kind == "service").then(|| PrincipalId::parse("person:owner").unwrap());
        let grants = grants.into_iter().map(|grant| {
            let own = grant.approver.as_str() == "person:themselves";
            let approver = if own { id.clone() } else { grant.approver };
            Grant { holder: id.clone(), approver, ..grant }
        });
        Self {
            name,
            grants: grants.collect(),
            foreign: vec![],
            bound: None,
            duty: None,
            principal: Principal {
                id,
                active: true,
                roles: roles.iter().map(ToString::to_string).collect(),
                owner,
                vendor: None,
                account: None,
                credentials: vec![credential],
            },
        }
    }

    /// Whoever holds a secret that an operation checks by itself. It is no principal of a
    /// register, and no grant is ever under its name.
    fn bearer() -> Self {
        let mut who = Self::new("bearer of a secret", "service", &[], vec![]);
        who.principal.id = Caller::bearer().principal;
        who.principal.owner = None;
        who
    }

    fn gone(mut self) -> Self {
        self.principal.active = false;
        self
    }

    fn foreign(mut self, grant: Grant) -> Self {
        self.foreign.push(grant);
        self
    }

    /// Of a vendor, with every grant under this engagement.
    fn engaged(mut self, vendor: Vendor, engagement: Engagement) -> Self {
        self.principal.vendor = Some(vendor.name.clone());
        for grant in &mut self.grants {
            grant.engagement = Some(engagement.id.clone());
        }
        self.bound = Some((vendor, engagement));
        self
    }

    /// The same, with grants under no engagement.
    fn disengaged(mut self) -> Self {
        for grant in &mut self.grants {
            grant.engagement = None;
        }
        self
    }

    /// With a duty that had to be met by now.
    fn overdue(mut self) -> Self {
        self.duty = Some(NOW);
        self
    }

    /// A member of an account.
    fn of(mut self, account: u64) -> Self {
        self.principal.account = Some(account);
        self
    }

    fn rights(&self) -> impl Iterator<Item = Right> {
        let held = self.grants.iter().chain(&self.foreign).cloned().map(Right::Grant);
        let bound = self.bound.iter().flat_map(|(vendor, engagement)| {
            [Right::Vendor(vendor.clone()), Right::Engagement(engagement.clone())]
        });
        let holder = self.principal.id.clone();
        let duty = self
            .duty
            .map(|until| Right::Duty(Duty { id: "training-1".into(), holder, until: Some(until) }));
        [Right::Principal(self.principal.clone())].into_iter().chain(held).chain(bound).chain(duty)
    }
}

fn grant(account: Option<u64>, collection: Option<&str>, verbs: &[Verb]) -> Grant {
    Grant {
        id: "grant_1".into(),
        given: 3,
        holder: PrincipalId::parse("service:another").unwrap(),
        account,
        collections: collection.map(|name| vec![Collection::parse(name).unwrap()]),
        verbs: verbs.to_vec(),
        purpose: "support case".into(),
        not_before: Moment(NOW.0 - 1_000_000),
        not_after: Moment(NOW.0 + 1_000_000),
        approver: PrincipalId::parse("person:approver").unwrap(),
        bootstrap: false,
        ended: false,
        engagement: None,
        emergency: false,
    }
}

fn by(approver: &str, bootstrap: bool, grant: Grant) -> Grant {
    Grant { approver: PrincipalId::parse(approver).unwrap(), bootstrap, ..grant }
}

/// A grant of one verb on one collection of one account.
fn one(verb: Verb) -> Vec<Grant> {
    vec![grant(Some(OWN), Some("own"), &[verb])]
}

fn everything() -> Grant {
    grant(None, None, &Verb::DATA)
}

/// A grant to sign in to the system `people`, or to every one.
fn connect(system: Option<&str>) -> Grant {
    grant(Some(0), system, &[Verb::Connect])
}

fn everybody() -> Vec<Who> {
    let all = || vec![everything()];
    let mut who = vec![
        Who::new("administrator", "person", &["administrator"], vec![]),
        Who::new("administrator, every grant", "person", &["administrator", "engineer"], all()),
        Who::new("auditor", "person", &["auditor"], vec![]),
        Who::new("auditor, every grant", "person", &["auditor"], all()),
        Who::new("person without a role", "person", &[], vec![]),
        Who::new("person without a role, every grant", "person", &[], all()),
        Who::new("engineer", "person", &["engineer"], vec![]),
        Who::new("engineer, every grant", "person", &["engineer"], all()),
        Who::new("support", "person", &["support"], vec![]),
        Who::new("support, every grant", "person", &["support"], all()),
        Who::new("service", "service", &[], vec![]),
        Who::new("service, every grant", "service", &[], all()),
    ];
    for (verb, engineer, service, every) in [
        (Verb::Read, "engineer, read", "service, read", "service, read everywhere"),
        (Verb::Write, "engineer, write", "service, write", "service, write everywhere"),
        (Verb::Delete, "engineer, delete", "service, delete", "service, delete everywhere"),
        (Verb::Export, "engineer, export", "service, export", "service, export everywhere"),
        (Verb::Open, "engineer, open", "service, open", "service, open everywhere"),
    ] {
        who.push(Who::new(engineer, "person", &["engineer"], one(verb)));
        who.push(Who::new(service, "service", &[], one(verb)));
        who.push(Who::new(every, "service", &[], vec![grant(None, None, &[verb])]));
    }
    for role in ["security-lead", "responder", "approver", "vendor-manager", "counsel"] {
        who.push(Who::new(role, "person", &[role], vec![]));
    }
    who.extend(special());
    who.extend(connecting());
    who.extend(vendors_connecting());
    who.extend(of_vendors());
    who.extend([
        Who::new("engineer with overdue training, every grant", "person", &["engineer"], all())
            .overdue(),
        Who::new("member, administrator of the own account", "member", &["administrator"], vec![])
            .of(OWN),
        Who::new("member, auditor of the own account", "member", &["auditor"], vec![]).of(OWN),
        Who::bearer(),
        Who::new("member of another account", "member", &["administrator"], vec![]).of(OTHER),
    ]);
    who
}

/// Who answers for every engagement here.
const SPONSOR: &str = "person:sponsor";

/// A vendor whose review and agreement count until then, and what it was engaged for.
fn engagement(
    name: &str,
    until: u64,
    change: impl FnOnce(&mut Engagement),
) -> (Vendor, Engagement) {
    let mut engagement = Engagement {
        id: format!("engagement-{name}"),
        vendor: name.to_owned(),
        sponsor: PrincipalId::parse(SPONSOR).unwrap(),
        accounts: Some(vec![OWN]),
        collections: Some(vec![Collection::parse("own").unwrap()]),
        verbs: vec![Verb::Read],
        not_before: Moment(NOW.0 - 1_000_000),
        not_after: Moment(NOW.0 + 1_000_000),
        ended: false,
    };
    change(&mut engagement);
    (Vendor { name: name.to_owned(), until: Moment(until), passwords: false }, engagement)
}

/// People and services of vendors, each with something that does or does not stand.
fn of_vendors() -> Vec<Who> {
    let later = NOW.0 + 2_000_000;
    let made = |name, kind: &str, grants, (vendor, engagement)| {
        let roles: &[&str] = if kind == "person" { &["support", "security-lead"] } else { &[] };
        Who::new(name, kind, roles, grants).engaged(vendor, engagement)
    };
    let read = || one(Verb::Read);
    vec![
        made("vendor's person, engaged", "person", read(), engagement("v1", later, |_| ())),
        made("vendor's service, engaged", "service", read(), engagement("v2", later, |_| ())),
        made(
            "vendor's service, every grant",
            "service",
            vec![everything()],
            engagement("v3", later, |_| ()),
        ),
        made("vendor's service, review lapsed", "service", read(), engagement("v4", NOW.0, |_| ())),
        made("vendor's person, review lapsed", "person", read(), engagement("v5", NOW.0, |_| ())),
        made(
            "vendor's service, engagement ended",
            "service",
            read(),
            engagement("v6", later, |one| one.ended = true),
        ),
        made(
            "vendor's service, engagement over",
            "service",
            read(),
            engagement("v7", later, |one| one.not_after = NOW),
        ),
        made(
            "vendor's service, sponsor gone",
            "service",
            read(),
            engagement("v8", later, |one| one.sponsor = PrincipalId::parse("person:gone").unwrap()),
        ),
        made(
            "vendor's service, engaged for another account",
            "service",
            read(),
            engagement("v9", later, |one| one.accounts = Some(vec![OTHER])),
        ),
        made(
            "vendor's service, engaged for another collection",
            "service",
            read(),
            engagement("v10", later, |one| {
                one.collections = Some(vec![Collection::parse("other").unwrap()]);
            }),
        ),
        made(
            "vendor's service, engaged for another verb",
            "service",
            read(),
            engagement("v11", later, |one| one.verbs = vec![Verb::Write]),
        ),
        made("vendor's service, not engaged", "service", read(), engagement("v12", later, |_| ()))
            .disengaged(),
    ]
}

/// Those whose grants are ended, not approved as they should be, or somebody else's.
fn special() -> Vec<Who> {
    let all = || vec![everything()];
    let whole = || grant(Some(OWN), None, &Verb::DATA);
    vec![
        Who::new("support, read", "person", &["support"], one(Verb::Read)),
        Who::new("service, every verb on the account", "service", &[], vec![whole()]),
        Who::new(
            "service, every verb on another account",
            "service",
            &[],
            vec![Grant { account: Some(OTHER), ..whole() }],
        ),
        Who::new("service, ended", "service", &[], vec![Grant { ended: true, ..everything() }]),
        Who::new(
            "service, expired",
            "service",
            &[],
            vec![Grant { not_after: NOW, ..everything() }],
        ),
        Who::new(
            "service, not yet begun",
            "service",
            &[],
            vec![Grant { not_before: Moment(NOW.0 + 1_000_000), ..everything() }],
        ),
        Who::new(
            "engineer, an emergency of two hours",
            "person",
            &["engineer"],
            vec![Grant {
                emergency: true,
                not_after: Moment(NOW.0 + 7_200_000_000),
                ..everything()
            }],
        ),
        Who::new(
            "service, approved by its owner",
            "service",
            &[],
            vec![by("person:owner", false, everything())],
        ),
        Who::new(
            "service, approved by its owner at bootstrap",
            "service",
            &[],
            vec![by("person:owner", true, everything())],
        ),
        Who::new(
            "engineer, approved by themselves",
            "person",
            &["engineer"],
            vec![by("person:themselves", false, everything())],
        ),
        Who::new(
            "engineer, approved by themselves at bootstrap",
            "person",
            &["engineer"],
            vec![by("person:themselves", true, everything())],
        ),
        Who::new("service, somebody else's grant", "service", &[], vec![]).foreign(everything()),
        Who::new("engineer who left, every grant", "person", &["engineer"], all()).gone(),
        Who::new("administrator who left", "person", &["administrator"], vec![]).gone(),
        Who::new("service that ended, every grant", "service", &[], all()).gone(),
    ]
}

/// Those who hold a grant to sign in to systems, rightly or not.
fn connecting() -> Vec<Who> {
    let own = || vec![connect(Some("people"))];
    let every = || vec![connect(None)];
    let later = NOW.0 + 2_000_000;
    let vendor = engagement("v13", later, |one| {
        (one.accounts, one.collections, one.verbs) = (None, None, Verb::ALL.to_vec());
    });
    vec![
        Who::new("engineer, connect to a system", "person", &["engineer"], own()),
        Who::new("engineer, connect to every system", "person", &["engineer"], every()),
        Who::new(
            "engineer, connect to another system",
            "person",
            &["engineer"],
            vec![connect(Some("other"))],
        ),
        Who::new("support, connect to every system", "person", &["support"], every()),
        Who::new(
            "administrator, connect to every system",
            "person",
            &["administrator", "engineer"],
            every(),
        ),
        Who::new("service, connect to every system", "service", &[], every()),
        Who::new(
            "engineer, connect beside every verb",
            "person",
            &["engineer"],
            vec![Grant { verbs: Verb::ALL.to_vec(), ..connect(None) }],
        ),
        Who::new(
            "engineer, connect on every account",
            "person",
            &["engineer"],
            vec![Grant { account: None, ..connect(None) }],
        ),
        Who::new(
            "engineer, connect on an account of a subscriber",
            "person",
            &["engineer"],
            vec![Grant { account: Some(OWN), ..connect(None) }],
        ),
        Who::new(
            "engineer, read on the house",
            "person",
            &["engineer"],
            vec![Grant { verbs: vec![Verb::Read], ..connect(None) }],
        ),
        Who::new("engineer with overdue training, connect", "person", &["engineer"], own())
            .overdue(),
        Who::new("engineer who left, connect", "person", &["engineer"], own()).gone(),
        Who::new("vendor's engineer, connect", "person", &["engineer"], own())
            .engaged(vendor.0, vendor.1),
    ]
}

/// The same of vendors, engaged for one system by its name, or for something else.
fn vendors_connecting() -> Vec<Who> {
    let own = || vec![connect(Some("people"))];
    let later = NOW.0 + 2_000_000;
    let named = |name, kind: &str, system: &str| {
        let roles: &[&str] = if kind == "person" { &["engineer"] } else { &[] };
        let (vendor, engagement) = engagement("v14", later, |one| {
            one.accounts = Some(vec![0]);
            one.collections = Some(vec![Collection::parse(system).unwrap()]);
            one.verbs = vec![Verb::Connect];
        });
        Who::new(name, kind, roles, own()).engaged(vendor, engagement)
    };
    let reads = engagement("v16", later, |one| {
        (one.accounts, one.collections) = (Some(vec![0]), None);
    });
    vec![
        named("vendor's engineer, connect, engaged", "person", "people"),
        named("vendor's service, connect, engaged", "service", "people"),
        named("vendor's engineer, connect, engaged for another system", "person", "other"),
        named("vendor's engineer, connect, not engaged", "person", "people").disengaged(),
        Who::new("vendor's engineer, connect, engaged to read", "person", &["engineer"], own())
            .engaged(reads.0, reads.1),
    ]
}

/// What is asked of: the name of the column, the account, the collection.
fn resources(action: &Action) -> Vec<(&'static str, u64, Option<Collection>)> {
    let collection = |name: &str| Some(Collection::parse(name).unwrap());
    if ON_COLLECTIONS.contains(&action.name) {
        return vec![
            ("own collection", OWN, collection("own")),
            ("other collection", OWN, collection("other")),
            ("other account", OTHER, collection("own")),
            ("house", 0, collection("people")),
        ];
    }
    vec![("own account", OWN, None), ("other account", OTHER, None), ("house", 0, None)]
}

/// The answer for one cell, and the policies behind it.
fn ask(
    who: &Who,
    authority: &Authority,
    policies: &Policies,
    action: &'static Action,
    (account, collection): (u64, Option<&Collection>),
) -> (String, Vec<String>) {
    let caller = Caller { principal: who.principal.id.clone(), credential: "c".into() };
    match authority.decide(&caller, action, account, collection, None, NOW) {
        Ok(decision) => {
            let names = decision.policies.split(',').map(str::to_owned).collect();
            (decision.policies.replace(',', " + "), names)
        }
        Err(error) => {
            let answer = match error.kind() {
                Kind::Forbidden => "forbidden",
                Kind::NotFound => "not found",
                Kind::Unauthenticated => "no login",
                other => panic!("{}: {}: {other:?}", who.name, action.name),
            };
            let mut behind = Vec::new();
            let held: Vec<_> = who.grants.iter().chain(&who.foreign).map(Some).collect();
            for grant in if held.is_empty() { vec![None] } else { held } {
                let principal = &who.principal;
                let question = Question {
                    principal,
                    action,
                    account,
                    collection,
                    grant,
                    bound: who.bound.as_ref().map(|(vendor, engagement)| Bound {
                        vendor,
                        engagement,
                        sponsored: engagement.sponsor.as_str() == SPONSOR,
                    }),
                    duty: who.duty.unwrap_or(Moment(u64::MAX)),
                    now: NOW,
                };
                let verdict = policies.decide(&question).unwrap();
                assert!(
                    !verdict.allowed,
                    "{} is refused `{}` on {account} {collection:?} by the kernel and not by the \
                     policies with {grant:?}",
                    who.name, action.name
                );
                behind.extend(verdict.policies);
            }
            (answer.to_owned(), behind)
        }
    }
}

/// Cells with who gets them.
type Rows = Vec<(Vec<String>, Vec<&'static str>)>;

/// What was seen of the policies: who was allowed or stopped what by which.
type Behind = BTreeMap<String, BTreeMap<&'static str, BTreeSet<&'static str>>>;

/// Actions of registers by their area. Policies speak of areas, and where none names an action by
/// itself, one action of an area is asked for all of them: asking each would take minutes.
fn areas() -> BTreeMap<&'static str, &'static str> {
    let files = ["invariants", "accounts", "data", "systems", "registers", "portal"];
    let texts =
        files.map(|name| std::fs::read_to_string(folder().join(format!("{name}.cedar"))).unwrap());
    let named = |name: &str| texts.iter().any(|text| text.contains(&format!("\"{name}\"")));
    let all = REGISTERS.iter().flat_map(Register::actions);
    let plain = all.filter(|(action, area)| {
        !named(action.name) && action.verb.is_none() && !["export", "connect"].contains(area)
    });
    plain.map(|(action, area)| (action.name, area)).collect()
}

/// The actions to ask, and which others are answered alike, by the name of the one that is asked.
fn asked() -> (Vec<&'static Action>, BTreeMap<&'static str, Vec<&'static Action>>) {
    let areas = areas();
    let mut same: BTreeMap<&str, &'static Action> = BTreeMap::new();
    let mut alike: BTreeMap<&str, Vec<&'static Action>> = BTreeMap::new();
    let mut asked: Vec<&'static Action> = Vec::new();
    for action in actions() {
        match areas.get(action.name).map(|area| (same.get(area).copied(), *area)) {
            Some((Some(first), _)) => alike.entry(first.name).or_default().push(action),
            Some((None, area)) => {
                same.insert(area, action);
                asked.push(action);
            }
            None => asked.push(action),
        }
    }
    (asked, alike)
}

fn matrix() -> (String, Behind) {
    let policies = domain::policies().unwrap();
    let authority = Authority::new(domain::policies().unwrap());
    let everybody = everybody();
    let sponsor = Principal {
        id: PrincipalId::parse(SPONSOR).unwrap(),
        active: true,
        roles: vec![],
        owner: None,
        vendor: None,
        account: None,
        credentials: vec![],
    };
    authority.apply([Right::Principal(sponsor)]);
    authority.apply(everybody.iter().flat_map(Who::rights));
    let mut behind = Behind::new();
    // Actions with the same answers share a block.
    let mut blocks: Vec<(Vec<String>, String)> = Vec::new();
    let (asked, mut alike) = asked();
    for action in asked {
        let others = alike.remove(action.name).unwrap_or_default();
        let resources = resources(action);
        let (mut allowed, mut refused): (Rows, Rows) = Default::default();
        for who in &everybody {
            let mut row = Vec::new();
            for (_, account, collection) in &resources {
                let resource = (*account, collection.as_ref());
                let (answer, names) = ask(who, &authority, &policies, action, resource);
                for name in names {
                    behind
                        .entry(name)
                        .or_default()
                        .entry(who.name)
                        .or_default()
                        .extend([action.name].into_iter().chain(others.iter().map(|o| o.name)));
                }
                row.push(answer);
            }
            let none = row.iter().all(|cell| REFUSED.contains(&cell.as_str()));
            let rows = if none { &mut refused } else { &mut allowed };
            match rows.iter_mut().find(|(cells, _)| *cells == row) {
                Some((_, names)) => names.push(who.name),
                None => rows.push((row, vec![who.name])),
            }
        }
        let titles = [action].into_iter().chain(others).map(titled);
        let block = block(&resources, allowed, refused);
        match blocks.iter_mut().find(|(_, same)| *same == block) {
            Some((known, _)) => known.extend(titles),
            None => blocks.push((titles.collect(), block)),
        }
    }
    let mut text = HEAD.to_owned();
    for (titles, block) in blocks {
        text.push('\n');
        for title in titles {
            writeln!(text, "== {title}").unwrap();
        }
        text.push_str(&block);
    }
    stops(&mut text, &behind, everybody.len());
    (text, behind)
}

const REFUSED: [&str; 3] = ["forbidden", "not found", "no login"];

const HEAD: &str = "\
Who may do what, derived from the policies in this folder; BAILEE_BLESS=1 writes this file anew.

A cell names the policy that allows, or how it is refused. Grants are for collection `own` of the
account `own` unless the name says otherwise; `everywhere` is every collection of every account.
With `every grant` somebody holds every verb everywhere. A refusal is `not found` where somebody
without a role holds nothing on the account, so that a service cannot find out which accounts there
are.
";

fn titled(action: &Action) -> String {
    let by = match action.verb {
        Some(verb) => format!("verb `{}`", verb.word()),
        None => "no verb".to_owned(),
    };
    let rights = if action.changes_rights { "; changes rights" } else { "" };
    format!("{}  ({by}{rights})", action.name)
}

fn block(resources: &[(&str, u64, Option<Collection>)], allowed: Rows, refused: Rows) -> String {
    let mut text = String::new();
    let columns: Vec<_> = resources.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let rows: Vec<_> = allowed.into_iter().chain(refused).collect();
    let width = |n: usize| {
        let cells = rows.iter().map(|(cells, _)| cells[n].len()).chain([columns[n].len()]);
        cells.max().unwrap() + 2
    };
    let line = |cells: &[String]| -> String {
        let cells = cells.iter().enumerate();
        cells.map(|(n, cell)| format!("{cell:<w$}", w = width(n))).collect()
    };
    writeln!(text, "   {}", line(&columns).trim_end()).unwrap();
    for (cells, names) in &rows {
        writeln!(text, "   {}", line(cells).trim_end()).unwrap();
        wrapped(&mut text, "      ", names.iter().copied(), "; ");
    }
    text
}

/// The forbidding policies, with whom each stopped.
fn stops(text: &mut String, behind: &Behind, everybody: usize) {
    text.push_str(
        "\n== What forbids, whatever grant the kernel picks\n\n\
         Each of these stopped the named ones, also where another rule had refused already.\n",
    );
    for policy in forbids() {
        writeln!(text, "\n   {policy}").unwrap();
        let mut stopped: BTreeMap<&BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
        for (who, actions) in behind.get(&policy).into_iter().flatten() {
            stopped.entry(actions).or_default().push(who);
        }
        for (stopped, who) in stopped {
            if who.len() == everybody {
                writeln!(text, "      everybody").unwrap();
            } else {
                wrapped(text, "      ", who.into_iter(), "; ");
            }
            if stopped.len() == actions().len() {
                writeln!(text, "         from everything").unwrap();
            } else {
                let first = stopped.iter().take(1).map(|name| format!("from {name}"));
                let words: Vec<_> =
                    first.chain(stopped.iter().skip(1).map(ToString::to_string)).collect();
                wrapped(text, "         ", words.iter().map(String::as_str), ", ");
            }
        }
    }
}

fn wrapped<'a>(
    text: &mut String,
    indent: &str,
    words: impl Iterator<Item = &'a str>,
    between: &str,
) {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() && indent.len() + line.len() + between.len() + word.len() > 98 {
            writeln!(text, "{indent}{}", format!("{line}{between}").trim_end()).unwrap();
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(between);
        }
        line.push_str(word);
    }
    writeln!(text, "{indent}{line}").unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../authority")
}

/// The names of the policies that forbid, in the order of the files.
fn forbids() -> Vec<String> {
    let text = std::fs::read_to_string(folder().join("invariants.cedar")).unwrap();
    let names = text.split("@id(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    names.collect()
}

#[test]
fn the_matrix_is_the_golden_one_and_every_policy_decides_something() {
    let (made, behind) = matrix();
    let names = domain::policies().unwrap().names();
    let idle: Vec<_> = names.into_iter().filter(|name| !behind.contains_key(name)).collect();
    assert!(idle.is_empty(), "no row of the matrix rests on {idle:?}");
    let path = folder().join("matrix.txt");
    if std::env::var_os("BAILEE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    for (n, (made, golden)) in made.lines().zip(golden.lines()).enumerate() {
        assert_eq!(made, golden, "line {}: bless a wanted change with BAILEE_BLESS=1", n + 1);
    }
    assert_eq!(made.len(), golden.len(), "bless a wanted change with BAILEE_BLESS=1");
}

#[test]
fn every_action_is_declared_once_and_is_in_the_schema() {
    let listed: BTreeSet<_> = actions().iter().map(|action| action.name.to_owned()).collect();
    assert_eq!(listed.len(), actions().len(), "an action stands twice");
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let schema = read("schema.cedarschema") + &read("registers.cedarschema");
    assert_eq!(listed, in_schema(&schema));
    let mut declared = BTreeSet::new();
    in_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut declared);
    let known: BTreeSet<_> =
        listed.into_iter().chain(by_itself().into_iter().map(str::to_owned)).collect();
    assert_eq!(declared, known);
}

/// Quoted names between `action` and `in` or `appliesTo`.
fn in_schema(schema: &str) -> BTreeSet<String> {
    let code: String =
        schema.lines().map(|line| line.split("//").next().unwrap().to_owned() + "\n").collect();
    let mut names = BTreeSet::new();
    for declared in code.split("action ").skip(1) {
        let end = declared.find("appliesTo").unwrap_or(0);
        names.extend(declared[..end].split('"').skip(1).step_by(2).map(str::to_owned));
    }
    names
}

/// Names in `act!`, and of rows and steps, in every source file.
fn in_source(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            in_source(&path, names);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for declared in text.split("\nact!(").skip(1) {
            let name = declared.split('"').nth(1).unwrap().to_owned();
            assert!(names.insert(name.clone()), "`{name}` is declared twice");
        }
        // Rows and steps name theirs in constants; reading and listing may share one.
        for constant in ["ADD", "READ", "LIST", "ACTION"] {
            for declared in text.split(&format!("const {constant}: &'static str = \"")).skip(1) {
                let name = declared.split('"').next().unwrap().to_owned();
                let shared = !names.insert(name.clone()) && constant != "LIST";
                assert!(!shared, "`{name}` is declared twice");
            }
        }
    }
}
