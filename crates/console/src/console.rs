//! What every request goes through: path, session, origin, form, handler, page, header.
//!
//! The order is a promise. Without a session nothing is read but the public page and the way in;
//! nothing is changed before the request is known to come from a page of ours.

use crate::board::{Board, History};
use crate::calendar::Calendars;
use crate::ceremonies::Ceremonies;
use crate::clock::ReaderClock;
use crate::passwords::Tries;
use crate::preferences::Preferences;
use crate::provider::SignIn;
use crate::receipts::Marks;
use crate::reply::{self, Page, Reply};
use crate::request::{self, Pairs, Request};
use crate::sessions::{self, plausible};
use crate::shell::AsOf;
use crate::show::sentence;
use crate::trust::{Processors, Published};
use crate::visit::{Session, Visit};
use crate::{
    account, acknowledge, answer, approve, assets, board, calendar, device, explorer, guard,
    import, measure, pager, passkeys, passwords, playbooks, policy, preferences, provider,
    receipts, registers, roles, room, setup, shell, sign_in, trust,
};
use ::passkeys::{Makers, Site};
use domain::measures::{Answered, Listener};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use kernel::{Error, HOUSE, Kernel, Kind, Moment, Result};
use maud::html;
use std::sync::{Arc, Mutex, PoisonError};

/// What the server's own probe of its listener saw last.
type Probe = Arc<dyn Fn() -> Option<Listener> + Send + Sync>;

/// The pages over one kernel.
pub struct Console {
    pub(crate) kernel: Kernel,
    pub(crate) listener: Probe,
    pub(crate) marks: Marks,
    pub(crate) history: History,
    pub(crate) processors: Processors,
    pub(crate) calendars: Calendars,
    pub(crate) ceremonies: Ceremonies,
    pub(crate) site: Option<Site>,
    pub(crate) makers: Option<Arc<Makers>>,
    pub(crate) tries: Tries,
    pub(crate) sign_in: Option<SignIn>,
    board: Mutex<Option<Arc<Board>>>,
    pub(crate) published: Mutex<Option<Published>>,
}

impl Console {
    /// Over this kernel; `listener` tells what the server's own probe of its listener saw last.
    pub fn new(kernel: Kernel, listener: Probe) -> Self {
        let (ceremonies, marks) = (Ceremonies::new(&kernel), Marks::new(&kernel));
        Self {
            kernel,
            listener,
            marks,
            history: Arc::new(|_| vec![]),
            processors: Arc::new(Vec::new),
            calendars: Arc::new(|_| String::new()),
            ceremonies,
            site: None,
            makers: None,
            tries: Tries::default(),
            sign_in: None,
            board: Mutex::default(),
            published: Mutex::default(),
        }
    }

    /// With the states of an obligation over time, oldest first: each is what it was from that
    /// moment on.
    #[must_use]
    pub fn with_history(mut self, history: History) -> Self {
        self.history = history;
        self
    }

    /// With the sub-processors that the public page names.
    #[must_use]
    pub fn with_processors(mut self, processors: Processors) -> Self {
        self.processors = processors;
        self
    }

    /// With the domain that passkeys belong to; without one only `localhost` has passkeys.
    #[must_use]
    pub fn with_site(mut self, site: Option<Site>) -> Self {
        self.site = site;
        self
    }

    /// With the makers whose devices administrators have to use; any device without.
    #[must_use]
    pub fn with_makers(mut self, makers: Option<Arc<Makers>>) -> Self {
        self.makers = makers;
        self
    }

    /// With the company's provider, where people may sign in.
    #[must_use]
    pub fn with_sign_in(mut self, sign_in: Option<SignIn>) -> Self {
        self.sign_in = sign_in;
        self
    }

    /// With how calendars are written for the programs that show them.
    #[must_use]
    pub fn with_calendars(mut self, calendars: Calendars) -> Self {
        self.calendars = calendars;
        self
    }

    /// Takes over how the measures stand, from whoever asked the controls at this moment. Pages
    /// show the newest; the public page has nothing else.
    pub fn publish(&self, answered: Vec<Answered>, at: Moment) {
        self.keep(Arc::new(Board { answered, at, entry: None }));
    }

    /// Answers one request. Never fails: a failure is a page that says what to do next.
    pub async fn answer(&self, request: Request) -> Response<Vec<u8>> {
        let head = request.method == Method::HEAD;
        let mut response = match self.public_file(&request) {
            Some(response) => response,
            None => self.page(request).await,
        };
        if head {
            response.body_mut().clear();
        }
        reply::finish(&mut response);
        response
    }

    /// How the measures stood when somebody asked last.
    pub(crate) fn board(&self) -> Option<Arc<Board>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn keep(&self, board: Arc<Board>) {
        let mut kept = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|old| old.at <= board.at) {
            *kept = Some(board);
        }
    }

    fn public_file(&self, request: &Request) -> Option<Response<Vec<u8>>> {
        let name = request.uri.path().strip_prefix("/assets/")?;
        let reads = request.method == Method::GET || request.method == Method::HEAD;
        assets::file(name).filter(|_| reads)
    }

    async fn page(&self, request: Request) -> Response<Vec<u8>> {
        let had = request::cookie(&request.headers, sessions::COOKIE).is_some();
        let (session, refused) = match self.session(&request) {
            Ok(session) => (session, None),
            Err(error) => (None, Some(error)),
        };
        let mut visit = self.visit(&request, session);
        let outcome = match (refused, fill(&mut visit, &request)) {
            (Some(error), _) | (None, Err(error)) => Err(error),
            (None, Ok(())) => route(&visit).await,
        };
        let retry = outcome.as_ref().err().and_then(Error::retry);
        let reply = outcome.unwrap_or_else(|error| {
            let page = failed(&visit, had, &error).into();
            // A session that is over is forgotten, or every further page would count as a try.
            match had && visit.session.is_none() && sign_in::is_needed(&error) {
                true => Reply::Keeping(Box::new(page), vec![sessions::gone()]),
                false => page,
            }
        });
        let mut response = self.respond(&visit, reply).await;
        if let Some(seconds) = retry {
            reply::retry(&mut response, seconds);
        }
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            reply::allow(&mut response, "GET, POST");
        }
        response
    }

    /// Who asks and how they read, before anything of the request is believed.
    fn visit(&self, request: &Request, session: Option<Session>) -> Visit<'_> {
        let preferences = Preferences::of(&request.headers);
        let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
        Visit {
            console: self,
            method: request.method.clone(),
            path: Vec::new(),
            target: target.to_owned(),
            query: Pairs::default(),
            form: Pairs::default(),
            session,
            clock: ReaderClock { now: self.kernel.now(), zone: preferences.zone.clone() },
            preferences,
            peer: request.peer,
            host: host(&request.headers, &request.uri),
            number: request.number.clone(),
            provider: provider::cookie(&request.headers),
            made: Mutex::default(),
        }
    }

    /// Who is signed in, if somebody is.
    ///
    /// # Errors
    /// What an answer refuses to somebody who is.
    fn session(&self, request: &Request) -> Result<Option<Session>> {
        let Some(given) = request::cookie(&request.headers, sessions::COOKIE) else {
            return Ok(None);
        };
        let source = kernel::address(request.peer);
        let Some(token) = plausible(given) else {
            self.kernel.count_stranger(&source);
            return Ok(None);
        };
        match self.kernel.identify(token) {
            Ok(caller) => Ok(Some(Session { caller, token: given.to_owned() })),
            Err(error) if error.restraint().is_some() => Err(error),
            Err(_) => {
                self.kernel.count_refused(token, &source);
                Ok(None)
            }
        }
    }

    async fn respond(&self, visit: &Visit<'_>, reply: Reply) -> Response<Vec<u8>> {
        let (reply, cookies) = match reply {
            Reply::Keeping(reply, cookies) => (*reply, cookies),
            reply => (reply, vec![]),
        };
        let mut response = match reply {
            Reply::Page(page) => {
                let as_of = self.as_of(visit).await;
                let mut response = reply::html(page.status, shell::page(visit, &as_of, &page));
                if let Some(next) = page.next {
                    reply::lead(&mut response, next);
                }
                response
            }
            Reply::Plain(status, kind, body) => reply::response(status, kind, body),
            Reply::See(place) => reply::see(&place),
            Reply::File { kind, name, body } => reply::file(kind, &name, body),
            Reply::Keeping(..) => reply::see("/"),
        };
        for cookie in cookies {
            reply::keep(&mut response, &cookie);
        }
        response
    }

    /// The position is told to the provider's team; it holds no personal data.
    async fn as_of(&self, visit: &Visit<'_>) -> AsOf {
        let position = match visit.session {
            Some(_) if !visit.is_member() => visit.blocking(|kernel| kernel.head(HOUSE)).await.ok(),
            _ => None,
        };
        let position = position.map(|head| head.size.saturating_sub(1));
        AsOf { moment: self.kernel.now(), position }
    }
}

/// Parses the request, and refuses a form that is not from a page of ours.
fn fill(visit: &mut Visit<'_>, request: &Request) -> Result<()> {
    visit.path = request::segments(request.uri.path())?;
    visit.query = request::pairs(request.uri.query().unwrap_or_default(), "query")?;
    if request.method != Method::POST {
        return Ok(());
    }
    // The provider itself says who signed out there; what it says is signed.
    if visit.path != ["sign-in", "oidc", "logout"] {
        guard::same_origin(&request.headers, &request.uri)?;
    }
    visit.form = request::form(&request.headers, &request.body)?;
    let first = visit.path.first().map(String::as_str);
    match &visit.session {
        _ if matches!(first, Some("acknowledge" | "page" | "preferences" | "sign-in")) => Ok(()),
        Some(session) => guard::carries(&session.token, visit.form.get(guard::FIELD)),
        None => Err(Error::unauthenticated()),
    }
}

/// What somebody signs in with.
async fn own(visit: &Visit<'_>, path: &[&str]) -> Result<Reply> {
    match (visit.method.as_str(), path) {
        ("GET", ["passkeys"]) => Ok(passkeys::show(visit).await?.into()),
        ("POST", ["passkeys"]) => Ok(passkeys::make(visit).await?.into()),
        ("POST", ["passkeys", id, "end"]) => passkeys::end(visit, id).await,
        ("GET", ["password"]) => Ok(passwords::show(visit)?.into()),
        ("POST", ["password"]) => passwords::set(visit).await,
        _ => Err(Error::not_found("there is no such page")),
    }
}

/// Every page and every form, in one table.
async fn route(visit: &Visit<'_>) -> Result<Reply> {
    let path: Vec<&str> = visit.path.iter().map(String::as_str).collect();
    match (visit.method.as_str(), path.as_slice()) {
        ("GET" | "HEAD", ["trust"]) => Ok(trust::show(visit)?.into()),
        ("GET", ["sign-in"]) => Ok(sign_in::show(visit)?.into()),
        ("POST", ["sign-in"]) => sign_in::begin(visit).await,
        ("GET", ["sign-in", "oidc"]) => provider::start(visit).await,
        ("GET", ["sign-in", "oidc", "callback"]) => provider::back(visit).await,
        ("POST", ["sign-in", "oidc", "logout"]) => provider::logout(visit).await,
        ("POST", ["sign-out"]) => sign_in::end(visit).await,
        ("GET", ["acknowledge", notice, token]) => {
            Ok(acknowledge::show(visit, notice, token).into())
        }
        ("POST", ["acknowledge", notice, token]) => {
            Ok(acknowledge::take(visit, notice, token).await?.into())
        }
        ("GET", ["approve", link @ ..]) => approve::show(visit, link).await,
        ("GET", ["page", page, token]) => Ok(answer::show(visit, page, token).into()),
        ("POST", ["page", page, token]) => Ok(answer::take(visit, page, token).await?.into()),
        ("GET" | "HEAD", ["calendar", id, link]) => calendar::feed(visit, id, link).await,
        ("POST", ["preferences"]) => preferences::keep(visit),
        // From here on nobody is a stranger.
        _ if visit.session.is_none() => Err(Error::unauthenticated()),
        (_, ["passkeys" | "password", ..]) => own(visit, &path).await,
        ("GET", ["account"]) => Ok(account::show(visit).await?.into()),
        ("GET", ["account", "accesses"]) => Ok(account::accesses(visit).await?.into()),
        ("GET", ["account", "accesses.ndjson"]) => account::download(visit).await,
        ("GET", ["account", "receipts", name]) => account::receipt(visit, name).await,
        // A member of an account belongs to that account: nothing below is about it.
        ("GET", []) if visit.is_member() => Ok(Reply::See("/account".to_owned())),
        ("GET", ["help"]) => Ok(shell::help(visit)?.into()),
        _ if visit.is_member() => {
            Err(Error::forbidden("this is for the provider's team: your page is `/account`"))
        }
        ("GET", []) => Ok(board::show(visit).await?.into()),
        ("GET", ["find"]) => board::find(visit).await,
        ("GET", ["device"]) => Ok(device::show(visit)?.into()),
        ("POST", ["device"]) => Ok(device::approve(visit).await?.into()),
        ("GET", ["accesses"]) => Ok(explorer::show(visit).await?.into()),
        ("GET", ["policy"]) => Ok(policy::show(visit).await?.into()),
        ("GET", ["pager"]) => Ok(pager::show(visit).await?.into()),
        ("GET", ["registers"]) => Ok(shell::registers(visit)?.into()),
        ("GET", ["setup"]) => Ok(setup::show(visit).await?.into()),
        ("GET", ["measures", id]) => Ok(measure::show(visit, id).await?.into()),
        ("POST", ["measures", "scope"]) => setup::scope(visit).await,
        ("GET", ["receipts", name]) => receipts::show(visit, name).await,
        ("GET", [role]) if roles::start(role).is_some() => {
            Ok(board::start(visit, role).await?.into())
        }
        ("GET", [plural]) if plural.ends_with(".csv") => import::template(plural),
        ("GET", [plural]) => Ok(registers::list(visit, plural).await?.into()),
        ("POST", [plural]) => registers::add(visit, plural).await,
        ("GET", [plural, "new"]) if visit.query.get("row").is_none() => {
            Ok(registers::new(visit, plural)?.into())
        }
        ("POST", [plural, "import"]) => Ok(import::run(visit, plural).await?.into()),
        ("GET", ["incidents", id, "file"]) => room::file(visit, id).await,
        ("GET", ["incidents", id, "package"]) => room::package(visit, id).await,
        ("GET", ["playbooks", id, "cacao"]) => playbooks::cacao(visit, id).await,
        ("GET", [plural, id]) => Ok(registers::show(visit, plural, id).await?.into()),
        ("POST", [plural, id, verb]) => registers::step(visit, plural, id, verb).await,
        ("GET" | "POST", _) => Err(Error::not_found("there is no such page")),
        _ => {
            let body = html! { p { "Pages are read with GET, forms are sent with POST." } };
            let page = Page::new("Not possible here", body);
            Ok(page.status(StatusCode::METHOD_NOT_ALLOWED).into())
        }
    }
}

/// The page of a failure; what the operator should know goes to the log, once, here.
fn failed(visit: &Visit<'_>, had: bool, error: &Error) -> Page {
    if sign_in::is_needed(error) {
        return sign_in::needed(visit, had);
    }
    if let Some(context) = error.context() {
        tracing::error!(request = visit.number, kind = ?error.kind(), context, "a page failed");
    }
    let page = Page::new(
        reply::title(error),
        html! {
            p.sentence { (sentence(error.message())) "." }
            @if error.kind() == Kind::Internal {
                p { "The number of this request finds the line in the log: "
                code { (visit.number) } }
            }
            p { a href="/" { "To the board" } }
        },
    );
    page.status(reply::status(error))
}

/// The host as the browser names it; what is no host is none.
fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let named = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(|one| one.as_str()).or(named)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    (host.len() <= 255 && host.bytes().all(plain)).then(|| host.to_owned())
}
