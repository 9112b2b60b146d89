//! The OpenAPI document and the table of routes, as reviewers and programs read them.

use crate::support::{Running, ask};
use api::routes::ROUTES;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Every object in a document, with its place.
fn visit(value: &Value, place: &str, see: &mut impl FnMut(&str, &serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            see(place, members);
            for (name, member) in members {
                visit(member, &format!("{place}/{name}"), see);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                visit(item, &format!("{place}/{n}"), see);
            }
        }
        _ => {}
    }
}

#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let document = api::openapi();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let number = name.ends_with(|last: char| last.is_ascii_digit());
        assert!(!number, "{name}: two types have one name: rename one with `schemars(rename)`");
    }
    let kinds = &document["components"]["schemas"]["SystemKind"];
    assert!(kinds.to_string().contains("data-store"), "{kinds}");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(described.insert((method.to_uppercase(), path.clone(), id)));
        }
    }
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| {
            let path = route.path.replace("{*", "{");
            (route.method.to_string(), path, route.operation.to_owned())
        })
        .collect();
    assert_eq!(described, routes);
    let names: BTreeSet<_> = ROUTES.iter().map(|route| route.operation).collect();
    assert_eq!(names.len(), ROUTES.len(), "an operation has a name of its own");
    let open: Vec<_> = ROUTES.iter().filter(|route| !route.login).map(|route| route.path).collect();
    assert_eq!(
        open,
        [
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/pki/ssh_ca.pub",
            "/pki/ca.pem",
            "/pki/ssh.krl",
            "/pki/ca.crl",
            "/.well-known/oauth-authorization-server",
            "/oauth/device_authorization",
            "/oauth/token",
            "/.well-known/ssf-configuration",
            "/.well-known/jwks.json",
            "/ssf/events",
        ]
    );
}

#[test]
fn the_document_is_whole() {
    let document = api::openapi();
    visit(&document, "#", &mut |place, members| {
        if let Some(Value::String(reference)) = members.get("$ref") {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{place}: {reference} leads nowhere");
        }
        assert!(!members.contains_key("$schema") && !members.contains_key("$defs"), "{place}");
    });
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let place = format!("{method} {path}");
            let in_path: BTreeSet<_> =
                path.split(['{', '}']).skip(1).step_by(2).map(str::to_owned).collect();
            let parameters = operation["parameters"].as_array().unwrap();
            let named: BTreeSet<_> = parameters
                .iter()
                .filter(|one| one["in"] == "path")
                .map(|one| one["name"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(named, in_path, "{place}");
            let statuses: Vec<u16> = operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .map(|s| s.parse().unwrap())
                .collect();
            assert!(statuses.iter().any(|status| (200..300).contains(status)), "{place}");
            let open = operation["security"] == serde_json::json!([]);
            assert_ne!(statuses.contains(&401), open, "{place}");
        }
    }
}

#[test]
fn answers_have_the_form_that_the_document_gives() {
    let server = Running::start(70);
    let worker = server.acme();
    let document = server.expect(200, &ask("GET", "/openapi.json")).json();
    assert_eq!(document, api::openapi());
    server.expect(
        201,
        &ask("PUT", "/v1/accounts/acme/collections/cases/records/a").by(&worker).json("1"),
    );
    let admin = &server.world.admin;
    for (path, template, token) in [
        ("/healthz", "/healthz", admin),
        ("/v1/accounts", "/v1/accounts", admin),
        ("/v1/accounts/acme", "/v1/accounts/{account}", admin),
        ("/v1/people", "/v1/people", admin),
        ("/v1/services", "/v1/services", admin),
        ("/v1/grants", "/v1/grants", admin),
        ("/v1/measures", "/v1/measures", admin),
        ("/v1/ledger/keys", "/v1/ledger/keys", admin),
        ("/v1/accounts/acme/ledger/entries", "/v1/accounts/{account}/ledger/entries", &worker),
        (
            "/v1/accounts/acme/collections/cases/records?values=true",
            "/v1/accounts/{account}/collections/{collection}/records",
            &worker,
        ),
        (
            "/v1/accounts/acme/collections/cases/records/a/history",
            "/v1/accounts/{account}/collections/{collection}/records/{record}/history",
            &worker,
        ),
    ] {
        let answer = server.expect(200, &ask("GET", path).by(token)).json();
        let response = &document["paths"][template]["get"]["responses"]["200"];
        let schema = &response["content"]["application/json"]["schema"];
        fits(&document, schema, &answer, path);
    }
}

/// A small part of JSON Schema: references, types, required members, and no members unnamed.
fn fits(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&reference[1..]).unwrap(), value, place);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choice = choices.iter().find(|choice| (choice["type"] == "null") == value.is_null());
        return fits(document, choice.unwrap(), value, place);
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::String(one) => one == is,
        Value::Array(several) => several.iter().any(|one| one == is),
        _ => true,
    };
    assert!(allowed, "{place}: {value} is no {}", schema["type"]);
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(required.as_str().unwrap()).is_some(), "{place}: {required} is missing");
    }
    if let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object())
    {
        for (name, member) in members {
            let property = properties.get(name);
            assert!(property.is_some(), "{place}: `{name}` is not in the document");
            fits(document, property.unwrap(), member, &format!("{place}/{name}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        fits(document, &schema["items"], item, place);
    }
}

#[test]
fn golden_routes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("routes.txt");
    let routes = api::routes_txt();
    if std::env::var_os("BAILEE_BLESS").is_some() {
        std::fs::write(&path, &routes).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(golden, routes, "read the difference, then bless it with BAILEE_BLESS=1");
}

#[test]
fn handlers_are_thin() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routes");
    let mut lengths = BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut current = None;
        for (n, line) in text.lines().enumerate() {
            if line.starts_with("pub(crate) async fn ") {
                current = Some((line.to_owned(), n));
            } else if line == "}"
                && let Some((name, start)) = current.take()
            {
                lengths.insert(format!("{}: {name}", path.display()), n - start - 1);
            }
        }
    }
    assert!(lengths.len() > 30, "{lengths:?}");
    for (handler, length) in lengths {
        assert!(length <= 15, "{handler} has {length} lines");
    }
}
