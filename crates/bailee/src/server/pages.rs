//! The pages beside the API: what is neither `/v1` nor one of its open routes goes to the console.

use api::{Pages, Server};
use console::{Console, History, Processor, Processors, Request};
use kernel::Kernel;
use std::sync::{Arc, PoisonError};

use super::background::{Background, Noted};
use super::outward::Outward;

/// Gives a server its pages, and what it does by itself.
pub fn furnish(server: Server, kernel: &Kernel, outward: Outward) -> (Server, Arc<Background>) {
    let listener = server.listener();
    let noted = Noted::default();
    let console = Console::new(kernel.clone(), Arc::clone(&listener));
    let console =
        Arc::new(console.with_history(history(&noted)).with_processors(processors(&noted)));
    let background = Arc::new(Background::new(listener, Arc::clone(&console), noted, outward));
    let pages: Pages = Arc::new(move |peer, parts, body, number| {
        let console = Arc::clone(&console);
        Box::pin(async move {
            let (method, uri, headers) = (parts.method, parts.uri, parts.headers);
            console.answer(Request { peer, method, uri, headers, body, number }).await
        })
    });
    (server.with_pages(pages), background)
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
