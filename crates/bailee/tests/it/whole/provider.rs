//! Signing in at a provider of identities, npm `oidc-provider` over HTTPS, with a browser that is
//! curl; signing out there; and whatever somebody could forge of either.

use super::browser::driven;
use super::support::receipts::tools;
use super::support::{BAILEE, Server, Store, skip_unless_all, text, workspace};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(super) const SECRET: &str = "a secret: with/all+signs%";

/// The provider of a test.
pub(super) struct Provider {
    child: Child,
    wish: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(super) issuer: String,
}

impl Provider {
    fn start(task: &Value) -> Self {
        let mut child = Command::new("node")
            .arg(workspace().join("tests/foreign/provider.mjs"))
            .env("BAILEE_TOOLS", tools())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut wish = child.stdin.take().unwrap();
        writeln!(wish, "{task}").unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut provider = Self { child, wish, answers, issuer: String::new() };
        provider.issuer = provider.heard()["issuer"].as_str().unwrap().to_owned();
        provider
    }

    fn heard(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect(&line);
        assert!(said["error"].is_null(), "{said}");
        said
    }

    pub(super) fn act(&mut self, act: &str, argument: Value) -> Value {
        writeln!(self.wish, "{}", json!([act, argument])).unwrap();
        self.heard()
    }

    /// A token as it says, signed with its key unless the wish says otherwise.
    pub(super) fn sign(&mut self, wish: Value) -> String {
        self.act("sign", wish)["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What curl saw.
pub(super) struct Seen {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
    url: String,
}

impl Seen {
    #[track_caller]
    pub(super) fn expect(self, status: u16, text: &str) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        assert!(self.body.contains(text), "{text}: {}", self.body);
        self
    }
}

/// A browser with cookies of its own.
pub(super) struct Browser {
    jar: PathBuf,
    ca: PathBuf,
}

impl Browser {
    pub(super) fn go(&self, url: &str, more: &[&str]) -> Seen {
        let jar = text(&self.jar);
        let output = Command::new("curl")
            .args([
                "-s",
                "-i",
                "--max-time",
                "60",
                "--cacert",
                text(&self.ca),
                "-b",
                jar,
                "-c",
                jar,
            ])
            .args(["-w", "\n%{http_code} %{url_effective}"])
            .args(more)
            .arg(url)
            .output()
            .unwrap();
        let all = String::from_utf8(output.stdout).unwrap();
        let (all, last) = all.rsplit_once('\n').unwrap();
        let (status, url) = last.split_once(' ').unwrap();
        // Of several answers in a row, the last.
        let mut rest = all;
        let mut head = "";
        while let Some((one, behind)) =
            rest.starts_with("HTTP/").then(|| rest.split_once("\r\n\r\n")).flatten()
        {
            (head, rest) = (one, behind);
        }
        let status = status.parse().unwrap();
        Seen { status, head: head.to_owned(), body: rest.to_owned(), url: url.to_owned() }
    }
}

/// A server that knows a provider, and the other way round.
pub(super) struct Scene {
    pub(super) store: Store,
    pub(super) provider: Provider,
    pub(super) server: Server,
    pub(super) url: String,
}

impl Scene {
    /// `None` if something is not installed here.
    fn set(more: &Value) -> Option<Self> {
        let module = tools().join("node_modules/oidc-provider");
        if !module.exists() {
            let what = module.display();
            skip_unless_all(&format!("`{what}` is not installed: cargo xtask test"));
            return None;
        }
        let store = Store::init();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("https://localhost:{port}");
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (cert, key) = (store.beside("idp.pem"), store.beside("idp.key"));
        fs::write(&cert, issued.cert.pem()).unwrap();
        fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
        let mut task = json!({"key": key, "cert": cert, "ca": store.data.join("tls/ca.pem"),
            "client": "bailee & co", "secret": SECRET, "algorithms": ["ES256", "RS256"],
            "redirect": format!("{url}/sign-in/oidc/callback"),
            "logout": format!("{url}/sign-in/oidc/logout")});
        for (name, value) in more.as_object().unwrap() {
            task[name] = value.clone();
        }
        let signs = more["signs"] == true;
        if signs {
            task["jwks"] = json!(format!("{url}/.well-known/jwks.json"));
        }
        let provider = Provider::start(&task);
        let secret = store.beside("secret");
        fs::write(&secret, format!("{SECRET}\n")).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let secret =
            if signs { String::new() } else { format!("client_secret_file = {secret:?}\n") };
        let config = format!(
            "listen = \"127.0.0.1:{port}\"\npublic_url = \"{url}\"\n[oidc]\nissuer = \"{}\"\n\
             client_id = \"bailee & co\"\n{secret}ca = {cert:?}\n\
             name = \"Northwind ID\"\n",
            provider.issuer
        );
        fs::write(store.beside("bailee.toml"), config).unwrap();
        let server = serve(&store);
        Some(Self { store, provider, server, url })
    }

    /// As [`Scene::set`], with an engineer whom the provider signs in from now on.
    pub(super) fn with_eve(more: &Value) -> Option<Self> {
        let mut scene = Self::set(more)?;
        scene.person("eve", "engineer");
        scene.bind("eve", "sub-7");
        scene.provider.act("as", json!({"accountId": "sub-7"}));
        Some(scene)
    }

    pub(super) fn browser(&self, name: &str) -> Browser {
        let ca = self.store.beside("both.pem");
        let own = fs::read_to_string(&self.server.ca).unwrap();
        let theirs = fs::read_to_string(self.store.beside("idp.pem")).unwrap();
        fs::write(&ca, own + &theirs).unwrap();
        Browser { jar: self.store.beside(name), ca }
    }

    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Signs in as whoever the provider takes this browser for.
    pub(super) fn sign_in(&self, browser: &Browser) -> Seen {
        browser.go(&self.at("/sign-in/oidc"), &["-L", "--max-redirs", "9"])
    }

    fn bind(&self, name: &str, subject: &str) -> Value {
        let issuer = &self.provider.issuer;
        let bind = ["person", "bind", name, "--issuer", issuer, "--subject", subject, "--json"];
        self.server.did(&self.server.admin, &bind)
    }

    fn person(&self, name: &str, role: &str) {
        let create = ["person", "create", name, "--roles", role, "--json"];
        self.server.did(&self.server.admin, &create);
    }

    /// Whether somebody is signed in in this browser.
    pub(super) fn inside(&self, browser: &Browser) -> bool {
        match browser.go(&self.at("/passkeys"), &[]).status {
            200 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }

    fn logout(&self, token: &str) -> Seen {
        let form = format!("logout_token={token}");
        self.browser("nobody").go(&self.at("/sign-in/oidc/logout"), &["--data", &form])
    }

    /// How a person's credentials of this use stand.
    fn credentials(&self, name: &str, used_for: &str) -> Vec<Value> {
        let shown = self.server.did(&self.server.admin, &["person", "show", name, "--json"]);
        let all = shown["tokens"].as_array().unwrap().iter();
        all.filter(|one| one["used_for"] == used_for).cloned().collect()
    }
}

pub(super) fn serve(store: &Store) -> Server {
    let mut command = Command::new(BAILEE);
    command.args(["serve", "--json", "--data", text(&store.data), "--keys", text(&store.keys)]);
    command.args(["--config", text(&store.beside("bailee.toml"))]);
    Server::start(&mut command, store).unwrap_or_else(|said| panic!("no server: {said}"))
}

#[test]
fn somebody_signs_in_at_the_provider_and_is_out_once_they_sign_out_there() {
    let Some(mut scene) = Scene::set(&json!({})) else { return };
    scene.person("eve", "engineer");
    scene.provider.act("as", json!({"accountId": "sub-7", "acr": "mfa", "amr": ["pwd", "otp"]}));
    let browser = scene.browser("eve");
    browser.go(&scene.at("/sign-in"), &[]).expect(200, "Sign in with Northwind ID");
    // Whoever is not bound is told what an administrator does about it.
    let unknown = scene.sign_in(&browser).expect(401, "bailee person bind NAME");
    assert!(unknown.body.contains("sub-7") && !scene.inside(&browser));

    let bound = scene.bind("eve", "sub-7");
    assert_eq!(bound["subject"], "sub-7");
    let back = scene.sign_in(&browser).expect(200, "You are signed in");
    assert!(back.head.to_ascii_lowercase().contains("refresh: 0; url=/"), "{}", back.head);
    assert!(back.url.starts_with(&scene.at("/sign-in/oidc/callback?")), "{}", back.url);
    browser.go(&scene.at("/"), &[]).expect(200, "person:eve");
    // An answer counts once.
    let another = browser.go(&back.url, &[]);
    another.expect(401, "this browser did not ask").head.clear();
    assert!(scene.inside(&browser));

    // A second session, of another browser: signing out here leaves it alone.
    let second = scene.browser("eve-2");
    scene.sign_in(&second).expect(200, "You are signed in");
    assert_eq!(scene.credentials("eve", "provider-session").len(), 2);
    let end = format!("{}/session/end", scene.provider.issuer);
    let asked = browser.go(&end, &[]).expect(200, "xsrf");
    let xsrf =
        asked.body.split("name=\"xsrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("xsrf={xsrf}&logout=yes");
    browser.go(&format!("{end}/confirm"), &["--data", &form]);
    assert_eq!(scene.provider.act("told", json!(null))["told"], json!([200]));
    assert!(!scene.inside(&browser) && scene.inside(&second));
    // Signed in anew, it is another session there.
    scene.sign_in(&browser).expect(200, "You are signed in");
    assert!(scene.inside(&browser));
    // Without the identity its sessions are over.
    let token = bound["token_id"].as_str().unwrap();
    scene.server.did(&scene.server.admin, &["person", "token", "end", "eve", token, "--json"]);
    assert!(!scene.inside(&browser) && !scene.inside(&second));
    scene.sign_in(&browser).expect(401, "nobody here is bound");
    scene.server.stop();
    scene.store.verified();
}

#[test]
fn what_is_forged_of_an_id_token_begins_nothing() {
    let Some(mut scene) = Scene::with_eve(&json!({"algorithms": ["RS256", "ES256"]})) else {
        return;
    };
    let browser = scene.browser("eve");
    let now = scene.provider.act("now", json!(null))["now"].as_u64().unwrap();
    let claims = |claims: Value| json!({"claims": claims});
    for (spoilt, why) in [
        (json!({"by": "nobody"}), "no algorithm that is taken"),
        (json!({"by": "secret", "secret": SECRET}), "no algorithm that is taken"),
        (json!({"by": "other"}), "not of the key"),
        (json!({"header": {"kid": "x"}}), "no key that is known"),
        (json!({"header": {"typ": "logout+jwt"}}), "another kind of token"),
        (json!({"header": {"alg": "PS256", "kid": "own-RS256"}}), "signed by no key"),
        (claims(json!({"iss": "https://localhost"})), "another issuer"),
        (claims(json!({"aud": "somebody"})), "for somebody else"),
        (claims(json!({"aud": ["bailee & co", "somebody"]})), "for somebody else"),
        (claims(json!({"azp": "somebody"})), "issued to somebody else"),
        (claims(json!({"exp": now - 120})), "it is over"),
        (claims(json!({"iat": now + 600})), "compare the clocks"),
        (claims(json!({"nbf": now + 600})), "compare the clocks"),
        (claims(json!({"nonce": "another"})), "another sign-in"),
        (claims(json!({"auth_time": now - 9 * 3600})), "too long ago"),
        (claims(json!({"auth_time": now + 600})), "in the future"),
        (claims(json!({"sub": ""})), "its subject is none"),
        (claims(json!({"sub": 7})), "its subject is none"),
        (claims(json!({"sub": "sub-8"})), "nobody here is bound"),
        (json!({"without": ["nonce"]}), "another sign-in"),
        (json!({"without": ["exp"]}), "says no end"),
        (json!({"without": ["iat"]}), "when it was issued"),
        (json!({"without": ["sub"]}), "no subject"),
        (json!({"without": ["auth_time"]}), "auth_time"),
    ] {
        scene.provider.act("spoil", spoilt.clone());
        let seen = scene.sign_in(&browser);
        assert!(seen.status == 401 && seen.body.contains(why), "{spoilt}: {}", seen.body);
        assert!(!scene.inside(&browser), "{spoilt}");
    }
    assert_eq!(scene.credentials("eve", "session").len(), 0);
    // Clocks may differ by a minute.
    for claims in [json!({"exp": now - 20}), json!({"iat": now + 30, "nbf": now + 30})] {
        scene.provider.act("spoil", json!({"claims": claims}));
        scene.sign_in(&browser).expect(200, "You are signed in");
    }
    scene.server.stop();
}

#[test]
fn what_comes_back_is_of_the_browser_and_the_provider_that_were_asked() {
    let Some(scene) = Scene::with_eve(&json!({})) else { return };
    let browser = scene.browser("eve");
    scene.sign_in(&browser).expect(200, "You are signed in");
    // What comes back is of the browser that asked, and of the provider that was asked.
    let stranger = scene.browser("stranger");
    let asked = stranger.go(&scene.at("/sign-in/oidc"), &[]);
    let location = asked.head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let state = location.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    for part in ["code_challenge_method=S256", "nonce=", "max_age=28800", "scope=openid"] {
        assert!(location.contains(part), "{location}");
    }
    let back = |query: &str| scene.at(&format!("/sign-in/oidc/callback?{query}"));
    let issuer = scene.provider.issuer.replace(':', "%3A").replace('/', "%2F");
    browser
        .go(&back(&format!("code=x&state={state}&iss={issuer}")), &[])
        .expect(401, "did not ask");
    for query in ["", "code=x", "code=x&state=", "code=x&state=zz", "state=a&state=b"] {
        assert_eq!(stranger.go(&back(query), &[]).status, 401, "{query}");
    }
    let other = format!("code=x&state={state}&iss=https%3A%2F%2Fevil.example");
    stranger.go(&back(&other), &[]).expect(401, "not of the provider that was asked");
    // It was used up by that.
    stranger.go(&back(&format!("code=x&state={state}&iss={issuer}")), &[]).expect(401, "");
    let denied = |browser: &Browser, query: &str| {
        let asked = browser.go(&scene.at("/sign-in/oidc"), &[]);
        let state = asked.head.split("state=").nth(1).unwrap().split('&').next().unwrap();
        browser.go(&back(&format!("state={state}&{query}")), &[])
    };
    denied(&stranger, "error=access_denied").expect(401, "access_denied");
    denied(&stranger, "code=x").expect(401, "not of the provider");
    denied(&stranger, &format!("code=x&iss={issuer}")).expect(401, "does not take the code");
    denied(&stranger, "error=%3Cscript%3E").expect(401, "&lt;script&gt;");
    scene.server.stop();
}

#[test]
fn a_sign_in_that_is_under_way_goes_on_at_a_server_that_was_started_again() {
    let Some(mut scene) = Scene::with_eve(&json!({})) else { return };
    let browser = scene.browser("eve");
    let asked = browser.go(&scene.at("/sign-in/oidc"), &[]);
    let place = asked.head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    // It remembers nothing of what the one before gave out, as another node does not.
    scene.server.stop();
    scene.server = serve(&scene.store);
    let follow = ["-L", "--max-redirs", "9"];
    browser.go(place, &follow).expect(200, "You are signed in");
    assert!(scene.inside(&browser));
    scene.server.stop();
    scene.store.verified();
}

#[test]
fn the_server_proves_who_it_is_by_what_it_signs() {
    let Some(scene) = Scene::with_eve(&json!({"signs": true})) else { return };
    let browser = scene.browser("eve");
    scene.sign_in(&browser).expect(200, "You are signed in");
    assert!(scene.inside(&browser));
    // Another key is published, and the one that the provider knows goes on signing meanwhile.
    scene.server.did(&scene.server.admin, &["signing-key", "rotate", "--json"]);
    let second = scene.browser("eve-2");
    scene.sign_in(&second).expect(200, "You are signed in");
    scene.server.stop();
    scene.store.verified();
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a logout token that counts.
fn good(scene: &mut Scene) -> Value {
    let now = scene.provider.act("now", json!(null))["now"].as_u64().unwrap();
    json!({"iss": scene.provider.issuer, "aud": "bailee & co", "sub": "sub-7", "iat": now,
        "exp": now + 120, "jti": "one", "events": {EVENT: {}}})
}

/// The wish for a token with other claims; what is null is left out.
fn changed(good: &Value, changes: &Value) -> Value {
    let mut claims = good.clone();
    for (name, value) in changes.as_object().unwrap() {
        match value.is_null() {
            true => drop(claims.as_object_mut().unwrap().remove(name)),
            false => claims[name] = value.clone(),
        }
    }
    json!({"claims": claims, "header": {"typ": "logout+jwt"}})
}

#[test]
fn what_is_forged_of_a_logout_token_ends_nothing() {
    let Some(mut scene) = Scene::with_eve(&json!({})) else { return };
    let browser = scene.browser("eve");
    scene.sign_in(&browser).expect(200, "You are signed in");
    let now = scene.provider.act("now", json!(null))["now"].as_u64().unwrap();
    let good = good(&mut scene);
    let with = |changes: Value| changed(&good, &changes);
    let by = |by: &str| json!({"claims": good, "by": by, "secret": SECRET});
    let typed = |typ: &str| json!({"claims": good, "header": {"typ": typ}});
    let mut forged =
        vec![by("nobody"), by("secret"), by("other"), typed("at+jwt"), typed("dpop+jwt")];
    forged.extend([
        with(json!({"iss": "https://localhost"})),
        with(json!({"aud": "somebody"})),
        with(json!({"aud": null})),
        with(json!({"iat": now + 600})),
        with(json!({"iat": now - 700})),
        with(json!({"iat": null})),
        with(json!({"exp": now - 120})),
        with(json!({"exp": null})),
        with(json!({"jti": null})),
        with(json!({"sub": null})),
        with(json!({"sub": ["sub-7"]})),
        with(json!({"events": null})),
        with(json!({"events": {}})),
        with(json!({"events": {EVENT: true}})),
        with(json!({"nonce": "n"})),
    ]);
    for wish in forged {
        let token = scene.provider.sign(wish.clone());
        scene.logout(&token).expect(400, "invalid_request");
        assert!(scene.inside(&browser), "{wish}");
    }
    for token in ["", "x", "..", "a.b.c", &"x".repeat(20_000)] {
        scene.logout(token).expect(400, "");
    }
    let good_token = scene.provider.sign(with(json!({})));
    let nobody = scene.browser("nobody");
    let twice = format!("logout_token={good_token}&logout_token={good_token}");
    nobody.go(&scene.at("/sign-in/oidc/logout"), &["--data", &twice]).expect(400, "");
    nobody.go(&scene.at("/sign-in/oidc/logout"), &[]).expect(401, "");
    assert!(scene.inside(&browser));
    scene.server.stop();
}

#[test]
fn a_logout_token_counts_once_for_whom_it_names() {
    let Some(mut scene) = Scene::with_eve(&json!({})) else { return };
    let browser = scene.browser("eve");
    scene.sign_in(&browser).expect(200, "You are signed in");
    let good = good(&mut scene);
    let with = |changes: Value| changed(&good, &changes);
    let good_token = scene.provider.sign(with(json!({})));
    // Who is not here is out; whoever is, is out with each of their sessions.
    let stranger = scene.provider.sign(with(json!({"sub": "sub-9", "jti": "two"})));
    scene.logout(&stranger).expect(200, "");
    assert!(scene.inside(&browser));
    let second = scene.browser("eve-2");
    scene.sign_in(&second).expect(200, "You are signed in");
    scene.logout(&good_token).expect(200, "");
    assert!(!scene.inside(&browser) && !scene.inside(&second));
    // Repeated, it ends nothing, not after a restart either.
    let fresh = scene.browser("eve-3");
    scene.sign_in(&fresh).expect(200, "You are signed in");
    scene.logout(&good_token).expect(400, "taken already");
    let Scene { store, provider, server, url } = scene;
    server.stop();
    let server = serve(&store);
    let mut scene = Scene { store, provider, server, url };
    scene.logout(&good_token).expect(400, "taken already");
    assert!(scene.inside(&fresh));
    // A session there that is over begins nothing here any more; named alone, it is found.
    let sid = |token: &str, jti: &str| with(json!({"sub": null, "sid": token, "jti": jti}));
    let last = scene.browser("eve-4");
    scene.provider.act("spoil", json!({"claims": {"sid": "their-session"}}));
    scene.sign_in(&last).expect(200, "You are signed in");
    let token = scene.provider.sign(sid("their-session", "three"));
    scene.logout(&token).expect(200, "");
    assert!(!scene.inside(&last) && scene.inside(&fresh));
    scene.sign_in(&last).expect(401, "ended this session already");
    scene.server.stop();
    scene.store.verified();
}

#[test]
fn a_browser_comes_back_from_the_provider_and_is_signed_in() {
    const CHROMIUM: &str = "/usr/bin/chromium";
    if !std::path::Path::new(CHROMIUM).exists() {
        return skip_unless_all("`chromium` is not installed: cargo xtask test");
    }
    let Some(scene) = Scene::with_eve(&json!({"method": "client_secret_post"})) else { return };
    // Another host is another site, though on the same machine.
    let also = json!([{"url": scene.provider.issuer, "ca": scene.store.beside("idp.pem")}]);
    let task = json!({"url": scene.url, "ca": scene.server.ca, "chromium": CHROMIUM, "also": also});
    let said = driven("sign_in.mjs", &task);
    assert_eq!(said["errors"], json!([]), "{said:#}");
    assert!(said["inside"].as_str().unwrap().contains("person:eve"), "{said:#}");
    let kept = json!({"name": "__Host-bailee", "httpOnly": true, "secure": true,
        "sameSite": "Strict", "path": "/"});
    let all = said["cookies"].as_array().unwrap();
    assert!(all.contains(&kept) && !said.to_string().contains("bailee-provider"), "{said:#}");
    scene.server.stop();
}

#[test]
fn a_workloads_own_token_is_its_service_until_one_of_them_ends() {
    let Some(mut scene) = Scene::set(&json!({})) else { return };
    scene.server.acme();
    let Scene { store, provider, server, url } = scene;
    server.stop();
    let config = store.beside("bailee.toml");
    let more = format!(
        "[[workload]]\nissuer = \"{}\"\nclaims = [\"environment\"]\nca = {:?}\n",
        provider.issuer,
        store.beside("idp.pem")
    );
    fs::write(&config, fs::read_to_string(&config).unwrap() + &more).unwrap();
    let server = serve(&store);
    scene = Scene { store, provider, server, url };
    scene.server.service("import", "acme", "read");
    let issuer = scene.provider.issuer.clone();
    let bind = |name: &str, environment: &str| {
        let claim = format!("environment={environment}");
        let bind = ["service", "bind", name, "--issuer", &issuer, "--audience", &scene.url];
        let rest = ["--claim", "sub=job-7", "--claim", &claim, "--json"];
        scene.server.cli(&scene.server.admin, &[&bind[..], &rest].concat())
    };
    let bound = super::support::json(&bind("import", "production"));
    super::support::ends_with(&bind("worker", "production"), 5);
    let now = scene.provider.act("now", json!(null))["now"].as_u64().unwrap();
    let claims = json!({"iss": issuer, "aud": ["other", scene.url], "sub": "job-7", "iat": now,
        "exp": now + 600, "environment": "production", "jti": "x"});
    let with = |changes: Value| changed(&claims, &changes)["claims"].clone();
    let list = "/v1/accounts/acme/collections";
    let asks = |token: &str| scene.server.client(token).get(list).status;
    let good = scene.provider.sign(json!({"claims": claims}));
    assert_eq!(asks(&good), 200);
    let plain = |claims: Value| json!({"claims": claims});
    for wish in [
        json!({"claims": claims, "by": "nobody"}),
        json!({"claims": claims, "by": "secret", "secret": SECRET}),
        json!({"claims": claims, "by": "other"}),
        json!({"claims": claims, "header": {"typ": "logout+jwt"}}),
        json!({"claims": claims, "header": {"kid": "unknown"}}),
        plain(with(json!({"iss": "https://localhost"}))),
        plain(with(json!({"aud": "other"}))),
        plain(with(json!({"aud": null}))),
        plain(with(json!({"sub": "job-8"}))),
        plain(with(json!({"sub": null}))),
        plain(with(json!({"environment": "test"}))),
        plain(with(json!({"environment": ["production"]}))),
        plain(with(json!({"environment": null}))),
        plain(with(json!({"exp": now}))),
        plain(with(json!({"exp": now + 90_000}))),
        plain(with(json!({"exp": null}))),
        plain(with(json!({"iat": now + 600}))),
        plain(with(json!({"nbf": now + 600}))),
        plain(with(json!({"nonce": "n"}))),
    ] {
        let token = scene.provider.sign(wish.clone());
        assert_eq!(asks(&token), 401, "{wish}");
    }
    // What it may not do as the service, it may not do.
    let other = scene.server.client(&good).put("/v1/accounts/acme/collections/new", b"");
    assert_eq!(other.status, 403, "{}", other.text());
    let ended = bound["token_id"].as_str().unwrap();
    scene.server.did(&scene.server.admin, &["service", "token", "end", "import", ended, "--json"]);
    assert_eq!(asks(&good), 401);
    // Ended there, it is another's, and ends with it.
    super::support::json(&bind("worker", "production"));
    assert_eq!(asks(&good), 200);
    scene.server.did(&scene.server.admin, &["service", "end", "worker", "--json"]);
    assert_eq!(asks(&good), 401);
    scene.server.stop();
    scene.store.verified();
}
