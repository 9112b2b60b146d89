//! The outbox: messages with Service Data that wait to be sent, between the commit of a transfer
//! and the answer of its receiver.
//!
//! Promises: room is made before anything is committed, so that a transfer that was recorded has
//! its message; what is held is bounded in number, bytes and time. A message lives in the memory of
//! one server alone: no other sends it, and after a restart its transfer is unsent, and says so.
//! Does not: send. Whoever runs the job of a transfer looks here, and settles what is done with.

use kernel::{Error, Moment, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Messages at once.
const MESSAGES: usize = 256;

/// Bytes of all messages together.
const BYTES: usize = 64 * 1024 * 1024;

/// Bytes that are kept free for a message that is not there yet: the bodies of one transfer, and
/// what stands around them.
const EXPECTED: usize = 17 * 1024 * 1024;

/// How long a message is held: longer than a transfer is tried.
const LIFE: Duration = Duration::from_secs(36 * 3600);

/// What the outbox has for a transfer.
#[derive(Clone, PartialEq, Eq)]
pub enum Held {
    /// Its message.
    Here(Arc<[u8]>),
    /// It is on its way here: look again.
    Coming,
    /// Nothing, and nothing will come.
    Gone,
}

/// Without the bytes.
impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(message) => write!(f, "a message of {} bytes", message.len()),
            Self::Coming => f.write_str("on its way"),
            Self::Gone => f.write_str("nothing"),
        }
    }
}

/// Messages by the id of their transfer.
#[derive(Default)]
pub struct Outbox {
    messages: Mutex<HashMap<String, Waiting>>,
    /// The name of this server among those of its store.
    node: Option<String>,
}

struct Waiting {
    message: Option<Arc<[u8]>>,
    since: Moment,
}

impl Waiting {
    fn size(&self) -> usize {
        self.message.as_ref().map_or(EXPECTED, |message| message.len())
    }
}

impl Outbox {
    /// Of the server of this name.
    pub(crate) fn of(node: String) -> Self {
        Self { messages: Mutex::default(), node: Some(node) }
    }

    /// The name of the server that holds the messages, if it has one.
    pub(crate) fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// What is held for a transfer. It stays, because it may be tried again.
    pub fn get(&self, id: &str) -> Held {
        match self.held().get(id) {
            Some(Waiting { message: Some(message), .. }) => Held::Here(Arc::clone(message)),
            Some(_) => Held::Coming,
            None => Held::Gone,
        }
    }

    /// Takes a message out: its transfer is delivered, refused or given up.
    pub fn take(&self, id: &str) -> Option<Arc<[u8]>> {
        self.held().remove(id).and_then(|waiting| waiting.message)
    }

    /// Makes room for the message of a transfer that is about to be asked for.
    ///
    /// # Errors
    /// `Unavailable` if there is none.
    pub(crate) fn expect(self: &Arc<Self>, id: &str, now: Moment) -> Result<Expected> {
        let mut held = self.held();
        held.retain(|_, waiting| now < waiting.since.after(LIFE));
        let bytes: usize = held.values().map(Waiting::size).sum();
        if held.len() >= MESSAGES || bytes + EXPECTED > BYTES {
            let why = "too many transfers wait to be sent: ask again when some are delivered";
            return Err(Error::unavailable(why));
        }
        held.insert(id.to_owned(), Waiting { message: None, since: now });
        Ok(Expected { outbox: Arc::clone(self), id: id.to_owned() })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for one message; it is given back if none comes.
pub(crate) struct Expected {
    outbox: Arc<Outbox>,
    id: String,
}

impl Expected {
    pub(crate) fn put(self, message: Vec<u8>) {
        if let Some(waiting) = self.outbox.held().get_mut(&self.id) {
            waiting.message = Some(message.into());
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        let mut held = self.outbox.held();
        if held.get(&self.id).is_some_and(|waiting| waiting.message.is_none()) {
            held.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, EXPECTED, Held, LIFE, Outbox};
    use kernel::{Kind, Moment};
    use std::sync::Arc;

    #[test]
    fn a_message_is_expected_held_and_taken() {
        let outbox = Arc::new(Outbox::default());
        assert_eq!(outbox.get("a"), Held::Gone);
        let room = outbox.expect("a", Moment(0)).unwrap();
        assert_eq!(outbox.get("a"), Held::Coming);
        room.put(b"x".to_vec());
        let here = Held::Here(b"x".as_slice().into());
        assert_eq!((outbox.get("a"), outbox.get("a")), (here.clone(), here));
        assert_eq!(outbox.take("a").as_deref(), Some(b"x".as_slice()));
        assert_eq!(outbox.get("a"), Held::Gone);
        drop(outbox.expect("b", Moment(0)).unwrap());
        assert_eq!(outbox.get("b"), Held::Gone, "the transfer failed");
    }

    #[test]
    fn room_is_bounded_and_comes_back_with_time() {
        let outbox = Arc::new(Outbox::default());
        let many = BYTES / EXPECTED;
        for number in 0..many {
            outbox.expect(&number.to_string(), Moment(0)).unwrap().put(vec![0; EXPECTED]);
        }
        let full = outbox.expect("more", Moment(1)).map(|_| ()).unwrap_err();
        assert_eq!(full.kind(), Kind::Unavailable);
        outbox.take("0");
        let room = outbox.expect("more", Moment(1)).unwrap();
        assert!(outbox.expect("again", Moment(1)).is_err(), "what is expected counts");
        drop(room);
        assert!(outbox.expect("late", Moment(0).after(LIFE)).is_ok());
        assert_eq!(outbox.get("1"), Held::Gone);
    }
}
