//! Services by mutual TLS: curl shows a certificate, and is the service that it was issued to.

use super::support::{Server, Store, text};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A key with its request, made by `openssl`.
fn request(store: &Store, name: &str) -> (PathBuf, PathBuf) {
    let (key, csr) = (store.beside(&format!("{name}.key")), store.beside(&format!("{name}.csr")));
    let made = Command::new("openssl")
        .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=whatever", "-keyout", text(&key), "-out", text(&csr)])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (key, csr)
}

/// A certificate with its key.
struct Shown {
    key: PathBuf,
    certificate: PathBuf,
    id: String,
}

fn kept(store: &Store, name: &str, key: PathBuf, said: &Value) -> Shown {
    let certificate = store.beside(&format!("{name}.pem"));
    fs::write(&certificate, said["certificate"].as_str().unwrap()).unwrap();
    Shown { key, certificate, id: said["token_id"].as_str().unwrap().to_owned() }
}

/// A certificate of a service, as an administrator issues one.
fn certified(server: &Server, store: &Store, service: &str) -> Shown {
    let (key, csr) = request(store, service);
    let certify = ["service", "certify", service, "--request", text(&csr), "--json"];
    let said = server.did(&server.admin, &certify);
    kept(store, service, key, &said)
}

/// What curl is answered: status and body. With `more`, such as a token.
fn ask(server: &Server, by: Option<&Shown>, path: &str, more: &[&str]) -> (u16, String) {
    let mut curl = Command::new("curl");
    curl.args(["-s", "--max-time", "20", "--cacert", text(&server.ca), "-w", "\n%{http_code}"]);
    if let Some(by) = by {
        curl.args(["--cert", text(&by.certificate), "--key", text(&by.key)]);
    }
    let url = format!("https://localhost:{}{path}", server.address.port());
    let output = curl.args(more).arg(url).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

const READ: &str = "/v1/accounts/acme/collections/cases/records/a";

#[test]
fn a_service_is_whom_its_certificate_says_until_one_of_them_ends() {
    let store = Store::init();
    let server = store.serve();
    let worker = server.acme();
    let put = ["-X", "PUT", "-H", "content-type: application/json", "-d", "1"];
    let token = format!("authorization: Bearer {worker}");
    let wrote = ask(&server, None, READ, &[&put[..], &["-H", &token]].concat());
    assert_eq!(wrote.0, 201, "{wrote:?}");
    server.service("import", "acme", "read");
    let other = server.service("other", "acme", "read");
    let import = certified(&server, &store, "import");
    assert_eq!(ask(&server, Some(&import), READ, &[]), (200, "1".to_owned()));
    // Without it, by another's key, by another authority, by itself: nobody.
    assert_eq!(ask(&server, None, READ, &[]).0, 401);
    let (own, _) = request(&store, "own");
    let signed = store.beside("own.pem");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-new", "-key", text(&own), "-days", "1", "-subj", "/CN=import"])
        .args(["-out", text(&signed)])
        .output()
        .unwrap();
    assert!(made.status.success());
    let foreign = Shown { key: own, certificate: signed, id: String::new() };
    assert_eq!(ask(&server, Some(&foreign), READ, &[]).0, 401);
    let mixed = Shown {
        key: foreign.key.clone(),
        certificate: import.certificate.clone(),
        id: String::new(),
    };
    assert_eq!(ask(&server, Some(&mixed), READ, &[]).0, 0, "curl has no such pair");
    // Beside a token it is of one and the same.
    let by = |token: &str| format!("authorization: Bearer {token}");
    assert_eq!(ask(&server, Some(&import), READ, &["-H", &by(&other)]).0, 401);
    assert_eq!(ask(&server, Some(&foreign), READ, &["-H", &by(&other)]).0, 200);
    // It may do what the service may, and issue nothing to others.
    let (_, csr) = request(&store, "more");
    let body = json!({"request": fs::read_to_string(&csr).unwrap()}).to_string();
    let post = ["-H", "content-type: application/json", "-d", &body];
    assert_eq!(ask(&server, Some(&import), "/v1/services/other/certificates", &post).0, 403);
    // It renews itself, with the present one and with nothing else.
    let renew = "/v1/service-certificates";
    let token_of_import =
        server.did(&server.admin, &["service", "token", "create", "import", "--json"]);
    let token_of_import = by(token_of_import["token"].as_str().unwrap());
    let stolen = [&post[..], &["-H", &token_of_import]].concat();
    let refused = ask(&server, None, renew, &stolen);
    assert!(refused.0 == 403 && refused.1.contains("present certificate"), "{refused:?}");
    let (status, said) = ask(&server, Some(&import), renew, &post);
    assert_eq!(status, 201, "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    let next = kept(&store, "more", store.beside("more.key"), &said);
    assert_eq!(ask(&server, Some(&next), READ, &[]).0, 200);
    // Ended alone; and with the service, also on a connection that is open.
    let end = ["service", "token", "end", "import", &import.id, "--json"];
    server.did(&server.admin, &end);
    assert_eq!(ask(&server, Some(&import), READ, &[]).0, 401);
    assert_eq!(ask(&server, Some(&next), READ, &[]).0, 200);
    server.did(&server.admin, &["service", "end", "import", "--json"]);
    assert_eq!(ask(&server, Some(&next), READ, &[]).0, 401);
    server.stop();
    store.verified();
}
