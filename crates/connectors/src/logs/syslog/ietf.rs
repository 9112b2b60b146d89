//! RFC 5424: strict in, strict out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::super::moment::{rfc3339, to_rfc3339};
use super::super::{Record, Refused};
use super::{priority, set_priority};

/// Longest HOSTNAME, APP-NAME, PROCID, MSGID and SD-NAME in bytes (§6).
const HOST: usize = 255;
const APP: usize = 48;
const PROC: usize = 128;
const MSG_ID: usize = 32;
const NAME: usize = 32;

/// Most structured elements, and parameters of one; the RFC has no limit, [`super::super`] has.
const ELEMENTS: usize = 64;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// 0 to 23.
    pub facility: u8,
    /// 0 (emergency) to 7 (debug).
    pub severity: u8,
    /// µs since 1970.
    pub time: Option<u64>,
    /// HOSTNAME, visible ASCII, at most 255 bytes.
    pub host: Option<String>,
    /// APP-NAME, visible ASCII, at most 48 bytes.
    pub app: Option<String>,
    /// PROCID, visible ASCII, at most 128 bytes.
    pub process: Option<String>,
    /// MSGID, visible ASCII, at most 32 bytes.
    pub id: Option<String>,
    /// Structured data.
    pub data: Vec<Element>,
    /// MSG; what was not UTF-8 has replacement characters.
    pub text: Option<String>,
}

/// A structured element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// SD-ID, such as `origin` or `name@32473`.
    pub id: String,
    /// Parameters in their order; a name may come twice.
    pub params: Vec<(String, String)>,
}

fn wrong(place: &str, problem: &str) -> Refused {
    Refused::new(place, problem, "send RFC 5424, or RFC 3164 without a version")
}

impl Message {
    /// Reads a message without its framing.
    ///
    /// # Errors
    /// Where it is not of the grammar of §6.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        let (priority, rest) = priority(bytes)?;
        let priority = priority.ok_or_else(|| wrong("the priority", "there is none"))?;
        let rest = rest.strip_prefix(b"1 ").ok_or_else(|| wrong("the version", "it is not 1"))?;
        let (time, rest) = word(rest, "the timestamp", 40)?;
        let (host, rest) = word(rest, "the host name", HOST)?;
        let (app, rest) = word(rest, "the application's name", APP)?;
        let (process, rest) = word(rest, "the process id", PROC)?;
        let (id, rest) = word(rest, "the message id", MSG_ID)?;
        let (data, rest) = elements(rest)?;
        let text = match rest {
            [] => None,
            [b' ', text @ ..] => Some(text),
            _ => return Err(wrong("the structured data", "something other than a space follows")),
        };
        let text = text.map(|text| match text.strip_prefix(b"\xEF\xBB\xBF") {
            Some(utf8) => match std::str::from_utf8(utf8) {
                Ok(utf8) => Ok(utf8.to_owned()),
                Err(_) => Err(wrong("the message", "it begins as UTF-8 and is not")),
            },
            None => Ok(String::from_utf8_lossy(text).into_owned()),
        });
        Ok(Self {
            facility: priority / 8,
            severity: priority % 8,
            time: time.map(|text| moment(&text)).transpose()?,
            host,
            app,
            process,
            id,
            data,
            text: text.transpose()?.filter(|text| !text.is_empty()),
        })
    }

    /// The message as it goes over the wire, without framing.
    ///
    /// Whatever is in it, the grammar holds: what may not stand in a header becomes `_`, control
    /// characters of a value or text become `#` and three octal digits, as rsyslog writes them, so
    /// that nobody's text begins a line, a header or an element of its own.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let priority = u16::from(self.facility.min(23)) * 8 + u16::from(self.severity.min(7));
        let time = self.time.and_then(to_rfc3339).unwrap_or_else(|| "-".to_owned());
        let mut out = format!(
            "<{priority}>1 {time} {} {} {} {} ",
            header(self.host.as_deref(), HOST),
            header(self.app.as_deref(), APP),
            header(self.process.as_deref(), PROC),
            header(self.id.as_deref(), MSG_ID),
        );
        let mut seen = BTreeSet::new();
        for element in &self.data {
            let id = name(&element.id);
            if !seen.insert(id.clone()) {
                continue;
            }
            out.push('[');
            out.push_str(&id);
            for (key, value) in &element.params {
                out.push(' ');
                out.push_str(&name(key));
                out.push_str("=\"");
                for letter in value.chars() {
                    if matches!(letter, '"' | '\\' | ']') {
                        out.push('\\');
                    }
                    plain(&mut out, letter);
                }
                out.push('"');
            }
            out.push(']');
        }
        if seen.is_empty() {
            out.push('-');
        }
        if let Some(text) = self.text.as_deref().filter(|text| !text.is_empty()) {
            out.push(' ');
            if !text.is_ascii() {
                out.push('\u{feff}');
            }
            text.chars().for_each(|letter| plain(&mut out, letter));
        }
        out.into_bytes()
    }

    /// The message as a record.
    #[must_use]
    pub fn record(self) -> Record {
        let mut record = Record { time: self.time, host: self.host.clone(), ..Record::default() };
        set_priority(&mut record, self.facility * 8 + self.severity);
        record.set("log.syslog.version", "1");
        record.maybe("host.name", self.host);
        record.maybe("process.name", self.app);
        record.maybe("log.syslog.msgid", self.id);
        match self.process.as_deref().map(str::parse::<u32>) {
            Some(Ok(pid)) => record.set("process.pid", pid),
            Some(Err(_)) => record.maybe("log.syslog.procid", self.process),
            None => {}
        }
        for element in self.data {
            for (key, value) in element.params {
                let key = format!("log.syslog.structured_data.{}.{key}", element.id);
                match record.fields.get_mut(&key) {
                    Some(Value::Array(all)) if all.len() < ELEMENTS => all.push(value.into()),
                    Some(Value::String(first)) => {
                        let both = vec![Value::from(first.clone()), Value::from(value)];
                        record.set(&key, both);
                    }
                    Some(_) => {}
                    None => record.set(&key, value),
                }
            }
        }
        record.maybe("message", self.text);
        record
    }
}

/// A word of visible ASCII up to a space; `-` is none.
fn word<'a>(
    bytes: &'a [u8],
    place: &str,
    longest: usize,
) -> Result<(Option<String>, &'a [u8]), Refused> {
    let end = bytes.iter().position(|byte| *byte == b' ');
    let end = end.ok_or_else(|| wrong(place, "the header ends here"))?;
    let (word, rest) = (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..));
    if word.is_empty() || word.len() > longest || !word.iter().all(u8::is_ascii_graphic) {
        let problem = format!("it is not 1 to {longest} bytes of visible ASCII");
        return Err(wrong(place, &problem));
    }
    let text = String::from_utf8_lossy(word).into_owned();
    Ok((Some(text).filter(|text| text != "-"), rest.unwrap_or_default()))
}

/// A time of §6.2.3: capitals, at most six digits of a second, no leap second.
fn moment(text: &str) -> Result<u64, Refused> {
    let plain = |byte: u8| byte.is_ascii_digit() || b"-+:.TZ".contains(&byte);
    let digits = text.split_once('.').map_or(0, |(_, rest)| {
        rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len())
    });
    let strict = text.bytes().all(plain) && digits <= 6 && text.get(17..19) != Some("60");
    rfc3339(text).filter(|_| strict).ok_or_else(|| wrong("the timestamp", "it is none of §6.2.3"))
}

fn elements(bytes: &[u8]) -> Result<(Vec<Element>, &[u8]), Refused> {
    let wrong = |problem: &str| wrong("the structured data", problem);
    if let Some(rest) = bytes.strip_prefix(b"-") {
        return Ok((vec![], rest));
    }
    let (mut all, mut rest): (Vec<Element>, _) = (vec![], bytes);
    while let Some(inner) = rest.strip_prefix(b"[") {
        let (element, behind) = element(inner)?;
        if all.iter().any(|one| one.id == element.id) {
            return Err(wrong("an element comes twice"));
        }
        if all.len() == ELEMENTS {
            return Err(wrong("it has more than 64 elements"));
        }
        all.push(element);
        rest = behind;
    }
    if all.is_empty() { Err(wrong("it is neither `-` nor an element")) } else { Ok((all, rest)) }
}

/// An element behind its bracket.
fn element(bytes: &[u8]) -> Result<(Element, &[u8]), Refused> {
    let wrong = |problem: &str| wrong("the structured data", problem);
    let (id, mut rest) = sd_name(bytes)?;
    let mut params = Vec::new();
    loop {
        rest = match rest {
            [b']', rest @ ..] => return Ok((Element { id, params }, rest)),
            [b' ', rest @ ..] => rest,
            _ => return Err(wrong("an element is not closed")),
        };
        let (name, behind) = sd_name(rest)?;
        let value = behind.strip_prefix(b"=\"").ok_or_else(|| wrong("a parameter has no value"))?;
        let (value, behind) = quoted(value)?;
        if params.len() == ELEMENTS {
            return Err(wrong("an element has more than 64 parameters"));
        }
        params.push((name, value));
        rest = behind;
    }
}

fn sd_name(bytes: &[u8]) -> Result<(String, &[u8]), Refused> {
    let name = |byte: &u8| byte.is_ascii_graphic() && !b"=]\"".contains(byte);
    let end = bytes.iter().position(|byte| !name(byte)).unwrap_or(bytes.len());
    if !(1..=NAME).contains(&end) {
        return Err(wrong("the structured data", "a name is not 1 to 32 bytes of visible ASCII"));
    }
    let (name, rest) = bytes.split_at(end);
    Ok((String::from_utf8_lossy(name).into_owned(), rest))
}

/// A value up to its quotation mark. Before anything but `"`, `\` and `]` a backslash is itself
/// (§6.3.3).
fn quoted(bytes: &[u8]) -> Result<(String, &[u8]), Refused> {
    let wrong = |problem: &str| wrong("the structured data", problem);
    let (mut value, mut rest) = (Vec::new(), bytes);
    loop {
        rest = match rest {
            [b'"', rest @ ..] => {
                let value = String::from_utf8(value).map_err(|_| wrong("a value is not UTF-8"))?;
                return Ok((value, rest));
            }
            [b'\\', byte @ (b'"' | b'\\' | b']'), rest @ ..] => {
                value.push(*byte);
                rest
            }
            [b']', ..] => return Err(wrong("a value holds `]` without a backslash")),
            [byte, rest @ ..] => {
                value.push(*byte);
                rest
            }
            [] => return Err(wrong("a value is not closed")),
        };
    }
}

/// A word of the header, `-` for none.
fn header(text: Option<&str>, longest: usize) -> String {
    let visible = |letter: char| if letter.is_ascii_graphic() { letter } else { '_' };
    let word: String = text.unwrap_or_default().chars().take(longest).map(visible).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// A name of structured data.
fn name(text: &str) -> String {
    let fits = |letter: &char| letter.is_ascii_graphic() && !"=]\"".contains(*letter);
    let name: String = text.chars().take(NAME).map(|c| if fits(&c) { c } else { '_' }).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

fn plain(out: &mut String, letter: char) {
    if letter.is_control() {
        // Writing to a string cannot fail.
        let _ = write!(out, "#{:03o}", u32::from(letter));
    } else {
        out.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Message, Refused> {
        Message::parse(text.as_bytes())
    }

    #[test]
    fn the_examples_of_the_rfc() {
        let first = "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \
                     \u{feff}'su root' failed for lonvick on /dev/pts/8";
        let message = parse(first).unwrap();
        assert_eq!((message.facility, message.severity), (4, 2));
        assert_eq!(message.time, Some(1_065_910_455_003_000));
        assert_eq!(message.id.as_deref(), Some("ID47"));
        assert!(message.text.unwrap().starts_with("'su root'"));
        let third = "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's";
        assert_eq!(parse(third).unwrap().time, Some(1_061_727_255_000_003));
        let fourth = "<165>1 2003-10-11T22:14:15.003Z m.example.com evntslog - ID47 \
            [exampleSDID@32473 iut=\"3\" eventSource=\"Appl\\\"ic\\]a\\\\t\\ion\"]\
            [p@1 ip=\"a\" ip=\"b\"]";
        let record = parse(fourth).unwrap().record();
        let data = "log.syslog.structured_data.exampleSDID@32473.";
        assert_eq!(record.text(&format!("{data}eventSource")), Some("Appl\"ic]a\\t\\ion"));
        assert_eq!(
            record.fields["log.syslog.structured_data.p@1.ip"],
            serde_json::json!(["a", "b"])
        );
        assert_eq!(record.text("message"), None);
    }

    #[test]
    fn what_is_not_of_the_grammar_is_refused_by_its_place() {
        let cases = [
            ("<34>1 2003-10-11t22:14:15Z h a p m -", "the timestamp"),
            ("<34>1 2003-10-11T22:14:15.0000001Z h a p m -", "the timestamp"),
            ("<34>1 2003-10-11T22:14:60Z h a p m -", "the timestamp"),
            ("<34>1 2003-10-11T22:14:15 h a p m -", "the timestamp"),
            ("<34>1 - h\u{e9} a p m -", "the host name"),
            ("<34>1 -  a p m -", "the host name"),
            (&format!("<34>1 - h {} p m -", "a".repeat(49)), "the application's name"),
            ("<34>1 - h a p", "the process id"),
            ("<34>1 - h a p m x", "the structured data"),
            ("<34>1 - h a p m [", "the structured data"),
            ("<34>1 - h a p m [i k=\"]\"]", "the structured data"),
            ("<34>1 - h a p m [i k=\"v\"", "the structured data"),
            ("<34>1 - h a p m [i k=\"v\"]x", "the structured data"),
            ("<34>1 - h a p m [i][i]", "the structured data"),
            ("<34>2 - h a p m -", "the version"),
        ];
        for (text, place) in cases {
            assert_eq!(parse(text).unwrap_err().place, place, "{text}");
        }
        let broken = b"<34>1 - h a p m - \xEF\xBB\xBF\xff";
        assert_eq!(Message::parse(broken).unwrap_err().place, "the message");
    }

    #[test]
    fn nobody_s_text_begins_a_message_of_its_own() {
        let evil = "x\n<0>1 - root - - - - owned\r\n] [z a=\"b\"";
        let message = Message {
            host: Some(evil.to_owned()),
            app: Some(evil.to_owned()),
            process: Some(String::new()),
            data: vec![Element { id: evil.to_owned(), params: vec![(evil.into(), evil.into())] }],
            text: Some(evil.to_owned()),
            ..Message::default()
        };
        let wire = message.render();
        assert!(!wire.iter().any(u8::is_ascii_control));
        let back = Message::parse(&wire).unwrap();
        assert_eq!(back.data.len(), 1);
        assert_eq!(back.data[0].params.len(), 1);
        assert_eq!(back.process, None);
        assert!(back.text.unwrap().starts_with("x#012<0>1"));
    }

    fn message() -> impl Strategy<Value = Message> {
        let word = |most: usize| {
            proptest::option::of(
                proptest::string::string_regex(&format!("[!-~]{{1,{most}}}")).unwrap(),
            )
            .prop_map(|word| word.filter(|word| word != "-"))
        };
        let value = "[^\\p{Cc}]{0,20}";
        let param = ("[a-zA-Z0-9@._-]{1,32}", value);
        let data = proptest::collection::btree_map(
            "[a-zA-Z0-9@._-]{1,32}",
            proptest::collection::vec(param, 0..4),
            0..4,
        );
        let text = proptest::option::of("[^\\p{Cc}\u{feff}][^\\p{Cc}]{0,60}");
        let time = proptest::option::of(0u64..250_000_000_000_000_000);
        let head = (0u8..24, 0u8..8, time);
        (head, word(255), word(48), word(128), word(32), data, text).prop_map(
            |((facility, severity, time), host, app, process, id, data, text)| Message {
                facility,
                severity,
                time,
                host,
                app,
                process,
                id,
                data: data.into_iter().map(|(id, params)| Element { id, params }).collect(),
                text,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_again(message in message()) {
            prop_assert_eq!(Message::parse(&message.render()).unwrap(), message);
        }
    }
}
