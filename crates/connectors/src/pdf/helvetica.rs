//! Text in the font Helvetica and the encoding WinAnsi, which every reader has without embedding.
//!
//! Promises: what the encoding lacks is written in other letters, or as `<U+4E2D>`; nothing is
//! dropped. Does not: shape, reorder or hyphenate.

/// Text as bytes of WinAnsiEncoding (ISO 32000-1 Annex D).
pub(super) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match single(character) {
            Some(byte) => bytes.push(byte),
            None => match other_letters(character) {
                Some(letters) => bytes.extend_from_slice(letters.as_bytes()),
                None => {
                    bytes.extend_from_slice(format!("<U+{:04X}>", u32::from(character)).as_bytes());
                }
            },
        }
    }
    bytes
}

/// Width in thousandths of the font size; never less than it is, so that what fits by it fits.
pub(super) fn width(bytes: &[u8]) -> u32 {
    bytes.iter().map(|byte| u32::from(advance(*byte))).sum()
}

/// Breaks text into lines that are at most `most` wide, in thousandths of the font size: at spaces
/// where there are any, else within a word.
pub(super) fn wrap(bytes: &[u8], most: u32) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut line: Vec<u8> = Vec::new();
    for word in bytes.split(|byte| *byte == b' ') {
        let mut candidate = line.clone();
        if !line.is_empty() {
            candidate.push(b' ');
        }
        candidate.extend_from_slice(word);
        if width(&candidate) <= most {
            line = candidate;
            continue;
        }
        // A space at the end of a line is not carried over.
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for byte in word {
            if width(&line) + u32::from(advance(*byte)) > most && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(*byte);
        }
    }
    lines.push(line);
    lines
}

fn single(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0x20..=0x7e | 0xa1..=0xff if code != 0xad => u8::try_from(code).ok(),
        // A tab or a space that must not break is a space; a soft hyphen shows as a hyphen.
        0x09 | 0xa0 | 0x2002..=0x200a | 0x202f => Some(b' '),
        0xad | 0x2010 | 0x2011 => Some(b'-'),
        0 => None,
        _ => {
            let place = UPPER_CONTROLS.iter().position(|known| *known == character)?;
            u8::try_from(place + 0x80).ok()
        }
    }
}

/// What WinAnsi has at 0x80 to 0x9f; a null marks a place it leaves free.
const UPPER_CONTROLS: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// U+0100 to U+017F in letters without marks, one for each.
const EXTENDED_A: &[u8; 128] = b"AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi??JjKkqLlLlLlL\
lLlNnNnNn?NnOoOoOo??RrRrRrSsSsSs??TtTtTtUuUuUuUuUuUuWwYy?ZzZz??s";

fn other_letters(character: char) -> Option<&'static str> {
    let several = match character {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ŉ' => "'n",
        'ẞ' => "SS",
        'Ș' => "S",
        'ș' => "s",
        'Ț' => "T",
        'ț' => "t",
        'Ơ' => "O",
        'ơ' => "o",
        'Ư' => "U",
        'ư' => "u",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        '−' => "-",
        '→' => "->",
        '←' => "<-",
        '≤' => "<=",
        '≥' => ">=",
        '≠' => "!=",
        _ => "",
    };
    if !several.is_empty() {
        return Some(several);
    }
    let place = usize::try_from(u32::from(character).checked_sub(0x100)?).ok()?;
    let letter = EXTENDED_A.get(place..=place)?;
    std::str::from_utf8(letter).ok().filter(|letter| *letter != "?")
}

fn advance(byte: u8) -> u16 {
    match byte {
        0x20..=0x7e => WIDTHS.get(usize::from(byte - 0x20)).copied().unwrap_or(1015),
        0xe0..=0xff if byte != 0xe6 => 611,
        0xc0..=0xdf if byte != 0xc6 => 778,
        _ => 1000,
    }
}

/// Advance widths of Helvetica for 0x20 to 0x7e, from Adobe's font metrics.
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_dropped() {
        let cases: &[(&str, &[u8])] = &[
            ("Acme & Co", b"Acme & Co"),
            ("Zürich", b"Z\xfcrich"),
            ("€ – ’", b"\x80 \x96 \x92"),
            ("Łódź Čapek Œ", b"L\xf3dz Capek \x8c"),
            ("Ĳſŉ", b"IJs'n"),
            ("中a", b"<U+4E2D>a"),
            ("Ж", b"<U+0416>"),
            ("😀", b"<U+1F600>"),
            ("a\u{0}\u{202e}b\n", b"a<U+0000><U+202E>b<U+000A>"),
            ("a\tb\u{a0}c\u{ad}d", b"a b c-d"),
        ];
        for (text, expected) in cases {
            assert_eq!(encode(text), *expected, "{text}");
        }
        for code in 1..0x3000_u32 {
            let Some(character) = char::from_u32(code) else { continue };
            let bytes = encode(&character.to_string());
            assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte >= 0x20), "{code:x}");
        }
    }

    #[test]
    fn the_table_of_letters_is_in_step() {
        let cases = [
            ('Ā', "A"),
            ('ď', "d"),
            ('Đ', "D"),
            ('ğ', "g"),
            ('Ġ', "G"),
            ('ı', "i"),
            ('ĸ', "q"),
            ('ŀ', "l"),
            ('Ł', "L"),
            ('ŋ', "n"),
            ('ő', "o"),
            ('Ř', "R"),
            ('ş', "s"),
            ('Ţ', "T"),
            ('ů', "u"),
            ('ŵ', "w"),
            ('ŷ', "y"),
            ('Ź', "Z"),
            ('ż', "z"),
            ('ſ', "s"),
        ];
        for (character, letters) in cases {
            assert_eq!(other_letters(character), Some(letters), "{character}");
        }
    }

    #[test]
    fn lines_fit_and_keep_every_letter() {
        for text in ["", "a b c", "one two three four five", &"x".repeat(90), "a  b", " a"] {
            for most in [1000, 3000, 9000] {
                let lines = wrap(text.as_bytes(), most);
                for line in &lines {
                    assert!(width(line) <= most || line.len() == 1, "{text} {most}");
                }
                let kept: Vec<u8> = lines.concat().into_iter().filter(|b| *b != b' ').collect();
                let whole: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
                assert_eq!(kept, whole);
            }
        }
    }
}
