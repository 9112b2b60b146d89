//! Signing in to real hosts under a grant, and being put out when it ends: the program with
//! Debian's `sshd` and PostgreSQL.

use super::devices::session;
use super::hosts::{Login, Postgres, Sshd, keygen};
use super::support::{Client, Server, Store, ends_with, text};
use kernel::{Clock as _, Moment, SystemClock};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const SYSTEM: &str = "web-1";

/// A team, a system, and the service that reports about it.
struct Scene<'s> {
    server: &'s Server,
    eve: String,
    abe: String,
    lea: String,
    agent: String,
}

impl<'s> Scene<'s> {
    fn new(server: &'s Server) -> Self {
        let person = |name: &str, roles: &str| {
            let create = ["person", "create", name, "--roles", roles, "--json"];
            server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned()
        };
        let service = ["service", "create", "agent", "--json"];
        let agent = server.did(&server.admin, &service)["token"].as_str().unwrap().to_owned();
        let scene = Self {
            server,
            eve: person("eve", "engineer"),
            abe: person("abe", "approver"),
            lea: person("lea", "security-lead,responder"),
            agent,
        };
        let system = json!({"name": SYSTEM, "kind": "host", "purpose": "shop",
            "owner": "person:lea", "reporter": "service:agent"});
        scene.post("/v1/systems", &system);
        let source = json!({"name": SYSTEM, "what": "sshd of web-1", "kind": "lines",
            "service": "service:agent", "system": SYSTEM});
        scene.post("/v1/sources", &source);
        scene
    }

    fn as_lea(&self) -> Client {
        self.server.client(&self.lea)
    }

    fn post(&self, path: &str, body: &Value) {
        self.as_lea().post(path, body.to_string().as_bytes()).expect(201);
    }

    /// A grant that was asked for, approved and begun; gives its id.
    fn granted(&self, logins: &str, more: &[&str]) -> String {
        let ask = ["request", "--system", SYSTEM, "--login", logins, "--purpose", "a disk is full"];
        let rest = ["--reference", "T-9", "--for", "1h", "--json"];
        let asked = self.server.did(&self.eve, &[&ask[..], &rest, more].concat());
        let id = asked["id"].as_str().unwrap();
        self.server.did(&self.abe, &["approve", id, "--json"]);
        let begun = self.server.did(&self.eve, &["request", "begin", id, "--json"]);
        begun["begun"]["grant"].as_str().unwrap().to_owned()
    }

    /// A certificate for a key that the test keeps; gives its line.
    fn certificate(&self, token: &str, public: &str) -> String {
        let body = json!({"kind": "ssh", "system": SYSTEM, "key": public.trim()});
        let mut client = self.server.client(token);
        let made = client.post("/v1/certificates", body.to_string().as_bytes()).expect(201).json();
        made["certificate"].as_str().unwrap().to_owned()
    }

    fn public(&self, path: &str) -> String {
        self.server.client("").get(path).expect(200).text().to_owned()
    }

    /// `bailee ssh` to the host.
    fn ssh(&self, token: &str, host: &Sshd, login: &str, command: &str) -> Command {
        let port = host.port.to_string();
        let begin = ["ssh", "--system", SYSTEM, "--login", login, "-p", &port];
        let mut ssh = self.server.command(token, &begin);
        for option in host.known() {
            ssh.arg("-o").arg(option);
        }
        ssh.args(["127.0.0.1", "--", command]);
        ssh
    }

    fn agent(&self, token: &str, words: &[&str]) -> Command {
        let begin = ["agent", "--system", SYSTEM, "--source", SYSTEM];
        self.server.command(token, &[&begin[..], words].concat())
    }

    fn fact(&self, claim: &str) -> Value {
        let row = self.as_lea().get(&format!("/v1/systems/{SYSTEM}")).expect(200).json();
        let facts = row["facts"].as_array().unwrap().iter().rev();
        facts.into_iter().find(|fact| fact["claim"] == claim).cloned().unwrap_or_default()
    }
}

/// Something that runs until this is dropped.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn since(moment: Moment) -> Duration {
    SystemClock.now().since(moment)
}

/// Asks until it is so, each time by something that takes its own time.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = SystemClock.now();
    while !so() {
        assert!(since(begun) < Duration::from_secs(60), "never: {what}");
    }
}

/// An open session that said `here` and goes on until it is ended.
fn open(mut ssh: Command) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child =
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "here\n");
    child.stdin.as_mut().unwrap().write_all(b"still\n").unwrap();
    line.clear();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "still\n");
    (child, said)
}

const OPEN: &str = "echo here; cat";

#[test]
fn a_person_signs_in_under_a_grant_and_is_put_out_when_they_leave() {
    let store = Store::init();
    let server = store.serve();
    let scene = Scene::new(&server);
    let authority = scene.public("/pki/ssh_ca.pub");
    let user = me();
    let principal = format!("{user}@{SYSTEM}");
    let Some(host) = Sshd::start(authority.trim(), &[&principal]) else { return };
    let (list, log) = (host.list(), host.log());
    let words = ["--krl", text(&list), "--log", text(&log), "--every", "1s"];
    ends_with(&scene.agent(&scene.agent, &[&words[..], &["--once"]].concat()).output().unwrap(), 0);
    assert!(list.exists());

    // Nobody signs in without a grant, nor under a login that it does not name.
    ends_with(&scene.ssh(&scene.eve, &host, &user, "true").output().unwrap(), 4);
    let grant = scene.granted(&user, &[]);
    let said = scene.ssh(&scene.eve, &host, &user, "echo $((6*7))").output().unwrap();
    assert_eq!(ends_with(&said, 0), "42\n");
    let said = scene.ssh(&scene.eve, &host, "nobody", "true").output().unwrap();
    assert!(ends_with(&said, 4).contains("`nobody` is not in grant"));
    for token in [&scene.agent, &scene.abe, &server.admin] {
        ends_with(&scene.ssh(token, &host, &user, "true").output().unwrap(), 4);
    }
    // What the client ends with is what the command ends with, and no key is left behind.
    let mut ssh = scene.ssh(&scene.eve, &host, &user, "exit 9");
    let folder = tempfile::tempdir().unwrap();
    ends_with(&ssh.env("XDG_RUNTIME_DIR", folder.path()).output().unwrap(), 9);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let _agent = Running::start(scene.agent(&scene.agent, &words));
    let key = store.beside("key");
    let line = scene.certificate(&scene.eve, &keygen(&key, &["-t", "ed25519"]));
    let login = Login { key: &key, certificate: &line, options: &[] };
    host.accepts(&login, "true");
    let (mut session, mut rest) = open(scene.ssh(&scene.eve, &host, &user, OPEN));
    // The agent's place in the log is where the session began, once it has told of it.
    let seen = |what: &str| {
        let path = format!("/v1/signals?where=certificate.person%3Dperson%3Aeve&text={what}");
        let found = scene.as_lea().get(&path).expect(200).json();
        found["items"].as_array().unwrap().first().cloned()
    };
    until("the session in the signals", || seen("Accepted").is_some());
    let fields = &seen("Accepted").unwrap()["fields"];
    assert_eq!(fields["certificate.grant"], grant.as_str(), "{fields}");
    assert_eq!(fields["certificate.login"], user.as_str());
    let fact = scene.fact("revocation-enforced");
    assert_eq!((&fact["good"], &fact["source"]), (&json!(true), &json!("measured")), "{fact}");

    ends_with(&server.cli(&server.admin, &["person", "end", "eve"]), 0);
    let left = SystemClock.now();
    let (mut accepted, mut tries) = (None, 0);
    until("a sign-in that is refused", || {
        let went = host.command(&login, "true").stdin(Stdio::null()).output().unwrap();
        tries += 1;
        if went.status.success() {
            accepted = Some(since(left));
        }
        // One that was signed in and then cut is neither.
        String::from_utf8_lossy(&went.stderr).contains("Permission denied")
    });
    let refused = since(left);
    let mut line = String::new();
    assert_eq!(rest.read_line(&mut line).unwrap(), 0, "the session ends");
    let status = session.wait().unwrap();
    let cut = since(left);
    eprintln!(
        "after `person end`: last accepted sign-in {accepted:?}, first refused {refused:?} \
         (of {tries}), session cut by {cut:?}"
    );
    assert!(!status.success() && cut < Duration::from_secs(30), "{status:?}");
    until("the end of the session in the signals", || seen("ended").is_some());
    host.refuses(&login, "revoked by file");
}

fn me() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_grant_that_is_given_back_ends_its_session_and_a_forced_command_stays_forced() {
    let store = Store::init();
    let server = store.serve();
    let scene = Scene::new(&server);
    let user = me();
    let principal = format!("{user}@{SYSTEM}");
    let authority = scene.public("/pki/ssh_ca.pub");
    let Some(host) = Sshd::start(authority.trim(), &[&principal]) else { return };
    let (list, log) = (host.list(), host.log());
    let words = ["--krl", text(&list), "--log", text(&log), "--every", "1s"];
    let hostile = ["--command", "uptime\nsh"];
    let ask = ["request", "--system", SYSTEM, "--login", &user, "--purpose", "p"];
    let rest = ["--reference", "T-9", "--for", "1h"];
    let refused = server.cli(&scene.eve, &[&ask[..], &rest, &hostile].concat());
    assert!(ends_with(&refused, 1).contains("command"));
    let forced = scene.granted(&user, &["--command", "echo forced"]);
    let _agent = Running::start(scene.agent(&scene.agent, &words));
    until("the first list", || scene.fact("revocation-enforced")["good"] == true);
    let said = scene.ssh(&scene.eve, &host, &user, "sh -i").output().unwrap();
    assert_eq!(ends_with(&said, 0), "forced\n");
    ends_with(&server.cli(&scene.eve, &["grant", "release", &forced]), 0);

    let grant = scene.granted(&user, &[]);
    let (mut session, mut rest) = open(scene.ssh(&scene.eve, &host, &user, OPEN));
    ends_with(&server.cli(&server.admin, &["grant", "end", &grant]), 0);
    let ended = SystemClock.now();
    let mut line = String::new();
    assert_eq!(rest.read_line(&mut line).unwrap(), 0, "the session ends");
    assert!(!session.wait().unwrap().success());
    eprintln!("after `grant end`: session cut by {:?}", since(ended));
    ends_with(&scene.ssh(&scene.eve, &host, &user, "true").output().unwrap(), 4);
}

#[test]
fn a_host_that_hears_nothing_lets_nobody_in_and_says_what_it_cannot_write() {
    let store = Store::init();
    let server = store.serve();
    let scene = Scene::new(&server);
    let user = me();
    let authority = scene.public("/pki/ssh_ca.pub");
    let Some(host) = Sshd::start(authority.trim(), &[&format!("{user}@{SYSTEM}")]) else { return };
    scene.granted(&user, &[]);
    let key = store.beside("key");
    let line = scene.certificate(&scene.eve, &keygen(&key, &["-t", "ed25519"]));
    let login = Login { key: &key, certificate: &line, options: &[] };
    // A place where nobody writes, not even root.
    let nowhere = ["--krl", "/proc/krl", "--once"];
    let said = ends_with(&scene.agent(&scene.agent, &nowhere).output().unwrap(), 1);
    assert!(said.contains("cannot write `/proc/krl`"), "{said}");
    let fact = scene.fact("revocation-enforced");
    assert_eq!(fact["good"], false, "and the register knows: {fact}");
    host.refuses(&login, "No such file");

    let list = host.list();
    let words = ["--krl", text(&list), "--every", "1s", "--stale", "2s"];
    ends_with(&scene.agent(&scene.agent, &[&words[..], &["--once"]].concat()).output().unwrap(), 0);
    host.accepts(&login, "true");
    // A token that is none may not report, so the round is not good; the list is there.
    let stranger = scene.agent("bailee_none", &[&words[..], &["--once"]].concat());
    ends_with(&{ stranger }.output().unwrap(), 1);
    let _agent = Running::start(scene.agent(&scene.agent, &words));
    until("a good report", || scene.fact("revocation-enforced")["good"] == true);
    server.kill();
    until("the list is gone", || !list.exists());
    host.refuses(&login, "No such file");
}

/// `bailee db` with psql as this role.
fn psql(scene: &Scene<'_>, host: &Postgres, role: &str, statement: &str) -> Command {
    let (address, ca) = host.address();
    let begin = ["db", "--system", SYSTEM, "--role", role, "--server-ca", text(&ca), "--"];
    let rest = ["psql", "-XqAtw", "-d", &address, "-c", statement];
    scene.server.command(&scene.eve, &[&begin[..], &rest].concat())
}

#[test]
fn a_database_takes_the_role_of_the_grant_and_its_sessions_end_with_it() {
    let store = Store::init();
    let server = store.serve();
    let scene = Scene::new(&server);
    let (ca, list) = (scene.public("/pki/ca.pem"), scene.public("/pki/ca.crl"));
    let Some(host) = Postgres::start(&ca, &list, &["app", "reports"]) else { return };
    host.restrict(SYSTEM);
    let owner = host.owner();
    let file = host.list();
    let words = ["--crl", text(&file), "--database", &owner, "--every", "1s"];
    let grant = scene.granted("app", &[]);
    let said = psql(&scene, &host, "app", "select current_user").output().unwrap();
    assert_eq!(ends_with(&said, 0), "app\n");
    let said = psql(&scene, &host, "reports", "select 1").output().unwrap();
    assert!(ends_with(&said, 4).contains("`reports` is not in grant"));
    // A certificate of another system, on the same authority, is refused by this one.
    host.restrict("db-9");
    let other = |output: &Output| output.status.code() == Some(2);
    until("another map", || other(&psql(&scene, &host, "app", "select 1").output().unwrap()));
    host.restrict(SYSTEM);
    let good = |output: &Output| output.status.success();
    until("the own map", || good(&psql(&scene, &host, "app", "select 1").output().unwrap()));

    let _agent = Running::start(scene.agent(&scene.agent, &words));
    until("a good report", || scene.fact("revocation-enforced")["good"] == true);
    let mut waiting = psql(&scene, &host, "app", "select pg_sleep(600)");
    let mut waiting = waiting.stderr(Stdio::piped()).spawn().unwrap();
    let count = "select count(*) from pg_stat_ssl where client_serial is not null";
    until("the session", || host.run(count).trim() == "1");
    let kept = store.beside("kept");
    keep(&scene, &kept);
    host.who("app", &kept.join("crt"), &kept.join("key"));
    ends_with(&server.cli(&server.admin, &["grant", "end", &grant]), 0);
    let ended = SystemClock.now();
    assert!(!waiting.wait().unwrap().success());
    eprintln!("after `grant end`: session of PostgreSQL cut by {:?}", since(ended));
    until("a sign-in that is refused", || {
        !good(&host.who("app", &kept.join("crt"), &kept.join("key")))
    });
    host.refuses("app", &kept.join("crt"), &kept.join("key"), "revoked");
}

/// A certificate whose key the test keeps.
fn keep(scene: &Scene<'_>, folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir(folder).unwrap();
    let script = format!("cp \"$PGSSLCERT\" {0}/crt; cp \"$PGSSLKEY\" {0}/key", folder.display());
    let begin = ["db", "--system", SYSTEM, "--role", "app", "--", "sh", "-c", &script];
    ends_with(&scene.server.cli(&scene.eve, &begin), 0);
    fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Ways in, each tried again and again until it is refused.
const WAYS: [&str; 4] = ["API", "console", "SSH sign-in", "PostgreSQL sign-in"];

/// When the last try was answered that was let in, for each way: tries until one is refused.
fn last_accepted(tries: [Box<dyn Fn() -> bool + Send + '_>; 4]) -> [Moment; 4] {
    std::thread::scope(|scope| {
        let running = tries.map(|does| {
            scope.spawn(move || {
                let mut last = SystemClock.now();
                let begun = last;
                while does() {
                    last = SystemClock.now();
                    assert!(since(begun) < Duration::from_secs(120), "it is never refused");
                }
                last
            })
        });
        running.map(|one| one.join().unwrap())
    })
}

#[test]
fn a_termination_in_the_directory_ends_every_way_in() {
    let store = Store::init();
    let server = store.serve();
    let mut scene = Scene::new(&server);
    let (scim, user) = directory_user(&server);
    let issued = server.administrator().post("/v1/people/ada/tokens", b"").expect(201).json();
    scene.eve = issued["token"].as_str().unwrap().to_owned();
    let login = me();
    let authority = scene.public("/pki/ssh_ca.pub");
    let Some(host) = Sshd::start(authority.trim(), &[&format!("{login}@{SYSTEM}")]) else { return };
    let (ca, crl) = (scene.public("/pki/ca.pem"), scene.public("/pki/ca.crl"));
    let Some(database) = Postgres::start(&ca, &crl, &["app"]) else { return };
    database.restrict(SYSTEM);
    scene.granted(&login, &["--login", "app"]);
    let (krl, crl, owner) = (host.list(), database.list(), database.owner());
    let words = ["--krl", text(&krl), "--crl", text(&crl), "--database", &owner, "--every", "1s"];
    let _agent = Running::start(scene.agent(&scene.agent, &words));
    until("a good report", || scene.fact("revocation-enforced")["good"] == true);
    let key = store.beside("key");
    let line = scene.certificate(&scene.eve, &keygen(&key, &["-t", "ed25519"]));
    let kept = store.beside("kept");
    keep(&scene, &kept);
    let (crt, own) = (kept.join("crt"), kept.join("key"));
    let cookie = session(&server, "ada");

    let token = scene.eve.clone();
    let over_api = || server.client(&token).get("/v1/measures").status == 200;
    let over_console = || {
        let fields = [("cookie", cookie.as_str())];
        server.client("").ask("GET", "/registers", &fields, None).status == 200
    };
    let over_ssh = || {
        let with = Login { key: &key, certificate: &line, options: &[] };
        host.command(&with, "true").stdin(Stdio::null()).output().unwrap().status.success()
    };
    let over_database = || database.who("app", &crt, &own).status.success();
    assert!(over_api() && over_console() && over_ssh() && over_database(), "all of it counts");
    let (sent, answered, last) = std::thread::scope(|scope| {
        let tries = scope.spawn(|| {
            last_accepted([
                Box::new(over_api),
                Box::new(over_console),
                Box::new(over_ssh),
                Box::new(over_database),
            ])
        });
        let out = json!({"Operations": [{"op": "Replace", "path": "active", "value": "False"}]});
        let sent = SystemClock.now();
        let path = format!("/scim/v2/Users/{user}");
        let mut client = server.client(&scim);
        client.ask("PATCH", &path, &[], Some(out.to_string().as_bytes())).expect(200);
        (sent, SystemClock.now(), tries.join().unwrap())
    });
    for (way, last) in WAYS.iter().zip(last) {
        figure(&format!("termination to the last accepted act: {way}"), last.since(sent));
    }
    figure("termination by SCIM, answered", answered.since(sent));
    host.refuses(&Login { key: &key, certificate: &line, options: &[] }, "revoked by file");
    database.refuses("app", &crt, &own, "revoked");
    server.client(&token).get("/v1/measures").expect(401);
}

/// A directory with an engineer: the token of its service, and the user's id. The person is `ada`.
fn directory_user(server: &Server) -> (String, String) {
    let create = ["service", "create", "staff", "--json"];
    let token = server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned();
    let add = ["directory", "add", "--service", "staff", "--purpose", "the staff"];
    ends_with(&server.cli(&server.admin, &add), 0);
    let map = ["directory", "map", "staff", "--group", "Engineers", "--role", "engineer"];
    ends_with(&server.cli(&server.admin, &map), 0);
    let mut client = server.client(&token);
    let user = json!({"userName": "ada@northwind.example"}).to_string();
    let user = client.post("/scim/v2/Users", user.as_bytes()).expect(201).json();
    let id = user["id"].as_str().unwrap().to_owned();
    let group = json!({"displayName": "Engineers", "members": [{"value": id}]}).to_string();
    client.post("/scim/v2/Groups", group.as_bytes()).expect(201);
    (token, id)
}

/// Says what was measured, and keeps it for the benchmark where that asks for it.
fn figure(what: &str, took: Duration) {
    eprintln!("{what}: {took:?}");
    let Some(file) = std::env::var_os("BAILEE_FIGURES") else { return };
    let row = json!({"what": what, "value": took.as_secs_f64() * 1000.0, "unit": "ms",
        "more": "agent every second, unoptimized build"});
    let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
    writeln!(file, "{row}").unwrap();
}
