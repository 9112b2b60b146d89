//! Tests of the sealed formats from outside.
//!
//! `cfg(test)` tells clippy that the helpers, too, are tests and may unwrap.

#[cfg(test)]
mod account;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keyed;
#[cfg(test)]
mod metamorphic;
#[cfg(test)]
mod printing;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod root_file;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod signature;
#[cfg(test)]
mod support;
#[cfg(test)]
mod vectors;
