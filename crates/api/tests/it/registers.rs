//! People, services, grants, measures over the wire.

use crate::support::{Running, ask};
use serde_json::{Value, json};

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn people_come_get_tokens_and_leave() {
    let server = Running::start(60);
    let admin = server.world.admin.clone();
    let new = json!({"name": "ada", "full_name": "Ada L.", "roles": ["administrator"]}).to_string();
    let created = server.expect(201, &ask("POST", "/v1/people").by(&admin).json(new.clone()));
    assert_eq!(created.field("location"), Some("/v1/people/ada"));
    let ada = text(&created.json()["token"]);
    assert!(created.json()["receipt"]["proof"].is_string());
    server.expect(409, &ask("POST", "/v1/people").by(&admin).json(new));
    let seen = server.expect(200, &ask("GET", "/v1/people/ada").by(&ada));
    assert_eq!(
        (&seen.json()["state"], &seen.json()["full_name"]),
        (&json!("active"), &json!("Ada L."))
    );
    // Neither a token nor its hash is told again.
    assert!(seen.json().get("token").is_none() && !seen.text().contains("hash"));

    let issued = server.expect(201, &ask("POST", "/v1/people/ada/tokens").by(&admin)).json();
    let (second, id) = (text(&issued["token"]), text(&issued["token_id"]));
    server.expect(200, &ask("GET", "/v1/people").by(&second));
    let ended =
        server.expect(200, &ask("DELETE", &format!("/v1/people/ada/tokens/{id}")).by(&admin));
    assert_eq!(ended.json()["token_id"], id);
    server.expect(401, &ask("GET", "/v1/people").by(&second));
    server.expect(200, &ask("GET", "/v1/people").by(&ada));
    server.expect(404, &ask("DELETE", "/v1/people/ada/tokens/none").by(&admin));

    let left = server.expect(200, &ask("DELETE", "/v1/people/ada").by(&admin)).json();
    assert_eq!(left["state"], "left");
    server.expect(401, &ask("GET", "/v1/people").by(&ada));
    server.expect(409, &ask("DELETE", "/v1/people/ada").by(&admin));
    server.expect(404, &ask("GET", "/v1/people/bob").by(&admin));
}

#[test]
fn services_and_grants_end_at_once() {
    let server = Running::start(61);
    let worker = server.acme();
    let admin = server.world.admin.clone();
    let created =
        server.expect(201, &ask("POST", "/v1/services").by(&admin).json(r#"{"name":"desk"}"#));
    let desk = text(&created.json()["token"]);
    assert_eq!(
        (&created.json()["owner"], &created.json()["state"]),
        (&json!("person:admin"), &json!("active"))
    );
    let record = "/v1/accounts/acme/collections/cases/records/a";
    server.expect(201, &ask("PUT", record).by(&worker).json("1"));
    server.expect(404, &ask("GET", record).by(&desk));

    let wish = json!({
        "to": "service:desk", "account": "acme", "collections": ["cases"], "verbs": ["read"],
        "purpose": "case 17", "for_seconds": 3600
    });
    let grant = server.expect(201, &ask("POST", "/v1/grants").by(&admin).json(wish.to_string()));
    let (id, grant) = (text(&grant.json()["id"]), grant.json());
    assert_eq!((&grant["state"], &grant["approver"]), (&json!("active"), &json!("person:admin")));
    server.expect(200, &ask("GET", record).by(&desk).with("bailee-purpose", "case 17"));
    server.expect(403, &ask("GET", record).by(&desk).with("bailee-purpose", "curiosity"));
    server.expect(403, &ask("PUT", record).by(&desk).json("2"));

    let path = format!("/v1/grants/{id}");
    assert_eq!(server.expect(200, &ask("GET", &path).by(&admin)).json()["purpose"], "case 17");
    let ended = server.expect(200, &ask("DELETE", &path).by(&admin)).json();
    assert_eq!(ended["state"], "ended");
    server.expect(404, &ask("GET", record).by(&desk));
    let list = server.expect(200, &ask("GET", "/v1/grants").by(&admin)).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);

    let issued = server.expect(201, &ask("POST", "/v1/services/desk/tokens").by(&admin)).json();
    let second = text(&issued["token"]);
    let path = format!("/v1/services/desk/tokens/{}", text(&issued["token_id"]));
    server.expect(200, &ask("GET", "/v1/measures").by(&second));
    server.expect(200, &ask("DELETE", &path).by(&admin));
    server.expect(401, &ask("GET", "/v1/measures").by(&second));
    assert_eq!(
        server.expect(200, &ask("DELETE", "/v1/services/desk").by(&admin)).json()["state"],
        "ended"
    );
    server.expect(401, &ask("GET", "/v1/measures").by(&desk));
    let list = server.expect(200, &ask("GET", "/v1/services").by(&admin)).json();
    assert_eq!(list["items"][1]["state"], "ended");
    assert_eq!(
        server.expect(200, &ask("GET", "/v1/services/desk").by(&admin)).json()["name"],
        "desk"
    );
}

#[test]
fn only_who_may_approve_learns_which_accounts_there_are() {
    let server = Running::start(62);
    server.acme();
    let desk = server.world.service("desk");
    let wish = |account: &str| {
        json!({
            "to": "service:desk", "account": account, "collections": ["*"], "verbs": ["read"],
            "purpose": "x", "for_seconds": 60
        })
        .to_string()
    };
    let answers = ["acme", "none"].map(|account| {
        let answer = server.expect(403, &ask("POST", "/v1/grants").by(&desk).json(wish(account)));
        answer.detail()
    });
    assert_eq!(answers[0], answers[1]);
    server.expect(404, &ask("POST", "/v1/grants").by(&server.world.admin).json(wish("none")));
}

#[test]
fn measures_are_told_with_their_facts() {
    let server = Running::start(63);
    let admin = server.world.admin.clone();
    let all = server.expect(200, &ask("GET", "/v1/measures").by(&admin)).json();
    let items = all["items"].as_array().unwrap();
    assert!(items.len() > 14 && all["as_of"].is_string());
    for item in items {
        let state = item["state"].as_str().unwrap();
        assert!(["holding", "failing", "unproven"].contains(&state), "{item}");
        assert!(item["id"].is_string() && item["title"].is_string() && item["facts"].is_array());
    }
    // One administrator approves for itself: that is never in order.
    let of = |id: &str| items.iter().find(|item| item["id"] == id).unwrap()["state"].clone();
    assert_ne!(of("E5.1"), "holding");
    let scope = ask("PUT", "/v1/measures/scope").by(&admin);
    let stated = server.expect(200, &scope.json(r#"{"reason":"nothing else is there"}"#)).json();
    assert_eq!(stated["by"], "person:admin");
}

#[test]
fn a_person_changes_jobs_and_nobody_gives_roles_to_themselves() {
    let server = Running::start(93);
    let admin = server.world.admin.clone();
    let lea = server.world.person("lea", &["security-lead"]);
    let eve = server.world.person("eve", &["engineer"]);
    let grant = server.world.grant("person:eve", "*", "*", &["open"]);
    let ask_for = |by: &str, who: &str, body: &str| {
        server.ask(&ask("POST", &format!("/v1/people/{who}:move")).by(by).json(body))
    };
    let support = r#"{"roles":["support"],"reason":"moves to the desk"}"#;
    for (by, who, body, status) in [
        (&eve, "eve", r#"{"roles":["administrator"],"reason":"me"}"#, 403),
        (&lea, "lea", r#"{"roles":["administrator"],"reason":"me"}"#, 403),
        (&lea, "eve", r#"{"roles":["administrator"],"reason":"a friend"}"#, 403),
        (&lea, "admin", r#"{"roles":[],"reason":"the last one"}"#, 409),
        (&lea, "eve", r#"{"roles":["root"],"reason":"x"}"#, 400),
        (&lea, "eve", r#"{"roles":["support"]}"#, 400),
        (&lea, "eve", r#"{"roles":["support"],"reason":"x","left":1}"#, 400),
        (&lea, "nobody", support, 404),
    ] {
        let answer = ask_for(by, who, body);
        assert_eq!(answer.status, status, "{who} {body}: {}", answer.text());
    }
    let row = ask_for(&lea, "eve", support);
    assert_eq!(row.status, 200, "{}", row.text());
    let row = row.json();
    assert_eq!((&row["roles"], &row["moves"][0]["ended"]), (&json!(["support"]), &json!(1)));
    let grant = server.expect(200, &ask("GET", &format!("/v1/grants/{grant}")).by(&admin)).json();
    assert_eq!(grant["state"], "ended", "{grant}");
}

#[test]
fn measures_are_found_by_the_identifier_of_another_framework() {
    let server = Running::start(94);
    let admin = server.world.admin.clone();
    let found = |query: &str| {
        let path = format!("/v1/measures?{query}");
        server.ask(&ask("GET", &path).by(&admin))
    };
    let all = found("for=SC-28%281%29").json();
    let items = all["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["id"]), (1, &json!("E2.1")), "{all}");
    assert!(items[0]["mapping"]["nist80053"].to_string().contains("SC-28(1)"), "{all}");
    for bad in ["for=", "for=A.9.1", "for=A.8.24%00", "for=*", "for=E2.1", "for=A.8.24&for=CC6.1"] {
        let refused = found(bad);
        assert_eq!(refused.status, 400, "{bad}: {}", refused.text());
    }
    let setup = server.expect(200, &ask("GET", "/v1/setup").by(&admin)).json();
    assert_eq!((&setup["done"], &setup["obligations"]), (&json!(0), &json!(49)), "{setup}");
    assert_eq!(setup["steps"][0]["id"], "second-administrator");
}
