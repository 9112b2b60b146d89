//! Copies of reports for members: downloading one, and saying what is delivered.
//!
//! A download is checked anew, whole: release, report, terms and screening. The bytes are given to
//! the face, which marks them with receiver and release and says what it delivers before it
//! delivers it.

use super::desk::{DESK, Desk};
use super::file::{joined, part_keys, pointers};
use super::give::{Own, OwnRequest, find, mark};
use super::library::{Audience, Report};
use super::requests::{Delivery, MARK_LIFE, Request};
use super::{sha256, stated_sha256};
use crate::register::{self, Kept, When, act};
use kernel::engine::Wants;
use kernel::id::{AccountId, PrincipalId};
use kernel::{Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Result, Target, Work};

act!(
    /// Downloading a copy.
    Downloading, "report.download", None, false
);
act!(
    /// Saying what is delivered.
    Marking, "report.mark", None, false
);

/// Copies of one release.
const COPIES: usize = 20;

/// A copy for the face, which marks it before it is delivered.
#[derive(Clone, PartialEq, Eq)]
pub struct Copy {
    /// The release, to stand on every page.
    pub release: String,
    /// The number of the copy in its release.
    pub number: u32,
    /// Who receives it, to stand on every page.
    pub receiver: String,
    /// When, to stand on every page.
    pub at: When,
    /// The name of the file.
    pub name: String,
    /// The file, not marked.
    pub bytes: Vec<u8>,
}

/// Without the bytes.
impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "copy {} of {} ({} bytes)", self.number, self.release, self.bytes.len())
    }
}

/// Downloads a copy of a released report.
pub struct Download {
    own: Own,
    report: RecordKey,
    desk: RecordKey,
    parts: Vec<RecordKey>,
}

impl Download {
    /// Of this report, by this request, as the member who asked.
    ///
    /// # Errors
    /// `NotFound` if there is no such account.
    pub fn new(
        kernel: &Kernel,
        account: &AccountId,
        by: &PrincipalId,
        request: &str,
        report: &str,
    ) -> Result<Self> {
        Ok(Self {
            own: Own::new(kernel, account, by, request)?,
            report: register::key::<Kept<Report>>(kernel, report)?,
            desk: register::key::<Desk>(kernel, DESK)?,
            parts: part_keys(kernel, report)?,
        })
    }

    /// Everything that has to be so at this moment; answers the terms it is given under.
    fn check(&self, work: &Work<'_>, row: &Request, report: &Report) -> Result<Option<String>> {
        let now = work.now();
        let desk = find::<Desk>(work, &self.desk)?.unwrap_or_default();
        if row.live(now).is_none() {
            return Err(Error::forbidden("this request has no release in force: ask again"));
        }
        if !report.current(now) {
            return Err(Error::forbidden("this report is not given out any more: see the library"));
        }
        if !row.cleared_for(&row.rescreen(&desk.competitors, now)) {
            // Neutral, because the list is nobody else's business.
            return Err(Error::forbidden(
                "this release is being looked at again: you will be told",
            ));
        }
        if row.deliveries.len() >= COPIES {
            return Err(Error::limit(format!("{COPIES} copies were downloaded: ask again")));
        }
        if report.audience != Audience::UnderTerms {
            return Ok(None);
        }
        let accepted = row.accepted.as_ref().map(|one| &one.terms);
        match desk.terms {
            Some(terms) if accepted == Some(&terms.id) => Ok(Some(terms.id)),
            Some(terms) => {
                let why =
                    format!("this report is given under the terms `{}`: accept them", terms.id);
                Err(Error::forbidden(why))
            }
            None => Err(Error::forbidden("this report is given under terms, and there are none")),
        }
    }
}

impl Operation for Download {
    type Output = Copy;

    fn target(&self) -> Target {
        self.own.target(Downloading::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        for key in [&self.own.request, &self.report, &self.desk].into_iter().chain(&self.parts) {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Copy>> {
        let (allowed, mut kept) = self.own.load::<Downloading>(work)?;
        if kept.row.report != self.report.id {
            return Err(Error::invalid("report", format!("`{}` was asked for", kept.row.report)));
        }
        let missing = || Error::internal("a request about no report");
        let report = find::<Kept<Report>>(work, &self.report)?.ok_or_else(missing)?.row;
        let terms = self.check(work, &kept.row, &report)?;
        let parts = pointers::<Downloading>(work, &self.parts, &report)?;
        let file = report.file.ok_or_else(missing)?;
        let number = u32::try_from(kept.row.deliveries.len() + 1).unwrap_or(u32::MAX);
        kept.row.deliveries.push(Delivery {
            number,
            mark: mark(work),
            terms,
            sha256: None,
            settled_because: None,
            settled: None,
        });
        let row = &kept.row;
        let release = row.release.as_ref().map(|one| one.id.clone()).ok_or_else(missing)?;
        let receiver =
            format!("{} <{}>, {}", row.full_name, row.email, row.organisations.join(", "));
        let fields = vec![("release", release.clone()), ("copy", number.to_string())];
        work.save(allowed, register::body(&kept)?, fields.clone())?;
        work.disclose_many::<Downloading>(HOUSE, &parts, fields.clone());
        self.own.note::<Downloading>(work, &kept, fields);
        let at = When(work.now());
        Ok(After::reveal(move |reveal| {
            let bytes = joined(reveal, &parts)?;
            if sha256(&bytes) != file.sha256 {
                return Err(Error::internal("the parts are not the file that was read"));
            }
            Ok(Copy { release, number, receiver, at, name: file.name, bytes })
        }))
    }
}

/// Says what is delivered, before it is.
pub struct MarkCopy {
    own: Own,
    number: u32,
    sha256: String,
}

impl MarkCopy {
    /// The marked copy of this number has this SHA-256.
    ///
    /// # Errors
    /// `NotFound` if there is no such account; `Invalid` for what is no SHA-256.
    pub fn new(
        kernel: &Kernel,
        account: &AccountId,
        by: &PrincipalId,
        request: &str,
        (number, sha256): (u32, &str),
    ) -> Result<Self> {
        let sha256 = stated_sha256(sha256)?;
        Ok(Self { own: Own::new(kernel, account, by, request)?, number, sha256 })
    }
}

impl Operation for MarkCopy {
    type Output = OwnRequest;

    fn target(&self) -> Target {
        self.own.target(Marking::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.own.request);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<OwnRequest>> {
        let (allowed, mut kept) = self.own.load::<Marking>(work)?;
        let found = kept.row.deliveries.iter_mut().find(|one| one.number == self.number);
        let missing = || Error::invalid("number", "there is no copy of this number");
        let copy = found.ok_or_else(missing)?;
        if copy.accounted() || copy.mark.at.0.after(MARK_LIFE) <= work.now() {
            return Err(Error::conflict("this copy cannot be marked any more: download another"));
        }
        copy.sha256 = Some(self.sha256.clone());
        let fields = vec![("copy", self.number.to_string()), ("sha256", self.sha256.clone())];
        work.save(allowed, register::body(&kept)?, fields.clone())?;
        self.own.note::<Marking>(work, &kept, fields);
        Ok(After::now(OwnRequest::of(&kept, work.now())))
    }
}
