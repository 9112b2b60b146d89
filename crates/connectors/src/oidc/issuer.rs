//! One issuer: what it says of itself, and its keys, as long as they may be believed.

use std::sync::Arc;

use jose::{KeySet, Metadata};
use reqwest::Client;
use tokio::sync::Mutex;

use super::{Problem, http};

/// Seconds after which both are fetched anew.
const FRESH: u64 = 3600;

/// Seconds after which keys that could not be fetched anew verify nothing any more: by then the
/// issuer may have withdrawn one.
const STALE: u64 = 24 * 3600;

/// Seconds between fetches for keys that are unknown, so that forged tokens fetch nothing.
const PAUSE: u64 = 30;

/// Seconds between fetches where nothing is there.
const RETRY: u64 = 3;

/// Somebody whose tokens are checked.
#[derive(Debug)]
pub struct Issuer {
    name: String,
    /// Where it says so.
    place: String,
    client: Client,
    /// Held while something is fetched: whoever else needs it waits for the same fetch.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    of: Option<Of>,
    /// When a fetch was tried last.
    tried: Option<u64>,
    /// What was wrong with it.
    problem: Option<Problem>,
}

#[derive(Clone, Debug)]
struct Of {
    metadata: Arc<Metadata>,
    keys: Arc<KeySet>,
    at: u64,
}

impl Issuer {
    /// The issuer of this name, `https://…`; nothing is fetched yet.
    ///
    /// # Errors
    /// A sentence, when the authorities are none.
    pub fn new(name: &str, root_pem: Option<&str>) -> Result<Self, String> {
        let place = format!("{}/.well-known/openid-configuration", name.trim_end_matches('/'));
        Self::at(name, &place, root_pem)
    }

    /// As [`Issuer::new`], for one that says elsewhere where its keys are.
    ///
    /// # Errors
    /// A sentence, when the authorities are none.
    pub fn at(name: &str, place: &str, root_pem: Option<&str>) -> Result<Self, String> {
        let (name, place) = (name.to_owned(), place.to_owned());
        Ok(Self { name, place, client: http::client(root_pem)?, known: Mutex::default() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) async fn metadata(&self, now: u64) -> Result<Arc<Metadata>, Problem> {
        Ok(self.of(now, false).await?.metadata)
    }

    /// Checks something with the keys of this issuer; once more with newer ones, where its key is
    /// unknown.
    ///
    /// # Errors
    /// What the check says; `Unavailable` without keys.
    pub async fn checked<T>(
        &self,
        check: impl Fn(&KeySet) -> Result<T, jose::Error>,
        now: u64,
    ) -> Result<T, Problem> {
        match check(&self.of(now, false).await?.keys) {
            Err(jose::Error::UnknownKey) => {}
            outcome => return Ok(outcome?),
        }
        Ok(check(&self.of(now, true).await?.keys)?)
    }

    /// What is known, fetched anew where that is due, or `newer` is wanted and the pause is over.
    async fn of(&self, now: u64, newer: bool) -> Result<Of, Problem> {
        let mut known = self.known.lock().await;
        let age = |at: u64| now.saturating_sub(at);
        let pause = if known.of.is_some() { PAUSE } else { RETRY };
        let rested = known.tried.is_none_or(|tried| age(tried) >= pause);
        let due = known.of.as_ref().is_none_or(|of| newer || age(of.at) >= FRESH);
        if due && rested {
            known.tried = Some(now);
            match self.fetch(now).await {
                Ok(of) => (known.of, known.problem) = (Some(of), None),
                Err(problem) => known.problem = Some(problem),
            }
        }
        let usable = known.of.as_ref().filter(|of| age(of.at) < STALE);
        let missing =
            || Problem::Unavailable("the keys of the issuer are not there yet".to_owned());
        usable.cloned().ok_or_else(|| known.problem.clone().unwrap_or_else(missing))
    }

    async fn fetch(&self, now: u64) -> Result<Of, Problem> {
        let name = &self.name;
        let broken = |why: jose::Error| Problem::Unavailable(format!("`{name}`: {why}"));
        let metadata = http::get(&self.client, &self.place).await?;
        let metadata = Metadata::parse(&metadata, name).map_err(broken)?;
        let keys = http::get(&self.client, &metadata.keys).await?;
        let keys = KeySet::parse(&keys).map_err(broken)?;
        if keys.is_empty() {
            let why = "publishes no key for ES256, EdDSA, RS256 or PS256";
            return Err(Problem::Unavailable(format!("`{name}` {why}")));
        }
        Ok(Of { metadata: Arc::new(metadata), keys: Arc::new(keys), at: now })
    }
}
