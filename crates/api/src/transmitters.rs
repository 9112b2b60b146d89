//! Who may tell us that something happened to somebody (RFC 8935): by which issuer, for which
//! audience, about whose identities.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use connectors::oidc::{Issuer, Problem};
use jose::{Compact, Error, SecurityEvent, Subject, Unheard};

/// Somebody who tells us.
#[derive(Debug)]
pub struct Transmitter {
    /// Whose tokens, with their keys.
    pub issuer: Issuer,
    /// Who we are to them (`aud`).
    pub audience: String,
    /// Of which issuers the identities are that they may speak about, besides their own.
    pub speaks_for: Vec<String>,
    /// SHA-256 of the bearer token that they have to show, if there is one.
    pub token: Option<[u8; 32]>,
}

/// Those whom we hear.
#[derive(Debug, Default)]
pub struct Transmitters(Vec<Transmitter>);

/// Why something was not heard (RFC 8935 §2.4).
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: &'static str,
    pub(crate) why: String,
}

/// How a security event is answered.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It does not count.
    Refused(Refused),
    /// The keys of whoever says that they sent it are not there: it may be sent again.
    Unavailable,
}

impl Transmitters {
    /// These.
    #[must_use]
    pub fn new(all: Vec<Transmitter>) -> Self {
        Self(all)
    }

    /// What a token says, once all of it was checked; `now` in seconds since 1970.
    ///
    /// # Errors
    /// Why it does not count.
    pub(crate) async fn heard(
        &self,
        token: &str,
        bearer: Option<&str>,
        now: u64,
    ) -> Result<SecurityEvent, Unanswered> {
        let no = |error, why: &dyn ToString| {
            Unanswered::Refused(Refused { error, why: why.to_string() })
        };
        let compact = Compact::parse(token).map_err(|why| no("invalid_request", &why))?;
        let of = |one: &&Transmitter| compact.issuer() == Some(one.issuer.name());
        let unknown = || no("invalid_issuer", &"nobody of this name (`iss`) is heard here");
        let from = self.0.iter().find(of).ok_or_else(unknown)?;
        if let Some(wanted) = &from.token {
            let shown = digest(&SHA256, bearer.unwrap_or_default().as_bytes());
            if verify_slices_are_equal(wanted, shown.as_ref()).is_err() {
                let why = "show the bearer token that was agreed on";
                return Err(no("authentication_failed", &why));
            }
        }
        let us = (from.issuer.name(), from.audience.as_str());
        // What the check says of anything but keys passes through unchanged.
        let check = |keys: &jose::KeySet| match SecurityEvent::check(token, keys, us, now) {
            Err(Unheard::Key(Error::UnknownKey)) => Err(Error::UnknownKey),
            outcome => Ok(outcome),
        };
        let checked = from.issuer.checked(check, now).await;
        let event = match checked {
            Err(Problem::Unavailable(why)) => {
                tracing::warn!(%why, "the keys of a transmitter are not there");
                return Err(Unanswered::Unavailable);
            }
            Err(Problem::Refused(why)) => return Err(no("invalid_key", &why)),
            Ok(Err(Unheard::Key(why))) => return Err(no("invalid_key", &why)),
            Ok(Err(Unheard::Request(why))) => return Err(no("invalid_request", &why)),
            Ok(Err(Unheard::Issuer)) => return Err(unknown()),
            Ok(Err(Unheard::Audience)) => {
                return Err(no("invalid_audience", &"it is for somebody else (`aud`)"));
            }
            Ok(Ok(event)) => event,
        };
        // Nobody speaks about identities of others, however good their keys are.
        if let Subject::Person(issuer, ..) = event.subject()
            && issuer != from.issuer.name()
            && !from.speaks_for.contains(issuer)
        {
            let why = "it is about identities of an issuer that you do not speak for here";
            return Err(no("access_denied", &why));
        }
        Ok(event)
    }
}
