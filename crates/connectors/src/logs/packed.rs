//! Unpacking gzip (RFC 1952) with an end to it.
//!
//! Promises: never more than the limit is unpacked, nor more than [`MAX_RATIO`] times what came,
//! and both are checked while unpacking, so that a bomb costs what the limit says and no more.
//! Several members one behind the other are one text. Trailing bytes that are none are refused.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use super::Refused;
use crate::intake::MAX_RATIO;

/// Up to this size in bytes any ratio is taken: a file of one repeated line packs well and harms
/// nobody.
const ANY_RATIO: usize = 1 << 20;

/// What gzip begins with, and DEFLATE as its method.
const MAGIC: &[u8] = b"\x1f\x8b\x08";

/// The bytes, unpacked if they are packed, at most `limit` of them.
///
/// # Errors
/// When they unpack to more than the limit or the ratio allows, or are broken.
pub fn open(bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, Refused> {
    if bytes.starts_with(MAGIC) { gunzip(bytes, limit).map(Cow::Owned) } else { Ok(bytes.into()) }
}

/// The bytes of a gzip, at most `limit`.
///
/// # Errors
/// When it is none, is broken, or unpacks to more than the limit or the ratio allows.
pub fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Refused> {
    let ratio = usize::try_from(MAX_RATIO).unwrap_or(usize::MAX);
    let allowed = limit.min(bytes.len().saturating_mul(ratio).max(ANY_RATIO));
    let most = u64::try_from(allowed).unwrap_or(u64::MAX);
    let mut unpacked = Vec::new();
    // One byte more than allowed is enough to see that there is more.
    let read = MultiGzDecoder::new(bytes).take(most.saturating_add(1)).read_to_end(&mut unpacked);
    if unpacked.len() > allowed {
        let problem = if allowed == limit {
            format!("it unpacks to more than the limit of {limit} bytes")
        } else {
            format!("it unpacks to more than {MAX_RATIO} times its size, as a bomb does")
        };
        return Err(Refused::new("the gzip", problem, "send less at once, or send it unpacked"));
    }
    match read {
        Ok(_) => Ok(unpacked),
        Err(why) => Err(Refused::new("the gzip", format!("it is broken: {why}"), "pack it anew")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(vec![], Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_bomb_costs_what_the_limit_says() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        let refused = gunzip(&bomb, 8 << 20).unwrap_err();
        assert!(refused.problem.contains("limit of 8388608"), "{refused}");
        let refused = gunzip(&bomb, 1 << 30).unwrap_err();
        assert!(refused.problem.contains("250 times"), "{refused}");
        // A bomb in many members is one too.
        let many = gzip(&vec![0; 1 << 20]).repeat(64);
        assert!(gunzip(&many, 8 << 20).unwrap_err().problem.contains("limit"));
    }

    #[test]
    fn what_is_packed_comes_out_and_the_rest_stays() {
        let text = b"some text, some text, some text";
        assert_eq!(&*open(&gzip(text), 100).unwrap(), text);
        assert_eq!(&*open(&[gzip(text), gzip(text)].concat(), 100).unwrap(), text.repeat(2));
        assert_eq!(&*open(text, 100).unwrap(), text);
        let whole = gzip(text);
        assert!(open(&whole[..whole.len() - 3], 100).is_err());
        let mut altered = whole.clone();
        let last = altered.len() - 6;
        altered[last] ^= 1;
        assert!(open(&altered, 100).is_err());
    }
}
