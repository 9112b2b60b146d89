//! The few forms of DER (X.690) that certificates and lists are made of: written, never read.

use time::OffsetDateTime;

/// Object identifiers, as their bytes.
pub(super) mod oid {
    pub(in crate::x509) const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    pub(in crate::x509) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    pub(in crate::x509) const ORGANIZATION: &[u8] = &[0x55, 4, 10];
    pub(in crate::x509) const SUBJECT_KEY: &[u8] = &[0x55, 0x1d, 14];
    pub(in crate::x509) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    pub(in crate::x509) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
    pub(in crate::x509) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
    pub(in crate::x509) const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 20];
    pub(in crate::x509) const CRL_REASON: &[u8] = &[0x55, 0x1d, 21];
    pub(in crate::x509) const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 35];
    pub(in crate::x509) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
    pub(in crate::x509) const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// A value behind its tag and length.
pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = length.iter().position(|byte| *byte != 0).unwrap_or(length.len());
    let length = length.get(significant..).unwrap_or_default();
    match length {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        long => {
            // At most 8 bytes, so the sum stays below 0x89.
            der.push(long.iter().fold(0x80, |count, _| count + 1));
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(content);
    der
}

pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(SEQUENCE, &parts.concat())
}

pub(super) fn set(part: &[u8]) -> Vec<u8> {
    tagged(SET, part)
}

/// A number that is not negative, the highest byte first.
pub(super) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    let sign = bytes.first().is_none_or(|first| first & 0x80 != 0);
    let padded = if sign { [&[0], bytes].concat() } else { bytes.to_vec() };
    tagged(INTEGER, &padded)
}

pub(super) fn null() -> Vec<u8> {
    tagged(NULL, &[])
}

pub(super) fn enumerated(value: u8) -> Vec<u8> {
    tagged(ENUMERATED, &[value])
}

pub(super) fn object(oid: &[u8]) -> Vec<u8> {
    tagged(OBJECT, oid)
}

pub(super) fn octets(bytes: &[u8]) -> Vec<u8> {
    tagged(OCTET_STRING, bytes)
}

/// Bits, of which the last `unused` do not count.
pub(super) fn bits(bytes: &[u8], unused: u8) -> Vec<u8> {
    tagged(BIT_STRING, &[&[unused], bytes].concat())
}

pub(super) fn utf8(text: &str) -> Vec<u8> {
    tagged(UTF8, text.as_bytes())
}

/// An extension (RFC 5280, section 4.1).
pub(super) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![object(oid)];
    if critical {
        parts.push(tagged(BOOLEAN, &[0xff]));
    }
    parts.push(octets(value));
    sequence(&parts)
}

/// A moment: in two digits of the year up to 2049, in four from 2050 on (RFC 5280 §4.1.2.5).
///
/// `None` behind the year 9999.
pub(super) fn moment(seconds: u64) -> Option<Vec<u8>> {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    let month = u8::from(month);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    match year {
        1970..=2049 => Some(tagged(UTC_TIME, format!("{:02}{rest}", year % 100).as_bytes())),
        2050..=9999 => Some(tagged(GENERALIZED_TIME, format!("{year}{rest}").as_bytes())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_numbers_and_moments_are_those_of_x690() {
        assert_eq!(tagged(4, &[]), [4, 0]);
        assert_eq!(tagged(4, &[7; 127])[..3], [4, 127, 7]);
        assert_eq!(tagged(4, &[7; 128])[..4], [4, 0x81, 128, 7]);
        assert_eq!(tagged(4, &[7; 65_536])[..6], [4, 0x83, 1, 0, 0, 7]);
        assert_eq!(unsigned(&[]), [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(moment(0).unwrap()[2..], *b"700101000000Z");
        assert_eq!(moment(2_524_607_999).unwrap()[2..], *b"491231235959Z");
        assert_eq!(moment(2_524_608_000).unwrap()[2..], *b"20500101000000Z");
        assert_eq!(moment(crate::window::LAST_MOMENT).unwrap()[2..], *b"99991231235959Z");
        assert_eq!(moment(crate::window::LAST_MOMENT + 1), None);
    }
}
