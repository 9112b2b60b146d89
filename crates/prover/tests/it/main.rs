//! The prover with the real solver, on the policies as they are and as they must not become.

// `cfg(test)` on each module is what tells clippy that these are tests.
#[cfg(test)]
mod changes;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod program;
#[cfg(test)]
mod solvers;
#[cfg(test)]
mod support;
