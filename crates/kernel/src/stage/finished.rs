//! What an operation hands to the stage, and the fields that every entry gets.

use crate::engine::{AnchoredRow, Claim, JobRow, Lease, RequestRow, Tag};
use crate::operation::{Draft, Founded, Job};
use crate::time::Moment;
use crate::work::Work;
use sealing::sha256;

/// What an operation did, to be taken over.
pub(crate) struct Finished {
    pub(crate) common: Vec<(&'static str, String)>,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) founded: Vec<Founded>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) job_done: Option<Claim>,
    pub(crate) lease: Option<Lease>,
    pub(crate) shown: Vec<(u64, i64)>,
    pub(crate) anchored: Option<(u64, Vec<AnchoredRow>)>,
    pub(crate) idempotency: Option<(u64, Tag, [u8; 32])>,
    pub(crate) now: Moment,
}

impl Finished {
    pub(crate) fn of(work: Work<'_>, idempotency: Option<(u64, Tag, [u8; 32])>) -> Self {
        let common = common_fields(&work);
        let Work { drafts, founded, jobs, job_done, lease, shown, anchored, now, .. } = work;
        Self { common, drafts, founded, jobs, job_done, lease, shown, anchored, idempotency, now }
    }
}

/// The fields of every entry: who, by what right, what for.
fn common_fields(work: &Work<'_>) -> Vec<(&'static str, String)> {
    let asked = work.asked;
    let mut fields = vec![
        ("actor", asked.caller.principal.to_string()),
        ("credential", asked.caller.credential.clone()),
        ("policies", work.decision.policies.to_string()),
        ("request", asked.request.clone()),
    ];
    let mut purpose = asked.purpose.clone();
    if let Some(grant) = &work.decision.grant {
        fields.push(("grant", format!("{}#{}", grant.id, grant.given)));
        if grant.bootstrap {
            fields.push(("bootstrap", "true".to_owned()));
        }
        if grant.emergency {
            fields.push(("emergency", "true".to_owned()));
        }
        purpose.get_or_insert_with(|| grant.purpose.clone());
    }
    fields.extend(purpose.map(|purpose| ("purpose", purpose)));
    fields.extend(asked.behalf.clone().map(|behalf| ("behalf", behalf)));
    fields.extend(asked.source.clone().map(|source| (SOURCE, source)));
    fields
}

/// Field of an entry that names the network address it was asked from.
pub(crate) const SOURCE: &str = "source";
/// Field of the first entry of a request that is remembered: the name of its row.
pub(crate) const REMEMBERED: &str = "remembered";
/// Field of the entry that left jobs: the names of their rows.
pub(crate) const JOBS_LEFT: &str = "jobs";
/// Field of the entry that did a job: the number of its row.
pub(crate) const JOB_DONE: &str = "job-done";

/// Adds to an operation's entries what its rows that change or go are checked against: a remembered
/// request, a job that is left, a job that is done. Without it such a row could be removed, or put
/// back, and nobody would see.
pub(super) fn prove(
    drafts: &mut [Draft],
    left: &[String],
    job_done: Option<i64>,
    request: Option<&RequestRow>,
) {
    if let Some(request) = request
        && let Some(first) = drafts.iter_mut().find(|draft| draft.account == request.account)
    {
        first.fields.push((REMEMBERED, request_name(request)));
    }
    if let Some(first) = drafts.first_mut() {
        if !left.is_empty() {
            first.fields.push((JOBS_LEFT, left.join(" ")));
        }
        first.fields.extend(job_done.map(|row| (JOB_DONE, row.to_string())));
    }
}

/// How an entry names a job's row: its number and the start of a hash over all of it.
pub(crate) fn job_name(row: &JobRow) -> String {
    let (account, due) = (row.account.to_be_bytes(), row.due.to_be_bytes());
    row_name(row.row, &[b"bailee-job/v1", &account, &due, &row.sealed])
}

/// How an entry names the row of a remembered request; entry and time are its own.
pub(crate) fn request_name(row: &RequestRow) -> String {
    let (account, count) = (row.account.to_be_bytes(), row.count.to_be_bytes());
    row_name(row.row, &[b"bailee-request/v1", &account, &row.tag, &row.hash, &count])
}

pub(super) fn row_name(row: i64, parts: &[&[u8]]) -> String {
    format!("{row}:{}", hex(sha256(parts).get(..16).unwrap_or_default()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
