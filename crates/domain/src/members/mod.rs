//! Members: a subscriber's own people, who act for their account and nowhere else.
//!
//! An administrator of an account steers what is about it; an auditor is a named, independent
//! third party with an end. Neither reaches Service Data here. A member's right is the row itself:
//! it counts from the next operation on, and no credential outlives its last day.

mod devices;
mod hearing;
mod invite;
mod logout;
mod once;
mod own;
mod passkeys;
mod passwords;
mod sessions;

pub use devices::{ApproveDevice, Approving, DEVICE_LIFE, LENGTH, LETTERS};
pub use hearing::{Hear, Heard};
pub use invite::{
    DismissAuditor, Dismissing, InviteAuditor, Inviting, NewAuditor, RenewAuditor, Renewing,
};
pub use logout::{LoggedOut, Logout};
pub use once::{ANYTHING, Once, UseNonce, UsingNonce};
pub use passkeys::{
    AddPasskey, Asked, EndPasskey, Ending, FRESH, LookPasskeys, Looking, Made, Making, OwnPasskey,
    OwnPasskeys,
};
pub use passwords::{SetPassword, Setting, password_hash};
pub use sessions::{
    BeginSession, EndSession, IssueLink, LINK_LIFE, Link, LinkLife, LinkMember, LinkPerson,
    SESSION_LIFE, Session, SessionBegins, SessionEnds, Signed, User, link, linked,
};

use crate::accounts::Account;
use crate::people::{StoredCredential, credentials, end_all};
use crate::register::{
    At, Day, Entry, Kept, Mark, Needs, Register, Row, Status, Step, Tone, When, line, prose, step,
};
use kernel::authority::Principal;
use kernel::id::{AccountId, Name, PrincipalId};
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Days an auditor may be a member before somebody names it again.
pub const AUDITOR_DAYS: u32 = 366;

/// What a member is to its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "MemberPart")]
pub enum Part {
    /// One of the subscriber's own people: requests, elects, and invites auditors.
    Administrator,
    /// An independent third party, for a while: sees what the subscriber sees, and requests.
    Auditor,
}

impl Part {
    /// The role as policies know it.
    pub fn role(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
        }
    }
}

/// A member of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// The account, by its readable id.
    pub account: String,
    /// The account's slot: where its log is.
    pub slot: u64,
    /// The name people use.
    pub full_name: String,
    /// The address.
    pub email: String,
    /// What the member is to the account.
    pub part: Part,
    /// Last day it may act, if there is one; auditors always have one.
    pub until: Option<Day>,
    /// The firm an auditor works for.
    pub firm: Option<String>,
    /// How an auditor declares that it is independent of the provider and of the subscriber.
    pub independence: Option<String>,
    /// When it was declared, and who entered that.
    pub declared: Option<Mark>,
    /// Its credentials: links and sessions, by hash.
    pub credentials: Vec<StoredCredential>,
    /// When it ended before its time, if it did.
    pub ended: Option<Mark>,
}

impl Member {
    /// The member as far as rights go.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn principal(&self, name: &str) -> Result<Principal> {
        Ok(Principal {
            id: PrincipalId::member(&Name::parse(name)?),
            active: self.ended.is_none(),
            roles: vec![self.part.role().to_owned()],
            owner: None,
            vendor: None,
            account: Some(self.slot),
            credentials: credentials(&self.credentials)?,
        })
    }

    /// Whether it may act at this moment.
    pub fn active(&self, now: Moment) -> bool {
        self.ended.is_none() && self.until.is_none_or(|until| now < until.end())
    }
}

/// A member to be added.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// The unique name, which begins with the account and a dot: `acme.ana`.
    pub name: String,
    /// The account, by its readable id.
    pub account: String,
    /// The name people use.
    pub full_name: String,
    /// The address.
    pub email: String,
    /// What the member is to the account.
    pub part: Part,
    /// Last day it may act; at most 366 days ahead, and required for an auditor.
    pub until: Option<Day>,
    /// The firm an auditor works for; required for an auditor.
    pub firm: Option<String>,
    /// How an auditor declares that it is independent of provider and subscriber; required for one.
    pub independence: Option<String>,
}

impl NewMember {
    /// The row, as the account stands.
    fn row(&self, account: Account, mark: Mark) -> Result<Member> {
        let optional = |field, text: &Option<String>, most| {
            text.as_ref().map(|text| prose(field, text, most)).transpose()
        };
        let now = mark.at.0;
        belongs(&self.name, &account.id)?;
        let auditor = self.part == Part::Auditor;
        check_until(self.until, auditor, now)?;
        for (field, text) in [("firm", &self.firm), ("independence", &self.independence)] {
            match (auditor, text) {
                (true, None) => return Err(Error::invalid(field, "an auditor states it")),
                (false, Some(_)) => return Err(Error::invalid(field, "only an auditor has one")),
                _ => {}
            }
        }
        Ok(Member {
            account: account.id,
            slot: account.slot,
            full_name: line("full_name", &self.full_name, 200)?,
            email: address("email", &self.email)?,
            part: self.part,
            until: self.until,
            firm: self.firm.as_ref().map(|firm| line("firm", firm, 200)).transpose()?,
            independence: optional("independence", &self.independence, 2000)?,
            declared: auditor.then_some(mark),
            credentials: vec![],
            ended: None,
        })
    }
}

impl Row for Member {
    const NOUN: &'static str = "member";
    const REGISTER: &'static str = "members";
    const FORMAT: &'static str = "member/v1";
    const ADD: &'static str = "member.add";
    const READ: &'static str = "member.read";
    const LIST: &'static str = "member.list";
    const RIGHTS: bool = true;
    type New = NewMember;

    fn id(new: &NewMember) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(new: &NewMember, needs: &mut Needs<'_>) -> Result<()> {
        AccountId::parse(&new.account)?;
        needs.noun::<Account>(&new.account)
    }

    fn add(new: &NewMember, at: &mut At<'_, '_>) -> Result<Self> {
        let account = at.find_noun::<Account>(&new.account)?.ok_or_else(|| {
            let id = kernel::id::shown(&new.account);
            Error::invalid("account", format!("there is no account `{id}`"))
        })?;
        at.tell("account", account.id.clone());
        new.row(account, at.mark())
    }

    fn status(&self, now: Moment) -> Status {
        let can_act = self.credentials.iter().any(|one| one.ended.is_none() && one.expires > now.0);
        match self.until {
            _ if self.ended.is_some() => Status::of("ended", Tone::Past),
            Some(until) if until.end() <= now => Status::of("expired", Tone::Past)
                .what("its last day is over: name it again if it goes on"),
            until => {
                let word = if can_act { "active" } else { "named" };
                let status = Status::of(word, Tone::Good);
                until.map_or(status.clone(), |until| status.due(until.end()))
            }
        }
    }
}

/// Names an auditor again, or sets a member's last day.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// The new last day, at most 366 days ahead.
    pub until: Day,
    /// The declaration of independence anew; required for an auditor.
    pub independence: Option<String>,
}

impl Step<Member> for Extend {
    const ACTION: &'static str = "member.extend";

    fn apply(&self, row: &mut Member, at: &mut At<'_, '_>) -> Result<()> {
        still_there(row)?;
        check_until(Some(self.until), true, at.now())?;
        if row.part == Part::Auditor {
            let text = self.independence.as_deref().unwrap_or_default();
            row.independence = Some(prose("independence", text, 2000)?);
            row.declared = Some(at.mark());
        }
        row.until = Some(self.until);
        let end = self.until.end().0;
        for credential in &mut row.credentials {
            credential.expires = credential.expires.min(end);
        }
        Ok(())
    }
}

/// Ends a member: every link and session ends at once.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Member> for End {
    const ACTION: &'static str = "member.end";

    fn apply(&self, row: &mut Member, at: &mut At<'_, '_>) -> Result<()> {
        at.tell("reason", line("reason", &self.reason, 500)?);
        end(row, at.mark())
    }
}

fn end(row: &mut Member, mark: Mark) -> Result<()> {
    still_there(row)?;
    let When(now) = mark.at;
    row.ended = Some(mark);
    end_all(&mut row.credentials, now);
    Ok(())
}

fn still_there(row: &Member) -> Result<()> {
    match &row.ended {
        Some(mark) => Err(Error::conflict(format!("this member was ended by `{}`", mark.by))),
        None => Ok(()),
    }
}

/// The member of this name and account, as an operation of the account finds it: what belongs to
/// another account is not there.
fn of_account(kept: &Kept<Member>, slot: u64) -> Result<()> {
    match kept.row.slot == slot && kept.row.part == Part::Auditor {
        true => Ok(()),
        false => Err(Error::not_found(format!("no auditor `{}` of this account", kept.id))),
    }
}

/// A member's name begins with its account, so that no account can take another's names. Of a long
/// id the first 40 characters are enough, and what a name cannot begin with is left out.
fn belongs(name: &str, account: &str) -> Result<()> {
    let account = account.get(..40).unwrap_or(account).trim_start_matches(['-', '_']);
    let rest = name.strip_prefix(account).and_then(|rest| rest.strip_prefix('.'));
    match rest {
        Some(rest) if !rest.is_empty() => Ok(()),
        _ => Err(Error::invalid("name", format!("begin it with `{account}.`"))),
    }
}

fn check_until(until: Option<Day>, required: bool, now: Moment) -> Result<()> {
    let today = Day::of(now);
    match until {
        Some(day) if day < today || day > today.plus(AUDITOR_DAYS) => {
            let why = format!("name a day from today to {AUDITOR_DAYS} days ahead");
            Err(Error::invalid("until", why))
        }
        None if required => Err(Error::invalid("until", "an auditor has a last day: name it")),
        _ => Ok(()),
    }
}

/// An address with one `@` and a domain that has a dot.
///
/// # Errors
/// `Invalid` with the field.
pub fn address(field: &'static str, text: &str) -> Result<String> {
    let text = line(field, text, 254)?.to_lowercase();
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c.is_whitespace() || "@<>,;\"()[]\\".contains(c))
    };
    let domain = |part: &str| {
        let label = |label: &str| {
            let named = |c: char| c.is_alphanumeric() || c == '-';
            !label.is_empty() && label.chars().all(named)
        };
        part.contains('.') && part.split('.').all(label)
    };
    match text.split_once('@') {
        Some((local, host)) if plain(local) && plain(host) && domain(host) => Ok(text),
        _ => Err(Error::invalid(field, "write one address, such as `ana@acme.example`")),
    }
}

const STEPS: &[Entry] = &[
    step::<Member, Extend>("extend", "Sets the last day anew; an auditor declares itself again"),
    step::<Member, End>("end", "Ends the member, and every link and session with it"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Member>(
    "team",
    "Subscribers' own administrators and auditors, each for one account",
)
.serves(&["E3.1", "E3.2"])
.first("Add a member of an account: its administrator, or an auditor with an end")
.columns(&["account", "full_name", "part", "until"])
.steps(STEPS);
