//! The API over real sockets: a server with TLS, a kernel on the in-memory engine, and clients that
//! send exactly the bytes a test is about.

#[cfg(test)]
mod affected;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod document;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod ledgers;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod registers;
#[cfg(test)]
mod scim;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod walk;
