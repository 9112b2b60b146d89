//! Two nodes over one store: codes and nonces of one count on the other, and a proof counts once on
//! both together.

use crate::support::{Answer, Ask, Running, ask};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::members::{ApproveDevice, BeginSession, IssueLink, LinkLife};
use kernel::id::Name;
use serde_json::{Value, json};
use testkit::World;

const FORM: &str = "application/x-www-form-urlencoded";

/// A program with a key, and the token that it got.
struct Program {
    key: EcdsaKeyPair,
    token: Option<String>,
    nonce: String,
}

impl Program {
    fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { key, token: None, nonce: String::new() }
    }

    /// A proof of this id, with more that it says.
    fn proof(&self, world: &World, (method, path): (&str, &str), id: &str, more: Value) -> String {
        let coded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": coded(x), "y": coded(y)});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let mut claims = json!({"jti": id, "htm": method, "nonce": self.nonce,
            "htu": format!("https://localhost{path}"), "iat": world.kernel.now().0 / 1_000_000});
        if let Some(token) = &self.token {
            claims["ath"] = coded(digest(&SHA256, token.as_bytes()).as_ref()).into();
        }
        let claims_of = claims.as_object_mut().unwrap();
        claims_of.extend(more.as_object().cloned().unwrap_or_default());
        let signed = [header, claims].map(|part| coded(part.to_string().as_bytes())).join(".");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", coded(signature.as_ref()))
    }

    /// A request with this proof.
    fn ask<'a>(&self, method: &'a str, path: &'a str, proof: &str) -> Ask<'a> {
        let request = ask(method, path).with("dpop", proof);
        match &self.token {
            Some(token) => request.with("authorization", format!("DPoP {token}")),
            None => request,
        }
    }
}

/// A session of the first administrator.
fn session(world: &World) -> String {
    let name = Name::parse("admin").unwrap();
    let link = IssueLink::person(&world.kernel, &name, LinkLife::default()).unwrap();
    let link = world.run(&world.admin, link).unwrap().output.token;
    let caller = world.kernel.identify(&link).unwrap();
    let begin = BeginSession::new(&world.kernel, &caller).unwrap();
    world.run(&link, begin).unwrap().output.token
}

fn token_of(program: &Program, node: &Running, code: &str, id: &str) -> Answer {
    let proof = program.proof(&node.world, ("POST", "/oauth/token"), id, Value::Null);
    let body = format!(
        "client_id=bailee-cli&device_code={code}&\
         grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
    );
    let request = program.ask("POST", "/oauth/token", &proof).with("content-type", FORM);
    node.ask(&request.body(body))
}

/// A program that signed in: its code of the first node, approved, its nonce of the second one, and
/// its token of the first.
fn signed_in(one: &Running, two: &Running) -> Program {
    let mut program = Program::new();
    let begin = ask("POST", "/oauth/device_authorization").with("content-type", FORM);
    let codes = one.expect(200, &begin.body("client_id=bailee-cli")).json();
    let code = codes["device_code"].as_str().unwrap();
    let wanted = token_of(&program, two, code, "1");
    assert_eq!(wanted.json()["error"], "use_dpop_nonce");
    program.nonce = wanted.field("dpop-nonce").unwrap().to_owned();
    let waits = token_of(&program, two, code, "2").json();
    assert_eq!(waits["error"], "authorization_pending", "the other node knows the code: {waits}");
    let session = session(&one.world);
    let caller = one.world.kernel.identify(&session).unwrap();
    let typed = codes["user_code"].as_str().unwrap();
    let approve = ApproveDevice::new(&one.world.kernel, &caller, typed).unwrap();
    one.world.run(&session, approve).unwrap();
    let got = token_of(&program, one, code, "3");
    assert_eq!(got.status, 200, "{got:?}");
    let again = token_of(&program, two, code, "4").json();
    assert_ne!(again["error"], Value::Null, "the code is over on every node: {again}");
    program.token = Some(got.json()["access_token"].as_str().unwrap().to_owned());
    program
}

fn refused(node: &Running, request: &Ask<'_>) {
    let answer = node.expect(401, request);
    let field = answer.field("www-authenticate").unwrap();
    assert!(field.contains("invalid_dpop_proof"), "{field}");
    assert!(answer.detail().contains("sent before"), "{answer:?}");
}

#[test]
fn a_program_signs_in_over_two_nodes_and_reads_once_by_each_proof() {
    let one = Running::start(60);
    let two = one.node();
    one.acme();
    let program = signed_in(&one, &two);
    for (number, path) in ["/v1/systems", "/v1/people"].iter().enumerate() {
        let id = format!("read {number}");
        let proof = program.proof(&one.world, ("GET", path), &id, Value::Null);
        let request = program.ask("GET", path, &proof);
        one.expect(200, &request);
        refused(&two, &request);
        refused(&one, &request);
    }
    // A third one that saw nothing, also with another query.
    let three = one.node();
    let proof = program.proof(&one.world, ("GET", "/v1/systems"), "read 9", Value::Null);
    one.expect(200, &program.ask("GET", "/v1/systems", &proof));
    refused(&three, &program.ask("GET", "/v1/systems?limit=1", &proof));
    // Another store recognizes neither nonce nor code.
    let other = Running::start(61);
    let wanted = token_of(&program, &other, "x", "5").json();
    assert_eq!(wanted["error"], "use_dpop_nonce");
}

#[test]
fn a_proof_changes_something_once_whatever_else_the_request_says() {
    let one = Running::start(62);
    let two = one.node();
    let three = one.node();
    let program = signed_in(&one, &two);
    let path = "/v1/people";
    let person =
        |name: &str| json!({"name": name, "full_name": name, "roles": ["engineer"]}).to_string();
    let entries = || one.world.kernel.head(kernel::HOUSE).unwrap().size;
    let add = |proof: &str, name: &str, key: Option<&str>| {
        let request = program.ask("POST", path, proof).json(person(name));
        match key {
            Some(key) => request.with("idempotency-key", key),
            None => request,
        }
    };
    let of = |id: &str, more: Value| program.proof(&one.world, ("POST", path), id, more);
    // A proof without a key is used up before, so that nobody adds another.
    let proof = of("plain", Value::Null);
    let before = entries();
    one.expect(201, &add(&proof, "eng-1", None));
    assert_eq!(entries(), before + 2);
    refused(&two, &add(&proof, "eng-1", None));
    refused(&three, &add(&proof, "eng-2", Some("another")));
    // So is one that does not name the key.
    let proof = of("keyed", Value::Null);
    assert_eq!(one.ask(&add(&proof, "eng-3", Some("k-3"))).status, 201);
    refused(&two, &add(&proof, "eng-4", Some("k-4")));
    // With one that is, it costs no entry, and the key is what counts once.
    let proof = of("bound", json!({"idempotency_key": "k-5"}));
    let before = entries();
    assert_eq!(one.ask(&add(&proof, "eng-5", Some("k-5"))).status, 201);
    assert_eq!(entries(), before + 1, "nothing but the person");
    // Sent again with it, it is the same request, which was done; its answer is given once.
    let again = two.expect(409, &add(&proof, "eng-5", Some("k-5")));
    assert!(again.detail().contains("done already"), "{again:?}");
    assert_eq!(entries(), before + 1);
    three.expect(409, &add(&proof, "eng-6", Some("k-5")));
    let proof = of("bound too", json!({"idempotency_key": "k-7"}));
    assert_eq!(one.ask(&add(&proof, "eng-7", Some("k-7"))).status, 201);
    for key in [Some("k-8"), None] {
        let other = three.expect(401, &add(&proof, "eng-8", key));
        assert!(other.detail().contains("another `Idempotency-Key`"), "{other:?}");
    }
}
