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
