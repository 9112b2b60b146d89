//! Looks at something that others change.

use kernel::Result;
use std::sync::{Condvar, Mutex, PoisonError};

/// Looks that callers share: whoever waits is served by a look that began after they came, and all
/// who came before it share it.
#[derive(Default)]
pub(crate) struct Looks {
    turns: Mutex<Turns>,
    ended: Condvar,
}

#[derive(Default)]
struct Turns {
    begun: u64,
    ended: u64,
    /// The newest look that succeeded, and what was seen.
    good: u64,
    seen: u64,
    under_way: bool,
}

impl Looks {
    pub(crate) fn share(&self, look: impl FnOnce() -> Result<u64>) -> Result<u64> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let needed = turns.begun + 1;
        while turns.under_way && turns.ended < needed {
            turns = self.ended.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
        if turns.good >= needed {
            return Ok(turns.seen);
        }
        turns.begun += 1;
        turns.under_way = true;
        let turn = turns.begun;
        drop(turns);
        let outcome = look();
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.ended = turn;
        turns.under_way = false;
        if let Ok(seen) = outcome {
            (turns.good, turns.seen) = (turn, seen);
        }
        self.ended.notify_all();
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::Looks;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn whoever_comes_sees_what_was_there_when_they_came() {
        let (looks, clock, made) = (Looks::default(), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let came = clock.fetch_add(1, Ordering::SeqCst);
                        let seen = looks.share(|| {
                            made.fetch_add(1, Ordering::SeqCst);
                            Ok(clock.load(Ordering::SeqCst))
                        });
                        assert!(seen.unwrap() > came, "a look from before");
                    }
                });
            }
        });
        assert!(made.load(Ordering::SeqCst) <= 16_000);
    }
}
