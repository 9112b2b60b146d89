//! The side of a client: a key of its own, as libpq and OpenSSL read it, and the request for it.

use super::authority::{pair, signed};
use super::der;
use super::key::{EC_PUBLIC_KEY, P256};
use super::subject::common_name;
use crate::Error;
use aws_lc_rs::signature::KeyPair as _;
use sealing::Secret;

/// A client's key on P-256. Prints nothing.
pub struct ClientKey<'a> {
    secret: &'a Secret<32>,
}

impl<'a> ClientKey<'a> {
    /// The key of these 32 secret bytes.
    #[must_use]
    pub const fn new(secret: &'a Secret<32>) -> Self {
        Self { secret }
    }

    /// The private key as PKCS#8 version 1 (RFC 5208) in PEM: the one form that every libpq reads.
    ///
    /// # Errors
    /// [`Error::Crypto`] for secret bytes that are no key on P-256, as one in 2^32 is: draw others.
    pub fn pem(&self) -> Result<String, Error> {
        let (pair, _) = pair(self.secret)?;
        let point = der::tagged(0xa1, &der::bits(pair.public_key().as_ref(), 0));
        // RFC 5915: version 1, the number, and the point.
        let key = der::sequence(&[der::unsigned(&[1]), der::octets(self.secret.expose()), point]);
        let algorithm = der::sequence(&[der::object(EC_PUBLIC_KEY), der::object(P256)]);
        let whole = der::sequence(&[der::unsigned(&[]), algorithm, der::octets(&key)]);
        Ok(super::pem("PRIVATE KEY", &whole))
    }

    /// A certification request (RFC 2986) in PEM. Who it is about, the authority says.
    ///
    /// # Errors
    /// As [`ClientKey::pem`].
    pub fn request(&self) -> Result<String, Error> {
        let (pair, public) = pair(self.secret)?;
        let none = der::tagged(0xa0, &[]);
        let body = der::sequence(&[der::unsigned(&[]), common_name("bailee"), public.spki(), none]);
        Ok(super::pem("CERTIFICATE REQUEST", &signed(&pair, &body)?))
    }
}
