//! Detection from outside: events in, alerts out.

// `cfg(test)` on each module is what tells clippy that these are tests.
#[cfg(test)]
mod adversary;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod pack;
#[cfg(test)]
mod sigmahq;
#[cfg(test)]
mod state;
#[cfg(test)]
mod support;
#[cfg(test)]
mod windows;
