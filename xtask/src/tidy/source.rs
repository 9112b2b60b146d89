//! A Rust file with comments and literals blanked out, and the knowledge of what is test code.
//!
//! Promises: blanking keeps every line where it was, so that line numbers stay true.
//! Deliberately not a parser: rules here look for names, and a name in code is easy to see once
//! comments and strings are gone.

/// One Rust file as the rules read it.
pub struct Source {
    /// Relative to the root of the repository.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The file with comments, strings and characters blanked out.
    pub code: String,
    /// The same without items under `#[cfg(test)]`; empty when the whole file is a test.
    pub production: String,
    /// How many lines are not test code.
    pub production_lines: usize,
}

const TEST_MARK: &str = "#[cfg(test)]";

impl Source {
    /// Takes a file apart.
    pub fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let (production, production_lines) =
            if is_test_path(path) { (String::new(), 0) } else { without_tests(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, production, production_lines }
    }

    /// Whether the whole file is test code by where it lies.
    pub fn is_test(&self) -> bool {
        is_test_path(&self.path)
    }
}

fn is_test_path(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let in_folder = path.split('/').any(|part| part == "tests" || part == "benches");
    in_folder || name == "tests.rs" || name.ends_with("_tests.rs")
}

/// Positions (line from 1) at which `word` stands in `code` as a word of its own.
///
/// `word` may be a path such as `std::fs`, or end in punctuation such as `sleep(`.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for (number, line) in code.lines().enumerate() {
        if has_word(line, word) {
            lines.push(number + 1);
        }
    }
    lines
}

/// Whether `word` stands in `text` and is not part of a longer name.
pub fn has_word(text: &str, word: &str) -> bool {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (open_start, open_end) = (word.starts_with(part), word.ends_with(part));
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|tail| tail.chars().next());
        let longer_before = open_start && before.is_some_and(part);
        let longer_after = open_end && after.is_some_and(part);
        !longer_before && !longer_after
    })
}

/// The line, from 1, of a byte position.
pub fn line_at(text: &str, position: usize) -> usize {
    text.get(..position).unwrap_or(text).matches('\n').count() + 1
}

/// Blanks items under `#[cfg(test)]` and counts the lines that are left.
fn without_tests(code: &str) -> (String, usize) {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    let mut test_lines = 0;
    while let Some(at) = rest.find(TEST_MARK) {
        let (before, item) = rest.split_at(at);
        let (inside, after) = item.split_at(item_end(item));
        out.push_str(before);
        out.extend(inside.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        test_lines += inside.matches('\n').count() + 1;
        rest = after;
    }
    out.push_str(rest);
    (out, code.lines().count().saturating_sub(test_lines))
}

/// Where the item that starts with an attribute ends: its closing brace, or its semicolon.
fn item_end(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in item.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// Replaces what is inside comments, strings and characters by spaces.
fn blank(text: &str) -> String {
    let mut scanner = Scanner { chars: text.chars().collect(), at: 0, out: String::new() };
    while scanner.at < scanner.chars.len() {
        scanner.step();
    }
    scanner.out
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    out: String,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn done(&self) -> bool {
        self.at >= self.chars.len()
    }

    fn keep(&mut self) {
        self.out.push(self.peek(0));
        self.at += 1;
    }

    fn hide(&mut self, count: usize) {
        for _ in 0..count {
            if !self.done() {
                self.out.push(if self.peek(0) == '\n' { '\n' } else { ' ' });
                self.at += 1;
            }
        }
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => {
                while !self.done() && self.peek(0) != '\n' {
                    self.hide(1);
                }
            }
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (letter, _) if letter.is_alphanumeric() || letter == '_' => self.word(),
            _ => self.keep(),
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while !self.done() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => {
                    depth += 1;
                    self.hide(2);
                }
                ('*', '/') => {
                    depth -= 1;
                    self.hide(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.hide(1),
            }
        }
    }

    fn string(&mut self) {
        self.keep();
        while !self.done() {
            match self.peek(0) {
                '\\' => self.hide(2),
                '"' => return self.keep(),
                _ => self.hide(1),
            }
        }
    }

    /// A character literal, or the mark of a lifetime or label.
    fn quote(&mut self) {
        let escaped = self.peek(1) == '\\';
        if !escaped && self.peek(2) != '\'' {
            return self.keep();
        }
        self.keep();
        self.hide(if escaped { 2 } else { 1 });
        while !self.done() && self.peek(0) != '\'' {
            self.hide(1);
        }
        self.keep();
    }

    /// A whole name or number, unless it turns out to be the prefix of a raw string.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            self.keep();
        }
        let word: String = self.chars.iter().skip(start).take(self.at - start).collect();
        if matches!(word.as_str(), "r" | "br" | "cr") {
            let hashes = (0..).take_while(|ahead| self.peek(*ahead) == '#').count();
            if self.peek(hashes) == '"' {
                self.raw_string(hashes);
            }
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        self.hide(hashes + 1);
        while !self.done() {
            let closes = self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#');
            if closes {
                return self.hide(hashes + 1);
            }
            self.hide(1);
        }
    }
}
