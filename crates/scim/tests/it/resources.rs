//! Resources, lists, selections and bulk requests.

use scim::{Batch, GROUP, Kind, Meta, Query, References, Resource, Selection, USER};
use serde_json::{Value, json};

fn made(id: &str, stated: &Value) -> Resource {
    let meta = Meta {
        id: id.to_owned(),
        created: "2026-11-22T14:02:11.000000Z".to_owned(),
        modified: "2026-11-22T14:02:11.000000Z".to_owned(),
        location: format!("https://x/scim/v2/Users/{id}"),
        version: "\"1\"".to_owned(),
    };
    Resource::read(&USER, stated).unwrap().with(&USER, &meta)
}

#[test]
fn only_what_is_published_is_kept_and_only_the_server_says_who_it_is() {
    let stated = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "mine", "meta": {"version": "9"}, "groups": [{"value": "admins"}],
        "username": "ana", "Active": "True", "password": "secret", "roles": ["administrator"],
        "EMAILS": {"VALUE": "a@x.example", "extra": 1},
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user": {"manager": "m1"},
        "urn:example:other": {"a": 1},
    });
    let kept = Resource::read(&USER, &stated).unwrap();
    let expected = json!({
        "userName": "ana", "active": true, "emails": [{"value": "a@x.example"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "m1"}},
    });
    assert_eq!(Value::Object(kept.attributes), expected);
}

#[test]
fn what_is_no_resource_is_refused() {
    for (stated, kind) in [
        (json!([]), Kind::InvalidSyntax),
        (json!({"not": "a scim resource"}), Kind::InvalidValue),
        (json!({"userName": ""}), Kind::InvalidValue),
        (json!({"userName": 7}), Kind::InvalidValue),
        (json!({"userName": ["a", "b"]}), Kind::InvalidValue),
        (json!({"userName": "a\u{0}b"}), Kind::InvalidValue),
        (json!({"userName": "x".repeat(2000)}), Kind::InvalidValue),
        (json!({"userName": "ana", "active": "maybe"}), Kind::InvalidValue),
        (json!({"userName": "ana", "name": "Ana"}), Kind::InvalidValue),
        (json!({"userName": "ana", "schemas": ["urn:other"]}), Kind::InvalidSyntax),
        (json!({"userName": "ana", "schemas": "x"}), Kind::InvalidSyntax),
    ] {
        assert_eq!(Resource::read(&USER, &stated).unwrap_err().kind, kind, "{stated:.60}");
    }
    let many: Vec<Value> = (0..10_001).map(|n| json!({"value": n.to_string()})).collect();
    let group = json!({"displayName": "g", "members": many});
    assert_eq!(Resource::read(&GROUP, &group).unwrap_err().kind, Kind::TooMany);
}

#[test]
fn an_answer_has_what_was_asked_for() {
    let ana = made(
        "a1",
        &json!({
            "userName": "ana", "displayName": "Ana", "name": {"familyName": "L", "givenName": "A"},
            "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "S"},
        }),
    );
    let shown = |only, without| {
        let selection = Selection::read(&USER, only, without).unwrap();
        let mut shown = ana.shown(&USER, &selection);
        shown.as_object_mut().unwrap().remove("schemas").unwrap();
        shown
    };
    assert_eq!(shown(Some("username"), None), json!({"id": "a1", "userName": "ana"}));
    let parts = shown(Some("name.familyName, emails.value,emails.type"), None);
    let emails = json!([{"value": "a@x", "type": "work"}, {"value": "b@x"}]);
    assert_eq!(parts, json!({"id": "a1", "name": {"familyName": "L"}, "emails": emails}));
    let extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert_eq!(shown(Some(extension), None)[extension]["department"], "S");
    let part = format!("{extension}:department");
    assert_eq!(shown(Some(&part), None)[extension]["department"], "S");
    assert_eq!(shown(Some("unknown"), None), json!({"id": "a1"}));
    let without = shown(None, Some("id,name.givenName,emails.type,displayName"));
    assert_eq!(without["id"], "a1", "the id is in each answer");
    assert_eq!(without["name"], json!({"familyName": "L"}));
    assert_eq!(without["emails"], json!([{"value": "a@x"}, {"value": "b@x"}]));
    assert!(without.get("displayName").is_none());
    assert!(shown(None, Some(extension)).get(extension).is_none());
    assert!(Selection::read(&USER, Some("a"), Some("b")).is_err());
}

#[test]
fn lists_are_filtered_ordered_and_paged() {
    let all = || {
        ["Cat", "ann", "Bob"]
            .iter()
            .enumerate()
            .map(|(n, name)| {
                let mut stated = json!({"userName": name});
                if n > 0 {
                    stated["title"] = json!(format!("t{n}"));
                }
                made(&n.to_string(), &stated)
            })
            .collect::<Vec<_>>()
    };
    let names = |pairs: &[(&str, &str)]| {
        let get = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        let page = Query::read(&USER, get).unwrap().page(all()).body();
        let items = page["Resources"].as_array().unwrap().clone();
        assert_eq!(page["itemsPerPage"], items.len());
        let names: Vec<String> =
            items.iter().map(|one| one["userName"].as_str().unwrap().to_owned()).collect();
        (page["totalResults"].as_u64().unwrap(), names.join(" "))
    };
    assert_eq!(names(&[]), (3, "Cat ann Bob".into()));
    assert_eq!(names(&[("sortBy", "userName")]), (3, "ann Bob Cat".into()));
    let down = [("sortBy", "userName"), ("sortOrder", "descending")];
    assert_eq!(names(&down), (3, "Cat Bob ann".into()));
    assert_eq!(names(&[("sortBy", "title")]), (3, "ann Bob Cat".into()));
    assert_eq!(names(&[("startIndex", "2"), ("count", "1")]), (3, "ann".into()));
    assert_eq!(names(&[("startIndex", "-5"), ("count", "2")]), (3, "Cat ann".into()));
    assert_eq!(names(&[("count", "0")]), (3, String::new()));
    assert_eq!(names(&[("count", "-1")]), (3, String::new()));
    assert_eq!(names(&[("startIndex", "99")]), (3, String::new()));
    assert_eq!(names(&[("filter", "title pr")]), (2, "ann Bob".into()));
    for bad in [("count", "x"), ("startIndex", "1e3"), ("filter", "x"), ("sortBy", "x y")] {
        let get = |name: &str| (name == bad.0).then_some(bad.1);
        assert!(Query::read(&USER, get).is_err(), "{bad:?}");
    }
    let search = json!({"filter": "title pr", "startIndex": 1, "count": 1,
                        "attributes": ["userName", "title"]});
    let page = Query::search(&USER, &search).unwrap().page(all());
    assert_eq!(page.items[0]["title"], "t1");
}

#[test]
fn two_lists_are_paged_as_one() {
    let all = |count: usize| -> Vec<Resource> {
        (0..count).map(|n| made(&n.to_string(), &json!({"userName": format!("u{n}")}))).collect()
    };
    for start in 1..9 {
        for count in 0..9 {
            let (first, count) = (start.to_string(), count.to_string());
            let get = |name: &str| match name {
                "startIndex" => Some(first.as_str()),
                "count" => Some(count.as_str()),
                _ => None,
            };
            let query = Query::read(&USER, get).unwrap();
            let one = query.clone().page(all(3));
            let two = query.clone().after(&one).page(all(4));
            let both = one.with(two).body();
            let whole = query.page(all(7)).body();
            assert_eq!(both["totalResults"], 7);
            assert_eq!(both["startIndex"], whole["startIndex"]);
            assert_eq!(both["itemsPerPage"], whole["itemsPerPage"], "{first} {count}");
        }
    }
}

#[test]
fn bulk_requests_refer_to_what_they_made() {
    let body = json!({"failOnErrors": 1, "Operations": [
        {"method": "post", "path": "/Users", "bulkId": "q", "data": {"userName": "ana"}},
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data":
            {"Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:q"}]}]}},
    ]});
    let batch = Batch::read(&body).unwrap();
    assert_eq!(batch.most_errors, Some(1));
    let mut made = References::default();
    assert_eq!(made.resolve(&batch.operations[1]).unwrap_err().kind, Kind::InvalidValue);
    made.made("q", "u1");
    made.made("g", "g1");
    let one = made.resolve(&batch.operations[1]).unwrap();
    assert_eq!(one.id.as_deref(), Some("g1"));
    assert_eq!(one.data["Operations"][0]["value"][0]["value"], "u1");
    for bad in [
        json!({}),
        json!({"Operations": []}),
        json!({"Operations": [{"method": "GET", "path": "/Users/1"}]}),
        json!({"Operations": [{"method": "POST", "path": "/Users", "data": {}}]}),
        json!({"Operations": [{"method": "POST", "path": "/Users/1", "bulkId": "x"}]}),
        json!({"Operations": [{"method": "DELETE", "path": "/Users"}]}),
        json!({"Operations": [{"method": "DELETE", "path": "/Users/1/2"}]}),
        json!({"Operations": [{"method": "DELETE", "path": "Users/1"}]}),
        json!({"failOnErrors": 0, "Operations": [{"method": "DELETE", "path": "/Users/1"}]}),
    ] {
        assert!(Batch::read(&bad).is_err(), "{bad}");
    }
    let many = vec![json!({"method": "DELETE", "path": "/Users/1"}); 501];
    let many = Batch::read(&json!({"Operations": many}));
    assert_eq!(many.unwrap_err().kind, Kind::TooMany);
}

#[test]
fn what_the_server_says_of_itself_is_consistent() {
    let base = "https://x/scim/v2";
    let schemas = scim::schemas(base);
    let ids: Vec<&str> = schemas["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    for id in &ids {
        assert_eq!(scim::schema(base, id).unwrap()["id"], *id);
    }
    let types = scim::resource_types(base);
    for one in types["Resources"].as_array().unwrap() {
        assert!(ids.contains(&one["schema"].as_str().unwrap()));
        let name = one["name"].as_str().unwrap();
        assert_eq!(scim::resource_type(base, name).unwrap(), *one);
    }
    assert!(scim::schema(base, "urn:x").is_none() && scim::resource_type(base, "X").is_none());
}
