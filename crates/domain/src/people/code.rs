//! One-time codes by time, as authenticator apps show them (RFC 6238, with HOTP of RFC 4226).
//!
//! SHA-1, 30 seconds and six digits, because that is what every app takes. A code counts in its own
//! step and in the one before and after, for clocks that differ, and no step counts twice.

use super::{hex, unhex};
use aws_lc_rs::hmac;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Length of a step, in seconds.
pub const STEP: u64 = 30;

/// Bytes of a secret, as RFC 4226 §4 recommends.
pub const SECRET: usize = 20;

/// What an authenticator app and this server both know.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "OneTimeCodes")]
pub struct Totp {
    /// The secret, in hexadecimal.
    secret: String,
    /// The last step whose code was taken.
    last: u64,
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Totp").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Totp {
    /// Of this secret; no code was taken yet.
    pub fn new(secret: &[u8; SECRET]) -> Self {
        Self { secret: hex(secret), last: 0 }
    }

    /// Takes a code, if it is one of now and newer than the last one.
    ///
    /// # Errors
    /// `Forbidden` for any other.
    pub fn take(&mut self, code: &str, now: Moment) -> Result<()> {
        let bad = || Error::internal("a stored secret has another form");
        let key = hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            &unhex(&self.secret).ok_or_else(bad)?,
        );
        let step = now.0 / 1_000_000 / STEP;
        let digits: String = code.chars().filter(|one| !one.is_whitespace()).collect();
        let known = |at: &u64| {
            let right = shown(&key, *at);
            // Compared without saying how far it was right.
            let differs = right.bytes().zip(digits.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
            digits.len() == right.len() && differs == 0
        };
        let near = [step.saturating_sub(1), step, step.saturating_add(1)];
        // All three are looked at, whichever it is.
        let found = near.iter().filter(|at| known(at)).copied().max();
        match found {
            Some(at) if at > self.last => {
                self.last = at;
                Ok(())
            }
            Some(_) => Err(Error::forbidden("this code was used already: wait for the next one")),
            None => Err(Error::forbidden("the code is not the one of now: look at it again")),
        }
    }
}

/// The six digits of a step (RFC 4226 §5.3).
fn shown(key: &hmac::Key, step: u64) -> String {
    let tag = hmac::sign(key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes.last().copied().unwrap_or_default() & 0xf);
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied();
    let number = u32::from_be_bytes(part.unwrap_or_default()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::{STEP, Totp};
    use kernel::Moment;

    const SECRET: [u8; 20] = *b"12345678901234567890";

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000)
    }

    #[test]
    fn the_codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, the last six of eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            Totp::new(&SECRET).take(code, at(seconds)).unwrap();
        }
    }

    #[test]
    fn a_code_counts_near_its_time_and_once() {
        let mut totp = Totp::new(&SECRET);
        for far in [59 + 2 * STEP, 1_111_111_109] {
            assert!(totp.take("287082", at(far)).is_err(), "{far}");
        }
        for bad in ["", "28708", "2870822", "287083", "２87082", "-87082"] {
            assert!(totp.take(bad, at(59)).is_err(), "{bad}");
        }
        totp.take("287 082", at(59 + STEP)).unwrap();
        let again = totp.take("287082", at(59)).unwrap_err();
        assert!(again.message().contains("used already"), "{again:?}");
        assert!(!format!("{totp:?}").contains("3132"), "no secret is printed");
    }
}
