//! The tables of a store, who may do what with them, and whether a database is fit for one.

use crate::connection::Connection;
use kernel::{Error, Result};

/// The oldest server that is taken, as `server_version_num` has it.
pub const OLDEST_SERVER: i32 = 150_000;

const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/postgres/0001_spine.sql")];

/// Tables whose rows belong to accounts.
pub(crate) const OF_ACCOUNTS: [&str; 8] =
    ["account_keys", "entries", "records", "versions", "record_keys", "tiles", "requests", "jobs"];

/// Tables that are only appended to: nobody who serves the store may change or remove their rows.
const APPENDED: [&str; 7] =
    ["entries", "tiles", "commits", "versions", "access_index", "access_segments", "record_keys"];

/// Tables whose rows change, and those whose rows go, too.
const CHANGED: [&str; 8] =
    ["meta", "heads", "account_keys", "records", "tail", "nodes", "leases", "anchored"];
const REMOVED: [&str; 6] = ["requests", "jobs", "signal_days", "signals", "questions", "answers"];

/// The statements that give a role what serving a store needs, and nothing else.
pub fn grants(role: &str) -> Vec<String> {
    let role = format!("\"{}\"", role.replace('"', "\"\""));
    let list = |tables: &[&str]| {
        tables.iter().map(|table| format!("bailee.{table}")).collect::<Vec<_>>().join(", ")
    };
    vec![
        format!("REVOKE ALL ON ALL TABLES IN SCHEMA bailee FROM {role}"),
        format!("GRANT USAGE ON SCHEMA bailee TO {role}"),
        format!("GRANT SELECT ON ALL TABLES IN SCHEMA bailee TO {role}"),
        format!("GRANT INSERT ON {} TO {role}", list(&APPENDED)),
        format!("GRANT INSERT, UPDATE ON {} TO {role}", list(&CHANGED)),
        format!("GRANT INSERT, UPDATE, DELETE ON {} TO {role}", list(&REMOVED)),
        format!("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA bailee TO {role}"),
    ]
}

async fn text(connection: &Connection, sql: &str) -> Result<String> {
    let rows = connection.once(sql, &[]).await?;
    let row = rows.first().ok_or_else(|| Error::internal(format!("no answer to `{sql}`")))?;
    row.try_get(0).map_err(|error| crate::error::said(&error))
}

async fn holds(connection: &Connection, sql: &str) -> Result<bool> {
    Ok(text(connection, &format!("SELECT ({sql})::text")).await? == "true")
}

/// Whether the server and the user are fit for a store at all.
async fn fit(connection: &Connection) -> Result<()> {
    let number = text(connection, "SELECT current_setting('server_version_num')").await?;
    if number.parse::<i32>().unwrap_or(0) < OLDEST_SERVER {
        let is = text(connection, "SELECT current_setting('server_version')").await?;
        return Err(Error::unavailable(format!(
            "the database is PostgreSQL {is}: a store needs {} or later",
            OLDEST_SERVER / 10_000
        )));
    }
    let sql = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user";
    if holds(connection, sql).await? {
        let role = text(connection, "SELECT current_user::text").await?;
        return Err(Error::unavailable(format!(
            "the user `{role}` is above row-level security (superuser or BYPASSRLS): name one that \
             is not"
        )));
    }
    Ok(())
}

/// Makes the tables, owned by the user of this connection; `role` gets what serving needs.
pub(crate) async fn create(connection: &Connection, role: Option<&str>) -> Result<()> {
    fit(connection).await?;
    if holds(connection, "SELECT to_regnamespace('bailee') IS NOT NULL").await? {
        return Err(Error::conflict(
            "this database holds a store already: serve it, or name another database",
        ));
    }
    let owner = text(connection, "SELECT current_user::text").await?;
    let mut script = vec!["BEGIN".to_owned()];
    script.extend(MIGRATIONS.iter().map(|sql| (*sql).trim_end_matches([';', '\n']).to_owned()));
    // The owner too: who can alter the tables has to do so before it can alter their rows.
    script.extend(grants(&owner));
    script.extend(role.filter(|role| *role != owner).into_iter().flat_map(grants));
    script.push("COMMIT".to_owned());
    connection.run(&script.join(";\n")).await
}

/// Whether what is there is a store of this release that this user may serve, and no more than
/// serve.
pub(crate) async fn check(connection: &Connection) -> Result<()> {
    fit(connection).await?;
    let missing = || {
        Error::not_found(
            "there is no store in this database: make one with `bailee init --store URL`",
        )
    };
    if !holds(connection, "SELECT to_regclass('bailee.format') IS NOT NULL").await? {
        return Err(missing());
    }
    let rows = connection.once("SELECT version FROM bailee.format", &[]).await?;
    let version: i32 = rows.first().and_then(|row| row.try_get(0).ok()).ok_or_else(missing)?;
    if usize::try_from(version).ok() != Some(MIGRATIONS.len()) {
        return Err(Error::unavailable(format!(
            "the store has format {version}, this release knows {}: use the release that wrote it",
            MIGRATIONS.len()
        )));
    }
    for table in APPENDED {
        let may = |right| format!("SELECT has_table_privilege('bailee.{table}', '{right}')");
        for (right, wanted) in
            [("INSERT", true), ("SELECT", true), ("UPDATE", false), ("DELETE", false)]
        {
            if holds(connection, &may(right)).await? != wanted {
                let role = text(connection, "SELECT current_user::text").await?;
                let what = if wanted { "lacks" } else { "must not have" };
                return Err(Error::unavailable(format!(
                    "the user `{role}` {what} the right {right} on `bailee.{table}`: as its owner \
                     run `bailee privileges --role {role}` and what it prints"
                )));
            }
        }
    }
    for table in CHANGED.into_iter().chain(REMOVED) {
        let may = ["SELECT", "INSERT", "UPDATE"]
            .map(|right| format!("has_table_privilege('bailee.{table}', '{right}')"));
        let sql = format!("SELECT {}", may.join(" AND "));
        if !holds(connection, &sql).await? {
            return Err(Error::unavailable(format!(
                "the user lacks rights on `bailee.{table}`: as its owner run `bailee privileges`"
            )));
        }
    }
    for table in OF_ACCOUNTS {
        let sql = format!(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class
             WHERE oid = 'bailee.{table}'::regclass"
        );
        if !holds(connection, &sql).await? {
            return Err(Error::unavailable(format!(
                "row-level security of `bailee.{table}` is not forced: restore the schema from a \
                 backup"
            )));
        }
    }
    Ok(())
}
