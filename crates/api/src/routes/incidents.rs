//! The file of an incident, on the wire.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Call;
use domain::incidents::file::TakeFile;

pub(crate) async fn file(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(TakeFile::new(&call.kernel, call.part("id"))?).await?;
    Ok(Answer::bytes("application/json", done.output).receipt(done.receipts.first()))
}
