//! Reports on the wire: the file of a library entry in, requests and terms, the stamped copy out.
//!
//! Here the document is opened: counted and checked before it is sealed, marked with receiver and
//! release before it leaves. Both take memory, so one document is worked on at a time.

use super::portal::allowed;
use super::shared::{changed, fresh};
use crate::answer::Answer;
use crate::body::typed;
use crate::problem::Problem;
use crate::request::Call;
use connectors::pdf::{self, Stamp};
use domain::reports::{
    AcceptTerms, Accepting, Copy, Download, File, MarkCopy, NewOwnRequest, PART_BYTES, ReadTerms,
    RequestReport, Requesting, SealFile, UploadPart, Uploading,
};
use hyper::StatusCode;
use kernel::id::{PrincipalId, RecordId};
use kernel::{Act, Asked, Error, HOUSE};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The media type of a document (RFC 8118).
pub(crate) const PDF: &str = "application/pdf";

/// Bytes of a document that is taken in: as many as a batch, because it is held in memory.
pub(crate) const FILE_BYTES: usize = kernel::limits::BATCH_BYTES;

/// Characters of a text on a stamp.
const STAMPED: usize = 200;

/// Documents that are read at once: the worst that is taken needs gigabytes.
static READING: Semaphore = Semaphore::const_new(1);

/// Files that are taken in at once: parts of two would mix.
static TAKING: Semaphore = Semaphore::const_new(1);

/// Which terms somebody accepts.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    /// The version, as it was read.
    terms: String,
}

/// Takes in a file: checked whole, then sealed in parts. Repeating it is harmless by itself.
pub(crate) async fn upload(mut call: Call) -> Result<Answer, Problem> {
    call.kernel.allow(call.caller()?, Uploading::ACTION, HOUSE)?;
    let (report, name) = (id(&call, "id")?, call.parameter("name").unwrap_or("report.pdf"));
    let (name, asked) = (name.to_owned(), Asked { idempotency: None, ..call.asked()? });
    let bytes = std::mem::take(&mut call.body);
    let (bytes, pages) = checked(bytes).await?;
    let seal = SealFile::new(&call.kernel, &report, &name, pages)?;
    let _alone = one(&TAKING).await?;
    for (number, part) in (1..).zip(bytes.chunks(PART_BYTES)) {
        let upload = UploadPart::new(&call.kernel, &report, number, part.to_vec())?;
        call.submit_as(asked.clone(), upload).await?;
    }
    let done = call.submit_as(asked, seal).await?;
    taken(&done.output, &bytes)?;
    changed(StatusCode::OK, done.output, done.receipts)
}

pub(crate) async fn request(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call, Requesting::ACTION)?;
    let new: NewOwnRequest = typed(&call.body)?;
    let operation = RequestReport::new(&call.kernel, &account, by(&call)?, new, fresh()?)?;
    let done = call.submit(operation).await?;
    changed(StatusCode::CREATED, done.output, done.receipts)
}

pub(crate) async fn terms(call: Call) -> Result<Answer, Problem> {
    let account = super::portal::account(&call)?;
    let operation = ReadTerms::new(&call.kernel, &account, &id(&call, "terms")?)?;
    let done = call.submit(operation).await?;
    Ok(Answer::json(StatusCode::OK, &done.output)?.receipt(done.receipts.first()))
}

pub(crate) async fn accept(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call, Accepting::ACTION)?;
    let Accepted { terms } = typed(&call.body)?;
    let request = id(&call, "request")?;
    let operation = AcceptTerms::new(&call.kernel, &account, by(&call)?, &request, &terms)?;
    let done = call.submit(operation).await?;
    changed(StatusCode::OK, done.output, done.receipts)
}

/// Gives a copy out: opened, marked, its sum recorded, and only then delivered.
pub(crate) async fn download(call: Call) -> Result<Answer, Problem> {
    let account = allowed(&call, domain::reports::Downloading::ACTION)?;
    let (request, by) = (id(&call, "request")?, by(&call)?);
    let missing = || Problem::invalid("report", "`report` is missing: name what was asked for");
    let report = call.parameter("report").ok_or_else(missing)?;
    let download = Download::new(&call.kernel, &account, by, &request, report)?;
    let copy = call.submit(download).await?.output;
    let (number, name) = (copy.number, copy.name.clone());
    let bytes = marked(copy).await?;
    let sum = (number, sha256(&bytes));
    let mark = MarkCopy::new(&call.kernel, &account, by, &request, (sum.0, &sum.1))?;
    let done = call.submit(mark).await?;
    Ok(Answer::bytes(PDF, bytes).attachment(&name).receipt(done.receipts.first()))
}

/// A document with the number of its pages, if it is taken.
async fn checked(bytes: Vec<u8>) -> Result<(Vec<u8>, u32), Problem> {
    let permit = one(&READING).await?;
    let work = move || {
        let _alone = permit;
        (pdf::check(&bytes), bytes)
    };
    let (checked, bytes) = blocking(work).await?;
    let checked = checked.map_err(|refused| Problem::invalid("body", refused.to_string()))?;
    Ok((bytes, u32::try_from(checked.pages).unwrap_or(u32::MAX)))
}

/// A copy that says on each page whose it is.
async fn marked(copy: Copy) -> Result<Vec<u8>, Problem> {
    let permit = one(&READING).await?;
    let stamp = Stamp {
        receiver: shortened(&copy.receiver),
        release: format!("{} copy {}", copy.release, copy.number),
        at: i64::try_from(copy.at.0.0 / 1_000_000).unwrap_or(i64::MAX),
    };
    let work = move || {
        let _alone = permit;
        pdf::stamp(&copy.bytes, &stamp)
    };
    // It was checked when it was taken in, so this is no mistake of whoever asks.
    let failed = |why| Error::internal(format!("a report could not be stamped: {why}"));
    Ok(blocking(work).await?.map_err(failed)?)
}

/// That what was sealed is what came.
fn taken(file: &File, bytes: &[u8]) -> Result<(), Problem> {
    match file.sha256 == sha256(bytes) {
        true => Ok(()),
        false => Err(Error::conflict("another file was taken in meanwhile: do it again").into()),
    }
}

fn shortened(text: &str) -> String {
    match text.chars().count() <= STAMPED {
        true => text.to_owned(),
        false => text.chars().take(STAMPED - 1).chain(['…']).collect(),
    }
}

fn sha256(bytes: &[u8]) -> String {
    kernel::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn one(of: &'static Semaphore) -> Result<SemaphorePermit<'static>, Problem> {
    Ok(of.acquire().await.map_err(|_| Error::unavailable("the server is stopping"))?)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Error::internal(format!("a document ended by a defect: {error}")))?)
}

fn by(call: &Call) -> Result<&PrincipalId, Problem> {
    Ok(&call.caller()?.principal)
}

fn id(call: &Call, part: &'static str) -> Result<String, Problem> {
    let id = RecordId::parse(call.part(part));
    Ok(id.map_err(|error| Error::invalid(part, error.message()))?.to_string())
}
