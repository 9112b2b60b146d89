//! What follows when somebody left, moved or ended: grants of whoever is not there any more end,
//! what they asked for is taken back, and so are the approvals of whoever may not approve any more.
//!
//! None of it is needed for safety: nothing of somebody who left counts from that commit on, and
//! whose approvals count is looked at when a grant begins. It is for whoever reads the registers,
//! so that they say what is so.

use super::Grant;
use super::approving::{Closed, How, Waits as _};
use super::requests::AccessRequest;
use crate::people;
use crate::register::{self, House, Kept, Mark, Survey, When, act};
use kernel::authority::Authority;
use kernel::engine::Wants;
use kernel::id::PrincipalId;
use kernel::{Act, After, HOUSE, Kernel, Operation, Ran, Result, Target, Work, on_house};

act!(
    /// Ending and taking back what has no ground any more.
    Settled, "grant.settle", None, true
);

/// Rows that one run changes; the rest is for the next, which follows at once.
const MOST: usize = 200;

struct Settle {
    kernel: Kernel,
    survey: Survey,
    left: String,
}

/// Ends grants, and takes back requests and approvals, that have no ground any more.
///
/// # Errors
/// Whatever the kernel answers.
pub fn settle(kernel: &Kernel, left: &str, right: Ran) -> Result<()> {
    let survey = Survey::of(kernel, &[])?.and::<Kept<AccessRequest>>(kernel)?;
    let survey = survey.and::<Grant>(kernel)?;
    right.run(kernel, Settle { kernel: kernel.clone(), survey, left: left.to_owned() })
}

impl Operation for Settle {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Settled::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.survey.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let house: House = self.survey.find(work)?.read(work)?;
        let mark = Mark { by: work.caller().principal.to_string(), at: When(work.now()) };
        let grants = groundless(&house, work.rights()?, &mark);
        let open = house.all::<AccessRequest>().iter().filter(|kept| kept.row.open(mark.at.0));
        let rights = work.rights()?;
        let requests: Vec<Kept<AccessRequest>> =
            open.filter_map(|kept| settled(kept, rights, &mark)).take(MOST).collect();
        // The end of a job is an entry, also where nothing rested on whoever left.
        if grants.is_empty() && requests.is_empty() {
            work.note(HOUSE, Settled::ACTION.name, vec![("settled", "0".to_owned())]);
        }
        if grants.len() == MOST || requests.len() == MOST {
            work.later(work.now(), HOUSE, people::LEFT, &self.left);
        }
        for grant in grants {
            let key = register::key::<Grant>(&self.kernel, &grant.id)?;
            let allowed = work.load_late::<Settled>(&key)?;
            let fields = vec![("to", grant.to.clone()), ("outcome", "ended".to_owned())];
            work.save(allowed, register::body(&grant)?, fields)?;
        }
        for kept in requests {
            let key = register::key::<Kept<AccessRequest>>(&self.kernel, &kept.id)?;
            let allowed = work.load_late::<Settled>(&key)?;
            let what = if kept.row.approving.closed.is_some() {
                "withdrawn"
            } else {
                "approval taken back"
            };
            work.save(allowed, register::body(&kept)?, vec![("outcome", what.to_owned())])?;
        }
        Ok(After::now(()))
    }
}

/// Grants that would still count, of somebody who is not there any more, as they are to be.
fn groundless(house: &House, rights: &Authority, mark: &Mark) -> Vec<Grant> {
    let now = mark.at.0;
    let counts = |grant: &&Grant| grant.ended.is_none() && now.0 < grant.not_after;
    let gone = house.nouns::<Grant>().iter().filter(counts).filter(|one| !there(rights, &one.to));
    let ended = gone.map(|grant| Grant {
        ended: Some(now.0),
        ended_by: Some(mark.by.clone()),
        ..grant.clone()
    });
    ended.take(MOST).collect()
}

/// Whether this principal may act at all.
fn there(rights: &Authority, id: &str) -> bool {
    let one = PrincipalId::parse(id).ok().and_then(|id| rights.principal(&id));
    one.is_some_and(|one| one.active)
}

/// The row as it is to be, if that is not as it is.
fn settled(
    kept: &Kept<AccessRequest>,
    rights: &Authority,
    mark: &Mark,
) -> Option<Kept<AccessRequest>> {
    let mut new = kept.clone();
    if let Some(gone) = kept.row.about().into_iter().find(|id| !there(rights, id)) {
        let reason = format!("`{gone}` is not there any more");
        new.row.approving.closed = Some(Closed { how: How::Withdrawn, reason, mark: mark.clone() });
    }
    for approval in &mut new.row.approving.given {
        let barred = kept.row.barred(&approval.mark.by, rights).is_some();
        if approval.taken_back.is_none() && barred {
            approval.taken_back = Some(mark.clone());
        }
    }
    // What was approved by enough and is not any more waits for another approval.
    if new.row.enough(rights).is_err() {
        new.row.approving.approved = None;
    }
    (new != *kept).then_some(new)
}
