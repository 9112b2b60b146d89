//! Public keys of SSH, checked.

use super::wire::{Reader, Writer};
use crate::Error;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ParsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The longest line with a public key, in bytes: RSA of 8192 bits and a comment fit.
const MAX_LINE: usize = 4096;

/// The sizes of RSA that are taken, in bits: below, NIST SP 800-57 sees less than 128 bits of
/// strength; above, verifying costs a host more than it should for a stranger.
const RSA_BITS: std::ops::RangeInclusive<usize> = 3072..=8192;

/// The longest name of an application of a security key, in bytes.
const MAX_APPLICATION: usize = 256;

const WHAT: &str = "public key";

/// A public key of a kind that is taken (RFC 4253 §6.6, RFC 5656, RFC 8709, PROTOCOL.u2f): Ed25519,
/// ECDSA on P-256 or P-384, both of them on a security key (there on P-256 only), RSA of 3072 to
/// 8192 bits. Points are on their curve. Comments are not kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    algorithm: Algorithm,
    blob: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Algorithm {
    Ed25519,
    EcdsaP256,
    EcdsaP384,
    SkEd25519,
    SkEcdsaP256,
    Rsa,
}

/// Every algorithm, its name, and the name of a certificate on it (PROTOCOL.certkeys).
const NAMES: [(Algorithm, &str, &str); 6] = [
    (Algorithm::Ed25519, "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
    (Algorithm::EcdsaP256, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com"),
    (Algorithm::EcdsaP384, "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com"),
    (Algorithm::SkEd25519, "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com"),
    (
        Algorithm::SkEcdsaP256,
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    ),
    (Algorithm::Rsa, "ssh-rsa", "ssh-rsa-cert-v01@openssh.com"),
];

impl PublicKey {
    /// Reads one line as in a `.pub` file: kind, base64, and a comment that is ignored.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when it is not such a line, [`Error::Invalid`] for a key of a kind or
    /// size that is not taken, among them DSA, short RSA and certificates.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let unreadable = |why| Error::unreadable(WHAT, why);
        if line.len() > MAX_LINE {
            return Err(unreadable("it is longer than 4096 bytes; send one `.pub` file"));
        }
        let line = line.trim();
        if line.contains(['\n', '\r', '\0']) {
            return Err(unreadable("it has several lines; send one `.pub` file"));
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(kind), Some(coded)) = (words.next(), words.next()) else {
            return Err(unreadable("expected a kind and base64, as in a `.pub` file"));
        };
        // Told before the base64 is looked at: a certificate is an honest mistake.
        Algorithm::named(kind)?;
        let blob = STANDARD.decode(coded);
        let blob = blob.map_err(|_| unreadable("the second word is not base64"))?;
        let key = Self::from_blob(&blob)?;
        if key.name() == kind {
            return Ok(key);
        }
        Err(unreadable("the first word names another kind than the key has"))
    }

    /// Reads the form that SSH sends.
    ///
    /// # Errors
    /// As [`PublicKey::parse`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(blob, WHAT);
        let algorithm = Algorithm::named(reader.text()?)?;
        algorithm.check(&mut reader)?;
        reader.end()?;
        Ok(Self { algorithm, blob: blob.to_vec() })
    }

    /// Takes the key out of a certificate, of which `reader` stands behind the nonce.
    pub(super) fn from_certificate(kind: &str, reader: &mut Reader<'_>) -> Result<Self, Error> {
        let found = NAMES.into_iter().find(|(_, _, certificate)| *certificate == kind);
        let (algorithm, name, _) =
            found.ok_or_else(|| reader.error("its kind is no certificate that is issued here"))?;
        let before = reader.rest();
        algorithm.check(reader)?;
        let length = before.len().saturating_sub(reader.rest().len());
        let parts = before.get(..length).unwrap_or_default();
        Ok(Self { algorithm, blob: Writer::default().string(name).raw(parts).bytes() })
    }

    pub(super) fn ed25519(raw: &[u8]) -> Self {
        let blob = Writer::default().string(Algorithm::Ed25519.name()).string(raw).bytes();
        Self { algorithm: Algorithm::Ed25519, blob }
    }

    /// The 32 bytes of an Ed25519 key.
    pub(super) fn as_ed25519(&self) -> Option<&[u8]> {
        (self.algorithm == Algorithm::Ed25519).then(|| self.parts().get(4..)).flatten()
    }

    /// The kind, as in the first word of a `.pub` file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.algorithm.name()
    }

    /// The kind of a certificate on this key.
    pub(super) fn certificate_name(&self) -> &'static str {
        let found = NAMES.iter().find(|(algorithm, _, _)| *algorithm == self.algorithm);
        found.map_or("", |(_, _, name)| name)
    }

    /// The form that SSH sends.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// What follows the kind.
    pub(super) fn parts(&self) -> &[u8] {
        self.blob.get(4 + self.name().len()..).unwrap_or_default()
    }

    /// One line without its end, as in a `.pub` file or `TrustedUserCAKeys`.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.name(), STANDARD.encode(&self.blob))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

impl Algorithm {
    fn named(name: &str) -> Result<Self, Error> {
        if let Some((algorithm, _, _)) = NAMES.into_iter().find(|(_, known, _)| *known == name) {
            return Ok(algorithm);
        }
        if name.contains("-cert-v0") {
            return Err(Error::invalid("key", "is a certificate; send the plain public key"));
        }
        // Quoted only as far as it cannot disturb a log.
        let shown: String = name.chars().filter(char::is_ascii_graphic).take(40).collect();
        let why = format!("is of the kind `{shown}`; send ed25519, ecdsa (256, 384) or rsa");
        Err(Error::invalid("key", why))
    }

    fn name(self) -> &'static str {
        NAMES.iter().find(|(algorithm, _, _)| *algorithm == self).map_or("", |(_, name, _)| name)
    }

    /// Reads and checks what follows the kind.
    fn check(self, reader: &mut Reader<'_>) -> Result<(), Error> {
        match self {
            Self::Ed25519 => ed25519(reader),
            Self::EcdsaP256 => point(reader, "nistp256", &ECDSA_P256_SHA256_ASN1),
            Self::EcdsaP384 => point(reader, "nistp384", &ECDSA_P384_SHA384_ASN1),
            Self::SkEd25519 => ed25519(reader).and_then(|()| application(reader)),
            Self::SkEcdsaP256 => {
                point(reader, "nistp256", &ECDSA_P256_SHA256_ASN1)?;
                application(reader)
            }
            Self::Rsa => rsa(reader),
        }
    }
}

fn ed25519(reader: &mut Reader<'_>) -> Result<(), Error> {
    let key = reader.string()?;
    if key.len() == 32 { Ok(()) } else { Err(reader.error("an Ed25519 key has 32 bytes")) }
}

fn point(
    reader: &mut Reader<'_>,
    curve: &str,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<(), Error> {
    if reader.string()? != curve.as_bytes() {
        return Err(reader.error("the curve is not that of its kind"));
    }
    let point = reader.string()?;
    // OpenSSH reads no compressed points, and AWS-LC none that are not on the curve.
    let sound = point.first() == Some(&4) && ParsedPublicKey::new(algorithm, point).is_ok();
    if sound { Ok(()) } else { Err(reader.error("the point is not on its curve")) }
}

fn application(reader: &mut Reader<'_>) -> Result<(), Error> {
    let name = reader.text()?;
    if (1..=MAX_APPLICATION).contains(&name.len()) {
        return Ok(());
    }
    Err(reader.error("the application of a security key has 1 to 256 bytes"))
}

fn rsa(reader: &mut Reader<'_>) -> Result<(), Error> {
    let (exponent, modulus) = (reader.positive()?, reader.positive()?);
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let leading = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = (modulus.len() * 8).saturating_sub(leading);
    if !RSA_BITS.contains(&bits) {
        let why = format!("is RSA of {bits} bits; 3072 to 8192 are taken");
        return Err(Error::invalid("key", why));
    }
    if odd(exponent) && odd(modulus) && exponent != [1] && exponent.len() <= 4 {
        return Ok(());
    }
    Err(reader.error("no RSA key has this exponent or modulus"))
}
