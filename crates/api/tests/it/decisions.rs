//! The OpenID Authorization API 1.0 over real sockets.
//!
//! The certification scenario of that standard, retyped: `alice` and `bob` are people, `record-1`
//! and `record-2` collections of `acme`. Its first four decisions map on grants. Of the other four,
//! which rest on properties that the asker states, this is what becomes: nobody is an administrator
//! or a record archived because a caller says so, so the fifth and sixth are decided by grants; and
//! every deletion is a soft one, so the seventh is allowed and the eighth cannot be asked for.

use crate::support::{Answer, Running, ask};
use serde_json::{Value, json};

const ONE: &str = "/access/v1/evaluation";
const MANY: &str = "/access/v1/evaluations";

struct Scene {
    server: Running,
    /// A service that may read all of acme, and ask about it.
    gate: String,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let server = Running::start(seed);
        let worker = server.acme();
        server.world.account(&worker, "elsewhere").unwrap();
        let gate = server.world.service("gate");
        server.world.grant("service:gate", "acme", "*", &["read"]);
        for name in ["alice", "bob"] {
            server.world.person(name, &["engineer"]);
        }
        server.world.grant("person:alice", "acme", "record-1", &["read", "write", "delete"]);
        server.world.grant("person:bob", "acme", "record-1", &["read"]);
        server.world.grant("person:bob", "acme", "record-2", &["write"]);
        Self { server, gate }
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.server.ask(&ask("POST", path).by(&self.gate).json(body.to_string()))
    }

    fn asked(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(answer.field("content-type"), Some("application/json"));
        answer.json()
    }

    fn decides(&self, body: &Value) -> bool {
        self.asked(ONE, body)["decision"].as_bool().unwrap()
    }
}

fn who(id: &str) -> Value {
    json!({"type": "person", "id": id})
}

fn on(record: &str) -> Value {
    json!({"type": "collection", "id": format!("acme/{record}")})
}

fn question(id: &str, action: &str, record: &str) -> Value {
    json!({"subject": who(id), "action": {"name": action}, "resource": on(record)})
}

#[test]
fn the_certification_scenario_as_far_as_it_maps() {
    let scene = Scene::new(90);
    for (id, action, record, decision) in [
        ("alice", "read", "record-1", true),
        ("alice", "write", "record-1", true),
        ("bob", "read", "record-1", true),
        ("bob", "write", "record-1", false),
        ("alice", "write", "record-2", false),
        ("bob", "write", "record-2", true),
        ("alice", "delete", "record-1", true),
    ] {
        let body = question(id, action, record);
        assert_eq!(scene.decides(&body), decision, "{body}");
        assert_eq!(scene.decides(&body), decision, "asked again: {body}");
    }
    // What the asker says of anybody changes nothing, and members that are not known neither.
    let mut body = question("bob", "write", "record-1");
    body["subject"]["properties"] = json!({"role": "admin", "department": "sales"});
    body["resource"]["properties"] = json!({"status": "active", "owner": "bob"});
    body["action"]["properties"] = json!({"method": "PUT", "soft": true});
    body["context"] = json!({"time": "2025-06-27T18:03-07:00", "ip": "192.0.2.1"});
    body["futureField"] = json!({"nested": true});
    assert!(!scene.decides(&body));
    body["subject"]["id"] = json!("alice");
    assert!(scene.decides(&body));
}

#[test]
fn several_at_once_with_what_they_have_in_common() {
    let scene = Scene::new(91);
    let decisions = |body: &Value| -> Vec<bool> {
        let answer = scene.asked(MANY, body);
        assert!(answer.get("decision").is_none());
        let all = answer["evaluations"].as_array().unwrap();
        all.iter().map(|one| one["decision"].as_bool().unwrap()).collect()
    };
    let bob = json!({"subject": who("bob"), "resource": on("record-1"), "evaluations": [
        {"action": {"name": "read"}}, {"action": {"name": "write"}}]});
    assert_eq!(decisions(&bob), [true, false]);
    let whole = json!({"evaluations": [
        question("alice", "read", "record-1"), question("bob", "write", "record-1")]});
    assert_eq!(decisions(&whole), [true, false]);
    // An entity of its own replaces the common one, and takes only the names it leaves out.
    let merged = json!({"subject": who("alice"), "action": {"name": "write"},
        "resource": {"type": "collection"}, "context": {"a": 1}, "evaluations": [
            {"resource": {"id": "acme/record-1", "properties": {"status": "active"}}},
            {"resource": on("record-2"), "context": {"b": 2}}]});
    assert_eq!(decisions(&merged), [true, false]);
    // One that cannot be asked is refused, and says why; the others are answered.
    let broken = json!({"subject": who("alice"), "action": {"name": "read"}, "evaluations": [
        {"resource": on("record-1")}, {}, {"resource": {"type": "thing", "id": "x"}}, 7,
        {"resource": on("record-1")}]});
    assert_eq!(decisions(&broken), [true, false, false, false, true]);
    let error = &scene.asked(MANY, &broken)["evaluations"][1]["context"]["error"];
    assert_eq!(
        (&error["status"], &error["message"]),
        (&json!(400), &json!("`resource` is missing"))
    );
    // Without several it is one.
    for evaluations in [Value::Null, json!([])] {
        let mut body = question("alice", "read", "record-1");
        body["evaluations"] = evaluations;
        assert_eq!(scene.asked(MANY, &body)["decision"], true);
    }
}

#[test]
fn it_stops_where_it_is_told_to() {
    let scene = Scene::new(92);
    let each = |words: &[&str], semantic: &str| -> Vec<bool> {
        let all: Vec<_> = words.iter().map(|word| json!({"action": {"name": word}})).collect();
        let body = json!({"subject": who("bob"), "resource": on("record-1"), "evaluations": all,
            "options": {"evaluations_semantic": semantic, "unknown": 1}});
        let answer = scene.asked(MANY, &body);
        let all = answer["evaluations"].as_array().unwrap();
        all.iter().map(|one| one["decision"].as_bool().unwrap()).collect()
    };
    let words = ["read", "write", "read"];
    assert_eq!(each(&words, "execute_all"), [true, false, true]);
    assert_eq!(each(&words, "deny_on_first_deny"), [true, false]);
    assert_eq!(each(&words, "permit_on_first_permit"), [true]);
    let words = ["write", "read", "write"];
    assert_eq!(each(&words, "permit_on_first_permit"), [false, true]);
    assert_eq!(each(&words, "deny_on_first_deny"), [false]);
}

#[test]
fn an_answer_says_why_and_follows_the_rights() {
    let scene = Scene::new(93);
    let body = question("alice", "record.get", "record-1");
    let told = scene.asked(ONE, &body);
    assert_eq!(told["context"]["policies"], json!(["data-read"]));
    let grant = told["context"]["grant"].as_str().unwrap().to_owned();
    assert!(told["context"]["until"].is_string());
    // What is asked about the account as a whole.
    let look = json!({"subject": who("alice"), "action": {"name": "account.read"},
        "resource": {"type": "account", "id": "acme"}});
    assert!(scene.decides(&look));
    let administrator = json!({"subject": who("admin"), "action": {"name": "record.get"},
        "resource": on("record-1")});
    assert!(!scene.decides(&administrator));
    let world = &scene.server.world;
    let end = domain::grants::EndGrant::new(&world.kernel, &grant).unwrap();
    world.run(&world.admin, end).unwrap();
    let refused = scene.asked(ONE, &body);
    assert_eq!(refused["decision"], false);
    // Nobody is told whether somebody is there.
    let nobody = question("nobody", "record.get", "record-1");
    assert_eq!(scene.asked(ONE, &nobody), refused);
    assert_eq!(refused["context"], json!({"reason": "no right in force allows it"}));
}

#[test]
fn who_asked_about_whom_stands_in_the_accounts_log() {
    let scene = Scene::new(94);
    let body = json!({"subject": who("bob"), "resource": on("record-1"), "evaluations": [
        {"action": {"name": "read"}}, {"action": {"name": "write"}}]});
    scene.asked(MANY, &body);
    let path = "/v1/accounts/acme/ledger/entries?from=0&openings=true";
    let listed = scene.server.expect(200, &ask("GET", path).by(&scene.gate)).json();
    let items = listed["items"].as_array().unwrap();
    let asked = |item: &Value| item["opening"]["asked"]["value"].as_str().map(str::to_owned);
    let asked: Vec<_> = items.iter().filter_map(asked).collect();
    let line = "person:bob record.get on record-1: allowed; person:bob record.put on record-1: \
                refused";
    assert_eq!(asked, [line], "one entry for one request");
}

#[test]
fn only_a_service_that_may_read_all_of_an_account_may_ask() {
    let scene = Scene::new(95);
    let (server, world) = (&scene.server, &scene.server.world);
    let one = question("alice", "read", "record-1").to_string();
    let refused = |token: &str, body: &str| {
        let answer = server.expect(403, &ask("POST", ONE).by(token).json(body));
        answer.detail()
    };
    let narrow = world.service("narrow");
    world.grant("service:narrow", "acme", "record-1", &["read"]);
    let writer = world.service("writer");
    world.grant("service:writer", "acme", "*", &["write"]);
    let person = world.person("carol", &["engineer"]);
    world.grant("person:carol", "acme", "*", &["read"]);
    let said = refused(&narrow, &one);
    for token in [&writer, &person] {
        assert_eq!(refused(token, &one), said);
    }
    // Somebody else's account, one that is not there, and the provider's own look the same.
    for account in ["elsewhere", "none", "house"] {
        let body = one.replace("acme/", &format!("{account}/"));
        assert_eq!(refused(&scene.gate, &body), said, "{account}");
    }
    // In a batch the others are answered.
    let mut other = question("alice", "read", "record-1");
    other["resource"]["id"] = json!("elsewhere/record-1");
    let both = json!({"evaluations": [other, question("alice", "read", "record-1")]});
    let answer = scene.asked(MANY, &both);
    assert_eq!(answer["evaluations"][0]["context"]["error"]["status"], 403);
    assert_eq!(answer["evaluations"][1]["decision"], true);
    server.expect(401, &ask("POST", ONE).json(one));
}

#[test]
fn what_is_wrong_is_a_wrong_request() {
    let scene = Scene::new(96);
    let good = question("alice", "read", "record-1");
    let without = |path: &str| {
        let mut body = good.clone();
        let (parent, name) = path.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        body
    };
    let with = |path: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let mut odd = good.clone();
    odd["context"] = json!("now");
    let mut properties = good.clone();
    properties["subject"]["properties"] = json!([]);
    let wrong = [
        without("/subject"),
        without("/action"),
        without("/resource"),
        without("/subject/type"),
        without("/subject/id"),
        without("/action/name"),
        without("/resource/type"),
        without("/resource/id"),
        with("/subject", json!("alice")),
        with("/action/name", json!(123)),
        with("/subject/type", json!("user")),
        with("/subject/id", json!("")),
        with("/subject/id", json!("a/../b")),
        with("/subject/id", json!("x".repeat(5000))),
        with("/resource/type", json!("record")),
        with("/resource/id", json!("acme")),
        with("/resource/id", json!("acme/a/b")),
        with("/resource/id", json!("/")),
        with("/action/name", json!("grant.create")),
        with("/action/name", json!("")),
        odd,
        properties,
        json!([]),
        json!(null),
    ];
    for body in wrong {
        let answer = scene.post(ONE, &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    }
    let many = |count: usize| json!({"evaluations": vec![good.clone(); count]});
    assert_eq!(scene.post(MANY, &many(51)).status, 400);
    assert_eq!(scene.asked(MANY, &many(50))["evaluations"].as_array().unwrap().len(), 50);
    for options in [json!(1), json!({"evaluations_semantic": "some"})] {
        let body = json!({"evaluations": [good.clone()], "options": options});
        assert_eq!(scene.post(MANY, &body).status, 400, "{body}");
    }
    let deep = format!("{{\"context\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let raw = |kind: &str, body: &str| {
        let asked = ask("POST", ONE).by(&scene.gate).with("content-type", kind).body(body);
        scene.server.ask(&asked).status
    };
    let json = "application/json";
    for (kind, body) in [(json, deep.as_str()), (json, "{"), (json, ""), ("text/plain", "{}")] {
        assert_eq!(raw(kind, body), 400, "{kind} {body:.20}");
    }
    assert_eq!(raw(json, &format!("{{\"context\":\"{}\"}}", "x".repeat(70_000))), 413);
}

#[test]
fn the_number_of_a_request_comes_back_and_the_endpoints_are_found() {
    let scene = Scene::new(97);
    let body = question("alice", "read", "record-1").to_string();
    let asked = || ask("POST", ONE).with("x-request-id", "bfe9eb29-ab87");
    for (request, status) in [
        (asked().by(&scene.gate).json(body.clone()), 200),
        (asked().by(&scene.gate).json("{}"), 400),
        (asked().json(body.clone()), 401),
    ] {
        let answer = scene.server.expect(status, &request);
        assert_eq!(answer.field("x-request-id"), Some("bfe9eb29-ab87"));
    }
    let long = ask("POST", ONE).with("x-request-id", "x".repeat(300));
    let answer = scene.server.expect(200, &long.by(&scene.gate).json(body));
    assert_eq!(answer.field("x-request-id"), None);
    let elsewhere = ask("GET", "/v1/ledger/keys").with("x-request-id", "a").by(&scene.gate);
    assert_eq!(scene.server.expect(200, &elsewhere).field("x-request-id"), None);
    let path = "/.well-known/authzen-configuration";
    let found = scene.server.expect(200, &ask("GET", path).by(&scene.gate)).json();
    assert_eq!(found["policy_decision_point"], "https://localhost");
    assert_eq!(found["access_evaluation_endpoint"], format!("https://localhost{ONE}"));
    assert_eq!(found["access_evaluations_endpoint"], format!("https://localhost{MANY}"));
    let url = "https://bailee.example:8443";
    let set = Running::configured(98, |config| config.public_url = Some(url.to_owned()));
    let token = set.acme();
    let found = set.expect(200, &ask("GET", path).by(&token)).json();
    assert_eq!(found["access_evaluation_endpoint"], format!("{url}{ONE}"));
}
