//! One binary for all tests of this crate.

// `cfg(test)` on each module is what tells clippy that these are tests.
#[cfg(test)]
mod forward;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod calendar;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod nut;
#[cfg(test)]
mod ocsf;
#[cfg(test)]
mod pdf;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod webhook;
