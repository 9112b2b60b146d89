//! People: one identity per person, never used again, with roles that give eligibility and never
//! access.
//!
//! A person's bearer tokens are credentials of that person; only their hashes are kept. Leaving is
//! one door: it ends every credential at once, and with them whatever rested on them.

mod changing;
mod code;
mod credentials;
mod encoding;
mod identity;
mod moving;
mod passkey;
mod told;
mod vendor;
mod workload;

pub(crate) use changing::{by_request, others, refused};
pub use code::{SECRET, STEP, Totp};
pub use credentials::{
    Holder, IssueTo, Issued, StoredCredential, Use, add, certificate_hash, credentials, end_all,
    end_one, issue,
};
pub(crate) use encoding::from_base32;
pub use encoding::{base32, hex, unhex};
pub(crate) use identity::end_provider_session;
pub use identity::{Bind, BindPerson, Bound, IDENTITY_LIFE, Identity, SignedIn};
pub use moving::{Moved, Moving, eligible};
pub(crate) use moving::{known_roles, stated_reason};
pub(crate) use passkey::live as live_passkeys;
pub use passkey::{Passkey, Proof};
pub use told::{By, Happened, TOLD, Told};
pub(crate) use told::{tell, tell_by, word_of};
pub use vendor::check_vendor;
pub use workload::Workload;

use crate::register::{self, Noun, act};
use kernel::authority::{Authority, Principal};
use kernel::engine::Wants;
use kernel::id::{Name, PrincipalId};
use kernel::{
    Act, After, Allowed, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work,
    on_house,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

act!(
    /// Taking a person in.
    Create, "person.create", None, true
);
act!(
    /// A person leaves.
    End, "person.end", None, true
);
act!(
    /// Issuing another token to a person.
    Token, "person.token", None, true
);
act!(
    /// Looking at a person.
    Look, "person.read", None, false
);
act!(
    /// Listing people.
    ListPeople, "person.list", None, false
);

/// The job that follows when somebody left, moved or ended: what rested on them is brought up to
/// date in the registers.
pub const LEFT: &str = "person.left";

/// How long a person's token counts.
pub const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The roles there are, with what each is eligible for.
pub const ROLES: [(&str, &str); 9] = [
    ("administrator", "people, services, grants; never Service Data"),
    ("security-lead", "the board of measures and every register of the programme"),
    ("responder", "incidents, the on-call rota, exposure"),
    ("approver", "second signatures"),
    ("vendor-manager", "vendors, engagements, destinations, sites"),
    ("counsel", "holds, notices, reports"),
    ("auditor", "ledgers with openings, registers, measures; never Service Data"),
    ("engineer", "grants of every verb"),
    ("support", "grants to read"),
];

/// Roles whose holders approve access and changes, as the policy `access-by-role` names them.
pub const APPROVERS: [&str; 3] = ["approver", "security-lead", "administrator"];

/// A person as the register keeps it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Person {
    /// `person/v1`.
    pub format: String,
    /// The unique name.
    pub name: String,
    /// The name people use.
    pub full_name: Option<String>,
    /// An address.
    pub email: Option<String>,
    /// The roles.
    pub roles: Vec<String>,
    /// When they joined, µs since 1970.
    pub joined: u64,
    /// When they left, if they did.
    pub left: Option<u64>,
    /// Their credentials.
    pub credentials: Vec<StoredCredential>,
    /// The vendor they work for, if it is not the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Changes of their roles, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Moved>,
}

impl Noun for Person {
    const REGISTER: &'static str = "people";
    const NOUN: &'static str = "person";
    type Read = Look;
    type List = ListPeople;
}

impl Person {
    /// Since when they have the roles that they have.
    pub fn roles_since(&self) -> Moment {
        Moment(self.moves.last().map_or(self.joined, |moved| moved.at))
    }

    /// The person as far as rights go.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn principal(&self) -> Result<Principal> {
        Ok(Principal {
            id: PrincipalId::person(&Name::parse(&self.name)?),
            active: self.left.is_none(),
            roles: self.roles.clone(),
            owner: None,
            vendor: self.vendor.clone(),
            account: None,
            credentials: credentials(&self.credentials)?,
        })
    }
}

/// Takes a person in.
pub struct CreatePerson {
    person: Person,
    key: RecordKey,
}

impl CreatePerson {
    /// With these roles.
    ///
    /// # Errors
    /// `Invalid` for a name or role that is none.
    pub fn new(
        kernel: &Kernel,
        name: &str,
        full_name: Option<String>,
        email: Option<String>,
        roles: Vec<String>,
    ) -> Result<Self> {
        let name = Name::parse(name)?;
        known_roles(&roles)?;
        for (field, text) in [("full_name", &full_name), ("email", &email)] {
            if text.as_ref().is_some_and(|t| t.len() > 200 || t.chars().any(char::is_control)) {
                return Err(Error::invalid(
                    field,
                    "use at most 200 bytes and no control characters",
                ));
            }
        }
        let key = register::key::<Person>(kernel, name.as_str())?;
        let person = Person {
            format: "person/v1".to_owned(),
            name: name.to_string(),
            full_name,
            email,
            roles,
            joined: 0,
            left: None,
            credentials: vec![],
            vendor: None,
            moves: vec![],
        };
        Ok(Self { person, key })
    }

    /// Who works for this vendor.
    #[must_use]
    pub fn with_vendor(mut self, vendor: &str) -> Self {
        self.person.vendor = Some(vendor.to_owned());
        self
    }
}

impl Operation for CreatePerson {
    type Output = Issued<Person>;

    fn target(&self) -> Target {
        on_house(Create::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Issued<Person>>> {
        let allowed = work.load::<Create>(&self.key)?;
        if allowed.version() > 0 {
            return Err(Error::conflict(format!(
                "person `{}` exists or existed: names are never used again, choose another",
                self.person.name
            )));
        }
        check_vendor(work, self.person.vendor.as_deref())?;
        if changing::approving(&self.person.roles) && by_request(work)? {
            let why = format!(
                "take them in without a role that approves, then give it: {}",
                refused("person.move").message()
            );
            return Err(Error::forbidden(why));
        }
        let (token, credential) = issue(work.random()?, work.now(), TOKEN_LIFE);
        let mut issued = vec![("issued", credential.id.clone())];
        issued.extend(self.person.vendor.clone().map(|vendor| ("vendor", vendor)));
        let mut row = self.person.clone();
        row.joined = work.now().0;
        row.credentials.push(credential);
        work.save(allowed, register::body(&row)?, issued)?;
        Ok(After::now(Issued { row, token }))
    }
}

/// A person leaves: every credential ends at once.
pub struct EndPerson {
    key: RecordKey,
}

impl EndPerson {
    /// The person of this name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, name: &Name) -> Result<Self> {
        Ok(Self { key: register::key::<Person>(kernel, name.as_str())? })
    }
}

impl Operation for EndPerson {
    type Output = Person;

    fn target(&self) -> Target {
        on_house(End::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Person>> {
        let (allowed, row) = register::load::<Person, End>(work, &self.key)?;
        leave(work, allowed, row).map(After::now)
    }
}

/// The one door out, whatever the cause: every credential ends, nothing of them counts from this
/// commit on, and what rested on them is settled by the job that follows.
///
/// # Errors
/// `Conflict` if they left already, or are the last administrator.
pub(crate) fn leave<A: Act>(
    work: &mut Work<'_>,
    allowed: Allowed<A>,
    mut row: Person,
) -> Result<Person> {
    if row.left.is_some() {
        return Err(Error::conflict(format!("person `{}` left already", row.name)));
    }
    let others = administrators(work.rights()?) > 1;
    if row.roles.iter().any(|role| role == "administrator") && !others {
        return Err(Error::conflict(
            "the last administrator cannot leave: take in another one first",
        ));
    }
    row.left = Some(work.now().0);
    end_all(&mut row.credentials, work.now());
    work.save(allowed, register::body(&row)?, vec![("outcome", "left".to_owned())])?;
    work.later(work.now(), HOUSE, LEFT, &row.name);
    tell(work, &row.name, Happened::SessionsEnded)?;
    Ok(row)
}

impl Holder for Person {
    type Token = Token;
    const TOKEN_LIFE: Duration = TOKEN_LIFE;

    fn gone(&self) -> bool {
        self.left.is_some()
    }

    fn credentials(&mut self) -> &mut Vec<StoredCredential> {
        &mut self.credentials
    }
}

/// Issues another token to a person.
pub type IssueToken = IssueTo<Person>;

/// Active administrators at this moment. A subscriber's administrators and a vendor's people with
/// that role administer nothing here.
pub fn administrators(rights: &Authority) -> usize {
    let all = rights.principals();
    // A subscriber's own administrators are none of the provider's.
    let is = |principal: &&std::sync::Arc<Principal>| {
        let own = principal.account.is_none() && principal.vendor.is_none();
        own && principal.active && principal.roles.iter().any(|role| role == "administrator")
    };
    all.iter().filter(is).count()
}

/// The first administrator of a new store, with the token that is printed once.
///
/// # Errors
/// `Internal` if it has no JSON form.
pub fn first_administrator(random: [u8; 40], now: Moment) -> Result<(String, Vec<u8>, String)> {
    let (token, credential) = issue(random, now, TOKEN_LIFE);
    let person = Person {
        format: "person/v1".to_owned(),
        name: "admin".to_owned(),
        full_name: None,
        email: None,
        roles: vec!["administrator".to_owned()],
        joined: now.0,
        left: None,
        credentials: vec![credential],
        vendor: None,
        moves: vec![],
    };
    let body =
        serde_json::to_vec(&person).map_err(|error| Error::internal(format!("person: {error}")))?;
    Ok((person.name, body, token))
}
