//! The state of a detector as bytes, so that a restart forgets nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::coverage::Interval;
use crate::detector::Detector;
use crate::timeline::{Stored, Timeline};

const FORMAT: &str = "bailee watch state";
const VERSION: u32 = 1;

/// Why a state was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(String);

impl std::fmt::Display for StateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StateError {}

#[derive(Serialize, Deserialize)]
struct State {
    format: String,
    version: u32,
    last: Option<u64>,
    watermark: u64,
    coverage: Vec<(String, String, Vec<Interval>)>,
    tenants: Vec<String>,
    plans: Vec<StoredPlan>,
}

#[derive(Serialize, Deserialize)]
struct StoredPlan {
    rule: String,
    version: String,
    groups: Vec<StoredGroup>,
}

#[derive(Serialize, Deserialize)]
struct StoredGroup {
    key: String,
    owner: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other: Option<usize>,
    #[serde(default)]
    before: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    alerted: Vec<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled: Option<u64>,
    timeline: Stored,
}

impl Detector {
    /// Everything that is remembered, as bytes: the same state gives the same bytes.
    pub fn export(&self) -> Vec<u8> {
        let plans = self.rules.plans().iter().zip(&self.store.plans).map(|(plan, groups)| {
            let (rule, version) = match self.rules.rule(plan.rule) {
                Some(rule) => (rule.id.clone(), rule.version.clone()),
                None => (String::new(), String::new()),
            };
            let sorted: BTreeMap<_, _> = groups.iter().collect();
            let groups = sorted.into_iter().map(|(key, group)| StoredGroup {
                key: key.to_string(),
                owner: group.owner,
                other: group.other,
                before: group.before,
                alerted: group.alerted.clone(),
                settled: group.settled,
                timeline: group.timeline.stored(plan),
            });
            StoredPlan { rule, version, groups: groups.collect() }
        });
        let state = State {
            format: FORMAT.to_owned(),
            version: VERSION,
            last: self.coverage.last(),
            watermark: self.watermark,
            coverage: self
                .coverage
                .all()
                .into_iter()
                .map(|((rule, version), intervals)| (rule, version, intervals))
                .collect(),
            tenants: self.store.tenants.iter().map(|tenant| tenant.name.clone()).collect(),
            plans: plans.collect(),
        };
        // Maps have text keys and numbers are finite, so it cannot fail; an empty state is refused.
        serde_json::to_vec(&state).unwrap_or_default()
    }

    /// Goes on from an export; meant for a detector that has taken nothing. Rules that have changed
    /// since begin anew, and their coverage shows it.
    ///
    /// # Errors
    /// When the bytes are no export, or of a later version; the detector is as it was.
    pub fn import(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let state: State = serde_json::from_slice(bytes)
            .map_err(|error| StateError(format!("not a state of the detector: {error}")))?;
        if state.format != FORMAT || state.version != VERSION {
            return Err(StateError(format!(
                "the state is `{}` version {}, and this is version {VERSION}: begin without it",
                state.format, state.version
            )));
        }
        let rules = Arc::clone(&self.rules);
        let mut stored: HashMap<(String, String), Vec<StoredGroup>> =
            state.plans.into_iter().map(|plan| ((plan.rule, plan.version), plan.groups)).collect();
        let owners: Vec<usize> = state.tenants.iter().map(|name| self.store.tenant(name)).collect();
        for (at, plan) in rules.plans().iter().enumerate() {
            let Some(rule) = rules.rule(plan.rule) else { continue };
            let key = (rule.id.clone(), rule.version.clone());
            for held in stored.remove(&key).unwrap_or_default() {
                let owner = owners.get(held.owner).copied().unwrap_or_default();
                let Some(group) = self.store.open(at, &held.key, owner) else { continue };
                group.timeline = Timeline::restored(plan, held.timeline);
                group.other = held.other.and_then(|other| owners.get(other).copied());
                group.before = held.before;
                group.alerted = held.alerted;
                group.settled = held.settled;
                self.store.charge(at, plan, &held.key, self.limits.skew + plan.window);
            }
        }
        self.watermark = state.watermark;
        let coverage: Vec<_> = state
            .coverage
            .into_iter()
            .map(|(rule, version, intervals)| ((rule, version), intervals))
            .collect();
        self.coverage.resume(state.last, &coverage);
        self.reschedule();
        Ok(())
    }
}
