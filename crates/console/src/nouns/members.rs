//! Members of accounts: the link by which one signs in. Everything else of them is in the table of
//! registers.

use super::boxed;
use super::people::{Invite, name};
use domain::members::{IssueLink, LinkMember};
use domain::register::{Boxed, Entry, On, When, stated};
use kernel::{Act, Kernel, Result};
use serde_json::json;

fn invite(kernel: &Kernel, on: On<'_>, body: &[u8]) -> Result<Boxed> {
    let life = stated::<Invite>(body)?.life()?;
    let name = name(on)?;
    let id = name.to_string();
    Ok(boxed(
        "member",
        IssueLink::member(kernel, &name, life)?,
        move |link| json!({"id": id.clone(), "link": link.token, "until": When(link.until)}),
    ))
}

/// What can be done besides the steps of a member's life.
pub(super) const STEPS: &[Entry] = &[Entry {
    verb: "invite",
    summary: "Makes a link to sign in with, and ends those made before",
    area: Some("team"),
    action: LinkMember::ACTION,
    schema: |generator| generator.subschema_for::<Invite>(),
    make: invite,
}];
