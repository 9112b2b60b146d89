//! Systems, as others than the provider's engineers reach them: services, a vendor's people within
//! what they were engaged for, and whoever an emergency calls.

use crate::certificates::{SSH, X509, refuses};
use crate::registers::{add, take};
use crate::support::{both, field, kind, name, says};
use crate::vendors::Team;
use domain::certificates::{Issue, NewCertificate};
use domain::people::CreatePerson;
use domain::services::EndService;
use kernel::{Kind, Result};
use pki::x509;
use serde_json::{Value, json};
use testkit::World;

fn systems(world: &World, token: &str) {
    for (name, kind) in [("web-1", "host"), ("db-1", "data-store"), ("k-1", "cluster")] {
        let new = json!({"name": name, "kind": kind, "purpose": "orders", "owner": "person:lea"});
        add(world, token, "systems", &new).unwrap();
    }
}

fn wish(to: Option<&str>, system: &str, login: &str) -> Value {
    json!({"to": to, "account": "house", "collections": [system], "verbs": ["connect"],
        "logins": [login], "purpose": "orders are slow", "reference": "T-9", "for_seconds": 3600})
}

fn issue(world: &World, token: &str, system: &str, kind: &str) -> Result<Value> {
    let key = if kind == "ssh" { SSH } else { X509 };
    let stated = json!({"system": system, "kind": kind, "key": key});
    let new: NewCertificate = serde_json::from_value(stated).unwrap();
    let issued = world.run(token, Issue::new(&world.kernel, new)?)?;
    Ok(serde_json::to_value(issued.output).unwrap())
}

/// Asked by one, approved by `abe`, and begun by the holder if that is a person.
fn granted(team: &Team<'_>, world: &World, asks: &str, wish: &Value) -> Result<Value> {
    let row = add(world, asks, "access-requests", wish)?;
    let id = row["id"].as_str().unwrap();
    let place = |verb| ("access-requests", id, verb);
    let terms = json!({ "terms_sha256": row["terms_sha256"] });
    let row = take(world, &team.token("abe"), place("approve"), &terms)?;
    match row["begun"].is_null() {
        true => take(world, asks, place("begin"), &json!({})),
        false => Ok(row),
    }
}

#[test]
fn a_service_reaches_the_system_that_its_grant_names_until_either_ends() {
    both(618, |world| {
        let team = Team::new(world);
        systems(world, &team.token("lea"));
        let app = world.service("app");
        assert_eq!(kind(issue(world, &app, "db-1", "x509")), Kind::Forbidden, "no grant yet");
        let wish = wish(Some("service:app"), "db-1", "app");
        let other = add(world, &team.token("eve"), "access-requests", &wish);
        assert_eq!(kind(other), Kind::Forbidden, "its owner asks, nobody else");
        let begun = granted(&team, world, &world.admin, &wish).unwrap();
        assert!(begun["begun"]["grant"].is_string(), "it begins with the last approval: {begun}");
        let row = issue(world, &app, "db-1", "x509").unwrap();
        assert_eq!(row["holder"], "service:app");
        let key_id = row["key_id"].as_str().unwrap();
        assert!(key_id.starts_with("service:app/grant_"), "{key_id}");
        assert_eq!(kind(issue(world, &app, "web-1", "ssh")), Kind::Forbidden, "another system");
        let eve = issue(world, &team.token("eve"), "db-1", "x509");
        assert_eq!(kind(eve), Kind::Forbidden, "the grant of another");
        assert!(!refuses(world, &row));
        let end = EndService::new(&world.kernel, &name("app")).unwrap();
        world.run(&world.admin, end).unwrap();
        assert!(refuses(world, &row), "what ended signs in nowhere");
    });
}

#[test]
fn a_vendors_person_signs_in_within_the_engagement_and_nowhere_else() {
    both(619, |world| {
        let team = Team::new(world);
        systems(world, &team.token("lea"));
        team.ready("acme", "support-access");
        let person = CreatePerson::new(&world.kernel, "vic", None, None, vec!["engineer".into()]);
        let vic = world.run(&team.admin(), person.unwrap().with_vendor("acme")).unwrap();
        let vic = vic.output.token;
        let asked = || granted(&team, world, &vic, &wish(None, "db-1", "app"));
        assert!(says(&asked().unwrap_err(), "no engagement"), "engaged for nothing");
        let engage = |changes: Value| {
            let mut stated = json!({"name": "upkeep", "vendor": "acme", "purpose": "upkeep",
                "accounts": ["house"], "collections": ["db-1"], "verbs": ["connect"],
                "sponsor": "person:mia", "class": "support-access", "from": team.day(0),
                "to": team.day(60)});
            for (name, value) in changes.as_object().unwrap() {
                stated[name] = value.clone();
            }
            add(world, &team.token("mia"), "engagements", &stated)
        };
        assert_eq!(field(engage(json!({"verbs": ["connect", "read"]}))).1, "verbs");
        assert_eq!(field(engage(json!({"verbs": ["read"]}))).1, "accounts", "of no subscriber");
        let two = json!({"accounts": ["house", "acme"]});
        assert_eq!(field(engage(two)).1, "accounts");
        assert_eq!(field(engage(json!({"accounts": ["*"]}))).1, "verbs");
        assert_eq!(field(engage(json!({"collections": ["*"]}))).1, "collections");
        assert_eq!(field(engage(json!({"collections": ["nowhere"]}))).1, "collections");
        engage(json!({})).unwrap();
        asked().unwrap();
        let wider = granted(&team, world, &vic, &wish(None, "web-1", "app"));
        assert_eq!(kind(wider), Kind::Forbidden, "another system");
        let row = issue(world, &vic, "db-1", "x509").unwrap();
        assert!(!refuses(world, &row));
        assert_eq!(kind(issue(world, &vic, "web-1", "ssh")), Kind::Forbidden);
        let end = json!({"reason": "the work is done"});
        let mia = team.token("mia");
        take(world, &mia, ("engagements", "upkeep", "end"), &end).unwrap();
        assert!(refuses(world, &row), "with the engagement the certificate");
        assert_eq!(kind(issue(world, &vic, "db-1", "x509")), Kind::Forbidden);
    });
}

#[test]
fn an_emergency_reaches_a_system_at_once_and_not_for_long() {
    both(622, |world| {
        let team = Team::new(world);
        systems(world, &team.token("lea"));
        let pool = |changes: Value| {
            let mut stated = json!({"name": "night", "purpose": "the shop stands", "minutes": 30,
                "to": team.day(60), "holders": ["person:eve"], "accounts": ["house"],
                "collections": ["web-1"], "verbs": ["connect"], "logins": ["root"]});
            for (name, value) in changes.as_object().unwrap() {
                stated[name] = value.clone();
            }
            add(world, &team.token("lea"), "emergency-pools", &stated)
        };
        assert_eq!(field(pool(json!({"logins": []}))).1, "logins");
        assert_eq!(field(pool(json!({"verbs": ["connect", "read"]}))).1, "verbs");
        assert_eq!(field(pool(json!({"verbs": ["read"]}))).1, "accounts");
        assert_eq!(field(pool(json!({"collections": ["nowhere"]}))).1, "collections");
        pool(json!({})).unwrap();
        let sign = ("emergency-pools", "night", "sign");
        take(world, &team.token("abe"), sign, &json!({})).unwrap();
        let reach = |account: &str| {
            let new = json!({"pool": "night", "account": account, "reason": "nobody can buy"});
            add(world, &team.token("eve"), "emergencies", &new)
        };
        let eve = team.token("eve");
        assert_eq!(kind(issue(world, &eve, "web-1", "ssh")), Kind::Forbidden, "only a pool yet");
        assert_eq!(field(reach("*")).1, "account");
        reach("house").unwrap();
        let row = issue(world, &eve, "web-1", "ssh").unwrap();
        assert_eq!(row["logins"], json!(["root"]));
        assert_eq!(kind(issue(world, &eve, "db-1", "x509")), Kind::Forbidden);
        let until = row["until"].as_str().unwrap();
        let latest = world.kernel.now().after(std::time::Duration::from_secs(30 * 60)).rfc3339();
        assert!(until <= latest.as_str(), "{until} {latest}");
        let data = json!({"name": "other", "purpose": "p", "minutes": 30, "to": team.day(60),
            "holders": ["person:eve"], "accounts": ["*"], "collections": ["*"],
            "verbs": ["read"], "logins": ["root"]});
        let data = add(world, &team.token("lea"), "emergency-pools", &data);
        assert_eq!(field(data).1, "logins", "of systems alone");
    });
}

#[test]
fn a_cluster_takes_a_name_of_its_own_and_not_for_long() {
    both(623, |world| {
        let team = Team::new(world);
        systems(world, &team.token("lea"));
        let eve = team.token("eve");
        granted(&team, world, &eve, &wish(None, "k-1", "deploy")).unwrap();
        let row = issue(world, &eve, "k-1", "x509").unwrap();
        let pem = row["certificate"].as_str().unwrap();
        let lists = crate::certificates::lists(world);
        let authority = x509::AuthorityCertificate::parse(lists.x509_authority.as_bytes()).unwrap();
        let read = x509::Certificate::parse(pem.as_bytes(), &authority).unwrap();
        assert_eq!(read.subject.common_name, "deploy@k-1", "the user of this cluster alone");
        assert_eq!(read.subject.groups, ["k-1"]);
        let now = world.kernel.now().0 / 1_000_000;
        assert_eq!(read.window.until(), now + 600, "no cluster reads what was revoked");
    });
}
