//! Tokens of workloads (RFC 7519) instead of a service's own: of which platforms they are taken,
//! and what of them has to be as a service was bound to it.
//!
//! The keys of a platform are looked at with each request; which service it is, and whether it is
//! still, the live rights say. So ending a service or its binding refuses its next request, and no
//! token is taken past its own end.

use connectors::oidc::{Issuer, Problem};
use domain::people::Workload;
use jose::Compact;
use kernel::authority::Caller;
use kernel::{Error, Kernel, Moment, Result};

/// Longest token, in bytes: less than a header may have.
pub(crate) const TOKEN_BYTES: usize = 8 * 1024;

/// Audiences of one token that are looked at.
const AUDIENCES: usize = 8;

/// A platform whose tokens are taken.
#[derive(Debug)]
pub struct Platform {
    /// Whose tokens.
    pub issuer: Issuer,
    /// Which claims of them a binding states, `sub` among them.
    pub claims: Vec<String>,
}

/// The platforms whose tokens are taken.
#[derive(Debug, Default)]
pub struct Workloads(Vec<Platform>);

impl Workloads {
    /// These.
    #[must_use]
    pub fn new(platforms: Vec<Platform>) -> Self {
        Self(platforms)
    }

    /// Whether a text may be such a token: three parts, where ours have one.
    pub(crate) fn looks_like(token: &str) -> bool {
        token.split('.').count() == 3
    }

    /// Which service it is, and until when the token says so.
    ///
    /// # Errors
    /// `Unauthenticated`, whatever is wrong with it; `Unavailable` while the platform's keys are
    /// not there.
    pub(crate) async fn caller(&self, kernel: &Kernel, token: &str) -> Result<(Caller, Moment)> {
        let unknown = |_| Error::unauthenticated();
        let compact = Compact::parse(token).map_err(unknown)?;
        let of = |one: &&Platform| compact.issuer() == Some(one.issuer.name());
        let platform = self.0.iter().find(of).ok_or_else(Error::unauthenticated)?;
        let now = kernel.now().0 / 1_000_000;
        let name = platform.issuer.name();
        let check = |keys: &jose::KeySet| jose::Workload::check(token, keys, name, now);
        let said = platform.issuer.checked(check, now).await.map_err(|problem| match problem {
            Problem::Refused(_) => Error::unauthenticated(),
            Problem::Unavailable(why) => {
                tracing::warn!(%why, "the keys of a platform are not there");
                Error::unavailable("the keys of the token's issuer are not there: try again")
            }
        })?;
        let claim = |name: &String| Some((name.clone(), said.text(name)?.to_owned()));
        let claims = platform.claims.iter().map(claim).collect::<Option<_>>();
        let claims = claims.ok_or_else(Error::unauthenticated)?;
        let mut bound = Workload { issuer: name.to_owned(), audience: String::new(), claims };
        for audience in said.audiences().into_iter().take(AUDIENCES) {
            audience.clone_into(&mut bound.audience);
            match kernel.workload(&bound.hash()) {
                Err(error) if error.kind() == kernel::Kind::Unauthenticated => {}
                found => return Ok((found?, Moment(said.until().saturating_mul(1_000_000)))),
            }
        }
        Err(Error::unauthenticated())
    }
}
