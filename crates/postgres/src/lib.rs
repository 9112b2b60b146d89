//! A store in PostgreSQL, for several nodes (decision 0044).
//!
//! [`Postgres`] is a lane's engine, [`Address`] how the database is reached. A batch is a handful
//! of messages, never one per operation: heads are locked in key order, everything the batch
//! declared is read behind the locks, and after it was executed and sealed one row, the tail, gives
//! it its place in the one order over all commits. Statements take arrays and are prepared once.
//!
//! What holds rows of different accounts apart, beside their seals: a session names the accounts of
//! its batch and sees no others (row-level security, forced), and every row that comes back is
//! compared with what was asked for.

mod address;
mod cells;
mod connection;
mod error;
mod lane;
mod looks;
mod node;
mod reader;
mod schema;

pub use address::Address;
pub use lane::Postgres;
pub use schema::{OLDEST_SERVER, grants};
