//! The number of a certificate.

use crate::Error;
use std::fmt;

/// The number of a certificate: 16 random bytes, as CA/Browser Forum BR §7.1 and RFC 5280 §4.1.2.2
/// want it, with at most 20 bytes and a sign. Shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; 16]);

impl Serial {
    /// The number of these random bytes, the highest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for 0, which is not a random number.
    pub fn new(random: [u8; 16]) -> Result<Self, Error> {
        if random == [0; 16] {
            return Err(Error::invalid("serial", "must not be 0; take 16 random bytes"));
        }
        Ok(Self(random))
    }

    /// The bytes, the highest first.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The number as DER has it: without leading zeros, or with one for the sign.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let start = bytes.iter().position(|byte| *byte != 0)?;
        let significant = bytes.get(start..)?;
        let mut whole = [0; 16];
        let place = whole.len().checked_sub(significant.len())?;
        whole.get_mut(place..)?.copy_from_slice(significant);
        Some(Self(whole))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}
