//! SCIM over real sockets: requests as Entra and Okta document them, bulk, versions, and what is
//! refused. The fixtures are retyped from what those document; expected answers are ours.

use crate::support::{Answer, Running, ask};
use domain::people::Person;
use domain::register::{On, Read};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SCIM: &str = "application/scim+json";

/// A server with a directory that maps `Engineers`.
struct Scene {
    server: Running,
    token: String,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let server = Running::start(seed);
        let token = server.world.service("idp");
        let directories = domain::registers::known("directories").unwrap();
        let admin = server.world.admin.clone();
        let new = json!({"service": "idp", "purpose": "the staff"}).to_string();
        let add = (directories.add.make)(&server.world.kernel, On::New([9; 16]), new.as_bytes());
        server.world.run(&admin, add.unwrap()).unwrap();
        let map = directories.steps.iter().find(|step| step.verb == "map").unwrap();
        let stated = json!({"group": "Engineers", "role": "engineer"}).to_string();
        let map = (map.make)(&server.world.kernel, On::Row("idp"), stated.as_bytes());
        server.world.run(&admin, map.unwrap()).unwrap();
        Self { server, token }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let path = format!("/scim/v2{path}");
        let asked = ask(method, &path).by(&self.token);
        self.server.ask(&match body {
            None => asked,
            Some(body) => {
                asked.with("content-type", format!("{SCIM}; charset=utf-8")).body(body.to_string())
            }
        })
    }

    fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, Some(body));
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        answer.json()
    }

    fn person(&self, name: &str) -> Option<Person> {
        let world = &self.server.world;
        let read = Read::<Person>::new(&world.kernel, name).unwrap();
        world.run(&world.admin, read).ok().map(|done| done.output)
    }
}

/// A text with the values of earlier answers in it.
fn filled(text: &str, saved: &BTreeMap<String, String>) -> String {
    saved
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// Sends each request of a fixture and holds the answer, and what became of the person, against it.
fn replay(seed: u64, fixture: &str) {
    let scene = Scene::new(seed);
    let steps: Vec<Value> = serde_json::from_str(fixture).unwrap();
    let mut saved = BTreeMap::new();
    for step in steps {
        let what = step["what"].as_str().unwrap();
        let method = step["method"].as_str().unwrap();
        let path = filled(step["path"].as_str().unwrap(), &saved);
        let body = step
            .get("body")
            .map(|body| serde_json::from_str::<Value>(&filled(&body.to_string(), &saved)).unwrap());
        let answer = scene.ask(method, &path, body.as_ref());
        assert_eq!(
            u64::from(answer.status),
            step["status"].as_u64().unwrap(),
            "{what}: {answer:?}"
        );
        if answer.status == 204 {
            assert!(answer.body.is_empty(), "{what}");
        } else {
            assert_eq!(answer.field("content-type"), Some(SCIM), "{what}");
        }
        for (pointer, expected) in step["expect"].as_object().into_iter().flatten() {
            let expected: Value =
                serde_json::from_str(&filled(&expected.to_string(), &saved)).unwrap();
            let answer = answer.json();
            let found = answer.pointer(pointer).unwrap_or(&Value::Null);
            assert_eq!(found, &expected, "{what}: {pointer} of {answer}");
        }
        for (name, pointer) in step["save"].as_object().into_iter().flatten() {
            let answer = answer.json();
            let value = answer.pointer(pointer.as_str().unwrap()).unwrap().as_str().unwrap();
            saved.insert(name.clone(), value.to_owned());
        }
        if let Some(person) = step.get("person") {
            let found = scene.person(person["name"].as_str().unwrap());
            let inside = found.as_ref().is_some_and(|person| person.left.is_none());
            assert_eq!(inside, person["in"].as_bool().unwrap(), "{what}");
            if let Some(roles) = person.get("roles") {
                assert_eq!(json!(found.unwrap().roles), *roles, "{what}");
            }
        }
    }
}

#[test]
fn what_entra_sends_does_what_it_means() {
    replay(700, include_str!("../fixtures/scim/entra.json"));
}

#[test]
fn what_okta_sends_does_what_it_means() {
    replay(701, include_str!("../fixtures/scim/okta.json"));
}

#[test]
fn a_bulk_request_is_done_in_order_and_lets_people_out() {
    let scene = Scene::new(702);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "ana", "data": {"userName": "ana"}},
            {"method": "POST", "path": "/Users", "bulkId": "bob", "data": {"userName": "bob"}},
            {"method": "POST", "path": "/Users", "bulkId": "cat", "data": {"userName": "ANA"}},
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {
                "displayName": "Engineers",
                "members": [{"value": "bulkId:ana"}, {"value": "bulkId:bob"}]}},
            {"method": "PATCH", "path": "/Users/bulkId:cat", "data": {}},
            {"method": "DELETE", "path": "/Nothing/1"},
        ],
    });
    let answer = scene.done("POST", "/Bulk", &body);
    let all = answer["Operations"].as_array().unwrap();
    let status: Vec<&str> = all.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["201", "201", "409", "201", "400", "400"]);
    assert_eq!(all[2]["response"]["scimType"], "uniqueness");
    assert!(all[2].get("location").is_none() && all[0]["version"].is_string());
    assert_eq!(scene.person("bob").unwrap().roles, ["engineer"]);
    let id = |nth: usize| {
        let place = all[nth]["location"].as_str().unwrap();
        place.rsplit('/').next().unwrap().to_owned()
    };
    let out = json!({"Operations": [{"op": "Replace", "path": "active", "value": "False"}]});
    let body = json!({"failOnErrors": 1, "Operations": [
        {"method": "PATCH", "path": format!("/Users/{}", id(0)), "data": out},
        {"method": "DELETE", "path": format!("/Users/{}", id(1))},
        {"method": "DELETE", "path": "/Users/none"},
        {"method": "DELETE", "path": format!("/Groups/{}", id(3))},
    ]});
    let answer = scene.done("POST", "/Bulk", &body);
    let all = answer["Operations"].as_array().unwrap();
    let status: Vec<&str> = all.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["200", "204", "404"], "it stops after the first failure");
    for name in ["ana", "bob"] {
        assert!(scene.person(name).unwrap().left.is_some(), "{name}");
    }
    let keyed = ask("POST", "/scim/v2/Bulk").by(&scene.token).with("idempotency-key", "k");
    let keyed = scene.server.ask(&keyed.with("content-type", SCIM).body(body.to_string()));
    assert_eq!(keyed.status, 400);
}

#[test]
fn users_and_groups_are_searched_at_once() {
    let scene = Scene::new(705);
    scene.done("POST", "/Users", &json!({"userName": "ana", "displayName": "Desk"}));
    scene.done("POST", "/Groups", &json!({"displayName": "Desk"}));
    let found = |search: Value| {
        let found = scene.done("POST", "/.search", &search);
        let all = found["Resources"].as_array().unwrap().iter();
        let all: Vec<_> = all.map(|one| one["meta"]["resourceType"].to_string()).collect();
        (found["totalResults"].as_u64().unwrap(), all.join(""))
    };
    assert_eq!(found(json!({})), (2, "\"User\"\"Group\"".into()));
    assert_eq!(found(json!({"filter": "displayName eq \"desk\""})).0, 2);
    assert_eq!(found(json!({"filter": "userName pr"})), (1, "\"User\"".into()));
    assert_eq!(found(json!({"startIndex": 2})), (2, "\"Group\"".into()));
}

#[test]
fn versions_are_those_of_the_entity_tags() {
    let scene = Scene::new(703);
    let made = scene.ask("POST", "/Users", Some(&json!({"userName": "ana"})));
    let tag = made.field("etag").unwrap().to_owned();
    let body = made.json();
    assert_eq!(body["meta"]["version"], tag);
    assert_eq!(made.field("location"), body["meta"]["location"].as_str());
    let path = format!("/scim/v2/Users/{}", body["id"].as_str().unwrap());
    let with = |method, name, value: &str, body: Option<Value>| {
        let asked = ask(method, &path).by(&scene.token).with(name, value);
        scene.server.ask(&match body {
            None => asked,
            Some(body) => asked.json(body.to_string()),
        })
    };
    assert_eq!(with("GET", "if-none-match", &tag, None).status, 304);
    let title = || Some(json!({"userName": "ana", "title": "x"}));
    assert_eq!(with("PUT", "if-match", &tag, title()).status, 200);
    let stale = with("PUT", "if-match", &tag, title());
    assert_eq!((stale.status, stale.json()["status"].as_str()), (412, Some("412")));
    assert_eq!(with("DELETE", "if-match", &tag, None).status, 412);
    assert_eq!(with("PUT", "if-none-match", "*", title()).status, 400);
    assert_eq!(with("GET", "if-none-match", &tag, None).status, 200);
    assert_eq!(with("DELETE", "if-match", "*", None).status, 204);
}

#[test]
fn what_is_refused_is_refused_in_the_form_of_scim() {
    let scene = Scene::new(704);
    let ana = scene.done("POST", "/Users", &json!({"userName": "ana"}));
    let ana = format!("/Users/{}", ana["id"].as_str().unwrap());
    let patch = |operations: Value| Some(json!({ "Operations": operations }));
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    let brackets = "(".repeat(1000);
    let hostile: [(&str, String, Option<Value>, u16, &str); 14] = [
        ("GET", format!("/Users?filter={brackets}"), None, 400, "invalidFilter"),
        ("GET", "/Users?filter=userName+eq+1+or".into(), None, 400, "invalidFilter"),
        ("GET", "/Users?count=many".into(), None, 400, "invalidValue"),
        ("GET", "/Users?attributes=a&excludedAttributes=b".into(), None, 400, "invalidValue"),
        ("POST", "/Users/.search".into(), Some(json!([])), 400, "invalidSyntax"),
        ("POST", "/Users".into(), Some(json!({"userName": ""})), 400, "invalidValue"),
        ("POST", "/Users".into(), Some(serde_json::from_str(&deep).unwrap()), 400, ""),
        ("PATCH", ana.clone(), patch(json!([])), 400, "invalidSyntax"),
        ("PATCH", ana.clone(), patch(json!([{"op": "remove"}])), 400, "noTarget"),
        (
            "PATCH",
            ana.clone(),
            patch(json!([{"op": "add", "path": "id", "value": "x"}])),
            400,
            "mutability",
        ),
        (
            "PATCH",
            ana.clone(),
            patch(json!([{"op": "add", "path": "x[", "value": "x"}])),
            400,
            "invalidPath",
        ),
        ("GET", "/Users/none".into(), None, 404, ""),
        ("POST", "/.search".into(), Some(json!({"filter": "nothing pr"})), 400, "invalidFilter"),
        ("GET", "/Me".into(), None, 404, ""),
    ];
    for (method, path, body, status, kind) in hostile {
        let answer = scene.ask(method, &path, body.as_ref());
        assert_eq!(answer.status, status, "{method} {path:.60}: {}", answer.text());
        assert_eq!(answer.field("content-type"), Some(SCIM), "{path:.60}");
        let answer = answer.json();
        assert_eq!(answer["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
        assert_eq!(answer["status"], status.to_string());
        if !kind.is_empty() {
            assert_eq!(answer["scimType"], kind, "{path:.60}: {answer}");
        }
    }
    let broken = ask("POST", "/scim/v2/Users").by(&scene.token).with("content-type", SCIM);
    let broken = scene.server.ask(&broken.body("{"));
    assert_eq!((broken.status, broken.json()["scimType"].as_str()), (400, Some("invalidSyntax")));
    let text = ask("POST", "/scim/v2/Users").by(&scene.token).with("content-type", "text/plain");
    assert_eq!(scene.server.ask(&text.body("{}")).status, 415);
    // Nobody is told what is there: no login, a person, a service no directory has.
    let path = format!("/scim/v2{ana}");
    let bare = scene.server.ask(&ask("GET", &path));
    assert_eq!((bare.status, bare.field("www-authenticate")), (401, Some("Bearer")));
    let admin = scene.server.world.admin.clone();
    assert_eq!(scene.server.ask(&ask("GET", &path).by(&admin)).status, 403);
    let other = scene.server.world.service("other");
    assert_eq!(scene.server.ask(&ask("GET", &path).by(&other)).status, 403);
    let filtered = scene.ask("GET", "/Schemas?filter=id+pr", None);
    assert_eq!(filtered.status, 403, "RFC 7644 §4");
}
