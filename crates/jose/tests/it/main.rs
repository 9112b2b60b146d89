//! Tokens of others: taken, and each thing for which one is not.

mod foreign;
mod refused;
mod signer;
