//! What every request goes through: number, route, login, query, header, body, handler, answer.
//!
//! The order is a promise. An address that an answer refuses is refused before anything of its
//! request is looked at. Without a valid login nothing else is looked at, so that a stranger
//! learns nothing from how a request fails; a body is read last, when everything before it holds.

use crate::answer::without_body;
use crate::body::{self, discard};
use crate::keyed::{Keyed, Shown, Unproven, proofs};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::path::{self, Template};
use crate::probe::Probed;
use crate::problem::Problem;
use crate::refused;
use crate::request::{Call, Scheme, presented, said};
use crate::routes::certificates::Made;
use crate::routes::streams::Published;
use crate::routes::{Conditions, ROUTES, Route, Takes};
use crate::transmitters::Transmitters;
use crate::workloads::Workloads;
use domain::oncall::Pulse;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::http::header::AUTHORIZATION;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use jose::ProofOf;
use kernel::authority::Caller;
use kernel::{Error, Kernel, Kind, Moment};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// How much of an unwanted body is listened to before the connection is closed: from strangers
/// little, so that a refusal costs little; from others what they may send elsewhere.
const FROM_STRANGERS: u64 = 64 * 1024;
const FROM_CALLERS: u64 = 64 * 1024 * 1024;

/// Answers what is not the API's: pages for people. The body was read whole, within [`PAGE_BODY`].
pub type Pages = Arc<
    dyn Fn(
            IpAddr,
            Parts,
            Vec<u8>,
            String,
        ) -> Pin<Box<dyn Future<Output = Response<Vec<u8>>> + Send>>
        + Send
        + Sync,
>;

/// Bytes of a form: a pasted list or text, as large as the largest record.
pub const PAGE_BODY: usize = kernel::limits::BODY_BYTES;

/// The API over one kernel.
pub(crate) struct App {
    pub(crate) pages: Option<Pages>,
    /// How others reach this server, if somebody said so.
    pub(crate) public_url: Option<String>,
    pub(crate) kernel: Kernel,
    /// The platforms whose tokens are taken.
    pub(crate) workloads: Arc<Workloads>,
    /// Who tells us what happened to somebody.
    pub(crate) transmitters: Arc<Transmitters>,
    pub(crate) metrics: Metrics,
    pub(crate) probed: Arc<Probed>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) pulse: Arc<Mutex<Pulse>>,
    pub(crate) lists: Arc<Made>,
    pub(crate) published: Arc<Published>,
    pub(crate) keyed: Arc<Keyed>,
    /// One template per route, in the order of [`ROUTES`].
    templates: Vec<Template>,
    /// First part of every request's number: differs from start to start.
    boot: u64,
    count: AtomicU64,
}

/// Who asks.
struct Login {
    caller: Caller,
    /// First moment at which what was shown counts no more.
    until: Moment,
    /// The proof of a key that came with it.
    proof: Option<Shown>,
}

impl Login {
    fn of((caller, until): (Caller, Moment)) -> Self {
        Self { caller, until, proof: None }
    }
}

/// What a path and a method lead to.
enum Found<'a> {
    Route(usize, &'static Route, Vec<(&'static str, &'a str)>),
    /// The path exists for these methods.
    Other(String, bool),
    Nothing,
}

impl App {
    pub(crate) fn new(kernel: Kernel) -> Self {
        let boot = (kernel.now().0 / 1000) & 0xff_ffff;
        let templates = ROUTES.iter().map(|route| Template::new(route.path)).collect();
        let (metrics, probed, outbox) = (Metrics::new(), Arc::default(), Arc::default());
        let (count, pulse, lists) = (AtomicU64::new(0), Arc::default(), Arc::default());
        let keyed = Arc::new(Keyed::new(&kernel));
        Self {
            pages: None,
            public_url: None,
            workloads: Arc::default(),
            transmitters: Arc::default(),
            published: Arc::default(),
            kernel,
            metrics,
            probed,
            outbox,
            pulse,
            lists,
            keyed,
            templates,
            boot,
            count,
        }
    }

    /// Known to others under this address.
    pub(crate) fn reached_by(self, public_url: Option<String>) -> Self {
        Self { public_url, ..self }
    }

    /// Answers one request.
    pub(crate) async fn answer(
        &self,
        (peer, certificate): (IpAddr, Option<[u8; 32]>),
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let _in_flight = self.metrics.enter();
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let number = format!("r-{:06x}-{count}", self.boot);
        let (parts, mut body) = request.into_parts();
        if let Err(error) = self.kernel.admit(peer) {
            return self.turned_away(&error, &parts, &mut body, &number).await;
        }
        if let Some(pages) = self.pages.as_ref().filter(|_| is_page(parts.uri.path())) {
            return self.page(pages, peer, parts, body, number).await;
        }
        let found = self.find(&parts.method, parts.uri.path());
        let index = if let Found::Route(index, ..) = found { Some(index) } else { None };
        let caller = self.login(&found, &parts, (peer, certificate)).await;
        let known = caller.is_ok();
        let outcome = match caller {
            Ok(caller) => self.handle((caller, peer), found, &parts, &mut body, &number).await,
            Err(problem) => Err(problem),
        };
        let outcome = outcome.map_err(|problem| match is_decision(parts.uri.path()) {
            true => problem.plain(),
            false => problem,
        });
        // A client that waits for `100 Continue` sends nothing more; HTTP/2 resets one stream.
        if parts.version < Version::HTTP_2 && !parts.headers.contains_key("expect") {
            discard(&mut body, if known { FROM_CALLERS } else { FROM_STRANGERS }).await;
        }
        let response = match outcome {
            Ok(answer) => answer.into_response(),
            Err(problem) if is_scim(parts.uri.path()) => problem.into_scim(&number),
            Err(problem) => problem.into_response(&number),
        };
        let response = echoed(&parts, response);
        self.metrics.answered(index, response.status());
        if !known {
            self.lead_nowhere(peer, &parts, response.status());
        }
        if parts.method == Method::HEAD { without_body(response) } else { response }
    }

    /// Counts a path that led a stranger nowhere: somebody who tries many looks for what is there.
    fn lead_nowhere(&self, peer: IpAddr, parts: &Parts, status: StatusCode) {
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND) {
            self.kernel.count_path(&kernel::address(peer), parts.uri.path());
        }
    }

    /// The answer to an address that is banned or too fast: of its request only what it takes was
    /// looked at.
    async fn turned_away(
        &self,
        error: &Error,
        parts: &Parts,
        body: &mut Incoming,
        number: &str,
    ) -> Response<Full<Bytes>> {
        if parts.version < Version::HTTP_2 && !parts.headers.contains_key("expect") {
            discard(body, FROM_STRANGERS).await;
        }
        let response = match refused::wants_page(&parts.headers) {
            true => refused::page(error, self.kernel.now()),
            false => Problem::from(error.clone()).into_response(number),
        };
        self.metrics.answered(None, response.status());
        if parts.method == Method::HEAD { without_body(response) } else { response }
    }

    /// A page, with a body that arrived whole or not at all.
    async fn page(
        &self,
        pages: &Pages,
        peer: IpAddr,
        parts: Parts,
        mut body: Incoming,
        number: String,
    ) -> Response<Full<Bytes>> {
        let bytes = match body::read(&mut body, PAGE_BODY).await {
            Ok(bytes) => bytes,
            Err(problem) => {
                if parts.version < Version::HTTP_2 {
                    discard(&mut body, FROM_STRANGERS).await;
                }
                let response = problem.into_response(&number);
                self.metrics.answered(None, response.status());
                return response;
            }
        };
        let asked = parts.clone();
        let response = pages(peer, parts, bytes, number).await;
        self.metrics.answered(None, response.status());
        self.lead_nowhere(peer, &asked, response.status());
        response.map(|bytes| Full::new(Bytes::from(bytes)))
    }

    fn find<'a>(&self, method: &Method, path: &'a str) -> Found<'a> {
        // HEAD is answered where GET is, except where reading is a disclosure of its own.
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let mut first: Option<&'static Route> = None;
        for (index, (route, template)) in ROUTES.iter().zip(&self.templates).enumerate() {
            if first.is_some_and(|first| first.path != route.path) {
                continue;
            }
            if !template.matches(path) {
                continue;
            }
            first = Some(route);
            if route.method == *wanted && (wanted == method || route.head) {
                return Found::Route(index, route, template.values(path));
            }
        }
        match first {
            Some(route) => Found::Other(allowed(route.path), route.login),
            None => Found::Nothing,
        }
    }

    /// Who asks. What is not there needs a login too: only few routes do not.
    async fn login(
        &self,
        found: &Found<'_>,
        parts: &Parts,
        (peer, certificate): (IpAddr, Option<[u8; 32]>),
    ) -> Result<Option<Login>, Problem> {
        let needed = match found {
            Found::Route(_, route, _) => route.login,
            Found::Other(_, login) => *login,
            Found::Nothing => true,
        };
        if !needed {
            return Ok(None);
        }
        let source = || kernel::address(peer);
        let forever = |caller| (caller, Moment(u64::MAX));
        // One that is nobody's here may be for somebody else, and says nothing.
        let shown = certificate.map(|hash| self.kernel.workload(&hash));
        match &shown {
            _ if parts.headers.contains_key(AUTHORIZATION) => {}
            Some(Ok(caller)) => return Ok(Some(Login::of(forever(caller.clone())))),
            Some(Err(error)) if error.restraint().is_some() => return Err(error.clone().into()),
            _ => {}
        }
        let (scheme, token) =
            presented(&parts.headers).inspect_err(|_| self.kernel.count_stranger(&source()))?;
        // Whoever shows who they are twice is one and the same.
        let other = |caller: &Caller| {
            let shown = shown.as_ref().and_then(|shown| shown.as_ref().ok());
            shown.is_some_and(|shown| shown.principal != caller.principal)
        };
        let twice = || {
            self.kernel.count_stranger(&source());
            Problem::from(Error::unauthenticated())
        };
        let known = match scheme {
            Scheme::Bearer if Workloads::looks_like(token) => {
                self.workloads.caller(&self.kernel, token).await
            }
            Scheme::Bearer => self.kernel.identify(token).map(forever),
            Scheme::Dpop => {
                let known = self.login_keyed(token, parts, &source())?;
                return if other(&known.caller) { Err(twice()) } else { Ok(Some(known)) };
            }
        };
        match known {
            Ok((caller, _)) if other(&caller) => Err(twice()),
            Ok(known) => Ok(Some(Login::of(known))),
            Err(error) => {
                // What a restraint refuses is counted by itself: it is no try of a stranger.
                if error.restraint().is_none() && error.kind() != Kind::Unavailable {
                    self.kernel.count_refused(token, &source());
                }
                Err(error.into())
            }
        }
    }

    /// As [`App::login`], by a token that is bound to a key.
    fn login_keyed(&self, token: &str, parts: &Parts, source: &str) -> Result<Login, Problem> {
        let base = self.public_url.clone().or_else(|| base(parts)).unwrap_or_default();
        let address = format!("{base}{}", parts.uri.path());
        let of = ProofOf { method: parts.method.as_str(), address: &address, token: Some(token) };
        let now = self.kernel.now();
        let unproven = |why| match why {
            // The first proof of a program has no nonce: that is no try of a stranger.
            Unproven::Nonce => Problem::unproven(
                "use_dpop_nonce",
                "the proof needs the nonce of this answer",
                Some(self.keyed.nonce(now)),
            ),
            Unproven::Proof(why) => {
                self.kernel.count_stranger(source);
                Problem::unproven("invalid_dpop_proof", &why, None)
            }
        };
        let proved = self.keyed.proved(&proofs(&parts.headers), of, now).map_err(unproven)?;
        let key = parts.headers.get("idempotency-key").map(|key| key.as_bytes());
        if proved.is_for_another(key) {
            let why = "this proof is for another `Idempotency-Key`".to_owned();
            return Err(unproven(Unproven::Proof(why)));
        }
        let caller = self.kernel.identify_keyed(token, &proved.thumbprint);
        let caller = caller.inspect_err(|error| {
            if error.restraint().is_none() {
                self.kernel.count_refused_keyed(token, &proved.thumbprint, source);
            }
        })?;
        self.keyed.once(&proved, now).map_err(unproven)?;
        Ok(Login { caller, until: Moment(u64::MAX), proof: Some(proved.into()) })
    }

    async fn handle(
        &self,
        (login, peer): (Option<Login>, IpAddr),
        found: Found<'_>,
        parts: &Parts,
        body: &mut Incoming,
        number: &str,
    ) -> Result<crate::answer::Answer, Problem> {
        let (route, encoded) = match found {
            Found::Route(_, route, values) => (route, values),
            Found::Other(allowed, _) => {
                return Err(Problem::method(parts.method.as_str(), &allowed));
            }
            Found::Nothing => return Err(Problem::no_route()),
        };
        let path = path::values(encoded)?;
        let query = path::query(parts.uri.query(), route.query)?;
        let said = said(parts)?;
        conditions(route, said.if_match.is_some(), said.if_none_match.is_some())?;
        let body = match route.takes {
            Takes::Nothing => {
                body::expect_none(body).await?;
                Vec::new()
            }
            Takes::Json { limit, .. } => {
                body::expect_json(&parts.headers)?;
                body::read(body, limit).await?
            }
            Takes::Bytes { limit, kinds, packed } => {
                body::expect_kind(&parts.headers, kinds, packed)?;
                body::read(body, limit).await?
            }
        };
        // A body may have taken longer to come than its token counts.
        if login.as_ref().is_some_and(|login| login.until <= self.kernel.now()) {
            return Err(Error::unauthenticated().into());
        }
        let (caller, proof) = login.map(|login| (login.caller, login.proof)).unzip();
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
        let call = Call {
            route,
            kernel: self.kernel.clone(),
            base: self.public_url.clone().or_else(|| base(parts)),
            probed: Arc::clone(&self.probed),
            outbox: Arc::clone(&self.outbox),
            pulse: Arc::clone(&self.pulse),
            lists: Arc::clone(&self.lists),
            published: Arc::clone(&self.published),
            transmitters: Arc::clone(&self.transmitters),
            bearer: presented(&parts.headers).ok().map(|(_, token)| token.to_owned()),
            keyed: Arc::clone(&self.keyed),
            proofs: proofs(&parts.headers),
            proof: proof.flatten(),
            caller,
            peer,
            number: number.to_owned(),
            method: parts.method.clone(),
            target,
            path,
            query,
            said,
            body,
        };
        (route.handler)(call).await
    }
}

/// Whether a path is for people. What the API answers, and everything under `/v1`, is its own; a
/// path with an empty part is no page and nobody's.
fn is_page(path: &str) -> bool {
    let own = ["/v1", "/healthz", "/readyz", "/openapi.json"];
    let under = ["/v1/", "/access/", "/.well-known/", "/pki/", "/scim/", "/oauth/", "/ssf/"];
    let ours = own.contains(&path) || under.iter().any(|prefix| path.starts_with(prefix));
    !ours && !path.contains("//")
}

/// Whether a path is of the Authorization API, which has its own rules for HTTP.
fn is_decision(path: &str) -> bool {
    path.starts_with("/access/")
}

/// Whether a path is of SCIM, which has its own form of problems.
fn is_scim(path: &str) -> bool {
    path.starts_with("/scim/")
}

/// With the caller's own number of its request, where the Authorization API asks for it back.
fn echoed(parts: &Parts, mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    const NUMBER: &str = "x-request-id";
    /// Longest number that is given back.
    const LONGEST: usize = 256;
    let number = parts.headers.get(NUMBER).filter(|number| number.len() <= LONGEST);
    if let Some(number) = number.filter(|_| is_decision(parts.uri.path())) {
        response.headers_mut().insert(NUMBER, number.clone());
    }
    response
}

/// How the caller reached this server, as far as that is a host and a port.
fn base(parts: &Parts) -> Option<String> {
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok());
    let host = parts.uri.authority().map(|one| one.as_str()).or(host)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
    let fits = !host.is_empty() && host.len() <= 255 && host.bytes().all(plain);
    fits.then(|| format!("https://{host}"))
}

/// The methods of a path, as `Allow` lists them.
fn allowed(path: &str) -> String {
    let mut all = Vec::new();
    for route in ROUTES.iter().filter(|route| route.path == path) {
        all.push(route.method.as_str());
        if route.head {
            all.push("HEAD");
        }
    }
    all.join(", ")
}

/// A condition that a route does not know would be silently ignored otherwise.
fn conditions(route: &Route, matching: bool, missing: bool) -> Result<(), Problem> {
    let known = match route.conditions {
        Conditions::None => !matching && !missing,
        Conditions::Read => !matching,
        Conditions::Write => !(matching && missing),
    };
    if known {
        return Ok(());
    }
    let field = if matching { "if-match" } else { "if-none-match" };
    let detail = match route.conditions {
        Conditions::Write => "`If-Match` and `If-None-Match` contradict each other: send one",
        _ => "this request knows no such condition: leave it out",
    };
    Err(Problem::invalid(field, detail))
}
