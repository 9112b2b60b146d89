//! Strangers who look for what is there: paths that lead nowhere without a login, and handshakes
//! that fail. Few of either are everyday and are not recorded; many are an entry.
//!
//! Does not: keep a path. What strangers write into a request stays out of the ledger.

use crate::authority::Action;
use crate::error::Result;
use crate::limits::{PROBED_PATHS, PROBED_SOURCES, TRIES_TOLD_AT_ONCE};
use crate::operation::{After, Operation, Target};
use crate::store::HOUSE;
use crate::time::Moment;
use crate::work::Work;
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// The entry of a source that looks for what is there: how many different paths, and how many
/// handshakes that failed.
pub static PROBED: Action = Action { name: "access.probed", verb: None, changes_rights: false };

const MINUTE: u64 = 60_000_000;

/// What sources tried, by minute.
#[derive(Default)]
pub(crate) struct Probes(Mutex<BTreeMap<(u64, String), Seen>>);

#[derive(Default)]
struct Seen {
    /// Hashes of the paths; beyond [`PROBED_PATHS`] no further ones.
    paths: HashSet<u64>,
    handshakes: u64,
    /// How much of both is recorded already.
    told: (u64, u64),
}

impl Seen {
    /// What is not recorded yet, if it is enough to be.
    fn untold(&mut self) -> Option<(u64, u64)> {
        let paths = u64::try_from(self.paths.len()).unwrap_or(u64::MAX);
        let rest = (paths - self.told.0, self.handshakes - self.told.1);
        let enough = rest.0.max(rest.1) >= TRIES_TOLD_AT_ONCE;
        enough.then(|| {
            self.told = (paths, self.handshakes);
            rest
        })
    }
}

impl Probes {
    /// Counts a path that led a stranger nowhere.
    pub(crate) fn path(&self, source: &str, path: &str, now: Moment) {
        self.with(source, now, |seen| {
            if seen.paths.len() < PROBED_PATHS {
                let mut hasher = DefaultHasher::new();
                path.hash(&mut hasher);
                seen.paths.insert(hasher.finish());
            }
        });
    }

    /// Counts a handshake that failed.
    pub(crate) fn handshake(&self, source: &str, now: Moment) {
        self.with(source, now, |seen| seen.handshakes += 1);
    }

    fn with(&self, source: &str, now: Moment, count: impl FnOnce(&mut Seen)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (now.0 / MINUTE, source.to_owned());
        if all.len() < PROBED_SOURCES || all.contains_key(&key) {
            count(all.entry(key).or_default());
        }
    }

    /// What is enough to be recorded. The minutes that are over are let go of.
    pub(crate) fn untold(&self, now: Moment) -> Vec<Probed> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for ((_, source), seen) in all.iter_mut() {
            if let Some((paths, handshakes)) = seen.untold() {
                found.push(Probed { source: source.clone(), paths, handshakes });
            }
        }
        all.retain(|(minute, _), _| *minute >= now.0 / MINUTE);
        found
    }
}

/// What a source tried.
pub(crate) struct Probed {
    source: String,
    paths: u64,
    handshakes: u64,
}

impl Operation for Probed {
    type Output = ();

    fn target(&self) -> Target {
        Target { action: &PROBED, account: HOUSE, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let fields = vec![
            ("source", self.source.clone()),
            ("paths", self.paths.to_string()),
            ("handshakes", self.handshakes.to_string()),
        ];
        work.note(HOUSE, PROBED.name, fields);
        Ok(After::now(()))
    }
}

#[cfg(test)]
mod tests {
    use super::Probes;
    use crate::limits::{PROBED_PATHS, PROBED_SOURCES};
    use crate::time::Moment;

    #[test]
    fn many_paths_are_told_once_and_few_never() {
        let (all, now) = (Probes::default(), Moment(60_000_000 * 1000));
        let next = Moment(now.0 + 60_000_000);
        for nth in 0..19 {
            all.path("192.0.2.7", &format!("/{nth}"), now);
            all.path("192.0.2.7", "/again", now);
        }
        let told = all.untold(now);
        assert_eq!(told.iter().map(|one| one.paths).collect::<Vec<_>>(), [20]);
        all.path("192.0.2.7", "/again", now);
        all.path("192.0.2.8", "/favicon.ico", now);
        (0..25).for_each(|_| all.handshake("192.0.2.9", now));
        let told = all.untold(now);
        assert_eq!(told.iter().map(|one| one.handshakes).collect::<Vec<_>>(), [25]);
        assert!(all.untold(next).is_empty());
        assert!(all.0.lock().unwrap().is_empty(), "the minute is over");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (all, now) = (Probes::default(), Moment(60_000_000 * 1000));
        for nth in 0..PROBED_PATHS * 3 {
            all.path("192.0.2.7", &format!("/{nth}"), now);
        }
        for nth in 0..PROBED_SOURCES * 2 {
            all.handshake(&format!("source {nth}"), now);
        }
        let held = all.0.lock().unwrap();
        assert_eq!(held.len(), PROBED_SOURCES);
        assert!(held.values().all(|seen| seen.paths.len() <= PROBED_PATHS));
    }
}
