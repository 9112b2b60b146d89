use super::{answer, ask, psql, refusal};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use testkit::servers::postgres::{Cluster, Options};

/// A cluster with a role `app` and its database.
fn furnished(cluster: Option<Cluster>) -> Option<Cluster> {
    let cluster = cluster?;
    cluster.create_role("app", "it's p@ss/word", "");
    cluster.create_database("app", "app");
    Some(cluster)
}

fn url(cluster: &Cluster, sslmode: &str) -> String {
    cluster.url("app", "it's p@ss/word", "app", sslmode)
}

#[test]
fn a_role_signs_in_by_password_with_tls_or_without() {
    let Some(cluster) = furnished(Cluster::fast()) else { return };
    let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    for (mode, is) in [("disable", "f"), ("require", "t"), ("verify-full", "t")] {
        assert_eq!(answer(&url(&cluster, mode), encrypted), is, "{mode}");
    }
    let wrong = cluster.url("app", "wrong", "app", "verify-full");
    assert!(refusal(&wrong, "select 1").contains("password authentication failed"));
    // The superuser comes in over the socket only.
    let above = cluster.url("postgres", "", "app", "disable");
    assert!(refusal(&above, "select 1").contains("no password supplied"));
    // Another authority is not believed.
    let other = Cluster::fast().unwrap();
    let known = cluster.ca().display().to_string();
    let unknown = url(&cluster, "verify-full").replace(&known, &other.ca().display().to_string());
    let refused = refusal(&unknown, "select 1");
    assert!(refused.contains("certificate verify failed"), "{refused}");
}

#[test]
fn what_was_committed_survives_a_stop_and_a_kill() {
    let Some(cluster) = furnished(Cluster::start()) else { return };
    let url = url(&cluster, "disable");
    assert_eq!(cluster.run("postgres", "show fsync"), "on");
    answer(&url, "create table t (n int)");
    answer(&url, "insert into t values (1)");
    cluster.stop();
    assert!(refusal(&url, "select 1").contains("Connection refused"));
    cluster.restart();
    answer(&url, "insert into t values (2)");
    // One transaction is open when it is killed.
    let mut open = psql(&url);
    open.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut open = open.spawn().unwrap();
    let mut say = open.stdin.take().unwrap();
    say.write_all(b"begin; insert into t values (3) returning n;\n").unwrap();
    let mut heard = String::new();
    BufReader::new(open.stdout.take().unwrap()).read_line(&mut heard).unwrap();
    assert_eq!(heard, "3\n");
    cluster.kill();
    drop(say);
    open.wait().unwrap();
    cluster.restart();
    assert_eq!(answer(&url, "select string_agg(n::text, ',' order by n) from t"), "1,2");
    assert!(cluster.log().contains("was not properly shut down"), "{}", cluster.log());
}

#[test]
fn five_connections_are_two_for_others_than_superusers() {
    let options = Options { fast: true, max_connections: Some(5), ..Options::default() };
    let Some(cluster) = furnished(Cluster::with(&options)) else { return };
    let url = url(&cluster, "disable");
    let held: Vec<_> = (0..2)
        .map(|_| {
            let mut held = psql(&url);
            let mut held = held.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            held.stdin.as_mut().unwrap().write_all(b"select 1;\n").unwrap();
            let mut line = String::new();
            BufReader::new(held.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            held
        })
        .collect();
    assert!(refusal(&url, "select 1").contains("remaining connection slots are reserved"));
    assert_eq!(cluster.run("postgres", "select 1"), "1");
    for mut one in held {
        drop(one.stdin.take());
        one.wait().unwrap();
    }
    // The server lets go of a session a moment after its client has gone.
    while !ask(&url, "select 1").status.success() {
        std::thread::yield_now();
    }
}

#[test]
fn a_full_disk_is_an_error_and_then_none() {
    let Some(cluster) = furnished(Cluster::on_small_disk(96)) else { return };
    let url = url(&cluster, "disable");
    answer(&url, "create table t (n int, filler text)");
    cluster.fill_disk();
    let insert = "insert into t select n, repeat('x', 1000) from generate_series(1, 10000) n";
    assert!(refusal(&url, insert).contains("No space left on device"));
    cluster.relieve_disk();
    // Whether it could still write its log or had to begin again: it goes on.
    while !ask(&url, "select 1").status.success() {
        std::thread::yield_now();
    }
    assert_eq!(answer(&url, "select count(*) from t"), "0");
    answer(&url, insert);
}

/// What a killed test leaves behind: nothing. The test starts itself as the one that is killed.
#[test]
fn everything_ends_with_a_process_that_is_killed() {
    const VICTIM: &str = "BAILEE_TEST_VICTIM";
    if std::env::var_os(VICTIM).is_some() {
        let Some(cluster) = Cluster::on_small_disk(96) else { return };
        println!("victim {}", cluster.ca().parent().unwrap().display());
        // Until it is killed.
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "servers::postgres::everything_ends_with_a_process_that_is_killed"]);
    victim.arg("--nocapture").env(VICTIM, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut victim = victim.spawn().unwrap();
    let said = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = said.filter_map(|line| Some(line.split_once("victim ")?.1.to_owned()));
    let folder = said.next();
    let ran =
        folder.as_ref().is_some_and(|folder| Path::new(folder).join("disk/data/base").exists());
    victim.kill().unwrap();
    victim.wait().unwrap();
    // Where it could not run it said so.
    let Some(folder) = folder else { return };
    assert!(ran);
    let folder = Path::new(&folder);
    // The folder is the last to go.
    while folder.exists() {
        std::thread::yield_now();
    }
    let shown = folder.display().to_string();
    assert!(!std::fs::read_to_string("/proc/mounts").unwrap().contains(&shown));
    for process in std::fs::read_dir("/proc").unwrap().map_while(Result::ok) {
        let place = std::fs::read_link(process.path().join("cwd")).unwrap_or_default();
        assert!(!place.to_string_lossy().starts_with(&shown), "{process:?}");
    }
}
