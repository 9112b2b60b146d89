//! A session of the command line: a token that counts only with a proof of the key beside it
//! (DPoP, RFC 9449).
//!
//! Both lie in one private file. A copy of the token alone, from a log or the wire, is worth
//! nothing.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Clock as _, Moment, SystemClock};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::exit::{Exit, Failure};

/// Where the file is, if not in the state folder of whoever runs the command.
const PLACE: &str = "BAILEE_SESSION";

/// A session as its file has it.
#[derive(Serialize, Deserialize)]
pub struct Session {
    /// The server.
    pub url: String,
    /// Who signed in.
    pub principal: String,
    /// Until when, in seconds since 1970.
    pub until: u64,
    /// The token.
    pub token: String,
    /// The key: PKCS #8, base64url.
    pub key: String,
}

impl Session {
    /// Where the session of this user is.
    ///
    /// # Errors
    /// When there is no home.
    pub fn place() -> Result<PathBuf, Failure> {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(place) = named(PLACE) {
            return Ok(place.into());
        }
        let state = named("XDG_STATE_HOME").map(PathBuf::from);
        let state = state.or_else(|| Some(Path::new(&named("HOME")?).join(".local/state")));
        let state = state.ok_or_else(|| {
            Failure::usage(format!("no place for a session: set HOME, or {PLACE} to a file"))
        })?;
        Ok(state.join("bailee/session.json"))
    }

    /// The session at this server, if there is one that counts.
    ///
    /// # Errors
    /// When its file cannot be read, or others can read it.
    pub fn find(base: &Url) -> Result<Option<Self>, Failure> {
        let Ok(place) = Self::place() else { return Ok(None) };
        let bytes = match fs::read(&place) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", &place, &error)),
        };
        let open = fs::metadata(&place).is_ok_and(|about| about.mode() & 0o077 != 0);
        if open {
            let place = place.display();
            let why = "can be read by others: sign in again, and keep it private";
            return Err(Failure::usage(format!("`{place}` {why}")));
        }
        let session: Self = serde_json::from_slice(&bytes).map_err(|_| {
            let place = place.display();
            Failure::usage(format!("`{place}` is no session: remove it, and sign in again"))
        })?;
        if session.url != base.as_str() {
            return Ok(None);
        }
        if session.until <= seconds(SystemClock.now()) {
            let why = "the session is over: sign in again with `bailee sign-in`";
            return Err(Failure::new(Exit::Refused, why));
        }
        Ok(Some(session))
    }

    /// Keeps it, for nobody else to read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, place: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::file("write", place, &error);
        if let Some(folder) = place.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let fresh = place.with_extension("new");
        drop(fs::remove_file(&fresh));
        let mut file = OpenOptions::new();
        let mut file =
            file.create_new(true).write(true).mode(0o600).open(&fresh).map_err(failed)?;
        let text = serde_json::to_vec(self);
        let text = text.map_err(|why| Failure::failed(format!("a session: {why}")))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&fresh, place).map_err(failed)
    }
}

/// Seconds since 1970.
pub fn seconds(moment: Moment) -> u64 {
    moment.0 / 1_000_000
}

/// Proves with each request that it holds a key.
pub struct Prover {
    pair: EcdsaKeyPair,
    token: Option<String>,
    nonce: Mutex<Option<String>>,
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prover")
    }
}

impl Prover {
    /// With a new key; and the key, for the file.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new() -> Result<(Self, String), Failure> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let key = key.map_err(|_| Failure::failed("the system gives no randomness"))?;
        let kept = URL_SAFE_NO_PAD.encode(key.as_ref());
        Ok((Self::of(&kept, None)?, kept))
    }

    /// With the key and the token of a session.
    ///
    /// # Errors
    /// When the key is none.
    pub fn of(key: &str, token: Option<String>) -> Result<Self, Failure> {
        let bytes = URL_SAFE_NO_PAD.decode(key).unwrap_or_default();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes);
        let pair = pair.map_err(|_| {
            Failure::usage("the key of the session is damaged: sign in again with `bailee sign-in`")
        })?;
        Ok(Self { pair, token, nonce: Mutex::default() })
    }

    /// The token, as the field `Authorization` has it.
    pub fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("DPoP {token}"))
    }

    /// What the server wants to see in the next proofs.
    pub fn told(&self, nonce: &str) {
        *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(nonce.to_owned());
    }

    /// A proof for one request; it names the idempotency key that the request carries, so that
    /// nobody sends it with another.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn proof(&self, method: &str, url: &Url, key: Option<&str>) -> Result<String, Failure> {
        let coded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": coded(x), "y": coded(y)});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let mut address = url.clone();
        address.set_query(None);
        address.set_fragment(None);
        let mut claims = json!({"jti": super::random_key()?, "htm": method,
            "htu": address.as_str(), "iat": seconds(SystemClock.now())});
        let nonce = self.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let hash = self.token.as_ref().map(|token| digest(&SHA256, token.as_bytes()));
        if let Some(claims) = claims.as_object_mut() {
            claims.extend(nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
            claims.extend(key.map(|key| ("idempotency_key".to_owned(), key.into())));
            claims.extend(hash.map(|hash| ("ath".to_owned(), coded(hash.as_ref()).into())));
        }
        let signed = format!(
            "{}.{}",
            coded(header.to_string().as_bytes()),
            coded(claims.to_string().as_bytes())
        );
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| Failure::failed("the proof cannot be signed"))?;
        Ok(format!("{signed}.{}", coded(signature.as_ref())))
    }
}
