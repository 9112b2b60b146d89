//! Short-lived certificates, and the lists that revoke them: OpenSSH user certificates and KRLs,
//! X.509 client certificates and CRLs.
//!
//! ```text
//! ssh::Authority   ── issue ─► ssh::Certificate    PROTOCOL.certkeys of OpenSSH
//!                              ssh::Krl            PROTOCOL.krl of OpenSSH
//! x509::Authority  ── issue ─► x509::Certificate   RFC 5280, from a PKCS#10 request (RFC 2986)
//!                  └─ revoke ► x509::Crl           RFC 5280, version 2
//! ```
//!
//! # What it promises
//!
//! * Nothing that is issued is valid for longer than [`MAX_LIFE`], and nothing without an end can
//!   be asked for.
//! * Of what a client sends only its public key is used. Names, windows and rights come from the
//!   caller, and a request that asks to be an authority is refused.
//! * Weak and foreign keys are refused when a certificate is asked for, not when it is used.
//! * What was written is read back equal. What is read is checked against a key that the caller
//!   trusts, so that nothing unsigned comes out. No input makes it panic.
//! * The same input gives the same bytes, except for signatures of [`x509::Authority`], where
//!   ECDSA takes a fresh nonce from AWS-LC.
//!
//! # What it deliberately does not do
//!
//! * No I/O, no clock, no randomness: moments, serial numbers and random bytes are parameters.
//! * It does not know people, grants or hosts, nor decide who may have what.
//! * It makes no host or server certificates, no intermediate authorities, and answers no OCSP.
//!
//! Moments are seconds since 1970 in UTC. Primitives come from AWS-LC: Ed25519 (RFC 8032), ECDSA on
//! P-256 with SHA-256 (FIPS 186-5). Decision 0029 has the reasons.

mod error;
mod window;

pub mod ssh;
pub mod x509;

pub use error::Error;
pub use sealing::Secret;
pub use window::{MAX_LIFE, MAX_SKEW, Window};
