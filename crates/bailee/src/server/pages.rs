//! The pages beside the API: what is neither `/v1` nor one of its open routes goes to the console.

use api::{Pages, Server};
use connectors::calendar;
use console::{Calendars, Console, History, Processor, Processors, Request, SignIn};
use domain::oncall::calendars::{Feed, Shows};
use domain::oncall::coverage::{Source, Span};
use kernel::Kernel;
use passkeys::{Makers, Site};
use std::sync::{Arc, PoisonError};

use super::background::{Background, Noted};
use super::outward::Outward;
use super::watching::Watching;

/// How people sign in.
#[derive(Default)]
pub struct Ways<'c> {
    /// The address by which people reach the pages.
    pub public_url: Option<&'c str>,
    /// The company's provider.
    pub sign_in: Option<SignIn>,
    /// Whose devices administrators have to use.
    pub makers: Option<Arc<Makers>>,
}

/// Gives a server its pages, and what it does by itself.
pub fn furnish(
    server: Server,
    kernel: &Kernel,
    outward: Outward,
    watching: Watching,
    ways: Ways<'_>,
) -> (Server, Arc<Background>) {
    let (listener, pulse) = (server.listener(), server.pulse());
    watching.beat(Arc::clone(&pulse));
    let noted = Noted::default();
    let console = Console::new(kernel.clone(), Arc::clone(&listener));
    let console = console.with_history(history(&noted)).with_processors(processors(&noted));
    let console = console.with_calendars(calendars(kernel)).with_site(site(ways.public_url));
    let console = console.with_sign_in(ways.sign_in).with_makers(ways.makers);
    let console = Arc::new(console);
    let background =
        Background::new(listener, Arc::clone(&console), noted, outward, (watching, pulse));
    let background = Arc::new(background);
    let pages: Pages = Arc::new(move |peer, parts, body, number| {
        let console = Arc::clone(&console);
        Box::pin(async move {
            let (method, uri, headers) = (parts.method, parts.uri, parts.headers);
            console.answer(Request { peer, method, uri, headers, body, number }).await
        })
    });
    (server.with_pages(pages), background)
}

/// The domain that passkeys belong to: that of the public address, unless it is a number.
fn site(public_url: Option<&str>) -> Option<Site> {
    let host = public_url?.strip_prefix("https://")?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    Site::new(&name.to_ascii_lowercase()).ok()
}

/// The states of an obligation, out of what was noted last.
fn history(noted: &Noted) -> History {
    let noted = Arc::clone(noted);
    Arc::new(move |id| {
        let all = noted.lock().unwrap_or_else(PoisonError::into_inner);
        let own =
            all.states.iter().filter(|states| states.id == id).flat_map(|states| &states.changes);
        own.map(|change| (change.at.0, change.state())).collect()
    })
}

/// The sub-processors, out of what was noted last: who is declared or was seen.
fn processors(noted: &Noted) -> Processors {
    let noted = Arc::clone(noted);
    Arc::new(move || {
        let board = noted.lock().unwrap_or_else(PoisonError::into_inner);
        let named = board.parties.iter().map(|party| Processor {
            name: party.legal_name.clone().unwrap_or_else(|| party.name.clone()),
            purpose: party.services.clone(),
            country: party.country.clone(),
        });
        named.collect()
    })
}

/// Who is on call, as programs that show calendars read it.
fn calendars(kernel: &Kernel) -> Calendars {
    let provider = kernel.identity().provider.clone();
    Arc::new(move |feed| written(feed, &provider).text())
}

fn written(feed: &Feed, provider: &str) -> calendar::Calendar {
    let name = match feed.shows {
        Shows::Own => format!("On call: {} ({provider})", name(&feed.holder)),
        Shows::Everybody => format!("On call ({provider})"),
    };
    let event = |span: &Span| calendar::Event {
        uid: uid(span, provider),
        from: span.from.0 / 1_000_000,
        to: span.to.0 / 1_000_000,
        summary: format!("On call ({}): {}", span.kind.word(), self::name(&span.person)),
        description: format!("From {} of {provider}", span.source.place()),
        changed: span.changed.0 / 1_000_000,
    };
    calendar::Calendar {
        name,
        made: feed.now.0 / 1_000_000,
        refresh_minutes: 15,
        events: feed.spans.iter().map(event).collect(),
    }
}

/// What makes a turn itself, whoever has it: its rota and when it begins, or its shift.
fn uid(span: &Span, provider: &str) -> String {
    match &span.source {
        Source::Shift(id) => format!("{id}@{provider}"),
        Source::Rota { rota, begins, piece, .. } => {
            format!("rota-{rota}-{}-{piece}@{provider}", begins.0 / 1_000_000)
        }
    }
}

fn name(person: &str) -> &str {
    person.strip_prefix("person:").unwrap_or(person)
}
