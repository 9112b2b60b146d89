//! What a rule file may not contain, before a YAML parser sees it.
//!
//! The parser takes time in the square of how deep lists are nested, so depth is bounded here.
//! Sigma needs no anchors and aliases, and a few lines of them expand to gigabytes. They are looked
//! for where YAML 1.2.2 §7.1 allows a node to begin; quoted text, comments and block scalars are
//! passed over.

/// The largest rule file, in bytes: 256 KiB. The largest of SigmaHQ is under 30 KiB.
pub(crate) const FILE: usize = 256 * 1024;

/// How deep lists and objects may be nested on one line, or in brackets.
const DEPTH: usize = 32;

/// The line, from 1, of what is not read, and why.
pub(crate) fn refused(text: &str) -> Option<(usize, &'static str)> {
    let mut block: Option<usize> = None;
    let mut open: Option<char> = None;
    let mut depth = 0;
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if open.is_none()
            && let Some(above) = block
        {
            if line.trim().is_empty() || indent > above {
                continue;
            }
            block = None;
        }
        match scan(line, &mut open, &mut depth) {
            Line::Alias => {
                return Some((number + 1, "anchors and aliases are not read: write the value out"));
            }
            Line::Deep => return Some((number + 1, "nested too deep: at most 32 levels")),
            Line::OpensBlock => block = Some(indent),
            Line::Plain => {}
        }
    }
    None
}

enum Line {
    Deep,
    Alias,
    OpensBlock,
    Plain,
}

/// Reads one line; `open` is the quote that a line before left open.
fn scan(line: &str, open: &mut Option<char>, depth: &mut usize) -> Line {
    let mut dashes = 0;
    let mut begins = open.is_none();
    let mut escaped = false;
    let mut before = ' ';
    let mut last_word = "";
    let mut letters = line.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if let Some(quote) = *open {
            if escaped {
                escaped = false;
            } else if quote == '"' && letter == '\\' {
                escaped = true;
            } else if letter == quote {
                if quote == '\'' && letters.peek().is_some_and(|&(_, next)| next == '\'') {
                    letters.next();
                } else {
                    *open = None;
                    begins = false;
                }
            }
            before = letter;
            continue;
        }
        match letter {
            '#' if before == ' ' || before == '\t' => break,
            '\'' | '"' if begins => *open = Some(letter),
            '&' | '*' if begins => {
                let named = letters.peek().is_some_and(|&(_, next)| !next.is_whitespace());
                if named {
                    return Line::Alias;
                }
                begins = false;
            }
            ' ' | '\t' => {
                // A node begins after an indicator and a space, and after a tag.
                if matches!(before, '-' | ':' | '?') || last_word.starts_with('!') {
                    begins = true;
                    dashes += usize::from(before != ':');
                }
            }
            '[' | '{' if begins || *depth > 0 => {
                begins = true;
                *depth += 1;
            }
            ']' | '}' => *depth = depth.saturating_sub(1),
            ',' if *depth > 0 => begins = true,
            '!' if begins => {}
            _ if begins && before == '!' => {}
            _ => begins = false,
        }
        if letter != ' ' && letter != '\t' && (before == ' ' || before == '\t') {
            last_word = line.get(at..).unwrap_or_default();
        }
        before = letter;
        if *depth > DEPTH || dashes > DEPTH {
            return Line::Deep;
        }
    }
    let header = last_word.split(' ').next().unwrap_or_default();
    let opens = open.is_none()
        && header.starts_with(['|', '>'])
        && header.chars().skip(1).all(|it| it.is_ascii_digit() || it == '+' || it == '-');
    if opens { Line::OpensBlock } else { Line::Plain }
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn anchors_and_aliases_are_seen_wherever_a_node_begins() {
        for text in [
            "a: &x 1\n",
            "a: *x\n",
            "- &x b\n",
            "a: [b, *x]\n",
            "a: {b: *x}\n",
            "a: [*x]\n",
            "&x a: b\n",
            "a: !!str &x b\n",
            "<<: *x\n",
            "a:\n  - - *x\n",
            "a: |\n  text\nb: *x\n",
            "a: 'it''s' \nb: *x\n",
            "a: \"x\\\"\"\nb: &y 2\n",
        ] {
            assert!(refused(text).is_some(), "{text}");
        }
    }

    #[test]
    fn stars_and_ampersands_in_text_are_no_aliases() {
        for text in [
            "a: '*x'\n",
            "a: \"*x &y\"\n",
            "a: x *y & z\n",
            "a: |\n  *x\n  &y\nb: c\n",
            "a: >-\n    - *x\n\n    more\nb: c\n",
            "a: b # *x\n# - *x\n",
            "condition: 1 of selection_* and not 1 of filter_*\n",
            "a: 'two\n  - *x\n  lines'\n",
            "a|re: 'x & *y'\n",
            "url: https://a/?b&c=*d\n",
            "a: * b\n",
        ] {
            assert_eq!(refused(text), None, "{text}");
        }
    }
}
