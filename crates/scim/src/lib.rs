//! The server's rules of SCIM 2.0 (RFC 7643, RFC 7644): what a resource may say, what a filter
//! matches, what a PATCH changes, how lists, bulk requests and discovery look.
//!
//! It promises: whatever arrives is answered by a value or by an error that names the input; the
//! work is linear in its size, which is bounded here; and the dialects of Entra and Okta that
//! would otherwise leave somebody active are understood (decision 0032).
//!
//! It deliberately does not: keep anything, know who asks, or decide what follows for a person.
//! No I/O, no clock, no randomness.

mod bulk;
mod discovery;
mod error;
mod filter;
mod list;
mod patch;
mod path;
mod resource;
mod schema;
mod select;

pub use bulk::{Batch, Method, One, References, bulk_answer};
pub use discovery::{resource_type, resource_types, schema, schemas, service_provider_config};
pub use error::{Error, Kind};
pub use filter::Filter;
pub use list::{COUNT, Found, Query};
pub use patch::Patch;
pub use resource::{Meta, Resource};
pub use schema::{ENTERPRISE, GROUP, ResourceType, USER};
pub use select::Selection;

/// What a function of this crate answers.
pub type Result<T> = std::result::Result<T, Error>;

/// The media type of everything (RFC 7644 §8.1).
pub const MEDIA_TYPE: &str = "application/scim+json";

/// Longest filter, in bytes. Those of Entra and Okta have under 200.
pub const FILTER_BYTES: usize = 4096;

/// Brackets within brackets of a filter.
pub const FILTER_DEPTH: usize = 16;

/// Comparisons of one filter: each is made for every resource there is.
pub const FILTER_TERMS: usize = 50;

/// Longest text of an attribute, in bytes.
pub const TEXT_BYTES: usize = 1024;

/// Values of one multi-valued attribute, members of a group excepted.
pub const VALUES: usize = 50;

/// Members of one group.
pub const MEMBERS: usize = 10_000;

/// Operations of one PATCH or bulk request.
pub const OPERATIONS: usize = 500;

/// Bytes of one request.
pub const REQUEST_BYTES: usize = 1024 * 1024;

/// Input as it may appear in a message: escaped, and cut where it would fill the screen.
fn shown(text: &str) -> String {
    let mut out: String = text.escape_default().take(80).collect();
    if text.len() > 80 {
        out.push('…');
    }
    out
}
