//! What hosts fetch: whom they trust, and which certificates they refuse. Without login, since
//! there is no secret in it and nobody's name.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::{Call, Tag};
use crate::routes::table::{Conditions, Gives, Route, get};
use domain::certificates::{Lists, Publish, Publishing};
use domain::register::action;
use hyper::StatusCode;
use kernel::authority::Caller;
use kernel::{Asked, HOUSE};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The lists as they were made last. While they stand, nothing is made anew, whoever asks.
pub(crate) type Made = Mutex<Option<Arc<Lists>>>;

const BYTES: &str = "application/octet-stream";
const LINE: &str = "text/plain; charset=utf-8";
const PEM: &str = "application/x-pem-file";

/// The routes.
pub(crate) static ROUTES: &[Route] = &[
    get("/pki/ssh_ca.pub", "getSshAuthority", "The key that signs SSH certificates, for hosts")
        .open()
        .gives(&[Gives::text(200, "A line for `TrustedUserCAKeys`"), Gives::problem(503)])
        .by(|call| Box::pin(ssh_authority(call))),
    get("/pki/ca.pem", "getX509Authority", "The certificate of the authority of X.509, for hosts")
        .open()
        .gives(&[Gives::document(200, "The certificate", PEM), Gives::problem(503)])
        .by(|call| Box::pin(x509_authority(call))),
    get("/pki/ssh.krl", "getKrl", "The SSH certificates that are refused, as `RevokedKeys`")
        .open()
        .conditions(Conditions::Read)
        .gives(&[
            Gives::document(200, "The list", BYTES),
            Gives::nothing(304, "The list of `If-None-Match`"),
            Gives::problem(503),
        ])
        .by(|call| Box::pin(krl(call))),
    get("/pki/ca.crl", "getCrl", "The X.509 certificates that are refused, as `ssl_crl_file`")
        .open()
        .conditions(Conditions::Read)
        .gives(&[
            Gives::document(200, "The list", PEM),
            Gives::nothing(304, "The list of `If-None-Match`"),
            Gives::problem(503),
        ])
        .by(|call| Box::pin(crl(call))),
];

async fn ssh_authority(call: Call) -> Result<Answer, Problem> {
    Ok(Answer::bytes(LINE, lists(&call).await?.ssh_authority.clone()))
}

async fn x509_authority(call: Call) -> Result<Answer, Problem> {
    Ok(Answer::bytes(PEM, lists(&call).await?.x509_authority.clone()))
}

async fn krl(call: Call) -> Result<Answer, Problem> {
    let lists = lists(&call).await?;
    Ok(unless_known(&call, &lists, || Answer::bytes(BYTES, lists.krl.clone())))
}

async fn crl(call: Call) -> Result<Answer, Problem> {
    let lists = lists(&call).await?;
    Ok(unless_known(&call, &lists, || Answer::bytes(PEM, lists.crl.clone())))
}

fn unless_known(call: &Call, lists: &Lists, answer: impl FnOnce() -> Answer) -> Answer {
    let known = match call.said.if_none_match {
        Some(Tag::Any) => true,
        Some(Tag::Version(version)) => version == lists.version,
        None => false,
    };
    let answer = if known { Answer::empty(StatusCode::NOT_MODIFIED) } else { answer() };
    answer.version(lists.version)
}

/// The lists as the rights are now. Of those who ask at once, one has them made.
async fn lists(call: &Call) -> Result<Arc<Lists>, Problem> {
    // What moved on another node is known here before a list in memory is given out.
    call.blocking(|kernel| kernel.allow(&Caller::bearer(), action::<Publishing>(), HOUSE)).await?;
    let mut made = call.lists.lock().await;
    if let Some(lists) = made.as_mut()
        && Arc::make_mut(lists).stand(&call.kernel)?
    {
        return Ok(Arc::clone(lists));
    }
    let asked = Asked {
        caller: Caller::bearer(),
        source: Some(kernel::address(call.peer)),
        request: call.number.clone(),
        purpose: None,
        behalf: None,
        idempotency: None,
    };
    let done = call.submit_as(asked, Publish::new(&call.kernel)?).await?;
    let lists = Arc::new(done.output);
    *made = Some(Arc::clone(&lists));
    Ok(lists)
}
