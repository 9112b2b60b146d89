//! An account is told that somebody reached for emergency access to its data.

use super::{SEND, Telling};
use crate::accounts::Account;
use crate::grants::emergencies::{Emergency, LetterTo, Told};
use crate::incidents::contacts::{Contact, Kind};
use crate::register::{self, House, Kept, Survey, When};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};

/// Tells one account of one emergency, once.
pub struct Tell {
    survey: Survey,
    emergency: RecordKey,
    slot: u64,
}

impl Tell {
    /// As the job that was left says: the emergency and the account's slot, with a stroke between.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let parts = object.split_once('|').and_then(|(id, slot)| Some((id, slot.parse().ok()?)));
        let wrong = || Error::internal("a job of an emergency has another form");
        let (id, slot): (&str, u64) = parts.ok_or_else(wrong)?;
        let emergency = register::key::<Kept<Emergency>>(kernel, id)?;
        let survey = Survey::of(kernel, &[])?.and::<Account>(kernel)?;
        let survey = survey.and::<Kept<Contact>>(kernel)?;
        Ok(Self { survey, emergency, slot })
    }
}

impl Operation for Tell {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Telling::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.survey.wants(wants);
        wants.record(&self.emergency);
        wants.heads.push(self.slot);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (allowed, mut kept) =
            register::load::<Kept<Emergency>, Telling>(work, &self.emergency)?;
        let house: House = self.survey.find(work)?.read(work)?;
        let account = house.nouns::<Account>().iter().find(|one| one.slot == self.slot);
        let known = kept.row.told.iter().any(|one| one.slot == self.slot);
        let Some(account) = account.filter(|_| !known) else {
            let fields = vec![("emergency", kept.id.clone()), ("outcome", "told before".into())];
            work.note(HOUSE, Telling::ACTION.name, fields);
            return Ok(After::now(()));
        };
        let now = work.now();
        let counts = |one: &&Kept<Contact>| one.row.account == account.id && one.row.counts(now);
        let mut to: Vec<_> = house.all::<Contact>().iter().filter(counts).collect();
        if to.iter().any(|one| one.row.kind == Kind::Security) {
            to.retain(|one| one.row.kind == Kind::Security);
        }
        let letter = |one: &&Kept<Contact>| LetterTo {
            contact: one.id.clone(),
            attempts: 0,
            accepted: None,
        };
        let letters: Vec<_> = to.iter().map(letter).collect();
        for one in &letters {
            let object = format!("emergency|{}|{}|{}", kept.id, self.slot, one.contact);
            work.later(now, HOUSE, SEND, &object);
        }
        // What the account's own log says of it: what happens, and no name.
        let own = vec![
            ("emergency", kept.id.clone()),
            ("grant", kept.row.grant.clone()),
            ("until", kept.row.until.0.rfc3339()),
            ("letters", letters.len().to_string()),
        ];
        let fields = vec![("account", account.id.clone()), ("letters", letters.len().to_string())];
        let told = Told { account: account.id.clone(), slot: self.slot, at: When(now), letters };
        kept.row.told.push(told);
        work.save(allowed, register::body(&kept)?, fields)?;
        work.note(self.slot, Telling::ACTION.name, own);
        Ok(After::now(()))
    }
}
