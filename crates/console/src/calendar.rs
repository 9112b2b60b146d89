//! The feed of who is on call, for the programs that show calendars.
//!
//! The link is the whole proof: such programs cannot sign in. It is answered with the feed, or as
//! if nothing were there. Each wrong one is counted by where it came from, as a wrong login is, and
//! after too many in a minute none is tried.

use crate::reply::Reply;
use crate::visit::Visit;
use domain::oncall::calendars::{Feed, Fetch};
use kernel::authority::Caller;
use kernel::id::RecordId;
use kernel::{Error, Kind, Result};
use std::sync::Arc;

/// Writes a feed in the form that programs read.
pub type Calendars = Arc<dyn Fn(&Feed) -> String + Send + Sync>;

/// The media type of a feed (RFC 5545 §8.1).
const KIND: &str = "text/calendar; charset=utf-8";

/// `GET /calendar/{id}/{token}.ics`
pub(crate) async fn feed(visit: &Visit<'_>, id: &str, link: &str) -> Result<Reply> {
    visit.kernel().may_try(&visit.peer.to_string())?;
    let unknown = || {
        visit.kernel().count_stranger(&visit.peer.to_string());
        Error::not_found("there is no such calendar: it ended, or the link is no whole one")
    };
    let token = link.strip_suffix(".ics").unwrap_or(link);
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if RecordId::parse(id).is_err() || token.len() != 64 || !token.bytes().all(hex) {
        return Err(unknown());
    }
    let operation = Fetch::new(visit.kernel(), id, token)?;
    match visit.submit_as(Caller::bearer(), None, operation).await {
        Ok(done) => {
            let body = (visit.console.calendars)(&done.output).into_bytes();
            Ok(Reply::File { kind: KIND, name: "on-call.ics".to_owned(), body })
        }
        Err(error) if error.kind() == Kind::NotFound => Err(unknown()),
        Err(error) => Err(error),
    }
}
