//! The OpenAPI 3.1 document, built from the table of routes.
//!
//! Whatever a route knows is in it: parameters, body, answers, conditions, and the problems that
//! every route can answer. Schemas are those of the wire types (JSON Schema 2020-12, which OpenAPI
//! 3.1 uses as it is).

use crate::problem;
use crate::routes::{Conditions, Gives, ROUTES, Route, Shape, Takes, shared};
use hyper::body::Bytes;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The failures that every route with a login knows, apart from its own.
const PROBLEMS: [(u16, &str); 6] = [
    (400, "The request is wrong"),
    (401, "No valid bearer token"),
    (403, "The right is missing"),
    (429, "A limit was reached"),
    (500, "A defect; the request's number finds it in the operator's log"),
    (503, "Not now; nothing was done"),
];

/// The document.
pub fn openapi() -> Value {
    build()
}

/// The document as text, made once: anybody may ask for it, and it must cost next to nothing.
pub(crate) fn text() -> Bytes {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| build().to_string().into());
    TEXT.clone()
}

/// Two generators, because a type may read otherwise than it is written.
struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

fn build() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = Schemas {
        read: settings.clone().for_deserialize().into_generator(),
        written: settings.for_serialize().into_generator(),
    };
    let problem = schemas.written.subschema_for::<problem::Wire<'_>>();
    let mut paths = Map::new();
    for route in ROUTES.iter() {
        let (path, described) = (route.path.replace("{*", "{"), describe(route, &mut schemas));
        let operations = paths.entry(path).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(operations) = operations {
            operations.insert(route.method.as_str().to_ascii_lowercase(), described);
        }
    }
    let (components, otherwise) = merged(schemas);
    for name in otherwise {
        rename(&mut paths, &name);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bailee",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Service Data, sealed per account, with a receipt for every access.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "headers": {"Receipt": {
                "description": "The receipt of what was shown: base64url (no padding) of its JSON.",
                "schema": {"type": "string"}
            }},
            "parameters": parameters(),
            "responses": {"Problem": {
                "description": "What is wrong and what to do next (RFC 9457).",
                "content": {"application/problem+json": {"schema": problem}}
            }}
        }
    })
}

/// The header fields that requests may carry.
fn parameters() -> Value {
    let tag = json!({"type": "string", "pattern": "^(\\*|\"[1-9][0-9]*\")$"});
    json!({
        "Purpose": header_field(
            "Bailee-Purpose",
            "What for; the grant of this purpose is then the ground.",
            json!({"type": "string", "maxLength": kernel::limits::PURPOSE_BYTES}),
        ),
        "OnBehalfOf": header_field(
            "Bailee-On-Behalf-Of",
            "On whose behalf, as the caller asserts it.",
            json!({"type": "string", "maxLength": 256}),
        ),
        "IdempotencyKey": header_field(
            "Idempotency-Key",
            "Makes repeating this very request within 24 hours harmless.",
            json!({"type": "string", "pattern": "^[!-~]{1,128}$"}),
        ),
        "IfMatch": header_field("If-Match", "The version that has to be there.", tag.clone()),
        "IfNoneMatch": header_field("If-None-Match", "The version that must not be there.", tag),
    })
}

fn header_field(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "header", "description": description, "schema": schema})
}

/// The definitions of both generators, and the names of those that read otherwise than they are
/// written: what is read then has `Input` after its name.
fn merged(mut schemas: Schemas) -> (Map<String, Value>, Vec<String>) {
    let mut read = schemas.read.take_definitions(true);
    let written = schemas.written.take_definitions(true);
    let mut otherwise = Vec::new();
    // What refers to one of them reads otherwise as well, so it is looked at again.
    while let Some(name) = read.iter().find_map(|(name, schema)| {
        written.get(name).is_some_and(|other| other != schema).then(|| name.clone())
    }) {
        for schema in read.values_mut() {
            refer(schema, &name);
        }
        if let Some(schema) = read.remove(&name) {
            read.insert(format!("{name}Input"), schema);
        }
        otherwise.push(name);
    }
    read.extend(written);
    (read, otherwise)
}

/// Lets the bodies of requests refer to what is read.
fn rename(paths: &mut Map<String, Value>, name: &str) {
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if let Some(body) = operation.get_mut("requestBody") {
            refer(body, name);
        }
    }
}

/// Turns references to a definition into references to its `Input`.
fn refer(value: &mut Value, name: &str) {
    match value {
        Value::Object(members) => {
            let own = format!("#/components/schemas/{name}");
            if let Some(Value::String(to)) = members.get_mut("$ref")
                && *to == own
            {
                to.push_str("Input");
            }
            members.values_mut().for_each(|member| refer(member, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, name)),
        _ => {}
    }
}

fn describe(route: &Route, schemas: &mut Schemas) -> Value {
    let mut operation = json!({
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [tag(route.path)],
        "parameters": route_parameters(route),
        "responses": responses(route, schemas),
    });
    if let Value::Object(members) = &mut operation {
        if let Takes::Json { schema, .. } = &route.takes {
            let schema = schema(&mut schemas.read);
            let content = json!({"application/json": {"schema": schema}});
            members.insert("requestBody".into(), json!({"required": true, "content": content}));
        }
        if let Takes::Bytes { kinds, .. } = route.takes {
            let one = |kind: &&str| ((*kind).to_owned(), json!({"schema": {"type": "string"}}));
            let content: Map<String, Value> = kinds.iter().map(one).collect();
            members.insert("requestBody".into(), json!({"required": true, "content": content}));
        }
        if !route.login {
            members.insert("security".into(), json!([]));
        }
        if let Some(action) = route.action {
            members.insert("x-bailee-action".into(), action.name.into());
        }
    }
    operation
}

/// The noun of a path: the last fixed word before what it names.
fn tag(path: &str) -> &str {
    let words = ["ledger", "records", "collections"];
    match words.iter().find(|word| path.contains(&format!("/{word}"))) {
        Some(word) => word,
        None => {
            path.strip_prefix("/v1/").and_then(|rest| rest.split('/').next()).unwrap_or("server")
        }
    }
}

fn route_parameters(route: &Route) -> Vec<Value> {
    let named = |part: &str| {
        let (name, _) = part.strip_prefix('{')?.split_once('}')?;
        let name = name.trim_start_matches('*');
        let schema = json!({"type": "string"});
        Some(json!({"name": name, "in": "path", "required": true, "schema": schema}))
    };
    let mut all: Vec<Value> = route.path.split('/').filter_map(named).collect();
    let optional = |name: &&str| {
        let (schema, description) = query_parameter(route.path, name);
        json!({"name": name, "in": "query", "description": description, "schema": schema})
    };
    all.extend(route.query.iter().map(optional));
    let mut fields = vec![];
    match route.conditions {
        Conditions::None => {}
        Conditions::Read => fields.push("IfNoneMatch"),
        Conditions::Write => fields.extend(["IfMatch", "IfNoneMatch"]),
    }
    if route.login {
        fields.extend(["Purpose", "OnBehalfOf"]);
    }
    if route.login && route.method != hyper::Method::GET {
        fields.push("IdempotencyKey");
    }
    let reference = |field| json!({"$ref": format!("#/components/parameters/{field}")});
    all.extend(fields.into_iter().map(reference));
    all
}

fn query_parameter(path: &str, name: &str) -> (Value, &'static str) {
    let number = json!({"type": "integer", "minimum": 0});
    let (text, moment) =
        (json!({"type": "string"}), json!({"type": "string", "format": "date-time"}));
    match name {
        "from" if path == "/v1/signals" => {
            (moment, "First moment of the time; a day ago if absent.")
        }
        "to" if path == "/v1/signals" => (moment, "First moment after it; now if absent."),
        "filter" => (text, "Which are meant (RFC 7644 §3.4.2.2)."),
        "attributes" => (text, "The attributes that are shown, separated by commas."),
        "excludedAttributes" => (text, "The attributes that are not shown."),
        "sortBy" => (text, "The attribute that orders them."),
        "sortOrder" => (text, "`ascending` or `descending`."),
        "startIndex" => (number, "The first of the page, counted from 1."),
        "count" => (number, "How many at most."),
        "source" => (text, "The source, by its id; the name of the service that calls if absent."),
        "where" => (text, "Fields and their values, `name=value`, several of them after `;`."),
        "text" => (text, "A text that some value holds."),
        "reason" => (text, "Why."),
        "name" => (text, "The name of the file."),
        "limit" => (
            json!({"type": "integer", "minimum": 1, "maximum": kernel::limits::PAGE_ITEMS}),
            "How many items at most; the server may give fewer.",
        ),
        "after" => (json!({"type": "string"}), "The `next` of the page before."),
        "values" => (json!({"type": "boolean"}), "With the bodies; at most 100 items then."),
        "openings" | "opening" => (json!({"type": "boolean"}), "With what the entries hide."),
        "version" => (json!({"type": "integer", "minimum": 1}), "An earlier version."),
        "for" => (
            json!({"type": "string"}),
            "An identifier of ISO 27001:2022 Annex A, SOC 2 or NIST SP 800-53, such as `A.8.24`.",
        ),
        "from" => (number, "Where to begin: an index, or the size of the earlier head."),
        _ => (number, "The size of the later head."),
    }
}

fn responses(route: &Route, schemas: &mut Schemas) -> Value {
    let mut all = Map::new();
    let form = if route.path.starts_with("/scim/") { scim_problem } else { problem_response };
    for gives in route.gives {
        let described = match gives.shape {
            Shape::Problem => form(gives.what),
            _ => response(gives, schemas),
        };
        all.insert(gives.status.to_string(), described);
    }
    if route.login {
        let problem = |what: &str| form(what);
        for (status, what) in PROBLEMS {
            all.entry(status.to_string()).or_insert_with(|| problem(what));
        }
        if route.item {
            let what = "It does not exist, or the caller may not know that it does";
            all.entry("404").or_insert_with(|| problem(what));
        }
        if route.method != hyper::Method::GET {
            let what = "It contradicts the present state, or the `Idempotency-Key` was used";
            all.entry("409").or_insert_with(|| problem(what));
        }
        let kind = match route.takes {
            Takes::Nothing => None,
            Takes::Json { .. } => Some("The body is no JSON"),
            Takes::Bytes { .. } => Some("The body is of another type"),
        };
        if let Some(kind) = kind {
            all.insert("408".into(), problem("The body did not arrive in time"));
            all.insert("413".into(), problem("The body is too large"));
            all.insert("415".into(), problem(kind));
        }
    }
    Value::Object(all)
}

fn response(gives: &Gives, schemas: &mut Schemas) -> Value {
    let content = match gives.shape {
        Shape::Json(schema) => {
            json!({"application/json": {"schema": schema(&mut schemas.written)}})
        }
        Shape::Page(schema) => {
            let item = schema(&mut schemas.written);
            json!({"application/json": {"schema": {
                "type": "object",
                "required": ["items", "next"],
                "properties": {
                    "items": {"type": "array", "items": item},
                    "next": {
                        "description": "What to ask for next, or `null` at the end.",
                        "type": ["string", "null"]
                    }
                }
            }}})
        }
        Shape::Receipted(schema) => {
            let row = schema(&mut schemas.written);
            let receipt = schemas.written.subschema_for::<Option<shared::Receipt>>();
            json!({"application/json": {"schema": {
                "allOf": [row, {"type": "object", "properties": {"receipt": receipt}}]
            }}})
        }
        Shape::AnyJson => json!({"application/json": {"schema": {}}}),
        Shape::Text => json!({"text/plain": {"schema": {"type": "string"}}}),
        Shape::Bytes => json!({"application/octet-stream": {"schema": {"type": "string"}}}),
        Shape::Document(kind) => json!({kind: {"schema": {"type": "string"}}}),
        Shape::Nothing => return json!({"description": gives.what}),
        Shape::Problem => return problem_response(gives.what),
    };
    let receipt = json!({"Bailee-Receipt": {"$ref": "#/components/headers/Receipt"}});
    match gives.receipt {
        true => json!({"description": gives.what, "headers": receipt, "content": content}),
        false => json!({"description": gives.what, "content": content}),
    }
}

/// SCIM has its own form of problems (RFC 7644 §3.12).
fn scim_problem(what: &str) -> Value {
    let schema = json!({"type": "object", "required": ["schemas", "status", "detail"],
    "properties": {
        "schemas": {"type": "array", "items": {"type": "string"}},
        "status": {"type": "string"},
        "scimType": {"type": "string"},
        "detail": {"type": "string"}
    }});
    json!({"description": what, "content": {(scim::MEDIA_TYPE): {"schema": schema}}})
}

/// OpenAPI 3.1 lets a reference carry a description of its own.
fn problem_response(what: &str) -> Value {
    json!({"$ref": "#/components/responses/Problem", "description": what})
}
