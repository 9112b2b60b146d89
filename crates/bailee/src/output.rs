//! What a command prints: tables for people, JSON for programs.
//!
//! Promises: results go to standard output and everything else to standard error; with `--json` a
//! result is one line of JSON as the server wrote it, and so is an error. Text that came from
//! outside cannot steer the terminal: control characters are shown escaped.
//! Does not: decide what a command answers.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use serde::Serialize;
use serde_json::Value;

use crate::exit::{Exit, Failure, reason};

/// How to print: for people or for programs.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One line of JSON instead of text.
    pub json: bool,
}

/// A column of a table: its heading and the member it shows.
pub type Column = (&'static str, &'static str);

impl Output {
    /// Prints a line of text, for people only.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { write_out(format!("{text}\n").as_bytes()) }
    }

    /// Prints a value as one line of JSON, for programs only.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(value)
            .map_err(|why| Failure::failed(format!("the result does not fit JSON: {why}")))?;
        write_out(format!("{text}\n").as_bytes())
    }

    /// Prints one object: its JSON as it came, or the named members, one a line.
    ///
    /// # Errors
    /// When the answer is no JSON object or standard output cannot be written.
    pub fn object(self, answer: &[u8], members: &[Column]) -> Result<(), Failure> {
        if self.json {
            return raw_line(answer);
        }
        // A receipt is a document of its own.
        write_out(fields(&read_answer(answer)?, members, &["receipt"]).as_bytes())
    }

    /// Prints what an ended thing answered, or that it ended when the answer is empty.
    ///
    /// # Errors
    /// When the answer is no JSON object or standard output cannot be written.
    pub fn ended(self, answer: &[u8], members: &[Column], said: &str) -> Result<(), Failure> {
        if answer.trim_ascii().is_empty() {
            self.line(said)?;
            return self.json(&serde_json::json!({}));
        }
        self.object(answer, members)
    }

    /// Prints one page: its JSON as it came, or a table of its `items`.
    ///
    /// # Errors
    /// When the answer is no page or standard output cannot be written.
    pub fn page(self, answer: &[u8], columns: &[Column]) -> Result<(), Failure> {
        if self.json {
            return raw_line(answer);
        }
        let page = read_answer(answer)?;
        let items = page.get("items").and_then(Value::as_array).ok_or_else(not_a_page)?;
        let mut text = table(items, columns);
        if let Some(next) = page.get("next").filter(|next| !next.is_null()) {
            text.push_str(&format!("more: repeat with --after {}\n", cell(next)));
        }
        write_out(text.as_bytes())
    }

    /// Writes bytes as they are. On a terminal a line end follows, so that the prompt starts anew.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        write_out(bytes)?;
        if std::io::stdout().is_terminal() && !bytes.ends_with(b"\n") {
            write_out(b"\n")?;
        }
        Ok(())
    }

    /// Says on standard error why the command did not do what was asked.
    pub fn failure(self, failure: &Failure) {
        let text = if self.json {
            failure_json(failure)
        } else {
            format!("error: {}", printable(&failure.to_string()))
        };
        // Nobody is left to be told when standard error is gone.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// Says something on standard error that is not the result.
pub fn note(text: &str) {
    // Nobody is left to be told when standard error is gone.
    let _ = writeln!(std::io::stderr(), "{}", printable(text));
}

/// A failure as one JSON object.
pub fn failure_json(failure: &Failure) -> String {
    let mut object = serde_json::Map::new();
    object.insert("error".to_owned(), failure.message.clone().into());
    object.insert("exit".to_owned(), failure.exit.code().into());
    if let Some(field) = &failure.field {
        object.insert("field".to_owned(), field.clone().into());
    }
    if let Some(status) = failure.status {
        object.insert("status".to_owned(), status.into());
    }
    Value::Object(object).to_string()
}

/// Reads a server's answer as JSON.
///
/// # Errors
/// When it is not JSON.
pub fn read_answer(answer: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(answer).map_err(|why| {
        Failure::failed(format!("the server's answer is not JSON ({why}): is this Bailee?"))
    })
}

fn not_a_page() -> Failure {
    Failure::failed("the server's answer is not a page of items: is this Bailee?")
}

/// An answer as one line. What the server spread over several lines is made compact.
fn raw_line(answer: &[u8]) -> Result<(), Failure> {
    let trimmed = answer.trim_ascii();
    if trimmed.contains(&b'\n') || serde_json::from_slice::<serde::de::IgnoredAny>(trimmed).is_err()
    {
        return write_out(format!("{}\n", read_answer(trimmed)?).as_bytes());
    }
    write_out(&[trimmed, b"\n"].concat())
}

fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        // The reader has seen enough, as with `| head`; that is not a failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(
            Exit::Failed,
            format!("cannot write to standard output: {}", reason(&error)),
        )),
    }
}

/// An object, one member a line: the named ones first, under their headings, then all others but
/// `hidden` ones. What is absent or `null` is left out.
pub fn fields(object: &Value, members: &[Column], hidden: &[&str]) -> String {
    let Some(all) = object.as_object() else { return format!("{}\n", cell(object)) };
    let named = members.iter().map(|&(heading, member)| (heading.to_owned(), all.get(member)));
    let others = all.iter().filter_map(|(member, value)| {
        let known = members.iter().map(|(_, named)| named).chain(hidden).any(|it| it == member);
        (!known).then(|| (member.replace('_', " "), Some(value)))
    });
    let shown: Vec<(String, String)> = named
        .chain(others)
        .filter_map(|(heading, value)| {
            Some((printable(&heading), cell(value.filter(|value| !value.is_null())?)))
        })
        .collect();
    let width = shown.iter().map(|(heading, _)| heading.chars().count()).max().unwrap_or(0);
    shown.iter().map(|(heading, value)| format!("{heading:width$}  {value}\n")).collect()
}

/// A table with a heading line; columns are as wide as their widest cell, the last one is not
/// padded.
pub fn table(items: &[Value], columns: &[Column]) -> String {
    let heading = columns.iter().map(|(heading, _)| heading.to_uppercase()).collect();
    let mut rows: Vec<Vec<String>> = vec![heading];
    for item in items {
        let show = |&(_, member): &Column| item.get(member).map(cell).unwrap_or_default();
        rows.push(columns.iter().map(show).collect());
    }
    let mut widths = vec![0_usize; columns.len()];
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let mut out = String::new();
    for row in &rows {
        let padded: Vec<String> =
            row.iter().zip(&widths).map(|(text, &width)| format!("{text:width$}")).collect();
        out.push_str(padded.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// One value as it stands in a table.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let known = members.iter().filter(|(_, value)| !value.is_null());
            let shown = known.map(|(name, value)| format!("{}={}", printable(name), cell(value)));
            shown.collect::<Vec<_>>().join(" ")
        }
        other => printable(&other.to_string()),
    }
}

/// A number of things: `1 record`, `2 records`.
pub fn counted(number: u64, thing: &str) -> String {
    if number == 1 { format!("{number} {thing}") } else { format!("{number} {thing}s") }
}

/// Text that cannot steer a terminal: control and direction characters are shown escaped.
pub fn printable(text: &str) -> String {
    // Marks and overrides of writing direction (Unicode TR 9) reorder what stands around them.
    let turning = ['\u{200e}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let turns = |c: char| turning.iter().any(|range| range.contains(&c));
    let steers = |c: char| c.is_control() || turns(c);
    if !text.contains(steers) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{failure_json, fields, printable, table};
    use crate::exit::{Exit, Failure};

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let items = [
            json!({"id": "ä", "name": "Wells Fargo & Company", "n": 3}),
            json!({"id": "santander-bank-us", "name": null, "tags": ["a", {"b": 1, "c": null}]}),
        ];
        assert_eq!(
            table(&items, &[("id", "id"), ("name", "name"), ("n", "n"), ("tags", "tags")]),
            "ID                 NAME                   N  TAGS\n\
             ä                  Wells Fargo & Company  3\n\
             santander-bank-us                            a, b=1\n"
        );
        assert_eq!(table(&[], &[("id", "id")]), "ID\n");
    }

    #[test]
    fn an_object_shows_named_members_first_and_no_receipt() {
        let object = json!({"id": "a", "created": 12, "also_here": true, "note": null,
            "receipt": {"format": "x"}});
        assert_eq!(
            fields(
                &object,
                &[("account", "id"), ("note", "note"), ("created", "created")],
                &["receipt"]
            ),
            "account    a\ncreated    12\nalso here  true\n"
        );
        assert_eq!(fields(&json!("text\n"), &[], &[]), "text\\n\n");
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc\u{202e}d é"), "a\\u{1b}[2Jb\\r\\nc\\u{202e}d é");
        let items = [json!({"id": "x\u{7}\ny"})];
        assert_eq!(table(&items, &[("id", "id")]), "ID\nx\\u{7}\\ny\n");
    }

    #[test]
    fn a_failure_is_one_object_for_programs() {
        let failure = Failure {
            exit: Exit::Conflict,
            message: "the version is `2`".to_owned(),
            field: Some("If-Match".to_owned()),
            status: Some(412),
        };
        assert_eq!(
            failure_json(&failure),
            r#"{"error":"the version is `2`","exit":5,"field":"If-Match","status":412}"#
        );
    }
}
