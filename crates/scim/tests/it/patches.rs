//! PATCH: what the standard says, and what Entra and Okta send.

use proptest::prelude::*;
use scim::{GROUP, Kind, Patch, Resource, ResourceType, USER};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn ana() -> Value {
    json!({
        "userName": "ana", "active": true, "displayName": "Ana",
        "name": {"familyName": "Lima", "givenName": "Ana"},
        "emails": [
            {"value": "a@work.example", "type": "work", "primary": true},
            {"value": "a@home.example", "type": "home"},
        ],
    })
}

fn patched(
    of: &'static ResourceType,
    resource: &Value,
    operations: Value,
) -> Result<Value, (Kind, String)> {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    let told = |error: scim::Error| (error.kind, error.detail);
    let resource = Resource::read(of, resource).unwrap();
    let changed = Patch::read(of, &body).map_err(told)?.apply(&resource).map_err(told)?;
    Ok(Value::Object(changed.attributes))
}

fn user(operations: Value) -> Value {
    patched(&USER, &ana(), operations).unwrap()
}

#[track_caller]
fn refused(operations: Value, kind: Kind) {
    assert_eq!(patched(&USER, &ana(), operations).unwrap_err().0, kind);
}

/// Every way somebody says that a person does not work here any more.
#[test]
fn every_dialect_lets_somebody_out() {
    for operations in [
        json!([{"op": "replace", "path": "active", "value": false}]),
        json!([{"op": "Replace", "path": "active", "value": "False"}]),
        json!([{"op": "REPLACE", "path": "ACTIVE", "value": "false"}]),
        json!([{"op": "add", "path": "active", "value": false}]),
        json!([{"op": "replace", "value": {"active": false}}]),
        json!([{"op": "Replace", "value": {"active": "False"}}]),
        json!([{"op": "Replace", "path": "active", "value": [{"$ref": null, "value": "False"}]}]),
        json!([{"op": "replace", "value": {"id": "x", "active": false, "unknown": {"a": 1}}}]),
        json!([{"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active",
                "value": false}]),
        json!([{"op": "replace",
                "value": {"urn:ietf:params:scim:schemas:core:2.0:User:active": "False"}}]),
        json!([{"op": "Add", "path": "photos[type eq \"photo\"].value", "value": "x"},
               {"op": "Replace", "path": "active", "value": "False"}]),
        json!([{"op": "replace", "path": "active", "value": true},
               {"op": "replace", "path": "active", "value": false}]),
        json!([{"Op": "replace", "Path": "active", "Value": false}]),
        json!([{"op": "replace", "path": "", "value": {"active": false}}]),
    ] {
        assert_eq!(user(operations.clone())["active"], false, "{operations}");
    }
}

#[test]
fn entras_paths_make_what_is_not_there() {
    let changed = user(json!([
        {"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1 555 0100"},
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "new@work.example"},
        {"op": "Add", "path": "name.familyName", "value": "Silva"},
        {"op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "Support"},
        {"op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": "m1"},
        {"op": "Replace", "value": {"name.givenName": "Anna", "emails[type eq \"other\"].value":
            "o@x.example", (format!("{ENTERPRISE}:employeeNumber")): "7"}},
    ]));
    assert_eq!(changed["phoneNumbers"], json!([{"type": "mobile", "value": "+1 555 0100"}]));
    assert_eq!(changed["emails"][0]["value"], "new@work.example");
    assert_eq!(changed["emails"][0]["primary"], true);
    assert_eq!(changed["emails"][2], json!({"type": "other", "value": "o@x.example"}));
    assert_eq!(changed["name"], json!({"familyName": "Silva", "givenName": "Anna"}));
    let expected = json!({"department": "Support", "employeeNumber": "7",
                          "manager": {"value": "m1"}});
    assert_eq!(changed[ENTERPRISE], expected);
}

#[test]
fn members_come_and_go_in_each_dialect() {
    let group = json!({"displayName": "g", "members": [{"value": "a"}, {"value": "b"}]});
    let members = |operations: Value| -> Vec<String> {
        let changed = patched(&GROUP, &group, operations).unwrap();
        let all = changed["members"].as_array().cloned().unwrap_or_default();
        all.iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect()
    };
    for (operations, expected) in [
        (json!([{"op": "add", "path": "members", "value": [{"value": "c"}]}]), "abc"),
        (
            json!([{"op": "Add", "path": "members", "value": [{"value": "a"}, {"value": "c"}]}]),
            "abc",
        ),
        (json!([{"op": "add", "value": {"members": [{"value": "c", "display": "C"}]}}]), "abc"),
        (json!([{"op": "remove", "path": "members[value eq \"a\"]"}]), "b"),
        (json!([{"op": "remove", "path": "members[value eq \"x\"]"}]), "ab"),
        // As Entra did before it learned of filters: the removal says whom.
        (json!([{"op": "Remove", "path": "members", "value": [{"value": "a"}]}]), "b"),
        (json!([{"op": "remove", "path": "members", "value": {"value": "b"}}]), "a"),
        (json!([{"op": "remove", "path": "members"}]), ""),
        (json!([{"op": "replace", "path": "members", "value": []}]), ""),
        (json!([{"op": "replace", "path": "members", "value": [{"value": "z"}]}]), "z"),
        (json!([{"op": "replace", "value": {"members": [{"value": "z"}], "id": "x"}}]), "z"),
        (
            json!([{"op": "remove", "path": "members[value eq \"a\"]"},
                {"op": "add", "path": "members", "value": "c"}]),
            "bc",
        ),
    ] {
        assert_eq!(members(operations.clone()).concat(), expected, "{operations}");
    }
    let made =
        json!([{"op": "replace", "path": "members[value eq \"x\"]", "value": {"value": "x"}}]);
    assert_eq!(patched(&GROUP, &group, made).unwrap_err().0, Kind::NoTarget);
}

#[test]
fn complex_and_multiple_values_follow_the_standard() {
    let changed = user(json!([{"op": "replace", "path": "name", "value": {"givenName": "Anna"}}]));
    assert_eq!(changed["name"], json!({"familyName": "Lima", "givenName": "Anna"}));
    let added = json!([{"op": "add", "path": "emails",
                        "value": {"value": "n@x.example", "primary": true}}]);
    let changed = user(added);
    assert_eq!(changed["emails"][0]["primary"], false, "one primary value at most");
    assert_eq!(changed["emails"][2]["primary"], true);
    let same = json!([{"op": "add", "path": "emails",
                       "value": [{"value": "a@home.example", "type": "home"}]}]);
    assert_eq!(user(same)["emails"].as_array().unwrap().len(), 2, "nothing stands twice");
    let gone = user(json!([{"op": "remove", "path": "emails[type eq \"home\"]"}]));
    assert_eq!(gone["emails"].as_array().unwrap().len(), 1);
    let gone = user(json!([{"op": "remove", "path": "emails"}, {"op": "remove", "path": "name"}]));
    assert!(gone.get("emails").is_none() && gone.get("name").is_none());
    let gone = user(json!([{"op": "replace", "path": "displayName", "value": null}]));
    assert!(gone.get("displayName").is_none());
    let extension = json!([{"op": "add", "path": ENTERPRISE, "value": {"division": "North"}},
                           {"op": "remove", "path": format!("{ENTERPRISE}:division")}]);
    assert!(user(extension).get(ENTERPRISE).is_none(), "nothing is left of it");
}

#[test]
fn what_is_no_change_is_refused_by_its_kind() {
    refused(json!([]), Kind::InvalidSyntax);
    refused(json!("x"), Kind::InvalidSyntax);
    refused(json!([{"op": "move", "path": "active"}]), Kind::InvalidSyntax);
    refused(json!([{"path": "active", "value": true}]), Kind::InvalidSyntax);
    refused(json!([{"op": "remove"}]), Kind::NoTarget);
    refused(json!([{"op": "replace", "value": "x"}]), Kind::InvalidValue);
    refused(json!([{"op": "replace", "path": 5, "value": "x"}]), Kind::InvalidPath);
    refused(json!([{"op": "replace", "path": "active", "value": "maybe"}]), Kind::InvalidValue);
    refused(json!([{"op": "replace", "path": "active", "value": 0}]), Kind::InvalidValue);
    refused(json!([{"op": "replace", "path": "id", "value": "x"}]), Kind::Mutability);
    refused(json!([{"op": "replace", "path": "meta.version", "value": "x"}]), Kind::Mutability);
    refused(json!([{"op": "remove", "path": "userName"}]), Kind::InvalidValue);
    refused(json!([{"op": "replace", "path": "userName", "value": " "}]), Kind::InvalidValue);
    refused(json!([{"op": "replace", "path": "unknown", "value": "x"}]), Kind::InvalidPath);
    for path in [
        "[",
        "emails[",
        "emails[type eq \"x\"",
        "emails]x",
        ".",
        "a b",
        "active[value]",
        "emails[type eq \"work\"].value.more",
        "5",
    ] {
        let outcome = patched(&USER, &ana(), json!([{"op": "add", "path": path, "value": "x"}]));
        let kind = outcome.unwrap_err().0;
        assert!([Kind::InvalidPath, Kind::InvalidFilter].contains(&kind), "{path}: {kind:?}");
    }
    let many = vec![json!({"op": "add", "path": "title", "value": "x"}); 501];
    refused(Value::Array(many), Kind::TooMany);
    let many: Vec<Value> = (0..60).map(|n| json!({"value": format!("{n}@x")})).collect();
    refused(json!([{"op": "add", "path": "emails", "value": many}]), Kind::TooMany);
    // All of it or nothing: the resource is as it was.
    refused(
        json!([{"op": "replace", "path": "active", "value": false}, {"op": "remove"}]),
        Kind::NoTarget,
    );
}

/// JSON of any shape, with the words that operations know.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::from),
        prop_oneof![
            Just("active"),
            Just("emails[type eq \"work\"].value"),
            Just("replace"),
            Just("remove"),
            Just("members[value eq \"a\"]"),
            Just("False")
        ]
        .prop_map(Value::from),
        ".{0,6}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![
            Just("op"),
            Just("path"),
            Just("value"),
            Just("Operations"),
            Just("active"),
            Just("emails"),
            Just("type"),
            Just("primary"),
            Just("name"),
            Just("manager"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..5).prop_map(|all| Value::Object(
                all.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Garbage changes a resource into one that would be taken, or not at all.
    #[test]
    fn garbage_is_done_or_refused(value in any_json(), path in any_json(), op in any_json()) {
        for of in [&USER, &GROUP] {
            let whole = json!({"userName": "ana", "displayName": "g"});
            let whole = Resource::read(of, &whole).unwrap();
            for body in [
                value.clone(),
                json!({"Operations": value}),
                json!({"Operations": [{"op": op, "path": path, "value": value}]}),
                json!({"Operations": [{"op": "replace", "path": path, "value": value}]}),
                json!({"Operations": [{"op": "add", "value": value}]}),
            ] {
                let Ok(patch) = Patch::read(of, &body) else { continue };
                let Ok(changed) = patch.apply(&whole) else { continue };
                let again = Resource::read(of, &Value::Object(changed.attributes.clone()));
                prop_assert_eq!(again.unwrap(), changed);
            }
            drop(Resource::read(of, &value));
        }
    }
}
