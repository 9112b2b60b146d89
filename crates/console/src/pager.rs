//! The pager: pages that nobody has answered yet, large, with one button each.
//!
//! It is asked for anew every twenty seconds, without scripts too, and makes a sound where the
//! browser was told that it may. Each look is an entry, as every look at a register is.

use crate::reply::Page;
use crate::visit::Visit;
use domain::oncall::pages;
use domain::register::{Kept, List};
use kernel::Result;
use kernel::limits::PAGE_ITEMS;
use maud::html;

/// Pages that are shown at once.
const SHOWN: usize = 20;

/// `GET /pager`
pub(crate) async fn show(visit: &Visit<'_>) -> Result<Page> {
    let mut open: Vec<Kept<pages::Page>> = Vec::new();
    let (mut after, mut entry) = (None, None);
    loop {
        let list = List::<Kept<pages::Page>>::new(visit.kernel(), PAGE_ITEMS, after.as_deref())?;
        let done = visit.submit(list).await?;
        entry = entry.or(visit.entry(&done.receipts));
        open.extend(done.output.items.into_iter().filter(|one| !one.row.settled()));
        match done.output.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let me = visit.caller()?.principal.to_string();
    let mine = |one: &Kept<pages::Page>| one.row.tries.iter().any(|one| one.person == me);
    open.sort_by_key(|one| (!mine(one), one.added.at));
    let may = visit.may(&kernel::authority::Action {
        name: "page.acknowledge",
        verb: None,
        changes_rights: false,
    });
    let body = html! {
        noscript { meta http-equiv="refresh" content="20"; }
        div #pager data-open=(open.len()) {
            @if open.is_empty() {
                p.sentence { "Nobody is paged." }
            }
            @for one in open.iter().take(SHOWN) {
                section.page {
                    h2 { a href={ "/pages/" (one.id) } { (one.row.title) } }
                    p { (one.row.subject.word()) ", raised " (visit.clock.quoted(one.added.at.0))
                        @if mine(one) { ": you are paged" } }
                    @if may {
                        form method="post" action={ "/pages/" (one.id) "/acknowledge" } {
                            (crate::form::hidden(visit))
                            p.act { button type="submit" { "I have it" } }
                        }
                    }
                }
            }
            @if open.len() > SHOWN {
                p { "And more: " (open.len() - SHOWN) ". " a href="/pages" { "All pages" } }
            }
        }
        p { button #sound type="button" hidden { "Make a sound when somebody is paged" } }
    };
    Ok(Page::new("Pager", body).seen(entry))
}
