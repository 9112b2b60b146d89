//! Claims (RFC 7519 §4.1) and their times.

use crate::Error;
use serde_json::{Map, Value};

/// How far the clocks of an issuer and of this server may be apart, in seconds.
pub const SKEW: u64 = 60;

/// Longest text of an identifier, in bytes; subjects have at most 255 (OpenID Connect Core §2).
const TEXT: usize = 255;

/// What a token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) fn new(object: Map<String, Value>) -> Self {
        Self(object)
    }

    /// A claim, as it is.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A claim that names somebody or something: 1 to 255 bytes without control characters.
    ///
    /// # Errors
    /// `Refused` if it is there and none.
    pub(crate) fn name(&self, name: &str, why: &'static str) -> Result<Option<String>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let fits =
            |text: &&str| (1..=TEXT).contains(&text.len()) && !text.chars().any(char::is_control);
        let text = value.as_str().filter(fits).ok_or(Error::Refused(why))?;
        Ok(Some(text.to_owned()))
    }

    /// A claim that is a moment in seconds since 1970 (RFC 7519 §2, NumericDate); parts of a second
    /// are cut off.
    ///
    /// # Errors
    /// `Refused` if it is there and no such number.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<u64>, Error> {
        /// The year 9999, beyond which nobody means a date.
        const LAST: u64 = 253_402_300_799;
        let Some(value) = self.get(name) else { return Ok(None) };
        let whole = value.as_u64().or_else(|| {
            let text = value.as_f64().filter(|number| *number >= 0.0)?.trunc().to_string();
            text.parse().ok()
        });
        let bad = Error::Refused("a time in it is no number of seconds since 1970");
        whole.filter(|seconds| *seconds <= LAST).ok_or(bad).map(Some)
    }

    /// For whom it is (RFC 7519 §4.1.3).
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.get("aud") {
            Some(Value::String(one)) => vec![one.as_str()],
            // A part that is no text makes the whole none.
            Some(Value::Array(all)) => {
                all.iter().map(Value::as_str).collect::<Option<_>>().unwrap_or_default()
            }
            _ => vec![],
        }
    }

    /// Refuses what another issued.
    ///
    /// # Errors
    /// `Refused`.
    pub(crate) fn from(&self, issuer: &str) -> Result<(), Error> {
        match self.text("iss") == Some(issuer) {
            true => Ok(()),
            false => Err(Error::Refused("another issuer than the one expected made it")),
        }
    }

    /// Refuses what does not count at this moment; gives when it was issued and when it ends.
    /// `skew` is what is borne past its end; at its beginning it is always [`SKEW`].
    ///
    /// # Errors
    /// `Refused`.
    pub(crate) fn count(&self, now: u64, skew: u64) -> Result<(u64, u64), Error> {
        let end = self.moment("exp")?.ok_or(Error::Refused("it says no end (`exp`)"))?;
        let issued = self.moment("iat")?;
        let issued = issued.ok_or(Error::Refused("it does not say when it was issued (`iat`)"))?;
        let begin = self.moment("nbf")?.unwrap_or(0);
        if end.saturating_add(skew) <= now {
            return Err(Error::Refused("it is over (`exp`)"));
        }
        if begin.max(issued) > now.saturating_add(SKEW) {
            let why = "it counts from a later moment on: compare the clocks of both servers";
            return Err(Error::Refused(why));
        }
        Ok((issued, end))
    }
}
