//! A grant of a person as if it had been asked for and approved, for tests of what rests on it.
//!
//! People are given no grants directly; how they get one is tested where requests are.

use domain::grants::{Create, Grant, Wish};
use domain::register;
use kernel::engine::Wants;
use kernel::id::AccountId;
use kernel::{
    Act as _, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};

/// Saves the grant of an approver other than its holder.
pub struct Planted {
    row: Grant,
    window: std::time::Duration,
    key: RecordKey,
}

impl Planted {
    /// As wished.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(kernel: &Kernel, wish: &Wish, id: [u8; 16]) -> Result<Self> {
        let slot = match wish.account.as_str() {
            "*" => None,
            id => Some(kernel.slot(&AccountId::parse(id)?)?),
        };
        let id = format!("grant_{:032x}", u128::from_be_bytes(id));
        let row = Grant {
            format: "grant/v1".to_owned(),
            id: id.clone(),
            to: wish.to.clone(),
            account: wish.account.clone(),
            slot,
            collections: wish.collections.clone(),
            verbs: wish.verbs.clone(),
            purpose: wish.purpose.clone(),
            not_before: 0,
            not_after: 0,
            approver: String::new(),
            bootstrap: false,
            ended: None,
            given: 0,
            engagement: None,
            request: Some("access-request-planted".to_owned()),
            ended_by: None,
            emergency: None,
        };
        Ok(Self { row, window: wish.window, key: register::key::<Grant>(kernel, &id)? })
    }
}

impl Operation for Planted {
    type Output = String;

    fn target(&self) -> Target {
        on_house(Create::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<String>> {
        let allowed = work.load::<Create>(&self.key)?;
        let approver = work.caller().principal.to_string();
        let holder = work.rights()?.principal(&kernel::id::PrincipalId::parse(&self.row.to)?);
        if approver == self.row.to || !holder.is_some_and(|holder| holder.active) {
            return Err(Error::forbidden("nobody could have approved this"));
        }
        let mut row = self.row.clone();
        row.not_before = work.now().0;
        row.not_after = work.now().after(self.window).0;
        (row.approver, row.given) = (approver, work.next_index(HOUSE)?);
        work.save(allowed, register::body(&row)?, vec![("to", row.to.clone())])?;
        work.later(kernel::Moment(row.not_after), HOUSE, domain::grants::EXPIRE, &row.id);
        Ok(After::now(row.id))
    }
}
