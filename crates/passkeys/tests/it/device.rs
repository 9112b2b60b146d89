//! An authenticator of our own, so that each part of a message can be made wrong.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use passkeys::{Assertion, Registration};

/// What is asked and where; each part can be another than expected.
#[derive(Clone)]
pub struct Page {
    pub kind: &'static str,
    pub challenge: Vec<u8>,
    pub origin: &'static str,
    pub domain: &'static str,
    pub flags: u8,
    pub counter: u32,
    pub more: &'static str,
}

impl Page {
    /// As everything is right.
    pub fn right(kind: &'static str) -> Self {
        Self {
            kind,
            challenge: vec![7; 32],
            origin: "https://bailee.test:8443",
            domain: "bailee.test",
            flags: 0b101,
            counter: 3,
            more: "",
        }
    }

    fn client_data(&self) -> Vec<u8> {
        let challenge = URL_SAFE_NO_PAD.encode(&self.challenge);
        let (kind, origin, more) = (self.kind, self.origin, self.more);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#).into()
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, self.domain.as_bytes()).as_ref().to_vec();
        data.push(self.flags | flags);
        data.extend(self.counter.to_be_bytes());
        data
    }
}

/// A key of one kind.
pub enum Device {
    Es256(EcdsaKeyPair),
    Es384(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Device {
    pub fn every() -> Vec<Self> {
        let es384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
        let ed = Ed25519KeyPair::generate().unwrap();
        vec![Self::es256(), Self::Es384(es384), Self::EdDsa(ed)]
    }

    pub fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    pub fn cose(&self) -> Vec<u8> {
        let point = |pair: &EcdsaKeyPair, algorithm: i64, curve: i64, length: usize| {
            let bytes = pair.public_key().as_ref();
            let (x, y) = bytes[1..].split_at(length);
            vec![
                (1, 2.into()),
                (3, algorithm.into()),
                (-1, curve.into()),
                (-2, bytes_of(x)),
                (-3, bytes_of(y)),
            ]
        };
        let map: Vec<(i64, Value)> = match self {
            Self::Es256(pair) => point(pair, -7, 1, 32),
            Self::Es384(pair) => point(pair, -35, 2, 48),
            Self::EdDsa(pair) => vec![
                (1, 1.into()),
                (3, (-8).into()),
                (-1, 6.into()),
                (-2, bytes_of(pair.public_key().as_ref())),
            ],
        };
        let map = map.into_iter().map(|(label, value)| (Value::from(label), value)).collect();
        written(&Value::Map(map))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(pair) | Self::Es384(pair) => {
                pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// What the authenticator says of a key that it made.
    fn made(&self, page: &Page) -> Vec<u8> {
        let mut data = page.authenticator_data(0x40);
        data.extend([9; 16]);
        data.extend(4_u16.to_be_bytes());
        data.extend(b"key1");
        data.extend(self.cose());
        data
    }

    pub fn make(&self, page: &Page) -> Registration {
        object(page, "none", vec![], self.made(page))
    }

    pub fn answer(&self, page: &Page) -> Assertion {
        let (client_data, authenticator_data) = (page.client_data(), page.authenticator_data(0));
        let mut message = authenticator_data.clone();
        message.extend(digest(&SHA256, &client_data).as_ref());
        Assertion { signature: self.sign(&message), client_data, authenticator_data }
    }
}

/// A registration whose statement is signed by the key of a certificate, in PKCS#8.
pub fn attested(device: &Device, page: &Page, chain: &[&[u8]], key: &[u8]) -> Registration {
    let data = device.made(page);
    let mut signed = data.clone();
    signed.extend(digest(&SHA256, &page.client_data()).as_ref());
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key).unwrap();
    let signature = pair.sign(&SystemRandom::new(), &signed).unwrap();
    let chain = chain.iter().map(|der| bytes_of(der)).collect();
    let statement = vec![
        ("alg".into(), (-7).into()),
        ("sig".into(), bytes_of(signature.as_ref())),
        ("x5c".into(), Value::Array(chain)),
    ];
    object(page, "packed", statement, data)
}

fn object(page: &Page, form: &str, statement: Vec<(Value, Value)>, data: Vec<u8>) -> Registration {
    let object = vec![
        ("fmt".into(), form.into()),
        ("attStmt".into(), Value::Map(statement)),
        ("authData".into(), Value::Bytes(data)),
    ];
    Registration { client_data: page.client_data(), attestation: written(&Value::Map(object)) }
}

fn bytes_of(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

pub fn written(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
