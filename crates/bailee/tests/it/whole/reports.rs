//! The path of a report: taken in, published, asked for by an auditor, screened, released under
//! terms, delivered with the receiver on each page, and not delivered any more.

use super::inside::Inside;
use super::support::{ends_with, text};
use domain::register::Day;
use lopdf::dictionary;
use serde_json::{Value, json};
use std::fs;

/// The provider's team.
struct Team {
    lea: String,
    cora: String,
}

impl Team {
    fn new(server: &Inside) -> Self {
        let lea = server.world.person("lea", &["security-lead"]);
        Self { lea, cora: server.world.person("cora", &["counsel"]) }
    }
}

/// Many days from today.
fn day(server: &Inside, days: u32) -> String {
    Day::of(server.world.kernel.now()).plus(days).to_string()
}

/// Describes a report, takes its file in and has it published.
fn library(server: &Inside, team: &Team) {
    let (from, to, valid) = (day(server, 0), day(server, 90), day(server, 200));
    let add = ["report", "add", "soc2", "--kind", "soc2", "--title", "SOC 2 Type II"];
    let rest = ["--issuer", "Prüfer AG", "--scope", "the service", "--audience", "under-terms"];
    let days = ["--from", &from, "--to", &to, "--valid-to", &valid];
    let owner = ["--owner", "person:lea", "--json"];
    server.did(&team.lea, &[&add[..], &rest, &days, &owner].concat());
    let file = server.beside("soc2.pdf");
    let lines: Vec<String> = (0..120).map(|line| format!("Control {line} operated.")).collect();
    let plain = connectors::pdf::write_text("SOC 2", &lines);
    let mut document = lopdf::Document::load_mem(&plain).unwrap();
    // So large that it is taken in in several parts.
    document.add_object(lopdf::Stream::new(dictionary! {}, vec![7; 1_500_000]));
    document.save(&file).unwrap();
    let taken = server.did(&team.lea, &["report", "upload", "soc2", text(&file), "--json"]);
    assert_eq!((&taken["name"], &taken["pages"]), (&json!("soc2.pdf"), &json!(3)), "{taken}");
    let sum = taken["sha256"].as_str().unwrap();
    ends_with(&server.cli(&team.lea, &["report", "publish", "soc2", "--sha256", sum]), 4);
    server.did(&team.cora, &["report", "publish", "soc2", "--sha256", sum, "--json"]);
}

/// Puts terms in force, and a competitor on the list.
fn desk(server: &Inside, team: &Team) {
    let review = day(server, 300);
    let terms = ["terms", "add", "nda-1", "--text", "# Keep it to yourself", "--review", &review];
    let row = server.did(&team.lea, &[&terms[..], &["--json"]].concat());
    let sum = row["sha256"].as_str().unwrap();
    server.did(&team.cora, &["terms", "publish", "nda-1", "--sha256", sum, "--json"]);
    let rival = ["competitor", "add", "rival", "--legal-name", "Rival Desk Inc."];
    let rest = ["--domains", "rival.example", "--reason", "sells the same"];
    server.did(&team.lea, &[&rival[..], &rest, &["--review", &review, "--json"]].concat());
    server.did(&team.cora, &["competitor", "confirm", "rival", "--json"]);
}

/// Ana invites an auditor; gives the session that the link in the answer begins.
fn auditor(server: &Inside, ana: &str, name: &str, firm: &str, email: &str) -> String {
    let new = json!({"name": name, "full_name": "Udo Prüfer", "email": email, "firm": firm,
        "until": day(server, 60), "independence": "no interest in either"});
    let answer = server.client(ana).post("/v1/accounts/acme/auditors", new.to_string().as_bytes());
    let link = answer.expect(201).json()["link"].as_str().unwrap().to_owned();
    server.session(link.strip_prefix("/sign-in?link=").unwrap())
}

fn ask(server: &Inside, token: &str) -> String {
    let ask = ["request", "make", "acme", "soc2", "--purpose", "vendor review", "--json"];
    let without = ends_with(&server.cli(token, &ask), 1);
    assert!(without.contains("no competitor"), "{without}");
    let made = server.did(token, &[&ask[..], &["--not-competitor"]].concat());
    made["id"].as_str().unwrap().to_owned()
}

fn decide(server: &Inside, team: &Team, request: &str) {
    let clear = ["--answer", "clear", "--reason", "looked at it", "--json"];
    server.did(&team.lea, &[&["request", "decide", request][..], &clear].concat());
    server.did(&team.lea, &["request", "release", request, "--report", "soc2", "--json"]);
}

#[test]
fn a_report_reaches_an_auditor_with_its_name_on_each_page() {
    let server = Inside::start(701);
    server.acme();
    let team = Team::new(&server);
    library(&server, &team);
    desk(&server, &team);
    let ana = server.ana();
    let aud = auditor(&server, &ana, "acme.udo", "Prüfer AG", "udo@pruefer.example");
    let request = ask(&server, &aud);
    let screened = server.did(&team.lea, &["request", "show", &request, "--json"]);
    assert_eq!(screened["screen"]["verdict"], "clear", "{screened}");

    let out = server.beside("copy.pdf");
    let download = ["request", "download", "acme", &request, "--report", "soc2"];
    let download = [&download[..], &["--out", text(&out), "--json"]].concat();
    let early = ends_with(&server.cli(&aud, &download), 4);
    assert!(early.contains("no release in force"), "{early}");
    decide(&server, &team, &request);
    let unaccepted = ends_with(&server.cli(&aud, &download), 4);
    assert!(unaccepted.contains("accept them"), "{unaccepted}");
    let read = server.cli(&aud, &["request", "terms", "acme", "nda-1"]);
    assert!(ends_with(&read, 0).contains("Keep it to yourself"));
    let accept = ["request", "accept", "acme", &request, "--terms"];
    ends_with(&server.cli(&aud, &[&accept[..], &["nda-0"]].concat()), 1);
    server.did(&aud, &[&accept[..], &["nda-1", "--json"]].concat());

    let copy = server.did(&aud, &download);
    let bytes = fs::read(&out).unwrap();
    let document = lopdf::Document::load_mem(&bytes).unwrap();
    let release = request.replacen("request", "release", 1);
    for page in document.get_pages().keys() {
        let page = document.extract_text(&[*page]).unwrap();
        assert!(page.contains(&release) && page.contains("udo@pruefer.example"), "{page}");
    }
    assert_eq!(document.get_pages().len(), 3);

    // The account sees what left, by its sum.
    let seen = server.did(&ana, &["account", "accesses", "acme", "--json"]);
    let items = seen["items"].as_array().unwrap();
    let of = |kind: &str| items.iter().find(|item| item["kind"] == kind).unwrap();
    assert_eq!(of("report.mark")["fields"]["sha256"], copy["sha256"]);
    assert_eq!(of("report.download")["fields"]["actor"], "member:acme.udo");
    let index = of("report.mark")["index"].as_u64().unwrap();
    let receipt = format!("/v1/accounts/acme/receipts/{index}");
    let receipt = server.client(&ana).get(&receipt).expect(200).text();
    let report = ledger::verify::verify_receipt(&receipt, Some(&server.world.kernel.public_key()));
    assert!(report.ok(), "{report}");
    let page = server.did(&ana, &["account", "page", "acme", "--json"]);
    let requests = page["requests"].as_array().unwrap();
    assert_eq!((requests.len(), &requests[0]["copies"]), (1, &json!(1)));
    assert!(ends_with(&server.cli(&ana, &["account", "page", "acme"]), 0).contains("soc2"));

    // Nobody else takes it, not even of the same account; nor anybody once it is withdrawn.
    ends_with(&server.cli(&ana, &download), 3);
    ends_with(&server.cli(&team.lea, &download), 4);
    let withdraw = ["report", "withdraw", "soc2", "--reason", "the issuer took it back", "--json"];
    server.did(&team.lea, &withdraw);
    let late = ends_with(&server.cli(&aud, &download), 4);
    assert!(late.contains("not given out any more"), "{late}");
}

#[test]
fn a_competitor_is_noticed_and_hostile_files_are_refused() {
    let server = Inside::start(702);
    server.acme();
    let team = Team::new(&server);
    library(&server, &team);
    desk(&server, &team);
    let ana = server.ana();
    let spy = auditor(&server, &ana, "acme.spy", "Rival Desk", "x@mail.rival.example");
    let request = ask(&server, &spy);
    let screened = server.did(&team.lea, &["request", "show", &request, "--json"]);
    assert_eq!(screened["screen"]["verdict"], "match", "{screened}");

    let file = server.beside("bad.pdf");
    let upload = ["report", "upload", "soc2", text(&file)];
    let mut client = server.client(&team.lea);
    let mut put = |kind: &str, bytes: &[u8]| {
        client.ask("PUT", "/v1/reports/soc2/file", &[("content-type", kind)], Some(bytes))
    };
    let running = running();
    for (bytes, why) in [
        (b"GIF89a".as_slice(), "no PDF"),
        (b"%PDF-1.7\nnothing else", "damaged"),
        (running.as_slice(), "holds"),
    ] {
        fs::write(&file, bytes).unwrap();
        let said = ends_with(&server.cli(&team.lea, &upload), 2);
        assert!(said.contains("bad.pdf") && said.contains(why), "{said}");
        // The server does not take the client's word for it.
        let refused = put("application/pdf", bytes).expect(400);
        assert!(refused.problem("detail").contains(why), "{refused:?}");
        assert_eq!(refused.problem("field"), "body");
    }
    put("application/json", b"{}").expect(415);
    let published = connectors::pdf::write_text("x", &["y".to_owned()]);
    put("application/pdf", &published).expect(409);
    assert_eq!(
        server
            .client(&ana)
            .ask(
                "PUT",
                "/v1/reports/soc2/file",
                &[("content-type", "application/pdf")],
                Some(&published),
            )
            .status,
        403
    );
}

/// A document that starts a script when it is opened.
fn running() -> Vec<u8> {
    let plain = connectors::pdf::write_text("x", &["y".to_owned()]);
    let mut document = lopdf::Document::load_mem(&plain).unwrap();
    let action = dictionary! {
        "S" => "JavaScript",
        "JS" => lopdf::Object::string_literal("app.alert(1)"),
    };
    document.catalog_mut().unwrap().set("OpenAction", action);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_is_to_be_sent_waits_in_the_outbox_and_an_election_opens_the_plain_way() {
    let server = Inside::start(703);
    let worker = server.acme();
    let team = Team::new(&server);
    let ana = server.ana();
    let put = server.client(&worker).put("/v1/accounts/acme/collections/cases/records/17", b"[1]");
    put.expect(201);
    for (name, url) in [("hook", "https://in.acme.example/x"), ("plain", "http://10.0.0.7/x")] {
        let add = ["destination", "add", name, "--receiver", "subscriber:acme"];
        let rest = ["--kind", "webhook", "--destination-url", url, "--purpose", "their own copy"];
        let secret = ["--secret", "acme-hook", "--json"];
        server.did(&team.lea, &[&add[..], &rest, &secret].concat());
        server.did(&team.lea, &["destination", "verify", name, "--how", "by phone", "--json"]);
    }
    let send = |to: &str| {
        let send = ["transfer", "send", "acme", "cases", "17", "--destination", to, "--json"];
        server.cli(&worker, &send)
    };
    let sent: Value = super::support::json(&send("hook"));
    let api::Held::Here(message) = server.outbox.get(sent["id"].as_str().unwrap()) else {
        panic!("nothing waits: {sent}");
    };
    let message: Value = serde_json::from_slice(&message).unwrap();
    assert_eq!(message["records"], json!([{"id": "17", "version": 1, "value": [1]}]));
    assert_eq!((&message["account"], &message["transfer"]), (&json!("acme"), &sent["id"]));

    let refused = ends_with(&send("plain"), 4);
    assert!(refused.contains("no election"), "{refused}");
    let new = json!({"destination": "plain", "risk": "known", "until": day(&server, 30)});
    let (mut client, body) = (server.client(&ana), new.to_string());
    server.client(&team.lea).post("/v1/accounts/acme/elections", body.as_bytes()).expect(403);
    client.post("/v1/accounts/acme/elections", body.as_bytes()).expect(201);
    super::support::json(&send("plain"));
    client.delete("/v1/accounts/acme/elections/plain").expect(400);
    client.delete("/v1/accounts/acme/elections/plain?reason=over").expect(200);
    ends_with(&send("plain"), 4);
}
