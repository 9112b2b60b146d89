//! The engine, and kernels as nodes, on a real PostgreSQL.

#[cfg(test)]
mod apart;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod support;
