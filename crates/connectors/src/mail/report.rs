//! Reports about letters that come back: delivery status notifications (RFC 3464), and what some
//! servers send instead.
//!
//! Promises: whatever the bytes, an answer within bounds and no panic; what a report says about
//! *somebody* is not believed to be about one of our letters, which only the return path says; an
//! automatic answer of a person's mailbox is not taken for a failure.
//!
//! Does not: decode attachments, look into the letter that is quoted, or follow what is nested more
//! than [`DEPTH`] deep.

use std::fmt;

use crate::outcome::said;

/// Most bytes of a report that are looked at.
pub const BYTES: usize = 256 * 1024;
/// Parts within parts that are followed.
pub const DEPTH: usize = 4;
/// Parts of one message, and lines of one head.
const PARTS: usize = 32;
const LINES: usize = 500;

/// What a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in the mailbox (action `delivered` or `expanded`).
    Delivered,
    /// It was handed to a server that reports nothing (action `relayed`).
    Relayed,
    /// It waits (action `delayed`).
    Delayed,
    /// It failed for good: action `failed`, status 5.
    Bounced,
    /// It failed after the other side tried for as long as it does: action `failed`, status 4.
    GivenUp,
    /// It is no report, or says nothing that can be understood.
    Unclear,
}

/// A report, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it says.
    pub fate: Fate,
    /// The enhanced status code, such as `5.1.1` (RFC 3463), if it has one.
    pub status: Option<String>,
    /// What the other side said, one line of at most [`REPLY_BYTES`](crate::REPLY_BYTES).
    pub said: String,
    /// Who reports, if it says so.
    pub from: Option<String>,
    /// Whether it has the form of RFC 3464.
    pub standard: bool,
    /// Its `Message-ID`, or nothing.
    pub message_id: Option<String>,
}

/// Reads a report: a whole message, as it was delivered.
pub fn read(message: &[u8]) -> Report {
    let message = message.get(..BYTES).unwrap_or(message);
    let (head, body) = split(message);
    let head = Head::read(head);
    let mut status = None;
    let mut parts = 0;
    find(&head, body, 0, &mut parts, &mut status);
    let from = head.get("from").map(line);
    let message_id = head.get("message-id").map(line);
    match status {
        Some(found) => {
            let from = found.from.or(from);
            Report {
                fate: found.fate,
                status: found.status,
                said: found.said,
                from,
                standard: true,
                message_id,
            }
        }
        None => {
            let (fate, status, said) = guess(&head, body);
            Report { fate, status, said, from, standard: false, message_id }
        }
    }
}

/// A line of somebody else's, as it may be kept.
fn line(text: &str) -> String {
    said(text.as_bytes())
}

/// What the part `message/delivery-status` says.
struct Found {
    fate: Fate,
    status: Option<String>,
    said: String,
    from: Option<String>,
}

/// Looks for the first part that reports the status of a delivery.
fn find(head: &Head, body: &[u8], depth: usize, parts: &mut usize, found: &mut Option<Found>) {
    *parts += 1;
    if depth > DEPTH || *parts > PARTS || found.is_some() {
        return;
    }
    let kind = head.get("content-type").unwrap_or_default();
    let name = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(name.as_str(), "message/delivery-status" | "message/global-delivery-status") {
        *found = delivery(body);
        return;
    }
    let Some(boundary) = parameter(kind, "boundary").filter(|_| name.starts_with("multipart/"))
    else {
        return;
    };
    for part in divided(body, &boundary) {
        let (inner, rest) = split(part);
        find(&Head::read(inner), rest, depth + 1, parts, found);
    }
}

/// The fields of `message/delivery-status`: of the whole, then of each recipient (RFC 3464 §2). Of
/// several recipients the worst counts; each of our letters has one.
fn delivery(body: &[u8]) -> Option<Found> {
    let mut groups = Vec::new();
    let mut rest = body;
    while !rest.is_empty() && groups.len() < PARTS {
        let (group, after) = split(rest);
        let fields = Head::read(group);
        if !fields.0.is_empty() {
            groups.push(fields);
        }
        rest = after;
    }
    let typed = |text: &str| line(text.split_once(';').map_or(text, |(_, rest)| rest).trim());
    let from = groups.first().and_then(|fields| fields.get("reporting-mta")).map(typed);
    let of = |fields: &Head| {
        let action = fields.get("action")?.trim().to_ascii_lowercase();
        let status = fields.get("status").and_then(code);
        let fate = match action.as_str() {
            "delivered" | "expanded" => Fate::Delivered,
            "relayed" => Fate::Relayed,
            "delayed" => Fate::Delayed,
            "failed" if status.as_deref().is_some_and(|code| code.starts_with('4')) => {
                Fate::GivenUp
            }
            "failed" => Fate::Bounced,
            _ => Fate::Unclear,
        };
        let words = fields.get("diagnostic-code").map(typed);
        let said = words.unwrap_or_else(|| line(&action));
        Some(Found { fate, status, said, from: from.clone() })
    };
    let rank = |found: &Found| match found.fate {
        Fate::Bounced => 5,
        Fate::GivenUp => 4,
        Fate::Delayed => 3,
        Fate::Relayed => 2,
        Fate::Delivered => 1,
        Fate::Unclear => 0,
    };
    groups.iter().filter_map(of).max_by_key(rank)
}

/// What a message says that has no such part. An answer of a person's mailbox is none (RFC 3834);
/// otherwise the first status code in the first lines counts.
fn guess(head: &Head, body: &[u8]) -> (Fate, Option<String>, String) {
    let subject = head.get("subject").unwrap_or_default();
    let answers = head
        .get("auto-submitted")
        .is_some_and(|text| text.trim().to_ascii_lowercase().starts_with("auto-replied"));
    let text = String::from_utf8_lossy(body);
    let mut lines = text.lines().take(200);
    let found = lines.find_map(|one| Some((within(one)?, one)));
    match found.filter(|_| !answers) {
        Some((code, one)) => {
            let fate = if code.starts_with('4') { Fate::GivenUp } else { Fate::Bounced };
            (fate, Some(code), line(one))
        }
        None => (Fate::Unclear, None, line(subject)),
    }
}

/// An enhanced status code of a failure that begins a word of a line.
fn within(line: &str) -> Option<String> {
    let edge = |c: char| !(c.is_ascii_digit() || c == '.');
    line.split(edge).filter_map(code).find(|code| code.starts_with(['4', '5']))
}

/// An enhanced status code (RFC 3463 §2) at the beginning of a text.
fn code(text: &str) -> Option<String> {
    let first = text.split_whitespace().next()?.trim_end_matches('.');
    let mut parts = first.split('.');
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let class = parts.next().filter(|part| matches!(*part, "2" | "4" | "5"))?;
    let (subject, detail) = (parts.next()?, parts.next()?);
    let fits = digits(subject, 3) && digits(detail, 3) && parts.next().is_none();
    fits.then(|| format!("{class}.{subject}.{detail}"))
}

/// The fields of a head, their names small, their lines unfolded (RFC 5322 §2.2).
struct Head(Vec<(String, String)>);

impl Head {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut fields: Vec<(String, String)> = Vec::new();
        for one in text.lines().take(LINES) {
            match (one.starts_with([' ', '\t']), fields.last_mut(), one.split_once(':')) {
                (true, Some((_, value)), _) => {
                    value.push(' ');
                    value.push_str(one.trim());
                }
                (false, _, Some((name, value))) => {
                    fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
                _ => {}
            }
        }
        Self(fields)
    }

    /// The first field of a name.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} fields", self.0.len())
    }
}

/// What is before the first empty line, and what is after it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let one = rest.get(..length).unwrap_or_default();
        if one == b"\n" || one == b"\r\n" {
            return (bytes.get(..at).unwrap_or_default(), rest.get(length..).unwrap_or_default());
        }
        at += length;
    }
    (bytes, &[])
}

/// A parameter of a structured field, with or without quotes (RFC 2045 §5.1).
fn parameter(field: &str, name: &str) -> Option<String> {
    field.split(';').skip(1).find_map(|part| {
        let (known, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let fits = known.trim().eq_ignore_ascii_case(name) && (1..=70).contains(&value.len());
        fits.then(|| value.to_owned())
    })
}

/// The parts between the lines of a boundary (RFC 2046 §5.1.1).
fn divided<'b>(body: &'b [u8], boundary: &str) -> Vec<&'b [u8]> {
    let mark = format!("--{boundary}");
    let (mut parts, mut begin, mut at) = (Vec::new(), None, 0);
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let one = rest.get(..length).unwrap_or_default().trim_ascii_end();
        let after = one.strip_prefix(mark.as_bytes());
        if let Some(after) = after.filter(|after| matches!(*after, b"" | b"--")) {
            if let Some(from) = begin.take() {
                parts.push(body.get(from..at).unwrap_or_default());
            }
            if after == b"--" || parts.len() >= PARTS {
                return parts;
            }
            begin = Some(at + length);
        }
        at += length;
    }
    // What is cut off at the end is read as far as it goes.
    parts.extend(begin.and_then(|from| body.get(from..)));
    parts
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Fate, read};
    use proptest::prelude::*;

    const POSTFIX: &str = concat!(
        "Return-Path: <>\r\n",
        "From: MAILER-DAEMON@mx.example (Mail Delivery System)\r\n",
        "Subject: Undelivered Mail Returned to Sender\r\n",
        "Message-Id: <A1@mx.example>\r\n",
        "MIME-Version: 1.0\r\n",
        "Content-Type: multipart/report; report-type=delivery-status;\r\n",
        "\tboundary=\"B.1/mx.example\"\r\n",
        "\r\n",
        "This is a MIME-encapsulated message.\r\n",
        "\r\n",
        "--B.1/mx.example\r\n",
        "Content-Type: text/plain\r\n",
        "\r\n",
        "I'm sorry. 5.9.9 is not the code.\r\n",
        "\r\n",
        "--B.1/mx.example\r\n",
        "Content-Type: message/delivery-status\r\n",
        "\r\n",
        "Reporting-MTA: dns; mx.example\r\n",
        "Arrival-Date: Sun, 22 Nov 2026 14:02:11 +0000 (UTC)\r\n",
        "\r\n",
        "Final-Recipient: rfc822; nobody@mx.example\r\n",
        "Action: failed\r\n",
        "Status: 5.1.1\r\n",
        "Diagnostic-Code: X-Postfix; unknown user:\r\n",
        "    \"nobody\"\r\n",
        "\r\n",
        "--B.1/mx.example\r\n",
        "Content-Type: text/rfc822-headers\r\n",
        "\r\n",
        "Subject: x\r\n",
        "\r\n",
        "--B.1/mx.example--\r\n",
    );

    #[test]
    fn a_report_of_postfix_is_read() {
        let report = read(POSTFIX.as_bytes());
        assert_eq!((report.fate, report.standard), (Fate::Bounced, true));
        assert_eq!(report.status.as_deref(), Some("5.1.1"));
        assert_eq!(report.said, "unknown user: \"nobody\"");
        assert_eq!(report.from.as_deref(), Some("mx.example"));
        assert_eq!(report.message_id.as_deref(), Some("<A1@mx.example>"));
        let plain = POSTFIX.replace("\r\n", "\n");
        assert_eq!(read(plain.as_bytes()).fate, Fate::Bounced, "a Maildir has other line ends");
    }

    #[test]
    fn actions_are_told_apart() {
        for (action, status, fate) in [
            ("delivered", "2.0.0", Fate::Delivered),
            ("Expanded", "2.0.0", Fate::Delivered),
            ("relayed", "2.1.9", Fate::Relayed),
            ("delayed", "4.4.1", Fate::Delayed),
            ("failed", "4.4.7", Fate::GivenUp),
            ("FAILED (custom)", "5.0.0", Fate::Unclear),
            ("failed", "nonsense", Fate::Bounced),
            ("", "5.1.1", Fate::Unclear),
        ] {
            let text = POSTFIX.replace("failed", action).replace("5.1.1", status);
            assert_eq!(read(text.as_bytes()).fate, fate, "{action} {status}");
        }
    }

    #[test]
    fn what_is_no_report_is_guessed_and_marked() {
        let mail = |head: &str, body: &str| format!("From: a@b.example\r\n{head}\r\n\r\n{body}");
        for (head, body, fate, status) in [
            ("Subject: failed", "host said: 550 5.1.1 User unknown", Fate::Bounced, Some("5.1.1")),
            ("Subject: x", "<a@b>: 452 4.2.2 over quota (4.2.2)", Fate::GivenUp, Some("4.2.2")),
            ("Subject: away\r\nAuto-Submitted: auto-replied", "call 5.1.1", Fate::Unclear, None),
            ("Subject: thank you", "it arrived on 24.11.2026, 10.5.1.1", Fate::Unclear, None),
        ] {
            let report = read(mail(head, body).as_bytes());
            assert_eq!((report.fate, report.status.as_deref()), (fate, status), "{body}");
            assert!(!report.standard);
        }
    }

    #[test]
    fn what_is_nested_or_endless_is_left() {
        let mut nested =
            String::from("Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n");
        for depth in 0..10 {
            let head = format!("Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n");
            nested = format!("{head}--b{depth}\r\n{nested}\r\n--b{depth}--\r\n");
        }
        assert_eq!(read(nested.as_bytes()).fate, Fate::Unclear);
        let parts = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n".repeat(100_000);
        let many = format!("Content-Type: multipart/report; boundary=b\r\n\r\n{parts}");
        assert!(many.len() > BYTES);
        assert_eq!(read(many.as_bytes()).fate, Fate::Unclear);
        let own = "Content-Type: multipart/mixed; boundary=b\r\n\r\n".repeat(1000);
        assert_eq!(read(own.as_bytes()).fate, Fate::Unclear);
        let mut said =
            read(POSTFIX.replace("unknown user", "a\u{1b}[31m\u{202e}b").as_bytes()).said;
        assert!(!said.contains(char::is_control) && !said.contains('\u{202e}'), "{said}");
        said.clear();
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            read(&bytes);
        }

        #[test]
        fn a_battered_report_is_read(
            at in 0_usize..900, cut in 0_usize..900, byte in any::<u8>(),
        ) {
            let mut bytes = POSTFIX.as_bytes().to_vec();
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut % length);
            read(&bytes);
        }
    }
}
