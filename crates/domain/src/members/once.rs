//! What counts once, on whichever node it is shown: a challenge that was answered, the proof of a
//! key, a try of a password (decision 0043).
//!
//! The kernel remembers for a day under which key an operation was done. So an operation that is
//! asked for with a challenge as its key leaves the tag of that in its own commit, and is not done
//! a second time with it. What has no operation of its own is used up by one.

use crate::register::act;
use kernel::engine::Wants;
use kernel::{Act, After, Error, HOUSE, Operation, Replay, Result, Target, Work, on_house};

act!(
    /// Something that counts once is used up.
    UsingNonce, "nonce.use", None, false
);

/// An operation that is done once with what it is asked for with, and then refused.
pub struct Once<O> {
    operation: O,
    again: &'static str,
}

impl<O: Operation> Once<O> {
    /// This one; `again` is said to whoever asks a second time.
    pub fn new(operation: O, again: &'static str) -> Self {
        Self { operation, again }
    }
}

impl<O: Operation> Operation for Once<O> {
    type Output = O::Output;

    fn target(&self) -> Target {
        self.operation.target()
    }

    fn wants(&self, wants: &mut Wants) {
        self.operation.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<O::Output>> {
        self.operation.execute(work)
    }

    fn replay(&self, _first: &Replay) -> Result<O::Output> {
        Err(Error::forbidden(self.again))
    }

    fn weight(&self) -> usize {
        self.operation.weight()
    }
}

/// The hash of what is asked for, where the key alone says that it was done.
pub const ANYTHING: [u8; 32] = [0; 32];

/// Uses up something that no operation carries by itself; for a caller that carries no login, and
/// under a key that names it.
pub struct UseNonce(&'static str);

impl UseNonce {
    /// Of this kind, such as `proof`; `again` is said if it is used up already.
    pub fn new(of: &'static str, again: &'static str) -> Once<Self> {
        Once::new(Self(of), again)
    }
}

impl Operation for UseNonce {
    type Output = ();

    fn target(&self) -> Target {
        on_house(UsingNonce::ACTION)
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        // What it was stays out: strangers choose it.
        work.note(HOUSE, UsingNonce::ACTION.name, vec![("of", self.0.to_owned())]);
        Ok(After::now(()))
    }
}
