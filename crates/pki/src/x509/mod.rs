//! X.509: an authority, client certificates, and lists that revoke them.

mod authority;
mod certificate;
mod client;
mod crl;
mod der;
mod key;
mod request;
mod serial;
mod subject;

pub use authority::{Authority, AuthorityCertificate, MAX_AUTHORITY_LIFE};
pub use certificate::{Certificate, Request};
pub use client::ClientKey;
pub use crl::{Crl, MAX_CRL_LIFE, MAX_REVOKED, Reason, Revoked};
pub use key::PublicKey;
pub use serial::Serial;
pub use subject::{Subject, named};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// The textual form of RFC 7468: 64 characters a line.
fn pem(label: &str, der: &[u8]) -> String {
    let coded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, character) in coded.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// The DER of what is DER already, or one block of RFC 7468 with this label.
fn der_of<'a>(label: &str, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    if bytes.starts_with(b"-----BEGIN") {
        return unpem(label, bytes).map(Cow::Owned);
    }
    Some(Cow::Borrowed(bytes))
}

/// Reads one block of RFC 7468 with nothing behind it; `NEW` before the label is of old programs.
fn unpem(label: &str, text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim().strip_prefix("-----BEGIN ")?;
    let text = text.strip_prefix("NEW ").unwrap_or(text);
    let text = text.strip_prefix(label)?.strip_prefix("-----")?;
    let text = text.strip_suffix("-----")?.strip_suffix(label)?;
    let text = text.strip_suffix("NEW ").unwrap_or(text).strip_suffix("-----END ")?;
    let coded: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(coded).ok()
}
