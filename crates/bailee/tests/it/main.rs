//! The client side of the program, run as users run it: arguments and environment in, exit code,
//! standard output, standard error and files out. The server it talks to is [`server`], over real
//! TLS; the real server is tried in [`whole`].

#[cfg(test)]
mod client;
#[cfg(test)]
mod export;
#[cfg(test)]
mod import;
#[cfg(test)]
mod outward;
#[cfg(test)]
mod program;
#[cfg(test)]
mod server;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod whole;
