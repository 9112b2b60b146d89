//! What is issued, in the hands of the programs that have to accept or refuse it.

// `cfg(test)` on each module is what tells clippy that these are tests.
#[cfg(test)]
mod garbage;
#[cfg(test)]
#[expect(dead_code, reason = "tests of other crates include it, and need more")]
mod hosts;
#[cfg(test)]
mod krl;
#[cfg(test)]
mod openssl;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod ssh_certificate;
#[cfg(test)]
mod sshd;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
