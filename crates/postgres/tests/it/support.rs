//! Databases of their own in the cluster of this process.

use postgres::{Address, Postgres};
use std::sync::atomic::{AtomicU32, Ordering};
use testkit::servers::postgres::Cluster;

static NUMBER: AtomicU32 = AtomicU32::new(1);

/// A database of its own, with an owner who is nobody else.
pub fn database(cluster: &Cluster) -> String {
    let name = format!("d{}", NUMBER.fetch_add(1, Ordering::SeqCst));
    cluster.create_role(&name, "secret", "");
    cluster.create_database(&name, &name);
    name
}

pub fn address(cluster: &Cluster, database: &str) -> Address {
    Address::parse(&cluster.url(database, "secret", database, "disable")).unwrap()
}

/// A new, empty store.
pub fn store(cluster: &Cluster) -> Postgres {
    let name = database(cluster);
    Postgres::create(address(cluster, &name), None).unwrap()
}

/// What `psql` answers to the store's own user, or what it is refused with.
pub fn as_role(cluster: &Cluster, database: &str, sql: &str) -> Result<String, String> {
    let url = cluster.url(database, "secret", database, "disable");
    let mut psql = std::process::Command::new("/usr/bin/psql");
    let output =
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql]).arg(url).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}
