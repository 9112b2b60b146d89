//! Where the server is, who calls and why: flags, environment, and what goes wrong on the way.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Url, redirect, tls};

use super::session::{Prover, Session};
use crate::exit::{Exit, Failure};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Longest wait for one whole answer. The largest batch is written and committed well within it.
const ANSWER: Duration = Duration::from_secs(120);

/// Which server is asked, and how it is known to be the right one.
///
/// The token is read from the environment variable BAILEE_TOKEN or from a file. There is no flag
/// for it: the list of processes shows arguments to everybody on the machine.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub struct Connect {
    /// Address of the server, such as https://127.0.0.1:8443
    #[arg(long, global = true, env = "BAILEE_URL", value_name = "URL")]
    pub url: Option<String>,

    /// Trust exactly the certificate authorities in this PEM file, such as the server's tls/ca.pem;
    /// without it those of the operating system
    #[arg(long, global = true, env = "BAILEE_CA", value_name = "FILE",
        // An empty variable is none; the usual parser of paths would refuse it.
        value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub ca: Option<PathBuf>,

    /// Read the token from the first line of this file instead of BAILEE_TOKEN
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Why data is touched, and for whom.
#[derive(Args, Clone, Debug, Default)]
pub struct Intent {
    /// Why the data is touched, in a sentence; each entry in the ledger carries it
    #[arg(long, env = "BAILEE_PURPOSE", value_name = "TEXT")]
    pub purpose: Option<String>,

    /// On whose behalf; the ledger says that this was asserted by the caller
    #[arg(long, value_name = "WHO")]
    pub on_behalf_of: Option<String>,
}

impl Connect {
    /// The HTTP client, the base address, and what proves a session if one is used.
    pub(super) fn open(
        &self,
        intent: Option<&Intent>,
    ) -> Result<(reqwest::Client, Url, Option<Prover>), Failure> {
        let base = address(self.url.as_deref().unwrap_or_default())?;
        let mut headers = HeaderMap::new();
        let mut prover = None;
        // A token that is stated comes before a session that is there.
        match self.stated()? {
            Some(token) => drop(headers.insert(AUTHORIZATION, bearer(&token)?)),
            None => {
                let session = Session::find(&base)?.ok_or_else(no_token)?;
                prover = Some(Prover::of(&session.key, Some(session.token))?);
            }
        }
        if let Some(intent) = intent {
            intent.add_to(&mut headers)?;
        }
        Ok((self.http(headers)?, base, prover))
    }

    /// As [`Connect::open`], without a token.
    ///
    /// # Errors
    /// When address or certificate authorities cannot be used.
    pub fn stranger(&self) -> Result<(reqwest::Client, Url), Failure> {
        let base = address(self.url.as_deref().unwrap_or_default())?;
        Ok((self.http(HeaderMap::new())?, base))
    }

    fn http(&self, headers: HeaderMap) -> Result<reqwest::Client, Failure> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("bailee/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .https_only(true)
            .tls_version_min(tls::Version::TLS_1_3)
            .redirect(redirect::Policy::none())
            // A token goes to the server named and to nobody else.
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ANSWER);
        self.trust(builder)?.build().map_err(|why| {
            Failure::usage(format!("cannot prepare the connection: {}", innermost(&why)))
        })
    }

    fn trust(&self, builder: ClientBuilder) -> Result<ClientBuilder, Failure> {
        let Some(path) = self.ca.as_deref().filter(|path| !path.as_os_str().is_empty()) else {
            return Ok(builder);
        };
        let pem = read_setting(path)?;
        let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if certificates.is_empty() {
            return Err(Failure::usage(format!(
                "`{}` has no PEM certificate: name the server's `tls/ca.pem`",
                path.display()
            )));
        }
        Ok(builder.tls_certs_only(certificates))
    }

    /// The token that was stated, if one was.
    fn stated(&self) -> Result<Option<String>, Failure> {
        let text = match &self.token_file {
            Some(path) => String::from_utf8_lossy(&read_setting(path)?)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            None => std::env::var("BAILEE_TOKEN").unwrap_or_default(),
        };
        match text.trim() {
            "" if self.token_file.is_some() => Err(no_token()),
            "" => Ok(None),
            token => Ok(Some(token.to_owned())),
        }
    }
}

fn no_token() -> Failure {
    let why = "no token: set BAILEE_TOKEN, name a file with --token-file, or `bailee sign-in`";
    Failure::new(Exit::Refused, why)
}

impl Intent {
    fn add_to(&self, headers: &mut HeaderMap) -> Result<(), Failure> {
        for (name, flag, text) in [
            ("bailee-purpose", "--purpose", &self.purpose),
            ("bailee-on-behalf-of", "--on-behalf-of", &self.on_behalf_of),
        ] {
            let Some(text) = text.as_deref().filter(|text| !text.is_empty()) else { continue };
            let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
                Failure::usage(format!("the text of {flag} has a control character: leave it out"))
            })?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(())
    }
}

fn read_setting(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure { exit: Exit::Usage, ..Failure::file("read", path, &error) })
}

fn address(text: &str) -> Result<Url, Failure> {
    if text.is_empty() {
        return Err(Failure::usage(
            "no server is named: set BAILEE_URL or --url, such as https://127.0.0.1:8443",
        ));
    }
    let bad = |why: &str| {
        Failure::usage(format!(
            "`{text}` is not the address of a server: {why}, such as https://127.0.0.1:8443"
        ))
    };
    let url = Url::parse(text).map_err(|_| bad("write it with https:// in front"))?;
    if url.scheme() != "https" {
        return Err(bad("it has to begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("leave out user and password"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("name host and port only"));
    }
    Ok(url)
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Failure::new(Exit::Refused, "the token is not one: copy it again, whole"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What went wrong between here and the server, and whether trying again may help.
pub(super) fn explain(error: &reqwest::Error, address: &str) -> (Failure, bool) {
    let why = innermost(error);
    let unavailable = |message: String| Failure::new(Exit::Unavailable, message);
    if why.contains("certificate") {
        let message = format!(
            "the certificate of `{address}` is not trusted ({why}): name the server's \
             `tls/ca.pem` with BAILEE_CA or --ca"
        );
        return (unavailable(message), false);
    }
    if error.is_timeout() && !error.is_connect() {
        let seconds = ANSWER.as_secs();
        return (unavailable(format!("no answer from `{address}` within {seconds} s")), true);
    }
    if error.is_connect() {
        let message =
            format!("cannot connect to `{address}`: {why}; is the server running at that address?");
        return (unavailable(message), true);
    }
    (unavailable(format!("the connection to `{address}` was lost: {why}; try again")), true)
}

/// The cause at the end of a chain of errors, as a clause.
fn innermost(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut text = error.to_string();
    while let Some(cause) = source {
        text = match cause.downcast_ref::<std::io::Error>() {
            Some(error) => crate::exit::reason(error),
            None => cause.to_string(),
        };
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::{Intent, address, bearer};
    use crate::exit::Exit;

    #[test]
    fn an_address_is_https_host_and_port() {
        for good in ["https://127.0.0.1:8443", "https://bailee.example/", "https://[::1]:1"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:8443",
            "http://127.0.0.1:8443",
            "https://u:p@host/",
            "https://host/v1",
            "https://host/?a=b",
            "ftp://host",
            "https://",
        ] {
            assert_eq!(address(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        let value = bearer("secret-token").unwrap();
        assert!(value.is_sensitive());
        assert!(!format!("{value:?}").contains("secret-token"));
        let failure = bearer("secret\ntoken").unwrap_err();
        assert_eq!(failure.exit, Exit::Refused);
        assert!(!failure.message.contains("secret"));
    }

    #[test]
    fn a_purpose_is_one_line() {
        let intent = |text: &str| Intent { purpose: Some(text.to_owned()), on_behalf_of: None };
        let mut headers = HeaderMap::new();
        intent("Beschwerde prüfen").add_to(&mut headers).unwrap();
        assert_eq!(headers["bailee-purpose"].as_bytes(), "Beschwerde prüfen".as_bytes());
        assert!(intent("a\r\nX-Evil: 1").add_to(&mut headers).is_err());
        let mut none = HeaderMap::new();
        intent("").add_to(&mut none).unwrap();
        assert!(none.is_empty());
    }
}
