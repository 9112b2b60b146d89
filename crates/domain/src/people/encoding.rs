//! How tokens and their hashes are written.

/// In lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes out of their hexadecimal form.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    rest.is_empty().then(|| pairs.iter().map(pair).collect()).flatten()
}

/// RFC 4648 §5 without padding.
pub(super) fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 1);
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut push =
        |six: u32| out.push(char::from(*ALPHABET.get(six as usize & 63).unwrap_or(&b'A')));
    for byte in bytes {
        (bits, held) = ((bits << 8 | u32::from(*byte)) & 0xffff, held + 8);
        while held >= 6 {
            held -= 6;
            push(bits >> held);
        }
    }
    if held > 0 {
        push(bits << (6 - held));
    }
    out
}

/// The letters of base 32 (RFC 4648), small: a local part of an address may be folded on the way.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// RFC 4648 §6 in small letters, without padding.
pub fn base32(bytes: &[u8]) -> String {
    let (mut out, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(letter(held >> bits));
        }
    }
    if bits > 0 {
        out.push(letter(held << (5 - bits)));
    }
    out
}

fn letter(five: u32) -> char {
    let place = usize::try_from(five & 31).unwrap_or_default();
    LETTERS.get(place).copied().map_or('a', char::from)
}

/// Bytes out of base 32; whoever wrote it may have folded it to capitals. At most 64 letters.
pub(crate) fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes().take(64) {
        let place = LETTERS.iter().position(|one| *one == byte.to_ascii_lowercase())?;
        held = (held << 5) | u32::try_from(place).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from((held >> bits) & 255).ok()?);
        }
    }
    // What is left over is nothing; so a token is spelled in one way.
    (held & ((1 << bits) - 1) == 0 && base32(&out).len() == text.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::{base32, from_base32};

    #[test]
    fn secrets_are_written_as_apps_read_them() {
        assert_eq!(base32(b"fooba").to_uppercase(), "MZXW6YTB", "RFC 4648, section 10");
        let secret = base32(b"12345678901234567890").to_uppercase();
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_token_is_spelled_in_one_way() {
        assert_eq!(base32(b"foobar"), "mzxw6ytboi", "RFC 4648 §10, small and without padding");
        for length in 0..40_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37) ^ 0xa5).collect();
            let text = base32(&bytes);
            assert_eq!(from_base32(&text).unwrap(), bytes);
            assert_eq!(from_base32(&text.to_uppercase()).unwrap(), bytes, "folded on the way");
        }
        for bad in ["a", "mzxw6ytbo1", "mzxw6ytbo", "mzxw6ytboj", "mzxw6=", "ä", "mz w6"] {
            assert_eq!(from_base32(bad), None, "{bad}");
        }
    }
}
