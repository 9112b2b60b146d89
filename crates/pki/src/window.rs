//! From when until when a certificate is valid.

use crate::Error;

/// The longest life of a certificate, in seconds: 24 hours. Revocation reaches only hosts that
/// fetch lists; an end reaches all of them.
pub const MAX_LIFE: u64 = 24 * 3600;

/// The most that a beginning may be moved back for hosts whose clock is slow, in seconds.
pub const MAX_SKEW: u64 = 300;

/// The end of the year 9999, the last moment that X.509 can write.
pub(crate) const LAST_MOMENT: u64 = 253_402_300_799;

/// From when until when a certificate is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    // INVARIANT: 0 < until - from <= MAX_LIFE + MAX_SKEW, and until <= LAST_MOMENT.
    from: u64,
    until: u64,
}

impl Window {
    /// A window that begins `skew` seconds before `from`, for hosts whose clock is slow.
    ///
    /// A beginning in the past is harmless for what is issued now. For what is to begin later the
    /// skew is to be 0, or it begins too early.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless `from < until`, `until - from` is at most [`MAX_LIFE`], `skew` at
    /// most [`MAX_SKEW`], and `until` before the year 10000.
    pub fn new(from: u64, until: u64, skew: u64) -> Result<Self, Error> {
        let life = until.checked_sub(from).filter(|life| *life > 0);
        let life = life.ok_or_else(|| Error::invalid("until", "must be after `from`"))?;
        if life > MAX_LIFE {
            let why = format!("is {life} s after `from`; at most {MAX_LIFE} s are issued");
            return Err(Error::invalid("until", why));
        }
        if skew > MAX_SKEW {
            let why = format!("is {skew} s; at most {MAX_SKEW} s are taken, set the host's clock");
            return Err(Error::invalid("skew", why));
        }
        if until > LAST_MOMENT {
            return Err(Error::invalid("until", "must be before the year 10000"));
        }
        Ok(Self { from: from.saturating_sub(skew), until })
    }

    /// The window that a certificate says, unless none of it is issued here.
    pub(crate) fn read(from: u64, until: u64) -> Option<Self> {
        let life = until.checked_sub(from)?;
        let issued = (1..=MAX_LIFE + MAX_SKEW).contains(&life) && until <= LAST_MOMENT;
        issued.then_some(Self { from, until })
    }

    /// The first second in which it is valid.
    #[must_use]
    pub const fn from(self) -> u64 {
        self.from
    }

    /// The first second in which it no longer is with SSH; the last in which it is with X.509.
    #[must_use]
    pub const fn until(self) -> u64 {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_an_end_that_is_near() {
        let window = Window::new(1_000_000, 1_000_000 + MAX_LIFE, MAX_SKEW).unwrap();
        assert_eq!(window, Window { from: 999_700, until: 1_086_400 });
        assert_eq!(Window::new(10, 20, 300).unwrap().from, 0);
        for (from, until, skew, field) in [
            (10, 10, 0, "until"),
            (10, 9, 0, "until"),
            (0, u64::MAX, 0, "until"),
            (10, 11 + MAX_LIFE, 0, "until"),
            (LAST_MOMENT, LAST_MOMENT + 1, 0, "until"),
            (10, 20, MAX_SKEW + 1, "skew"),
        ] {
            let refused = Window::new(from, until, skew).unwrap_err();
            assert!(matches!(refused, Error::Invalid { field: of, .. } if of == field));
        }
    }
}
