//! Letters by SMTP (RFC 5321), one recipient each, and what became of them.
//!
//! Promises: one attempt ends within its time; the relay's last reply is kept in its own words; a
//! relay that should speak TLS is never given a letter without it, and a password never leaves
//! without it; nothing in a letter can add a header or a recipient; the same letter sent again has
//! the same bytes, with the Message-ID that the caller gave (RFC 5322 §3.6.4), so that a receiver
//! can see that it is the same.
//!
//! What comes back about a letter is read in [`report`], and taken from a mail server by [`lmtp`].
//!
//! Does not: repeat, choose another recipient, send HTML or attachments, or sign (DKIM is the
//! relay's). *Accepted* means by the relay, not by the person.

mod letter;
pub mod lmtp;
mod relay;
pub mod report;

use std::time::Duration;

use crate::outcome::{Outcome, said};
use crate::secret::Secret;
use letter::Ready;
use relay::{Relayed, Stage};

/// How the connection to a relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte, usually port 465 (RFC 8314).
    Required,
    /// Plain at first, then STARTTLS, usually port 587 (RFC 3207). A relay that does not offer it
    /// gets nothing.
    StartTls,
    /// None at all. Anybody on the way reads and alters letters; a password is not sent.
    DangerNone,
}

/// The mail server that takes our letters.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Host name, also the name that the certificate must hold, or an IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// Who we are to the relay; empty when it asks for nobody.
    pub user: String,
    /// The password of `user`.
    pub password: Secret,
    /// The sender's address, such as `Security <security@example.com>`.
    pub from: String,
    /// Believe the authorities in this PEM text alone, instead of the operating system's.
    pub root_pem: Option<String>,
}

/// One letter to one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// The recipient's address, such as `Ann <ann@example.com>`.
    pub to: String,
    /// One line, to 500 bytes.
    pub subject: String,
    /// Plain text, to 1 MiB.
    pub text: String,
    /// What makes the letter itself: `left@domain`, with or without angle brackets. The same one
    /// again says that it is the same letter.
    pub message_id: String,
    /// Its `Date`, in seconds since 1970.
    pub at: u64,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<String>,
    /// Further headers, name and value, to 32. Those that this module writes are refused.
    pub headers: Vec<(String, String)>,
    /// Where reports about it come back to (RFC 5321 §4.4): one address of its own, if it has one;
    /// otherwise the sender's. With one, the relay is asked to report delivery, failure and delay
    /// (RFC 3461), if it can.
    pub return_path: Option<String>,
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How it ended. *Permanent* is said only of an answer to the recipient or to the letter, or of
    /// a letter that cannot be sent as it is; a relay that refuses *us* may take it another time.
    pub outcome: Outcome,
    /// The relay's last reply, or what kept it from replying; one line of at most
    /// [`REPLY_BYTES`](crate::REPLY_BYTES).
    pub reply: String,
    /// The protocol version of TLS, such as `TLSv1.3`; none when the letter went without.
    pub tls: Option<String>,
    /// The recipient, as the letter has it.
    pub to: String,
}

/// Tries once to hand the letter to the relay, for at most `timeout`.
///
/// A relay that goes silent after it got the whole letter may have taken it: the outcome is
/// [`Outcome::Unreachable`], and the reply says so.
pub async fn send(relay: &Relay, letter: &Letter, timeout: Duration) -> Attempt {
    let mut tls = None;
    let (outcome, reply) = match Ready::new(relay, letter) {
        Err(why) => (Outcome::Refused { permanent: true }, format!("not sent: {why}")),
        Ok(ready) => {
            let mut stage = Stage::Connecting;
            let dialog = relay::hand_over(relay, &ready, &mut stage, &mut tls);
            match tokio::time::timeout(timeout, dialog).await {
                Ok(Ok(reply)) => (Outcome::Accepted, reply),
                Ok(Err(why)) => (outcome(&why), why.reply),
                Err(_) => (Outcome::Unreachable, silent(stage, timeout)),
            }
        }
    };
    Attempt { outcome, reply: said(reply.as_bytes()), tls, to: letter.to.clone() }
}

fn outcome(why: &Relayed) -> Outcome {
    match (why.code, why.stage) {
        (Some(code), Stage::Recipient | Stage::Letter) => {
            Outcome::Refused { permanent: code >= 500 }
        }
        (Some(_), Stage::Sender) => Outcome::Refused { permanent: false },
        _ => Outcome::Unreachable,
    }
}

fn silent(stage: Stage, timeout: Duration) -> String {
    let seconds = timeout.as_secs_f32();
    match stage {
        Stage::Letter => format!(
            "no reply within {seconds} s after the letter was sent: whether it was taken is unknown"
        ),
        _ => format!("no reply within {seconds} s while {stage}"),
    }
}
