//! What the server says of itself (RFC 7643 §5 to §7, RFC 7644 §4).

use crate::list::{COUNT, listed};
use crate::schema::{Attribute, ENTERPRISE, GROUP, ResourceType, Schema, Type, USER};
use crate::{OPERATIONS, REQUEST_BYTES};
use serde_json::{Value, json};

static TYPES: [&ResourceType; 2] = [&USER, &GROUP];

fn all_schemas() -> impl Iterator<Item = &'static Schema> {
    [USER.schema, GROUP.schema, &ENTERPRISE].into_iter().chain(OF_ITSELF.iter())
}

/// `/ServiceProviderConfig`; `base` is the address of this server's SCIM.
pub fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {
            "supported": true,
            "maxOperations": OPERATIONS,
            "maxPayloadSize": REQUEST_BYTES,
        },
        "filter": {"supported": true, "maxResults": COUNT},
        "changePassword": {"supported": false},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token of a service",
            "description": "The token that `bailee service create` prints (RFC 6750)",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

fn of_type(of: &ResourceType, base: &str) -> Value {
    let extensions: Vec<Value> =
        of.extensions.iter().map(|one| json!({"schema": one.id, "required": false})).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": of.name,
        "name": of.name,
        "endpoint": format!("/{}", of.endpoint),
        "description": of.what,
        "schema": of.schema.id,
        "schemaExtensions": extensions,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base}/ResourceTypes/{}", of.name),
        },
    })
}

fn of_schema(schema: &Schema, base: &str) -> Value {
    let mut out = schema.described();
    if let Some(out) = out.as_object_mut() {
        let location = format!("{base}/Schemas/{}", schema.id);
        out.insert("meta".to_owned(), json!({"resourceType": "Schema", "location": location}));
    }
    out
}

/// `/ResourceTypes`.
pub fn resource_types(base: &str) -> Value {
    let all: Vec<_> = TYPES.iter().map(|of| of_type(of, base)).collect();
    listed(all.len(), 1, all)
}

/// `/ResourceTypes/NAME`.
pub fn resource_type(base: &str, name: &str) -> Option<Value> {
    TYPES.iter().find(|of| of.name == name).map(|of| of_type(of, base))
}

/// `/Schemas`.
pub fn schemas(base: &str) -> Value {
    let all: Vec<_> = all_schemas().map(|schema| of_schema(schema, base)).collect();
    listed(all.len(), 1, all)
}

/// `/Schemas/URN`.
pub fn schema(base: &str, id: &str) -> Option<Value> {
    let known = |schema: &&Schema| schema.id.eq_ignore_ascii_case(id);
    all_schemas().find(known).map(|schema| of_schema(schema, base))
}

const fn text(name: &'static str, what: &'static str) -> Attribute {
    Attribute::text(name, what).read_only()
}

const fn flag(name: &'static str, what: &'static str) -> Attribute {
    Attribute::of(name, Type::Boolean, what).read_only()
}

const fn parts(name: &'static str, what: &'static str, subs: &'static [Attribute]) -> Attribute {
    Attribute::complex(name, what, subs).read_only()
}

/// The schemas of what this file makes (RFC 7643 §8.7.2).
static OF_ITSELF: [Schema; 3] = [
    Schema {
        id: "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
        name: "ServiceProviderConfig",
        what: "What the server can do",
        attributes: &[
            parts("patch", "PATCH", &[flag("supported", "Whether it is answered")]),
            parts("filter", "Filters", &[flag("supported", "Whether they are answered")]),
            parts("bulk", "Bulk", &[flag("supported", "Whether it is answered")]),
            parts("sort", "Sorting", &[flag("supported", "Whether it is done")]),
            parts("etag", "Versions", &[flag("supported", "Whether they are compared")]),
            parts("changePassword", "Passwords", &[flag("supported", "Whether they change")]),
            parts(
                "authenticationSchemes",
                "How to prove who asks",
                &[
                    text("type", "The kind"),
                    text("name", "The name"),
                    text("description", "What it is"),
                    text("specUri", "Where it is specified"),
                ],
            )
            .multi(),
        ],
    },
    Schema {
        id: "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
        name: "ResourceType",
        what: "A type of resource",
        attributes: &[
            text("name", "Its name"),
            text("description", "What it is"),
            text("endpoint", "Where its resources are"),
            text("schema", "Its schema"),
            parts(
                "schemaExtensions",
                "Schemas that add to it",
                &[text("schema", "The schema"), flag("required", "Whether it has to be there")],
            )
            .multi(),
        ],
    },
    Schema {
        id: "urn:ietf:params:scim:schemas:core:2.0:Schema",
        name: "Schema",
        what: "A schema",
        attributes: &[
            text("name", "Its name"),
            text("description", "What it describes"),
            parts(
                "attributes",
                "Its attributes",
                &[
                    text("name", "The name"),
                    text("type", "The type of its values"),
                    flag("multiValued", "Whether it has several"),
                    flag("required", "Whether it has to be there"),
                    flag("caseExact", "Whether letters of another case are another value"),
                    text("mutability", "Who may change it"),
                    text("returned", "When it is shown"),
                    text("uniqueness", "Whether it is unique"),
                ],
            )
            .multi(),
        ],
    },
];
