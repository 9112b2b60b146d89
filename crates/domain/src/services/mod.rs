//! Services: machines that act, each with an owner who answers for it.

use crate::people::{
    self, Happened, Holder, Issued, LEFT, StoredCredential, Use, Workload, add, check_vendor,
    credentials, end_all, end_one, hex, issue,
};
use crate::register::{self, Noun, act};
use kernel::authority::{Denied, Principal};
use kernel::engine::Wants;
use kernel::id::{Name, PrincipalId};
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Replay, Result, Target, Work, on_house,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

act!(
    /// Taking a service in.
    Create, "service.create", None, true
);
act!(
    /// Ending a service.
    End, "service.end", None, true
);
act!(
    /// Issuing another token to a service.
    Token, "service.token", None, true
);
act!(
    /// Binding a service to what a platform says of a program.
    Bind, "service.bind", None, true
);
act!(
    /// Ending one token.
    EndToken, "token.end", None, true
);
act!(
    /// Looking at a service.
    Look, "service.read", None, false
);
act!(
    /// Listing services.
    ListServices, "service.list", None, false
);

/// How long a service's token counts.
pub const TOKEN_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// A service as the register keeps it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Service {
    /// `service/v1`.
    pub format: String,
    /// The unique name.
    pub name: String,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// When it was taken in, µs since 1970.
    pub created: u64,
    /// When it ended, if it did.
    pub ended: Option<u64>,
    /// Its credentials.
    pub credentials: Vec<StoredCredential>,
    /// The vendor that runs it, if it is not the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
}

impl Noun for Service {
    const REGISTER: &'static str = "services";
    const NOUN: &'static str = "service";
    type Read = Look;
    type List = ListServices;
}

impl Service {
    /// The service as far as rights go.
    ///
    /// # Errors
    /// `Internal` if a stored value has another form.
    pub fn principal(&self) -> Result<Principal> {
        Ok(Principal {
            id: PrincipalId::service(&Name::parse(&self.name)?),
            active: self.ended.is_none(),
            roles: vec![],
            owner: Some(PrincipalId::parse(&self.owner)?),
            vendor: self.vendor.clone(),
            account: None,
            credentials: credentials(&self.credentials)?,
        })
    }
}

/// Takes a service in and issues its first token.
pub struct CreateService {
    name: Name,
    owner: Option<PrincipalId>,
    vendor: Option<String>,
    key: RecordKey,
}

impl CreateService {
    /// Owned by this person, or by whoever creates it.
    ///
    /// # Errors
    /// `Invalid` for a name or owner that is none.
    pub fn new(kernel: &Kernel, name: &str, owner: Option<&str>) -> Result<Self> {
        let name = Name::parse(name)?;
        let owner = owner.map(PrincipalId::parse).transpose()?;
        let key = register::key::<Service>(kernel, name.as_str())?;
        Ok(Self { name, owner, vendor: None, key })
    }

    /// Run by this vendor.
    #[must_use]
    pub fn with_vendor(mut self, vendor: &str) -> Self {
        self.vendor = Some(vendor.to_owned());
        self
    }
}

impl Operation for CreateService {
    type Output = Issued<Service>;

    fn target(&self) -> Target {
        on_house(Create::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Issued<Service>>> {
        let allowed = work.load::<Create>(&self.key)?;
        if allowed.version() > 0 {
            return Err(Error::conflict(format!(
                "service `{}` exists or existed: names are never used again, choose another",
                self.name
            )));
        }
        let owner = self.owner.as_ref().unwrap_or(&work.caller().principal).clone();
        let known = work.rights()?.principal(&owner).is_some_and(|owner| owner.active);
        if !known || owner.parts().0 != "person" {
            return Err(Error::invalid("owner", format!("`{owner}` is no active person")));
        }
        check_vendor(work, self.vendor.as_deref())?;
        let (token, credential) = issue(work.random()?, work.now(), TOKEN_LIFE);
        let mut fields = vec![("issued", credential.id.clone()), ("owner", owner.to_string())];
        fields.extend(self.vendor.clone().map(|vendor| ("vendor", vendor)));
        let row = Service {
            format: "service/v1".to_owned(),
            name: self.name.to_string(),
            owner: owner.to_string(),
            created: work.now().0,
            ended: None,
            credentials: vec![credential],
            vendor: self.vendor.clone(),
        };
        work.save(allowed, register::body(&row)?, fields)?;
        Ok(After::now(Issued { row, token }))
    }
}

/// Ends a service: every credential ends at once.
pub struct EndService {
    key: RecordKey,
}

impl EndService {
    /// The service of this name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, name: &Name) -> Result<Self> {
        Ok(Self { key: register::key::<Service>(kernel, name.as_str())? })
    }
}

impl Operation for EndService {
    type Output = Service;

    fn target(&self) -> Target {
        on_house(End::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Service>> {
        let (allowed, mut row) = register::load::<Service, End>(work, &self.key)?;
        if row.ended.is_some() {
            return Err(Error::conflict(format!("service `{}` ended already", row.name)));
        }
        row.ended = Some(work.now().0);
        end_all(&mut row.credentials, work.now());
        work.save(allowed, register::body(&row)?, vec![])?;
        work.later(work.now(), HOUSE, LEFT, &row.name);
        Ok(After::now(row))
    }
}

impl Holder for Service {
    type Token = Token;
    const TOKEN_LIFE: Duration = TOKEN_LIFE;

    fn gone(&self) -> bool {
        self.ended.is_some()
    }

    fn credentials(&mut self) -> &mut Vec<StoredCredential> {
        &mut self.credentials
    }
}

/// How long a binding counts; then it is bound anew.
pub const WORKLOAD_LIFE: Duration = Duration::from_secs(5 * 366 * 86_400);

/// Binds a service to what a platform says of a program, whose tokens are then taken as its own.
pub struct BindService {
    key: RecordKey,
    workload: Workload,
}

impl BindService {
    /// The service of this name.
    ///
    /// # Errors
    /// `Invalid` with the field.
    pub fn new(kernel: &Kernel, name: &Name, workload: Workload) -> Result<Self> {
        workload.check()?;
        Ok(Self { key: register::key::<Service>(kernel, name.as_str())?, workload })
    }
}

impl Operation for BindService {
    type Output = StoredCredential;

    fn target(&self) -> Target {
        on_house(Bind::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<StoredCredential>> {
        let now = work.now();
        let (allowed, mut row) = register::load::<Service, Bind>(work, &self.key)?;
        if row.ended.is_some() {
            return Err(Error::conflict(format!("service `{}` ended: nothing is it", row.name)));
        }
        let hash = self.workload.hash();
        if !matches!(work.rights()?.workload(&hash, now), Err(Denied::Unknown)) {
            return Err(Error::conflict("this is a service's already: end it there first"));
        }
        let (_, issued) = issue(work.random()?, now, WORKLOAD_LIFE);
        let credential = StoredCredential {
            hash: hex(&hash),
            used_for: Use::Workload,
            workload: Some(self.workload.clone()),
            ..issued
        };
        add(&mut row.credentials, credential.clone(), now)?;
        let claims = self.workload.claims.iter().map(|(name, value)| format!("{name}={value}"));
        let fields = vec![
            ("issued", credential.id.clone()),
            ("issuer", self.workload.issuer.clone()),
            ("audience", self.workload.audience.clone()),
            ("claims", claims.collect::<Vec<_>>().join(" ")),
        ];
        work.save(allowed, register::body(&row)?, fields)?;
        Ok(After::now(credential))
    }
}

/// Issues another token to a service.
pub type IssueToken = people::IssueTo<Service>;

/// Ends one token of a person or a service.
pub struct RevokeToken {
    key: RecordKey,
    token: String,
    of_person: bool,
}

impl RevokeToken {
    /// The token with this id, of this principal.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, of: &PrincipalId, token: &str) -> Result<Self> {
        let (kind, name) = of.parts();
        let of_person = kind == "person";
        let key = match of_person {
            true => register::key::<people::Person>(kernel, name)?,
            false => register::key::<Service>(kernel, name)?,
        };
        Ok(Self { key, token: token.to_owned(), of_person })
    }
}

impl Operation for RevokeToken {
    type Output = ();

    fn target(&self) -> Target {
        on_house(EndToken::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let now = work.now();
        let fields = vec![("ended", self.token.clone())];
        if self.of_person {
            let (allowed, mut row) = register::load::<people::Person, EndToken>(work, &self.key)?;
            let passkey =
                people::live_passkeys(&row.credentials, now).find(|one| one.id == self.token);
            let bound =
                passkey.and_then(|one| one.passkey.as_ref()).map(|one| !one.backup_eligible);
            end_one(&mut row.credentials, &self.token, now)?;
            work.save(allowed, register::body(&row)?, fields)?;
            if let Some(bound) = bound {
                people::tell(work, &row.name, Happened::PasskeyEnded { bound })?;
            }
        } else {
            let (allowed, mut row) = register::load::<Service, EndToken>(work, &self.key)?;
            end_one(&mut row.credentials, &self.token, now)?;
            work.save(allowed, register::body(&row)?, fields)?;
        }
        Ok(After::now(()))
    }

    fn replay(&self, _first: &Replay) -> Result<()> {
        Ok(())
    }
}
