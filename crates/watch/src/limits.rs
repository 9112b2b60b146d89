//! What the detector may hold, and how far it trusts other people's clocks.

/// Bounds of one [`crate::Detector`]. Each is a promise about memory or time; where one is reached,
/// what is lost is said in [`crate::Pressure`] and in the alerts concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How far an event's own time may be from its receipt, in µs, default 5 min. Beyond that its
    /// clock is wrong: it is counted by the time of receipt, apart from those whose clock is right.
    pub skew: u64,
    /// How long rules that can be undone by a later arrival (less than, exactly, and not) wait
    /// before they decide, in µs, default 60 s.
    pub lateness: u64,
    /// Groups (a rule's address, person, …) that one tenant may keep alive; default 32,768.
    pub groups: usize,
    /// Matches that one tenant may keep; default 262,144, of 32 bytes each. Groups, keys and values
    /// are charged in the same coin.
    pub matches: usize,
    /// Matches that all tenants together may keep; default 4,194,304. The more tenants are active,
    /// the smaller is the share of each.
    pub matches_of_all: usize,
    /// Tenants kept apart; default 1,024. All beyond share one quota.
    pub tenants: usize,
    /// Matches that one group keeps one by one; default 16,384. Beyond, times are rounded, and
    /// distinct values are estimated.
    pub exact: usize,
    /// Numbers of events that an alert lists: the first and the last of the window; default 32.
    pub listed: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            skew: 300 * 1_000_000,
            lateness: 60 * 1_000_000,
            groups: 32_768,
            matches: 262_144,
            matches_of_all: 4_194_304,
            tenants: 1_024,
            exact: 16_384,
            listed: 32,
        }
    }
}
