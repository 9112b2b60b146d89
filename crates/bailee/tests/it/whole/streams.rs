//! Session signals over real sockets: npm `jose` takes what we tell by the keys that we publish,
//! and tells us what happened elsewhere; and whatever somebody could forge of the latter.

use super::provider::{Scene, serve};
use super::support::receipts::tools;
use super::support::{Server, text, workspace};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const TOKEN: &str = "a-bearer-token.of~crm";

/// A receiver of events, in `tests/foreign/receiver.mjs`.
struct Receiver {
    child: Child,
    wish: ChildStdin,
    answers: BufReader<ChildStdout>,
    port: u64,
}

impl Receiver {
    fn start(task: &Value, ca: &str) -> Self {
        let mut child = Command::new("node")
            .arg(workspace().join("tests/foreign/receiver.mjs"))
            .env("BAILEE_TOOLS", tools())
            .env("NODE_EXTRA_CA_CERTS", ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut wish = child.stdin.take().unwrap();
        writeln!(wish, "{task}").unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut receiver = Self { child, wish, answers, port: 0 };
        receiver.port = receiver.heard()["port"].as_u64().unwrap();
        receiver
    }

    fn heard(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect(&line);
        assert!(said["error"].is_null(), "{said}");
        said
    }

    fn act(&mut self, act: &str, argument: Value) -> Value {
        writeln!(self.wish, "{}", json!([act, argument])).unwrap();
        self.heard()
    }

    /// The next event that came, which is waited for.
    fn next(&mut self) -> Value {
        let said = self.act("next", json!(null));
        assert!(said["event"]["error"].is_null(), "{said}");
        said
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same scene with more in its configuration: before the tables, and behind them.
fn with(scene: Scene, first: &str, last: &str) -> Scene {
    let Scene { store, provider, server, url } = scene;
    server.stop();
    let config = store.beside("bailee.toml");
    let before = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{first}{before}{last}")).unwrap();
    let server = serve(&store);
    Scene { store, provider, server, url }
}

/// How a stream stands, once its newest attempt is as wanted.
fn attempted(server: &Server, wanted: &str) -> Value {
    for _ in 0..2000 {
        let row = server.did(&server.admin, &["stream", "show", "crm", "--json"]);
        if row["last"]["outcome"] == wanted {
            return row;
        }
    }
    panic!("no attempt of the stream ended as `{wanted}`");
}

#[test]
fn what_ends_here_reaches_a_receiver_that_checks_it_also_over_a_restart() {
    let Some(scene) = Scene::with_eve(&json!({})) else { return };
    let secrets = scene.store.beside("secrets");
    fs::create_dir(&secrets).unwrap();
    fs::write(secrets.join("crm"), TOKEN).unwrap();
    fs::set_permissions(secrets.join("crm"), fs::Permissions::from_mode(0o600)).unwrap();
    let (cert, key) = (scene.store.beside("idp.pem"), scene.store.beside("idp.key"));
    let first = format!("anchor_seconds = 1\nsecrets_dir = {secrets:?}\nwebhook_ca = {cert:?}\n");
    let scene = with(scene, &first, "");
    let task = json!({"key": key, "cert": cert, "transmitter": scene.url,
        "audience": "https://crm.example"});
    let mut receiver = Receiver::start(&task, text(&scene.server.ca));
    let address = format!("https://localhost:{}/events", receiver.port);
    let add = ["stream", "add", "crm", "--address", &address];
    let rest = ["--audience", "https://crm.example", "--secret", "crm", "--subject", "iss-sub"];
    let admin = scene.server.admin.clone();
    let did = |server: &Server, say: &[&str]| server.did(&admin, &[say, &["--json"]].concat());
    let row = did(&scene.server, &[&add[..], &rest].concat());
    assert_eq!(row["state"]["word"], "untried", "{row}");

    // The way is tried with an event about nobody.
    did(&scene.server, &["stream", "verify", "crm"]);
    let said = receiver.next();
    let (event, transmitter) = (&said["event"], &said["transmitter"]);
    assert_eq!(event["type"], "application/secevent+jwt");
    assert_eq!(event["bearer"], format!("Bearer {TOKEN}"));
    assert_eq!(
        (&event["header"]["alg"], &event["header"]["typ"]),
        (&json!("ES256"), &json!("secevent+jwt"))
    );
    assert_eq!(transmitter["issuer"], json!(scene.url));
    assert!(event["payload"]["events"].to_string().contains("ssf/event-type/verification"));
    attempted(&scene.server, "delivered");

    // Somebody leaves while the receiver takes nothing: what it says stands on the row.
    let no = json!([400, {"err": "authentication_failed", "description": "who are you?"}]);
    receiver.act("refuse", no);
    did(&scene.server, &["person", "end", "eve"]);
    let first = receiver.next()["event"]["payload"].clone();
    let row = attempted(&scene.server, "failed");
    assert_eq!(row["last"]["error"], "authentication_failed");
    assert_eq!(row["last"]["reply"], "who are you?");
    // After a restart it is the same event, signed anew.
    let Scene { store, provider, server, url } = scene;
    server.stop();
    receiver.act("refuse", json!(null));
    let server = serve(&store);
    let second = receiver.next()["event"]["payload"].clone();
    assert_eq!(first, second);
    let issuer = &provider.issuer;
    let subject = json!({"format": "iss_sub", "iss": issuer, "sub": "sub-7"});
    assert_eq!((&second["sub_id"], &second["iss"]), (&subject, &json!(url)));
    let event =
        &second["events"]["https://schemas.openid.net/secevent/caep/event-type/session-revoked"];
    assert_eq!(event["initiating_entity"], "admin");
    let row = attempted(&server, "delivered");
    assert_eq!((&row["delivered"], &row["lost"]), (&json!(2), &json!(0)));
    assert_eq!(row["state"]["word"], "delivering");

    // Another key: known to everybody before it signs, and no private half anywhere.
    let rotated = server.did(&server.admin, &["signing-key", "rotate", "--json"]);
    let output = Command::new("curl")
        .args(["-s", "--cacert", text(&server.ca), &format!("{url}/.well-known/jwks.json")])
        .output()
        .unwrap();
    let set: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = set["keys"].as_array().unwrap();
    assert!(keys.len() == 2 && keys[1]["kid"] == rotated["key"], "{set}");
    assert!(keys.iter().all(|key| key.get("d").is_none() && key["alg"] == "ES256"), "{set}");
    server.stop();
    store.verified();
}

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// An event that counts, with other claims; what is null is left out.
fn event(scene: &mut Scene, changes: &Value) -> Value {
    let now = scene.provider.act("now", json!(null))["now"].as_u64().unwrap();
    let issuer = scene.provider.issuer.clone();
    let mut claims = json!({"iss": issuer, "aud": scene.url, "iat": now, "jti": "one",
        "sub_id": {"format": "iss_sub", "iss": issuer, "sub": "sub-7"},
        "events": {REVOKED: {"event_timestamp": now}}});
    for (name, value) in changes.as_object().unwrap() {
        match value.is_null() {
            true => drop(claims.as_object_mut().unwrap().remove(name)),
            false => claims[name] = value.clone(),
        }
    }
    claims
}

/// What is answered to a token; `bearer` is what is shown beside it.
fn tell(scene: &Scene, token: &str, bearer: &str) -> (u16, Value) {
    let header = format!("authorization: Bearer {bearer}");
    let kind = "content-type: application/secevent+jwt";
    let url = scene.at("/ssf/events");
    let seen = scene.browser("nobody").go(&url, &["-H", &header, "-H", kind, "--data", token]);
    (seen.status, serde_json::from_str(&seen.body).unwrap_or(Value::Null))
}

/// The scene with a transmitter that is its provider.
fn hearing() -> Option<Scene> {
    let scene = Scene::with_eve(&json!({}))?;
    let (cert, token) = (scene.store.beside("idp.pem"), scene.store.beside("token"));
    fs::write(&token, TOKEN).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let issuer = &scene.provider.issuer;
    let more = format!(
        "[[transmitter]]\nissuer = \"{issuer}\"\naudience = \"{}\"\nca = {cert:?}\n\
         metadata = \"{issuer}/.well-known/openid-configuration\"\ntoken_file = {token:?}\n",
        scene.url
    );
    Some(with(scene, "", &more))
}

#[test]
fn what_is_forged_of_a_security_event_ends_nothing() {
    let Some(mut scene) = hearing() else { return };
    let browser = scene.browser("eve");
    scene.sign_in(&browser).expect(200, "You are signed in");
    let now = scene.provider.act("now", json!(null))["now"].as_u64().unwrap();
    let typed = json!({"typ": "secevent+jwt"});
    let two = json!({REVOKED: {}, "https://example.org/other": {}});
    let other = json!({"format": "iss_sub", "iss": "https://other.example", "sub": "sub-7"});
    for (changes, more, error) in [
        (json!({}), json!({"by": "nobody"}), "invalid_request"),
        (json!({}), json!({"by": "secret", "secret": "x"}), "invalid_request"),
        (json!({}), json!({"by": "other"}), "invalid_key"),
        (json!({}), json!({"header": {"typ": "secevent+jwt", "kid": "x"}}), "invalid_key"),
        (json!({}), json!({"header": {"typ": "JWT"}}), "invalid_request"),
        (json!({}), json!({"header": {}}), "invalid_request"),
        (json!({}), json!({"header": {"typ": "logout+jwt"}}), "invalid_request"),
        (json!({"iss": "https://evil.example"}), json!({}), "invalid_issuer"),
        (json!({"iss": null}), json!({}), "invalid_issuer"),
        (json!({"aud": "https://other.example"}), json!({}), "invalid_audience"),
        (json!({"aud": null}), json!({}), "invalid_audience"),
        (json!({"exp": now + 60}), json!({}), "invalid_request"),
        (json!({"sub": "sub-7"}), json!({}), "invalid_request"),
        (json!({"nonce": "n"}), json!({}), "invalid_request"),
        (json!({"iat": now + 600}), json!({}), "invalid_request"),
        (json!({"iat": null}), json!({}), "invalid_request"),
        (json!({"jti": null}), json!({}), "invalid_request"),
        (json!({"events": two}), json!({}), "invalid_request"),
        (json!({"events": {}}), json!({}), "invalid_request"),
        (json!({"sub_id": null}), json!({}), "invalid_request"),
        (json!({"sub_id": other}), json!({}), "access_denied"),
    ] {
        let mut wish = json!({"claims": event(&mut scene, &changes), "header": typed});
        for (name, value) in more.as_object().unwrap() {
            wish[name] = value.clone();
        }
        let token = scene.provider.sign(wish.clone());
        let (status, said) = tell(&scene, &token, TOKEN);
        assert_eq!((status, said["err"].as_str()), (400, Some(error)), "{wish}: {said}");
        assert!(said["description"].is_string());
    }
    let good = json!({"claims": event(&mut scene, &json!({})), "header": typed});
    let good = scene.provider.sign(good);
    for bearer in ["somebody-else", ""] {
        let (status, said) = tell(&scene, &good, bearer);
        assert_eq!((status, &said["err"]), (400, &json!("authentication_failed")));
    }
    for token in ["", "x", "..", "a.b.c"] {
        assert_eq!(tell(&scene, token, TOKEN).1["err"], "invalid_request");
    }
    // Curl may see the connection end instead of the refusal.
    assert_ne!(tell(&scene, &"x".repeat(20_000), TOKEN).0, 202);
    let nobody = scene.browser("nobody");
    nobody.go(&scene.at("/ssf/events"), &["--http1.1", "--data", &good]).expect(415, "");
    nobody.go(&scene.at("/ssf/events"), &[]).expect(405, "");
    assert!(scene.inside(&browser));
    scene.server.stop();
}

#[test]
fn what_others_tell_ends_sessions_once_and_says_nothing_of_who_is_here() {
    let Some(mut scene) = hearing() else { return };
    let (browser, second) = (scene.browser("eve"), scene.browser("eve-2"));
    scene.sign_in(&browser).expect(200, "You are signed in");
    scene.sign_in(&second).expect(200, "You are signed in");
    let told = |scene: &mut Scene, changes: Value| {
        let claims = event(scene, &changes);
        let wish = json!({"claims": claims, "header": {"typ": "secevent+jwt"}});
        let token = scene.provider.sign(wish);
        assert_eq!(tell(scene, &token, TOKEN), (202, Value::Null), "{changes}");
        token
    };
    let issuer = scene.provider.issuer.clone();
    let stranger = json!({"format": "iss_sub", "iss": issuer, "sub": "sub-9"});
    told(&mut scene, json!({"jti": "a", "sub_id": stranger}));
    let mail = json!({"format": "email", "email": "eve@northwind.example"});
    told(&mut scene, json!({"jti": "b", "sub_id": mail}));
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    told(
        &mut scene,
        json!({"jti": "c", "events": {verification: {"state": "x"}},
        "sub_id": {"format": "opaque", "id": "stream"}}),
    );
    told(&mut scene, json!({"jti": "d", "events": {"https://example.org/unknown": {}}}));
    assert!(scene.inside(&browser) && scene.inside(&second));

    let token = told(&mut scene, json!({}));
    assert!(!scene.inside(&browser) && !scene.inside(&second));
    // Told again it changes nothing, not after a restart either.
    let fresh = scene.browser("eve-3");
    scene.sign_in(&fresh).expect(200, "You are signed in");
    assert_eq!(tell(&scene, &token, TOKEN).0, 202);
    let Scene { store, provider, server, url } = scene;
    server.stop();
    let server = serve(&store);
    let mut scene = Scene { store, provider, server, url };
    assert_eq!(tell(&scene, &token, TOKEN).0, 202);
    assert!(scene.inside(&fresh));
    let change = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
    let said = |change: &str| json!({"credential_type": "password", "change_type": change});
    told(&mut scene, json!({"jti": "e", "events": {change: said("update")}}));
    assert!(scene.inside(&fresh));
    told(&mut scene, json!({"jti": "f", "events": {change: said("revoke")}}));
    assert!(!scene.inside(&fresh));
    scene.server.stop();
    scene.store.verified();
}
