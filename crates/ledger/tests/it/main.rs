//! One binary for all tests of this crate.

// `cfg(test)` on each module is what tells clippy that these are tests.
#[cfg(test)]
mod checkpoint;
#[cfg(test)]
mod entry;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod note;
#[cfg(test)]
mod receipt;
#[cfg(test)]
#[path = "../../examples/make_log/sample.rs"]
mod sample;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tile;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod verify;
