//! The eight kinds of failure a caller can act on.
//!
//! Each error carries a sentence for the caller and, apart from it, a context for the operator.
//! Faces turn the kind into a status, a page or an exit code, in one function each. `Display` shows
//! the caller's sentence only, so that nothing internal leaks by accident.

use std::fmt;

/// What went wrong, as far as a caller can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No credential, or one that is unknown, ended or expired.
    Unauthenticated,
    /// Known, but without the right.
    Forbidden,
    /// It does not exist, or the caller may not know that it does.
    NotFound,
    /// The request itself is wrong; `field` names where.
    Invalid,
    /// It contradicts the present state; read again and decide anew.
    Conflict,
    /// A limit of `limits.rs` was reached.
    Limit,
    /// Bailee cannot answer now; nothing was done.
    Unavailable,
    /// A defect or damaged data; the operator's log has the context.
    Internal,
}

/// An error with a sentence for the caller and a context for the operator.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    message: String,
    field: Option<String>,
    context: Option<String>,
    /// The restraint that refused, and the seconds after which to ask again.
    restraint: Option<(String, u64)>,
}

/// The result of everything in the kernel.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind with this sentence.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { kind, message, field: None, context: None, restraint: None }))
    }

    /// No credential, or one that does not count any more.
    pub fn unauthenticated() -> Self {
        Self::new(
            Kind::Unauthenticated,
            "no valid bearer token: send `Authorization: Bearer …` with one that has not ended",
        )
    }

    /// Known, but without the right to do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// It does not exist, or the caller may not know that it does.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// The named field of the request is wrong.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::Invalid, message);
        error.0.field = Some(field.into());
        error
    }

    /// It contradicts the present state.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// A precondition of the request (`If-Match`, `If-None-Match`) does not hold.
    pub fn precondition(field: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::Conflict, message);
        error.0.field = Some(field.to_owned());
        error
    }

    /// A limit was reached.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(Kind::Limit, message)
    }

    /// Not now; nothing was done.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// A defect or damaged data. The context is for the operator only.
    pub fn internal(context: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "something went wrong inside; the operator's log has the details")
            .with_context(context)
    }

    /// Adds what the operator should know.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.0.context = Some(context.into());
        self
    }

    /// It is refused by this restraint; asking again makes sense after so many seconds.
    #[must_use]
    pub(crate) fn restrained(mut self, id: String, seconds: u64) -> Self {
        self.0.restraint = Some((id, seconds));
        self
    }

    /// The kind, which decides status and exit code.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field of the request that is wrong, if one is.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The restraint that refused it, by its id, if one did: then it says nothing of the caller
    /// that is not known already.
    pub fn restraint(&self) -> Option<&str> {
        self.0.restraint.as_ref().map(|(id, _)| id.as_str())
    }

    /// Seconds after which asking again makes sense, where that is known.
    pub fn retry(&self) -> Option<u64> {
        self.0.restraint.as_ref().map(|(_, seconds)| *seconds)
    }

    /// What the operator should know; never shown to the caller.
    pub fn context(&self) -> Option<&str> {
        self.0.context.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)?;
        if let Some(context) = &self.0.context {
            write!(f, " ({context})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<sealing::OpenError> for Error {
    fn from(error: sealing::OpenError) -> Self {
        Self::internal(format!("a sealed value does not open: {error}"))
    }
}

impl From<sealing::EntropyError> for Error {
    fn from(error: sealing::EntropyError) -> Self {
        Self::unavailable("the system gives no randomness; nothing was done")
            .with_context(error.to_string())
    }
}
