//! What ships for machines: the unit of systemd, and the example configurations.

use super::support::{BAILEE, Server, Store, skip_unless_all, text, workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What `systemd-analyze security` may say of the unit, of 100; a unit without settings is at 96.
const EXPOSURE: &str = "--threshold=11";
const WITH_NFTABLES: &str = "--threshold=15";

fn shipped(name: &str) -> String {
    fs::read_to_string(workspace().join("packaging").join(name)).unwrap()
}

fn analyze(words: &[&str]) -> Option<Output> {
    let output = Command::new("systemd-analyze").args(words).output();
    if output.is_err() {
        skip_unless_all("Debian's `systemd` is not installed: no systemd-analyze");
    }
    output.ok()
}

/// The unit as it ships, with a program that is there and what is put beside it.
fn installed(folder: &Path, drop_ins: &[&str]) -> PathBuf {
    let unit = shipped("bailee.service");
    assert_eq!(unit.matches("/usr/bin/bailee ").count(), 1);
    let path = folder.join("bailee.service");
    fs::write(&path, unit.replace("/usr/bin/bailee ", &format!("{BAILEE} "))).unwrap();
    let further = folder.join("bailee.service.d");
    fs::create_dir(&further).unwrap();
    for drop_in in drop_ins {
        let name = Path::new(drop_in).file_name().unwrap();
        fs::write(further.join(name), shipped(drop_in)).unwrap();
    }
    path
}

fn security<'a>(exposure: &'a str, unit: &'a Path) -> [&'a str; 5] {
    ["security", "--no-pager", "--offline=true", exposure, text(unit)]
}

#[test]
fn the_unit_is_understood_and_exposes_little() {
    let scratch = tempfile::tempdir().unwrap();
    let unit = scratch.path().join("bailee.service");
    for (drop_ins, exposure) in [
        (&[][..], EXPOSURE),
        (&["three-nodes/bailee.service.d/store.conf"], EXPOSURE),
        (&["one-machine/bailee.service.d/nftables.conf"], WITH_NFTABLES),
    ] {
        let place = tempfile::tempdir().unwrap();
        let unit = installed(place.path(), drop_ins);
        let Some(verified) = analyze(&["verify", text(&unit)]) else { return };
        assert!(verified.status.success(), "{verified:?}");
        // A setting that is not known is only a warning to systemd.
        assert!(verified.stderr.is_empty(), "{verified:?}");
        let judged = analyze(&security(exposure, &unit)).unwrap();
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    }
    // Both can fail.
    fs::write(&unit, shipped("bailee.service").replace("ProtectClock=yes", "ProtectClok=yes"))
        .unwrap();
    let misspelt = analyze(&["verify", text(&unit)]).unwrap();
    assert!(String::from_utf8_lossy(&misspelt.stderr).contains("ProtectClok"), "{misspelt:?}");
    fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    assert!(!analyze(&security(WITH_NFTABLES, &unit)).unwrap().status.success());
}

/// Groups of system calls, as systemd has them, down to single calls.
fn groups() -> Option<BTreeMap<String, BTreeSet<String>>> {
    let said = String::from_utf8(analyze(&["syscall-filter", "--no-pager"])?.stdout).unwrap();
    let mut named = BTreeMap::<String, Vec<String>>::new();
    let mut group = String::new();
    for line in said.lines() {
        match line.trim() {
            name if line.starts_with('@') => group = name.to_owned(),
            "" => {}
            call if call.starts_with('#') => {}
            call => named.entry(group.clone()).or_default().push(call.to_owned()),
        }
    }
    let mut whole = BTreeMap::new();
    for name in named.keys() {
        let mut calls = BTreeSet::new();
        let mut waiting = vec![name.clone()];
        while let Some(next) = waiting.pop() {
            match named.get(&next) {
                Some(inside) => waiting.extend(inside.iter().cloned()),
                None => drop(calls.insert(next)),
            }
        }
        whole.insert(name.clone(), calls);
    }
    Some(whole)
}

/// What the unit allows of them.
fn allowed(unit: &str) -> Option<BTreeSet<String>> {
    let groups = groups()?;
    let mut calls = groups["@default"].clone();
    for line in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        for group in line.trim_start_matches('~').split(' ') {
            match line.starts_with('~') {
                true => calls.retain(|call| !groups[group].contains(call)),
                false => calls.extend(groups[group].iter().cloned()),
            }
        }
    }
    Some(calls)
}

/// The server is traced while it begins, works and ends: nothing that it does is refused by the
/// unit, which systemd would only say when it is too late.
#[test]
fn the_unit_allows_what_the_server_does() {
    let unit = shipped("bailee.service");
    let Some(allowed) = allowed(&unit) else { return };
    if Command::new("strace").arg("-V").output().is_err() {
        return skip_unless_all("Debian's `strace` is not installed");
    }
    let store = Store::init();
    let config = store.beside("bailee.toml");
    // Only where it listens is of the example's machine.
    let example = shipped("one-machine/bailee.toml").replace("127.0.0.1:9464", "127.0.0.1:0");
    fs::write(&config, example).unwrap();
    let trace = store.beside("trace");
    let server = store.command(&["--config", text(&config)], &[]);
    let mut traced = Command::new("strace");
    // The tracer stands aside: the child is the server itself.
    traced.args(["-D", "-f", "-q", "-y", "-o", text(&trace)]).arg(server.get_program());
    traced.args(server.get_args());
    let server = Server::start(&mut traced, &store).unwrap();
    let worker = server.acme();
    let mut client = server.client(&worker);
    client.put("/v1/accounts/acme/collections/cases/records/a", b"1").expect(201);
    client.get("/v1/accounts/acme/collections/cases/records/a").expect(200);
    let main = server.pid().to_string();
    server.stop();
    let exited = |line: &str| line.starts_with(&main) && line.contains("+++ exited with 0");
    let lines = loop {
        let lines = fs::read_to_string(&trace).unwrap();
        if lines.lines().any(exited) {
            break lines;
        }
        std::thread::yield_now();
    };
    let calls = lines.lines().filter_map(|line| line.split_once(' ')?.1.trim().split_once('('));
    assert!(lines.contains(" fdatasync(") && lines.contains(" accept4("), "this is no trace");
    let own = [store.data.display().to_string(), store.keys.display().to_string()];
    for (call, rest) in
        calls.filter(|(call, _)| call.chars().all(|c| c.is_alphanumeric() || c == '_'))
    {
        // SQLite hands its files to the store's owner if it is root, as the unit's user is not.
        assert!(allowed.contains(call) || call == "fchown", "{call}({rest}");
        if call == "socket" {
            let family = rest.split(',').next().unwrap();
            assert!(["AF_INET", "AF_INET6", "AF_UNIX"].contains(&family), "socket({rest}");
        }
        let executable = rest.contains("PROT_WRITE") && rest.contains("PROT_EXEC");
        assert!(!executable, "memory that is written and run: {call}({rest}");
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| rest.contains(flag));
        if call == "openat" && writes {
            let inside = own.iter().any(|folder| rest.contains(folder));
            assert!(inside || rest.contains("\"/dev/null\""), "written elsewhere: openat({rest}");
        }
    }
}

/// The variables that the unit reads hold what a shell would read in them, and no password.
#[test]
fn the_examples_are_what_the_server_reads() {
    for place in ["one-machine", "three-nodes"] {
        let store = Store::init();
        let config = store.beside("bailee.toml");
        let example = shipped(&format!("{place}/bailee.toml"));
        fs::write(&config, example.replace("127.0.0.1:9464", "127.0.0.1:0")).unwrap();
        store.serve_with(&["--config", text(&config)], &[]).stop();
        let variables = shipped(&format!("{place}/bailee.env"));
        let mut lines = variables.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.next(), Some("BAILEE_LOG=info"));
        let options = lines.next().unwrap().strip_prefix("BAILEE_OPTIONS=").unwrap();
        assert_eq!(lines.next(), None);
        let store = options.trim_matches('"').strip_prefix("--store ");
        assert_eq!(store.is_some(), place == "three-nodes");
        // A space would end the option, a password be seen by whoever lists processes.
        assert!(
            store.is_none_or(|url| !url.contains(' ') && url.starts_with("postgres://bailee@"))
        );
    }
}
