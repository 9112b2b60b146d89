//! A node without a high-water mark: it signs only after another node, which has one, vouched for
//! the store.
//!
//! The question is random and lies in the store, where other nodes find it; an answer is the mark
//! of a node with a MAC under the root key over question and mark. So a store that was set back
//! answers nothing by itself, and an answer to an earlier question is none.

use crate::engine::{Engine, Reader};
use crate::error::Result;
use crate::highwater::Mark;
use crate::kernel::{Kernel, Shared};
use sealing::{RootKey, mac, verify_mac};
use std::sync::PoisonError;

/// What a node asks that has no mark of its own.
pub(crate) type Question = [u8; 32];

/// Why a node waits.
pub(crate) const WAITING: &str = "this node has no high-water mark and waits for another node to \
     vouch for the store; if there is none, and this is the newest copy there is, say so with \
     `bailee accept`";

fn parts<'a>(question: &'a Question, sequence: &'a [u8], chain: &'a [u8]) -> [&'a [u8]; 4] {
    [b"vouch", question, sequence, chain]
}

/// The answer of a node that knows this mark.
fn answer(root: &RootKey, question: &Question, mark: &Mark) -> Vec<u8> {
    let sequence = mark.sequence.to_be_bytes();
    let check = mac(root.meta(), &parts(question, &sequence, &mark.chain));
    [&sequence[..], &mark.chain, &check].concat()
}

/// The mark in an answer, if it is one to this question.
fn read(root: &RootKey, question: &Question, answer: &[u8]) -> Option<Mark> {
    let (sequence, rest) = answer.split_first_chunk::<8>()?;
    let (chain, check) = rest.split_first_chunk::<32>()?;
    let holds = verify_mac(root.meta(), &parts(question, sequence, chain), check);
    holds.then_some(Mark { sequence: u64::from_be_bytes(*sequence), chain: *chain })
}

impl Shared {
    /// Answers the questions of other nodes, if this one knows the store.
    fn vouch(&self, reader: &dyn Reader) -> Result<()> {
        let mark = self.high_water.lock().unwrap_or_else(PoisonError::into_inner).1;
        let Some(mark) = mark.filter(|_| self.may_sign().is_ok()) else { return Ok(()) };
        for question in reader.questions()? {
            reader.answer(&question, &answer(&self.keyring.root, &question, &mark))?;
        }
        Ok(())
    }

    /// Looks for an answer to this node's own question.
    fn ask(&self, reader: &dyn Reader) -> Result<()> {
        let mut asked = self.question.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(question) = *asked else { return Ok(()) };
        let answers = reader.ask(&question)?;
        let root = &self.keyring.root;
        let Some(known) = answers.iter().find_map(|one| read(root, &question, one)) else {
            return Ok(());
        };
        let Some(newest) = reader.commit(None)? else { return Ok(()) };
        let stored = reader.commit(Some(known.sequence))?;
        if stored.as_ref().map(Mark::from) != Some(known) {
            self.stop_answering("another node knows commits that this store does not have");
            *asked = None;
            return Ok(());
        }
        self.mark(Mark::from(&newest));
        *asked = None;
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = None;
        tracing::info!(sequence = known.sequence, "another node vouched for the store");
        Ok(())
    }
}

impl Kernel {
    /// Takes over what other nodes changed of the rights, and compares with them what has to be
    /// compared; several times a second, where there are other nodes.
    ///
    /// # Errors
    /// `Unavailable` if the store does not answer.
    pub fn keep_up(&self) -> Result<()> {
        let (shared, reader) = (self.shared(), &**self.reader());
        if !shared.rights.shared {
            return Ok(());
        }
        shared.be_current(reader)?;
        shared.ask(reader)?;
        shared.vouch(reader)
    }
}

/// The question of a node that has no mark, where others may have one.
pub(crate) fn question(
    engine: &dyn Engine,
    mark: Option<Mark>,
    entropy: &mut dyn sealing::Entropy,
) -> Result<Option<Question>> {
    if mark.is_some() || !engine.shared() {
        return Ok(None);
    }
    let mut question = [0; 32];
    entropy.fill(&mut question)?;
    Ok(Some(question))
}

#[cfg(test)]
mod tests {
    use super::{answer, read};
    use crate::highwater::Mark;
    use sealing::RootKey;

    #[test]
    fn an_answer_counts_for_its_question_under_its_root_key_and_unaltered() {
        let (root, other) = (RootKey::from_bytes([1; 32]), RootKey::from_bytes([2; 32]));
        let mark = Mark { sequence: 77, chain: [5; 32] };
        let given = answer(&root, &[9; 32], &mark);
        assert_eq!(read(&root, &[9; 32], &given), Some(mark));
        assert_eq!(read(&root, &[8; 32], &given), None, "another question");
        assert_eq!(read(&other, &[9; 32], &given), None, "another root key");
        for place in 0..given.len() {
            let mut altered = given.clone();
            altered[place] ^= 1;
            assert_eq!(read(&root, &[9; 32], &altered), None, "byte {place}");
            assert_eq!(read(&root, &[9; 32], &given[..place]), None, "cut at {place}");
        }
    }
}
