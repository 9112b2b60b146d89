//! How an attempt to deliver something ended, and what the other side said about it.

/// How one attempt to deliver a letter or a webhook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side took it and answers for it from here.
    Accepted,
    /// The other side was reached and did not take it, or it could not be sent as it was asked for.
    Refused {
        /// Whether trying the same again is pointless.
        permanent: bool,
    },
    /// No answer that settles it: no connection, no trust, no reply in time. Trying again may help,
    /// and the receiver sees the same identifier when the first try arrived after all.
    Unreachable,
}

/// Most bytes kept of what the other side said.
pub const REPLY_BYTES: usize = 500;

/// What the other side said, fit to be stored and shown: one line of at most [`REPLY_BYTES`], with
/// a space for each run of control and white space, and a replacement character for what is not
/// UTF-8 or would change the direction of the text around it.
pub(crate) fn said(text: &[u8]) -> String {
    let mut line = String::new();
    let mut gap = false;
    // Four times as many bytes hold enough characters whatever they are replaced with.
    let text = text.get(..4 * REPLY_BYTES).unwrap_or(text);
    for character in String::from_utf8_lossy(text).chars() {
        if character.is_whitespace() || character.is_control() {
            gap = !line.is_empty();
            continue;
        }
        let character = if turns(character) { char::REPLACEMENT_CHARACTER } else { character };
        if line.len() + usize::from(gap) + character.len_utf8() > REPLY_BYTES {
            break;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
        }
        line.push(character);
    }
    line
}

/// Marks that reorder, hide or break what is shown (Unicode Standard Annex 9).
fn turns(character: char) -> bool {
    matches!(character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_one_bounded_line() {
        let cases: &[(&[u8], &str)] = &[
            (b"250 2.0.0 ok\r\n", "250 2.0.0 ok"),
            (b"  a\t\r\n\0b  ", "a b"),
            (b"\x1b[31mred\x07", "[31mred"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            ("left \u{202e}thgir".as_bytes(), "left \u{fffd}thgir"),
            (b"", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(said(text), *expected);
        }
        for unit in ["x", "é", "語", "x ", "\u{0}y"] {
            let line = said(unit.repeat(5000).as_bytes());
            assert!(line.len() <= REPLY_BYTES && line.len() > REPLY_BYTES - 4, "{unit}");
            assert!(!line.contains(char::is_control));
        }
    }
}
