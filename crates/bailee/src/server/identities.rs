//! The company's provider of identities, as configured.

use std::path::PathBuf;
use std::sync::Arc;

use api::{Platform, Transmitters, Workloads};
use connectors::oidc::{Issuer, Provider, Settings};
use console::SignIn;
use serde::Deserialize;

use super::outward::files;
use crate::exit::Failure;

/// The company's provider (OpenID Connect), where people sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Its name, `https://…`, exactly as its tokens say it.
    pub issuer: String,
    /// Who this server is to it.
    pub client_id: String,
    /// Private file with the secret that goes with it. Without it this server proves who it is by
    /// what it signs (`private_key_jwt`), with the keys at `/.well-known/jwks.json`.
    pub client_secret_file: Option<PathBuf>,
    /// What people call it. Default: `"single sign-on"`.
    pub name: Option<String>,
    /// File with the authorities (PEM) that it is believed by, instead of those of the operating
    /// system.
    pub ca: Option<PathBuf>,
}

impl Oidc {
    /// What is wrong with it by itself.
    ///
    /// # Errors
    /// With the key.
    pub fn check(&self, public_url: Option<&str>) -> Result<(), Failure> {
        if public_url.is_none() {
            let why = "`oidc` needs `public_url`: the provider leads people back to it";
            return Err(Failure::usage(why));
        }
        let host = self.issuer.strip_prefix("https://");
        if host.is_none_or(str::is_empty) || self.issuer.contains(['?', '#', ' ']) {
            let why = "`oidc.issuer` is `https://…` without query, exactly as its tokens say it";
            return Err(Failure::usage(why));
        }
        if self.client_id.is_empty() || self.client_id.chars().any(char::is_control) {
            return Err(Failure::usage("`oidc.client_id` is empty, or no text"));
        }
        Ok(())
    }

    /// The provider, which is not asked anything yet.
    ///
    /// # Errors
    /// When a file that is named cannot be read, or everybody on the machine can read the secret.
    pub fn sign_in(&self, public_url: &str) -> Result<SignIn, Failure> {
        let secret = self
            .client_secret_file
            .as_deref()
            .map(files::secret)
            .transpose()
            .map_err(|why| Failure::usage(format!("`oidc.client_secret_file`: {why}")))?;
        let settings = Settings {
            issuer: self.issuer.clone(),
            client: self.client_id.clone(),
            secret,
            back: format!("{public_url}/sign-in/oidc/callback"),
            root_pem: self.ca.as_deref().map(files::pem).transpose()?,
        };
        let provider = Provider::new(settings);
        let provider = provider.map_err(|why| Failure::usage(format!("`oidc`: {why}")))?;
        let name = self.name.clone().unwrap_or_else(|| "single sign-on".to_owned());
        Ok(SignIn { name, provider: Arc::new(provider) })
    }
}

/// A platform whose tokens are taken as those of services that are bound to them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Its name, `https://…`, exactly as its tokens say it.
    pub issuer: String,
    /// The claims that bindings state, besides `sub`.
    #[serde(default)]
    pub claims: Vec<String>,
    /// File with the authorities (PEM) that it is believed by, instead of those of the operating
    /// system.
    pub ca: Option<PathBuf>,
}

/// The platforms, which are not asked anything yet.
///
/// # Errors
/// When one is no issuer, or a file that is named cannot be read.
pub fn workloads(all: &[Workload]) -> Result<Workloads, Failure> {
    let mut platforms = Vec::with_capacity(all.len());
    for one in all {
        if !one.issuer.starts_with("https://") {
            return Err(Failure::usage("`workload.issuer` is `https://…`"));
        }
        let ca = one.ca.as_deref().map(files::pem).transpose()?;
        let issuer = Issuer::new(&one.issuer, ca.as_deref());
        let issuer = issuer.map_err(|why| Failure::usage(format!("`workload`: {why}")))?;
        let mut claims = vec!["sub".to_owned()];
        claims.extend(one.claims.iter().filter(|name| *name != "sub").cloned());
        platforms.push(Platform { issuer, claims });
    }
    Ok(Workloads::new(platforms))
}

/// Somebody who tells us what happened to people (RFC 8935).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transmitter {
    /// Its name, `https://…`, exactly as its events say it.
    pub issuer: String,
    /// Who we are to it, as its events say it (`aud`).
    pub audience: String,
    /// Where it says where its keys are. Default: `/.well-known/ssf-configuration` of the issuer.
    pub metadata: Option<String>,
    /// Issuers whose identities it may speak about, besides its own: the company's provider, if
    /// it is another one.
    #[serde(default)]
    pub speaks_for: Vec<String>,
    /// Private file with the bearer token that it shows. Without it the signature alone counts.
    pub token_file: Option<PathBuf>,
    /// File with the authorities (PEM) that it is believed by, instead of those of the operating
    /// system.
    pub ca: Option<PathBuf>,
}

/// Those whom we hear, who are not asked anything yet.
///
/// # Errors
/// When one is no issuer, or a file that is named cannot be read.
pub fn transmitters(all: &[Transmitter]) -> Result<Transmitters, Failure> {
    let each = all.iter().map(|one| {
        let wrong = |why: &str| Failure::usage(format!("`transmitter`: {why}"));
        let host = one.issuer.strip_prefix("https://").filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("`issuer` is `https://…`"))?;
        if one.audience.is_empty() {
            return Err(wrong("`audience` is what its events say in `aud`"));
        }
        // Between host and path (SSF 1.0 §7.2).
        let (host, path) = host.split_at(host.find('/').unwrap_or(host.len()));
        let path = path.trim_end_matches('/');
        let usual = format!("https://{host}/.well-known/ssf-configuration{path}");
        let place = one.metadata.clone().unwrap_or(usual);
        if !place.starts_with("https://") {
            return Err(wrong("`metadata` is `https://…`"));
        }
        let ca = one.ca.as_deref().map(files::pem).transpose()?;
        let issuer = Issuer::at(&one.issuer, &place, ca.as_deref()).map_err(|why| wrong(&why))?;
        let token = one.token_file.as_deref().map(files::secret).transpose();
        let token = token.map_err(|why| wrong(&format!("`token_file`: {why}")))?;
        Ok(api::Transmitter {
            issuer,
            audience: one.audience.clone(),
            speaks_for: one.speaks_for.clone(),
            token: token.map(|token| token.sha256()),
        })
    });
    Ok(Transmitters::new(each.collect::<Result<_, _>>()?))
}
