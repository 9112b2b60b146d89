//! Passwords with one-time codes, over the pages, with the codes of `oathtool`.

use super::support::{Client, Server, Store, skip_unless_all};
use serde_json::json;
use std::process::Command;

/// The code that an app shows for this secret, now or some seconds later.
fn code(secret: &str, later: u32) -> String {
    let now = format!("{later} seconds");
    let output = Command::new("oathtool").args(["--totp", "-b", secret, "--now", &now]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Sends a form of a page of this session.
fn send(client: &mut Client, cookie: &str, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let pair = |(name, value): &(&str, &str)| {
        let escaped = value.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        });
        format!("{name}={}", escaped.collect::<String>())
    };
    let body: Vec<String> = fields.iter().map(pair).collect();
    let head = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
        ("cookie", cookie),
    ];
    let reply = client.ask("POST", path, &head, Some(body.join("&").as_bytes()));
    (reply.status, reply.text().to_owned())
}

/// What stands in a page between these.
fn between<'p>(page: &'p str, before: &str, after: &str) -> &'p str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no `{before}`: {page}"));
    rest.split_once(after).unwrap().0
}

fn vendor(server: &Server) {
    let made = server
        .did(&server.admin, &["person", "create", "mia", "--roles", "vendor-manager", "--json"]);
    let mia = made["token"].as_str().unwrap();
    let acme = json!({"name": "acme", "legal_name": "Acme GmbH", "services": "support",
        "tier": "critical", "classes": ["support-access"], "hosts": false, "country": "DE",
        "contact": "security@acme.example", "sponsor": "person:mia"});
    let mut client = server.client(mia);
    client.post("/v1/vendors", acme.to_string().as_bytes()).expect(201);
    let vic = ["person", "create", "vic", "--roles", "engineer", "--vendor", "acme", "--json"];
    server.did(&server.admin, &vic);
    let allow =
        ["vendor", "passwords", "acme", "--allowed", "true", "--reason", "no keys", "--json"];
    server.did(mia, &allow);
}

#[test]
fn a_vendors_person_sets_a_password_and_signs_in_with_the_code_of_an_app() {
    if Command::new("oathtool").arg("--version").output().is_err() {
        skip_unless_all("there is no `oathtool`");
        return;
    }
    let store = Store::init();
    let server = store.serve();
    let mut client = server.client("");
    let page = client.get("/sign-in").expect(200).text().to_owned();
    assert!(!page.contains("password"), "nobody has one: {page}");
    vendor(&server);
    let cookie = super::devices::session(&server, "vic");
    let shown = client.ask("GET", "/password", &[("cookie", &cookie)], None).expect(200);
    let page = shown.text().to_owned();
    let secret = between(&page, "<code id=\"secret\">", "</code>");
    assert!(secret.len() == 32 && page.contains("<svg"), "{page}");
    let form = between(&page, "name=\"_form\" value=\"", "\"");
    let challenge = between(&page, "name=\"challenge\" value=\"", "\"");
    let mut set = |password: &str, again: &str, code: &str| {
        let fields = [
            ("_form", form),
            ("challenge", challenge),
            ("password", password),
            ("again", again),
            ("code", code),
        ];
        send(&mut client, &cookie, "/password", &fields)
    };
    const GOOD: &str = "four plain words here";
    for (password, again, digits, why) in [
        ("short", "short", "000000", "12 characters"),
        ("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "000000", "guessed first"),
        ("my name is vic really", "my name is vic really", "000000", "guessed first"),
        (GOOD, "four plain words", "000000", "differ"),
        (GOOD, GOOD, "12345", "not the one of now"),
    ] {
        let (status, said) = set(password, again, digits);
        assert!(status == 422 && said.contains(why), "{status} {said}");
        assert!(said.contains(secret), "the app goes on showing the right codes");
    }
    let (status, said) = set(GOOD, GOOD, &code(secret, 0));
    assert!(status == 200 && said.contains("The password is set"), "{status} {said}");

    let mut sign_in = |name: &str, password: &str, code: &str| {
        let fields = [("name", name), ("password", password), ("code", code)];
        send(&mut client, "", "/sign-in", &fields)
    };
    let unknown = sign_in("vic", "four other words here", &code(secret, 30));
    assert_eq!(unknown.0, 401);
    let nobody = sign_in("nobody", GOOD, &code(secret, 30));
    assert_eq!(nobody.0, 401);
    let plain = |page: &str| between(page, "<main", "</main>").to_owned();
    assert_eq!(plain(&unknown.1), plain(&nobody.1), "it is not said who is known");
    let (status, said) = sign_in("vic", GOOD, &code(secret, 300));
    assert!(status == 401 && said.contains("not the one of now"), "{status} {said}");
    // The code of the next half minute, since the present one was used to set it.
    let (status, _) = sign_in("vic", GOOD, &code(secret, 30));
    assert_eq!(status, 303);
    let (status, said) = sign_in("vic", GOOD, &code(secret, 30));
    assert!(status == 401 && said.contains("used already"), "{status} {said}");
    for _ in 0..10 {
        sign_in("vic", "x", "");
    }
    let (status, said) = sign_in("vic", GOOD, &code(secret, 30));
    assert!(status == 401 && said.contains("too often"), "{status} {said}");
    // No word of it is left where somebody could read it.
    let person = server.did(&server.admin, &["person", "show", "vic", "--json"]).to_string();
    assert!(!person.contains("secret") && !person.contains("hash"), "{person}");
    server.stop();
}
