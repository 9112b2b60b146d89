//! Approvers are asked, each by a link of their own. A link opens a page and approves nothing.

use super::{Asking, SEND};
use crate::changes::Change;
use crate::grants::approving::{Asked, Waits};
use crate::grants::requests::AccessRequest;
use crate::people::{Person, hex};
use crate::register::{self, Kept, Row, When};
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};

/// Approvers that are asked for one approval.
const MOST: usize = 50;

/// Asks those who could approve a request or a change, once.
pub struct Ask {
    kernel: Kernel,
    key: RecordKey,
    board: bool,
}

impl Ask {
    /// As the job that was left says: `changes/ID` or `access-requests/ID`.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str) -> Result<Self> {
        let wrong = || Error::internal("a job about an approval has another form");
        let (plural, id) = object.split_once('/').ok_or_else(wrong)?;
        let key = kernel.key(HOUSE, plural, id)?;
        Ok(Self { kernel: kernel.clone(), key, board: false })
    }

    /// Also where the team talks, for a server that knows such a place.
    #[must_use]
    pub fn on_the_board(self) -> Self {
        Self { board: true, ..self }
    }

    fn ask<N: Waits>(&self, work: &mut Work<'_>) -> Result<()> {
        let (allowed, mut kept) = register::load::<Kept<N>, Asking>(work, &self.key)?;
        let now = work.now();
        if !kept.row.waits(now) || !kept.row.approvals().asked.is_empty() {
            work.note(HOUSE, Asking::ACTION.name, vec![("outcome", "nobody is asked".into())]);
            return Ok(());
        }
        let able = kept.row.able(work.rights()?);
        let mut asked = 0;
        for id in able.into_iter().take(MOST) {
            let name = PrincipalId::parse(&id)?.parts().1.to_owned();
            let person = work.look_late(&register::key::<Person>(&self.kernel, &name)?)?;
            let person = person.map(|body| register::parse::<Person>(&body)).transpose()?;
            if person.and_then(|person| person.email).is_none() {
                continue;
            }
            let token = hex(&work.random::<32>()?);
            let link = hex(&kernel::token_hash(&token));
            let (at, sent, used) = (When(now), None, None);
            kept.row.approvals_mut().asked.push(Asked { person: id, link, at, sent, used });
            let object = format!("approval|{}|{}|{name}|{token}", N::REGISTER, kept.id);
            work.later(now, HOUSE, SEND, &object);
            asked += 1;
        }
        if self.board {
            work.later(now, HOUSE, SEND, &format!("board|{}|{}", N::REGISTER, kept.id));
        }
        let fields = vec![("asked", asked.to_string())];
        if asked == 0 {
            work.note(HOUSE, Asking::ACTION.name, fields);
            return Ok(());
        }
        work.save(allowed, register::body(&kept)?, fields)?;
        Ok(())
    }
}

impl Operation for Ask {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Asking::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        match self.key.collection.as_str() {
            Change::REGISTER => self.ask::<Change>(work)?,
            _ => self.ask::<AccessRequest>(work)?,
        }
        Ok(After::now(()))
    }
}
