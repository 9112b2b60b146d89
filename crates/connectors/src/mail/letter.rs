//! From a letter to the bytes of a message, or a sentence why not.

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};

use super::{Letter, Relay};

const SUBJECT_BYTES: usize = 500;
const TEXT_BYTES: usize = 1024 * 1024;
const HEADERS: usize = 32;
const HEADER_BYTES: usize = 2000;
/// RFC 5321 §4.5.3.1.3 allows a path of 256 bytes; the rest is for the name beside it.
const ADDRESS_BYTES: usize = 500;
/// A header line is 998 bytes at most (RFC 5322 §2.1.1), and an identifier is never folded.
const ID_BYTES: usize = 250;
/// The end of the year 9999, the last that a `Date` can hold.
const LAST_SECOND: u64 = 253_402_300_799;

/// A message as it goes over the wire, and its envelope.
pub(super) struct Ready {
    pub(super) from: Address,
    /// What the relay is to call the envelope in its reports (RFC 3461 §4.4), if it is to report.
    pub(super) envelope: Option<String>,
    pub(super) to: Address,
    pub(super) bytes: Vec<u8>,
}

impl Ready {
    pub(super) fn new(relay: &Relay, letter: &Letter) -> Result<Self, String> {
        let from = mailbox("sender's address", &relay.from)?;
        let to = mailbox("recipient's address", &letter.to)?;
        if letter.text.len() > TEXT_BYTES {
            return Err("the text is longer than 1 MiB: send a link to it".into());
        }
        one_line("subject", &letter.subject, SUBJECT_BYTES)?;
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(letter.at.min(LAST_SECOND));
        let mut builder = Message::builder()
            .from(from.clone())
            .to(to.clone())
            .subject(letter.subject.as_str())
            .date(date)
            .message_id(Some(message_id(&letter.message_id)?))
            // RFC 3834 §5: asks responders not to answer.
            .raw_header(header("Auto-Submitted", "auto-generated")?);
        if let Some(reply_to) = &letter.reply_to {
            builder = builder.reply_to(mailbox("address for replies", reply_to)?);
        }
        if letter.headers.len() > HEADERS {
            return Err(format!("more than {HEADERS} further headers: leave some out"));
        }
        for (name, value) in &letter.headers {
            builder = builder.raw_header(further(name, value)?);
        }
        let part = SinglePart::builder().header(ContentType::TEXT_PLAIN);
        let message = builder
            .singlepart(part.body(letter.text.clone()))
            .map_err(|why| format!("the letter cannot be written: {why}"))?;
        let back = letter.return_path.as_deref();
        let back = back.map(|path| mailbox("return path", path)).transpose()?;
        let envelope = back.as_ref().map(|_| letter.message_id.clone());
        let from = back.unwrap_or(from).email;
        Ok(Self { from, envelope, to: to.email, bytes: message.formatted() })
    }
}

fn mailbox(what: &str, text: &str) -> Result<Mailbox, String> {
    one_line(what, text, ADDRESS_BYTES)?;
    let mailbox = text.parse::<Mailbox>();
    let mailbox = mailbox.map_err(|why| format!("the {what} `{text}` is none: {why}"))?;
    // What is not ASCII needs SMTPUTF8 (RFC 6531) on the whole way; domains have an ASCII form.
    if !mailbox.email.to_string().is_ascii() {
        return Err(format!("the {what} `{text}` is not ASCII: write its domain as `xn--…`"));
    }
    Ok(mailbox)
}

fn message_id(text: &str) -> Result<String, String> {
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let fits = inner.len() <= ID_BYTES
        && inner.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&byte))
        && inner.split('@').count() == 2
        && inner.split('@').all(|part| !part.is_empty());
    if !fits {
        return Err(format!("the message id `{text}` is none: write it as `left@domain`"));
    }
    Ok(format!("<{inner}>"))
}

fn further(name: &str, value: &str) -> Result<HeaderValue, String> {
    const OURS: &[&str] = &[
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "reply-to",
        "auto-submitted",
        "mime-version",
        "return-path",
        "received",
        "dkim-signature",
    ];
    let lower = name.to_ascii_lowercase();
    let taken = OURS.iter().any(|ours| lower.strip_prefix("resent-").unwrap_or(&lower) == *ours);
    if taken || lower.starts_with("content-") {
        return Err(format!("the header `{name}` is not for the caller: leave it out"));
    }
    one_line(&format!("header `{name}`"), value, HEADER_BYTES)?;
    header(name, value)
}

fn header(name: &str, value: &str) -> Result<HeaderValue, String> {
    let token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = Some(name.to_owned()).filter(|_| token).map(HeaderName::new_from_ascii);
    match name {
        Some(Ok(name)) => Ok(HeaderValue::new(name, value.to_owned())),
        _ => Err("a header's name is made of letters, digits and `-`, to 76 of them".to_owned()),
    }
}

/// Characters that make a line read otherwise than it is written (Unicode TR 36 §2.5), or that some
/// programs take for the end of one.
fn turns(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{feff}')
}

/// INVARIANT: no control character reaches a header, so nothing can end it and begin another.
fn one_line(what: &str, text: &str, most: usize) -> Result<(), String> {
    if text.contains(char::is_control) {
        return Err(format!("the {what} has a line break or control character: leave it out"));
    }
    if text.contains(turns) {
        return Err(format!("the {what} has a character that turns the reading: leave it out"));
    }
    if text.len() > most {
        return Err(format!("the {what} is longer than {most} bytes: shorten it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use crate::mail::Tls;

    fn relay() -> Relay {
        Relay {
            host: "localhost".into(),
            port: 25,
            tls: Tls::DangerNone,
            user: String::new(),
            password: Secret::new(String::new()),
            from: "Bailee <bailee@example.com>".into(),
            root_pem: None,
        }
    }

    fn letter() -> Letter {
        Letter {
            to: "Ann <ann@example.org>".into(),
            subject: "Notice".into(),
            text: "Hello\n.\nWorld".into(),
            message_id: "n1@example.com".into(),
            at: 1_614_265_330,
            reply_to: None,
            headers: vec![],
            return_path: None,
        }
    }

    fn head(letter: &Letter) -> Result<String, String> {
        let ready = Ready::new(&relay(), letter)?;
        let text = String::from_utf8(ready.bytes).unwrap();
        Ok(text.split_once("\r\n\r\n").unwrap().0.to_owned())
    }

    #[test]
    fn a_letter_becomes_the_same_bytes_each_time() {
        let mut letter = letter();
        letter.headers.push(("X-Account".into(), "acme".into()));
        let head = head(&letter).unwrap();
        for line in [
            "From: Bailee <bailee@example.com>",
            "To: Ann <ann@example.org>",
            "Message-ID: <n1@example.com>",
            "Date: Thu, 25 Feb 2021 15:02:10 +0000",
            "X-Account: acme",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert!(head.lines().any(|have| have == line), "{line} is not in\n{head}");
        }
        let again = Ready::new(&relay(), &letter).unwrap().bytes;
        assert_eq!(Ready::new(&relay(), &letter).unwrap().bytes, again);
    }

    #[test]
    fn nothing_can_add_a_header_or_a_recipient() {
        let evil = [
            "a\r\nBcc: eve@example.net",
            "a\nBcc: eve",
            "a\rX: y",
            "a\0b",
            "a\u{85}b",
            "a\u{202e}b",
        ];
        type Set = fn(&mut Letter, String);
        let places: &[(&str, Set)] = &[
            ("subject", |letter, text| letter.subject = text),
            ("to", |letter, text| letter.to = format!("{text} <ann@example.org>")),
            ("bare to", |letter, text| letter.to = text),
            ("id", |letter, text| letter.message_id = format!("{text}@example.com")),
            ("reply", |letter, text| letter.reply_to = Some(format!("{text} <a@example.org>"))),
            ("value", |letter, text| letter.headers = vec![("X-Note".into(), text)]),
            ("name", |letter, text| letter.headers = vec![(text, "x".into())]),
            ("return", |letter, text| letter.return_path = Some(format!("{text}@example.org"))),
        ];
        for (place, set) in places {
            for text in evil {
                let mut letter = letter();
                set(&mut letter, text.to_owned());
                assert!(head(&letter).is_err(), "{place}: {text:?}");
            }
        }
    }

    #[test]
    fn headers_of_ours_and_odd_identifiers_are_refused() {
        for name in ["Bcc", "FROM", "content-type", "Resent-To", "X Y", "X:Y", "", "Ünder"] {
            let mut letter = letter();
            letter.headers = vec![(name.into(), "x".into())];
            assert!(head(&letter).is_err(), "{name}");
        }
        for id in ["", "a", "a@", "@b", "a@b@c", "a b@c", "<a@b", "a<@b", "é@b"] {
            let mut letter = letter();
            letter.message_id = id.into();
            assert!(head(&letter).is_err(), "{id}");
        }
        let mut bracketed = letter();
        bracketed.message_id = "<n1@example.com>".into();
        assert_eq!(head(&bracketed), head(&letter()));
        for to in ["", "ann", "ann@", "a@b, c@d", "ann@exämple.org", "<a@b> <c@d>"] {
            let mut letter = letter();
            letter.to = to.into();
            assert!(head(&letter).is_err(), "{to}");
        }
        let far = Letter { at: u64::MAX, ..letter() };
        assert!(head(&far).unwrap().contains(" 9999 "));
    }
}
