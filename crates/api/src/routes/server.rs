//! The server about itself, without login.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Call;
use hyper::StatusCode;
use kernel::Kernel;
use schemars::JsonSchema;
use serde::Serialize;

/// How the server is.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Health {
    /// Always `ok`; whatever else is a problem.
    status: &'static str,
}

pub(crate) async fn health(_: Call) -> Result<Answer, Problem> {
    Answer::json(StatusCode::OK, &Health { status: "ok" })
}

pub(crate) async fn ready(call: Call) -> Result<Answer, Problem> {
    call.blocking(Kernel::ready).await?;
    Answer::json(StatusCode::OK, &Health { status: "ok" })
}

pub(crate) async fn document(_: Call) -> Result<Answer, Problem> {
    Ok(Answer::bytes("application/json", crate::openapi::text()))
}
