//! What a key revocation list says.

use super::PublicKey;
use super::request::check_key_id;
use crate::Error;

/// The most serial ranges, and the most key ids, in one list, of all authorities together. `sshd`
/// reads the whole list several times at each sign-in: as many ids made one take 3.1 s instead of
/// 0.4 s, as many numbers 0.6 s, 10,000 of either nothing that could be measured (decision 0029).
/// What has expired can be left out.
pub const MAX_REVOKED: usize = 100_000;

/// The most authorities in one list.
const MAX_AUTHORITIES: usize = 16;

/// The longest comment, in bytes.
const MAX_COMMENT: usize = 256;

/// A key revocation list (PROTOCOL.krl), unsigned as OpenSSH leaves them: whoever may write the
/// file may lift a revocation, so it travels over a channel that is authenticated.
///
/// Two lists that revoke the same are equal: ranges are joined, ids sorted, repetitions dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Krl {
    pub(super) version: u64,
    pub(super) generated: u64,
    pub(super) comment: String,
    pub(super) revoked: Vec<Revoked>,
}

/// What is revoked of one authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The key that signed the certificates.
    pub authority: PublicKey,
    /// Their serial numbers.
    pub serials: Vec<SerialRange>,
    /// Their key ids. A certificate that is issued again with the same id is revoked as well.
    pub key_ids: Vec<String>,
}

/// Serial numbers from the first to the last, both of them included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SerialRange {
    /// The first; not 0.
    pub first: u64,
    /// The last; not below the first.
    pub last: u64,
}

impl SerialRange {
    /// One number alone.
    #[must_use]
    pub const fn one(serial: u64) -> Self {
        Self { first: serial, last: serial }
    }
}

impl Krl {
    /// A list of this version, made at `generated` (seconds since 1970), with a comment that
    /// OpenSSH shows to people. Whoever compares versions takes the higher one for the newer.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than 16 authorities or one of them twice, more than
    /// [`MAX_REVOKED`] ranges or ids, a range with 0 or whose last is below its first, a key id
    /// that cannot be issued, or a comment of more than 256 bytes or with control characters.
    pub fn new(
        version: u64,
        generated: u64,
        comment: &str,
        mut revoked: Vec<Revoked>,
    ) -> Result<Self, Error> {
        if comment.len() > MAX_COMMENT || comment.chars().any(char::is_control) {
            return Err(Error::invalid("comment", "must be 0 to 256 bytes, none of control"));
        }
        if revoked.len() > MAX_AUTHORITIES {
            return Err(Error::invalid("authorities", "are more than 16; drop what has ended"));
        }
        let ranges: usize = revoked.iter().map(|of_one| of_one.serials.len()).sum();
        let key_ids: usize = revoked.iter().map(|of_one| of_one.key_ids.len()).sum();
        if ranges.max(key_ids) > MAX_REVOKED {
            let why = format!("are more than {MAX_REVOKED}; leave out what has expired");
            return Err(Error::invalid("revoked", why));
        }
        for of_one in &mut revoked {
            of_one.normalize()?;
        }
        // Nothing revoked of an authority is written as no section, so it is not kept either.
        revoked.retain(|of_one| !of_one.serials.is_empty() || !of_one.key_ids.is_empty());
        revoked.sort_by(|a, b| a.authority.cmp(&b.authority));
        let twice = |pair: &[Revoked]| matches!(pair, [a, b] if a.authority == b.authority);
        if revoked.windows(2).any(twice) {
            return Err(Error::invalid("authorities", "have one twice; join what it revokes"));
        }
        Ok(Self { version, generated, comment: comment.to_owned(), revoked })
    }

    /// Its number; a higher one is newer.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub const fn generated(&self) -> u64 {
        self.generated
    }

    /// What it says to people.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// What it revokes, by authority.
    #[must_use]
    pub fn revoked(&self) -> &[Revoked] {
        &self.revoked
    }

    /// Whether a certificate of this authority with this number and id is revoked. A host that
    /// holds sessions open asks this of each, since `sshd` asks only at sign-in.
    #[must_use]
    pub fn revokes(&self, authority: &PublicKey, serial: u64, key_id: &str) -> bool {
        let of_one = self.revoked.iter().find(|of_one| of_one.authority == *authority);
        of_one.is_some_and(|of_one| of_one.names(serial, key_id))
    }
}

impl Revoked {
    fn names(&self, serial: u64, key_id: &str) -> bool {
        // INVARIANT: sorted and apart, by `normalize`.
        let before = self.serials.partition_point(|range| range.first <= serial);
        let range = before.checked_sub(1).and_then(|index| self.serials.get(index));
        range.is_some_and(|range| serial <= range.last)
            || self.key_ids.binary_search_by(|known| known.as_str().cmp(key_id)).is_ok()
    }

    fn normalize(&mut self) -> Result<(), Error> {
        if self.serials.iter().any(|range| range.first == 0 || range.last < range.first) {
            return Err(Error::invalid("serials", "must not be 0, nor end before they begin"));
        }
        self.key_ids.iter().try_for_each(|key_id| check_key_id(key_id))?;
        self.key_ids.sort_unstable();
        self.key_ids.dedup();
        self.serials.sort_unstable();
        // `dedup_by` hands the later one first, and drops it when it is joined to the earlier.
        self.serials.dedup_by(|later, earlier| {
            let joined = later.first <= earlier.last.saturating_add(1);
            if joined {
                earlier.last = earlier.last.max(later.last);
            }
            joined
        });
        Ok(())
    }
}
