//! How tokens and their hashes are written.

/// In lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 32 bytes out of their hexadecimal form.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    for (to, pair) in out.iter_mut().zip(pairs) {
        *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
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
