//! What a route says of itself.

use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Call;
use crate::routes::ROUTES;
use domain::register::{Entry, Register};
use hyper::Method;
use kernel::authority::Action;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::fmt::Write;
use std::pin::Pin;

/// Makes the schema of a type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Answers a request.
pub(crate) type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>>;

/// A route. Complete: whatever it leaves out is refused.
#[derive(Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with names in braces.
    pub path: &'static str,
    /// Its unique name, `operationId` in the OpenAPI document.
    pub operation: &'static str,
    /// The action that is decided on; `None` where a login is enough, or not even that is needed.
    pub action: Option<&'static Action>,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Whether a login is needed.
    pub login: bool,
    /// Whether `HEAD` is answered too.
    pub head: bool,
    pub(crate) query: &'static [&'static str],
    pub(crate) conditions: Conditions,
    pub(crate) takes: Takes,
    pub(crate) gives: &'static [Gives],
    /// Whether the path names something that may be missing.
    pub(crate) item: bool,
    pub(crate) handler: Handler,
    /// The register it is about, and what it does with it, where the table of registers made it.
    pub(crate) register: Option<(&'static Register, Option<&'static Entry>)>,
}

/// Which conditions (RFC 9110 §13.1) a route knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conditions {
    None,
    /// `If-None-Match`.
    Read,
    /// `If-Match` or `If-None-Match`.
    Write,
}

/// The body that a route takes.
#[derive(Clone)]
pub(crate) enum Takes {
    Nothing,
    Json {
        limit: usize,
        schema: SchemaOf,
    },
    /// Bytes of one of these media types; `packed` says whether gzip is taken too.
    Bytes {
        limit: usize,
        kinds: &'static [&'static str],
        packed: bool,
    },
}

/// One answer of a route.
pub(crate) struct Gives {
    pub(crate) status: u16,
    pub(crate) what: &'static str,
    pub(crate) shape: Shape,
    /// Whether the receipt is in a header.
    pub(crate) receipt: bool,
}

/// The body of an answer.
pub(crate) enum Shape {
    Json(SchemaOf),
    /// A page of these.
    Page(SchemaOf),
    /// One of these, with the receipt of its change.
    Receipted(SchemaOf),
    AnyJson,
    Text,
    Bytes,
    /// Bytes of one media type.
    Document(&'static str),
    Nothing,
    Problem,
}

impl Gives {
    pub(crate) const fn json(status: u16, what: &'static str, schema: SchemaOf) -> Self {
        Self { status, what, shape: Shape::Json(schema), receipt: false }
    }

    pub(crate) const fn shaped(status: u16, what: &'static str, shape: Shape) -> Self {
        Self { status, what, shape, receipt: false }
    }

    pub(crate) const fn any(status: u16, what: &'static str) -> Self {
        Self { status, what, shape: Shape::AnyJson, receipt: false }
    }

    pub(crate) const fn text(status: u16, what: &'static str) -> Self {
        Self { status, what, shape: Shape::Text, receipt: false }
    }

    pub(crate) const fn bytes(status: u16, what: &'static str) -> Self {
        Self { status, what, shape: Shape::Bytes, receipt: false }
    }

    pub(crate) const fn document(status: u16, what: &'static str, kind: &'static str) -> Self {
        Self { status, what, shape: Shape::Document(kind), receipt: false }
    }

    pub(crate) const fn nothing(status: u16, what: &'static str) -> Self {
        Self { status, what, shape: Shape::Nothing, receipt: false }
    }

    /// With the receipt in the header `Bailee-Receipt`.
    pub(crate) const fn receipted(mut self) -> Self {
        self.receipt = true;
        self
    }

    /// A failure beyond those that every route knows.
    pub(crate) const fn problem(status: u16) -> Self {
        let what = match status {
            409 => "It contradicts the present state",
            412 => "The condition does not hold",
            _ => "Not now",
        };
        Self { status, what, shape: Shape::Problem, receipt: false }
    }
}

/// The schema of a type, by reference where it has a name.
pub(crate) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

pub(super) const fn get(path: &'static str, operation: &'static str, what: &'static str) -> Route {
    let mut route = Route::new(Method::GET, path, operation, what);
    route.head = true;
    route
}

pub(super) const fn put(path: &'static str, operation: &'static str, what: &'static str) -> Route {
    Route::new(Method::PUT, path, operation, what)
}

pub(super) const fn post(path: &'static str, operation: &'static str, what: &'static str) -> Route {
    Route::new(Method::POST, path, operation, what)
}

pub(super) const fn patch(
    path: &'static str,
    operation: &'static str,
    what: &'static str,
) -> Route {
    Route::new(Method::PATCH, path, operation, what)
}

pub(super) const fn delete(
    path: &'static str,
    operation: &'static str,
    what: &'static str,
) -> Route {
    Route::new(Method::DELETE, path, operation, what)
}

/// A route whose path names something that may be missing.
pub(super) const fn item(mut route: Route) -> Route {
    route.item = true;
    route
}

impl Route {
    const fn new(
        method: Method,
        path: &'static str,
        operation: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            operation,
            action: None,
            summary,
            login: true,
            head: false,
            query: &[],
            conditions: Conditions::None,
            takes: Takes::Nothing,
            gives: &[],
            item: false,
            handler: |_| Box::pin(async { Err(Problem::no_route()) }),
            register: None,
        }
    }

    /// Needs no login.
    pub(super) const fn open(mut self) -> Self {
        self.login = false;
        self
    }

    /// Reading is a disclosure with an entry: `HEAD` would make one and show nothing.
    pub(super) const fn disclosing(mut self) -> Self {
        self.head = false;
        self
    }

    pub(super) const fn action(mut self, action: &'static Action) -> Self {
        self.action = Some(action);
        self
    }

    pub(super) const fn query(mut self, query: &'static [&'static str]) -> Self {
        self.query = query;
        self
    }

    pub(super) const fn conditions(mut self, conditions: Conditions) -> Self {
        self.conditions = conditions;
        self
    }

    pub(super) const fn json(mut self, limit: usize, schema: SchemaOf) -> Self {
        self.takes = Takes::Json { limit, schema };
        self
    }

    pub(super) const fn bytes(mut self, limit: usize, kinds: &'static [&'static str]) -> Self {
        self.takes = Takes::Bytes { limit, kinds, packed: false };
        self
    }

    /// As [`Route::bytes`], packed by gzip or not.
    pub(super) const fn packed(mut self, limit: usize, kinds: &'static [&'static str]) -> Self {
        self.takes = Takes::Bytes { limit, kinds, packed: true };
        self
    }

    pub(super) const fn gives(mut self, gives: &'static [Gives]) -> Self {
        self.gives = gives;
        self
    }

    pub(super) const fn by(mut self, handler: Handler) -> Self {
        self.handler = handler;
        self
    }
}

/// The table for reviewers: `METHOD path operation action`, a route a line.
pub fn routes_txt() -> String {
    let mut text = String::new();
    for route in ROUTES.iter() {
        let action = match (route.action, route.login) {
            (Some(action), _) => action.name,
            (None, true) => "any-login",
            (None, false) => "no-login",
        };
        let (method, path, operation) = (route.method.as_str(), route.path, route.operation);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{method} {path} {operation} {action}");
    }
    text
}
