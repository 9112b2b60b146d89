//! The key that signs user certificates.

use super::wire::Writer;
use super::{Certificate, PublicKey, Request};
use crate::Error;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use sealing::Secret;
use std::fmt;

/// A user certificate in PROTOCOL.certkeys; 2 would be of a host.
pub(super) const USER: u32 = 1;

/// An Ed25519 key that signs user certificates. Prints nothing of itself but the public key.
pub struct Authority {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Authority {
    /// The authority of these 32 secret bytes, which are the seed of RFC 8032.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the library does not take them; it takes all.
    pub fn new(seed: &Secret<32>) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
            .map_err(|_| Error::Crypto("take the seed of an SSH authority"))?;
        let public = PublicKey::ed25519(pair.public_key().as_ref());
        Ok(Self { pair, public })
    }

    /// What hosts trust: its [`PublicKey::line`] belongs into `TrustedUserCAKeys`.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Makes a user certificate. The same request gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the part of the request that is outside its rules.
    pub fn issue(&self, request: &Request<'_>) -> Result<Certificate, Error> {
        request.check()?;
        if *request.subject == self.public {
            return Err(Error::invalid("key", "is the authority's own; send another"));
        }
        let body = self.body(request);
        let signature = self.pair.sign(&body);
        let signature = Writer::default().string("ssh-ed25519").string(signature.as_ref()).bytes();
        let blob = Writer::default().raw(&body).string(signature).bytes();
        Ok(Certificate::of(request, self.public.clone(), blob))
    }

    /// All that is signed.
    fn body(&self, request: &Request<'_>) -> Vec<u8> {
        let principals = request.principals.iter().fold(Writer::default(), Writer::string);
        Writer::default()
            .string(request.subject.certificate_name())
            .string(request.nonce)
            .raw(request.subject.parts())
            .u64(request.serial)
            .u32(USER)
            .string(request.key_id)
            .string(principals.bytes())
            .u64(request.window.from())
            .u64(request.window.until())
            .string(critical(request))
            .string(extensions(request))
            .string([])
            .string(self.public.blob())
            .bytes()
    }
}

/// Options that a host must know or refuse, by name in order, each with its value as a string in a
/// string.
fn critical(request: &Request<'_>) -> Vec<u8> {
    let mut options = Writer::default();
    if let Some(command) = &request.options.force_command {
        options = options.string("force-command").string(Writer::default().string(command).bytes());
    }
    let sources = request.options.source_addresses.join(",");
    if !sources.is_empty() {
        options =
            options.string("source-address").string(Writer::default().string(sources).bytes());
    }
    options.bytes()
}

fn extensions(request: &Request<'_>) -> Vec<u8> {
    let extensions = Writer::default();
    if request.options.permit_pty {
        return extensions.string("permit-pty").string([]).bytes();
    }
    extensions.bytes()
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({:?})", self.public)
    }
}
