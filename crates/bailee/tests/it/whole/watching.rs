//! Detection in a whole server: what is sent as syslog or done through the API comes out as an
//! alert, begins an incident and pages, and affected accounts are those that were touched.

use super::house::{ACCOUNT, House, northwind};
use super::support::receipts::tools;
use super::support::{Client, Server, Store, said, skip_unless_all, text};
use kernel::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

/// A server that looks often, and makes no attack of its own unless that is wanted.
fn served(store: &Store, canary: u32) -> Server {
    let config = store.beside("watching.toml");
    let text_of = format!("anchor_seconds = 1\n[detection]\ncanary_minutes = {canary}\n");
    std::fs::write(&config, text_of).unwrap();
    store.serve_with(&["--config", text(&config), "--syslog", "127.0.0.1:0"], &[])
}

/// Asks until the answer is the one that is waited for: what happens by itself takes its time.
fn until<T>(client: &mut Client, path: &str, mut wanted: impl FnMut(&Value) -> Option<T>) -> T {
    let mut said = Value::Null;
    for _ in 0..4000 {
        said = client.get(path).expect(200).json();
        if let Some(found) = wanted(&said) {
            return found;
        }
    }
    panic!("{path} never said what was waited for: {said}");
}

fn about(page: &Value, what: &str) -> Option<Value> {
    let items = page["items"].as_array().unwrap();
    items.iter().find(|one| one["about"] == what).cloned()
}

#[test]
fn guessing_over_ssh_is_found_in_forwarded_logs() {
    let store = Store::init();
    let server = served(&store, 0);
    let mut client = server.administrator();
    let create = ["person", "create", "lea", "--roles", "security-lead,responder", "--json"];
    let lea = server.did(&store.admin, &create)["token"].as_str().unwrap().to_owned();
    let mut lead = server.client(&lea);
    let source = json!({"name": "web-1", "what": "its sshd", "kind": "syslog",
        "peers": ["127.0.0.1"], "silent_minutes": 60});
    client.post("/v1/sources", source.to_string().as_bytes()).expect(201);
    let syslog = server.said["syslog"]["tcp"].as_str().unwrap().to_owned();
    let mut stream = TcpStream::connect(syslog).unwrap();
    // A source counts as soon as detection has seen that it was named.
    until(&mut lead, "/v1/signals?where=source%3Dweb-1", |page| {
        let hello = "<38>1 - web-1 sshd 1 - - Server listening on 0.0.0.0 port 22.\n";
        stream.write_all(hello.as_bytes()).unwrap();
        page["items"].as_array()?.first().map(|_| ())
    });
    for nth in 0..12 {
        let pid = 4000 + nth;
        let line = format!(
            "<38>1 - web-1 sshd {pid} - - Failed password for root from 203.0.113.7 port 1 ssh2\n"
        );
        stream.write_all(line.as_bytes()).unwrap();
    }
    let innocent =
        "<38>1 - web-1 sshd 9 - - Failed password for ada from 203.0.113.8 port 1 ssh2\n";
    stream.write_all(innocent.as_bytes()).unwrap();
    drop(stream);
    let alert = until(&mut lead, "/v1/alerts", |page| about(page, "source.ip=203.0.113.7"));
    assert_eq!(alert["title"], "Brute force over SSH");
    assert!(alert["count"].as_u64().unwrap() >= 10, "{alert}");
    assert!(alert["evidence"][0].as_str().unwrap().starts_with("signal "), "{alert}");
    assert_eq!(alert["incident"], Value::Null, "this rule wakes nobody");
    let page = lead.get("/v1/alerts").expect(200).json();
    assert!(about(&page, "source.ip=203.0.113.8").is_none(), "{page}");
    // What was sent can be looked for, and looking for it is recorded.
    let found = lead.get("/v1/signals?where=source.ip%3D203.0.113.7&limit=100").expect(200).json();
    assert_eq!(found["items"].as_array().unwrap().len(), 12, "{found}");
    assert_eq!(found["items"][0]["source"], "web-1");
    let id = alert["id"].as_str().unwrap();
    let said = json!({"verdict": "true-positive", "why": "a scanner"});
    lead.post(&format!("/v1/alerts/{id}:dispose"), said.to_string().as_bytes()).expect(200);
    server.stop();
    // After a restart nothing is told twice, and the log of what was kept verifies.
    store.verified();
    let server = served(&store, 0);
    let mut lead = server.client(&lea);
    until(&mut lead, "/v1/coverages", |page| {
        let all = page["items"].as_array().unwrap().iter();
        all.filter(|one| one["id"] == "detection").map(|_| ()).next()
    });
    let again = lead.get("/v1/alerts").expect(200).json();
    assert_eq!(again["items"].as_array().unwrap().len(), 1, "{again}");
    server.stop();
    store.verified();
}

#[test]
fn a_stolen_token_is_found_and_its_accounts_are_exact() {
    let store = Store::init();
    let server = served(&store, 0);
    let before = kernel::Moment(SystemClock.now().0 - 1_000_000).rfc3339();
    let create = ["person", "create", "lea", "--roles", "security-lead,responder", "--json"];
    let lea = server.did(&store.admin, &create)["token"].as_str().unwrap().to_owned();
    let mut lead = server.client(&lea);
    let ladder = json!({"name": "default", "steps": [{"target": "person:lea", "wait_minutes": 5}],
        "last_resort": "person:lea"});
    lead.post("/v1/ladders", ladder.to_string().as_bytes()).expect(201);
    let desk = server.service("desk", "*", "read,write,export,open");
    let mut honest = server.client(&desk);
    for name in ["Acme", "Borealis", "Cirrus", "Delta"] {
        let account = name.to_lowercase();
        let open = json!({"name": name});
        honest.post("/v1/accounts", open.to_string().as_bytes()).expect(201);
        honest.put(&format!("/v1/accounts/{account}/collections/tickets"), b"").expect(201);
        for nth in 0..14 {
            let path = format!("/v1/accounts/{account}/collections/tickets/records/T-{nth}");
            honest.put(&path, br#"{"secret":"a canary word"}"#).expect(201);
        }
    }
    let thief = server.service("import", "*", "read");
    let mut stolen = server.client(&thief);
    let mut read = 0;
    for (account, many) in [("acme", 14), ("borealis", 14), ("cirrus", 12)] {
        for nth in 0..many {
            let path = format!("/v1/accounts/{account}/collections/tickets/records/T-{nth}");
            stolen.get(&path).expect(200);
            read += 1;
        }
    }
    assert_eq!(read, 40);
    let alert = until(&mut lead, "/v1/alerts", |page| {
        let items = page["items"].as_array()?.iter();
        let mut own = items.filter(|one| one["about"] == "user.name=service:import");
        own.find(|one| one["incident"] != Value::Null).cloned()
    });
    assert_eq!(alert["title"], "A service reads one account after another");
    assert_eq!(alert["level"], "high");
    let incident = alert["incident"].as_str().unwrap();
    let row = lead.get(&format!("/v1/incidents/{incident}")).expect(200).json();
    assert!(row["title"].as_str().unwrap().contains("service:import"), "{row}");
    // Somebody is paged, and the page names neither account nor suspect.
    let page = until(&mut lead, "/v1/pages", |page| page["items"].as_array()?.first().cloned());
    let title = page["title"].as_str().unwrap();
    assert!(title.contains(incident) && !title.contains("import"), "{page}");
    // Exactly the accounts and records that were touched.
    let after = kernel::Moment(SystemClock.now().0 + 1_000_000).rfc3339();
    let ask = json!({"by": "service:import", "from": before, "to": after});
    let told = lead.post("/v1/affected:ask", ask.to_string().as_bytes()).expect(200).json();
    let accounts = told["answer"]["accounts"].as_array().unwrap();
    let seen: Vec<_> = accounts
        .iter()
        .map(|one| (one["account"].as_str().unwrap(), one["records"].as_u64().unwrap()))
        .collect();
    assert_eq!(seen, [("acme", 14), ("borealis", 14), ("cirrus", 12)], "{told}");
    assert!(accounts.iter().all(|one| one["certainty"] == "exact"), "{told}");
    assert!(!told.to_string().contains("a canary word"), "ids, no bodies");
    server.stop();
    store.verified();
}

#[test]
fn a_synthetic_attack_travels_the_whole_way_and_begins_no_incident() {
    let store = Store::init();
    let server = served(&store, 1);
    let mut client = server.administrator();
    let canary = until(&mut client, "/v1/coverages", |page| {
        let all = page["items"].as_array().unwrap().iter();
        all.filter_map(|one| one["canary"].as_str().map(str::to_owned)).next()
    });
    assert!(canary.starts_with("20"), "{canary}");
    let alerts = client.get("/v1/alerts").expect(200).json();
    assert_eq!(alerts["items"], json!([]), "it is a fact, and no alert");
    server.stop();
    store.verified();
}

#[test]
fn what_is_delivered_is_bounded_and_only_from_a_named_source() {
    let store = Store::init();
    let server = store.serve();
    let mut client = server.administrator();
    let token = server.service("web", "*", "read");
    let source = json!({"name": "web", "what": "the shop", "kind": "lines",
        "service": "service:web"});
    client.post("/v1/sources", source.to_string().as_bytes()).expect(201);
    let mut web = server.client(&token);
    let kind = [("content-type", "application/x-ndjson")];
    let mut send = |body: &[u8]| web.ask("POST", "/v1/signals?source=web", &kind, Some(body));
    let answer = send(b"{\"message\":\"hello\"}\nno json\n{\"message\":\"again\"}\n");
    let kept = answer.expect(200).json();
    assert_eq!((&kept["kept"], &kept["rejected"]), (&json!(2), &json!(1)), "{kept}");
    assert!(kept["reasons"][0].as_str().unwrap().contains("line 2"), "{kept}");
    let many = "{\"message\":\"x\"}\n".repeat(2001);
    let refused = send(many.as_bytes());
    assert!([413, 429].contains(&refused.status), "{}", refused.text());
    // A small file that becomes a large one is refused before it is large.
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let refused = send(&bomb);
    assert_eq!(refused.status, 400, "{}", refused.text());
    let other = server.service("spy", "*", "read");
    let mut spy = server.client(&other);
    let refused = spy.ask("POST", "/v1/signals?source=web", &kind, Some(b"{\"message\":\"x\"}"));
    assert_eq!(refused.status, 403, "{}", refused.text());
    send(b"{\"message\":\"still here\"}").expect(200);
    server.stop();
    store.verified();
}

/// Sends one record to the server through OpenTelemetry's own exporter.
const EXPORTER: &str = r#"
import sys
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry._logs import LogRecord, SeverityNumber
url, authority, token, packing, body = sys.argv[1:]
exporter = OTLPLogExporter(
    endpoint=url, certificate_file=authority, headers={"authorization": "Bearer " + token},
    compression=Compression.Gzip if packing == "gzip" else Compression.NoCompression)
provider = LoggerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
record = LogRecord(severity_number=SeverityNumber.WARN, severity_text="WARN", body=body)
provider.get_logger("scope").emit(record)
provider.shutdown()
"#;

#[test]
fn the_exporter_of_opentelemetry_delivers_to_the_route() {
    let python = tools().join("venv/bin/python");
    let there = Command::new(&python).args(["-c", "import opentelemetry.exporter"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        return skip_unless_all("PyPI's exporter of OpenTelemetry is not installed");
    }
    let store = Store::init();
    let server = store.serve();
    let mut client = server.administrator();
    let token = server.service("web", "*", "read");
    let source = json!({"name": "shop", "what": "the shop", "kind": "otlp",
        "service": "service:web"});
    client.post("/v1/sources", source.to_string().as_bytes()).expect(201);
    let url = format!("{}/v1/logs?source=shop", server.url);
    let export = |token: &str, packing: &str, body: &str| {
        let mut exporter = Command::new(&python);
        exporter.args(["-c", EXPORTER, &url, text(&server.ca), token, packing, body]);
        // A machine's own choice would win over the test's.
        exporter.env_remove("REQUESTS_CA_BUNDLE").env_remove("CURL_CA_BUNDLE");
        said(&exporter.output().unwrap())
    };
    assert_eq!(export(&token, "gzip", "packed"), "");
    assert_eq!(export(&token, "none", "plain"), "");
    // Whoever is not the source's service is told, and nothing of it is kept.
    let other = server.service("spy", "*", "read");
    assert!(export(&other, "none", "forged").contains("403"));
    let create = ["person", "create", "lea", "--roles", "responder", "--json"];
    let lea = server.did(&store.admin, &create)["token"].as_str().unwrap().to_owned();
    let mut lea = server.client(&lea);
    let found = lea.get("/v1/signals?where=service.name%3Dshop").expect(200).json();
    let mut bodies: Vec<_> = found["items"].as_array().unwrap().iter().collect();
    bodies.sort_by_key(|one| one["fields"]["message"].to_string());
    let bodies: Vec<_> = bodies.iter().map(|one| &one["fields"]["message"]).collect();
    assert_eq!(bodies, ["packed", "plain"], "{found}");
    server.stop();
    store.verified();
}

/// A service of the vendor's, which may read.
fn vendors_desk(
    server: &Server,
    post: &mut impl FnMut(&str, &Value) -> Value,
    name: &str,
) -> Client {
    let new = json!({"name": name, "owner": "person:lea", "vendor": "fabrikam-support"});
    let made = post("services", &new);
    server.grant(&format!("service:{name}"), ACCOUNT, "tickets", "read");
    server.client(made["token"].as_str().unwrap())
}

#[test]
fn a_vendor_outside_its_hours_is_told_and_within_them_is_not() {
    let store = northwind();
    let server = served(&store, 0);
    let house = House::full(&server);
    let mut lead = server.client(house.token("lea"));
    let mut post = |path: &str, body: &Value| {
        let answer = lead.post(&format!("/v1/{path}"), body.to_string().as_bytes());
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    };
    let words = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
    let today = usize::try_from(SystemClock.now().0 / 86_400_000_000 % 7).unwrap();
    // In two days, so that a test around midnight is none of them.
    let (never, always) = ([words[(today + 3) % 7]], words);
    // Of several days: a grant of eight hours stays within it on any evening.
    let (day, last) = (house.filled("{day 0}"), house.filled("{day 3}"));
    let engaged = |name: &str, hours: Value| {
        json!({"name": name, "vendor": "fabrikam-support", "purpose": "tickets",
            "accounts": [ACCOUNT], "collections": ["tickets"], "verbs": ["read"],
            "sponsor": "person:lea", "class": "support-access", "from": day, "to": last,
            "hours": hours})
    };
    let hours =
        |days: &[&str]| json!({"zone": "UTC", "from": "00:00", "to": "00:00", "weekdays": days});
    let ends = json!({"reason": "over"});
    post("engagements/night-desk:end", &ends);
    post("engagements", &engaged("all-day", hours(&always)));
    let record = format!("/v1/accounts/{ACCOUNT}/collections/tickets/records/T-1001");
    vendors_desk(&server, &mut post, "day-desk").get(&record).expect(200);
    post("engagements/all-day:end", &ends);
    post("engagements", &engaged("some-days", hours(&never)));
    vendors_desk(&server, &mut post, "night-desk").get(&record).expect(200);
    let mut client = server.administrator();
    let alert = until(&mut client, "/v1/alerts", |page| {
        about(page, "user.vendor=fabrikam-support user.name=service:night-desk")
    });
    assert_eq!(alert["title"], "A vendor outside its hours");
    let all = client.get("/v1/alerts?limit=1000").expect(200).json();
    let hours = |one: &&Value| one["title"] == "A vendor outside its hours";
    assert_eq!(all["items"].as_array().unwrap().iter().filter(hours).count(), 1, "{all}");
    // A transfer has an entry in the house too, and is one all the same.
    assert!(!all.to_string().contains("Several accounts were exported"), "{all}");
    server.stop();
    store.verified();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}
