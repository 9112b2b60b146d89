//! The keys by which we sign for others, sealed in the operator's own account like every row of it.
//!
//! The first is made when somebody first asks for it. No operation shows a private half; signing is
//! done within one. A new key is published before it signs, and the one before it for as long as
//! somebody may still have to look it up.

use crate::people::{hex, unhex};
use crate::register::{self, Noun, When, act};
use jose::SigningKey;
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

act!(
    /// Publishing the public halves.
    Publishing, "signing-key.publish", None, false
);
act!(
    /// Proving to the company's provider who we are.
    Asserting, "signing-key.assert", None, false
);
act!(
    /// Making another key.
    Rotating, "signing-key.rotate", None, false
);

/// How long a proof of who we are counts, in seconds: for one question that follows at once.
const ASSERTED: u64 = 60;

/// The one row.
const CURRENT: &str = "current";

/// How long an answer with the public halves counts before they are looked at again.
pub const PUBLISHED: Duration = Duration::from_secs(60);

/// How long a key is published before it signs: whoever fetched just before it was made has fetched
/// again.
const BEFORE: Duration = Duration::from_secs(10 * 60);

/// How long a key is published after another one signs instead.
const AFTER: Duration = Duration::from_secs(7 * 86_400);

/// Keys that are kept.
const MOST: usize = 8;

/// The keys as they are kept, oldest first. Prints nothing.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    /// `signing-keys/v1`.
    format: String,
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    /// 32 bytes in hexadecimal.
    secret: String,
    /// When it was made.
    made: When,
}

impl Noun for Stored {
    const REGISTER: &'static str = "signing-keys";
    const NOUN: &'static str = "signing key";
    type Read = Publishing;
    type List = Publishing;
}

impl StoredKey {
    fn open(&self) -> Result<SigningKey> {
        let bytes = unhex(&self.secret).and_then(|bytes| bytes.try_into().ok());
        let bytes: [u8; 32] =
            bytes.ok_or_else(|| Error::internal("a stored key has another form"))?;
        SigningKey::new(&bytes).map_err(|why| Error::internal(format!("a signing key: {why}")))
    }
}

impl Stored {
    /// From when on each key signs: the first at once, each other once it was published.
    fn signs_from(&self, index: usize) -> Moment {
        let made = self.keys.get(index).map_or(Moment(0), |key| key.made.0);
        if index == 0 { made } else { made.after(BEFORE) }
    }

    /// The one that signs at this moment.
    fn signing(&self, now: Moment) -> Option<usize> {
        (0..self.keys.len()).rev().find(|index| self.signs_from(*index) <= now)
    }

    /// Those that somebody may have to look up at this moment.
    fn published(&self, now: Moment) -> impl Iterator<Item = &StoredKey> {
        let over = move |index: usize| {
            let next = index + 1 < self.keys.len();
            next && self.signs_from(index + 1).after(AFTER) <= now
        };
        self.keys.iter().enumerate().filter(move |(index, _)| !over(*index)).map(|(_, key)| key)
    }
}

/// Where they are kept.
pub(super) fn key(kernel: &Kernel) -> Result<RecordKey> {
    register::key::<Stored>(kernel, CURRENT)
}

/// The key that signs now, made and saved if there is none yet. The row has to be declared.
pub(super) fn load<A: Act>(work: &mut Work<'_>, key: &RecordKey) -> Result<SigningKey> {
    let stored = stored::<A>(work, key)?;
    let index = stored.signing(work.now()).unwrap_or(0);
    let missing = || Error::internal("there is no signing key");
    stored.keys.get(index).ok_or_else(missing)?.open()
}

fn stored<A: Act>(work: &mut Work<'_>, key: &RecordKey) -> Result<Stored> {
    if let Some(body) = work.look(key)? {
        return register::parse::<Stored>(&body);
    }
    let allowed = work.load::<A>(key)?;
    let (made, id) = made(work)?;
    let stored = Stored { format: "signing-keys/v1".to_owned(), keys: vec![made] };
    work.save(allowed, register::body(&stored)?, vec![("key", id)])?;
    Ok(stored)
}

fn made(work: &mut Work<'_>) -> Result<(StoredKey, String)> {
    let secret = work.random::<32>()?;
    let made = StoredKey { secret: hex(&secret), made: When(work.now()) };
    // One secret in 2^32 is no key; asked again, another is drawn.
    let key = SigningKey::new(&secret)
        .map_err(|why| Error::unavailable("try again").with_context(why.to_string()))?;
    Ok((made, key.id()))
}

/// The public halves, as others fetch them.
#[derive(Clone, Debug)]
pub struct PublicKeys {
    /// The set (RFC 7517 §5).
    pub set: Value,
    /// First moment at which they are looked at again.
    pub until: Moment,
}

/// Publishes the public halves. For whoever asks: a caller that carries no login.
pub struct PublishKeys {
    keys: RecordKey,
}

impl PublishKeys {
    /// Of this store.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel) -> Result<Self> {
        Ok(Self { keys: key(kernel)? })
    }
}

impl Operation for PublishKeys {
    type Output = PublicKeys;

    fn target(&self) -> Target {
        on_house(Publishing::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.keys);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<PublicKeys>> {
        let stored = stored::<Publishing>(work, &self.keys)?;
        let public = |key: &StoredKey| Ok(key.open()?.public());
        let keys = stored.published(work.now()).map(public).collect::<Result<Vec<_>>>()?;
        let count = vec![("keys", keys.len().to_string())];
        work.note(HOUSE, Publishing::ACTION.name, count);
        let until = work.now().after(PUBLISHED);
        Ok(After::now(PublicKeys { set: json!({ "keys": keys }), until }))
    }
}

/// Proves to a provider who we are (RFC 7523 §2.2), for a caller that carries no login: somebody
/// who came back from there is not signed in yet.
pub struct Assert {
    keys: RecordKey,
    client: String,
    provider: String,
}

impl Assert {
    /// As this client, to this provider, by its name.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, client: &str, provider: &str) -> Result<Self> {
        Ok(Self { keys: key(kernel)?, client: client.to_owned(), provider: provider.to_owned() })
    }
}

impl Operation for Assert {
    type Output = String;

    fn target(&self) -> Target {
        on_house(Asserting::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.keys);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<String>> {
        let key = load::<Asserting>(work, &self.keys)?;
        let id = hex(&work.random::<16>()?);
        let now = work.now().0 / 1_000_000;
        let claims = json!({"iss": self.client, "sub": self.client, "aud": self.provider,
            "jti": id, "iat": now, "exp": now + ASSERTED});
        let Value::Object(claims) = claims else {
            return Err(Error::internal("claims are an object"));
        };
        let token = key.sign("JWT", &claims);
        let token = token.map_err(|why| Error::internal(format!("signing: {why}")))?;
        let fields = vec![("provider", self.provider.clone()), ("id", id)];
        work.note(HOUSE, Asserting::ACTION.name, fields);
        Ok(After::now(token))
    }
}

/// Another key was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Its id, as tokens name it (`kid`).
    pub key: String,
    /// From when on it signs.
    pub signs_from: Moment,
}

/// Makes another key.
pub struct RotateKey {
    keys: RecordKey,
    at_once: bool,
}

impl RotateKey {
    /// `at_once` is for a key that somebody else may have: those before are forgotten, and what
    /// they signed counts nowhere any more.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, at_once: bool) -> Result<Self> {
        Ok(Self { keys: key(kernel)?, at_once })
    }
}

impl Operation for RotateKey {
    type Output = Rotated;

    fn target(&self) -> Target {
        on_house(Rotating::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.keys);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Rotated>> {
        let now = work.now();
        let allowed = work.load::<Rotating>(&self.keys)?;
        let body = work.look(&self.keys)?;
        let before = body.map(|body| register::parse::<Stored>(&body)).transpose()?;
        let mut keys = before.map(|stored| stored.keys).unwrap_or_default();
        if self.at_once {
            keys.clear();
        }
        let mut stored = Stored { format: "signing-keys/v1".to_owned(), keys };
        let published = stored.published(now).count();
        stored.keys.drain(..stored.keys.len() - published);
        if stored.keys.len() >= MOST {
            return Err(Error::limit(format!("{MOST} keys are published: wait until one is over")));
        }
        let (made, key) = made(work)?;
        stored.keys.push(made);
        let signs_from = stored.signs_from(stored.keys.len() - 1).max(now);
        let fields = vec![("key", key.clone()), ("at-once", self.at_once.to_string())];
        work.save(allowed, register::body(&stored)?, fields)?;
        Ok(After::now(Rotated { key, signs_from }))
    }
}
