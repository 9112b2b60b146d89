//! Letters: the relay that the configuration names, and handing it one letter.
//!
//! Promises: every letter has an identifier under the sender's own domain; a password is read from
//! a private file, once, at the start. Does not: decide what is written, or try again.

use connectors::mail::{Attempt, Letter, Relay, Tls};
use connectors::{Secret, mail};

use super::{PATIENCE, files};
use crate::exit::Failure;
use crate::server::config::{Mail, Protection};

/// The way to the mail relay.
pub struct Post {
    relay: Relay,
    returns: Option<String>,
}

impl Post {
    /// As configured.
    ///
    /// # Errors
    /// When the sender's address is none, or a file cannot be used.
    pub fn of(config: &Mail) -> Result<Self, Failure> {
        let (tls, usual) = match config.tls {
            Protection::Required => (Tls::Required, 465),
            Protection::Starttls => (Tls::StartTls, 587),
            Protection::DangerNone => (Tls::DangerNone, 25),
        };
        if domain(&config.from).is_none() {
            return Err(Failure::usage("`mail.from` is no address: write `security@example.com`"));
        }
        let password = match &config.password_file {
            None => Secret::new(String::new()),
            Some(file) => files::secret(file)
                .map_err(|why| Failure::usage(format!("`mail.password_file`: {why}")))?,
        };
        Ok(Self {
            relay: Relay {
                host: config.host.clone(),
                port: config.port.unwrap_or(usual),
                tls,
                user: config.user.clone().unwrap_or_default(),
                password,
                from: config.from.clone(),
                root_pem: config.ca.as_deref().map(files::pem).transpose()?,
            },
            returns: config.returns.clone(),
        })
    }

    /// What makes a letter itself (RFC 5322 §3.6.4): `left` under the sender's domain.
    pub fn message_id(&self, left: &str) -> String {
        format!("{left}@{}", domain(&self.relay.from).unwrap_or("localhost"))
    }

    /// The return path of a letter: the configured address with its token (VERP).
    pub fn return_path(&self, token: &str) -> Option<String> {
        let (local, domain) = self.returns.as_deref()?.split_once('@')?;
        Some(format!("{local}+{token}@{domain}"))
    }

    /// Tries once to hand a letter to the relay.
    pub async fn send(&self, letter: &Letter) -> Attempt {
        mail::send(&self.relay, letter, PATIENCE).await
    }
}

/// The domain of an address such as `Security <security@example.com>`.
fn domain(address: &str) -> Option<&str> {
    let (_, domain) = address.trim_end_matches('>').rsplit_once('@')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    (!domain.is_empty() && domain.bytes().all(plain)).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::domain;

    #[test]
    fn an_identifier_is_under_the_senders_domain() {
        for (address, expected) in [
            ("Security <security@example.com>", Some("example.com")),
            ("security@example.com", Some("example.com")),
            ("security", None),
            ("security@", None),
            ("a@b c", None),
        ] {
            assert_eq!(domain(address), expected, "{address}");
        }
    }
}
