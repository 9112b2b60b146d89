//! An authenticator with one key, as a browser finds it: makes a passkey and signs with it.

use crate::must;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::people::{Proof, hex};
use passkeys::Registration;
use std::cell::Cell;

/// The site that passkeys of tests belong to.
pub const SITE: &str = "bailee.test";

/// An authenticator with one key.
#[derive(Debug)]
pub struct Device {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    flags: u8,
    counter: Cell<u32>,
}

impl Device {
    /// One whose key stays on it.
    ///
    /// # Panics
    /// If the system gives no randomness.
    pub fn new(id: &str) -> Self {
        let key = must(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING));
        Self { key, id: id.as_bytes().to_vec(), flags: 0b101, counter: Cell::new(0) }
    }

    /// One whose keys are copied to a cloud.
    ///
    /// # Panics
    /// As [`Device::new`].
    pub fn copied(id: &str) -> Self {
        Self { flags: 0b1_1101, ..Self::new(id) }
    }

    /// With another name.
    #[must_use]
    pub fn named(self, id: &str) -> Self {
        Self { id: id.as_bytes().to_vec(), ..self }
    }

    /// The name of its passkey.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// Says from now on that it signed so often.
    pub fn count(&self, signed: u32) {
        self.counter.set(signed);
    }

    fn client(kind: &str, challenge: &[u8]) -> Vec<u8> {
        let coded = URL_SAFE_NO_PAD.encode(challenge);
        let origin = format!("https://{SITE}");
        format!(r#"{{"type":"{kind}","challenge":"{coded}","origin":"{origin}"}}"#).into()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, SITE.as_bytes()).as_ref().to_vec();
        data.push(self.flags | flags);
        data.extend(self.counter.get().to_be_bytes());
        data
    }

    /// Makes the passkey, as it was asked.
    pub fn make(&self, challenge: &[u8]) -> Registration {
        let mut data = self.data(0x40);
        data.extend([0; 16]);
        data.extend(length(&self.id));
        data.extend(&self.id);
        // A COSE map of five: kind 2, ES256, P-256, x and y.
        let point = self.key.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at(point.len() / 2);
        data.extend([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]);
        data.extend(x);
        data.extend([0x22, 0x58, 32]);
        data.extend(y);
        // {"authData": bytes}
        let mut attestation = vec![0xa1, 0x68];
        attestation.extend(b"authData");
        attestation.push(0x59);
        attestation.extend(length(&data));
        attestation.extend(data);
        Registration { client_data: Self::client("webauthn.create", challenge), attestation }
    }

    /// Signs what it is asked to.
    ///
    /// # Panics
    /// If the system gives no randomness.
    pub fn sign(&self, challenge: &[u8]) -> Proof {
        self.counter.set(self.counter.get() + 1);
        let (client_data, data) = (Self::client("webauthn.get", challenge), self.data(0));
        let mut message = data.clone();
        message.extend(digest(&SHA256, &client_data).as_ref());
        let signature = must(self.key.sign(&SystemRandom::new(), &message));
        Proof {
            key_id: hex(&self.id),
            client_data: hex(&client_data),
            authenticator_data: hex(&data),
            signature: hex(signature.as_ref()),
        }
    }
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes()
}
