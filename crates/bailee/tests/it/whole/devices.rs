//! Signing a program in with a code, and tokens that count with a proof of their key alone: npm
//! `oauth4webapi` as the program.

use super::support::receipts::tools;
use super::support::{Server, Store, ends_with, skip_unless_all, workspace};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

struct Program {
    child: Child,
    wish: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Program {
    fn start(server: &Server, store: &Store) -> Self {
        let mut child = Command::new("node")
            .arg(workspace().join("tests/foreign/device.mjs"))
            .arg(format!("https://localhost:{}", server.address.port()))
            .env("BAILEE_TOOLS", tools())
            .env("NODE_EXTRA_CA_CERTS", store.data.join("tls/ca.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (wish, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, wish, answers: BufReader::new(answers) }
    }

    fn heard(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the program said `{line}`"))
    }

    fn go_on(&mut self) {
        writeln!(self.wish, "on").unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The cookie of a new session of somebody of the team.
pub fn session(server: &Server, name: &str) -> String {
    let made = server.did(&server.admin, &["person", "invite", name, "--json"]);
    let link = made["link"].as_str().unwrap();
    let (_, body) = link.split_once("/sign-in?").unwrap();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let fields = [kind, ("sec-fetch-site", "same-origin")];
    let mut client = server.client("");
    let began = client.ask("POST", "/sign-in", &fields, Some(body.as_bytes())).expect(303);
    let cookie = began.field("set-cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// A browser with a session: the value of its cookie.
struct Browser<'s> {
    server: &'s Server,
    cookie: String,
}

impl<'s> Browser<'s> {
    fn of(server: &'s Server, name: &str) -> Self {
        Self { server, cookie: session(server, name) }
    }

    /// Types a code in; gives status and page.
    fn approves(&self, code: &str) -> (u16, String) {
        let mut client = self.server.client("");
        let page = client.ask("GET", "/device", &[("cookie", &self.cookie)], None).expect(200);
        let page = page.text();
        let hidden = |name: &str| {
            let at = page.find(&format!("name=\"{name}\" value=\"")).unwrap();
            page[at..].split('"').nth(3).unwrap().to_owned()
        };
        let body = format!("_form={}&_once={}&code={code}", hidden("_form"), hidden("_once"));
        let fields = [
            ("cookie", self.cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        let answer = client.ask("POST", "/device", &fields, Some(body.as_bytes()));
        (answer.status, answer.text())
    }
}

#[test]
fn a_program_signs_in_with_a_code_and_its_token_is_worth_nothing_without_its_key() {
    if !tools().join("node_modules/oauth4webapi").exists() {
        return skip_unless_all("npm `oauth4webapi` is not installed");
    }
    let store = Store::init();
    let server = store.serve();
    server.did(&server.admin, &["person", "create", "eve", "--roles", "engineer", "--json"]);
    let eve = Browser::of(&server, "eve");
    let mut program = Program::start(&server, &store);
    let begun = program.heard();
    assert_eq!(begun["early"], json!(["authorization_pending", "slow_down"]), "{begun}");
    let code = begun["codes"]["user_code"].as_str().unwrap().to_owned();
    let (status, page) = eve.approves("AAAA-AAAA");
    assert!(status == 422 && page.contains("such as BCDF-GHJK"), "{status} {page}");
    let (status, page) = eve.approves(&code.to_lowercase());
    assert!(status == 200 && page.contains("Approved"), "{status} {page}");
    let (status, page) = eve.approves(&code);
    assert!(status == 422 && page.contains("approved already"), "{status} {page}");
    program.go_on();
    let got = program.heard();
    let token = &got["token"];
    assert_eq!(token["token_type"], "dpop", "{got}");
    assert_eq!(token["principal"], "person:eve");
    assert!((28_700..=28_800).contains(&token["expires_in"].as_u64().unwrap()), "{got}");
    // The code is used up, and who asks too soon hears so first.
    assert!(["slow_down", "authorization_pending"].contains(&got["again"].as_str().unwrap()));
    assert_eq!(program.heard()["get"], 200);

    let forged = program.heard();
    let forged = forged["forged"].as_object().unwrap();
    for (how, answer) in forged {
        let good = ["good", "first"].contains(&how.as_str());
        assert_eq!(answer[0], if good { 200 } else { 401 }, "{how}: {answer}");
        let challenge = answer[1].as_str().unwrap();
        match how.as_str() {
            "good" | "first" => assert_eq!(challenge, ""),
            // A token whose key is another's is nobody's.
            "bearer" | "other" => assert_eq!(challenge, "Bearer"),
            "noNonce" | "ownNonce" => assert!(challenge.contains("use_dpop_nonce"), "{challenge}"),
            _ => assert!(challenge.contains("invalid_dpop_proof"), "{how}: {challenge}"),
        }
    }
    assert_eq!(forged.len(), 21);
    // It is no cookie either.
    let token = token["access_token"].as_str().unwrap();
    let cookie = format!("__Host-bailee={token}");
    server.client("").ask("GET", "/device", &[("cookie", &cookie)], None).expect(401);
    // And it ends with its holder.
    ends_with(&server.cli(&server.admin, &["person", "end", "eve"]), 0);
    program.go_on();
    assert_eq!(program.heard()["left"], 401);
}

#[test]
fn codes_that_somebody_makes_up_begin_nothing() {
    let store = Store::init();
    let server = store.serve();
    let mut client = server.client("");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";
    let begin = "/oauth/device_authorization";
    for (path, body, error) in [
        (begin, "", "invalid_client"),
        (begin, "client_id=other", "invalid_client"),
        (begin, "client_id=bailee-cli&client_id=bailee-cli", "invalid_request"),
        (begin, "client_id=%zz", "invalid_request"),
        ("/oauth/token", "client_id=bailee-cli", "unsupported_grant_type"),
        ("/oauth/token", &format!("client_id=bailee-cli&{grant}"), "invalid_request"),
        (
            "/oauth/token",
            &format!("client_id=bailee-cli&{grant}&device_code=x"),
            "invalid_dpop_proof",
        ),
    ] {
        let answer = client.ask("POST", path, &kind, Some(body.as_bytes())).expect(400);
        assert_eq!(answer.json()["error"], error, "{path} {body}");
    }
    let answer = client.ask("POST", begin, &kind, Some(b"client_id=bailee-cli&scope=x&z=1"));
    let codes = answer.expect(200).json();
    assert_eq!(codes["user_code"].as_str().unwrap().len(), 9);
    client.ask("POST", begin, &kind, Some(&[b'x'; 9000])).expect(413);
    client.ask("POST", begin, &[("content-type", "application/json")], Some(b"{}")).expect(415);
    client.ask("GET", "/device", &[], None).expect(401);
}

#[test]
fn the_command_line_signs_in_and_its_file_is_worth_nothing_in_pieces() {
    let store = Store::init();
    let server = store.serve();
    server.did(&server.admin, &["person", "create", "eve", "--roles", "engineer", "--json"]);
    let eve = Browser::of(&server, "eve");
    let place = store.beside("state/session.json");
    let url = format!("https://localhost:{}", server.address.port());
    let bailee = |arguments: &[&str]| {
        let mut command = server.command("", arguments);
        command.env("BAILEE_SESSION", &place).env("BAILEE_URL", &url).env_remove("BAILEE_TOKEN");
        command
    };
    ends_with(&bailee(&["measure", "list"]).output().unwrap(), 4);
    let told = ends_with(&bailee(&["sign-out"]).output().unwrap(), 3);
    assert!(told.contains("nothing to sign out of"), "{told}");
    let sign_in = || {
        let mut signing = bailee(&["sign-in", "--json"]);
        let mut signing = signing.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(signing.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let code = line.trim().rsplit(' ').next().unwrap();
        let (status, page) = eve.approves(code);
        assert_eq!(status, 200, "{line}: {page}");
        let done = signing.wait_with_output().unwrap();
        let done: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(done["principal"], "person:eve");
    };
    sign_in();
    // Reads and writes, again and again, each with a proof of its own.
    let ask = ["request", "--account", "house", "--collections", "x", "--verbs", "connect"];
    ends_with(&bailee(&["measure", "list"]).output().unwrap(), 0);
    ends_with(&bailee(&["measure", "list"]).output().unwrap(), 0);
    let rest = ["--purpose", "p", "--reference", "r", "--for", "1h"];
    let refused = bailee(&[&ask[..], &rest].concat()).output().unwrap();
    assert_ne!(refused.status.code(), Some(4), "a write is let in as far as its rules");
    // The token alone, as somebody would copy it out of the file.
    let kept: Value = serde_json::from_slice(&std::fs::read(&place).unwrap()).unwrap();
    let token = kept["token"].as_str().unwrap();
    server.client(token).get("/v1/measures").expect(401);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&place).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&place, open).unwrap();
    let told = bailee(&["measure", "list"]).output().unwrap();
    assert!(ends_with(&told, 2).contains("can be read by others"));
    let private = || std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&place, private()).unwrap();
    // Signed out, file and key are gone, and a copy of both is worth nothing.
    let copy = std::fs::read(&place).unwrap();
    ends_with(&bailee(&["sign-out"]).output().unwrap(), 0);
    assert!(!place.exists());
    std::fs::write(&place, &copy).unwrap();
    std::fs::set_permissions(&place, private()).unwrap();
    ends_with(&bailee(&["measure", "list"]).output().unwrap(), 4);
    ends_with(&bailee(&["sign-out"]).output().unwrap(), 0);
    assert!(!place.exists(), "what is left of it goes all the same");
    ends_with(&bailee(&["sign-out"]).output().unwrap(), 3);
    // It ends with its holder, and the command says what to do.
    sign_in();
    ends_with(&server.cli(&server.admin, &["person", "end", "eve"]), 0);
    ends_with(&bailee(&["measure", "list"]).output().unwrap(), 4);
}
