//! Every route of the OpenAPI document: without a login, from another account, as a vendor outside
//! its engagement, and after its grant ended.

use crate::support::{Answer, Ask, Running, ask};
use domain::grants::EndGrant;
use domain::register::Day;
use domain::services::CreateService;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a route needs to be asked properly, so that nothing but the right is missing.
fn proper(operation: &Value, path: &str) -> (String, Option<&'static str>) {
    let path = path
        .replace("{account}", "acme")
        .replace("{collection}", "cases")
        .replace("{record}", "a")
        .replace("{tile}", "0/000.p/1")
        .replace("{index}", "0")
        .replace("{name}", "worker")
        .replace("{token}", "t")
        .replace("{grant}", "g")
        .replace("{id}", "g")
        .replace("{request}", "g")
        .replace("{terms}", "g")
        .replace("{destination}", "g");
    assert!(!path.contains('{'), "{path}: this test knows no such value");
    let (path, body) = match operation["operationId"].as_str().unwrap() {
        "createAccount" => (path, Some(r#"{"name":"other"}"#)),
        "putRecord" => (path, Some("1")),
        "putRecords" => (path, Some(r#"{"records":[{"id":"a","value":1}]}"#)),
        "getConsistency" => (format!("{path}?from=1&to=2"), None),
        "createPerson" | "createService" => (path, Some(r#"{"name":"eve"}"#)),
        "createGrant" => (
            path,
            Some(
                r#"{"to":"service:spy","account":"acme","collections":["*"],"verbs":["read"],
                    "purpose":"x","for_seconds":60}"#,
            ),
        ),
        "movePerson" => (path, Some(r#"{"roles":["support"],"reason":"x"}"#)),
        "askAffected" => (
            path,
            Some(
                r#"{"by":"service:spy","from":"2026-11-01T00:00:00Z","to":"2026-11-02T00:00:00Z"}"#,
            ),
        ),
        "evaluate" | "evaluateMany" => (
            path,
            Some(
                r#"{"subject":{"type":"service","id":"worker"},"action":{"name":"read"},
                    "resource":{"type":"collection","id":"acme/cases"}}"#,
            ),
        ),
        "bindPerson" => (path, Some(r#"{"issuer":"https://idp.test","subject":"x"}"#)),
        "bindService" => {
            (path, Some(r#"{"issuer":"https://idp.test","audience":"x","claims":{"sub":"x"}}"#))
        }
        "certifyService" | "renewServiceCertificate" => (path, Some(REQUEST)),
        "authorizeDevice" => (path, Some("client_id=bailee-cli")),
        "stateScope" => (path, Some(r#"{"reason":"x"}"#)),
        // Whoever has no right is told so before anybody looks at what is stated.
        _ => (path, operation.get("requestBody").map(|_| "{}")),
    };
    assert_eq!(body.is_some(), operation.get("requestBody").is_some(), "{path}");
    (path, body)
}

/// A request for a certificate, of a key that nobody kept.
const REQUEST: &str = concat!(
    r#"{"request":"-----BEGIN CERTIFICATE REQUEST-----\n"#,
    r"MIHHMG4CAQAwDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA\n",
    r"BExCxHDEA9vk/rcdgvRRyGM//ofwn8rDiksUEc6RP7dj9bcnELC5QMo+SIEpPMF7\n",
    r"US4ay7M0pMTcZm4paxBSMA6gADAKBggqhkjOPQQDAgNJADBGAiEAqfPlal34TI6S\n",
    r"PP4ex+tYGlyXc9NcDccJf++pNxT5oVgCIQCtiBqzQgIrUrsK2QY35s1pBWSo6bgs\n",
    r"nTgrnQmElM1D/A==\n",
    r#"-----END CERTIFICATE REQUEST-----"}"#,
);

fn walk(server: &Running, mut see: impl FnMut(&str, &str, &Value, &dyn Fn(Ask<'_>) -> Answer)) {
    let document = server.expect(200, &ask("GET", "/openapi.json")).json();
    for (template, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let (path, body) = proper(operation, template);
            let method = method.to_uppercase();
            see(template, &method, operation, &|ask: Ask<'_>| {
                let ask = Ask { method: &method, path: &path, ..ask };
                let content = operation.pointer("/requestBody/content");
                let kind = content.and_then(|all| all.as_object()?.keys().next().cloned());
                server.ask(&match (body, kind.as_deref()) {
                    (Some(body), Some("application/json")) | (Some(body), None) => ask.json(body),
                    (Some(body), Some(kind)) => ask.with("content-type", kind).body(body),
                    (None, _) => ask,
                })
            });
        }
    }
}

#[test]
fn without_a_login_only_these_routes_answer() {
    let server = Running::start(80);
    server.acme();
    let mut open = vec![];
    walk(&server, |path, method, operation, send| {
        let answer = send(ask("", ""));
        match answer.status {
            401 => assert_eq!(answer.field("www-authenticate"), Some("Bearer")),
            200 => open.push(path.to_owned()),
            // It asks for a proof of a key instead of a login.
            400 if path == "/oauth/token" => open.push(path.to_owned()),
            // It asks for a signature instead of a login.
            400 if path == "/ssf/events" => open.push(path.to_owned()),
            other => panic!("{method} {path}: {other}"),
        }
        assert_eq!(answer.status != 401, operation["security"] == serde_json::json!([]));
        let wrong = send(ask("", "").by("bailee_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        assert_eq!(wrong.status, answer.status, "{method} {path}");
    });
    open.sort();
    assert_eq!(
        open,
        [
            "/.well-known/jwks.json",
            "/.well-known/oauth-authorization-server",
            "/.well-known/ssf-configuration",
            "/healthz",
            "/oauth/device_authorization",
            "/oauth/token",
            "/openapi.json",
            "/pki/ca.crl",
            "/pki/ca.pem",
            "/pki/ssh.krl",
            "/pki/ssh_ca.pub",
            "/readyz",
            "/ssf/events",
        ]
    );
}

/// What everybody with a login may know.
const EVERYBODY: [&str; 18] = [
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/pki/ssh_ca.pub",
    "/pki/ca.pem",
    "/pki/ssh.krl",
    "/pki/ca.crl",
    "/v1/ledger/keys",
    "/v1/measures",
    "/v1/setup",
    "/v1/heartbeat",
    "/.well-known/authzen-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/ssf-configuration",
    "/.well-known/jwks.json",
    "/scim/v2/ServiceProviderConfig",
    "/scim/v2/ResourceTypes",
    "/scim/v2/Schemas",
];

/// Asks every route as a service that has no right to any of it. A vendor's may not even know what
/// everybody may.
fn refused_everywhere(server: &Running, token: &str, of_vendor: bool) {
    // What services may report, each only about what the register names it for.
    let feeds: BTreeSet<_> = domain::registers::REGISTERS
        .iter()
        .flat_map(domain::register::Register::actions)
        .filter(|(_, area)| *area == "feeds")
        .map(|(action, _)| action.name)
        .collect();
    walk(server, |path, method, operation, send| {
        let answer = send(ask("", "").by(token));
        let action = operation["x-bailee-action"].as_str().unwrap_or_default();
        let expected = match path {
            // Whose source it is stands in the register, and is not asked of the body.
            "/v1/signals" if method == "POST" => 403,
            "/v1/logs" => 403,
            _ if feeds.contains(action) => 400,
            // Which schemas there are is no secret; there is none of this name.
            "/scim/v2/ResourceTypes/{id}" | "/scim/v2/Schemas/{id}" => {
                assert_eq!(answer.status, 404, "{path}");
                return;
            }
            // As with feeds: what is stated is wrong, whosever directory it would be.
            _ if path.starts_with("/scim/") && ["POST", "PUT", "PATCH"].contains(&method) => {
                assert!([400, 403].contains(&answer.status), "{method} {path}");
                return;
            }
            "/oauth/device_authorization" => 200,
            "/oauth/token" | "/ssf/events" => 400,
            _ if EVERYBODY.contains(&path) && method == "GET" => 200,
            _ if path.contains("{account}") => 404,
            _ => 403,
        };
        let expected = if of_vendor && answer.status == 403 { 403 } else { expected };
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text());
        if expected == 404 {
            // An account of others is not told from one that is not there.
            assert_eq!(answer.detail(), "no such account, or none that you may know of");
        }
    });
}
#[test]
fn from_another_account_everything_is_refused() {
    let server = Running::start(81);
    let worker = server.acme();
    let record = "/v1/accounts/acme/collections/cases/records/a";
    server.expect(201, &ask("PUT", record).by(&worker).json("1"));
    server.world.account(&worker, "elsewhere").unwrap();
    let spy = server.world.service("spy");
    server.world.grant("service:spy", "elsewhere", "*", &["read", "write", "delete", "export"]);
    refused_everywhere(&server, &spy, false);
    let none = server.expect(404, &ask("GET", "/v1/accounts/none").by(&spy));
    assert_eq!(none.detail(), "no such account, or none that you may know of");
    let untouched = server.expect(200, &ask("GET", record).by(&worker));
    assert_eq!((untouched.text(), untouched.field("etag")), ("1", Some("\"1\"")));
}

/// A vendor that was reviewed and is engaged to read in `elsewhere`; the token of its service.
fn engaged(server: &Running) -> String {
    let world = &server.world;
    let (mia, abe) = (world.person("mia", &["vendor-manager"]), world.person("abe", &["approver"]));
    let day = |from_now| Day::of(world.kernel.now()).plus(from_now).to_string();
    let post = |status, path: &str, by: &str, body: Value| {
        server.expect(status, &ask("POST", path).by(by).json(body.to_string()));
    };
    let vendor = json!({"name": "helper", "legal_name": "Helper GmbH", "services": "support",
        "tier": "critical", "classes": ["support-access"], "hosts": false, "country": "DE",
        "contact": "security@helper.example", "sponsor": "person:mia"});
    post(201, "/v1/vendors", &mia, vendor);
    let agreement = json!({"document": "dpa.pdf", "sha256": "ab".repeat(32), "terms": "2026-1",
        "valid_from": day(0), "valid_to": day(300),
        "binds": ["P1", "P2", "P3", "P4", "P5", "P6", "P7"]});
    post(200, "/v1/vendors/helper:agree", &mia, agreement);
    let verdict = |summary| json!({"verdict": "approve", "summary": summary});
    post(200, "/v1/vendors/helper:review", &mia, verdict("answers and reports read"));
    post(200, "/v1/vendors/helper:sign", &abe, json!({"verdict": "approve"}));
    let engagement = json!({"name": "case", "vendor": "helper", "purpose": "a case",
        "accounts": ["elsewhere"], "collections": ["*"], "verbs": ["read"],
        "sponsor": "person:mia", "class": "support-access", "from": day(0), "to": day(60)});
    post(201, "/v1/engagements", &mia, engagement);
    let create = CreateService::new(&world.kernel, "helper-bot", Some("person:mia")).unwrap();
    world.run(&world.admin, create.with_vendor("helper")).unwrap().output.token
}

#[test]
fn as_a_vendor_outside_its_engagement_and_after_its_grant_everything_is_refused() {
    let server = Running::start(82);
    let worker = server.acme();
    server.world.account(&worker, "elsewhere").unwrap();
    let bot = engaged(&server);
    let grant = server.world.grant("service:helper-bot", "elsewhere", "*", &["read"]);
    let own = ask("GET", "/v1/accounts/elsewhere");
    let own = || server.ask(&own.clone().by(&bot)).status;
    assert_eq!(own(), 200, "what it was engaged for");
    refused_everywhere(&server, &bot, true);
    let end = EndGrant::new(&server.world.kernel, &grant).unwrap();
    server.world.run(&server.world.admin, end).unwrap();
    assert_eq!(own(), 404, "its grant ended");
    refused_everywhere(&server, &bot, true);
}
