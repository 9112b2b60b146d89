//! Messages out of a stream of syslog over TCP or TLS (RFC 6587, RFC 5425).
//!
//! Promises: the frames do not depend on how the bytes were cut; memory stays under
//! [`MAX_FRAME`] and what one `push` brought. Each frame says by its first byte how it is framed: a
//! digit 1 to 9 begins an octet count, everything else a line that ends with LF.
//!
//! Where sync is lost: a line longer than [`MAX_FRAME`] is skipped to its LF; a counted frame that
//! is longer is skipped by its count, up to [`MAX_SKIP`]; a count that is none is skipped to the
//! next LF. Each gives one [`Frame::Broken`]. A count beyond [`MAX_SKIP`] ends the stream, because
//! nobody can say where the next message begins. A count that lies is believed: it can only spoil
//! what the same sender says.
//! Deliberately not: NUL or other trailers (RFC 6587 §3.4.2); a NUL before the LF is dropped.

/// Longest message in bytes: RFC 5425 asks for 2,048, advises 8,192.
pub const MAX_FRAME: usize = 64 << 10;

/// Longest counted message that is skipped to go on behind it.
pub const MAX_SKIP: u64 = 1 << 20;

/// Digits of an octet count that are read; with more it is beyond [`MAX_SKIP`] anyway.
const DIGITS: usize = 7;

/// What came out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message, not empty.
    Message(Vec<u8>),
    /// Something that is none, and was skipped.
    Broken(Broken),
}

/// Why something was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A line beyond [`MAX_FRAME`].
    #[error("a line has more than {MAX_FRAME} bytes: send shorter messages")]
    Line,
    /// A counted message beyond [`MAX_FRAME`].
    #[error("a counted message has more than {MAX_FRAME} bytes: send shorter messages")]
    Counted,
    /// Digits that are no count.
    #[error("an octet count does not end with a space: send RFC 6587")]
    Count,
    /// A count beyond [`MAX_SKIP`]; nothing more is read from this stream.
    #[error("an octet count is beyond {MAX_SKIP}: the connection is closed")]
    Lost,
    /// The stream ended within a message.
    #[error("the stream ended within a message: it is left out")]
    Ended,
}

/// Where in a frame the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    Count,
    Octets(usize),
    Line,
    /// Behind a broken frame, so many bytes still to go.
    Skip(u64),
    /// Behind a broken line, up to its LF.
    SkipLine,
    Lost,
}

/// Takes bytes, gives frames.
#[derive(Debug)]
pub struct Decoder {
    at: At,
    held: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { at: At::Start, held: Vec::new() }
    }
}

impl Decoder {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no further bytes are read; the connection is to be closed.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.at == At::Lost
    }

    /// Whether a message, or the skipping of one, has begun and not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.at, At::Start | At::Lost)
    }

    /// Reads bytes and calls `each` for every frame that they complete.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Frame)) {
        let mut rest = bytes;
        while !rest.is_empty() && self.at != At::Lost {
            let (frame, used) = self.step(rest);
            if let Some(frame) = frame {
                each(frame);
            }
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    /// Says that the stream has ended. An open line is a message: the LF may be left out at the end
    /// (RFC 6587 §3.4.2 has it as a trailer); an open count is broken.
    #[must_use]
    pub fn end(&mut self) -> Option<Frame> {
        let at = std::mem::replace(&mut self.at, At::Lost);
        let held = std::mem::take(&mut self.held);
        match at {
            At::Line => message(held),
            At::Count | At::Octets(_) | At::Skip(_) => Some(Frame::Broken(Broken::Ended)),
            At::Start | At::SkipLine | At::Lost => None,
        }
    }

    /// Reads a piece: the frame it completes, and how many bytes it took, at least one unless the
    /// state changed.
    fn step(&mut self, rest: &[u8]) -> (Option<Frame>, usize) {
        match self.at {
            At::Start => match rest.first() {
                // Between frames: the LF that some send behind a counted one.
                Some(b'\n' | b'\r' | 0) => (None, 1),
                Some(b'1'..=b'9') => self.go(At::Count),
                _ => self.go(At::Line),
            },
            At::Count => self.count(rest),
            At::Octets(wanted) => {
                let missing = wanted.saturating_sub(self.held.len()).min(rest.len());
                self.held.extend_from_slice(rest.get(..missing).unwrap_or_default());
                if self.held.len() < wanted {
                    return (None, missing);
                }
                self.at = At::Start;
                (message(std::mem::take(&mut self.held)), missing)
            }
            At::Line => self.line(rest),
            At::Skip(left) => {
                let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let left = left - skipped as u64;
                self.at = if left == 0 { At::Start } else { At::Skip(left) };
                (None, skipped)
            }
            At::SkipLine => match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    self.at = At::Start;
                    (None, end + 1)
                }
                None => (None, rest.len()),
            },
            At::Lost => (None, rest.len()),
        }
    }

    fn go(&mut self, at: At) -> (Option<Frame>, usize) {
        self.at = at;
        (None, 0)
    }

    fn broken(&mut self, why: Broken, then: At) -> Option<Frame> {
        self.held.clear();
        self.at = then;
        Some(Frame::Broken(why))
    }

    /// One byte of an octet count.
    fn count(&mut self, rest: &[u8]) -> (Option<Frame>, usize) {
        match rest.first() {
            Some(digit @ b'0'..=b'9') if self.held.len() < DIGITS => {
                self.held.push(*digit);
                (None, 1)
            }
            Some(b'0'..=b'9') => (self.broken(Broken::Lost, At::Lost), 1),
            Some(b' ') => {
                let digits = std::mem::take(&mut self.held);
                let number = digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
                let frame = match usize::try_from(number) {
                    Ok(number) if number <= MAX_FRAME => {
                        self.at = At::Octets(number);
                        None
                    }
                    _ if number <= MAX_SKIP => self.broken(Broken::Counted, At::Skip(number)),
                    _ => self.broken(Broken::Lost, At::Lost),
                };
                (frame, 1)
            }
            Some(b'\n') => (self.broken(Broken::Count, At::Start), 1),
            _ => (self.broken(Broken::Count, At::SkipLine), 1),
        }
    }

    fn line(&mut self, rest: &[u8]) -> (Option<Frame>, usize) {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if self.held.len() + piece.len() > MAX_FRAME {
            let then = if end.is_some() { At::Start } else { At::SkipLine };
            let used = piece.len() + usize::from(end.is_some());
            return (self.broken(Broken::Line, then), used);
        }
        self.held.extend_from_slice(piece);
        if end.is_none() {
            return (None, piece.len());
        }
        self.at = At::Start;
        (message(std::mem::take(&mut self.held)), piece.len() + 1)
    }
}

/// A message without the ends that lines have; nothing, if nothing is left.
fn message(mut bytes: Vec<u8>) -> Option<Frame> {
    while matches!(bytes.last(), Some(b'\n' | b'\r' | 0)) {
        bytes.pop();
    }
    (!bytes.is_empty()).then_some(Frame::Message(bytes))
}

/// A message with its octet count before it (RFC 5425 §4.3).
#[must_use]
pub fn counted(message: &[u8]) -> Vec<u8> {
    [message.len().to_string().as_bytes(), b" ", message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
        let (mut decoder, mut all) = (Decoder::new(), vec![]);
        for piece in pieces {
            decoder.push(piece, |frame| all.push(frame));
        }
        all.extend(decoder.end());
        all
    }

    fn said(text: &str) -> Frame {
        Frame::Message(text.as_bytes().to_vec())
    }

    #[test]
    fn both_framings_come_out_of_one_stream() {
        let stream = b"<13>a\n5 <13>b<13>c\r\n6 <1\n>d\n<13>e";
        let expected = ["<13>a", "<13>b", "<13>c", "<1\n>d", "<13>e"].map(said);
        assert_eq!(frames(&[stream]), expected);
    }

    #[test]
    fn sync_is_found_again_where_that_is_stated() {
        let long = "x".repeat(MAX_FRAME + 1);
        let counted_long = format!("{} {long}", long.len());
        let beyond = format!("{} x", MAX_SKIP + 1);
        let cases: [(&str, Vec<Frame>); 6] = [
            (&format!("{long}\n<13>a\n"), vec![Frame::Broken(Broken::Line), said("<13>a")]),
            (
                &format!("{counted_long}<13>a\n"),
                vec![Frame::Broken(Broken::Counted), said("<13>a")],
            ),
            ("12x4 <13>lost\n<13>a\n", vec![Frame::Broken(Broken::Count), said("<13>a")]),
            (&format!("{beyond}\n<13>a\n"), vec![Frame::Broken(Broken::Lost)]),
            ("99999999999999 x\n<13>a\n", vec![Frame::Broken(Broken::Lost)]),
            ("50 <13>short", vec![Frame::Broken(Broken::Ended)]),
        ];
        for (stream, expected) in cases {
            assert_eq!(
                frames(&[stream.as_bytes()]),
                expected,
                "{}",
                &stream[..20.min(stream.len())]
            );
        }
    }

    #[test]
    fn a_count_that_lies_spoils_what_its_sender_says_and_no_more() {
        // Two bytes short: they begin the next line, which the reader of messages refuses.
        assert_eq!(frames(&[b"3 <13>a\n<13>b\n"]), [said("<13"), said(">a"), said("<13>b")]);
    }

    proptest! {
        #[test]
        fn frames_do_not_depend_on_how_the_bytes_were_cut(
            bytes in proptest::collection::vec(
                prop_oneof![Just(b'\n'), Just(b' '), Just(b'1'), Just(b'9'), any::<u8>()], 0..400),
            cuts in proptest::collection::vec(0usize..400, 0..12),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|two| &bytes[two[0]..two[1]]).collect();
            prop_assert_eq!(frames(&pieces), frames(&[&bytes]));
        }

        #[test]
        fn what_is_counted_is_read_again(
            messages in proptest::collection::vec("[^\r\n\u{0}][a-z\n<>0-9 ]{0,30}[a-z]", 0..20)
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|one| counted(one.as_bytes())).collect();
            let expected: Vec<_> = messages.iter().map(|one| said(one)).collect();
            prop_assert_eq!(frames(&[&stream]), expected);
        }
    }
}
