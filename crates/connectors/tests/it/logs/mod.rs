//! Logs that others have written: a real host's, and those of programs that are started here.

mod otlp;
mod postgres;
mod real;
mod sshd;
