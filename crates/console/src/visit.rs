//! One visit: who asks, what for, and how they read it.

use crate::clock::ReaderClock;
use crate::console::Console;
use crate::guard;
use crate::preferences::Preferences;
use crate::request::Pairs;
use aws_lc_rs::digest;
use domain::register::Boxed;
use http::Method;
use kernel::authority::{Action, Caller};
use kernel::{Act, Asked, Done, Error, HOUSE, Kernel, Operation, Result};
use ledger::receipt::Receipt;
use serde_json::Value;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// Somebody who is signed in.
pub(crate) struct Session {
    pub(crate) caller: Caller,
    /// The bearer token that the cookie holds.
    pub(crate) token: String,
}

/// One visit: who asks, what for, and how they read it.
pub(crate) struct Visit<'c> {
    pub(crate) console: &'c Console,
    pub(crate) method: Method,
    /// The parts of the path, decoded.
    pub(crate) path: Vec<String>,
    /// Path and query, as they were sent.
    pub(crate) target: String,
    pub(crate) query: Pairs,
    pub(crate) form: Pairs,
    pub(crate) session: Option<Session>,
    pub(crate) preferences: Preferences,
    pub(crate) clock: ReaderClock,
    pub(crate) peer: IpAddr,
    /// The host as the browser names it, if that is one.
    pub(crate) host: Option<String>,
    pub(crate) number: String,
    /// What the browser keeps while somebody signs in at the provider.
    pub(crate) provider: Option<String>,
    /// The entries of `house` that this visit made.
    pub(crate) made: Mutex<Vec<u64>>,
}

impl Visit<'_> {
    pub(crate) fn kernel(&self) -> &Kernel {
        &self.console.kernel
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// `Unauthenticated` if nobody is.
    pub(crate) fn session(&self) -> Result<&Session> {
        self.session.as_ref().ok_or_else(Error::unauthenticated)
    }

    pub(crate) fn caller(&self) -> Result<&Caller> {
        Ok(&self.session()?.caller)
    }

    /// Whether an action on the operator's registers is open to who is signed in. Forms that would
    /// be refused are not shown; whether one is accepted, the kernel decides when it is sent.
    pub(crate) fn may(&self, action: &'static Action) -> bool {
        let allowed = |session: &Session| self.kernel().allow(&session.caller, action, HOUSE);
        !self.is_member() && self.session.as_ref().is_some_and(|one| allowed(one).is_ok())
    }

    /// Whether somebody of a subscriber is signed in.
    pub(crate) fn is_member(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.caller.principal.parts().0 == "member")
    }

    /// Whether the registers as a whole are open to who is signed in.
    pub(crate) fn may_oversee(&self) -> bool {
        self.may(domain::people::ListPeople::ACTION)
    }

    /// The roles of who is signed in.
    pub(crate) fn roles(&self) -> Vec<String> {
        let caller = self.session.as_ref().map(|session| &session.caller);
        let known =
            caller.and_then(|caller| self.kernel().authority().principal(&caller.principal));
        known.map(|one| one.roles.clone()).unwrap_or_default()
    }

    /// The token of this session's forms; empty without a session.
    pub(crate) fn form_token(&self) -> String {
        self.session.as_ref().map(|session| guard::token(&session.token)).unwrap_or_default()
    }

    /// Path and query of this page, to lead back to it. A form leads back to its page.
    pub(crate) fn here(&self) -> &str {
        if self.method == Method::GET { &self.target } else { "/" }
    }

    /// Does an operation and waits until it is durable.
    ///
    /// # Errors
    /// Whatever it answers.
    pub(crate) async fn submit<O: Operation>(&self, operation: O) -> Result<Done<O::Output>> {
        self.submit_as(self.caller()?.clone(), None, operation).await
    }

    /// As [`Visit::submit`], for a form that carries a number of its own: sent twice, it is done
    /// once.
    pub(crate) async fn submit_once(&self, operation: Boxed, part: usize) -> Result<Done<Value>> {
        let once = self.form.filled(ONCE).filter(|text| text.len() <= 64);
        let hash = digest::digest(&digest::SHA256, format!("{part} {:?}", self.form).as_bytes());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.as_ref());
        let key = once.map(|once| (format!("{once}.{part}"), fingerprint));
        self.submit_as(self.caller()?.clone(), key, operation).await
    }

    /// As [`Visit::submit`], as this caller.
    pub(crate) async fn submit_as<O: Operation>(
        &self,
        caller: Caller,
        idempotency: Option<(String, [u8; 32])>,
        operation: O,
    ) -> Result<Done<O::Output>> {
        let request = self.number.clone();
        let source = Some(kernel::address(self.peer));
        let asked = Asked { caller, source, request, purpose: None, behalf: None, idempotency };
        let (sender, receiver) = oneshot::channel();
        self.kernel().submit(asked, operation, move |answer| {
            // Whoever went away does not want the answer.
            drop(sender.send(answer));
        });
        receiver.await.map_err(|_| Error::unavailable("the server is stopping"))?
    }

    /// Reads something that makes no entry, off the threads that serve connections.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Kernel) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let kernel = self.kernel().clone();
        let done = tokio::task::spawn_blocking(move || read(&kernel)).await;
        done.map_err(|error| Error::internal(format!("a read ended by a defect: {error}")))?
    }

    /// Whether an entry of `house` is of this session, by the mark that the address carries.
    pub(crate) fn did(&self, entry: u64) -> bool {
        let parts = self.session.as_ref().zip(self.query.get("mark"));
        let own =
            |(one, mark): (&Session, _)| self.console.marks.is(mark, &one.caller.credential, entry);
        parts.is_some_and(own)
    }

    /// The mark of an entry of this session; empty for one that neither this visit made nor its
    /// address has a mark of.
    pub(crate) fn mark(&self, entry: u64) -> String {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).contains(&entry);
        let session = self.session.as_ref().filter(|_| made || self.did(entry));
        let of = |one: &Session| self.console.marks.of(&one.caller.credential, entry);
        session.map(of).unwrap_or_default()
    }

    /// Where this session finds the receipt of an entry of its own.
    pub(crate) fn receipt(&self, entry: u64) -> String {
        format!("/receipts/{entry}.json?mark={}", self.mark(entry))
    }

    /// The entry of `house` that a receipt is for.
    pub(crate) fn entry(&self, receipts: &[String]) -> Option<u64> {
        let entry = Receipt::from_json(receipts.first()?).ok()?.proof.index;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        Some(entry)
    }
}

#[cfg(test)]
impl<'c> Visit<'c> {
    /// Somebody with this token who looks at nothing in particular, in UTC.
    pub(crate) fn of_a_test(console: &'c Console, token: &str) -> Self {
        let caller = console.kernel.identify(token).unwrap();
        let preferences = Preferences::of(&http::HeaderMap::new());
        Self {
            console,
            method: Method::GET,
            path: vec![],
            target: "/".to_owned(),
            query: Pairs::default(),
            form: Pairs::default(),
            session: Some(Session { caller, token: token.to_owned() }),
            clock: ReaderClock { now: console.kernel.now(), zone: preferences.zone.clone() },
            preferences,
            peer: IpAddr::from([192, 0, 2, 7]),
            host: None,
            number: "r-test".to_owned(),
            provider: None,
            made: Mutex::default(),
        }
    }
}

/// The hidden field with a form's own number.
pub(crate) const ONCE: &str = "_once";

/// Random bytes, for ids and numbers of forms, which have to be known before anything is asked.
#[expect(
    clippy::disallowed_methods,
    reason = "a face names what it asks for; nothing depends on it"
)]
pub(crate) fn fresh() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::unavailable("the system gives no randomness; nothing was done"))?;
    Ok(bytes)
}

/// A fresh number for a form; empty if there is no randomness, and then a form counts each time.
pub(crate) fn once() -> String {
    let bytes = fresh().unwrap_or_default();
    let mut text = String::with_capacity(32);
    if bytes != [0; 16] {
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}
