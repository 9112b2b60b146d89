//! Words that leave the house: fingerprints of texts, lines for headers, names of languages.

use crate::people::hex;
use crate::register::line;
use kernel::{Error, Result};

/// SHA-256 of a text, in hexadecimal, as `sha256sum` prints it.
pub(crate) fn fingerprint(text: &str) -> String {
    hex(&kernel::digest(text.as_bytes()))
}

/// A text that becomes part of a header: one line, without what turns the direction of reading or
/// ends a line elsewhere, so that it reads as it is (Unicode TR 36 §2.5).
///
/// # Errors
/// `Invalid` with the field.
pub(crate) fn header(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = line(field, text, most)?;
    if text.contains(misleads) {
        let why = "it has a character that turns the direction of reading: leave it out";
        return Err(Error::invalid(field, why));
    }
    Ok(text)
}

/// Marks, embeddings, overrides and isolates of direction, separators of lines, byte order mark.
fn misleads(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{feff}')
}

/// A language, as BCP 47 writes it (RFC 5646 §2.1): language, script, region and variants, such as
/// `de`, `pt-BR` or `zh-Hant-TW`; in its usual spelling.
///
/// # Errors
/// `Invalid` with the field.
pub(crate) fn language(field: &'static str, text: &str) -> Result<String> {
    let bad = || Error::invalid(field, "write a language as `de`, `pt-BR` or `zh-Hant`");
    let mut parts = text.trim().split('-').peekable();
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let first = parts.next().filter(|part| matches!(part.len(), 2 | 3) && letters(part));
    let mut out = first.ok_or_else(bad)?.to_ascii_lowercase();
    if let Some(script) = parts.next_if(|part| part.len() == 4 && letters(part)) {
        let (head, rest) = script.split_at(1);
        out.push_str(&format!("-{}{}", head.to_ascii_uppercase(), rest.to_ascii_lowercase()));
    }
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let region =
        |part: &&str| (part.len() == 2 && letters(part)) || (part.len() == 3 && digits(part));
    if let Some(region) = parts.next_if(region) {
        out.push_str(&format!("-{}", region.to_ascii_uppercase()));
    }
    for variant in parts {
        let plain = variant.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let begins = variant.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        let fits = matches!(variant.len(), 5..=8) || (variant.len() == 4 && begins);
        if !plain || !fits || out.len() > 30 {
            return Err(bad());
        }
        out.push_str(&format!("-{}", variant.to_ascii_lowercase()));
    }
    Ok(out)
}

/// The first of these languages that serves whoever reads `wanted`: itself, or one that it is a
/// part of (RFC 4647 §3.4).
pub(crate) fn lookup<'h>(
    wanted: &str,
    have: impl Iterator<Item = &'h str> + Clone,
) -> Option<&'h str> {
    let mut range = wanted;
    loop {
        if let Some(found) = have.clone().find(|one| one.eq_ignore_ascii_case(range)) {
            return Some(found);
        }
        range = range.rsplit_once('-')?.0;
    }
}

#[cfg(test)]
mod tests {
    use super::{header, language, lookup};

    #[test]
    fn a_language_is_served_by_what_it_is_a_part_of() {
        let have = ["de", "pt-BR", "zh-Hant"];
        for (wanted, found) in [
            ("de", Some("de")),
            ("de-CH", Some("de")),
            ("DE-ch-1996", Some("de")),
            ("pt", None),
            ("pt-BR", Some("pt-BR")),
            ("zh-Hant-TW", Some("zh-Hant")),
            ("zh-Hans", None),
            ("", None),
        ] {
            assert_eq!(lookup(wanted, have.iter().copied()), found, "{wanted}");
        }
    }

    #[test]
    fn languages_are_written_as_bcp_47_says() {
        for (text, is) in [
            ("de", "de"),
            (" DE-ch ", "de-CH"),
            ("ZH-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("sl-rozaj", "sl-rozaj"),
            ("de-1996", "de-1996"),
            ("yue-HK", "yue-HK"),
        ] {
            assert_eq!(language("language", text).unwrap(), is);
        }
        for bad in [
            "", "d", "deutsch", "de_CH", "de-", "-de", "de-C", "de-x-y", "d3", "de-CH-", "é",
            "de\n",
        ] {
            let refused = language("language", bad);
            assert_eq!(refused.is_ok(), bad == "de\n", "{bad:?}");
        }
    }

    #[test]
    fn what_turns_the_direction_is_no_header() {
        assert_eq!(header("subject", " Notiz für Ömer ", 60).unwrap(), "Notiz für Ömer");
        for bad in ["a\u{202e}b", "a\u{2066}b", "\u{200f}a", "a\u{2028}b", "a\r\nb: c", "a\u{feff}"]
        {
            assert!(header("subject", bad, 60).is_err(), "{bad:?}");
        }
    }
}
