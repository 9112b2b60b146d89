//! Pages through a real relay and wire-true receivers; answered by the link of a letter.

use super::letters::{Browser, Server, link};
use super::{Receiver, SECRET, Scene, field};
use crate::server::config::Config;
use crate::server::outward::{Means, Outbox, Outward};
use connectors::Secret;
use connectors::webhook::{TOLERANCE, verify};
use hyper::Method;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tokio::runtime::Handle;

impl Scene {
    fn private(&self, name: &str, text: &str) {
        let file = self.scratch.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    }

    /// Somebody on call, paged in these ways.
    fn paged(&self, ways: &[Value]) {
        self.world.person("rita", &["responder"]);
        let now = self.world.kernel.now();
        let shift = json!({"person": "person:rita", "kind": "primary", "from": now.rfc3339(),
            "to": now.after(Duration::from_secs(86_400)).rfc3339()});
        self.add(&self.lea, "shifts", &shift);
        for (number, way) in ways.iter().enumerate() {
            let mut new = way.clone();
            new["person"] = json!("person:rita");
            new["order"] = json!(number + 1);
            self.add(&self.lea, "channels", &new);
        }
    }

    fn page(&self, title: &str) -> String {
        let new = json!({"title": title, "severity": "high"});
        self.add(&self.lea, "pages", &new)["id"].as_str().unwrap().to_owned()
    }

    fn pager(&self, ca: &str, mail: Option<crate::server::config::Mail>) -> Outward {
        let file = self.scratch.path().join("pager-ca.pem");
        fs::write(&file, ca).unwrap();
        let config = Config {
            webhook_ca: Some(file),
            secrets_dir: Some(self.scratch.path().to_owned()),
            public_url: Some("https://trust.example".to_owned()),
            mail,
            ..Config::default()
        };
        let means = Means::of(&config, Outbox::empty()).unwrap();
        Outward::new(means, Handle::current())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_leaves_in_the_forms_that_the_services_document() {
    let scene = Scene::new(751);
    let mut receiver = Receiver::start(&[503, 200]).await;
    scene.private("hook", SECRET);
    scene.private("slack", &receiver.url);
    scene.private("routing", "R0UT1NG");
    scene.paged(&[
        json!({"way": "webhook", "address": receiver.url, "secret": "hook"}),
        json!({"way": "slack", "secret": "slack"}),
        json!({"way": "pagerduty", "address": receiver.url, "secret": "routing"}),
    ]);
    let outward = scene.pager(&receiver.ca, None);
    let page = scene.page("logins fail <!channel>");
    // The step, the try that fails, and the next way, which comes at once.
    for _ in 0..3 {
        scene.tick(&outward).await;
    }
    let (head, body) = receiver.heard.recv().await.unwrap();
    let now = super::super::seconds(scene.world.kernel.now());
    let fields = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|n| field(&head, n));
    let signed = (fields[0], fields[1], fields[2]);
    verify(&Secret::new(SECRET.to_owned()), signed, &body, now, TOLERANCE).unwrap();
    assert_eq!(fields[0], format!("{page}-1"));
    let (head, body) = receiver.heard.recv().await.unwrap();
    assert!(!head.contains("webhook-signature"), "nothing that Slack did not ask for");
    let slack: Value = serde_json::from_slice(&body).unwrap();
    let text = slack["text"].as_str().unwrap();
    assert!(text.contains("logins fail &lt;!channel&gt;"), "{text}");
    assert!(text.contains(&format!("<https://trust.example/page/{page}/")), "{text}");
    scene.world.clock.advance(Duration::from_secs(120));
    for _ in 0..2 {
        scene.tick(&outward).await;
    }
    let mut later =
        vec![receiver.heard.recv().await.unwrap(), receiver.heard.recv().await.unwrap()];
    let repeated = later.iter().position(|(head, _)| head.contains("webhook-id")).unwrap();
    let (head, body) = later.remove(repeated);
    assert_eq!(field(&head, "webhook-id"), format!("{page}-1"), "the same again");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["data"]["may_repeat"], true);
    let event: Value = serde_json::from_slice(&later[0].1).unwrap();
    assert_eq!(event["event_action"], "trigger");
    assert_eq!((&event["dedup_key"], &event["routing_key"]), (&json!(page), &json!("R0UT1NG")));
    let row = scene.show("pages", &page);
    for one in row["tries"].as_array().unwrap() {
        assert!(one["sent"].is_string(), "{one}");
    }
    assert!(!row.to_string().contains("R0UT1NG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_woke_somebody_is_told_that_it_was_answered_and_is_over() {
    let scene = Scene::new(753);
    let mut receiver = Receiver::start(&[200]).await;
    scene.private("hook", SECRET);
    scene.private("routing", "R0UT1NG");
    scene.paged(&[
        json!({"way": "webhook", "address": receiver.url, "secret": "hook"}),
        json!({"way": "pagerduty", "address": receiver.url, "secret": "routing"}),
    ]);
    let outward = scene.pager(&receiver.ca, None);
    let page = scene.page("logins fail");
    scene.tick(&outward).await;
    scene.tick(&outward).await;
    scene.world.clock.advance(Duration::from_secs(60));
    scene.tick(&outward).await;
    let mut ids = vec![];
    for (verb, stated, kind, action) in [
        ("", json!({}), "page.raised", "trigger"),
        ("acknowledge", json!({}), "page.acknowledged", "acknowledge"),
        ("resolve", json!({"outcome": "of acme"}), "page.resolved", "resolve"),
    ] {
        if !verb.is_empty() {
            scene.take(&scene.lea, ("pages", &page, verb), &stated);
            scene.tick(&outward).await;
        }
        let two = [receiver.heard.recv().await.unwrap(), receiver.heard.recv().await.unwrap()];
        let [(head, hook), (_, event)] = match two[0].0.contains("webhook-id") {
            true => two,
            false => {
                let [first, second] = two;
                [second, first]
            }
        };
        let now = super::super::seconds(scene.world.kernel.now());
        let fields = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let [id, at, signature] = fields.map(|name| field(&head, name));
        let secret = Secret::new(SECRET.to_owned());
        verify(&secret, (id, at, signature), &hook, now, TOLERANCE).unwrap();
        ids.push(id.to_owned());
        let hook: Value = serde_json::from_slice(&hook).unwrap();
        assert_eq!((&hook["type"], &hook["data"]["page"]), (&json!(kind), &json!(page)));
        let by = if verb.is_empty() { json!(null) } else { json!("person:lea") };
        assert_eq!(hook["data"]["by"], by);
        assert!(!hook.to_string().contains("acme"), "what came of it may name an account");
        let event: Value = serde_json::from_slice(&event).unwrap();
        let expected = (&json!(action), &json!(page), &json!("R0UT1NG"));
        assert_eq!((&event["event_action"], &event["dedup_key"], &event["routing_key"]), expected);
        assert_eq!(event["payload"].is_object(), verb.is_empty(), "{event}");
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "each has an id of its own: {ids:?}");
    for _ in 0..2 {
        scene.world.clock.advance(Duration::from_secs(3600));
        scene.tick(&outward).await;
    }
    assert!(receiver.heard.try_recv().is_err(), "once");
    let row = scene.show("pages", &page);
    assert!(row["tries"].as_array().unwrap().iter().all(|one| one["sent"].is_string()), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_answered_by_its_link_and_nothing_follows() {
    let scene = Scene::new(752);
    let scratch = tempfile::tempdir().unwrap();
    let Some((mut server, mail)) = Server::start(scratch.path()) else { return };
    scene.paged(&[json!({"way": "email", "address": "rita@one.example"})]);
    let outward = scene.pager("-----BEGIN CERTIFICATE-----\n", Some(mail));
    let page = scene.page("logins fail: see Bcc below");
    scene.tick(&outward).await;
    scene.tick(&outward).await;
    let letter = server.next();
    assert_eq!(letter["recipients"], json!(["rita@one.example"]));
    let content = letter["content"].as_str().unwrap();
    assert!(content.contains(&format!("Message-ID: <{page}-1@example.com>")), "{content}");
    assert!(content.contains("Importance: high"), "{content}");
    let path = link(&letter);
    let browser = Browser::new(&scene);
    let (status, shown) = browser.ask(Method::GET, &path, "none").await;
    assert!(status == 200 && shown.contains("I have it"), "{shown}");
    assert!(!shown.contains("logins"), "opening a link reveals nothing");
    assert_eq!(scene.show("pages", &page)["state"]["word"], "paging", "and changes nothing");
    assert_eq!(browser.ask(Method::POST, &path, "cross-site").await.0, 403);
    for _ in 0..2 {
        let (status, shown) = browser.press(&path).await;
        assert!(status == 200 && shown.contains("person:rita"), "{shown}");
    }
    let wrong = format!("/page/{page}/{}", "0".repeat(64));
    assert_eq!(browser.press(&wrong).await.0, 404);
    scene.world.clock.advance(Duration::from_secs(3600));
    scene.tick(&outward).await;
    scene.tick(&outward).await;
    let row = scene.show("pages", &page);
    assert_eq!(
        (&row["state"]["word"], row["tries"].as_array().unwrap().len()),
        (&"acknowledged".into(), 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_wait_come_as_one_with_the_link_of_each_page() {
    let scene = Scene::new(754);
    let scratch = tempfile::tempdir().unwrap();
    let Some((mut server, mail)) = Server::start(scratch.path()) else { return };
    scene.paged(&[json!({"way": "email", "address": "rita@one.example"})]);
    let outward = scene.pager("-----BEGIN CERTIFICATE-----\n", Some(mail));
    let first = scene.page("the first");
    scene.tick(&outward).await;
    scene.tick(&outward).await;
    let letter = server.next();
    let content = letter["content"].as_str().unwrap();
    assert!(content.contains(&format!("Message-ID: <{first}-1@example.com>")), "{content}");
    let mut ids = vec![];
    for title in ["disk full", "odd logins", "answered elsewhere", "no backup"] {
        scene.world.clock.advance(Duration::from_secs(1));
        ids.push(scene.page(title));
    }
    scene.tick(&outward).await;
    scene.tick(&outward).await;
    let answered = ids.remove(2);
    scene.take(&scene.lea, ("pages", &answered, "acknowledge"), &json!({}));
    scene.world.clock.advance(Duration::from_secs(60));
    scene.tick(&outward).await;
    let letter = server.next();
    let content = letter["content"].as_str().unwrap().replace("=\r\n", "");
    assert!(content.contains("Subject: [northwind-desk] 3 pages: disk full"), "{content}");
    assert!(content.contains("Message-ID: <pages-"), "{content}");
    assert!(!content.contains(&answered) && !content.contains("answered elsewhere"), "{content}");
    let places: Vec<_> = ids.iter().map(|id| content.find(&format!("as {id}.")).unwrap()).collect();
    assert!(places.is_sorted(), "oldest first: {content}");
    let browser = Browser::new(&scene);
    for id in &ids {
        let (_, rest) = content.split_once(&format!("https://trust.example/page/{id}/")).unwrap();
        let token = rest.split_whitespace().next().unwrap();
        assert_eq!(scene.show("pages", id)["state"]["word"], "paging");
        assert_eq!(browser.press(&format!("/page/{id}/{token}")).await.0, 200);
        let row = scene.show("pages", id);
        assert_eq!(row["state"]["word"], "acknowledged", "by its own link, and no other by it");
        let made = &row["tries"][0]["attempts"][0];
        assert_eq!((&made["claim"], &made["outcome"]), (&json!(1), &json!("accepted")), "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_gets_one_message_with_all_that_wait() {
    let scene = Scene::new(755);
    let mut receiver = Receiver::start(&[200]).await;
    scene.private("slack", &receiver.url);
    scene.paged(&[json!({"way": "slack", "secret": "slack"})]);
    let outward = scene.pager(&receiver.ca, None);
    let ids = ["a", "b", "c"].map(|title| scene.page(title));
    for _ in 0..4 {
        scene.tick(&outward).await;
    }
    let (_, body) = receiver.heard.recv().await.unwrap();
    let message: Value = serde_json::from_slice(&body).unwrap();
    let text = message["text"].as_str().unwrap();
    for id in &ids {
        assert!(text.contains(&format!("<https://trust.example/page/{id}/")), "{text}");
        assert!(scene.show("pages", id)["tries"][0]["sent"].is_string());
    }
    assert!(receiver.heard.try_recv().is_err(), "one message");
}
