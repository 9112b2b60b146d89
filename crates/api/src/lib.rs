//! JSON over HTTPS: the face of Bailee that programs see.
//!
//! One table of routes ([`routes`]) is the whole surface: it decides which requests are answered,
//! by which operation of `domain`, and it is also the OpenAPI document. Around it: the server
//! itself ([`Server`]), TLS, and what every request goes through before a handler sees it.
//!
//! Promises: without a login exactly `/healthz`, `/readyz` and `/openapi.json` answer; a login is
//! checked before a body is read or an account is looked up; whatever is not understood is refused
//! by name; nothing is done for a request that did not arrive whole; every failure is an RFC 9457
//! problem without anything internal in it.
//!
//! Does not: decide who may do what (`kernel`), or know rules of nouns (`domain`).

mod answer;
mod app;
mod body;
mod keyed;
mod metrics;
mod openapi;
mod outbox;
mod path;
mod probe;
mod problem;
mod refused;
mod request;
pub mod routes;
mod serve;
mod tls;
mod transmitters;
mod workloads;

pub use app::{PAGE_BODY, Pages};
pub use metrics::More;
pub use openapi::openapi;
pub use outbox::{Held, Outbox};
pub use routes::routes_txt;
pub use serve::{Config, MAX_CONNECTIONS, Server};
pub use transmitters::{Transmitter, Transmitters};
pub use workloads::{Platform, Workloads};
