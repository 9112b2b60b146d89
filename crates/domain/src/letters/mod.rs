//! Letters that are no notices: to an account's contacts about emergency access to its data, and to
//! approvers about what waits for them.
//!
//! Promises: an account is told of an emergency once, by each of its contacts that count; an
//! approver is asked once for each request; a letter that could not be handed over is tried again
//! for about eight hours, and every attempt is an entry. What an approver gets opens a page and
//! approves nothing.
//!
//! Does not: send. Whoever runs the jobs takes one of kind [`SEND`], asks for its [`Letter`] with
//! the job's right, hands that to a relay, and ends the job with [`Sent`].

mod asking;
mod sending;
mod telling;

pub use asking::Ask;
pub use sending::{Envelope, Letter, Outcome, SEND, Sent};
pub use telling::Tell;

use crate::register::act;

act!(
    /// Telling an account of an emergency. The kernel does it by itself.
    Telling, "emergency.tell", None, true
);
act!(
    /// Asking approvers for their approval. The kernel does it by itself.
    Asking, "approver.ask", None, true
);
act!(
    /// Reading a letter to send it.
    Reading, "letter.read", None, true
);
act!(
    /// What became of a letter.
    Sending, "letter.send", None, true
);
