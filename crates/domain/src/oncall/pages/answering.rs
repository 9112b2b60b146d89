//! Answering a page: by the link of any copy, or as somebody who is signed in.
//!
//! Answering twice is answering once: whoever comes second is told who was first. From then on
//! nothing of the page is sent any more, except to channels that know that a page ends.

use super::{Answer, FOLLOW, Page, following};
use crate::oncall::hex;
use crate::register::{self, At, Kept, Step, When, act};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::Deserialize;

act!(
    /// Somebody answered a page by its link.
    Answering, "page.answer", None, false
);

/// Says that you have it: nobody else is paged for it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {}

impl Step<Page> for Acknowledge {
    const ACTION: &'static str = "page.acknowledge";

    fn apply(&self, row: &mut Page, at: &mut At<'_, '_>) -> Result<()> {
        let how = "signed in".to_owned();
        let answer = Answer { by: at.by().to_string(), at: When(at.now()), how };
        row.acknowledged.get_or_insert(answer);
        following::leave(row, at);
        Ok(())
    }
}

/// Answers a page: the right to it is the secret of the link of one of its copies.
pub struct ByLink {
    key: RecordKey,
    hash: String,
}

impl ByLink {
    /// The page of this id, with the secret of the link.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, page: &str, token: &str) -> Result<Self> {
        let key = register::key::<Kept<Page>>(kernel, page)?;
        Ok(Self { key, hash: hex(&kernel::token_hash(token)) })
    }
}

impl Operation for ByLink {
    /// What the page is about, and who answered it first.
    type Output = (String, Answer);

    fn target(&self) -> Target {
        on_house(Answering::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<(String, Answer)>> {
        let unknown = || Error::not_found("this link does not count: it is of no page");
        let allowed = work.load::<Answering>(&self.key)?;
        let pointer = allowed.present().filter(|pointer| !pointer.deleted).ok_or_else(unknown)?;
        let mut kept: Kept<Page> = register::parse(&work.body(&pointer)?)?;
        let found = kept.row.tries.iter().find(|one| one.link == self.hash);
        let by = found.ok_or_else(unknown)?.person.clone();
        let fields = vec![("by", by.clone())];
        let how = "link".to_owned();
        let first = kept.row.acknowledged.clone();
        let answer = first.clone().unwrap_or(Answer { by, at: When(work.now()), how });
        match first {
            Some(_) => work.disclose(&allowed, fields),
            None => {
                kept.row.acknowledged = Some(answer.clone());
                for object in following::follow(&mut kept.row, &kept.id, work.now()) {
                    work.later(work.now(), HOUSE, FOLLOW, &object);
                }
                work.save(allowed, register::body(&kept)?, fields)?;
            }
        }
        Ok(After::now((kept.row.title, answer)))
    }
}
