//! Reports: what independent auditors say about the provider, and who of the subscribers gets it.
//!
//! A library entry describes one document, with its file in sealed parts, and is published by a
//! second person. A subscriber's member asks for a copy; it is screened against a list of
//! competitors that two people keep; a named person decides, always; the copy is released for a
//! while, under terms accepted in the version in force where its audience asks for that. Every
//! download is checked anew: what was decided stops counting when the list says something new.
//!
//! It does not look into a document: counting pages, refusing one that needs a password and
//! stamping a copy are done by the face that takes it in or gives it out.

mod competitors;
mod desk;
mod file;
mod copies;
mod give;
mod library;
mod requests;
mod screen;
mod subscriptions;
mod terms;

pub use competitors::{Competitor, Confirm, NewCompetitor, Remove, Review};
pub use copies::{Copy, Download, Downloading, MarkCopy, Marking};
pub use desk::{DESK, Desk, Terms as TermsInForce};
pub use file::{
    FilePart, MAX_PARTS, Opening, PART_BYTES, ReadFile, SealFile, Sealing, UploadPart, Uploading,
};
pub use give::{
    AcceptTerms, Accepting, NewOwnRequest, OwnRequest, ReadTerms, ReadingTerms, RequestReport,
    Requesting, TermsText,
};
pub use library::{Audience, File, Kind, NewReport, Part, Publish, Report, Withdraw};
pub use requests::{
    Acceptance, Answer, Decide, Decision, Delivery, MARK_LIFE, NewRequest, Release, Released,
    Request, Settle,
};
pub use screen::{Listed, RULES, Screen, Subject, Verdict, screen};
pub use subscriptions::{Change, EndSubscription, NewSubscription, Subscription};
pub use terms::{NewTerms, PublishTerms, ReviewTerms, Terms};

pub use competitors::REGISTER as COMPETITORS;
pub use library::REGISTER as LIBRARY;
pub use requests::REGISTER as REQUESTS;
pub use subscriptions::REGISTER as SUBSCRIPTIONS;
pub use terms::REGISTER as TERMS;

use kernel::{Error, Result};

/// Roles that sign second, for messages to a team that is too small.
const SECOND: [&str; 3] = ["approver", "security-lead", "counsel"];

/// SHA-256 as `sha256sum` prints it.
fn sha256(bytes: &[u8]) -> String {
    kernel::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A SHA-256 that somebody states.
///
/// # Errors
/// `Invalid` if it is none.
fn stated_sha256(text: &str) -> Result<String> {
    let text = text.trim().to_ascii_lowercase();
    match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text),
        false => {
            let why = "write the 64 hexadecimal digits that `sha256sum` prints";
            Err(Error::invalid("sha256", why))
        }
    }
}

/// A bounded list of short lines.
fn lines(field: &'static str, texts: &[String], most: usize) -> Result<Vec<String>> {
    if texts.len() > most {
        return Err(Error::invalid(field, format!("at most {most}")));
    }
    texts.iter().map(|text| crate::register::line(field, text, 200)).collect()
}
