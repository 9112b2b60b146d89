//! The company's provider of identities (OpenID Connect Core 1.0): where somebody is sent to sign
//! in, and what comes back.
//!
//! Promises: only the provider that was named is believed, over HTTPS, without following a redirect
//! or a proxy; each fetch is bounded in time and bytes; keys are fetched anew after an hour or for
//! one that is unknown, at most every 30 seconds, and those of more than a day verify nothing. What
//! comes back is [`jose::IdToken`] or [`jose::LogoutToken`], so it was verified.
//!
//! Does not: make or remember state, nonce and verifier; keep access tokens, which are for nothing
//! here; decide who somebody is in this house. Moments are seconds since 1970, and handed in.

mod http;
mod issuer;

pub use issuer::Issuer;

use jose::{IdToken, LogoutToken, Wanted};
use reqwest::Url;

use crate::secret::Secret;

/// How a signature proves who a client is (RFC 7523 §2.2).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why nobody signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The provider cannot be reached, or is not as it has to be: for the operator.
    Unavailable(String),
    /// What came does not count.
    Refused(String),
}

impl From<jose::Error> for Problem {
    fn from(error: jose::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

/// How we know a provider, and it knows us.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, `https://…`, exactly as its tokens say it.
    pub issuer: String,
    /// Who we are to it.
    pub client: String,
    /// What proves that to it; without one, what we sign (RFC 7523).
    pub secret: Option<Secret>,
    /// Where it sends people back to; it knows this address too.
    pub back: String,
    /// Authorities in PEM that it is believed by, instead of the operating system's.
    pub root_pem: Option<String>,
}

/// What makes one sign-in its own. Nobody else may know `nonce` and `verifier`.
#[derive(Clone, Debug)]
pub struct Trip {
    /// What comes back beside the code (RFC 6749 §10.12).
    pub state: String,
    /// What comes back within the token.
    pub nonce: String,
    /// What only whoever began it can tell the provider (RFC 7636 §4.1).
    pub verifier: String,
    /// When it was begun.
    pub asked: u64,
    /// How many seconds before that somebody may have authenticated; 0 asks them anew.
    pub max_age: u64,
}

/// What the provider sent along when it sent somebody back.
#[derive(Clone, Copy, Debug)]
pub struct Back<'b> {
    /// The code.
    pub code: &'b str,
    /// Who says that it sent them (RFC 9207).
    pub issuer: Option<&'b str>,
}

/// The company's provider of identities.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
    issuer: Issuer,
}

impl Provider {
    /// With these settings; nothing is fetched yet.
    ///
    /// # Errors
    /// A sentence, when the authorities are none.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let issuer = Issuer::new(&settings.issuer, settings.root_pem.as_deref())?;
        Ok(Self { settings, issuer })
    }

    /// Its name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// As whom we have to prove who we are by a signature, if that is how (`private_key_jwt`,
    /// OpenID Connect Core §9).
    #[must_use]
    pub fn signs_as(&self) -> Option<&str> {
        self.settings.secret.is_none().then_some(self.settings.client.as_str())
    }

    /// Where somebody is sent to sign in (RFC 6749 §4.1.1, RFC 7636 §4.3).
    ///
    /// # Errors
    /// When the provider is not there, or nobody signs in there.
    pub async fn address(&self, trip: &Trip, now: u64) -> Result<String, Problem> {
        let metadata = self.issuer.metadata(now).await?;
        let place = metadata.authorization.as_deref().ok_or_else(|| lacks("sign-in"))?;
        let mut url = Url::parse(place).map_err(|_| lacks("sign-in"))?;
        let max_age = trip.max_age.to_string();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("scope", "openid"),
            ("client_id", &self.settings.client),
            ("redirect_uri", &self.settings.back),
            ("state", &trip.state),
            ("nonce", &trip.nonce),
            ("code_challenge", &http::challenge(&trip.verifier)),
            ("code_challenge_method", "S256"),
            ("max_age", &max_age),
        ]);
        if trip.max_age == 0 {
            url.query_pairs_mut().append_pair("prompt", "login");
        }
        Ok(url.into())
    }

    /// Who signed in, by what the provider sent along (RFC 6749 §4.1.3); `proof` is what was signed
    /// for it, if that is how we prove who we are.
    ///
    /// # Errors
    /// What is wrong with it, or with the provider.
    pub async fn redeem(
        &self,
        back: Back<'_>,
        trip: &Trip,
        proof: Option<&str>,
        now: u64,
    ) -> Result<IdToken, Problem> {
        let metadata = self.issuer.metadata(now).await?;
        // RFC 9207 §2.4: whoever mixes providers up sends a code of one to another.
        let other = back.issuer.is_some_and(|issuer| issuer != self.settings.issuer);
        if other || (back.issuer.is_none() && metadata.names_itself) {
            let why = "the answer is not of the provider that was asked (`iss`)";
            return Err(Problem::Refused(why.to_owned()));
        }
        let place = metadata.token.as_deref().ok_or_else(|| lacks("a token endpoint"))?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", back.code),
            ("redirect_uri", &self.settings.back),
            ("code_verifier", &trip.verifier),
        ];
        let client = self.settings.client.as_str();
        let secret = self.settings.secret.as_ref().map(Secret::expose);
        let basic = match (secret, proof) {
            (Some(secret), _) if metadata.secret_in_body => {
                form.extend([("client_id", client), ("client_secret", secret)]);
                None
            }
            (Some(secret), _) => Some((client, secret)),
            (None, Some(proof)) => {
                form.extend([
                    ("client_id", client),
                    ("client_assertion_type", ASSERTION),
                    ("client_assertion", proof),
                ]);
                None
            }
            (None, None) => {
                let why = "there is neither a secret nor a signature for the provider";
                return Err(Problem::Unavailable(why.to_owned()));
            }
        };
        let answer = http::redeem(self.issuer.client(), place, basic, &form).await?;
        let wanted = Wanted {
            issuer: &self.settings.issuer,
            client,
            nonce: &trip.nonce,
            asked: trip.asked,
            max_age: trip.max_age,
        };
        let check = |keys: &jose::KeySet| IdToken::check(&answer, keys, &wanted, now);
        self.issuer.checked(check, now).await
    }

    /// Who signed out there, by a logout token (Back-Channel Logout 1.0 §2.5).
    ///
    /// # Errors
    /// What is wrong with it, or with the provider.
    pub async fn logged_out(&self, token: &str, now: u64) -> Result<LogoutToken, Problem> {
        // What nobody could have signed costs no fetch.
        jose::Compact::parse(token)?;
        let us = (self.settings.issuer.as_str(), self.settings.client.as_str());
        let check = |keys: &jose::KeySet| LogoutToken::check(token, keys, us, now);
        self.issuer.checked(check, now).await
    }
}

fn lacks(what: &str) -> Problem {
    Problem::Unavailable(format!("the provider says nothing of {what} in its discovery document"))
}
