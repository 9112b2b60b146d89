//! What the database said, as one of the eight kinds.

use kernel::Error;
use tokio_postgres::error::SqlState;

/// What it said, with the remedy for whoever runs it.
pub(crate) fn said(error: &tokio_postgres::Error) -> Error {
    let context = format!("database: {}", whole(error));
    let state = error.code();
    let kind = match state {
        None => Error::unavailable("the database does not answer; nothing was acknowledged"),
        Some(state) => of_state(state),
    };
    kind.with_context(context)
}

fn of_state(state: &SqlState) -> Error {
    match state.code() {
        "53100" => Error::unavailable(
            "the database's disk is full and nothing was written: free space, then try again",
        ),
        "53300" | "53400" => Error::unavailable(
            "the database takes no more connections: raise `max_connections`, or run fewer nodes",
        ),
        "28000" | "28P01" => Error::unavailable(
            "the database refuses this user: check the name, `PGPASSWORD`, and `pg_hba.conf`",
        ),
        "3D000" => Error::not_found("there is no such database: make it, then `bailee init`"),
        "3F000" | "42P01" => Error::not_found(
            "there is no store in this database: make one with `bailee init --store URL`",
        ),
        "42501" => Error::unavailable(
            "the database's user lacks a right that a store needs: `bailee privileges` prints it",
        ),
        "25006" => Error::unavailable(
            "the database takes no writes here, as a standby does: name the leader, or all hosts",
        ),
        "40001" | "40P01" | "55P03" | "57014" => Error::unavailable(
            "the database was busy with the same accounts and nothing was done: try again",
        ),
        code if code.starts_with("23") => {
            Error::conflict("the store refused contradicting rows; nothing was written")
        }
        // The session waited too long for us.
        "25P03" => Error::unavailable("the database does not answer; nothing was acknowledged"),
        code if code.starts_with("57P") || code.starts_with("08") || code.starts_with("53") => {
            Error::unavailable("the database does not answer; nothing was acknowledged")
        }
        code => Error::internal(format!("the database said {code}")),
    }
}

/// The error with what it came from: the driver's own words are few.
fn whole(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// It did not answer in time.
pub(crate) fn silent() -> Error {
    Error::unavailable("the database does not answer in time; nothing was acknowledged")
}

/// It answered with what was not asked for.
pub(crate) fn foreign(what: &str) -> Error {
    Error::internal(format!("the database answered with {what} that was not asked for"))
}
