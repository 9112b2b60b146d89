//! Tokens of others: taken, and each thing for which one is not.

#[cfg(test)]
mod events;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod signer;

#[cfg(test)]
/// A moment in November 2026, in seconds since 1970.
const NOW: u64 = 1_795_356_131;
