//! Answers in a whole server: who is banned is refused at every door, others are not, and a restart
//! changes nothing of that.

use super::house::{House, northwind};
use super::support::{Server, Store, said};
use serde_json::{Value, json};
use std::process::Command;

/// Asks from another address of this machine: status, header and body.
fn from(address: &str, server: &Server, path: &str, more: &[&str]) -> (u16, String) {
    let url = format!("{}{path}", server.said["url"].as_str().unwrap());
    let ca = server.said["ca"].as_str().unwrap();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-i", "--interface", address, "--cacert", ca, "-m", "30"]).args(more);
    let output = curl.arg(&url).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text)
}

fn words(server: &Server, token: &str, arguments: &[&str]) -> Value {
    server.did(token, arguments)
}

#[test]
fn a_ban_is_in_force_at_every_door_and_after_a_crash() {
    let store = Store::init();
    let server = store.serve();
    let create = ["person", "create", "rob", "--roles", "responder", "--json"];
    let rob = server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned();
    let (status, _) = from("127.0.0.2", &server, "/healthz", &[]);
    assert_eq!(status, 200);
    let ban = ["answer", "add", "--kind", "ban", "--target", "127.0.0.2"];
    let rest = ["--reason", "guesses tokens", "--json"];
    let row = words(&server, &rob, &[&ban[..], &rest].concat());
    let id = row["id"].as_str().unwrap().to_owned();
    let login = format!("authorization: Bearer {rob}");
    let doors = ["/healthz", "/v1/answers", "/", "/trust", "/sign-in", "/assets/console.css"];
    let links = ["/acknowledge/n/t", "/calendar/c/t", "/page/p/t", "/openapi.json"];
    for path in doors.into_iter().chain(links) {
        let (status, text) = from("127.0.0.2", &server, path, &["-H", &login]);
        assert_eq!(status, 403, "{path}: {text}");
        assert!(text.contains("retry-after: 86") && text.contains(&id), "{path}: {text}");
        assert!(text.contains("urn:bailee:problem:restrained"), "{path}: {text}");
    }
    // A browser gets a page that says what happened, and nothing of anybody.
    let html = ["-H", "accept: text/html,*/*;q=0.8"];
    for path in ["/", "/trust", "/v1/answers", "/incidents/incident-1", "/healthz"] {
        let (status, page) = from("127.0.0.2", &server, path, &html);
        assert_eq!(status, 403, "{path}: {page}");
        assert!(page.contains("content-type: text/html") && page.contains("retry-after: 86"));
        assert!(page.contains("default-src 'none'") && page.contains("no-store"), "{page}");
        assert!(page.contains("<h1>Refused for now</h1>") && page.contains(&id), "{page}");
        assert!(page.contains(&format!("{} at ", &row["until"].as_str().unwrap()[..10])), "{page}");
        for nobody in ["person:", "guesses", "127.0.0.2", "incident-1", "<script", "<link"] {
            assert!(!page.contains(nobody), "{path} says `{nobody}`: {page}");
        }
    }
    let (_, head) = from("127.0.0.2", &server, "/", &["-I", "-H", "accept: text/html"]);
    assert!(head.contains("text/html") && !head.contains("<h1>"), "{head}");
    // What a header says of the address is not believed, neither to get out of it nor into it.
    for header in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "Via"] {
        let inner = format!("{header}: 127.0.0.1");
        assert_eq!(from("127.0.0.2", &server, "/healthz", &["-H", &inner]).0, 403, "{header}");
        let outer = format!("{header}: 127.0.0.2");
        assert_eq!(from("127.0.0.1", &server, "/healthz", &["-H", &outer]).0, 200, "{header}");
    }
    assert_eq!(from("127.0.0.3", &server, "/v1/answers", &["-H", &login]).0, 200);
    server.kill();
    let server = store.serve();
    assert_eq!(from("127.0.0.2", &server, "/healthz", &[]).0, 403, "before anything else");
    let lift = ["answer", "lift", &id, "--reason", "a customer", "--json"];
    assert_eq!(words(&server, &rob, &lift)["state"]["word"], "lifted");
    assert_eq!(from("127.0.0.2", &server, "/healthz", &[]).0, 200);
    // Nobody bans where they sit themselves, and the configuration may say who never is banned.
    let mut client = server.client(&rob);
    let own = json!({"kind": "ban", "target": "127.0.0.1", "reason": "x"}).to_string();
    let refused = client.post("/v1/answers", own.as_bytes()).expect(400);
    assert!(refused.text().contains("from there"), "{}", refused.text());
    server.stop();
    store.verified();
}

#[test]
fn the_allow_list_of_the_configuration_wins_over_what_is_stored() {
    let store = Store::init();
    let server = store.serve();
    let create = ["person", "create", "rob", "--roles", "responder", "--json"];
    let rob = server.did(&server.admin, &create)["token"].as_str().unwrap().to_owned();
    let mut client = server.client(&rob);
    for (kind, target) in [("ban", "127.0.0.2"), ("ban", "127.0.0.3")] {
        let row = json!({"kind": kind, "target": target, "reason": "x"}).to_string();
        client.post("/v1/answers", row.as_bytes()).expect(201);
    }
    server.stop();
    let config = store.beside("answers.toml");
    std::fs::write(&config, "[answers]\nnever = [\"127.0.0.2\"]\n").unwrap();
    let server = store.serve_with(&["--config", super::support::text(&config)], &[]);
    assert_eq!(from("127.0.0.2", &server, "/healthz", &[]).0, 200);
    assert_eq!(from("127.0.0.3", &server, "/healthz", &[]).0, 403);
    let again = json!({"kind": "limit", "target": "127.0.0.2", "reason": "x"}).to_string();
    let refused = server.client(&rob).post("/v1/answers", again.as_bytes()).expect(400);
    assert!(refused.text().contains("allow-list"), "{}", refused.text());
    server.stop();
}

#[test]
fn a_vendor_that_is_closed_is_refused_in_the_middle_of_its_work_and_nobody_else_is() {
    let store = northwind();
    let server = store.serve();
    let house = House::full(&server);
    let (lea, place) = (house.token("lea"), "/v1/accounts/northwind-traders/collections/tickets");
    let record = format!("{place}/records/T-1001");
    let vendor = |bot: &str| {
        let create = ["service", "create", bot, "--vendor", "fabrikam-support"];
        let rest = ["--owner", "person:lea", "--json"];
        let made = server.did(&server.admin, &[&create[..], &rest].concat());
        server.grant(&format!("service:{bot}"), "northwind-traders", "tickets", "read");
        made["token"].as_str().unwrap().to_owned()
    };
    let theirs = [vendor("night-1"), vendor("night-2")];
    // Connections that stay open: what is refused is the next request on each.
    let mut at_work: Vec<_> = theirs.iter().map(|token| server.client(token)).collect();
    let mut others = [house.token("desk"), house.token("omar")].map(|token| server.client(token));
    let listed = |client: &mut super::support::Client| client.get(place).status;
    for client in at_work.iter_mut().chain(&mut others) {
        client.get(&record).expect(200);
    }
    let before: Vec<_> = at_work.iter_mut().map(listed).collect();
    let close = json!({"kind": "close-vendor", "target": "fabrikam-support", "reason": "theft"});
    let mut lead = server.client(lea);
    let row = lead.post("/v1/answers", close.to_string().as_bytes()).expect(201).json();
    let id = row["id"].as_str().unwrap();
    for client in &mut at_work {
        let refused = client.get(&record).expect(403);
        assert!(refused.text().contains(id), "{}", refused.text());
        assert!(refused.text().contains("urn:bailee:problem:restrained"), "{}", refused.text());
    }
    for client in &mut others {
        client.get(&record).expect(200);
    }
    let lift = json!({"reason": "it was not theirs"}).to_string();
    lead.post(&format!("/v1/answers/{id}:lift"), lift.as_bytes()).expect(200);
    for client in at_work.iter_mut().chain(&mut others) {
        client.get(&record).expect(200);
    }
    let after: Vec<_> = at_work.iter_mut().map(listed).collect();
    assert_eq!(before, after, "what they could not do before they cannot do now");
    server.stop();
    store.verified();
}
