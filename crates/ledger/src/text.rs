//! The few spellings every format here shares: canonical base64, canonical decimals, JSON strings.
//!
//! Each reader accepts one spelling only, because a second spelling of the same value would let two
//! people hold different bytes that both verify.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Hash, Malformed};

/// Base64 length of a 32-byte value, padding included (RFC 4648 §4).
pub(crate) const HASH_CHARS: usize = 44;

/// Appends the base64 of `bytes`.
pub(crate) fn push_base64(out: &mut String, bytes: &[u8]) {
    STANDARD.encode_string(bytes, out);
}

/// The base64 of `bytes`.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes canonical base64: standard alphabet, padded, unused bits zero, nothing else.
pub(crate) fn from_base64(text: &str) -> Result<Vec<u8>, Malformed> {
    STANDARD.decode(text).map_err(|_| Malformed::quoting("not canonical base64", text))
}

/// Decodes exactly 32 bytes of canonical base64.
pub(crate) fn hash_from_base64(text: &str) -> Result<Hash, Malformed> {
    // The length first: an item of another size is the classic way to slip a forged proof past a
    // verifier that concatenates. 44 characters may still decode to 31 or 33 bytes.
    let mut out = [0; 32];
    if text.len() == HASH_CHARS && STANDARD.decode_slice(text, &mut out).is_ok_and(|n| n == 32) {
        return Ok(out);
    }
    Err(Malformed::quoting("not the base64 of exactly 32 bytes", text))
}

/// Parses a decimal with no sign, no leading zero and no space.
pub(crate) fn decimal(text: &str) -> Result<u64, Malformed> {
    let canonical = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    text.parse()
        .ok()
        .filter(|_| canonical)
        .ok_or_else(|| Malformed::quoting("not a plain decimal number", text))
}

/// Appends `text` as a JSON string with its quotes. Only what RFC 8259 §7 demands is escaped.
pub(crate) fn push_json(out: &mut String, text: &str) {
    out.push('"');
    push_json_inner(out, text);
    out.push('"');
}

/// As [`push_json`], without the quotes.
pub(crate) fn push_json_inner(out: &mut String, text: &str) {
    if !text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if u32::from(c) < 0x20 => {
                out.push_str("\\u00");
                push_hex(out, c as u8);
            }
            c => out.push(c),
        }
    }
}

/// Appends `byte` as two lower-case hexadecimal digits.
pub(crate) fn push_hex(out: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
    }
}

/// Appends `n` in decimal.
pub(crate) fn push_decimal(out: &mut String, n: u64) {
    use std::fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = write!(out, "{n}");
}

/// A 32-byte value that JSON carries as canonical base64.
#[derive(Clone, Copy)]
pub(crate) struct JsonHash(pub(crate) Hash);

impl Serialize for JsonHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&base64(&self.0))
    }
}

impl<'de> Deserialize<'de> for JsonHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        // Without quoting the input: it may be a salt.
        let hash = hash_from_base64(&text);
        hash.map(Self).map_err(|_| D::Error::custom("not the base64 of exactly 32 bytes"))
    }
}

/// Reads an optional member that, when there, must not be `null`: absent has one spelling.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
