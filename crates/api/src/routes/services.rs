//! Services on the wire.

use super::people::{Token, end_token_of, name, new_token, tokens};
use super::shared::{Receipted, changed, page};
use super::table::{Gives, Route, item, of, post};
use crate::answer::Answer;
use crate::body::typed;
use crate::problem::Problem;
use crate::request::Call;
use domain::certificates::{self, Certified, CertifyService, RenewCertificate};
use domain::people::{Issued, Workload};
use domain::register::{List, Read, action, shown};
use domain::services::{self, BindService, CreateService, EndService, IssueToken};
use hyper::StatusCode;
use kernel::id::PrincipalId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes of a request.
const REQUEST: usize = 64 * 1024;

/// How services are known by other things than their tokens.
pub(super) static ROUTES: &[Route] = &[
    item(post("/v1/services/{name}/workloads", "bindService", "Binds a service to a program"))
        .action(action::<services::Bind>())
        .json(REQUEST, of::<Workload>)
        .gives(&[Gives::json(201, "The binding", of::<Receipted<Bound>>), Gives::problem(409)])
        .by(|call| Box::pin(bind(call))),
    item(post(
        "/v1/services/{name}/certificates",
        "certifyService",
        "Issues a service a certificate that it shows in the handshake (RFC 8705)",
    ))
    .action(action::<certificates::Certifying>())
    .json(REQUEST, of::<CertificateRequest>)
    .gives(&[Gives::json(201, "It was issued", of::<Receipted<Certificate>>), Gives::problem(409)])
    .by(|call| Box::pin(certify(call))),
    post("/v1/service-certificates", "renewServiceCertificate", "Renews a service's certificate")
        .action(action::<certificates::Renewing>())
        .json(REQUEST, of::<CertificateRequest>)
        .gives(&[
            Gives::json(201, "It was issued", of::<Receipted<Certificate>>),
            Gives::problem(409),
        ])
        .by(|call| Box::pin(renew(call))),
];

/// A service to be taken in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewService {
    /// The unique name: 1–64 of `a-z 0-9 . _ -`, never used again.
    name: String,
    /// Who answers for it, `person:NAME`; whoever asks, if it is not there.
    owner: Option<String>,
    /// The vendor that runs it, if it is not the provider.
    vendor: Option<String>,
}

/// A service.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Service {
    /// The unique name.
    name: String,
    /// Who answers for it: `person:NAME`.
    owner: String,
    /// `active` or `ended`.
    state: &'static str,
    /// When it was taken in (RFC 3339).
    created: String,
    /// When it ended, if it did.
    ended: Option<String>,
    /// The vendor that runs it, if it is not the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    /// Its tokens, without the secrets.
    tokens: Vec<Token>,
    /// The id of the token that was just issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    /// The bearer token that was just issued; it is shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// What a service was bound to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceBound")]
pub(crate) struct Bound {
    /// Which service.
    name: String,
    /// The id by which it is ended, as a token's.
    token_id: String,
    /// What its platform says of it.
    workload: Workload,
}

/// A request for a certificate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ServiceCertificateRequest")]
pub(crate) struct CertificateRequest {
    /// PKCS #10 in PEM. Of it only the public key is used.
    request: String,
}

/// A certificate of a service.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceCertificate")]
pub(crate) struct Certificate {
    /// Which service.
    name: String,
    /// The id by which it is ended, as a token's.
    token_id: String,
    /// When it is over (RFC 3339).
    until: String,
    /// The certificate, in PEM.
    certificate: String,
}

pub(crate) async fn certify(call: Call) -> Result<Answer, Problem> {
    let (stated, name): (CertificateRequest, _) = (typed(&call.body)?, name(&call)?);
    let operation = CertifyService::new(&call.kernel, &name, &stated.request)?;
    let done = call.submit(operation).await?;
    changed(StatusCode::CREATED, certified(done.output), done.receipts)
}

pub(crate) async fn renew(call: Call) -> Result<Answer, Problem> {
    let stated: CertificateRequest = typed(&call.body)?;
    let operation = RenewCertificate::new(&call.kernel, call.caller()?, &stated.request)?;
    let done = call.submit(operation).await?;
    changed(StatusCode::CREATED, certified(done.output), done.receipts)
}

fn certified(made: Certified) -> Certificate {
    let Certified { name, id, until, certificate } = made;
    Certificate { name, token_id: id, until: shown(until.0), certificate }
}

pub(crate) async fn bind(call: Call) -> Result<Answer, Problem> {
    let (workload, name): (Workload, _) = (typed(&call.body)?, name(&call)?);
    let operation = BindService::new(&call.kernel, &name, workload.clone())?;
    let done = call.submit(operation).await?;
    let bound = Bound { name: name.to_string(), token_id: done.output.id, workload };
    changed(StatusCode::CREATED, bound, done.receipts)
}

pub(crate) async fn create(call: Call) -> Result<Answer, Problem> {
    let new: NewService = typed(&call.body)?;
    let mut operation = CreateService::new(&call.kernel, &new.name, new.owner.as_deref())?;
    if let Some(vendor) = &new.vendor {
        operation = operation.with_vendor(vendor);
    }
    let done = call.submit(operation).await?;
    let Issued { row, token } = done.output;
    let place = format!("/v1/services/{}", row.name);
    let token_id = row.credentials.last().map(|credential| credential.id.clone());
    let service = Service { token: Some(token), token_id, ..wire(row) };
    Ok(changed(StatusCode::CREATED, service, done.receipts)?.location(&place))
}

pub(crate) async fn list(call: Call) -> Result<Answer, Problem> {
    let list = List::<services::Service>::new(&call.kernel, call.limit()?, call.after())?;
    let done = call.submit(list).await?;
    page(done.output, &done.receipts, |service| Ok(wire(service)))
}

pub(crate) async fn read(call: Call) -> Result<Answer, Problem> {
    let operation = Read::<services::Service>::new(&call.kernel, name(&call)?.as_str())?;
    let done = call.submit(operation).await?;
    Ok(Answer::json(StatusCode::OK, &wire(done.output))?.receipt(done.receipts.first()))
}

pub(crate) async fn end(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(EndService::new(&call.kernel, &name(&call)?)?).await?;
    changed(StatusCode::OK, wire(done.output), done.receipts)
}

pub(crate) async fn issue(call: Call) -> Result<Answer, Problem> {
    let done = call.submit(IssueToken::new(&call.kernel, &name(&call)?)?).await?;
    let Issued { row, token } = done.output;
    changed(StatusCode::CREATED, new_token(row.name, &row.credentials, token), done.receipts)
}

pub(crate) async fn end_token(call: Call) -> Result<Answer, Problem> {
    end_token_of(&call, &PrincipalId::service(&name(&call)?)).await
}

fn wire(service: services::Service) -> Service {
    Service {
        name: service.name,
        owner: service.owner,
        state: if service.ended.is_some() { "ended" } else { "active" },
        created: shown(service.created),
        ended: service.ended.map(shown),
        vendor: service.vendor,
        tokens: tokens(service.credentials),
        token_id: None,
        token: None,
    }
}
