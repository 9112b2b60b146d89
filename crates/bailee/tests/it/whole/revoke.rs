//! A right that was taken away counts no more, from the moment the answer is there.

use super::support::{Server, Store};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;

const READERS: usize = 64;

/// Reads of each connection before the right is taken away, and after.
const BEFORE: u64 = 5;
const AFTER: u64 = 5;

const RECORD: &str = "/v1/accounts/acme/collections/cases/records/a";

/// Reads with this token on 64 connections while `revoke` takes the right away. Every read that was
/// sent after the answer has to get one of these statuses.
fn read_while(server: &Server, token: &str, refused: &[u16], revoke: impl FnOnce()) {
    let answered = AtomicBool::new(false);
    let (accepted, late) = (AtomicU64::new(0), AtomicU64::new(0));
    let (warm, warmed) = channel();
    let client = server.client(token);
    thread::scope(|scope| {
        for _ in 0..READERS {
            let (mut client, warm) = (client.another(), warm.clone());
            let (answered, accepted, late) = (&answered, &accepted, &late);
            scope.spawn(move || {
                let (mut before, mut after) = (0, 0);
                while after < AFTER {
                    // Read before the request is sent: what is sent later is later for sure.
                    let is_after = answered.load(Ordering::SeqCst);
                    let answer = client.get(RECORD);
                    if is_after {
                        after += 1;
                        late.fetch_add(1, Ordering::SeqCst);
                        assert!(refused.contains(&answer.status), "{answer:?}");
                    } else if answer.status == 200 {
                        accepted.fetch_add(1, Ordering::SeqCst);
                        before += 1;
                        if before == BEFORE {
                            warm.send(()).unwrap();
                        }
                    } else {
                        // On its way when the right ended.
                        assert!(refused.contains(&answer.status), "{answer:?}");
                    }
                }
            });
        }
        drop(warm);
        for _ in 0..READERS {
            warmed.recv().unwrap();
        }
        revoke();
        answered.store(true, Ordering::SeqCst);
    });
    let (accepted, late) = (accepted.into_inner(), late.into_inner());
    eprintln!("{accepted} reads were accepted before the answer, {late} after it were refused");
    assert!(accepted >= READERS as u64 * BEFORE);
    assert_eq!(late, READERS as u64 * AFTER);
}

struct Scene {
    store: Store,
    server: Server,
}

/// A server with a record that `worker` wrote.
fn scene() -> Scene {
    let store = Store::init();
    let server = store.serve();
    let worker = server.acme();
    server.client(&worker).put(RECORD, b"{\"a\":1}").expect(201);
    Scene { store, server }
}

impl Scene {
    fn reader(&self) -> (String, String, String) {
        let mut admin = self.server.administrator();
        let made = admin.post("/v1/services", br#"{"name":"reader"}"#).expect(201).json();
        let grant = self.server.grant("service:reader", "acme", "cases", "read");
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("token"), text("token_id"), grant)
    }

    fn end(self) {
        self.server.stop();
        self.store.verified();
    }
}

#[test]
fn no_read_is_accepted_after_the_end_of_a_grant_was_answered() {
    let scene = scene();
    let (token, _, grant) = scene.reader();
    let mut admin = scene.server.administrator();
    read_while(&scene.server, &token, &[403, 404], || {
        admin.delete(&format!("/v1/grants/{grant}")).expect(200);
    });
    // Another grant is another right, with the next request.
    scene.server.grant("service:reader", "acme", "cases", "read");
    scene.server.client(&token).get(RECORD).expect(200);
    scene.end();
}

#[test]
fn no_read_is_accepted_after_the_end_of_a_token_was_answered() {
    let scene = scene();
    let (token, id, _) = scene.reader();
    let mut admin = scene.server.administrator();
    let other = admin.post("/v1/services/reader/tokens", b"").expect(201).json();
    read_while(&scene.server, &token, &[401], || {
        admin.delete(&format!("/v1/services/reader/tokens/{id}")).expect(200);
    });
    let other = other["token"].as_str().unwrap();
    scene.server.client(other).get(RECORD).expect(200);
    scene.end();
}

#[test]
fn no_read_is_accepted_after_the_end_of_a_service_was_answered() {
    let scene = scene();
    let (token, ..) = scene.reader();
    let mut admin = scene.server.administrator();
    read_while(&scene.server, &token, &[401], || {
        admin.delete("/v1/services/reader").expect(200);
    });
    scene.end();
}
