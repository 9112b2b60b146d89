//! The set of policies that a server runs, noted when it is not the one before.

use super::{Change, Kind, Terms, report};
use crate::grants::approving::Approvals;
use crate::register::{self, House, Kept, Survey, When, act};
use kernel::engine::Wants;
use kernel::{Act, After, Error, Kernel, Moment, Operation, Ran, Result, Target, Work, on_house};

act!(
    /// Noting the policies that a server runs. The kernel does it by itself.
    Noticed, "change.notice", None, false
);

/// What the operation answers if the set is known: then it makes no entry.
const KNOWN: &str = "these policies are known";

/// How the policies that run stand with those who have to approve them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody looked yet.
    Unknown,
    /// They came with the installation, or with a version that did not note them.
    Installed(Moment),
    /// A change approved them.
    Approved(Moment),
    /// They run, and nobody approved them.
    Unapproved(Moment),
}

/// How the policies of this hash stand.
pub fn standing(house: &House, digest: &str) -> Standing {
    let all = house.all::<Change>();
    if let Some(kept) = all.iter().find(|kept| report::approves(&kept.row, digest)) {
        let at = kept.row.approving.approved.map_or(kept.added.at.0, |at| at.0);
        return match kept.row.found {
            Some(_) => Standing::Installed(at),
            None => Standing::Approved(at),
        };
    }
    let found = all.iter().find(|kept| by(kept, digest)).and_then(|kept| kept.row.found);
    found.map_or(Standing::Unknown, |found| Standing::Unapproved(found.0))
}

fn by(kept: &Kept<Change>, digest: &str) -> bool {
    kept.row.terms.kind == Kind::Policy && kept.row.terms.row.as_deref() == Some(digest)
}

/// Notes the policies that decide, if they are others than any before. The first set that a store
/// ever notes came with the installation.
///
/// # Errors
/// Whatever the kernel answers.
pub fn notice(kernel: &Kernel, right: Ran) -> Result<()> {
    let digest = kernel.authority().policies().digest().to_owned();
    let survey = Survey::of(kernel, &[])?.and::<Kept<Change>>(kernel)?;
    let noted = right.run(kernel, Notice { kernel: kernel.clone(), survey, digest });
    match noted {
        Err(error) if error.message() == KNOWN => Ok(()),
        other => other,
    }
}

struct Notice {
    kernel: Kernel,
    survey: Survey,
    digest: String,
}

impl Operation for Notice {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Noticed::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.survey.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let house: House = self.survey.find(work)?.read(work)?;
        if standing(&house, &self.digest) != Standing::Unknown {
            return Err(Error::conflict(KNOWN));
        }
        let first = house.all::<Change>().iter().all(|kept| kept.row.found.is_none());
        let digits = self.digest.strip_prefix("sha256:").unwrap_or(&self.digest);
        let id = format!("change-policies-{}", digits.get(..12).unwrap_or(digits));
        let row = found(&id, &self.digest, first, work.now());
        let key = register::key::<Kept<Change>>(&self.kernel, &id)?;
        let allowed = work.load_late::<Noticed>(&key)?;
        let kept = Kept::begun(work, &id, row);
        let fields = vec![("set", self.digest.clone()), ("first", first.to_string())];
        work.save(allowed, register::body(&kept)?, fields)?;
        Ok(After::now(()))
    }
}

fn found(id: &str, digest: &str, first: bool, now: Moment) -> Change {
    let reason = match first {
        true => "the policies of the installation",
        false => "the server started with other policies than any before",
    };
    let terms = Terms {
        kind: Kind::Policy,
        action: super::kinds::POLICY.to_owned(),
        row: Some(digest.to_owned()),
        content: "{}".to_owned(),
        before: None,
        reason: reason.to_owned(),
        reference: "start".to_owned(),
        report: None,
    };
    let approving = Approvals {
        lapses: When(now),
        approved: first.then_some(When(now)),
        ..Approvals::of(terms.sha256(id), super::GRAVE, now)
    };
    let (proposed_by, found) = ("kernel".to_owned(), Some(When(now)));
    Change { proposed_by, approving, applied: None, found, terms }
}
