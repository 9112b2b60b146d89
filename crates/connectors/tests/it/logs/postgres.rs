//! A real PostgreSQL with pgaudit.

use crate::peer::{dead_port, program};
use connectors::logs::{Record, postgres};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const BIN: &str = "/usr/lib/postgresql/15/bin";

/// A cluster that is stopped with its test.
struct Cluster<'a>(&'a Path);

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        drop(run(self.0, &format!("{BIN}/pg_ctl -D data -m immediate stop")));
    }
}

/// Runs a command as `postgres`, because the server refuses to be root.
fn run(folder: &Path, command: &str) -> std::process::Output {
    let line = format!("cd {} && {command}", folder.display());
    Command::new("su").args(["-s", "/bin/sh", "postgres", "-c", &line]).output().unwrap()
}

fn must(folder: &Path, command: &str) {
    let done = run(folder, command);
    assert!(done.status.success(), "{command}: {done:?}");
}

fn find<'a>(all: &'a [Record], key: &str, value: &str) -> &'a Record {
    all.iter()
        .find(|one| one.text(key) == Some(value))
        .unwrap_or_else(|| panic!("{value}: {all:#?}"))
}

#[test]
fn a_real_server_tells_what_was_read_and_who_failed() {
    let library = "/usr/lib/postgresql/15/lib/pgaudit.so";
    if program(library, "postgresql-15-pgaudit").is_none() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let port = dead_port();
    std::fs::write(folder.join("password"), "secret").unwrap();
    must(folder, &format!("{BIN}/initdb -D data -A scram-sha-256 -U postgres --pwfile=password"));
    let config = "shared_preload_libraries='pgaudit'\npgaudit.log='all'\nlog_connections=on\n\
        log_destination='stderr,csvlog'\nlogging_collector=on\nlog_directory='log'\n\
        log_filename='pg.log'\nlog_timezone='UTC'\nlog_line_prefix='%m [%p] %q%u@%d '\n\
        unix_socket_directories=''\nlisten_addresses='127.0.0.1'\n";
    let more = folder.join("more.conf");
    std::fs::write(&more, format!("{config}port={port}\n")).unwrap();
    must(folder, "cat more.conf >> data/postgresql.conf");
    must(folder, &format!("{BIN}/pg_ctl -D data -w -l start.log start"));
    let cluster = Cluster(folder);
    let ask = |password: &str, sql: &str| {
        let to = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres");
        run(folder, &format!("PGPASSWORD={password} psql -X '{to}' -c \"{sql}\""))
    };
    assert!(ask("secret", "create table t (a int)").status.success());
    assert!(ask("secret", "select a,\n 'x; y' as b from t").status.success());
    assert!(!ask("wrong", "select 1").status.success());
    must(folder, &format!("{BIN}/pg_ctl -D data -m fast -w stop"));
    drop(cluster);
    let stderr = std::fs::read(folder.join("data/log/pg.log")).unwrap();
    let csv = std::fs::read(folder.join("data/log/pg.csv")).unwrap();
    let (stderr, csv) = (postgres::stderr(&stderr).unwrap(), postgres::csvlog(&csv).unwrap());
    for batch in [stderr, csv] {
        assert_eq!((batch.rejected, &batch.reasons), (0, &vec![]));
        let all = &batch.records;
        assert!(all.iter().all(|one| one.time.is_some() && one.product.is_some()));
        let read = find(all, "pgaudit.class", "READ");
        assert_eq!(read.service.as_deref(), Some("pgaudit"));
        assert_eq!(read.text("user.name"), Some("postgres"));
        assert!(read.text("pgaudit.statement").unwrap().contains("from t"));
        find(all, "pgaudit.command", "CREATE TABLE");
        let failed = find(all, "event.outcome", "failure");
        assert_eq!(failed.text("event.action"), Some("postgresql_login"));
        assert_eq!(failed.text("user.name"), Some("postgres"));
        assert_eq!(find(all, "event.outcome", "success").text("db.name"), Some("postgres"));
    }
}
