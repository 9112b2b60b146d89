//! What an account's own administrator does about its auditors: invites them, sends them another
//! link, and dismisses them. Each is an operation on the account, and an entry of its own ledger.

use super::sessions::{Link, LinkLife, invite};
use super::{Member, NewMember, Part, end, of_account};
use crate::accounts::Account;
use crate::register::{self, Day, Kept, Mark, Row, When, act, line};
use kernel::engine::Wants;
use kernel::id::{AccountId, Name, PrincipalId};
use kernel::{Act, After, Error, Kernel, Operation, RecordKey, Result, Target, Work};
use schemars::JsonSchema;
use serde::Deserialize;

act!(
    /// Inviting an auditor.
    Inviting, "member.invite", None, true
);
act!(
    /// Sending an auditor another link.
    Renewing, "member.renew", None, true
);
act!(
    /// Dismissing an auditor.
    Dismissing, "member.dismiss", None, true
);

/// An auditor to be invited.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAuditor {
    /// The unique name, which begins with the account and a dot: `acme.ana`.
    pub name: String,
    /// The name people use.
    pub full_name: String,
    /// The address.
    pub email: String,
    /// Last day it may act, at most 366 days ahead.
    pub until: Day,
    /// The firm it works for.
    pub firm: String,
    /// How it declares that it is independent of provider and subscriber.
    pub independence: String,
}

/// Invites an auditor, and makes its first link.
pub struct InviteAuditor {
    account: Of,
    register: RecordKey,
    name: Name,
    new: NewMember,
    life: LinkLife,
}

impl InviteAuditor {
    /// To this account.
    ///
    /// # Errors
    /// `NotFound` if there is no such account; `Invalid` for a name that is none.
    pub fn new(
        kernel: &Kernel,
        account: &AccountId,
        new: NewAuditor,
        life: LinkLife,
    ) -> Result<Self> {
        let name = Name::parse(&new.name)?;
        let register = register::key::<Account>(kernel, account.as_str())?;
        let new = NewMember {
            name: new.name,
            account: account.to_string(),
            full_name: new.full_name,
            email: new.email,
            part: Part::Auditor,
            until: Some(new.until),
            firm: Some(new.firm),
            independence: Some(new.independence),
        };
        Ok(Self { account: Of::new(kernel, account, &name)?, register, name, new, life })
    }
}

impl Operation for InviteAuditor {
    type Output = Link;

    fn target(&self) -> Target {
        self.account.target::<Inviting>()
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.account.member);
        wants.record(&self.register);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Link>> {
        let allowed = work.load::<Inviting>(&self.account.member)?;
        if allowed.version() > 0 {
            let why = format!("member `{}` exists or existed: choose another name", self.name);
            return Err(Error::conflict(why));
        }
        let missing = || Error::internal("an account without a register entry");
        let account = work.look(&self.register)?.ok_or_else(missing)?;
        let mark = mark(work);
        let row = self.new.row(register::parse(&account)?, mark.clone())?;
        let (format, id) = (Member::FORMAT.to_owned(), self.name.to_string());
        let mut kept = Kept { format, id, added: mark, row };
        let holder = PrincipalId::member(&self.name);
        let (link, mut fields) = invite(&mut kept, holder, self.life, work)?;
        fields.push(("account", kept.row.account.clone()));
        work.save(allowed, register::body(&kept)?, fields)?;
        self.account.note::<Inviting>(work, &kept);
        Ok(After::now(link))
    }
}

/// Makes another link for an auditor of the account.
pub struct RenewAuditor {
    account: Of,
    name: Name,
    life: LinkLife,
}

impl RenewAuditor {
    /// The auditor of this name, of this account.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, account: &AccountId, name: &Name, life: LinkLife) -> Result<Self> {
        Ok(Self { account: Of::new(kernel, account, name)?, name: name.clone(), life })
    }
}

impl Operation for RenewAuditor {
    type Output = Link;

    fn target(&self) -> Target {
        self.account.target::<Renewing>()
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.account.member);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Link>> {
        let member = &self.account.member;
        let (allowed, mut kept) = register::load::<Kept<Member>, Renewing>(work, member)?;
        of_account(&kept, self.account.slot)?;
        let holder = PrincipalId::member(&self.name);
        let (link, fields) = invite(&mut kept, holder, self.life, work)?;
        work.save(allowed, register::body(&kept)?, fields)?;
        self.account.note::<Renewing>(work, &kept);
        Ok(After::now(link))
    }
}

/// Ends an auditor of the account.
pub struct DismissAuditor {
    account: Of,
    reason: String,
}

impl DismissAuditor {
    /// The auditor of this name, of this account, for this reason.
    ///
    /// # Errors
    /// `NotFound` if there is no such account; `Invalid` without a reason of 1 to 500 bytes.
    pub fn new(kernel: &Kernel, account: &AccountId, name: &Name, reason: &str) -> Result<Self> {
        let reason = line("reason", reason, 500)?;
        Ok(Self { account: Of::new(kernel, account, name)?, reason })
    }
}

impl Operation for DismissAuditor {
    type Output = Kept<Member>;

    fn target(&self) -> Target {
        self.account.target::<Dismissing>()
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.account.member);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Kept<Member>>> {
        let member = &self.account.member;
        let (allowed, mut kept) = register::load::<Kept<Member>, Dismissing>(work, member)?;
        of_account(&kept, self.account.slot)?;
        end(&mut kept.row, mark(work))?;
        let fields = vec![("reason", self.reason.clone())];
        work.save(allowed, register::body(&kept)?, fields)?;
        self.account.note::<Dismissing>(work, &kept);
        Ok(After::now(kept))
    }
}

/// The account, and the row of the member in `house`.
struct Of {
    slot: u64,
    member: RecordKey,
}

impl Of {
    fn new(kernel: &Kernel, account: &AccountId, name: &Name) -> Result<Self> {
        let member = register::key::<Kept<Member>>(kernel, name.as_str())?;
        Ok(Self { slot: kernel.slot(account)?, member })
    }

    fn target<A: Act>(&self) -> Target {
        Target { action: A::ACTION, account: self.slot, collection: None }
    }

    /// The entry in the account's own ledger.
    fn note<A: Act>(&self, work: &mut Work<'_>, kept: &Kept<Member>) {
        let mut fields = vec![("member", kept.id.clone())];
        if let Some(firm) = &kept.row.firm {
            fields.push(("firm", firm.clone()));
        }
        work.note(self.slot, A::ACTION.name, fields);
    }
}

fn mark(work: &Work<'_>) -> Mark {
    Mark { by: work.caller().principal.to_string(), at: When(work.now()) }
}
