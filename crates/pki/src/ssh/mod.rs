//! OpenSSH: user certificates, and the lists that revoke them.

mod authority;
mod certificate;
mod key;
mod krl;
mod krl_form;
mod request;
mod wire;

pub use authority::Authority;
pub use certificate::Certificate;
pub use key::PublicKey;
pub use krl::{Krl, MAX_REVOKED, Revoked, SerialRange};
pub use request::{MAX_PRINCIPALS, Options, Request};
